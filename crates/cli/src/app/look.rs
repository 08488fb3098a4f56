//! A look at what an Application wants and has, made here: sources are fetched and rendered by this process.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Error, Result, bail};
use belay_argo::controller::Mirrors;
use belay_argo::controller::preview::{Desired, Destination, Preview};
use belay_argo::manifests::SourceFiles;
use belay_argo::spec::{Application, Source};
use belay_object::{Object, Value};
use belay_tree::{DirTree, Limits};

use crate::argocd::{AppId, Argocd, object_of};
use crate::args::RevisionFlags;
use crate::editor::Private;
use crate::plane::{Plane, path};

/// What is needed to look, gone when it is dropped.
pub struct Look {
    /// Renders and compares.
    pub preview: Preview,
    /// The Application's cluster.
    pub at: Destination,
    _storage: Private,
}

/// The revision of each source as the flags name them; empty for what a source names itself.
pub fn revisions(flags: &RevisionFlags, app: &Application) -> Result<Vec<String>> {
    let sources = app.spec.sources();
    let count = sources.len();
    let mut all = vec![String::new(); count];
    if let Some(one) = &flags.revision {
        match all.as_mut_slice() {
            [only] => one.clone_into(only),
            _ => bail!("the application has {count} sources: name revisions by --revisions and --source-positions"),
        }
    }
    for (place, revision) in positions(flags, app)?.into_iter().zip(&flags.revisions) {
        let Some(entry) = place.checked_sub(1).and_then(|p| all.get_mut(p)) else {
            bail!("source-position cannot be less than 1 or more than {count}: {place}");
        };
        revision.clone_into(entry);
    }
    Ok(all)
}

/// The positions, from 1, that revisions are of: those that are given, those of names, or all in order.
fn positions(flags: &RevisionFlags, app: &Application) -> Result<Vec<usize>> {
    let found: Vec<usize> = match (flags.source_positions.is_empty(), flags.source_names.is_empty()) {
        // Compat(argocd 3.5): the words.
        (false, false) => bail!("Only one of source-positions and source-names can be specified."),
        (true, true) => return Ok((1..=flags.revisions.len()).collect()),
        (false, true) => flags.source_positions.clone(),
        (true, false) => flags.source_names.iter().map(|name| position_of(app, name)).collect::<Result<_>>()?,
    };
    if found.len() != flags.revisions.len() {
        bail!("--revisions and --source-positions (or --source-names) must be as many");
    }
    Ok(found)
}

/// The position, from 1, of the source that is named: by it, by the source's name, or not at all.
pub fn place_of(app: &Application, position: Option<usize>, name: Option<&str>) -> Result<Option<usize>> {
    match (position, name) {
        // Compat(argocd 3.5): the words.
        (Some(_), Some(_)) => bail!("Only one of source-position and source-name can be specified."),
        (position, None) => Ok(position),
        (None, Some(name)) => position_of(app, name).map(Some),
    }
}

/// The position, from 1, of the source that is called so.
pub fn position_of(app: &Application, name: &str) -> Result<usize> {
    let found = app.spec.sources().iter().position(|source| source.name == name);
    found.map(|place| place + 1).with_context(|| format!("application '{}' has no source called {name:?}", app.name))
}

/// What the sources of an Application give, either way; or a folder in the place of the only source.
pub async fn desired(
    plane: &Plane,
    id: &AppId,
    app: &Application,
    flags: &RevisionFlags,
    local: Option<(&Path, &Path)>,
) -> Result<Vec<Object>> {
    let revisions = revisions(flags, app)?;
    if let Some((folder, root)) = local {
        let look = Look::at(plane.cluster("rendering a folder")?, app).await?;
        return Ok(look.local(app, folder, root).await?.objects);
    }
    let through = match plane {
        Plane::Cluster(argo) => return Ok(Look::at(argo, app).await?.desired(app, &revisions).await?.objects),
        Plane::Server(through) => through,
    };
    let mut query =
        vec![("appNamespace".to_owned(), id.namespace.clone()), ("project".to_owned(), app.spec.project().to_owned())];
    if app.spec.has_multiple_sources() {
        for (i, revision) in revisions.iter().enumerate().filter(|(_, revision)| !revision.is_empty()) {
            query.push(("sourcePositions".to_owned(), (i + 1).to_string()));
            query.push(("revisions".to_owned(), revision.clone()));
        }
    } else if let Some(revision) = revisions.first() {
        query.push(("revision".to_owned(), revision.clone()));
    }
    let query: Vec<(&str, &str)> = query.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let told = through.server.get(&path(&["api", "v1", "applications", &id.name, "manifests"]), &query).await?;
    told.get("manifests").map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(manifest).collect()
}

/// A manifest as a server tells it: JSON in a text.
pub fn manifest(text: &str) -> Result<Object> {
    object_of(belay_object::from_json_str(text)?)
}

impl Look {
    /// Begins.
    pub async fn at(argo: &Argocd, app: &Application) -> Result<Look> {
        let storage = Private::make()?;
        let mirrors = Mirrors::open(&storage.0, belay_net::Egress::default()).map_err(Error::msg)?;
        let preview = Preview::open(argo.cluster.clone(), &argo.namespace, mirrors, crate::helm::outside).await;
        let preview = preview.map_err(Error::msg)?;
        let at = preview.destination(app).await.map_err(Error::msg)?;
        Ok(Look { preview, at, _storage: storage })
    }

    /// The annotations whose values are not shown of Secrets.
    pub fn sensitive(&self) -> &[String] {
        &self.preview.config().settings.resources.sensitive_annotations
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
