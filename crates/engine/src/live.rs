//! What the watches say about the objects that we applied.
//!
//! One watch per cluster and kind, filtered at the server to objects that carry an owner label; of
//! each object a summary of some two hundred bytes. Objects outside of any App whose health somebody
//! asked for are watched one by one.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Change, Entry, Resource, Summarize, View, ViewScope, Views};
use belay_health::Health;
use belay_object::{GroupKind, Object, ObjectKey};
use jiff::Timestamp;
use parking_lot::Mutex;

use crate::app::Target;
use crate::memory::OwnedDigest;

/// How long a watch outlives the last interest in it.
const LINGER: Duration = Duration::from_secs(60);
/// How long a run waits for a watch to have begun before it goes on without.
const SYNC_PATIENCE: Duration = Duration::from_secs(10);

/// What is kept of a live object.
#[derive(Clone, PartialEq, Debug)]
pub struct Summary {
    /// Digest of the fields that our manager owns.
    pub owned: Option<OwnedDigest>,
    /// Its health by the built-in rules.
    pub health: Health,
    /// Hash of its status: tells own health expressions when to look again.
    pub status_hash: u64,
}

impl Summary {
    /// Summarises an object for a field manager.
    pub fn of(object: &Object, manager: &str) -> Summary {
        let mut hasher = DefaultHasher::new();
        if let Some(status) = object.get("status") {
            status.to_json().hash(&mut hasher);
        }
        Summary {
            owned: belay_schema::ssa::owned_digest(object, manager),
            health: belay_health::check(object, Timestamp::now()),
            status_hash: hasher.finish(),
        }
    }
}

/// Summarises for one field manager.
pub(crate) struct ForManager(Arc<str>);

impl Summarize for ForManager {
    type Summary = Summary;
    fn summarize(&self, _: &Resource, object: Object) -> Option<Summary> {
        Some(Summary::of(&object, &self.0))
    }
}

/// A change of a live object: the cluster's id and what changed.
pub(crate) type OnChange = Arc<dyn Fn(&str, &Change<Summary>) + Send + Sync>;

/// The watches of every cluster.
pub(crate) struct Live {
    manager: Arc<str>,
    /// The label that every applied object carries.
    owner_label: String,
    on_change: OnChange,
    targets: Mutex<HashMap<Arc<str>, Arc<TargetLive>>>,
}

/// The watches of one cluster.
pub(crate) struct TargetLive {
    views: Views<ForManager>,
    owner_label: String,
    kinds: Mutex<HashMap<GroupKind, View<ForManager>>>,
    listed: Mutex<HashMap<ObjectKey, View<ForManager>>>,
}

impl Live {
    pub fn new(manager: &str, owner_label: &str, on_change: OnChange) -> Live {
        Live { manager: manager.into(), owner_label: owner_label.into(), on_change, targets: Mutex::default() }
    }
    /// The watches of a cluster.
    pub fn of(&self, target: &Target) -> Arc<TargetLive> {
        let mut targets = self.targets.lock();
        if let Some(live) = targets.get(&target.id) {
            return live.clone();
        }
        let views = Views::new(target.cluster.clone(), ForManager(self.manager.clone()), LINGER);
        let (id, on_change) = (target.id.clone(), self.on_change.clone());
        views.on_change(move |change| on_change(&id, change));
        let live = Arc::new(TargetLive {
            views,
            owner_label: self.owner_label.clone(),
            kinds: Mutex::default(),
            listed: Mutex::default(),
        });
        targets.insert(target.id.clone(), live.clone());
        live
    }
}

impl TargetLive {
    /// Sees to it that kinds are watched, and waits for the watches to have begun. A kind that cannot
    /// be watched is left to the requests of each run.
    pub async fn watch(&self, target: &Target, kinds: impl IntoIterator<Item = GroupKind>) {
        let mut new = Vec::new();
        for kind in kinds {
            if self.kinds.lock().contains_key(&kind) {
                continue;
            }
            let Ok(resource) = target.cluster.resolve(&kind).await else { continue };
            if !resource.supports("watch") {
                continue;
            }
            let view = self.views.view(&resource, &ViewScope::labelled(&self.owner_label));
            new.push(self.kinds.lock().entry(kind).or_insert(view).clone());
        }
        for view in new {
            if let Err(e) = view.synced(SYNC_PATIENCE).await {
                tracing::warn!(kind = %view.resource().group_kind(), error = %e, "the watch has not begun: drift of this kind is found late");
            }
        }
    }
    /// Watches one object outside of our own, and waits until it has been looked for.
    pub async fn watch_listed(&self, target: &Target, key: &ObjectKey) {
        if self.listed.lock().contains_key(key) {
            return;
        }
        let Ok(resource) = target.cluster.resolve(&key.kind).await else { return };
        let scope = ViewScope {
            namespace: key.namespace.to_string(),
            fields: format!("metadata.name={}", key.name),
            ..ViewScope::default()
        };
        let view = self.views.view(&resource, &scope);
        self.listed.lock().insert(key.clone(), view.clone());
        let _ = view.synced(SYNC_PATIENCE).await;
    }
    /// Ends the watch of one object outside of our own.
    pub fn forget_listed(&self, key: &ObjectKey) {
        self.listed.lock().remove(key);
    }
    /// What a watch says of one of our objects; `None` where it is not there or not known.
    pub fn entry(&self, key: &ObjectKey) -> Option<Entry<Summary>> {
        self.kinds.lock().get(&key.kind)?.get(&key.namespace, &key.name)
    }
    /// What a watch says of one object outside of our own.
    pub fn listed_entry(&self, key: &ObjectKey) -> Option<Entry<Summary>> {
        self.listed.lock().get(key)?.get(&key.namespace, &key.name)
    }
    /// Whether the watch of a kind knows all there is.
    pub fn is_synced(&self, kind: &GroupKind) -> bool {
        self.kinds.lock().get(kind).is_some_and(View::is_synced)
    }
}

/// A resource version as a number, to tell older from newer; 0 where it is none.
pub(crate) fn version_number(text: &str) -> u64 {
    text.parse().unwrap_or_default()
}
