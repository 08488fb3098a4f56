//! A look at what an Application wants and has, made here: sources are fetched and rendered by this process.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Error, Result, bail};
use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::{Desired, Destination, Preview};
use belay_argo::manifests::SourceFiles;
use belay_argo::spec::{Application, Source};
use belay_tree::{DirTree, Limits};

use crate::argocd::Argocd;

/// What is needed to look, gone when it is dropped.
pub struct Look {
    /// Renders and compares.
    pub preview: Preview,
    /// The Application's cluster.
    pub at: Destination,
    _storage: Folder,
}

/// A folder of its own that is removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Folder> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|e| Error::msg(format!("the system gives no randomness: {e}")))?;
        let path = std::env::temp_dir().join(format!("belay-app-{:016x}", u64::from_ne_bytes(random)));
        std::fs::create_dir(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Which revisions are looked at.
#[derive(Default)]
pub struct Revisions<'a> {
    /// Of the only source.
    pub one: Option<&'a str>,
    /// Of several.
    pub several: &'a [String],
    /// Which of the sources these are of, from 1; of all in order where empty.
    pub positions: &'a [usize],
}

impl Revisions<'_> {
    /// The revision of each source; empty for what it names itself.
    pub fn of(&self, app: &Application) -> Result<Vec<String>> {
        let count = app.spec.sources().len();
        let mut all = vec![String::new(); count];
        if let Some(one) = self.one {
            match all.as_mut_slice() {
                [only] => one.clone_into(only),
                _ => bail!("the application has {count} sources: name revisions by --revisions and --source-positions"),
            }
        }
        if !self.positions.is_empty() && self.positions.len() != self.several.len() {
            bail!("--revisions and --source-positions must be as many");
        }
        for (i, revision) in self.several.iter().enumerate() {
            let place = self.positions.get(i).copied().unwrap_or(i + 1);
            let Some(entry) = place.checked_sub(1).and_then(|p| all.get_mut(p)) else {
                bail!("source-position cannot be less than 1 or more than {count}: {place}");
            };
            revision.clone_into(entry);
        }
        Ok(all)
    }
}

impl Look {
    /// Begins.
    pub async fn at(argo: &Argocd, app: &Application) -> Result<Look> {
        let storage = Folder::make()?;
        let mirrors = Mirrors::open(&storage.0, belay_net::Egress::default()).map_err(Error::msg)?;
        let preview = Preview::open(argo.cluster.clone(), &argo.namespace, mirrors, crate::helm::outside).await;
        let preview = preview.map_err(Error::msg)?;
        let at = preview.destination(app).await.map_err(Error::msg)?;
        Ok(Look { preview, at, _storage: storage })
    }

    /// What the sources give.
    pub async fn desired(&self, app: &Application, revisions: &[String]) -> Result<Desired> {
        let sources = app.spec.sources();
        self.preview.render(app, &self.at, &sources, revisions).await.map_err(Error::msg)
    }

    /// What a folder gives in the place of the only source.
    pub async fn local(&self, app: &Application, folder: &Path, root: &Path) -> Result<Desired> {
        let mut sources = app.spec.sources();
        let (Some(source), true) = (sources.pop(), sources.is_empty()) else {
            bail!("a folder takes the place of one source, and the application has several");
        };
        let (folder, root) = (std::fs::canonicalize(folder)?, std::fs::canonicalize(root)?);
        // The root of the disk is no repository: the folder is its own.
        let root = if folder.starts_with(&root) && root.parent().is_some() { root } else { folder.clone() };
        let path = folder.strip_prefix(&root).unwrap_or(&folder).to_string_lossy().into_owned();
        let tree = DirTree::open(&root, Limits::default())?;
        let source = Source { path: if path.is_empty() { ".".into() } else { path }, ..source };
        let repo_url = source.repo_url.clone();
        let files = SourceFiles { tree: Arc::new(tree), revision: String::new(), repo_url };
        self.preview.make(app, &self.at, vec![(source, files)]).await.map_err(Error::msg)
    }
}
