//! What can be wrong: [`Error`] where a value cannot be used at all, [`FieldError`] where one field
//! of it breaks a rule. A field error prints as Kubernetes prints it; which HTTP status it becomes
//! is not known here.

use std::fmt;

use belay_object::Value;

/// What code branches on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// The text is no JSON, or nests too deeply.
    Malformed,
    /// A value has another type than its field.
    Type,
    /// An applied object does not fit its schema.
    Typed,
    /// A strategic merge patch contradicts itself or the schema.
    Patch,
    /// The request asks for what cannot be (`metadata.managedFields` in an applied object).
    Request,
    /// A schema cannot be compiled.
    Schema,
}

/// Why nothing could be done. The message is the one a Kubernetes API server gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Error {
    /// What code branches on.
    pub kind: ErrorKind,
    /// One sentence for people, as Kubernetes words it.
    pub message: String,
}

impl Error {
    /// Makes one.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}

/// The rule that a field breaks, in Kubernetes' closed set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FieldErrorKind {
    /// What it refers to does not exist.
    NotFound,
    /// It must be there.
    Required,
    /// It stands twice.
    Duplicate,
    /// It breaks a rule.
    Invalid,
    /// It is none of the values that are allowed.
    NotSupported,
    /// It must not be there.
    Forbidden,
    /// It has too many bytes.
    TooLong,
    /// It has too many items.
    TooMany,
    /// The rule itself failed.
    Internal,
    /// It has another type.
    TypeInvalid,
}

impl FieldErrorKind {
    /// The `reason` of a cause in a Status.
    pub fn reason(self) -> &'static str {
        match self {
            FieldErrorKind::NotFound => "FieldValueNotFound",
            FieldErrorKind::Required => "FieldValueRequired",
            FieldErrorKind::Duplicate => "FieldValueDuplicate",
            FieldErrorKind::Invalid => "FieldValueInvalid",
            FieldErrorKind::NotSupported => "FieldValueNotSupported",
            FieldErrorKind::Forbidden => "FieldValueForbidden",
            FieldErrorKind::TooLong => "FieldValueTooLong",
            FieldErrorKind::TooMany => "FieldValueTooMany",
            FieldErrorKind::Internal => "InternalError",
            FieldErrorKind::TypeInvalid => "FieldValueTypeInvalid",
        }
    }
    fn words(self) -> &'static str {
        match self {
            FieldErrorKind::NotFound => "Not found",
            FieldErrorKind::Required => "Required value",
            FieldErrorKind::Duplicate => "Duplicate value",
            FieldErrorKind::Invalid | FieldErrorKind::TypeInvalid => "Invalid value",
            FieldErrorKind::NotSupported => "Unsupported value",
            FieldErrorKind::Forbidden => "Forbidden",
            FieldErrorKind::TooLong => "Too long",
            FieldErrorKind::TooMany => "Too many",
            FieldErrorKind::Internal => "Internal error",
        }
    }
}

/// One field that breaks one rule.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldError {
    /// The rule.
    pub kind: FieldErrorKind,
    /// The field's path (`spec.items[1].name`), `<nil>` where it is the whole object.
    pub field: String,
    /// The value that is wrong; `None` where the text leaves it out.
    pub value: Option<Value>,
    /// What would be right; may be empty.
    pub detail: String,
}

impl FieldError {
    /// Makes one without a value.
    pub fn new(kind: FieldErrorKind, field: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError { kind, field: field.into(), value: None, detail: detail.into() }
    }
    /// Makes one that shows the value.
    pub fn with_value(
        kind: FieldErrorKind,
        field: impl Into<String>,
        value: impl Into<Value>,
        detail: impl Into<String>,
    ) -> FieldError {
        FieldError { kind, field: field.into(), value: Some(value.into()), detail: detail.into() }
    }
    /// `field: Required value: detail`
    pub fn required(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Required, field, detail)
    }
    /// `field: Invalid value: VALUE: detail`
    pub fn invalid(field: impl Into<String>, value: impl Into<Value>, detail: impl Into<String>) -> FieldError {
        FieldError::with_value(FieldErrorKind::Invalid, field, value, detail)
    }
    /// `field: Unsupported value: VALUE: supported values: "a", "b"`
    pub fn not_supported(field: impl Into<String>, value: impl Into<Value>, supported: &[&str]) -> FieldError {
        let list: Vec<String> = supported.iter().map(|s| quoted(s)).collect();
        let detail = if list.is_empty() { String::new() } else { format!("supported values: {}", list.join(", ")) };
        FieldError::with_value(FieldErrorKind::NotSupported, field, value, detail)
    }
    /// `field: Duplicate value: VALUE`
    pub fn duplicate(field: impl Into<String>, value: impl Into<Value>) -> FieldError {
        FieldError::with_value(FieldErrorKind::Duplicate, field, value, "")
    }
    /// `field: Forbidden: detail`
    pub fn forbidden(field: impl Into<String>, detail: impl Into<String>) -> FieldError {
        FieldError::new(FieldErrorKind::Forbidden, field, detail)
    }
    /// `field: Too long: may not be more than N bytes`
    pub fn too_long(field: impl Into<String>, max_bytes: u64) -> FieldError {
        let s = if max_bytes == 1 { "" } else { "s" };
        FieldError::new(FieldErrorKind::TooLong, field, format!("may not be more than {max_bytes} byte{s}"))
    }
    /// `field: Too many: N: must have at most MAX items`
    pub fn too_many(field: impl Into<String>, found: usize, max: u64) -> FieldError {
        let s = if max == 1 { "" } else { "s" };
        FieldError::with_value(FieldErrorKind::TooMany, field, found, format!("must have at most {max} item{s}"))
    }
    /// The text without the field: the `message` of a cause in a Status.
    pub fn message(&self) -> String {
        let mut text = self.kind.words().to_owned();
        if let Some(value) = &self.value {
            text.push_str(": ");
            match value {
                Value::Str(s) => text.push_str(&quoted(s)),
                other => text.push_str(&other.to_json()),
            }
        }
        if !self.detail.is_empty() {
            text.push_str(": ");
            text.push_str(&self.detail);
        }
        text
    }
}
impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message())
    }
}

/// A text as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
