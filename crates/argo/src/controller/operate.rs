//! Operations: what somebody asked for, carried out by the engine and told in the Application's words.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Patch, Propagation, WriteOptions};
use belay_controller::EventKind;
use belay_engine::sync::{Advanced, Site, Surroundings, advance, generated_name, terminate};
use belay_object::{Object, ObjectKey, object};
use belay_plan::sync::{self as plan, Seen, Sync, SyncPhase, Task, TaskResult};
use belay_plan::{OwnerName, Protection};
use jiff::Timestamp;

use super::application::{Turn, takeover};
use super::draft::Draft;
use super::refresh::Level;
use super::world::{MANAGER, Name, World, now_text, since};
use crate::compare::{Comparison, Judged};
use crate::live::{Assess, Health};
use crate::marks;
use crate::spec::{
    HealthCode, HistoryEntry, HookType, OperationPhase, OperationState, ResourceResult, ResultCode, SyncOperation,
    SyncResult, conditions,
};

/// When an operation is looked at again though nothing changed.
const BACKSTOP: Duration = Duration::from_secs(30);

/// What came of working on an operation.
pub(crate) enum Operated {
    /// It goes on: look again after a while at the latest.
    Running(Duration),
    /// It ended: the Application is to be compared anew.
    Ended,
    /// The Application is gone.
    Gone,
}

