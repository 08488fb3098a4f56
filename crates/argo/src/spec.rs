//! The Application, read from its object into types, and what of it is written back.
//!
//! Records ([`Source`], [`Operation`], [`Status`] and what is in them) are read and written as Argo
//! CD's Go types are: a field of the wrong type is an error that names it, but in the status, where
//! what cannot be read counts as absent; what is empty is not written. [`validate`] says what is
//! wrong with a spec in the words that clients know. After reading nobody looks at the object again.

mod operation;
mod policy;
pub(crate) mod record;
mod source;
mod status;
pub mod validate;

use std::collections::BTreeMap;
use std::fmt;

use belay_object::{Map, Object, Value};

pub use operation::{
    HookType, Initiator, Operation, OperationPhase, OperationState, ResourceResult, ResultCode, StrategyOptions,
    SyncOperation, SyncPhase, SyncResource, SyncResult, SyncStrategy,
};
pub use policy::{
    AUTOMATED_RETRY_LIMIT, Automated, Backoff, IgnoreDifference, Info, NamespaceMetadata, RetryStrategy, SyncOptions,
    SyncPolicy, option_value, parse_duration,
};
pub use source::{
    Directory, DrySource, EnvEntry, Helm, HelmFileParameter, HelmParameter, HydrateTo, Jsonnet, JsonnetVar, Kustomize,
    KustomizePatch, KustomizeReplica, KustomizeSelector, Plugin, Source, SourceHydrator, SourceType, SyncSource,
};
pub use status::{
    AppCondition, ComparedTo, HealthCode, HealthStatus, HistoryEntry, HydrateOperation, HydratePhase, HydrateSuccess,
    HydratorStatus, ResourceStatus, Status, Summary, SyncCode, SyncStatus,
};

use record::{At, read_field, record};

/// A field that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpecError {
    /// Where it stands: `spec.sources[1].helm.parameters`. Empty where the message says it.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}
impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.message)
    }
}
impl std::error::Error for SpecError {}

/// The words of conditions' types.
pub mod conditions {
    /// Deleting failed.
    pub const DELETION_ERROR: &str = "DeletionError";
    /// The spec is wrong.
    pub const INVALID_SPEC_ERROR: &str = "InvalidSpecError";
    /// Comparing failed.
    pub const COMPARISON_ERROR: &str = "ComparisonError";
    /// Syncing by itself failed.
    pub const SYNC_ERROR: &str = "SyncError";
    /// Something failed.
    pub const UNKNOWN_ERROR: &str = "UnknownError";
    /// An object belongs to two Applications.
    pub const SHARED_RESOURCE_WARNING: &str = "SharedResourceWarning";
    /// An object stands in the sources twice.
    pub const REPEATED_RESOURCE_WARNING: &str = "RepeatedResourceWarning";
    /// An object is left out by the settings.
    pub const EXCLUDED_RESOURCE_WARNING: &str = "ExcludedResourceWarning";
    /// Objects of the namespace belong to nobody.
    pub const ORPHANED_RESOURCE_WARNING: &str = "OrphanedResourceWarning";
}

record! {
    /// What is wanted.
    Spec {
        /// The source, unless `sources` has any.
        source: Option<Source> = "source",
        /// Where it is put.
        destination: Destination = "destination" always,
        /// The project; empty for `default`.
        project: String = "project" always,
        /// When and how it is synced.
        sync_policy: Option<SyncPolicy> = "syncPolicy",
        /// Which differences do not count.
        ignore_differences: Vec<IgnoreDifference> = "ignoreDifferences",
        /// What people note.
        info: Vec<Info> = "info",
        /// How much history is kept; absent for 10, 0 for none.
        revision_history_limit: Option<i64> = "revisionHistoryLimit",
        /// The sources; go before `source` unless empty.
        sources: Vec<Source> = "sources",
        /// Goes before both.
        source_hydrator: Option<SourceHydrator> = "sourceHydrator",
    }
}

record! {
    /// Where an Application is put.
    Destination {
        /// The address of the cluster; either this or the name.
        server: String = "server",
        /// The namespace of objects that name none, and of Helm releases.
        namespace: String = "namespace",
        /// The name of the cluster.
        name: String = "name",
    }
}

/// How much history is kept where the spec does not say.
// Compat(argo 3.5)
const REVISION_HISTORY_LIMIT: usize = 10;

