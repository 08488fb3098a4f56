//! What a controller writes down about an Application and reads back.

use belay_object::Value;

use super::Destination;
use super::operation::{Initiator, OperationState};
use super::policy::IgnoreDifference;
use super::record::{record, words};
use super::source::{Source, SourceHydrator, SourceType};

record! {
    /// The state of an Application. A field that it does not know stays where it is: see
    /// [`Status::write_over`].
    Status {
        /// Every object, desired or live.
        resources: Vec<ResourceStatus> = "resources",
        /// Desired against live.
        sync: SyncStatus = "sync" if_set,
        /// How it is.
        health: HealthStatus = "health" if_set,
        /// Past syncs, oldest first.
        history: Vec<HistoryEntry> = "history",
        /// What is wrong.
        conditions: Vec<AppCondition> = "conditions",
        /// When it was last compared with the newest revision.
        reconciled_at: String = "reconciledAt",
        /// What has become of the last operation.
        operation_state: Option<Box<OperationState>> = "operationState",
        /// Not written any more.
        observed_at: String = "observedAt",
        /// What renders the source.
        source_type: Option<SourceType> = "sourceType",
        /// Addresses and images.
        summary: Summary = "summary" if_set,
        /// Where resources' health stands: empty for in `resources`, `appTree` for elsewhere.
        resource_health_source: String = "resourceHealthSource",
        /// What renders each source.
        source_types: Vec<SourceType> = "sourceTypes",
        /// The namespace of the controller.
        controller_namespace: String = "controllerNamespace",
        /// What the hydrator has done.
        source_hydrator: Value = "sourceHydrator",
    }
}

words! {
    /// Desired against live.
    SyncCode {
        /// Not known.
        Unknown,
        /// Equal.
        Synced,
        /// Different.
        OutOfSync,
    }
}

words! {
    /// Health, from the best to the worst.
    HealthCode {
        /// As it should be.
        Healthy,
        /// Held on purpose.
        Suspended,
        /// On its way.
        Progressing,
        /// Not there.
        Missing,
        /// Broken.
        Degraded,
        /// Not known.
        Unknown,
    }
}

record! {
    /// Desired against live.
    SyncStatus {
        /// Whether they are equal.
        status: Option<SyncCode> = "status" always,
        /// What was compared.
        compared_to: ComparedTo = "comparedTo" if_set,
        /// The revision.
        revision: String = "revision",
        /// The revision of each source.
        revisions: Vec<String> = "revisions",
    }
}

record! {
    /// What was compared.
    ComparedTo {
        /// The source; of several sources an empty one.
        source: Source = "source" always,
        /// Where.
        destination: Destination = "destination" always,
        /// The sources.
        sources: Vec<Source> = "sources",
        /// What did not count.
        ignore_differences: Vec<IgnoreDifference> = "ignoreDifferences",
    }
}

record! {
    /// How something is.
    HealthStatus {
        /// In a word.
        status: Option<HealthCode> = "status",
        /// In a sentence.
        message: String = "message",
        /// When the word became another; of Applications alone.
        last_transition_time: String = "lastTransitionTime",
    }
}

record! {
    /// One object.
    ResourceStatus {
        /// Its group.
        group: String = "group",
        /// Its version.
        version: String = "version",
        /// Its kind.
        kind: String = "kind",
        /// Its namespace.
        namespace: String = "namespace",
        /// Its name.
        name: String = "name",
        /// Desired against live; absent for hooks.
        status: Option<SyncCode> = "status",
        /// How it is.
        health: Option<HealthStatus> = "health",
        /// Whether it is a hook.
        hook: bool = "hook",
        /// Whether it is to be deleted.
        requires_pruning: bool = "requiresPruning",
        /// Its wave.
        sync_wave: i64 = "syncWave",
        /// Whether somebody must confirm that it is deleted.
        requires_deletion_confirmation: bool = "requiresDeletionConfirmation",
    }
}

record! {
    /// A past sync.
    HistoryEntry {
        /// The revision.
        revision: String = "revision",
        /// When it was done.
        deployed_at: String = "deployedAt" always,
        /// Its number.
        id: i64 = "id" always,
        /// The source.
        source: Source = "source" always,
        /// When it started.
        deploy_started_at: String = "deployStartedAt",
        /// The sources, if several.
        sources: Vec<Source> = "sources",
        /// The revision of each source.
        revisions: Vec<String> = "revisions",
        /// Who asked.
        initiated_by: Initiator = "initiatedBy" always,
    }
}

record! {
    /// What is wrong, or to be known.
    AppCondition {
        /// In a word; see [`conditions`](super::conditions).
        kind: String = "type" always,
        /// In a sentence.
        message: String = "message" always,
        /// Since when.
        last_transition_time: String = "lastTransitionTime",
    }
}

record! {
    /// Addresses and images.
    Summary {
        /// Where it is reached.
        external_urls: Vec<String> = "externalURLs",
        /// What it runs.
        images: Vec<String> = "images",
        /// Whether Applications are among its objects.
        is_app_of_apps: bool = "isAppOfApps",
    }
}

words! {
    /// How far a hydration is.
    HydratePhase {
        /// On its way.
        Hydrating,
        /// It could not be done.
        Failed,
        /// Done.
        Hydrated,
    }
}

record! {
    /// What a hydrator has done.
    HydratorStatus {
        /// What was last done.
        last_successful_operation: Option<HydrateSuccess> = "lastSuccessfulOperation",
        /// What is being done, or was tried last.
        current_operation: Option<HydrateOperation> = "currentOperation",
        /// The dry commit that was last looked at, whatever came of it.
        last_compared_dry_revision: String = "lastComparedDryRevision",
    }
}

record! {
    /// A hydration.
    HydrateOperation {
        /// When it began.
        started_at: String = "startedAt",
        /// When it ended.
        finished_at: String = "finishedAt",
        /// How far it is.
        phase: Option<HydratePhase> = "phase",
        /// What went wrong.
        message: String = "message" always,
        /// The dry commit.
        dry_sha: String = "drySHA",
        /// The commit that it came to.
        hydrated_sha: String = "hydratedSHA",
        /// What was asked for.
        source_hydrator: SourceHydrator = "sourceHydrator" always,
    }
}

record! {
    /// A hydration that was done.
    HydrateSuccess {
        /// The dry commit.
        dry_sha: String = "drySHA",
        /// The commit that it came to.
        hydrated_sha: String = "hydratedSHA",
        /// What was asked for.
        source_hydrator: SourceHydrator = "sourceHydrator" always,
    }
}

impl Status {
    /// What its hydrator has done; what cannot be read counts as absent.
    pub fn hydrator(&self) -> HydratorStatus {
        HydratorStatus::read_lossy(&self.source_hydrator)
    }
}

impl AppCondition {
    /// One without a time.
    pub fn new(kind: &str, message: impl Into<String>) -> AppCondition {
        AppCondition { kind: kind.to_owned(), message: message.into(), last_transition_time: String::new() }
    }
    /// Whether it says that something is wrong.
    pub fn is_error(&self) -> bool {
        self.kind.ends_with("Error")
    }
}

impl Status {
    /// The revisions that were compared, one for each source.
    pub fn revisions(&self) -> Vec<&str> {
        match self.sync.revisions.as_slice() {
            [] if self.sync.revision.is_empty() => Vec::new(),
            [] => vec![&self.sync.revision],
            several => several.iter().map(String::as_str).collect(),
        }
    }
}
