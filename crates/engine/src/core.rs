//! Who is interested in which live object, and what a change of it means.
//!
//! The watches' callbacks end here: a change is compared with what the engine remembers, and an App
//! is woken only where there is something to do. Everything is a look into maps.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Change, Entry, Uid};
use belay_object::{GroupKind, ObjectKey};
use belay_tree::Digest;
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::app::{App, HealthScope};
use crate::apply::Outcome;
use crate::claims::{Claim, Claims};
use crate::live::{Summary, TargetLive, version_number};
use crate::memory::{Applied, KnownState, Memory};

/// Why an App is woken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WakeReason {
    /// A live object is not as we left it.
    Drift,
    /// The health of something that is looked at has changed.
    Health,
}

/// Called with the key of an App that should be advanced, why, and after which pause. It must return
/// at once: it puts a key into a queue.
pub type Wake = Arc<dyn Fn(&ObjectKey, WakeReason, Duration) + Send + Sync>;

/// One App's state.
#[derive(Default)]
pub(crate) struct AppState {
    pub memory: Mutex<Memory>,
    /// One run of an App at a time.
    pub run: tokio::sync::Mutex<()>,
}

/// Apps by the objects of one cluster: those that own the object or look at its health.
type Interest = HashMap<ObjectKey, Vec<ObjectKey>>;

/// What the watches' callbacks need.
pub(crate) struct Core {
    wake: Wake,
    apps: Mutex<HashMap<ObjectKey, Arc<AppState>>>,
    interest: Mutex<HashMap<Arc<str>, Interest>>,
    /// What each App renders.
    pub claims: Claims,
    /// The kind of the resources that Apps are lowered from.
    pub resources: GroupKind,
}

impl Core {
    pub fn new(resources: GroupKind, wake: Wake) -> Core {
        Core { wake, apps: Mutex::default(), interest: Mutex::default(), claims: Claims::default(), resources }
    }

    /// The state of an App; a new one where the resource was made anew under the same name.
    pub fn state(&self, app: &App) -> Arc<AppState> {
        let mut apps = self.apps.lock();
        let state = apps.entry(app.key.clone()).or_default();
        if state.memory.lock().uid != app.uid {
            *state = Arc::default();
            state.memory.lock().uid = app.uid.clone();
        }
        state.clone()
    }

