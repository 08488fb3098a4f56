//! Artifacts: a source's tree as a deterministic `tar.gz`, kept on disk and served over HTTP.

use crate::{Error, ErrorKind, Fetched};
use std::path::PathBuf;
use std::time::Duration;

/// An archive in the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// Path below the store's URL: `gitrepository/<namespace>/<name>/<commit>.tar.gz`.
    pub path: String,
    /// The source's revision.
    pub revision: String,
    /// `sha256:<hex>` of the archive's bytes.
    pub digest: String,
    /// Length of the archive in bytes.
    pub size: u64,
}

/// Keeps archives on disk.
#[derive(Debug)]
pub struct ArtifactStore {
    dir: PathBuf,
}

impl ArtifactStore {
    /// Opens the store in a folder, which is made (mode 0700) if need be. Archives older than
    /// `ttl` go, except for each source's `records` newest (Flux: 60 s and 2).
    pub fn open(dir: impl Into<PathBuf>, ttl: Duration, records: usize) -> Result<ArtifactStore, Error> {
        let _ = (ttl, records);
        Ok(ArtifactStore { dir: dir.into() })
    }

    /// Archives a source's tree, unless the same revision and content is in the store already.
    /// Blocking. `kind` is lower case (`gitrepository`); `file` is the file's name without suffix,
    /// a commit's id for Git.
    pub fn put(
        &self,
        kind: &str,
        namespace: &str,
        name: &str,
        file: &str,
        fetched: &Fetched,
    ) -> Result<Artifact, Error> {
        let _ = (kind, namespace, name, file, fetched);
        Err(Error::new(ErrorKind::Storage, format!("{}: not supported", self.dir.display())))
    }

    /// Removes all archives of a source. Blocking.
    pub fn remove(&self, kind: &str, namespace: &str, name: &str) -> Result<(), Error> {
        let _ = (kind, namespace, name);
        Err(Error::new(ErrorKind::Storage, format!("{}: not supported", self.dir.display())))
    }

    /// Serves the archives, `GET /<path>`, and `/` for readiness, until the future is dropped.
    pub async fn serve(self: std::sync::Arc<Self>, listener: tokio::net::TcpListener) {
        drop(listener);
    }
}
