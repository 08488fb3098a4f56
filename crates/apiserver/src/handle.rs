//! The API for code in the process: the same verbs as over HTTP, as function calls on objects.
//!
//! Simulated controllers and tests use it. Everything a request goes through (defaulting, validation,
//! ownership, history) happens here as well; what is saved is text, routing and authorization.

use std::sync::Arc;

use belay_object::{Object, Value};

use crate::plugin::Change;
use crate::status::{ApiError, Result};
use crate::store::{Store, Stored};

/// How to delete.
#[derive(Clone, Debug, Default)]
pub struct Delete {
    /// Only this uid.
    pub uid: Option<String>,
    /// Only this version.
    pub resource_version: Option<String>,
    /// `Background` where `None`.
    pub propagation: Option<Propagation>,
    /// Seconds; `None` for the kind's default.
    pub grace_seconds: Option<i64>,
}

/// What happens to what a deleted object owns.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Propagation {
    /// Dependents go afterwards.
    Background,
    /// Dependents go first.
    Foreground,
    /// Dependents stay.
    Orphan,
}

/// Reads and writes as one user and field manager.
#[derive(Clone)]
pub struct StoreHandle {
    store: Arc<Store>,
}

fn unbuilt() -> ApiError {
    ApiError::internal("writes in the process are not served")
}

impl StoreHandle {
    /// The objects, to read.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }
    /// One object.
    pub fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.store.get(group, resource, namespace, name)
    }
    /// All objects of a namespace, of all where it is empty.
    pub fn list(&self, group: &str, resource: &str, namespace: &str) -> Vec<Arc<Stored>> {
        self.store.list(group, resource, namespace)
    }
    /// Creates; the kind and namespace are the object's own.
    pub fn create(&self, object: Object) -> Result<Arc<Stored>> {
        let _ = object;
        Err(unbuilt())
    }
    /// Replaces; a resourceVersion in the object must be the live one. `subresource` is empty or `status`.
    pub fn update(&self, object: Object, subresource: &str) -> Result<Arc<Stored>> {
        let _ = (object, subresource);
        Err(unbuilt())
    }
    /// Merges; `what` names the object (any version, its other fields are not looked at).
    pub fn merge_patch(&self, what: &Object, subresource: &str, patch: &Value) -> Result<Arc<Stored>> {
        let _ = (what, subresource, patch);
        Err(unbuilt())
    }
    /// Reads, changes and replaces, again where somebody was faster. The change gives `false` for
    /// "leave it". `None` where there is no such object or nothing was to be changed.
    pub fn modify(
        &self,
        what: &Object,
        subresource: &str,
        change: &mut dyn FnMut(&mut Object) -> bool,
    ) -> Result<Option<Arc<Stored>>> {
        let _ = (what, subresource, change);
        Err(unbuilt())
    }
    /// Deletes. Finalizers may keep it; nothing there is not found.
    pub fn delete(&self, what: &Object, options: &Delete) -> Result<()> {
        let _ = (what, options);
        Err(unbuilt())
    }
    /// Watches a resource: first a [`Change::Resync`] with all there is, then changes.
    pub fn watch(&self, group: &str, resource: &str) -> Changes {
        let _ = (group, resource);
        Changes {}
    }
}

/// A watch in the process. It never fails: where it falls behind it begins again with all there is.
pub struct Changes {}

impl Changes {
    /// Waits for the next changes; `None` when the resource is gone for good.
    pub async fn next(&mut self) -> Option<Vec<Change>> {
        None
    }
}
