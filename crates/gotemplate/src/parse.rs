//! The parser: a text to compiled templates.

pub(crate) mod tree;

use std::sync::Arc;

use crate::error::Error;
use crate::function::Functions;
use crate::set::Template;

/// The templates of one text: that of the text itself, and those it defines. Free of the values
/// and the set that they are executed with: any number of threads may share it.
#[derive(Clone, Debug)]
pub struct Parsed {
    templates: Vec<Arc<Template>>,
}

impl Parsed {
    /// The templates, the text's own last.
    pub fn templates(&self) -> &[Arc<Template>] {
        &self.templates
    }
}

/// Parses a text as the template of a name. Functions must be known, as Go has it.
pub fn parse(_name: &str, _text: &str, _functions: &Functions) -> Result<Parsed, Error> {
    Err(Error::new("not built"))
}
