//! Helm charts in a kustomization. Rendering them is the caller's: see [`HelmRenderer`].

use std::collections::BTreeMap;

use belay_object::{Map, Value};
use belay_tree::{Tree, TreePath};

use crate::decode::{FreeMap, decode_struct};
use crate::error::{Error, Result};
use crate::kustomization::FreeValues;
use crate::merge::strategic_merge;
use crate::schema::Schemas;

/// Renders a chart to manifests.
pub trait HelmRenderer: Send + Sync {
    /// Renders one chart and gives its manifests as one YAML stream, or why it cannot.
    fn render(&self, request: &HelmRequest<'_>) -> std::result::Result<String, String>;
}

/// What a [`HelmRenderer`] is asked for.
pub struct HelmRequest<'a> {
    /// The chart as the kustomization gives it, defaults filled in.
    pub chart: &'a HelmChart,
    /// The tree that the kustomization is in.
    pub tree: &'a dyn Tree,
    /// The kustomization's directory.
    pub dir: &'a TreePath,
    /// Where charts stand, relative to `dir`. A chart that is there is not fetched.
    pub chart_home: &'a str,
    /// The values files in order, relative to `dir`, that come before `values`. The first is
    /// the chart's own where the kustomization names none.
    pub values_files: &'a [String],
    /// Inline values; how they meet the values file is the chart's `values_merge`.
    pub values: Option<&'a Map>,
}

/// An entry of `helmCharts`.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct HelmChart {
    /// The chart's name.
    pub name: String,
    /// Its version; empty for the latest.
    pub version: String,
    /// The repository's URL.
    pub repo: String,
    /// The release's name; empty for a generated one.
    pub release_name: String,
    /// The release's namespace, that of the kustomization filled in.
    pub namespace: String,
    /// A values file; empty for the chart's own.
    pub values_file: String,
    /// More values files.
    pub additional_values_files: Vec<String>,
    pub(crate) values_inline: FreeValues,
    /// `override` (the default), `merge` or `replace`.
    pub values_merge: String,
    /// Whether CRDs are rendered too.
    pub include_crds: bool,
    /// Whether hooks are left out.
    pub skip_hooks: bool,
    /// Whether tests are left out.
    pub skip_tests: bool,
    /// API versions that the chart may assume.
    pub api_versions: Vec<String>,
    /// The Kubernetes version that the chart may assume.
    pub kube_version: String,
    /// A template for the release's name.
    pub name_template: String,
    /// Whether Helm tells more.
    pub debug: bool,
    /// Whether development versions count.
    pub devel: bool,
    /// Where it is a configuration of its own: `chartHome`.
    chart_home: String,
    config_home: String,
}
decode_struct!(HelmChart, "types.HelmChart", "HelmChart", {
    name: "name", version: "version", repo: "repo", release_name: "releaseName", namespace: "namespace",
    values_file: "valuesFile", additional_values_files: "additionalValuesFiles", values_inline: "valuesInline",
    values_merge: "valuesMerge", include_crds: "includeCRDs", skip_hooks: "skipHooks", skip_tests: "skipTests",
    api_versions: "apiVersions", kube_version: "kubeVersion", name_template: "nameTemplate", debug: "debug",
    devel: "devel",
});

/// `helmGlobals`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct HelmGlobals {
    pub(crate) chart_home: String,
    pub(crate) config_home: String,
}
decode_struct!(HelmGlobals, "types.HelmGlobals", "HelmGlobals", {
    chart_home: "chartHome", config_home: "configHome",
});

