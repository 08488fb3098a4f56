//! One turn of one Application: what is desired and what is there, compared, told, and put right.

use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_controller::{EventKind, Next};
use belay_object::Object;

use super::comparing::Compared;
use super::config::Config;
use super::deletion;
use super::desired::Wish;
use super::destinations::Absent;
use super::draft::Draft;
use super::hydration;
use super::operate::{self, Operated};
use super::permission::{Permits, permissions, project};
use super::refresh::{self, Level, SKIP_RECONCILE};
use super::summary::summary;
use super::world::{Memory, Name, World, now_text, since};
use crate::auto_sync::{self, Decision};
use crate::ignore::IgnoreRules;
use crate::settings::parse_bool;
use crate::spec::{AppCondition, Application, HealthCode, HealthStatus, Source, SyncCode, SyncStatus, conditions};

/// When it is looked again whether what could not be compared can be.
const LATER: Duration = Duration::from_secs(30);
/// When those look again whose repository keeps others waiting.
const SOON: Duration = Duration::from_secs(2);
/// What was made and not shown by a watch for so long is looked at again.
const WATCH_LAG: Duration = Duration::from_secs(5);

/// Works on one Application.
pub(crate) struct Turn<'a> {
    pub world: &'a World,
    pub name: Name,
    pub draft: Draft,
    pub memory: Arc<Memory>,
    /// The name by which its objects are tracked.
    pub instance: String,
    /// What its project permits in its cluster.
    pub permits: Permits,
    pub project: Arc<Project>,
    pub config: Arc<Config>,
    pub ignore: IgnoreRules,
}

/// Takes one turn.
pub(crate) async fn reconcile(world: &World, name: Name) -> Next {
    let asked = world.asked.lock().remove(&name);
    let Some(object) = world.application(&name) else {
        world.forget(&name);
        return Next::Done;
    };
    if is_left_alone(world, &object) {
        // What was asked meanwhile is asked when somebody looks after it again.
        if let Some(level) = asked {
            world.note(&name, level);
        }
        return Next::Done;
    }
    match turn(world, &name, object, asked).await {
        Ok(next) => next,
        Err(error) => {
            tracing::warn!(application = ?name, %error, "writing the status failed; tried again");
            if let Some(level) = asked {
                world.note(&name, level);
            }
            Next::Retry
        }
    }
}

/// Whether nothing is done about an Application: it says so, its cluster's secret does, or its namespace is none
/// of ours.
pub(super) fn is_left_alone(world: &World, object: &Object) -> bool {
    if object.annotation(SKIP_RECONCILE).and_then(parse_bool) == Some(true) || !world.follows(object.namespace()) {
        return true;
    }
    let text = |field: &str| object.str_at(&["spec", "destination", field]).unwrap_or_default();
    let config = world.config();
    config.clusters.resolve(text("server"), text("name")).is_ok_and(|cluster| cluster.skip_reconcile)
}

