//! What the message of a dry commit says of another commit that it was made for: `Argocd-reference-commit-*` trailers.

/// A commit that a dry commit refers to; empty fields are not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// `"Name" <address>`
    pub author: String,
    /// RFC 3339.
    pub date: String,
    /// The first line of its message.
    pub subject: String,
    /// The rest of it.
    pub body: String,
    /// Its id.
    pub sha: String,
    /// Where it is.
    pub repo_url: String,
}

const PREFIX: &str = "Argocd-reference-commit-";

impl Reference {
    /// What a message's trailers say; nothing if they say nothing. Of two of one kind the last counts, one that
    /// cannot be read does not.
    pub(super) fn read(message: &str) -> Option<Reference> {
        let mut found = Reference::default();
        for line in trailers(message) {
            found.take(&line);
        }
        (found != Reference::default()).then_some(found)
    }

    /// Takes a line if it is a valid trailer.
    fn take(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.strip_prefix(PREFIX).and_then(|line| line.split_once(": ")) else { return false };
        let (field, value) = match key {
            "repourl" => (&mut self.repo_url, is_url(value).then(|| value.to_owned())),
            "author" => (&mut self.author, address(value)),
            "date" => (&mut self.date, date(value)),
            "subject" => (&mut self.subject, Some(value.to_owned())),
            "body" => (&mut self.body, json_text(value)),
            "sha" => (&mut self.sha, is_sha(value).then(|| value.to_owned())),
            _ => return false,
        };
        match value {
            Some(value) => {
                *field = value;
                true
            }
            None => {
                tracing::warn!(trailer = key, "a trailer of a dry commit cannot be read");
                false
            }
        }
    }
}

/// A body without the lines that are valid trailers; each line that stays ends in a newline.
pub(super) fn without(body: &str) -> String {
    let mut reference = Reference::default();
    let kept = body.lines().filter(|line| !reference.take(line));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// The trailers of a message as `git interpret-trailers --parse` gives them: of its last paragraph, unless that is the
/// first, if it is nothing but trailers, or a quarter of it is and Git made one of those.
fn trailers(message: &str) -> Vec<String> {
    let message = message.trim_end();
    let Some((_, rest)) = message.split_once("\n\n") else { return Vec::new() };
    let last = rest.rsplit("\n\n").next().unwrap_or_default().trim_start_matches('\n');
    let (mut found, mut others, mut made_by_git) = (Vec::<String>::new(), 0, false);
    let mut continues = false;
    for line in last.lines() {
        if line.starts_with([' ', '\t']) {
            match found.last_mut().filter(|_| continues) {
                Some(before) => {
                    before.push(' ');
                    before.push_str(line.trim());
                }
                None => others += 1,
            }
            continue;
        }
        made_by_git |= line.starts_with("Signed-off-by: ") || line.starts_with("(cherry picked from commit ");
        let token = line.split_once(':').map(|(token, value)| (token.trim_end(), value.trim()));
        let is_token = |token: &str| !token.is_empty() && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        continues = token.is_some_and(|(token, _)| is_token(token));
        match token.filter(|_| continues) {
            Some((token, value)) => found.push(format!("{token}: {value}")),
            None if line.starts_with("(cherry picked from commit ") => {}
            None => others += 1,
        }
    }
    let counts = others == 0 || (made_by_git && found.len() * 3 >= others);
    if counts { found } else { Vec::new() }
}

/// Whether Go's `url.Parse` takes it.
fn is_url(text: &str) -> bool {
    let is_plain = !text.bytes().any(|b| b.is_ascii_control());
    let first = text.split(['/', '?', '#']).next().unwrap_or_default();
    let has_scheme = first.split_once(':').is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    });
    is_plain && (has_scheme || !first.contains(':')) && !text.contains(' ')
}

fn is_sha(text: &str) -> bool {
    (5..=40).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// `Name <address>` or an address alone, as Go's `mail.Address` writes it.
fn address(text: &str) -> Option<String> {
    let text = text.trim();
    let (name, address) = match text.strip_suffix('>').and_then(|front| front.rsplit_once('<')) {
        Some((name, address)) => (name.trim(), address),
        None => ("", text),
    };
    let (local, domain) = address.rsplit_once('@')?;
    let is_part = |part: &str| {
        !part.is_empty()
            && !part.starts_with('.')
            && !part.ends_with('.')
            && !part.contains("..")
            && part.chars().all(|c| !c.is_whitespace() && !"<>()[]\\,;:\"@".contains(c) && !c.is_control())
    };
    if !is_part(local) || !is_part(domain) {
        return None;
    }
    let name = match name.strip_prefix('"').and_then(|name| name.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\\\"", "\"").replace("\\\\", "\\"),
        None if name.contains(['<', '>', '(', ')', '[', ']', ':', ';', '@', '\\', ',', '"']) => return None,
        None => name.to_owned(),
    };
    if name.is_empty() {
        return Some(format!("<{address}>"));
    }
    if name.bytes().all(|b| b == b' ' || b.is_ascii_graphic()) {
        return Some(format!("\"{}\" <{address}>", name.replace('\\', "\\\\").replace('"', "\\\"")));
    }
    // RFC 2047, as Go encodes it.
    let encoded: String = name
        .bytes()
        .map(|b| match b {
            b' ' => "_".to_owned(),
            b if b.is_ascii_graphic() && !b"=?_".contains(&b) => char::from(b).to_string(),
            b => format!("={b:02X}"),
        })
        .collect();
    Some(format!("=?utf-8?q?{encoded}?= <{address}>"))
}

/// RFC 3339 without fractions of a second, its zone as it is given.
fn date(text: &str) -> Option<String> {
    text.parse::<jiff::Timestamp>().ok()?;
    let (day, rest) = text.split_at_checked(11)?;
    let (time, rest) = rest.split_at_checked(8)?;
    let shape = |text: &str, like: &str| {
        text.len() == like.len()
            && text.bytes().zip(like.bytes()).all(|(b, l)| if l == b'0' { b.is_ascii_digit() } else { b == l })
    };
    if !shape(day, "0000-00-00T") || !shape(time, "00:00:00") {
        return None;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    match zone {
        "Z" | "+00:00" => Some(format!("{day}{time}Z")),
        zone if shape(zone.get(1..)?, "00:00") && zone.starts_with(['+', '-']) => Some(format!("{day}{time}{zone}")),
        _ => None,
    }
}

fn json_text(text: &str) -> Option<String> {
    belay_object::from_json_str(text).ok()?.as_str().map(str::to_owned)
}
