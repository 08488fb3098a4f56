//! What goes wrong, as `metav1.Status` says it.
//!
//! [`ApiError`] is the one error of this crate: a closed [`Reason`], a message, and the details that
//! clients branch on. [`FieldError`] is one cause of an `Invalid` answer. Texts are those of
//! Kubernetes: clients and people match on them.

use std::fmt;

use belay_object::{Map, Value, object};

/// The kind of a failure, with its HTTP status.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// 400
    BadRequest,
    /// 401
    Unauthorized,
    /// 403
    Forbidden,
    /// 404
    NotFound,
    /// 405
    MethodNotAllowed,
    /// 406
    NotAcceptable,
    /// 409
    AlreadyExists,
    /// 409
    Conflict,
    /// 410: gone for good, such as a continue token's version.
    Expired,
    /// 410
    Gone,
    /// 413
    RequestEntityTooLarge,
    /// 415
    UnsupportedMediaType,
    /// 422
    Invalid,
    /// 429
    TooManyRequests,
    /// 500
    InternalError,
    /// 500 with no reason, as errors that nobody classified are shown.
    Unknown,
    /// 503
    ServiceUnavailable,
    /// 504
    Timeout,
}

impl Reason {
    /// The HTTP status.
    pub fn code(self) -> u16 {
        match self {
            Reason::BadRequest => 400,
            Reason::Unauthorized => 401,
            Reason::Forbidden => 403,
            Reason::NotFound => 404,
            Reason::MethodNotAllowed => 405,
            Reason::NotAcceptable => 406,
            Reason::AlreadyExists | Reason::Conflict => 409,
            Reason::Expired | Reason::Gone => 410,
            Reason::RequestEntityTooLarge => 413,
            Reason::UnsupportedMediaType => 415,
            Reason::Invalid => 422,
            Reason::TooManyRequests => 429,
            Reason::InternalError | Reason::Unknown => 500,
            Reason::ServiceUnavailable => 503,
            Reason::Timeout => 504,
        }
    }
    /// As it stands in `reason`; empty where Kubernetes gives none.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::BadRequest => "BadRequest",
            Reason::Unauthorized => "Unauthorized",
            Reason::Forbidden => "Forbidden",
            Reason::NotFound => "NotFound",
            Reason::MethodNotAllowed => "MethodNotAllowed",
            Reason::NotAcceptable => "NotAcceptable",
            Reason::AlreadyExists => "AlreadyExists",
            Reason::Conflict => "Conflict",
            Reason::Expired => "Expired",
            Reason::Gone => "Gone",
            Reason::RequestEntityTooLarge => "RequestEntityTooLarge",
            Reason::UnsupportedMediaType => "UnsupportedMediaType",
            Reason::Invalid => "Invalid",
            Reason::TooManyRequests => "TooManyRequests",
            Reason::InternalError => "InternalError",
            Reason::Unknown => "",
            Reason::ServiceUnavailable => "ServiceUnavailable",
            Reason::Timeout => "Timeout",
        }
    }
}

/// One cause: `reason`, `message`, `field` of `details.causes`.
#[derive(Clone, PartialEq, Debug)]
pub struct Cause {
    /// `FieldValueInvalid`, `NamespaceTerminating`
    pub reason: String,
    /// A sentence.
    pub message: String,
    /// `spec.ports[0].port`; empty where none.
    pub field: String,
}

/// `details` of a Status.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Details {
    /// The object's name.
    pub name: String,
    /// Its group.
    pub group: String,
    /// The resource, or the kind for `Invalid`.
    pub kind: String,
    /// The object's uid.
    pub uid: String,
    /// What exactly.
    pub causes: Vec<Cause>,
    /// When to come again; 0 where not said.
    pub retry_after_seconds: u32,
}

/// A request that failed.
#[derive(Clone, PartialEq, Debug)]
pub struct ApiError {
    /// What kind of failure.
    pub reason: Reason,
    /// What clients print.
    pub message: String,
    /// What clients branch on; boxed because most answers carry none.
    pub details: Option<Box<Details>>,
}

/// The result of an operation.
pub type Result<T, E = ApiError> = std::result::Result<T, E>;

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for ApiError {}

/// `configmaps`, or `deployments.apps`.
pub fn qualified(group: &str, resource: &str) -> String {
    if group.is_empty() { resource.to_owned() } else { format!("{resource}.{group}") }
}

fn named(group: &str, kind: &str, name: &str) -> Option<Box<Details>> {
    Some(Box::new(Details { name: name.into(), group: group.into(), kind: kind.into(), ..Details::default() }))
}

