//! What an Application consists of: the objects that it manages, and what these own.
//!
//! [`Node::of`] takes from a live object what a tree shows of it; a [`Forest`] knows whose a cluster's nodes
//! are by their owner references, and by the few relations that have none, and gives the trees of
//! Applications, each at the cost of what it shows. How the objects were obtained is not known here.

mod network;
mod wanted;
mod write;

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use belay_health::argo::Health;
use belay_object::{GroupVersionKind, Key, Object, ObjectKey, Value};

use crate::live::{images, info};

pub use network::Network;
pub(crate) use network::links;
pub use wanted::{is_orphan, kinds};

/// A live object as a tree shows it: some hundred bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct Node {
    /// Which object.
    pub key: ObjectKey,
    /// `v1`
    pub version: Key,
    /// Its uid.
    pub uid: Box<str>,
    /// Its version when it was looked at.
    pub resource_version: Box<str>,
    /// Its owners.
    pub parents: Box<[Parent]>,
    /// An object of this namespace that it belongs to without saying so: kind and name.
    pub implied: Option<ObjectKey>,
    /// The Application that its tracking names; empty for none.
    pub tracked_by: Box<str>,
    /// How it is.
    pub health: Option<Box<Health>>,
    /// What is shown beside it.
    pub info: Box<[(Box<str>, Box<str>)]>,
    /// The images that it runs.
    pub images: Box<[Box<str>]>,
    /// What it does on the network.
    pub network: Option<Box<Network>>,
    /// When it was made.
    pub created_at: Box<str>,
}

/// An owner, as an object names it.
#[derive(Clone, PartialEq, Debug)]
pub struct Parent {
    /// What it is.
    pub kind: GroupVersionKind,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Box<str>,
}

impl Node {
    /// Reads one. `labels` are those that are shown of every object.
    pub fn of(object: &Object, tracked_by: &str, health: Option<Health>, labels: &[String]) -> Node {
        let kind = object.group_version_kind();
        let mut info = info(object).into_vec();
        info.extend(labels.iter().filter_map(|name| Some((name.as_str().into(), object.label(name)?.into()))));
        Node {
            key: object.key(),
            uid: object.uid().into(),
            resource_version: object.resource_version().into(),
            parents: parents(object),
            implied: implied(object, &kind),
            tracked_by: tracked_by.into(),
            health: health.map(Box::new),
            info: info.into(),
            images: images(object),
            network: Network::of(object).map(Box::new),
            created_at: object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().into(),
            version: kind.version,
        }
    }
}

/// Owners of one object that are looked at.
const MAX_PARENTS: usize = 32;

fn parents(object: &Object) -> Box<[Parent]> {
    let references = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
    let parent = |reference: &Value| {
        let text = |field: &str| reference.str_at(&[field]);
        Some(Parent {
            kind: GroupVersionKind::from_api_version(text("apiVersion")?, text("kind")?),
            name: text("name")?.into(),
            uid: text("uid")?.into(),
        })
    };
    references.iter().take(MAX_PARENTS).filter_map(parent).collect()
}

/// Compat(argo 3.5): what belongs to another object by its name or a field alone.
fn implied(object: &Object, kind: &GroupVersionKind) -> Option<ObjectKey> {
    let namespace = object.namespace();
    let owned = object.at(&["metadata", "ownerReferences"]).is_some_and(|refs| !refs.items().is_empty());
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Endpoints") if !owned => Some(ObjectKey::new("", "Service", namespace, object.name())),
        ("", "Secret") if object.str_at(&["type"]) == Some("kubernetes.io/service-account-token") => {
            let account = object.annotation("kubernetes.io/service-account.name")?;
            Some(ObjectKey::new("", "ServiceAccount", namespace, account))
        }
        // The claim of a template is called `<template>-<set>-<number>`; which part is the set's name is
        // found among the sets that are there.
        ("", "PersistentVolumeClaim") if !owned => {
            let (front, number) = object.name().rsplit_once('-')?;
            let counts = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
            counts.then(|| ObjectKey::new("apps", "StatefulSet", namespace, front))
        }
        ("operators.coreos.com", "ClusterServiceVersion") => {
            let group = object.annotation("olm.operatorGroup")?;
            Some(ObjectKey::new("operators.coreos.com", "OperatorGroup", namespace, group))
        }
        _ => None,
    }
}

/// One of the objects that an Application manages, as its status lists it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Managed {
    /// Which object.
    pub key: ObjectKey,
    /// `v1`
    pub version: Key,
}

/// An Application's objects.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Tree {
    /// What it manages, and what that owns. What is managed and not there has no uid.
    pub nodes: Vec<Arc<Node>>,
    /// What is in its namespace and nobody's.
    pub orphaned: Vec<Arc<Node>>,
}

/// Nodes of one tree; a larger one is cut, and nothing is told of the rest.
const MAX_NODES: usize = 50_000;

/// All live nodes of a cluster, by what they belong to.
pub struct Forest {
    live: Vec<Arc<Node>>,
    by_uid: HashMap<ByUid, usize>,
    by_key: HashMap<ByKey, usize>,
    /// By owner, in the order of their keys.
    children: HashMap<usize, Vec<usize>>,
    /// What nobody tracks and nobody owns, by namespace.
    loose: HashMap<Box<str>, Vec<usize>>,
}

/// A node that is found by its uid: the text is not kept twice.
struct ByUid(Arc<Node>);

