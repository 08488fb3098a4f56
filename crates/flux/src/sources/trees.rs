//! The files of a stored artifact, for who applies them.
//!
//! An artifact is unpacked when somebody asks for it and kept while somebody does; sources of equal
//! content share one tree. Its bytes are checked against the digest that the status tells (INV-VER-4).

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use belay_net::ClientOptions;
use belay_source::Fetched;
use belay_source::artifact::{UnpackLimits, verify_and_unpack};
use belay_tree::Tree;
use parking_lot::Mutex;

use super::SourceName;
use crate::names;
use crate::report::Artifact;
use crate::shared::Shared;

/// Largest archive that is unpacked for somebody, as it comes: what is unpacked has its own limits.
const MOST_ARCHIVE_BYTES: u64 = 100 << 20;
/// How long an artifact of another producer may take.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// The trees in use.
#[derive(Default)]
pub(crate) struct Trees(Mutex<Held>);

#[derive(Default)]
struct Held {
    /// By source: the digest of the artifact, and its tree.
    of: HashMap<SourceName, (String, Arc<Fetched>)>,
    /// By digest, over all sources.
    shared: HashMap<String, Weak<dyn Tree>>,
}

impl Trees {
    fn get(&self, source: &SourceName, artifact: &Artifact) -> Option<Arc<Fetched>> {
        let held = self.0.lock();
        if let Some((digest, fetched)) = held.of.get(source)
            && *digest == artifact.digest
            && fetched.revision == artifact.revision
        {
            return Some(fetched.clone());
        }
        None
    }
    fn shared(&self, digest: &str) -> Option<Arc<dyn Tree>> {
        self.0.lock().shared.get(digest)?.upgrade()
    }
    fn put(&self, source: &SourceName, artifact: &Artifact, tree: Arc<dyn Tree>) -> Arc<Fetched> {
        let mut held = self.0.lock();
        held.shared.retain(|_, tree| tree.strong_count() > 0);
        held.shared.insert(artifact.digest.clone(), Arc::downgrade(&tree));
        let fetched = Arc::new(Fetched { revision: artifact.revision.clone(), tree, commit: None, verified: None });
        held.of.insert(source.clone(), (artifact.digest.clone(), fetched.clone()));
        fetched
    }
    /// Forgets a source that is gone.
    pub fn remove(&self, source: &SourceName) {
        self.0.lock().of.remove(source);
    }
}

impl Shared {
    /// The files of a source's artifact; `None` where they are not there yet and will be.
    pub async fn tree(&self, source: &SourceName, artifact: &Artifact) -> Result<Option<Arc<Fetched>>, String> {
        if source.kind == names::GIT_REPOSITORY.kind {
            return Ok(self.fetched.get(&source.name).filter(|f| f.revision == artifact.revision));
        }
        if let Some(known) = self.trees.get(source, artifact) {
            return Ok(Some(known));
        }
        if let Some(tree) = self.trees.shared(&artifact.digest) {
            return Ok(Some(self.trees.put(source, artifact, tree)));
        }
        let archive = match source.kind == names::EXTERNAL_ARTIFACT.kind {
            true => Some(self.download(artifact).await?),
            false => self.stored(artifact, MOST_ARCHIVE_BYTES).await?,
        };
        let Some(archive) = archive else { return Ok(None) };
        let digest = artifact.digest.clone();
        let unpacking =
            tokio::task::spawn_blocking(move || verify_and_unpack(&archive, &digest, &UnpackLimits::default()));
        let tree = unpacking.await.map_err(|e| format!("unpacking the artifact stopped: {e}"))?;
        let tree = tree.map_err(|e| format!("failed to extract archive: {e}"))?;
        Ok(Some(self.trees.put(source, artifact, Arc::new(tree))))
    }

    /// The bytes of a source's artifact, their digest checked; `None` where they are not there yet and
    /// will be.
    pub async fn archive(&self, source: &SourceName, artifact: &Artifact) -> Result<Option<Vec<u8>>, String> {
        if source.kind != names::EXTERNAL_ARTIFACT.kind {
            return self.stored(artifact, MOST_ARCHIVE_BYTES).await;
        }
        let archive = self.download(artifact).await?;
        match format!("sha256:{}", belay_tree::Digest::of(&archive).hex()) == artifact.digest {
            true => Ok(Some(archive)),
            false => Err(format!("the artifact at {} is not what its digest says", artifact.url)),
        }
    }

    /// The bytes of an artifact of ours; `None` where the store does not have them.
    pub async fn stored(&self, artifact: &Artifact, limit: u64) -> Result<Option<Vec<u8>>, String> {
        let (store, path, digest) = (self.artifacts.store.clone(), artifact.path.clone(), artifact.digest.clone());
        let reading = tokio::task::spawn_blocking(move || store.read(&path, &digest, limit));
        reading.await.map_err(|e| format!("reading the artifact stopped: {e}"))?.map_err(|e| e.to_string())
    }

    /// An artifact that somebody else serves. Its digest is checked by who unpacks it.
    async fn download(&self, artifact: &Artifact) -> Result<Vec<u8>, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("failed to download archive from {}: {why}", artifact.url);
        let options = ClientOptions { egress: self.outbound.egress.clone(), ..ClientOptions::default() };
        let client = self.outbound.clients.get(&options).map_err(|e| wrong(&e))?;
        let limit = usize::try_from(MOST_ARCHIVE_BYTES).unwrap_or(usize::MAX);
        let fetch = async {
            let response = client.get(&artifact.url)?.send().await?;
            if !response.status().is_success() {
                return Ok(Err(response.status()));
            }
            response.read(limit).await.map(Ok)
        };
        let answer: Result<_, belay_net::Error> =
            tokio::time::timeout(FETCH_TIMEOUT, fetch).await.map_err(|_| wrong(&"timed out after 60 s"))?;
        match answer.map_err(|e| wrong(&e))? {
            Ok(bytes) => Ok(bytes.to_vec()),
            Err(status) => Err(wrong(&status)),
        }
    }
}
