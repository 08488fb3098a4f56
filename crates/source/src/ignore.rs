//! Which files of a source are left out: patterns as go-git 5 reads gitignore, and Flux's
//! defaults.
//!
//! Two leniencies of go-git are kept, because `.sourceignore` files rely on them: a pattern that
//! matches a directory matches all below it, and a negated one does so too, so `!/deploy` after
//! `/*` brings back the whole directory.

/// Compat(flux 2.9): always left out.
const VCS: &str = ".git/,.gitignore,.gitmodules,.gitattributes";
/// Compat(flux 2.9): left out when a source has no pattern of its own anywhere.
const DEFAULTS: &str = "*.jpg,*.jpeg,*.gif,*.png,*.wmv,*.flv,*.tar.gz,*.zip,\
    .github/,.circleci/,.travis.yml,.gitlab-ci.yml,appveyor.yml,.drone.yml,cloudbuild.yaml,\
    codeship-services.yml,codeship-steps.yml,**/.goreleaser.yml,**/.sops.yaml,**/.flux.yaml";

/// Most patterns of one file; beyond that the file is not meant for us.
const MOST_PATTERNS: usize = 10_000;

/// One line of an ignore file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// Segments between slashes; more than one if the pattern is bound to its directory.
    segments: Box<[Segment]>,
    negated: bool,
    dir_only: bool,
}

/// One segment of a pattern. Nearly all are a plain name or `*` and an ending, which need no glob.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Empty,
    Anywhere,
    Name(Box<str>),
    Ending(Box<str>),
    Glob(Box<str>),
    /// `**` within a name, which go-git takes for a mistake where a path is matched.
    Mistaken(Box<str>),
}

impl Segment {
    fn parse(text: &str) -> Segment {
        let plain = |text: &str| !text.contains(['*', '?', '[', '\\']);
        match text {
            "" => Segment::Empty,
            "**" => Segment::Anywhere,
            text if text.contains("**") => Segment::Mistaken(Box::from(text)),
            text if plain(text) => Segment::Name(Box::from(text)),
            text => match text.strip_prefix('*') {
                Some(ending) if plain(ending) => Segment::Ending(Box::from(ending)),
                _ => Segment::Glob(Box::from(text)),
            },
        }
    }

    /// `None` for a malformed pattern.
    fn matches(&self, name: &str) -> Option<bool> {
        match self {
            Segment::Empty => Some(name.is_empty()),
            Segment::Anywhere => Some(true),
            Segment::Name(wanted) => Some(name == &**wanted),
            Segment::Ending(ending) => Some(name.ends_with(&**ending)),
            Segment::Glob(pattern) | Segment::Mistaken(pattern) => glob(pattern.as_bytes(), name.as_bytes()),
        }
    }
}

impl Pattern {
    /// Reads one line that is neither empty nor a comment.
    pub fn parse(line: &str) -> Pattern {
        let (negated, mut rest) = line.strip_prefix('!').map_or((false, line), |rest| (true, rest));
        if !rest.ends_with("\\ ") {
            rest = rest.trim_end_matches(' ');
        }
        let (dir_only, rest) = rest.strip_suffix('/').map_or((false, rest), |rest| (true, rest));
        Pattern { segments: rest.split('/').map(Segment::parse).collect(), negated, dir_only }
    }

    /// Whether the pattern brings files back.
    pub fn is_negated(&self) -> bool {
        self.negated
    }

    /// Whether the pattern speaks about a path relative to its directory: `Some(true)` leaves it
    /// out, `Some(false)` brings it back.
    pub fn verdict(&self, path: &[&str], is_dir: bool) -> Option<bool> {
        let matches = match &*self.segments {
            [name] => self.matches_name(name, path, is_dir),
            _ => self.matches_path(path, is_dir),
        };
        matches.then_some(!self.negated)
    }

    fn matches_name(&self, name: &Segment, path: &[&str], is_dir: bool) -> bool {
        for (i, segment) in path.iter().enumerate() {
            match name.matches(segment) {
                None => return false,
                Some(false) => {}
                Some(true) => return !(self.dir_only && !is_dir && i == path.len() - 1),
            }
        }
        false
    }

    fn matches_path(&self, path: &[&str], is_dir: bool) -> bool {
        let mut path = path;
        let mut matched = false;
        let mut anywhere = false;
        let last = self.segments.len() - 1;
        for (i, pattern) in self.segments.iter().enumerate() {
            match pattern {
                Segment::Empty => {
                    anywhere = false;
                    continue;
                }
                Segment::Anywhere if i == last => break,
                Segment::Anywhere => {
                    anywhere = true;
                    continue;
                }
                Segment::Mistaken(_) => return false,
                Segment::Name(_) | Segment::Ending(_) | Segment::Glob(_) => {}
            }
            if path.is_empty() {
                return false;
            }
            if std::mem::take(&mut anywhere) {
                while let Some((segment, rest)) = path.split_first() {
                    path = rest;
                    match pattern.matches(segment) {
                        None => return false,
                        Some(true) => {
                            matched = true;
                            break;
                        }
                        // Nothing is left to match.
                        Some(false) if path.is_empty() => matched = false,
                        Some(false) => {}
                    }
                }
            } else {
                if pattern.matches(path[0]) != Some(true) {
                    return false;
                }
                matched = true;
                path = &path[1..];
            }
        }
        matched && !(self.dir_only && !is_dir && path.is_empty())
    }
}

