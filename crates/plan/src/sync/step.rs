//! What an operation does next.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use belay_object::{Object, ObjectKey};

use super::task::{Consent, OperationPhase, Outcome, SyncPhase, Task, TaskResult};
use super::waves;

/// What holds for the whole operation.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Check and tell, change nothing.
    pub dry_run: bool,
    /// Whether what left the manifests is deleted.
    pub prune: bool,
    /// Whether somebody has confirmed deletions that want it.
    pub confirmed: bool,
    /// Leave alone what does not differ.
    pub only_differing: bool,
    /// The namespace that others are put into: where it is to be created, that comes before any check.
    pub namespace: String,
}

/// What is done next.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// `namespace` is applied; then each of `tasks` is checked by a dry run.
    Check {
        /// The namespace that all others need.
        namespace: Option<usize>,
        /// What is checked.
        tasks: Vec<usize>,
    },
    /// One wave is carried out.
    Run(Batch),
    /// Something must change first: the sentence says what.
    Wait(String),
    /// The operation has ended.
    End(Ended),
}

/// One wave: each list after the one before it is through.
#[derive(Debug, PartialEq, Default)]
pub struct Batch {
    /// Objects of hooks of an earlier operation: what keeps them from being deleted is taken off.
    pub release: Vec<usize>,
    /// What is pruned. Empty while a deletion is not confirmed.
    pub prune: Vec<usize>,
    /// Objects of hooks of an earlier operation that are deleted before they are made anew.
    pub delete: Vec<usize>,
    /// What is applied, kind after kind.
    pub create: Vec<Vec<usize>>,
    /// A deletion waits to be confirmed: nothing of the wave is done.
    pub unconfirmed: bool,
    /// Whether no wave follows.
    pub is_last: bool,
}

/// How it ended.
#[derive(Debug, PartialEq)]
pub struct Ended {
    /// `Succeeded` or `Failed`.
    pub phase: OperationPhase,
    /// For people.
    pub message: String,
    /// Objects of hooks that are deleted now.
    pub delete_hooks: Vec<usize>,
}

/// What came of a wave or a check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ran {
    /// All of it is done.
    Done,
    /// Something is being deleted and must be gone first.
    Pending,
    /// Something was refused.
    Failed,
}

/// What is seen of the object of a task that has begun.
#[derive(Clone, PartialEq, Debug)]
pub enum Seen {
    /// It is not there.
    Missing,
    /// It is there, and such objects have no health.
    NoHealth,
    /// It is well.
    Healthy(String),
    /// It is not there yet.
    Progressing(String),
    /// It is not well, or nobody can tell.
    Degraded(String),
    /// Nobody can tell.
    Unknown(String),
}

/// One operation.
#[derive(Debug)]
pub struct Sync {
    settings: Settings,
    tasks: Vec<Task>,
    started: bool,
    /// What a wave that has just run came to, until the next question.
    ran: Option<(Vec<usize>, Ran)>,
    check_failed: bool,
}

