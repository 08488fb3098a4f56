//! Constraints: groups joined by `||`, each of comparisons that must all hold.
//!
//! The grammar is Masterminds' own regular expressions, because what they let through by accident
//! (`>=1.2,<3`, `1.2.3 - 2`, `=1.x-0`) is in use.

mod plain;
#[cfg(test)]
mod tests;

use crate::Quoted;
use crate::reason::{Fails, Reason};
use crate::version::{Version, compare_prerelease};
use plain::Parts;
use regex::Regex;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::LazyLock;

/// The longest text that is read, in bytes, and the most groups in it (Masterminds' limits).
const MAX_LEN: usize = 512;
const MAX_GROUPS: usize = 32;

/// What versions may be, such as `>=1.2 <2 || ~3.1`.
#[derive(Clone, Debug)]
pub struct Constraints {
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
    sign: &'static str,
    operator: Operator,
    to: Version,
    /// Parts that were left out or written `x`, and so do not count.
    open: Open,
    original: String,
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

const OPERATORS: [(&str, Operator); 12] = [
    ("", Operator::Equal),
    ("=", Operator::Equal),
    ("!=", Operator::NotEqual),
    (">", Operator::Greater),
    ("<", Operator::Less),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~", Operator::Tilde),
    ("~>", Operator::Tilde),
    ("^", Operator::Caret),
];

/// Why a text is no constraint. The texts are Masterminds'.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConstraintsError {
    /// Longer than 512 bytes.
    TooLong,
    /// More than 32 groups.
    TooManyGroups,
    /// This group does not have the shape of comparisons.
    Improper(String),
    /// A version in it is none, such as `1x.2`.
    Version,
}

impl fmt::Display for ConstraintsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConstraintsError::TooLong => f.write_str("constraint string is too long (max 512 bytes)"),
            ConstraintsError::TooManyGroups => f.write_str("too many constraint groups (max 32)"),
            ConstraintsError::Improper(group) => write!(f, "improper constraint: {}", Quoted(group)),
            ConstraintsError::Version => f.write_str("constraint parser error"),
        }
    }
}

impl std::error::Error for ConstraintsError {}

/// The four shapes. Go's `\s` is these five characters.
struct Shapes {
    one: Regex,
    hyphen: Regex,
    find: Regex,
    valid: Regex,
}

static SHAPES: LazyLock<Shapes> = LazyLock::new(|| {
    const VERSION: &str = concat!(
        r"v?([0-9|x|X|*]+)(\.[0-9|x|X|*]+)?(\.[0-9|x|X|*]+)?",
        r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?",
        r"(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?"
    );
    const SIGNS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";
    const SPACE: &str = r"[\t\n\f\r ]";
    let compile = |pattern: String| Regex::new(&pattern).expect("a constant pattern compiles");
    Shapes {
        one: compile(format!("^{SPACE}*({SIGNS}){SPACE}*({VERSION}){SPACE}*$")),
        hyphen: compile(format!("{SPACE}*({VERSION}){SPACE}+-{SPACE}+({VERSION}){SPACE}*")),
        find: compile(format!("({SIGNS}){SPACE}*({VERSION})")),
        valid: compile(format!(
            "^({SPACE}*({SIGNS}){SPACE}*({VERSION}){SPACE}*)((?:{SPACE}+|,{SPACE}*)({SIGNS}){SPACE}*({VERSION}){SPACE}*)*$"
        )),
    }
});

impl Constraints {
    /// Reads constraints.
    pub fn parse(text: &str) -> Result<Constraints, ConstraintsError> {
        if text.len() > MAX_LEN {
            return Err(ConstraintsError::TooLong);
        }
        let text = without_hyphen_ranges(text);
        let groups: Vec<&str> = text.split("||").collect();
        if groups.len() > MAX_GROUPS {
            return Err(ConstraintsError::TooManyGroups);
        }
        Ok(Constraints { groups: groups.into_iter().map(Group::parse).collect::<Result<_, _>>()? })
    }