impl ApiError {
    /// A failure without details.
    pub fn new(reason: Reason, message: impl Into<String>) -> ApiError {
        ApiError { reason, message: message.into(), details: None }
    }
    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> ApiError {
        ApiError::new(Reason::BadRequest, message)
    }
    /// A defect or a state that should not be.
    pub fn internal(message: impl fmt::Display) -> ApiError {
        let mut error = ApiError::new(Reason::InternalError, format!("Internal error occurred: {message}"));
        error.details = Some(Box::new(Details {
            causes: vec![Cause { reason: String::new(), message: message.to_string(), field: String::new() }],
            ..Details::default()
        }));
        error
    }
    /// An error that Kubernetes answers with 500 and no reason, such as a patch that has no schema.
    pub fn unclassified(message: impl Into<String>) -> ApiError {
        ApiError::new(Reason::Unknown, message)
    }
    /// `configmaps "a" not found`
    pub fn not_found(group: &str, resource: &str, name: &str) -> ApiError {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        ApiError { reason: Reason::NotFound, message, details: named(group, resource, name) }
    }
    /// The path leads nowhere.
    pub fn no_such_resource() -> ApiError {
        ApiError {
            reason: Reason::NotFound,
            message: "the server could not find the requested resource".into(),
            details: Some(Box::default()),
        }
    }
    /// The path is there, the verb is not.
    pub fn method_not_allowed() -> ApiError {
        ApiError {
            reason: Reason::MethodNotAllowed,
            message: "the server does not allow this method on the requested resource".into(),
            details: Some(Box::default()),
        }
    }
    /// `configmaps "a" already exists`
    pub fn already_exists(group: &str, resource: &str, name: &str) -> ApiError {
        let message = format!("{} {name:?} already exists", qualified(group, resource));
        ApiError { reason: Reason::AlreadyExists, message, details: named(group, resource, name) }
    }
    /// `Operation cannot be fulfilled on configmaps "a": ...`
    pub fn conflict(group: &str, resource: &str, name: &str, why: impl fmt::Display) -> ApiError {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {why}", qualified(group, resource));
        ApiError { reason: Reason::Conflict, message, details: named(group, resource, name) }
    }
    /// The resourceVersion sent is not the live one.
    pub fn modified(group: &str, resource: &str, name: &str) -> ApiError {
        let why = "the object has been modified; please apply your changes to the latest version and try again";
        ApiError::conflict(group, resource, name, why)
    }
    /// `pods "p" is forbidden: ...`; the name may be empty.
    pub fn forbidden(group: &str, resource: &str, name: &str, why: impl fmt::Display) -> ApiError {
        let what = qualified(group, resource);
        let message = match name {
            "" => format!("{what} is forbidden: {why}"),
            name => format!("{what} {name:?} is forbidden: {why}"),
        };
        ApiError { reason: Reason::Forbidden, message, details: named(group, resource, name) }
    }
    /// `ConfigMap "a" is invalid: ...` with its causes. Call with at least one error.
    pub fn invalid(group: &str, kind: &str, name: &str, errors: Vec<FieldError>) -> ApiError {
        let mut texts: Vec<String> = Vec::new();
        for error in &errors {
            let text = error.to_string();
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let list = if let [one] = texts.as_slice() { one.clone() } else { format!("[{}]", texts.join(", ")) };
        let message = format!("{} {name:?} is invalid: {list}", qualified(group, kind));
        let mut details = Details { name: name.into(), group: group.into(), kind: kind.into(), ..Details::default() };
        details.causes = errors.into_iter().map(FieldError::into_cause).collect();
        ApiError { reason: Reason::Invalid, message, details: Some(Box::new(details)) }
    }
    /// 410: the version asked for is no longer in the history.
    pub fn expired(message: impl Into<String>) -> ApiError {
        ApiError::new(Reason::Expired, message)
    }
    /// 401
    pub fn unauthorized() -> ApiError {
        ApiError::new(Reason::Unauthorized, "Unauthorized")
    }
    /// 504, to be tried again.
    pub fn timeout(message: impl fmt::Display) -> ApiError {
        ApiError {
            reason: Reason::Timeout,
            message: format!("Timeout: {message}"),
            details: Some(Box::new(Details { retry_after_seconds: 1, ..Details::default() })),
        }
    }
    /// 429 with a time to come again.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: u32) -> ApiError {
        ApiError {
            reason: Reason::TooManyRequests,
            message: message.into(),
            details: Some(Box::new(Details { retry_after_seconds, ..Details::default() })),
        }
    }
    /// Adds a cause.
    pub fn with_cause(mut self, reason: &str, message: impl Into<String>, field: &str) -> ApiError {
        let cause = Cause { reason: reason.into(), message: message.into(), field: field.into() };
        self.details.get_or_insert_default().causes.push(cause);
        self
    }
    /// The HTTP status.
    pub fn code(&self) -> u16 {
        self.reason.code()
    }
    /// The `Status` object.
    pub fn to_value(&self) -> Value {
        let mut status = object! {
            "kind" => "Status",
            "apiVersion" => "v1",
            "metadata" => object! {},
            "status" => "Failure",
            "message" => self.message.as_str(),
            "code" => i64::from(self.code()),
        };
        if !self.reason.as_str().is_empty() {
            status.set(&["reason"], self.reason.as_str());
        }
        if let Some(details) = &self.details {
            status.set(&["details"], details.to_value());
        }
        status
    }
}

