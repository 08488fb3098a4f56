//! Carries out an operation of phases and waves on a cluster.
//!
//! [`belay_plan::sync`] decides, this does: dry runs, applies, prunes, hooks. [`advance`] goes on until
//! something must change in the cluster first or the operation has ended; it never waits for health
//! itself. It may be called at any time, by another process than the one that began: what was done stands
//! in the recorded results, and each object of a hook carries the mark of the operation that made it.
//!
//! *Invariants* (INV-ACT-14): the results of a wave are recorded before the next begins; an object of a
//! hook that carries this operation's mark is never made again; what is deleted was looked at just
//! before, is ours by its own marks, and is named by its uid.

mod deletion;
mod write;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Propagation;
use belay_object::{Object, ObjectKey};
use belay_plan::sync::{Batch, Ended, Next, OperationPhase, Outcome, Ran, Seen, Sync, SyncPhase, TaskResult};
use belay_plan::{OwnerName, Protection, Takeover};
use futures::FutureExt;
use tokio::time::Instant;

use crate::app::Target;
use crate::apply::{at_once, refusal};
use deletion::Deleted;
use write::Answer;

/// Where an operation works, and under which rules.
pub struct Site {
    /// The cluster.
    pub target: Target,
    /// Who owns what is applied.
    pub manager: String,
    /// Whose fields become ours.
    pub takeover: Takeover,
    /// What is never deleted.
    pub protection: Protection,
    /// Who the operation is for; stands in the record of each deletion.
    pub owner: OwnerName,
    /// A finalizer of objects of hooks, so that they are not gone before their end was seen; empty for none.
    pub hook_finalizer: String,
    /// The annotation that marks objects of hooks, and this operation's name in it.
    pub mark: (String, String),
    /// What happens to dependents of what is pruned.
    pub propagation: Propagation,
    /// Check and tell, change nothing.
    pub dry_run: bool,
    /// Between two waves.
    pub pause: Duration,
    /// Whether applies are told as `serverside-applied`; otherwise as created, configured or unchanged.
    pub tells_server_side: bool,
}

/// What an operation asks of its surroundings.
pub trait Surroundings: Send + std::marker::Sync {
    /// The live object as a watch last saw it; `None` where it is not known.
    fn live(&self, key: &ObjectKey) -> Option<Arc<Object>>;
    /// Whether a live object's own marks say that it is ours.
    fn is_ours(&self, live: &Object) -> bool;
    /// Whether a live object's own marks say that it is another app's.
    fn is_others(&self, live: &Object) -> bool;
    /// Whether an object goes where its namespace does: it is ours, and nobody wants it to stay. Its metadata
    /// alone is known.
    fn goes_with_namespace(&self, live: &Object) -> bool;
    /// What is to be thought of an object's health.
    fn health(&self, live: &Object) -> Seen;
    /// Records how far things are, durably, before what follows is done.
    fn record<'a>(
        &'a self,
        results: Vec<TaskResult>,
        message: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;
}

/// What came of advancing.
#[derive(Debug, PartialEq)]
pub enum Advanced {
    /// A wave is done: the next one may begin after the pause between two waves, and not before.
    Pausing {
        /// For people.
        message: String,
    },
    /// Something must change first; the sentence says what. Looked at again after a while in any case.
    Waiting {
        /// For people.
        message: String,
        /// When to look again, where time alone is waited for.
        again: Option<Duration>,
    },
    /// It has ended.
    Ended {
        /// How.
        phase: OperationPhase,
        /// For people.
        message: String,
    },
}

/// Advances an operation.
pub async fn advance(sync: &mut Sync, site: &Site, around: &dyn Surroundings) -> Advanced {
    let mut run = Run { sync, site, around };
    run.advance().await
}

/// Ends an operation that is under way: the hooks that still run are deleted.
pub async fn terminate(sync: &mut Sync, site: &Site, around: &dyn Surroundings) -> Advanced {
    let mut run = Run { sync, site, around };
    let mut well = true;
    for i in run.sync.running_hooks() {
        well &= run.end_hook(i).await;
    }
    let (phase, message) = match well {
        true => (OperationPhase::Failed, "Operation terminated"),
        false => (OperationPhase::Error, "Operation termination had errors"),
    };
    Advanced::Ended { phase, message: message.into() }
}

