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
use crate::argocd::{Argocd, Columns};
use crate::args::Form;

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
pub async fn print(argo: &Argocd, app: &Application, form: Form) -> Result<()> {
    let look = Look::at(argo, app).await?;
    let all = objects(&look, app).await?;
    let healths = view::healths(argo, app).await;
    let rows: BTreeMap<(String, String, String, String), view::Row> = view::rows(app, &healths)
        .into_iter()
        .map(|row| ((row.group.clone(), row.kind.clone(), row.namespace.clone(), row.name.clone()), row))
        .collect();
    let is_detailed = form == Form::TreeDetailed;
    let mut table = Columns::new(match is_detailed {
        true => &["KIND/NAME", "STATUS", "HEALTH", "AGE", "MESSAGE", "REASON"],
        false => &["KIND/NAME", "STATUS", "HEALTH", "MESSAGE"],
    });
    let mut draw = Draw { look: &look, all: &all, rows: &rows, is_detailed, table: &mut table };
    for r in app.status.resources.iter().filter(|r| !r.hook) {
        let root = all.iter().find(|o| {
            let kind = o.group_kind();
            kind.group == r.group.as_str()
                && kind.kind == r.kind.as_str()
                && o.namespace() == r.namespace
                && o.name() == r.name
        });
        match root {
            Some(root) => draw.object(root, "", "", 0),
            None => draw.missing(r),
        }
    }
    table.print();
    Ok(())
}

struct Draw<'a> {
    look: &'a Look,
    all: &'a [Object],
    rows: &'a BTreeMap<(String, String, String, String), view::Row>,
    is_detailed: bool,
    table: &'a mut Columns,
}

impl Draw<'_> {
    /// One object and what it owns. `first` is in front of it, `rest` in front of what is below.
    fn object(&mut self, object: &Object, first: &str, rest: &str, depth: usize) {
        let kind = object.group_kind();
        let owned = str::to_owned;
        let key = (owned(&kind.group), owned(&kind.kind), owned(object.namespace()), owned(object.name()));
        let row = self.rows.get(&key).cloned().unwrap_or_default();
        let health = self.look.preview.config().health(object);
        let word = health.as_ref().map(|h| h.status.as_str().to_owned()).unwrap_or_default();
        let named = format!("{first}{}/{}", kind.kind, object.name());
        match self.is_detailed {
            true => {
                let reason = health.map(|h| h.message).unwrap_or_default();
                self.table.row([named, row.status, word, age(object), row.message, reason]);
            }
            false => self.table.row([named, row.status, word, row.message]),
        }
        if depth >= MAX_DEPTH {
            return;
        }
        let mut children: Vec<&Object> = self.all.iter().filter(|o| owners(o).contains(&object.uid())).collect();
        children.sort_by(|a, b| (a.kind(), a.name()).cmp(&(b.kind(), b.name())));
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
fn age(object: &Object) -> String {
    let made = object.str_at(&["metadata", "creationTimestamp"]).and_then(|t| t.parse::<Timestamp>().ok());
    let Some(made) = made else { return String::new() };
    let seconds = (Timestamp::now().as_second() - made.as_second()).max(0);
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}