    /// Whether a version satisfies the constraints.
    pub fn check(&self, version: &Version) -> bool {
        let holds = |group: &Group| group.all.iter().all(|c| c.check(version, group.admits_pre).is_ok());
        self.groups.iter().any(holds)
    }

    /// As [`Constraints::check`], with every comparison that fails.
    pub fn validate(&self, version: &Version) -> Result<(), Vec<Reason>> {
        let mut reasons: Vec<Reason> = Vec::new();
        for group in &self.groups {
            let mut holds = true;
            for comparison in &group.all {
                let Err(kind) = comparison.check(version, group.admits_pre) else { continue };
                holds = false;
                if kind != Fails::Prerelease || !reasons.iter().any(Reason::is_prerelease) {
                    reasons.push(Reason::new(version, &comparison.original, kind));
                }
            }
            if holds {
                return Ok(());
            }
        }
        Err(reasons)
    }

    /// The highest version that satisfies the constraints. Of versions that differ in their build
    /// metadata only, the one with the greater `tie` wins.
    pub fn highest<T: Ord>(
        &self,
        versions: impl Iterator<Item = Version>,
        tie: impl Fn(&Version) -> T,
    ) -> Option<Version> {
        versions
            .filter(|version| self.check(version))
            .max_by(|a, b| a.compare(b).then_with(|| tie(a).cmp(&tie(b))).then_with(|| a.original().cmp(b.original())))
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, group) in self.groups.iter().enumerate() {
            f.write_str(if i > 0 { " || " } else { "" })?;
            for (i, comparison) in group.all.iter().enumerate() {
                f.write_str(if i > 0 { " " } else { "" })?;
                write!(f, "{}{}", comparison.sign, comparison.original)?;
            }
        }
        Ok(())
    }
}

/// `1.2 - 2.3` is `>= 1.2, <= 2.3`.
fn without_hyphen_ranges(text: &str) -> Cow<'_, str> {
    if !plain::may_hold_a_range(text) {
        return Cow::Borrowed(text);
    }
    let mut out = text.to_owned();
    for found in SHAPES.hyphen.captures_iter(text) {
        out = out.replacen(&found[0], &format!(">= {}, <= {} ", &found[1], &found[11]), 1);
    }
    Cow::Owned(out)
}

impl Group {
    fn parse(text: &str) -> Result<Group, ConstraintsError> {
        let comparisons = plain::comparisons(text).map_or_else(|| by_shapes(text), Ok)?;
        let all = comparisons.into_iter().map(Comparison::new).collect::<Result<Vec<_>, _>>()?;
        let admits_pre = all.iter().any(|comparison| !comparison.to.pre.is_empty());
        Ok(Group { all, admits_pre })
    }
}

/// The comparisons of a group by the expressions.
fn by_shapes(text: &str) -> Result<Vec<Parts<'_>>, ConstraintsError> {
    if !SHAPES.valid.is_match(text) {
        return Err(ConstraintsError::Improper(text.to_owned()));
    }
    let one = |text| {
        let found = SHAPES.one.captures(text).ok_or_else(|| ConstraintsError::Improper(String::from(text)))?;
        let part = |i: usize| found.get(i).map_or("", |m| m.as_str());
        Ok(Parts { sign: part(1), version: part(2), numbers: [part(3), part(4), part(5)], pre: part(6) })
    };
    SHAPES.find.find_iter(text).map(|m| one(m.as_str())).collect()
}

impl Comparison {
    fn new(parts: Parts<'_>) -> Result<Comparison, ConstraintsError> {
        let is_open = |part: &str| matches!(part.strip_prefix('.').unwrap_or(part), "" | "x" | "X" | "*");
        let Parts { version: written, numbers: [major, minor, patch], pre, .. } = parts;
        let (open, complete) = match () {
            () if is_open(major) => (Open::All, format!("0.0.0{pre}")),
            () if is_open(minor) => (Open::Minor, format!("{major}.0.0{pre}")),
            () if is_open(patch) => (Open::Patch, format!("{major}{minor}.0{pre}")),
            () => (Open::Nothing, written.to_owned()),
        };
        let to = Version::coerced(&complete).map_err(|_| ConstraintsError::Version)?;
        let (sign, operator) =
            *OPERATORS.iter().find(|(sign, _)| *sign == parts.sign).ok_or(ConstraintsError::Version)?;
        Ok(Comparison { sign, operator, to, open, original: written.to_owned() })
    }

