//! What of a release is not in the cluster as its record says, and setting it right.
//!
//! Each object is compared with what a dry run of applying it would give. Nothing is asked while the
//! watches know all objects to be as they were left ([`Releases::is_as_recorded`]).

use belay_cluster::{ApplyOptions, Patch, WriteOptions};
use belay_helm::release::{Release, ownership};
use belay_object::{Object, ObjectKey, Value, object};
use belay_plan::IgnoreRules;

use super::objects::{self, Item};
use super::watches::Releases;
use super::{Fault, Site};

/// How one object differs.
#[derive(Clone, PartialEq, Debug)]
pub enum Difference {
    /// It is not there.
    Removed,
    /// It is there with other fields: the JSON patch (RFC 6902) that sets them right.
    Changed(Vec<Value>),
}

/// One object that differs.
#[derive(Clone)]
pub struct Drifted {
    item: Item,
    /// How.
    pub difference: Difference,
}

impl Drifted {
    /// Which one.
    pub fn key(&self) -> ObjectKey {
        self.item.object.key()
    }
    /// `Kind/namespace/name changed (0 additions, 1 changes, 0 removals)`.
    pub fn line(&self) -> String {
        let Difference::Changed(steps) = &self.difference else { return format!("{} removed", self.key()) };
        let count = |op: &str| steps.iter().filter(|s| s.str_at(&["op"]) == Some(op)).count();
        let (added, changed, removed) = (count("add"), count("replace"), count("remove"));
        format!("{} changed ({added} additions, {changed} changes, {removed} removals)", self.key())
    }
}

/// Compares all objects of a deployed revision with the cluster. What is as it should be is remembered
/// and watched. `excluded` says which objects nobody minds.
pub async fn differences(
    releases: &Releases,
    site: &Site,
    owner: &ObjectKey,
    record: &Release,
    ignore: &IgnoreRules,
    excluded: impl Fn(&Object) -> bool,
) -> Result<Vec<Drifted>, Fault> {
    let mut found = Vec::new();
    let mut as_applied = Vec::new();
    for mut item in objects::of_manifest(site, &record.manifest, &record.namespace).await? {
        ownership::stamp(&mut item.object, &record.name, &record.namespace);
        let Some(live) = item.find(site).await? else {
            if !excluded(&item.object) {
                found.push(Drifted { item, difference: Difference::Removed });
            }
            continue;
        };
        let steps = match excluded(&item.object) || excluded(&live) {
            true => Vec::new(),
            false => steps(site, &item, &live, ignore).await?,
        };
        match steps.is_empty() {
            true => as_applied.push(live),
            false => found.push(Drifted { item, difference: Difference::Changed(steps) }),
        }
    }
    releases.remember(owner, &site.target, &site.manager, &as_applied).await;
    if found.is_empty() {
        releases.looked(owner, record.version);
    }
    Ok(found)
}

async fn steps(site: &Site, item: &Item, live: &Object, ignore: &IgnoreRules) -> Result<Vec<Value>, Fault> {
    let options =
        ApplyOptions { field_manager: site.manager.clone(), force: true, dry_run: true, ..ApplyOptions::default() };
    let would_be = site.target.acting.apply(&item.resource, &item.object, &options).await;
    let would_be = would_be.map_err(|e| Fault::of_write(&e, &item.object, "unable to determine cluster state"))?;
    let ignored = ignore.paths_for(&item.object);
    let is_ignored = |pointer: &str| {
        ignored.iter().any(|i| pointer == *i || pointer.strip_prefix(*i).is_some_and(|r| r.starts_with('/')))
    };
    let pointers = belay_plan::drift(live, &would_be).into_iter().filter(|pointer| !is_ignored(pointer));
    Ok(pointers
        .filter_map(|pointer| {
            let step = |op: &str| object! { "op" => op, "path" => pointer.as_str() };
            match (live.value().pointer(&pointer), would_be.value().pointer(&pointer)) {
                (None, Some(wanted)) => Some(with(step("add"), wanted)),
                (Some(_), Some(wanted)) => Some(with(step("replace"), wanted)),
                (Some(_), None) => Some(step("remove")),
                (None, None) => None,
            }
        })
        .collect())
}

fn with(mut step: Value, value: &Value) -> Value {
    step.set(&["value"], value.clone());
    step
}

/// Sets drifted objects right, all that can be; gives the lines of those that were (`... created`,
/// `... configured`), and of those that could not be.
pub async fn correct(
    releases: &Releases,
    site: &Site,
    owner: &ObjectKey,
    drifted: &[Drifted],
) -> Result<(Vec<String>, Vec<String>), Fault> {
    let (mut lines, mut failures, mut live) = (Vec::new(), Vec::new(), Vec::new());
    let options = WriteOptions { field_manager: site.manager.clone(), ..WriteOptions::default() };
    let acting = &site.target.acting;
    for one in drifted {
        let (resource, object, key) = (&one.item.resource, &one.item.object, one.key());
        let (done, what) = match &one.difference {
            Difference::Removed => {
                let apply =
                    ApplyOptions { field_manager: site.manager.clone(), force: true, ..ApplyOptions::default() };
                (acting.apply(resource, object, &apply).await, ("created", "creation"))
            }
            Difference::Changed(steps) => {
                let patch = Patch::Json(Value::from(steps.clone()));
                let patched = acting.patch(resource, object.namespace(), object.name(), &patch, &options);
                (patched.await, ("configured", "patch"))
            }
        };
        match done {
            Ok(object) => {
                lines.push(format!("{key} {}", what.0));
                live.push(object);
            }
            Err(e) if e.is_transient() => return Err(Fault::of(&e, "")),
            Err(e) => failures.push(Fault::of_write(&e, object, &format!("{key} {} failure", what.1)).message),
        }
    }
    releases.remember(owner, &site.target, &site.manager, &live).await;
    Ok((lines, failures))
}
