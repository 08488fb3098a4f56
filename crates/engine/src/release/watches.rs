//! What is watched for releases, and whom a change wakes.
//!
//! Objects of a manifest carry the dialect's owner label and share one watch for each kind; hooks and
//! what is waited for otherwise are watched one by one while an operation goes on.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Change, Entry, Uid};
use belay_health::Health;
use belay_object::{Object, ObjectKey};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::app::Target;
use crate::core::{Wake, WakeReason};
use crate::live::{Live, Summary, TargetLive, version_number};
use crate::memory::{Applied, RepairPace};

/// The watches of all releases of one dialect.
pub struct Releases {
    live: Live,
    core: Arc<Core>,
}

struct Core {
    wake: Wake,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    releases: HashMap<ObjectKey, Memory>,
    /// By cluster and object: the releases that want to know.
    interest: HashMap<(Arc<str>, ObjectKey), HashSet<ObjectKey>>,
}

/// What is remembered of one release.
#[derive(Default)]
struct Memory {
    target: Arc<str>,
    /// The objects as our last apply left them.
    applied: HashMap<ObjectKey, Applied>,
    /// The revision all of whose objects are in `applied`.
    complete: Option<u32>,
    /// Objects that are watched one by one.
    listed: HashSet<ObjectKey>,
    /// Whether changes of health matter at the moment.
    waiting: bool,
    /// Whether something is not as we left it.
    drifted: bool,
    pace: RepairPace,
}

impl Releases {
    /// Makes the watches for a field manager; `owner_label` is the label that every object of a
    /// manifest carries. `wake` is called with the key of a release.
    pub fn new(manager: &str, owner_label: &str, wake: Wake) -> Releases {
        let core = Arc::new(Core { wake, held: Mutex::default() });
        let weak = Arc::downgrade(&core);
        let live = Live::new(
            manager,
            owner_label,
            Arc::new(move |target, change| {
                if let Some(core) = weak.upgrade() {
                    core.changed(target, change);
                }
            }),
        );
        Releases { live, core }
    }

    /// Forgets a release that is gone.
    pub fn forget(&self, owner: &ObjectKey) {
        self.core.held.lock().forget(owner);
    }

    /// Whether all objects of a revision are known to be as they were left: then nothing has drifted,
    /// and nobody need be asked.
    pub fn is_as_recorded(&self, owner: &ObjectKey, revision: u32) -> bool {
        let held = self.core.held.lock();
        held.releases.get(owner).is_some_and(|m| !m.drifted && m.complete == Some(revision))
    }

    /// Remembers how objects were found to be as desired, and watches them from here on.
    pub(super) async fn remember(&self, owner: &ObjectKey, target: &Target, manager: &str, objects: &[Object]) {
        let live = self.live.of(target);
        live.watch(target, objects.iter().map(Object::group_kind).collect::<HashSet<_>>()).await;
        let mut held = self.core.held.lock();
        for object in objects {
            let key = object.key();
            let summary = Summary::of(object, manager);
            let applied = Applied {
                uid: Uid::new(object.uid()),
                version: version_number(object.resource_version()),
                owned: summary.owned,
                health: summary.health,
                seen: live.entry(&key).is_some(),
            };
            held.interest.entry((target.id.clone(), key.clone())).or_default().insert(owner.clone());
            held.memory(owner, target).applied.insert(key, applied);
        }
    }

    /// Begins anew: what is remembered is forgotten, and drift of before is over. Who minds no drift
    /// calls it at the end, and is not woken by any.
    pub fn reset(&self, owner: &ObjectKey) {
        let mut held = self.core.held.lock();
        held.drop_interest(owner);
        if let Some(memory) = held.releases.get_mut(owner) {
            memory.applied.clear();
            memory.complete = None;
            memory.drifted = false;
        }
    }

    /// Notes that all objects of a revision are remembered as they should be.
    pub(super) fn looked(&self, owner: &ObjectKey, revision: u32) {
        if let Some(memory) = self.core.held.lock().releases.get_mut(owner) {
            memory.drifted = false;
            memory.complete = Some(revision);
        }
    }

