//! From changes in the store to keys in the queue, and the upkeep of the indexes.

use std::collections::HashSet;
use std::sync::Arc;

use belay_object::{Map, Object, Value};

use super::index::{Owner, Place, owners};
use super::queue::{Key, Role};
use super::world::World;
use crate::resource::Resource;
use crate::store::{EventKind, ListOptions, Stored, Watcher};

/// One resource whose changes are followed.
pub(super) struct Tracked {
    resource: Arc<Resource>,
    watcher: Option<Watcher>,
    /// The newest write that has been read.
    seen: u64,
    /// The objects whose changes matter beyond the moment, for when history is lost: what had owners.
    known: HashSet<Place>,
}

/// The controller that a resource belongs to.
fn role_of(group: &str, resource: &str) -> Option<Role> {
    Some(match (group, resource) {
        ("", "namespaces") => Role::Namespace,
        ("", "persistentvolumeclaims") => Role::Claim,
        ("", "persistentvolumes") => Role::Volume,
        ("", "pods") => Role::Pod,
        ("", "services") => Role::Service,
        ("apps", "daemonsets") => Role::DaemonSet,
        ("apps", "deployments") => Role::Deployment,
        ("apps", "replicasets") => Role::ReplicaSet,
        ("apps", "statefulsets") => Role::StatefulSet,
        ("autoscaling", "horizontalpodautoscalers") => Role::Autoscaler,
        ("batch", "cronjobs") => Role::CronJob,
        ("batch", "jobs") => Role::Job,
        ("networking.k8s.io", "ingresses") => Role::Ingress,
        ("policy", "poddisruptionbudgets") => Role::DisruptionBudget,
        _ => return None,
    })
}

/// The controller that an owner's kind belongs to.
fn role_of_kind(kind: &str) -> Option<Role> {
    Some(match kind {
        "CronJob" => Role::CronJob,
        "DaemonSet" => Role::DaemonSet,
        "Deployment" => Role::Deployment,
        "Job" => Role::Job,
        "ReplicaSet" => Role::ReplicaSet,
        "Service" => Role::Service,
        "StatefulSet" => Role::StatefulSet,
        _ => return None,
    })
}

impl World {
    /// Reads all that has been written since.
    pub(super) fn observe(&mut self) {
        while self.handle.store().version() != self.seen_version {
            self.seen_version = self.handle.store().version();
            self.follow_registry();
            let mut tracked = std::mem::take(&mut self.tracked);
            tracked.iter_mut().for_each(|t| self.read(t));
            self.tracked = tracked;
        }
    }

    /// Follows resources that definitions have brought, and drops those that are gone.
    fn follow_registry(&mut self) {
        let registry = self.handle.registry();
        if self.registry_revision == Some(registry.revision()) {
            return;
        }
        self.registry_revision = Some(registry.revision());
        // One table may be served in several versions.
        let mut seen = HashSet::new();
        for resource in registry.resources().filter(|r| r.serves("watch")) {
            let table = (resource.table.group.clone(), resource.table.resource.clone());
            if !seen.insert(table) || self.tracked.iter().any(|t| Arc::ptr_eq(&t.resource.table, &resource.table)) {
                continue;
            }
            self.tracked.push(Tracked { resource: resource.clone(), watcher: None, seen: 0, known: HashSet::new() });
        }
        self.tracked.retain(|t| !t.resource.table.is_closed());
    }

    fn read(&mut self, tracked: &mut Tracked) {
        // A write is told of after it is in the history: what is read now holds all up to here.
        let newest = tracked.resource.table.newest();
        if tracked.watcher.is_some() && newest == tracked.seen {
            return;
        }
        tracked.seen = newest;
        loop {
            let Some(watcher) = &mut tracked.watcher else {
                self.resync(tracked);
                return;
            };
            match watcher.poll() {
                Ok(events) if events.is_empty() => return,
                Ok(events) => {
                    for event in events {
                        let old = event.previous.as_deref();
                        match event.kind {
                            EventKind::Added | EventKind::Modified => self.changed(tracked, old, &event.stored),
                            EventKind::Deleted => self.gone(tracked, &event.stored),
                        }
                    }
                }
                Err(_) => tracked.watcher = None,
            }
        }
    }

