//! URLs of Git repositories, as they stand in `resources`: which texts are one, and their parts.
//! Fetching is the caller's: see [`Remote`].

use std::sync::Arc;
use std::time::Duration;

use belay_tree::{Tree, TreePath};

/// Fetches what a kustomization refers to by URL.
pub trait Remote: Send + Sync {
    /// Fetches a repository; the base's directory is [`RemoteBase::dir`].
    fn fetch_base(&self, url: &RepositoryUrl) -> Result<RemoteBase, String>;
    /// Fetches a file at an http or https URL.
    fn fetch_file(&self, url: &str) -> Result<Vec<u8>, String>;
}

/// A fetched repository.
pub struct RemoteBase {
    /// The repository's files.
    pub tree: Arc<dyn Tree>,
    /// The directory of the base.
    pub dir: TreePath,
}

/// The parts of a repository URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryUrl {
    /// The URL as written.
    pub raw: String,
    /// Scheme, user and host, up to the separator before the path.
    pub host: String,
    /// The repository's path.
    pub path: String,
    /// The directory in the repository, without a leading slash.
    pub directory: String,
    /// The branch, tag or commit asked for; empty for the default branch.
    pub reference: String,
    /// Whether submodules are wanted.
    pub submodules: bool,
    /// How long fetching may take.
    pub timeout: Duration,
    /// Whether the meaningless prefix `git::` was dropped.
    pub forced_git: bool,
}

impl RepositoryUrl {
    /// Takes a text apart; the error says why it is no repository URL.
    pub fn parse(text: &str) -> Result<RepositoryUrl, String> {
        if text.starts_with('/') {
            return Err(format!("uri looks like abs path: {text}"));
        }
        let (rest, query) = text.split_once('?').unwrap_or((text, ""));
        let Query { reference, timeout, submodules } = Query::parse(query);
        let (forced_git, rest) = match strip_prefix_ignoring_case(rest, "git::") {
            Some(rest) => (true, rest),
            None => (false, rest),
        };
        let (host, rest) = split_host(rest)?;
        let (path, directory) = split_path(rest, host.starts_with("file://"))?;
        Ok(RepositoryUrl {
            raw: text.to_owned(),
            host,
            path: path.to_owned(),
            directory: directory.trim_start_matches('/').to_owned(),
            reference,
            submodules,
            timeout,
            forced_git,
        })
    }

    /// What to clone.
    pub fn clone_url(&self) -> String {
        format!("{}{}", self.host, self.path)
    }
}

struct Query {
    reference: String,
    timeout: Duration,
    submodules: bool,
}

impl Query {
    fn parse(query: &str) -> Query {
        let value = |name: &str| -> Option<String> {
            let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
            let found = pairs.filter(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value).next();
            found.map(percent_decoded)
        };
        let timeout = value("timeout").and_then(|text| parse_timeout(&text)).unwrap_or(Duration::from_secs(27));
        let refused = ["0", "f", "F", "false", "FALSE", "False"];
        let submodules = value("submodules").is_none_or(|text| !refused.contains(&text.as_str()));
        Query { reference: value("ref").or_else(|| value("version")).unwrap_or_default(), timeout, submodules }
    }
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let hex = bytes.get(i + 1..i + 3).and_then(|h| u8::from_str_radix(std::str::from_utf8(h).ok()?, 16).ok());
        match (bytes[i], hex) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 2;
            }
            (b'+', _) => out.push(b' '),
            (byte, _) => out.push(byte),
        }
        i += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Seconds as a number, or a duration of Go (`1m30s`); zero and less do not count.
fn parse_timeout(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<i64>() {
        return u64::try_from(seconds).ok().filter(|s| *s > 0).map(Duration::from_secs);
    }
    let mut rest = text;
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let unit = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        total += number
            * match &rest[..unit] {
                "h" => 3600.0,
                "m" => 60.0,
                "s" => 1.0,
                "ms" => 1e-3,
                "us" | "µs" => 1e-6,
                "ns" => 1e-9,
                _ => return None,
            };
        rest = &rest[unit..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|d| !d.is_zero())
}

fn strip_prefix_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

/// Splits scheme, user and host from the path.
fn split_host(text: &str) -> Result<(String, &str), String> {
    let (mut scheme, rest) = SCHEMES
        .into_iter()
        .find_map(|scheme| Some((scheme, strip_prefix_ignoring_case(text, scheme)?)))
        .unwrap_or(("", text));
    let user = rest.split_once('@').map(|(user, _)| user).filter(|user| is_user(user));
    let (user, rest) = match user {
        Some(user) => rest.split_at(user.len() + 1),
        None => ("", rest),
    };
    let is_github = ["github.com/", "github.com:"].iter().any(|host| strip_prefix_ignoring_case(rest, host).is_some());
    let scp_style = scheme.is_empty() && (!user.is_empty() || is_github);
    if scheme.is_empty() && !scp_style {
        return Err("failed to parse scheme".into());
    }
    if scheme == "file://" {
        return Ok((scheme.to_owned(), &text[scheme.len()..]));
    }
    let mut separator = rest.find('/');
    if scp_style {
        let colon = rest.find(':');
        if separator.is_none() || colon.is_some_and(|c| c > 0 && separator.is_some_and(|s| c < s)) {
            separator = colon;
        }
    }
    let (mut host, rest) = separator.map_or((rest, ""), |at| rest.split_at(at + 1));
    let mut user = user;
    if is_github {
        if scheme == "ssh://" || !user.is_empty() {
            (scheme, host) = ("", "github.com:");
        } else {
            (scheme, user, host) = ("https://", "", "github.com/");
        }
    }
    if host.is_empty() {
        return Err("failed to parse host segment".into());
    }
    Ok((format!("{scheme}{user}{host}"), rest))
}

fn is_user(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

/// Splits the repository's path from the directory in it.
fn split_path(text: &str, is_file: bool) -> Result<(&str, &str), String> {
    let split = split_at_marker(text).or_else(|| if is_file { Some((text, "")) } else { split_after_two(text) });
    let (path, directory) = split.filter(|(path, _)| !path.is_empty()).ok_or("failed to parse repo path segment")?;
    let mut depth = 0i32;
    for segment in directory.split('/') {
        match segment {
            "" | "." => {}
            ".." => depth -= 1,
            _ => depth += 1,
        }
        if depth < 0 {
            return Err(format!("url path exits repo: {text}"));
        }
    }
    Ok((path, directory))
}

fn split_at_marker(text: &str) -> Option<(&str, &str)> {
    if let Some(at) = text.find("_git/") {
        let start = at + "_git/".len();
        let end = text[start..].find('/').map_or(text.len(), |end| start + end);
        return Some((&text[..end], text[end..].strip_prefix('/').unwrap_or("")));
    }
    if let Some((path, directory)) = text.split_once("//") {
        return Some((path, directory));
    }
    let end = text.find(".git")? + ".git".len();
    Some(text.split_at(end))
}

fn split_after_two(text: &str) -> Option<(&str, &str)> {
    let mut slashes = text.match_indices('/').map(|(at, _)| at);
    slashes.next()?;
    Some(match slashes.next() {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, ""),
    })
}
