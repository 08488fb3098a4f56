//! Taking releases away for good: of a deleted HelmRelease, or of a name or namespace of before.

use std::sync::Arc;

use belay_cluster::Resource;
use belay_controller::{Next, finalizer};
use belay_engine::release::{Advance, Operation, Site, Store};
use belay_object::Object;

use super::actions::uninstall_rules;
use super::{End, HelmReleases, Run, Wanted, key};
use crate::names::{FINALIZER, HELM_RELEASE, condition, helm_reason as why};
use crate::report::{About, HelmReleaseReport, Severity};
use crate::shared::{Name, now_text, status_manager};
use crate::spec::{HelmRelease, KubeConfigRef};

impl HelmReleases {
    /// Takes the release of a deleted HelmRelease away, and lets it go.
    pub(super) async fn finalize(&self, object: &Arc<Object>, spec: &HelmRelease) -> Next {
        let name = Name::of(object);
        if !spec.meta.has_finalizer {
            return Next::Done;
        }
        if !spec.suspend {
            let report = HelmReleaseReport::begin(object, spec, &now_text());
            let (object, spec) = (object.clone(), spec.clone());
            let mut run = Run { controller: self, object, spec, report, name: name.clone(), previous: Vec::new() };
            match run.take_away().await {
                Ok(None) => {}
                Ok(Some(end)) => return run.end(end).await,
                Err(e) => return self.retry(&name, "taking the release away", &e),
            }
            let chart = run.report.text("helmChart").to_owned();
            if let Err(e) = run.delete_chart(&chart).await {
                return self.retry(&name, "deleting the HelmChart", &e);
            }
            let events = run.report.take_events();
            self.shared.tell(object_of(&run), crate::names::HELM_CONTROLLER, events);
        }
        let manager = status_manager(&HELM_RELEASE);
        match finalizer::remove(&self.shared.cluster, &self.resource, object, FINALIZER, manager).await {
            Ok(_) => {}
            Err(e) if e.is_not_found() => {}
            Err(e) => return self.retry(&name, "removing the finalizer", &e),
        }
        self.forget(&name);
        Next::Done
    }
}

fn object_of<'a>(run: &'a Run<'_>) -> &'a Object {
    &run.object
}

impl Run<'_> {
    /// Takes the release away; `None` where nothing is left of it, or nothing can be done about it.
    async fn take_away(&mut self) -> Result<Option<End>, belay_cluster::Error> {
        let storage = self.report.text("storageNamespace").to_owned();
        if storage.is_empty() || self.report.history.is_empty() || self.is_out_of_reach().await? {
            return Ok(None);
        }
        match self.controller.site(&self.spec, &storage).await {
            Ok(site) => Ok(self.uninstall(&site).await),
            Err(refused) => {
                let message = format!("failed to build REST client getter to uninstall release: {refused}");
                self.report.not_ready(why::UNINSTALL_FAILED, &message);
                Ok(Some(End::Retry))
            }
        }
    }

    /// Compat(flux 2.9): without the account or the kubeconfig, which go with their namespace, nobody
    /// can take the release away; the resource is let go.
    async fn is_out_of_reach(&self) -> Result<bool, belay_cluster::Error> {
        let namespace = &self.spec.meta.namespace;
        let settings = &self.shared().settings;
        let (resource, wanted) = match &self.spec.kube_config {
            Some(KubeConfigRef::Secret { name, .. }) => (Resource::known("", "v1", "Secret", "secrets", true), name),
            Some(KubeConfigRef::ConfigMap { .. }) => return Ok(false),
            None => {
                let account = &self.spec.service_account;
                let account = if account.is_empty() { &settings.default_service_account } else { account };
                (Resource::known("", "v1", "ServiceAccount", "serviceaccounts", true), account)
            }
        };
        if wanted.is_empty() {
            return Ok(false);
        }
        let found = self.shared().cluster.find(&resource, namespace, wanted).await?;
        if found.is_none() {
            tracing::error!(release = ?self.name, "{} {namespace}/{wanted} is gone: the release is not uninstalled", resource.kind);
        }
        Ok(found.is_none())
    }

    /// Where the release was, if that is not where it is wanted: it is taken away there first.
    pub(super) async fn leave_old_target(&mut self, wanted: &Wanted) -> Option<End> {
        let storage = self.report.text("storageNamespace").to_owned();
        let current = self.report.history.latest()?;
        let (spec, chart) = (&self.spec, &wanted.chart.metadata.name);
        let is_other = storage != spec.storage_namespace
            || current.namespace() != spec.namespace
            || current.name() != spec.release_name
            || (current.chart_name() != chart && spec.reinstalls_other_chart);
        if storage.is_empty() || !is_other {
            return None;
        }
        let site = Site { storage, ..wanted.site.clone() };
        if let Some(end) = self.uninstall(&site).await {
            return Some(end);
        }
        self.report.history.clear();
        self.report.clear_failures();
        self.report.remove("storageNamespace");
        None
    }

    /// Uninstalls what the status remembers; `None` where it is done.
    async fn uninstall(&mut self, site: &Site) -> Option<End> {
        let current = self.report.history.latest()?.clone();
        let (full, chart) = (current.full_name(), current.chart());
        let operation = match self.take_under_way(true) {
            Some(under_way) => Some(*under_way.operation),
            None => match Store::of(site).history(current.name()).await {
                Ok(records) => Operation::uninstall(&key(&self.name), &records, uninstall_rules(&self.spec)),
                Err(fault) => {
                    tracing::warn!(release = ?self.name, error = %fault, "the release's records could not be read");
                    return Some(End::Retry);
                }
            },
        };
        let Some(mut operation) = operation else {
            let message = format!("Release {full} was not found, assuming it is uninstalled");
            self.report.conditions().mark_false(condition::RELEASED, why::UNINSTALL_SUCCEEDED, &message);
            return None;
        };
        let result = match self.controller.releases.advance(&mut operation, site).await {
            Ok(Advance::Done(result)) => result,
            Ok(Advance::Waiting { left }) => {
                self.keep_under_way(operation, String::new(), true);
                return Some(End::Waiting(left));
            }
            Err(fault) => {
                tracing::warn!(release = ?self.name, error = %fault, "the uninstall could not go on; tried again");
                return Some(End::Retry);
            }
        };
        self.report.at(&now_text());
        for record in &operation.written {
            self.report.history.update(record, Some("uninstall"));
        }
        match result {
            Ok(()) => {
                let message = format!("Helm uninstall succeeded for release {full} with chart {chart}");
                self.report.remove("inventory");
                self.report.conditions().mark_false(condition::RELEASED, why::UNINSTALL_SUCCEEDED, &message);
                self.report.tell(Severity::Info, why::UNINSTALL_SUCCEEDED, &message, About::of(&current));
                None
            }
            Err(error) => {
                let message = format!("Helm uninstall failed for release {full} with chart {chart}: {}", error.trim());
                self.report.count("failures");
                self.report.conditions().mark_false(condition::RELEASED, why::UNINSTALL_FAILED, &message);
                self.report.tell(Severity::Error, why::UNINSTALL_FAILED, &message, About::of(&current));
                self.report.summarize();
                Some(End::Retry)
            }
        }
    }
}
