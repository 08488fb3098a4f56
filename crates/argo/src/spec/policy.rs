//! When and how an Application is synced, and which differences do not count.

use std::collections::BTreeMap;
use std::time::Duration;

use belay_object::GoDuration;

use super::SpecError;
use super::record::record;

record! {
    /// When and how to sync.
    SyncPolicy {
        /// Syncing by itself; see [`SyncPolicy::is_automated`].
        automated: Option<Automated> = "automated",
        /// `Name=value`
        sync_options: SyncOptions = "syncOptions",
        /// Trying again.
        retry: Option<RetryStrategy> = "retry",
        /// Metadata of the destination namespace.
        managed_namespace_metadata: Option<NamespaceMetadata> = "managedNamespaceMetadata",
    }
}

record! {
    /// Syncing by itself.
    Automated {
        /// Whether what left the source is deleted.
        prune: Option<bool> = "prune",
        /// Whether what was changed in the cluster is put back.
        self_heal: Option<bool> = "selfHeal",
        /// Whether everything may be deleted.
        allow_empty: Option<bool> = "allowEmpty",
        /// Whether it is on at all; absent means yes.
        enabled: Option<bool> = "enabled",
    }
}

record! {
    /// Trying again after a failed sync.
    RetryStrategy {
        /// How often; 0 never, negative without end.
        limit: i64 = "limit",
        /// How long to wait.
        backoff: Option<Backoff> = "backoff",
        /// Whether a newer revision is taken when trying again.
        refresh: bool = "refresh",
    }
}

record! {
    /// How long to wait before trying again.
    Backoff {
        /// The first wait; a bare number is seconds. Empty for 5 s.
        duration: String = "duration",
        /// What it is multiplied by each time; absent for 2.
        factor: Option<i64> = "factor",
        /// The longest wait. Empty for 3 m.
        max_duration: String = "maxDuration",
    }
}

record! {
    /// Metadata of the destination namespace.
    NamespaceMetadata {
        /// Labels.
        labels: BTreeMap<String, String> = "labels",
        /// Annotations.
        annotations: BTreeMap<String, String> = "annotations",
    }
}

record! {
    /// Fields that do not count when comparing.
    IgnoreDifference {
        /// Glob for the group.
        group: String = "group",
        /// Glob for the kind.
        kind: String = "kind" always,
        /// Name; empty for any.
        name: String = "name",
        /// Namespace; empty for any.
        namespace: String = "namespace",
        /// JSON pointers.
        json_pointers: Vec<String> = "jsonPointers",
        /// jq paths.
        jq_path_expressions: Vec<String> = "jqPathExpressions",
        /// Field managers whose fields do not count.
        managed_fields_managers: Vec<String> = "managedFieldsManagers",
    }
}

record! {
    /// A line of information.
    Info {
        /// What it is.
        name: String = "name" always,
        /// The information.
        value: String = "value" always,
    }
}

/// How often a sync is tried again where a policy does not say: five times if automated.
// Compat(argo 3.5)
pub const AUTOMATED_RETRY_LIMIT: i64 = 5;

/// Options of syncs: `Name=value` each.
pub type SyncOptions = Vec<String>;

/// What an option says; of an option that stands twice the first counts.
pub fn option_value<'a>(options: &'a [String], name: &str) -> Option<&'a str> {
    options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='))
}

impl SyncPolicy {
    /// Whether the Application is synced by itself.
    pub fn is_automated(&self) -> bool {
        self.automated.as_ref().is_some_and(|a| a.enabled.unwrap_or(true))
    }
    /// Whether an option stands there word for word (`CreateNamespace=true`).
    pub fn has_option(&self, option: &str) -> bool {
        self.sync_options.iter().any(|own| own == option)
    }
}

impl Automated {
    /// Whether what left the source is deleted.
    pub fn prune(&self) -> bool {
        self.prune.unwrap_or_default()
    }
    /// Whether what was changed in the cluster is put back.
    pub fn self_heal(&self) -> bool {
        self.self_heal.unwrap_or_default()
    }
    /// Whether everything may be deleted.
    pub fn allow_empty(&self) -> bool {
        self.allow_empty.unwrap_or_default()
    }
}

impl RetryStrategy {
    /// How long to wait after the last try: duration * factor^retries, at most the longest.
    pub fn wait(&self, retries: i64) -> Result<Duration, SpecError> {
        let none = Backoff::default();
        let backoff = self.backoff.as_ref().unwrap_or(&none);
        // Compat(argo 3.5): the defaults.
        let first = duration_or(&backoff.duration, GoDuration::from_secs(5), "backoff.duration")?;
        let longest = duration_or(&backoff.max_duration, GoDuration::from_secs(180), "backoff.maxDuration")?;
        let factor = backoff.factor.unwrap_or(2) as f64;
        let exponent = i32::try_from(retries.max(0)).unwrap_or(i32::MAX);
        let mut nanos = first.as_nanos() as f64 * factor.powi(exponent);
        if longest.as_nanos() > 0 {
            nanos = nanos.min(longest.as_nanos() as f64);
        }
        // Casting saturates, and makes zero of what is no number or negative.
        Ok(Duration::from_nanos(nanos as u64))
    }
}

fn duration_or(text: &str, default: GoDuration, field: &str) -> Result<GoDuration, SpecError> {
    if text.is_empty() {
        return Ok(default);
    }
    parse_duration(text).map_err(|message| SpecError { field: field.to_owned(), message })
}

/// Reads a duration as Argo CD does where a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<GoDuration, String> {
    if let Ok(seconds) = text.parse::<i64>() {
        return Ok(GoDuration::from_secs(seconds));
    }
    // Compat(argo 3.5)
    GoDuration::parse(text).ok_or_else(|| format!("unable to parse {text} as a duration"))
}
