//! The parser: a text to compiled templates.
//!
//! It accepts and refuses what Go 1.26's `text/template/parse` does, in its words. Functions are
//! looked up while parsing.

mod lex;
mod number;
mod parser;
mod print;
pub(crate) mod quote;
pub(crate) mod tree;

use std::sync::Arc;

use crate::error::{Error, ErrorKind};
use crate::function::Functions;
use crate::set::Template;

pub(crate) use lex::decode;

/// The longest text. Helm's own limit for a file is 5 MiB; parsed, a text of nothing but `{{.}}`
/// takes some 40 times its size.
const MAX_BYTES: usize = 8 << 20;

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

/// Parses a text (bytes, mostly UTF-8) as the template of a name. Functions must be known.
///
/// Errors are of [`ErrorKind::Parse`]: `template: NAME:LINE: ...`.
pub fn parse(name: &str, text: impl AsRef<[u8]>, functions: &Functions) -> Result<Parsed, Error> {
    parse_shared(name, &text.as_ref().into(), functions)
}

/// The same for a text that is held anyway: the templates share it.
pub fn parse_shared(name: &str, text: &Arc<[u8]>, functions: &Functions) -> Result<Parsed, Error> {
    if text.len() > MAX_BYTES {
        let message = format!("template: {name}:1: text is longer than {MAX_BYTES} bytes");
        return Err(Error::of(ErrorKind::Parse, message));
    }
    let (tree, roots) = parser::parse(name, text, functions)?;
    let tree = Arc::new(tree);
    let template = |root: parser::Root| {
        Arc::new(Template { name: root.name, tree: Arc::clone(&tree), root: root.list, empty: root.empty })
    };
    Ok(Parsed { templates: roots.into_iter().map(template).collect() })
}