/// One call.
struct Run<'a> {
    sync: &'a mut Sync,
    site: &'a Site,
    around: &'a dyn Surroundings,
}

impl Run<'_> {
    async fn advance(&mut self) -> Advanced {
        loop {
            self.observe().await;
            self.release_ended().await;
            match self.sync.decide() {
                Next::Check { namespace, tasks } => self.check(namespace, tasks).await,
                Next::Run(batch) => {
                    let is_last = batch.is_last;
                    let ran = match self.look_at_hooks(&batch).await {
                        Ok(()) => self.run(self.sync.again(&batch)).await,
                        Err(Look::Later(why)) => {
                            return Advanced::Waiting { message: why, again: Some(Duration::from_secs(1)) };
                        }
                        Err(Look::Refused) => {
                            self.sync.ran(tasks_of(&batch), Ran::Failed);
                            Ran::Failed
                        }
                    };
                    if let Err(why) = self.record("one or more tasks are running").await {
                        return Advanced::Waiting { message: why, again: Some(Duration::from_secs(1)) };
                    }
                    if ran == Ran::Done && !is_last && !self.site.pause.is_zero() && !self.site.dry_run {
                        // Controllers get a moment to say that what was applied is not well yet.
                        let message = match self.sync.decide() {
                            Next::Wait(message) => message,
                            _ => "one or more tasks are running".into(),
                        };
                        return Advanced::Pausing { message };
                    }
                }
                Next::Wait(message) => return Advanced::Waiting { message, again: None },
                Next::End(ended) => return self.end(ended).await,
            }
        }
    }

    /// Looks at the objects of everything that has begun.
    async fn observe(&mut self) {
        for i in self.sync.watched() {
            let key = self.sync.tasks()[i].key();
            let seen_before = self.sync.tasks()[i].live.clone();
            let mut live = newer(seen_before, self.around.live(&key));
            if self.around.live(&key).is_none() {
                // A watch may be late, or not begun: the server is asked.
                match self.find(&key).await {
                    Ok(found) => live = found.map(Arc::new),
                    Err(_) => continue,
                }
            }
            let seen = live.as_deref().map_or(Seen::Missing, |live| self.around.health(live));
            self.sync.set_live(i, live);
            self.sync.observe(i, seen);
        }
        // What was pruned is waited for until it is gone.
        let pruned = |t: &belay_plan::sync::Task| t.outcome == Some(Outcome::Pruned) && t.live.is_some();
        let leaving: Vec<usize> = (0..self.sync.tasks().len()).filter(|&i| pruned(&self.sync.tasks()[i])).collect();
        if self.site.dry_run || leaving.is_empty() {
            return;
        }
        for i in leaving {
            let key = self.sync.tasks()[i].key();
            let uid = self.sync.tasks()[i].live.as_ref().map(|live| live.uid().to_owned());
            if let Ok(found) = self.find(&key).await {
                let same = found.filter(|found| Some(found.uid()) == uid.as_deref());
                self.sync.set_live(i, same.map(Arc::new));
            }
        }
    }

    /// Every manifest is tried before any is applied.
    async fn check(&mut self, namespace: Option<usize>, tasks: Vec<usize>) {
        if let Some(i) = namespace
            && self.create(&[i]).await == Ran::Failed
        {
            self.sync.ran(vec![i], Ran::Failed);
            return;
        }
        let checks = tasks.iter().map(|&i| write::check(self.site, &self.sync.tasks()[i]).boxed()).collect();
        let answers = at_once(checks).await;
        let mut ran = Ran::Done;
        for (i, answer) in tasks.iter().copied().zip(answers) {
            if let Err(why) = answer {
                ran = Ran::Failed;
                self.sync.record(i, Some(Outcome::SyncFailed), Some(OperationPhase::Failed), &why);
            }
        }
        self.sync.ran(tasks, ran);
    }

    /// Reads the objects of hooks that are about to run. A watch may show what is gone, or not yet what an
    /// earlier operation left: either would run a hook on a wrong footing, or not at all.
    async fn look_at_hooks(&mut self, batch: &Batch) -> Result<(), Look> {
        if batch.unconfirmed || self.site.dry_run {
            return Ok(());
        }
        let hooks: Vec<usize> = tasks_of(batch).into_iter().filter(|&i| self.sync.tasks()[i].hook.is_some()).collect();
        let keys: Vec<ObjectKey> = hooks.iter().map(|&i| self.sync.tasks()[i].key()).collect();
        let looks = keys.iter().map(|key| self.read(key).boxed()).collect();
        let found = at_once(looks).await;
        let mut refused = false;
        for ((i, key), found) in hooks.into_iter().zip(&keys).zip(found) {
            match found {
                Ok(live) => self.sync.set_live(i, live.map(Arc::new)),
                Err(e) if e.is_transient() => return Err(Look::Later(refusal(&e).query_message(key))),
                Err(e) => {
                    refused = true;
                    let told = refusal(&e).query_message(key);
                    self.sync.record(i, Some(Outcome::SyncFailed), Some(OperationPhase::Failed), &told);
                }
            }
        }
        if refused { Err(Look::Refused) } else { Ok(()) }
    }

    async fn run(&mut self, batch: Batch) -> Ran {
        let all = tasks_of(&batch);
        let ran = self.run_wave(batch).await;
        self.sync.ran(all, ran);
        ran
    }

    async fn run_wave(&mut self, batch: Batch) -> Ran {
        if batch.unconfirmed {
            return Ran::Pending;
        }
        if !self.site.dry_run {
            for i in batch.release {
                if !self.is_of_this_operation(i)
                    && let Err(why) = self.release(i).await
                {
                    let told = format!("failed to remove hook finalizer: {why}");
                    self.sync.record(i, None, Some(OperationPhase::Error), &told);
                    return Ran::Failed;
                }
            }
        }
        let mut ran = self.prune(&batch.prune).await;
        if ran == Ran::Done && !self.site.dry_run {
            for i in batch.delete {
                ran = worse(ran, self.delete_before_creation(i).await);
            }
        }
        for group in batch.create {
            if ran == Ran::Done {
                ran = self.create(&group).await;
            }
        }
        ran
    }

    /// An object of a hook that an earlier operation left goes first; one that this operation made, before
    /// the process ended, is taken as made.
    async fn delete_before_creation(&mut self, i: usize) -> Ran {
        if self.is_of_this_operation(i) {
            return Ran::Done;
        }
        match self.delete(i).await {
            Ok(Deleted::Gone) => {
                self.sync.set_live(i, None);
                Ran::Done
            }
            Ok(Deleted::Leaving) => Ran::Pending,
            Ok(Deleted::Kept(why)) | Err(why) => {
                let told = format!("failed to delete resource: {why}");
                self.sync.record(i, None, Some(OperationPhase::Error), &told);
                Ran::Failed
            }
        }
    }

    fn is_of_this_operation(&self, i: usize) -> bool {
        let (name, value) = &self.site.mark;
        self.sync.tasks()[i].live.as_ref().is_some_and(|live| live.annotation(name) == Some(value))
    }

    async fn prune(&mut self, tasks: &[usize]) -> Ran {
        let mut doomed = Vec::new();
        for &i in tasks {
            match self.sync.prune_answer(i) {
                Some((outcome, message)) => self.sync.record(i, Some(outcome), Some(outcome.phase()), message),
                None if self.site.dry_run => {
                    self.sync.record(i, Some(Outcome::Pruned), Some(OperationPhase::Succeeded), "pruned (dry run)");
                }
                None => doomed.push(i),
            }
        }
        let mut ran = Ran::Done;
        for i in doomed {
            let (outcome, message) = match self.delete(i).await {
                Ok(Deleted::Gone) => {
                    self.sync.set_live(i, None);
                    (Outcome::Pruned, "pruned".to_owned())
                }
                Ok(Deleted::Leaving) => (Outcome::Pruned, "pruned".to_owned()),
                Ok(Deleted::Kept(why)) => (Outcome::PruneSkipped, format!("ignored ({why})")),
                Err(why) => {
                    ran = Ran::Failed;
                    (Outcome::SyncFailed, why)
                }
            };
            self.sync.record(i, Some(outcome), Some(outcome.phase()), &message);
        }
        ran
    }

    /// Applies tasks of one kind at once.
    async fn create(&mut self, tasks: &[usize]) -> Ran {
        let mut applied = Vec::new();
        for &i in tasks {
            if self.is_of_this_operation(i) {
                let told = format!("{} created", self.sync.tasks()[i].object().name());
                self.sync.record(i, Some(Outcome::Synced), Some(OperationPhase::Running), &told);
            } else {
                applied.push(i);
            }
        }
        let writes = applied.iter().map(|&i| write::apply(self.site, &self.sync.tasks()[i]).boxed()).collect();
        let answers = at_once(writes).await;
        let mut ran = Ran::Done;
        // All of them together: whoever works on this one has others to work on.
        let deadline = Instant::now() + write::RECREATE_WAIT;
        for (i, answer) in applied.into_iter().zip(answers) {
            let answer = match answer {
                Ok(Answer::Written(written)) => Ok(Some(written)),
                Ok(Answer::Recreate(wish)) => self.recreate(i, wish, deadline).await,
                Err(why) => Err(why),
            };
            match answer {
                Ok(None) => ran = worse(ran, Ran::Pending),
                Ok(Some(written)) => {
                    // Where nothing is changed nothing is waited for either.
                    let state = if self.site.dry_run { OperationPhase::Succeeded } else { OperationPhase::Running };
                    if !self.site.dry_run {
                        self.sync.set_live(i, Some(Arc::new(written.live)));
                    }
                    self.sync.record(i, Some(Outcome::Synced), Some(state), &written.message);
                }
                Err(why) => {
                    ran = Ran::Failed;
                    self.sync.record(i, Some(Outcome::SyncFailed), Some(OperationPhase::Failed), &why);
                }
            }
        }
        ran
    }

    async fn end(&mut self, ended: Ended) -> Advanced {
        let Ended { mut phase, mut message, delete_hooks } = ended;
        if !self.site.dry_run {
            for i in delete_hooks {
                let result = match self.delete(i).await {
                    Ok(Deleted::Gone | Deleted::Leaving) => Ok(()),
                    Ok(Deleted::Kept(why)) | Err(why) => Err(why),
                };
                if let Err(why) = result {
                    let told = format!("failed to delete resource: {why}");
                    self.sync.record(i, None, Some(OperationPhase::Error), &told);
                    (phase, message) = (OperationPhase::Error, told);
                }
            }
        }
        Advanced::Ended { phase, message }
    }

    /// Takes the finalizer off objects of hooks whose end was seen.
    async fn release_ended(&mut self) {
        if self.site.dry_run {
            return;
        }
        let ended = |t: &belay_plan::sync::Task| t.hook.is_some() && t.is_completed() && t.live.is_some();
        let hooks: Vec<usize> = (0..self.sync.tasks().len()).filter(|&i| ended(&self.sync.tasks()[i])).collect();
        for i in hooks {
            if let Err(why) = self.release(i).await {
                let told = format!("Failed to remove hook finalizer: {why}");
                self.sync.record(i, None, Some(OperationPhase::Error), &told);
            }
        }
    }

    async fn record(&self, message: &str) -> Result<(), String> {
        self.around.record(self.sync.results(), message).await
    }
}

