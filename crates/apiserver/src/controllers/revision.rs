//! ControllerRevisions: the templates that a StatefulSet or DaemonSet has had.

use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::world::{World, number, owner_reference};
use crate::builtin::template_hash::template_hash;
use crate::status::Result;
use crate::store::Stored;

/// The label that a pod carries its revision in.
pub(super) const LABEL: &str = "controller-revision-hash";

/// The revision of an owner's present template, made where it is new. Gives its hash and all revisions, the oldest
/// first.
pub(super) fn sync(world: &mut World, owner: &Object) -> Result<(String, Vec<Arc<Stored>>)> {
    let template = &owner.value()["spec"]["template"];
    let hash = template_hash(template, None);
    let name = format!("{}-{hash}", owner.name());
    let mut all = world.owned(owner.uid(), "controllerrevisions");
    all.sort_by_key(|r| number(r, &["revision"]));
    let newest = all.last().map_or(0, |r| number(r, &["revision"]));
    let known = all.iter().position(|r| r.name() == name);
    match known {
        None => {
            let mut revision = Object::of("apps/v1", "ControllerRevision", owner.namespace(), &name);
            if let Some(labels) = template.at(&["metadata", "labels"]) {
                revision.set(&["metadata", "labels"], labels.clone());
            }
            revision.set_label(LABEL, &hash);
            revision.set(&["metadata", "ownerReferences"], vec![owner_reference(owner)]);
            let mut replaced = template.clone();
            replaced.set(&["$patch"], "replace");
            revision.set(&["data"], object! { "spec" => object! { "template" => replaced } });
            revision.set(&["revision"], newest + 1);
            match world.handle.create(revision) {
                Ok(created) => all.push(created),
                Err(e) if e.code() == 409 => {}
                Err(e) => return Err(e),
            }
        }
        // Rolled back to: it becomes the newest.
        Some(at) if number(&all[at], &["revision"]) < newest => {
            let written = world.handle.modify(&all[at], "", &mut |live| {
                live.set(&["revision"], newest + 1);
                true
            })?;
            let moved = all.remove(at);
            all.push(written.unwrap_or(moved));
        }
        Some(_) => {}
    }
    forget(world, owner, &mut all)?;
    Ok((hash, all))
}

/// Deletes revisions beyond the history that is to be kept. Those of live pods stay, being among the newest.
fn forget(world: &World, owner: &Object, all: &mut Vec<Arc<Stored>>) -> Result<()> {
    let limit = owner.at(&["spec", "revisionHistoryLimit"]).and_then(Value::as_i64).unwrap_or(10);
    let keep = usize::try_from(limit).unwrap_or_default() + 2;
    while all.len() > keep {
        let oldest = all.remove(0);
        world.delete(&oldest)?;
    }
    Ok(())
}

/// The revision that a pod was made of.
pub(super) fn of_pod(pod: &Object) -> &str {
    pod.label(LABEL).unwrap_or_default()
}
