//! An ApplicationSet that goes. Its Applications go with it, by their owner references: all at once, or before it,
//! from the last step to the first; where they must not be deleted they are let go.

use std::sync::Arc;
use std::time::Duration;

use belay_controller::Next;
use belay_object::{Object, Value, object};

use super::Sets;
use crate::application_set::spec::Policy;
use crate::application_set::{ApplicationSet, plan, rolling};
use crate::names::RESOURCES_FINALIZER;

/// When Applications that go are looked at again though nothing changed. Compat(argo-cd 3.5)
const AGAIN: Duration = Duration::from_secs(10);

impl Sets {
    /// Takes a step of it.
    pub(super) async fn leave(&self, object: &Object) -> belay_cluster::Result<Next> {
        let config = self.world.config();
        let parameters = &config.settings.parameters.application_sets;
        let name = (object.namespace(), object.name());
        let set = match ApplicationSet::read(object) {
            Ok(set) => set,
            Err(error) => {
                // What may be done is not known: Applications stay, and it stays with them.
                tracing::warn!(namespace = name.0, name = name.1, %error, "it goes when it can be read");
                return Ok(Next::Done);
            }
        };
        let owned = || -> Vec<Arc<Object>> {
            self.applications(&set.namespace).into_iter().filter(|app| plan::is_owned(app, &set)).collect()
        };
        let policy = Policy::effective(&set.spec, parameters.policy, parameters.policy_override);
        if !policy.deletes {
            for app in owned() {
                self.let_go(&app, &set).await?;
            }
        } else if parameters.progressive_syncs && set.spec.deletes_in_reverse() {
            let steps = set.spec.rolling_sync().unwrap_or_default();
            let next = rolling::last(steps, &owned());
            for app in next.iter().filter(|app| !app.is_deleting()) {
                self.delete(object, app, &config).await?;
            }
            if !next.is_empty() {
                return Ok(Next::After(AGAIN));
            }
        }
        if object.finalizers().any(|finalizer| finalizer == RESOURCES_FINALIZER) {
            let left: Value = object.finalizers().filter(|f| *f != RESOURCES_FINALIZER).map(Value::from).collect();
            let version = object.resource_version();
            let patch = object! { "metadata" => object! { "finalizers" => left, "resourceVersion" => version } };
            self.write(object, false, patch).await?;
        }
        Ok(Next::Done)
    }

    /// Takes our reference off an Application: it stays when its ApplicationSet is gone.
    async fn let_go(&self, app: &Object, set: &ApplicationSet) -> belay_cluster::Result<()> {
        let all = app.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
        let left: Value = all.iter().filter(|owner| owner.str_at(&["uid"]) != Some(&set.uid)).cloned().collect();
        let version = app.resource_version();
        let patch = object! { "metadata" => object! { "ownerReferences" => left, "resourceVersion" => version } };
        self.patch(app, patch).await.map(drop)
    }
}
