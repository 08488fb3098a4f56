//! Globs over paths of files: as Git's own pathspecs, in which `*` crosses `/`, or the newer ones, in which only `**`
//! does.
//!
//! Both become regular expressions, which are matched in time that grows with the path alone.

use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const MAX_BYTES: usize = 4096;
/// Largest compiled expression.
const MAX_REGEX_BYTES: usize = 1 << 20;

/// A pattern for paths of files.
pub struct FileGlob {
    expression: Option<Regex>,
    /// What Git compares as it is written: the path itself, or a directory above it.
    literal: Option<String>,
}

impl FileGlob {
    /// Reads a pattern. `is_new` says that `*` stops at `/`.
    pub fn new(pattern: &str, is_new: bool) -> Result<FileGlob, String> {
        let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
        if pattern.is_empty() || pattern.len() > MAX_BYTES {
            return Err(format!("expected a pattern of 1 to {MAX_BYTES} bytes"));
        }
        if pattern.starts_with('/') && !is_new || pattern.split('/').any(|segment| segment == "..") {
            return Err("it leads out of the repository".to_owned());
        }
        if is_new {
            // Compat(argo-cd 3.5): it is joined to the repository's root.
            let expression = build(&doublestar(pattern.trim_start_matches('/'))?)?;
            return Ok(FileGlob { expression: Some(expression), literal: None });
        }
        if pattern.starts_with(':') {
            return Err("patterns that begin with ':' are not supported".to_owned());
        }
        let is_glob = pattern.contains(['*', '?', '[', '\\']);
        let expression = if is_glob { Some(build(&wildmatch(pattern)?)?) } else { None };
        Ok(FileGlob { expression, literal: Some(pattern.to_owned()) })
    }
    /// Whether a path fits.
    pub fn matches(&self, path: &str) -> bool {
        let is_below = |literal: &String| {
            path.strip_prefix(literal.as_str())
                .is_some_and(|rest| rest.is_empty() || literal.ends_with('/') || rest.starts_with('/'))
        };
        self.literal.as_ref().is_some_and(is_below) || self.expression.as_ref().is_some_and(|e| e.is_match(path))
    }
}

fn build(expression: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(&format!("^(?:{expression})$"))
        .dot_matches_new_line(true)
        .size_limit(MAX_REGEX_BYTES)
        .build();
    built.map_err(|_| "it is no glob".to_owned())
}

/// Git's `wildmatch` without a flag: stars and question marks cross `/`.
fn wildmatch(pattern: &str) -> Result<String, String> {
    let (mut out, mut chars) = (String::new(), pattern.chars().peekable());
    while let Some(c) = chars.next() {
        match c {
            '*' => {
                while chars.next_if_eq(&'*').is_some() {}
                out.push_str(".*");
            }
            '?' => out.push('.'),
            '[' => out.push_str(&class(&mut chars, "")?),
            '\\' => literal(&mut out, chars.next().ok_or("it ends with a backslash")?),
            c => literal(&mut out, c),
        }
    }
    Ok(out)
}

/// Patterns in which `**` as a whole segment stands for any directories, `{a,b}` for either, and nothing else
/// crosses `/`.
fn doublestar(pattern: &str) -> Result<String, String> {
    let (mut out, mut chars) = (String::new(), pattern.chars().peekable());
    let (mut braces, mut begins) = (0_usize, true);
    while let Some(c) = chars.next() {
        let began = std::mem::replace(&mut begins, false);
        match c {
            '*' => {
                let mut stars = 1;
                while chars.next_if_eq(&'*').is_some() {
                    stars += 1;
                }
                let ends = matches!(chars.peek(), None | Some('/'));
                match stars >= 2 && began && ends {
                    true if chars.next_if_eq(&'/').is_some() => {
                        out.push_str("(?:.*/)?");
                        begins = true;
                    }
                    true => out.push_str(".*"),
                    false => out.push_str("[^/]*"),
                }
            }
            '?' => out.push_str("[^/]"),
            '[' => out.push_str(&class(&mut chars, "&&[^/]")?),
            '{' => {
                braces += 1;
                out.push_str("(?:");
            }
            '}' if braces > 0 => {
                braces -= 1;
                out.push(')');
            }
            ',' if braces > 0 => out.push('|'),
            '\\' => literal(&mut out, chars.next().ok_or("it ends with a backslash")?),
            '/' => {
                out.push('/');
                begins = true;
            }
            c => literal(&mut out, c),
        }
    }
    match braces {
        0 => Ok(out),
        _ => Err("a { has no }".to_owned()),
    }
}

fn literal(out: &mut String, c: char) {
    out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// A class in brackets, of which `[` is read; `besides` restricts it further.
fn class(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, besides: &str) -> Result<String, String> {
    const UNFINISHED: &str = "a [ has no ]";
    let mut out = String::from(if besides.is_empty() { "[" } else { "[[" });
    if chars.next_if(|c| *c == '!' || *c == '^').is_some() {
        out.push('^');
    }
    let mut is_first = true;
    loop {
        match chars.next().ok_or(UNFINISHED)? {
            ']' if !is_first => break,
            '\\' => class_item(&mut out, chars.next().ok_or(UNFINISHED)?),
            '-' if !is_first && !matches!(chars.peek(), Some(']')) => out.push('-'),
            c => class_item(&mut out, c),
        }
        is_first = false;
    }
    out.push(']');
    if !besides.is_empty() {
        out.push_str(besides);
        out.push(']');
    }
    Ok(out)
}

fn class_item(out: &mut String, c: char) {
    if !c.is_alphanumeric() {
        out.push('\\');
    }
    out.push(c);
}
