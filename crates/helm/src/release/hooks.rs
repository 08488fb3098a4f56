//! The hooks of an event as a machine that can be stopped at any step and goes on from the record.
//!
//! The executor asks [`HookRun::next`], does what it says, writes the record where it says so, and
//! asks again. *Invariant* (INV-ACT-14): that a hook is about to run is in the record before its
//! object is made, and that it succeeded before the next one begins; so a process that dies between
//! any two steps neither leaves one out nor runs one twice. What is done but not recorded
//! (deleting) is done again and finds nothing.

use crate::manifest::{Hook, HookEvent};

/// The hooks of one event, in their order.
#[derive(Clone, Debug)]
pub struct HookRun {
    event: HookEvent,
    /// Places in the record's list of hooks.
    order: Vec<usize>,
    /// When the operation was begun, RFC 3339 in UTC: what ran before it was another run.
    since: String,
    /// Hooks whose old object is known to be gone.
    cleared: Vec<usize>,
    /// Deletions of the end that are done.
    cleaned: usize,
}

/// What is to be done next. Numbers are places in the record's list of hooks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookStep {
    /// Delete the object of an earlier run and wait until it is gone; then [`HookRun::cleared`].
    DeleteOld(usize),
    /// Record that it runs ([`start`]), store the record, and only then make its object.
    Start(usize),
    /// Its object was being made: make it if it is not there (one that is older than the start is
    /// from another run: delete it first), wait until it is done, record what came of it
    /// ([`succeed`], [`fail`]), and store the record.
    Await(usize),
    /// Delete the object of a hook that is done, as its policy says; then [`HookRun::cleaned`].
    CleanUp(usize),
    /// All is done: whether every hook succeeded. If not, the one that failed.
    Done(Result<(), usize>),
}

impl HookRun {
    /// The run of an event of an operation that began at `since`.
    pub fn new(hooks: &[Hook], event: HookEvent, since: &str) -> HookRun {
        let mut order: Vec<usize> = (0..hooks.len()).filter(|i| hooks[*i].events.contains(&event)).collect();
        order.sort_by(|a, b| {
            let (a, b) = (&hooks[*a], &hooks[*b]);
            (a.weight, &a.name).cmp(&(b.weight, &b.name))
        });
        HookRun { event, order, since: since.to_owned(), cleared: Vec::new(), cleaned: 0 }
    }

    /// Only hooks for which `keep` holds: `--filter name=` of tests.
    pub fn filtered(mut self, hooks: &[Hook], keep: impl Fn(&Hook) -> bool) -> HookRun {
        self.order.retain(|i| keep(&hooks[*i]));
        self
    }

    /// What is to be done next, given the record as it is stored.
    pub fn next(&self, hooks: &[Hook]) -> HookStep {
        for (done, i) in self.order.iter().copied().enumerate() {
            let hook = &hooks[i];
            match self.phase(hook) {
                "Succeeded" => {}
                "Failed" => {
                    let own = Some(i).filter(|_| self.is_deleted(hook, "hook-failed"));
                    let earlier = self.order[..done].iter().copied();
                    let earlier = earlier.filter(|i| self.is_deleted(&hooks[*i], "hook-succeeded"));
                    return self.clean_up(own.into_iter().chain(earlier), Err(i));
                }
                "Running" => return HookStep::Await(i),
                _ if self.is_deleted(hook, "before-hook-creation") && !self.cleared.contains(&i) => {
                    return HookStep::DeleteOld(i);
                }
                _ => return HookStep::Start(i),
            }
        }
        let to_delete = self.order.iter().rev().copied().filter(|i| self.is_deleted(&hooks[*i], "hook-succeeded"));
        self.clean_up(to_delete, Ok(()))
    }

    /// Says that the old object of a hook is gone.
    pub fn cleared(&mut self, hook: usize) {
        self.cleared.push(hook);
    }

    /// Says that what [`HookStep::CleanUp`] asked for is done.
    pub fn cleaned(&mut self) {
        self.cleaned += 1;
    }

    fn clean_up(&self, mut hooks: impl Iterator<Item = usize>, result: Result<(), usize>) -> HookStep {
        hooks.nth(self.cleaned).map_or(HookStep::Done(result), HookStep::CleanUp)
    }

    /// CRDs that are hooks are never deleted.
    fn is_deleted(&self, hook: &Hook, policy: &str) -> bool {
        hook.kind != "CustomResourceDefinition" && hook.has_delete_policy(policy)
    }

    /// The phase of a hook in this run; empty where its last run was another.
    fn phase<'a>(&self, hook: &'a Hook) -> &'a str {
        let run = &hook.last_run;
        let is_this_event = run.event.is_none_or(|event| event == self.event);
        let is_this_run = run.started_at.as_deref().is_some_and(|started| is_not_before(started, &self.since));
        // A record of Helm's own names no event: if the hook has others too, it cannot be told
        // which one ran, and it runs for this one.
        let is_known = run.event.is_some() || hook.events.len() == 1;
        if is_this_event && is_this_run && is_known { &run.phase } else { "" }
    }
}

/// Whether a time is not before another, whatever their zones and fractions.
fn is_not_before(time: &str, other: &str) -> bool {
    match (time.parse::<jiff::Timestamp>(), other.parse::<jiff::Timestamp>()) {
        (Ok(time), Ok(other)) => time >= other,
        _ => false,
    }
}

/// Records that a hook is about to run.
pub fn start(hook: &mut Hook, event: HookEvent, now: &str) {
    if hook.delete_policies.is_empty() {
        hook.delete_policies = vec!["before-hook-creation".into()];
    }
    hook.last_run.started_at = Some(now.to_owned());
    hook.last_run.completed_at = None;
    hook.last_run.phase = "Running".into();
    hook.last_run.event = Some(event);
}

/// Records that a hook succeeded.
pub fn succeed(hook: &mut Hook, now: &str) {
    hook.last_run.completed_at = Some(now.to_owned());
    hook.last_run.phase = "Succeeded".into();
}

/// Records that a hook failed.
pub fn fail(hook: &mut Hook, now: &str) {
    hook.last_run.completed_at = Some(now.to_owned());
    hook.last_run.phase = "Failed".into();
}

/// Whether the logs of a hook that ended are told.
pub fn tells_logs(hook: &Hook) -> bool {
    let wanted = if hook.last_run.phase == "Succeeded" { "hook-succeeded" } else { "hook-failed" };
    hook.output_log_policies.iter().any(|policy| policy == wanted)
}
