//! Semantic versions and constraints in the dialect of Masterminds' `semver` 3.5, which Helm, Flux
//! and Sprig speak: three ways of reading a version, and constraints with operators, wildcards,
//! hyphen ranges, tilde, caret and the rule that prereleases must be asked for.
//!
//! A [`Version`] is read by [`Version::strict`], [`Version::coerced`] or [`Version::tag`]; a
//! [`Constraints`] is asked by [`Constraints::check`], or by [`Constraints::validate`] for the
//! reasons. Error texts are Masterminds' own. What has versions is none of this crate's business.
#![warn(missing_docs)]

mod constraint;
mod reason;
mod version;

pub use constraint::{Constraints, ConstraintsError};
pub use reason::Reason;
pub use version::{Version, VersionError};

use std::fmt;

/// Writes text in double quotes as Go's `%q` does.
struct Quoted<'a>(&'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\x07' => f.write_str("\\a")?,
                '\x08' => f.write_str("\\b")?,
                '\x0b' => f.write_str("\\v")?,
                '\x0c' => f.write_str("\\f")?,
                c if (c as u32) < 0x20 || c == '\x7f' => write!(f, "\\x{:02x}", c as u32)?,
                c if c.is_control() => write!(f, "\\u{:04x}", c as u32)?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

#[cfg(test)]
mod tests;
