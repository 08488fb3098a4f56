//! `belay repo` and `belay repocreds`: repositories and credentials, kept in secrets as Argo CD keeps them.

mod messages;

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use belay_access::{is_ssh, same_git_url};
use belay_argo::names::{SECRET_TYPE, repository_secret};
use belay_argo::repositories::{
    AzurePrincipal, Credentials, GithubApp, Kind, Repositories, Repository, Template, without_password,
};
use belay_cluster::{DeleteOptions, ErrorKind, ListOptions};
use belay_net::Secret;
use belay_object::{Object, Value, object};
use http::Method;

use crate::argocd::{Argocd, Columns, form_of, options, print_value};
use crate::args::{Global, RepoAddArgs, RepoArgs, RepoCommand, RepocredsArgs, RepocredsCommand};
use crate::outln;
use crate::output::clean;
use crate::plane::{Plane, items, path};

/// Carries out `belay repo`.
pub async fn repo(global: &Global, args: RepoArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    match args.command {
        RepoCommand::Add(args) => add(&plane, &args).await?,
        RepoCommand::List(args) => print(&all(&plane, args.refresh.as_deref()).await?, &args.output)?,
        RepoCommand::Get(args) => {
            let all = all(&plane, args.refresh.as_deref()).await?;
            let found = all.into_iter().find(|r| is_it(r, &args.url, &args.project));
            let found = found.with_context(|| format!("repo '{}' not found", args.url))?;
            match form_of(&args.output, &["wide", "url"])? {
                Some(form) => print_value(&found, form)?,
                None => print(&[found], &args.output)?,
            }
        }
        RepoCommand::Rm(args) => {
            for url in &args.urls {
                match &plane {
                    Plane::Cluster(argo) => {
                        let known = known(argo).await?;
                        let found = known.all().iter().find(|r| same_git_url(&r.url, url) && r.project == args.project);
                        let found = found.with_context(|| format!("repo '{url}' not found"))?;
                        remove(argo, &found.secret_name).await?;
                    }
                    Plane::Server(through) => {
                        let path = path(&["api", "v1", "repositories", url]);
                        through.server.delete(&path, &[("appProject", &args.project)]).await?;
                    }
                }
                outln!("Repository '{}' removed", clean(url));
            }
        }
    }
    Ok(0)
}

fn is_it(told: &Value, url: &str, project: &str) -> bool {
    let text = |field: &str| told.str_at(&[field]).unwrap_or_default();
    same_git_url(text("repo"), &without_password(url)) && text("project") == project
}

/// The repositories, as people see them.
async fn all(plane: &Plane, refresh: Option<&str>) -> Result<Vec<Value>> {
    if refresh.is_some_and(|word| word != "hard") {
        bail!("--refresh must be one of: 'hard'");
    }
    match plane {
        // Nothing is kept that could be old.
        Plane::Cluster(argo) => Ok(known(argo).await?.all().iter().map(told).collect()),
        Plane::Server(through) => {
            let query = [("forceRefresh", refresh.map_or("", |_| "true"))];
            Ok(items(&through.server.get("/api/v1/repositories", &query).await?).to_vec())
        }
    }
}

/// The templates, as people see them.
async fn templates(plane: &Plane) -> Result<Vec<Value>> {
    match plane {
        Plane::Cluster(argo) => Ok(known(argo).await?.templates().iter().map(told_template).collect()),
        Plane::Server(through) => Ok(items(&through.server.get("/api/v1/repocreds", &[]).await?).to_vec()),
    }
}

