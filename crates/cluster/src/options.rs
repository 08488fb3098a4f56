//! What can be asked of each request. Defaults are the plain request.

use belay_object::Value;

/// What the server does with fields that are unknown or stand twice.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FieldValidation {
    /// What the server does by default (warns).
    #[default]
    Unset,
    /// Drops them silently.
    Ignore,
    /// Drops them and warns.
    Warn,
    /// Refuses the request.
    Strict,
}

impl FieldValidation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            FieldValidation::Unset => "",
            FieldValidation::Ignore => "Ignore",
            FieldValidation::Warn => "Warn",
            FieldValidation::Strict => "Strict",
        }
    }
}

/// What happens to dependents of a deleted object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Propagation {
    /// Dependents go first.
    Foreground,
    /// The object goes first.
    Background,
    /// Dependents stay.
    Orphan,
}

impl Propagation {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Propagation::Foreground => "Foreground",
            Propagation::Background => "Background",
            Propagation::Orphan => "Orphan",
        }
    }
}

/// Which objects to list, and how fresh.
#[derive(Clone, Debug, Default)]
pub struct ListOptions {
    /// A label selector in text form.
    pub labels: String,
    /// A field selector in text form.
    pub fields: String,
    /// `0` for "any version the server has at hand"; empty for the newest.
    pub resource_version: String,
    /// Ask for `metadata` alone (PartialObjectMetadata); apiVersion and kind are put right.
    pub metadata_only: bool,
    /// Objects a page; 0 means 500.
    pub page_size: u32,
}

/// Which objects to watch, and from where.
#[derive(Clone, Debug, Default)]
pub struct WatchOptions {
    /// A label selector in text form.
    pub labels: String,
    /// A field selector in text form.
    pub fields: String,
    /// Events after this version; empty for "now, with what is there first".
    pub resource_version: String,
    /// Ask for the objects that are there first and a bookmark behind them (a streaming list).
    pub send_initial_events: bool,
    /// Ask for `metadata` alone.
    pub metadata_only: bool,
    /// How long the server keeps the watch open; 0 means about five minutes.
    pub timeout_s: u32,
}

/// How to create or replace.
#[derive(Clone, Debug, Default)]
pub struct WriteOptions {
    /// Who owns the fields; empty for the server's choice.
    pub field_manager: String,
    /// Check and answer, keep nothing.
    pub dry_run: bool,
    /// What to do with unknown fields.
    pub field_validation: FieldValidation,
}

/// How to apply (server-side).
#[derive(Clone, Debug, Default)]
pub struct ApplyOptions {
    /// Who owns the fields; required.
    pub field_manager: String,
    /// Take fields over from other managers.
    pub force: bool,
    /// Check and answer, keep nothing.
    pub dry_run: bool,
    /// What to do with unknown fields.
    pub field_validation: FieldValidation,
}

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct DeleteOptions {
    /// Delete only the object with this uid (INV-ACT-2).
    pub uid: String,
    /// Delete only this version.
    pub resource_version: String,
    /// What happens to dependents; `None` for the kind's default.
    pub propagation: Option<Propagation>,
    /// Seconds that a pod gets; `None` for its own.
    pub grace_period_s: Option<u32>,
    /// Check and answer, keep nothing.
    pub dry_run: bool,
}

/// A patch and its form.
#[derive(Clone, Debug)]
pub enum Patch {
    /// RFC 6902: a list of operations.
    Json(Value),
    /// RFC 7386.
    Merge(Value),
    /// Kubernetes' strategic merge; built-in kinds only.
    Strategic(Value),
}

impl Patch {
    pub(crate) fn content_type(&self) -> &'static str {
        match self {
            Patch::Json(_) => "application/json-patch+json",
            Patch::Merge(_) => "application/merge-patch+json",
            Patch::Strategic(_) => "application/strategic-merge-patch+json",
        }
    }
    pub(crate) fn value(&self) -> &Value {
        match self {
            Patch::Json(v) | Patch::Merge(v) | Patch::Strategic(v) => v,
        }
    }
}

/// Which log lines.
#[derive(Clone, Debug, Default)]
pub struct LogOptions {
    /// Which container; empty where the pod has one.
    pub container: String,
    /// Go on as lines come.
    pub follow: bool,
    /// Of the container before the last restart.
    pub previous: bool,
    /// The last so many lines.
    pub tail_lines: Option<u32>,
    /// Not older than this.
    pub since_s: Option<u32>,
    /// With the time in front.
    pub timestamps: bool,
}
