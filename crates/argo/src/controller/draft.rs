//! What one turn changes of an Application: put together in memory, written in one request.

use std::sync::Arc;

use belay_object::{Map, Object, Value, merge_patch_between};

use super::world::{Name, World, now_text};
use crate::spec::{AppCondition, Application, HealthStatus, Operation, Status};

/// An Application as it was, and as it shall be.
///
/// *Invariant*: what a turn did not change is not written. A field of the status that cannot be read, or that
/// is not known here, stays as it is; so does an operation that cannot be read.
pub(crate) struct Draft {
    before: Arc<Object>,
    /// The conditions that it had when the turn began.
    told: Vec<AppCondition>,
    /// Whether the spec and the operation could be read.
    is_readable: bool,
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
        let told = app.status.conditions.clone();
        Draft { before, told, is_readable: true, app, drops_operation: false, drops_refresh: false }
    }
    /// Begins with one whose spec cannot be read: its state can be told, and nothing else of it is touched.
    pub fn of_unreadable(before: Arc<Object>) -> Draft {
        let app = Application {
            name: before.name().to_owned(),
            namespace: before.namespace().to_owned(),
            uid: before.uid().to_owned(),
            finalizers: before.finalizers().map(str::to_owned).collect(),
            status: read_status(&before),
            ..Application::default()
        };
        Draft { is_readable: false, ..Draft::new(before, app) }
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
    /// The object as it shall be.
    fn after(&self) -> Object {
        let mut after = (*self.before).clone();
        let mut status = match after.remove(&["status"]) {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        write_changes(&read_status(&self.before), &self.app.status, &mut status);
        if !status.is_empty() {
            after.set(&["status"], Value::Object(status));
        }
        let finalizers: Vec<&str> = self.before.finalizers().collect();
        if finalizers != self.app.finalizers && !self.app.uid.is_empty() {
            let all: Vec<Value> = self.app.finalizers.iter().map(|f| f.as_str().into()).collect();
            after.set(&["metadata", "finalizers"], all);
        }
        let asked = self.before.get("operation").and_then(|o| Operation::read(o).ok());
        match self.app.operation.as_ref().filter(|_| !self.drops_operation) {
            _ if !self.is_readable => {}
            Some(operation) if asked.as_ref() == Some(operation) => {}
            Some(operation) => after.set(&["operation"], operation.to_value()),
            None => drop(after.remove(&["operation"])),
        }
        if self.drops_refresh {
            for name in [super::refresh::REFRESH, super::refresh::REFRESH_AT] {
                after.remove(&["metadata", "annotations", name]);
            }
        }
        after
    }
    /// What is sent; nothing where nothing changed.
    fn patch(&self, newest: &Object) -> Option<Value> {
        let mut patch = merge_patch_between(self.before.value(), self.after().value())?;
        // A list is written as a whole, and a refresh that somebody asked for meanwhile is not the one that was
        // carried out: neither may be lost, so the write counts only for the object that was read.
        let annotations = patch.at(&["metadata", "annotations"]).is_some();
        if annotations || patch.at(&["metadata", "finalizers"]).is_some() {
            // Our own records of an operation are written meanwhile: as long as they found both as they were, they
            // are what was read.
            let same = |path: &[&str]| newest.at(path) == self.before.at(path);
            let is_same = same(&["metadata", "annotations"]) && same(&["metadata", "finalizers"]);
            let read = if is_same { newest } else { &self.before };
            patch.set(&["metadata", "resourceVersion"], read.resource_version());
        }
        patch.set(&["metadata", "uid"], self.before.uid());
        Some(patch)
    }
    /// Writes what changed. `false`: it is gone.
    pub async fn commit(&mut self, world: &World) -> belay_cluster::Result<bool> {
        let newest = world.application(&Name::of(&self.before)).filter(|newest| newest.uid() == self.before.uid());
        let written = match self.patch(newest.as_deref().unwrap_or(&self.before)) {
            Some(patch) => world.write(&self.before, patch).await?,
            None => Some((*self.before).clone()),
        };
        let Some(written) = written else { return Ok(false) };
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
            let before = old.iter().chain(&self.told).find(|known| same(known, &condition));
            condition.last_transition_time = before.map_or_else(|| now.clone(), |b| b.last_transition_time.clone());
            status.conditions.push(condition);
        }
        for known in old.into_iter().filter(|known| !types.contains(&known.kind.as_str())) {
            if !status.conditions.iter().any(|new| same(new, &known)) {
                status.conditions.push(known);
            }
        }
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

fn read_status(object: &Object) -> Status {
    Status::read_lossy(object.get("status").unwrap_or(&Value::Null))
}

/// Sets those fields in a map that differ between two states.
fn write_changes(before: &Status, after: &Status, into: &mut Map) {
    let (Value::Object(before), Value::Object(after)) = (before.to_value(), after.to_value()) else { return };
    for (name, value) in after.iter() {
        if before.get(name) != Some(value) {
            into.insert(name.as_str(), value.clone());
        }
    }
    for (name, _) in before.iter() {
        if after.get(name).is_none() {
            into.remove(name);
        }
    }
}

#[cfg(test)]
mod tests;
