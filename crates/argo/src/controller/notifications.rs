//! Telling people what becomes of Applications: Argo CD's notifications.
//!
//! - `turn`: one Application: who wants to hear, what is due, what is written down of it.
//! - `files`: the config map and the secret, and whether Argo CD's own notifications controller runs.
//! - `outside`: the commits that templates ask for.
//!
//! Nothing is configured: two watches that show nothing, and no turn. A turn never waits for a receiver: a message
//! goes to the outbox, and what came of it wakes the Application again. Syncs are another queue and other workers.
//!
//! *Order of effects*: a message is sent, then noted in the annotation. A process that dies between sends it once
//! more; noted first, it would be lost. Until the note is written it is remembered, so that no lost write sends
//! anything twice. Self-service (configurations in other namespaces) is not built.

mod files;
mod outside;
mod turn;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use belay_cluster::{CrSummary, Views};
use belay_controller::{Counter, QueueOptions, Registry, WorkQueue, Written};
use belay_net::ClientOptions;
use belay_notify::{Config, Outbox, OutboxOptions, Outcome};
use belay_object::Object;
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::world::{Name, World};
use crate::names::NOTIFICATIONS;
use files::Files;

/// The annotation that says what was told.
// Compat(argo-cd 3.5)
const NOTIFIED: &str = "notified.notifications.argoproj.io";
/// What annotations of subscribers begin with.
const PREFIX: &str = "notifications.argoproj.io";

/// How long one delivery may take, with all that it is tried again.
const DELIVERY: Duration = Duration::from_secs(30);
/// When a message is offered again that was not taken; twice as late each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// How often conditions are looked at that may be about the time.
// Compat(argo-cd 3.5): its resync
const AGAIN: Duration = Duration::from_secs(60);
/// Turns at once: they compute, and write an annotation.
const AT_ONCE: usize = 4;
/// How long a change of the configuration waits for others.
const SETTLE: Duration = Duration::from_millis(200);

/// What is remembered of one Application until it is written down.
#[derive(Default)]
struct Memory {
    /// Messages on their way, by key.
    pending: HashSet<String>,
    /// Messages that were sent, and when.
    sent: BTreeMap<String, i64>,
    /// Messages that were not taken: how often, and when they are offered again.
    failed: HashMap<String, (u32, Instant)>,
    /// What was last told of conditions that fail.
    problems: String,
}

/// All of it.
pub(super) struct Notifications {
    world: Arc<World>,
    /// `None` where nothing is configured.
    config: RwLock<Option<Arc<Config>>>,
    memories: Mutex<HashMap<Name, Memory>>,
    /// Our own writes, until the watch shows them.
    written: Written<Name>,
    queue: WorkQueue<Name>,
    outbox: Outbox<Name>,
    deliveries: Counter,
    evaluations: Counter,
}

