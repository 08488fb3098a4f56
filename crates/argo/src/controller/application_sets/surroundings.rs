//! What generators look at: the clusters by their secrets, and files of repositories.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_object::Object;
use belay_source::Repositories;
use belay_tree::Tree;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use super::super::config::Config;
use super::super::patience::Unfetched;
use super::super::permission::with_globals;
use super::super::sources::{git_spec, trusted};
use super::super::world::World;
use crate::application_set::ApplicationSet;
use crate::application_set::generate::{self, Failure, Outcome};
use crate::application_set::generators::{ClusterParams, Surroundings, Wanted};
use crate::spec::Source;

/// Repositories that are fetched at once, for one ApplicationSet.
const FETCHES: usize = 8;
/// The most repositories of one ApplicationSet.
const MAX_REPOSITORIES: usize = 1000;

/// How often files that turn out to be wanted are fetched: as deep as generators nest, and once more.
const ROUNDS: usize = 5;

/// All Applications that should be there. `project` gives the one that the template names, which counts for what is
/// fetched; listings of refs that are at most `max_age` old are believed.
pub(in crate::controller) async fn generate(
    set: &ApplicationSet,
    config: &Arc<Config>,
    repositories: &Repositories,
    project: impl Fn(&str) -> Result<Project, String>,
    max_age: Duration,
) -> Result<Vec<Object>, Failure> {
    let failed = |message: String| Failure { reason: generate::GENERATION_FAILED, message };
    let mut known = Arc::new(Known { config: config.clone(), files: HashMap::new() });
    for _ in 0..ROUNDS {
        let (of, with, now) = (set.clone(), known.clone(), Timestamp::now().as_nanosecond());
        let outcome = tokio::task::spawn_blocking(move || generate::applications(&of, &*with, now)).await;
        match outcome.map_err(|_| failed("generating parameters came to a panic".to_owned()))? {
            Outcome::Applications(all) => return Ok(all),
            Outcome::Failed(failure) => return Err(failure),
            Outcome::Wants(wanted) => {
                // Compat(argo-cd 3.5): where parameters name the project, credentials of projects are nobody's.
                let project = set.spec.project().map(&project).transpose().map_err(failed)?;
                let own = Arc::get_mut(&mut known).ok_or_else(|| failed("generating has not ended".to_owned()))?;
                own.fetch(repositories, project.as_ref(), wanted, max_age).await.map_err(failed)?;
            }
        }
    }
    Err(failed("the generators want ever more repositories".to_owned()))
}

/// What came of fetching files.
type Fetched = (Wanted, Result<Arc<dyn Tree>, String>);

/// What is known for one turn.
struct Known {
    config: Arc<Config>,
    files: HashMap<Wanted, Arc<dyn Tree>>,
}

impl Known {
    /// Fetches what is wanted. An error is the sentence about the first of them that cannot be had: what is in part
    /// known is not known.
    async fn fetch(
        &mut self,
        repositories: &Repositories,
        project: Option<&Project>,
        wanted: Vec<Wanted>,
        max_age: Duration,
    ) -> Result<(), String> {
        if self.files.len() + wanted.len() > MAX_REPOSITORIES {
            return Err(format!("the generators want more than {MAX_REPOSITORIES} revisions of repositories"));
        }
        let config = &self.config;
        let fetches = stream::iter(wanted.into_iter().map(|wanted| async move {
            let tree = fetch(repositories, config, project, &wanted, max_age).await;
            (wanted, tree)
        }));
        let mut found: Vec<Fetched> = fetches.buffer_unordered(FETCHES).collect().await;
        found.sort_by(|a, b| a.0.cmp(&b.0));
        for (wanted, tree) in found {
            let tree = tree.map_err(|why| format!("repository {} at {:?}: {why}", wanted.repo_url, wanted.revision))?;
            self.files.insert(wanted, tree);
        }
        Ok(())
    }
}

impl Surroundings for Known {
    fn clusters(&self) -> Result<Vec<ClusterParams>, String> {
        let described = self.config.clusters.described();
        let described = described.ok_or("a secret that describes a cluster cannot be read")?;
        Ok(described.iter().map(ClusterParams::of).collect())
    }
    fn files(&self, wanted: &Wanted) -> Option<Arc<dyn Tree>> {
        self.files.get(wanted).cloned()
    }
    fn has_new_globbing(&self) -> bool {
        self.config.settings.parameters.application_sets.new_globbing
    }
    fn shows_hidden_directories(&self) -> bool {
        self.config.settings.parameters.hidden_directories
    }
}

/// A project with what global projects add to it. The error says that it is not there, or cannot be read.
pub(super) fn find_project(world: &World, name: &str) -> Result<Project, String> {
    let find = |name: &str| world.projects.object(&world.settings.namespace, name);
    let object = find(name).ok_or_else(|| format!("project {name} does not exist"))?;
    let project = Project::read(&object).map_err(|error| format!("project {name}: {error}"))?;
    with_globals(&project, &world.config(), find)
}

async fn fetch(
    repositories: &Repositories,
    config: &Config,
    project: Option<&Project>,
    wanted: &Wanted,
    max_age: Duration,
) -> Result<Arc<dyn Tree>, String> {
    let Wanted { repo_url, revision } = wanted;
    let Some(project) = project else {
        let spec = git_spec(config, repo_url, "", revision)?;
        let fetched = repositories.fetch(&spec, max_age).await;
        return fetched.map(|fetched| fetched.tree).map_err(|error| error.to_string());
    };
    if !project.permits_source(repo_url) {
        return Err(format!("it is not permitted in project '{}'", project.name()));
    }
    let source = Source { repo_url: repo_url.clone(), target_revision: revision.clone(), ..Source::default() };
    let told = |unfetched: Unfetched| match unfetched {
        Unfetched::Refused(why) | Unfetched::Failed(why) => why,
        Unfetched::Busy => "too many wait for it".to_owned(),
    };
    let fetched = trusted(repositories, config, project, &source, revision, max_age).await.map_err(told)?;
    fetched.check(None).map_err(told)?;
    Ok(fetched.of.tree)
}
