//! What a HelmRelease would install or upgrade to.

use std::sync::Arc;

use belay_cluster::{Cluster, ListOptions, Resource};
use belay_helm::release::{self as records, Release, change, history};
use belay_helm::{Capabilities, Chart};
use belay_object::{Map, Object};

use super::PreviewError;
use crate::helm_release::{render, values};
use crate::spec::HelmRelease;

/// A revision that is not there yet.
pub struct ReleasePreview {
    /// What would be stored of it.
    pub record: Release,
    /// Objects as they would be applied, and those of before that would go.
    pub change: change::Change,
}

/// Renders a HelmRelease with a chart in the place of its own. Values of other objects, the revision that is
/// there, what the cluster serves and what templates look up come from the cluster; without one there are
/// none of them.
pub async fn release(cluster: Option<&Cluster>, object: &Object, chart: Chart) -> Result<ReleasePreview, PreviewError> {
    let failed = |e: &dyn std::fmt::Display| PreviewError(e.to_string());
    let spec = HelmRelease::read(object).map_err(|e| failed(&e))?;
    let values: Map = match cluster {
        Some(cluster) => values::compose(cluster, &spec).await.map_err(|e| PreviewError(e.message))?,
        None if spec.values_from.iter().any(|from| !from.optional) => {
            return Err(PreviewError("spec.valuesFrom needs a cluster: values of other objects are read there".into()));
        }
        None => values::inline(&spec).map_err(|e| PreviewError(e.message))?,
    };
    let known = match cluster {
        Some(cluster) => revisions(cluster, &spec).await?,
        None => Vec::new(),
    };
    let base = history::upgrade_base(&spec.release_name, &known).ok().map(|base| base.current.clone());
    let action = if base.is_some() { &spec.upgrade } else { &spec.install };
    let before = history::last(&known).and_then(|last| last.apply_method);
    let request = render::Request {
        chart: Arc::new(chart),
        values,
        revision: history::last(&known).map_or(1, |last| last.version + 1),
        is_upgrade: base.is_some(),
        first_deployed: base.as_ref().map(|base| base.info.first_deployed.clone()),
        method: history::apply_method(&action.server_side_apply, before).map_err(|e| failed(&e))?,
        skip_schema: action.disable_schema,
        capabilities: match cluster {
            Some(cluster) => render::capabilities(cluster).await.map_err(|e| failed(&e))?,
            None => Capabilities::offline(),
        },
        cluster: cluster.cloned(),
        cache: Arc::default(),
    };
    let record = render::record(&spec, request).await.map_err(PreviewError)?;
    let new = change::objects(&record.manifest).map_err(|e| failed(&e))?;
    let old = base.map(|base| change::objects(&base.manifest)).transpose().map_err(|e| failed(&e))?;
    let change = change::change(&spec.release_name, &spec.namespace, old.unwrap_or_default(), new);
    Ok(ReleasePreview { record, change })
}

/// The records of the release, oldest first.
async fn revisions(cluster: &Cluster, spec: &HelmRelease) -> Result<Vec<Release>, PreviewError> {
    let failed = |e: &dyn std::fmt::Display| PreviewError(format!("the release's records cannot be read: {e}"));
    let secrets = Resource::known("", "v1", "Secret", "secrets", true);
    let options = ListOptions { labels: format!("name={},owner=helm", spec.release_name), ..ListOptions::default() };
    let list = cluster.list(&secrets, &spec.storage_namespace, &options).await.map_err(|e| failed(&e))?;
    let mut found = Vec::new();
    for secret in &list.items {
        found.extend(records::read_secret(secret).map_err(|e| failed(&e))?);
    }
    found.sort_by_key(|record| record.version);
    Ok(found)
}
