//! What can go wrong between a specification and a tree.

use std::fmt;

/// A failed fetch, verification or storage: what code branches on, and what people read.
///
/// *Invariant*: the message holds no credential; texts of others pass through
/// [`belay_net::redact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The specification cannot be used as it stands; trying again does not help.
    Spec,
    /// Credentials are missing, unreadable or contradict each other.
    Credentials,
    /// The remote does not answer, or answers nothing that Git understands.
    Unreachable,
    /// The remote wants other credentials.
    Unauthenticated,
    /// The remote has no such repository, or does not show it to these credentials.
    RepositoryNotFound,
    /// The SSH host key is not the one in `known_hosts`.
    HostKey,
    /// The repository has no such ref or commit, or no tag in the range.
    ReferenceNotFound,
    /// The repository has no commit at all.
    EmptyRepository,
    /// A commit or tag is not signed by one of the given keys.
    Verification,
    /// The deadline passed.
    Timeout,
    /// A limit is exceeded: refs, pack, archive.
    TooLarge,
    /// The remote sent what no honest one sends.
    Hostile,
    /// A ref is not where it was when a commit was made for it: somebody else pushed. To be made anew from the new tip.
    Moved,
    /// The remote does not take what is pushed.
    Rejected,
    /// A path that the specification names is not in the tree.
    PathNotFound,
    /// A tree could not be read.
    Tree,
    /// The cache or the artifact storage failed.
    Storage,
}

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

    /// Whether the same call may succeed later without anyone changing the specification.
    pub fn is_transient(&self) -> bool {
        match self.kind {
            ErrorKind::Spec | ErrorKind::Credentials => false,
            ErrorKind::Unreachable
            | ErrorKind::Unauthenticated
            | ErrorKind::RepositoryNotFound
            | ErrorKind::HostKey
            | ErrorKind::ReferenceNotFound
            | ErrorKind::EmptyRepository
            | ErrorKind::Verification
            | ErrorKind::Timeout
            | ErrorKind::TooLarge
            | ErrorKind::Hostile
            | ErrorKind::Moved
            | ErrorKind::Rejected
            | ErrorKind::PathNotFound
            | ErrorKind::Tree
            | ErrorKind::Storage => true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}

impl From<belay_tree::Error> for Error {
    fn from(error: belay_tree::Error) -> Error {
        Error::new(ErrorKind::Tree, error.to_string())
    }
}

impl From<belay_tree::PathError> for Error {
    fn from(error: belay_tree::PathError) -> Error {
        Error::new(ErrorKind::Spec, error.to_string())
    }
}

impl From<belay_net::Error> for Error {
    fn from(error: belay_net::Error) -> Error {
        let kind = match error.kind() {
            belay_net::ErrorKind::Url => ErrorKind::Spec,
            belay_net::ErrorKind::Config => ErrorKind::Credentials,
            belay_net::ErrorKind::Timeout => ErrorKind::Timeout,
            belay_net::ErrorKind::TooLarge => ErrorKind::TooLarge,
            _ => ErrorKind::Unreachable,
        };
        Error::new(kind, error.to_string())
    }
}
