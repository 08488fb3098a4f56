//! The objects of destination clusters as trees show them: watched while somebody looks.
//!
//! The watches of a cluster begin with the first tree that is asked for and end some minutes after the
//! last. Of an object only a [`Node`] is kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_argo::controller::Config;
use belay_argo::live::is_application;
use belay_argo::resource_tree::{Forest, Node, kinds};
use belay_argo::tracking::Tracking;
use belay_cluster::{Catalog, Cluster, Resource, Summarize, View, ViewScope, Views};
use belay_health::argo::Customizations;
use belay_object::{GroupKind, Object};
use futures::future::join_all;
use jiff::Timestamp;
use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::places::Place;
use crate::snapshot::Snapshot;

/// How long a cluster's first look may take; what is not known then is left out of the tree.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a cluster is watched after somebody looked at it.
const KEEP: Duration = Duration::from_secs(300);
/// Between two looks at whether somebody still does.
const SWEEP: Duration = Duration::from_secs(60);
const LINGER: Duration = Duration::from_secs(1);

/// Makes nodes of objects.
struct Nodal {
    tracking: Tracking,
    assess: Arc<Customizations>,
    labels: Vec<String>,
}

impl Summarize for Nodal {
    type Summary = Arc<Node>;

    fn summarize(&self, _: &Resource, object: Object) -> Option<Arc<Node>> {
        let owner = self.tracking.owner_of(&object).map(|owner| owner.app).unwrap_or_default();
        // An Application's own health is what its status says.
        let health = self.assess.health(&object, Timestamp::now().as_second());
        let mut node = Node::of(&object, &owner, health, &self.labels);
        if is_application(&node.key.kind)
            && let Some(url) = object.annotation("argocd.argoproj.io/managed-by-url")
        {
            let mut info = node.info.into_vec();
            info.push(("managed-by-url".into(), url.into()));
            node.info = info.into();
        }
        Some(Arc::new(node))
    }
}

/// One cluster, watched.
pub(crate) struct Watched {
    views: Views<Nodal>,
    kinds: Mutex<Kinds>,
    changes: watch::Sender<u64>,
    used: Mutex<Instant>,
    /// What nodes go by; others are made when it changes.
    made_by: String,
    cluster: Cluster,
}

#[derive(Default)]
struct Kinds {
    catalog: Option<Arc<Catalog>>,
    views: Vec<Kind>,
    /// What cannot be read: nobody knows what there is of it.
    unread: Arc<HashSet<GroupKind>>,
    /// All nodes by what they belong to, and how many changes there had been before.
    forest: Option<(u64, Arc<Forest>)>,
}

/// One kind, and since when it is asked for.
#[derive(Clone)]
struct Kind {
    view: View<Nodal>,
    since: Instant,
}

/// The clusters that are watched, by server.
#[derive(Clone, Default)]
pub(crate) struct Nodes(Arc<Mutex<HashMap<String, Arc<Watched>>>>);

impl Nodes {
    /// The objects of a cluster, as far as they can be known in time.
    pub async fn of(&self, at: &Snapshot, place: &Place) -> Result<Arc<Watched>, crate::Error> {
        let config = &at.config;
        let made_by = format!("{} {:?}", config.watched_by, config.settings.resources.custom_labels);
        let known = self.0.lock().get(&place.server).cloned();
        let known = known.filter(|w| w.made_by == made_by && w.cluster.is_same_server(&place.cluster));
        let watched = known.unwrap_or_else(|| self.begin(config, place, made_by));
        *watched.used.lock() = Instant::now();
        watched.look(config, place).await?;
        Ok(watched)
    }

    /// Ends the watches of a cluster.
    pub fn forget(&self, server: &str) {
        self.0.lock().remove(server);
    }

