//! The hooks of one event: made one after the other, each once.

use std::time::Duration;

use belay_cluster::Propagation;
use belay_health::{Health, Status};
use belay_helm::manifest::{Hook, HookEvent};
use belay_helm::release::change;
use belay_helm::release::hooks::{self, HookRun, HookStep};
use belay_object::{Object, ObjectKey};

use super::objects::{self, Item, Manner};
use super::operation::{Operation, tests};
use super::watches::Releases;
use super::{Fault, Site, now};

/// How the hooks of an event ended.
pub(super) enum HookEnd {
    Waiting(Duration),
    Succeeded,
    Failed(String),
}

/// How one hook stands.
enum State {
    Running(Health, ObjectKey),
    Succeeded,
    Failed(String),
}

/// The longest time between two looks at what a watch should tell of.
const LOOK: Duration = Duration::from_secs(30);

impl Releases {
    pub(super) async fn run_hooks(
        &self,
        operation: &mut Operation,
        site: &Site,
        event: HookEvent,
    ) -> Result<HookEnd, Fault> {
        loop {
            // *Invariant*: what a hook is about to do is stored before it does it.
            if operation.is_dirty {
                operation.save(site).await?;
            }
            operation.hook_run(event);
            let step = operation.next_hook();
            match step {
                HookStep::DeleteOld(i) => {
                    if !self.delete_hook(operation, site, i).await? {
                        return self.waiting(operation, i, "its object of before to be gone");
                    }
                    operation.hook_run(event).cleared(i);
                }
                HookStep::Start(i) => {
                    hooks::start(&mut operation.record.hooks[i], event, &now());
                    operation.is_dirty = true;
                }
                HookStep::Await(i) => {
                    let left = hook_left(&operation.record.hooks[i], operation.rules.timeout);
                    match self.hook_state(operation, site, i, event).await? {
                        State::Running(_, _) if !left.is_zero() => return Ok(HookEnd::Waiting(left.min(LOOK))),
                        State::Running(health, key) => {
                            let entry = belay_health::wait_entry(&key, &health);
                            operation.end_hook(i, Err(format!("timeout waiting for: [{entry}]")));
                        }
                        State::Succeeded => operation.end_hook(i, Ok(())),
                        State::Failed(why) => operation.end_hook(i, Err(why)),
                    }
                }
                HookStep::CleanUp(i) => {
                    if !self.delete_hook(operation, site, i).await? {
                        return self.waiting(operation, i, "its object to be gone");
                    }
                    operation.hook_run(event).cleaned();
                }
                HookStep::Done(Ok(())) => return Ok(HookEnd::Succeeded),
                HookStep::Done(Err(i)) => {
                    let hook = &operation.record.hooks[i];
                    let why = || format!("Hook {} {} failed", event.name(), hook.path);
                    return Ok(HookEnd::Failed(operation.hook_error.clone().unwrap_or_else(why)));
                }
            }
        }
    }

    fn waiting(&self, operation: &Operation, i: usize, what: &str) -> Result<HookEnd, Fault> {
        let left = operation.left();
        if left.is_zero() {
            let hook = &operation.record.hooks[i];
            return Ok(HookEnd::Failed(format!("hook {} waited in vain for {what}", hook.path)));
        }
        Ok(HookEnd::Waiting(left.min(LOOK)))
    }

    /// Deletes what a hook made; gives whether it is gone.
    async fn delete_hook(&self, operation: &Operation, site: &Site, i: usize) -> Result<bool, Fault> {
        let mut is_gone = true;
        for item in hook_items(operation, site, i).await? {
            let Some(live) = item.find(site).await? else { continue };
            self.look_at(&operation.owner, &site.target, &live.key()).await;
            objects::delete(site, &item.resource, &live, Propagation::Background).await?;
            is_gone &= item.find(site).await?.is_none_or(|again| again.uid() != live.uid());
        }
        Ok(is_gone)
    }

