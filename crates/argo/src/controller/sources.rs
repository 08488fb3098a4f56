//! Fetching what Applications name, at the revisions that they name. When it is looked at again is not said here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_source::{Commit, GitSpec, Reference, Repositories};
use belay_tree::File;

use super::charts::{Asked, Charts};
use super::config::Config;
use super::integrity::{Required, required, source_name};
use super::patience::Unfetched;
use super::polls::{Use, tell};
use super::world::World;
use crate::manifests::SourceFiles;
use crate::repositories::Repository;
use crate::spec::Source;

/// How long fetching may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(90);

/// A source with its files.
pub(crate) struct Fetched {
    /// As the Application names it.
    pub source: Source,
    /// The files.
    pub files: SourceFiles,
    /// The commit, of Git.
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
        if let Some(why) = world.patience.known(&key).filter(|_| !max_age.is_zero()) {
            return Err(Unfetched::Failed(why));
        }
        let fetched = {
            let waits = world.patience.wait(&source.repo_url, world.settings.concurrent);
            let _waits = waits.ok_or(Unfetched::Busy)?;
            fetch_one(world, source, &key, project, source_name(sources, i).as_deref(), max_age).await
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
    project: &Project,
    name: Option<&str>,
    max_age: Duration,
) -> Result<Fetched, Unfetched> {
    let (revision, repo_url) = (&key.revision, source.repo_url.clone());
    if source.is_chart() || source.is_oci() {
        let (config, repository) = repository_of(world, source, project.name());
        let asked = Asked::of(&config, &repository, max_age);
        let found = world.charts.fetch(source, revision, &asked).await?;
        tell(world, key, &found.revision, None);
        let files = SourceFiles { tree: found.tree, revision: found.revision, repo_url };
        return Ok(Fetched { source: source.clone(), files, commit: None });
    }
    let fetched = trusted(&world.repositories, &world.config(), project, source, revision, max_age).await?;
    tell(world, key, &fetched.of.revision, Some(&fetched.of.tree));
    fetched.check(name)?;
    let fetched = fetched.of;
    let commit = fetched.commit.clone();
    Ok(Fetched { source: source.clone(), files: source_files(fetched, source), commit })
}

/// What was fetched of Git, as files of a source.
pub(crate) fn source_files(fetched: belay_source::Fetched, source: &Source) -> SourceFiles {
    let revision = fetched.commit.as_ref().map_or_else(|| fetched.revision.clone(), |commit| commit.id.clone());
    SourceFiles { tree: fetched.tree, revision, repo_url: source.repo_url.clone() }
}

/// What was fetched of Git, and what its project requires of it.
pub(crate) struct Untrusted {
    pub of: belay_source::Fetched,
    required: Option<Required>,
}

impl Untrusted {
    /// Whether it is signed as it should be; `name` is which source it is, where there are several.
    pub fn check(&self, name: Option<&str>) -> Result<(), Unfetched> {
        self.required.as_ref().map_or(Ok(()), |required| required.check(&self.of, name)).map_err(Unfetched::Refused)
    }
}

/// Fetches a revision of a source of Git, with the signatures looked at that its project requires.
pub(crate) async fn trusted(
    repositories: &Repositories,
    config: &Config,
    project: &Project,
    source: &Source,
    revision: &str,
    max_age: Duration,
) -> Result<Untrusted, Unfetched> {
    let required = required(project, &config.trust, &source.repo_url).map_err(Unfetched::Refused)?;
    let spec = prefixed(git_spec(config, &source.repo_url, project.name(), revision)?, &source.tag_prefix);
    let failed = |e: belay_source::Error| Unfetched::Failed(e.to_string());
    let Some(required) = required else {
        let of = repositories.fetch(&spec, max_age).await.map_err(failed)?;
        return Ok(Untrusted { of, required: None });
    };
    let inspect = Some(required.inspection());
    // A commit that is known may be what a signed tag means: then the tag vouches for it, as when it was found.
    let named = &source.target_revision;
    if is_commit(revision) && !is_commit(named) {
        let spec = prefixed(git_spec(config, &source.repo_url, project.name(), named)?, &source.tag_prefix);
        let found = repositories.fetch(&GitSpec { inspect: inspect.clone(), ..spec }, Duration::MAX).await;
        let is_it = |found: &belay_source::Fetched| found.commit.as_ref().is_some_and(|commit| commit.id == revision);
        if let Some(of) = found.ok().filter(is_it) {
            return Ok(Untrusted { of, required: Some(required) });
        }
    }
    let of = repositories.fetch(&GitSpec { inspect, ..spec }, max_age).await.map_err(failed)?;
    Ok(Untrusted { of, required: Some(required) })
}

/// How a revision of a repository is fetched.
pub(crate) fn git_spec(config: &Config, repo_url: &str, project: &str, revision: &str) -> Result<GitSpec, String> {
    let repository = config.repositories.get(repo_url, project);
    spec_of(config, &repository, repo_url, revision)
}

/// The same among tags that begin so (`tagPrefix`).
pub(super) fn prefixed(spec: GitSpec, prefix: &str) -> GitSpec {
    match spec.reference {
        Reference::Revision(revision) if !prefix.is_empty() => {
            GitSpec { reference: Reference::Prefixed { prefix: prefix.to_owned(), revision }, ..spec }
        }
        _ => spec,
    }
}

/// The same of a repository that may not be written down.
pub(crate) fn spec_of(
    config: &Config,
    repository: &Repository,
    repo_url: &str,
    revision: &str,
) -> Result<GitSpec, String> {
    let url = crate::repositories::remote_url(repo_url)?;
    let listing = config.settings.parameters.git_timeout.to_std();
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
        // Compat(argo-cd 3.5): what is fetched is not bound by it.
        listing_timeout: (!listing.is_zero()).then_some(listing),
        ..GitSpec::branch(url, "")
    })
}

pub(super) fn is_commit(revision: &str) -> bool {
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
pub(super) fn repository_of(world: &World, source: &Source, project: &str) -> (Arc<Config>, Repository) {
    let config = world.config();
    let repository = config.repositories.get(&source.repo_url, project);
    (config, repository)
}
