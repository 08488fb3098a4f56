//! Which revision an operation starts from, and which are forgotten.

use std::collections::BTreeMap;

use belay_gotemplate::Map as TemplateMap;
use belay_object::{Map, Value};

use super::record::{ApplyMethod, Release, Status};
use crate::chart::Chart;
use crate::dependencies::Node;
use crate::error::{Error, Result};
use crate::values::coalesce::{self, Nulls, coalesce};

/// What Helm says while an operation is under way.
pub const PENDING: &str = "another operation (install/upgrade/rollback) is in progress";

/// The newest revision.
pub fn last(history: &[Release]) -> Option<&Release> {
    history.iter().max_by_key(|release| release.version)
}

/// The newest revision that is deployed.
pub fn deployed(history: &[Release]) -> Option<&Release> {
    history.iter().filter(|release| release.info.status == Status::Deployed).max_by_key(|release| release.version)
}

/// Refuses a name that is in use. With `replace`, one whose last revision was uninstalled or failed
/// is free.
pub fn check_available(history: &[Release], replace: bool) -> Result<()> {
    match last(history).map(|release| release.info.status) {
        None => Ok(()),
        Some(Status::Uninstalled | Status::Failed) if replace => Ok(()),
        Some(_) => Err(Error::release("cannot reuse a name that is still in use")),
    }
}

/// What an upgrade starts from.
#[derive(Clone, Copy, Debug)]
pub struct UpgradeBase<'a> {
    /// The newest revision; the new one is the next.
    pub last: &'a Release,
    /// The revision whose objects are in the cluster.
    pub current: &'a Release,
}

impl UpgradeBase<'_> {
    /// The number of the new revision.
    pub fn next_version(&self) -> u32 {
        self.last.version.saturating_add(1)
    }
}

/// Finds what an upgrade starts from: the deployed revision, else the last if it failed or was
/// superseded. A pending one blocks.
pub fn upgrade_base<'a>(name: &str, history: &'a [Release]) -> Result<UpgradeBase<'a>> {
    let none = || Error::release(format!("{} has no deployed releases", crate::go::quote(name)));
    let last = last(history).ok_or_else(none)?;
    if last.info.status.is_pending() {
        return Err(Error::release(PENDING).hint("an operation that was cut off is resumed or rolled back first"));
    }
    let current = match last.info.status {
        Status::Deployed => last,
        Status::Failed | Status::Superseded => deployed(history).unwrap_or(last),
        _ => deployed(history).ok_or_else(none)?,
    };
    Ok(UpgradeBase { last, current })
}

/// The revision that a rollback goes to; 0 for the one before the last.
pub fn rollback_target(history: &[Release], wanted: u32) -> Result<&Release> {
    let last = last(history).ok_or_else(|| Error::release("release: not found"))?;
    let wanted = if wanted == 0 { last.version.saturating_sub(1) } else { wanted };
    let found = history.iter().find(|release| release.version == wanted);
    found.ok_or_else(|| Error::release(format!("release has no {wanted} version")))
}

/// The newest revision that was well: where a failed upgrade goes back to.
pub fn last_successful(history: &[Release]) -> Option<&Release> {
    let was_well = |r: &&Release| matches!(r.info.status, Status::Superseded | Status::Deployed);
    history.iter().filter(was_well).max_by_key(|release| release.version)
}

/// The record of a rollback: the target again, as a new revision begun at `now`.
pub fn rollback_record(history: &[Release], target: &Release, method: ApplyMethod, now: &str) -> Result<Release> {
    let last = last(history).ok_or_else(|| Error::release("release: not found"))?;
    let mut record = target.clone();
    record.namespace = last.namespace.clone();
    record.version = last.version.saturating_add(1);
    record.info = super::Info::default();
    record.info.first_deployed.clone_from(&last.info.first_deployed);
    record.info.last_deployed = now.to_owned();
    record.info.notes.clone_from(&target.info.notes);
    record.set_status(Status::PendingRollback, format!("Rollback to {}", target.version));
    record.apply_method = Some(method);
    Ok(record)
}

/// Revisions to forget before a new one is stored, oldest first, so that at most `max` are kept
/// with it; the deployed one is never among them. 0 keeps all.
pub fn to_forget(history: &[Release], max: u32) -> Vec<u32> {
    let Some(keep) = (max as usize).checked_sub(1) else { return Vec::new() };
    let spared = deployed(history).map(|release| release.version);
    let mut versions: Vec<u32> = history.iter().map(|release| release.version).collect();
    versions.sort_unstable();
    let surplus = versions.len().saturating_sub(keep);
    versions.into_iter().filter(|version| Some(*version) != spared).take(surplus).collect()
}

/// How an operation is to apply: `auto` does as the release did before.
pub fn apply_method(wanted: &str, before: Option<ApplyMethod>) -> Result<ApplyMethod> {
    match wanted {
        "auto" => Ok(before.unwrap_or(ApplyMethod::ClientSide)),
        "false" => Ok(ApplyMethod::ClientSide),
        "true" => Ok(ApplyMethod::ServerSide),
        other => Err(Error::release(format!("invalid/unknown release server-side apply method: {other}"))),
    }
}

/// The labels of a new revision: those of the last, changed; `null` takes one away.
pub fn merge_labels(current: &BTreeMap<String, String>, wanted: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let merged = current.iter().chain(wanted).map(|(k, v)| (k.clone(), v.clone())).collect::<BTreeMap<_, _>>();
    merged.into_iter().filter(|(_, value)| value != "null").collect()
}

/// What an upgrade does with the values of before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReuseValues {
    /// Takes them only if there are none now.
    #[default]
    IfNone,
    /// Forgets them.
    Reset,
    /// Takes them, and the chart's defaults of before.
    Reuse,
    /// Takes them, over the new chart's defaults.
    ResetThenReuse,
}

/// The values of an upgrade, and the chart, whose own values [`ReuseValues::Reuse`] replaces.
pub fn reuse_values(chart: Chart, current: &Release, new: Map, reuse: ReuseValues) -> Result<(Chart, Map)> {
    let over_old = |new: Map| -> Result<Map> {
        let merged = coalesce::from_map(&new);
        coalesce::tables(&merged, &coalesce::from_map(&current.config), Nulls::Delete);
        to_map(merged)
    };
    match reuse {
        ReuseValues::Reset => Ok((chart, new)),
        ReuseValues::IfNone if new.is_empty() => Ok((chart, current.config.clone())),
        ReuseValues::IfNone => Ok((chart, new)),
        ReuseValues::ResetThenReuse => Ok((chart, over_old(new)?)),
        ReuseValues::Reuse => {
            let old = match &current.chart {
                Some(old) => {
                    let old = old.chart()?;
                    to_map(coalesce(&Node::new(&old), &coalesce::from_map(&current.config), Nulls::Delete)?)
                        .map_err(|e| e.wrap("failed to rebuild old values"))?
                }
                None => current.config.clone(),
            };
            let values = over_old(new)?;
            Ok((Chart { values: std::sync::Arc::new(old), has_values: true, ..chart }, values))
        }
    }
}

fn to_map(values: TemplateMap) -> Result<Map> {
    match belay_gotemplate::Value::Map(values).to_object() {
        Ok(Value::Object(map)) => Ok(map),
        Ok(_) => Ok(Map::new()),
        Err(e) => Err(Error::values(e.to_string())),
    }
}