/// Carries out `belay repocreds`.
pub async fn repocreds(global: &Global, args: RepocredsArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    match args.command {
        RepocredsCommand::Add(args) => {
            let template = Template {
                url: args.url.clone(),
                kind: Some(kind(&args)?),
                credentials: credentials(&args)?,
                proxy: args.proxy.clone().unwrap_or_default(),
                no_proxy: args.no_proxy.clone().unwrap_or_default(),
                enable_oci: args.enable_oci,
                insecure_oci_http: args.insecure_oci_force_http,
                force_basic_auth: args.force_http_basic_auth,
                ..Template::default()
            };
            match &plane {
                Plane::Cluster(argo) => add_template(argo, template, args.upsert).await?,
                Plane::Server(through) => {
                    let query = [("upsert", if args.upsert { "true" } else { "" })];
                    let message = messages::template(&template);
                    through.server.send(Method::POST, "/api/v1/repocreds", &query, Some(message.expose())).await?;
                }
            }
            outln!("Repository credentials for '{}' added", clean(&without_password(&args.url)));
        }
        RepocredsCommand::List(args) => {
            let all = templates(&plane).await?;
            let form = form_of(&args.output, &["wide", "url"])?;
            let text = |t: &Value, field: &str| t.str_at(&[field]).unwrap_or_default().to_owned();
            match (form, args.output.as_str()) {
                (Some(form), _) => print_value(&all.into_iter().collect::<Value>(), form)?,
                (None, "url") => all.iter().for_each(|t| outln!("{}", clean(&text(t, "url")))),
                _ => {
                    let mut table = Columns::new(&["URL PATTERN", "USERNAME", "SSH_CREDS", "TLS_CREDS"]);
                    for t in &all {
                        let flag = |field: &str| yes(t.get(field).and_then(Value::as_bool).unwrap_or(false));
                        let user =
                            Some(text(t, "username")).filter(|u| !u.is_empty()).unwrap_or_else(|| "-".to_owned());
                        table.row([&text(t, "url"), &user, flag("sshCreds"), flag("tlsCreds")]);
                    }
                    table.print();
                }
            }
        }
        RepocredsCommand::Rm(args) => {
            for url in &args.urls {
                match &plane {
                    Plane::Cluster(argo) => {
                        let known = known(argo).await?;
                        let found = known.templates().iter().find(|t| same_git_url(&t.url, url));
                        let found = found.with_context(|| format!("repository credentials '{url}' not found"))?;
                        remove(argo, &found.secret_name).await?;
                    }
                    Plane::Server(through) => {
                        through.server.delete(&path(&["api", "v1", "repocreds", url]), &[]).await?;
                    }
                }
                outln!("Repository credentials for '{}' removed", clean(url));
            }
        }
    }
    Ok(0)
}

/// Writes a template; one of its address that somebody wrote by hand has a name of its own.
async fn add_template(argo: &Argocd, template: Template, upsert: bool) -> Result<()> {
    let there = known(argo).await?.templates().iter().find(|t| same_git_url(&t.url, &template.url)).cloned();
    let name = match there {
        Some(there) => there.secret_name,
        None => repository_secret("creds", &template.url, ""),
    };
    let existing = argo.cluster.find(&Argocd::secrets(), &argo.namespace, &name).await?;
    if existing.is_some() && !upsert {
        // Compat(argo 3.5): the words.
        bail!("existing repository credentials spec is different; use upsert flag to force update");
    }
    let template = Template { secret_name: name, ..template };
    write(argo, template.to_secret(&argo.namespace, existing.as_ref()), existing.is_some()).await
}

