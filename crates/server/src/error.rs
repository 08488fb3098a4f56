//! What a request is refused with: a gRPC code and a sentence, as grpc-gateway writes them.

use std::fmt;

use belay_cluster::ErrorKind;
use belay_object::{Value, object};
use http::StatusCode;

/// gRPC's codes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// The client went away.
    Canceled = 1,
    /// Anything else.
    Unknown = 2,
    /// What was asked has no sense.
    InvalidArgument = 3,
    /// It took too long.
    DeadlineExceeded = 4,
    /// It is not there.
    NotFound = 5,
    /// It is there already.
    AlreadyExists = 6,
    /// It may not be done.
    PermissionDenied = 7,
    /// Too much of it.
    ResourceExhausted = 8,
    /// Not in the state that things are in.
    FailedPrecondition = 9,
    /// Somebody else was quicker.
    Aborted = 10,
    /// It is not built.
    Unimplemented = 12,
    /// Something is wrong here.
    Internal = 13,
    /// It cannot be answered at present.
    Unavailable = 14,
    /// Who asks is not known.
    Unauthenticated = 16,
}

impl Code {
    /// The status of HTTP. Compat(argo 3.5): as grpc-gateway 1 maps them.
    pub fn status(self) -> StatusCode {
        match self {
            Code::Canceled => StatusCode::REQUEST_TIMEOUT,
            Code::InvalidArgument | Code::FailedPrecondition => StatusCode::BAD_REQUEST,
            Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
            Code::PermissionDenied => StatusCode::FORBIDDEN,
            Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
            Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::Unknown | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident $code:ident;)*) => {
        impl Error {
            $($(#[$doc])*
            pub fn $name(message: impl Into<String>) -> Error {
                Error::new(Code::$code, message)
            })*
        }
    };
}

constructors! {
    /// What was asked has no sense.
    invalid InvalidArgument;
    /// It is not there.
    not_found NotFound;
    /// It may not be done.
    forbidden PermissionDenied;
    /// Not in the state that things are in.
    precondition FailedPrecondition;
    /// Somebody else was quicker.
    aborted Aborted;
    /// Too much of it.
    exhausted ResourceExhausted;
    /// Something is wrong here.
    internal Internal;
    /// It cannot be answered at present.
    unavailable Unavailable;
    /// It is not built.
    unimplemented Unimplemented;
}

/// What a request is refused with. The sentence is read by whoever asked: it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    code: Code,
    message: String,
}

impl Error {
    /// Makes one.
    pub fn new(code: Code, message: impl Into<String>) -> Error {
        Error { code, message: message.into() }
    }
    /// It may not be done, or is not there: which of them is not told (AUTHZ-2).
    pub fn denied() -> Error {
        Error::forbidden("permission denied")
    }
    /// An API server's failure about something that may hold secrets: its words are not passed on,
    /// since they may quote what was written (SEC-2).
    pub fn of_secret(what: &str, error: &belay_cluster::Error) -> Error {
        let code = Error::from(error.clone()).code;
        tracing::warn!(what, kind = ?error.kind(), "a secret could not be read or written");
        Error::new(code, format!("{what}: {:?}", error.kind()))
    }
    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }
    /// The sentence.
    pub fn message(&self) -> &str {
        &self.message
    }
    /// As it is answered. Compat(argo 3.5)
    pub fn body(&self) -> Value {
        object! { "error" => self.message.as_str(), "code" => self.code as i64, "message" => self.message.as_str() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

/// Compat(argo 3.5): the codes that answers of an API server become.
impl From<belay_cluster::Error> for Error {
    fn from(error: belay_cluster::Error) -> Error {
        let code = match error.kind() {
            ErrorKind::NotFound | ErrorKind::UnknownKind | ErrorKind::Gone => Code::NotFound,
            ErrorKind::AlreadyExists => Code::AlreadyExists,
            ErrorKind::Conflict => Code::Aborted,
            // Where no request was sent, something in it could not be: a name that is none.
            ErrorKind::Invalid | ErrorKind::Config => Code::InvalidArgument,
            ErrorKind::BadRequest => Code::FailedPrecondition,
            ErrorKind::Forbidden => Code::PermissionDenied,
            // The credential that was refused is ours, not the caller's: nobody is signed out by it.
            ErrorKind::Unauthorized | ErrorKind::Decode => Code::Unavailable,
            ErrorKind::Internal => Code::Internal,
            ErrorKind::MethodNotAllowed => Code::Unimplemented,
            ErrorKind::TooLarge | ErrorKind::TooManyRequests { .. } => Code::ResourceExhausted,
            ErrorKind::ServerTimeout | ErrorKind::Timeout => Code::DeadlineExceeded,
            ErrorKind::Unavailable | ErrorKind::Network | ErrorKind::Fenced => Code::Unavailable,
        };
        Error::new(code, error.message())
    }
}

impl From<belay_access::Error> for Error {
    fn from(error: belay_access::Error) -> Error {
        use belay_access::ErrorKind;
        let code = match error.kind() {
            // Where Argo CD gives no code, and so 500: a project that makes no sense is its writer's matter.
            ErrorKind::InvalidArgument | ErrorKind::OutOfRange | ErrorKind::Unknown => Code::InvalidArgument,
            ErrorKind::AlreadyExists => Code::AlreadyExists,
            ErrorKind::NotFound => Code::NotFound,
        };
        Error::new(code, error.message())
    }
}

impl From<belay_argo::spec::SpecError> for Error {
    fn from(error: belay_argo::spec::SpecError) -> Error {
        Error::invalid(error.to_string())
    }
}
