//! Charts of Helm repositories and registries, and OCI artifacts: found by version, range, tag or digest, and
//! unpacked into trees.
//!
//! What was unpacked is kept in memory up to a limit, under what it was fetched by: Applications of one chart share
//! one tree. Nothing is rendered here.
//!
//! - `repository`: Helm repositories, by their indexes; `registry`: tags and layers of registries.
//! - `listing`: what there is, for who chooses.

mod listing;
mod registry;
mod repository;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use belay_helm::index::{self, ChartVersion};
use belay_net::{ClientOptions, Clients, RemoteUrl};
use belay_oci::{Client, ContentDigest, Target};
use belay_semver::Version;
use belay_tree::{Digest, DigestBuilder, File, Tree};
use parking_lot::Mutex;
use tokio::time::Instant;

use registry::{Form, layer, tag};
use repository::Index;

use super::config::Config;
use crate::repositories::{HttpAccess, Repository, Trust};
use crate::spec::Source;

/// Tags and ranges whose meaning is known at once: 2 MiB; beyond them all are asked again.
const MOST_RESOLVED: usize = 10_000;
/// Largest archive of a chart.
const MOST_CHART_BYTES: u64 = 20 << 20;
/// Largest layer of an artifact, as it comes.
const MOST_LAYER_BYTES: u64 = 100 << 20;
/// What is kept unpacked, altogether: some three hundred charts of the usual 200 KiB.
const MOST_KEPT_BYTES: u64 = 64 << 20;
/// Largest file of values at a URL.
const MOST_VALUES_BYTES: u64 = 1 << 20;
/// Files of values that are kept: 64 MiB at most.
const MOST_VALUES: usize = 64;
/// How long a registry or repository may take.
const TIMEOUT: Duration = Duration::from_secs(90);

/// A chart or artifact at a version.
pub(crate) struct Found {
    /// The version of a chart, the digest of an artifact.
    pub revision: String,
    /// Its files; those of a chart without the folder around them.
    pub tree: Arc<dyn Tree>,
}

/// Whether a revision of a source can never become another one: nobody looks for it.
pub(crate) fn is_fixed(source: &Source, revision: &str) -> bool {
    match source.is_chart() {
        true => Version::tag(revision).is_ok(),
        false => ContentDigest::parse(revision).is_ok(),
    }
}

/// Fetches charts and artifacts.
pub(crate) struct Charts {
    folder: PathBuf,
    clients: Clients,
    base: ClientOptions,
    indexes: Mutex<HashMap<Digest, Index>>,
    /// One fetch of one index at a time.
    fetching: Mutex<HashMap<Digest, Arc<tokio::sync::Mutex<()>>>>,
    kept: Mutex<Kept>,
    /// What tags and ranges of registries were found to be, and when: a digest, and what that is told by.
    resolved: Mutex<HashMap<Digest, (Instant, ContentDigest, String)>>,
    /// Files of values by URL, and when they were fetched.
    values: Mutex<HashMap<String, (Instant, File)>>,
}

/// Trees by what they were fetched by, the latest used last.
#[derive(Default)]
struct Kept {
    trees: Vec<(Digest, Arc<dyn Tree>, u64)>,
}

impl Kept {
    fn get(&mut self, key: &Digest) -> Option<Arc<dyn Tree>> {
        let place = self.trees.iter().position(|(known, ..)| known == key)?;
        let found = self.trees.remove(place);
        let tree = found.1.clone();
        self.trees.push(found);
        Some(tree)
    }
    fn put(&mut self, key: Digest, tree: Arc<dyn Tree>, bytes: u64) {
        self.trees.retain(|(known, ..)| *known != key);
        self.trees.push((key, tree, bytes));
        while self.trees.len() > 1 && self.trees.iter().map(|(.., bytes)| bytes).sum::<u64>() > MOST_KEPT_BYTES {
            self.trees.remove(0);
        }
    }
}

