//! What the controllers share: the store, the indexes, the queue; and the loop that drives them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;
use tokio::time::Instant;

use super::event::Events;
use super::index::{Dependents, Labels, Place};
use super::observe::Tracked;
use super::queue::{Key, Queue, Role};
use super::{
    Options, account, claim, cron_job, daemon_set, deployment, garbage, job, namespace, node, pod, policy, replica_set,
    service, stateful_set,
};
use crate::builtin::times;
use crate::handle::{Delete, StoreHandle};
use crate::status::Result;
use crate::store::Stored;

/// How many keys are worked on before others on this thread get a turn.
const BATCH: usize = 16;
/// In a burst of writes that no controller cares for, the task sleeps between looks instead of being woken by each.
const MAX_IDLE_WAKES: u32 = 20;
const BURST_PAUSE: Duration = Duration::from_millis(1);

/// Everything a controller may touch.
pub(super) struct World {
    /// Reads and writes as kube-controller-manager.
    pub handle: StoreHandle,
    /// Reads and writes as the node's kubelet.
    pub kubelet: StoreHandle,
    pub options: Options,
    pub queue: Queue,
    pub dependents: Dependents,
    /// Pods by their labels.
    pub pods: Labels,
    /// Services by the first pair of their selector.
    pub services: Labels,
    /// Addresses given to pods and load balancers.
    pub addresses: Addresses,
    pub events: Events,
    /// When each pod was first seen, by uid: times in objects have no fractions of a second.
    first_seen: HashMap<Box<str>, Instant>,
    pub(super) tracked: Vec<Tracked>,
    pub(super) registry_revision: Option<u64>,
    pub(super) seen_version: u64,
}

/// Numbers given out, by whom they were given to.
#[derive(Default)]
pub(super) struct Addresses {
    pods: Numbers,
    balancers: Numbers,
}

#[derive(Default)]
struct Numbers {
    given: HashMap<Box<str>, u32>,
    taken: HashSet<u32>,
    next: u32,
}

impl Numbers {
    fn give(&mut self, uid: &str, count: u32) -> u32 {
        if let Some(number) = self.given.get(uid) {
            return *number;
        }
        // Where all are taken, two share one: nothing is routed.
        let order = (0..count).map(|i| (self.next + i) % count);
        let number = order.into_iter().find(|n| !self.taken.contains(n)).unwrap_or_default();
        self.next = (number + 1) % count;
        self.taken.insert(number);
        self.given.insert(uid.into(), number);
        number
    }
    fn give_back(&mut self, uid: &str) {
        if let Some(number) = self.given.remove(uid) {
            self.taken.remove(&number);
        }
    }
}

impl Addresses {
    /// An address of 10.244.0.0/16.
    pub(super) fn pod(&mut self, uid: &str) -> String {
        let number = self.pods.give(uid, 65_000) + 2;
        format!("10.244.{}.{}", number >> 8, number & 255)
    }
    /// An address of 172.18.0.0/16, from the middle on.
    pub(super) fn balancer(&mut self, uid: &str) -> String {
        let number = self.balancers.give(uid, 32_000) + 1;
        format!("172.18.{}.{}", 128 + (number >> 8), number & 255)
    }
    /// Takes back what an object had.
    pub(super) fn give_back(&mut self, uid: &str) {
        self.pods.give_back(uid);
        self.balancers.give_back(uid);
    }
}

impl World {
    pub(super) fn new(handle: StoreHandle, options: Options) -> World {
        World {
            kubelet: handle.with_manager("kubelet"),
            handle,
            options,
            queue: Queue::default(),
            dependents: Dependents::default(),
            pods: Labels::default(),
            services: Labels::default(),
            addresses: Addresses::default(),
            events: Events::default(),
            first_seen: HashMap::new(),
            tracked: Vec::new(),
            registry_revision: None,
            seen_version: 0,
        }
    }

