//! Every name by which Flux's objects and controllers know each other.
//!
//! Compat(flux 2.9): a cluster can be taken over and handed back only if all of these are equal.

/// A kind of Flux: where it is served and how people call it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Kind {
    /// API group.
    pub group: &'static str,
    /// The only served version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural, as in URLs.
    pub plural: &'static str,
}

impl Kind {
    /// `group/version`.
    pub fn api_version(&self) -> String {
        format!("{}/{}", self.group, self.version)
    }
    /// The name of its definition: `plural.group`.
    pub fn definition_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }
}

/// Group of sources.
pub const SOURCE_GROUP: &str = "source.toolkit.fluxcd.io";
/// Group of Kustomizations, and the domain of their labels and annotations.
pub const KUSTOMIZE_GROUP: &str = "kustomize.toolkit.fluxcd.io";
/// Group of HelmReleases, and the domain of their labels.
pub const HELM_GROUP: &str = "helm.toolkit.fluxcd.io";

/// GitRepository.
pub const GIT_REPOSITORY: Kind =
    Kind { group: SOURCE_GROUP, version: "v1", kind: "GitRepository", plural: "gitrepositories" };
/// OCIRepository.
pub const OCI_REPOSITORY: Kind =
    Kind { group: SOURCE_GROUP, version: "v1", kind: "OCIRepository", plural: "ocirepositories" };
/// Bucket.
pub const BUCKET: Kind = Kind { group: SOURCE_GROUP, version: "v1", kind: "Bucket", plural: "buckets" };
/// HelmRepository.
pub const HELM_REPOSITORY: Kind =
    Kind { group: SOURCE_GROUP, version: "v1", kind: "HelmRepository", plural: "helmrepositories" };
/// HelmChart.
pub const HELM_CHART: Kind = Kind { group: SOURCE_GROUP, version: "v1", kind: "HelmChart", plural: "helmcharts" };
/// ExternalArtifact.
pub const EXTERNAL_ARTIFACT: Kind =
    Kind { group: SOURCE_GROUP, version: "v1", kind: "ExternalArtifact", plural: "externalartifacts" };
/// Kustomization.
pub const KUSTOMIZATION: Kind =
    Kind { group: KUSTOMIZE_GROUP, version: "v1", kind: "Kustomization", plural: "kustomizations" };

/// HelmRelease.
pub const HELM_RELEASE: Kind = Kind { group: HELM_GROUP, version: "v2", kind: "HelmRelease", plural: "helmreleases" };

/// The finalizer on every kind that has one.
pub const FINALIZER: &str = "finalizers.fluxcd.io";

/// Annotation: an opaque token whose change asks for a reconciliation.
pub const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
/// Selects the ConfigMaps and Secrets whose changes wake those that read them.
pub const WATCHED_CONFIGS: &str = "reconcile.fluxcd.io/watch=Enabled";
/// Annotation of a HelmRelease: asks for one install or upgrade, if its value is that of [`REQUESTED_AT`].
pub const FORCE_AT: &str = "reconcile.fluxcd.io/forceAt";
/// Annotation of a HelmRelease: asks to forget failures, if its value is that of [`REQUESTED_AT`].
pub const RESET_AT: &str = "reconcile.fluxcd.io/resetAt";
/// Label or annotation: `disabled` keeps an object out of drift detection.
pub const DRIFT_DETECTION: &str = "helm.toolkit.fluxcd.io/driftDetection";
/// Annotation of a Kustomization, Belay's own: which objects it deleted last, and by what right, written
/// before the first of them is deleted.
pub const DELETIONS: &str = "belay.dev/deletions";
/// Label of ConfigMaps and Secrets whose changes are followed, when it is [`WATCH_ENABLED`].
pub const WATCH: &str = "reconcile.fluxcd.io/watch";
/// See [`WATCH`].
pub const WATCH_ENABLED: &str = "Enabled";
/// Prefix of annotations that are copied into events' metadata.
pub const EVENT_ANNOTATION_PREFIX: &str = "event.toolkit.fluxcd.io/";
/// Label or annotation: `disabled` keeps an object out of post-build substitution. Unlike the other
/// marks its value is compared as it is written.
pub const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";
/// Annotation: `Disabled` keeps an object out of decryption.
pub const DECRYPT: &str = "kustomize.toolkit.fluxcd.io/decrypt";
/// The value that turns things off.
pub const DISABLED: &str = "disabled";

