//! Which submodules a tree has, from its `.gitmodules` file.

use super::tree::GitTree;
use crate::{Error, ErrorKind};
use belay_net::RemoteUrl;
use belay_tree::{Tree, TreePath};
use gix::hash::ObjectId;

/// Most submodules of one repository.
const MOST: usize = 200;
/// Largest `.gitmodules` file, in bytes.
const FILE_BYTES: usize = 1 << 20;

/// A submodule: where it stands, what it is of and at which commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Submodule {
    pub(crate) path: TreePath,
    pub(crate) url: RemoteUrl,
    pub(crate) commit: ObjectId,
}

/// The submodules of `tree`, of a repository at `base`. A section without a commit at its path, or
/// a commit without a section, is no submodule, as for Git.
pub(crate) fn submodules(tree: &GitTree, base: &RemoteUrl) -> Result<Vec<Submodule>, Error> {
    let file = tree.find_file(&TreePath::new(".gitmodules")?)?;
    let Some(file) = file else { return Ok(Vec::new()) };
    if file.content.len() > FILE_BYTES {
        return Err(Error::new(ErrorKind::TooLarge, format!(".gitmodules is larger than {FILE_BYTES} bytes")));
    }
    let mut found = Vec::new();
    for (path, url) in sections(&String::from_utf8_lossy(&file.content)) {
        let hostile = |error: belay_tree::PathError| Error::new(ErrorKind::Hostile, format!(".gitmodules: {error}"));
        let path = TreePath::new(path.trim_end_matches('/')).map_err(hostile)?;
        let Some(commit) = tree.submodule(&path)? else { continue };
        // A relative URL is relative to the repository's own.
        let url =
            if url.starts_with("./") || url.starts_with("../") { base.join(&url) } else { RemoteUrl::parse(&url) };
        let url = url.map_err(|error| Error::new(ErrorKind::Spec, format!("submodule {path}: {error}")))?;
        if found.len() >= MOST {
            return Err(Error::new(ErrorKind::TooLarge, format!("more than {MOST} submodules")));
        }
        found.push(Submodule { path, url, commit });
    }
    Ok(found)
}

/// Path and URL of each `[submodule "name"]` section. Nothing else of the file is honoured
/// (INV-FS-5).
fn sections(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.starts_with("[submodule");
            if inside {
                found.push(Default::default());
            }
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else { continue };
        let value = value.trim().trim_matches('"').to_owned();
        let Some(section) = found.last_mut() else { continue };
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => section.0 = value,
            "url" => section.1 = value,
            _ => {}
        }
    }
    found.retain(|(path, url)| !path.is_empty() && !url.is_empty());
    found
}
