//! Applications that are hydrated together: from one dry revision into one branch, in one commit, or not at all.

use std::collections::BTreeMap;

use belay_access::normalize_git_url;
use belay_access::project::Project;
use belay_tree::TreePath;

use crate::repositories::without_password;
use crate::spec::{Source, SourceHydrator};

/// What Applications of one group have in common.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupKey {
    /// The repository that is rendered, normalized.
    pub dry_repo: String,
    /// Its revision, as it is named.
    pub dry_revision: String,
    /// The repository that is written to, normalized.
    pub repo: String,
    /// Its branch.
    pub branch: String,
}

impl GroupKey {
    /// The group of a hydrator.
    pub fn of(hydrator: &SourceHydrator) -> GroupKey {
        let to = destination(hydrator);
        GroupKey {
            dry_repo: normalize_git_url(&hydrator.dry_source.repo_url),
            dry_revision: hydrator.dry_source.target_revision.clone(),
            repo: normalize_git_url(&to.repo_url),
            branch: to.target_revision,
        }
    }
}

/// Where a hydrator writes to: what is synced, unless another branch is named.
pub fn destination(hydrator: &SourceHydrator) -> Source {
    let mut to = hydrator.sync_source();
    if let Some(branch) = &hydrator.hydrate_to {
        to.target_revision.clone_from(&branch.target_branch);
    }
    to
}

/// The folder that a hydrator writes.
pub fn path(hydrator: &SourceHydrator) -> Result<TreePath, String> {
    let text = &hydrator.sync_source.path;
    TreePath::clean(text).map_err(|error| format!("path {text:?} cannot be hydrated to: {error}"))
}

/// An Application of a group.
pub struct Member<'a> {
    /// `namespace/name`
    pub name: String,
    /// What it asks for.
    pub hydrator: &'a SourceHydrator,
    /// Its project's name.
    pub project_name: &'a str,
    /// Its project, or why there is none for it.
    pub project: Result<&'a Project, String>,
}

/// What forbids that a group is hydrated, by the Application that it is about.
// Compat(argo-cd 3.5): the sentences.
pub fn refusals(members: &[Member<'_>]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut taken: BTreeMap<(String, TreePath), &Member<'_>> = BTreeMap::new();
    for member in members {
        let (dry, to) = (member.hydrator.dry_source(), destination(member.hydrator));
        let place = match refusal(member, &dry, &to) {
            Ok(place) => place,
            Err(why) => {
                found.insert(member.name.clone(), why);
                continue;
            }
        };
        let key = (normalize_git_url(&to.repo_url), place);
        if let Some(other) = taken.get(&key) {
            let told = |name: &str| {
                let url = without_password(&to.repo_url);
                format!("app {name} hydrator uses the same destination: repo={url}, path={}", to.path)
            };
            found.insert(member.name.clone(), told(&other.name));
            found.insert(other.name.clone(), told(&member.name));
            continue;
        }
        taken.insert(key, member);
    }
    found
}

/// What forbids one Application, or the folder that it is written to.
fn refusal(member: &Member<'_>, dry: &Source, to: &Source) -> Result<TreePath, String> {
    let project = match &member.project {
        Ok(project) => project,
        Err(why) => return Err(format!("failed to get project {:?}: {why}", member.project_name)),
    };
    if !project.permits_source(&dry.repo_url) {
        let url = without_password(&dry.repo_url);
        return Err(format!("application repo {url} is not permitted in project '{}'", project.name()));
    }
    let place = path(member.hydrator)?;
    if place.is_root() {
        return Err(format!(
            "app is configured to hydrate to the repository root (branch {:?}, path {:?}) which is not allowed",
            to.target_revision, to.path
        ));
    }
    if !project.permits_source(&to.repo_url) {
        let url = without_password(&to.repo_url);
        return Err(format!("destination repo {url} is not permitted in project '{}'", project.name()));
    }
    Ok(place)
}

/// What is told to those of a group of whom nothing is wrong.
// Compat(argo-cd 3.5)
pub fn generic(errors: &BTreeMap<String, String>) -> String {
    let first = errors.keys().next().map_or("", String::as_str);
    let rest = match errors.len() {
        0 | 1 => "has an error".to_owned(),
        several => format!("and {} more have errors", several - 1),
    };
    format!("cannot hydrate because application {first} {rest}")
}
