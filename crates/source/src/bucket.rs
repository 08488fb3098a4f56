//! Buckets: objects by key, as cloud storages keep them.
//!
//! [`ObjectStore`] is what a source needs of a storage; [`S3`] is the one that is built, for Amazon's
//! API as others serve it too. It signs requests by itself (version 4) and goes out through
//! [`belay_net`]. No crate was taken: those that speak S3 bring their own HTTP client, which knows
//! neither our egress policy nor our limits.

use std::future::Future;
use std::pin::Pin;

use belay_net::{Client, Secret};
use bytes::Bytes;
use hmac::{Hmac, Mac};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::{Error, ErrorKind};

/// Keys in one page of a listing, and most bytes that the page may have.
const PAGE: usize = 1000;
const MOST_PAGE_BYTES: usize = 8 << 20;
/// Most pages: a million keys.
const MOST_PAGES: usize = 1000;
/// Largest error body that is read.
const MOST_ERROR_BYTES: usize = 64 << 10;

/// One object of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// What changes when its content does.
    pub etag: String,
    /// Its length in bytes.
    pub size: u64,
}

/// What will come.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// A bucket of some storage.
pub trait ObjectStore: Send + Sync {
    /// All objects whose keys begin with `prefix`, in the order of their keys.
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Listed>>;
    /// An object of at most `limit` bytes with its etag; `None` where there is none.
    fn get<'a>(&'a self, key: &'a str, limit: usize) -> Answer<'a, Option<(Bytes, String)>>;
}

/// Who signs requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keys {
    /// The name of the key.
    pub access: String,
    /// The key.
    pub secret: Secret<String>,
}

/// A bucket of a storage with Amazon's API.
pub struct S3 {
    /// How to go out.
    pub client: Client,
    /// Host, and port if it is no usual one.
    pub endpoint: String,
    /// Its name.
    pub bucket: String,
    /// Where it is; signatures name it.
    pub region: String,
    /// Whether to go without TLS.
    pub insecure: bool,
    /// Who signs; nobody for a public bucket.
    pub keys: Option<Keys>,
}

impl ObjectStore for S3 {
    fn list<'a>(&'a self, prefix: &'a str) -> Answer<'a, Vec<Listed>> {
        Box::pin(self.list_all(prefix))
    }
    fn get<'a>(&'a self, key: &'a str, limit: usize) -> Answer<'a, Option<(Bytes, String)>> {
        Box::pin(self.get_one(key, limit))
    }
}

impl S3 {
    async fn list_all(&self, prefix: &str) -> Result<Vec<Listed>, Error> {
        let mut all = Vec::new();
        let mut token: Option<String> = None;
        for _ in 0..MOST_PAGES {
            let (page, prefix) = (PAGE.to_string(), prefix.to_owned());
            let mut query = vec![("list-type", "2".to_owned()), ("max-keys", page), ("prefix", prefix)];
            if let Some(token) = token.take() {
                query.push(("continuation-token", token));
            }
            let response = self.send("", &query).await?;
            if !response.status().is_success() {
                return Err(self.refusal(response, "").await);
            }
            let body = response.read(MOST_PAGE_BYTES).await?;
            let text = std::str::from_utf8(&body).map_err(|_| wrong("the listing is no text"))?;
            let page = read_listing(text)?;
            all.extend(page.objects);
            match page.next {
                None => return Ok(all),
                next => token = next,
            }
        }
        Err(Error::new(ErrorKind::TooLarge, format!("more than {} objects", MOST_PAGES * PAGE)))
    }

    async fn get_one(&self, key: &str, limit: usize) -> Result<Option<(Bytes, String)>, Error> {
        let response = self.send(key, &[]).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        if !response.status().is_success() {
            return Err(self.refusal(response, key).await);
        }
        let etag = response.headers().get(http::header::ETAG).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let etag = etag.trim_matches('"').to_owned();
        Ok(Some((response.read(limit).await?, etag)))
    }

    async fn send(&self, key: &str, query: &[(&str, String)]) -> Result<belay_net::Response, Error> {
        let scheme = if self.insecure { "http" } else { "https" };
        // Nobody writes the usual port into a request, and what is signed must be what is written.
        let usual = if self.insecure { ":80" } else { ":443" };
        let host = self.endpoint.strip_suffix(usual).unwrap_or(&self.endpoint);
        let path = format!("/{}/{}", escape(&self.bucket, false), escape(key, true));
        let mut pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", escape(value, false))).collect();
        pairs.sort();
        let query = pairs.join("&");
        let joint = if query.is_empty() { "" } else { "?" };
        let mut request = self.client.request(Method::GET, &format!("{scheme}://{host}{path}{joint}{query}"))?;
        if let Some(keys) = &self.keys {
            let now = Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
            for (name, value) in sign(keys, host, &self.region, &path, &query, &now) {
                let mut value = HeaderValue::from_str(&value)
                    .map_err(|_| Error::new(ErrorKind::Credentials, "the access key is no header"))?;
                value.set_sensitive(true);
                request = request.header(HeaderName::from_static(name), value);
            }
        }
        Ok(request.send().await?)
    }

