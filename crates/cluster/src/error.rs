//! What can go wrong with a request, in kinds that code branches on.
//!
//! The API server's own words (`Status`) are kept beside the kind. A text never carries a
//! credential: hosts are kept without userinfo, request headers and bodies are never printed.

use std::fmt;
use std::time::Duration;

use belay_object::Value;

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The closed set of failures.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// 404: the object, its namespace or its resource is not there.
    NotFound,
    /// 409 with reason `AlreadyExists`.
    AlreadyExists,
    /// 409: another version, another field manager, or a precondition that does not hold.
    Conflict,
    /// 422: the object breaks its schema or an admission rule.
    Invalid,
    /// 400: the request is malformed.
    BadRequest,
    /// 403: not permitted, or refused by admission.
    Forbidden,
    /// 401, or no credential could be made.
    Unauthorized,
    /// 405: the resource does not take this verb.
    MethodNotAllowed,
    /// 410: the resource version is no longer kept; list again.
    Gone,
    /// 413, or an answer that is larger than this crate takes.
    TooLarge,
    /// 429: come back after so long, where the server says.
    TooManyRequests {
        /// `Retry-After`.
        retry_after: Option<Duration>,
    },
    /// 504, or reason `ServerTimeout`/`Timeout`: the server gave up.
    ServerTimeout,
    /// 502 or 503, or a group whose discovery is stale: the server cannot answer at present.
    Unavailable,
    /// 500, or any status not named here.
    Internal,
    /// The connection failed: refused, reset, TLS, name resolution.
    Network,
    /// Our own deadline passed.
    Timeout,
    /// The answer could not be read.
    Decode,
    /// Discovery knows no such kind.
    UnknownKind,
    /// This process may no longer write; no request was sent.
    Fenced,
    /// The kubeconfig, a flag or a name is wrong; no request was sent.
    Config,
}

/// One of `status.details.causes`.
#[derive(Clone, PartialEq, Debug)]
pub struct Cause {
    /// `FieldValueInvalid`, `FieldManagerConflict`, ...
    pub reason: String,
    /// `.spec.replicas`
    pub field: String,
    /// A sentence.
    pub message: String,
}

/// The API server's answer of kind `Status`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// The HTTP status.
    pub code: u16,
    /// `NotFound`, `Conflict`, ...; empty where not said.
    pub reason: String,
    /// A sentence, as the server wrote it.
    pub message: String,
    /// `details.kind`: the resource (`namespaces`) that the refusal is about.
    pub details_kind: String,
    /// `details.name`: the object that the refusal is about.
    pub details_name: String,
    /// `details.causes`
    pub causes: Vec<Cause>,
    /// `details.retryAfterSeconds`
    pub retry_after_s: Option<u64>,
}

impl Status {
    /// Reads one; `None` where the value is no Status.
    pub fn read(value: &Value) -> Option<Status> {
        if value.str_at(&["kind"]) != Some("Status") {
            return None;
        }
        let text = |v: &Value, k: &str| v.str_at(&[k]).unwrap_or_default().to_owned();
        let causes = value.at(&["details", "causes"]).map_or(&[][..], Value::items);
        Some(Status {
            code: value.get("code").and_then(Value::as_i64).and_then(|c| u16::try_from(c).ok()).unwrap_or_default(),
            reason: text(value, "reason"),
            message: text(value, "message"),
            details_kind: value.str_at(&["details", "kind"]).unwrap_or_default().to_owned(),
            details_name: value.str_at(&["details", "name"]).unwrap_or_default().to_owned(),
            causes: causes
                .iter()
                .map(|c| Cause { reason: text(c, "reason"), field: text(c, "field"), message: text(c, "message") })
                .collect(),
            retry_after_s: value
                .at(&["details", "retryAfterSeconds"])
                .and_then(Value::as_i64)
                .and_then(|s| u64::try_from(s).ok())
                .filter(|s| *s > 0),
        })
    }

