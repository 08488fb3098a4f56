//! Deleting what left the render, or all of a deleted App, each with its certificate.
//!
//! *Invariant* (ACT-1, ACT-2, ACT-6): this runs last, only after every apply of the run went well;
//! each DELETE is preceded by a read of the live object in this run and by the record of its certificate,
//! and carries its uid.

use std::sync::Arc;

use belay_cluster::{Cluster, DeleteOptions, Error, ErrorKind, List, ListOptions, Propagation, Resource};
use belay_object::{Object, ObjectKey};
use belay_plan::{
    Change, ChangeKind, ChangeSet, DeletionCertificate, Fate, Inventory, InventoryEntry, Policy, PruneSet,
};
use futures::FutureExt;

use crate::app::Target;
use crate::apply::{at_once, refusal};
use crate::claims::{Claimant, Claimed};
use crate::journal::{Journal, MAX_CERTIFICATES, Progress};

/// Foreign objects that are told.
const MAX_FOREIGN: usize = 5;

/// What deleting came to.
#[derive(Default)]
pub struct Pruned {
    /// What happened to each object.
    pub changes: ChangeSet,
    /// What could not be deleted: stays in the inventory.
    pub left: Vec<InventoryEntry>,
    /// What was deleted, or is on its way: to be waited for where that is asked for.
    pub deleted: Vec<InventoryEntry>,
    /// What another App is, or may be, about to take over: stays in the inventory until that is over.
    pub moving: Vec<(ObjectKey, Claimant)>,
    /// What was left alone, and why, a sentence each.
    pub kept: Vec<String>,
    /// What failed, a sentence each.
    pub errors: Vec<String>,
}

/// What a prune goes by.
#[derive(Clone, Copy)]
pub(crate) struct Rules<'a> {
    pub inventory: &'a Inventory,
    pub policy: &'a Policy,
    pub claimed: &'a Claimed,
}

/// Deletes the candidates in their order, except those that are claimed by another App.
pub(crate) async fn prune(target: &Target, set: &PruneSet, rules: Rules<'_>, journal: &dyn Journal) -> Pruned {
    let mut pruned = Pruned::default();
    for batch in batches(set.candidates()) {
        let mut certified = Vec::new();
        for entry in batch {
            match judge(target, set, entry, rules).await {
                Ok(Judged::Delete(resource, certificate)) => certified.push((entry, resource, certificate)),
                Ok(Judged::End(end)) => pruned.enter(entry, Ok(end)),
                Err(why) => pruned.enter(entry, Err(why)),
            }
        }
        if certified.is_empty() {
            continue;
        }
        // ACT-1: recorded before the first of them is deleted.
        let certificates = certified.iter().map(|(.., certificate)| certificate.record()).collect();
        if let Err(e) = journal.record(Progress::Deleting { certificates }).await {
            pruned.errors.push(e.to_string());
            pruned.left.extend(certified.iter().map(|(entry, ..)| (*entry).clone()));
            continue;
        }
        for (entry, resource, certificate) in certified {
            pruned.enter(entry, delete(target, &resource, &certificate).await);
        }
    }
    pruned
}

/// Candidates whose certificates are recorded together. A namespace is looked at only when what was in
/// it is deleted: what somebody puts there meanwhile keeps it.
fn batches(candidates: &[InventoryEntry]) -> impl Iterator<Item = &[InventoryEntry]> {
    let together = |a: &InventoryEntry, b: &InventoryEntry| !is_namespace(&a.key) && !is_namespace(&b.key);
    candidates.chunk_by(together).flat_map(|some| some.chunks(MAX_CERTIFICATES))
}

impl Pruned {
    fn enter(&mut self, entry: &InventoryEntry, end: Result<End, String>) {
        match end {
            Ok(End::Deleted) => {
                self.changes.push(Change::new(entry.clone(), ChangeKind::Deleted));
                self.deleted.push(entry.clone());
            }
            Ok(End::Gone) => self.changes.push(Change::new(entry.clone(), ChangeKind::Deleted)),
            Ok(End::Moving(to)) => {
                self.moving.push((entry.key.clone(), to));
                self.left.push(entry.clone());
            }
            Ok(End::Kept(why)) => {
                self.changes.push(Change::new(entry.clone(), ChangeKind::Skipped));
                self.kept.push(format!("{} is left alone: {why}", entry.key));
            }
            Err(why) => {
                self.errors.push(why);
                self.left.push(entry.clone());
            }
        }
    }
}

enum End {
    Gone,
    Deleted,
    Moving(Claimant),
    Kept(String),
}

enum Judged {
    Delete(Arc<Resource>, DeletionCertificate),
    End(End),
}