/// Field manager of what Kustomizations apply, and the name that their events come from.
pub const KUSTOMIZE_CONTROLLER: &str = "kustomize-controller";
/// Field manager of Kustomizations' status and finalizers.
pub const KUSTOMIZE_STATUS_MANAGER: &str = "gotk-kustomize-controller";
/// Field manager of sources' status and finalizers, and the name that their events come from.
pub const SOURCE_CONTROLLER: &str = "source-controller";
/// Field manager of what HelmReleases apply, of their status and finalizers, and the name that their
/// events come from.
pub const HELM_CONTROLLER: &str = "helm-controller";
/// Field manager of the command line.
pub const CLI_MANAGER: &str = "flux";

/// Leases that a controller of each group holds while it works; one holder each.
pub const SOURCE_LEASE: &str = "source-controller-leader-election";
/// See [`SOURCE_LEASE`].
pub const KUSTOMIZE_LEASE: &str = "kustomize-controller-leader-election";
/// See [`SOURCE_LEASE`].
pub const HELM_LEASE: &str = "helm-controller-leader-election";

/// Annotation of OCI artifacts that names the revision they were made from.
pub const ORIGIN_REVISION: &str = "org.opencontainers.image.revision";

/// The namespace that everything is installed into unless said otherwise.
pub const DEFAULT_NAMESPACE: &str = "flux-system";
/// Label and value by which Flux's own objects are found.
pub const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "flux");
/// Label of the installation.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// Label of the version installed.
pub const VERSION: &str = "app.kubernetes.io/version";
/// Label of the component.
pub const COMPONENT: &str = "app.kubernetes.io/component";

/// The version of Flux whose behaviour and definitions these are.
pub const FLUX_VERSION: &str = "v2.9.4";

/// Annotations that are removed from objects before they are applied.
pub const REMOVED_ANNOTATIONS: [&str; 3] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    "kustomize.toolkit.fluxcd.io/checksum",
    "fluxcd.io/sync-checksum",
];
/// Labels that are removed from objects before they are applied.
pub const REMOVED_LABELS: [&str; 1] = ["fluxcd.io/sync-gc-mark"];
/// Managers whose fields are taken over: the beginning of the name, and whether by apply.
pub const TAKEN_OVER: [(&str, bool); 4] =
    [("kubectl", true), ("kubectl", false), ("before-first-apply", false), (KUSTOMIZE_CONTROLLER, false)];

/// Conditions' types.
pub mod condition {
    /// Everything is as it should be.
    pub const READY: &str = "Ready";
    /// At work; there only while true.
    pub const RECONCILING: &str = "Reconciling";
    /// Given up until the object changes; there only while true.
    pub const STALLED: &str = "Stalled";
    /// What was applied is healthy.
    pub const HEALTHY: &str = "Healthy";
    /// A release was made, or not.
    pub const RELEASED: &str = "Released";
    /// The tests of a release passed, or not.
    pub const TEST_SUCCESS: &str = "TestSuccess";
    /// A failed release was rolled back or taken away, or not.
    pub const REMEDIATED: &str = "Remediated";
    /// The cluster is not as the release says.
    pub const DRIFTED: &str = "Drifted";
    /// An artifact is stored.
    pub const ARTIFACT_IN_STORAGE: &str = "ArtifactInStorage";
    /// The stored artifact is older than the source; there only while true.
    pub const ARTIFACT_OUTDATED: &str = "ArtifactOutdated";
    /// The source could not be fetched; there only while true.
    pub const FETCH_FAILED: &str = "FetchFailed";
    /// An artifact could not be stored; there only while true.
    pub const STORAGE_OPERATION_FAILED: &str = "StorageOperationFailed";
    /// The signature is good, or not.
    pub const SOURCE_VERIFIED: &str = "SourceVerified";
    /// A chart could not be built; there only while true.
    pub const BUILD_FAILED: &str = "BuildFailed";
    /// An included repository has no artifact; there only while true.
    pub const INCLUDE_UNAVAILABLE: &str = "IncludeUnavailable";
}

