//! What an Application's objects own, and theirs: drawn as a tree.
//!
//! Looked for are the kinds that workloads make, in the namespaces of the Application's objects: a whole cluster is
//! not listed for one command.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use anyhow::Result;
use belay_argo::spec::Application;
use belay_cluster::{ListOptions, Resource};
use belay_object::{Object, ObjectKey, Value};
use jiff::Timestamp;

use super::look::Look;
use super::view;
use crate::argocd::Columns;
use crate::args::Form;
use crate::plane::Plane;

/// What workloads make: group, kind, plural.
const OWNED: [(&str, &str, &str); 6] = [
    ("apps", "ReplicaSet", "replicasets"),
    ("apps", "ControllerRevision", "controllerrevisions"),
    ("batch", "Job", "jobs"),
    ("", "Pod", "pods"),
    ("", "PersistentVolumeClaim", "persistentvolumeclaims"),
    ("discovery.k8s.io", "EndpointSlice", "endpointslices"),
];
/// A Deployment's pod is two steps below it; what operators make goes deeper.
const MAX_DEPTH: usize = 16;

/// The live objects of an Application, and what they own.
pub async fn objects(look: &Look, app: &Application) -> Result<Vec<Object>> {
    let live = look.preview.live(app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
    let namespaces: BTreeSet<String> =
        live.values().map(|o| o.namespace().to_owned()).filter(|n| !n.is_empty()).collect();
    let roots: Vec<Object> = live.into_values().map(|o| (*o).clone()).collect();
    let mut owned = Vec::new();
    for namespace in namespaces {
        for (group, kind, plural) in OWNED {
            let resource = Resource::known(group, "v1", kind, plural, true);
            // Who may not see these sees the rest.
            let Ok(found) = look.at.cluster.list(&resource, &namespace, &ListOptions::default()).await else {
                continue;
            };
            owned.extend(found.items.into_iter().filter(|o| !owners(o).is_empty()));
        }
    }
    Ok(with_owned(roots, owned))
}

/// These objects, and those of `others` that one of them owns, or one that it owns: a namespace holds objects of
/// other Applications, too.
pub fn with_owned(roots: Vec<Object>, mut others: Vec<Object>) -> Vec<Object> {
    let mut all = roots;
    let mut known: HashSet<ObjectKey> = all.iter().map(Object::key).collect();
    let mut uids: HashSet<String> = all.iter().map(|o| o.uid().to_owned()).filter(|uid| !uid.is_empty()).collect();
    for _ in 0..MAX_DEPTH {
        let (found, rest): (Vec<Object>, Vec<Object>) =
            others.into_iter().partition(|o| owners(o).into_iter().any(|uid| uids.contains(uid)));
        if found.is_empty() {
            break;
        }
        uids.extend(found.iter().map(|o| o.uid().to_owned()));
        all.extend(found.into_iter().filter(|o| known.insert(o.key())));
        others = rest;
    }
    all
}

/// The uids of an object's owners.
fn owners(object: &Object) -> Vec<&str> {
    let all = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
    all.iter().filter_map(|o| o.str_at(&["uid"])).collect()
}

/// An object as a tree shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Which object.
    pub key: ObjectKey,
    /// `v1`
    pub version: String,
    /// Empty for one that is not there.
    pub uid: String,
    /// The uids of its owners.
    pub owners: Vec<String>,
    /// How it is, and why.
    pub health: Option<(String, String)>,
    /// When it was made.
    pub created_at: String,
}

/// The live objects of an Application; with `deep`, what they own, too.
pub async fn nodes(plane: &Plane, app: &Application, deep: bool) -> Result<Vec<Node>> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => return Ok(listed(&through.tree(app).await?, "nodes")),
    };
    let look = Look::at(argo, app).await?;
    let all = match deep {
        true => objects(&look, app).await?,
        false => {
            let live = look.preview.live(app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
            live.into_values().map(|o| (*o).clone()).collect()
        }
    };
    Ok(all.iter().map(|object| node(&look, object)).collect())
}

fn node(look: &Look, object: &Object) -> Node {
    let health = look.preview.config().health(object);
    Node {
        key: object.key(),
        version: object.group_version_kind().version.to_string(),
        uid: object.uid().to_owned(),
        owners: owners(object).into_iter().map(str::to_owned).collect(),
        health: health.map(|h| (h.status.as_str().to_owned(), h.message)),
        created_at: object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().to_owned(),
    }
}