impl Turn<'_> {
    /// Begins, goes on with, or ends the operation of an Application.
    pub(crate) async fn operate(&mut self) -> belay_cluster::Result<Operated> {
        let Some(mut state) = self.begin().await? else { return Ok(Operated::Gone) };
        if state.phase == OperationPhase::Running && !state.finished_at.is_empty() {
            match self.retry_at(&mut state) {
                Some(left) if !left.is_zero() => return Ok(Operated::Running(left)),
                _ => {}
            }
        }
        let timeout = self.config.sync_timeout();
        let timed_out = !timeout.is_zero() && since(&state.started_at).is_some_and(|ran| ran > timeout);
        let mut cause = "";
        if timed_out && state.phase == OperationPhase::Running {
            state.phase = OperationPhase::Terminating;
            state.message = "operation is terminating due to timeout".into();
            cause = "controller sync timeout";
        }
        let terminating = state.phase == OperationPhase::Terminating;
        let again = self.carry_out(&mut state).await;
        if matches!(state.phase, OperationPhase::Failed | OperationPhase::Error) {
            self.failed(&mut state, terminating, cause);
        }
        self.finish(state, again).await
    }

    /// The state of the operation, written down before anything is done.
    async fn begin(&mut self) -> belay_cluster::Result<Option<OperationState>> {
        if let Some(state) = self.draft.app.status.operation_state.as_ref().filter(|s| !s.phase.is_over()) {
            return Ok(Some((**state).clone()));
        }
        let operation = self.draft.app.operation.clone().unwrap_or_default();
        let state = OperationState {
            operation,
            phase: OperationPhase::Running,
            started_at: self.new_start(),
            ..OperationState::default()
        };
        self.draft.app.status.operation_state = Some(Box::new(state.clone()));
        let there = self.draft.commit(self.world).await?;
        Ok(there.then_some(state))
    }

    /// When an operation begins: its name too, so that no two of one Application have the same.
    fn new_start(&self) -> String {
        let status = &self.draft.app.status;
        let last = status.operation_state.as_ref().map(|s| s.started_at.as_str()).into_iter();
        let past = status.history.iter().map(|h| h.deploy_started_at.as_str());
        let mut taken: Vec<Timestamp> = last.chain(past).filter_map(|text| text.parse().ok()).collect();
        let mut known = self.memory.last_start.lock();
        taken.extend(*known);
        let now = Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
        let newest = taken.into_iter().max().map(|t| t + Duration::from_secs(1));
        let start = newest.map_or(now, |after| now.max(after));
        *known = Some(start);
        belay_controller::conditions::time_text(start)
    }

    /// How long until a failed operation is tried again; nothing where it is now, which is noted.
    fn retry_at(&self, state: &mut OperationState) -> Option<Duration> {
        let wait = match state.operation.retry.wait(state.retry_count.saturating_sub(1)) {
            Ok(wait) => wait,
            Err(e) => {
                state.phase = OperationPhase::Error;
                state.message = e.to_string();
                return None;
            }
        };
        let left = wait.saturating_sub(since(&state.finished_at).unwrap_or(wait));
        if !left.is_zero() {
            return Some(left);
        }
        let mut more = "";
        if state.operation.retry.refresh
            && let Some(sync) = &mut state.operation.sync
        {
            more = " with latest revisions";
            sync.revision.clear();
            sync.revisions.clear();
        }
        state.message = format!("Retrying operation{more}. Attempt #{}", state.retry_count);
        state.finished_at.clear();
        state.sync_result = None;
        None
    }

    /// Carries it out as far as that goes now; gives when to look again.
    async fn carry_out(&mut self, state: &mut OperationState) -> Duration {
        let Some(sync) = state.operation.sync.clone() else {
            state.phase = OperationPhase::Error;
            state.message = "Invalid operation request: no operation specified".into();
            return BACKSTOP;
        };
        let result = state.sync_result.get_or_insert_with(|| Box::new(new_result(&self.draft, &sync)));
        let several = !result.sources.is_empty();
        let (sources, revisions) = if several {
            (result.sources.clone(), result.revisions.clone())
        } else {
            (vec![result.source.clone()], vec![result.revision.clone()])
        };
        if let Some(blocked) = self.blocked_by_window(state) {
            state.message = blocked;
            return BACKSTOP;
        }
        let compared = match self.compare(&sources, &revisions, Level::Latest).await {
            Ok(compared) => compared,
            Err(why) => {
                state.phase = OperationPhase::Error;
                state.message = why;
                return BACKSTOP;
            }
        };
        let result = state.sync_result.get_or_insert_default();
        if several {
            result.revisions = compared.revisions.clone();
        } else {
            result.revision = compared.revisions.first().cloned().unwrap_or_default();
        }
        let errors: Vec<String> = compared
            .comparison
            .conditions
            .iter()
            .filter(|c| c.kind == conditions::COMPARISON_ERROR || c.kind == conditions::INVALID_SPEC_ERROR)
            .map(|c| format!("{}: {}", c.kind, c.message))
            .collect();
        if !errors.is_empty() {
            state.phase = OperationPhase::Error;
            state.message = errors.join(";");
            return BACKSTOP;
        }
        let shared = compared.comparison.conditions.iter().find(|c| c.kind == conditions::SHARED_RESOURCE_WARNING);
        if let Some(shared) = shared.filter(|_| sync.sync_options.iter().any(|o| o == "FailOnSharedResource=true")) {
            state.phase = OperationPhase::Failed;
            state.message = format!("Shared resource found: {}", shared.message);
            return BACKSTOP;
        }
        self.run(state, &sync, compared.comparison).await
    }

    async fn run(&mut self, state: &mut OperationState, sync: &SyncOperation, compared: Arc<Comparison>) -> Duration {
        let place = match self.world.destinations.of(&self.config, &self.draft.app.spec.destination).await {
            Ok(place) => place,
            Err(why) => {
                state.phase = OperationPhase::Error;
                state.message = format!("Failed to get destination cluster: {why}");
                return BACKSTOP;
            }
        };
        let result = state.sync_result.get_or_insert_default();
        let revision = result.revisions.first().unwrap_or(&result.revision).clone();
        let started_unix = state.started_at.parse::<Timestamp>().map_or(0, |t| t.as_second());
        let all = Tasks { app: &self.draft.app, sync, compared: &compared, revision: &revision, started_unix };
        let mut tasks = all.make();
        if let Some(refused) = self.refuse_kinds(&mut tasks, &place).await {
            state.phase = OperationPhase::Failed;
            state.message = format!("one or more synchronization tasks are not valid: {refused}");
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
        let mut machine = Sync::new(tasks, &results(&result.resources), settings);
        let app = &self.draft.app;
        let site = Site {
            target: place.target(),
            manager: MANAGER.to_owned(),
            takeover: takeover(app),
            protection: Protection::default(),
            owner: OwnerName { namespace: app.namespace.clone(), name: app.name.clone() },
            hook_finalizer: marks::HOOK_FINALIZER.to_owned(),
            mark: (marks::OPERATION.to_owned(), format!("{}/{}", app.uid, state.started_at)),
            propagation: propagation(sync),
            dry_run: sync.dry_run,
            pause: self.config.wave_pause(),
            tells_server_side: has(sync, "ServerSideApply=true"),
        };
        let around = Around { world: self.world, place: &place, draft: &self.draft, state, instance: &self.instance };
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
                    self.memory.ours.made(live.clone());
                }
                (None, _) if task.outcome == Some(plan::Outcome::Pruned) => {
                    self.memory.ours.deleted(&task.key());
                }
                _ => {}
            }
        }
    }

    /// Kinds that the project does not permit, or the cluster does not know: a sentence each.
    async fn refuse_kinds(&self, tasks: &mut [Task], place: &super::destinations::Place) -> Option<String> {
        let defined: Vec<(String, String)> = tasks
            .iter()
            .filter_map(|t| t.target.as_ref())
            .filter(|o| belay_plan::is_custom_resource_definition(o))
            .filter_map(|o| {
                let text = |path: &[&str]| o.str_at(path).map(str::to_owned);
                Some((text(&["spec", "group"])?, text(&["spec", "names", "kind"])?))
            })
            .collect();
        let mut wrong: Vec<String> = Vec::new();
        for task in tasks {
            let kind = task.object().group_kind();
            let name = task.object().name().to_owned();
            let told = match place.cluster.resource_of(task.object()).await {
                Ok(resource) if (self.permits)(&kind.group, &kind.kind, resource.namespaced, &name) => continue,
                // Compat(argo-cd 3.5)
                Ok(_) => format!(
                    "resource {}:{} is not permitted in project {}",
                    kind.group,
                    kind.kind,
                    self.draft.app.spec.project()
                ),
                Err(_) if task.is_prune() => continue,
                Err(_) if defined.iter().any(|(g, k)| kind.group == g.as_str() && kind.kind == k.as_str()) => {
                    task.flags.skip_check = true;
                    continue;
                }
                Err(_) if task.flags.skip_check => continue,
                Err(e) => e.to_string(),
            };
            if !wrong.contains(&told) {
                wrong.push(told);
            }
        }
        wrong.sort();
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// Whether somebody confirmed deletions since the operation began.
    pub(super) fn is_confirmed(&self, since: &str) -> bool {
        let approved = self.draft.app.annotations.get(marks::DELETION_APPROVED);
        let time = |text: &str| text.parse::<Timestamp>().ok();
        match (approved.and_then(|a| time(a)), time(since)) {
            (Some(approved), Some(since)) => approved >= since,
            _ => false,
        }
    }

    /// What a failed operation becomes: tried again, or told.
    fn failed(&self, state: &mut OperationState, terminating: bool, cause: &str) {
        let limit = state.operation.retry.limit;
        if !terminating && (limit < 0 || state.retry_count < limit) {
            match state.operation.retry.wait(state.retry_count) {
                Ok(wait) => {
                    state.phase = OperationPhase::Running;
                    state.finished_at = now_text();
                    state.retry_count += 1;
                    let at = Timestamp::now() + wait;
                    let at = kitchen(at);
                    state.message = format!("{}. Retrying attempt #{} at {at}.", state.message, state.retry_count);
                }
                Err(e) => {
                    state.phase = OperationPhase::Error;
                    state.message = format!("{} (failed to retry: {e})", state.message);
                }
            }
            return;
        }
        if terminating && !cause.is_empty() {
            state.message = format!("{}, triggered by {cause}", state.message);
        }
        if state.retry_count > 0 {
            state.message = format!("{} (retried {} times).", state.message, state.retry_count);
        }
    }

    async fn finish(&mut self, mut state: OperationState, again: Duration) -> belay_cluster::Result<Operated> {
        if !state.phase.is_over() {
            let retry = state.operation.retry.wait(state.retry_count.saturating_sub(1)).ok();
            let again = if state.finished_at.is_empty() { again } else { retry.unwrap_or(again) };
            self.draft.app.status.operation_state = Some(Box::new(state));
            let there = self.draft.commit(self.world).await?;
            return Ok(if there { Operated::Running(again) } else { Operated::Gone });
        }
        state.finished_at = now_text();
        let sync = state.operation.sync.clone().unwrap_or_default();
        if state.phase == OperationPhase::Succeeded && !sync.dry_run && sync.resources.is_empty() {
            self.enter_history(&state);
        }
        let revision = state.sync_result.as_ref().map(|r| r.revision.clone());
        let what = if sync.resources.is_empty() { "Sync operation" } else { "Partial sync operation" };
        let to = revision.map(|revision| format!(" to {revision}")).unwrap_or_default();
        let (kind, end) = match state.phase {
            OperationPhase::Succeeded => (EventKind::Normal, "succeeded".to_owned()),
            _ => (EventKind::Warning, format!("failed: {}", state.message)),
        };
        self.world.tell(self.draft.object(), kind, "OperationCompleted", format!("{what}{to} {end}"));
        self.draft.app.status.operation_state = Some(Box::new(state));
        self.draft.drops_operation = true;
        // Written together with the comparison that follows.
        Ok(Operated::Ended)
    }

    fn enter_history(&mut self, state: &OperationState) {
        let Some(result) = &state.sync_result else { return };
        let limit = self.draft.app.spec.history_limit();
        let history = &mut self.draft.app.status.history;
        let id = history.last().map_or(0, |last| last.id + 1);
        let several = !result.sources.is_empty();
        history.push(HistoryEntry {
            id,
            revision: if several { String::new() } else { result.revision.clone() },
            revisions: if several { result.revisions.clone() } else { Vec::new() },
            source: if several { Default::default() } else { result.source.clone() },
            sources: result.sources.clone(),
            deployed_at: now_text(),
            deploy_started_at: state.started_at.clone(),
            initiated_by: state.operation.initiated_by.clone(),
        });
        let over = history.len().saturating_sub(limit);
        history.drain(..over);
    }
}