    async fn refusal(&self, response: belay_net::Response, key: &str) -> Error {
        let status = response.status();
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthenticated,
            StatusCode::NOT_FOUND => ErrorKind::RepositoryNotFound,
            _ => ErrorKind::Unreachable,
        };
        let mut text = if key.is_empty() { status.to_string() } else { format!("{key:?}: {status}") };
        if let Ok(body) = response.read(MOST_ERROR_BYTES).await
            && let Ok(body) = std::str::from_utf8(&body)
            && let (Some(code), Some(message)) = (element(body, "Code"), element(body, "Message"))
        {
            text += &format!(": {code}: {}", message.chars().take(300).collect::<String>());
        }
        Error::new(kind, text)
    }
}

/// The headers that sign a request without a body, by Amazon's fourth version. `now` is
/// `20240102T030405Z`.
fn sign(keys: &Keys, host: &str, region: &str, path: &str, query: &str, now: &str) -> [(&'static str, String); 3] {
    let nothing = hex(&Sha256::digest(b""));
    let signed = "host;x-amz-content-sha256;x-amz-date";
    let canonical = format!(
        "GET\n{path}\n{query}\nhost:{host}\nx-amz-content-sha256:{nothing}\nx-amz-date:{now}\n\n{signed}\n{nothing}"
    );
    let day = now.get(..8).unwrap_or(now);
    let scope = format!("{day}/{region}/s3/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{now}\n{scope}\n{}", hex(&Sha256::digest(canonical.as_bytes())));
    let mut key = mac(format!("AWS4{}", keys.secret.expose()).as_bytes(), day);
    for part in [region, "s3", "aws4_request"] {
        key = mac(&key, part);
    }
    let signature = hex(&mac(&key, &text));
    let authorization =
        format!("AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={signed}, Signature={signature}", keys.access);
    [("x-amz-content-sha256", nothing), ("x-amz-date", now.to_owned()), ("authorization", authorization)]
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Escapes all but what Amazon calls unreserved; slashes stay in keys.
fn escape(text: &str, keep_slash: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => escaped.push(char::from(byte)),
            b'/' if keep_slash => escaped.push('/'),
            byte => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[derive(Debug, PartialEq, Eq)]
struct Page {
    objects: Vec<Listed>,
    next: Option<String>,
}

/// Reads `<ListBucketResult>`: a flat list of elements without attributes, so that finding a name's
/// tags is enough.
fn read_listing(text: &str) -> Result<Page, Error> {
    if !text.contains("<ListBucketResult") {
        return Err(wrong("the answer is no listing"));
    }
    let mut objects = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("<Contents>") {
        let (one, after) = after.split_once("</Contents>").ok_or_else(|| wrong("the listing breaks off"))?;
        rest = after;
        let key = element(one, "Key").ok_or_else(|| wrong("an object has no key"))?;
        let etag = element(one, "ETag").unwrap_or_default().trim_matches('"').to_owned();
        let size = element(one, "Size").and_then(|s| s.parse().ok()).unwrap_or_default();
        objects.push(Listed { key, etag, size });
    }
    let truncated = element(text, "IsTruncated").as_deref() == Some("true");
    let next = element(text, "NextContinuationToken").filter(|_| truncated);
    if truncated && next.is_none() {
        return Err(wrong("the listing goes on without saying where"));
    }
    Ok(Page { objects, next })
}

fn element(text: &str, name: &str) -> Option<String> {
    let (_, after) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = after.split_once(&format!("</{name}>"))?;
    Some(unescape(inner))
}

/// The five named entities, and numbers.
fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain += before;
        let Some((name, after)) = after.split_once(';').filter(|(name, _)| name.len() <= 8) else {
            plain.push('&');
            rest = after;
            continue;
        };
        let number = match name.strip_prefix('#') {
            Some(digits) => match digits.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok(),
                None => digits.parse().ok(),
            },
            None => None,
        };
        match (name, number.and_then(char::from_u32)) {
            ("amp", _) => plain.push('&'),
            ("lt", _) => plain.push('<'),
            ("gt", _) => plain.push('>'),
            ("quot", _) => plain.push('"'),
            ("apos", _) => plain.push('\''),
            (_, Some(c)) => plain.push(c),
            (other, None) => plain += &format!("&{other};"),
        }
        rest = after;
    }
    plain + rest
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::Hostile, what)
}

#[cfg(test)]
mod tests;
