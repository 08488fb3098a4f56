//! Commits and tags as their raw bytes say, and the bytes that their signatures cover.
//!
//! Read by hand rather than re-encoded: a signature is over the bytes that came (INV-VER-2).

use crate::fetched::Signature;
use crate::{Error, ErrorKind};
use gix::hash::ObjectId;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawCommit {
    pub(crate) tree: ObjectId,
    pub(crate) parents: Vec<ObjectId>,
    pub(crate) author: Signature,
    pub(crate) committer: Signature,
    pub(crate) message: String,
    pub(crate) signed: Option<Signed>,
}

/// An annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawTag {
    pub(crate) target: ObjectId,
    pub(crate) name: String,
    pub(crate) tagger: Signature,
    pub(crate) signed: Option<Signed>,
}

/// A signature and what it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Signed {
    /// Armored PGP or SSH signature.
    pub(crate) signature: String,
    pub(crate) payload: Vec<u8>,
}

/// The lines of an object's header, each with its continuation lines, and the rest.
struct Headers<'a> {
    lines: Vec<(&'a [u8], &'a [u8])>,
    body: &'a [u8],
}

fn headers(data: &[u8]) -> Headers<'_> {
    let mut lines = Vec::new();
    let mut rest = data;
    while !rest.is_empty() && rest[0] != b'\n' {
        let mut end = line_end(rest, 0);
        while rest.get(end) == Some(&b' ') {
            end = line_end(rest, end);
        }
        let line = &rest[..end];
        let name = line.iter().position(|b| *b == b' ' || *b == b'\n').unwrap_or(line.len());
        lines.push((&line[..name], line));
        rest = &rest[end..];
    }
    Headers { lines, body: rest.strip_prefix(b"\n").unwrap_or(rest) }
}

fn line_end(data: &[u8], from: usize) -> usize {
    data[from..].iter().position(|b| *b == b'\n').map_or(data.len(), |at| from + at + 1)
}

impl Headers<'_> {
    /// The value of the one header of this name; two of them are refused.
    fn one(&self, name: &str) -> Result<Option<String>, Error> {
        let mut found = self.lines.iter().filter(|(n, _)| *n == name.as_bytes());
        let Some((name, line)) = found.next() else { return Ok(None) };
        if found.next().is_some() {
            return Err(malformed(&format!("two {:?} headers", String::from_utf8_lossy(name))));
        }
        let value = line.get(name.len() + 1..).unwrap_or_default();
        let text = String::from_utf8_lossy(value).replace("\n ", "\n");
        Ok(Some(text.strip_suffix('\n').unwrap_or(&text).to_owned()))
    }

    fn id(&self, name: &str) -> Result<ObjectId, Error> {
        let value = self.one(name)?.ok_or_else(|| malformed(&format!("no {name:?} header")))?;
        ObjectId::from_hex(value.as_bytes()).map_err(|_| malformed(&format!("{name:?} is no object id")))
    }
}

fn malformed(why: &str) -> Error {
    Error::new(ErrorKind::Hostile, format!("malformed object: {why}"))
}

pub(crate) fn parse_commit(data: &[u8]) -> Result<RawCommit, Error> {
    let headers = headers(data);
    let sha256 = headers.one("tree")?.is_some_and(|tree| tree.len() == 64);
    let own = if sha256 { "gpgsig-sha256" } else { "gpgsig" };
    let signed = headers.one(own)?.map(|signature| Signed { signature, payload: without_signatures(data, &headers) });
    let parents = headers.lines.iter().filter(|(name, _)| *name == b"parent");
    let parents = parents.filter_map(|(_, line)| ObjectId::from_hex(line.get(7..)?.trim_ascii_end()).ok());
    Ok(RawCommit {
        tree: headers.id("tree")?,
        parents: parents.collect(),
        author: parse_signature(&headers.one("author")?.unwrap_or_default()),
        committer: parse_signature(&headers.one("committer")?.unwrap_or_default()),
        message: String::from_utf8_lossy(headers.body).into_owned(),
        signed,
    })
}

fn without_signatures(data: &[u8], headers: &Headers<'_>) -> Vec<u8> {
    let mut payload = Vec::with_capacity(data.len());
    for (name, line) in &headers.lines {
        if !matches!(*name, b"gpgsig" | b"gpgsig-sha256") {
            payload.extend_from_slice(line);
        }
    }
    let header_bytes: usize = headers.lines.iter().map(|(_, line)| line.len()).sum();
    payload.extend_from_slice(&data[header_bytes..]);
    payload
}

pub(crate) fn parse_tag(data: &[u8]) -> Result<RawTag, Error> {
    const STARTS: [&[u8]; 3] =
        [b"-----BEGIN PGP SIGNATURE-----", b"-----BEGIN PGP MESSAGE-----", b"-----BEGIN SSH SIGNATURE-----"];
    let headers = headers(data);
    // The last line that begins a signature counts, as in Git.
    let body_at = data.len() - headers.body.len();
    let mut at = body_at;
    let mut found = None;
    while at < data.len() {
        if STARTS.iter().any(|start| data[at..].starts_with(start)) {
            found = Some(at);
        }
        at = line_end(data, at);
    }
    let signed = found.map(|at| Signed {
        signature: String::from_utf8_lossy(&data[at..]).into_owned(),
        payload: data[..at].to_vec(),
    });
    Ok(RawTag {
        target: headers.id("object")?,
        name: headers.one("tag")?.unwrap_or_default(),
        tagger: parse_signature(&headers.one("tagger")?.unwrap_or_default()),
        signed,
    })
}

/// `Name <email> 1700000000 +0100`.
fn parse_signature(text: &str) -> Signature {
    let (name, rest) = text.split_once('<').unwrap_or((text, ""));
    let (email, rest) = rest.rsplit_once('>').unwrap_or((rest, ""));
    let time_s = rest.split_whitespace().next().and_then(|time| time.parse().ok()).unwrap_or(0);
    Signature { name: name.trim().to_owned(), email: email.trim().to_owned(), time_s }
}
