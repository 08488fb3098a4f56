//! How custom resources are printed: the columns that their definition names.

use belay_object::{Object, Value};

use super::jsonpath::JsonPath;
use crate::plugin::{Column, TableColumns};
use crate::tables::{CREATED, NAME, human_duration};

/// The columns of one version.
pub(super) struct CustomColumns {
    columns: Vec<Column>,
    /// One a column behind the name.
    paths: Vec<Option<JsonPath>>,
}

impl CustomColumns {
    /// From `spec.versions[]`.
    pub(super) fn new(version: &Value) -> CustomColumns {
        let column = |name: &str, kind: &str, format: &str, description: String, priority| Column {
            name: name.into(),
            kind: kind.into(),
            format: format.into(),
            description,
            priority,
        };
        let mut columns = vec![column("Name", "string", "name", NAME.into(), 0)];
        let mut paths = Vec::new();
        for own in version["additionalPrinterColumns"].items() {
            let text = |key: &str| own.str_at(&[key]).unwrap_or_default();
            let path = text("jsonPath");
            let description = match text("description") {
                "" => format!("Custom resource definition column (in JSONPath format): {path}"),
                given => given.to_owned(),
            };
            let priority = own.get("priority").and_then(Value::as_i64).unwrap_or_default();
            columns.push(column(text("name"), text("type"), text("format"), description, priority));
            paths.push(JsonPath::parse(path));
        }
        if paths.is_empty() {
            columns.push(column("Age", "date", "", CREATED.into(), 0));
            paths.push(JsonPath::parse(".metadata.creationTimestamp"));
        }
        CustomColumns { columns, paths }
    }
}

impl TableColumns for CustomColumns {
    fn columns(&self) -> &[Column] {
        &self.columns
    }
    fn cells(&self, object: &Object, now_s: i64) -> Vec<Value> {
        let mut cells = vec![Value::from(object.name())];
        for (column, path) in self.columns[1..].iter().zip(&self.paths) {
            let found = path.as_ref().map(|p| p.find(object.value())).unwrap_or_default();
            cells.push(cell(&column.kind, &found, now_s));
        }
        cells
    }
}

fn cell(kind: &str, found: &[&Value], now_s: i64) -> Value {
    let Some(first) = found.first() else { return Value::Null };
    match kind {
        "integer" => first.as_i64().map_or(Value::Null, Value::Int),
        "number" => first.as_f64().map_or(Value::Null, |_| (*first).clone()),
        "boolean" => first.as_bool().map_or(Value::Null, Value::Bool),
        "date" => match first.as_str().map(str::parse::<jiff::Timestamp>) {
            Some(Ok(time)) => Value::from(human_duration(now_s - time.as_second())),
            _ => Value::from("<unknown>"),
        },
        _ => {
            let text = |v: &&Value| match v {
                Value::Str(s) => s.to_string(),
                other => other.to_json(),
            };
            Value::from(found.iter().map(text).collect::<Vec<_>>().join(","))
        }
    }
}