async fn turn(world: &World, name: &Name, object: Arc<Object>, asked: Option<Level>) -> belay_cluster::Result<Next> {
    let app = match Application::read(&object) {
        Ok(app) => app,
        Err(error) => {
            // What cannot be read is told and left: nothing that ran stops running, nothing noted is lost.
            let mut draft = Draft::of_unreadable(object);
            draft.app.status.sync.status = Some(SyncCode::Unknown);
            draft.set_health(HealthStatus { status: Some(HealthCode::Unknown), ..HealthStatus::default() });
            let condition = AppCondition::new(conditions::INVALID_SPEC_ERROR, error.to_string());
            draft.set_conditions(&[conditions::INVALID_SPEC_ERROR], vec![condition]);
            draft.drops_refresh = true;
            draft.commit(world).await?;
            return Ok(Next::Done);
        }
    };
    if app.deletion_timestamp.is_some() {
        return deletion::finalize(world, name, object, app).await;
    }
    let mut draft = Draft::new(object, app);
    let mut found = Vec::new();
    let project = project(world, &draft.app).map_err(|c| found.push(c)).ok();
    if let Some(project) = &project {
        found.extend(permissions(world, &draft.app, project));
    }
    let types = [conditions::INVALID_SPEC_ERROR, conditions::UNKNOWN_ERROR];
    let failed = !found.is_empty();
    draft.set_conditions(&types, found);
    let (Some(project), false) = (project, failed) else {
        draft.app.status.sync.status = Some(SyncCode::Unknown);
        draft.set_health(HealthStatus { status: Some(HealthCode::Unknown), ..HealthStatus::default() });
        draft.drops_refresh = true;
        operate::refuse(world, &mut draft);
        draft.commit(world).await?;
        look_at_dry_source(world, name, &draft.app);
        return Ok(Next::Done);
    };
    let config = world.config();
    let mut turn = Turn {
        world,
        name: name.clone(),
        instance: draft.app.instance_name(&world.settings.namespace),
        memory: world.memory(name),
        ignore: IgnoreRules::default(),
        permits: Permits::new(&config, &project, &draft.app.spec.destination),
        config,
        project,
        draft,
    };
    turn.take(asked).await
}

/// Has it looked at whether an Application is to be hydrated, which is decided beside.
fn look_at_dry_source(world: &World, name: &Name, app: &Application) {
    if hydration::dry_source(&world.config(), &app.spec).is_some() {
        world.hydration.look(name);
    }
}