fn yes(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// What the secrets say.
async fn known(argo: &Argocd) -> Result<Repositories> {
    let options = ListOptions { labels: SECRET_TYPE.to_owned(), ..ListOptions::default() };
    let secrets = argo.cluster.list(&Argocd::secrets(), &argo.namespace, &options).await?.items;
    let (known, wrong) = Repositories::read(&secrets);
    wrong.iter().for_each(|why| crate::output::warning(why));
    Ok(known)
}

async fn add(plane: &Plane, args: &RepoAddArgs) -> Result<()> {
    let kind = kind(args)?;
    if kind == Kind::Helm && args.name.as_deref().unwrap_or_default().is_empty() {
        // Compat(argocd 3.5): the words.
        bail!("Must specify --name for repos of type 'helm'");
    }
    if args.ssh_private_key_path.is_some() && !is_ssh(&args.url) {
        bail!("--ssh-private-key-path is only supported for SSH repositories");
    }
    let repository = Repository {
        url: args.url.clone(),
        name: args.name.clone().unwrap_or_default(),
        kind,
        project: args.project.clone().unwrap_or_default(),
        credentials: credentials(args)?,
        enable_lfs: args.enable_lfs,
        insecure: args.insecure_skip_server_verification,
        insecure_host_key: args.insecure_ignore_host_key,
        insecure_oci_http: args.insecure_oci_force_http,
        enable_oci: args.enable_oci,
        force_basic_auth: args.force_http_basic_auth,
        depth: args.depth,
        proxy: args.proxy.clone().unwrap_or_default(),
        no_proxy: args.no_proxy.clone().unwrap_or_default(),
        webhook_warm_disabled: args.webhook_manifest_cache_warm_disabled,
        ..Repository::default()
    };
    match plane {
        Plane::Cluster(argo) => {
            let known = known(argo).await?;
            let there = known.all().iter().find(|r| same_git_url(&r.url, &args.url) && r.project == repository.project);
            let name = match there {
                Some(there) => there.secret_name.clone(),
                None => repository_secret("repo", &repository.url, &repository.project),
            };
            let existing = argo.cluster.find(&Argocd::secrets(), &argo.namespace, &name).await?;
            if existing.is_some() && !args.upsert {
                // Compat(argo 3.5): the words.
                bail!("existing repository spec is different; use upsert flag to force update");
            }
            let repository = Repository { secret_name: name, ..repository };
            write(argo, repository.to_secret(&argo.namespace, existing.as_ref()), existing.is_some()).await?;
        }
        Plane::Server(through) => {
            let query = [("upsert", if args.upsert { "true" } else { "" })];
            let message = messages::repository(&repository);
            through.server.send(Method::POST, "/api/v1/repositories", &query, Some(message.expose())).await?;
        }
    }
    outln!("Repository '{}' added", clean(&without_password(&args.url)));
    Ok(())
}

fn kind(args: &RepoAddArgs) -> Result<Kind> {
    Ok(match args.kind.as_str() {
        "" | "git" => Kind::Git,
        "helm" => Kind::Helm,
        "oci" => Kind::Oci,
        other => bail!("unknown type of repository {other:?}: it is git, helm or oci"),
    })
}

fn credentials(args: &RepoAddArgs) -> Result<Credentials> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let file = |path: &Option<PathBuf>| match path {
        None => Ok(String::new()),
        Some(path) => std::fs::read_to_string(path).with_context(|| format!("{} cannot be read", path.display())),
    };
    if args.tls_client_cert_path.is_some() != args.tls_client_cert_key_path.is_some() {
        // Compat(argocd 3.5): the words.
        bail!("--tls-client-cert-path and --tls-client-cert-key-path must be specified together");
    }
    let github_app = match (args.github_app_id, &args.github_app_private_key_path) {
        (None, None) => None,
        (Some(id), Some(_)) => Some(GithubApp {
            id,
            installation: args.github_app_installation_id.unwrap_or_default(),
            key: Secret::new(file(&args.github_app_private_key_path)?),
            base_url: text(&args.github_app_enterprise_base_url),
        }),
        _ => bail!("--github-app-id and --github-app-private-key-path must be specified together"),
    };
    let azure_principal = args.azure_service_principal_client_id.as_ref().map(|client| AzurePrincipal {
        client: client.clone(),
        secret: Secret::new(text(&args.azure_service_principal_client_secret)),
        tenant: text(&args.azure_service_principal_tenant_id),
        endpoint: text(&args.azure_active_directory_endpoint),
    });
    Ok(Credentials {
        username: text(&args.username),
        password: Secret::new(text(&args.password)),
        bearer: Secret::new(text(&args.bearer_token)),
        ssh_key: Secret::new(file(&args.ssh_private_key_path)?),
        tls_certificate: file(&args.tls_client_cert_path)?,
        tls_key: Secret::new(file(&args.tls_client_cert_key_path)?),
        github_app,
        gcp_key: Secret::new(file(&args.gcp_service_account_key_path)?),
        azure_workload: args.use_azure_workload_identity,
        azure_principal,
    })
}

/// Writes a secret: a new one, or all of one that is there.
pub async fn write(argo: &Argocd, secret: Object, is_there: bool) -> Result<()> {
    match is_there {
        true => drop(argo.cluster.replace(&Argocd::secrets(), &secret, &options()).await?),
        false => match argo.cluster.create(&Argocd::secrets(), &secret, &options()).await {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                bail!("secret {} exists: use the --upsert flag", secret.name())
            }
            other => drop(other?),
        },
    }
    Ok(())
}

