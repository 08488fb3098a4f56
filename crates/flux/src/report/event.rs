//! Events: what happened to an object, for people and for notifications.

use crate::names;
use crate::spec::Meta;

/// How much an event matters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Severity {
    /// For the cluster's events alone, never for notifications.
    Trace,
    /// All is well.
    Info,
    /// Something failed.
    Error,
}

impl Severity {
    /// The type of a Kubernetes event.
    pub fn event_type(self) -> &'static str {
        match self {
            Severity::Trace | Severity::Info => "Normal",
            Severity::Error => "Warning",
        }
    }
    /// The severity in a notification; `None` where there is none.
    pub fn notification(self) -> Option<&'static str> {
        match self {
            Severity::Trace => None,
            Severity::Info => Some("info"),
            Severity::Error => Some("error"),
        }
    }
}

/// One event about one object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Event {
    /// How much it matters.
    pub severity: Severity,
    /// A word for machines.
    pub reason: String,
    /// Sentences for people.
    pub message: String,
    /// Metadata with full keys (`kustomize.toolkit.fluxcd.io/revision`), sorted: the annotations of
    /// the Kubernetes event.
    pub metadata: Vec<(String, String)>,
}

impl Event {
    /// Makes one. `group` prefixes the keys of `metadata`; what the object wants to say is added,
    /// and does not override.
    pub(crate) fn new(
        severity: Severity,
        reason: &str,
        message: impl Into<String>,
        about: &Meta,
        group: &str,
        metadata: &[(&str, &str)],
    ) -> Event {
        let mut all: Vec<(String, String)> = metadata
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(key, value)| (format!("{group}/{key}"), (*value).to_owned()))
            .collect();
        for (key, value) in &about.event_metadata {
            all.push((format!("{}{key}", names::EVENT_ANNOTATION_PREFIX), value.clone()));
        }
        all.sort();
        Event { severity, reason: reason.to_owned(), message: message.into(), metadata: all }
    }
}
