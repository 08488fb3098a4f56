//! The task behind a view: the one writer of its objects.

use std::collections::HashSet;
use std::sync::Arc;

use belay_object::{Object, ObjectKey};

use super::{Change, Core, Entry, Slot, Summarize, ViewScope};
use crate::cluster::defines_kinds;
use crate::{Cluster, FollowEvent, FollowOptions};

/// The names seen since a restart: what is not among them at the end is gone.
type Seen = HashSet<(Box<str>, Box<str>)>;

pub(super) async fn run<Z: Summarize>(
    cluster: Cluster,
    core: Arc<Core<Z>>,
    slot: Arc<Slot<Z::Summary>>,
    scope: ViewScope,
) {
    let options =
        FollowOptions { labels: scope.labels, fields: scope.fields, metadata_only: core.summarize.metadata_only() };
    let mut follow = cluster.follow(&slot.resource, &scope.namespace, options);
    let defines_kinds = defines_kinds(&slot.resource);
    let mut seen: Option<Seen> = None;
    loop {
        match follow.next().await {
            // Where nothing is known nothing can have gone: the first list costs no second set of names.
            FollowEvent::Restart => seen = (!slot.objects.read().is_empty()).then(Seen::new),
            FollowEvent::Applied(object) => {
                if let Some(seen) = &mut seen {
                    seen.insert((object.namespace().into(), object.name().into()));
                }
                if defines_kinds {
                    cluster.invalidate_discovery();
                }
                applied(&core, &slot, object);
            }
            FollowEvent::Deleted(object) => {
                if defines_kinds {
                    cluster.invalidate_discovery();
                }
                removed(&core, &slot, object.namespace(), object.name());
            }
            FollowEvent::Synced => {
                if let Some(seen) = seen.take() {
                    sweep(&core, &slot, &seen);
                }
                slot.state.send_if_modified(|state| {
                    let news = !state.synced || state.trouble.is_some();
                    (state.synced, state.trouble) = (true, None);
                    news
                });
            }
            FollowEvent::Recovered => slot.state.send_modify(|state| state.trouble = None),
            FollowEvent::Trouble(error) => {
                tracing::warn!(%error, resource = %slot.resource.qualified_plural(), "the watch failed and is tried again");
                slot.state.send_modify(|state| state.trouble = Some(error));
            }
        }
    }
}

fn applied<Z: Summarize>(core: &Core<Z>, slot: &Slot<Z::Summary>, object: Object) {
    let (namespace, name): (Box<str>, Box<str>) = (object.namespace().into(), object.name().into());
    let head = Entry::of(&object, ());
    let Some(summary) = core.summarize.summarize(&slot.resource, object) else {
        return removed(core, slot, &namespace, &name);
    };
    let after = Entry {
        uid: head.uid,
        resource_version: head.resource_version,
        generation: head.generation,
        deleting: head.deleting,
        summary,
    };
    let before = {
        let mut objects = slot.objects.write();
        let names = match objects.contains_key(&namespace) {
            true => objects.get_mut(&namespace),
            false => Some(objects.entry(namespace.clone()).or_default()),
        };
        names.and_then(|names| names.insert(name.clone(), after.clone()))
    };
    if before.as_ref().is_some_and(|before| is_same(before, &after)) {
        return;
    }
    tell(core, slot, &namespace, &name, before, Some(after));
}

/// Whether nothing but the version differs.
fn is_same<S: PartialEq>(a: &Entry<S>, b: &Entry<S>) -> bool {
    a.uid == b.uid && a.generation == b.generation && a.deleting == b.deleting && a.summary == b.summary
}

fn removed<Z: Summarize>(core: &Core<Z>, slot: &Slot<Z::Summary>, namespace: &str, name: &str) {
    let before = {
        let mut objects = slot.objects.write();
        let Some(names) = objects.get_mut(namespace) else { return };
        let before = names.remove(name);
        if names.is_empty() {
            objects.remove(namespace);
        }
        before
    };
    if before.is_some() {
        tell(core, slot, namespace, name, before, None);
    }
}

fn sweep<Z: Summarize>(core: &Core<Z>, slot: &Slot<Z::Summary>, seen: &Seen) {
    let mut gone: Vec<(Box<str>, Box<str>)> = Vec::new();
    for (namespace, names) in slot.objects.read().iter() {
        let pairs = names.keys().map(|name| (namespace.clone(), name.clone()));
        gone.extend(pairs.filter(|pair| !seen.contains(pair)));
    }
    for (namespace, name) in gone {
        removed(core, slot, &namespace, &name);
    }
}

fn tell<Z: Summarize>(
    core: &Core<Z>,
    slot: &Slot<Z::Summary>,
    namespace: &str,
    name: &str,
    before: Option<Entry<Z::Summary>>,
    after: Option<Entry<Z::Summary>>,
) {
    let key = ObjectKey { kind: slot.resource.group_kind(), namespace: namespace.into(), name: name.into() };
    let change = Change { resource: slot.resource.clone(), key, before, after };
    for sink in core.sinks.read().iter() {
        sink(&change);
    }
    slot.state.send_modify(|state| {
        state.changes += 1;
        state.trouble = None;
    });
}