/// Compat(argo 3.5): a secret that an API made goes; one that a person made only loses its label.
pub async fn remove(argo: &Argocd, name: &str) -> Result<()> {
    let secret = argo.cluster.get(&Argocd::secrets(), &argo.namespace, name).await?;
    let (key, value) = belay_argo::names::MANAGED_BY;
    if secret.annotation(key) == Some(value) {
        let options = DeleteOptions { uid: secret.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&Argocd::secrets(), &argo.namespace, name, &options).await?;
        return Ok(());
    }
    argo.change(&Argocd::secrets(), &argo.namespace, name, |secret| {
        secret.remove(&["metadata", "labels", SECRET_TYPE]);
        Ok(())
    })
    .await?;
    Ok(())
}

/// Prints repositories as people see them.
fn print(all: &[Value], form: &str) -> Result<()> {
    match (form_of(form, &["wide", "url"])?, form) {
        (Some(form), _) => print_value(&all.iter().cloned().collect::<Value>(), form)?,
        (None, "url") => all.iter().for_each(|r| outln!("{}", clean(r.str_at(&["repo"]).unwrap_or_default()))),
        _ => table(all).print(),
    }
    Ok(())
}

/// Compat(argocd 3.5): the columns. Whether a repository can be reached only a server has tried.
pub fn table(all: &[Value]) -> Columns {
    let header = ["TYPE", "NAME", "REPO", "INSECURE", "OCI", "LFS", "CREDS", "STATUS", "MESSAGE", "PROJECT"];
    let mut table = Columns::new(&header);
    for r in all {
        let text = |path: &[&str]| r.str_at(path).unwrap_or_default();
        let flag = |field: &str| r.get(field).and_then(Value::as_bool).unwrap_or(false);
        let creds = match (flag("inheritedCreds"), flag("hasCreds") || !text(&["username"]).is_empty()) {
            (true, _) => "inherited",
            (false, has) => yes(has),
        };
        let state = Some(text(&["connectionState", "status"])).filter(|s| !s.is_empty()).unwrap_or("Unknown");
        table.row([
            text(&["type"]),
            text(&["name"]),
            text(&["repo"]),
            yes(flag("insecure") || flag("insecureIgnoreHostKey")),
            yes(flag("enableOCI")),
            yes(flag("enableLfs")),
            creds,
            state,
            text(&["connectionState", "message"]),
            text(&["project"]),
        ]);
    }
    table
}

/// Credentials without what is secret.
fn told_template(t: &Template) -> Value {
    let mut value = object! { "url" => without_password(&t.url) };
    for (name, text) in
        [("username", &t.credentials.username), ("proxy", &without_password(&t.proxy)), ("noProxy", &t.no_proxy)]
    {
        if !text.is_empty() {
            value.set(&[name], text.as_str());
        }
    }
    if let Some(kind) = t.kind {
        value.set(&["type"], kind.as_str());
    }
    let (ssh, tls) = (!t.credentials.ssh_key.expose().is_empty(), !t.credentials.tls_certificate.is_empty());
    for (name, _) in [("sshCreds", ssh), ("tlsCreds", tls)].iter().filter(|(_, has)| *has) {
        value.set(&[name], true);
    }
    value
}

/// A repository without what is secret.
fn told(r: &Repository) -> Value {
    let mut value = object! { "repo" => without_password(&r.url), "type" => r.kind.as_str() };
    for (name, text) in [
        ("name", &r.name),
        ("project", &r.project),
        ("username", &r.credentials.username),
        ("proxy", &without_password(&r.proxy)),
        ("noProxy", &r.no_proxy),
    ] {
        if !text.is_empty() {
            value.set(&[name], text.as_str());
        }
    }
    for (name, flag) in [
        ("inheritedCreds", r.inherited),
        ("hasCreds", r.credentials != Credentials::default()),
        ("insecure", r.insecure),
        ("insecureIgnoreHostKey", r.insecure_host_key),
        ("enableLfs", r.enable_lfs),
        ("enableOCI", r.enable_oci),
        ("forceHttpBasicAuth", r.force_basic_auth),
    ] {
        if flag {
            value.set(&[name], true);
        }
    }
    value
}

#[cfg(test)]
mod tests;
