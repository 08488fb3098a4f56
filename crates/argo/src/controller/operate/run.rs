//! One step of an operation: its tasks made anew, given what is recorded of them, and advanced by the engine.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Propagation;
use belay_engine::sync::{Advanced, Site, advance, terminate};
use belay_object::ObjectKey;
use belay_plan::sync::{self as plan, Sync, Task};
use jiff::Timestamp;
use tokio::time::Instant;

use super::results::{results, told};
use super::tasks::Tasks;
use super::{BACKSTOP, LOADING};
use crate::compare::Comparison;
use crate::controller::application::Turn;
use crate::controller::around::Journal;
use crate::controller::comparing::takeover;
use crate::controller::destinations::{Absent, Place};
use crate::spec::{OperationPhase, OperationState, SyncOperation};

impl Turn<'_> {
    pub(super) async fn run(
        &mut self,
        state: &mut OperationState,
        sync: &SyncOperation,
        compared: Arc<Comparison>,
    ) -> Duration {
        let place = match self.world.destinations.of(&self.config, &self.draft.app).await {
            Ok(place) => place,
            Err(Absent::Loading | Absent::Busy) => {
                state.message = LOADING.into();
                return BACKSTOP;
            }
            Err(Absent::Unread(why) | Absent::Trouble(why)) => {
                state.phase = OperationPhase::Error;
                state.message = format!("Failed to get destination cluster: {why}");
                return BACKSTOP;
            }
        };
        let acting = match self.acting(&place) {
            Ok(acting) => acting,
            Err(why) => {
                state.phase = OperationPhase::Error;
                state.message = why;
                return BACKSTOP;
            }
        };
        let result = state.sync_result.get_or_insert_default();
        let revision = result.revisions.first().unwrap_or(&result.revision).clone();
        let started_unix = state.started_at.parse::<Timestamp>().map_or(0, |t| t.as_second());
        let all = Tasks {
            app: &self.draft.app,
            sync,
            compared: &compared,
            ignore: &self.ignore,
            revision: &revision,
            started_unix,
        };
        let mut tasks = all.make();
        let refused = self.refuse_kinds(&mut tasks, &place).await;
        if !refused.is_empty() {
            state.phase = OperationPhase::Failed;
            let words: BTreeSet<&str> = refused.iter().map(|(_, told)| told.as_str()).collect();
            let words: Vec<&str> = words.into_iter().collect();
            state.message = format!("one or more synchronization tasks are not valid: {}", words.join("; "));
            // Of each is told what is wrong with it; results of a run that had begun stay.
            let mut machine = Sync::new(tasks, &results(&result.resources), plan::Settings::default());
            for (i, told) in &refused {
                machine.record(*i, Some(plan::Outcome::SyncFailed), None, told);
            }
            result.resources = machine.results().iter().map(told).collect();
            return BACKSTOP;
        }
        let namespace = self.draft.app.spec.destination.namespace.clone();
        let confirmed = self.is_confirmed(&state.started_at);
        let settings = plan::Settings {
            dry_run: sync.dry_run,
            prune: sync.prune,
            confirmed,
            only_differing: has(sync, "ApplyOutOfSyncOnly=true"),
            namespace,
        };
        let targets = compared.resources.iter().filter_map(|j| j.pair.target.as_ref());
        let wanted: HashSet<ObjectKey> = targets.map(|target| target.key()).collect();
        let mut machine = Sync::new(tasks, &results(&result.resources), settings);
        let site = Site {
            takeover: takeover(&self.draft.app),
            propagation: propagation(sync),
            dry_run: sync.dry_run,
            pause: self.config.wave_pause(),
            tells_server_side: has(sync, "ServerSideApply=true"),
            ..self.site(&place, acting, &attempt(state))
        };
        let around = self.around(&place, Journal::Operation { state, wanted: &wanted });
        let advanced = if state.phase == OperationPhase::Terminating {
            terminate(&mut machine, &site, &around).await
        } else {
            advance(&mut machine, &site, &around).await
        };
        let resources = machine.results().iter().map(told).collect();
        let result = state.sync_result.get_or_insert_default();
        result.resources = resources;
        let policy = self.draft.app.spec.sync_policy.as_ref();
        result.managed_namespace_metadata = policy.and_then(|p| p.managed_namespace_metadata.clone());
        if !sync.dry_run {
            self.note_applied(machine.tasks());
        }
        match advanced {
            Advanced::Pausing { message } => {
                let pause = self.config.wave_pause();
                *self.memory.next_wave.lock() = Some((attempt(state), Instant::now() + pause));
                state.message = message;
                pause
            }
            Advanced::Waiting { message, again } => {
                state.message = message;
                again.unwrap_or(BACKSTOP)
            }
            Advanced::Ended { phase, message } => {
                state.phase = OperationPhase::parse(phase.as_str()).unwrap_or_default();
                state.message = message;
                BACKSTOP
            }
        }
    }

    /// What was just applied is as desired: the next comparison need not ask.
    fn note_applied(&self, tasks: &[Task]) {
        let manner = self.manner();
        for task in tasks {
            let done = task.outcome == Some(plan::Outcome::Synced) && task.hook.is_none();
            match (&task.target, &task.live) {
                (Some(target), Some(live)) if done => {
                    self.memory.known.applied(target, live, &manner);
                    // What does not bear our tracking (the namespace that was made) is no object of ours: noted,
                    // it would be pruned.
                    let owner = self.config.tracking.owner_of(live);
                    if owner.is_some_and(|owner| owner.app == self.instance) {
                        self.memory.ours.made(live.clone());
                    }
                }
                // One that is still leaving is asked for until it is gone, though no watch may have shown it.
                (None, None) if task.outcome == Some(plan::Outcome::Pruned) => {
                    self.memory.ours.deleted(&task.key());
                }
                _ => {}
            }
        }
    }

    /// Tasks whose kind the project does not permit, or the cluster does not know: their places, a sentence each.
    async fn refuse_kinds(&self, tasks: &mut [Task], place: &Place) -> Vec<(usize, String)> {
        let defined: Vec<(String, String)> = tasks
            .iter()
            .filter_map(|t| t.target.as_ref())
            .filter(|o| belay_plan::is_custom_resource_definition(o))
            .filter_map(|o| {
                let text = |path: &[&str]| o.str_at(path).map(str::to_owned);
                Some((text(&["spec", "group"])?, text(&["spec", "names", "kind"])?))
            })
            .collect();
        let mut wrong = Vec::new();
        for (i, task) in tasks.iter_mut().enumerate() {
            let kind = task.object().group_kind();
            let told = match place.cluster.resource_of(task.object()).await {
                Ok(resource) => match self.refusal(task, resource.namespaced) {
                    Some(told) => told,
                    None => continue,
                },
                Err(_) if task.is_prune() => continue,
                Err(_) if defined.iter().any(|(g, k)| kind.group == g.as_str() && kind.kind == k.as_str()) => {
                    task.flags.skip_check = true;
                    continue;
                }
                Err(_) if task.flags.skip_check => continue,
                Err(e) if e.kind() == belay_cluster::ErrorKind::UnknownKind => format!(
                    "no matches for kind {:?} in version {:?}: install its CustomResourceDefinition, or annotate the \
                     object with argocd.argoproj.io/sync-options: SkipDryRunOnMissingResource=true where the sync \
                     itself brings it",
                    kind.kind,
                    task.object().api_version()
                ),
                Err(e) => e.to_string(),
            };
            wrong.push((i, told));
        }
        wrong
    }

    /// Why the project does not permit the object of a task; `None` where it does (INV-AUTHZ-5).
    fn refusal(&self, task: &Task, namespaced: bool) -> Option<String> {
        let (kind, object) = (task.object().group_kind(), task.object());
        let project = self.draft.app.spec.project();
        // Compat(argo-cd 3.5): both sentences.
        if !self.permits.kind(&kind.group, &kind.kind, namespaced, object.name()) {
            return Some(format!("resource {}:{} is not permitted in project {project}", kind.group, kind.kind));
        }
        let namespace = object.namespace();
        (namespaced && !self.permits.namespace(namespace))
            .then(|| format!("namespace {namespace} is not permitted in project '{project}'"))
    }
}

impl Turn<'_> {
    /// How long the next wave of an operation must wait. Whatever wakes its Application meanwhile, controllers
    /// get the whole pause to say that what was applied is not well yet.
    pub(super) fn between_waves(&self, state: &OperationState) -> Option<Duration> {
        if state.phase == OperationPhase::Terminating {
            return None;
        }
        let next = self.memory.next_wave.lock().clone().filter(|(of, _)| *of == attempt(state))?.1;
        Some(next.saturating_duration_since(Instant::now())).filter(|left| !left.is_zero())
    }
}

/// The name of this attempt at an operation: one that is tried again runs its hooks again.
fn attempt(state: &OperationState) -> String {
    match state.retry_count {
        0 => state.started_at.clone(),
        n => format!("{}/{n}", state.started_at),
    }
}

pub(super) fn has(sync: &SyncOperation, option: &str) -> bool {
    sync.sync_options.iter().any(|own| own == option)
}

fn propagation(sync: &SyncOperation) -> Propagation {
    if has(sync, "PrunePropagationPolicy=background") {
        Propagation::Background
    } else if has(sync, "PrunePropagationPolicy=orphan") {
        Propagation::Orphan
    } else {
        Propagation::Foreground
    }
}
