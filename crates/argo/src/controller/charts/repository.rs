//! Helm repositories: their indexes, kept on disk and believed for as long as the asker says, and what those list.

use std::fs::File as DiskFile;
use std::io::{BufReader, Write};
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_helm::index::{self, ChartVersion};
use belay_net::RemoteUrl;
use belay_tree::{Digest, DigestBuilder};
use tokio::time::Instant;

use super::{Charts, MOST_CHART_BYTES};
use crate::repositories::{HttpAccess, Repository};
use crate::spec::Source;

/// Largest index; it is written to disk as it comes.
const MOST_INDEX_BYTES: u64 = 256 << 20;
/// Indexes that are known at once; beyond them the one that was fetched first is fetched again.
const MOST_INDEXES: usize = 256;

/// An index on disk.
#[derive(Clone)]
pub(super) struct Index {
    path: PathBuf,
    fetched: Instant,
}

impl Charts {
    /// What an index says of a chart; fetched where it is not known, or known for too long.
    pub(super) async fn index(
        &self,
        access: &HttpAccess,
        repository: &Repository,
        source: &Source,
        max_age: Duration,
    ) -> Result<Option<Vec<ChartVersion>>, String> {
        let index = self.kept_index(access, repository, max_age).await?;
        let chart = source.chart.clone();
        read_index(access, index, move |file| index::versions(file, &chart)).await
    }

    pub(super) async fn kept_index(
        &self,
        access: &HttpAccess,
        repository: &Repository,
        max_age: Duration,
    ) -> Result<Index, String> {
        let mut key = DigestBuilder::new("argo index");
        key.part(access.url.as_str()).part(&repository.secret_name);
        let key = key.finish();
        let fresh = || self.indexes.lock().get(&key).filter(|i| i.fetched.elapsed() <= max_age).cloned();
        if let Some(index) = fresh() {
            return Ok(index);
        }
        let asked = Instant::now();
        let one = self.fetching.lock().entry(key).or_default().clone();
        let _one = one.lock().await;
        let known = self.indexes.lock().get(&key).filter(|i| i.fetched >= asked).cloned();
        match known {
            // Whoever was before us fetched it after we asked.
            Some(index) => Ok(index),
            None => self.fetch_index(access, key).await,
        }
    }

    async fn fetch_index(&self, access: &HttpAccess, key: Digest) -> Result<Index, String> {
        let disk = |e: std::io::Error| format!("the index of {} cannot be kept: {e}", access.url);
        std::fs::create_dir_all(&self.folder).map_err(disk)?;
        let path = self.folder.join(format!("{}.yaml", key.hex()));
        let begun = self.folder.join(format!("{}.part", key.hex()));
        let mut file = DiskFile::create(&begun).map_err(disk)?;
        let url = format!("{}/index.yaml", access.url.as_str().trim_end_matches('/'));
        let mut take = |piece: &[u8]| file.write_all(piece).map_err(|e| e.to_string());
        self.get(access, &url, false, MOST_INDEX_BYTES, &mut take).await?;
        drop(file);
        std::fs::rename(&begun, &path).map_err(disk)?;
        let index = Index { path, fetched: Instant::now() };
        let mut all = self.indexes.lock();
        if all.len() >= MOST_INDEXES
            && let Some(oldest) = all.iter().min_by_key(|(_, index)| index.fetched).map(|(key, _)| *key)
            && let Some(index) = all.remove(&oldest)
        {
            let _ = std::fs::remove_file(index.path);
            self.fetching.lock().remove(&oldest);
        }
        all.insert(key, index.clone());
        Ok(index)
    }

    pub(super) async fn download(
        &self,
        access: &HttpAccess,
        version: &ChartVersion,
        source: &Source,
    ) -> Result<Vec<u8>, String> {
        let failed = |why: String| format!("failed to fetch chart {} {}: {why}", version.name, version.version);
        let url = version.urls.first().ok_or_else(|| failed("the index tells no address of it".to_owned()))?;
        let url = if url.contains("://") { RemoteUrl::parse(url) } else { access.url.join(url) };
        let url = url.map_err(|e| failed(e.to_string()))?;
        let pass = source.helm.as_ref().is_some_and(|helm| helm.pass_credentials);
        let mut archive = Vec::new();
        let mut take = |piece: &[u8]| {
            archive.extend_from_slice(piece);
            Ok(())
        };
        self.get(access, url.as_str(), pass, MOST_CHART_BYTES, &mut take).await.map_err(failed)?;
        let wanted = version.digest.trim_start_matches("sha256:");
        let is = Digest::of(&archive).hex();
        if !wanted.is_empty() && !wanted.eq_ignore_ascii_case(&is) {
            return Err(failed(format!("its digest is sha256:{is}, the index says sha256:{wanted}")));
        }
        Ok(archive)
    }

    /// Streams a file. Credentials are sent to the repository's own host, and to others only where the source
    /// says so (INV-NET-2).
    pub(super) async fn get(
        &self,
        access: &HttpAccess,
        url: &str,
        pass_credentials: bool,
        limit: u64,
        take: &mut (dyn FnMut(&[u8]) -> Result<(), String> + Send),
    ) -> Result<(), String> {
        let client = self.clients.get(&access.options).map_err(|e| e.to_string())?;
        let target = RemoteUrl::parse(url).map_err(|e| e.to_string())?;
        let mut request = client.get(target.as_str()).map_err(|e| e.to_string())?;
        let host = if pass_credentials { &access.url } else { &target };
        if let Some((name, password)) = access.user.as_ref().and_then(|user| user.for_url(host)) {
            let text = format!("Basic {}", STANDARD.encode(format!("{name}:{}", password.expose())));
            let mut value =
                http::HeaderValue::from_str(&text).map_err(|_| "the credentials cannot be sent".to_owned())?;
            value.set_sensitive(true);
            request = request.header(http::header::AUTHORIZATION, value);
        }
        let failed = |why: &dyn std::fmt::Display| format!("failed to fetch {target}: {why}");
        let mut response = request.send().await.map_err(|e| failed(&e))?;
        if !response.status().is_success() {
            return Err(failed(&response.status()));
        }
        let mut size = 0u64;
        while let Some(piece) = response.chunk().await.map_err(|e| failed(&e))? {
            size += piece.len() as u64;
            if size > limit {
                return Err(failed(&format!("larger than {limit} bytes")));
            }
            take(&piece)?;
        }
        Ok(())
    }
}

/// Reads an index on a thread that may wait.
pub(super) async fn read_index<T: Send + 'static>(
    access: &HttpAccess,
    index: Index,
    read: impl FnOnce(BufReader<DiskFile>) -> Result<T, String> + Send + 'static,
) -> Result<T, String> {
    let unreadable = |why: String| format!("failed to read the index of {}: {why}", access.url);
    let reading = tokio::task::spawn_blocking(move || {
        let file = DiskFile::open(&index.path).map_err(|e| e.to_string())?;
        read(BufReader::new(file))
    });
    reading.await.map_err(|e| unreadable(e.to_string()))?.map_err(unreadable)
}
