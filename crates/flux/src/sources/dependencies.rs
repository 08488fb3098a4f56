//! Dependencies that a chart names and does not have: from folders of the same source, from
//! repositories and from registries.
//!
//! A repository of the same namespace with the same address lends its credentials; any other is asked
//! without. Every dependency is packed into the chart's `charts/`.

use std::io::BufReader;

use belay_helm::index::{self, ChartVersion, choose, highest};
use belay_helm::{Chart, Dependency, File, Limits, dir_files, load_archive, load_dir};
use belay_net::RemoteUrl;
use belay_oci::{Client, Keychain, Repository, Tag, Target};
use belay_semver::{Constraints, Version};
use belay_tree::{Entry, Tree, TreePath};

use super::helm_chart::{download, pull, registry_client};
use super::helm_repository::{Remote, remote};
use crate::names;
use crate::report::SourceOutcome;
use crate::shared::Shared;
use crate::spec::HelmRepository;

/// Most dependencies of one chart.
const MOST_DEPENDENCIES: usize = 200;
/// Largest index of a repository that is read for one dependency; it is kept in memory.
const MOST_INDEX_BYTES: u64 = 64 << 20;

/// The files to add. Compat(flux 2.9): a chart that has as many as it names is complete, and a lock
/// counts before what it was made from.
pub(super) async fn missing(
    shared: &Shared,
    namespace: &str,
    tree: &dyn Tree,
    path: &TreePath,
    chart: &Chart,
) -> Result<Vec<File>, String> {
    let wanted = chart.lock.as_ref().map_or(&chart.metadata.dependencies, |lock| &lock.dependencies);
    if chart.dependencies.len() == wanted.len() {
        return Ok(Vec::new());
    }
    if wanted.len() > MOST_DEPENDENCIES {
        return Err(format!("more than {MOST_DEPENDENCIES} dependencies"));
    }
    let mut files = Vec::new();
    for dependency in wanted {
        let name = dependency.alias_or_name();
        if chart.dependencies.iter().any(|have| have.name() == name) {
            continue;
        }
        let is_local = dependency.repository.is_empty() || dependency.repository.starts_with("file://");
        let (kind, added) = match is_local {
            true => ("local", local(tree, path, dependency)),
            false => ("remote", from_afar(shared, namespace, dependency).await),
        };
        files.extend(added.map_err(|e| format!("failed to add {kind} dependency '{name}': {e}"))?);
    }
    Ok(files)
}

fn local(tree: &dyn Tree, path: &TreePath, dependency: &Dependency) -> Result<Vec<File>, String> {
    let reference = &dependency.repository;
    let below = match reference.strip_prefix("file://") {
        Some(relative) => format!("{path}/{relative}"),
        None => format!("{path}/charts/{}", dependency.name),
    };
    // A path that leads out of the source leads nowhere.
    let at = TreePath::clean(&below).map_err(|e| e.to_string())?;
    let limits = Limits::default();
    let (chart, files) = match tree.follow(&at).map_err(|e| e.to_string())?.1 {
        Entry::Dir => {
            let chart = load_dir(tree, &at, &limits).map_err(|e| e.to_string())?;
            let files = dir_files(tree, &at, &limits).map_err(|e| e.to_string())?;
            let within = |f: File| File { name: format!("charts/{}/{}", chart.name(), f.name).into(), ..f };
            let files = files.into_iter().map(within).collect();
            (chart, files)
        }
        Entry::File(file) => {
            let chart = load_archive(&file.content, &limits).map_err(|e| e.to_string())?;
            let name = archive_name(&chart);
            (chart, vec![File::new(name, &*file.content)])
        }
        Entry::Absent | Entry::Symlink(_) => {
            return Err(format!("no chart found at '/{at}' (reference '{reference}')"));
        }
    };
    let wanted = &dependency.version;
    let constraints =
        Constraints::parse(wanted).map_err(|e| format!("invalid version/constraint format '{wanted}': {e}"))?;
    let version = Version::coerced(&chart.metadata.version).map_err(|e| e.to_string())?;
    if !constraints.check(&version) {
        return Err(format!("can't get a valid version for constraint '{wanted}'"));
    }
    Ok(files)
}

