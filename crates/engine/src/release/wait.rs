//! The wait for what was applied, as a look at what the watches say.

use std::time::Duration;

use belay_health::{Health, Status};
use belay_object::ObjectKey;

use super::operation::{Action, Advance, Operation, Phase};
use super::watches::Releases;
use super::{Fault, Site};

/// The longest time between two looks: health changes by time alone too.
const LOOK: Duration = Duration::from_secs(30);

/// Group and kind of what Helm 3 waited for; everything else was ready when it was there.
const WAITED_BY_HELM_3: [(&str, &str); 10] = [
    ("", "Pod"),
    ("", "PersistentVolumeClaim"),
    ("", "ReplicationController"),
    ("", "Service"),
    ("apiextensions.k8s.io", "CustomResourceDefinition"),
    ("apps", "DaemonSet"),
    ("apps", "Deployment"),
    ("apps", "ReplicaSet"),
    ("apps", "StatefulSet"),
    ("batch", "Job"),
];

impl Releases {
    pub(super) async fn wait(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        if operation.action == Action::Uninstall {
            return self.wait_for_removal(operation, site).await;
        }
        self.set_waiting(&operation.owner, &site.target, true);
        let mut pending: Vec<(ObjectKey, Health)> = Vec::new();
        for key in operation.awaited.clone() {
            let health = match self.own_rule(operation, site, &key).await? {
                Some(health) => health,
                None => self.health(&operation.owner, &site.target, &key),
            };
            let is_job = &*key.kind.group == "batch" && &*key.kind.kind == "Job";
            let is_done = health.is_current()
                || (operation.rules.waits_as_helm_3 && !WAITED_BY_HELM_3.contains(&(&key.kind.group, &key.kind.kind)))
                || (is_job && !operation.rules.wait_for_jobs && health.status == Status::InProgress);
            if !is_done {
                pending.push((key, health));
            }
        }
        let failed: Vec<_> = pending.iter().filter(|(_, health)| health.is_failed()).cloned().collect();
        let left = operation.left();
        if pending.is_empty() {
            self.set_waiting(&operation.owner, &site.target, false);
            operation.enter(Phase::After);
        } else if !failed.is_empty() {
            operation.enter(Phase::Fail(format!("failed early due to stalled resources: [{}]", told(&failed))));
        } else if left.is_zero() {
            operation.enter(Phase::Fail(format!("timeout waiting for: [{}]", told(&pending))));
        } else {
            return Ok(Some(Advance::Waiting { left: left.min(LOOK) }));
        }
        Ok(None)
    }

    async fn own_rule(&self, operation: &Operation, site: &Site, key: &ObjectKey) -> Result<Option<Health>, Fault> {
        let exprs = &operation.rules.exprs;
        if exprs.is_empty() || !exprs.covers(&key.kind) {
            return Ok(None);
        }
        let resource = site.target.cluster.resolve(&key.kind).await.map_err(|e| Fault::of(&e, ""))?;
        let found = site.target.acting.find(&resource, &key.namespace, &key.name).await;
        Ok(match found.map_err(|e| Fault::of(&e, ""))? {
            Some(found) => exprs.check(&found),
            None => Some(Health::not_found()),
        })
    }

    async fn wait_for_removal(&self, operation: &mut Operation, site: &Site) -> Result<Option<Advance>, Fault> {
        let mut still = Vec::new();
        for (item, uid) in std::mem::take(&mut operation.leaving) {
            match item.find(site).await {
                Ok(Some(live)) if live.uid() == uid => still.push((item, uid)),
                Ok(_) => {}
                Err(fault) => {
                    still.push((item, uid));
                    operation.leaving = still;
                    return Err(fault);
                }
            }
        }
        operation.leaving = still;
        if operation.leaving.is_empty() {
            operation.enter(Phase::After);
            return Ok(None);
        }
        let left = operation.left();
        if left.is_zero() {
            let names: Vec<String> = operation.leaving.iter().map(|(i, _)| i.object.key().to_string()).collect();
            operation.hook_error = Some(format!("timeout waiting for: [{}]", names.join(", ")));
            operation.enter(Phase::After);
            return Ok(None);
        }
        Ok(Some(Advance::Waiting { left: left.min(LOOK) }))
    }
}

fn told(pending: &[(ObjectKey, Health)]) -> String {
    pending.iter().map(|(key, health)| belay_health::wait_entry(key, health)).collect::<Vec<_>>().join(", ")
}
