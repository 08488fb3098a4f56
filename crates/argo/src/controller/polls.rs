//! Who uses which revision of which repository, when each repository is looked at, and who is woken by what is
//! found there.
//!
//! One look a repository and reference, whoever uses it: a commit wakes those whose repository it is in. Looks
//! stand in a queue by the time when they are due, so that thousands of repositories cost no more at rest than
//! their number.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_controller::{Next, WorkQueue};
use belay_tree::Tree;
use futures::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::charts::{self, Asked};
use super::hydration;
use super::refresh::Level;
use super::sources::{TIMEOUT, git_spec, is_commit, prefixed, repository_of};
use super::world::{Name, World};
use crate::settings::Timers;
use crate::spec::Source;

/// Repositories that are looked at at once.
pub(super) const LOOKS: usize = 16;

/// What a revision was found to be, and its files where they are known.
pub(crate) struct News {
    names: Vec<Name>,
    key: Use,
    tree: Option<Arc<dyn Tree>>,
}

/// Notes what a revision was found to be, and has those woken whom that concerns. There may be thousands of them,
/// and whoever found it has work to do: they are woken beside it.
pub(super) fn tell(world: &World, key: &Use, is: &str, tree: Option<&Arc<dyn Tree>>) {
    let names = world.polls.seen(key, is.to_owned());
    if !names.is_empty() {
        // Nobody hears it where the controller ends.
        let _ = world.news.send(News { names, key: key.clone(), tree: tree.cloned() });
    }
}

/// Wakes those whom news concern. Where the files are known, those come first whose folders changed: of thousands
/// in one repository a commit is mostly about one. At most as many news wait as there are revisions in use.
pub(crate) async fn wake(world: Arc<World>, mut news: UnboundedReceiver<News>) {
    while let Some(News { names, key, tree }) = news.recv().await {
        let world = world.clone();
        let woken = tokio::task::spawn_blocking(move || {
            for name in names {
                if hydration::heard(&world, &name, &key) {
                    continue;
                }
                match tree.as_deref().is_some_and(|tree| is_left_alone(&world, &name, &key, tree)) {
                    true => world.ask_later(&name, Level::Latest),
                    false => world.ask(&name, Level::Latest),
                }
            }
        });
        if let Err(error) = woken.await {
            tracing::error!(%error, "some Applications were not told of a new revision");
        }
    }
}

/// Whether the folders of an Application in a repository are as they were.
fn is_left_alone(world: &World, name: &Name, key: &Use, tree: &dyn Tree) -> bool {
    let Some(memory) = world.memories.lock().get(name).cloned() else { return false };
    // Looking reads the mirror: the lock is not held meanwhile.
    let folders = memory.folders.lock().clone();
    let mut own = folders.iter().filter(|folder| folder.repo_url == key.at.repo_url).peekable();
    own.peek().is_some() && own.all(|folder| folder.is_same_in(tree))
}

/// A repository, with the credentials that a project has for it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) struct At {
    pub repo_url: String,
    pub project: String,
}

/// What is looked at: a revision of a repository.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Use {
    pub at: At,
    /// Empty for what is no chart.
    chart: String,
    pub revision: String,
    /// Of the tags among which a version is looked for.
    tag_prefix: String,
}

impl Use {
    pub(super) fn new(source: &Source, revision: &str, project: &str) -> Use {
        Use {
            at: At { repo_url: source.repo_url.clone(), project: project.to_owned() },
            chart: source.chart.clone(),
            revision: revision.to_owned(),
            tag_prefix: source.tag_prefix.clone(),
        }
    }
    /// As much of a source as is needed to look at it.
    fn source(&self) -> Source {
        Source { repo_url: self.at.repo_url.clone(), chart: self.chart.clone(), ..Source::default() }
    }
}

/// Who uses which revision of which repository, and when each is looked at next.
#[derive(Default)]
pub(crate) struct Polls {
    users: Mutex<Users>,
    /// The repositories, by when they are due.
    pub queue: WorkQueue<At>,
}

#[derive(Default)]
struct Users {
    /// Who uses it, and what it was last. Those of one repository stand together.
    of: BTreeMap<Use, (HashSet<Name>, Option<String>)>,
    by_name: HashMap<Name, Vec<Use>>,
}