    /// Works until the task is dropped.
    pub(super) async fn run(mut self) {
        node::create(&self);
        claim::create_class(&self);
        let written = self.handle.store().written().clone();
        // How often in a row and in quick succession a wake found nothing to do.
        let mut idle_wakes = 0;
        loop {
            let mut worked = 0;
            self.observe();
            while let Some(key) = self.queue.pop() {
                self.sync(key);
                self.observe();
                worked += 1;
                if worked % BATCH == 0 {
                    tokio::task::yield_now().await;
                }
            }
            self.write_events();
            self.observe();
            if self.queue.has_due() {
                continue;
            }
            self.handle.store().settle(self.seen_version);
            idle_wakes = if worked == 0 { idle_wakes + 1 } else { 0 };
            if idle_wakes > MAX_IDLE_WAKES {
                tokio::time::sleep(BURST_PAUSE).await;
            }
            let before = Instant::now();
            match self.queue.next_due() {
                Some(at) => {
                    tokio::select! {
                        () = written.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => written.notified().await,
            }
            if before.elapsed() > BURST_PAUSE * 5 {
                idle_wakes = 0;
            }
        }
    }

    fn sync(&mut self, key: Key) {
        let result = match &key {
            Key::Owned(place) => garbage::owned(self, place),
            Key::Owner(place) => garbage::owner(self, place),
            Key::Of(role, namespace, name) => {
                let sync = match role {
                    Role::Account => account::sync,
                    Role::Claim => claim::sync,
                    Role::CronJob => cron_job::sync,
                    Role::DaemonSet => daemon_set::sync,
                    Role::Deployment => deployment::sync,
                    Role::DisruptionBudget => policy::sync_budget,
                    Role::Autoscaler => policy::sync_autoscaler,
                    Role::Ingress => service::sync_ingress,
                    Role::Job => job::sync,
                    Role::Namespace => namespace::sync,
                    Role::Pod => pod::sync,
                    Role::ReplicaSet => replica_set::sync,
                    Role::Service => service::sync,
                    Role::StatefulSet => stateful_set::sync,
                    Role::Volume => claim::sync_volume,
                };
                sync(self, namespace, name)
            }
        };
        match result {
            Ok(()) => self.queue.succeeded(&key),
            Err(error) => {
                tracing::debug!(?key, %error, "a simulated controller tries again");
                self.queue.retry(key);
            }
        }
    }

    /// How long a pod has been there.
    pub(super) fn age(&mut self, pod: &Object) -> Duration {
        self.first_seen.entry(pod.uid().into()).or_insert_with(Instant::now).elapsed()
    }
    /// Forgets a pod that is gone.
    pub(super) fn forget_pod(&mut self, uid: &str) {
        self.first_seen.remove(uid);
        self.addresses.give_back(uid);
    }

    /// An object, by its place.
    pub(super) fn at(&self, place: &Place) -> Option<Arc<Stored>> {
        self.handle.get(&place.group, &place.resource, &place.namespace, &place.name)
    }
    /// What an owner has of one resource, as it is stored at this moment.
    pub(super) fn owned(&self, uid: &str, resource: &str) -> Vec<Arc<Stored>> {
        self.dependents.of_resource(uid, resource).iter().filter_map(|p| self.at(p)).collect()
    }
    /// The same, what this very work has just written included.
    pub(super) fn owned_now(&mut self, uid: &str, resource: &str) -> Vec<Arc<Stored>> {
        self.observe();
        self.owned(uid, resource)
    }
    /// Writes an object's status where it differs and the object is still the one seen.
    pub(super) fn put_status(&self, object: &Object, status: Value) -> Result<()> {
        if object.get("status") == Some(&status) {
            return Ok(());
        }
        let uid = object.uid().to_owned();
        self.handle.modify(object, "status", &mut |live| {
            if live.uid() != uid || live.get("status") == Some(&status) {
                return false;
            }
            live.set(&["status"], status.clone());
            true
        })?;
        Ok(())
    }
    /// Looks at an object again after a while.
    pub(super) fn again(&mut self, role: Role, namespace: &str, name: &str, after: Duration) {
        self.queue.add_after(Key::of(role, namespace, name), after);
    }
    /// Deletes an object in the background, where it is still the one seen.
    pub(super) fn delete(&self, object: &Object) -> Result<()> {
        let options = Delete { uid: Some(object.uid().into()), ..Delete::default() };
        match self.handle.delete(object, &options) {
            Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
            other => other,
        }
    }
}

/// The time as objects have it.
pub(super) fn now_text() -> String {
    times::seconds(Timestamp::now())
}

/// A controlling owner reference.
pub(super) fn owner_reference(owner: &Object) -> Value {
    object! {
        "apiVersion" => owner.api_version(), "kind" => owner.kind(), "name" => owner.name(), "uid" => owner.uid(),
        "controller" => true, "blockOwnerDeletion" => true,
    }
}

/// A whole number of an object, 0 where absent.
pub(super) fn number(object: &Object, path: &[&str]) -> i64 {
    object.at(path).and_then(Value::as_i64).unwrap_or_default()
}
