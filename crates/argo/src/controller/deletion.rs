//! An Application that goes: its hooks run, its objects go by waves, then its finalizers.
//!
//! *Invariants*: without the finalizer its objects stay; what goes bears the Application's own tracking, was
//! looked at just before and is named by its uid; definitions, the Application itself, what the project does
//! not permit and what says so stay. Level-triggered: each turn goes by what is still there.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Propagation;
use belay_controller::{EventKind, Next};
use belay_engine::sync::{Advanced, Site, advance};
use belay_object::{Object, ObjectKey};
use belay_plan::sync::{self as plan, Flags, HookPolicy, Sync, SyncPhase, Task};

use super::application::Turn;
use super::around::Journal;
use super::desired::Wish;
use super::destinations::{Absent, Place};
use super::draft::Draft;
use super::permission::{Permits, project};
use super::refresh::Level;
use super::world::{Name, World};
use crate::ignore::IgnoreRules;
use crate::live::is_application;
use crate::marks;
use crate::spec::{AppCondition, Application, conditions, option_value};

/// Its objects go with it, dependents first.
pub const CASCADE: &str = crate::names::RESOURCES_FINALIZER;
/// The same in other words.
pub const CASCADE_FOREGROUND: &str = "resources-finalizer.argocd.argoproj.io/foreground";
/// Its objects go with it, dependents after them.
pub const CASCADE_BACKGROUND: &str = "resources-finalizer.argocd.argoproj.io/background";
/// Hooks run before its objects go.
pub const PRE_DELETE: &str = "pre-delete-finalizer.argocd.argoproj.io";
/// What those hooks made goes.
pub const PRE_DELETE_CLEANUP: &str = "pre-delete-finalizer.argocd.argoproj.io/cleanup";
/// Hooks run after its objects are gone.
pub const POST_DELETE: &str = "post-delete-finalizer.argocd.argoproj.io";
/// What those hooks made goes.
pub const POST_DELETE_CLEANUP: &str = "post-delete-finalizer.argocd.argoproj.io/cleanup";

const CASCADES: [&str; 3] = [CASCADE, CASCADE_FOREGROUND, CASCADE_BACKGROUND];
const ALL: [&str; 7] =
    [CASCADE, CASCADE_FOREGROUND, CASCADE_BACKGROUND, PRE_DELETE, PRE_DELETE_CLEANUP, POST_DELETE, POST_DELETE_CLEANUP];
/// When what is still there is looked at again though nothing changed.
const AGAIN: Duration = Duration::from_secs(10);

/// Takes a step of the deletion of an Application.
pub(crate) async fn finalize(
    world: &World,
    name: &Name,
    object: Arc<Object>,
    app: Application,
) -> belay_cluster::Result<Next> {
    if !ALL.iter().any(|f| app.has_finalizer(f)) {
        return Ok(Next::Done);
    }
    let draft = Draft::new(object, app);
    let app = &draft.app;
    let project = match project(world, app) {
        Ok(project) => project,
        Err(condition) => return told(world, draft, condition.message).await,
    };
    let config = world.config();
    let destination = &app.spec.destination;
    if config.clusters.is_nowhere(&destination.server, &destination.name) {
        // Compat(argo-cd 3.5): what cannot be reached because it is nowhere holds nothing up.
        let message = "its cluster is not known any more: what was synced there is left".to_owned();
        world.tell(draft.object(), EventKind::Warning, "ResourceKept", message);
        let mut draft = draft;
        for finalizer in ALL {
            draft.set_finalizer(finalizer, false);
        }
        draft.commit(world).await?;
        return Ok(Next::Done);
    }
    let place = match world.destinations.whole(&config, app).await {
        Ok(place) => place,
        Err(Absent::Loading | Absent::Busy) => return Ok(Next::After(AGAIN)),
        Err(Absent::Unread(why) | Absent::Trouble(why)) => return told(world, draft, why).await,
    };
    let turn = Turn {
        world,
        name: name.clone(),
        instance: app.instance_name(&world.settings.namespace),
        memory: world.memory(name),
        ignore: IgnoreRules::default(),
        permits: Permits::new(&config, &project, &app.spec.destination),
        config,
        project,
        draft,
    };
    let mut going = Going { turn, place };
    match going.step().await {
        Ok(next) => Ok(next),
        Err(Trouble::Write(e)) => Err(e),
        Err(Trouble::Told(why)) => told(world, going.turn.draft, why).await,
    }
}

/// Says on the Application why it does not go.
async fn told(world: &World, mut draft: Draft, why: String) -> belay_cluster::Result<Next> {
    let condition = AppCondition::new(conditions::DELETION_ERROR, why);
    draft.set_conditions(&[conditions::DELETION_ERROR], vec![condition]);
    draft.commit(world).await?;
    Ok(Next::After(AGAIN))
}