impl Turn<'_> {
    async fn take(&mut self, asked: Option<Level>) -> belay_cluster::Result<Next> {
        let spec = &self.draft.app.spec;
        let mut sources = spec.sources();
        sources.extend(hydration::dry_source(&self.config, spec));
        self.world.polls.uses(&self.name, &sources, spec.project(), &self.config.settings.timers);
        look_at_dry_source(self.world, &self.name, &self.draft.app);
        match IgnoreRules::compile(&self.draft.app.spec.ignore_differences) {
            Ok(rules) => self.ignore = self.config.ignore.and(&rules),
            Err(why) => {
                let condition = AppCondition::new(conditions::INVALID_SPEC_ERROR, why);
                self.draft.set_conditions(&[conditions::INVALID_SPEC_ERROR], vec![condition]);
                self.unknown();
                self.draft.drops_refresh = true;
                operate::refuse(self.world, &mut self.draft);
                self.draft.commit(self.world).await?;
                return Ok(Next::Done);
            }
        }
        let mut level = refresh::needed(&self.draft.app, asked, &self.config.settings.timers, self.age());
        let mut again = None;
        // A comparison may ask for an operation, which asks for a comparison.
        for _ in 0..3 {
            if self.has_operation() {
                match self.operate().await? {
                    Operated::Gone => return Ok(Next::Done),
                    Operated::Running(pause) => again = Some(pause),
                    // Compat(argo-cd 3.5): `reconciledAt` moves behind the end of an operation; clients wait for that.
                    Operated::Ended => level = Some(Level::Latest.max(level.unwrap_or(Level::Latest))),
                }
            }
            let Some(wanted) = level.take() else { break };
            if let Some(pause) = self.refresh(wanted).await? {
                self.world.note(&self.name, Level::Recent);
                again = Some(again.map_or(pause, |known: Duration| known.min(pause)));
            }
            if !self.has_operation() || again.is_some() {
                break;
            }
        }
        self.draft.commit(self.world).await?;
        if again.is_none() && !self.memory.ours.all().is_empty() {
            self.world.note(&self.name, Level::Recent);
            again = Some(WATCH_LAG);
        }
        let hard = self.config.settings.timers.next_hard(self.age(), belay_cluster::random_below);
        again = again.into_iter().chain(hard).min();
        Ok(again.map_or(Next::Done, Next::After))
    }

    /// How old the last comparison is.
    fn age(&self) -> Option<Duration> {
        since(&self.draft.app.status.reconciled_at)
    }

    /// Whether an operation has ended since the last look.
    fn has_ended_since(&self) -> bool {
        let status = &self.draft.app.status;
        let time = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let ended = status.operation_state.as_ref().and_then(|state| time(&state.finished_at));
        ended.is_some_and(|ended| time(&status.reconciled_at).is_some_and(|looked| looked < ended))
    }

    fn has_operation(&self) -> bool {
        let app = &self.draft.app;
        let runs = app.status.operation_state.as_ref().is_some_and(|s| !s.phase.is_over());
        !self.draft.drops_operation && (app.operation.is_some() || runs)
    }

    /// Compares, and tells what was found; gives when to look again.
    async fn refresh(&mut self, level: Level) -> belay_cluster::Result<Option<Duration>> {
        if refresh::is_hard(&self.draft.app, &self.config.settings.timers, self.age()) {
            self.memory.known.clear();
            self.world.charts.forget();
        }
        self.draft.drops_refresh = true;
        // What could not be read is not covered up by what is known of before.
        let is_unread = self.memory.unread_since.lock().is_some();
        let level = if is_unread { level.max(Level::Latest) } else { level };
        let spec = &self.draft.app.spec;
        let sources = spec.sources();
        let known: Vec<String> = self.draft.app.status.revisions().into_iter().map(str::to_owned).collect();
        let revisions = if level <= Level::Recent { known.clone() } else { Vec::new() };
        let compared = match self.compare(&Wish::of(&sources, &revisions), level).await {
            Ok(compared) => compared,
            // What is known stays until the cluster is there, and what was asked for is asked again then.
            Err(Absent::Loading) => {
                self.draft.drops_refresh = false;
                self.world.note(&self.name, level);
                return Ok(Some(LATER));
            }
            Err(Absent::Busy) => {
                self.draft.drops_refresh = false;
                self.world.note(&self.name, level);
                return Ok(Some(SOON));
            }
            // Compat(argo-cd 3.5): controller.repo.error.grace.period.seconds
            Err(Absent::Unread(why)) => {
                tracing::warn!(application = ?self.name, %why, "the last comparison stands for now");
                // Who waits for the end of an operation waits for a look behind it, and this was one.
                if self.has_ended_since() {
                    self.draft.app.status.reconciled_at = now_text();
                }
                self.world.note(&self.name, level);
                return Ok(Some(LATER.min(self.config.repo_error_grace())));
            }
            Err(Absent::Trouble(why)) => {
                let condition = AppCondition::new(conditions::COMPARISON_ERROR, why);
                self.draft.set_conditions(&[conditions::COMPARISON_ERROR], vec![condition]);
                self.unknown();
                self.world.note(&self.name, level);
                return Ok(Some(LATER));
            }
        };
        let pause = self.tell(&compared, &sources, &known);
        if self.draft.app.status.reconciled_at.is_empty() || level >= Level::Latest {
            self.draft.app.status.reconciled_at = now_text();
        }
        if pause.is_none() && compared.comparison.sync == SyncCode::Unknown {
            // Nothing may change that would wake it when what failed is over.
            self.world.note(&self.name, level);
            return Ok(Some(LATER));
        }
        Ok(pause)
    }

    fn unknown(&mut self) {
        self.draft.app.status.sync.status = Some(SyncCode::Unknown);
        self.draft.set_health(HealthStatus { status: Some(HealthCode::Unknown), ..HealthStatus::default() });
        for resource in &mut self.draft.app.status.resources {
            resource.status = Some(SyncCode::Unknown);
        }
    }

    /// Puts what was found into the status, and decides whether to sync.
    fn tell(&mut self, compared: &Compared, sources: &[Source], known: &[String]) -> Option<Duration> {
        let comparison = &compared.comparison;
        let several = self.draft.app.spec.has_multiple_sources();
        let sync = SyncStatus {
            status: Some(comparison.sync),
            compared_to: self.draft.app.spec.compared_to(sources),
            revision: if several { String::new() } else { compared.revisions.first().cloned().unwrap_or_default() },
            revisions: if several { compared.revisions.clone() } else { Vec::new() },
        };
        let resources: Vec<_> = comparison.resources.iter().map(|judged| judged.status.clone()).collect();
        let types = [
            conditions::COMPARISON_ERROR,
            conditions::SHARED_RESOURCE_WARNING,
            conditions::REPEATED_RESOURCE_WARNING,
            conditions::EXCLUDED_RESOURCE_WARNING,
            conditions::ORPHANED_RESOURCE_WARNING,
        ];
        self.draft.set_conditions(&types, comparison.conditions.clone());
        let mut again = None;
        let state = self.draft.app.status.operation_state.as_deref();
        let since_operation = state.and_then(|s| since(&s.finished_at));
        let has_changes = known != compared.revisions.as_slice();
        let found = auto_sync::Compared {
            sync: &sync,
            resources: &resources,
            has_changes: has_changes || known.is_empty(),
            since_operation,
        };
        let mut app = self.draft.app.clone();
        if self.draft.drops_operation {
            app.operation = None;
        }
        let allowed = self.is_window_open(false);
        let decision = if allowed { auto_sync::decide(&app, &found, &self.config.heal) } else { Decision::Nothing };
        let mut error = Vec::new();
        match decision {
            Decision::Nothing => {}
            Decision::Later(pause) => again = Some(pause),
            Decision::Refused(condition) => error.push(condition),
            Decision::Sync(operation) => {
                let to = compared.revisions.join(", ");
                let message = format!("Initiated automated sync to '{to}'");
                self.world.tell(self.draft.object(), EventKind::Normal, "OperationStarted", message);
                self.draft.app.operation = Some(*operation);
                self.draft.drops_operation = false;
                // The last one is history: what begins now has its own state.
                if self.draft.app.status.operation_state.as_ref().is_some_and(|s| s.phase.is_over()) {
                    self.draft.app.status.operation_state = None;
                }
            }
        }
        if allowed {
            self.draft.set_conditions(&[conditions::SYNC_ERROR], error);
        }
        if comparison.sync != SyncCode::Unknown {
            for finalizer in [deletion::PRE_DELETE, deletion::PRE_DELETE_CLEANUP] {
                self.draft.set_finalizer(finalizer, !comparison.pre_delete.is_empty());
            }
            for finalizer in [deletion::POST_DELETE, deletion::POST_DELETE_CLEANUP] {
                self.draft.set_finalizer(finalizer, !comparison.post_delete.is_empty());
            }
        }
        let status = &self.draft.app.status;
        let (was_sync, was_health) = (status.sync.status, status.health.status);
        let changed = |what: &str, from: Option<&str>, to: &str| {
            from.filter(|from| *from != to).map(|from| format!("Updated {what} status: {from} -> {to}"))
        };
        let health = comparison.health.status.unwrap_or(HealthCode::Unknown);
        let news = [
            changed("sync", was_sync.map(SyncCode::as_str), comparison.sync.as_str()),
            changed("health", was_health.map(HealthCode::as_str), health.as_str()),
        ];
        let [sync_news, mut health_news] = news;
        if let Some(message) = health_news.as_mut().filter(|_| !comparison.causes.is_empty()) {
            // Compat(argo-cd 3.6)
            message.push_str(&format!(" ({})", comparison.causes));
        }
        for message in [sync_news, health_news].into_iter().flatten() {
            self.world.tell(self.draft.object(), EventKind::Normal, "ResourceUpdated", message);
        }
        self.draft.set_health(comparison.health.clone());
        let status = &mut self.draft.app.status;
        status.sync = sync;
        status.resources = resources;
        status.source_type = if several { None } else { compared.source_types.first().copied() };
        status.source_types = if several { compared.source_types.clone() } else { Vec::new() };
        // Compat(argo-cd 3.5)
        status.resource_health_source = "appTree".into();
        status.controller_namespace.clone_from(&self.world.settings.namespace);
        status.summary = summary(&self.draft.app.annotations, comparison);
        again
    }
}
