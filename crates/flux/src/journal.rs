//! Where a Kustomization's intent is written before the act: the inventory in its status, the
//! certificates of deletions in an annotation.

use std::future::Future;
use std::pin::Pin;

use belay_engine::{Journal, JournalError, Progress};
use belay_object::{Object, Value, object};
use parking_lot::Mutex;

use crate::kustomization::{Kustomizations, Run};
use crate::names::{self, KUSTOMIZATION};
use crate::report::{self, KustomizationReport};
use crate::shared::{now_text, status_manager};

/// Writes the engine's intent into the status: the inventory ahead of every apply and prune.
pub(crate) struct StatusJournal<'a> {
    pub run: &'a Run<'a>,
    pub report: &'a Mutex<KustomizationReport>,
}

impl Journal for StatusJournal<'_> {
    fn record<'a>(&'a self, progress: Progress) -> Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + 'a>> {
        Box::pin(async move {
            let inventory = match &progress {
                Progress::Applying { inventory } | Progress::Pruning { inventory } => inventory,
                Progress::Deleting { certificates } => {
                    let revision = self.report.lock().revision().to_owned();
                    return self.run.controller.record_deletions(&self.run.object, &revision, certificates).await;
                }
            };
            let patch = {
                let mut report = self.report.lock();
                let now = now_text();
                report.progress(report::Progress::Fetching, &now);
                report.progress(report::Progress::Building, &now);
                report.progress(report::Progress::DetectingDrift, &now);
                report.set_inventory(inventory);
                report.take_patch()
            };
            let Some(patch) = patch else { return Ok(()) };
            self.run
                .write_patch(patch)
                .await
                .map_err(|e| JournalError(format!("the inventory could not be written before the apply: {e}")))
        })
    }
}

/// Writes what a deleted Kustomization is about to delete; its inventory stands already.
pub(crate) struct DeletionJournal<'a> {
    pub controller: &'a Kustomizations,
    pub object: &'a Object,
}

impl Journal for DeletionJournal<'_> {
    fn record<'a>(&'a self, progress: Progress) -> Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send + 'a>> {
        Box::pin(async move {
            match &progress {
                Progress::Applying { .. } | Progress::Pruning { .. } => Ok(()),
                Progress::Deleting { certificates } => {
                    let revision = self.object.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default();
                    self.controller.record_deletions(self.object, revision, certificates).await
                }
            }
        })
    }
}

impl Kustomizations {
    /// Writes the certificates of deletions into an annotation, before the first of them (ACT-1): the
    /// definition's status has no field for them.
    async fn record_deletions(
        &self,
        object: &Object,
        revision: &str,
        certificates: &[Value],
    ) -> Result<(), JournalError> {
        let record = object! {
            "at" => now_text(),
            "revision" => revision,
            "objects" => certificates.to_vec(),
        };
        let mut patch = object! {};
        patch.set(&["metadata", "annotations", names::DELETIONS], record.to_json());
        let written = self.shared.patch_main(&self.resource, object, patch, status_manager(&KUSTOMIZATION)).await;
        written.map_err(|e| JournalError(format!("what is about to be deleted could not be recorded: {e}")))
    }
}
