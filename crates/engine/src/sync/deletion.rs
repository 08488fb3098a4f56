//! What an operation deletes: each object with its certificate, recorded before the request, named by its uid.

use std::sync::Arc;

use belay_cluster::{DeleteOptions, Error, ErrorKind, Patch, Propagation, WriteOptions};
use belay_object::{Object, ObjectKey, Value, object};
use belay_plan::sync::{Looked, OperationPhase};
use belay_plan::{DeletionCertificate, Fate};
use tokio::time::Instant;

use super::Run;
use super::write::{self, Instead, Recreate, Written};
use crate::apply::refusal;
use crate::prune::{foreign_objects, is_namespace};

/// What came of deleting one object.
pub(super) enum Deleted {
    Gone,
    Leaving,
    Kept(String),
}

impl Run<'_> {
    pub(super) async fn release(&mut self, i: usize) -> Result<(), String> {
        let Some(live) = self.sync.tasks()[i].live.clone() else { return Ok(()) };
        let finalizer = self.site.hook_finalizer.as_str();
        let Some(place) = live.finalizers().position(|f| f == finalizer && !f.is_empty()) else { return Ok(()) };
        let path = format!("/metadata/finalizers/{place}");
        let patch = Value::from(vec![
            object! { "op" => "test", "path" => path.as_str(), "value" => finalizer },
            object! { "op" => "remove", "path" => path.as_str() },
        ]);
        let key = live.key();
        let options = WriteOptions { field_manager: self.site.manager.clone(), ..WriteOptions::default() };
        let failed = |e: belay_cluster::Error| refusal(&e).query_message(&key);
        let resource = self.site.target.cluster.resource_of(&live).await.map_err(failed)?;
        let acting = &self.site.target.acting;
        match acting.patch(&resource, &key.namespace, &key.name, &Patch::Json(patch), &options).await {
            Ok(patched) => self.sync.set_live(i, Some(Arc::new(patched))),
            Err(e) if e.is_not_found() => self.sync.set_live(i, None),
            // Somebody else took it off meanwhile.
            Err(e) if e.kind() == ErrorKind::Invalid => {
                let found = self.find(&key).await?;
                self.sync.set_live(i, found.map(Arc::new));
            }
            Err(e) => return Err(failed(e)),
        }
        Ok(())
    }

    /// Ends one running hook; whether that went well.
    pub(super) async fn end_hook(&mut self, i: usize) -> bool {
        let key = self.sync.tasks()[i].key();
        let found = match self.find(&key).await {
            Ok(found) => found.map(Arc::new),
            Err(why) => {
                let told = format!("Failed to get live resource: {why}");
                self.sync.record(i, None, Some(OperationPhase::Error), &told);
                return false;
            }
        };
        let Some(live) = found else {
            self.sync.record(i, None, Some(OperationPhase::Succeeded), "Terminated");
            return true;
        };
        let seen = self.around.health(&live);
        self.sync.set_live(i, Some(live));
        self.sync.observe(i, seen);
        if let Err(why) = self.release(i).await {
            let told = format!("Failed to remove hook finalizer: {why}");
            self.sync.record(i, None, Some(OperationPhase::Error), &told);
            return false;
        }
        let task = &self.sync.tasks()[i];
        if !task.is_running() && !task.hook.is_some_and(|h| h.failed) {
            return true;
        }
        let was_running = task.is_running();
        match self.delete(i).await {
            Ok(Deleted::Gone | Deleted::Leaving) => {}
            Ok(Deleted::Kept(why)) | Err(why) => {
                let told = format!("Failed to delete: {why}");
                self.sync.record(i, None, Some(OperationPhase::Failed), &told);
                return false;
            }
        }
        if was_running {
            self.sync.record(i, None, Some(OperationPhase::Failed), "Terminated");
        }
        true
    }

    /// Deletes the object of a task, with proof.
    pub(super) async fn delete(&mut self, i: usize) -> Result<Deleted, String> {
        let key = self.sync.tasks()[i].key();
        let live = self.find(&key).await?;
        let foreign = if self.sync.is_approved(i) { Vec::new() } else { self.foreign(&key, live.as_ref()).await? };
        let certificate = match self.sync.tasks()[i].may_delete(&self.looked(i, live.as_ref(), &foreign)) {
            Fate::Gone => return Ok(Deleted::Gone),
            Fate::Leaving => {
                self.sync.set_live(i, live.map(Arc::new));
                return Ok(Deleted::Leaving);
            }
            Fate::Kept(why) => return Ok(Deleted::Kept(why.to_string())),
            Fate::Delete(certificate) => certificate,
        };
        let sent = self.carry_out(i, &certificate, self.site.propagation).await?;
        if !matches!(sent, Deleted::Leaving) {
            return Ok(sent);
        }
        // The answer is the object while it is still there.
        let found = self.find(&key).await?.filter(|found| found.uid() == certificate.uid());
        let gone = found.is_none();
        self.sync.set_live(i, found.map(Arc::new));
        Ok(if gone { Deleted::Gone } else { Deleted::Leaving })
    }

    /// Deletes the object of a task, with proof, and makes it anew from its manifest; nothing where it is not gone by
    /// the deadline. What may not be deleted is changed as far as that goes, or told.
    pub(super) async fn recreate(
        &mut self,
        i: usize,
        wish: Recreate,
        deadline: Instant,
    ) -> Result<Option<Written>, String> {
        let key = self.sync.tasks()[i].key();
        let live = self.find(&key).await?;
        let uid = live.as_ref().map(|live| live.uid().to_owned()).unwrap_or_default();
        let task = &self.sync.tasks()[i];
        match task.may_recreate(&self.looked(i, live.as_ref(), &[])) {
            Fate::Gone | Fate::Leaving => {}
            Fate::Kept(why) => {
                return match wish.instead {
                    Instead::Update => write::update(self.site, task, &wish, live).await.map(Some),
                    Instead::Told(refusal) => Err(format!("{refusal} ({key} is not made anew: {why})")),
                };
            }
            Fate::Delete(certificate) => {
                write::would_be_made(self.site, task, &wish).await?;
                self.carry_out(i, &certificate, Propagation::Background).await?;
            }
        }
        let made = write::make_anew(self.site, &self.sync.tasks()[i], &wish, &uid, deadline).await?;
        if made.is_none() {
            // It is told what is waited for.
            let found = self.find(&key).await?;
            self.sync.set_live(i, found.map(Arc::new));
        }
        Ok(made)
    }

    /// Sends a deletion. INV-ACT-1: what is about to be deleted is recorded before.
    async fn carry_out(
        &mut self,
        i: usize,
        certificate: &DeletionCertificate,
        propagation: Propagation,
    ) -> Result<Deleted, String> {
        let key = self.sync.tasks()[i].key();
        let (uid, reason) = (certificate.uid().to_owned(), certificate.reason());
        let (outcome, state) = (self.sync.tasks()[i].outcome, self.sync.tasks()[i].state);
        self.sync.record(i, outcome, state, &format!("deleting the object with uid {uid} ({reason:?})"));
        tracing::info!(object = %key, uid, ?reason, "deleting");
        self.record("one or more tasks are running").await?;
        let failed = |e: Error| refusal(&e).delete_message(&key);
        let resource = self.site.target.cluster.resolve(&key.kind).await.map_err(failed)?;
        let options = DeleteOptions { uid, propagation: Some(propagation), ..DeleteOptions::default() };
        match self.site.target.acting.delete(&resource, &key.namespace, &key.name, &options).await {
            Ok(_) => Ok(Deleted::Leaving),
            Err(e) if e.is_not_found() => Ok(Deleted::Gone),
            // What is there is another object: whether that goes is not decided yet.
            Err(e) if e.kind() == ErrorKind::Conflict => Err(format!("{key} was made anew since it was read")),
            Err(e) => Err(failed(e)),
        }
    }

    fn looked<'l>(&'l self, i: usize, live: Option<&'l Object>, foreign: &'l [String]) -> Looked<'l> {
        let (owner, protection) = (&self.site.owner, &self.site.protection);
        Looked { live, is_ours: self.is_ours(i, live), foreign, owner, protection }
    }

    /// Objects of hooks may bear no marks of the app's: what stood there before it ran is taken for an earlier
    /// one's, unless somebody else's marks are on it.
    fn is_ours(&self, i: usize, live: Option<&Object>) -> bool {
        let task = &self.sync.tasks()[i];
        let same = |live: &Object| task.live.as_ref().is_some_and(|known| known.uid() == live.uid());
        let is_nobodys =
            |live: &Object| !self.around.is_others(live) && self.site.target.elsewhere.refuse(live).is_none();
        live.is_some_and(|live| self.around.is_ours(live) || (task.hook.is_some() && same(live) && is_nobodys(live)))
    }

    /// What must not go with a namespace (ACT-3); none of anything else.
    async fn foreign(&self, key: &ObjectKey, live: Option<&Object>) -> Result<Vec<String>, String> {
        let Some(live) = live.filter(|live| is_namespace(key) && !live.is_deleting()) else { return Ok(Vec::new()) };
        let goes = |_: &ObjectKey, object: &Object| self.around.goes_with_namespace(object);
        let found = foreign_objects(&self.site.target.cluster, live, &goes).await;
        found.map_err(|e| refusal(&e).query_message(key))
    }

    /// Reads an object; `None` where it is not there, or its definition is gone and its objects with it.
    pub(super) async fn read(&self, key: &ObjectKey) -> Result<Option<Object>, Error> {
        let resource = match self.site.target.cluster.resolve(&key.kind).await {
            Ok(resource) => resource,
            Err(e) if e.kind() == ErrorKind::UnknownKind => return Ok(None),
            Err(e) => return Err(e),
        };
        self.site.target.acting.find(&resource, &key.namespace, &key.name).await
    }

    pub(super) async fn find(&self, key: &ObjectKey) -> Result<Option<Object>, String> {
        self.read(key).await.map_err(|e| refusal(&e).query_message(key))
    }
}
