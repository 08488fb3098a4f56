//! Credentials of repositories by the beginning of their address; and how repositories and credentials
//! stand in messages.
//!
//! *Invariant*: what leaves here names nothing that is secret (SEC-2): the functions that write messages
//! take the fields that may be seen, one by one.

pub(crate) use belay_argo::repositories::without_password;
use belay_argo::repositories::{AzurePrincipal, Credentials, GithubApp, Kind, Repositories, Repository, Template};
use belay_net::Secret;
use belay_object::Value;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, integer, is_true, text};
use crate::message::{self, Message};
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

fn known(call: &Call, side: Side) -> Vec<Template> {
    match side {
        Side::Read => call.at.config.repositories.templates().to_vec(),
        Side::Write => {
            Repositories::read_writable(call.at.secrets.iter().map(|secret| &**secret)).0.templates().to_vec()
        }
    }
}

/// The templates that the caller may see.
pub(crate) async fn list(call: Call, side: Side) -> Result<Answer, Error> {
    let mut all = known(&call, side);
    all.retain(|template| {
        (call.query("url").is_empty() || is_called(template, call.query("url")))
            && call.may(side.resource(), "get", &template.url)
    });
    all.sort_by(|a, b| a.url.cmp(&b.url));
    Ok(message::list(all.iter().map(shown_template).collect()).into())
}

/// Writes down a template. One that is there already and is the same is the answer.
pub(crate) async fn create(call: Call, side: Side) -> Result<Answer, Error> {
    let template = template(&call.message()?)?;
    call.require(side.resource(), "create", &template.url)?;
    let existing = known(&call, side).into_iter().find(|known| known.url == template.url);
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
    write(&call, side, &template).await?;
    Ok(shown_template(&template).into())
}

/// Changes a template.
pub(crate) async fn update(call: Call, side: Side) -> Result<Answer, Error> {
    let mut message = call.message()?;
    // Compat(argo 3.5): a part of the path is a field of the message.
    if text(&message, "url").is_empty() {
        message.set(&["url"], call.path("url"));
    }
    let mut template = template(&message)?;
    call.require(side.resource(), "update", call.path("url"))?;
    call.require(side.resource(), "update", &template.url)?;
    let existing = named(&call, side)?;
    if without_password(&existing.url) == template.url {
        // What was shown comes back: the address keeps what it does not show.
        template.url.clone_from(&existing.url);
    } else if existing.url != template.url {
        return Err(Error::invalid("the address in the path is not the one in the body"));
    }
    template.secret_name = existing.secret_name;
    write(&call, side, &template).await?;
    Ok(shown_template(&template).into())
}

/// Forgets a template.
pub(crate) async fn delete(call: Call, side: Side) -> Result<Answer, Error> {
    call.require(side.resource(), "delete", call.path("url"))?;
    remove(&call, &named(&call, side)?.secret_name).await?;
    Ok(Answer::empty())
}

/// The template of the path.
fn named(call: &Call, side: Side) -> Result<Template, Error> {
    let url = call.path("url");
    let found = known(call, side).into_iter().find(|known| is_called(known, url));
    found.ok_or_else(|| Error::not_found(format!("repository credentials \"{url}\" not found")))
}

/// A template is called by its address, as it is written or as it is shown.
fn is_called(template: &Template, url: &str) -> bool {
    template.url == url || without_password(&template.url) == url
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

/// A repository as a query says it that tries one; a body that is an object says the same, so that nothing
/// secret need stand in an address. Compat(argo 3.5): two fields are spelled in another way there.
pub(crate) fn asked_about(call: &Call) -> Result<Repository, Error> {
    let mut message = call.value()?;
    if message.as_object().is_none() {
        message = Value::object();
    }
    for (name, value) in &call.query {
        let field = match name.as_str() {
            "enableOci" => "enableOCI",
            "insecureOciForceHttp" => "insecureOCIForceHttp",
            other => other,
        };
        match FLAGS.contains(&field) {
            true => message.set(&[field], call.flag(name)?.unwrap_or(false)),
            false => message.set(&[field], value.as_str()),
        }
    }
    message.set(&["repo"], call.path("repo"));
    repository(&message)
}

/// What is true or false of a repository.
const FLAGS: [&str; 7] = [
    "insecure",
    "insecureIgnoreHostKey",
    "enableOCI",
    "insecureOCIForceHttp",
    "enableLfs",
    "forceHttpBasicAuth",
    "useAzureWorkloadIdentity",
];

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
pub(crate) fn shown_repository(repository: &Repository, inherits: bool) -> Message {
    let told = Message::new()
        .always("repo", without_password(&repository.url))
        .always("type", repository.kind.as_str())
        .text("name", &repository.name)
        .text("project", &repository.project)
        .text("proxy", &without_password(&repository.proxy))
        .text("noProxy", &repository.no_proxy)
        .flag("insecure", repository.insecure)
        .flag("insecureIgnoreHostKey", repository.insecure_host_key)
        .flag("insecureOCIForceHttp", repository.insecure_oci_http)
        .flag("enableLfs", repository.enable_lfs)
        .flag("enableOCI", repository.enable_oci)
        .flag("forceHttpBasicAuth", repository.force_basic_auth)
        .flag("useAzureWorkloadIdentity", repository.credentials.azure_workload)
        .flag("inheritedCreds", inherits)
        .flag("webhookManifestCacheWarmDisabled", repository.webhook_warm_disabled)
        .number("depth", repository.depth);
    with_app(told, repository.credentials.github_app.as_ref())
}

fn shown_template(template: &Template) -> Value {
    let told = Message::new()
        .always("url", without_password(&template.url))
        .text("type", template.kind.map_or("", Kind::as_str))
        .text("proxy", &without_password(&template.proxy))
        .text("noProxy", &template.no_proxy)
        .flag("enableOCI", template.enable_oci)
        .flag("insecureOCIForceHttp", template.insecure_oci_http)
        .flag("forceHttpBasicAuth", template.force_basic_auth)
        .flag("useAzureWorkloadIdentity", template.credentials.azure_workload);
    with_app(told, template.credentials.github_app.as_ref()).done()
}

fn with_app(told: Message, app: Option<&GithubApp>) -> Message {
    let Some(app) = app else { return told };
    told.number("githubAppID", app.id)
        .number("githubAppInstallationID", app.installation)
        .text("githubAppEnterpriseBaseUrl", &app.base_url)
}
