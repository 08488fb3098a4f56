//! Charts, rendered as `helm template` renders them: no cluster is asked, CRDs come along, hooks keep
//! their annotations.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_helm::values::UserValues;
use belay_helm::{
    Capabilities, Chart, Dependency, ErrorKind as HelmKind, KubeVersion, Limits, Printed, ReleaseInfo, RenderOptions,
    Rendered, printed_hooks, release,
};
use belay_object::Map;
use belay_render::{Origin, RenderedObject};
use belay_tree::{Tree, TreePath};

use super::{Error, ErrorKind, Job, Made, documents, value_files};
use crate::spec::Helm;

/// A chart that another depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedChart {
    /// Its name.
    pub name: String,
    /// The version that `Chart.lock` names, else the version or constraint of `Chart.yaml`.
    pub version: String,
    /// The repository that the depending chart names: a URL, `@name` or `alias:name`.
    pub repository: String,
    /// The project whose credentials may be used.
    pub project: String,
}

/// Gives charts that others depend on and do not hold.
pub trait Dependencies: Send + Sync {
    /// The files of a chart, or why there are none; called on a thread that may wait. The same question has the same answer for as
    /// long as renders are remembered.
    fn fetch(&self, chart: &WantedChart) -> Result<Arc<dyn Tree>, String>;
}

/// How often dependencies of dependencies are looked for.
const ROUNDS: usize = 8;

pub(super) fn render(job: &Job<'_>) -> Result<Made, Error> {
    let none = Helm::default();
    let own = job.source.helm.as_deref().unwrap_or(&none);
    let values = values(job, own)?;
    let limits = Limits::default();
    let chart = belay_helm::load_dir(job.tree, &job.dir, &limits).map_err(|e| failed(&e))?;
    let chart = with_dependencies(job, chart, &values, &limits)?;
    let name = if own.release_name.is_empty() { &job.app.name } else { &own.release_name };
    release::check_name(name).map_err(|e| failed(&e))?;
    let namespace = job.source.namespace_or(&job.app.destination_namespace);
    let info = ReleaseInfo {
        name: name.clone(),
        namespace: if namespace.is_empty() { "default" } else { namespace }.to_owned(),
        revision: 1,
        is_upgrade: false,
    };
    let capabilities = capabilities(job)?;
    let options = RenderOptions {
        release: &info,
        capabilities: &capabilities,
        limits: &limits,
        cache: Some(&job.tools.templates),
        skip_schema: own.skip_schema_validation,
        sub_notes: false,
    };
    let rendered = belay_helm::render(&chart, &values, &options, (job.tools.outside)()).map_err(|e| failed(&e))?;
    let objects = objects(job, own, &chart, &rendered)?;
    Ok(Made { objects, warnings: Vec::new(), renderer: "", lasts: true })
}

/// Files, then values of the source, then parameters: the later goes before the earlier.
fn values(job: &Job<'_>, own: &Helm) -> Result<Map, Error> {
    let found = value_files::all(job, &own.value_files, own.ignore_missing_value_files)
        .map_err(|e| Error::new(e.kind(), format!("error resolving helm value files: {e}")))?;
    let mut files: Vec<(String, Vec<u8>)> = found.into_iter().map(|f| (f.name, f.file.content.to_vec())).collect();
    let inline = own.values_yaml();
    if !inline.is_empty() {
        files.push(("source.helm.values/valuesObject".to_owned(), inline.into_bytes()));
    }
    // Of a name that stands twice the last counts.
    let (mut set, mut strings) = (BTreeMap::new(), BTreeMap::new());
    for parameter in &own.parameters {
        let into = if parameter.force_string { &mut strings } else { &mut set };
        into.insert(parameter.name.as_str(), escaped(&job.environment.substitute(&parameter.value)));
    }
    let assigned = |(name, value): (&str, String)| format!("{name}={value}");
    let set: Vec<String> = set.into_iter().map(assigned).collect();
    let strings: Vec<String> = strings.into_iter().map(assigned).collect();
    // `--set-file` gets a number for a file, so that no path has to pass its grammar.
    let (mut contents, mut from_files) = (Vec::new(), Vec::new());
    for parameter in &own.file_parameters {
        let found = value_files::one(job, &parameter.path)?;
        from_files.push(format!("{}={}", parameter.name, contents.len()));
        contents.push(found);
    }
    let read = |number: &str| {
        let found = number.parse::<usize>().ok().and_then(|i| contents.get(i)).ok_or("no such file")?;
        found.file.text().map(str::to_owned).ok_or_else(|| format!("{}: not UTF-8", found.name))
    };
    let user = UserValues { files, set: &set, strings: &strings, from_files: &from_files, ..UserValues::default() };
    user.merged(&read).map_err(|e| failed(&e))
}

/// Escapes commas, which part assignments, unless the value is a list (`{a,b}`).
fn escaped(value: &str) -> String {
    if value.starts_with('{') && value.ends_with('}') {
        return value.to_owned();
    }
    let mut out = String::with_capacity(value.len());
    let mut before = '\0';
    for c in value.chars() {
        if c == ',' && before != '\\' {
            out.push('\\');
        }
        out.push(c);
        before = c;
    }
    out
}

