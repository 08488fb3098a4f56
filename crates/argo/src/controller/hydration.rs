//! Hydration at work: which Applications are looked at, which groups are under way, what is written on them.
//!
//! Two queues beside that of comparisons, so that nobody's sync waits for a commit: `looking` decides about one
//! Application, `group` hydrates those that belong together, `writing` makes the commit. Where the hydrator is not
//! enabled nothing is looked at, and such an Application syncs what is in its branch.
//!
//! *Invariants*: a status says that an Application is being hydrated before anything is pushed for it; one group is
//! hydrated once at a time. Killed behind a push, the next process finds the branch as it should be and notes it.

mod group;
mod looking;
mod writing;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Patch, WriteOptions};
use belay_controller::{QueueOptions, WorkQueue};
use belay_object::{Object, Value, merge_patch_between, object};
use parking_lot::Mutex;

use super::config::Config;
use super::polls::Use;
use super::world::{COMPONENT, Name, World};
use crate::hydrator::{GroupKey, HYDRATE, HYDRATE_AT};
use crate::names::applications;
use crate::spec::{HydratorStatus, Source, Spec};

/// Groups that are hydrated at once. Compat(argo-cd 3.5): controller.hydration.processors
const AT_ONCE: usize = 5;
/// Applications that are decided about at once.
const LOOKS: usize = 8;
/// The longest pause after statuses that could not be written.
const MAX_PAUSE: Duration = Duration::from_secs(60);

/// What is to be hydrated.
pub(crate) struct Hydration {
    looks: WorkQueue<Name>,
    groups: WorkQueue<GroupKey>,
    /// Those that wait or are under way here. One whose Applications say that they are being hydrated and that is not
    /// among them was left by a process that ended.
    begun: Mutex<HashSet<GroupKey>>,
}

impl Default for Hydration {
    fn default() -> Hydration {
        Hydration {
            looks: WorkQueue::new(QueueOptions { max_delay: MAX_PAUSE, ..QueueOptions::default() }),
            groups: WorkQueue::new(QueueOptions { max_delay: MAX_PAUSE, ..QueueOptions::default() }),
            begun: Mutex::default(),
        }
    }
}

impl Hydration {
    /// Has an Application looked at.
    pub fn look(&self, name: &Name) {
        self.looks.add(name.clone());
    }
    /// Ends the queues: what is under way is finished.
    pub fn close(&self) {
        self.looks.close();
        self.groups.close();
    }
    fn begin(&self, key: GroupKey) {
        self.begun.lock().insert(key.clone());
        self.groups.add(key);
    }
    fn has_begun(&self, key: &GroupKey) -> bool {
        self.begun.lock().contains(key)
    }
}

/// Works on both queues until they are closed.
pub(super) async fn run(world: Arc<World>) {
    let (looked, hydrated) = (world.clone(), world.clone());
    let looks = belay_controller::run(
        world.hydration.looks.clone(),
        LOOKS,
        move |name: Name| {
            let world = looked.clone();
            async move { looking::look(&world, &name).await }
        },
        |name, why| tracing::error!(application = ?name, panic = why, "not hydrated after repeated panics"),
    );
    let groups = belay_controller::run(
        world.hydration.groups.clone(),
        AT_ONCE,
        move |key: GroupKey| {
            let world = hydrated.clone();
            async move { group::hydrate(&world, &key).await }
        },
        |key, why| tracing::error!(group = ?key, panic = why, "not hydrated after repeated panics"),
    );
    tokio::join!(looks, groups);
}

/// The dry source of an Application, where it is hydrated here: its revision is looked for too.
pub(super) fn dry_source(config: &Config, spec: &Spec) -> Option<Source> {
    let hydrator = spec.source_hydrator.as_ref()?;
    config.settings.parameters.hydrator_enabled.then(|| hydrator.dry_source())
}

/// Has an Application looked at if its dry source is what news are of. Whether it syncs from something else.
pub(super) fn heard(world: &World, name: &Name, news: &Use) -> bool {
    let Some(app) = world.applications.object(&name.namespace, &name.name) else { return false };
    let text = |path: &[&str]| app.str_at(path).unwrap_or_default();
    let dry = ["spec", "sourceHydrator", "drySource"];
    if app.at(&dry).is_none() || !world.config().settings.parameters.hydrator_enabled {
        return false;
    }
    let sync = ["spec", "sourceHydrator", "syncSource"];
    let (repo, revision) =
        (text(&[dry[0], dry[1], dry[2], "repoURL"]), text(&[dry[0], dry[1], dry[2], "targetRevision"]));
    if news.at.repo_url != repo || news.revision != revision {
        return false;
    }
    world.hydration.look(name);
    let own = text(&[sync[0], sync[1], sync[2], "repoURL"]);
    let synced = (if own.is_empty() { repo } else { own }, text(&[sync[0], sync[1], sync[2], "targetBranch"]));
    synced != (repo, revision)
}

/// Writes what an Application's hydrator has done; gives the object as it then is. One that is gone is left alone.
async fn write_status(
    world: &World,
    name: &Name,
    change: impl FnOnce(&mut HydratorStatus),
) -> belay_cluster::Result<Option<Arc<Object>>> {
    let Some(newest) = world.application(name) else { return Ok(None) };
    let none = Value::from(belay_object::Map::new());
    let before = newest.at(&["status", "sourceHydrator"]).filter(|value| value.as_object().is_some()).unwrap_or(&none);
    let mut status = HydratorStatus::read_lossy(before);
    change(&mut status);
    let Some(patch) = merge_patch_between(before, &status.to_value()) else { return Ok(Some(newest)) };
    let patch = object! {
        "metadata" => object! { "uid" => newest.uid() },
        "status" => object! { "sourceHydrator" => patch },
    };
    Ok(world.write(&newest, patch).await?.map(Arc::new))
}

/// Takes off the annotation that asked for a hydration, as it was read: one that came meanwhile stays, and so does one
/// whose time is another.
async fn answer(world: &World, read: &Object) {
    let annotation = |name: &str| read.annotation(name).map(str::to_owned);
    let Some(asked) = annotation(HYDRATE) else { return };
    let path = |name: &str| format!("/metadata/annotations/{}", name.replace('~', "~0").replace('/', "~1"));
    let mut operations = Vec::new();
    for (name, value) in [(HYDRATE, Some(asked)), (HYDRATE_AT, annotation(HYDRATE_AT))] {
        let Some(value) = value else { continue };
        operations.push(object! { "op" => "test", "path" => path(name), "value" => value });
        operations.push(object! { "op" => "remove", "path" => path(name) });
    }
    let options = WriteOptions { field_manager: COMPONENT.to_owned(), ..WriteOptions::default() };
    let (resource, patch) = (applications(), Patch::Json(Value::from(operations)));
    match world.cluster.patch(&resource, read.namespace(), read.name(), &patch, &options).await {
        Ok(written) => world.written.put(Name::of(&written), written),
        // Somebody asked again, or took it off.
        Err(error) => tracing::debug!(application = ?Name::of(read), %error, "the request to hydrate stays"),
    }
}