fn has(sync: &SyncOperation, option: &str) -> bool {
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

/// What an operation is about to sync: its own sources, or those of the spec.
fn new_result(draft: &Draft, sync: &SyncOperation) -> SyncResult {
    let spec = &draft.app.spec;
    let mut result =
        SyncResult { revision: sync.revision.clone(), revisions: sync.revisions.clone(), ..SyncResult::default() };
    if let Some(source) = &sync.source {
        result.source = (**source).clone();
    }
    result.sources.clone_from(&sync.sources);
    if sync.source.is_none() && sync.sources.is_empty() {
        result.sources.clone_from(&spec.sources);
        if !spec.has_multiple_sources() {
            result.sources.clear();
            result.source = spec.sources().into_iter().next().unwrap_or_default();
        }
    }
    result
}

/// The tasks of an operation.
struct Tasks<'a> {
    app: &'a crate::spec::Application,
    sync: &'a SyncOperation,
    compared: &'a Comparison,
    revision: &'a str,
    started_unix: i64,
}

impl Tasks<'_> {
    fn make(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        let options = &self.sync.sync_options;
        let live: BTreeMap<ObjectKey, Arc<Object>> =
            self.compared.resources.iter().filter_map(|j| j.pair.live.clone()).map(|live| (live.key(), live)).collect();
        for judged in &self.compared.resources {
            let Judged { pair, differences, status } = judged;
            let of_hook = pair.object().is_some_and(marks::is_hook);
            let skipped = pair.target.as_ref().is_some_and(|t| marks::is_skipped(t));
            let selected = self.selects(&status.group, &status.kind, &status.namespace, &status.name);
            if of_hook || skipped || !selected || (pair.target.is_none() && !status.requires_pruning) {
                continue;
            }
            let wave = pair.target.as_deref().or(pair.live.as_deref()).map_or(0, marks::wave);
            let mut task = Task::new(SyncPhase::Sync, wave, pair.target.clone(), pair.live.clone());
            task.flags = marks::flags(pair.target.as_deref(), pair.live.as_deref(), options, self.sync.force());
            task.differs = !differences.is_empty() || pair.target.is_none() || pair.live.is_none();
            tasks.push(task);
        }
        let with_hooks = !self.sync.is_apply_strategy() && self.sync.resources.is_empty();
        for hook in self.compared.hooks.iter().filter(|_| with_hooks) {
            for phase in marks::sync_phases(hook) {
                let mut object = (**hook).clone();
                if object.name().is_empty() {
                    let prefix = object.str_at(&["metadata", "generateName"]).unwrap_or_default().to_owned();
                    let name = generated_name(&prefix, self.revision, phase, self.started_unix);
                    object.set(&["metadata", "name"], name);
                    object.remove(&["metadata", "generateName"]);
                }
                let found = live.get(&object.key()).cloned();
                let mut task = Task::new(phase, marks::wave(hook), Some(Arc::new(object)), found);
                task.hook = Some(marks::hook_policy(hook));
                task.flags = marks::flags(task.target.as_deref(), None, options, self.sync.force());
                tasks.push(task);
            }
        }
        tasks.extend(self.namespace());
        tasks
    }
    fn selects(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        self.sync.resources.is_empty() || self.sync.resources.iter().any(|r| r.names(group, kind, namespace, name))
    }
    /// The destination namespace, where it is to be made or to bear metadata.
    fn namespace(&self) -> Option<Task> {
        let name = &self.app.spec.destination.namespace;
        if !has(self.sync, "CreateNamespace=true") || name.is_empty() {
            return None;
        }
        let is_it = |o: &Object| o.kind() == "Namespace" && o.api_version() == "v1" && o.name() == name;
        if self.compared.resources.iter().any(|j| j.pair.target.as_ref().is_some_and(|t| is_it(t))) {
            return None;
        }
        let mut wanted = Object::of("v1", "Namespace", "", name);
        wanted.remove(&["metadata", "namespace"]);
        let policy = self.app.spec.sync_policy.as_ref();
        let metadata = policy.and_then(|p| p.managed_namespace_metadata.as_ref());
        let live = self.compared.namespace.clone();
        if let Some(metadata) = metadata {
            for (key, value) in &metadata.labels {
                wanted.set_label(key, value);
            }
            for (key, value) in &metadata.annotations {
                wanted.set_annotation(key, value);
            }
        } else if live.is_some() {
            return None;
        }
        let mut task = Task::new(SyncPhase::PreSync, 0, Some(Arc::new(wanted)), live);
        task.flags.skip_check = false;
        Some(task)
    }
}

