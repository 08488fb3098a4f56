//! What the engine asks while it works for an Application: what is live, whose it is and how it is; where what
//! is done is noted; where it works, and what it never touches. Operations and deletions ask alike.

use std::collections::HashSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Cluster, Patch, Propagation, WriteOptions};
use belay_engine::Target;
use belay_engine::sync::{Site, Surroundings};
use belay_health::argo::{Health, Status};
use belay_object::{Object, ObjectKey, object};
use belay_plan::sync::{Consent, Seen, TaskResult};
use belay_plan::{OwnerName, Protection, Takeover};

use super::application::Turn;
use super::destinations::Place;
use super::draft::Draft;
use super::operate::told;
use super::world::{COMPONENT, MANAGER, Name, World};
use crate::marks;
use crate::names::applications;
use crate::spec::{OperationState, option_value};

/// What the engine asks of its surroundings.
pub(super) struct Around<'a> {
    turn: &'a Turn<'a>,
    place: &'a Place,
    journal: Journal<'a>,
}

/// Where what is done is noted before what follows is done.
pub(super) enum Journal<'a> {
    /// In the state of the operation, on the Application.
    Operation {
        /// The state.
        state: &'a OperationState,
        /// Everything that the sources want: none of it goes with its namespace.
        wanted: &'a HashSet<ObjectKey>,
    },
    /// Nowhere else: the finalizer of a deletion stays until everything that bears the tracking is gone.
    Finalizer,
}

impl<'t> Turn<'t> {
    /// The surroundings of this turn in a cluster.
    pub(super) fn around<'a>(&'a self, place: &'a Place, journal: Journal<'a>) -> Around<'a>
    where
        't: 'a,
    {
        Around { turn: self, place, journal }
    }
    /// Where the engine works for this turn, and as whom it writes. `since` tells this operation, or deletion, from
    /// all others of the Application.
    pub(super) fn site(&self, place: &Place, acting: Cluster, since: &str) -> Site {
        let app = &self.draft.app;
        Site {
            target: Target { acting, ..place.target() },
            manager: MANAGER.to_owned(),
            takeover: Takeover::default(),
            protection: protection(self.world),
            owner: OwnerName { namespace: app.namespace.clone(), name: app.name.clone() },
            hook_finalizer: marks::HOOK_FINALIZER.to_owned(),
            mark: (marks::OPERATION.to_owned(), format!("{}/{since}", app.uid)),
            propagation: Propagation::Foreground,
            dry_run: false,
            pause: Duration::ZERO,
            tells_server_side: false,
        }
    }
    /// Whether somebody confirmed deletions since then.
    pub(super) fn is_confirmed(&self, since: &str) -> bool {
        let approved = self.draft.app.annotations.get(marks::DELETION_APPROVED);
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        match (approved.and_then(|a| time(a)), time(since)) {
            (Some(approved), Some(since)) => approved >= since,
            _ => false,
        }
    }
    /// Writes the results of an operation on its Application: only what was done, since who ends the operation
    /// meanwhile writes its phase.
    async fn note(&self, state: &OperationState, results: Vec<TaskResult>, message: &str) -> Result<(), String> {
        let draft: &Draft = &self.draft;
        let mut result = state.sync_result.clone().unwrap_or_default();
        result.resources = results.iter().map(told).collect();
        let of = draft.object();
        let patch = object! {
            "metadata" => object! { "uid" => of.uid() },
            "status" => object! {
                "operationState" => object! { "message" => message, "syncResult" => result.to_value() },
            },
        };
        let options = WriteOptions { field_manager: COMPONENT.to_owned(), ..WriteOptions::default() };
        let resource = applications();
        let patch = Patch::Merge(patch);
        let patched = self.world.cluster.patch(&resource, of.namespace(), of.name(), &patch, &options).await;
        let patched = patched.map_err(|e| format!("the state of the operation could not be written: {e}"))?;
        self.world.written.put(Name::of(&patched), patched);
        Ok(())
    }
}

/// What no Application ever deletes: the namespaces that every cluster has, and the control plane's own, with
/// whatever it is that makes Applications what they are.
fn protection(world: &World) -> Protection {
    let mut protection = Protection::default();
    protection.namespaces.push(world.settings.namespace.clone());
    protection.definition_groups.push("argoproj.io".to_owned());
    protection
}

impl Surroundings for Around<'_> {
    fn live(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.place.observed.get(key)?.summary.object
    }
    fn is_ours(&self, live: &Object) -> bool {
        let owner = self.turn.config.tracking.owner_of(live);
        owner.is_some_and(|owner| owner.app == self.turn.instance && owner.matches_self)
    }
    fn is_others(&self, live: &Object) -> bool {
        let owner = self.turn.config.tracking.owner_of(live);
        owner.is_some_and(|owner| owner.app != self.turn.instance && owner.matches_self)
    }
    fn goes_with_namespace(&self, live: &Object) -> bool {
        if !self.is_ours(live) {
            return false;
        }
        let consent = match self.journal {
            Journal::Operation { wanted, .. } if wanted.contains(&live.key()) => return false,
            Journal::Operation { state, .. } => {
                let options = state.operation.sync.as_ref().map_or(&[][..], |s| &s.sync_options);
                marks::may_prune(live, option_value(options, "Prune"))
            }
            Journal::Finalizer => {
                let policy = self.turn.draft.app.spec.sync_policy.as_ref();
                let options = policy.map_or(&[][..], |p| &p.sync_options);
                marks::may_delete(live, option_value(options, "Delete"))
            }
        };
        consent != Consent::Refused
    }
    fn health(&self, live: &Object) -> Seen {
        seen(self.turn.config.health(live))
    }
    fn record<'a>(
        &'a self,
        results: Vec<TaskResult>,
        message: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        match self.journal {
            Journal::Operation { state, .. } => Box::pin(self.turn.note(state, results, message)),
            Journal::Finalizer => {
                for result in results {
                    tracing::info!(application = self.turn.instance, object = %result.key, "{}", result.message);
                }
                Box::pin(async { Ok(()) })
            }
        }
    }
}

/// What an object's health means for the task that is about it.
fn seen(health: Option<Health>) -> Seen {
    match health {
        None => Seen::NoHealth,
        Some(Health { status, message }) => match status {
            Status::Healthy => Seen::Healthy(message),
            Status::Degraded => Seen::Degraded(message),
            Status::Progressing | Status::Suspended => Seen::Progressing(message),
            Status::Missing | Status::Unknown => Seen::Unknown(message),
        },
    }
}
