//! How custom resources are printed: the columns that their definition names.

use belay_object::{Object, Value};

use super::jsonpath::JsonPath;
use crate::plugin::{Column, TableColumns};
use crate::respond::{CREATED_DESCRIPTION, NAME_DESCRIPTION};

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
        let mut columns = vec![column("Name", "string", "name", NAME_DESCRIPTION.into(), 0)];
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
            columns.push(column("Age", "date", "", CREATED_DESCRIPTION.into(), 0));
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
            Some(Ok(time)) => Value::from(age(now_s - time.as_second())),
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

/// A duration as kubectl shows it: `59s`, `2m30s`, `3h5m`, `5d`, `2y10d`.
pub fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    let two = |a: i64, unit_a: &str, b: i64, unit_b: &str| match b {
        0 => format!("{a}{unit_a}"),
        b => format!("{a}{unit_a}{b}{unit_b}"),
    };
    match seconds {
        ..=-2 => "<invalid>".into(),
        ..=-1 => "0s".into(),
        0..120 => format!("{seconds}s"),
        120..600 => two(minutes, "m", seconds % 60, "s"),
        600..10_800 => format!("{minutes}m"),
        10_800..28_800 => two(hours, "h", minutes % 60, "m"),
        28_800..172_800 => format!("{hours}h"),
        172_800..691_200 => two(days, "d", hours % 24, "h"),
        691_200..63_072_000 => format!("{days}d"),
        63_072_000..252_288_000 => two(days / 365, "y", days % 365, "d"),
        _ => format!("{}y", days / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_as_short_as_kubectl_prints_them() {
        for (seconds, expected) in [
            (5, "5s"),
            (119, "119s"),
            (120, "2m"),
            (150, "2m30s"),
            (3600, "60m"),
            (11_100, "3h5m"),
            (172_800, "2d"),
            (700_000, "8d"),
        ] {
            assert_eq!(age(seconds), expected);
        }
    }
}