    fn check(&self, version: &Version, admits_pre: bool) -> Result<(), Fails> {
        if !version.pre.is_empty() && !admits_pre {
            return Err(Fails::Prerelease);
        }
        let order = version.compare(&self.to);
        let fails = |yes: bool, kind: Fails| if yes { Err(kind) } else { Ok(()) };
        match self.operator {
            Operator::Equal if self.open == Open::Nothing => fails(order.is_ne(), Fails::NotEqual),
            Operator::Equal | Operator::Tilde => self.tilde(version, order),
            Operator::NotEqual => fails(!self.differs(version, order), Fails::Equal),
            Operator::Greater => fails(!self.is_exceeded(version, order), Fails::LessOrEqual),
            Operator::Less => fails(order.is_ge(), Fails::GreaterOrEqual),
            Operator::GreaterOrEqual => fails(order.is_lt(), Fails::Less),
            Operator::LessOrEqual => fails(!self.reaches(version, order), Fails::Greater),
            Operator::Caret => self.caret(version, order),
        }
    }

    fn tilde(&self, version: &Version, order: Ordering) -> Result<(), Fails> {
        if order.is_lt() {
            return Err(Fails::Less);
        }
        let to = &self.to;
        if (to.major, to.minor, to.patch) == (0, 0, 0) && !matches!(self.open, Open::Minor | Open::Patch) {
            return Ok(());
        }
        if version.major != to.major {
            return Err(Fails::OtherMajor);
        }
        if version.minor != to.minor && self.open != Open::Minor {
            return Err(Fails::OtherMajorOrMinor);
        }
        Ok(())
    }

    fn differs(&self, version: &Version, order: Ordering) -> bool {
        let to = &self.to;
        match self.open {
            Open::Minor => version.major != to.major,
            Open::Patch => {
                (version.major, version.minor) != (to.major, to.minor)
                    || compare_prerelease(&version.pre, &to.pre).is_ne()
            }
            Open::All | Open::Nothing => {
                (version.major, version.minor, version.patch) != (to.major, to.minor, to.patch) || order.is_ne()
            }
        }
    }

    /// `>11` means greater than all of 11, `>11.1` greater than all of 11.1.
    fn is_exceeded(&self, version: &Version, order: Ordering) -> bool {
        match self.open {
            Open::Minor => version.major > self.to.major,
            Open::Patch => (version.major, version.minor) > (self.to.major, self.to.minor),
            Open::All | Open::Nothing => order.is_gt(),
        }
    }

    /// `<=11` means up to all of 11.
    fn reaches(&self, version: &Version, order: Ordering) -> bool {
        match self.open {
            Open::Nothing => order.is_le(),
            Open::Minor => version.major <= self.to.major,
            Open::Patch | Open::All => (version.major, version.minor) <= (self.to.major, self.to.minor),
        }
    }

    fn caret(&self, version: &Version, order: Ordering) -> Result<(), Fails> {
        let to = &self.to;
        let fails = |yes: bool, kind: Fails| if yes { Err(kind) } else { Ok(()) };
        if order.is_lt() {
            return Err(Fails::Less);
        }
        if to.major > 0 || self.open == Open::Minor || version.major > 0 {
            return fails(version.major != to.major, Fails::OtherMajor);
        }
        if to.minor > 0 || self.open == Open::Patch {
            return fails(version.minor != to.minor, Fails::OtherMinorOfZero);
        }
        if version.minor > 0 {
            return Err(Fails::OtherMinor);
        }
        fails(version.patch != to.patch, Fails::OtherPatchOfZero)
    }
}