enum Trouble {
    Write(belay_cluster::Error),
    Told(String),
}

impl From<belay_cluster::Error> for Trouble {
    fn from(e: belay_cluster::Error) -> Trouble {
        Trouble::Write(e)
    }
}

struct Going<'a> {
    turn: Turn<'a>,
    place: Arc<Place>,
}

impl Going<'_> {
    async fn step(&mut self) -> Result<Next, Trouble> {
        if self.has(PRE_DELETE) {
            if let Some(next) = self.run_hooks(true).await? {
                return Ok(next);
            }
            self.drop_finalizers(&[PRE_DELETE]).await?;
        }
        if CASCADES.iter().any(|f| self.has(f)) {
            if let Some(next) = self.delete_objects().await? {
                return Ok(next);
            }
            self.drop_finalizers(&CASCADES).await?;
        }
        if self.has(POST_DELETE) {
            if let Some(next) = self.run_hooks(false).await? {
                return Ok(next);
            }
            self.drop_finalizers(&[POST_DELETE]).await?;
        }
        if self.has(PRE_DELETE_CLEANUP) || self.has(POST_DELETE_CLEANUP) {
            if let Some(next) = self.delete_hooks().await? {
                return Ok(next);
            }
            self.drop_finalizers(&[PRE_DELETE_CLEANUP, POST_DELETE_CLEANUP]).await?;
        }
        Ok(Next::Done)
    }

    fn has(&self, finalizer: &str) -> bool {
        self.turn.draft.app.has_finalizer(finalizer)
    }

    async fn drop_finalizers(&mut self, finalizers: &[&str]) -> Result<(), Trouble> {
        for finalizer in finalizers {
            self.turn.draft.set_finalizer(finalizer, false);
        }
        self.turn.draft.set_conditions(&[conditions::DELETION_ERROR], Vec::new());
        self.turn.draft.commit(self.turn.world).await?;
        Ok(())
    }

    /// Runs the hooks of the deletion; nothing when they have ended well.
    async fn run_hooks(&mut self, before: bool) -> Result<Option<Next>, Trouble> {
        let app = &self.turn.draft.app;
        let (sources, revisions) = (app.spec.sources(), app.status.revisions());
        let revisions: Vec<String> = revisions.into_iter().map(str::to_owned).collect();
        let compared = match self.turn.compare(&Wish::of(&sources, &revisions), Level::Recent).await {
            Ok(compared) => compared,
            Err(Absent::Loading | Absent::Busy) => return Ok(Some(Next::After(AGAIN))),
            Err(Absent::Unread(why) | Absent::Trouble(why)) => return Err(Trouble::Told(why)),
        };
        let wrong = compared.comparison.conditions.iter().find(|c| c.kind == conditions::COMPARISON_ERROR);
        if let Some(wrong) = wrong {
            return Err(Trouble::Told(wrong.message.clone()));
        }
        let hooks = if before { &compared.comparison.pre_delete } else { &compared.comparison.post_delete };
        let mut tasks = Vec::new();
        for hook in hooks {
            let mut target = (**hook).clone();
            if target.name().is_empty() {
                // One deletion, one object: its name goes by the Application's uid.
                let prefix = target.str_at(&["metadata", "generateName"]).unwrap_or_default().to_owned();
                target.set(&["metadata", "name"], format!("{prefix}{}", app.uid.get(..8).unwrap_or("0")));
                target.remove(&["metadata", "generateName"]);
            }
            let live = self.find(&target.key()).await?;
            let mut task = Task::new(SyncPhase::PreSync, marks::wave(hook), Some(Arc::new(target)), live);
            // One that failed goes, so that it is tried again. One that went well stays until all is over: were it
            // gone before its finalizer is, a crash in between would run it twice (ACT-14).
            task.hook = Some(HookPolicy { succeeded: false, failed: true, ..marks::hook_policy(hook) });
            tasks.push(task);
        }
        self.carry_out(tasks).await
    }

    async fn find(&self, key: &ObjectKey) -> Result<Option<Arc<Object>>, Trouble> {
        let Ok(resource) = self.place.cluster.resolve(&key.kind).await else { return Ok(None) };
        let found = self.place.cluster.find(&resource, &key.namespace, &key.name).await;
        found.map(|o| o.map(Arc::new)).map_err(|e| Trouble::Told(format!("{key}: {e}")))
    }

    /// Deletes what is the Application's, wave by wave; nothing when it is gone.
    async fn delete_objects(&mut self) -> Result<Option<Next>, Trouble> {
        let app = &self.turn.draft.app;
        let options = app.spec.sync_policy.as_ref().map_or(&[][..], |p| &p.sync_options);
        let (mut tasks, mut kept) = (Vec::new(), Vec::new());
        for live in self.own().await? {
            if !self.goes(&live) {
                continue;
            }
            if !self.turn.permits.live(&live) {
                kept.push(live.key());
                continue;
            }
            let mut task = Task::new(SyncPhase::Sync, marks::wave(&live), None, Some(live.clone()));
            let prune = marks::may_delete(&live, option_value(options, "Delete"));
            task.flags = Flags { prune, ..Flags::default() };
            if prune != plan::Consent::Refused {
                tasks.push(task);
            }
        }
        let project = app.spec.project().to_owned();
        let next = self.carry_out(tasks).await?;
        for key in kept.iter().filter(|_| next.is_none()) {
            let message = format!("{key} is left in the cluster: project {project} does not permit it");
            self.turn.world.tell(self.turn.draft.object(), EventKind::Warning, "ResourceKept", message);
        }
        Ok(next)
    }

    /// Everything live that bears the Application's tracking: what watches show, and what was made just now.
    async fn own(&self) -> Result<Vec<Arc<Object>>, Trouble> {
        let tracked = self.place.observed.tracked(&self.turn.instance).into_iter();
        let mut own: Vec<Arc<Object>> = tracked.filter_map(|(_, entry)| entry.summary.object).collect();
        for made in self.turn.memory.ours.all() {
            let key = made.key();
            if own.iter().any(|known| known.key() == key) {
                continue;
            }
            match self.find(&key).await? {
                Some(found) => own.push(found),
                None => self.turn.memory.ours.deleted(&key),
            }
        }
        Ok(own)
    }

    fn goes(&self, live: &Object) -> bool {
        let kind = live.group_kind();
        let app = &self.turn.draft.app;
        let is_itself = is_application(&kind) && live.name() == app.name && live.namespace() == app.namespace;
        let is_root = live.at(&["metadata", "ownerReferences"]).is_none_or(|refs| refs.items().is_empty());
        let of_deletion = [crate::spec::HookType::PreDelete, crate::spec::HookType::PostDelete];
        let is_late = of_deletion.iter().any(|hook| marks::runs_at(live, *hook));
        is_root && !is_itself && !is_late && !belay_plan::is_custom_resource_definition(live)
    }

    /// Deletes what the hooks of the deletion made; nothing when it is gone.
    async fn delete_hooks(&mut self) -> Result<Option<Next>, Trouble> {
        let mut tasks = Vec::new();
        for (_, entry) in self.place.observed.tracked(&self.turn.instance) {
            let is_one = |live: &Arc<Object>| marks::is_hook(live) && self.turn.permits.live(live);
            let Some(live) = entry.summary.object.filter(is_one) else { continue };
            tasks.push(Task::new(SyncPhase::Sync, 0, None, Some(live)));
        }
        self.carry_out(tasks).await
    }

    /// Says what stays though the Application goes, and why: nobody lists it any more.
    fn tell_kept(&self, tasks: &[Task]) {
        for task in tasks.iter().filter(|t| t.outcome == Some(plan::Outcome::PruneSkipped)) {
            let message = format!("{} is left in the cluster: {}", task.key(), task.message);
            self.turn.world.tell(self.turn.draft.object(), EventKind::Warning, "ResourceKept", message);
        }
    }

    async fn carry_out(&mut self, tasks: Vec<Task>) -> Result<Option<Next>, Trouble> {
        if tasks.is_empty() {
            return Ok(None);
        }
        let deleted_at = self.turn.draft.app.deletion_timestamp.clone().unwrap_or_default();
        let confirmed = self.turn.is_confirmed(&deleted_at);
        let settings = plan::Settings { prune: true, confirmed, ..plan::Settings::default() };
        let background = self.has(CASCADE_BACKGROUND);
        let acting = self.turn.acting(&self.place).map_err(Trouble::Told)?;
        let site = Site {
            propagation: if background { Propagation::Background } else { Propagation::Foreground },
            ..self.turn.site(&self.place, acting, &deleted_at)
        };
        let mut machine = Sync::new(tasks, &[], settings);
        let around = self.turn.around(&self.place, Journal::Finalizer);
        match advance(&mut machine, &site, &around).await {
            // Between the waves of a deletion there is no pause.
            Advanced::Pausing { .. } => Ok(Some(Next::After(AGAIN))),
            Advanced::Waiting { again, .. } => Ok(Some(Next::After(again.unwrap_or(AGAIN)))),
            Advanced::Ended { phase: plan::OperationPhase::Succeeded, .. } => {
                let is_left = |t: &Task| t.outcome == Some(plan::Outcome::Pruned) && t.live.is_some();
                if machine.tasks().iter().any(is_left) {
                    return Ok(Some(Next::After(Duration::from_secs(1))));
                }
                self.tell_kept(machine.tasks());
                Ok(None)
            }
            Advanced::Ended { message, .. } => Err(Trouble::Told(message)),
        }
    }
}
