//! One turn of one Application: what is desired and what is there, compared, told, and put right.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_controller::{EventKind, Next};
use belay_object::{Object, ObjectKey};
use belay_plan::{Manager, Takeover};
use futures::stream::{self, StreamExt};

use super::config::Config;
use super::deletion;
use super::destinations::Place;
use super::draft::Draft;
use super::operate::Operated;
use super::refresh::{self, Level, SKIP_RECONCILE};
use super::sources;
use super::world::{MANAGER, Memory, Name, World, now_text, since};
use crate::auto_sync::{self, Decision};
use crate::compare::{self, Comparison, Rules};
use crate::differ::{self, Manner};
use crate::ignore::IgnoreRules;
use crate::live::Assess;
use crate::manifests::{self, AppContext};
use crate::spec::{
    AppCondition, Application, HealthCode, HealthStatus, Source, SourceType, SyncCode, SyncStatus, conditions,
    option_value, validate,
};

/// The manager by which kubectl's client-side applies are known.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";
/// Names another one on an Application.
const MIGRATION_MANAGER: &str = "argocd.argoproj.io/client-side-apply-migration-manager";
/// What kubectl leaves.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Listings of refs this old are believed when an Application is new.
const YOUNG: Duration = Duration::from_secs(3);
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
    /// Whether its project permits an object: group, kind, namespaced, name.
    pub permits: Box<dyn Fn(&str, &str, bool, &str) -> bool + Send + Sync>,
    pub project: Arc<Project>,
    pub config: Arc<Config>,
    pub ignore: IgnoreRules,
}

/// What comparing gave.
pub(crate) struct Compared {
    pub comparison: Arc<Comparison>,
    /// The commit of each source.
    pub revisions: Vec<String>,
    pub source_types: Vec<SourceType>,
}

/// Takes one turn.
pub(crate) async fn reconcile(world: &World, name: Name) -> Next {
    let asked = world.asked.lock().remove(&name);
    let Some(object) = world.application(&name) else {
        world.forget(&name);
        return Next::Done;
    };
    if object.annotation(SKIP_RECONCILE) == Some("true") {
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
        draft.commit(world).await?;
        return Ok(Next::Done);
    };
    let permitted = project.clone();
    let mut turn = Turn {
        world,
        name: name.clone(),
        instance: draft.app.instance_name(&world.settings.namespace),
        memory: world.memory(name),
        ignore: IgnoreRules::default(),
        config: world.config(),
        permits: Box::new(move |group, kind, namespaced, name| permitted.permits_kind(group, kind, namespaced, name)),
        project,
        draft,
    };
    turn.take(asked).await
}

