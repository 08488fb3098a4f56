//! A kustomization for a directory that has none: all manifests below it.
//!
//! The walk is Flux's: names in order, files that end in `.yaml` or `.yml`; a directory with a
//! kustomization of its own is one resource and not entered; links to directories are not followed.

use belay_object::{Value, object};
use belay_tree::{Entry, EntryKind, Limits, Tree, TreePath};

use crate::{Error, ErrorKind};

/// The names of kustomization files, in the order in which they are looked for.
pub(crate) const KUSTOMIZATION_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What was found.
pub(crate) struct Generated {
    pub(crate) kustomization: Value,
    pub(crate) warnings: Vec<String>,
    /// The manifests in order.
    files: Vec<TreePath>,
}

/// Finds the manifests below a directory.
pub(crate) fn generate(tree: &dyn Tree, dir: &TreePath) -> Result<Generated, Error> {
    let mut generated = Generated { kustomization: Value::object(), warnings: Vec::new(), files: Vec::new() };
    let mut resources: Vec<String> = Vec::new();
    let mut budget = Limits::default().walk_entries;
    // A stack of what is left, so that depth costs no native recursion.
    let mut left = vec![(dir.clone(), EntryKind::Dir)];
    while let Some((path, kind)) = left.pop() {
        let relative = || format!("./{}", path.relative_to(dir));
        if kind != EntryKind::Dir {
            if is_manifest(&path) {
                resources.push(relative());
                generated.files.push(path);
            } else if has_other_case(&path) {
                generated.warnings.push(format!("{path} is left out: only .yaml and .yml files are read"));
            }
            continue;
        }
        if path != *dir && has_kustomization(tree, &path)? {
            resources.push(relative());
            continue;
        }
        let items = tree.list(&path)?.unwrap_or_default();
        budget = budget.checked_sub(items.len()).ok_or_else(|| {
            Error::new(ErrorKind::Limit, format!("{dir}: more than {} files", Limits::default().walk_entries))
        })?;
        for item in items.into_iter().rev() {
            left.push((path.child(&item.name)?, item.kind));
        }
    }
    generated.kustomization = object! { "apiVersion" => "kustomize.config.k8s.io/v1beta1", "kind" => "Kustomization" };
    if resources.is_empty() {
        // kustomize refuses a kustomization that holds nothing.
        generated.kustomization.set(&["namespace"], "_placeholder");
    } else {
        generated.kustomization.set(&["resources"], resources);
    }
    Ok(generated)
}

fn is_manifest(path: &TreePath) -> bool {
    let name = path.file_name().unwrap_or_default();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// Whether the name ends so but for upper case (INV-REN-8).
fn has_other_case(path: &TreePath) -> bool {
    let name = path.file_name().unwrap_or_default().to_ascii_lowercase();
    name.ends_with(".yaml") || name.ends_with(".yml")
}

fn has_kustomization(tree: &dyn Tree, dir: &TreePath) -> Result<bool, Error> {
    for name in KUSTOMIZATION_NAMES {
        if matches!(tree.follow(&dir.child(name)?)?.1, Entry::File(_)) {
            return Ok(true);
        }
    }
    Ok(false)
}

impl Generated {
    /// The error of the first manifest that is no YAML, in Flux's words: looked for when a build has
    /// failed, so that a good one parses each file once.
    pub(crate) fn first_invalid(&self, tree: &dyn Tree) -> Option<String> {
        self.files.iter().find_map(|path| {
            let file = match tree.read_file(path) {
                Ok(file) => file,
                Err(error) => return Some(error.to_string()),
            };
            let Some(text) = file.text() else {
                return Some(format!("failed to decode Kubernetes YAML from {path}: not UTF-8"));
            };
            let error = belay_yaml::parse_documents(text, &belay_yaml::Options::v3()).err()?;
            Some(format!("failed to decode Kubernetes YAML from {path}: {error}"))
        })
    }
}
