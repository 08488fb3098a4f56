//! Kustomizations, edited as the source says before they are built.
//!
//! A source without options builds the file as it stands. The program's build options that make a
//! difference to what is built are taken over; one that is not known is an error.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_kustomize::{
    BuildOptions, Edit, HelmRenderer, HelmRequest, LoadRestrictor, Overlay, Patch, PatchOptions, Reorder, Selector,
};
use belay_object::Value;
use belay_render::{Charts, Origin, RenderedObject};
use belay_tree::{Entry, Tree, TreePath};

use super::{Error, ErrorKind, Job, Made, documents};
use crate::spec::{Kustomize, KustomizePatch, KustomizeReplica};

pub(super) fn render(job: &Job<'_>) -> Result<Made, Error> {
    let mut options = build_options(job)?;
    if let Some(own) = job.source.kustomize.as_deref().filter(|own| changes_something(own)) {
        options.overlay = Some(overlay(job, own)?);
    }
    let built = belay_kustomize::build(job.tree, &job.dir, &options).map_err(|error| build_error(&error))?;
    let mut objects = Vec::with_capacity(built.objects.len());
    for (object, origin) in built.objects.into_iter().zip(built.origins) {
        let origin = origin.map(|o| Origin { path: o.path, document: o.document, line: o.line });
        let place = origin.as_ref().map_or_else(|| job.dir.to_string(), ToString::to_string);
        let failed =
            |why: String| Error::new(ErrorKind::Build, format!("{place}: failed to unmarshal manifest: {why}"));
        let object = documents::object(object.into_value()).map_err(failed)?;
        let expanded = documents::expand(object).map_err(failed)?;
        objects.extend(expanded.into_iter().map(|object| RenderedObject { object, origin: origin.clone() }));
    }
    Ok(Made { objects, warnings: built.warnings, renderer: "", lasts: true })
}

/// Whether the file is to be changed at all: a file that is not is read as strictly as it stands.
fn changes_something(own: &Kustomize) -> bool {
    let texts = [&own.name_prefix, &own.name_suffix, &own.namespace];
    texts.iter().any(|text| !text.is_empty())
        || !own.images.is_empty()
        || !own.replicas.is_empty()
        || !own.common_labels.is_empty()
        || !own.common_annotations.is_empty()
        || !own.patches.is_empty()
        || !own.components.is_empty()
}

fn overlay(job: &Job<'_>, own: &Kustomize) -> Result<Overlay, Error> {
    let given = |text: &String| (!text.is_empty()).then(|| text.clone());
    let environment = &job.environment;
    let substituted = |pairs: &BTreeMap<String, String>| {
        pairs.iter().map(|(name, value)| (name.clone(), environment.substitute(value))).collect()
    };
    let mut edits = Vec::new();
    if !own.images.is_empty() {
        edits.push(Edit::SetImages(own.images.iter().map(|image| environment.substitute(image)).collect()));
    }
    if !own.replicas.is_empty() {
        edits.push(Edit::SetReplicas(own.replicas.iter().map(replicas).collect::<Result<_, _>>()?));
    }
    if !own.common_labels.is_empty() {
        edits.push(Edit::AddLabels {
            labels: substituted(&own.common_labels),
            force: own.force_common_labels,
            without_selector: own.label_without_selector,
            include_templates: own.label_include_templates,
        });
    }
    if !own.common_annotations.is_empty() {
        let own_annotations = &own.common_annotations;
        let annotations =
            if own.common_annotations_envsubst { substituted(own_annotations) } else { own_annotations.clone() };
        edits.push(Edit::AddAnnotations { annotations, force: own.force_common_annotations });
    }
    let components = components(job, own)?;
    if !components.is_empty() {
        edits.push(Edit::AddComponents(components));
    }
    Ok(Overlay {
        namespace: given(&own.namespace),
        name_prefix: given(&own.name_prefix),
        name_suffix: given(&own.name_suffix),
        patches: own.patches.iter().map(patch).collect(),
        edits,
        ..Overlay::default()
    })
}

fn replicas(replica: &KustomizeReplica) -> Result<(String, i64), Error> {
    let count = match &replica.count {
        Value::Str(text) => text.parse().ok(),
        number => number.as_i64(),
    };
    let wrong = || {
        // Compat(argo 3.5)
        let shown = replica.count.as_str().map_or_else(|| replica.count.to_json(), str::to_owned);
        Error::new(ErrorKind::Build, format!("expected integer value for count. Received: {shown}"))
    };
    Ok((replica.name.clone(), count.ok_or_else(wrong)?))
}

fn patch(own: &KustomizePatch) -> Patch {
    let option = |name: &str| own.options.get(name).copied().unwrap_or_default();
    let target = own.target.as_ref().map(|target| Selector {
        group: target.group.clone(),
        version: target.version.clone(),
        kind: target.kind.clone(),
        name: target.name.clone(),
        namespace: target.namespace.clone(),
        label_selector: target.label_selector.clone(),
        annotation_selector: target.annotation_selector.clone(),
    });
    Patch {
        path: own.path.clone(),
        patch: own.patch.clone(),
        target,
        options: (!own.options.is_empty()).then(|| PatchOptions {
            allow_name_change: option("allowNameChange"),
            allow_kind_change: option("allowKindChange"),
        }),
    }
}