fn archive_name(chart: &Chart) -> String {
    format!("charts/{}-{}.tgz", chart.name(), chart.metadata.version)
}

async fn from_afar(shared: &Shared, namespace: &str, dependency: &Dependency) -> Result<Vec<File>, String> {
    let known = repository_of(shared, namespace, &dependency.repository);
    let archive = match dependency.repository.starts_with("oci://") {
        true => from_registry(shared, known.as_ref(), dependency).await?,
        false => from_repository(shared, known.as_ref(), dependency).await?,
    };
    let chart = load_archive(&archive, &Limits::default())
        .map_err(|e| format!("failed to load downloaded archive of version '{}': {e}", dependency.version))?;
    Ok(vec![File::new(archive_name(&chart), &*archive)])
}

/// The HelmRepository of the namespace with this address.
fn repository_of(shared: &Shared, namespace: &str, url: &str) -> Option<HelmRepository> {
    let followed = shared.sources.iter().find(|s| s.kind == names::HELM_REPOSITORY)?;
    let normal = |url: &str| url.trim_end_matches('/').to_owned();
    let of_namespace = followed.view.objects().into_iter().filter(|o| o.namespace() == namespace);
    let mut specs: Vec<_> = of_namespace.filter_map(|o| HelmRepository::read(&o).ok()).collect();
    specs.sort_by(|a, b| a.meta.name.cmp(&b.meta.name));
    specs.into_iter().find(|spec| normal(&spec.url) == normal(url))
}

async fn from_repository(
    shared: &Shared,
    known: Option<&HelmRepository>,
    dependency: &Dependency,
) -> Result<bytes::Bytes, String> {
    let from = match known {
        Some(spec) => remote(shared, spec).await.map_err(said)?,
        None => Remote::anonymous(shared, RemoteUrl::parse(&dependency.repository).map_err(|e| e.to_string())?),
    };
    let url = format!("{}/index.yaml", from.url.as_str().trim_end_matches('/'));
    let mut index = Vec::new();
    let mut take = |piece: &[u8]| {
        index.extend_from_slice(piece);
        Ok(())
    };
    from.get(shared, &url, MOST_INDEX_BYTES, &mut take).await?;
    let name = dependency.name.clone();
    let reading = tokio::task::spawn_blocking(move || index::versions(BufReader::new(&*index), &name));
    let versions = reading.await.map_err(|e| e.to_string())??;
    let version: ChartVersion = choose(versions, &dependency.name, &dependency.version).map_err(|e| {
        let Dependency { name, version, repository, .. } = dependency;
        format!("failed to get chart '{name}' version '{version}' from '{repository}': {e}")
    })?;
    download(shared, &from, &version).await
}

async fn from_registry(
    shared: &Shared,
    known: Option<&HelmRepository>,
    dependency: &Dependency,
) -> Result<bytes::Bytes, String> {
    let path = format!("{}/{}", dependency.repository.trim_end_matches('/'), dependency.name);
    let at = Repository::parse(&path).map_err(|e| e.to_string())?;
    let client = match known {
        Some(spec) => registry_client(shared, spec, at).await.map_err(said)?,
        None => {
            let options = shared.way_out("", None, None).await?;
            let http = shared.outbound.clients.get(&options).map_err(|e| e.to_string())?;
            Client::new(http, at, Keychain::anonymous(), false)
        }
    };
    let version = match Version::tag(&dependency.version) {
        Ok(_) => dependency.version.clone(),
        Err(_) => {
            let tags = client.tags().await.map_err(|e| e.to_string())?;
            let versions: Vec<String> = tags.iter().map(|t| t.replace('_', "+")).collect();
            highest(&versions, &dependency.version)?
        }
    };
    let tag = Tag::parse(&version.replace('+', "_")).map_err(|e| e.to_string())?;
    let digest = client.resolve(&Target::Tag(tag)).await.map_err(|e| e.to_string())?;
    pull(&client, &digest).await
}

fn said(outcome: SourceOutcome) -> String {
    match outcome {
        SourceOutcome::Failed { message, .. } => message,
        _ => "the repository cannot be used".to_owned(),
    }
}
