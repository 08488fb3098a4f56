//! `belay create`: makes or updates a source or a kustomization, and waits until it is ready.

mod sources;

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_cluster::{ApplyOptions, Resource};
use belay_controller::duration;
use belay_flux::names::CLI_MANAGER;
use belay_object::{Object, Value, object};

use crate::args::{
    CreateCommand, CreateFlags, CreateGitArgs, CreateHelmReleaseArgs, CreateKustomizationArgs, CreateSourceCommand,
    Global,
};
use crate::connect::{Session, connect};
use crate::export::exported;
use crate::kinds::{
    BUCKET, GIT_REPOSITORY, HELM_CHART, HELM_RELEASE, HELM_REPOSITORY, KUSTOMIZATION, Kind, OCI_REPOSITORY, finished,
    source_kind, suspended,
};
use crate::out;
use crate::output::{action, generate, success, waiting, warning};
use crate::reconcile::request;
use crate::wait;

pub async fn create(global: &Global, command: CreateCommand) -> Result<u8> {
    match command {
        CreateCommand::Source(source) => {
            let (kind, object, secret, export) = match source {
                CreateSourceCommand::Git(args) => {
                    let (object, secret) = git(global, &args)?;
                    (&GIT_REPOSITORY, object, secret, args.create.export)
                }
                CreateSourceCommand::Oci(args) => {
                    (&OCI_REPOSITORY, sources::oci(global, &args)?, None, args.create.export)
                }
                CreateSourceCommand::Helm(args) => {
                    let (object, secret) = sources::helm(global, &args)?;
                    (&HELM_REPOSITORY, object, secret, args.create.export)
                }
                CreateSourceCommand::Bucket(args) => {
                    let (object, secret) = sources::bucket(global, &args)?;
                    (&BUCKET, object, secret, args.create.export)
                }
                CreateSourceCommand::Chart(args) => {
                    (&HELM_CHART, sources::chart(global, &args)?, None, args.create.export)
                }
            };
            if export {
                return print(&[Some(object), secret]);
            }
            put(global, &connect(global).await?, kind, object, secret).await
        }
        CreateCommand::Kustomization(args) => {
            let object = kustomization(global, &args)?;
            if args.create.export {
                return print(&[Some(object)]);
            }
            let session = connect(global).await?;
            source_is_served(&session, &object).await?;
            if let Some(namespace) = &args.target_namespace {
                target_namespace(&session, namespace).await?;
            }
            put(global, &session, &KUSTOMIZATION, object, None).await
        }
        CreateCommand::Helmrelease(args) => {
            let object = helm_release(global, &args)?;
            if args.create.export {
                return print(&[Some(object)]);
            }
            put(global, &connect(global).await?, &HELM_RELEASE, object, None).await
        }
    }
}

fn print(objects: &[Option<Object>]) -> Result<u8> {
    objects.iter().flatten().for_each(|object| out!("{}", exported(object)));
    Ok(0)
}

/// A source that nobody serves would be waited for until the time is up; one that is only missing may
/// still come.
async fn source_is_served(session: &Session, object: &Object) -> Result<()> {
    let reference = |k: &str| object.str_at(&["spec", "sourceRef", k]).unwrap_or_default();
    let Some(kind) = source_kind(reference("kind")) else {
        bail!("source kind {} is not served by this version", reference("kind"));
    };
    let namespace = Some(reference("namespace")).filter(|n| !n.is_empty()).unwrap_or(object.namespace());
    let found = session.cluster.find(&session.resource(kind), namespace, reference("name")).await?;
    if found.is_none() {
        warning(&format!(
            "there is no {} '{}' in {namespace} namespace: the Kustomization waits for it",
            kind.kind,
            reference("name")
        ));
    }
    Ok(())
}