/// Conditions' reasons.
pub mod reason {
    #![expect(missing_docs, reason = "each is its own text")]
    pub const SUCCEEDED: &str = "Succeeded";
    pub const FAILED: &str = "Failed";
    pub const PROGRESSING: &str = "Progressing";
    pub const PROGRESSING_WITH_RETRY: &str = "ProgressingWithRetry";
    pub const RECONCILIATION_SUCCEEDED: &str = "ReconciliationSucceeded";
    pub const RECONCILIATION_FAILED: &str = "ReconciliationFailed";
    pub const ARTIFACT_FAILED: &str = "ArtifactFailed";
    pub const BUILD_FAILED: &str = "BuildFailed";
    pub const DEPENDENCY_NOT_READY: &str = "DependencyNotReady";
    pub const PRUNE_FAILED: &str = "PruneFailed";
    pub const HEALTH_CHECK_FAILED: &str = "HealthCheckFailed";
    pub const HEALTH_CHECK_CANCELED: &str = "HealthCheckCanceled";
    pub const INVALID_CEL_EXPRESSION: &str = "InvalidCELExpression";
    pub const FEATURE_GATE_DISABLED: &str = "FeatureGateDisabled";
    pub const ACCESS_DENIED: &str = "AccessDenied";
    pub const SUSPENDED: &str = "Suspended";
    pub const NO_ARTIFACT: &str = "NoArtifact";
    pub const NEW_REVISION: &str = "NewRevision";
    pub const INCLUDE_CHANGE: &str = "IncludeChange";
    pub const NOT_FOUND: &str = "NotFound";
    pub const COPY_FAILURE: &str = "CopyFailure";
    pub const ILLEGAL_PATH: &str = "IllegalPath";
    pub const SOURCE_IGNORE_ERROR: &str = "SourceIgnoreError";
    pub const EMPTY_GIT_REPOSITORY: &str = "EmptyGitRepository";
    pub const GIT_OPERATION_SUCCEEDED: &str = "GitOperationSucceeded";
    pub const GIT_OPERATION_FAILED: &str = "GitOperationFailed";
    pub const AUTHENTICATION_FAILED: &str = "AuthenticationFailed";
    pub const VERIFICATION_ERROR: &str = "VerificationError";
    pub const URL_INVALID: &str = "URLInvalid";
    pub const INVALID_VERIFICATION_MODE: &str = "InvalidVerificationMode";
    pub const INVALID_GIT_OBJECT: &str = "InvalidGitObject";
    pub const INVALID_TAG_SIGNATURE: &str = "InvalidTagSignature";
    pub const INVALID_COMMIT_SIGNATURE: &str = "InvalidCommitSignature";
    pub const INVALID_PROVIDER_CONFIGURATION: &str = "InvalidProviderConfiguration";
    pub const DIRECTORY_CREATION_FAILED: &str = "DirectoryCreationFailed";
    pub const STAT_OPERATION_FAILED: &str = "StatOperationFailed";
    pub const READ_OPERATION_FAILED: &str = "ReadOperationFailed";
    pub const ACQUIRE_LOCK_FAILED: &str = "AcquireLockFailed";
    pub const INVALID_PATH: &str = "InvalidPath";
    pub const ARCHIVE_OPERATION_FAILED: &str = "ArchiveOperationFailed";
    pub const SYMLINK_UPDATE_FAILED: &str = "SymlinkUpdateFailed";
    pub const ARTIFACT_UP_TO_DATE: &str = "ArtifactUpToDate";
    pub const OCI_PULL_FAILED: &str = "OCIArtifactPullFailed";
    pub const OCI_LAYER_OPERATION_FAILED: &str = "OCIArtifactLayerOperationFailed";
    pub const BUCKET_OPERATION_FAILED: &str = "BucketOperationFailed";
    pub const INVALID_STS_CONFIGURATION: &str = "InvalidSTSConfiguration";
    pub const INDEXATION_FAILED: &str = "IndexationFailed";
    pub const SOURCE_UNAVAILABLE: &str = "SourceUnavailable";
    pub const UNSUPPORTED_SOURCE_KIND: &str = "UnsupportedSourceKind";
    pub const NO_SOURCE_ARTIFACT: &str = "NoSourceArtifact";
    pub const INVALID_CHART_REFERENCE: &str = "InvalidChartReference";
    pub const CHART_PULL_ERROR: &str = "ChartPullError";
    pub const METADATA_PATCH_ERROR: &str = "MetadataPatchError";
    pub const VALUES_FILES_ERROR: &str = "ValuesFilesError";
    pub const DEPENDENCY_BUILD_ERROR: &str = "DependencyBuildError";
    pub const CHART_PACKAGE_ERROR: &str = "ChartPackageError";
    pub const CHART_VERIFICATION_ERROR: &str = "ChartVerificationError";
    pub const CHART_PULL_SUCCEEDED: &str = "ChartPullSucceeded";
    pub const CHART_PACKAGE_SUCCEEDED: &str = "ChartPackageSucceeded";
}