    /// Notes that an App owns objects.
    pub fn register<'a>(&self, app: &App, keys: impl Iterator<Item = &'a ObjectKey>) {
        let mut interest = self.interest.lock();
        let interest = interest.entry(app.target.id.clone()).or_default();
        for key in keys {
            let apps = interest.entry(key.clone()).or_default();
            if !apps.contains(&app.key) {
                apps.push(app.key.clone());
            }
        }
    }

    /// Sees to it that objects outside of the App whose health it looks at are watched, and those
    /// that it looks at no more are not.
    pub async fn look_at(&self, app: &App, state: &AppState, live: &TargetLive) {
        let listed: Vec<ObjectKey> = match &app.health.scope {
            HealthScope::Listed(keys) => {
                let memory = state.memory.lock();
                keys.iter().filter(|k| !memory.known.contains_key(*k)).cloned().collect()
            }
            HealthScope::Nothing | HealthScope::Applied => Vec::new(),
        };
        let gone: Vec<ObjectKey> = {
            let mut memory = state.memory.lock();
            let gone = memory.listed.iter().filter(|k| !listed.contains(k)).cloned().collect();
            memory.listed = listed.iter().cloned().collect();
            gone
        };
        for key in gone {
            live.forget_listed(&key);
        }
        self.register(app, listed.iter());
        for key in &listed {
            live.watch_listed(&app.target, key).await;
        }
    }

    /// Remembers what an apply left, and gives the keys of what it changed.
    pub fn remember(&self, app: &App, state: &AppState, live: &TargetLive, outcomes: &[Outcome]) -> Vec<ObjectKey> {
        let mut memory = state.memory.lock();
        let mut changed = Vec::new();
        for outcome in outcomes {
            let change = outcome.done.change();
            let key = &change.entry.key;
            let new_state = match &outcome.live {
                Some(object) => {
                    let summary = Summary::of(object, &app.policy.manager);
                    KnownState::Applied(Applied {
                        uid: Uid::new(object.uid()),
                        version: version_number(object.resource_version()),
                        owned: summary.owned,
                        health: summary.health,
                        seen: live.entry(key).is_some(),
                    })
                }
                None => KnownState::Skipped,
            };
            if let Some(known) = memory.known.get_mut(key) {
                known.state = new_state;
            }
            if change.kind.is_change() {
                changed.push(key.clone());
            }
        }
        changed
    }

    /// Ends a run: changes that came in meanwhile are compared with what the run left.
    pub fn finish(&self, app: &App, state: &AppState, live: &TargetLive) {
        let mut pause = None;
        {
            let mut memory = state.memory.lock();
            memory.running = false;
            let touched = std::mem::take(&mut memory.touched);
            for key in touched {
                if memory.moving.contains(&key) {
                    pause.get_or_insert(Duration::ZERO);
                }
                if drifted(&memory, &key, live.entry(&key).as_ref()) && memory.mark_dirty(&key) {
                    pause = Some(memory.pace.pause(Instant::now()));
                }
            }
        }
        if let Some(pause) = pause {
            (self.wake)(&app.key, WakeReason::Drift, pause);
        }
    }

    /// A watch saw a change.
    pub fn changed(&self, target: &str, change: &Change<Summary>) {
        let apps = match self.interest.lock().get(target).and_then(|i| i.get(&change.key)) {
            Some(apps) => apps.clone(),
            None => return,
        };
        for app in apps {
            let state = self.apps.lock().get(&app).cloned();
            let Some(state) = state else { continue };
            if let Some((reason, pause)) = judge(&mut state.memory.lock(), change) {
                (self.wake)(&app, reason, pause);
            }
        }
    }

    /// The claim of an App, where it was planned from exactly these inputs.
    pub fn known_claim(&self, app: &ObjectKey, inputs: &Digest) -> Option<Arc<Claim>> {
        let state = self.apps.lock().get(app).cloned()?;
        let memory = state.memory.lock();
        (memory.inputs.as_ref() == Some(inputs)).then(|| memory.claim.clone())
    }

    /// Notes which objects wait for another App to take them over: a change of one wakes the App.
    pub fn moving(&self, app: &App, state: &AppState, keys: impl Iterator<Item = ObjectKey>) {
        let keys: HashSet<ObjectKey> = keys.collect();
        self.register(app, keys.iter());
        state.memory.lock().moving = keys;
    }

    /// Forgets an App.
    pub fn forget(&self, app: &ObjectKey) {
        self.claims.forget(app);
        self.apps.lock().remove(app);
        for interest in self.interest.lock().values_mut() {
            interest.retain(|_, apps| {
                apps.retain(|a| a != app);
                !apps.is_empty()
            });
        }
    }
}

/// What a change means to an App.
fn judge(memory: &mut Memory, change: &Change<Summary>) -> Option<(WakeReason, Duration)> {
    let now = change.after.as_ref();
    if let Some(known) = memory.known.get_mut(&change.key)
        && let KnownState::Applied(applied) = &mut known.state
    {
        applied.seen |= now.is_some();
    }
    if memory.running {
        memory.touched.insert(change.key.clone());
    } else if memory.moving.contains(&change.key) {
        return Some((WakeReason::Drift, Duration::ZERO));
    } else if drifted(memory, &change.key, now) && memory.mark_dirty(&change.key) {
        return Some((WakeReason::Drift, memory.pace.pause(Instant::now())));
    }
    let view = |e: &Entry<Summary>| (e.summary.health.clone(), e.summary.status_hash);
    let health_changed = change.before.as_ref().map(view) != now.map(view);
    health_changed.then_some((WakeReason::Health, Duration::ZERO))
}

/// Whether a live object is not as our last apply left it. What is older than that apply says nothing.
fn drifted(memory: &Memory, key: &ObjectKey, entry: Option<&Entry<Summary>>) -> bool {
    let Some(known) = memory.known.get(key) else { return false };
    let KnownState::Applied(applied) = &known.state else { return false };
    match entry {
        None => applied.seen,
        Some(entry) if entry.deleting => false,
        Some(entry) => {
            version_number(&entry.resource_version) > applied.version
                && (entry.summary.owned != applied.owned || entry.uid != applied.uid)
        }
    }
}