async fn put(global: &Global, session: &Session, kind: &Kind, object: Object, secret: Option<Object>) -> Result<u8> {
    generate(&format!("generating {}", kind.kind));
    let options = ApplyOptions { field_manager: CLI_MANAGER.into(), force: true, ..ApplyOptions::default() };
    if let Some(secret) = secret {
        action("applying secret with authentication credentials");
        let secrets = Resource::known("", "v1", "Secret", "secrets", true);
        session.cluster.apply(&secrets, &secret, &options).await?;
        success("authentication configured");
    }
    action(&format!("applying {}", kind.kind));
    let resource = session.resource(kind);
    let before = session.cluster.find(&resource, object.namespace(), object.name()).await?;
    let applied = session.cluster.apply(&resource, &object, &options).await?;
    success(&format!("{} {}", kind.kind, if before.is_some() { "updated" } else { "created" }));
    if suspended(&applied) {
        warning(&format!("{} {} is suspended: nothing happens until it is resumed", kind.kind, object.name()));
        return Ok(0);
    }
    waiting(&format!("waiting for {} reconciliation", kind.kind));
    let there = Session { cluster: session.cluster.clone(), namespace: object.namespace().to_owned() };
    let failed_unchanged =
        before.is_some_and(|b| b.generation() == applied.generation()) && matches!(finished(&applied), Some(Err(_)));
    let ready = if failed_unchanged {
        // Its failure may be about what is no longer so: a new try says.
        let handled = applied.str_at(&["status", "lastHandledReconcileAt"]).unwrap_or_default().to_owned();
        request(&there, kind, object.name()).await?;
        wait::handled(&there, kind, object.name(), &handled, global.timeout).await?
    } else {
        wait::ready(&there, kind, object.name(), global.timeout).await?
    };
    success(&format!("{} {} reconciliation completed", kind.kind, object.name()));
    let revision = kind.whole_revision(&ready);
    match kind.source {
        true => success(&format!("fetched revision: {revision}")),
        false => success(&format!("applied revision {revision}")),
    }
    Ok(0)
}

/// Makes the namespace that everything goes to, where it is not there: a first try would fail without.
async fn target_namespace(session: &Session, name: &str) -> Result<()> {
    let namespaces = Resource::known("", "v1", "Namespace", "namespaces", false);
    if session.cluster.find(&namespaces, "", name).await?.is_none() {
        action(&format!("creating namespace {name}"));
        let options = ApplyOptions { field_manager: CLI_MANAGER.into(), ..ApplyOptions::default() };
        session.cluster.apply(&namespaces, &Object::of("v1", "Namespace", "", name), &options).await?;
    }
    Ok(())
}

fn skeleton(kind: &Kind, global: &Global, name: &str, flags: &CreateFlags) -> Result<Object> {
    let mut object = Object::of(&kind.api_version(), kind.kind, &global.namespace, name);
    for label in &flags.label {
        let (key, value) =
            label.split_once('=').with_context(|| format!("invalid label {label:?}: it is key=value"))?;
        object.set_label(key, value);
    }
    object.set(&["spec", "interval"], duration::format(flags.interval));
    Ok(object)
}

fn git(global: &Global, args: &CreateGitArgs) -> Result<(Object, Option<Object>)> {
    let mut object = skeleton(&GIT_REPOSITORY, global, &args.name, &args.create)?;
    let scheme = args.url.split("://").next().unwrap_or_default();
    if !matches!(scheme, "http" | "https" | "ssh") || !args.url.contains("://") {
        bail!("git URL scheme '{scheme}' not supported, can be: ssh, http and https");
    }
    object.set(&["spec", "url"], args.url.as_str());
    let given = [&args.branch, &args.tag, &args.tag_semver, &args.ref_name, &args.commit];
    if given.iter().all(|r| r.is_none()) {
        bail!("specify a Git ref with one of the following: --branch, --tag, --commit, --ref-name or --tag-semver");
    }
    for (field, value) in ["branch", "tag", "semver", "name", "commit"].iter().zip(given) {
        if let Some(value) = value {
            object.set(&["spec", "ref", field], value.as_str());
        }
    }
    if let Some(provider) = &args.provider {
        object.set(&["spec", "provider"], provider.as_str());
    }
    for (field, value) in [("secretRef", &args.secret_ref), ("proxySecretRef", &args.proxy_secret_ref)] {
        if let Some(name) = value {
            object.set(&["spec", field, "name"], name.as_str());
        }
    }
    if !args.ignore_paths.is_empty() {
        object.set(&["spec", "ignore"], args.ignore_paths.join("\n"));
    }
    if !args.sparse_checkout_paths.is_empty() {
        object.set(&["spec", "sparseCheckout"], args.sparse_checkout_paths.iter().collect::<Value>());
    }
    if args.recurse_submodules {
        object.set(&["spec", "recurseSubmodules"], true);
    }
    let secret = credentials(global, args)?;
    if secret.is_some() {
        object.set(&["spec", "secretRef", "name"], args.name.as_str());
    }
    Ok((object, secret))
}

