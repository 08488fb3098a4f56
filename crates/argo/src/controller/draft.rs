//! What one turn changes of an Application: put together in memory, written in one request.

use std::sync::Arc;

use belay_object::{Map, Object, Value};

use super::world::{World, now_text};
use crate::spec::{AppCondition, Application, HealthStatus, Status};

/// An Application as it was, and as it shall be.
pub(crate) struct Draft {
    before: Arc<Object>,
    /// What is read from it, changed as the turn goes on.
    pub app: Application,
    /// Whether the operation was carried out and goes.
    pub drops_operation: bool,
    /// The refresh that was carried out goes, unless somebody asked again.
    pub drops_refresh: bool,
}

impl Draft {
    /// Begins with an Application.
    pub fn new(before: Arc<Object>, app: Application) -> Draft {
        Draft { before, app, drops_operation: false, drops_refresh: false }
    }
    /// The object as it is in the cluster.
    pub fn object(&self) -> &Object {
        &self.before
    }
    /// Adds and takes away finalizers.
    pub fn set_finalizer(&mut self, finalizer: &str, wanted: bool) {
        let all = &mut self.app.finalizers;
        match (all.iter().position(|f| f == finalizer), wanted) {
            (Some(place), false) => drop(all.remove(place)),
            (None, true) => all.push(finalizer.to_owned()),
            _ => {}
        }
    }
    /// Writes what changed. `false`: it is gone.
    pub async fn commit(&mut self, world: &World) -> belay_cluster::Result<bool> {
        let mut after = (*self.before).clone();
        let mut status = match after.remove(&["status"]) {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        self.app.status.write_over(&mut status);
        if !status.is_empty() {
            after.set(&["status"], Value::Object(status));
        }
        let finalizers: Vec<&str> = self.before.finalizers().collect();
        if finalizers != self.app.finalizers && !self.app.uid.is_empty() {
            let all: Vec<Value> = self.app.finalizers.iter().map(|f| f.as_str().into()).collect();
            after.set(&["metadata", "finalizers"], all);
        }
        match &self.app.operation {
            Some(operation) if !self.drops_operation => after.set(&["operation"], operation.to_value()),
            _ => drop(after.remove(&["operation"])),
        }
        if self.drops_refresh {
            for name in [super::refresh::REFRESH, super::refresh::REFRESH_AT] {
                after.remove(&["metadata", "annotations", name]);
            }
        }
        let Some(written) = world.write(&self.before, &after).await? else { return Ok(false) };
        self.before = Arc::new(written);
        if self.drops_operation {
            self.app.operation = None;
            self.drops_operation = false;
        }
        self.drops_refresh = false;
        Ok(true)
    }
    /// Replaces the conditions of some types.
    pub fn set_conditions(&mut self, types: &[&str], new: Vec<AppCondition>) {
        let now = now_text();
        let status: &mut Status = &mut self.app.status;
        let old = std::mem::take(&mut status.conditions);
        let same = |a: &AppCondition, b: &AppCondition| a.kind == b.kind && a.message == b.message;
        for mut condition in new {
            if status.conditions.iter().any(|known| same(known, &condition)) {
                continue;
            }
            let before = old.iter().find(|known| same(known, &condition));
            condition.last_transition_time = before.map_or_else(|| now.clone(), |b| b.last_transition_time.clone());
            status.conditions.push(condition);
        }
        status.conditions.extend(old.into_iter().filter(|known| !types.contains(&known.kind.as_str())));
        status.conditions.sort_by(|a, b| (&a.kind, &a.message).cmp(&(&b.kind, &b.message)));
    }
    /// Sets the health; its time moves only where the word does.
    pub fn set_health(&mut self, health: HealthStatus) {
        let known = &self.app.status.health;
        let last_transition_time = if known.status == health.status && !known.last_transition_time.is_empty() {
            known.last_transition_time.clone()
        } else {
            now_text()
        };
        self.app.status.health = HealthStatus { last_transition_time, ..health };
    }
}
