//! A custom resource's columns, from its definition's `additionalPrinterColumns`.

use belay_object::{Object, Value};

use super::age;
use super::json_path::JsonPath;
use super::{CREATED, NAME};
use crate::plugin::{Column, TableColumns};

struct Custom {
    columns: Vec<Column>,
    paths: Vec<Option<JsonPath>>,
}

/// The columns of one version of a definition (its entry in `spec.versions`): the name, then what it asks for, the
/// age where it asks for nothing.
pub fn custom_columns(version: &Value) -> impl TableColumns + 'static {
    let name = Column {
        name: "Name".into(),
        kind: "string".into(),
        format: "name".into(),
        description: NAME.into(),
        priority: 0,
    };
    let (mut columns, mut paths) = (vec![name], vec![None]);
    let asked = version.get("additionalPrinterColumns").map_or(&[][..], Value::items);
    for column in asked {
        let text = |k: &str| column.str_at(&[k]).unwrap_or_default().to_owned();
        let path = text("jsonPath");
        let description = match text("description") {
            none if none.is_empty() => format!("Custom resource definition column (in JSONPath format): {path}"),
            some => some,
        };
        columns.push(Column {
            name: text("name"),
            kind: text("type"),
            format: text("format"),
            description,
            priority: column["priority"].as_i64().unwrap_or_default(),
        });
        paths.push(JsonPath::parse(&path));
    }
    if asked.is_empty() {
        columns.push(Column {
            name: "Age".into(),
            kind: "date".into(),
            format: String::new(),
            description: CREATED.into(),
            priority: 0,
        });
        paths.push(JsonPath::parse(".metadata.creationTimestamp"));
    }
    Custom { columns, paths }
}

impl TableColumns for Custom {
    fn columns(&self) -> &[Column] {
        &self.columns
    }
    fn cells(&self, object: &Object, now_s: i64) -> Vec<Value> {
        let cell = |(column, path): (&Column, &Option<JsonPath>)| {
            let Some(path) = path else { return Value::Null };
            let found = path.find(object.value());
            found.first().map_or(Value::Null, |v| convert(&column.kind, v, now_s))
        };
        let first = std::iter::once(Value::from(object.name()));
        first.chain(self.columns.iter().zip(&self.paths).skip(1).map(cell)).collect()
    }
}

/// A value as a column's type shows it; `null` where it does not fit.
fn convert(kind: &str, value: &Value, now_s: i64) -> Value {
    match (kind, value) {
        ("string", Value::Str(_)) => value.clone(),
        ("string", Value::Null) => Value::Null,
        ("string", other) => Value::from(other.to_json()),
        ("integer", Value::Float(f)) => Value::Int(*f as i64),
        ("integer" | "number", Value::Int(_) | Value::UInt(_)) | ("number", Value::Float(_)) => value.clone(),
        ("boolean", Value::Bool(_)) => value.clone(),
        ("date", Value::Str(time)) => Value::from(age::since(Some(time), now_s)),
        _ => Value::Null,
    }
}
