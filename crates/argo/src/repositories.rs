//! Repositories and their credentials, read from the installation's secrets.
//!
//! [`Repositories::read`] takes the secrets; [`Repositories::get`] gives the repository of an
//! address for a project, with the credentials of its own or of the template whose address is the
//! longest beginning of it; a [`Repository`] hands them over in the form that each kind of source
//! takes. [`Trust`] is what is believed of hosts; [`hosts`] and [`keys`] are its entries as people see and
//! change them. Nothing is fetched here.

mod access;
pub mod hosts;
pub mod keys;
mod read;
mod trust;
mod write;

use belay_access::normalize_git_url;
use belay_net::Secret;
use belay_object::Object;

use crate::names::{SECRET_TYPE, secret_type};

pub use access::{HttpAccess, remote_url};
pub use trust::Trust;

/// What kind of repository one is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Git.
    #[default]
    Git,
    /// Helm charts over HTTP, or in a registry with `enableOCI`.
    Helm,
    /// OCI artifacts.
    Oci,
}

impl Kind {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Git => "git",
            Kind::Helm => "helm",
            Kind::Oci => "oci",
        }
    }
}

/// A repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// Its secret; empty where there is none.
    pub secret_name: String,
    /// Its address, as it is written.
    pub url: String,
    /// What people call it.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// The project whose own it is; empty for all.
    pub project: String,
    /// Who we are to it.
    pub credentials: Credentials,
    /// Whether the credentials are a template's.
    pub inherited: bool,
    /// Whether large files are fetched.
    pub enable_lfs: bool,
    /// The server's certificate is not checked.
    pub insecure: bool,
    /// The host's key is not checked.
    pub insecure_host_key: bool,
    /// Plain HTTP to a registry.
    pub insecure_oci_http: bool,
    /// Whether charts are in a registry.
    pub enable_oci: bool,
    /// Send user and password before they are asked for.
    pub force_basic_auth: bool,
    /// How much of the history is fetched; 0 is all.
    pub depth: i64,
    /// Through which to go.
    pub proxy: String,
    /// What is reached directly.
    pub no_proxy: String,
    /// Whether webhooks leave its manifests as they are until they are asked for.
    pub webhook_warm_disabled: bool,
}

/// An address without the password in it (SEC-5); the user stays, being part of SSH addresses.
pub fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some((info, host)) = rest[..end].rsplit_once('@') else { return url.to_owned() };
    let user = info.split(':').next().unwrap_or_default();
    // Over HTTP a user alone may be a token.
    let kept = if scheme.starts_with("http") || user.is_empty() { String::new() } else { format!("{user}@") };
    format!("{scheme}://{kept}{host}{}", &rest[end..])
}

/// Who we are to a repository. Empty fields are not given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Its password or token.
    pub password: Secret<String>,
    /// A bearer token.
    pub bearer: Secret<String>,
    /// Private key for SSH.
    pub ssh_key: Secret<String>,
    /// Client certificate, PEM.
    pub tls_certificate: String,
    /// Its key, PEM.
    pub tls_key: Secret<String>,
    /// An app of GitHub.
    pub github_app: Option<GithubApp>,
    /// A service account's key of Google's cloud.
    pub gcp_key: Secret<String>,
    /// Azure's workload identity.
    pub azure_workload: bool,
    /// A service principal of Azure.
    pub azure_principal: Option<AzurePrincipal>,
}

/// An app of GitHub.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GithubApp {
    /// Its id.
    pub id: i64,
    /// Its installation; 0 is found by asking.
    pub installation: i64,
    /// Its private key, PEM.
    pub key: Secret<String>,
    /// The API of an enterprise server; empty for github.com.
    pub base_url: String,
}

/// A service principal of Azure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AzurePrincipal {
    /// Client id.
    pub client: String,
    /// Client secret.
    pub secret: Secret<String>,
    /// Tenant id.
    pub tenant: String,
    /// Where it signs in; empty for the public cloud.
    pub endpoint: String,
}

/// Credentials for repositories whose address begins with another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template {
    /// Its secret.
    pub secret_name: String,
    /// With what addresses begin, as it is written.
    pub url: String,
    /// Of which kind they are, where it is said.
    pub kind: Option<Kind>,
    /// Who we are.
    pub credentials: Credentials,
    /// Whether charts are in a registry.
    pub enable_oci: bool,
    /// Plain HTTP to a registry.
    pub insecure_oci_http: bool,
    /// Send user and password before they are asked for.
    pub force_basic_auth: bool,
    /// Through which to go.
    pub proxy: String,
    /// What is reached directly.
    pub no_proxy: String,
}

/// The repositories of an installation.
#[derive(Clone, Debug, Default)]
pub struct Repositories {
    repositories: Vec<Repository>,
    templates: Vec<Template>,
}

