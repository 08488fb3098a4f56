//! What scenarios of Helm releases look at: the HelmRelease, its records, its conditions.

use belay_helm::release::{self, Release, Status};
use belay_object::{Condition, ConditionStatus, Value};

use super::world::*;

/// A HelmRelease in `apps` of the chart in `repo`; `more` is lines of its spec.
pub fn helm_release(name: &str, more: &str) -> String {
    let chart = "chart:\n  spec:\n    chart: charts/shop\n    reconcileStrategy: Revision\n    \
                 sourceRef: {kind: GitRepository, name: repo}";
    release_of(name, chart, more)
}

/// A HelmRelease in `apps`; `chart` is lines of its spec that say where its chart comes from.
pub fn release_of(name: &str, chart: &str, more: &str) -> String {
    let lines = format!("{chart}\n{more}").replace('\n', "\n  ");
    format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: {name}, namespace: apps}}\n\
         spec:\n  interval: 1h\n  {lines}\n"
    )
}

/// The lines for a chart of the HelmRepository `charts`.
pub fn of_repository(chart: &str, version: &str) -> String {
    format!(
        "chart: {{spec: {{chart: {chart}, version: '{version}', sourceRef: {{kind: HelmRepository, name: charts}}}}}}"
    )
}

/// The lines for a chart that is a source's artifact.
pub fn of_reference(kind: &str, name: &str) -> String {
    format!("chartRef: {{kind: {kind}, name: {name}}}")
}

/// A HelmRepository `charts` in `apps`; `more` is lines of its spec.
pub fn helm_repository(url: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmRepository\nmetadata: {{name: charts, namespace: apps}}\n\
         spec:\n  url: {url}\n  interval: 1h\n  {}\n",
        more.replace('\n', "\n  ")
    )
}

/// The records of a release, oldest first.
pub fn records(w: &World, name: &str) -> Vec<Release> {
    let mut found: Vec<Release> = w
        .user
        .list("", "secrets", "apps")
        .iter()
        .filter_map(|s| release::read_secret(s.object()).expect("a record reads"))
        .filter(|r| r.name == name)
        .collect();
    found.sort_by_key(|r| r.version);
    found
}

pub fn statuses(w: &World, name: &str) -> Vec<String> {
    records(w, name).iter().map(|r| format!("v{} {}", r.version, r.info.status.name())).collect()
}

pub fn condition(w: &World, name: &str, kind: &str) -> Option<Condition> {
    Condition::find(&w.get(HELM_RELEASE, "apps", name)?, kind)
}

pub fn is_ready(w: &World, name: &str) -> bool {
    w.get(HELM_RELEASE, "apps", name).is_some_and(|o| {
        let observed = o.at(&["status", "observedGeneration"]).and_then(Value::as_i64);
        observed == Some(o.generation())
            && Condition::find(&o, "Ready")
                .is_some_and(|c| c.status == ConditionStatus::True && c.observed_generation == o.generation())
    })
}

pub async fn ready(w: &World, name: &str) {
    w.until(&format!("{name} is ready"), || is_ready(w, name).then_some(())).await;
}

/// Waits until a release is ready at a revision of its own.
pub async fn ready_at(w: &World, name: &str, revision: u32) {
    w.until(&format!("{name} is ready at v{revision}"), || {
        let newest = records(w, name).last().map(|r| (r.version, r.info.status));
        (newest == Some((revision, Status::Deployed)) && is_ready(w, name)).then_some(())
    })
    .await;
}