impl Details {
    /// Leaves out what is empty.
    pub fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind), ("uid", &self.uid)] {
            if !text.is_empty() {
                map.insert(key, text.as_str());
            }
        }
        if !self.causes.is_empty() {
            map.insert("causes", self.causes.iter().map(Cause::to_value).collect::<Value>());
        }
        if self.retry_after_seconds > 0 {
            map.insert("retryAfterSeconds", self.retry_after_seconds);
        }
        Value::Object(map)
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut map = Map::new();
        for (key, text) in [("reason", &self.reason), ("message", &self.message), ("field", &self.field)] {
            if !text.is_empty() {
                map.insert(key, text.as_str());
            }
        }
        Value::Object(map)
    }
}

/// One thing wrong with an object: where, which kind of wrong, and the text after `field: `.
#[derive(Clone, PartialEq, Debug)]
pub struct FieldError {
    /// `spec.ports[0].port`
    pub field: String,
    /// `FieldValueInvalid`
    pub reason: &'static str,
    /// `Invalid value: 99999: must be between 1 and 65535, inclusive`
    pub message: String,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl FieldError {
    fn new(reason: &'static str, field: impl Into<String>, message: String) -> FieldError {
        FieldError { field: field.into(), reason, message }
    }
    /// `Required value[: detail]`
    pub fn required(field: impl Into<String>, detail: &str) -> FieldError {
        let message = if detail.is_empty() { "Required value".into() } else { format!("Required value: {detail}") };
        FieldError::new("FieldValueRequired", field, message)
    }
    /// `Invalid value: <value as JSON>: detail`
    pub fn invalid(field: impl Into<String>, value: &Value, detail: impl fmt::Display) -> FieldError {
        FieldError::new("FieldValueInvalid", field, format!("Invalid value: {}: {detail}", value.to_json()))
    }
    /// `Unsupported value: "x": supported values: "a", "b"`
    pub fn not_supported(field: impl Into<String>, value: &Value, supported: &[&str]) -> FieldError {
        let list: Vec<String> = supported.iter().map(|s| format!("{s:?}")).collect();
        let message = format!("Unsupported value: {}: supported values: {}", value.to_json(), list.join(", "));
        FieldError::new("FieldValueNotSupported", field, message)
    }
    /// `Duplicate value: "x"`
    pub fn duplicate(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::new("FieldValueDuplicate", field, format!("Duplicate value: {}", value.to_json()))
    }
    /// `Not found: "x"`
    pub fn not_found(field: impl Into<String>, value: &Value) -> FieldError {
        FieldError::new("FieldValueNotFound", field, format!("Not found: {}", value.to_json()))
    }
    /// `Forbidden: detail`
    pub fn forbidden(field: impl Into<String>, detail: impl fmt::Display) -> FieldError {
        FieldError::new("FieldValueForbidden", field, format!("Forbidden: {detail}"))
    }
    /// `Too long: may not be more than N bytes`
    pub fn too_long(field: impl Into<String>, max_bytes: usize) -> FieldError {
        FieldError::new("FieldValueTooLong", field, format!("Too long: may not be more than {max_bytes} bytes"))
    }
    /// `Too many: N: must have at most M items`
    pub fn too_many(field: impl Into<String>, actual: usize, max: usize) -> FieldError {
        FieldError::new("FieldValueTooMany", field, format!("Too many: {actual}: must have at most {max} items"))
    }
    /// One whose reason and text are made elsewhere.
    pub fn other(reason: &'static str, field: impl Into<String>, message: impl Into<String>) -> FieldError {
        FieldError::new(reason, field, message.into())
    }
    fn into_cause(self) -> Cause {
        Cause { reason: self.reason.into(), message: self.message, field: self.field }
    }
}

impl From<belay_schema::FieldError> for FieldError {
    fn from(error: belay_schema::FieldError) -> FieldError {
        FieldError { message: error.message(), reason: error.kind.reason(), field: error.field }
    }
}
