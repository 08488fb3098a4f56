//! A repository's credentials in the form that each kind of source takes.

use belay_net::{Bound, ClientIdentity, ClientOptions, Proxy, RemoteUrl, Scheme, Secret};
use belay_oci::Keychain;
use belay_source::SshCredentials;

use super::{Credentials, Repository, Trust};

/// How a repository over HTTP is reached.
#[derive(Clone, Debug)]
pub struct HttpAccess {
    /// Where it is.
    pub url: RemoteUrl,
    /// How connections are made.
    pub options: ClientOptions,
    /// Who we are, told to this host alone.
    pub user: Option<Bound<(String, Secret<String>)>>,
}

/// The address of a Git repository, `user@host:path` read as `ssh://user@host/path`. What stands
/// before an `@` in an HTTP address is no part of it. A folder of this machine is none: whoever may name
/// a repository would read what we can read.
pub fn remote_url(url: &str) -> Result<RemoteUrl, String> {
    let url = url.trim();
    let read = match url.contains("://") || !belay_access::is_ssh(url) {
        true => RemoteUrl::parse(url),
        false => RemoteUrl::parse(&format!("ssh://{}", url.replacen(':', "/", 1))),
    };
    let found = read.map_err(|e| e.to_string())?;
    match found.scheme() {
        Scheme::File => Err("a repository is reached over http, https or ssh, not in a folder".to_owned()),
        _ => Ok(found),
    }
}

/// The user that hosts take for a token alone. Compat(argo 3.5)
const TOKEN_USER: &str = "x-access-token";

impl Repository {
    /// For `belay_source`: a Git repository.
    pub fn git_credentials(&self, trust: &Trust) -> Result<belay_source::Credentials, String> {
        let url = remote_url(&self.url)?;
        self.served()?;
        let mut found = belay_source::Credentials::default();
        let own = &self.credentials;
        if url.scheme() == Scheme::Ssh {
            if own.ssh_key.expose().is_empty() {
                return Err(format!("repository {url} is reached over SSH and has no sshPrivateKey"));
            }
            found.ssh = Some(SshCredentials {
                identity: Secret::new(own.ssh_key.expose().clone().into_bytes()),
                passphrase: None,
                known_hosts: trust.known_hosts.clone(),
            });
            return Ok(found);
        }
        if !own.bearer.expose().is_empty() && own.password.expose().is_empty() {
            found.bearer = Some(own.bearer.clone());
        } else {
            found.basic = self.user(&url);
        }
        found.ca = trust.certificates_of(url.host()).map(|pem| pem.as_bytes().to_vec());
        found.tls = own.identity()?;
        Ok(found)
    }

    /// For charts over HTTP.
    pub fn http_access(&self, trust: &Trust, base: ClientOptions) -> Result<HttpAccess, String> {
        let url = RemoteUrl::parse(self.url.trim()).map_err(|e| e.to_string())?;
        if !matches!(url.scheme(), Scheme::Http | Scheme::Https) {
            return Err(format!("repository {url} is neither http nor https"));
        }
        self.served()?;
        let user = self.user(&url).map(|user| Bound::new(&url, user));
        let options = self.options(trust, url.host(), base)?;
        Ok(HttpAccess { url, options, user })
    }

    /// For `belay_oci`: credentials of the registry and how it is reached. Whether that is over
    /// plain HTTP says [`Repository::insecure_oci_http`].
    pub fn oci_access(&self, trust: &Trust, base: ClientOptions) -> Result<(Keychain, ClientOptions), String> {
        self.served()?;
        let name = self.url.trim().trim_start_matches("oci://");
        let registry = name.split('/').next().unwrap_or_default();
        if registry.is_empty() || registry.contains('@') {
            return Err("the address of a registry is oci://host[:port]/path".to_owned());
        }
        let own = &self.credentials;
        let keychain = match (own.username.is_empty(), own.password.expose().is_empty()) {
            (_, false) => {
                let basic = belay_oci::Credentials::Basic(own.username.clone(), own.password.clone());
                Keychain::single(registry, basic)
            }
            _ if !own.bearer.expose().is_empty() => {
                Keychain::single(registry, belay_oci::Credentials::Bearer(own.bearer.clone()))
            }
            _ => Keychain::anonymous(),
        };
        let host = registry.rsplit_once(':').map_or(registry, |(host, _)| host);
        Ok((keychain, self.options(trust, host, base)?))
    }

    /// The proxy of this repository, if it names one.
    pub fn proxy(&self) -> Result<Option<Proxy>, String> {
        if self.proxy.is_empty() {
            return Ok(None);
        }
        Proxy::from_variables(|name| match name {
            "HTTP_PROXY" | "HTTPS_PROXY" => Some(self.proxy.clone()),
            "NO_PROXY" => Some(self.no_proxy.clone()),
            _ => None,
        })
        .map_err(|e| e.to_string())
    }

    fn options(&self, trust: &Trust, host: &str, base: ClientOptions) -> Result<ClientOptions, String> {
        Ok(ClientOptions {
            extra_roots: trust.certificates_of(host).map(|pem| pem.as_bytes().to_vec()).or(base.extra_roots),
            identity: self.credentials.identity()?.or(base.identity),
            proxy: self.proxy()?.or(base.proxy),
            ..base
        })
    }

    /// User and password, of the secret or of the address itself.
    fn user(&self, url: &RemoteUrl) -> Option<(String, Secret<String>)> {
        let own = &self.credentials;
        if !own.password.expose().is_empty() {
            let user = if own.username.is_empty() { TOKEN_USER } else { &own.username };
            return Some((user.to_owned(), own.password.clone()));
        }
        if url.scheme() == Scheme::Ssh {
            return None;
        }
        let (_, info) = RemoteUrl::parse_with_userinfo(self.url.trim()).ok()?;
        info.and_then(|info| Some((info.user, info.password?)))
    }

    /// Logins that ask somebody else for a token are not there yet; without them a request would go
    /// out with no credential and fail in a way that tells nobody why.
    fn served(&self) -> Result<(), String> {
        let own = &self.credentials;
        let by_key = [&own.password, &own.bearer, &own.ssh_key].into_iter().any(|key| !key.expose().is_empty());
        let what = match own {
            _ if by_key => return Ok(()),
            Credentials { github_app: Some(_), .. } => "a GitHub app",
            Credentials { azure_workload: true, .. } => "Azure's workload identity",
            Credentials { azure_principal: Some(_), .. } => "a service principal of Azure",
            own if !own.gcp_key.expose().is_empty() => "a service account of Google's cloud",
            _ => return Ok(()),
        };
        Err(format!(
            "signing in as {what} is not served by this version: use username and password, bearerToken or sshPrivateKey"
        ))
    }
}

impl Credentials {
    fn identity(&self) -> Result<Option<ClientIdentity>, String> {
        match (self.tls_certificate.is_empty(), self.tls_key.expose().is_empty()) {
            (true, true) => Ok(None),
            (false, false) => Ok(Some(ClientIdentity {
                certificate: self.tls_certificate.clone().into_bytes(),
                key: Secret::new(self.tls_key.expose().clone().into_bytes()),
            })),
            (true, false) => Err("it has tlsClientCertKey but no tlsClientCertData".to_owned()),
            (false, true) => Err("it has tlsClientCertData but no tlsClientCertKey".to_owned()),
        }
    }
}
