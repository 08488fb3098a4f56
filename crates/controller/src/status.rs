//! Writing status: one merge patch of what changed, and no request where nothing did (INV-ACT-11).

use belay_cluster::{Cluster, Patch, Resource, Result, WriteOptions};
use belay_object::{Object, Value, merge_patch_between, object};

/// Patches `status` from how the object was read to how it is to be. Gives the object as the server
/// then has it, `None` where there was nothing to write.
///
/// The uid stands in the patch: an object that was replaced under the same name meanwhile is a
/// Conflict and is not touched. Where the kind has no status subresource the object itself is patched.
pub async fn patch(
    cluster: &Cluster,
    resource: &Resource,
    before: &Object,
    after: &Object,
    field_manager: &str,
) -> Result<Option<Object>> {
    let Some(patch) = patch_between(before, after) else { return Ok(None) };
    let (namespace, name) = (before.namespace(), before.name());
    let options = WriteOptions { field_manager: field_manager.to_owned(), ..WriteOptions::default() };
    let subresource = if resource.has_subresource("status") { "status" } else { "" };
    cluster.patch_subresource(resource, namespace, name, subresource, &Patch::Merge(patch), &options).await.map(Some)
}

/// The merge patch between two states of `status`, guarded by the uid; `None` where they are equal.
pub fn patch_between(before: &Object, after: &Object) -> Option<Value> {
    let empty = Value::object();
    let status = |o: &'_ Object| o.get("status").cloned().unwrap_or_else(|| empty.clone());
    let (old, new) = (status(before), status(after));
    if old == new {
        return None;
    }
    let mut patch = object! { "status" => merge_patch_between(&old, &new) };
    if !before.uid().is_empty() {
        patch.set(&["metadata", "uid"], before.uid());
    }
    Some(patch)
}
