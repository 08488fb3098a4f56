//! One operation on one release, from its record's first word to its last.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::ErrorKind;
use belay_helm::manifest::HookEvent;
use belay_helm::release::hooks::HookRun;
use belay_helm::release::{ApplyMethod, Release, Status, change, history, ownership};
use belay_object::{Object, ObjectKey, object};
use tokio::time::Instant;

use super::hooks::HookEnd;
use super::objects::{self, Item, Manner};
use super::watches::Releases;
use super::{Fault, Rules, Site, Store, now};

/// What is done to a release.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Made where there was none.
    Install,
    /// Brought to a new revision.
    Upgrade,
    /// Brought to an earlier revision, as a new one.
    Rollback,
    /// Taken away.
    Uninstall,
    /// Its tests run.
    Test,
}

/// How far an operation has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Advance {
    /// It waits; a watch wakes the release, at the latest this time is up.
    Waiting {
        /// Until it must be looked at again.
        left: Duration,
    },
    /// It is over; an error is why it failed, and the record says so.
    Done(Result<(), String>),
}

/// What an operation is at.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Phase {
    Before,
    Apply,
    Wait,
    After,
    Finish,
    /// What failed is about to be written down.
    Fail(String),
    Over(Result<(), String>),
}

/// One operation.
pub struct Operation {
    /// The release, in the dialect's words: the resource that it is of.
    pub owner: ObjectKey,
    /// What is done.
    pub action: Action,
    /// The record, as it is stored.
    pub record: Release,
    /// The revision whose objects are in the cluster.
    pub base: Option<Release>,
    /// All other revisions.
    pub history: Vec<Release>,
    /// Records that were written, the newest state of each: what a dialect tells of.
    pub written: Vec<Release>,
    pub(super) rules: Rules,
    pub(super) phase: Phase,
    pub(super) phase_since: Instant,
    /// Whether the record says more than what is stored.
    pub(super) is_dirty: bool,
    pub(super) run: Option<(HookEvent, HookRun)>,
    pub(super) hook_error: Option<String>,
    /// What is waited for.
    pub(super) awaited: Vec<ObjectKey>,
    /// What was made and was not there before.
    pub(super) created: Vec<(Arc<belay_cluster::Resource>, Object)>,
    /// Objects on their way out.
    pub(super) leaving: Vec<(Item, String)>,
}

impl Operation {
    fn new(owner: &ObjectKey, action: Action, record: Release, history: &[Release], rules: Rules) -> Operation {
        let others: Vec<Release> = history.iter().filter(|r| r.version != record.version).cloned().collect();
        let base = match action {
            Action::Install | Action::Uninstall | Action::Test => None,
            // What a failed upgrade left is what a rollback starts from.
            Action::Rollback => history::last(&others).cloned(),
            Action::Upgrade => history::deployed(&others).or_else(|| history::last(&others)).cloned(),
        };
        Operation {
            owner: owner.clone(),
            action,
            record,
            base,
            history: others,
            written: Vec::new(),
            rules,
            phase: Phase::Before,
            phase_since: Instant::now(),
            is_dirty: false,
            run: None,
            hook_error: None,
            awaited: Vec::new(),
            created: Vec::new(),
            leaving: Vec::new(),
        }
    }

    /// Goes on with an operation that a process left: `record` is pending, or being uninstalled.
    pub fn resume(owner: &ObjectKey, action: Action, record: Release, history: &[Release], rules: Rules) -> Operation {
        Operation::new(owner, action, record, history, rules)
    }

    /// Ends a wait for health because something newer came: the revision counts as failed. Hooks are
    /// not cut off; gives whether the operation ends.
    pub fn cancel(&mut self, why: &str) -> bool {
        let may =
            self.phase == Phase::Wait && matches!(self.action, Action::Install | Action::Upgrade | Action::Rollback);
        if may {
            self.enter(Phase::Fail(why.to_owned()));
        }
        may
    }

