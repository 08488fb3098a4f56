//! `belay stats`: how many there are, and how they are.

use anyhow::Result;
use belay_cluster::ListOptions;
use belay_object::{Condition, ConditionStatus, Value};

use crate::args::{Global, StatsArgs};
use crate::connect::connect;
use crate::kinds::{self, suspended};
use crate::out;
use crate::output::Table;

pub async fn stats(global: &Global, args: &StatsArgs) -> Result<u8> {
    let session = connect(global).await?;
    let namespace = if args.all_namespaces { "" } else { &session.namespace };
    let mut table = Table::new(&["reconcilers", "running", "failing", "suspended", "storage"]);
    for kind in kinds::ALL {
        let found = match session.cluster.list(&session.resource(kind), namespace, &ListOptions::default()).await {
            Ok(found) => found.items,
            Err(e) if e.is_not_found() => continue,
            Err(e) => return Err(e.into()),
        };
        let (mut running, mut failing, mut paused, mut bytes) = (0, 0, 0, 0);
        for object in &found {
            if suspended(object) {
                paused += 1;
            } else {
                running += 1;
            }
            if Condition::find(object, "Ready").is_some_and(|c| c.status == ConditionStatus::False) {
                failing += 1;
            }
            bytes += object.at(&["status", "artifact", "size"]).and_then(Value::as_i64).unwrap_or_default();
        }
        let storage = if kind.source { size(bytes) } else { "-".to_owned() };
        table.row(vec![kind.kind.to_owned(), running.to_string(), failing.to_string(), paused.to_string(), storage]);
    }
    out!("{}", table.render(true));
    Ok(0)
}

/// `3.6 MiB`
fn size(bytes: i64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests;