impl Repositories {
    /// Reads the secrets that describe repositories and templates to read from; others are passed
    /// over. One that cannot be read is a sentence, and is left out.
    pub fn read<'a>(secrets: impl IntoIterator<Item = &'a Object>) -> (Repositories, Vec<String>) {
        Repositories::of_types(secrets, secret_type::REPOSITORY, secret_type::REPO_CREDS)
    }

    /// The same of those to write to.
    pub fn read_writable<'a>(secrets: impl IntoIterator<Item = &'a Object>) -> (Repositories, Vec<String>) {
        Repositories::of_types(secrets, secret_type::REPOSITORY_WRITE, secret_type::REPO_WRITE_CREDS)
    }

    fn of_types<'a>(
        secrets: impl IntoIterator<Item = &'a Object>,
        repository: &str,
        template: &str,
    ) -> (Repositories, Vec<String>) {
        let (mut all, mut warnings) = (Repositories::default(), Vec::new());
        for secret in secrets {
            let read = match secret.label(SECRET_TYPE) {
                Some(label) if label == repository => read::repository(secret).map(|r| all.repositories.push(r)),
                Some(label) if label == template => read::template(secret).map(|t| all.templates.push(t)),
                _ => Ok(()),
            };
            if let Err(why) = read {
                warnings.push(format!("secret '{}/{}': {why}", secret.namespace(), secret.name()));
            }
        }
        // The order of the names, so that of two for one address it is always the same one.
        all.repositories.sort_by(|a, b| a.secret_name.cmp(&b.secret_name));
        all.templates.sort_by(|a, b| a.secret_name.cmp(&b.secret_name));
        (all, warnings)
    }

    /// The repositories as they are written, without what templates give.
    pub fn all(&self) -> &[Repository] {
        &self.repositories
    }

    /// The templates.
    pub fn templates(&self) -> &[Template] {
        &self.templates
    }

    /// The repository that was written down for an address: a project's own goes before that for
    /// all, and nobody gets another project's. An empty project is asked for that for all.
    pub fn find(&self, url: &str, project: &str) -> Option<&Repository> {
        let normal = normalize_git_url(url);
        // A registry may be named by its address and port alone, which Go does not take for a URL.
        let same = |other: &str| match normal.as_str() {
            "" => other.trim() == url.trim(),
            normal => normalize_git_url(other) == normal,
        };
        let of = |project: &str| self.repositories.iter().find(|r| r.project == project && same(&r.url));
        if url.trim().is_empty() { None } else { of(project).or_else(|| of("")) }
    }

    /// The repository of an address with its credentials; one that nobody wrote down is given as
    /// well, with those of a template where one fits.
    pub fn get(&self, url: &str, project: &str) -> Repository {
        let unknown = || Repository { url: url.to_owned(), kind: Kind::of(url), ..Repository::default() };
        self.with_template(self.find(url, project).cloned().unwrap_or_else(unknown))
    }

    /// A repository, written down or not, with the credentials of a template where it has none of its own.
    pub fn with_template(&self, mut repository: Repository) -> Repository {
        if !repository.credentials.is_some()
            && let Some(template) = self.template(&repository.url)
        {
            template.give(&mut repository);
        }
        repository
    }

    /// The template whose address is the longest beginning of another, up to the end of a part of
    /// its path: credentials for `team` are not for `team-evil` (NET-4).
    pub fn template(&self, url: &str) -> Option<&Template> {
        let url = normalize_git_url(url);
        let length = |template: &Template| {
            let front = normalize_git_url(&template.url);
            let rest = url.strip_prefix(&front)?;
            let ends = rest.is_empty() || rest.starts_with('/') || front.ends_with('/');
            (ends && !front.is_empty()).then_some(front.len())
        };
        let fitting = self.templates.iter().filter_map(|template| Some((length(template)?, template)));
        // Of equals the first counts.
        fitting.reduce(|best, next| if next.0 > best.0 { next } else { best }).map(|(_, template)| template)
    }

    /// The chart repository of a name, which dependencies of charts may use in place of an address.
    pub fn by_name(&self, name: &str, project: &str) -> Option<&Repository> {
        let of = |project: &str| self.repositories.iter().find(|r| r.name == name && r.project == project);
        if name.is_empty() { None } else { of(project).or_else(|| of("")) }
    }
}

impl Repository {
    /// Whether anything is left unchecked.
    pub fn is_insecure(&self) -> bool {
        self.insecure || self.insecure_host_key || self.insecure_oci_http
    }
}

impl Kind {
    /// What an address without more said of it is.
    fn of(url: &str) -> Kind {
        if url.starts_with("oci://") { Kind::Oci } else { Kind::Git }
    }
}

impl Credentials {
    /// Whether there are any.
    pub fn is_some(&self) -> bool {
        let texts = [&self.password, &self.bearer, &self.ssh_key];
        !self.username.is_empty()
            || texts.into_iter().any(|text| !text.expose().is_empty())
            || !self.tls_certificate.is_empty()
            || self.github_app.is_some()
            || self.azure_workload
            || self.azure_principal.is_some()
            || !self.gcp_key.expose().is_empty()
    }
}

impl Template {
    fn give(&self, repository: &mut Repository) {
        repository.credentials = self.credentials.clone();
        repository.inherited = true;
        repository.enable_oci |= self.enable_oci;
        repository.insecure_oci_http |= self.insecure_oci_http;
        repository.force_basic_auth |= self.force_basic_auth;
        for (own, given) in [(&mut repository.proxy, &self.proxy), (&mut repository.no_proxy, &self.no_proxy)] {
            if own.is_empty() {
                own.clone_from(given);
            }
        }
        if let (true, Some(kind)) = (repository.secret_name.is_empty(), self.kind) {
            repository.kind = kind;
        }
    }
}

#[cfg(test)]
mod tests;
