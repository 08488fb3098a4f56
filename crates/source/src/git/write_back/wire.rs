//! What is said to `git-receive-pack` and what it says (gitprotocol-pack, versions 0 and 1), as values: packet lines,
//! the refs that it shows, commands, and its report.

use crate::{Error, ErrorKind};
use gix::hash::{Kind as HashKind, ObjectId};
use std::collections::HashMap;
use std::io::{self, Read};

/// Longest packet line, with its length.
const LINE_BYTES: usize = 65_520;
/// Most that is kept of what the remote's hooks say.
const SAID_BYTES: usize = 4096;
/// Most lines of a report.
const REPORT_LINES: usize = 10_000;

/// A packet line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Data(Vec<u8>),
    Flush,
    End,
}

/// The next packet line; [`Line::End`] where the stream ends between two.
pub(super) fn line(stream: &mut dyn Read) -> io::Result<Line> {
    let mut length = [0; 4];
    let mut read = 0;
    while read < 4 {
        match stream.read(&mut length[read..])? {
            0 if read == 0 => return Ok(Line::End),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            some => read += some,
        }
    }
    let length = std::str::from_utf8(&length).ok().and_then(|text| usize::from_str_radix(text, 16).ok());
    match length {
        Some(0..=3) => Ok(Line::Flush),
        Some(length @ 4..=LINE_BYTES) => {
            let mut data = vec![0; length - 4];
            stream.read_exact(&mut data)?;
            Ok(Line::Data(data))
        }
        Some(_) | None => Err(io::Error::other("the remote does not speak Git's protocol")),
    }
}

/// Adds a packet line.
pub(super) fn put(out: &mut Vec<u8>, data: &[u8]) {
    out.extend_from_slice(format!("{:04x}", data.len() + 4).as_bytes());
    out.extend_from_slice(data);
}

/// Adds the end of a part.
pub(super) fn put_flush(out: &mut Vec<u8>) {
    out.extend_from_slice(b"0000");
}

/// What the remote shows before anything is asked.
#[derive(Debug, Default)]
pub(super) struct Greeting {
    /// Of the refs that were looked for, those that are there.
    pub(super) refs: HashMap<String, ObjectId>,
    capabilities: Vec<String>,
}

impl Greeting {
    /// Reads up to the end of the refs. `wanted` are the names of interest; at most `most` may come.
    pub(super) fn read(stream: &mut dyn Read, wanted: &[&str], most: usize) -> Result<Greeting, Error> {
        let mut greeting = Greeting::default();
        let mut count = 0;
        loop {
            let data = match line(stream).map_err(|error| broken(&error))? {
                Line::Data(data) => data,
                Line::Flush => return Ok(greeting),
                Line::End => return Err(broken(&"the remote ended the conversation")),
            };
            let data = data.strip_suffix(b"\n").unwrap_or(&data);
            if let Some(said) = data.strip_prefix(b"ERR ") {
                return Err(told(&String::from_utf8_lossy(said)));
            }
            if data.starts_with(b"version ") || data.starts_with(b"shallow ") {
                continue;
            }
            let (data, capabilities) = match data.iter().position(|byte| *byte == 0) {
                Some(at) => (&data[..at], Some(&data[at + 1..])),
                None => (data, None),
            };
            if let Some(capabilities) = capabilities {
                let text = String::from_utf8_lossy(capabilities);
                greeting.capabilities = text.split_ascii_whitespace().map(str::to_owned).collect();
            }
            count += 1;
            if count > most {
                return Err(Error::new(ErrorKind::TooLarge, format!("the remote has more than {most} refs")));
            }
            let text = String::from_utf8_lossy(data);
            let (id, name) = text.split_once(' ').ok_or_else(|| broken(&"a line of it is no ref"))?;
            if wanted.contains(&name) {
                let id = ObjectId::from_hex(id.as_bytes()).map_err(|_| broken(&"a line of it is no ref"))?;
                greeting.refs.insert(name.to_owned(), id);
            }
        }
    }

    /// Whether the remote can do something.
    pub(super) fn has(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|known| known == capability)
    }

    /// Which hash names its objects.
    pub(super) fn hash(&self) -> HashKind {
        if self.has("object-format=sha256") { HashKind::Sha256 } else { HashKind::Sha1 }
    }
}

/// A ref to move.
#[derive(Clone, Debug)]
pub(super) struct Command {
    pub(super) old: ObjectId,
    pub(super) new: ObjectId,
    pub(super) name: String,
}

/// The request but for its pack.
pub(super) fn request(commands: &[Command], greeting: &Greeting, options: &[String]) -> Result<Vec<u8>, Error> {
    let mut capabilities = vec!["report-status".to_owned()];
    if greeting.has("side-band-64k") {
        capabilities.push("side-band-64k".to_owned());
    }
    if commands.len() > 1 && greeting.has("atomic") {
        capabilities.push("atomic".to_owned());
    }
    if greeting.hash() == HashKind::Sha256 {
        capabilities.push("object-format=sha256".to_owned());
    }
    if !options.is_empty() {
        if !greeting.has("push-options") {
            return Err(Error::new(ErrorKind::Spec, "the remote takes no push options"));
        }
        capabilities.push("push-options".to_owned());
    }
    capabilities.push(concat!("agent=belay/", env!("CARGO_PKG_VERSION")).to_owned());
    let mut out = Vec::new();
    for (at, Command { old, new, name }) in commands.iter().enumerate() {
        let mut text = format!("{} {} {name}", old.to_hex(), new.to_hex());
        if at == 0 {
            text.push('\0');
            text.push_str(&capabilities.join(" "));
        }
        put(&mut out, text.as_bytes());
    }
    put_flush(&mut out);
    if !options.is_empty() {
        for option in options {
            if option.len() > LINE_BYTES - 4 || option.contains(['\n', '\0']) {
                return Err(Error::new(ErrorKind::Spec, "a push option is too long or has a newline"));
            }
            put(&mut out, option.as_bytes());
        }
        put_flush(&mut out);
    }
    Ok(out)
}

