//! Versions and ranges as Helm asks for them.

use belay_semver::{Constraints, Version};

/// Whether a text is a version; parts may be missing.
pub(crate) fn is_version(text: &str) -> bool {
    Version::coerced(text).is_ok()
}

/// Whether a version is in a range; false where one of them does not parse.
pub(crate) fn is_compatible(range: &str, version: &str) -> bool {
    match (Constraints::parse(range), Version::coerced(version)) {
        (Ok(range), Ok(version)) => range.check(&version),
        _ => false,
    }
}