    /// Makes what a hook is made of, if it is not there, and looks how it stands.
    async fn hook_state(
        &self,
        operation: &mut Operation,
        site: &Site,
        i: usize,
        event: HookEvent,
    ) -> Result<State, Fault> {
        let path = operation.record.hooks[i].path.clone();
        let failed = |fault: Fault| match fault.is_transient {
            true => Err(fault),
            false => Ok(State::Failed(format!("warning: Hook {} {path} failed: {fault}", event.name()))),
        };
        let items = match hook_items(operation, site, i).await {
            Ok(items) => items,
            Err(fault) => return failed(fault),
        };
        let rules = operation.rules.clone();
        let manner = Manner { method: operation.method(), migrates: false, tells_created: false, rules: &rules };
        for item in items {
            // Watched first: what happens after the look wakes us.
            if has_an_end(&item.object) {
                self.look_at(&operation.owner, &site.target, &item.object.key()).await;
            }
            // On its way out it is somebody's deletion of a run that is not over: made anew once gone.
            let live = match item.find(site).await? {
                Some(live) if live.is_deleting() => {
                    return Ok(State::Running(Health::new(Status::Terminating, ""), item.object.key()));
                }
                Some(live) => live,
                None => match item.apply(site, None, manner).await {
                    Ok(done) => done.live,
                    Err(fault) => return failed(fault),
                },
            };
            match state(&live) {
                State::Succeeded => {}
                other => return Ok(other),
            }
        }
        Ok(State::Succeeded)
    }
}

impl Operation {
    fn hook_run(&mut self, event: HookEvent) -> &mut HookRun {
        if self.run.as_ref().is_none_or(|(of, _)| *of != event) {
            let run = HookRun::new(&self.record.hooks, event, self.since());
            let is_run = tests(&self.rules);
            let run = match event {
                HookEvent::Test => run.filtered(&self.record.hooks, |hook| is_run(&hook.name)),
                _ => run,
            };
            self.run = Some((event, run));
        }
        let (_, run) = self.run.as_mut().expect("it was made above");
        run
    }

    fn next_hook(&self) -> HookStep {
        self.run.as_ref().map_or(HookStep::Done(Ok(())), |(_, run)| run.next(&self.record.hooks))
    }

    fn end_hook(&mut self, i: usize, result: Result<(), String>) {
        let hook = &mut self.record.hooks[i];
        match result {
            Ok(()) => hooks::succeed(hook, &now()),
            Err(why) => {
                hooks::fail(hook, &now());
                self.hook_error = Some(why);
            }
        }
        self.is_dirty = true;
    }
}

async fn hook_items(operation: &Operation, site: &Site, i: usize) -> Result<Vec<Item>, Fault> {
    let objects = change::objects(&operation.record.hooks[i].manifest)?;
    objects::resolve(site, objects, &operation.record.namespace).await
}

/// What is left of a hook's time: counted from its start, also if the process is another.
fn hook_left(hook: &Hook, timeout: Duration) -> Duration {
    let started = hook.last_run.started_at.as_deref().and_then(|t| t.parse::<jiff::Timestamp>().ok());
    let ran = started.map(|t| jiff::Timestamp::now().duration_since(t)).and_then(|d| Duration::try_from(d).ok());
    timeout.saturating_sub(ran.unwrap_or_default())
}

/// Whether there is an end to be waited for: of other kinds Helm waits for nothing.
fn has_an_end(object: &Object) -> bool {
    matches!((object.group_version_kind().group.as_str(), object.kind()), ("batch", "Job") | ("", "Pod"))
}

fn state(live: &Object) -> State {
    if !has_an_end(live) {
        return State::Succeeded;
    }
    let health = belay_health::check(live, jiff::Timestamp::now());
    let failed = |health: Health| {
        let entry = belay_health::wait_entry(&live.key(), &health);
        State::Failed(format!("failed early due to stalled resources: [{entry}]"))
    };
    if live.kind() == "Pod" {
        // A Pod that runs on is healthy; a hook's has to end.
        return match live.str_at(&["status", "phase"]) {
            Some("Succeeded") => State::Succeeded,
            Some("Failed") => failed(Health::new(Status::Failed, "")),
            _ => State::Running(Health::new(Status::InProgress, ""), live.key()),
        };
    }
    match health.status {
        Status::Current => State::Succeeded,
        Status::Failed => failed(health),
        _ => State::Running(health, live.key()),
    }
}