impl Spec {
    /// Whether it has several sources (or one in the list of several).
    pub fn has_multiple_sources(&self) -> bool {
        self.source_hydrator.is_none() && !self.sources.is_empty()
    }
    /// The sources in order; none where none is given.
    pub fn sources(&self) -> Vec<Source> {
        match &self.source_hydrator {
            Some(hydrator) => vec![hydrator.sync_source()],
            None if !self.sources.is_empty() => self.sources.clone(),
            None => self.source.iter().cloned().collect(),
        }
    }
    /// The project's name.
    pub fn project(&self) -> &str {
        if self.project.is_empty() { "default" } else { &self.project }
    }
    /// How many entries of history are kept.
    pub fn history_limit(&self) -> usize {
        let limit = self.revision_history_limit.map(|limit| usize::try_from(limit).unwrap_or(0));
        limit.unwrap_or(REVISION_HISTORY_LIMIT)
    }
    /// Whether it is synced by itself.
    pub fn automated(&self) -> Option<&Automated> {
        let policy = self.sync_policy.as_ref().filter(|policy| policy.is_automated())?;
        policy.automated.as_ref()
    }
    /// The same with the project named and without blocks that say nothing: what comparing with an
    /// earlier spec goes by.
    pub fn normalized(mut self) -> Spec {
        self.project = self.project().to_owned();
        self.sync_policy = self.sync_policy.filter(|policy| *policy != SyncPolicy::default());
        self.sources = self.sources.into_iter().map(Source::normalized).collect();
        if self.sources.is_empty() {
            self.source = self.source.map(Source::normalized);
        }
        self
    }
    /// What is compared, for the status. `sources` are those that were compared.
    pub fn compared_to(&self, sources: &[Source]) -> ComparedTo {
        let several = self.has_multiple_sources();
        ComparedTo {
            source: if several { Source::default() } else { sources.first().cloned().unwrap_or_default() },
            destination: self.destination.clone(),
            sources: if several { sources.to_vec() } else { Vec::new() },
            ignore_differences: self.ignore_differences.clone(),
        }
    }
}

impl ComparedTo {
    /// Whether these sources are the ones that were compared.
    pub fn has_sources(&self, spec: &Spec, sources: &[Source]) -> bool {
        match spec.has_multiple_sources() {
            true => self.sources == sources,
            false => self.sources.is_empty() && sources.first().is_some_and(|source| *source == self.source),
        }
    }
}

/// An Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Application {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its uid.
    pub uid: String,
    /// Its resource version.
    pub resource_version: String,
    /// Its generation; every write counts, since there is no status subresource.
    pub generation: i64,
    /// When it was made.
    pub created_at: String,
    /// When somebody asked to delete it.
    pub deletion_timestamp: Option<String>,
    /// Its finalizers.
    pub finalizers: Vec<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What is wanted.
    pub spec: Spec,
    /// What is to be done.
    pub operation: Option<Operation>,
    /// What was written down.
    pub status: Status,
}

impl Application {
    /// Reads one. The status is read as far as it can be.
    pub fn read(object: &Object) -> Result<Application, SpecError> {
        let metadata = object.at(&["metadata"]).unwrap_or(&Value::Null);
        let texts = |field: &str| -> BTreeMap<String, String> {
            let map = metadata.get(field).and_then(Value::as_object);
            let fields = map.into_iter().flat_map(Map::iter);
            fields.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned()))).collect()
        };
        let at = At::Root("Application");
        let spec = object.get("spec").filter(|spec| spec.as_object().is_some());
        let spec = spec.ok_or_else(|| SpecError { field: "spec".into(), message: "is required".into() })?;
        let fields = object.fields();
        Ok(Application {
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
            uid: object.uid().to_owned(),
            resource_version: object.resource_version().to_owned(),
            generation: object.generation(),
            created_at: metadata.str_at(&["creationTimestamp"]).unwrap_or_default().to_owned(),
            deletion_timestamp: metadata.str_at(&["deletionTimestamp"]).map(str::to_owned),
            finalizers: object.finalizers().map(str::to_owned).collect(),
            labels: texts("labels"),
            annotations: texts("annotations"),
            spec: record::Field::read(spec, &At::Root("spec"))?,
            operation: read_field(fields, "operation", &at)?,
            status: Status::read_lossy(object.get("status").unwrap_or(&Value::Null)),
        })
    }
    /// What sync windows look at.
    pub fn window_target(&self) -> belay_access::windows::Target<'_> {
        let destination = &self.spec.destination;
        belay_access::windows::Target {
            application: &self.name,
            namespace: &destination.namespace,
            server: &destination.server,
            cluster: &destination.name,
        }
    }
    /// Whether an operation may be written into it. Compat(argo 3.5): the words.
    pub fn takes_operation(&self) -> Result<(), &'static str> {
        if self.deletion_timestamp.is_some() {
            return Err("application is deleting");
        }
        if self.operation.is_some() {
            return Err("another operation is already in progress");
        }
        Ok(())
    }
    /// The name by which its objects are tracked: with its namespace in front unless that is the
    /// controller's.
    pub fn instance_name(&self, controller_namespace: &str) -> String {
        instance_name(&self.name, &self.namespace, controller_namespace)
    }
    /// `namespace/name`
    pub fn qualified_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }
    /// Whether a finalizer is there.
    pub fn has_finalizer(&self, finalizer: &str) -> bool {
        self.finalizers.iter().any(|own| own == finalizer)
    }
}

/// See [`Application::instance_name`].
pub fn instance_name(name: &str, namespace: &str, controller_namespace: &str) -> String {
    if namespace.is_empty() || namespace == controller_namespace {
        return name.to_owned();
    }
    format!("{namespace}_{name}")
}

#[cfg(test)]
pub(crate) mod tests;
