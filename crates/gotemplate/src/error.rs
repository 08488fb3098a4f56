//! [`Error`]: what went wrong, in Go's words.
//!
//! The text of an error is built when it is printed, from a chain: an execution error (with its
//! [`Place`]) holds the error of a call, which holds what the function said, which may again be
//! an execution error of a template that the function ran. Callers that print errors in a form of
//! their own walk the chain instead of parsing texts.

use std::fmt;

/// What kind of error this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A template's text is not in the language.
    Parse,
    /// Evaluating an action failed; [`Error::place`] says where.
    Exec,
    /// A function failed: `error calling NAME: ...`; [`Error::function`] says which.
    Call,
    /// What a function or a conversion says.
    Message,
    /// A limit was reached: steps, nesting, output, memory or time.
    Limit,
}

/// Where in which template an execution failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The name of the template that was executing (of its `define`).
    pub template: String,
    /// `NAME:LINE:COLUMN` of the action, NAME being the parsed text's; only the template's name
    /// where there is no action.
    pub location: String,
    /// The expression as Go prints it; `None` where the whole template is meant.
    pub context: Option<String>,
}

/// An error of parsing or executing a template.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    message: String,
    place: Option<Place>,
    cause: Option<Error>,
}

impl Error {
    /// An error that says `message`: what functions return.
    pub fn new(message: impl Into<String>) -> Error {
        Error::of(ErrorKind::Message, message.into())
    }
    /// The same of bytes, which Go's texts may hold.
    pub fn from_bytes(message: &[u8]) -> Error {
        Error::new(String::from_utf8_lossy(message))
    }
    /// `message: cause`, keeping the cause in the chain.
    pub fn wrap(message: impl Into<String>, cause: Error) -> Error {
        let mut error = Error::new(message);
        error.0.cause = Some(cause);
        error
    }
    /// A limit was reached.
    pub fn limit(message: impl Into<String>) -> Error {
        Error::of(ErrorKind::Limit, message.into())
    }
    pub(crate) fn of(kind: ErrorKind, message: String) -> Error {
        Error(Box::new(Inner { kind, message, place: None, cause: None }))
    }
    pub(crate) fn call(function: &str, cause: Error) -> Error {
        let mut error = Error::of(ErrorKind::Call, function.to_owned());
        error.0.cause = Some(cause);
        error
    }
    pub(crate) fn at(place: Place, cause: Error) -> Error {
        let mut error = Error::of(ErrorKind::Exec, String::new());
        error.0.place = Some(place);
        error.0.cause = Some(cause);
        error
    }
    /// What kind of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Where it happened, for [`ErrorKind::Exec`].
    pub fn place(&self) -> Option<&Place> {
        self.0.place.as_ref()
    }
    /// The function's name, for [`ErrorKind::Call`].
    pub fn function(&self) -> Option<&str> {
        (self.0.kind == ErrorKind::Call).then_some(self.0.message.as_str())
    }
    /// What is beneath this error in the chain.
    pub fn cause(&self) -> Option<&Error> {
        self.0.cause.as_ref()
    }
    /// The last error of the chain.
    pub fn root(&self) -> &Error {
        let mut error = self;
        while let Some(cause) = error.cause() {
            error = cause;
        }
        error
    }
    /// The innermost error of the chain that has a place.
    pub(crate) fn innermost_placed(&self) -> Option<&Error> {
        let mut found = None;
        let mut next = Some(self);
        while let Some(error) = next {
            if error.place().is_some() {
                found = Some(error);
            }
            next = error.cause();
        }
        found
    }
    /// Whether a limit is what ended it.
    pub fn is_limit(&self) -> bool {
        self.root().kind() == ErrorKind::Limit
    }
}

impl fmt::Display for Error {
    /// Go's text of the whole chain.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Iterative: a chain is as long as templates are nested.
        let mut error = self;
        loop {
            match error.kind() {
                ErrorKind::Parse | ErrorKind::Message | ErrorKind::Limit => f.write_str(&error.0.message)?,
                ErrorKind::Call => write!(f, "error calling {}", error.0.message)?,
                ErrorKind::Exec => {
                    if let Some(place) = error.place() {
                        write!(f, "template: {}", place.location)?;
                        if let Some(context) = &place.context {
                            let name = crate::fmt::quote_str(&place.template);
                            write!(f, ": executing {name} at <{context}>")?;
                        }
                    }
                }
            }
            let Some(cause) = error.cause() else { return Ok(()) };
            f.write_str(": ")?;
            error = cause;
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl std::error::Error for Error {}

impl Drop for Inner {
    /// Frees a long chain without recursion.
    fn drop(&mut self) {
        let mut next = self.cause.take();
        while let Some(mut error) = next {
            next = error.0.cause.take();
        }
    }
}