/// Why a wave is not run.
enum Look {
    /// The server does not answer at present.
    Later(String),
    /// The server refuses, which is recorded.
    Refused,
}

fn tasks_of(batch: &Batch) -> Vec<usize> {
    batch.prune.iter().chain(batch.create.iter().flatten()).copied().collect()
}

fn worse(a: Ran, b: Ran) -> Ran {
    match (a, b) {
        (Ran::Failed, _) | (_, Ran::Failed) => Ran::Failed,
        (Ran::Pending, _) | (_, Ran::Pending) => Ran::Pending,
        _ => Ran::Done,
    }
}

/// The newer of two states of one object.
fn newer(a: Option<Arc<Object>>, b: Option<Arc<Object>>) -> Option<Arc<Object>> {
    match (a, b) {
        (Some(a), Some(b)) => {
            let version = |o: &Object| crate::live::version_number(o.resource_version());
            Some(if version(&b) >= version(&a) { b } else { a })
        }
        (a, b) => b.or(a),
    }
}

/// The name of the phase in which an object of a hook with a generated name is made, as part of its name.
pub fn generated_name(prefix: &str, revision: &str, phase: SyncPhase, started_unix: i64) -> String {
    let revision = revision.get(..7).filter(|_| revision.len() >= 8).unwrap_or(revision);
    format!("{prefix}{}", format!("{revision}-{phase}-{started_unix}").to_lowercase())
}