/// A Secret from the credentials on the command line, where there are any.
fn credentials(global: &Global, args: &CreateGitArgs) -> Result<Option<Object>> {
    let mut data = object! {};
    let mut add = |key: &str, bytes: &[u8]| data.set(&[key], STANDARD.encode(bytes));
    let read =
        |path: &std::path::Path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
    if let (Some(user), Some(password)) = (&args.username, &args.password) {
        add("username", user.as_bytes());
        add("password", password.as_bytes());
    } else if args.username.is_some() || args.password.is_some() {
        bail!("--username and --password go together");
    }
    if let Some(path) = &args.private_key_file {
        let Some(hosts) = &args.known_hosts_file else {
            bail!("--private-key-file needs --known-hosts-file: the host key is never trusted on first use");
        };
        add("identity", &read(path)?);
        add("known_hosts", &read(hosts)?);
    }
    if let Some(path) = &args.ca_file {
        add("ca.crt", &read(path)?);
    }
    if data.as_object().is_none_or(|d| d.is_empty()) {
        return Ok(None);
    }
    Ok(Some(opaque(global, &args.name, data)))
}

fn opaque(global: &Global, name: &str, data: Value) -> Object {
    let mut secret = Object::of("v1", "Secret", &global.namespace, name);
    secret.set(&["type"], "Opaque");
    secret.set(&["data"], data);
    secret
}

fn kustomization(global: &Global, args: &CreateKustomizationArgs) -> Result<Object> {
    let mut object = skeleton(&KUSTOMIZATION, global, &args.name, &args.create)?;
    let source = source(&args.source)?;
    object.set(&["spec", "sourceRef"], source);
    let path = args.path.as_str();
    let path = if path.starts_with("./") { path.to_owned() } else { format!("./{}", path.trim_start_matches('/')) };
    object.set(&["spec", "path"], path);
    object.set(&["spec", "prune"], args.prune);
    if args.wait {
        object.set(&["spec", "wait"], true);
    }
    if args.force {
        object.set(&["spec", "force"], true);
    }
    for (path, value) in [
        (&["spec", "targetNamespace"][..], &args.target_namespace),
        (&["spec", "serviceAccountName"], &args.service_account),
        (&["spec", "kubeConfig", "secretRef", "name"], &args.kubeconfig_secret_ref),
        (&["spec", "decryption", "provider"], &args.decryption_provider),
        (&["spec", "decryption", "secretRef", "name"], &args.decryption_secret),
    ] {
        if let Some(value) = value {
            object.set(path, value.as_str());
        }
    }
    for (field, value) in [("timeout", args.health_check_timeout), ("retryInterval", args.retry_interval)] {
        if let Some(value) = value {
            object.set(&["spec", field], duration::format(value));
        }
    }
    let checks: Vec<Value> = args.health_check.iter().map(|c| health_check(c)).collect::<Result<_>>()?;
    if !checks.is_empty() {
        object.set(&["spec", "healthChecks"], Value::from(checks));
    }
    depend(&mut object, &args.depends_on);
    Ok(object)
}

/// `[namespace/]name` each.
fn depend(object: &mut Object, names: &[String]) {
    let one = |d: &String| match d.split_once('/') {
        Some((namespace, name)) => object! { "name" => name, "namespace" => namespace },
        None => object! { "name" => d.as_str() },
    };
    if !names.is_empty() {
        object.set(&["spec", "dependsOn"], names.iter().map(one).collect::<Value>());
    }
}

