//! Kubeconfigs: a user's own with kubectl's flags over it, and a tenant's that is trusted with nothing.

use std::path::PathBuf;
use std::time::Duration;

use belay_net::{Egress, Secret};
use kube::config::{
    AuthInfo, Cluster as ClusterEntry, Config, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster,
    NamedContext,
};

use crate::{Error, ErrorKind, Identity, Result};

/// kubectl's connection flags. Empty means not given.
#[derive(Clone, Debug, Default)]
pub struct KubeconfigFlags {
    /// `--kubeconfig`
    pub kubeconfig: Option<PathBuf>,
    /// `--context`
    pub context: String,
    /// `--cluster`
    pub cluster: String,
    /// `--user`
    pub user: String,
    /// `-n`, `--namespace`
    pub namespace: String,
    /// `--server`
    pub server: String,
    /// `--token`
    pub token: Secret<String>,
    /// `--as`
    pub as_user: String,
    /// `--as-group`
    pub as_groups: Vec<String>,
    /// `--as-uid`
    pub as_uid: String,
    /// `--certificate-authority`
    pub certificate_authority: Option<PathBuf>,
    /// `--client-certificate`
    pub client_certificate: Option<PathBuf>,
    /// `--client-key`
    pub client_key: Option<PathBuf>,
    /// `--tls-server-name`
    pub tls_server_name: String,
    /// `--insecure-skip-tls-verify`
    pub insecure_skip_tls_verify: bool,
    /// `--request-timeout`
    pub request_timeout: Option<Duration>,
}

/// What a kubeconfig that stands in a Secret may do.
#[derive(Clone, Debug, Default)]
pub struct SecretKubeconfig {
    /// Run credential plugins in our process's place (`--insecure-kubeconfig-exec`).
    pub exec: bool,
    /// Skip the check of the server's certificate (`--insecure-kubeconfig-tls`).
    pub insecure_tls: bool,
    /// Which addresses may be connected to.
    pub egress: Egress,
}

/// The names under which flags alone make an entry, where there is no kubeconfig.
const FLAGS_ENTRY: &str = "flags";

/// Reads what the flags and the environment name and lays the flags over it.
pub(super) async fn load(flags: &KubeconfigFlags) -> Result<Config> {
    let mut kubeconfig = match read(flags)? {
        Some(kubeconfig) => kubeconfig,
        None if !flags.server.is_empty() => Kubeconfig::default(),
        None => {
            let config = Config::incluster().map_err(|_| {
                Error::new(ErrorKind::Config, "no kubeconfig was found, and this is no pod")
                    .hint("give --kubeconfig, set KUBECONFIG, or write ~/.kube/config")
            })?;
            return Ok(over_in_cluster(config, flags));
        }
    };
    let options = lay_over(&mut kubeconfig, flags)?;
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(refused)?;
    if !flags.namespace.is_empty() {
        config.default_namespace.clone_from(&flags.namespace);
    }
    let target = config.cluster_url.clone();
    config.proxy_url = config.proxy_url.filter(|_| !no_proxy(&target, &environment("NO_PROXY")));
    Ok(config)
}

fn over_in_cluster(mut config: Config, flags: &KubeconfigFlags) -> Config {
    if !flags.namespace.is_empty() {
        config.default_namespace.clone_from(&flags.namespace);
    }
    lay_over_user(&mut config.auth_info, flags);
    config
}

fn read(flags: &KubeconfigFlags) -> Result<Option<Kubeconfig>> {
    if let Some(path) = &flags.kubeconfig {
        return Kubeconfig::read_from(path).map(Some).map_err(refused);
    }
    if let Some(merged) = Kubeconfig::from_env().map_err(refused)? {
        return Ok(Some(merged));
    }
    let Some(home) = std::env::home_dir() else { return Ok(None) };
    let path = home.join(".kube/config");
    if !path.exists() {
        return Ok(None);
    }
    Kubeconfig::read_from(path).map(Some).map_err(refused)
}