/// How one repository is asked.
pub(crate) struct Asked<'a> {
    /// The repository, with its credentials.
    pub repository: &'a Repository,
    /// Whom to believe.
    pub trust: &'a Trust,
    /// Which layers of artifacts may be unpacked.
    pub layers: &'a [String],
    /// What is told of it at most so long ago is believed.
    pub max_age: Duration,
}

impl<'a> Asked<'a> {
    /// As the configuration says.
    pub fn of(config: &'a Config, repository: &'a Repository, max_age: Duration) -> Asked<'a> {
        let layers = &config.settings.parameters.oci_media_types;
        Asked { repository, trust: &config.trust, layers, max_age }
    }
}

impl Charts {
    /// One that keeps its files in a folder of its own, and connects as `base` says.
    pub fn new(folder: PathBuf, base: ClientOptions) -> Charts {
        Charts {
            folder,
            clients: Clients::default(),
            base,
            indexes: Mutex::default(),
            fetching: Mutex::default(),
            kept: Mutex::default(),
            resolved: Mutex::default(),
            values: Mutex::default(),
        }
    }
    /// Finds what a revision of a source means now.
    pub async fn resolve(&self, source: &Source, revision: &str, asked: &Asked<'_>) -> Result<String, String> {
        in_time(self.version(source, revision, asked)).await.map(|version| version.revision().to_owned())
    }
    /// Fetches a source at a revision.
    pub async fn fetch(&self, source: &Source, revision: &str, asked: &Asked<'_>) -> Result<Found, String> {
        in_time(self.fetch_now(source, revision, asked)).await
    }

    /// Fetches a file of values at a URL, without credentials.
    pub async fn values(&self, url: &str, max_age: Duration) -> Result<File, String> {
        if let Some((fetched, file)) = self.values.lock().get(url)
            && fetched.elapsed() <= max_age
        {
            return Ok(file.clone());
        }
        let at = RemoteUrl::parse(url).map_err(|e| e.to_string())?;
        let access = HttpAccess { url: at, options: self.base.clone(), user: None };
        let mut content = Vec::new();
        let mut take = |piece: &[u8]| {
            content.extend_from_slice(piece);
            Ok(())
        };
        in_time(self.get(&access, url, false, MOST_VALUES_BYTES, &mut take)).await?;
        let file = File::new(content);
        let mut all = self.values.lock();
        if all.len() >= MOST_VALUES
            && let Some(oldest) = all.iter().min_by_key(|(_, (fetched, _))| *fetched).map(|(url, _)| url.clone())
        {
            all.remove(&oldest);
        }
        all.insert(url.to_owned(), (Instant::now(), file.clone()));
        Ok(file)
    }
    /// Forgets what was unpacked: somebody wants it fetched anew.
    pub fn forget(&self) {
        self.kept.lock().trees.clear();
        self.resolved.lock().clear();
    }

    async fn get_archive(
        &self,
        version: &Which,
        source: &Source,
        layers: &[String],
    ) -> Result<(Vec<u8>, Form), String> {
        match version {
            Which::OfIndex(access, version) => Ok((self.download(access, version, source).await?, Form::Chart)),
            Which::OfRegistry(client, digest, _) => layer(client, digest, source, layers).await,
        }
    }

    async fn fetch_now(&self, source: &Source, revision: &str, asked: &Asked<'_>) -> Result<Found, String> {
        let version = self.version(source, revision, asked).await?;
        let revision = version.revision().to_owned();
        let mut key = DigestBuilder::new("argo chart");
        // What one's credentials may see is nobody else's.
        key.part(&source.repo_url).part(&source.chart).part(&asked.repository.secret_name).part(&revision);
        match &version {
            Which::OfIndex(_, version) => key.part(&version.digest),
            // A tag may be moved.
            Which::OfRegistry(_, digest, _) => key.part(digest.to_string()),
        };
        let key = key.finish();
        if let Some(tree) = self.kept.lock().get(&key) {
            return Ok(Found { revision, tree });
        }
        let (archive, form) = self.get_archive(&version, source, asked.layers).await?;
        let unpacking = tokio::task::spawn_blocking(move || form.unpack(&archive));
        let (tree, bytes) = unpacking.await.map_err(|e| format!("unpacking stopped: {e}"))??;
        self.kept.lock().put(key, tree.clone(), bytes);
        Ok(Found { revision, tree })
    }

