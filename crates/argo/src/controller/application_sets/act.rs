//! What is done to the Applications of an ApplicationSet.
//!
//! They are made and changed first, and where that fails none is deleted. A deletion names the uid that was looked at.

use belay_cluster::{DeleteOptions, ErrorKind, Patch};
use belay_object::{Object, Value, object};
use futures::stream::{self, StreamExt};

use super::super::config::Config;
use super::super::world::Name;
use super::{Sets, options};
use crate::application_set::ApplicationSet;
use crate::application_set::plan::{self, Action};
use crate::application_set::status::{self, SetCondition, conditions};
use crate::names::{RESOURCES_FINALIZER, applications};

/// Applications of one ApplicationSet that are written at once.
const WRITES: usize = 8;

/// What could not be done: to which Application, and why.
type Failed = (String, &'static str, String);

impl Sets {
    /// Does it all; gives the condition about what failed.
    pub(super) async fn act(
        &self,
        object: &Object,
        set: &ApplicationSet,
        actions: Vec<Action>,
        config: &Config,
    ) -> Option<SetCondition> {
        let (deletions, others): (Vec<Action>, Vec<Action>) =
            actions.into_iter().partition(|action| matches!(action, Action::Delete { .. }));
        for part in [others, deletions] {
            let done = stream::iter(part).map(|action| self.do_one(object, set, action, config));
            let mut failed: Vec<Failed> =
                done.buffer_unordered(WRITES).filter_map(|failed| async move { failed }).collect().await;
            failed.sort();
            if let Some((_, reason, why)) = failed.into_iter().next() {
                return Some(status::failed(reason, why));
            }
        }
        None
    }

    async fn do_one(&self, object: &Object, set: &ApplicationSet, action: Action, config: &Config) -> Option<Failed> {
        let told = |name: &str, reason: &'static str, error: belay_cluster::Error| {
            (name.to_owned(), reason, error.to_string())
        };
        match action {
            Action::Create(app) => {
                let made = self.create(object, set, &app).await;
                made.err().map(|error| told(app.name(), conditions::CREATE_ERROR, error))
            }
            Action::Update { live, patch } => {
                let changed = self.update(object, &live, patch).await;
                changed.err().map(|error| told(live.name(), conditions::UPDATE_ERROR, error))
            }
            Action::Delete { live } => {
                let deleted = self.delete(object, &live, config).await;
                deleted.err().map(|error| told(live.name(), conditions::DELETE_ERROR, error))
            }
            Action::Refused { name, why } => Some((name, conditions::UPDATE_ERROR, why)),
        }
    }

    async fn create(&self, object: &Object, set: &ApplicationSet, app: &Object) -> belay_cluster::Result<()> {
        let cluster = &self.world.cluster;
        match cluster.create(&applications(), app, &options()).await {
            Ok(_) => {
                self.tell(object, "created", format!("created Application \"{}\"", app.name()));
                Ok(())
            }
            // Ours that no watch has shown yet; of another one the next turn says so.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let found = cluster.find(&applications(), app.namespace(), app.name()).await?;
                match found.is_none_or(|found| plan::is_owned(&found, set)) {
                    true => Ok(()),
                    false => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn update(&self, object: &Object, live: &Object, mut patch: Value) -> belay_cluster::Result<()> {
        // A list is replaced whole: what another one put into it meanwhile must not be lost.
        if patch.at(&["metadata", "finalizers"]).is_some() {
            patch.set(&["metadata", "resourceVersion"], live.resource_version());
        }
        if self.patch(live, patch).await? {
            self.tell(object, "updated", format!("updated Application \"{}\"", live.name()));
        }
        Ok(())
    }

    /// Merges a patch into an Application; gives whether it was there.
    pub(super) async fn patch(&self, live: &Object, patch: Value) -> belay_cluster::Result<bool> {
        let (namespace, name) = (live.namespace(), live.name());
        match self.world.cluster.patch(&applications(), namespace, name, &Patch::Merge(patch), &options()).await {
            Ok(written) => {
                self.world.written.put(Name::of(&written), written);
                Ok(true)
            }
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Deletes an Application, whose objects go with it where it says so. One that goes to no cluster that there is
    /// would wait for ever: its objects are left.
    pub(super) async fn delete(&self, object: &Object, live: &Object, config: &Config) -> belay_cluster::Result<()> {
        let text = |field: &str| live.str_at(&["spec", "destination", field]).unwrap_or_default();
        let holds = live.finalizers().any(|finalizer| finalizer == RESOURCES_FINALIZER);
        if holds && config.clusters.is_nowhere(text("server"), text("name")) {
            let left: Value = live.finalizers().filter(|f| *f != RESOURCES_FINALIZER).map(Value::from).collect();
            let version = live.resource_version();
            let patch = object! { "metadata" => object! { "finalizers" => left, "resourceVersion" => version } };
            if self.patch(live, patch).await? {
                // Compat(argo-cd 3.5)
                let why = "finalizer before deletion, because application has an invalid destination";
                self.tell(object, "Updated", format!("Updated Application \"{}\" {why}", live.name()));
            }
        }
        let precondition = DeleteOptions { uid: live.uid().to_owned(), ..DeleteOptions::default() };
        let deleted = self.world.cluster.delete(&applications(), live.namespace(), live.name(), &precondition).await;
        match deleted {
            Ok(_) => {
                self.tell(object, "Deleted", format!("Deleted Application \"{}\"", live.name()));
                Ok(())
            }
            // It is gone, and maybe another one is there: the watch tells of it.
            Err(error) if error.is_not_found() || error.kind() == ErrorKind::Conflict => Ok(()),
            Err(error) => Err(error),
        }
    }
}