    /// Whether the hooks or objects of the operation may be in the cluster already.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over(_))
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        self.phase = phase;
        self.phase_since = Instant::now();
        self.run = None;
    }

    pub(super) fn left(&self) -> Duration {
        self.rules.timeout.saturating_sub(self.phase_since.elapsed())
    }

    pub(super) fn method(&self) -> ApplyMethod {
        self.record.apply_method.unwrap_or(ApplyMethod::ClientSide)
    }

    /// When the operation was begun: what ran before is of another.
    pub(super) fn since(&self) -> &str {
        match self.action {
            Action::Uninstall => &self.record.info.deleted,
            _ => &self.record.info.last_deployed,
        }
    }

    fn events(&self) -> (Option<HookEvent>, Option<HookEvent>) {
        match self.action {
            Action::Install => (Some(HookEvent::PreInstall), Some(HookEvent::PostInstall)),
            Action::Upgrade => (Some(HookEvent::PreUpgrade), Some(HookEvent::PostUpgrade)),
            Action::Rollback => (Some(HookEvent::PreRollback), Some(HookEvent::PostRollback)),
            Action::Uninstall => (Some(HookEvent::PreDelete), Some(HookEvent::PostDelete)),
            Action::Test => (Some(HookEvent::Test), None),
        }
    }

    /// Helm's words before the failure of a hook.
    fn hook_failure(&self, is_before: bool, why: &str) -> String {
        match (self.action, is_before) {
            (Action::Install, true) => format!("failed pre-install: {why}"),
            (Action::Install, false) => format!("failed post-install: {why}"),
            (Action::Upgrade, true) => format!("pre-upgrade hooks failed: {why}"),
            (Action::Upgrade, false) => format!("post-upgrade hooks failed: {why}"),
            _ => why.to_owned(),
        }
    }

    /// Notes a record as it was stored.
    pub(super) fn wrote(&mut self, record: &Release) {
        self.written.retain(|r| r.version != record.version);
        self.written.push(record.clone());
    }

    /// Stores the record as it is.
    pub(super) async fn save(&mut self, site: &Site) -> Result<(), Fault> {
        Store::of(site).update(&self.record).await?;
        self.is_dirty = false;
        let record = self.record.clone();
        self.wrote(&record);
        Ok(())
    }
}

impl Releases {
    /// Checks what can be checked before anything is written, then writes the record of a new
    /// revision. An error leaves no record behind.
    pub async fn begin(
        &self,
        site: &Site,
        owner: &ObjectKey,
        action: Action,
        record: Release,
        history: &[Release],
        rules: Rules,
    ) -> Result<Operation, Fault> {
        let (name, namespace) = (record.name.clone(), record.namespace.clone());
        let mut operation = Operation::new(owner, action, record, history, rules);
        if matches!(action, Action::Install | Action::Upgrade) {
            let items = objects::of_manifest(site, &operation.record.manifest, &namespace).await?;
            if !operation.rules.take_ownership {
                let doing = if action == Action::Install { "install" } else { "update" };
                let old = operation.base_objects()?;
                let change = change::change(&name, &namespace, old, items.iter().map(|i| i.object.clone()).collect());
                for (item, before) in items.iter().zip(&change.before) {
                    if before.is_none() {
                        item.check_adoption(site, &name, &namespace, doing).await?;
                    }
                }
            }
        }
        if operation.rules.create_namespace {
            create_namespace(site, &namespace).await?;
        }
        self.reset(owner);
        Store::of(site).create(&operation.record, &operation.history, operation.rules.max_history).await?;
        let record = operation.record.clone();
        operation.wrote(&record);
        Ok(operation)
    }

    /// Brings an operation forward as far as it can be now. An error is for now: nothing was refused,
    /// and the same call goes on from where it was.
    pub async fn advance(&self, operation: &mut Operation, site: &Site) -> Result<Advance, Fault> {
        loop {
            let stepped = self.step(operation, site).await;
            match stepped {
                Ok(None) => {}
                Ok(Some(advance)) => return Ok(advance),
                Err(fault) if fault.is_transient && !operation.left().is_zero() => return Err(fault),
                // Writing down how it ended is tried without end: a record that stays pending is locked.
                Err(fault) if matches!(operation.phase, Phase::Finish | Phase::Fail(_)) => return Err(fault),
                Err(fault) => operation.enter(Phase::Fail(fault.message)),
            }
        }
    }