    async fn version(&self, source: &Source, revision: &str, asked: &Asked<'_>) -> Result<Which, String> {
        let repository = asked.repository;
        let in_registry = source.is_oci() || repository.enable_oci;
        if !in_registry {
            let access = repository.http_access(asked.trust, self.base.clone())?;
            let versions = self.index(&access, repository, source, asked.max_age).await?;
            let failed = |why| format!("failed to get chart {} of {}: {why}", source.chart, access.url);
            let version = index::choose(versions, &source.chart, revision).map_err(failed)?;
            return Ok(Which::OfIndex(Box::new(access), version));
        }
        let (client, path) = self.registry(source, asked)?;
        let failed = |e: belay_oci::Error| format!("failed to resolve revision {revision:?} of oci://{path}: {e}");
        if let Ok(digest) = ContentDigest::parse(revision) {
            let told = digest.to_string();
            return Ok(Which::OfRegistry(client, digest, told));
        }
        let key = |revision: &str| {
            let mut key = DigestBuilder::new("argo tag");
            key.part(&source.repo_url).part(&source.chart).part(&repository.secret_name).part(revision);
            key.finish()
        };
        let known = self.resolved.lock().get(&key(revision)).cloned();
        if let Some((_, digest, told)) = known.filter(|(when, ..)| when.elapsed() <= asked.max_age) {
            return Ok(Which::OfRegistry(client, digest, told));
        }
        let (tag, version) = tag(&client, revision, source.is_chart())
            .await
            .map_err(|why| format!("failed to resolve revision {revision:?} of oci://{path}: {why}"))?;
        let digest = client.resolve(&Target::Tag(tag)).await.map_err(failed)?;
        // Compat(argo-cd 3.5): a chart is told by its version, an artifact by its digest.
        let told = if source.is_chart() { version } else { digest.to_string() };
        let mut resolved = self.resolved.lock();
        if resolved.len() >= MOST_RESOLVED {
            resolved.clear();
        }
        // What a range was told as is asked for by that name later: it must not mean what the tag was before it moved.
        for revision in [revision, told.as_str()] {
            resolved.insert(key(revision), (Instant::now(), digest.clone(), told.clone()));
        }
        Ok(Which::OfRegistry(client, digest, told))
    }

    /// The place of a source in its registry, and what it is called.
    fn registry(&self, source: &Source, asked: &Asked<'_>) -> Result<(Client, String), String> {
        let repository = asked.repository;
        let (keychain, options) = repository.oci_access(asked.trust, self.base.clone())?;
        let mut path = repository.url.trim().trim_start_matches("oci://").trim_end_matches('/').to_owned();
        if source.is_chart() {
            path = format!("{path}/{}", source.chart.trim_matches('/'));
        }
        let at = belay_oci::Repository::parse(&format!("oci://{path}")).map_err(|e| e.to_string())?;
        let http = self.clients.get(&options).map_err(|e| e.to_string())?;
        Ok((Client::new(http, at, keychain, repository.insecure_oci_http), path))
    }
}

/// What was found.
enum Which {
    OfIndex(Box<HttpAccess>, ChartVersion),
    /// With what it is told by.
    OfRegistry(Client, ContentDigest, String),
}

impl Which {
    fn revision(&self) -> &str {
        match self {
            Which::OfIndex(_, version) => &version.version,
            Which::OfRegistry(_, _, told) => told,
        }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| Err(format!("timed out after {} s", TIMEOUT.as_secs()));
    tokio::time::timeout(TIMEOUT, work).await.unwrap_or_else(late)
}

#[cfg(test)]
mod tests;
