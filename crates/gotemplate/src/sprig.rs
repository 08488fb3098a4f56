//! Sprig's functions.

use crate::function::Functions;

/// Adds Sprig's functions.
pub fn register(_functions: &mut Functions) {}
