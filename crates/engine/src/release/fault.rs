//! Why a step of a release did not come about.

use std::fmt;

use belay_cluster::ErrorKind;
use belay_object::Object;

/// A failed step. What is only for now is no failure of the release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Whether trying again may help without anybody changing anything.
    pub is_transient: bool,
    /// For people.
    pub message: String,
}

impl Fault {
    /// A refusal: only another release helps.
    pub fn refused(message: impl Into<String>) -> Fault {
        Fault { is_transient: false, message: message.into() }
    }
    /// What a request came to. `doing` stands before the server's words.
    pub(crate) fn of(error: &belay_cluster::Error, doing: &str) -> Fault {
        let words = match error.status() {
            Some(status) => status.message.clone(),
            None => error.to_string(),
        };
        let message = if doing.is_empty() { words } else { format!("{doing}: {words}") };
        // Not leading any more is nothing that a release should be blamed for.
        let is_transient = error.is_transient() || matches!(error.kind(), ErrorKind::Fenced | ErrorKind::Unauthorized);
        Fault { is_transient, message }
    }
    /// As [`Fault::of`] for a write of an object: a server repeats values of what it finds invalid,
    /// and those of a Secret are told to nobody (SEC-2).
    pub(crate) fn of_write(error: &belay_cluster::Error, object: &Object, doing: &str) -> Fault {
        if object.kind() == "Secret" && matches!(error.kind(), ErrorKind::Invalid | ErrorKind::BadRequest) {
            return Fault::refused(format!(
                "{doing}: the server finds the Secret invalid; its words may hold values and are not told"
            ));
        }
        Fault::of(error, doing)
    }
    /// Puts words before the message.
    pub(crate) fn wrap(mut self, doing: &str) -> Fault {
        self.message = format!("{doing}: {}", self.message);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Fault {}

impl From<belay_helm::Error> for Fault {
    fn from(error: belay_helm::Error) -> Fault {
        Fault::refused(error.to_string())
    }
}