fn capabilities(job: &Job<'_>) -> Result<Capabilities, Error> {
    let api_versions = job.source.api_versions_or(&job.app.cluster.api_versions);
    let capabilities = Capabilities::offline().with_api_versions(api_versions.iter().cloned());
    let version = super::bare_kube_version(job.source.kube_version_or(&job.app.cluster.kube_version))?;
    if version.is_empty() {
        return Ok(capabilities);
    }
    let version = KubeVersion::parse(&version).map_err(|e| failed(&e))?;
    Ok(capabilities.with_kube_version(version))
}

/// The chart with the charts that it lacks: those of the repository (`file://`), and those that the
/// caller fetches. What is disabled by the values is not looked for.
fn with_dependencies(job: &Job<'_>, mut chart: Chart, values: &Map, limits: &Limits) -> Result<Chart, Error> {
    let mut rounds = ROUNDS;
    while let Err(error) = chart.check_installable(values) {
        let missing: Vec<Dependency> = chart
            .metadata
            .dependencies
            .iter()
            .filter(|d| !chart.dependencies.iter().any(|c| c.name() == d.name))
            .cloned()
            .collect();
        if error.kind() != HelmKind::Dependencies || missing.is_empty() || rounds == 0 {
            return Err(failed(&error));
        }
        rounds -= 1;
        for dependency in missing {
            let locked = chart.lock.as_ref().and_then(|lock| {
                let of = lock.dependencies.iter().find(|l| l.name == dependency.name)?;
                Some(of.version.clone())
            });
            let wanted = WantedChart {
                name: dependency.name.clone(),
                version: locked.unwrap_or_else(|| dependency.version.clone()),
                repository: dependency.repository.clone(),
                project: job.app.project.clone(),
            };
            let Some(found) = fetched(job, &wanted, limits)? else { return Err(failed(&error)) };
            chart.dependencies.push(found);
        }
    }
    Ok(chart)
}

/// A chart that another lacks; `None` where nobody fetches any.
fn fetched(job: &Job<'_>, wanted: &WantedChart, limits: &Limits) -> Result<Option<Chart>, Error> {
    let wrong = |why: &str| {
        // Compat(argo 3.5): the first part
        let message = format!("error building helm chart dependencies: {} {}: {why}", wanted.name, wanted.version);
        Error::new(ErrorKind::Build, message)
    };
    if let Some(path) = wanted.repository.strip_prefix("file://") {
        let path = job.dir.join(path).map_err(|e| wrong(&e.to_string()))?;
        return belay_helm::load(job.tree, &path, limits).map(Some).map_err(|e| wrong(&told(&e)));
    }
    let Some(dependencies) = job.dependencies else { return Ok(None) };
    let files = dependencies.fetch(wanted).map_err(|why| wrong(&why))?;
    belay_helm::load_dir(&*files, &TreePath::root(), limits).map(Some).map_err(|e| wrong(&told(&e)))
}

fn objects(job: &Job<'_>, own: &Helm, chart: &Chart, rendered: &Rendered) -> Result<Vec<RenderedObject>, Error> {
    let crds: Vec<(&str, String)> = match own.skip_crds {
        true => Vec::new(),
        false => {
            let text = |crd: &belay_helm::Crd| String::from_utf8_lossy(&crd.file.data).into_owned();
            rendered.crds.iter().map(|crd| (crd.path.as_str(), text(crd))).collect()
        }
    };
    let printed = Printed { include_crds: true, no_hooks: false, skip_tests: own.skip_tests, show_only: &[] };
    let texts = crds.iter().map(|(path, text)| (*path, text.as_str()));
    let texts = texts.chain(rendered.manifests.iter().map(|m| (m.path.as_str(), m.content.as_str())));
    let texts = texts.chain(printed_hooks(rendered, &printed).map(|h| (h.path.as_str(), h.manifest.as_str())));
    let mut objects = Vec::new();
    for (path, text) in texts {
        let wrong = |why: &str| Error::new(ErrorKind::Build, format!("{path}: failed to unmarshal manifest: {why}"));
        let found = documents::objects(text).map_err(|fault| {
            let kind = if fault.is_limit { ErrorKind::Limit } else { ErrorKind::Build };
            Error::new(kind, wrong(&fault.why).to_string())
        })?;
        let origin = origin(&job.dir, chart.name(), path);
        for located in found {
            let expanded = documents::expand(located.object).map_err(|why| wrong(&why))?;
            objects.extend(expanded.into_iter().map(|object| RenderedObject { object, origin: origin.clone() }));
        }
    }
    Ok(objects)
}

/// The place of a template (`shop/templates/a.yaml`) in the tree.
fn origin(dir: &TreePath, chart: &str, path: &str) -> Option<Origin> {
    let path = path.strip_prefix(chart)?.strip_prefix('/')?;
    Some(Origin { path: dir.join(path).ok()?, document: 0, line: 0 })
}

fn told(error: &belay_helm::Error) -> String {
    let hints: String = error.hints().iter().map(|hint| format!("; {hint}")).collect();
    format!("{error}{hints}")
}

fn failed(error: &belay_helm::Error) -> Error {
    let kind = match error.kind() {
        HelmKind::Limit => ErrorKind::Limit,
        HelmKind::Io => ErrorKind::Tree,
        _ => ErrorKind::Build,
    };
    Error::new(kind, format!("`helm template .` failed: {}", told(error)))
}
