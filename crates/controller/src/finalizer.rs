//! Adding and removing one finalizer, whoever else changes the list at the same time.
//!
//! JSON patches with `test` operations: another controller's finalizer is never lost, and an object
//! that was replaced under the same name is never touched.

use belay_cluster::{Cluster, Error, ErrorKind, Patch, Resource, Result, WriteOptions};
use belay_object::{Object, Value, object};

/// Tries against others that write at the same time.
const MAX_TRIES: u32 = 5;

/// Adds a finalizer in the name of a field manager; gives the object as the server then has it. Nothing is sent where the object
/// has it already. An object that is being deleted is refused by the server.
pub async fn add(
    cluster: &Cluster,
    resource: &Resource,
    object: &Object,
    finalizer: &str,
    manager: &str,
) -> Result<Object> {
    change(cluster, resource, object, manager, |current| patch_to_add(current, finalizer)).await
}

/// Removes a finalizer; gives the object as the server then had it, or as it was last read where it
/// is gone. Nothing is sent where the object does not have it.
pub async fn remove(
    cluster: &Cluster,
    resource: &Resource,
    object: &Object,
    finalizer: &str,
    manager: &str,
) -> Result<Object> {
    change(cluster, resource, object, manager, |current| patch_to_remove(current, finalizer)).await
}

async fn change(
    cluster: &Cluster,
    resource: &Resource,
    object: &Object,
    manager: &str,
    patch: impl Fn(&Object) -> Option<Value> + Send,
) -> Result<Object> {
    let (namespace, name) = (object.namespace(), object.name());
    let mut current = object.clone();
    let options = WriteOptions { field_manager: manager.to_owned(), ..WriteOptions::default() };
    let mut tries = 0;
    loop {
        let Some(operations) = patch(&current) else { return Ok(current) };
        tries += 1;
        let sent = cluster.patch(resource, namespace, name, &Patch::Json(operations), &options).await;
        let error = match sent {
            Ok(changed) => return Ok(changed),
            Err(error) => error,
        };
        let changed_meanwhile = matches!(error.kind(), ErrorKind::Invalid | ErrorKind::Conflict);
        if !changed_meanwhile || tries >= MAX_TRIES {
            return Err(error);
        }
        let fresh = cluster.get(resource, namespace, name).await?;
        if fresh.uid() != object.uid() {
            let message = format!("{} was replaced by another object of the same name", object.key());
            return Err(Error::new(ErrorKind::Conflict, message).at("patch", cluster.host()));
        }
        current = fresh;
    }
}

fn test(path: &str, value: impl Into<Value>) -> Value {
    object! { "op" => "test", "path" => path, "value" => value }
}

/// The operations that add a finalizer; `None` where it is there.
pub(crate) fn patch_to_add(object: &Object, finalizer: &str) -> Option<Value> {
    let all: Vec<&str> = object.finalizers().collect();
    if all.contains(&finalizer) {
        return None;
    }
    let mut operations = vec![test("/metadata/uid", object.uid())];
    if all.is_empty() {
        // That a list is absent cannot be tested everywhere: the version stands for it.
        operations.push(test("/metadata/resourceVersion", object.resource_version()));
        operations
            .push(object! { "op" => "add", "path" => "/metadata/finalizers", "value" => Value::from([finalizer]) });
    } else {
        operations.push(test("/metadata/finalizers", all));
        operations.push(object! { "op" => "add", "path" => "/metadata/finalizers/-", "value" => finalizer });
    }
    Some(operations.into())
}

/// The operations that remove a finalizer; `None` where it is not there.
pub(crate) fn patch_to_remove(object: &Object, finalizer: &str) -> Option<Value> {
    let at = object.finalizers().position(|f| f == finalizer)?;
    let path = format!("/metadata/finalizers/{at}");
    let remove = object! { "op" => "remove", "path" => path.as_str() };
    Some(Value::from(vec![test("/metadata/uid", object.uid()), test(&path, finalizer), remove]))
}
