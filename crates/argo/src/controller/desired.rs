//! What an Application wants: its sources fetched and rendered, or the manifests that somebody gave in their place.

use std::sync::Arc;
use std::time::Duration;

use belay_object::Object;
use tokio::time::Instant;

use super::application::Turn;
use super::destinations::Absent;
use super::patience::Unfetched;
use super::refresh::Level;
use super::sources;
use super::world::Folder;
use crate::manifests::{self, AppContext, ClusterFacts};
use crate::spec::{Application, Source, SourceType};

/// Listings of refs this old are believed when an Application is new.
const YOUNG: Duration = Duration::from_secs(3);

/// Compat(argo-cd 3.5): the words in front of why there is nothing to compare with.
pub(super) const UNREAD: &str = "Failed to load target state: ";

/// What is to be rendered.
#[derive(Clone, Copy)]
pub(crate) struct Wish<'a> {
    pub sources: &'a [Source],
    /// Of each source; an empty one is what the source names, and so are all where there are none.
    pub revisions: &'a [String],
    /// Manifests in place of the sources; none for none.
    pub local: &'a [String],
}

impl<'a> Wish<'a> {
    /// Sources at revisions.
    pub fn of(sources: &'a [Source], revisions: &'a [String]) -> Wish<'a> {
        Wish { sources, revisions, local: &[] }
    }
}

/// What was rendered.
#[derive(Default)]
pub(super) struct Desired {
    pub objects: Vec<Object>,
    /// The commit of each source.
    pub revisions: Vec<String>,
    pub source_types: Vec<SourceType>,
    /// Why there is nothing, which is not that nothing is wanted.
    pub failed: Option<String>,
}

impl Desired {
    fn failed(why: String) -> Desired {
        Desired { failed: Some(why), ..Desired::default() }
    }
}

impl Turn<'_> {
    /// Renders what is wished for.
    pub(super) async fn desired(
        &self,
        wish: &Wish<'_>,
        level: Level,
        facts: Arc<ClusterFacts>,
    ) -> Result<Desired, Absent> {
        if !wish.local.is_empty() {
            return Ok(local(wish));
        }
        let app = &self.draft.app;
        let max_age = match level {
            Level::Resolve => Duration::ZERO,
            _ if app.status.reconciled_at.is_empty() => YOUNG,
            // The revision is known: what was found of it holds.
            Level::Tree | Level::Recent => Duration::MAX,
            Level::Latest => self.config.poll_every().max(YOUNG),
        };
        let fetching = async {
            let fetched = sources::fetch(self.world, wish.sources, wish.revisions, &self.project, max_age).await?;
            let named = wish.sources.iter();
            let values = sources::remote_values(&self.world.charts, &self.config, named, max_age).await?;
            Ok((fetched, values))
        };
        let (fetched, values) = match fetching.await {
            Ok(found) => found,
            Err(Unfetched::Busy) => return Err(Absent::Busy),
            Err(Unfetched::Failed(why)) if self.is_forgiven(level) => return Err(Absent::Unread(why)),
            Err(Unfetched::Refused(why) | Unfetched::Failed(why)) => {
                return Ok(Desired::failed(format!("{UNREAD}{why}")));
            }
        };
        *self.memory.unread_since.lock() = None;
        let folder = |f: &sources::Fetched| Folder::of(&f.source.repo_url, &f.source.path, &*f.files.tree);
        *self.memory.folders.lock() = fetched.iter().filter_map(folder).collect();
        let context = AppContext {
            name: app.name.clone(),
            instance_name: self.instance.clone(),
            project: app.spec.project().to_owned(),
            destination_namespace: app.spec.destination.namespace.clone(),
            cluster: facts,
            settings: self.config.tools.clone(),
            remote_files: Arc::new(values),
        };
        let revisions = fetched.iter().map(|f| f.files.revision.clone()).collect();
        let named: Vec<_> = fetched.into_iter().map(|f| (f.source, f.files)).collect();
        let renderer = self.world.renderer.clone();
        let made = tokio::task::spawn_blocking(move || renderer.render_all(&named, &context)).await;
        let made =
            made.map_err(|e| format!("the renderer stopped: {e}")).and_then(|made| made.map_err(|e| e.to_string()));
        Ok(match made {
            Ok(all) => Desired {
                objects: all.iter().flat_map(|m| m.objects()).map(|r| r.object.clone()).collect(),
                source_types: all.iter().map(manifests::Manifests::source_type).collect(),
                revisions,
                failed: None,
            },
            Err(why) => {
                let why = format!("{UNREAD}{why}{}", waits_for(app, &why));
                Desired { revisions, ..Desired::failed(why) }
            }
        })
    }

    /// Whether what was found before stands though a repository cannot be read: so it is for a while, unless
    /// somebody asks for what is there now, or nothing was found yet.
    fn is_forgiven(&self, level: Level) -> bool {
        let mut since = self.memory.unread_since.lock();
        let is_young = since.get_or_insert_with(Instant::now).elapsed() < self.config.repo_error_grace();
        is_young && level < Level::Resolve && !self.draft.app.status.reconciled_at.is_empty()
    }
}

/// What a folder waits for that somebody else brings from the branch that it is hydrated to.
// Compat(argo-cd 3.5)
fn waits_for(app: &Application, why: &str) -> String {
    let hydrator = app.spec.source_hydrator.as_ref().filter(|_| why.contains("app path does not exist"));
    hydrator.and_then(|hydrator| Some((&hydrator.sync_source, hydrator.hydrate_to.as_ref()?))).map_or_else(
        String::new,
        |(sync, to)| {
            let (into, from) = (&sync.target_branch, &to.target_branch);
            format!(" - waiting for an external process to update {into} from {from}")
        },
    )
}

/// The manifests that somebody gave.
fn local(wish: &Wish<'_>) -> Desired {
    let mut objects = Vec::new();
    for text in wish.local {
        match manifests::parse(text) {
            Ok(found) => objects.extend(found),
            // Compat(argo-cd 3.5): the words in front.
            Err(why) => return Desired::failed(format!("Failed to load local manifests: {why}")),
        }
    }
    Desired { objects, revisions: wish.revisions.to_vec(), ..Desired::default() }
}
