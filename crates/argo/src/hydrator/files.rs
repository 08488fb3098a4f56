//! The files of a hydration, and what of a branch they change.

use std::collections::BTreeMap;

use belay_object::{Object, Value};
use belay_source::Change;
use belay_tree::{Entry, Tree, TreePath};

use super::message::{Metadata, readme};

/// The notes that say from which dry commit a commit is: `refs/notes/hydrator.metadata`.
// Compat(argo-cd 3.5): what the manual calls them is another name.
pub const NOTES: &str = "hydrator.metadata";
/// What a folder is told of its hydration, and the branch of its last one.
const METADATA: &str = "hydrator.metadata";
const MANIFEST: &str = "manifest.yaml";
const README_FILE: &str = "README.md";
const ATTRIBUTES: (&str, &str) = (
    ".gitattributes",
    // Compat(argo-cd 3.5): no newline at the end.
    "**/README.md linguist-generated=true\n**/hydrator.metadata linguist-generated=true",
);

/// What an Application renders to, and where it goes.
#[derive(Clone, Debug)]
pub struct Hydrated {
    /// The folder.
    pub path: TreePath,
    /// Its [`manifest`].
    pub manifest: String,
    /// How people would render the same.
    pub commands: Vec<String>,
}

/// The text of objects in their order, as they were rendered: without tracking.
// Compat(argo-cd 3.5): yaml.v3's, to the byte, so that a branch that Argo CD wrote does not change.
pub fn manifest<'a>(objects: impl IntoIterator<Item = &'a Object>) -> String {
    belay_yaml::to_yaml_pretty_documents(objects.into_iter().map(Object::value))
}

/// What becomes of which files of a branch; nothing where no manifest changes. `before` is all that the branch has.
pub fn changes(
    all: &[Hydrated],
    metadata: &Metadata,
    readme_template: &str,
    before: &dyn Tree,
) -> Result<BTreeMap<TreePath, Change>, String> {
    let mut found = BTreeMap::new();
    for Hydrated { path, manifest, commands } in all {
        let file = |name: &str| path.child(name).map_err(|error| error.to_string());
        if is_there(before, &file(MANIFEST)?, manifest)? {
            continue;
        }
        let metadata = metadata.of_folder(commands);
        let page = readme(readme_template, &metadata)
            .map_err(|error| format!("failed to write readme: failed to execute readme template: {error}"))?;
        for (name, text) in [(MANIFEST, manifest), (METADATA, &metadata.text()), (README_FILE, &page)] {
            found.insert(file(name)?, Change::Write(text.clone().into_bytes()));
        }
    }
    if !found.is_empty() {
        for (name, text) in [(METADATA, metadata.text().as_str()), ATTRIBUTES] {
            let path = TreePath::new(name).map_err(|error| error.to_string())?;
            found.insert(path, Change::Write(text.as_bytes().to_vec()));
        }
    }
    Ok(found)
}

/// Whether a file has this text already.
fn is_there(tree: &dyn Tree, path: &TreePath, text: &str) -> Result<bool, String> {
    match tree.read(path) {
        Ok(Entry::File(file)) => Ok(*file.content == *text.as_bytes()),
        Ok(Entry::Absent | Entry::Dir | Entry::Symlink(_)) => Ok(false),
        Err(error) => Err(format!("failed to check if anything changed on the manifest: {error}")),
    }
}

/// The note of a hydrated commit, as `git notes add` leaves it.
pub fn note(dry_sha: &str) -> Vec<u8> {
    let text = Value::from(dry_sha).to_json();
    format!("{{\"drySha\":{text}}}\n").into_bytes()
}

/// The dry commit that a note names.
pub fn noted(content: &[u8]) -> Option<String> {
    let value = belay_object::from_json_str(std::str::from_utf8(content).ok()?).ok()?;
    value.str_at(&["drySha"]).map(str::to_owned)
}