/// Lays flags over a kubeconfig and says which of its entries to take.
fn lay_over(kubeconfig: &mut Kubeconfig, flags: &KubeconfigFlags) -> Result<KubeConfigOptions> {
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let context_name = given(&flags.context).or_else(|| kubeconfig.current_context.clone().filter(|c| !c.is_empty()));
    let context = context_name
        .as_deref()
        .and_then(|name| kubeconfig.contexts.iter().find(|c| c.name == name).and_then(|c| c.context.clone()));
    if context.is_none() && (!flags.context.is_empty() || flags.server.is_empty()) {
        return Err(match context_name {
            Some(name) => {
                let known: Vec<&str> = kubeconfig.contexts.iter().map(|c| c.name.as_str()).collect();
                let error = Error::new(ErrorKind::Config, format!("context {name:?} does not exist"));
                if known.is_empty() { error } else { error.hint(format!("there are: {}", known.join(", "))) }
            }
            None => Error::new(ErrorKind::Config, "no context is current in the kubeconfig")
                .hint("give --context, or run kubectl config use-context"),
        });
    }
    let cluster_name = given(&flags.cluster).or_else(|| context.as_ref().map(|c| c.cluster.clone()));
    let user_name = given(&flags.user).or_else(|| context.as_ref().and_then(|c| c.user.clone()));

    let cluster = cluster_name.as_deref().and_then(|n| kubeconfig.clusters.iter().find(|c| c.name == n));
    if cluster.is_none() && flags.server.is_empty() {
        let name = cluster_name.unwrap_or_default();
        return Err(Error::new(ErrorKind::Config, format!("cluster {name:?} does not exist in the kubeconfig")));
    }
    let mut cluster: ClusterEntry = cluster.and_then(|c| c.cluster.clone()).unwrap_or_default();
    lay_over_cluster(&mut cluster, flags);
    let user = user_name.as_deref().and_then(|n| kubeconfig.auth_infos.iter().find(|u| u.name == n));
    let mut user: AuthInfo = user.and_then(|u| u.auth_info.clone()).unwrap_or_default();
    lay_over_user(&mut user, flags);

    let entry = FLAGS_ENTRY.to_owned();
    let namespace = context.and_then(|c| c.namespace);
    let context = Context { cluster: entry.clone(), user: Some(entry.clone()), namespace, ..Context::default() };
    *kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster { name: entry.clone(), cluster: Some(cluster), ..Default::default() }],
        auth_infos: vec![NamedAuthInfo { name: entry.clone(), auth_info: Some(user), ..Default::default() }],
        contexts: vec![NamedContext { name: entry.clone(), context: Some(context), ..Default::default() }],
        current_context: Some(entry),
        ..Kubeconfig::default()
    };
    Ok(KubeConfigOptions::default())
}

fn path_text(path: &std::path::Path) -> String {
    path.to_string_lossy().into_owned()
}

fn lay_over_cluster(cluster: &mut ClusterEntry, flags: &KubeconfigFlags) {
    if !flags.server.is_empty() {
        cluster.server = Some(flags.server.clone());
    }
    if let Some(path) = &flags.certificate_authority {
        cluster.certificate_authority = Some(path_text(path));
        cluster.certificate_authority_data = None;
    }
    if !flags.tls_server_name.is_empty() {
        cluster.tls_server_name = Some(flags.tls_server_name.clone());
    }
    if flags.insecure_skip_tls_verify {
        cluster.insecure_skip_tls_verify = Some(true);
        (cluster.certificate_authority, cluster.certificate_authority_data) = (None, None);
    }
}

fn lay_over_user(user: &mut AuthInfo, flags: &KubeconfigFlags) {
    if !flags.token.expose().is_empty() {
        // A token takes the place of whatever else would make the credential, as with kubectl.
        let impersonation = (
            user.impersonate.take(),
            user.impersonate_uid.take(),
            user.impersonate_groups.take(),
            user.impersonate_user_extra.take(),
        );
        *user = AuthInfo { token: Some(flags.token.expose().clone().into()), ..AuthInfo::default() };
        (user.impersonate, user.impersonate_uid, user.impersonate_groups, user.impersonate_user_extra) = impersonation;
    }
    if let Some(path) = &flags.client_certificate {
        user.client_certificate = Some(path_text(path));
        user.client_certificate_data = None;
    }
    if let Some(path) = &flags.client_key {
        user.client_key = Some(path_text(path));
        user.client_key_data = None;
    }
    if !flags.as_user.is_empty() {
        user.impersonate = Some(flags.as_user.clone());
    }
    if !flags.as_groups.is_empty() {
        user.impersonate_groups = Some(flags.as_groups.clone());
    }
    if !flags.as_uid.is_empty() {
        user.impersonate_uid = Some(flags.as_uid.clone());
    }
}

