//! The API for code in the process: the same verbs as over HTTP, as function calls on objects.
//!
//! Simulated controllers and tests use it. Everything a request goes through (defaulting, validation,
//! ownership, history) happens here as well; what is saved is text, routing and authorization.

use std::sync::Arc;

use belay_object::{Object, Value};

use crate::identity::UserInfo;
use crate::plugin::Change;
use crate::resource::{Registry, Resource};
use crate::server::Inner;
use crate::status::{ApiError, Reason, Result};
use crate::store::{Event, EventKind, ListOptions, Store, Stored, Table, Watcher};
use crate::verbs::delete::DeleteOptions;
use crate::verbs::patch::Patch;
use crate::verbs::update::Wanted;
use crate::verbs::{
    Answer, Call, FieldValidation, WriteOptions, Written, create, decode, delete, now_text, patch, update,
};

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
    inner: Arc<Inner>,
    user: UserInfo,
    manager: String,
}

impl StoreHandle {
    pub(crate) fn new(inner: Arc<Inner>, user: UserInfo, manager: &str) -> StoreHandle {
        StoreHandle { inner, user, manager: manager.to_owned() }
    }
    /// The same under another field manager.
    pub fn with_manager(&self, manager: &str) -> StoreHandle {
        StoreHandle { manager: manager.to_owned(), ..self.clone() }
    }
    /// The objects, to read.
    pub fn store(&self) -> &Arc<Store> {
        &self.inner.store
    }
    /// The resources served at this moment.
    pub fn registry(&self) -> Arc<Registry> {
        self.inner.registry()
    }
    /// One object.
    pub fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Arc<Stored>> {
        self.inner.store.get(group, resource, namespace, name)
    }
    /// All objects of a namespace, of all where it is empty.
    pub fn list(&self, group: &str, resource: &str, namespace: &str) -> Vec<Arc<Stored>> {
        self.inner.store.list(group, resource, namespace)
    }

    fn resource_of(&self, object: &Object) -> Result<Arc<Resource>> {
        let gvk = object.group_version_kind();
        let registry = self.inner.registry();
        let found = registry.by_kind(&gvk.group, &gvk.version, &gvk.kind).cloned();
        found.ok_or_else(|| ApiError::bad_request(format!("no resource serves {gvk}")))
    }
    /// Runs `with` on a call about the object that `what` names.
    fn on<T>(&self, what: &Object, subresource: &str, with: impl FnOnce(&Call<'_>) -> Result<T>) -> Result<T> {
        let resource = self.resource_of(what)?;
        let call = Call {
            inner: &self.inner,
            resource: &resource,
            namespace: what.namespace(),
            name: what.name(),
            subresource,
            user: &self.user,
            options: WriteOptions { manager: self.manager.clone(), ..WriteOptions::default() },
            now: now_text(),
        };
        with(&call)
    }
    fn stored(&self, what: &Object, written: Written) -> Result<Arc<Stored>> {
        match written.answer {
            Answer::Stored(stored) => Ok(stored),
            Answer::Object(_) => Err(ApiError::internal(format!("{} was not stored", what.key()))),
        }
    }

    /// Creates; the kind and namespace are the object's own.
    pub fn create(&self, mut object: Object) -> Result<Arc<Stored>> {
        let what = object.clone();
        let written = self.on(&what, "", |call| {
            decode::refit(call.resource, &mut object, FieldValidation::Ignore)?;
            create::create(call, object, false)
        })?;
        self.stored(&what, written)
    }
    /// Replaces; a resourceVersion in the object must be the live one. `subresource` is empty or `status`.
    pub fn update(&self, mut object: Object, subresource: &str) -> Result<Arc<Stored>> {
        let what = object.clone();
        let written = self.on(&what, subresource, |call| {
            decode::refit(call.resource, &mut object, FieldValidation::Ignore)?;
            update::replace(call, object)
        })?;
        self.stored(&what, written)
    }
    /// Merges; `what` names the object (its other fields are not looked at).
    pub fn merge_patch(&self, what: &Object, subresource: &str, patch: &Value) -> Result<Arc<Stored>> {
        let patch = Patch::Merge(patch.clone());
        let written = self.on(what, subresource, |call| patch::patch(call, &patch))?;
        self.stored(what, written)
    }
    /// Server-side apply under this handle's manager, taking over what others own where `force`.
    pub fn apply(&self, applied: &Object, force: bool) -> Result<Arc<Stored>> {
        let written = self.on(applied, "", |call| {
            let options = WriteOptions { force, ..call.options.clone() };
            patch::apply(&Call { options, now: call.now.clone(), ..*call }, applied)
        })?;
        self.stored(applied, written)
    }
    /// Reads, changes and replaces, again where somebody was faster. The change gives `false` for
    /// "leave it". `None` where there is no such object or nothing was to be changed.
    pub fn modify(
        &self,
        what: &Object,
        subresource: &str,
        change: &mut dyn FnMut(&mut Object) -> bool,
    ) -> Result<Option<Arc<Stored>>> {
        let mut left = false;
        let result = self.on(what, subresource, |call| {
            update::change(call, false, &mut |live| {
                let mut object = live.clone();
                left = !change(&mut object);
                if left {
                    // Unchanged: the write ends without one.
                    object = live.clone();
                } else {
                    decode::refit(call.resource, &mut object, FieldValidation::Ignore)?;
                }
                Ok(Wanted { object, tracked: false })
            })
        });
        match result {
            Ok(_) if left => Ok(None),
            Ok(written) => self.stored(what, written).map(Some),
            Err(e) if e.reason == Reason::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }
    /// Deletes. Finalizers may keep it; nothing there is not found.
    pub fn delete(&self, what: &Object, options: &Delete) -> Result<()> {
        let options = DeleteOptions {
            uid: options.uid.clone(),
            resource_version: options.resource_version.clone(),
            propagation: options.propagation,
            grace_seconds: options.grace_seconds,
            dry_run: false,
        };
        self.on(what, "", |call| delete::delete(call, &options)).map(drop)
    }
    /// Watches a resource: first a [`Change::Resync`] with all there is, then changes.
    pub fn watch(&self, group: &str, resource: &str) -> Changes {
        Changes { table: self.inner.store.table(group, resource), watcher: None }
    }
}

/// A watch in the process. It never fails: where it falls behind it begins again with all there is.
pub struct Changes {
    table: Arc<Table>,
    watcher: Option<Watcher>,
}

impl Changes {
    /// Waits for the next changes; `None` when the resource is gone for good.
    pub async fn next(&mut self) -> Option<Vec<Change>> {
        loop {
            let Some(watcher) = &mut self.watcher else {
                let options = ListOptions { namespace: "", at: None, after: None, limit: 0, select: &|_| true };
                let list = self.table.list(&options).ok()?;
                self.watcher = self.table.watch(list.version).ok();
                return Some(vec![Change::Resync(list.items)]);
            };
            match watcher.next().await {
                Ok(events) if events.is_empty() => return None,
                Ok(events) => return Some(events.iter().map(|e| change_of(e)).collect()),
                Err(_) => self.watcher = None,
            }
        }
    }
}

fn change_of(event: &Event) -> Change {
    match event.kind {
        EventKind::Added | EventKind::Modified => Change::Upsert(event.stored.clone()),
        EventKind::Deleted => Change::Deleted(event.stored.clone()),
    }
}
