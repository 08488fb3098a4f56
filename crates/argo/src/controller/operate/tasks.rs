//! The tasks of an operation, from a comparison: objects, hooks, the namespace.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_engine::sync::generated_name;
use belay_object::{Object, ObjectKey};
use belay_plan::sync::{SyncPhase, Task};

use super::run::has;
use crate::compare::{Comparison, Judged};
use crate::controller::comparing::wanted_namespace;
use crate::ignore::IgnoreRules;
use crate::marks;
use crate::spec::{Application, SyncOperation};

/// What tasks are made from.
pub(super) struct Tasks<'a> {
    pub app: &'a Application,
    pub sync: &'a SyncOperation,
    pub compared: &'a Comparison,
    pub ignore: &'a IgnoreRules,
    pub revision: &'a str,
    pub started_unix: i64,
}

impl Tasks<'_> {
    pub fn make(&self) -> Vec<Task> {
        let mut tasks = Vec::new();
        let options = &self.sync.sync_options;
        let live: BTreeMap<ObjectKey, Arc<Object>> =
            self.compared.resources.iter().filter_map(|j| j.pair.live.clone()).map(|live| (live.key(), live)).collect();
        let respects = has(self.sync, "RespectIgnoreDifferences=true");
        for judged in &self.compared.resources {
            let Judged { pair, differences, status } = judged;
            let of_hook = pair.object().is_some_and(marks::is_hook);
            let skipped = pair.target.as_ref().is_some_and(|t| marks::is_skipped(t));
            let selected = self.selects(&status.group, &status.kind, &status.namespace, &status.name);
            if of_hook || skipped || !selected || (pair.target.is_none() && !status.requires_pruning) {
                continue;
            }
            let wave = pair.target.as_deref().or(pair.live.as_deref()).map_or(0, marks::wave);
            let target = match (&pair.target, &pair.live) {
                (Some(target), Some(live)) if respects => Some(Arc::new(self.ignore.respected(target, live))),
                (target, _) => target.clone(),
            };
            let mut task = Task::new(SyncPhase::Sync, wave, target, pair.live.clone());
            task.flags = marks::flags(pair.target.as_deref(), pair.live.as_deref(), options, self.sync.force());
            task.differs = !differences.is_empty() || pair.target.is_none() || pair.live.is_none();
            tasks.push(task);
        }
        let with_hooks = !self.sync.is_apply_strategy() && self.sync.resources.is_empty();
        for hook in self.compared.hooks.iter().filter(|_| with_hooks) {
            for phase in marks::sync_phases(hook) {
                let mut object = (**hook).clone();
                if object.name().is_empty() {
                    let prefix = object.str_at(&["metadata", "generateName"]).unwrap_or_default().to_owned();
                    let name = generated_name(&prefix, self.revision, phase, self.started_unix);
                    object.set(&["metadata", "name"], name);
                    object.remove(&["metadata", "generateName"]);
                }
                let found = live.get(&object.key()).cloned();
                let mut task = Task::new(phase, marks::wave(hook), Some(Arc::new(object)), found);
                task.hook = Some(marks::hook_policy(hook));
                task.flags = marks::flags(task.target.as_deref(), None, options, self.sync.force());
                tasks.push(task);
            }
        }
        tasks.extend(self.namespace());
        tasks
    }
    fn selects(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        self.sync.resources.is_empty() || self.sync.resources.iter().any(|r| r.names(group, kind, namespace, name))
    }
    /// The destination namespace, where it is to be made or to bear metadata.
    fn namespace(&self) -> Option<Task> {
        let name = &self.app.spec.destination.namespace;
        if !has(self.sync, "CreateNamespace=true") || name.is_empty() {
            return None;
        }
        let is_it = |o: &Object| o.kind() == "Namespace" && o.api_version() == "v1" && o.name() == name;
        if self.compared.resources.iter().any(|j| j.pair.target.as_ref().is_some_and(|t| is_it(t))) {
            return None;
        }
        let policy = self.app.spec.sync_policy.as_ref();
        let metadata = policy.and_then(|p| p.managed_namespace_metadata.as_ref());
        let live = self.compared.namespace.clone();
        if metadata.is_none() && live.is_some() {
            return None;
        }
        let wanted = wanted_namespace(self.app);
        let mut task = Task::new(SyncPhase::PreSync, 0, Some(Arc::new(wanted)), live);
        task.flags.skip_check = false;
        Some(task)
    }
}
