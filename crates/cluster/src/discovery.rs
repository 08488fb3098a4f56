//! What the API server serves: asked once, kept, asked again on a miss or when definitions change.
//!
//! That a kind is unknown and that its group cannot be asked at present are two different errors:
//! deciding anything on a kind because an aggregated server is down would be deciding on nothing.

mod parse;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use belay_object::{GroupKind, Key};
use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{Cluster, Error, ErrorKind, Resource, Result};

/// A kind that is missing is not asked for again within so long, unless something changed.
const MISS_INTERVAL: Duration = Duration::from_secs(2);
/// After a change hits are served from what is known for at most so long.
const STALE_HITS: Duration = Duration::from_secs(5);
/// Between two askings, so that a hundred definitions applied at once are not a hundred askings.
const SPACING: Duration = Duration::from_millis(50);

/// All resources that an API server serves.
#[derive(Default)]
pub struct Catalog {
    /// In the server's order: groups and versions by preference.
    resources: Vec<Arc<Resource>>,
    by_kind: HashMap<GroupKind, Vec<Arc<Resource>>>,
    unavailable: BTreeSet<String>,
}

impl Catalog {
    pub(crate) fn add(&mut self, resource: Resource) {
        let versions = self.by_kind.entry(resource.group_kind()).or_default();
        if versions.iter().any(|r| r.version == resource.version) {
            return;
        }
        let resource = Arc::new(resource);
        versions.push(resource.clone());
        self.resources.push(resource);
    }
    pub(crate) fn add_unavailable(&mut self, group: &str) {
        self.unavailable.insert(group.to_owned());
    }
    /// The kind in a version, or in the one that the server prefers.
    pub fn find(&self, kind: &GroupKind, version: Option<&str>) -> Option<&Arc<Resource>> {
        let versions = self.by_kind.get(kind)?;
        match version {
            None => versions.first(),
            Some(version) => versions.iter().find(|r| r.version == *version),
        }
    }
    /// The versions in which a kind is served, the preferred first.
    pub fn versions(&self, kind: &GroupKind) -> &[Arc<Resource>] {
        self.by_kind.get(kind).map_or(&[], Vec::as_slice)
    }
    /// Everything, in the server's order.
    pub fn resources(&self) -> &[Arc<Resource>] {
        &self.resources
    }
    /// Groups whose resources are not known at present.
    pub fn unavailable_groups(&self) -> impl Iterator<Item = &str> {
        self.unavailable.iter().map(String::as_str)
    }
    /// What a user means by `deploy`, `Deployment`, `deployments.apps` or `deployments.v1.apps`: the
    /// first match in the server's order, plural names before short names.
    pub fn find_name(&self, name: &str) -> Option<&Arc<Resource>> {
        let name = name.to_lowercase();
        let (word, rest) = name.split_once('.').unwrap_or((name.as_str(), ""));
        let in_group = |r: &Resource| {
            rest.is_empty()
                || *rest == *r.group
                || rest.split_once('.').is_some_and(|(v, g)| *v == *r.version && *g == *r.group)
        };
        let is_named = |r: &Resource| *word == *r.plural || *word == *r.singular || *word == r.kind.to_lowercase();
        let candidates = || self.resources.iter().filter(|r| in_group(r));
        let by_name = candidates().find(|r| is_named(r));
        by_name.or_else(|| candidates().find(|r| r.short_names.iter().any(|s| *s == word)))
    }
}

/// What is kept between askings.
#[derive(Default)]
pub(crate) struct DiscoveryCache {
    kept: Mutex<Option<Kept>>,
    /// Counts changes; what was asked before the newest change is stale.
    changes: AtomicU64,
    asking: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Kept {
    catalog: Arc<Catalog>,
    asked_at: Instant,
    /// The count of changes when it was asked.
    changes: u64,
}

impl DiscoveryCache {
    pub(crate) fn invalidate(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
    fn kept(&self) -> Option<Kept> {
        self.kept.lock().clone()
    }
    fn is_stale(&self, kept: &Kept) -> bool {
        kept.changes != self.changes.load(Ordering::Relaxed)
    }

    pub(crate) async fn catalog(&self, cluster: &Cluster) -> Result<Arc<Catalog>> {
        match self.kept() {
            Some(kept) if !self.is_stale(&kept) => Ok(kept.catalog),
            before => Ok(self.ask(cluster, before.map(|k| k.asked_at)).await?.catalog),
        }
    }

    pub(crate) async fn resolve(
        &self,
        cluster: &Cluster,
        kind: &GroupKind,
        version: Option<&Key>,
    ) -> Result<Arc<Resource>> {
        let version = version.map(Key::as_str).filter(|v| !v.is_empty());
        let mut kept = self.kept();
        if let Some(known) = &kept {
            let fresh_enough = !self.is_stale(known) || known.asked_at.elapsed() < STALE_HITS;
            match known.catalog.find(kind, version) {
                Some(resource) if fresh_enough => return Ok(resource.clone()),
                None if !self.is_stale(known) && known.asked_at.elapsed() < MISS_INTERVAL => {
                    return Err(missing(&known.catalog, kind, version, cluster));
                }
                _ => {}
            }
        }
        let kept = self.ask(cluster, kept.take().map(|k| k.asked_at)).await?;
        match kept.catalog.find(kind, version) {
            Some(resource) => Ok(resource.clone()),
            None => Err(missing(&kept.catalog, kind, version, cluster)),
        }
    }

    /// Asks the server, one asking at a time; who waited meanwhile takes what the first one got.
    async fn ask(&self, cluster: &Cluster, known_since: Option<Instant>) -> Result<Kept> {
        let _one_at_a_time = self.asking.lock().await;
        if let Some(kept) = self.kept() {
            if known_since != Some(kept.asked_at) && !self.is_stale(&kept) {
                return Ok(kept);
            }
            tokio::time::sleep_until(kept.asked_at + SPACING).await;
        }
        let changes = self.changes.load(Ordering::Relaxed);
        let catalog = Arc::new(parse::ask(cluster).await?);
        let kept = Kept { catalog, asked_at: Instant::now(), changes };
        *self.kept.lock() = Some(kept.clone());
        Ok(kept)
    }
}

fn missing(catalog: &Catalog, kind: &GroupKind, version: Option<&str>, cluster: &Cluster) -> Error {
    // The words of Kubernetes' own clients.
    let name = match version {
        Some(version) if !kind.group.is_empty() => format!("{:?} in version \"{}/{version}\"", kind.kind, kind.group),
        Some(version) => format!("{:?} in version {version:?}", kind.kind),
        None => format!("{:?} in group {:?}", kind.kind, kind.group),
    };
    let error = if catalog.unavailable.contains(kind.group.as_str()) {
        let message = format!("the group {} cannot be discovered at present, so kind {name} is not known", kind.group);
        Error::new(ErrorKind::Unavailable, message).hint("is the API service that serves this group running?")
    } else if let [known, ..] = catalog.versions(kind) {
        let versions: Vec<&str> = catalog.versions(kind).iter().map(|r| r.version.as_str()).collect();
        let message = format!("no matches for kind {name}: {} is served as {}", known.kind, versions.join(", "));
        Error::new(ErrorKind::UnknownKind, message).hint("use one of these versions")
    } else {
        let message = format!("no matches for kind {name}");
        Error::new(ErrorKind::UnknownKind, message).hint("is its CustomResourceDefinition installed?")
    };
    error.at("resolve", cluster.host())
}