/// What the status keeps of an operation's tasks, as the engine wants it.
fn results(resources: &[ResourceResult]) -> Vec<TaskResult> {
    let one = |r: &ResourceResult| {
        let phase = SyncPhase::parse(r.sync_phase?.as_str())?;
        Some(TaskResult {
            key: ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name),
            version: r.version.clone(),
            phase,
            hook: r.hook_type.is_some(),
            outcome: r.status.and_then(|s| plan::Outcome::parse(s.as_str())),
            state: r.hook_phase.and_then(|p| plan::OperationPhase::parse(p.as_str())),
            message: r.message.clone(),
            images: r.images.clone(),
        })
    };
    resources.iter().filter_map(one).collect()
}

fn told(result: &TaskResult) -> ResourceResult {
    ResourceResult {
        group: result.key.kind.group.to_string(),
        version: result.version.clone(),
        kind: result.key.kind.kind.to_string(),
        namespace: result.key.namespace.to_string(),
        name: result.key.name.to_string(),
        status: result.outcome.and_then(|o| ResultCode::parse(o.as_str())),
        message: result.message.clone(),
        hook_type: result.hook.then(|| HookType::parse(result.phase.as_str())).flatten(),
        hook_phase: result.state.and_then(|s| OperationPhase::parse(s.as_str())),
        sync_phase: crate::spec::SyncPhase::parse(result.phase.as_str()),
        images: result.images.clone(),
    }
}

