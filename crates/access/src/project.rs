//! AppProject: what its applications may come from, where they may go and what they may be.
//!
//! A [`Project`] is read once from the object and answers many times. [`Project::validate`] is what
//! an API server of the dialect refuses; reading is lenient, as a project in a cluster may be older
//! than its rules: a pattern that cannot be read grants nothing.
//!
//! Who belongs to a role and what roles may do is the policy's; when a sync may run is the windows'.

mod kinds;
mod permit;
mod read;
mod tokens;
mod validate;

use belay_object::Map;

use crate::glob::{Glob, NameList};
use crate::policy::{MatchMode, ProjectPolicy};
use crate::windows::Window;

pub use kinds::KindRule;
pub use tokens::normalize_tokens;
pub use validate::check_policy;

/// An AppProject.
#[derive(Clone, Debug)]
pub struct Project {
    name: String,
    namespace: String,
    labels: Map,
    description: String,
    source_repos: Vec<SourceRepo>,
    destinations: Vec<Destination>,
    cluster_allowed: Vec<KindRule>,
    cluster_denied: Vec<KindRule>,
    /// `None` is everything, an empty list nothing.
    namespaced_allowed: Option<Vec<KindRule>>,
    namespaced_denied: Vec<KindRule>,
    roles: Vec<Role>,
    status_tokens: Vec<(String, Vec<Token>)>,
    windows: Vec<Window>,
    orphaned: Option<OrphanedResources>,
    signature_keys: Vec<String>,
    source_integrity: Option<SourceIntegrity>,
    source_namespace_texts: Vec<String>,
    source_namespaces: NameList,
    only_scoped_clusters: bool,
    service_accounts: Vec<ServiceAccountRule>,
    finalizers: Vec<String>,
}

/// One pattern of `sourceRepos`.
#[derive(Clone, Debug)]
struct SourceRepo {
    text: String,
    deny: bool,
    /// Of the normalized address; `None` matches nothing.
    glob: Option<Glob>,
}

/// One entry of `destinations`.
#[derive(Clone, Debug)]
pub struct Destination {
    /// Pattern of the API server's URL.
    pub server: String,
    /// Pattern of the cluster's name.
    pub name: String,
    /// Pattern of the namespace.
    pub namespace: String,
    globs: [Option<Glob>; 3],
}

/// A role of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// For people.
    pub description: String,
    /// `p` lines.
    pub policies: Vec<String>,
    /// Whose members have it.
    pub groups: Vec<String>,
    /// The tokens that were given out for it.
    pub tokens: Vec<Token>,
}

/// A token of a role, as it is remembered; not the token itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
    /// Its `jti`.
    pub id: String,
}

/// `orphanedResources`: its presence turns monitoring on.
#[derive(Clone, Debug)]
pub struct OrphanedResources {
    /// Whether an application gets a condition for them.
    pub warn: bool,
    ignore: Vec<OrphanedRule>,
}

#[derive(Clone, Debug)]
struct OrphanedRule {
    group: Option<Glob>,
    /// `None` fits every kind.
    kind: Option<Option<Glob>>,
    name: Option<Option<Glob>>,
}

/// Which commits are trusted, by repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceIntegrity {
    /// Policies of Git sources in order: the first that fits decides. `None` checks nothing.
    pub git: Option<Vec<IntegrityPolicy>>,
}

/// One policy of Git sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IntegrityPolicy {
    /// Patterns of the repositories' addresses.
    pub repos: Vec<String>,
    /// How much is checked.
    pub mode: IntegrityMode,
    /// Ids of the keys that are trusted.
    pub keys: Vec<String>,
}

/// How much of a history must be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IntegrityMode {
    /// Nothing.
    None,
    /// The commit (or the annotated tag) that is synced.
    Head,
    /// Every commit since the last trusted one.
    Strict,
}

/// One entry of `destinationServiceAccounts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccountRule {
    /// Pattern of the API server's URL.
    pub server: String,
    /// Pattern of the namespace.
    pub namespace: String,
    /// `name` or `namespace:name`.
    pub account: String,
}

