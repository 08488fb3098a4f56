//! Credentials of repositories by the beginning of their address; and how repositories and credentials
//! stand in messages.
//!
//! *Invariant*: what leaves here names nothing that is secret (SEC-2): the functions that write messages
//! take the fields that may be seen, one by one.

pub(crate) use belay_argo::repositories::without_password;
use belay_argo::repositories::{AzurePrincipal, Credentials, GithubApp, Kind, Repositories, Repository, Template};
use belay_net::Secret;
use belay_object::{Value, object};

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, integer, is_true, text};
use crate::services::repositories::{put, remove};

/// Repositories that are read, or written to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    Read,
    Write,
}

impl Side {
    /// As the policy names them.
    pub fn resource(self) -> &'static str {
        match self {
            Side::Read => "repositories",
            Side::Write => "write-repositories",
        }
    }
}

pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    listed(&call, Side::Read)
}
pub(crate) async fn list_writable(call: Call) -> Result<Answer, Error> {
    listed(&call, Side::Write)
}
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    created(&call, Side::Read).await
}
pub(crate) async fn create_writable(call: Call) -> Result<Answer, Error> {
    created(&call, Side::Write).await
}
pub(crate) async fn update(call: Call) -> Result<Answer, Error> {
    updated(&call, Side::Read).await
}
pub(crate) async fn update_writable(call: Call) -> Result<Answer, Error> {
    updated(&call, Side::Write).await
}
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    deleted(&call, Side::Read).await
}
pub(crate) async fn delete_writable(call: Call) -> Result<Answer, Error> {
    deleted(&call, Side::Write).await
}

fn known(call: &Call, side: Side) -> Vec<Template> {
    match side {
        Side::Read => call.at.config.repositories.templates().to_vec(),
        Side::Write => {
            Repositories::read_writable(call.at.secrets.iter().map(|secret| &**secret)).0.templates().to_vec()
        }
    }
}

fn listed(call: &Call, side: Side) -> Result<Answer, Error> {
    let mut all = known(call, side);
    all.retain(|template| {
        (call.query("url").is_empty() || call.query("url") == template.url)
            && call.may(side.resource(), "get", &template.url)
    });
    all.sort_by(|a, b| a.url.cmp(&b.url));
    let items: Value = all.iter().map(shown_template).collect();
    let items = if items.items().is_empty() { Value::Null } else { items };
    Ok(object! { "metadata" => object! {}, "items" => items }.into())
}

async fn created(call: &Call, side: Side) -> Result<Answer, Error> {
    let template = template(&call.message()?)?;
    call.require(side.resource(), "create", &template.url)?;
    let existing = known(call, side).into_iter().find(|known| known.url == template.url);
    let template = match existing {
        Some(existing) => {
            let comparable = Template { secret_name: existing.secret_name.clone(), ..template };
            if existing == comparable {
                return Ok(shown_template(&comparable).into());
            }
            if !call.flag("upsert")?.unwrap_or(false) {
                let words = "existing repository credentials spec is different; use upsert flag to force update";
                return Err(Error::invalid(words));
            }
            call.require(side.resource(), "update", &comparable.url)?;
            comparable
        }
        None => template,
    };
    write(call, side, &template).await?;
    Ok(shown_template(&template).into())
}

async fn updated(call: &Call, side: Side) -> Result<Answer, Error> {
    let mut template = template(&call.message()?)?;
    call.require(side.resource(), "update", call.path("url"))?;
    call.require(side.resource(), "update", &template.url)?;
    let existing = known(call, side).into_iter().find(|known| known.url == call.path("url"));
    template.secret_name = existing.ok_or_else(|| missing(call))?.secret_name;
    write(call, side, &template).await?;
    Ok(shown_template(&template).into())
}

async fn deleted(call: &Call, side: Side) -> Result<Answer, Error> {
    let url = call.path("url");
    call.require(side.resource(), "delete", url)?;
    let existing = known(call, side).into_iter().find(|known| known.url == url);
    remove(call, &existing.ok_or_else(|| missing(call))?.secret_name).await?;
    Ok(Answer::empty())
}

fn missing(call: &Call) -> Error {
    Error::not_found(format!("repository credentials \"{}\" not found", call.path("url")))
}

async fn write(call: &Call, side: Side, template: &Template) -> Result<(), Error> {
    let namespace = call.api.options.namespace.clone();
    put(call, &template.secret_name, |existing| match side {
        Side::Read => template.to_secret(&namespace, existing),
        Side::Write => template.to_write_secret(&namespace, existing),
    })
    .await
}

/// A repository as a message says it.
pub(crate) fn repository(message: &Value) -> Result<Repository, Error> {
    let url = text(message, "repo").trim().to_owned();
    if url.is_empty() {
        return Err(Error::invalid("repository URL is required"));
    }
    let own = |field: &str| text(message, field).to_owned();
    Ok(Repository {
        kind: kind(message)?.unwrap_or(if url.starts_with("oci://") { Kind::Oci } else { Kind::Git }),
        name: own("name"),
        project: own("project"),
        credentials: credentials(message),
        enable_lfs: is_true(message, "enableLfs"),
        insecure: is_true(message, "insecure"),
        insecure_host_key: is_true(message, "insecureIgnoreHostKey"),
        insecure_oci_http: is_true(message, "insecureOCIForceHttp"),
        enable_oci: is_true(message, "enableOCI"),
        force_basic_auth: is_true(message, "forceHttpBasicAuth"),
        depth: integer(message, "depth"),
        proxy: own("proxy"),
        no_proxy: own("noProxy"),
        webhook_warm_disabled: is_true(message, "webhookManifestCacheWarmDisabled"),
        url,
        ..Repository::default()
    })
}

