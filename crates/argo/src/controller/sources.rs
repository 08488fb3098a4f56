//! Fetching what Applications name, and looking at it from time to time.
//!
//! One look a repository and reference, whoever uses it: a commit wakes those whose repository it is in.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_source::{Commit, ErrorKind, GitSpec, Reference};
use belay_tree::{File, Tree};
use futures::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::Instant;

use super::charts::{self, Asked, Charts};
use super::config::Config;
use super::integrity::{Required, required};
use super::patience::Unfetched;
use super::refresh::Level;
use super::world::{Name, World};
use crate::manifests::SourceFiles;
use crate::repositories::Repository;
use crate::spec::Source;

/// How long fetching may take.
const TIMEOUT: Duration = Duration::from_secs(90);
/// Repositories that are looked at at once.
const LOOKS: usize = 16;

/// A source with its files.
pub(crate) struct Fetched {
    /// As the Application names it.
    pub source: Source,
    /// The files.
    pub files: SourceFiles,
    /// The commit, of Git.
    #[expect(dead_code, reason = "revision metadata is served from it once the API is")]
    pub commit: Option<Arc<Commit>>,
}

/// Fetches sources, each at the revision of `revisions`; where that is empty, at what it names itself.
/// Listings of refs that are at most `max_age` old are believed. An error is the sentence about it.
pub(crate) async fn fetch(
    world: &World,
    sources: &[Source],
    revisions: &[String],
    project: &Project,
    max_age: Duration,
) -> Result<Vec<Fetched>, Unfetched> {
    let mut all = Vec::with_capacity(sources.len());
    for (i, source) in sources.iter().enumerate() {
        let revision = revisions.get(i).filter(|r| !r.is_empty()).unwrap_or(&source.target_revision);
        let key = Use::new(source, revision, project.name());
        let required = match source.is_chart() || source.is_oci() {
            true => None,
            false => required(project, &world.config().trust, &source.repo_url).map_err(Unfetched::Refused)?,
        };
        if let Some(why) = world.patience.known(&key).filter(|_| !max_age.is_zero()) {
            return Err(Unfetched::Failed(why));
        }
        let fetched = {
            let waits = world.patience.wait(&source.repo_url, world.settings.concurrent);
            let _waits = waits.ok_or(Unfetched::Busy)?;
            fetch_one(world, source, &key, required.as_ref(), max_age).await
        };
        match &fetched {
            Ok(_) => world.patience.note(&key, None),
            Err(Unfetched::Failed(why)) => world.patience.note(&key, Some(why)),
            Err(Unfetched::Refused(_) | Unfetched::Busy) => {}
        }
        all.push(fetched?);
    }
    Ok(all)
}

async fn fetch_one(
    world: &World,
    source: &Source,
    key: &Use,
    required: Option<&Required>,
    max_age: Duration,
) -> Result<Fetched, Unfetched> {
    let (revision, project, repo_url) = (&key.revision, &key.project, source.repo_url.clone());
    if source.is_chart() || source.is_oci() {
        let (config, repository) = repository_of(world, source, project);
        let asked = Asked { repository: &repository, trust: &config.trust, max_age };
        let found = world.charts.fetch(source, revision, &asked).await?;
        tell(world, key, &found.revision, None);
        let files = SourceFiles { tree: found.tree, revision: found.revision, repo_url };
        return Ok(Fetched { source: source.clone(), files, commit: None });
    }
    let spec = git_spec(&world.config(), &source.repo_url, project, revision)?;
    let spec = GitSpec { verify: required.map(Required::verification), ..spec };
    let fetched = world.repositories.fetch(&spec, max_age).await.map_err(|e| match e.kind() {
        ErrorKind::Verification => Unfetched::Refused(e.to_string()),
        _ => Unfetched::Failed(e.to_string()),
    })?;
    tell(world, key, &fetched.revision, Some(&fetched.tree));
    if let Some(required) = required {
        required.check(&fetched).map_err(Unfetched::Refused)?;
    }
    let revision = fetched.commit.as_ref().map_or_else(|| fetched.revision.clone(), |commit| commit.id.clone());
    let files = SourceFiles { tree: fetched.tree, revision, repo_url };
    Ok(Fetched { source: source.clone(), files, commit: fetched.commit })
}

