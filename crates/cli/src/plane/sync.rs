//! A sync that is asked for, as an operation in the Application and as a message to a server.

use belay_argo::spec::{
    Application, Info, Operation, RetryStrategy, Source, SyncOperation, SyncResource, SyncStrategy,
};
use belay_object::{Value, object};

use crate::argocd::AppId;

/// A sync that is asked for.
#[derive(Clone, Debug, Default)]
pub struct SyncRequest {
    /// The revision of each source; empty for what it names itself.
    pub revisions: Vec<String>,
    /// Whether what left the source is deleted.
    pub prune: bool,
    /// Whether nothing is changed.
    pub dry_run: bool,
    /// With hooks, or without.
    pub strategy: SyncStrategy,
    /// The objects that are synced; none for all.
    pub resources: Vec<SyncResource>,
    /// What is applied in the place of the source's.
    pub manifests: Vec<String>,
    /// In the place of the policy's.
    pub options: Option<Vec<String>>,
    /// In the place of the policy's.
    pub retry: Option<RetryStrategy>,
    /// Notes.
    pub infos: Vec<Info>,
}

impl SyncRequest {
    fn names_revision(&self) -> bool {
        self.revisions.iter().any(|revision| !revision.is_empty())
    }

    /// As it is written into an Application.
    pub fn operation(&self, app: &Application) -> Operation {
        let several = app.spec.has_multiple_sources();
        let policy = app.spec.sync_policy.clone().unwrap_or_default();
        let sync = SyncOperation {
            revision: if several { String::new() } else { self.revisions.first().cloned().unwrap_or_default() },
            revisions: if several && self.names_revision() { self.revisions.clone() } else { Vec::new() },
            prune: self.prune,
            dry_run: self.dry_run,
            sync_strategy: Some(self.strategy.clone()),
            resources: self.resources.clone(),
            manifests: self.manifests.clone(),
            // Compat(argo 3.5): options of the command take the place of the policy's.
            sync_options: self.options.clone().unwrap_or(policy.sync_options),
            ..SyncOperation::default()
        };
        Operation {
            sync: Some(Box::new(sync)),
            info: self.infos.clone(),
            retry: self.retry.clone().or(policy.retry).unwrap_or_default(),
            ..Operation::default()
        }
    }

    /// As a server is asked for it. Compat(argo 3.5)
    pub fn message(&self, id: &AppId, app: &Application) -> Value {
        let mut message = object! {
            "name" => id.name.as_str(), "appNamespace" => id.namespace.as_str(), "project" => app.spec.project(),
            "prune" => self.prune, "dryRun" => self.dry_run, "strategy" => self.strategy.to_value(),
        };
        if app.spec.has_multiple_sources() {
            let named = self.revisions.iter().enumerate().filter(|(_, revision)| !revision.is_empty());
            let (positions, revisions): (Vec<Value>, Vec<Value>) =
                named.map(|(i, r)| (Value::from(i as i64 + 1), Value::from(r.as_str()))).unzip();
            if !positions.is_empty() {
                message.set(&["sourcePositions"], positions);
                message.set(&["revisions"], revisions);
            }
        } else if let Some(revision) = self.revisions.first().filter(|revision| !revision.is_empty()) {
            message.set(&["revision"], revision.as_str());
        }
        let lists = [
            ("resources", self.resources.iter().map(SyncResource::to_value).collect::<Value>()),
            ("manifests", self.manifests.iter().collect()),
            ("infos", self.infos.iter().map(Info::to_value).collect()),
        ];
        for (field, list) in lists.into_iter().filter(|(_, list)| !list.items().is_empty()) {
            message.set(&[field], list);
        }
        if let Some(options) = &self.options {
            message.set(&["syncOptions", "items"], options.iter().collect::<Value>());
        }
        if let Some(retry) = &self.retry {
            message.set(&["retryStrategy"], retry.to_value());
        }
        message
    }
}

/// A deployment of the history that is asked for again, as an operation. Compat(argo 3.5): without hooks.
pub fn rollback(app: &Application, entry: &belay_argo::spec::HistoryEntry, prune: bool) -> Operation {
    let several = !entry.sources.is_empty();
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    let sync = SyncOperation {
        revision: entry.revision.clone(),
        revisions: entry.revisions.clone(),
        source: (!several).then(|| Box::<Source>::new(entry.source.clone())),
        sources: entry.sources.clone(),
        prune,
        sync_options: policy.sync_options,
        sync_strategy: Some(SyncStrategy { apply: Some(Default::default()), hook: None }),
        ..SyncOperation::default()
    };
    Operation { sync: Some(Box::new(sync)), retry: policy.retry.unwrap_or_default(), ..Operation::default() }
}