/// The components that are there, or all of them where one that is missing is an error.
fn components(job: &Job<'_>, own: &Kustomize) -> Result<Vec<String>, Error> {
    if !own.ignore_missing_components {
        return Ok(own.components.clone());
    }
    let mut found = Vec::new();
    for component in &own.components {
        // What leads out of the tree is not there for anyone (INV-FS-3).
        let Ok(path) = job.dir.join(component) else { continue };
        if !matches!(job.tree.follow(&path)?.1, Entry::Absent) {
            found.push(component.clone());
        }
    }
    Ok(found)
}

/// What the settings' flags of `kustomize build` mean.
fn build_options(job: &Job<'_>) -> Result<BuildOptions, Error> {
    let mut options = BuildOptions { reorder: Reorder::Legacy, ..BuildOptions::default() };
    let text = &job.app.settings.kustomize_build_options;
    let mut words = text.split_whitespace();
    while let Some(word) = words.next() {
        let (flag, value) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
        let is_on = value != Some("false");
        match flag {
            "--enable-helm" => {
                let charts: Arc<dyn HelmRenderer> = Arc::new(ChartsOf::new(job)?);
                options.helm = is_on.then_some(charts);
            }
            "--load-restrictor" | "--load_restrictor" => {
                options.load_restrictor = restrictor(value.or_else(|| words.next()).unwrap_or_default())?;
            }
            "--reorder" => {
                options.reorder = match value.or_else(|| words.next()) {
                    Some("none") => Reorder::None,
                    _ => Reorder::Legacy,
                };
                options.reorder_is_explicit = true;
            }
            "--enable-managedby-label" => options.managed_by_label = is_on,
            // Where programs are and what they are given: there are none.
            "--helm-command"
            | "--output"
            | "-o"
            | "--helm-kube-version"
            | "--helm-api-versions"
            | "--env"
            | "-e"
            | "--mount"
            | "--network-name"
                if value.is_none() =>
            {
                words.next();
            }
            "--helm-command"
            | "--output"
            | "--helm-kube-version"
            | "--helm-api-versions"
            | "--env"
            | "--mount"
            | "--network-name"
            | "--network"
            | "--helm-debug"
            | "--as-current-user"
            | "--enable-alpha-plugins"
            | "--enable_alpha_plugins"
            | "--enable-exec"
            | "--enable-star" => {}
            _ => {
                let message = format!("unknown flag: {flag} in kustomize.buildOptions {text:?}");
                return Err(Error::new(ErrorKind::Build, message));
            }
        }
    }
    Ok(options)
}

fn restrictor(text: &str) -> Result<LoadRestrictor, Error> {
    match text {
        "LoadRestrictionsNone" | "none" => Ok(LoadRestrictor::None),
        "LoadRestrictionsRootOnly" | "rootOnly" => Ok(LoadRestrictor::RootOnly),
        other => Err(Error::new(ErrorKind::Build, format!("illegal flag value --load-restrictor {other}"))),
    }
}

/// Charts of a kustomization, told the destination's version and what it serves.
struct ChartsOf {
    charts: Arc<Charts>,
    kube_version: String,
    api_versions: Vec<String>,
}

impl ChartsOf {
    fn new(job: &Job<'_>) -> Result<ChartsOf, Error> {
        Ok(ChartsOf {
            charts: job.tools.charts.clone(),
            kube_version: super::bare_kube_version(job.source.kube_version_or(&job.app.cluster.kube_version))?,
            api_versions: job.source.api_versions_or(&job.app.cluster.api_versions).to_vec(),
        })
    }
}

impl HelmRenderer for ChartsOf {
    fn render(&self, request: &HelmRequest<'_>) -> Result<String, String> {
        let mut chart = request.chart.clone();
        // kustomize lets its own flags go before what the chart's entry says.
        if !self.kube_version.is_empty() {
            chart.kube_version.clone_from(&self.kube_version);
        }
        if !self.api_versions.is_empty() {
            chart.api_versions.clone_from(&self.api_versions);
        }
        let HelmRequest { tree, dir, chart_home, values_files, values, .. } = *request;
        let (tree, dir): (&dyn Tree, &TreePath) = (tree, dir);
        self.charts.render(&HelmRequest { chart: &chart, tree, dir, chart_home, values_files, values })
    }
}

/// kustomize's error with its place and hints.
fn build_error(error: &belay_kustomize::Error) -> Error {
    use belay_kustomize::ErrorKind as Kind;
    let kind = match error.kind() {
        Kind::Limit => ErrorKind::Limit,
        Kind::Io => ErrorKind::Tree,
        _ => ErrorKind::Build,
    };
    let mut message = match error.location() {
        Some(at) => format!("`kustomize build` failed: {at}: {}", error.cause()),
        None => format!("`kustomize build` failed: {error}"),
    };
    for hint in error.hints() {
        message.push_str("; ");
        message.push_str(&hint);
    }
    Error::new(kind, message)
}