/// The patterns of a file's text, at most 10,000.
pub fn parse_patterns(text: &str) -> Vec<Pattern> {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
        .take(MOST_PATTERNS)
        .map(Pattern::parse)
        .collect()
}

/// What is left out of every source.
pub fn vcs_patterns() -> Vec<Pattern> {
    VCS.split(',').map(Pattern::parse).collect()
}

/// What is left out of a source that has no pattern of its own.
pub fn default_patterns() -> Vec<Pattern> {
    DEFAULTS.split(',').map(Pattern::parse).collect()
}

/// Go's `filepath.Match` on one segment; `None` for a malformed pattern. Linear but for `*`,
/// where only the last one is tried again, so the time is at most pattern times text.
fn glob(pattern: &[u8], text: &[u8]) -> Option<bool> {
    let (mut p, mut t) = (0, 0);
    // Where to resume when the text after the last `*` does not match.
    let mut star: Option<(usize, usize)> = None;
    loop {
        let step = match pattern.get(p) {
            None if t == text.len() => return Some(true),
            None => None,
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(_) => match_one(&pattern[p..], text.get(t).map(|_| &text[t..]))?,
        };
        match (step, star) {
            (Some((used, ate)), _) => {
                p += used;
                t += ate;
            }
            (None, Some((after, from))) if from < text.len() => {
                let next = from + char_len(&text[from..]);
                star = Some((after, next));
                (p, t) = (after, next);
            }
            (None, _) => return well_formed(&pattern[p..]).then_some(false),
        }
    }
}

/// Matches the first item of a pattern: how much of the pattern and of the text it takes. Outer
/// `None`: malformed.
#[expect(clippy::option_option, reason = "malformed and no match are different answers")]
fn match_one(pattern: &[u8], text: Option<&[u8]>) -> Option<Option<(usize, usize)>> {
    match pattern[0] {
        b'?' => Some(text.map(|text| (1, char_len(text)))),
        b'[' => match_class(pattern, text),
        b'\\' => {
            let literal = *pattern.get(1)?;
            Some(text.filter(|text| text[0] == literal).map(|_| (2, 1)))
        }
        literal => Some(text.filter(|text| text[0] == literal).map(|_| (1, 1))),
    }
}

#[expect(clippy::option_option, reason = "malformed and no match are different answers")]
fn match_class(pattern: &[u8], text: Option<&[u8]>) -> Option<Option<(usize, usize)>> {
    let pattern_text = std::str::from_utf8(pattern).ok()?;
    let wanted = text.and_then(|text| std::str::from_utf8(text).ok()?.chars().next());
    let mut chars = pattern_text.char_indices().skip(1).peekable();
    let negated = chars.next_if(|(_, c)| *c == '^').is_some();
    let (mut found, mut ranges) = (false, 0);
    loop {
        let (at, c) = *chars.peek()?;
        if c == ']' && ranges > 0 {
            let ate = text.map_or(0, char_len);
            return Some((wanted.is_some() && found != negated).then_some((at + 1, ate)));
        }
        let mut escaped = || -> Option<char> {
            match chars.next()?.1 {
                '-' | ']' => None,
                '\\' => Some(chars.next()?.1),
                c => Some(c),
            }
        };
        let low = escaped()?;
        let mut high = low;
        if chars.next_if(|(_, c)| *c == '-').is_some() {
            high = match chars.next()?.1 {
                '-' | ']' => return None,
                '\\' => chars.next()?.1,
                c => c,
            };
        }
        found |= wanted.is_some_and(|c| low <= c && c <= high);
        ranges += 1;
    }
}

/// Whether the rest of a pattern could match something.
fn well_formed(mut pattern: &[u8]) -> bool {
    while let Some(&first) = pattern.first() {
        let used = match first {
            b'\\' if pattern.len() < 2 => return false,
            b'\\' => 2,
            b'[' => match class_len(pattern) {
                Some(used) => used,
                None => return false,
            },
            _ => 1,
        };
        pattern = &pattern[used..];
    }
    true
}

fn class_len(pattern: &[u8]) -> Option<usize> {
    let mut i = 1 + usize::from(pattern.get(1) == Some(&b'^'));
    let mut ranges = 0;
    loop {
        match pattern.get(i)? {
            b']' if ranges > 0 => return Some(i + 1),
            b']' | b'-' => return None,
            b'\\' => i += 2,
            _ => i += 1,
        }
        if pattern.get(i) == Some(&b'-') {
            i += 1 + usize::from(pattern.get(i + 1) == Some(&b'\\')) + 1;
        }
        ranges += 1;
    }
}

fn char_len(text: &[u8]) -> usize {
    match text[0] {
        0..0xc0 => 1,
        0xc0..0xe0 => 2.min(text.len()),
        0xe0..0xf0 => 3.min(text.len()),
        0xf0.. => 4.min(text.len()),
    }
}

#[cfg(test)]
mod tests;
