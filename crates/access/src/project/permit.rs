//! What a project permits.

use super::{Destination, IntegrityPolicy, OrphanedResources, Project};
use crate::git_url::normalize_git_url;
use crate::glob::Glob;
use crate::{Error, Result};

impl Destination {
    pub(super) fn new(server: String, name: String, namespace: String) -> Destination {
        // Compat(argo 3.5): a pattern alone that is `*` is everything; no separator anywhere.
        let glob = |text: &str| Glob::new(text.strip_prefix('!').unwrap_or(text)).ok();
        let globs = [glob(&server), glob(&name), glob(&namespace)];
        Destination { server, name, namespace, globs }
    }

    /// Whether a field fits: one that begins with `!` does where the rest of it does not.
    fn fits(&self, field: usize, pattern: &str, text: &str) -> bool {
        let found = self.globs[field].as_ref().is_some_and(|glob| glob.matches(text));
        found != pattern.starts_with('!')
    }

    fn judge(&self, server: &str, name: &str, namespace: &str) -> Judgement {
        let by_name = !name.is_empty() && self.fits(1, &self.name, name);
        let by_server = !server.is_empty() && self.fits(0, &self.server, server);
        let by_namespace = self.fits(2, &self.namespace, namespace);
        let denies = [&self.server, &self.name, &self.namespace].map(|pattern| pattern.starts_with('!'));
        let [deny_server, deny_name, deny_namespace] = denies;
        if (by_server || by_name) && by_namespace {
            // A deny that does not fit is no permission: some entry must say yes.
            return if denies.contains(&true) { Judgement::Silent } else { Judgement::Allow };
        }
        // Compat(argo 3.5): a denied name counts in every namespace; a denied server where the
        // namespace fits; a denied namespace where the server does.
        let denied = (deny_name && !by_name)
            || (deny_server && !by_server && by_namespace)
            || (deny_namespace && !by_namespace && (by_server || by_name));
        if denied { Judgement::Deny } else { Judgement::Silent }
    }
}

enum Judgement {
    Allow,
    Deny,
    Silent,
}

impl Project {
    /// Whether an application may come from this repository: an entry allows it and none that
    /// begins with `!` names it, in whatever order they stand.
    pub fn permits_source(&self, url: &str) -> bool {
        let url = normalize_git_url(url);
        let fits = |repo: &super::SourceRepo| repo.glob.as_ref().is_some_and(|glob| glob.matches(&url));
        let (deny, allow): (Vec<_>, Vec<_>) = self.source_repos.iter().partition(|repo| repo.deny);
        allow.into_iter().any(fits) && !deny.into_iter().any(fits)
    }

    /// Whether an application may go to this cluster, by its API server's URL and its name (empty
    /// where unknown), and namespace. With [`Project::only_scoped_clusters`] the cluster must be
    /// one of this project besides.
    pub fn permits_destination(&self, server: &str, name: &str, namespace: &str) -> bool {
        let mut allowed = false;
        for entry in &self.destinations {
            match entry.judge(server, name, namespace) {
                Judgement::Deny => return false,
                Judgement::Allow => allowed = true,
                Judgement::Silent => {}
            }
        }
        allowed
    }

    /// Whether an application may hold objects of this kind and name. Without a list of allowed
    /// kinds everything namespaced may be there and nothing of the cluster.
    pub fn permits_kind(&self, group: &str, kind: &str, namespaced: bool, name: &str) -> bool {
        if namespaced {
            let allowed = self.namespaced_allowed.as_ref();
            return allowed.is_none_or(|rules| rules.iter().any(|rule| rule.fits_kind(group, kind)))
                && !self.namespaced_denied.iter().any(|rule| rule.fits_kind(group, kind));
        }
        self.cluster_allowed.iter().any(|rule| rule.fits(group, kind, name))
            && !self.cluster_denied.iter().any(|rule| rule.fits(group, kind, name))
    }

    /// Whether an Application in this namespace may belong to the project; those of the control
    /// plane's namespace always may.
    pub fn permits_namespace(&self, namespace: &str, control_plane: &str) -> bool {
        namespace.is_empty() || namespace == control_plane || self.source_namespaces.matches(namespace)
    }

    /// As whom an application is synced: `system:serviceaccount:<namespace>:<name>` of the first
    /// entry that fits; `None` where none does. Compat(argo 3.5): the words.
    pub fn service_account(
        &self,
        server: &str,
        destination_namespace: &str,
        application_namespace: &str,
    ) -> Result<Option<String>> {
        for rule in &self.service_accounts {
            let glob = |what: &str, text: &str| {
                Glob::new(text).map_err(|e| {
                    Error::invalid(format!("invalid glob pattern for destination {what}: {}", e.message()))
                })
            };
            let by_server = glob("server", &rule.server)?.matches(server);
            let by_namespace = glob("namespace", &rule.namespace)?.matches(destination_namespace);
            if !by_server || !by_namespace {
                continue;
            }
            if !super::validate::is_account(&rule.account) {
                let text = format!("default service account contains invalid chars '{}'", rule.account);
                return Err(Error::invalid(text));
            }
            let namespace = Some(destination_namespace).filter(|n| !n.is_empty()).unwrap_or(application_namespace);
            return Ok(Some(match rule.account.contains(':') {
                true => format!("system:serviceaccount:{}", rule.account),
                false => format!("system:serviceaccount:{namespace}:{}", rule.account),
            }));
        }
        Ok(None)
    }

    /// The policy that says which commits of this repository are trusted; `None` trusts all. Two
    /// that fit are an error, so that a slip of the pen turns no check off.
    ///
    /// Compat(argo 3.5): the address is taken as it was written, stars cross slashes, and of one
    /// policy's patterns the first that begins with `!` and fits takes the repository out of it.
    pub fn integrity_policy(&self, url: &str) -> Result<Option<IntegrityPolicy>> {
        let fits = |pattern: &str| Glob::new(pattern).is_ok_and(|glob| glob.matches(url));
        let covers = |policy: &IntegrityPolicy| {
            !policy.repos.iter().filter_map(|pattern| pattern.strip_prefix('!')).any(fits)
                && policy.repos.iter().filter(|pattern| !pattern.starts_with('!')).any(|pattern| fits(pattern))
        };
        let policies = self.effective_source_integrity().and_then(|integrity| integrity.git).unwrap_or_default();
        let mut found: Vec<_> = policies.into_iter().filter(covers).collect();
        if found.len() > 1 {
            let text = format!("multiple ({}) git source integrity policies found for repo URL: {url}", found.len());
            return Err(Error::invalid(text));
        }
        Ok(found.pop())
    }
}

impl OrphanedResources {
    /// Whether a resource that belongs to no application is left out of the count: some are
    /// Kubernetes' own, others the project names. That its kind is permitted is asked elsewhere.
    pub fn ignores(&self, group: &str, kind: &str, namespace: &str, name: &str) -> bool {
        let own = match (group, kind, name) {
            ("", "Service", "kubernetes") => namespace == "default",
            ("", "ServiceAccount", "default") | ("", "ConfigMap", "kube-root-ca.crt") => true,
            _ => false,
        };
        let fits = |glob: &Option<Glob>, text: &str| glob.as_ref().is_some_and(|glob| glob.matches(text));
        own || self.ignore.iter().any(|rule| {
            rule.kind.as_ref().is_none_or(|glob| fits(glob, kind))
                && fits(&rule.group, group)
                && rule.name.as_ref().is_none_or(|glob| fits(glob, name))
        })
    }
}
