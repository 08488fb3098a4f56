//! A version: reading, printing, order, increments.

use std::cmp::Ordering;
use std::fmt;

/// The longest version that is read, in bytes (Masterminds' limit).
const MAX_VERSION_LEN: usize = 256;

/// A semantic version. Two are equal if they were read from the same text; [`Version::compare`]
/// tells precedence.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) pre: String,
    metadata: String,
    original: String,
}

/// Why a text is no version. The texts are Masterminds'.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionError {
    /// The shape is not that of a version.
    Invalid,
    /// Nothing to read.
    Empty,
    /// A part that must be a number has other characters.
    Characters,
    /// A numeric part begins with 0.
    LeadingZero,
    /// What follows `+`.
    Metadata,
    /// What follows `-`.
    Prerelease,
    /// Longer than 256 bytes.
    TooLong,
    /// A number beyond 64 bits, or an empty one. `coerced` says whether the reader was lenient,
    /// which decides about the text.
    Segment {
        /// The part as written.
        part: String,
        /// Read by [`Version::coerced`].
        coerced: bool,
    },
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            VersionError::Invalid => "invalid semantic version",
            VersionError::Empty => "version string empty",
            VersionError::Characters => "invalid characters in version",
            VersionError::LeadingZero => "version segment starts with 0",
            VersionError::Metadata => "invalid metadata string",
            VersionError::Prerelease => "invalid prerelease string",
            VersionError::TooLong => "version string is too long (max 256 bytes)",
            VersionError::Segment { part, coerced } => {
                let why = if part.is_empty() { "invalid syntax" } else { "value out of range" };
                let lead = if *coerced { "error parsing version segment: " } else { "" };
                return write!(f, "{lead}strconv.ParseUint: parsing {}: {why}", crate::Quoted(part));
            }
        })
    }
}

impl std::error::Error for VersionError {}

impl Version {
    /// A version of these parts, none of which is checked.
    pub fn new(major: u64, minor: u64, patch: u64, pre: &str, metadata: &str) -> Version {
        let mut version = Version {
            major,
            minor,
            patch,
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: String::new(),
        };
        version.original = version.to_string();
        version
    }