impl Sync {
    /// An operation over tasks, with what earlier runs recorded.
    pub fn new(mut tasks: Vec<Task>, results: &[TaskResult], settings: Settings) -> Sync {
        waves::arrange(&mut tasks);
        let known: HashMap<(&ObjectKey, SyncPhase), &TaskResult> =
            results.iter().map(|r| ((&r.key, r.phase), r)).collect();
        for task in &mut tasks {
            if let Some(result) = known.get(&(&task.key(), task.phase)) {
                (task.outcome, task.state) = (result.outcome, result.state);
                task.message.clone_from(&result.message);
            }
        }
        Sync { settings, tasks, started: !results.is_empty(), ran: None, check_failed: false }
    }
    /// The tasks in order.
    pub fn tasks(&self) -> &[Task] {
        &self.tasks
    }
    /// What is to be kept: the results of everything that was touched, or is just about to be deleted.
    pub fn results(&self) -> Vec<TaskResult> {
        let touched = |t: &&Task| t.outcome.is_some() || t.state.is_some() || !t.message.is_empty();
        self.tasks.iter().filter(touched).map(Task::result).collect()
    }
    /// Whether anything has been done already.
    pub fn is_started(&self) -> bool {
        self.started
    }
    /// Notes what was done about a task.
    pub fn record(&mut self, i: usize, outcome: Option<Outcome>, state: Option<OperationPhase>, message: &str) {
        let task = &mut self.tasks[i];
        task.outcome = outcome.or(task.outcome);
        task.state = state;
        if !message.is_empty() {
            message.clone_into(&mut task.message);
        }
    }
    /// Notes how an object is now.
    pub fn set_live(&mut self, i: usize, live: Option<Arc<Object>>) {
        self.tasks[i].live = live;
    }
    /// A wave that is to be run, by what is live now.
    pub fn again(&self, batch: &Batch) -> Batch {
        let mut wave: Vec<usize> = batch.prune.iter().chain(batch.create.iter().flatten()).copied().collect();
        wave.sort_unstable();
        self.batch(&wave, batch.is_last)
    }
    /// Notes what came of the tasks that were to be run or checked.
    pub fn ran(&mut self, tasks: Vec<usize>, ran: Ran) {
        if self.started {
            self.ran = Some((tasks, ran));
        } else {
            self.check_failed |= ran == Ran::Failed;
            self.started = true;
        }
    }
    /// Notes what is seen of a task that has begun.
    pub fn observe(&mut self, i: usize, seen: Seen) {
        let task = &mut self.tasks[i];
        if !task.is_running() {
            return;
        }
        let is_hook = task.hook.is_some();
        let (state, message) = match seen {
            Seen::Missing => {
                task.outcome = Some(Outcome::SyncFailed);
                let message = format!("Resource {} is missing, it might have been deleted", task.told());
                (OperationPhase::Error, message)
            }
            Seen::NoHealth if is_hook => (OperationPhase::Succeeded, format!("{} created", task.object().name())),
            Seen::NoHealth => (OperationPhase::Succeeded, String::new()),
            Seen::Healthy(message) => (OperationPhase::Succeeded, message),
            Seen::Progressing(message) if is_hook => (OperationPhase::Running, message),
            Seen::Progressing(_) => return,
            Seen::Degraded(message) => (OperationPhase::Failed, message),
            Seen::Unknown(message) if is_hook => (OperationPhase::Failed, message),
            Seen::Unknown(_) => return,
        };
        task.state = Some(state);
        if !message.is_empty() {
            task.message = message;
        }
    }
    /// The tasks whose objects should be looked at before the next question.
    pub fn watched(&self) -> Vec<usize> {
        let waits = self.has_steps();
        self.find(|t| t.is_running() && (waits || t.hook.is_some()))
    }

    /// Decides what comes next.
    pub fn decide(&mut self) -> Next {
        if !self.started {
            return self.check();
        }
        if self.check_failed {
            return failed("one or more objects failed to apply (dry run)".into(), Vec::new());
        }
        let ran = self.ran.take();
        if let Some(next) = ran.and_then(|(tasks, ran)| self.after(&tasks, ran)) {
            return next;
        }
        let running = self.watched();
        if !running.is_empty() {
            return Next::Wait(self.waiting(&running, false));
        }
        let leaving =
            self.find(|t| t.outcome == Some(Outcome::Pruned) && t.live.as_ref().is_some_and(|live| live.is_deleting()));
        if !leaving.is_empty() {
            return Next::Wait(self.waiting(&leaving, true));
        }
        let unwell = |t: &Task| t.phase != SyncPhase::SyncFail && t.is_completed() && !t.is_successful();
        if self.tasks.iter().any(unwell) {
            let refused = self.find(|t| t.phase != SyncPhase::SyncFail && t.outcome == Some(Outcome::SyncFailed));
            return self.fail(&refused, "one or more synchronization tasks completed unsuccessfully");
        }
        let pending = self.pending();
        let Some(&first) = pending.first() else {
            return self.succeed("successfully synced (no more tasks)");
        };
        let place = |i: usize| (self.tasks[i].phase, self.tasks[i].wave);
        let is_last = pending.last().is_none_or(|&last| place(last) == place(first));
        let wave: Vec<usize> = pending.into_iter().filter(|&i| place(i) == place(first)).collect();
        Next::Run(self.batch(&wave, is_last))
    }
    /// What is said of a prune that is not carried out; `None` where it is.
    pub fn prune_answer(&self, i: usize) -> Option<(Outcome, &'static str)> {
        if !self.settings.prune {
            return Some((Outcome::PruneSkipped, "ignored (requires pruning)"));
        }
        match self.tasks[i].flags.prune {
            Consent::Refused => Some((Outcome::PruneSkipped, "ignored (no prune)")),
            Consent::Given | Consent::OnceConfirmed => None,
        }
    }
    /// Whether a person said of this very deletion that it shall be.
    pub fn is_approved(&self, i: usize) -> bool {
        self.settings.confirmed && self.tasks[i].is_prune() && self.tasks[i].flags.prune == Consent::OnceConfirmed
    }
    /// What a running operation is to be ended with: the hooks that still run.
    pub fn running_hooks(&self) -> Vec<usize> {
        self.find(|t| t.hook.is_some() && t.is_running())
    }