fn helm_release(global: &Global, args: &CreateHelmReleaseArgs) -> Result<Object> {
    let mut object = skeleton(&HELM_RELEASE, global, &args.name, &args.create)?;
    match (&args.chart_ref, &args.source, &args.chart) {
        (Some(reference), _, _) => {
            object.set(
                &["spec", "chartRef"],
                chart_source(reference, &["OCIRepository", "HelmChart", "ExternalArtifact"])?,
            );
        }
        (None, Some(source), Some(chart)) => {
            object.set(&["spec", "chart", "spec", "chart"], chart.as_str());
            let source = chart_source(source, &["HelmRepository", "GitRepository", "Bucket"])?;
            object.set(&["spec", "chart", "spec", "sourceRef"], source);
        }
        _ => bail!("chart or chart-ref is required: --source Kind/name and --chart, or --chart-ref Kind/name"),
    }
    for (path, value) in [
        (&["spec", "chart", "spec", "version"][..], &args.chart_version),
        (&["spec", "chart", "spec", "reconcileStrategy"], &args.reconcile_strategy),
        (&["spec", "releaseName"], &args.release_name),
        (&["spec", "targetNamespace"], &args.target_namespace),
        (&["spec", "storageNamespace"], &args.storage_namespace),
        (&["spec", "serviceAccountName"], &args.service_account),
        (&["spec", "kubeConfig", "secretRef", "name"], &args.kubeconfig_secret_ref),
        (&["spec", "install", "crds"], &args.crds),
        (&["spec", "upgrade", "crds"], &args.crds),
    ] {
        if let Some(value) = value.as_ref().filter(|_| path[1] != "chart" || args.chart_ref.is_none()) {
            object.set(path, value.as_str());
        }
    }
    if let Some(interval) = args.chart_interval.filter(|_| args.chart_ref.is_none()) {
        object.set(&["spec", "chart", "spec", "interval"], duration::format(interval));
    }
    if args.create_target_namespace {
        object.set(&["spec", "install", "createNamespace"], true);
    }
    depend(&mut object, &args.depends_on);
    let mut values = belay_object::Map::new();
    for file in &args.values {
        let text = std::fs::read(file).with_context(|| format!("reading values from {} failed", file.display()))?;
        let read = belay_helm::values::read(&text)
            .with_context(|| format!("reading values from {} failed", file.display()))?;
        belay_helm::values::merge(&mut values, read);
    }
    if !values.is_empty() {
        object.set(&["spec", "values"], values);
    }
    let mut from = Vec::new();
    for text in &args.values_from {
        let Some((kind, name)) =
            text.split_once('/').filter(|(k, n)| matches!(*k, "Secret" | "ConfigMap") && !n.is_empty())
        else {
            bail!("invalid values reference '{text}': must be Secret/name or ConfigMap/name");
        };
        from.push(object! { "kind" => kind, "name" => name });
    }
    if !from.is_empty() {
        object.set(&["spec", "valuesFrom"], Value::from(from));
    }
    Ok(object)
}

/// `Kind/name[.namespace]`
fn chart_source(text: &str, kinds: &[&str]) -> Result<Value> {
    let found = text
        .split_once('/')
        .and_then(|(kind, rest)| Some((kinds.iter().find(|k| k.eq_ignore_ascii_case(kind))?, rest)));
    let Some((kind, rest)) = found.filter(|(_, rest)| !rest.is_empty()) else {
        bail!("invalid source '{text}': must be Kind/name[.namespace] with a kind of {}", kinds.join(", "));
    };
    let (name, namespace) = rest.split_once('.').unwrap_or((rest, ""));
    let mut value = object! { "kind" => *kind, "name" => name };
    if !namespace.is_empty() {
        value.set(&["namespace"], namespace);
    }
    Ok(value)
}

/// `[Kind/]name[.namespace]`
fn source(text: &str) -> Result<Value> {
    let (kind, rest) = text.split_once('/').unwrap_or((GIT_REPOSITORY.kind, text));
    let kinds = ["OCIRepository", "GitRepository", "Bucket", "ExternalArtifact"];
    let Some(kind) = kinds.iter().find(|k| k.eq_ignore_ascii_case(kind)) else {
        bail!("source kind '{kind}' is not supported, must be one of: {}", kinds.join(", "));
    };
    let (name, namespace) = rest.split_once('.').unwrap_or((rest, ""));
    if name.is_empty() {
        bail!("no name given for source of kind '{kind}'");
    }
    let mut value = object! { "kind" => *kind, "name" => name };
    if !namespace.is_empty() {
        value.set(&["namespace"], namespace);
    }
    Ok(value)
}

/// `kind/name.namespace`
fn health_check(text: &str) -> Result<Value> {
    let wrong = || format!("invalid health check '{text}' must be in the format 'kind/name.namespace'");
    let (kind, rest) = text.split_once('/').with_context(wrong)?;
    let (name, namespace) = rest.split_once('.').with_context(wrong)?;
    let known = [
        ("Deployment", "apps/v1"),
        ("DaemonSet", "apps/v1"),
        ("StatefulSet", "apps/v1"),
        ("HelmRelease", "helm.toolkit.fluxcd.io/v2"),
    ];
    let Some((kind, api_version)) = known.iter().find(|(k, _)| k.eq_ignore_ascii_case(kind)) else {
        bail!("invalid health check kind '{kind}' can be HelmRelease, Deployment, DaemonSet or StatefulSet");
    };
    Ok(object! { "apiVersion" => *api_version, "kind" => *kind, "name" => name, "namespace" => namespace })
}

#[cfg(test)]
mod tests;