/// Follows the configuration and the Applications until it is dropped.
pub(super) async fn run(world: Arc<World>, views: Views<CrSummary>, base: ClientOptions, metrics: Registry) {
    let trust = world.clone();
    let roots = Arc::new(move |host: &str| {
        let config = trust.config();
        config.trust.certificates_of(host).map(|pem| pem.as_bytes().to_vec())
    });
    let options = OutboxOptions { base, roots, time_limit: DELIVERY };
    let this = Arc::new_cyclic(|this: &Weak<Notifications>| {
        let this = this.clone();
        let tell = move |outcome| {
            if let Some(this) = this.upgrade() {
                this.came(outcome);
            }
        };
        Notifications {
            world,
            config: RwLock::default(),
            memories: Mutex::default(),
            written: Written::default(),
            queue: WorkQueue::new(QueueOptions { max_delay: LONGEST_PAUSE, ..QueueOptions::default() }),
            outbox: Outbox::new(options, tell),
            // Compat(argo-cd 3.5): names and labels
            deliveries: metrics.counter(
                "argocd_notifications_deliveries_total",
                "Number of delivered notifications.",
                &["trigger", "service", "succeeded"],
            ),
            evaluations: metrics.counter(
                "argocd_notifications_trigger_eval_total",
                "Number of trigger evaluations.",
                &["name", "triggered"],
            ),
        }
    });
    let files = Files::watch(&views, &this.world.settings.namespace);
    let changed = Arc::new(Notify::new());
    let (weak, rereads) = (Arc::downgrade(&this), changed.clone());
    views.on_change(move |change| {
        let Some(this) = weak.upgrade() else { return };
        match change.key.kind.kind.as_str() {
            "Application" => {
                let name = Name::new(&change.key.namespace, &change.key.name);
                let after = change.after.as_ref().map(|entry| &*entry.summary);
                this.written.shown(&name, after);
                let before = change.before.as_ref().map(|entry| entry.summary.uid());
                if before.is_some() && before != after.map(Object::uid) {
                    // What was sent of one that is gone says nothing of another one of its name.
                    this.memories.lock().remove(&name);
                }
                if this.config.read().is_some() {
                    this.queue.add(name);
                }
            }
            "AppProject" if this.config.read().is_some() => this.wake_all(),
            _ if files::is_of(&change.key) => rereads.notify_one(),
            _ => {}
        }
    });
    changed.notify_one();
    let turns = {
        let (queue, this) = (this.queue.clone(), this.clone());
        let handler = move |name: Name| {
            let this = this.clone();
            async move { turn::take(&this, name).await }
        };
        belay_controller::run(queue, AT_ONCE, handler, |name, why| {
            tracing::error!(application = ?name, panic = why, "notifications held back after repeated panics");
        })
    };
    tokio::select! {
        () = turns => {}
        () = follow(&this, files, &changed) => {}
    }
}

/// Reads the configuration whenever something of it changes.
async fn follow(this: &Notifications, mut files: Files, changed: &Notify) {
    loop {
        changed.notified().await;
        tokio::time::sleep(SETTLE).await;
        let config = files.read().await.map(|mut config| {
            // Where people reach the control plane, unless it is said otherwise.
            let url = this.world.config().settings.url.clone();
            if !url.is_empty() {
                config.context.entry("argocdUrl".to_owned()).or_insert(url);
            }
            Arc::new(config)
        });
        for problem in config.iter().flat_map(|config| &config.problems) {
            tracing::warn!("{NOTIFICATIONS}: {problem}");
        }
        let is_configured = config.is_some();
        *this.config.write() = config;
        if is_configured {
            this.wake_all();
        }
    }
}

impl Notifications {
    fn wake_all(&self) {
        for object in self.world.applications.objects() {
            self.queue.add(Name::of(&object));
        }
    }

    /// Notes what came of a message, and has it written down.
    fn came(&self, outcome: Outcome<Name>) {
        let Outcome { whose, message, result } = outcome;
        let (trigger, service) = (&message.trigger, &message.to.service);
        // Services that are not configured are any words of annotations: they are counted as one (RES-11).
        let is_configured = self.config.read().as_ref().is_some_and(|config| config.services.contains_key(service));
        let succeeded = if result.is_ok() { "true" } else { "false" };
        self.deliveries.increment(&[trigger, if is_configured { service } else { "" }, succeeded]);
        {
            let mut memories = self.memories.lock();
            let memory = memories.entry(whose.clone()).or_default();
            memory.pending.remove(&message.key);
            match result {
                Ok(()) => {
                    tracing::info!(application = ?whose, trigger, service, "notification sent");
                    memory.failed.remove(&message.key);
                    memory.sent.insert(message.key, Timestamp::now().as_second());
                }
                Err(error) => {
                    tracing::warn!(application = ?whose, trigger, service, %error, "notification not sent; tried again");
                    memory.fail(message.key);
                }
            }
        }
        self.queue.add(whose);
    }
}

impl Memory {
    /// Notes that a message was not taken.
    fn fail(&mut self, key: String) {
        let (times, again) = self.failed.entry(key).or_insert((0, Instant::now()));
        let pause = FIRST_PAUSE.saturating_mul(1 << (*times).min(6)).min(LONGEST_PAUSE);
        *times = times.saturating_add(1);
        *again = Instant::now() + pause;
    }
    fn is_empty(&self) -> bool {
        self.pending.is_empty() && self.sent.is_empty() && self.failed.is_empty() && self.problems.is_empty()
    }
}

#[cfg(test)]
mod tests;