    /// Watches one object that carries no label of ours, from before the return on.
    pub(super) async fn look_at(&self, owner: &ObjectKey, target: &Target, key: &ObjectKey) {
        {
            let mut held = self.core.held.lock();
            held.interest.entry((target.id.clone(), key.clone())).or_default().insert(owner.clone());
            let memory = held.memory(owner, target);
            memory.waiting = true;
            memory.listed.insert(key.clone());
        }
        self.live.of(target).watch_listed(target, key).await;
    }

    /// Whether changes of health wake the release.
    pub(super) fn set_waiting(&self, owner: &ObjectKey, target: &Target, waiting: bool) {
        let listed = {
            let mut held = self.core.held.lock();
            let memory = held.memory(owner, target);
            memory.waiting = waiting;
            if waiting { HashSet::new() } else { std::mem::take(&mut memory.listed) }
        };
        let live = self.live.of(target);
        for key in &listed {
            live.forget_listed(key);
        }
    }

    /// The health of an object that was applied: the watch's word, unless it is older than the apply.
    pub(super) fn health(&self, owner: &ObjectKey, target: &Target, key: &ObjectKey) -> Health {
        let applied = self.core.held.lock().releases.get(owner).and_then(|m| m.applied.get(key).cloned());
        seen(&self.live.of(target), key, applied.as_ref())
    }
}

fn seen(live: &TargetLive, key: &ObjectKey, applied: Option<&Applied>) -> Health {
    let Some(applied) = applied else { return Health::not_found() };
    match live.entry(key) {
        Some(entry) if version_number(&entry.resource_version) >= applied.version => entry.summary.health,
        Some(_) => applied.health.clone(),
        None if live.is_synced(&key.kind) && applied.seen => Health::not_found(),
        None => applied.health.clone(),
    }
}

impl Held {
    fn memory(&mut self, owner: &ObjectKey, target: &Target) -> &mut Memory {
        let memory = self.releases.entry(owner.clone()).or_default();
        if memory.target != target.id {
            *memory = Memory { target: target.id.clone(), ..Memory::default() };
        }
        memory
    }
    fn drop_interest(&mut self, owner: &ObjectKey) {
        let Some(memory) = self.releases.get(owner) else { return };
        for key in memory.applied.keys() {
            let slot = (memory.target.clone(), key.clone());
            if let Some(owners) = self.interest.get_mut(&slot) {
                owners.remove(owner);
                if owners.is_empty() {
                    self.interest.remove(&slot);
                }
            }
        }
    }
    fn forget(&mut self, owner: &ObjectKey) {
        self.drop_interest(owner);
        self.releases.remove(owner);
    }
}

impl Core {
    fn changed(&self, target: &str, change: &Change<Summary>) {
        let mut woken = Vec::new();
        {
            let mut held = self.held.lock();
            let slot = (Arc::from(target), change.key.clone());
            let Some(owners) = held.interest.get(&slot) else { return };
            for owner in owners.iter().cloned().collect::<Vec<_>>() {
                if let Some(memory) = held.releases.get_mut(&owner)
                    && let Some((reason, pause)) = memory.judge(change)
                {
                    woken.push((owner, reason, pause));
                }
            }
        }
        for (owner, reason, pause) in woken {
            (self.wake)(&owner, reason, pause);
        }
    }
}

impl Memory {
    fn judge(&mut self, change: &Change<Summary>) -> Option<(WakeReason, Duration)> {
        let now = change.after.as_ref();
        if let Some(applied) = self.applied.get_mut(&change.key) {
            applied.seen |= now.is_some();
            if differs(applied, now) && !self.drifted {
                self.drifted = true;
                return Some((WakeReason::Drift, self.pace.pause(Instant::now())));
            }
        }
        let view = |e: &Entry<Summary>| (e.summary.health.clone(), e.summary.status_hash);
        let is_news = change.before.as_ref().map(view) != now.map(view);
        (self.waiting && is_news).then_some((WakeReason::Health, Duration::ZERO))
    }
}

/// Whether an object is not as our last apply left it. What is older than that apply says nothing.
fn differs(applied: &Applied, entry: Option<&Entry<Summary>>) -> bool {
    match entry {
        None => applied.seen,
        Some(entry) if entry.deleting => false,
        Some(entry) => {
            version_number(&entry.resource_version) > applied.version
                && (entry.summary.owned != applied.owned || entry.uid != applied.uid)
        }
    }
}