    /// Begins anew with all there is: at the start, and where history went faster than this task.
    fn resync(&mut self, tracked: &mut Tracked) {
        let table = &tracked.resource.table;
        let all = ListOptions { namespace: "", at: None, after: None, limit: 0, select: &|_| true };
        let Ok(list) = table.list(&all) else { return };
        let Ok(watcher) = table.watch(list.version) else { return };
        tracked.watcher = Some(watcher);
        let live: HashSet<Place> = list.items.iter().map(|s| place(tracked, s)).collect();
        for lost in tracked.known.iter().filter(|p| !live.contains(p)) {
            // Its last state is unknown: whatever it hung on is looked at when something else changes there.
            self.queue.add(Key::Owned(lost.clone()));
        }
        for stored in &list.items {
            self.changed(tracked, None, stored);
        }
    }

    fn changed(&mut self, tracked: &mut Tracked, old: Option<&Stored>, new: &Arc<Stored>) {
        let resource = tracked.resource.clone();
        let old = old.map(|s| s.object());
        self.follow_owners(tracked, old, Some(new));
        if new.is_deleting() && new.finalizers().any(|f| matches!(f, "foregroundDeletion" | "orphan")) {
            self.queue.add(Key::Owner(place(tracked, new)));
        }
        if let Some(role) = role_of(&resource.group, &resource.plural) {
            self.queue.add(Key::of(role, new.namespace(), new.name()));
        }
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "namespaces") => self.queue.add(Key::of(Role::Account, "", new.name())),
            ("", "pods") => self.pod_changed(old, Some(new)),
            ("", "services") => self.services.replace(
                new.namespace(),
                new.name(),
                old.and_then(first_pair).as_ref(),
                first_pair(new).as_ref(),
            ),
            ("apps", "deployments" | "statefulsets" | "replicasets") => self.scaled(new),
            _ => {}
        }
    }

    fn gone(&mut self, tracked: &mut Tracked, last: &Arc<Stored>) {
        let resource = tracked.resource.clone();
        self.follow_owners(tracked, Some(last), None);
        for dependent in self.dependents.of(last.uid()) {
            self.queue.add(Key::Owned(dependent));
        }
        if !last.namespace().is_empty() {
            let namespace = self.handle.get("", "namespaces", "", last.namespace());
            if namespace.is_some_and(|n| n.is_deleting()) {
                self.queue.add(Key::of(Role::Namespace, "", last.namespace()));
            }
        }
        match (resource.group.as_str(), resource.plural.as_str()) {
            ("", "pods") => {
                self.forget_pod(last.uid());
                self.pod_changed(Some(last), None);
            }
            ("", "services") => {
                self.addresses.give_back(last.uid());
                self.services.replace(last.namespace(), last.name(), first_pair(last).as_ref(), None);
                self.queue.add(Key::of(Role::Service, last.namespace(), last.name()));
            }
            ("networking.k8s.io", "ingresses") => self.addresses.give_back(last.uid()),
            ("", "serviceaccounts") if last.name() == "default" => {
                self.queue.add(Key::of(Role::Account, "", last.namespace()));
            }
            ("", "configmaps") if last.name() == super::account::ROOT_CA => {
                self.queue.add(Key::of(Role::Account, "", last.namespace()));
            }
            ("", "persistentvolumeclaims") => {
                if let Some(volume) = last.str_at(&["spec", "volumeName"]) {
                    self.queue.add(Key::of(Role::Volume, "", volume));
                }
            }
            _ => {}
        }
    }

    /// Keeps the index of dependents, and wakes owners.
    fn follow_owners(&mut self, tracked: &mut Tracked, old: Option<&Object>, new: Option<&Object>) {
        let (before, after) = (old.map(owners).unwrap_or_default(), new.map(owners).unwrap_or_default());
        let Some(object) = new.or(old).filter(|_| !before.is_empty() || !after.is_empty()) else { return };
        let place = &place_of(tracked, object);
        self.dependents.replace(place, &before, &after);
        match new {
            Some(_) if !after.is_empty() => drop(tracked.known.insert(place.clone())),
            _ => drop(tracked.known.remove(place)),
        }
        if new.is_some() && before != after && !after.is_empty() {
            self.queue.add(Key::Owned(place.clone()));
        }
        for owner in before.iter().chain(&after) {
            if let Some(role) = role_of_kind(&owner.kind).filter(|_| owner.controller) {
                self.queue.add(Key::of(role, &place.namespace, &owner.name));
            }
        }
        // An owner that waits for its dependents looks again when one of them changes or goes.
        for owner in before {
            let Some(at) = self.place_of(&owner, &place.namespace) else { continue };
            let waits = |o: Arc<Stored>| o.is_deleting() && o.finalizers().any(|f| f == "foregroundDeletion");
            if self.at(&at).is_some_and(waits) {
                self.queue.add(Key::Owner(at));
            }
        }
    }

    /// Where an owner stands; `None` where nothing serves its kind.
    pub(super) fn place_of(&self, owner: &Owner, namespace: &str) -> Option<Place> {
        let (group, version) = owner.api_version.split_once('/').unwrap_or(("", &owner.api_version));
        let registry = self.handle.registry();
        let resource = registry.by_kind(group, version, &owner.kind)?;
        Some(Place {
            group: resource.table.group.clone(),
            resource: resource.table.resource.clone(),
            namespace: if resource.namespaced { namespace.into() } else { "".into() },
            name: owner.name.as_str().into(),
        })
    }

    /// Wakes the services and budgets that a pod may belong to.
    fn pod_changed(&mut self, old: Option<&Object>, new: Option<&Object>) {
        let Some(pod) = new.or(old) else { return };
        let labels = |o: Option<&Object>| o.and_then(Object::labels).cloned();
        let (before, after) = (labels(old), labels(new));
        self.pods.replace(pod.namespace(), pod.name(), before.as_ref(), after.as_ref());
        for labels in [before, after].into_iter().flatten() {
            for service in self.services.under(pod.namespace(), &labels) {
                self.queue.add(Key::of(Role::Service, pod.namespace(), &service));
            }
        }
        for budget in self.handle.list("policy", "poddisruptionbudgets", pod.namespace()) {
            self.queue.add(Key::of(Role::DisruptionBudget, budget.namespace(), budget.name()));
        }
    }

    /// Wakes the autoscalers of a workload.
    fn scaled(&mut self, workload: &Object) {
        for scaler in self.handle.list("autoscaling", "horizontalpodautoscalers", workload.namespace()) {
            let target = |k: &str| scaler.str_at(&["spec", "scaleTargetRef", k]);
            if target("kind") == Some(workload.kind()) && target("name") == Some(workload.name()) {
                self.queue.add(Key::of(Role::Autoscaler, scaler.namespace(), scaler.name()));
            }
        }
    }
}

fn place(tracked: &Tracked, stored: &Stored) -> Place {
    place_of(tracked, stored.object())
}

fn place_of(tracked: &Tracked, stored: &Object) -> Place {
    Place {
        group: tracked.resource.table.group.clone(),
        resource: tracked.resource.table.resource.clone(),
        namespace: stored.namespace().into(),
        name: stored.name().into(),
    }
}

/// The first pair of a service's selector: under it the service stands in the index.
fn first_pair(service: &Object) -> Option<Map> {
    let selector = service.at(&["spec", "selector"]).and_then(Value::as_object)?;
    let (key, value) = selector.iter().next()?;
    Some([(key.clone(), value.clone())].into_iter().collect())
}
