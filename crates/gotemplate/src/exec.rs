//! The executor.

use crate::context::Context;
use crate::error::Error;
use crate::set::Template;
use crate::value::Value;

/// Executes a template.
pub(crate) fn execute(_ctx: &mut Context, _template: &Template, _dot: &Value) -> Result<Vec<u8>, Error> {
    Err(Error::new("not built"))
}