/// How a revision of a repository is fetched.
pub(crate) fn git_spec(config: &Config, repo_url: &str, project: &str, revision: &str) -> Result<GitSpec, String> {
    let repository = config.repositories.get(repo_url, project);
    spec_of(config, &repository, repo_url, revision)
}

/// The same of a repository that may not be written down.
pub(crate) fn spec_of(
    config: &Config,
    repository: &Repository,
    repo_url: &str,
    revision: &str,
) -> Result<GitSpec, String> {
    let url = crate::repositories::remote_url(repo_url)?;
    let reference = if is_commit(revision) {
        Reference::Commit { id: revision.to_owned(), branch: None }
    } else {
        Reference::Revision(revision.to_owned())
    };
    Ok(GitSpec {
        reference,
        credentials: repository.git_credentials(&config.trust)?,
        proxy: repository.proxy()?,
        recurse_submodules: config.settings.parameters.git_submodules,
        timeout: TIMEOUT,
        ..GitSpec::branch(url, "")
    })
}

fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_hexdigit())
}

/// The files of values that sources name by URL, where the settings allow it.
pub(crate) async fn remote_values<'a>(
    charts: &Charts,
    config: &Config,
    sources: impl Iterator<Item = &'a Source>,
    max_age: Duration,
) -> Result<BTreeMap<String, File>, String> {
    let mut found = BTreeMap::new();
    for url in sources.filter_map(|source| source.helm.as_ref()).flat_map(|helm| &helm.value_files) {
        let allowed = &config.tools.values_file_schemes;
        let Some((scheme, _)) = url.split_once("://") else { continue };
        if allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(scheme)) {
            let file = charts.values(url, max_age).await;
            found.insert(url.clone(), file.map_err(|why| format!("values file {url}: {why}"))?);
        }
    }
    Ok(found)
}

/// The repository of a source, by the configuration of this moment.
fn repository_of(world: &World, source: &Source, project: &str) -> (Arc<Config>, Repository) {
    let config = world.config();
    let repository = config.repositories.get(&source.repo_url, project);
    (config, repository)
}

/// What a revision was found to be, and its files where they are known.
pub(crate) struct News {
    names: Vec<Name>,
    key: Use,
    tree: Option<Arc<dyn Tree>>,
}

/// Notes what a revision was found to be, and has those woken whom that concerns. There may be thousands of them,
/// and whoever found it has work to do: they are woken beside it.
fn tell(world: &World, key: &Use, is: &str, tree: Option<&Arc<dyn Tree>>) {
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
    let mut own = folders.iter().filter(|folder| folder.repo_url == key.repo_url).peekable();
    own.peek().is_some() && own.all(|folder| folder.is_same_in(tree))
}

/// What is looked at: a revision of a repository, with the credentials that a project has for it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(crate) struct Use {
    pub(super) repo_url: String,
    /// Empty for what is no chart.
    chart: String,
    revision: String,
    project: String,
}

impl Use {
    pub(super) fn new(source: &Source, revision: &str, project: &str) -> Use {
        Use {
            repo_url: source.repo_url.clone(),
            chart: source.chart.clone(),
            revision: revision.to_owned(),
            project: project.to_owned(),
        }
    }
    /// As much of a source as is needed to look at it.
    fn source(&self) -> Source {
        Source { repo_url: self.repo_url.clone(), chart: self.chart.clone(), ..Source::default() }
    }
}

/// Who uses which revision of which repository.
#[derive(Default)]
pub(crate) struct Polls(Mutex<Users>);

#[derive(Default)]
struct Users {
    /// By repository, revision and project: who uses it, and what it was last.
    of: HashMap<Use, (HashSet<Name>, Option<String>)>,
    by_name: HashMap<Name, Vec<Use>>,
}