/// What the engine asks of an operation's surroundings.
struct Around<'a> {
    world: &'a World,
    place: &'a super::destinations::Place,
    draft: &'a Draft,
    state: &'a OperationState,
    instance: &'a str,
}

impl Surroundings for Around<'_> {
    fn live(&self, key: &ObjectKey) -> Option<Arc<Object>> {
        self.place.observed.get(key)?.summary.object
    }
    fn is_ours(&self, live: &Object) -> bool {
        let owner = self.world.config().tracking.owner_of(live);
        owner.is_some_and(|owner| owner.app == self.instance && owner.matches_self)
    }
    fn health(&self, live: &Object) -> Seen {
        seen(Assess::health(&*self.world.config().assess, live))
    }
    fn record<'a>(
        &'a self,
        results: Vec<TaskResult>,
        message: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(async move {
            let mut state = self.state.clone();
            state.message = message.to_owned();
            state.sync_result.get_or_insert_default().resources = results.iter().map(told).collect();
            let of = self.draft.object();
            // Only what was done: who ends the operation meanwhile writes its phase.
            let result = state.sync_result.as_ref().map(|r| r.to_value()).unwrap_or_default();
            let patch = object! {
                "metadata" => object! { "uid" => of.uid() },
                "status" => object! {
                    "operationState" => object! { "message" => message, "syncResult" => result },
                },
            };
            let options = WriteOptions { field_manager: MANAGER.to_owned(), ..WriteOptions::default() };
            let resource = World::resource();
            let patched = self
                .world
                .cluster
                .patch(&resource, of.namespace(), of.name(), &Patch::Merge(patch), &options)
                .await
                .map_err(|e| format!("the state of the operation could not be written: {e}"))?;
            self.world.written.put(Name::of(&patched), patched);
            Ok(())
        })
    }
}

pub(super) fn seen(health: Option<Health>) -> Seen {
    match health {
        None => Seen::NoHealth,
        Some(Health { status, message }) => match status {
            HealthCode::Healthy => Seen::Healthy(message),
            HealthCode::Degraded => Seen::Degraded(message),
            HealthCode::Progressing | HealthCode::Suspended => Seen::Progressing(message),
            HealthCode::Missing | HealthCode::Unknown => Seen::Unknown(message),
        },
    }
}

/// `3:04PM`, in UTC.
fn kitchen(at: Timestamp) -> String {
    let at = at.to_zoned(jiff::tz::TimeZone::UTC);
    let hour = match at.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    let half = if at.hour() < 12 { "AM" } else { "PM" };
    format!("{hour}:{:02}{half}", at.minute())
}