/// The nodes of a tree that a server tells.
pub fn listed(tree: &Value, list: &str) -> Vec<Node> {
    let node = |value: &Value| {
        let text = |path: &[&str]| value.str_at(path).unwrap_or_default();
        let parents = value.get("parentRefs").map_or(&[][..], Value::items);
        Node {
            key: ObjectKey::new(text(&["group"]), text(&["kind"]), text(&["namespace"]), text(&["name"])),
            version: text(&["version"]).to_owned(),
            uid: text(&["uid"]).to_owned(),
            owners: parents.iter().filter_map(|p| p.str_at(&["uid"])).map(str::to_owned).collect(),
            health: value
                .str_at(&["health", "status"])
                .map(|s| (s.to_owned(), text(&["health", "message"]).to_owned())),
            created_at: text(&["createdAt"]).to_owned(),
        }
    };
    tree.get(list).map_or(&[][..], Value::items).iter().map(node).collect()
}

/// Objects with all that they own, each once.
pub fn below<'a>(all: &'a [Object], roots: &[&'a Object]) -> Vec<&'a Object> {
    let mut found: Vec<&Object> = Vec::new();
    let mut seen: HashSet<&str> = HashSet::new();
    let mut open: Vec<&Object> = roots.to_vec();
    while let Some(object) = open.pop() {
        if seen.insert(object.uid()) {
            found.push(object);
            open.extend(all.iter().filter(|o| owners(o).contains(&object.uid())));
        }
    }
    found
}

/// Prints the tree.
pub async fn print(plane: &Plane, app: &Application, form: Form) -> Result<()> {
    let nodes = nodes(plane, app, true).await?;
    let healths = nodes.iter().filter_map(|n| Some((n.key.clone(), n.health.as_ref()?.0.clone()))).collect();
    drawn(app, &nodes, &healths, form == Form::TreeDetailed).print();
    Ok(())
}

/// The tree as a table.
pub fn drawn(app: &Application, nodes: &[Node], healths: &view::Healths, is_detailed: bool) -> Columns {
    let row = |row: view::Row| (ObjectKey::new(&row.group, &row.kind, &row.namespace, &row.name), row);
    let rows: BTreeMap<ObjectKey, view::Row> = view::rows(app, healths).into_iter().map(row).collect();
    let mut table = Columns::new(match is_detailed {
        true => &["KIND/NAME", "STATUS", "HEALTH", "AGE", "MESSAGE", "REASON"],
        false => &["KIND/NAME", "STATUS", "HEALTH", "MESSAGE"],
    });
    let mut draw = Draw { all: nodes, rows: &rows, is_detailed, table: &mut table };
    for r in app.status.resources.iter().filter(|r| !r.hook) {
        let key = ObjectKey::new(&r.group, &r.kind, &r.namespace, &r.name);
        match nodes.iter().find(|node| node.key == key && !node.uid.is_empty()) {
            Some(root) => draw.object(root, "", "", 0),
            None => draw.missing(r),
        }
    }
    table
}

struct Draw<'a> {
    all: &'a [Node],
    rows: &'a BTreeMap<ObjectKey, view::Row>,
    is_detailed: bool,
    table: &'a mut Columns,
}

impl Draw<'_> {
    /// One object and what it owns. `first` is in front of it, `rest` in front of what is below.
    fn object(&mut self, node: &Node, first: &str, rest: &str, depth: usize) {
        let row = self.rows.get(&node.key).cloned().unwrap_or_default();
        let (word, reason) = node.health.clone().unwrap_or_default();
        let named = format!("{first}{}/{}", node.key.kind.kind, node.key.name);
        match self.is_detailed {
            true => self.table.row([named, row.status, word, age(&node.created_at), row.message, reason]),
            false => self.table.row([named, row.status, word, row.message]),
        }
        if depth >= MAX_DEPTH {
            return;
        }
        let mut children: Vec<&Node> = self.all.iter().filter(|o| o.owners.contains(&node.uid)).collect();
        children.sort_by(|a, b| (&a.key.kind.kind, &a.key.name).cmp(&(&b.key.kind.kind, &b.key.name)));
        for (i, child) in children.iter().enumerate() {
            let (branch, below) = if i + 1 == children.len() { ("└─", "  ") } else { ("├─", "│ ") };
            self.object(child, &format!("{rest}{branch}"), &format!("{rest}{below}"), depth + 1);
        }
    }

    fn missing(&mut self, r: &belay_argo::spec::ResourceStatus) {
        let status = r.status.map(|s| s.as_str()).unwrap_or_default();
        let named = format!("{}/{}", r.kind, r.name);
        match self.is_detailed {
            true => self.table.row([named.as_str(), status, "Missing", "", "", ""]),
            false => self.table.row([named.as_str(), status, "Missing", ""]),
        }
    }
}

/// How long an object has been there, in the largest unit.
fn age(created_at: &str) -> String {
    let Ok(made) = created_at.parse::<Timestamp>() else { return String::new() };
    let seconds = (Timestamp::now().as_second() - made.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