    /// Reads exactly what semver.org allows: three numbers without leading zeros, no `v`.
    pub fn strict(text: &str) -> Result<Version, VersionError> {
        if text.is_empty() {
            return Err(VersionError::Empty);
        }
        if text.len() > MAX_VERSION_LEN {
            return Err(VersionError::TooLong);
        }
        let mut parts = text.splitn(3, '.');
        let (Some(major), Some(minor), Some(rest)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VersionError::Invalid);
        };
        let (rest, metadata) = rest.split_once('+').map_or((rest, None), |(r, m)| (r, Some(m)));
        if let Some(metadata) = metadata {
            validate_metadata(metadata)?;
        }
        let (patch, pre) = rest.split_once('-').map_or((rest, None), |(r, p)| (r, Some(p)));
        if let Some(pre) = pre {
            validate_prerelease(pre)?;
        }
        for part in [major, minor, patch] {
            if !is_digits(part) {
                return Err(VersionError::Characters);
            }
            if starts_with_zero(part) {
                return Err(VersionError::LeadingZero);
            }
        }
        Ok(Version {
            major: number(major, false)?,
            minor: number(minor, false)?,
            patch: number(patch, false)?,
            pre: pre.unwrap_or_default().to_owned(),
            metadata: metadata.unwrap_or_default().to_owned(),
            original: text.to_owned(),
        })
    }

    /// Reads what resembles a version: a leading `v`, absent parts and leading zeros are fine.
    pub fn coerced(text: &str) -> Result<Version, VersionError> {
        if text.len() > MAX_VERSION_LEN {
            return Err(VersionError::TooLong);
        }
        let bare = text.strip_prefix('v').unwrap_or(text);
        let (rest, metadata) = split_tail(bare, '+').ok_or(VersionError::Invalid)?;
        let (core, pre) = split_tail(rest, '-').ok_or(VersionError::Invalid)?;
        let mut parts = core.splitn(4, '.');
        let [major, minor, patch] = [parts.next(), parts.next(), parts.next()];
        let given = [major, minor, patch].into_iter().flatten();
        if parts.next().is_some() || given.into_iter().any(|part| part.is_empty() || !is_digits(part)) {
            return Err(VersionError::Invalid);
        }
        let read = |part: Option<&str>| part.map_or(Ok(0), |part| number(part, true));
        let (major, minor, patch) = (read(major)?, read(minor)?, read(patch)?);
        if !pre.is_empty() {
            validate_prerelease(pre)?;
        }
        let (pre, metadata) = (pre.to_owned(), metadata.to_owned());
        Ok(Version { major, minor, patch, pre, metadata, original: text.to_owned() })
    }

    /// Reads a tag's version as Flux does: strict but for one leading `v`, which
    /// [`Version::original`] keeps.
    pub fn tag(text: &str) -> Result<Version, VersionError> {
        let mut version = Version::strict(text.strip_prefix('v').unwrap_or(text))?;
        text.clone_into(&mut version.original);
        Ok(version)
    }

    /// The first number.
    pub fn major(&self) -> u64 {
        self.major
    }

    /// The second number.
    pub fn minor(&self) -> u64 {
        self.minor
    }

    /// The third number.
    pub fn patch(&self) -> u64 {
        self.patch
    }

    /// What follows `-`, or nothing.
    pub fn prerelease(&self) -> &str {
        &self.pre
    }

    /// What follows `+`, or nothing.
    pub fn metadata(&self) -> &str {
        &self.metadata
    }

    /// The text that was read.
    pub fn original(&self) -> &str {
        &self.original
    }

    /// Precedence; build metadata does not count.
    pub fn compare(&self, other: &Version) -> Ordering {
        let parts = |v: &Version| [v.major, v.minor, v.patch];
        parts(self).cmp(&parts(other)).then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_prerelease(&self.pre, &other.pre),
        })
    }

    /// The next patch version; of a prerelease, its release. `None` beyond 64 bits.
    pub fn increment_patch(&self) -> Option<Version> {
        let patch = if self.pre.is_empty() { self.patch.checked_add(1)? } else { self.patch };
        Some(self.succeeded_by(self.major, self.minor, patch))
    }

    /// The next minor version. `None` beyond 64 bits.
    pub fn increment_minor(&self) -> Option<Version> {
        Some(self.succeeded_by(self.major, self.minor.checked_add(1)?, 0))
    }

    /// The next major version. `None` beyond 64 bits.
    pub fn increment_major(&self) -> Option<Version> {
        Some(self.succeeded_by(self.major.checked_add(1)?, 0, 0))
    }

    /// The same version with another prerelease; empty for none.
    pub fn with_prerelease(&self, pre: &str) -> Result<Version, VersionError> {
        if !pre.is_empty() {
            validate_prerelease(pre)?;
        }
        Ok(self.prefixed(Version::new(self.major, self.minor, self.patch, pre, &self.metadata)))
    }

    /// The same version with other build metadata; empty for none.
    pub fn with_metadata(&self, metadata: &str) -> Result<Version, VersionError> {
        if !metadata.is_empty() {
            validate_metadata(metadata)?;
        }
        Ok(self.prefixed(Version::new(self.major, self.minor, self.patch, &self.pre, metadata)))
    }

    fn succeeded_by(&self, major: u64, minor: u64, patch: u64) -> Version {
        self.prefixed(Version::new(major, minor, patch, "", ""))
    }

    /// A version made from this one keeps its `v`.
    fn prefixed(&self, mut made: Version) -> Version {
        if self.original.starts_with('v') {
            made.original.insert(0, 'v');
        }
        made
    }
}

/// The version in full, without a `v` and with parts that were left out.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

/// `a.b-c` into `a.b` and `c`; `None` if the tail is there but no list of identifiers.
fn split_tail(text: &str, separator: char) -> Option<(&str, &str)> {
    let Some((head, tail)) = text.split_once(separator) else { return Some((text, "")) };
    tail.split('.').all(is_identifier).then_some((head, tail))
}

fn is_identifier(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

fn is_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

fn starts_with_zero(text: &str) -> bool {
    text.len() > 1 && text.starts_with('0')
}

fn number(part: &str, coerced: bool) -> Result<u64, VersionError> {
    part.parse().map_err(|_| VersionError::Segment { part: part.to_owned(), coerced })
}

fn validate_prerelease(pre: &str) -> Result<(), VersionError> {
    for id in pre.split('.') {
        if !is_identifier(id) {
            return Err(VersionError::Prerelease);
        }
        if is_digits(id) && starts_with_zero(id) {
            return Err(VersionError::LeadingZero);
        }
    }
    Ok(())
}

fn validate_metadata(metadata: &str) -> Result<(), VersionError> {
    if metadata.split('.').all(is_identifier) { Ok(()) } else { Err(VersionError::Metadata) }
}

/// The order of two prereleases, either of which may be empty (and is then the lesser).
pub(crate) fn compare_prerelease(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (left, right) = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (left, right) => (left.unwrap_or_default(), right.unwrap_or_default()),
        };
        let order = match (left.parse::<u64>(), right.parse::<u64>()) {
            _ if left.is_empty() || right.is_empty() => left.len().cmp(&right.len()),
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
