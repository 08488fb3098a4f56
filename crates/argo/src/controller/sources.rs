//! Fetching what Applications name, and looking at it from time to time.
//!
//! One look a repository and reference, whoever uses it: a commit wakes those whose repository it is in.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use belay_source::{Commit, GitSpec, Reference};
use parking_lot::Mutex;

use super::config::Config;
use super::refresh::Level;
use super::world::{Name, World};
use crate::manifests::SourceFiles;
use crate::spec::Source;

/// How long fetching may take.
const TIMEOUT: Duration = Duration::from_secs(90);

/// A source with its files.
pub(crate) struct Fetched {
    /// As the Application names it.
    pub source: Source,
    /// The files.
    pub files: SourceFiles,
    /// The commit, of Git.
    #[expect(dead_code, reason = "revision metadata is served from it once the API is")]
    pub commit: Option<std::sync::Arc<Commit>>,
}

/// Fetches sources, each at the revision of `revisions`; where that is empty, at what it names itself.
/// Listings of refs that are at most `max_age` old are believed. An error is the sentence about it.
pub(crate) async fn fetch(
    world: &World,
    sources: &[Source],
    revisions: &[String],
    project: &str,
    max_age: Duration,
) -> Result<Vec<Fetched>, String> {
    let mut all = Vec::with_capacity(sources.len());
    for (i, source) in sources.iter().enumerate() {
        let revision = revisions.get(i).filter(|r| !r.is_empty()).unwrap_or(&source.target_revision);
        if source.is_chart() || source.is_oci() {
            let what = if source.is_chart() { "charts of Helm repositories" } else { "OCI artifacts" };
            return Err(format!(
                "source {}: {what} are not fetched by this version; name a chart in a Git repository by its path",
                source.repo_url
            ));
        }
        let spec = git_spec(&world.config(), &source.repo_url, project, revision)?;
        let fetched = world.repositories.fetch(&spec, max_age).await.map_err(|e| e.to_string())?;
        for other in world.polls.found(&source.repo_url, revision, project, &fetched.revision) {
            world.ask(&other, Level::Latest);
        }
        let revision = fetched.commit.as_ref().map_or_else(|| fetched.revision.clone(), |commit| commit.id.clone());
        all.push(Fetched {
            source: source.clone(),
            files: SourceFiles { tree: fetched.tree, revision, repo_url: source.repo_url.clone() },
            commit: fetched.commit,
        });
    }
    Ok(all)
}

/// How a revision of a repository is fetched.
pub(crate) fn git_spec(config: &Config, repo_url: &str, project: &str, revision: &str) -> Result<GitSpec, String> {
    let repository = config.repositories.get(repo_url, project);
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

/// A repository, a revision, and the project with whose credentials it is asked.
type Use = (String, String, String);

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
    /// Notes what an Application uses. A commit never becomes another: nobody looks for it.
    pub fn uses(&self, name: &Name, sources: &[Source], project: &str) {
        let wanted: Vec<Use> = sources
            .iter()
            .filter(|s| !s.is_chart() && !s.is_oci() && !is_commit(&s.target_revision))
            .map(|s| (s.repo_url.clone(), s.target_revision.clone(), project.to_owned()))
            .collect();
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
    /// Notes what a revision was found to be; gives whom it concerns that it is another than before.
    fn found(&self, repo: &str, revision: &str, project: &str, is: &str) -> Vec<Name> {
        self.seen(&(repo.to_owned(), revision.to_owned(), project.to_owned()), is.to_owned())
    }
    fn keys(&self) -> Vec<Use> {
        self.0.lock().of.keys().cloned().collect()
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
pub(crate) async fn poll(world: std::sync::Arc<World>) {
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

/// Looks once.
pub(crate) async fn look(world: &World) {
    for key in world.polls.keys() {
        let Ok(spec) = git_spec(&world.config(), &key.0, &key.2, &key.1) else { continue };
        match world.repositories.resolve(&spec, Duration::ZERO).await {
            Ok(revision) => {
                for name in world.polls.seen(&key, revision) {
                    world.ask(&name, Level::Latest);
                }
            }
            // Its Applications go on with the revision that they have.
            Err(error) => tracing::warn!(repository = key.0, revision = key.1, %error, "cannot be looked at"),
        }
    }
}
