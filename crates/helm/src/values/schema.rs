//! `values.schema.json`: JSON Schema, draft 4 to 2020-12, with the texts of the library that Helm
//! uses.
//!
//! The whole of a schema that can be reached from its root is looked through first: a reference
//! that leads nowhere and a pattern that does not parse are errors even where no value meets them.
//! Nothing is fetched: a reference to another document is an error (Helm would ask the network
//! here), one to a `urn:` or to a schema of JSON Schema itself accepts everything. That a schema is
//! itself well-formed is not checked: keywords of the wrong type are passed over.

mod document;
mod format;
#[cfg(test)]
mod tests;
mod validate;

use belay_gotemplate::{Map, Value as TemplateValue, lossy};
use belay_object::Value;

use crate::dependencies::Node;
use crate::error::{Error, ErrorKind, Result};

/// Checks the coalesced values of a chart and of those dependencies that have values.
pub(crate) fn check(node: &Node<'_>, values: &Map) -> Result<()> {
    if !has_schema(node) {
        return Ok(());
    }
    let values = TemplateValue::Map(values.clone()).to_object().map_err(|e| Error::values(e.to_string()))?;
    let mut text = String::new();
    check_chart(node, &values, &mut text);
    if text.is_empty() {
        return Ok(());
    }
    let message = format!("values don't meet the specifications of the schema(s) in the following chart(s):\n{text}");
    Err(Error::new(ErrorKind::Schema, message))
}

fn has_schema(node: &Node<'_>) -> bool {
    node.chart.schema.is_some() || node.dependencies.iter().any(has_schema)
}

fn check_chart(node: &Node<'_>, values: &Value, text: &mut String) {
    if let Some(schema) = &node.chart.schema
        && let Err(why) = validate(&schema.data, values)
    {
        text.push_str(&format!("{}:\n{why}", node.name()));
    }
    for child in &node.dependencies {
        match values.get(child.name()) {
            None | Some(Value::Null) => {}
            Some(section @ Value::Object(_)) => check_chart(child, section, text),
            Some(other) => {
                let found = match other {
                    Value::Bool(_) => "bool",
                    Value::Str(_) => "string",
                    Value::Array(_) => "[]interface {}",
                    _ => "float64",
                };
                let name = child.name();
                text.push_str(&format!("{name}:\ninvalid type for values: expected object (map), got {found}\n"));
            }
        }
    }
}

/// Checks values against one schema; the error is Helm's text.
pub(crate) fn validate(schema: &[u8], values: &Value) -> Result<(), String> {
    let text = lossy(schema);
    let schema = crate::go::parse_json(&text)?;
    let document = document::Document::new(&schema)?;
    match validate::run(&document, values, validate::MAX_STEPS) {
        None => Ok(()),
        Some(failures) => {
            let mut text = String::new();
            failures.iter().for_each(|failure| failure.write(&mut text, 0));
            Err(format!("{}\n", text.trim_start_matches('\n')))
        }
    }
}