impl Borrow<str> for ByUid {
    fn borrow(&self) -> &str {
        &self.0.uid
    }
}
impl Hash for ByUid {
    fn hash<H: Hasher>(&self, state: &mut H) {
        str::hash(&self.0.uid, state);
    }
}
impl PartialEq for ByUid {
    fn eq(&self, other: &ByUid) -> bool {
        self.0.uid == other.0.uid
    }
}
impl Eq for ByUid {}

/// A node that is found by its key.
struct ByKey(Arc<Node>);

impl Borrow<ObjectKey> for ByKey {
    fn borrow(&self) -> &ObjectKey {
        &self.0.key
    }
}
impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}
impl PartialEq for ByKey {
    fn eq(&self, other: &ByKey) -> bool {
        self.0.key == other.0.key
    }
}
impl Eq for ByKey {}

/// What is nobody's and is told of with an Application.
pub struct Orphans<'a> {
    /// Where it stands.
    pub namespace: &'a str,
    /// What of it is told of.
    pub tells: &'a dyn Fn(&Node) -> bool,
}

impl Forest {
    /// Puts all live nodes of a cluster together.
    pub fn new(live: Vec<Arc<Node>>) -> Forest {
        let by_uid = live.iter().enumerate().map(|(i, node)| (ByUid(node.clone()), i)).collect();
        let by_key = live.iter().enumerate().map(|(i, node)| (ByKey(node.clone()), i)).collect();
        let mut forest = Forest { live, by_uid, by_key, children: HashMap::new(), loose: HashMap::new() };
        for (i, node) in forest.live.iter().enumerate() {
            let owners: BTreeSet<usize> = node.parents.iter().filter_map(|p| forest.owner(node, p)).collect();
            let implied = if owners.is_empty() { forest.implied(node) } else { None };
            if owners.is_empty() && implied.is_none() && node.tracked_by.is_empty() {
                match forest.loose.get_mut(&*node.key.namespace) {
                    Some(loose) => loose.push(i),
                    None => drop(forest.loose.insert(Box::from(&*node.key.namespace), vec![i])),
                }
            }
            for owner in owners.into_iter().chain(implied) {
                forest.children.entry(owner).or_default().push(i);
            }
        }
        for below in forest.children.values_mut() {
            below.sort_by(|a, b| forest.live[*a].key.cmp(&forest.live[*b].key));
        }
        forest
    }

    /// The tree of an Application. What `permits` does not permit is not shown, and nothing below it.
    pub fn tree(&self, managed: &[Managed], orphans: Option<&Orphans<'_>>, permits: &dyn Fn(&Node) -> bool) -> Tree {
        let mut tree = Tree::default();
        let mut seen: HashSet<&str> = HashSet::new();
        for one in managed {
            match self.by_key.get(&one.key) {
                Some(root) => self.walk(*root, permits, &mut seen, &mut tree.nodes),
                None => tree.nodes.push(Arc::new(missing(one))),
            }
        }
        let loose = orphans.and_then(|orphans| Some((orphans, self.loose.get(orphans.namespace)?)));
        for (orphans, i) in loose.into_iter().flat_map(|(orphans, all)| all.iter().map(move |i| (orphans, *i))) {
            let node = &self.live[i];
            if !seen.contains(&*node.uid) && (orphans.tells)(node) {
                self.walk(i, permits, &mut seen, &mut tree.orphaned);
            }
        }
        tree
    }

    /// The owner of a reference: by uid, and of the same name and namespace, as an object can claim
    /// anybody's uid.
    fn owner(&self, node: &Node, parent: &Parent) -> Option<usize> {
        let i = *self.by_uid.get(&*parent.uid)?;
        let found = &self.live[i];
        let same = *found.key.name == *parent.name && found.key.kind.kind == parent.kind.kind;
        let near = found.key.namespace.is_empty() || found.key.namespace == node.key.namespace;
        (same && near).then_some(i)
    }
    fn implied(&self, node: &Node) -> Option<usize> {
        let key = node.implied.as_ref()?;
        if key.kind.kind != "StatefulSet" {
            return self.by_key.get(key).copied();
        }
        // `data-my-db` may be of `my-db` or of `db`; the longest name that is there is meant.
        let mut rest = &*key.name;
        while let Some((_, name)) = rest.split_once('-') {
            let of = ObjectKey { name: name.into(), ..key.clone() };
            if let Some(found) = self.by_key.get(&of) {
                return Some(*found);
            }
            rest = name;
        }
        None
    }
    /// An object and all below it, each once. What an Application manages itself is always shown.
    fn walk<'a>(
        &'a self,
        root: usize,
        permits: &dyn Fn(&Node) -> bool,
        seen: &mut HashSet<&'a str>,
        into: &mut Vec<Arc<Node>>,
    ) {
        let mut open = vec![root];
        while let Some(i) = open.pop() {
            let node = &self.live[i];
            if into.len() >= MAX_NODES || (i != root && !permits(node)) || !seen.insert(&node.uid) {
                continue;
            }
            into.push(node.clone());
            // The last is taken first: the order of the keys.
            open.extend(self.children.get(&i).into_iter().flatten().rev());
        }
    }
}

/// Compat(argo 3.5): what is not there is told with its key and that it is missing.
fn missing(managed: &Managed) -> Node {
    Node {
        key: managed.key.clone(),
        version: managed.version.clone(),
        uid: Box::default(),
        resource_version: Box::default(),
        parents: Box::default(),
        implied: None,
        tracked_by: Box::default(),
        health: Some(Box::new(Health::missing())),
        info: Box::default(),
        images: Box::default(),
        network: None,
        created_at: Box::default(),
    }
}

#[cfg(test)]
mod tests;