impl Project {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Where it stands.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
    /// Its labels, by which global projects choose.
    pub fn labels(&self) -> &Map {
        &self.labels
    }
    /// `description`.
    pub fn description(&self) -> &str {
        &self.description
    }
    /// The patterns of `sourceRepos`.
    pub fn source_repos(&self) -> impl Iterator<Item = &str> {
        self.source_repos.iter().map(|repo| repo.text.as_str())
    }
    /// The entries of `destinations`.
    pub fn destinations(&self) -> &[Destination] {
        &self.destinations
    }
    /// The roles.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }
    /// One role. Compat(argo 3.5): the words.
    pub fn role(&self, name: &str) -> crate::Result<&Role> {
        self.roles.iter().find(|role| role.name == name).ok_or_else(|| {
            let text = format!("role '{name}' does not exist in project '{}'", self.name);
            crate::Error::new(crate::ErrorKind::NotFound, text)
        })
    }
    /// The sync windows, those of global projects after its own.
    pub fn windows(&self) -> &[Window] {
        &self.windows
    }
    /// Monitoring of orphaned resources; `None` is off.
    pub fn orphaned_resources(&self) -> Option<&OrphanedResources> {
        self.orphaned.as_ref()
    }
    /// `sourceNamespaces`.
    pub fn source_namespaces(&self) -> &[String] {
        &self.source_namespace_texts
    }
    /// Whether destinations must be clusters of this project alone.
    pub fn only_scoped_clusters(&self) -> bool {
        self.only_scoped_clusters
    }
    /// `destinationServiceAccounts`.
    pub fn service_accounts(&self) -> &[ServiceAccountRule] {
        &self.service_accounts
    }
    /// Whether it waits, when deleted, until no application refers to it.
    pub fn has_finalizer(&self) -> bool {
        self.finalizers.iter().any(|f| f == "resources-finalizer.argocd.argoproj.io")
    }
    /// What its roles may do, with the rules that every role has; the sentences tell what is not in
    /// force.
    pub fn policy(&self, mode: MatchMode) -> (ProjectPolicy, Vec<String>) {
        ProjectPolicy::compile(&self.name, &self.roles, mode)
    }

    /// The project with what global projects add to it. Roles and source namespaces stay its own.
    ///
    /// Compat(argo 3.5): a list of allowed namespaced kinds that is absent ("everything") becomes
    /// that of the global project, which is less.
    pub fn merge_globals<'a>(&self, globals: impl IntoIterator<Item = &'a Project>) -> Project {
        let mut merged = self.clone();
        for global in globals {
            merged.cluster_allowed.extend(global.cluster_allowed.iter().cloned());
            merged.cluster_denied.extend(global.cluster_denied.iter().cloned());
            match &global.namespaced_allowed {
                Some(rules) if !rules.is_empty() => {
                    merged.namespaced_allowed.get_or_insert_default().extend(rules.iter().cloned());
                }
                _ => {}
            }
            merged.namespaced_denied.extend(global.namespaced_denied.iter().cloned());
            merged.windows.extend(global.windows.iter().cloned());
            merged.source_repos.extend(global.source_repos.iter().cloned());
            merged.destinations.extend(global.destinations.iter().cloned());
            merged.service_accounts.extend(global.service_accounts.iter().cloned());
        }
        merged
    }

    /// Which commits are trusted: `sourceIntegrity`, or what the older `signatureKeys` mean where
    /// that says nothing of Git.
    pub fn effective_source_integrity(&self) -> Option<SourceIntegrity> {
        let stated = self.source_integrity.clone();
        if self.signature_keys.is_empty() || stated.as_ref().is_some_and(|s| s.git.is_some()) {
            return stated;
        }
        let legacy = IntegrityPolicy {
            repos: vec!["*".to_owned()],
            mode: IntegrityMode::Head,
            keys: self.signature_keys.clone(),
        };
        Some(SourceIntegrity { git: Some(vec![legacy]) })
    }
}

#[cfg(test)]
mod tests;
