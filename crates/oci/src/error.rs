//! What can go wrong between a reference and bytes that are what they should be.

use std::fmt;
use std::time::Duration;

/// A failed exchange with a registry. *Invariant*: the message holds no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The text names no repository, tag or digest.
    Reference,
    /// Credentials, certificates or keys cannot be read or used.
    Credentials,
    /// The registry wants other credentials.
    Unauthorized,
    /// The registry has no such repository, tag, manifest or blob, or does not show it.
    NotFound,
    /// The registry takes no more requests for a while.
    RateLimited(Option<Duration>),
    /// The registry does not answer.
    Unreachable,
    /// A deadline passed.
    Timeout,
    /// A limit is exceeded.
    TooLarge,
    /// What came is not what its digest says.
    Digest,
    /// The registry answered what no registry should.
    Protocol,
    /// No signature by one of the keys.
    Verification,
}

pub(crate) type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of `kind` told in `message`, credentials taken out.
    pub fn new(kind: ErrorKind, message: impl AsRef<str>) -> Error {
        Error { kind, message: belay_net::redact(message.as_ref()) }
    }
    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
    /// The same failure with words before its message.
    pub fn context(self, words: impl fmt::Display) -> Error {
        Error { kind: self.kind, message: format!("{words}: {}", self.message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<belay_net::Error> for Error {
    fn from(error: belay_net::Error) -> Error {
        let kind = match error.kind() {
            belay_net::ErrorKind::Url => ErrorKind::Reference,
            belay_net::ErrorKind::Config => ErrorKind::Credentials,
            belay_net::ErrorKind::Timeout => ErrorKind::Timeout,
            belay_net::ErrorKind::TooLarge => ErrorKind::TooLarge,
            belay_net::ErrorKind::Protocol | belay_net::ErrorKind::Redirect => ErrorKind::Protocol,
            _ => ErrorKind::Unreachable,
        };
        Error::new(kind, error.to_string())
    }
}
