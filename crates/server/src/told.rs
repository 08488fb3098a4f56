//! Who did what, as events of Kubernetes: people and programs look there, and it is the record of writes.
//!
//! Compat(argo 3.5): reasons and words, which others match on.

use belay_controller::{Event, EventKind, Involved};
use belay_object::Object;
use jiff::Timestamp;

use crate::call::Call;

/// The component of the events.
const COMPONENT: &str = "argocd-server";

/// What was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reason {
    /// Something was made.
    Created,
    /// Something was changed.
    Updated,
    /// Something was deleted.
    Deleted,
    /// An action ran.
    ActionRan,
    /// An operation was asked for.
    OperationStarted,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Reason::Created => "ResourceCreated",
            Reason::Updated => "ResourceUpdated",
            Reason::Deleted => "ResourceDeleted",
            Reason::ActionRan => "ResourceActionRan",
            Reason::OperationStarted => "OperationStarted",
        }
    }
}

impl Call {
    /// Tells that the caller did something to an Application or a project.
    pub fn tell(&self, object: &Object, reason: Reason, what: &str) {
        let who = if self.caller.name().is_empty() { "Unknown user" } else { self.caller.name() };
        let (kind, namespace, name) = (object.kind(), object.namespace(), object.name());
        tracing::info!(user = who, kind, namespace, name, reason = reason.as_str(), "{what}");
        self.api.recorder.record(Event {
            involved: Involved::of(object),
            kind: EventKind::Normal,
            reason: reason.as_str().to_owned(),
            message: format!("{who} {what}"),
            annotations: Vec::new(),
            component: COMPONENT.to_owned(),
            trace: false,
            at: Timestamp::now(),
        });
    }
}