/// Reads what became of a push.
pub(super) fn report(stream: &mut dyn Read, has_bands: bool) -> Result<(), Error> {
    let mut said = String::new();
    let lines = if has_bands { in_bands(stream, &mut said)? } else { plain(stream)? };
    judge(&lines, &said)
}

/// The report where it stands alone.
fn plain(stream: &mut dyn Read) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    while let Line::Data(data) = line(stream).map_err(|error| broken(&error))? {
        lines.push(String::from_utf8_lossy(&data).trim_end().to_owned());
        if lines.len() > REPORT_LINES {
            return Err(Error::new(ErrorKind::TooLarge, "the remote's report is too long"));
        }
    }
    Ok(lines)
}

/// The report out of the first of three bands; the second is for people, the third for the end of all.
fn in_bands(stream: &mut dyn Read, said: &mut String) -> Result<Vec<String>, Error> {
    let mut report = Vec::new();
    while let Line::Data(data) = line(stream).map_err(|error| broken(&error))? {
        match data.split_first() {
            Some((1, data)) => {
                report.extend_from_slice(data);
                if report.len() > REPORT_LINES * 100 {
                    return Err(Error::new(ErrorKind::TooLarge, "the remote's report is too long"));
                }
            }
            Some((2, data)) => {
                let room = SAID_BYTES.saturating_sub(said.len()).min(data.len());
                said.push_str(&String::from_utf8_lossy(&data[..room]));
            }
            Some((3, data)) => return Err(told(&String::from_utf8_lossy(data))),
            Some(_) | None => {}
        }
    }
    plain(&mut report.as_slice())
}

/// The first ref that was refused decides, one that has moved before all others: then all are to be made anew.
fn judge(lines: &[String], said: &str) -> Result<(), Error> {
    match lines.first().and_then(|line| line.strip_prefix("unpack ")) {
        Some("ok") => {}
        Some(why) => return Err(rejected(&format!("the remote could not unpack what was sent: {why}"), said)),
        None => return Err(broken(&"the remote did not report what became of it")),
    }
    let refused: Vec<(&str, &str)> = lines
        .iter()
        .filter_map(|line| line.strip_prefix("ng "))
        .map(|line| line.split_once(' ').unwrap_or((line, "no reason is given")))
        .collect();
    // The others of an atomic push are refused because of one; Git tells it of all alike where the refs could not be
    // locked as they were.
    let races = refused.iter().find(|(_, why)| is_race(why));
    let refusal = refused.iter().find(|(_, why)| !why.contains("atomic"));
    let unlocked = refused.iter().find(|(_, why)| why.contains("atomic transaction failed"));
    let (name, why) = match (races, refusal, unlocked) {
        (Some((name, why)), _, _) | (None, None, Some((name, why))) => {
            let text = with_words(&format!("{name} was not updated: {why}"), said);
            return Err(Error::new(ErrorKind::Moved, text));
        }
        (None, Some(first), _) => first,
        (None, None, None) => match refused.first() {
            Some(first) => first,
            None => return Ok(()),
        },
    };
    Err(rejected(&format!("{name} was refused: {why}"), said))
}

/// What Git and the well-known hosts say when somebody else was faster.
fn is_race(why: &str) -> bool {
    const SAID: [&str; 9] = [
        "non-fast-forward",
        "fetch first",
        "stale info",
        "failed to update ref",
        "cannot lock ref",
        "failed to lock",
        "incorrect old value",
        "reference already exists",
        "already been updated",
    ];
    SAID.iter().any(|text| why.contains(text))
}

fn rejected(why: &str, said: &str) -> Error {
    Error::new(ErrorKind::Rejected, with_words(why, said))
}

/// What went wrong, with what the remote says to people.
fn with_words(why: &str, said: &str) -> String {
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).take(5).collect();
    if said.is_empty() { why.to_owned() } else { format!("{why} ({})", said.join(" ")) }
}

/// What the remote says in place of an answer.
pub(super) fn told(said: &str) -> Error {
    let said = said.trim();
    let lower = said.to_lowercase();
    if lower.contains("not found") || lower.contains("does not appear to be a git repository") {
        return Error::new(ErrorKind::RepositoryNotFound, "repository not found");
    }
    if lower.contains("denied") || lower.contains("not allowed") || lower.contains("read only") {
        return Error::new(ErrorKind::Unauthenticated, said);
    }
    Error::new(ErrorKind::Rejected, said)
}

fn broken(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Unreachable, error.to_string())
}