impl Turn<'_> {
    async fn take(&mut self, asked: Option<Level>) -> belay_cluster::Result<Next> {
        let spec = &self.draft.app.spec;
        self.world.polls.uses(&self.name, &spec.sources(), spec.project());
        match IgnoreRules::compile(&self.draft.app.spec.ignore_differences) {
            Ok(rules) => self.ignore = self.config.ignore.and(&rules),
            Err(why) => {
                let condition = AppCondition::new(conditions::INVALID_SPEC_ERROR, why);
                self.draft.set_conditions(&[conditions::INVALID_SPEC_ERROR], vec![condition]);
                self.unknown();
                self.draft.drops_refresh = true;
                self.draft.commit(self.world).await?;
                return Ok(Next::Done);
            }
        }
        let mut level = refresh::needed(&self.draft.app, asked);
        let mut again = None;
        // A comparison may ask for an operation, which asks for a comparison.
        for _ in 0..3 {
            if self.has_operation() {
                match self.operate().await? {
                    Operated::Gone => return Ok(Next::Done),
                    Operated::Running(pause) => again = Some(pause),
                    Operated::Ended => level = Some(Level::Recent.max(level.unwrap_or(Level::Recent))),
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
        Ok(again.map_or(Next::Done, Next::After))
    }

    fn has_operation(&self) -> bool {
        let app = &self.draft.app;
        let runs = app.status.operation_state.as_ref().is_some_and(|s| !s.phase.is_over());
        !self.draft.drops_operation && (app.operation.is_some() || runs)
    }

    /// Compares, and tells what was found; gives when to look again.
    async fn refresh(&mut self, level: Level) -> belay_cluster::Result<Option<Duration>> {
        if refresh::is_hard(&self.draft.app) {
            self.memory.known.clear();
        }
        self.draft.drops_refresh = true;
        let spec = &self.draft.app.spec;
        let sources = spec.sources();
        let known: Vec<String> = self.draft.app.status.revisions().into_iter().map(str::to_owned).collect();
        let revisions = if level <= Level::Recent { known.clone() } else { Vec::new() };
        let compared = match self.compare(&sources, &revisions, level).await {
            Ok(compared) => compared,
            Err(why) => {
                let condition = AppCondition::new(conditions::COMPARISON_ERROR, why);
                self.draft.set_conditions(&[conditions::COMPARISON_ERROR], vec![condition]);
                self.unknown();
                return Ok(Some(Duration::from_secs(30)));
            }
        };
        let pause = self.tell(&compared, &sources, &known);
        *self.memory.compared.lock() = Some(compared.comparison.clone());
        if self.draft.app.status.reconciled_at.is_empty() || level >= Level::Latest {
            self.draft.app.status.reconciled_at = now_text();
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
        for message in news.into_iter().flatten() {
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
        status.summary.images = images(comparison);
        again
    }

    /// Renders sources at revisions (an empty one: what the source names) and compares with what is live.
    /// What cannot be told is a condition of the comparison; an error where there is none.
    pub(crate) async fn compare(
        &self,
        sources: &[Source],
        revisions: &[String],
        level: Level,
    ) -> Result<Compared, String> {
        let app = &self.draft.app;
        let place = self.world.destinations.of(&self.config, &app.spec.destination).await?;
        let (catalog, facts) = place.facts().await?;
        let max_age = match level {
            Level::Resolve => Duration::ZERO,
            _ if app.status.reconciled_at.is_empty() => YOUNG,
            _ => self.config.poll_every().max(YOUNG),
        };
        let mut failed = None;
        let mut conditions_found = Vec::new();
        let (mut objects, mut commits, mut types) = (Vec::new(), Vec::new(), Vec::new());
        match sources::fetch(self.world, sources, revisions, app.spec.project(), max_age).await {
            Err(why) => failed = Some(why),
            Ok(fetched) => {
                commits = fetched.iter().map(|f| f.files.revision.clone()).collect();
                let context = AppContext {
                    name: app.name.clone(),
                    instance_name: self.instance.clone(),
                    project: app.spec.project().to_owned(),
                    destination_namespace: app.spec.destination.namespace.clone(),
                    cluster: facts,
                    settings: self.config.tools.clone(),
                    remote_files: Default::default(),
                };
                let named: Vec<_> = fetched.into_iter().map(|f| (f.source, f.files)).collect();
                let renderer = self.world.renderer.clone();
                let made = tokio::task::spawn_blocking(move || renderer.render_all(&named, &context)).await;
                match made {
                    Ok(Ok(all)) => {
                        types = all.iter().map(manifests::Manifests::source_type).collect();
                        objects = all.iter().flat_map(|m| m.objects()).map(|r| r.object.clone()).collect();
                    }
                    Ok(Err(e)) => failed = Some(e.to_string()),
                    Err(e) => failed = Some(format!("the renderer stopped: {e}")),
                }
            }
        }
        if let Some(why) = &failed {
            // Compat(argo-cd 3.5): the words in front.
            let message = format!("Failed to load target state: {why}");
            conditions_found.push(AppCondition::new(conditions::COMPARISON_ERROR, message));
        }
        let scopes = place.scopes(&catalog);
        let scope = |kind: &belay_object::GroupKind| scopes.get(kind).copied();
        let namespace = app.spec.destination.namespace.as_str();
        let (config, server) = (self.config.clone(), place.server.clone());
        let mut targets =
            manifests::targets(objects, namespace, &scope, &|group, kind| config.excludes(group, kind, &server));
        conditions_found.append(&mut targets.conditions);
        for object in &mut targets.objects {
            self.config.tracking.stamp(object, &self.instance, namespace);
        }
        let live = self.live(&place, &targets.objects).await?;
        let of_namespace = self.namespace(&place, namespace).await;
        let pairs = compare::pair(targets.objects, live);
        let manner = self.manner();
        let differences = match differ::differences(&pairs.managed, &self.memory.known, &place.cluster, &manner).await {
            Ok(differences) => differences,
            Err(why) => {
                let message = format!("Failed to compare desired state to live state: {why}");
                conditions_found.push(AppCondition::new(conditions::COMPARISON_ERROR, message));
                failed = Some(why);
                vec![Arc::new([]) as Arc<[_]>; pairs.managed.len()]
            }
        };
        let assess = self.config.assess.clone();
        let health = |object: &Object| Assess::health(&*assess, object);
        let rules = Rules {
            app,
            instance: &self.instance,
            tracking: &self.config.tracking,
            permits: &*self.permits,
            scope: &scope,
            health: &health,
            failed: failed.is_some(),
            namespace_differs: namespace_differs(app),
        };
        let mut comparison = compare::judge(pairs, differences, &rules);
        conditions_found.append(&mut comparison.conditions);
        comparison.conditions = conditions_found;
        comparison.namespace = of_namespace;
        if commits.is_empty() {
            commits = app.status.revisions().into_iter().map(str::to_owned).collect();
        }
        Ok(Compared { comparison: Arc::new(comparison), revisions: commits, source_types: types })
    }

    /// Everything live that bears the Application's tracking, and every live object of a target's key.
    async fn live(&self, place: &Place, targets: &[Object]) -> Result<BTreeMap<ObjectKey, Arc<Object>>, String> {
        let mut live = BTreeMap::new();
        for (key, entry) in place.observed.tracked(&self.instance) {
            if let Some(object) = self.memory.ours.newer(&key, entry.summary.object) {
                live.insert(key, object);
            }
        }
        for made in self.memory.ours.all() {
            let key = made.key();
            if live.contains_key(&key) {
                continue;
            }
            // No watch shows it: it is new, or it is gone again.
            match find(place, key.clone()).await? {
                Some(object) => drop(live.insert(key, Arc::new(object))),
                None => self.memory.ours.deleted(&key),
            }
        }
        let missing: Vec<ObjectKey> = targets.iter().map(Object::key).filter(|key| !live.contains_key(key)).collect();
        // What is there without our tracking is not kept: the server is asked for it.
        let asked =
            missing.into_iter().filter(|key| !place.observed.knows(&key.kind) || place.observed.get(key).is_some());
        let asked: Vec<ObjectKey> = asked.collect();
        let found: Vec<Result<Option<Object>, String>> = stream::iter(asked)
            .map(|key| async move {
                let Ok(resource) = place.cluster.resolve(&key.kind).await else { return Ok(None) };
                let found = place.cluster.find(&resource, &key.namespace, &key.name).await;
                found.map_err(|e| format!("Failed to load live state: {key}: {e}"))
            })
            .buffered(16)
            .collect()
            .await;
        for object in found {
            if let Some(object) = object? {
                live.insert(object.key(), Arc::new(object));
            }
        }
        Ok(live)
    }

    /// The destination's namespace, where operations may have to make it or write on it.
    async fn namespace(&self, place: &Place, name: &str) -> Option<Arc<Object>> {
        let policy = self.draft.app.spec.sync_policy.as_ref()?;
        let operation = self.draft.app.operation.as_ref().and_then(|o| o.sync.as_ref());
        let asked = operation.is_some_and(|s| s.sync_options.iter().any(|o| o == "CreateNamespace=true"));
        if name.is_empty() || !(asked || policy.has_option("CreateNamespace=true")) {
            return None;
        }
        let resource = belay_cluster::Resource::known("", "v1", "Namespace", "namespaces", false);
        place.cluster.find(&resource, "", name).await.ok().flatten().map(Arc::new)
    }

    /// How objects are compared.
    pub(crate) fn manner(&self) -> Manner {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let app = &self.draft.app;
        let takeover = takeover(app);
        let mut hasher = DefaultHasher::new();
        format!("{:?}{takeover:?}", app.spec.ignore_differences).hash(&mut hasher);
        Manner { manager: MANAGER.to_owned(), takeover, ignore: self.ignore.clone(), digest: hasher.finish() }
    }

    fn is_window_open(&self, is_manual: bool) -> bool {
        self.window(is_manual, None).is_none()
    }

    /// Why a sync may not run now; `None` where it may.
    fn window(&self, is_manual: bool, started: Option<jiff::Timestamp>) -> Option<String> {
        let app = &self.draft.app;
        let target = belay_access::windows::Target {
            application: &app.name,
            namespace: &app.spec.destination.namespace,
            server: &app.spec.destination.server,
            cluster: &app.spec.destination.name,
        };
        let windows = self.project.windows();
        let decision = belay_access::windows::allows(windows, &target, jiff::Timestamp::now(), is_manual, started);
        (!decision.allowed).then(|| decision.reason.to_string())
    }

    /// What is told of an operation that a sync window stops; `None` where none does.
    pub(crate) fn blocked_by_window(&self, state: &crate::spec::OperationState) -> Option<String> {
        let is_manual = !state.operation.initiated_by.automated;
        let started = state.started_at.parse().ok();
        self.window(is_manual, started)?;
        // Compat(argo-cd 3.5)
        Some("Sync operation blocked by sync window".to_owned())
    }
}

/// A live object, asked of the server; `None` where it is not there, or its kind is not known.
async fn find(place: &Place, key: ObjectKey) -> Result<Option<Object>, String> {
    let Ok(resource) = place.cluster.resolve(&key.kind).await else { return Ok(None) };
    let found = place.cluster.find(&resource, &key.namespace, &key.name).await;
    found.map_err(|e| format!("Failed to load live state: {key}: {e}"))
}

/// Whose fields become ours when an Application is applied.
pub(crate) fn takeover(app: &Application) -> Takeover {
    let empty = Vec::new();
    let options = app.spec.sync_policy.as_ref().map_or(&empty, |p| &p.sync_options);
    let own = Manager { name: MANAGER.to_owned(), exact: true, by_apply: false };
    if option_value(options, "ClientSideApplyMigration") == Some("false") {
        return Takeover { managers: vec![own], ..Takeover::default() };
    }
    let other = app.annotations.get(MIGRATION_MANAGER).map_or(CLIENT_SIDE, String::as_str);
    let other = Manager { name: other.to_owned(), exact: true, by_apply: false };
    Takeover { annotations: vec![LAST_APPLIED.to_owned()], labels: Vec::new(), managers: vec![own, other] }
}

/// The project of an Application, or the condition about it.
pub(crate) fn project(world: &World, app: &Application) -> Result<Arc<Project>, AppCondition> {
    let name = app.spec.project();
    let unknown = |message: String| AppCondition::new(conditions::INVALID_SPEC_ERROR, message);
    let Some(object) = world.projects.object(&world.settings.namespace, name) else {
        // Compat(argo-cd 3.5)
        return Err(unknown(format!("Application referencing project {name} which does not exist")));
    };
    let project = Project::read(&object).map_err(|e| unknown(e.to_string()))?;
    if !project.permits_namespace(&app.namespace, &world.settings.namespace) {
        let message = format!(
            "application '{}' in namespace '{}' is not permitted to use project '{name}'",
            app.name, app.namespace
        );
        return Err(unknown(message));
    }
    Ok(Arc::new(project))
}

/// What is wrong with where an Application comes from and goes to.
fn permissions(world: &World, app: &Application, project: &Project) -> Vec<AppCondition> {
    let mut found = validate::sources(&app.spec, &|source| project.permits_source(&source.repo_url));
    let destination = &app.spec.destination;
    match world.destinations.server(&world.config(), destination) {
        Err(why) => found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, why)),
        Ok(server) => {
            if !project.permits_destination(&server, &destination.name, &destination.namespace) {
                // Compat(argo-cd 3.5)
                let message = format!(
                    "application destination server '{server}' and namespace '{}' do not match any of the allowed destinations in project '{}'",
                    destination.namespace,
                    app.spec.project()
                );
                found.push(AppCondition::new(conditions::INVALID_SPEC_ERROR, message));
            }
        }
    }
    found
}

/// Whether the metadata of the namespace is not what was written with the last sync.
fn namespace_differs(app: &Application) -> bool {
    let wanted = app.spec.sync_policy.as_ref().and_then(|p| p.managed_namespace_metadata.as_ref());
    let result = app.status.operation_state.as_ref().and_then(|s| s.sync_result.as_ref());
    result.is_some_and(|result| result.managed_namespace_metadata.as_ref() != wanted)
}

/// The images of everything that is live.
fn images(comparison: &Comparison) -> Vec<String> {
    let live = comparison.resources.iter().filter_map(|j| j.pair.live.as_deref());
    let all: std::collections::BTreeSet<String> = live.flat_map(belay_plan::sync::task::images).collect();
    all.into_iter().collect()
}