    fn check(&self) -> Next {
        let is_new = |t: &&Task| t.live.is_none() && t.target.as_ref().is_some_and(|o| is_namespace(o));
        let new: HashSet<&str> = self.tasks.iter().filter(is_new).map(|t| t.object().name()).collect();
        let namespace = self.tasks.iter().position(|t| is_new(&t) && t.object().name() == self.settings.namespace);
        // No server answers for a namespace that a wave of this operation makes first.
        let waits = |t: &Task| {
            let namespace = t.object().namespace();
            namespace != self.settings.namespace && new.contains(namespace)
        };
        let tasks = self.find(|t| self.concerns(t) && !t.is_prune() && !t.flags.skip_check && !waits(t));
        Next::Check { namespace, tasks: tasks.into_iter().filter(|i| Some(*i) != namespace).collect() }
    }
    fn pending(&self) -> Vec<usize> {
        self.find(|t| t.phase != SyncPhase::SyncFail && t.is_pending() && self.concerns(t))
    }
    /// Whether the operation touches it at all.
    fn concerns(&self, task: &Task) -> bool {
        let as_desired = task.hook.is_none() && task.target.is_some() && task.live.is_some() && !task.differs;
        !(self.settings.only_differing && as_desired)
    }
    fn batch(&self, wave: &[usize], is_last: bool) -> Batch {
        let task = |i: &usize| &self.tasks[*i];
        let some = |wanted: &dyn Fn(&Task) -> bool| -> Vec<usize> {
            wave.iter().copied().filter(|i| wanted(task(i))).collect()
        };
        let prune = some(&|t| t.is_prune());
        let unconfirmed = self.settings.prune
            && !self.settings.confirmed
            && prune.iter().any(|i| task(i).flags.prune == Consent::OnceConfirmed);
        let mut create: Vec<Vec<usize>> = Vec::new();
        for i in some(&|t| !t.is_prune()) {
            match create.last_mut() {
                Some(group) if task(&group[0]).object().kind() == task(&i).object().kind() => group.push(i),
                _ => create.push(vec![i]),
            }
        }
        Batch {
            release: some(&|t| t.hook.is_some() && t.live.is_some() && t.is_pending()),
            delete: some(&Task::deletes_before_creation),
            prune,
            create,
            unconfirmed,
            is_last,
        }
    }
    /// What follows from a wave that has just run; `None`: what follows from how things stand.
    fn after(&mut self, wave: &[usize], ran: Ran) -> Option<Next> {
        match ran {
            Ran::Done => {
                let is_last = self.pending().is_empty();
                let has_hooks = wave.iter().any(|&i| self.tasks[i].hook.is_some());
                let of_failure = wave.iter().any(|&i| self.tasks[i].phase == SyncPhase::SyncFail);
                if is_last && !has_hooks && !of_failure {
                    // Nothing comes after it that would need them healthy.
                    return Some(self.succeed("successfully synced (all tasks run)"));
                }
                None
            }
            Ran::Pending => {
                let goes = |t: &Task| t.is_pending() && t.live.as_ref().is_some_and(|live| live.is_deleting());
                let wanted = |t: &Task| {
                    t.deletes_before_creation() || goes(t) || (t.is_prune() && (t.is_pending() || t.live.is_some()))
                };
                let leaving: Vec<usize> = wave.iter().copied().filter(|&i| wanted(&self.tasks[i])).collect();
                Some(Next::Wait(self.waiting(&leaving, true)))
            }
            Ran::Failed => {
                let hooks: Vec<usize> = wave
                    .iter()
                    .copied()
                    .filter(|&i| self.tasks[i].hook.is_some() && self.tasks[i].is_running())
                    .collect();
                if !hooks.is_empty() {
                    return Some(Next::Wait(self.waiting(&hooks, false)));
                }
                let refused: Vec<usize> =
                    wave.iter().copied().filter(|&i| self.tasks[i].outcome == Some(Outcome::SyncFailed)).collect();
                Some(self.fail(&refused, "one or more objects failed to apply"))
            }
        }
    }
    /// Ends, or first runs what is to run after a failure.
    fn fail(&self, refused: &[usize], message: &str) -> Next {
        let mut message = self.with_reasons(message, refused);
        let on_failure = self.find(|t| t.phase == SyncPhase::SyncFail);
        let pending: Vec<usize> = on_failure.iter().copied().filter(|&i| self.tasks[i].is_pending()).collect();
        if !pending.is_empty() {
            return Next::Run(self.batch(&pending, true));
        }
        let refused: Vec<usize> =
            on_failure.into_iter().filter(|&i| self.tasks[i].outcome == Some(Outcome::SyncFailed)).collect();
        if !refused.is_empty() {
            message.push('\n');
            message.push_str(&self.with_reasons("one or more SyncFail hooks failed", &refused));
        }
        failed(message, self.find(|t| t.live.is_some() && !t.is_running() && t.hook.is_some_and(|h| h.failed)))
    }
    fn succeed(&self, message: &str) -> Next {
        let delete_hooks = self.find(|t| t.live.is_some() && !t.is_running() && t.hook.is_some_and(|h| h.succeeded));
        Next::End(Ended { phase: OperationPhase::Succeeded, message: message.into(), delete_hooks })
    }
    fn with_reasons(&self, message: &str, tasks: &[usize]) -> String {
        let mut reasons: Vec<&str> = Vec::new();
        for &i in tasks {
            let reason = self.tasks[i].message.as_str();
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() { message.to_owned() } else { format!("{message}, reason: {}", reasons.join(",")) }
    }
    /// Whether there is more than one wave.
    fn has_steps(&self) -> bool {
        let place = |t: &Task| (t.phase, t.wave);
        self.tasks.first().map(place) != self.tasks.last().map(place)
    }
    fn find(&self, wanted: impl Fn(&Task) -> bool) -> Vec<usize> {
        self.tasks.iter().enumerate().filter(|(_, t)| wanted(t)).map(|(i, _)| i).collect()
    }
    /// Compat(argo-cd 3.5): the sentence in which an operation says what it waits for.
    fn waiting(&self, tasks: &[usize], leaving: bool) -> String {
        let Some(&first) = tasks.first() else { return "one or more tasks are running".into() };
        let hooks: Vec<usize> = tasks.iter().copied().filter(|&i| self.tasks[i].hook.is_some()).collect();
        let mut reason = if hooks.is_empty() { "healthy state of" } else { "completion of hook" };
        if leaving {
            reason = if hooks.is_empty() { "deletion of" } else { "deletion of hook" };
        }
        let kind = if hooks.len() == tasks.len() { "hooks" } else { "resources" };
        let mut first = hooks.first().copied().unwrap_or(first);
        let mut more = tasks.len() - 1;
        let unconfirmed: Vec<usize> = tasks
            .iter()
            .copied()
            .filter(|&i| self.tasks[i].is_prune() && self.tasks[i].flags.prune == Consent::OnceConfirmed)
            .collect();
        if !self.settings.confirmed
            && let Some(&unconfirmed_first) = unconfirmed.first()
        {
            (reason, first, more) = ("pruning confirmation of", unconfirmed_first, unconfirmed.len() - 1);
        }
        let mut message = format!("waiting for {reason} {}", self.tasks[first].told());
        if more > 0 {
            message.push_str(&format!(" and {more} more {kind}"));
        }
        message
    }
}

fn is_namespace(object: &Object) -> bool {
    object.kind() == "Namespace" && object.api_version() == "v1"
}

fn failed(message: String, delete_hooks: Vec<usize>) -> Next {
    Next::End(Ended { phase: OperationPhase::Failed, message, delete_hooks })
}