/// Reasons of HelmReleases' conditions and events.
pub mod helm_reason {
    #![expect(missing_docs, reason = "each is its own text")]
    pub const INSTALL_SUCCEEDED: &str = "InstallSucceeded";
    pub const INSTALL_FAILED: &str = "InstallFailed";
    pub const UPGRADE_SUCCEEDED: &str = "UpgradeSucceeded";
    pub const UPGRADE_FAILED: &str = "UpgradeFailed";
    pub const TEST_SUCCEEDED: &str = "TestSucceeded";
    pub const TEST_FAILED: &str = "TestFailed";
    pub const ROLLBACK_SUCCEEDED: &str = "RollbackSucceeded";
    pub const ROLLBACK_FAILED: &str = "RollbackFailed";
    pub const UNINSTALL_SUCCEEDED: &str = "UninstallSucceeded";
    pub const UNINSTALL_FAILED: &str = "UninstallFailed";
    pub const SOURCE_NOT_READY: &str = "SourceNotReady";
    pub const VALUES_ERROR: &str = "ValuesError";
    pub const CHART_MUTATE_ERROR: &str = "ChartMutateError";
    pub const REST_CLIENT_ERROR: &str = "RESTClientError";
    pub const STATE_ERROR: &str = "StateError";
    pub const RECONCILE_ERROR: &str = "ReconcileError";
    pub const AWAITING_TESTS: &str = "AwaitingTests";
    pub const PENDING_RELEASE: &str = "PendingRelease";
    pub const RETRIES_EXCEEDED: &str = "RetriesExceeded";
    pub const MISSING_ROLLBACK_TARGET: &str = "MissingRollbackTarget";
    pub const DRIFT_DETECTED: &str = "DriftDetected";
    pub const NO_DRIFT_DETECTED: &str = "NoDriftDetected";
    pub const DRIFT_CORRECTED: &str = "DriftCorrected";
    pub const DRIFT_CORRECTION_FAILED: &str = "DriftCorrectionFailed";
    pub const HELM_CHART_CREATED: &str = "HelmChartCreated";
    pub const HELM_CHART_CONFIGURED: &str = "HelmChartConfigured";
    pub const HELM_CHART_DELETED: &str = "HelmChartDeleted";
}
