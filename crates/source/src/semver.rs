//! Versions and ranges as Masterminds' `semver` v3 reads them. Versions here are strict: three
//! parts, a leading `v` allowed, as Flux wants its tags; ranges may leave parts out (`1.x`).

use std::cmp::Ordering;
use std::fmt;

/// A version of three parts, such as `v1.2.3-rc.1+build`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    parts: [u64; 3],
    pre: String,
    build: String,
    original: String,
}

impl Version {
    /// Reads a strict version; `None` if it is none.
    pub fn parse(text: &str) -> Option<Version> {
        let rest = text.strip_prefix('v').unwrap_or(text);
        // Masterminds' own limit.
        if rest.len() > 256 {
            return None;
        }
        let (rest, build) = split_tail(rest, '+')?;
        let (core, pre) = split_tail(rest, '-')?;
        let mut numbers = core.split('.').map(number);
        let parts = [numbers.next()??, numbers.next()??, numbers.next()??];
        let starts_with_zero = |id: &str| id.len() > 1 && id.starts_with('0') && id.bytes().all(|b| b.is_ascii_digit());
        if numbers.next().is_some() || pre.split('.').any(starts_with_zero) {
            return None;
        }
        Some(Version { parts, pre: pre.to_owned(), build: build.to_owned(), original: text.to_owned() })
    }

    /// The text that was read.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Precedence; build metadata does not count.
    pub fn compare(&self, other: &Version) -> Ordering {
        self.parts.cmp(&other.parts).then_with(|| compare_pre(&self.pre, &other.pre))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.original)
    }
}

/// `a.b-c` into `a.b` and `c`; `None` if the tail is there but no list of identifiers.
fn split_tail(text: &str, separator: char) -> Option<(&str, &str)> {
    let Some((head, tail)) = text.split_once(separator) else { return Some((text, "")) };
    let is_identifier = |id: &str| !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    tail.split('.').all(is_identifier).then_some((head, tail))
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if plain && !leading_zero { text.parse().ok() } else { None }
}

fn compare_pre(a: &str, b: &str) -> Ordering {
    match (a.is_empty(), b.is_empty()) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Greater,
        (false, true) => return Ordering::Less,
        (false, false) => {}
    }
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(left), Some(right)) => (left, right),
        };
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            (Ok(left), Ok(right)) => left.cmp(&right),
            (Ok(_), Err(_)) => Ordering::Less,
            (Err(_), Ok(_)) => Ordering::Greater,
            (Err(_), Err(_)) => left.cmp(right),
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// A range of versions: groups joined by `||`, each of comparisons that must all hold.
#[derive(Clone, Debug)]
pub struct Range {
    groups: Vec<Group>,
}

#[derive(Clone, Debug)]
struct Group {
    all: Vec<Comparison>,
    /// Whether a comparison of the group names a prerelease; then all of them admit prereleases.
    admits_pre: bool,
}

#[derive(Clone, Debug)]
struct Comparison {
    operator: Operator,
    to: Version,
    /// Parts that were left out or written `x`, and so do not count.
    open: Open,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Nothing,
    Patch,
    Minor,
    All,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longest first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("=", Operator::Equal),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
];

impl Range {
    /// Reads a range. The error is Masterminds' text.
    pub fn parse(text: &str) -> Result<Range, String> {
        if text.len() > 4096 {
            return Err("improper constraint: longer than 4096 bytes".to_owned());
        }
        let improper = |part: &str| format!("improper constraint: {part}");
        let group = |part: &str| parse_group(part).ok_or_else(|| improper(part));
        Ok(Range { groups: text.split("||").map(group).collect::<Result<_, _>>()? })
    }

    /// Whether a version is within the range.
    pub fn contains(&self, version: &Version) -> bool {
        self.groups.iter().any(|group| group.all.iter().all(|c| c.holds(version, group.admits_pre)))
    }

    /// The highest version of `versions` within the range. Of versions that differ in their build
    /// metadata only, the one with the greater `tie` wins.
    pub fn highest<T: Ord>(
        &self,
        versions: impl Iterator<Item = Version>,
        tie: impl Fn(&Version) -> T,
    ) -> Option<Version> {
        versions
            .filter(|version| self.contains(version))
            .max_by(|a, b| a.compare(b).then_with(|| tie(a).cmp(&tie(b))).then_with(|| a.original.cmp(&b.original)))
    }
}