    /// The kind of failure that a status and its reason mean.
    pub fn kind(&self) -> ErrorKind {
        match (self.code, self.reason.as_str()) {
            (404, _) => ErrorKind::NotFound,
            (409, "AlreadyExists") => ErrorKind::AlreadyExists,
            (409, _) => ErrorKind::Conflict,
            (422, _) => ErrorKind::Invalid,
            (400 | 406 | 415, _) => ErrorKind::BadRequest,
            (401, _) => ErrorKind::Unauthorized,
            (403, _) => ErrorKind::Forbidden,
            (405, _) => ErrorKind::MethodNotAllowed,
            (410, _) => ErrorKind::Gone,
            (413, _) => ErrorKind::TooLarge,
            (429, _) => ErrorKind::TooManyRequests { retry_after: self.retry_after_s.map(Duration::from_secs) },
            (504, _) | (500, "ServerTimeout" | "Timeout") => ErrorKind::ServerTimeout,
            (502 | 503, _) => ErrorKind::Unavailable,
            _ => ErrorKind::Internal,
        }
    }
}

/// A failed request: what failed, on which object and host, why, and what to do.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    action: String,
    host: String,
    status: Option<Status>,
    hints: Vec<String>,
}

impl Error {
    /// Makes one without a place; [`Error::at`] says where.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        let (action, host, status, hints) = Default::default();
        Error(Box::new(Inner { kind, message: message.into(), action, host, status, hints }))
    }
    /// Makes one from the server's answer.
    pub fn from_status(status: Status) -> Error {
        let message = match (status.message.is_empty(), status.reason.is_empty()) {
            (false, _) => status.message.clone(),
            (true, false) => status.reason.clone(),
            (true, true) => format!("the server answered with status {}", status.code),
        };
        let mut error = Error::new(status.kind(), message);
        error.0.status = Some(status);
        error
    }
    /// Says what was done (`get Secret/shop/token`) on which host; what is already said stays.
    pub fn at(mut self, action: &str, host: &str) -> Error {
        if self.0.action.is_empty() {
            self.0.action = action.to_owned();
        }
        if self.0.host.is_empty() {
            self.0.host = host.to_owned();
        }
        self
    }
    /// The same failure under another kind, where the caller knows better what the answer means.
    pub(crate) fn of_kind(mut self, kind: ErrorKind) -> Error {
        self.0.kind = kind;
        self
    }
    /// Adds a sentence on what to do.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(hint.into());
        self
    }
    /// What code branches on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Why, without the place: for a server's refusal its own sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// What the server answered, where it did.
    pub fn status(&self) -> Option<&Status> {
        self.0.status.as_ref()
    }
    /// The server's reason (`Forbidden`), empty where there is none.
    pub fn reason(&self) -> &str {
        self.0.status.as_ref().map_or("", |s| s.reason.as_str())
    }
    /// The API server's host and port, empty where no request was made.
    pub fn host(&self) -> &str {
        &self.0.host
    }
    /// What to do about it.
    pub fn hints(&self) -> &[String] {
        &self.0.hints
    }
    /// Whether the object is not there.
    pub fn is_not_found(&self) -> bool {
        self.0.kind == ErrorKind::NotFound
    }
    /// Whether trying again later may help without anybody changing anything.
    pub fn is_transient(&self) -> bool {
        matches!(
            self.0.kind,
            ErrorKind::TooManyRequests { .. }
                | ErrorKind::ServerTimeout
                | ErrorKind::Unavailable
                | ErrorKind::Internal
                | ErrorKind::Network
                | ErrorKind::Timeout
        )
    }
    /// Whether another field manager owns what an apply wanted to set; the causes name the fields.
    pub fn is_field_conflict(&self) -> bool {
        let causes = self.0.status.as_ref().map_or(&[][..], |s| &s.causes);
        self.0.kind == ErrorKind::Conflict && causes.iter().any(|c| c.reason == "FieldManagerConflict")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        match (inner.action.is_empty(), inner.host.is_empty()) {
            (false, false) => write!(f, "{} on {}: ", inner.action, inner.host)?,
            (false, true) => write!(f, "{}: ", inner.action)?,
            (true, false) => write!(f, "{}: ", inner.host)?,
            (true, true) => {}
        }
        f.write_str(&inner.message)?;
        for hint in &inner.hints {
            write!(f, "; {hint}")?;
        }
        Ok(())
    }
}
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({self})", self.0.kind)
    }
}
impl std::error::Error for Error {}