/// An entry of `helmChartInflationGenerator`, the deprecated form.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct OldHelmChart {
    name: String,
    version: String,
    repo: String,
    home: String,
    repo_name: String,
    bin: String,
    helm_home: String,
    values: String,
    values_local: FreeMap,
    values_merge: String,
    release_name: String,
    release_namespace: String,
    extra_args: Vec<String>,
}
decode_struct!(OldHelmChart, "types.HelmChartArgs", "HelmChartArgs", {
    name: "chartName", version: "chartVersion", repo: "chartRepoUrl", home: "chartHome", repo_name: "chartRepoName",
    bin: "helmBin", helm_home: "helmHome", values: "values", values_local: "valuesLocal",
    values_merge: "valuesMerge", release_name: "releaseName", release_namespace: "releaseNamespace",
    extra_args: "extraArgs",
});

/// The deprecated form as the present one.
pub(crate) fn split_old_charts(old: Vec<OldHelmChart>) -> (Vec<HelmChart>, HelmGlobals) {
    let mut globals = HelmGlobals::default();
    let charts = old
        .into_iter()
        .map(|old| {
            if !old.helm_home.is_empty() {
                globals.config_home = old.helm_home;
            }
            if !old.home.is_empty() {
                globals.chart_home = old.home;
            }
            HelmChart {
                name: old.name,
                version: old.version,
                repo: old.repo,
                values_file: old.values,
                values_inline: old.values_local,
                values_merge: old.values_merge,
                release_name: old.release_name,
                ..HelmChart::default()
            }
        })
        .collect();
    (charts, globals)
}

/// A chart of a generator configuration, where `chartHome` stands beside the chart's fields.
pub(crate) fn chart_of_config(value: &Value) -> Result<(HelmChart, HelmGlobals), String> {
    let chart = crate::decode::decode(value, crate::decode::Rules::Yaml)?;
    let globals = crate::decode::decode(value, crate::decode::Rules::Yaml)?;
    Ok((chart, globals))
}

/// Checks a chart and fills in its defaults.
pub(crate) fn complete(chart: &mut HelmChart, globals: &HelmGlobals) -> Result<String> {
    if chart.name.is_empty() {
        return Err(Error::kustomization("chart name cannot be empty"));
    }
    if chart.values_merge.is_empty() {
        chart.values_merge = "override".into();
    }
    if !["merge", "override", "replace"].contains(&chart.values_merge.as_str()) {
        return Err(Error::kustomization("valuesMerge must be one of [merge override replace]"));
    }
    let home = if globals.chart_home.is_empty() { "charts" } else { &globals.chart_home };
    let pulled = !chart.version.is_empty() && !chart.repo.is_empty();
    let home = if pulled { format!("{home}/{}-{}", chart.name, chart.version) } else { home.to_owned() };
    if chart.values_file.is_empty() {
        chart.values_file = format!("{home}/{}/values.yaml", chart.name);
    }
    Ok(home)
}

impl HelmChart {
    /// The inline values merged with those of a values file, as `values_merge` says: the strategic
    /// merge without a schema, so that lists are replaced and null deletes.
    pub fn merged_values(&self, file: Value) -> Result<Value> {
        let inline = Value::Object(self.values_inline.0.clone());
        let no_schema = Schemas::default();
        let merged = match self.values_merge.as_str() {
            "replace" => return Ok(inline),
            "merge" => strategic_merge(inline, file, &no_schema)?,
            _ => strategic_merge(file, inline, &no_schema)?,
        };
        Ok(merged.unwrap_or_else(Value::object))
    }

    /// The inline values.
    pub fn values_inline(&self) -> Option<&Map> {
        (!self.values_inline.0.is_empty()).then_some(&self.values_inline.0)
    }
}

/// The chart as the YAML that kustomize shows in an error: only what is set.
pub(crate) fn config_yaml(chart: &HelmChart) -> String {
    let texts: BTreeMap<&str, &str> = [
        ("name", chart.name.as_str()),
        ("version", &chart.version),
        ("repo", &chart.repo),
        ("releaseName", &chart.release_name),
        ("namespace", &chart.namespace),
        ("valuesFile", &chart.values_file),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .collect();
    belay_yaml::to_yaml(&Value::Object(texts.into_iter().collect()))
}