fn template(message: &Value) -> Result<Template, Error> {
    let url = text(message, "url").trim().to_owned();
    if url.is_empty() {
        return Err(Error::invalid("must specify URL to update"));
    }
    Ok(Template {
        kind: kind(message)?,
        credentials: credentials(message),
        enable_oci: is_true(message, "enableOCI"),
        insecure_oci_http: is_true(message, "insecureOCIForceHttp"),
        force_basic_auth: is_true(message, "forceHttpBasicAuth"),
        proxy: text(message, "proxy").to_owned(),
        no_proxy: text(message, "noProxy").to_owned(),
        url,
        ..Template::default()
    })
}

fn kind(message: &Value) -> Result<Option<Kind>, Error> {
    match text(message, "type") {
        "" => Ok(None),
        "git" => Ok(Some(Kind::Git)),
        "helm" => Ok(Some(Kind::Helm)),
        "oci" => Ok(Some(Kind::Oci)),
        _ => Err(Error::invalid("the type of a repository is git, helm or oci")),
    }
}

fn credentials(message: &Value) -> Credentials {
    let own = |field: &str| text(message, field).to_owned();
    let secret = |field: &str| Secret::new(own(field));
    let app = GithubApp {
        id: integer(message, "githubAppID"),
        installation: integer(message, "githubAppInstallationID"),
        key: secret("githubAppPrivateKey"),
        base_url: own("githubAppEnterpriseBaseUrl"),
    };
    let principal = AzurePrincipal {
        client: own("azureServicePrincipalClientId"),
        secret: secret("azureServicePrincipalClientSecret"),
        tenant: own("azureServicePrincipalTenantId"),
        endpoint: own("azureActiveDirectoryEndpoint"),
    };
    Credentials {
        username: own("username"),
        password: secret("password"),
        bearer: secret("bearerToken"),
        ssh_key: secret("sshPrivateKey"),
        tls_certificate: own("tlsClientCertData"),
        tls_key: secret("tlsClientCertKey"),
        github_app: Some(app).filter(|app| !app.key.expose().is_empty()),
        gcp_key: secret("gcpServiceAccountKey"),
        azure_workload: is_true(message, "useAzureWorkloadIdentity"),
        azure_principal: Some(principal).filter(|p| !p.secret.expose().is_empty()),
    }
}

/// What may be seen of a repository.
pub(crate) fn shown_repository(repository: &Repository, inherits: bool) -> Value {
    let mut told = Told(object! { "repo" => without_password(&repository.url), "type" => repository.kind.as_str() });
    told.text("name", &repository.name);
    told.text("project", &repository.project);
    told.text("proxy", &without_password(&repository.proxy));
    told.text("noProxy", &repository.no_proxy);
    told.flag("insecure", repository.insecure);
    told.flag("insecureIgnoreHostKey", repository.insecure_host_key);
    told.flag("insecureOCIForceHttp", repository.insecure_oci_http);
    told.flag("enableLfs", repository.enable_lfs);
    told.flag("enableOCI", repository.enable_oci);
    told.flag("forceHttpBasicAuth", repository.force_basic_auth);
    told.flag("useAzureWorkloadIdentity", repository.credentials.azure_workload);
    told.flag("inheritedCreds", inherits);
    told.flag("webhookManifestCacheWarmDisabled", repository.webhook_warm_disabled);
    told.number("depth", repository.depth);
    told.app(repository.credentials.github_app.as_ref());
    told.0
}

fn shown_template(template: &Template) -> Value {
    let mut told = Told(object! { "url" => without_password(&template.url) });
    told.text("type", template.kind.map_or("", Kind::as_str));
    told.text("proxy", &without_password(&template.proxy));
    told.text("noProxy", &template.no_proxy);
    told.flag("enableOCI", template.enable_oci);
    told.flag("insecureOCIForceHttp", template.insecure_oci_http);
    told.flag("forceHttpBasicAuth", template.force_basic_auth);
    told.flag("useAzureWorkloadIdentity", template.credentials.azure_workload);
    told.app(template.credentials.github_app.as_ref());
    told.0
}

struct Told(Value);

impl Told {
    fn text(&mut self, field: &str, text: &str) {
        if !text.is_empty() {
            self.0.set(&[field], text);
        }
    }
    fn flag(&mut self, field: &str, flag: bool) {
        if flag {
            self.0.set(&[field], true);
        }
    }
    fn number(&mut self, field: &str, number: i64) {
        if number != 0 {
            self.0.set(&[field], number);
        }
    }
    fn app(&mut self, app: Option<&GithubApp>) {
        if let Some(app) = app {
            self.number("githubAppID", app.id);
            self.number("githubAppInstallationID", app.installation);
            self.text("githubAppEnterpriseBaseUrl", &app.base_url);
        }
    }
}
