//! Why a version does not satisfy a comparison, in Masterminds' words.

use crate::Quoted;
use std::fmt;

/// One comparison that a version fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    version: String,
    constraint: String,
    kind: Fails,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fails {
    /// The version is a prerelease, which the constraint did not ask for.
    Prerelease,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    OtherMajor,
    OtherMajorOrMinor,
    OtherMinorOfZero,
    OtherMinor,
    OtherPatchOfZero,
}

impl Reason {
    pub(crate) fn new(version: &impl fmt::Display, constraint: &str, kind: Fails) -> Reason {
        Reason { version: version.to_string(), constraint: constraint.to_owned(), kind }
    }

    /// Whether the version fails only for being a prerelease.
    pub fn is_prerelease(&self) -> bool {
        self.kind == Fails::Prerelease
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (between, after) = match self.kind {
            Fails::Prerelease => {
                let text = "is a prerelease version and the constraint is only looking for release versions";
                return write!(f, "{} {text}", Quoted(&self.version));
            }
            Fails::Equal => ("is equal to", ""),
            Fails::NotEqual => ("is not equal to", ""),
            Fails::Less => ("is less than", ""),
            Fails::LessOrEqual => ("is less than or equal to", ""),
            Fails::Greater => ("is greater than", ""),
            Fails::GreaterOrEqual => ("is greater than or equal to", ""),
            Fails::OtherMajor => ("does not have same major version as", ""),
            Fails::OtherMajorOrMinor => ("does not have same major and minor version as", ""),
            Fails::OtherMinor => ("does not have same minor version as", ""),
            Fails::OtherMinorOfZero => (
                "does not have same minor version as",
                ". Expected minor versions to match when constraint major version is 0",
            ),
            Fails::OtherPatchOfZero => {
                ("does not equal", ". Expect version and constraint to equal when major and minor versions are 0")
            }
        };
        write!(f, "{} {between} {}{after}", Quoted(&self.version), Quoted(&self.constraint))
    }
}