/// Reads a tenant's kubeconfig.
///
/// Files are never read: a `tokenFile` would send our own service account's token to the tenant's
/// server. Plugins and `auth-provider`s are dropped unless allowed, and so is skipping the check of
/// the server's certificate: what is left then fails as a request without credential, or by TLS.
pub(crate) async fn load_untrusted(bytes: &[u8], allow: &SecretKubeconfig) -> Result<Config> {
    /// A kubeconfig with embedded certificates is a few KiB; a Secret holds 1 MiB.
    const MAX_BYTES: usize = 1 << 20;
    let wrong = |message: &str| Error::new(ErrorKind::Config, format!("the kubeconfig of the Secret {message}"));
    if bytes.len() > MAX_BYTES {
        return Err(wrong("is larger than 1 MiB"));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| wrong("is no UTF-8 text"))?;
    let mut kubeconfig = Kubeconfig::from_yaml(text).map_err(refused)?;
    for cluster in kubeconfig.clusters.iter_mut().filter_map(|c| c.cluster.as_mut()) {
        if cluster.certificate_authority.as_deref().is_some_and(|p| !p.is_empty()) {
            return Err(wrong("names a certificate authority's file").hint("use certificate-authority-data"));
        }
        if !allow.insecure_tls {
            cluster.insecure_skip_tls_verify = None;
        }
    }
    for user in kubeconfig.auth_infos.iter_mut().filter_map(|u| u.auth_info.as_mut()) {
        let files = [&user.token_file, &user.client_certificate, &user.client_key];
        if files.into_iter().flatten().any(|path| !path.is_empty()) {
            return Err(wrong("names a credential's file").hint("use token, client-certificate-data, client-key-data"));
        }
        if !allow.exec {
            (user.exec, user.auth_provider) = (None, None);
        }
    }
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.map_err(refused)
}

/// Takes the user to act as out of a credential: it is sent by our own headers, so that another
/// identity can take its place.
pub(super) fn take_identity(user: &mut AuthInfo) -> Result<Option<Identity>> {
    let name = user.impersonate.take();
    let groups = user.impersonate_groups.take().unwrap_or_default();
    let uid = user.impersonate_uid.take().unwrap_or_default();
    let extra = user.impersonate_user_extra.take().unwrap_or_default();
    let Some(name) = name.filter(|n| !n.is_empty()) else {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(None);
        }
        return Err(Error::new(ErrorKind::Config, "groups, uid or extra to impersonate without a user (--as)"));
    };
    let mut identity = Identity::user(&name)?.with_groups(groups).with_uid(&uid);
    let mut extra: Vec<_> = extra.into_iter().collect();
    extra.sort();
    for (name, values) in extra {
        for value in values {
            identity = identity.with_extra(&name, &value);
        }
    }
    Ok(Some(identity))
}

fn refused(error: kube::config::KubeconfigError) -> Error {
    use kube::config::KubeconfigError;
    let message = match error {
        KubeconfigError::ReadConfig(error, path) => {
            format!("the kubeconfig {} could not be read: {error}", path.display())
        }
        // The parser's own words may quote a line that holds a credential.
        KubeconfigError::Parse(error) => match error.location() {
            Some(at) => format!("the kubeconfig is wrong at line {}, column {}", at.line(), at.column()),
            None => "the kubeconfig could not be read as YAML".to_owned(),
        },
        other => format!("kubeconfig: {other}"),
    };
    Error::new(ErrorKind::Config, message)
}

fn environment(name: &str) -> String {
    std::env::var(name).or_else(|_| std::env::var(name.to_lowercase())).unwrap_or_default()
}

/// Whether `NO_PROXY` exempts a host: names match themselves and their subdomains, `*` everything;
/// addresses match themselves. Loopback is always exempt, as in Go.
pub(crate) fn no_proxy(target: &http::Uri, list: &str) -> bool {
    let host = target.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_lowercase();
    let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback()) || host == "localhost";
    loopback
        || list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
            let entry = entry.trim_start_matches('.').to_lowercase();
            entry == "*" || host == entry || host.strip_suffix(&entry).is_some_and(|front| front.ends_with('.'))
        })
}
