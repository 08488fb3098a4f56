//! The records of a release, in Secrets as Helm keeps them.

use std::sync::Arc;

use belay_cluster::{Cluster, DeleteOptions, ListOptions, Resource, WriteOptions};
use belay_helm::release::{self, Release, Stored, history};

use super::{Fault, Site};

/// Reads and writes the records of one namespace, with the rights of the release.
pub struct Store<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
    manager: &'a str,
    secrets: Arc<Resource>,
}

impl<'a> Store<'a> {
    /// The store of a site.
    pub fn of(site: &'a Site) -> Store<'a> {
        Store {
            cluster: &site.target.acting,
            namespace: &site.storage,
            manager: &site.manager,
            secrets: Resource::known("", "v1", "Secret", "secrets", true),
        }
    }

    /// All revisions of a release, oldest first. A Secret that cannot be read is an error: taking it
    /// for absent would install over a release.
    pub async fn history(&self, name: &str) -> Result<Vec<Release>, Fault> {
        let options = ListOptions { labels: format!("name={name},owner=helm"), ..ListOptions::default() };
        let list = self.cluster.list(&self.secrets, self.namespace, &options).await;
        let list = list.map_err(|e| Fault::of(&e, "failed to retrieve last release from storage"))?;
        let mut found = Vec::with_capacity(list.items.len());
        for secret in &list.items {
            if let Some(release) = release::read_secret(secret)? {
                found.push(release);
            }
        }
        found.sort_by_key(|release| release.version);
        Ok(found)
    }

    /// Stores a new revision, and forgets the oldest beyond `max` (0 keeps all).
    pub async fn create(&self, record: &Release, known: &[Release], max: u32) -> Result<(), Fault> {
        for version in history::to_forget(known, max) {
            self.delete(&record.name, version).await?;
        }
        let secret = release::secret(record, self.namespace, Stored::Created(now_s()));
        match self.cluster.create(&self.secrets, &secret, &self.options()).await {
            Ok(_) => Ok(()),
            // A try whose answer was lost: ours if it is the same record.
            Err(e) if e.kind() == belay_cluster::ErrorKind::AlreadyExists => self.check_same(record).await,
            Err(e) => Err(Fault::of(&e, "create: failed to create")),
        }
    }

    async fn check_same(&self, record: &Release) -> Result<(), Fault> {
        let key = release::key(&record.name, record.version);
        let found = self.cluster.get(&self.secrets, self.namespace, &key).await.map_err(|e| Fault::of(&e, ""))?;
        match release::read_secret(&found)? {
            Some(found) if found.info.last_deployed == record.info.last_deployed => Ok(()),
            _ => Err(Fault { is_transient: true, message: format!("create: release {key} already exists") }),
        }
    }

    /// Stores a revision anew.
    pub async fn update(&self, record: &Release) -> Result<(), Fault> {
        let secret = release::secret(record, self.namespace, Stored::Modified(now_s()));
        let written = self.cluster.replace(&self.secrets, &secret, &self.options()).await;
        written.map(|_| ()).map_err(|e| Fault::of(&e, "update: failed to update"))
    }

    /// Forgets a revision; one that is not there is forgotten.
    pub async fn delete(&self, name: &str, version: u32) -> Result<(), Fault> {
        let key = release::key(name, version);
        let told = |e: belay_cluster::Error| Fault::of(&e, "delete: failed to delete");
        let Some(found) = self.cluster.find(&self.secrets, self.namespace, &key).await.map_err(told)? else {
            return Ok(());
        };
        let options = DeleteOptions { uid: found.uid().to_owned(), ..DeleteOptions::default() };
        match self.cluster.delete(&self.secrets, self.namespace, &key, &options).await {
            Err(e) if !e.is_not_found() => Err(told(e)),
            _ => Ok(()),
        }
    }

    fn options(&self) -> WriteOptions {
        WriteOptions { field_manager: self.manager.to_owned(), ..WriteOptions::default() }
    }
}

fn now_s() -> i64 {
    jiff::Timestamp::now().as_second()
}
