//! Where a source is, what its repository says of it, and which tool renders it.

use belay_object::{Value, merge_patch};
use belay_tree::{Entry, PathError, Tree, TreePath};

use super::{Error, ErrorKind, Job};
use crate::spec::{Source, SourceType};

/// Files in a source that change the source, the later over the earlier.
const OVERRIDES: &str = ".argocd-source";
pub(super) const KUSTOMIZATION_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// The directory of a source.
// Compat(argo 3.5): the sentences
pub(super) fn directory(tree: &dyn Tree, source: &Source) -> Result<TreePath, Error> {
    if source.is_chart() {
        return Ok(TreePath::root());
    }
    let path = &source.path;
    let wrong = |why: &str| Error::new(ErrorKind::NoDirectory, format!("{path}: {why}"));
    if path.starts_with('/') {
        return Err(wrong("app path is absolute"));
    }
    let dir = TreePath::clean(path).map_err(|error: PathError| {
        if error.is_outside() { wrong("app path outside root") } else { Error::from(error) }
    })?;
    match tree.follow(&dir)? {
        (real, Entry::Dir) => Ok(real),
        (_, Entry::Absent) => Err(wrong("app path does not exist")),
        _ => Err(wrong("app path is not a directory")),
    }
}

/// The source as files beside it change it; `None` where there are none.
pub(super) fn overridden(job: &Job<'_>) -> Result<Option<Source>, Error> {
    let names = [format!("{OVERRIDES}.yaml"), format!("{OVERRIDES}-{}.yaml", job.app.instance_name)];
    let mut merged: Option<Source> = None;
    for name in names {
        // A name that no file can have names none.
        let Ok(path) = job.dir.child(&name) else { continue };
        let file = match job.tree.follow(&path)?.1 {
            Entry::File(file) => file,
            _ => continue,
        };
        let wrong =
            |why: String| Error::new(ErrorKind::Build, format!("error while parsing source parameters: {path}: {why}"));
        let text = file.text().ok_or_else(|| wrong("not UTF-8".to_owned()))?;
        let patch = belay_yaml::parse_value(text, &belay_yaml::Options::v2()).map_err(|e| wrong(e.to_string()))?;
        let mut value: Value = merged.as_ref().unwrap_or(job.source).to_value();
        merge_patch(&mut value, &patch);
        let mut source = Source::read(&value).map_err(|e| wrong(e.to_string()))?;
        // Only how the source is rendered can be changed, not what it is.
        source.chart.clone_from(&job.source.chart);
        source.path.clone_from(&job.source.path);
        source.repo_url.clone_from(&job.source.repo_url);
        source.target_revision.clone_from(&job.source.target_revision);
        merged = Some(source);
    }
    Ok(merged)
}

/// What renders the source. A tool that is turned off leaves a directory of manifests.
pub(super) fn source_type(job: &Job<'_>) -> Result<SourceType, Error> {
    let settings = &job.app.settings;
    let is_enabled = |kind: SourceType| match kind {
        SourceType::Helm => settings.helm_enabled,
        SourceType::Kustomize => settings.kustomize_enabled,
        SourceType::Directory | SourceType::Plugin => true,
    };
    let explicit = job.source.explicit_type().map_err(|e| Error::new(ErrorKind::Build, e.to_string()))?;
    let found = match explicit {
        Some(kind) => kind,
        // The later wins where both are there.
        None if has_kustomization(job)? && settings.kustomize_enabled => SourceType::Kustomize,
        None if has_chart(job)? => SourceType::Helm,
        None => SourceType::Directory,
    };
    Ok(if is_enabled(found) { found } else { SourceType::Directory })
}

fn has_chart(job: &Job<'_>) -> Result<bool, Error> {
    // Compat(argo 3.5): a name that ends so is enough.
    let items = job.tree.list(&job.dir)?.unwrap_or_default();
    Ok(items.iter().any(|item| item.kind != belay_tree::EntryKind::Dir && item.name.ends_with("Chart.yaml")))
}

fn has_kustomization(job: &Job<'_>) -> Result<bool, Error> {
    for name in KUSTOMIZATION_NAMES {
        if matches!(job.tree.follow(&job.dir.child(name)?)?.1, Entry::File(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}
