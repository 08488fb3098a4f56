//! Operations: what somebody asked for, and what has become of it.

use super::policy::{Info, NamespaceMetadata, RetryStrategy, SyncOptions};
use super::record::{record, words};
use super::source::Source;

record! {
    /// What somebody asked for.
    Operation {
        /// A sync.
        sync: Option<Box<SyncOperation>> = "sync",
        /// Who asked.
        initiated_by: Initiator = "initiatedBy" always,
        /// What they noted.
        info: Vec<Info> = "info",
        /// Trying again.
        retry: RetryStrategy = "retry" always,
    }
}

record! {
    /// Who asked for an operation.
    Initiator {
        /// The user.
        username: String = "username",
        /// Whether it was the controller by itself.
        automated: bool = "automated",
    }
}

record! {
    /// A sync as it was asked for.
    SyncOperation {
        /// The revision, unless that of the spec.
        revision: String = "revision",
        /// Whether what left the source is deleted.
        prune: bool = "prune",
        /// Whether nothing is changed.
        dry_run: bool = "dryRun",
        /// How; absent for hooks.
        sync_strategy: Option<SyncStrategy> = "syncStrategy",
        /// Only these; empty for all.
        resources: Vec<SyncResource> = "resources",
        /// The source, unless that of the spec.
        source: Option<Box<Source>> = "source",
        /// Manifests in place of the source, JSON each.
        manifests: Vec<String> = "manifests",
        /// `Name=value`
        sync_options: SyncOptions = "syncOptions",
        /// The sources, unless those of the spec.
        sources: Vec<Source> = "sources",
        /// The revision of each source.
        revisions: Vec<String> = "revisions",
        /// How often it was tried to heal.
        self_heal_attempts: i64 = "autoHealAttemptsCount",
    }
}

record! {
    /// How a sync is made.
    SyncStrategy {
        /// Without hooks.
        apply: Option<StrategyOptions> = "apply",
        /// With hooks.
        hook: Option<StrategyOptions> = "hook",
    }
}

record! {
    /// Options of a strategy.
    StrategyOptions {
        /// Whether objects that cannot be changed are deleted and made anew.
        force: bool = "force",
    }
}

record! {
    /// One object that is to be synced.
    SyncResource {
        /// Its group.
        group: String = "group",
        /// Its kind.
        kind: String = "kind" always,
        /// Its name.
        name: String = "name" always,
        /// Its namespace; empty for any.
        namespace: String = "namespace",
    }
}

words! {
    /// How far an operation or hook is.
    OperationPhase {
        /// It runs, or waits to be tried again.
        Running,
        /// It is being ended.
        Terminating,
        /// It went wrong: an object could not be applied, a hook failed.
        Failed,
        /// It could not be carried out.
        Error,
        /// It went well.
        Succeeded,
    }
}

words! {
    /// What came of one object.
    ResultCode {
        /// It was applied.
        Synced,
        /// It could not be applied.
        SyncFailed,
        /// It was deleted.
        Pruned,
        /// It was left.
        PruneSkipped,
    }
}

words! {
    /// When in a sync an object is dealt with.
    SyncPhase {
        /// Before all else.
        PreSync,
        /// With the rest.
        Sync,
        /// After all is healthy.
        PostSync,
        /// When the sync failed.
        SyncFail,
        /// Before the Application is deleted.
        PreDelete,
        /// When the Application's objects are deleted.
        PostDelete,
    }
}

words! {
    /// What a hook is.
    HookType {
        /// Before all else.
        PreSync,
        /// With the rest.
        Sync,
        /// After all is healthy.
        PostSync,
        /// When the sync failed.
        SyncFail,
        /// Before the Application is deleted.
        PreDelete,
        /// When the Application's objects are deleted.
        PostDelete,
        /// Never.
        Skip,
    }
}

record! {
    /// What has become of an operation.
    OperationState {
        /// What was asked for.
        operation: Operation = "operation" always,
        /// How far it is.
        phase: OperationPhase = "phase" always,
        /// What people read.
        message: String = "message",
        /// What came of the sync.
        sync_result: Option<Box<SyncResult>> = "syncResult",
        /// When it started.
        started_at: String = "startedAt" always,
        /// When it was over; while it runs, when the last try was.
        finished_at: String = "finishedAt",
        /// How often it was tried again.
        retry_count: i64 = "retryCount",
    }
}

record! {
    /// What came of a sync.
    SyncResult {
        /// Of each object.
        resources: Vec<ResourceResult> = "resources",
        /// The revision.
        revision: String = "revision" always,
        /// The source.
        source: Source = "source" always,
        /// The sources, if several.
        sources: Vec<Source> = "sources",
        /// The revision of each source.
        revisions: Vec<String> = "revisions",
        /// The namespace's metadata.
        managed_namespace_metadata: Option<NamespaceMetadata> = "managedNamespaceMetadata",
    }
}

record! {
    /// What came of one object.
    ResourceResult {
        /// Its group.
        group: String = "group" always,
        /// Its version.
        version: String = "version" always,
        /// Its kind.
        kind: String = "kind" always,
        /// Its namespace.
        namespace: String = "namespace" always,
        /// Its name.
        name: String = "name" always,
        /// What came of it; absent for hooks.
        status: Option<ResultCode> = "status",
        /// What people read.
        message: String = "message",
        /// What hook it is.
        hook_type: Option<HookType> = "hookType",
        /// How far the hook, or the waiting for it, is.
        hook_phase: Option<OperationPhase> = "hookPhase",
        /// When in the sync it was.
        sync_phase: Option<SyncPhase> = "syncPhase",
        /// The images in it.
        images: Vec<String> = "images",
    }
}

impl OperationPhase {
    /// Whether nothing more happens.
    pub fn is_over(self) -> bool {
        matches!(self, OperationPhase::Failed | OperationPhase::Error | OperationPhase::Succeeded)
    }
}

impl SyncOperation {
    /// Whether hooks are left out.
    pub fn is_apply_strategy(&self) -> bool {
        self.sync_strategy.as_ref().is_some_and(|s| s.apply.is_some())
    }
    /// Whether objects that cannot be changed are deleted and made anew.
    pub fn force(&self) -> bool {
        let strategy = self.sync_strategy.as_ref();
        strategy.and_then(|s| s.apply.as_ref().or(s.hook.as_ref())).is_some_and(|options| options.force)
    }
}

impl SyncResource {
    /// Whether it names an object. Without a namespace it names those of every namespace.
    pub fn names(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        self.group == group
            && self.kind == kind
            && self.name == name
            && (self.namespace.is_empty() || self.namespace == namespace)
    }
}
