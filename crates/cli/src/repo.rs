//! `belay repo` and `belay repocreds`: repositories and credentials, kept in secrets as Argo CD keeps them.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use belay_access::{is_ssh, same_git_url};
use belay_argo::names::{SECRET_TYPE, repository_secret};
use belay_argo::repositories::{AzurePrincipal, Credentials, GithubApp, Kind, Repositories, Repository, Template};
use belay_cluster::{DeleteOptions, ErrorKind, ListOptions};
use belay_net::{Secret, redact};
use belay_object::{Object, Value, object};

use crate::argocd::{Argocd, Columns, form_of, options, print_value};
use crate::args::{Global, RepoAddArgs, RepoArgs, RepoCommand, RepocredsArgs, RepocredsCommand};
use crate::outln;
use crate::output::clean;

/// Carries out `belay repo`.
pub async fn repo(global: &Global, args: RepoArgs) -> Result<u8> {
    let argo = Argocd::connect(global, &args.argocd, None).await?;
    match args.command {
        RepoCommand::Add(args) => add(&argo, &args).await,
        RepoCommand::List(args) => list(&argo, &args.output).await,
        RepoCommand::Get(args) => {
            let known = known(&argo).await?;
            let found = known.all().iter().find(|r| same_git_url(&r.url, &args.url) && r.project == args.project);
            let found = found.with_context(|| format!("repo '{}' not found", args.url))?;
            match (form_of(&args.output, &["wide", "url"])?, args.output.as_str()) {
                (Some(form), _) => print_value(&told(found), form)?,
                (None, "url") => outln!("{}", clean(&found.url)),
                _ => table(std::iter::once(found)).print(),
            }
            Ok(0)
        }
        RepoCommand::Rm(args) => {
            for url in &args.urls {
                let known = known(&argo).await?;
                let found = known.all().iter().find(|r| same_git_url(&r.url, url) && r.project == args.project);
                let found = found.with_context(|| format!("repo '{url}' not found"))?;
                remove(&argo, &found.secret_name).await?;
                outln!("Repository '{url}' removed");
            }
            Ok(0)
        }
    }
}

/// Carries out `belay repocreds`.
pub async fn repocreds(global: &Global, args: RepocredsArgs) -> Result<u8> {
    let argo = Argocd::connect(global, &args.argocd, None).await?;
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
            // One that somebody wrote by hand has a name of its own.
            let there = known(&argo).await?.templates().iter().find(|t| same_git_url(&t.url, &args.url)).cloned();
            let name = match there {
                Some(there) => there.secret_name,
                None => repository_secret("creds", &args.url, ""),
            };
            let existing = argo.cluster.find(&Argocd::secrets(), &argo.namespace, &name).await?;
            let template = Template { secret_name: name, ..template };
            refuse_existing(existing.as_ref(), &args)?;
            write(&argo, template.to_secret(&argo.namespace, existing.as_ref()), existing.is_some()).await?;
            outln!("Repository credentials for '{}' added", args.url);
        }
        RepocredsCommand::List(args) => {
            let known = known(&argo).await?;
            match (form_of(&args.output, &["wide", "url"])?, args.output.as_str()) {
                (Some(form), _) => {
                    print_value(&known.templates().iter().map(told_template).collect::<Value>(), form)?;
                    return Ok(0);
                }
                (None, "url") => {
                    known.templates().iter().for_each(|t| outln!("{}", clean(&t.url)));
                    return Ok(0);
                }
                _ => {}
            }
            let mut table = Columns::new(&["URL PATTERN", "USERNAME", "SSH_CREDS", "TLS_CREDS"]);
            for t in known.templates() {
                let c = &t.credentials;
                let (ssh, tls) = (!c.ssh_key.expose().is_empty(), !c.tls_certificate.is_empty());
                let user = if c.username.is_empty() { "-" } else { &c.username };
                table.row([t.url.as_str(), user, yes(ssh), yes(tls)]);
            }
            table.print();
        }
        RepocredsCommand::Rm(args) => {
            for url in &args.urls {
                let known = known(&argo).await?;
                let found = known.templates().iter().find(|t| same_git_url(&t.url, url));
                let found = found.with_context(|| format!("repository credentials '{url}' not found"))?;
                remove(&argo, &found.secret_name).await?;
                outln!("Repository credentials for '{url}' removed");
            }
        }
    }
    Ok(0)
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

