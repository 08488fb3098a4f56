//! Taking a release away: its hooks, its objects, its records.

use belay_helm::release::{Status, change, ownership};
use belay_object::ObjectKey;

use super::objects;
use super::operation::{Action, Advance, Operation, Phase};
use super::watches::Releases;
use super::{Fault, Rules, Site, Store, now};

impl Operation {
    /// The uninstall of a release: `history` is all its revisions; the newest is taken away. One that
    /// was begun by another process goes on.
    pub fn uninstall(owner: &ObjectKey, history: &[belay_helm::release::Release], rules: Rules) -> Option<Operation> {
        let last = belay_helm::release::history::last(history)?.clone();
        Some(Operation::resume(owner, Action::Uninstall, last, history, rules))
    }
}

impl Releases {
    /// Writes down that the release is being taken away, before anything is.
    pub(super) async fn begin_uninstall(&self, operation: &mut Operation, site: &Site) -> Result<(), Fault> {
        let status = operation.record.info.status;
        if operation.action != Action::Uninstall || matches!(status, Status::Uninstalling | Status::Uninstalled) {
            return Ok(());
        }
        operation.record.info.deleted = now();
        operation.record.set_status(Status::Uninstalling, "Deletion in progress (or silently failed)");
        let saved = operation.save(site).await;
        if saved.is_err() {
            operation.record.info.status = status;
        }
        saved
    }

    /// Deletes the release's objects: those that are still its own, and that no policy keeps.
    pub(super) async fn remove(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        if operation.record.info.status == Status::Uninstalled {
            operation.enter(Phase::Finish);
            return Ok(None);
        }
        let (name, namespace) = (operation.record.name.clone(), operation.record.namespace.clone());
        let removal = change::removal(&operation.record.manifest)?;
        self.reset(&operation.owner);
        for kept in &removal.kept {
            tracing::info!(release = name, "{kept} is kept by its policy");
        }
        let mut leaving = Vec::new();
        for item in objects::resolve_known(site, removal.delete, &namespace).await? {
            let Some(live) = item.find(site).await? else { continue };
            // INV-ACT-4: a name in the manifest is no proof; the object says whose it is.
            if change::keeps(&live) || ownership::check(&live, &name, &namespace).is_err() {
                tracing::info!(release = name, object = %live.key(), "left alone: it is kept, or not of this release any more");
                continue;
            }
            if operation.rules.wait {
                self.look_at(&operation.owner, &site.target, &live.key()).await;
            }
            objects::delete(site, &item.resource, &live, operation.rules.propagation).await?;
            leaving.push((item, live.uid().to_owned()));
        }
        operation.leaving = leaving;
        operation.enter(if operation.rules.wait { Phase::Wait } else { Phase::After });
        Ok(None)
    }

    pub(super) async fn finish_uninstall(
        &self,
        operation: &mut Operation,
        site: &Site,
    ) -> Result<Option<Advance>, Fault> {
        let store = Store::of(site);
        operation.record.set_status(Status::Uninstalled, "Uninstallation complete");
        if operation.rules.keep_history {
            operation.save(site).await?;
            for old in operation.history.iter_mut().filter(|r| r.info.status == Status::Deployed) {
                old.info.status = Status::Superseded;
                store.update(old).await?;
            }
        } else {
            let record = operation.record.clone();
            operation.wrote(&record);
            // The newest last: as long as one is there, the release is known to be on its way out.
            for old in &operation.history {
                store.delete(&old.name, old.version).await?;
            }
            store.delete(&record.name, record.version).await?;
        }
        let result = match operation.hook_error.take() {
            Some(why) => Err(format!("uninstallation completed with 1 error(s): {why}")),
            None => Ok(()),
        };
        operation.enter(Phase::Over(result));
        Ok(None)
    }
}
