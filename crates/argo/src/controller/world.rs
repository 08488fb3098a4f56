//! What all Applications share.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::NameList;
use belay_cluster::{Cluster, CrView, Patch, WriteOptions};
use belay_controller::{Event, EventKind, Involved, Recorder, WorkQueue, Written};
use belay_engine::Elsewhere;
use belay_object::{Object, ObjectKey, Value};
use belay_source::Repositories;
use belay_tree::{Digest, Tree, TreePath};
use jiff::Timestamp;
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Instant;

use super::application_sets::Woken;
use super::charts::Charts;
use super::config::Config;
use super::destinations::Destinations;
use super::hydration::Hydration;
use super::patience::Patience;
use super::polls::{News, Polls};
use super::refresh::Level;
use crate::differ::Known;
use crate::manifests::Renderer;
use crate::names::applications;

/// The field manager of what is applied.
// Compat(argo-cd 3.5): ArgoCDSSAManager
pub const MANAGER: &str = "argocd-controller";
/// The component of events, and the field manager of what is written on Applications.
pub const COMPONENT: &str = "argocd-application-controller";

/// How long those wait whose files a commit left alone: what it changed is applied by then.
const UNCHANGED_PAUSE: Duration = Duration::from_secs(1);

/// How the controller behaves.
#[derive(Clone)]
pub struct Settings {
    /// The control plane's namespace: Applications in it bear plain names, projects and settings stand there.
    pub namespace: String,
    /// Applications that are worked on at once.
    pub concurrent: usize,
    /// Where Applications are followed besides the control plane's namespace: globs or `/expressions/`. Where
    /// empty, `application.namespaces` of the parameters says it.
    pub application_namespaces: Vec<String>,
    /// Who else keeps objects: those are refused.
    pub claimed_elsewhere: Elsewhere,
}

impl Settings {
    /// Those of an installation in a namespace.
    pub fn new(namespace: &str) -> Settings {
        Settings {
            namespace: namespace.to_owned(),
            concurrent: 20,
            application_namespaces: Vec::new(),
            claimed_elsewhere: Elsewhere::default(),
        }
    }
}

/// The name of an Application.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name {
    /// Its namespace.
    pub namespace: Box<str>,
    /// Its name.
    pub name: Box<str>,
}

impl Name {
    /// Makes one.
    pub fn new(namespace: &str, name: &str) -> Name {
        Name { namespace: namespace.into(), name: name.into() }
    }
    /// Of an object.
    pub fn of(object: &Object) -> Name {
        Name::new(object.namespace(), object.name())
    }
    /// From the name by which its objects are tracked.
    pub fn tracked(instance: &str, controller_namespace: &str) -> Name {
        match instance.split_once('_') {
            Some((namespace, name)) => Name::new(namespace, name),
            None => Name::new(controller_namespace, instance),
        }
    }
}
impl std::fmt::Debug for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// What is remembered of one Application from turn to turn.
#[derive(Default)]
pub(crate) struct Memory {
    /// In which fields its objects differ.
    pub known: Known,
    /// What we did that no watch has shown yet.
    pub ours: Ours,
    /// When the last operation began.
    pub last_start: Mutex<Option<Timestamp>>,
    /// Since when its repositories cannot be read.
    pub unread_since: Mutex<Option<Instant>>,
    /// When the next wave of an attempt at an operation may begin.
    pub next_wave: Mutex<Option<(String, Instant)>>,
    /// The folders of its sources at the last comparison.
    pub folders: Mutex<Vec<Folder>>,
}

/// A source's folder as it was.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Folder {
    pub repo_url: String,
    pub path: TreePath,
    /// Identity of all that is below it; `None` where there is no folder, or its tree does not know.
    pub digest: Option<Digest>,
}

impl Folder {
    /// That of a source in a tree; `None` of a path that can be none.
    pub fn of(repo_url: &str, path: &str, tree: &dyn Tree) -> Option<Folder> {
        let path = TreePath::clean(path).ok()?;
        let digest = tree.dir_digest(&path).ok().flatten();
        Some(Folder { repo_url: repo_url.to_owned(), path, digest })
    }
    /// Whether another tree of the repository certainly has the same there.
    pub fn is_same_in(&self, tree: &dyn Tree) -> bool {
        self.digest.is_some() && tree.dir_digest(&self.path).ok().flatten() == self.digest
    }
}

/// Our own writes to objects, until a watch shows them: a comparison right after a sync must not miss
/// what was just made.
#[derive(Default)]
pub(crate) struct Ours(Mutex<HashMap<ObjectKey, Arc<Object>>>);