async fn add(argo: &Argocd, args: &RepoAddArgs) -> Result<u8> {
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
    let known = known(argo).await?;
    let there = known.all().iter().find(|r| same_git_url(&r.url, &args.url) && r.project == repository.project);
    let name = match there {
        Some(there) => there.secret_name.clone(),
        None => repository_secret("repo", &repository.url, &repository.project),
    };
    let existing = argo.cluster.find(&Argocd::secrets(), &argo.namespace, &name).await?;
    refuse_existing(existing.as_ref(), args)?;
    let repository = Repository { secret_name: name, ..repository };
    write(argo, repository.to_secret(&argo.namespace, existing.as_ref()), existing.is_some()).await?;
    outln!("Repository '{}' added", args.url);
    Ok(0)
}

fn refuse_existing(existing: Option<&Object>, args: &RepoAddArgs) -> Result<()> {
    if existing.is_some() && !args.upsert {
        // Compat(argo 3.5): the words.
        bail!("existing repository spec is different; use upsert flag to force update");
    }
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

async fn list(argo: &Argocd, form: &str) -> Result<u8> {
    let known = known(argo).await?;
    match (form_of(form, &["wide", "url"])?, form) {
        (Some(form), _) => print_value(&known.all().iter().map(told).collect::<Value>(), form)?,
        (None, "url") => known.all().iter().for_each(|r| outln!("{}", clean(&r.url))),
        _ => table(known.all().iter()).print(),
    }
    Ok(0)
}

/// Compat(argocd 3.5): the columns. Whether a repository can be reached is not asked.
fn table<'a>(all: impl Iterator<Item = &'a Repository>) -> Columns {
    let header = ["TYPE", "NAME", "REPO", "INSECURE", "OCI", "LFS", "CREDS", "STATUS", "MESSAGE", "PROJECT"];
    let mut table = Columns::new(&header);
    for r in all {
        let creds = match (r.inherited, r.credentials == Credentials::default()) {
            (true, _) => "inherited",
            (false, true) => "false",
            (false, false) => "true",
        };
        let insecure = yes(r.insecure || r.insecure_host_key);
        let cells = [
            r.kind.as_str(),
            &r.name,
            &r.url,
            insecure,
            yes(r.enable_oci),
            yes(r.enable_lfs),
            creds,
            "Unknown",
            "",
            &r.project,
        ];
        table.row(cells);
    }
    table
}

/// Credentials without what is secret.
fn told_template(t: &Template) -> Value {
    let mut value = object! { "url" => redact(&t.url) };
    for (name, text) in [("username", &t.credentials.username), ("proxy", &redact(&t.proxy)), ("noProxy", &t.no_proxy)]
    {
        if !text.is_empty() {
            value.set(&[name], text.as_str());
        }
    }
    if let Some(kind) = t.kind {
        value.set(&["type"], kind.as_str());
    }
    value
}

/// A repository without what is secret.
fn told(r: &Repository) -> Value {
    let mut value = object! { "repo" => r.url.as_str(), "type" => r.kind.as_str() };
    for (name, text) in [
        ("name", &r.name),
        ("project", &r.project),
        ("username", &r.credentials.username),
        ("proxy", &redact(&r.proxy)),
        ("noProxy", &r.no_proxy),
    ] {
        if !text.is_empty() {
            value.set(&[name], text.as_str());
        }
    }
    for (name, flag) in [
        ("inheritedCreds", r.inherited),
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