async fn judge(target: &Target, set: &PruneSet, entry: &InventoryEntry, rules: Rules<'_>) -> Result<Judged, String> {
    let key = &entry.key;
    let failed = |e: Error| refusal(&e).query_message(key);
    let resource = match target.cluster.resolve(&key.kind).await {
        Ok(resource) => resource,
        // The definition is gone, and its objects with it.
        Err(e) if e.kind() == ErrorKind::UnknownKind => return Ok(Judged::End(End::Gone)),
        Err(e) => return Err(failed(e)),
    };
    let live = target.acting.find(&resource, &key.namespace, &key.name).await.map_err(failed)?;
    let mut foreign = Vec::new();
    if let Some(live) = live.as_ref().filter(|l| is_namespace(key) && !l.is_deleting()) {
        let is_ours = |key: &ObjectKey, _: &Object| rules.inventory.contains(key);
        foreign = foreign_objects(&target.cluster, live, &is_ours).await.map_err(failed)?;
    }
    Ok(match set.judge(entry, live.as_ref(), &foreign, rules.policy) {
        Fate::Gone => Judged::End(End::Gone),
        Fate::Leaving => Judged::End(End::Deleted),
        Fate::Kept(why) => Judged::End(End::Kept(why.to_string())),
        Fate::Delete(certificate) => match rules.claimed.of(key) {
            Some(claimant) => Judged::End(End::Moving(claimant)),
            None => Judged::Delete(resource, certificate),
        },
    })
}

async fn delete(target: &Target, resource: &Resource, certificate: &DeletionCertificate) -> Result<End, String> {
    let key = &certificate.entry().key;
    let options = DeleteOptions {
        uid: certificate.uid().to_owned(),
        propagation: Some(Propagation::Background),
        ..DeleteOptions::default()
    };
    match target.acting.delete(resource, &key.namespace, &key.name, &options).await {
        Ok(_) => Ok(End::Deleted),
        Err(e) if e.is_not_found() => Ok(End::Gone),
        Err(e) if e.kind() == ErrorKind::Conflict => Ok(End::Kept("somebody made it anew since it was read".into())),
        Err(e) => Err(refusal(&e).delete_message(key)),
    }
}

pub(crate) fn is_namespace(key: &ObjectKey) -> bool {
    key.kind.group.is_empty() && key.kind.kind == "Namespace"
}

/// What lives in a namespace, does not go with it by `goes` and was not made by a controller: it would be
/// deleted with the namespace (ACT-3). Of each object its metadata is looked at.
pub(crate) async fn foreign_objects(
    cluster: &Cluster,
    namespace: &Object,
    goes: &(dyn Fn(&ObjectKey, &Object) -> bool + Sync),
) -> Result<Vec<String>, Error> {
    let catalog = cluster.catalog().await?;
    let mut seen = std::collections::HashSet::new();
    let kinds = catalog.resources().iter().filter(|r| {
        r.namespaced
            && r.supports("list")
            && r.supports("delete")
            && seen.insert(r.group_kind())
            && !is_made_by_servers(r)
    });
    let lists =
        at_once(kinds.cloned().map(|resource| list(cluster, resource, namespace.name()).boxed()).collect()).await;
    let mut foreign = Vec::new();
    for (resource, found) in lists {
        for mut object in found?.items {
            let kind = resource.group_kind();
            // Lists of metadata are of a kind of their own.
            object.set(&["apiVersion"], resource.api_version());
            object.set(&["kind"], resource.kind.as_str());
            let key = ObjectKey { kind, namespace: namespace.name().into(), name: object.name().into() };
            let owned = object.at(&["metadata", "ownerReferences"]).is_some_and(|o| !o.items().is_empty());
            if !owned && !goes(&key, &object) && !is_in_every_namespace(&key) && !object.is_deleting() {
                foreign.push(key.to_string());
                if foreign.len() >= MAX_FOREIGN {
                    return Ok(foreign);
                }
            }
        }
    }
    Ok(foreign)
}

async fn list(cluster: &Cluster, resource: Arc<Resource>, namespace: &str) -> (Arc<Resource>, Result<List, Error>) {
    let found = cluster.list_metadata(&resource, namespace, &ListOptions::default()).await;
    (resource, found)
}

fn is_made_by_servers(resource: &Resource) -> bool {
    matches!(
        &*resource.kind,
        "Event" | "Endpoints" | "EndpointSlice" | "ControllerRevision" | "Pod" | "ReplicaSet" | "Lease"
    )
}

fn is_in_every_namespace(key: &ObjectKey) -> bool {
    matches!((&*key.kind.kind, &*key.name), ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt"))
}