    async fn step(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        match operation.phase.clone() {
            Phase::Before => {
                self.begin_uninstall(operation, site).await?;
                let (event, _) = operation.events();
                self.hooks(operation, site, event, true).await
            }
            Phase::Apply if operation.action == Action::Test => {
                operation.enter(Phase::Finish);
                Ok(None)
            }
            Phase::Apply if operation.action == Action::Uninstall => self.remove(operation, site).await,
            Phase::Apply => self.apply(operation, site).await,
            Phase::Wait => self.wait(operation, site).await,
            Phase::After => {
                let (_, event) = operation.events();
                self.hooks(operation, site, event, false).await
            }
            Phase::Finish => self.finish(operation, site).await,
            Phase::Fail(why) => self.fail(operation, site, &why).await,
            Phase::Over(result) => {
                self.set_waiting(&operation.owner, &site.target, false);
                Ok(Some(Advance::Done(result)))
            }
        }
    }

    async fn hooks(
        &self,
        operation: &mut Operation,
        site: &Site,
        event: Option<HookEvent>,
        is_before: bool,
    ) -> Result<Option<Advance>, Fault> {
        let next = if is_before { Phase::Apply } else { Phase::Finish };
        let Some(event) = event.filter(|_| operation.rules.hooks) else {
            operation.enter(next);
            return Ok(None);
        };
        match self.run_hooks(operation, site, event).await? {
            HookEnd::Waiting(left) => return Ok(Some(Advance::Waiting { left })),
            HookEnd::Succeeded => operation.enter(next),
            HookEnd::Failed(why) => {
                let why = operation.hook_failure(is_before, &why);
                operation.enter(Phase::Fail(why));
            }
        }
        Ok(None)
    }

    async fn apply(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        let (name, namespace) = (operation.record.name.clone(), operation.record.namespace.clone());
        let new = objects::of_manifest(site, &operation.record.manifest, &namespace).await?;
        let old = operation.base_objects()?;
        let change = change::change(&name, &namespace, old, new.iter().map(|i| i.object.clone()).collect());
        let items: Vec<(Item, Option<Object>)> = change
            .apply
            .into_iter()
            .zip(change.before)
            .zip(&new)
            .map(|((object, before), item)| (Item { resource: item.resource.clone(), object }, before))
            .collect();
        let before = operation.base.as_ref().map(|base| base.apply_method.unwrap_or(ApplyMethod::ClientSide));
        let rules = operation.rules.clone();
        let manner = Manner {
            method: operation.method(),
            migrates: before == Some(ApplyMethod::ClientSide),
            tells_created: rules.cleanup_on_fail,
            rules: &rules,
        };
        let mut done = Vec::new();
        let applied = objects::apply_all(site, &items, manner, &mut done).await;
        let created = done.iter().filter(|one| one.created);
        operation.created.extend(created.map(|one| (one.resource.clone(), one.live.clone())));
        let live: Vec<Object> = done.into_iter().map(|d| d.live).collect();
        self.remember(&operation.owner, &site.target, &site.manager, &live).await;
        applied?;
        self.looked(&operation.owner, operation.record.version);
        operation.awaited = live.iter().filter(|o| !is_paused(o)).map(Object::key).collect();
        for object in objects::resolve_known(site, change.delete, &namespace).await? {
            delete_stale(site, &object, &name, &namespace).await?;
        }
        operation.enter(if operation.rules.wait { Phase::Wait } else { Phase::After });
        Ok(None)
    }

    async fn finish(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        let store = Store::of(site);
        match operation.action {
            Action::Uninstall => return self.finish_uninstall(operation, site).await,
            Action::Test => operation.save(site).await?,
            Action::Install | Action::Upgrade | Action::Rollback => {
                // The old one first: two that are deployed would hide which objects are in the cluster.
                let mut superseded = Vec::new();
                for old in operation.history.iter_mut().filter(|r| r.info.status == Status::Deployed) {
                    old.info.status = Status::Superseded;
                    if let Err(fault) = store.update(old).await {
                        old.info.status = Status::Deployed;
                        return Err(fault);
                    }
                    superseded.push(old.clone());
                }
                superseded.iter().for_each(|old| operation.wrote(old));
                match operation.action {
                    Action::Install => operation.record.set_status(Status::Deployed, "Install complete"),
                    Action::Upgrade => operation.record.set_status(Status::Deployed, "Upgrade complete"),
                    _ => operation.record.info.status = Status::Deployed,
                }
                operation.save(site).await?;
            }
        }
        operation.enter(Phase::Over(Ok(())));
        Ok(None)
    }