impl Polls {
    /// Notes what an Application uses, and has what is new looked at from now on. What never becomes another
    /// nobody looks for.
    pub fn uses(&self, name: &Name, sources: &[Source], project: &str, timers: &Timers) {
        let is_fixed = |source: &Source| match source.is_chart() || source.is_oci() {
            true => charts::is_fixed(source, &source.target_revision),
            false => is_commit(&source.target_revision),
        };
        let wanted: Vec<Use> =
            sources.iter().filter(|s| !is_fixed(s)).map(|s| Use::new(s, &s.target_revision, project)).collect();
        let mut users = self.users.lock();
        if users.by_name.get(name) == Some(&wanted) {
            return;
        }
        users.remove(name);
        for key in &wanted {
            if users.at(&key.at).next().is_none() {
                self.look_later(&key.at, timers);
            }
            users.of.entry(key.clone()).or_default().0.insert(name.clone());
        }
        users.by_name.insert(name.clone(), wanted);
    }
    /// Forgets one that is gone.
    pub fn forget(&self, name: &Name) {
        self.users.lock().remove(name);
    }
    /// Puts all looks where other timers have them.
    pub fn reschedule(&self, timers: &Timers) {
        for at in self.places() {
            self.queue.remove(&at);
            self.look_later(&at, timers);
        }
    }
    fn look_later(&self, at: &At, timers: &Timers) {
        if let Some(pause) = timers.next_look(belay_cluster::random_below) {
            self.queue.add_after(at.clone(), pause);
        }
    }
    /// All repositories in use.
    fn places(&self) -> Vec<At> {
        let mut all: Vec<At> = self.users.lock().of.keys().map(|key| key.at.clone()).collect();
        all.dedup();
        all
    }
    /// What is used of a repository.
    fn keys(&self, at: &At) -> Vec<Use> {
        self.users.lock().at(at).cloned().collect()
    }
    /// Whether a revision is another than it was.
    fn is_news(&self, key: &Use, revision: &str) -> bool {
        let known = self.users.lock().of.get(key).and_then(|(_, known)| known.clone());
        known.is_some_and(|known| known != revision)
    }
    /// Notes what a revision is now; gives whom that concerns.
    fn seen(&self, key: &Use, revision: String) -> Vec<Name> {
        let mut users = self.users.lock();
        let Some((names, known)) = users.of.get_mut(key) else { return Vec::new() };
        let is_new = known.as_ref().is_some_and(|known| *known != revision);
        *known = Some(revision);
        if is_new { names.iter().cloned().collect() } else { Vec::new() }
    }
}

impl Users {
    /// What is used of a repository.
    fn at(&self, at: &At) -> impl Iterator<Item = &Use> {
        let first = Use { at: at.clone(), chart: String::new(), revision: String::new(), tag_prefix: String::new() };
        self.of.range(first..).map(|(key, _)| key).take_while(move |key| key.at == *at)
    }
    fn remove(&mut self, name: &Name) {
        for key in self.by_name.remove(name).unwrap_or_default() {
            if let Some((names, _)) = self.of.get_mut(&key) {
                names.remove(name);
                if names.is_empty() {
                    self.of.remove(&key);
                }
            }
        }
    }
}

/// Looks at each repository in use when it is due, until the queue is closed.
pub(crate) async fn poll(world: Arc<World>) {
    let queue = world.polls.queue.clone();
    let look = move |at: At| {
        let world = world.clone();
        async move {
            look_at(&world, &at).await;
            // One that nobody uses any more is looked at once again, at most.
            let is_used = !world.polls.keys(&at).is_empty();
            let pause = world.config().settings.timers.next_look(belay_cluster::random_below);
            pause.filter(|_| is_used).map_or(Next::Done, Next::After)
        }
    };
    belay_controller::run(queue, LOOKS, look, |at, why| {
        tracing::error!(repository = at.repo_url, panic = why, "not looked at for a while after repeated panics");
    })
    .await;
}

/// Looks at all once: several repositories at a time, so that one that does not answer holds up no other.
pub(crate) async fn look(world: &World) {
    let places = stream::iter(world.polls.places());
    places.for_each_concurrent(LOOKS, |at| async move { look_at(world, &at).await }).await;
}

/// Looks at one repository: its refs are listed once for all revisions.
async fn look_at(world: &World, at: &At) {
    let begun = Instant::now();
    for key in world.polls.keys(at) {
        look_for(world, &key, begun.elapsed()).await;
    }
}

/// Looks what a revision is; a listing that is at most `max_age` old is believed.
async fn look_for(world: &World, key: &Use, max_age: Duration) {
    let At { repo_url, project } = &key.at;
    let found = match key.chart.is_empty() && !key.source().is_oci() {
        true => match git_spec(&world.config(), repo_url, project, &key.revision) {
            Ok(spec) => {
                world.repositories.resolve(&prefixed(spec, &key.tag_prefix), max_age).await.map_err(|e| e.to_string())
            }
            Err(why) => Err(why),
        },
        false => {
            let source = key.source();
            let (config, repository) = repository_of(world, &source, project);
            let asked = Asked::of(&config, &repository, max_age);
            world.charts.resolve(&source, &key.revision, &asked).await
        }
    };
    if found.is_ok() {
        world.patience.note(key, None);
    }
    match found {
        Ok(revision) if world.polls.is_news(key, &revision) => {
            let tree = tree_of(world, key).await;
            tell(world, key, &revision, tree.as_ref());
        }
        Ok(revision) => tell(world, key, &revision, None),
        // Its Applications go on with the revision that they have.
        Err(error) => {
            tracing::warn!(repository = repo_url, revision = key.revision, %error, "cannot be looked at");
        }
    }
}

/// The files of a revision that was just resolved, of Git. Without them nobody is put behind anybody.
async fn tree_of(world: &World, key: &Use) -> Option<Arc<dyn Tree>> {
    if !key.chart.is_empty() || key.source().is_oci() {
        return None;
    }
    let spec = git_spec(&world.config(), &key.at.repo_url, &key.at.project, &key.revision).ok()?;
    world.repositories.fetch(&prefixed(spec, &key.tag_prefix), TIMEOUT).await.ok().map(|fetched| fetched.tree)
}

#[cfg(test)]
mod tests;
