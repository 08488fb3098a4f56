//! Names that users and other programs rely on: config maps, secrets, labels. Compat(argo 3.5)
//!
//! Names of single keys stand where they are read.

use std::sync::Arc;

use belay_cluster::Resource;

/// The settings.
pub const CONFIG: &str = "argocd-cm";
/// What is read at start: flags as keys.
pub const PARAMETERS: &str = "argocd-cmd-params-cm";
/// The role policy.
pub const RBAC: &str = "argocd-rbac-cm";
/// Accounts' passwords, keys and webhooks' secrets.
pub const SECRET: &str = "argocd-secret";
/// The first password of the admin.
pub const INITIAL_ADMIN_SECRET: &str = "argocd-initial-admin-secret";
/// Host keys.
pub const KNOWN_HOSTS: &str = "argocd-ssh-known-hosts-cm";
/// Certificate authorities by host.
pub const TLS_CERTIFICATES: &str = "argocd-tls-certs-cm";
/// Public keys of signers.
pub const GPG_KEYS: &str = "argocd-gpg-keys-cm";
/// What notifications are configured with.
pub const NOTIFICATIONS: &str = "argocd-notifications-cm";
/// A certificate of the server that goes before the one in [`SECRET`].
pub const SERVER_TLS: &str = "argocd-server-tls";
/// The admin's account.
pub const ADMIN: &str = "admin";

/// On config maps and secrets that belong to the installation.
pub const PART_OF: (&str, &str) = ("app.kubernetes.io/part-of", "argocd");
/// On secrets: what they are.
pub const SECRET_TYPE: &str = "argocd.argoproj.io/secret-type";
/// On secrets that were made through an API: they are deleted with what they describe.
pub const MANAGED_BY: (&str, &str) = ("managed-by", "argocd.argoproj.io");

/// Values of [`SECRET_TYPE`].
pub mod secret_type {
    /// A cluster.
    pub const CLUSTER: &str = "cluster";
    /// A repository.
    pub const REPOSITORY: &str = "repository";
    /// Credentials of repositories by prefix.
    pub const REPO_CREDS: &str = "repo-creds";
    /// A repository that is written to.
    pub const REPOSITORY_WRITE: &str = "repository-write";
    /// Credentials of such.
    pub const REPO_WRITE_CREDS: &str = "repo-write-creds";
}

/// The resource of Applications.
pub fn applications() -> Arc<Resource> {
    Resource::known("argoproj.io", "v1alpha1", "Application", "applications", true)
}

/// The resource of projects.
pub fn projects() -> Arc<Resource> {
    Resource::known("argoproj.io", "v1alpha1", "AppProject", "appprojects", true)
}

/// The resource of ApplicationSets.
pub fn application_sets() -> Arc<Resource> {
    Resource::known("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets", true)
}

/// On an Application: its objects go with it, dependents first. On an ApplicationSet: it goes when its Applications
/// are gone.
pub const RESOURCES_FINALIZER: &str = "resources-finalizer.argocd.argoproj.io";

/// The API server of the cluster that we run in.
pub const IN_CLUSTER_SERVER: &str = "https://kubernetes.default.svc";
/// Its name.
pub const IN_CLUSTER: &str = "in-cluster";

/// FNV-1a of 32 bits, which names of secrets that an API makes end with.
fn fnv32a(parts: &[&str]) -> u32 {
    let bytes = parts.iter().flat_map(|part| part.bytes());
    bytes.fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

/// The name of a secret of a repository; `prefix` is `repo`, `creds`, `repo-write` or `creds-write`.
pub fn repository_secret(prefix: &str, url: &str, project: &str) -> String {
    format!("{prefix}-{}", fnv32a(&[url, project]))
}

/// The name of a cluster's secret; `None` where the server is no URL.
pub fn cluster_secret(server: &str) -> Option<String> {
    let (_, rest) = server.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = match host.strip_prefix('[').and_then(|host| host.split_once(']')) {
        Some((address, _)) => address.parse::<std::net::Ipv6Addr>().ok()?.to_string().replace(':', "-"),
        None => host.split(':').next().unwrap_or_default().to_lowercase(),
    };
    Some(format!("cluster-{host}-{}", fnv32a(&[server])))
}