    async fn fail(&self, operation: &mut Operation, site: &Site, why: &str) -> Result<Option<Advance>, Fault> {
        let name = &operation.record.name;
        let said = match operation.action {
            Action::Install => Some(format!("Release \"{name}\" failed: {why}")),
            Action::Upgrade => Some(format!("Upgrade \"{name}\" failed: {why}")),
            Action::Rollback => Some(format!("Rollback \"{name}\" failed: {why}")),
            Action::Uninstall | Action::Test => None,
        };
        match said {
            Some(said) => {
                operation.record.set_status(Status::Failed, said);
                operation.save(site).await?;
            }
            // A release that could not be taken away is still being taken away: the next run goes on.
            None => operation.save(site).await?,
        }
        let mut why = why.to_owned();
        if operation.rules.cleanup_on_fail && operation.action != Action::Install {
            while let Some((resource, live)) = operation.created.last().cloned() {
                match objects::delete(site, &resource, &live, belay_cluster::Propagation::Background).await {
                    Ok(()) => {}
                    Err(fault) if fault.is_transient => return Err(fault),
                    Err(fault) => {
                        why = format!(
                            "an error occurred while cleaning up resources. original upgrade error: {why}: unable to cleanup resources: {fault}"
                        );
                    }
                }
                operation.created.pop();
            }
        }
        operation.enter(Phase::Over(Err(why)));
        Ok(None)
    }
}

impl Operation {
    fn base_objects(&self) -> Result<Vec<Object>, Fault> {
        let Some(base) = &self.base else { return Ok(Vec::new()) };
        change::objects(&base.manifest).map_err(|e| {
            Fault::refused(format!("unable to build kubernetes objects from current release manifest: {e}"))
        })
    }
}

/// Deletes an object that left the release, if it is still the release's and nothing says to keep it.
async fn delete_stale(site: &Site, item: &Item, release: &str, namespace: &str) -> Result<(), Fault> {
    let Some(live) = item.find(site).await? else { return Ok(()) };
    // INV-ACT-4: what another release has taken over meanwhile is not ours any more.
    if change::keeps(&live) || ownership::check(&live, release, namespace).is_err() {
        return Ok(());
    }
    objects::delete(site, &item.resource, &live, belay_cluster::Propagation::Background).await
}

async fn create_namespace(site: &Site, name: &str) -> Result<(), Fault> {
    let namespaces = belay_cluster::Resource::known("", "v1", "Namespace", "namespaces", false);
    let mut namespace = Object::of("v1", "Namespace", "", name);
    namespace.set(&["metadata", "labels"], object! { "name" => name });
    let options = belay_cluster::WriteOptions { field_manager: site.manager.clone(), ..Default::default() };
    match site.target.acting.create(&namespaces, &namespace, &options).await {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(Fault::of(&e, "failed to create the namespace")),
        _ => Ok(()),
    }
}

fn is_paused(object: &Object) -> bool {
    object.kind() == "Deployment" && object.at(&["spec", "paused"]).is_some_and(|p| p.as_bool() == Some(true))
}

/// Names of hooks that a set of filters runs.
pub(super) fn tests(rules: &Rules) -> impl Fn(&str) -> bool {
    let excluded: HashSet<String> = rules.tests.iter().filter(|(_, out)| *out).map(|(n, _)| n.clone()).collect();
    let included: HashSet<String> = rules.tests.iter().filter(|(_, out)| !*out).map(|(n, _)| n.clone()).collect();
    move |name| !excluded.contains(name) && (included.is_empty() || included.contains(name))
}

/// A new record's times.
pub fn begun(record: &mut Release, first_deployed: Option<&str>) {
    let now = now();
    record.info.first_deployed = first_deployed.filter(|t| !t.is_empty()).map_or_else(|| now.clone(), str::to_owned);
    record.info.last_deployed = now;
}
