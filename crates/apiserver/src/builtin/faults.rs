//! The faults of an object, collected in the order in which Kubernetes says them, with the checks that many kinds share.

use belay_object::{LabelSelector, Map, Value};

use super::names;
use crate::status::FieldError;
use belay_schema::quantity::Quantity;

/// What is wrong with an object.
#[derive(Default)]
pub struct Faults(pub Vec<FieldError>);

impl Faults {
    /// `Required value[: detail]`
    pub fn required(&mut self, field: impl Into<String>, detail: &str) {
        self.0.push(FieldError::required(field, detail));
    }
    /// `Invalid value: ...`
    pub fn invalid(&mut self, field: impl Into<String>, value: &Value, detail: &str) {
        let mut error = FieldError::invalid(field, value, detail);
        // Go leaves out the colon where there is nothing to say.
        if detail.is_empty() {
            error.message.truncate(error.message.len() - 2);
        }
        self.0.push(error);
    }
    /// `Unsupported value: ...`
    pub fn not_supported(&mut self, field: impl Into<String>, value: &Value, supported: &[&str]) {
        self.0.push(FieldError::not_supported(field, value, supported));
    }
    /// `Duplicate value: ...`
    pub fn duplicate(&mut self, field: impl Into<String>, value: &Value) {
        self.0.push(FieldError::duplicate(field, value));
    }
    /// `Not found: ...`
    pub fn not_found(&mut self, field: impl Into<String>, value: &Value) {
        self.0.push(FieldError::not_found(field, value));
    }
    /// `Forbidden: ...`
    pub fn forbidden(&mut self, field: impl Into<String>, detail: &str) {
        self.0.push(FieldError::forbidden(field, detail));
    }
    /// Says each of `faults` of a text.
    pub fn texts(&mut self, field: &str, text: &str, faults: impl IntoIterator<Item = String>) {
        for fault in faults {
            self.invalid(field, &Value::from(text), &fault);
        }
    }