    fn begin(&self, config: &Config, place: &Place, made_by: String) -> Arc<Watched> {
        let summarize = Nodal {
            tracking: config.tracking.clone(),
            assess: config.assess.clone(),
            labels: config.settings.resources.custom_labels.clone(),
        };
        let views = Views::new(place.cluster.clone(), summarize, LINGER);
        let changes = watch::Sender::new(0);
        let told = changes.clone();
        views.on_change(move |_| told.send_modify(|n| *n += 1));
        let watched = Arc::new(Watched {
            views,
            kinds: Mutex::default(),
            changes,
            used: Mutex::new(Instant::now()),
            made_by,
            cluster: place.cluster.clone(),
        });
        self.0.lock().insert(place.server.clone(), watched.clone());
        let (all, server, weak) = (Arc::downgrade(&self.0), place.server.clone(), Arc::downgrade(&watched));
        // Ends itself when the cluster is let go, by itself or by others.
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(SWEEP).await;
                let (Some(all), Some(watched)) = (all.upgrade(), weak.upgrade()) else { return };
                // Two: the map's and this one's own.
                if Arc::strong_count(&watched) <= 2 && watched.used.lock().elapsed() > KEEP {
                    let mut all = all.lock();
                    if all.get(&server).is_some_and(|known| Arc::ptr_eq(known, &watched)) {
                        all.remove(&server);
                    }
                    return;
                }
            }
        });
        watched
    }
}

impl Watched {
    /// Watches the kinds that the cluster serves now, and waits until they are known.
    async fn look(&self, config: &Config, place: &Place) -> Result<(), crate::Error> {
        let catalog = place.cluster.catalog().await?;
        let views: Vec<Kind> = {
            let mut known = self.kinds.lock();
            if !known.catalog.as_ref().is_some_and(|before| Arc::ptr_eq(before, &catalog)) {
                let before = std::mem::take(&mut known.views);
                let since: HashMap<String, Instant> =
                    before.iter().map(|kind| (kind.view.resource().qualified_plural(), kind.since)).collect();
                let all = kinds(&catalog, config, &place.server).flat_map(|resource| self.scopes(resource, place));
                let kind = |view: View<Nodal>| {
                    let since = since.get(&view.resource().qualified_plural()).copied();
                    Kind { since: since.unwrap_or_else(Instant::now), view }
                };
                known.views = all.map(kind).collect();
                known.catalog = Some(catalog);
                known.forest = None;
                // After the new ones are asked for, so that those of the same kind go on.
                drop(before);
            }
            known.views.clone()
        };
        // A kind that cannot be listed is waited for once, not by every request.
        let all = views.iter().map(|kind| kind.view.synced(PATIENCE.saturating_sub(kind.since.elapsed())));
        let mut unread = HashSet::new();
        for (kind, known) in views.iter().zip(join_all(all).await) {
            if let Err(failure) = known {
                tracing::debug!(server = place.server, %failure, "a kind is left out of trees");
                unread.insert(kind.view.resource().group_kind());
            }
        }
        self.kinds.lock().unread = Arc::new(unread);
        Ok(())
    }

    fn scopes(&self, resource: &Arc<Resource>, place: &Place) -> Vec<View<Nodal>> {
        if place.namespaces.is_empty() {
            return vec![self.views.view(resource, &ViewScope::default())];
        }
        if !resource.namespaced {
            return Vec::new();
        }
        let scopes = place.namespaces.iter().map(|namespace| ViewScope::in_namespace(namespace));
        scopes.map(|scope| self.views.view(resource, &scope)).collect()
    }

    /// The kinds that could not be read when somebody looked last.
    pub fn unread(&self) -> Arc<HashSet<GroupKind>> {
        self.kinds.lock().unread.clone()
    }

    /// All nodes, by what they belong to. They are put together once, however many ask, until something
    /// changes.
    pub fn forest(&self) -> Arc<Forest> {
        let mut kinds = self.kinds.lock();
        // Read before the nodes: what changes meanwhile is put together again.
        let now = *self.changes.borrow();
        if let Some((at, forest)) = &kinds.forest
            && *at == now
        {
            return forest.clone();
        }
        let mut all = Vec::with_capacity(kinds.views.iter().map(|kind| kind.view.len()).sum());
        for kind in &kinds.views {
            kind.view.each(|_, _, entry| all.push(entry.summary.clone()));
        }
        let forest = Arc::new(Forest::new(all));
        kinds.forest = Some((now, forest.clone()));
        forest
    }

    /// Tells of changes.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