impl Polls {
    /// Notes what an Application uses. What never becomes another nobody looks for.
    pub fn uses(&self, name: &Name, sources: &[Source], project: &str) {
        let is_fixed = |source: &Source| match source.is_chart() || source.is_oci() {
            true => charts::is_fixed(source, &source.target_revision),
            false => is_commit(&source.target_revision),
        };
        let wanted: Vec<Use> =
            sources.iter().filter(|s| !is_fixed(s)).map(|s| Use::new(s, &s.target_revision, project)).collect();
        let mut users = self.0.lock();
        if users.by_name.get(name) == Some(&wanted) {
            return;
        }
        users.remove(name);
        for key in &wanted {
            users.of.entry(key.clone()).or_default().0.insert(name.clone());
        }
        users.by_name.insert(name.clone(), wanted);
    }
    /// Forgets one that is gone.
    pub fn forget(&self, name: &Name) {
        self.0.lock().remove(name);
    }
    fn keys(&self) -> Vec<Use> {
        self.0.lock().of.keys().cloned().collect()
    }
    /// Whether a revision is another than it was.
    fn is_news(&self, key: &Use, revision: &str) -> bool {
        let known = self.0.lock().of.get(key).and_then(|(_, known)| known.clone());
        known.is_some_and(|known| known != revision)
    }
    /// Notes what a revision is now; gives whom that concerns.
    fn seen(&self, key: &Use, revision: String) -> Vec<Name> {
        let mut users = self.0.lock();
        let Some((names, known)) = users.of.get_mut(key) else { return Vec::new() };
        let is_new = known.as_ref().is_some_and(|known| *known != revision);
        *known = Some(revision);
        if is_new { names.iter().cloned().collect() } else { Vec::new() }
    }
}

impl Users {
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

/// Looks at every repository in use, again and again.
pub(crate) async fn poll(world: Arc<World>) {
    loop {
        let every = world.config().poll_every();
        if every.is_zero() {
            tokio::time::sleep(Duration::from_secs(60)).await;
            continue;
        }
        tokio::time::sleep(belay_cluster::jittered(every, 10)).await;
        look(&world).await;
    }
}

/// Looks once: several repositories at a time, so that one that does not answer holds up no other; of one
/// repository its refs are listed once for all revisions.
pub(crate) async fn look(world: &World) {
    let mut by_repository: HashMap<(String, String), Vec<Use>> = HashMap::new();
    for key in world.polls.keys() {
        by_repository.entry((key.repo_url.clone(), key.project.clone())).or_default().push(key);
    }
    stream::iter(by_repository.into_values())
        .for_each_concurrent(LOOKS, |keys| async move {
            let begun = Instant::now();
            for key in keys {
                look_at(world, &key, begun.elapsed()).await;
            }
        })
        .await;
}

/// Looks what a revision is; a listing that is at most `max_age` old is believed.
async fn look_at(world: &World, key: &Use, max_age: Duration) {
    let found = match key.chart.is_empty() && !key.source().is_oci() {
        true => match git_spec(&world.config(), &key.repo_url, &key.project, &key.revision) {
            Ok(spec) => world.repositories.resolve(&spec, max_age).await.map_err(|e| e.to_string()),
            Err(why) => Err(why),
        },
        false => {
            let source = key.source();
            let (config, repository) = repository_of(world, &source, &key.project);
            let asked = Asked { repository: &repository, trust: &config.trust, max_age };
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
            tracing::warn!(repository = key.repo_url, revision = key.revision, %error, "cannot be looked at");
        }
    }
}

/// The files of a revision that was just resolved, of Git. Without them nobody is put behind anybody.
async fn tree_of(world: &World, key: &Use) -> Option<Arc<dyn Tree>> {
    if !key.chart.is_empty() || key.source().is_oci() {
        return None;
    }
    let spec = git_spec(&world.config(), &key.repo_url, &key.project, &key.revision).ok()?;
    world.repositories.fetch(&spec, TIMEOUT).await.ok().map(|fetched| fetched.tree)
}