    /// A whole number that must not be below zero; absent is well.
    pub fn nonnegative(&mut self, field: String, value: Option<&Value>) {
        if let Some(v) = value
            && v.as_i64().is_some_and(|i| i < 0)
        {
            self.invalid(field, v, "must be greater than or equal to 0");
        }
    }
    /// Several fields of one object that must not be below zero.
    pub fn all_nonnegative(&mut self, at: &str, of: &Value, fields: &[&str]) {
        for field in fields {
            self.nonnegative(format!("{at}.{field}"), of.get(field));
        }
    }
    /// One of a closed set; absent is `Required`.
    pub fn one_of(&mut self, field: String, value: Option<&Value>, known: &[&str]) {
        match value.and_then(Value::as_str) {
            None | Some("") => self.required(field, ""),
            Some(text) if known.contains(&text) => {}
            Some(text) => self.not_supported(field, &Value::from(text), known),
        }
    }
    /// One of a closed set where it is set at all.
    pub fn one_of_if_set(&mut self, field: String, value: Option<&Value>, known: &[&str]) {
        if value.is_some_and(|v| !v.is_null()) {
            self.one_of(field, value, known);
        }
    }
    /// A field that an update must leave as it is.
    pub fn immutable(&mut self, field: &str, new: Option<&Value>, old: Option<&Value>) {
        let null = Value::Null;
        let (new, old) = (new.unwrap_or(&null), old.unwrap_or(&null));
        if new != old {
            self.invalid(field, new, "field is immutable");
        }
    }
    /// Labels, wherever they stand.
    pub fn labels(&mut self, field: &str, labels: Option<&Map>) {
        for (key, value) in labels.into_iter().flat_map(Map::iter) {
            self.texts(field, key, names::qualified_name(key));
            if let Some(text) = value.as_str() {
                self.texts(field, text, names::label_value(text));
            }
        }
    }
    /// Annotation keys and their total size.
    pub fn annotations(&mut self, field: &str, annotations: Option<&Map>) {
        let mut bytes = 0;
        for (key, value) in annotations.into_iter().flat_map(Map::iter) {
            self.texts(field, key, names::qualified_name(&key.to_lowercase()));
            bytes += key.len() + value.as_str().map_or(0, str::len);
        }
        if bytes > 256 << 10 {
            self.0.push(FieldError::too_long(field, 256 << 10));
        }
    }
    /// A label selector's own syntax.
    pub fn selector(&mut self, field: &str, selector: Option<&Value>) {
        let Some(selector) = selector else { return };
        self.labels(&format!("{field}.matchLabels"), selector.get("matchLabels").and_then(Value::as_object));
        let expressions = selector.get("matchExpressions").map_or(&[][..], Value::items);
        for (i, expression) in expressions.iter().enumerate() {
            let at = format!("{field}.matchExpressions[{i}]");
            let values = expression.get("values").map_or(&[][..], Value::items);
            match expression.str_at(&["operator"]).unwrap_or_default() {
                "In" | "NotIn" if values.is_empty() => {
                    self.required(format!("{at}.values"), "must be specified when `operator` is 'In' or 'NotIn'");
                }
                "In" | "NotIn" => {}
                "Exists" | "DoesNotExist" if !values.is_empty() => self.forbidden(
                    format!("{at}.values"),
                    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
                ),
                "Exists" | "DoesNotExist" => {}
                other => {
                    self.invalid(format!("{at}.operator"), &Value::from(other), "not a valid selector operator");
                }
            }
            let key = expression.str_at(&["key"]).unwrap_or_default();
            self.texts(&format!("{at}.key"), key, names::qualified_name(key));
            for (j, value) in values.iter().filter_map(Value::as_str).enumerate() {
                self.texts(&format!("{at}.values[{j}]"), value, names::label_value(value));
            }
        }
    }
    /// A port by number or by name.
    pub fn port(&mut self, field: &str, port: &Value) {
        match port {
            Value::Str(name) => self.texts(field, name, names::port_name(name)),
            number => {
                if let Some(fault) = names::port_number(number.as_i64().unwrap_or_default()) {
                    self.invalid(field, number, &fault);
                }
            }
        }
    }
    /// A count or a percentage, not below zero.
    pub fn count_or_percent(&mut self, field: &str, value: &Value) {
        match value {
            Value::Str(text) if percent(value).is_none() => {
                let detail = "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or \
                              '93%', regex used for validation is '[0-9]+%')";
                self.invalid(field, &Value::from(&**text), detail);
            }
            Value::Str(_) => {}
            number => self.nonnegative(field.to_owned(), Some(number)),
        }
    }
    /// A percentage above 100.
    pub fn at_most_all(&mut self, field: &str, value: &Value) {
        if percent(value).is_some_and(|p| p > 100) {
            self.invalid(field, value, "must not be greater than 100%");
        }
    }
    /// A quantity that must not be below zero.
    pub fn quantity(&mut self, field: &str, value: &Value) {
        if let Some(q) = value.as_str().and_then(|t| Quantity::parse(t).ok())
            && q.is_negative()
        {
            self.invalid(field, value, "must be greater than or equal to 0");
        }
    }
}

/// The number before a `%`.
pub fn percent(value: &Value) -> Option<i64> {
    let digits = value.as_str()?.strip_suffix('%')?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then(|| digits.parse().ok())?
}

/// Whether a selector's object form selects nothing in particular.
pub fn is_empty_selector(selector: &Value) -> bool {
    let is_empty = |v: &Value| match v {
        Value::Object(map) => map.is_empty(),
        other => other.items().is_empty(),
    };
    selector.get("matchLabels").is_none_or(is_empty) && selector.get("matchExpressions").is_none_or(is_empty)
}

/// Whether a selector's object form matches labels; one that is absent or broken matches nothing.
pub fn selects(selector: Option<&Value>, labels: Option<&Map>) -> bool {
    selector.filter(|s| !s.is_null()).is_some_and(|s| LabelSelector::from_value(s).is_ok_and(|s| s.matches(labels)))
}
