//! Repository addresses in the form in which they are compared.
//!
//! Not an address to connect to: the result has no scheme for SSH and is lower case throughout.

/// The form in which two addresses of a repository are equal; empty for one that cannot be read.
///
/// Compat(argo 3.5): lower case, `.git` dropped, `git@host:path` as `git@host/path`; then as Go's
/// `net/url` reads and writes it, which matters for patterns: braces come out percent-encoded.
pub fn normalize_git_url(address: &str) -> String {
    let mut text = address.trim().to_lowercase();
    if is_ssh(&text) && !text.starts_with("ssh://") {
        text = format!("ssh://{}", text.replacen(':', "/", 1));
    }
    let text = text.strip_suffix(".git").unwrap_or(&text);
    let normal = as_go_writes(text).unwrap_or_default();
    normal.strip_prefix("ssh://").map(str::to_owned).unwrap_or(normal)
}

/// Whether two addresses are of one repository.
pub fn same_git_url(a: &str, b: &str) -> bool {
    normalize_git_url(a) == normalize_git_url(b)
}

/// Whether an address is one of SSH: `ssh://user@host/..` or `user@host:path`.
pub fn is_ssh(address: &str) -> bool {
    let rest = address.strip_prefix("ssh://").unwrap_or(address);
    let (user, host) = match rest.split_once('@') {
        Some(parts) => parts,
        None => return false,
    };
    !user.contains(['/', ':']) && !host.is_empty() && !host.contains('@')
}

/// Reads a URL as Go's `net/url` does and writes it again; `None` where it gives an error.
fn as_go_writes(text: &str) -> Option<String> {
    if text.chars().any(|c| c < ' ' || c == '\x7f') || text.len() > 8192 {
        return None;
    }
    let (rest, fragment) = text.split_once('#').map_or((text, None), |(a, b)| (a, Some(b)));
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(a, b)| (a, Some(b)));
    let (scheme, rest) = scheme(rest)?;
    let (authority, path) = match rest.strip_prefix("//") {
        Some(after) if !scheme.is_empty() || !rest.starts_with("///") => {
            let (authority, path) = after.split_at(after.find('/').unwrap_or(after.len()));
            (Some(authority), path)
        }
        _ => (None, rest),
    };
    if let Some(authority) = authority {
        check_authority(authority)?;
    } else if scheme.is_empty() && path.split('/').next().is_some_and(|first| first.contains(':')) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    if !scheme.is_empty() {
        out.push_str(scheme);
        out.push(':');
    }
    if let Some(authority) = authority {
        out.push_str("//");
        out.push_str(authority);
    }
    // An opaque URL (`mailto:x`) is written as it is.
    let opaque = authority.is_none() && !scheme.is_empty() && !path.starts_with('/');
    out.push_str(&if opaque { path.to_owned() } else { escaped_path(path)? });
    for (mark, part) in [('?', query), ('#', fragment)] {
        if let Some(part) = part {
            out.push(mark);
            out.push_str(part);
        }
    }
    Some(out)
}

/// The scheme and what follows its colon; an empty scheme where there is none.
fn scheme(text: &str) -> Option<(&str, &str)> {
    for (i, c) in text.char_indices() {
        match c {
            'a'..='z' | 'A'..='Z' => {}
            '0'..='9' | '+' | '-' | '.' if i > 0 => {}
            ':' if i == 0 => return None,
            ':' => return Some((&text[..i], &text[i + 1..])),
            _ => return Some(("", text)),
        }
    }
    Some(("", text))
}

fn check_authority(authority: &str) -> Option<()> {
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.~!$&'()*+,;=:[]<>\"%".contains(c) || !c.is_ascii();
    if !host.chars().all(plain) {
        return None;
    }
    let after = host.strip_prefix('[').and_then(|h| h.split_once(']')).map(|(_, after)| after);
    let port = match after {
        Some(after) => after.strip_prefix(':').or_else(|| after.is_empty().then_some(""))?,
        None if host.starts_with('[') => return None,
        None => host.rsplit_once(':').map_or("", |(_, port)| port),
    };
    port.bytes().all(|b| b.is_ascii_digit()).then_some(())
}

/// A path that holds nothing that must be escaped stays as it is; another is escaped afresh.
fn escaped_path(path: &str) -> Option<String> {
    let decoded = percent_decoded(path)?;
    if path == "*" {
        return Some(path.to_owned());
    }
    let may_stand = |b: u8| unreserved(b) || b"!$&'()*+,;=:@[]%/".contains(&b);
    if path.bytes().all(may_stand) {
        return Some(path.to_owned());
    }
    let mut out = String::with_capacity(path.len() + 8);
    for byte in decoded {
        if unreserved(byte) || b"$&+,/:;=@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    Some(out)
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((&byte, tail)) = rest.split_first() {
        if byte == b'%' {
            let hex = std::str::from_utf8(tail.get(..2)?).ok()?;
            out.push(u8::from_str_radix(hex, 16).ok()?);
            rest = &tail[2..];
        } else {
            out.push(byte);
            rest = tail;
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests;