impl Ours {
    /// Notes what an object is since our write.
    pub fn made(&self, live: Arc<Object>) {
        self.0.lock().insert(live.key(), live);
    }
    /// Notes that we deleted an object.
    pub fn deleted(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
    /// The newer of what a watch shows and what we made; forgets what the watch has caught up with.
    pub fn newer(&self, key: &ObjectKey, shown: Option<Arc<Object>>) -> Option<Arc<Object>> {
        let mut ours = self.0.lock();
        let Some(made) = ours.get(key).cloned() else { return shown };
        let version = |o: &Object| o.resource_version().parse::<u64>().unwrap_or_default();
        match &shown {
            Some(shown) if version(shown) >= version(&made) => {
                ours.remove(key);
            }
            _ => return Some(made),
        }
        shown
    }
    /// What we made and no watch has shown.
    pub fn all(&self) -> Vec<Arc<Object>> {
        self.0.lock().values().cloned().collect()
    }
}

/// What all Applications share.
pub(crate) struct World {
    pub cluster: Cluster,
    pub settings: Settings,
    /// [`Settings::application_namespaces`], compiled.
    pub namespaces: NameList,
    pub config: RwLock<Arc<Config>>,
    pub recorder: Recorder,
    pub applications: CrView,
    pub projects: CrView,
    pub written: Written<Name>,
    pub queue: WorkQueue<Name>,
    pub asked: Mutex<HashMap<Name, Level>>,
    pub memories: Mutex<HashMap<Name, Arc<Memory>>>,
    pub destinations: Destinations,
    pub repositories: Repositories,
    pub charts: Arc<Charts>,
    pub renderer: Renderer,
    pub polls: Polls,
    pub hydration: Hydration,
    pub patience: Patience,
    /// To who wakes those whom a new revision concerns.
    pub news: UnboundedSender<News>,
    /// ApplicationSets that are to be looked at.
    pub application_sets: Woken,
}

impl World {
    /// An Application, at least as new as our last write.
    pub fn application(&self, name: &Name) -> Option<Arc<Object>> {
        self.written.newer(name, self.applications.object(&name.namespace, &name.name))
    }
    /// Whether Applications of a namespace are followed.
    pub fn follows(&self, namespace: &str) -> bool {
        if namespace == self.settings.namespace {
            return true;
        }
        match self.namespaces.is_empty() {
            true => self.config().settings.parameters.namespaces.matches(namespace),
            false => self.namespaces.matches(namespace),
        }
    }
    /// The configuration of this moment.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().clone()
    }
    /// What is remembered of one.
    pub fn memory(&self, name: &Name) -> Arc<Memory> {
        self.memories.lock().entry(name.clone()).or_default().clone()
    }
    /// Asks for a comparison, at least so fresh.
    pub fn ask(&self, name: &Name, level: Level) {
        self.note(name, level);
        self.queue.add(name.clone());
    }
    /// Has one compared that is not expected to have changed: behind those that are.
    pub fn ask_later(&self, name: &Name, level: Level) {
        self.note(name, level);
        self.queue.add_after(name.clone(), UNCHANGED_PAUSE);
    }
    /// Has the next turn compare, at least so fresh; whenever that is.
    pub fn note(&self, name: &Name, level: Level) {
        let mut asked = self.asked.lock();
        let known = asked.entry(name.clone()).or_insert(level);
        *known = (*known).max(level);
    }
    /// Forgets one that is gone.
    pub fn forget(&self, name: &Name) {
        self.asked.lock().remove(name);
        self.memories.lock().remove(name);
        self.polls.forget(name);
        // The answer to a last write may come behind the watch's word that the object is gone.
        self.written.shown(name, None);
    }
    /// Writes a patch of an Application; gives the object as it then is. One that is gone is left alone.
    pub async fn write(&self, before: &Object, patch: Value) -> belay_cluster::Result<Option<Object>> {
        // Not as who applies: an Application that another one applies would lose what is written here.
        let options = WriteOptions { field_manager: COMPONENT.to_owned(), ..WriteOptions::default() };
        let resource = applications();
        let (namespace, name) = (before.namespace(), before.name());
        match self.cluster.patch(&resource, namespace, name, &Patch::Merge(patch), &options).await {
            Ok(written) => {
                self.written.put(Name::of(&written), written.clone());
                Ok(Some(written))
            }
            Err(e) if e.is_not_found() => Ok(None),
            Err(e) => Err(e),
        }
    }
    /// Records an event about an Application.
    pub fn tell(&self, object: &Object, kind: EventKind, reason: &str, message: String) {
        let (namespace, name) = (object.namespace(), object.name());
        match kind {
            EventKind::Warning => tracing::warn!(namespace, name, reason, "{message}"),
            EventKind::Normal => tracing::info!(namespace, name, reason, "{message}"),
        }
        self.recorder.record(Event {
            involved: Involved::of(object),
            kind,
            reason: reason.to_owned(),
            message,
            annotations: Vec::new(),
            component: COMPONENT.to_owned(),
            trace: false,
            at: Timestamp::now(),
        });
    }
}

/// Now, RFC 3339 to the second.
pub(crate) fn now_text() -> String {
    belay_controller::conditions::time_text(Timestamp::now())
}

/// How long ago a time was; `None` where it is none.
pub(crate) fn since(text: &str) -> Option<Duration> {
    let then: Timestamp = text.parse().ok()?;
    Some(Duration::try_from(Timestamp::now().duration_since(then)).unwrap_or_default())
}

#[cfg(test)]
mod tests;