fn parse_group(text: &str) -> Option<Group> {
    let text = text.trim();
    let mut all = Vec::new();
    if text.is_empty() {
        all.push(Comparison::parse(Operator::Equal, "*")?);
    }
    let mut rest = text;
    while !rest.is_empty() {
        let (operator, after) = take_operator(rest);
        let (version, after) = take_version(after.trim_start());
        // `1.2 - 2.3` is `>=1.2 <=2.3`.
        if let (None, Some(upper)) = (operator, after.strip_prefix(char::is_whitespace).and_then(range_dash)) {
            let (upper, after) = take_version(upper);
            all.push(Comparison::parse(Operator::GreaterOrEqual, version)?);
            all.push(Comparison::parse(Operator::LessOrEqual, upper)?);
            rest = after.trim_start();
        } else {
            all.push(Comparison::parse(operator.unwrap_or(Operator::Equal), version)?);
            rest = after.trim_start();
        }
        if let Some(after) = rest.strip_prefix(',') {
            rest = after.trim_start();
            if rest.is_empty() {
                return None;
            }
        }
    }
    let admits_pre = all.iter().any(|comparison| !comparison.to.pre.is_empty());
    Some(Group { all, admits_pre })
}

fn take_operator(text: &str) -> (Option<Operator>, &str) {
    for (sign, operator) in OPERATORS {
        if let Some(rest) = text.strip_prefix(sign) {
            return (Some(operator), rest);
        }
    }
    (None, text)
}

fn take_version(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(text.len()))
}

fn range_dash(text: &str) -> Option<&str> {
    let rest = text.trim_start().strip_prefix('-')?;
    rest.starts_with(char::is_whitespace).then(|| rest.trim_start())
}

impl Comparison {
    fn parse(operator: Operator, text: &str) -> Option<Comparison> {
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (rest, build) = split_tail(bare, '+')?;
        let (core, pre) = split_tail(rest, '-')?;
        let is_x = |part: &str| matches!(part, "x" | "X" | "*");
        let parts: Vec<&str> = core.split('.').collect();
        if parts.len() > 3 || parts.iter().any(|part| !is_x(part) && part.parse::<u64>().is_err()) {
            return None;
        }
        let open_at = |i: usize| parts.get(i).is_none_or(|part| is_x(part));
        let open = match () {
            () if open_at(0) => Open::All,
            () if open_at(1) => Open::Minor,
            () if open_at(2) => Open::Patch,
            () => Open::Nothing,
        };
        let kept = match open {
            Open::All => 0,
            Open::Minor => 1,
            Open::Patch => 2,
            Open::Nothing => 3,
        };
        let mut numbers = [0; 3];
        for (number, part) in numbers.iter_mut().zip(&parts).take(kept) {
            *number = part.parse().ok()?;
        }
        let to = Version { parts: numbers, pre: pre.to_owned(), build: build.to_owned(), original: text.to_owned() };
        Some(Comparison { operator, to, open })
    }

    fn holds(&self, version: &Version, admits_pre: bool) -> bool {
        if !version.pre.is_empty() && self.to.pre.is_empty() && !admits_pre {
            return false;
        }
        let order = version.compare(&self.to);
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => order == Ordering::Equal,
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater => self.greater(version),
            Operator::Less => order == Ordering::Less,
            Operator::GreaterOrEqual => order != Ordering::Less,
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Caret => self.caret(version),
        }
    }

    fn tilde(&self, version: &Version) -> bool {
        let ([major, minor, _], to) = (version.parts, self.to.parts);
        if version.compare(&self.to) == Ordering::Less {
            return false;
        }
        if to == [0, 0, 0] && !matches!(self.open, Open::Minor | Open::Patch) {
            return true;
        }
        major == to[0] && (minor == to[1] || self.open == Open::Minor)
    }

    fn not_equal(&self, version: &Version) -> bool {
        let ([major, minor, _], to) = (version.parts, self.to.parts);
        match self.open {
            Open::Minor => major != to[0],
            Open::Patch => (major, minor) != (to[0], to[1]) || compare_pre(&version.pre, &self.to.pre).is_ne(),
            Open::All | Open::Nothing => version.compare(&self.to).is_ne(),
        }
    }

    /// `>11` means greater than all of 11, `>11.1` greater than all of 11.1.
    fn greater(&self, version: &Version) -> bool {
        let ([major, minor, _], to) = (version.parts, self.to.parts);
        match self.open {
            Open::Minor => major > to[0],
            Open::Patch => (major, minor) > (to[0], to[1]),
            Open::All | Open::Nothing => version.compare(&self.to).is_gt(),
        }
    }

    /// `<=11` means up to all of 11.
    fn less_or_equal(&self, version: &Version) -> bool {
        let ([major, minor, _], to) = (version.parts, self.to.parts);
        match self.open {
            Open::Nothing => version.compare(&self.to).is_le(),
            Open::Minor => major <= to[0],
            Open::Patch | Open::All => (major, minor) <= (to[0], to[1]),
        }
    }

    fn caret(&self, version: &Version) -> bool {
        let ([major, minor, patch], to) = (version.parts, self.to.parts);
        if version.compare(&self.to) == Ordering::Less {
            return false;
        }
        if to[0] > 0 || self.open == Open::Minor {
            return major == to[0];
        }
        if major > 0 {
            return false;
        }
        if to[1] > 0 || self.open == Open::Patch {
            return minor == to[1];
        }
        minor == 0 && patch == to[2]
    }
}

#[cfg(test)]
mod tests;
