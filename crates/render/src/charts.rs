//! The charts of a kustomization (`helmCharts`), rendered from where they stand in the tree.
//!
//! A chart is read from the kustomization's chart home, where `kustomize` itself would put what it
//! pulled. Nothing is fetched here. Clock and randomness are the caller's to give: without them the
//! clock stands at 1970, a chart that asks for randomness fails with its function's name, and the same
//! tree always gives the same manifests.

use belay_helm::{
    Capabilities, KubeVersion, Limits, Outside, Printed, ReleaseInfo, RenderOptions, TemplateCache, load, render,
    template, values::UserValues,
};
use belay_kustomize::{HelmChart, HelmRenderer, HelmRequest};
use belay_object::{Map, Value};
use belay_tree::{Entry, TreePath};

/// Renders the charts of kustomizations.
pub struct Charts {
    limits: Limits,
    cache: TemplateCache,
    outside: Box<dyn Fn() -> Outside + Send + Sync>,
}
impl Charts {
    /// A renderer that gives templates the clock and randomness of `outside`, asked once a chart.
    pub fn new(outside: impl Fn() -> Outside + Send + Sync + 'static) -> Charts {
        Charts { limits: Limits::default(), cache: TemplateCache::default(), outside: Box::new(outside) }
    }
}
impl Default for Charts {
    fn default() -> Charts {
        Charts::new(Outside::default)
    }
}

impl HelmRenderer for Charts {
    fn render(&self, request: &HelmRequest<'_>) -> Result<String, String> {
        let chart = request.chart;
        let named = |why: String| format!("chart {:?}: {why}", chart.name);
        if !chart.name_template.is_empty() {
            return Err(named("nameTemplate is not supported: give a releaseName".into()));
        }
        let loaded = self.load(request).map_err(named)?;
        let values = self.values(request).map_err(named)?;
        let info = ReleaseInfo {
            // kustomize has Helm make up a name with the time in it: no two builds would be equal.
            name: if chart.release_name.is_empty() { &chart.name } else { &chart.release_name }.clone(),
            namespace: if chart.namespace.is_empty() { "default" } else { &chart.namespace }.to_owned(),
            revision: 1,
            is_upgrade: false,
        };
        let capabilities = capabilities(chart).map_err(named)?;
        let options = RenderOptions {
            release: &info,
            capabilities: &capabilities,
            limits: &self.limits,
            cache: Some(&self.cache),
            skip_schema: false,
            sub_notes: false,
        };
        let rendered = loaded
            .check_installable(&values)
            .and_then(|()| render(&loaded, &values, &options, (self.outside)()))
            .map_err(|e| named(told(&e)))?;
        let printed = Printed {
            include_crds: chart.include_crds,
            no_hooks: chart.skip_hooks,
            skip_tests: chart.skip_tests,
            show_only: &[],
        };
        template(&rendered, &printed).map_err(|e| named(told(&e)))
    }
}

impl Charts {
    fn load(&self, request: &HelmRequest<'_>) -> Result<belay_helm::Chart, String> {
        let at = format!("{}/{}", request.chart_home, request.chart.name);
        let path = request.dir.join(&at).map_err(|e| e.to_string())?;
        let is_there = !matches!(request.tree.read(&path).map_err(|e| e.to_string())?, Entry::Absent);
        if is_there {
            return load(request.tree, &path, &self.limits).map_err(|e| told(&e));
        }
        Err(match request.chart.repo.as_str() {
            "" => format!("it is not at {at}; charts stand in chartHome (helmGlobals.chartHome, else charts)"),
            repo => format!(
                "it is not at {at}, and charts are not fetched from {repo}: \
                 commit what `helm pull --untar --repo {repo} {}` gives there",
                request.chart.name
            ),
        })
    }

    /// The values files in order, the inline values met with the first as `valuesMerge` says.
    fn values(&self, request: &HelmRequest<'_>) -> Result<Map, String> {
        let mut files = Vec::new();
        for (i, name) in request.values_files.iter().enumerate() {
            let content = read(request, name)?;
            let content = match (i, request.values) {
                // The chart's own values are a chart without any where the file is not there.
                (0, None) => content.unwrap_or_default(),
                (0, Some(_)) => merged(request.chart, &content.unwrap_or_default(), name)?,
                _ => content.ok_or_else(|| format!("there is no values file {name}"))?,
            };
            files.push((name.clone(), content));
        }
        let none = |name: &str| Err(format!("{name} is not read here"));
        UserValues { files, ..UserValues::default() }.merged(&none).map_err(|e| told(&e))
    }
}

fn read(request: &HelmRequest<'_>, name: &str) -> Result<Option<Vec<u8>>, String> {
    let path: TreePath = request.dir.join(name).map_err(|e| format!("{name}: {e}"))?;
    match request.tree.follow(&path).map_err(|e| e.to_string())?.1 {
        Entry::File(file) => Ok(Some(file.content.to_vec())),
        Entry::Absent => Ok(None),
        _ => Err(format!("{name} is not a file")),
    }
}

fn merged(chart: &HelmChart, file: &[u8], name: &str) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(file).map_err(|_| format!("{name} is not UTF-8"))?;
    let file = match belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| format!("{name}:{e}"))? {
        Value::Null => Value::object(),
        value => value,
    };
    let values = chart.merged_values(file).map_err(|e| e.to_string())?;
    Ok(belay_yaml::to_yaml(&values).into_bytes())
}

fn capabilities(chart: &HelmChart) -> Result<Capabilities, String> {
    let capabilities = Capabilities::offline().with_api_versions(chart.api_versions.iter().cloned());
    if chart.kube_version.is_empty() {
        return Ok(capabilities);
    }
    let version = KubeVersion::parse(&chart.kube_version)
        .map_err(|e| format!("invalid kube version '{}': {e}", chart.kube_version))?;
    Ok(capabilities.with_kube_version(version))
}

fn told(e: &belay_helm::Error) -> String {
    let hints: String = e.hints().iter().map(|hint| format!("; {hint}")).collect();
    format!("{e}{hints}")
}

#[cfg(test)]
mod tests;
