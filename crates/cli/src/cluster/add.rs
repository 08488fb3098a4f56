//! `belay cluster add`: an account for the controllers in another cluster, and the secret that tells of it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_argo::clusters::{ClusterEntry, Connection};
use belay_argo::names::IN_CLUSTER_SERVER;
use belay_cluster::{ApplyOptions, Cluster, Resource};
use belay_net::Secret;
use belay_object::{Map, Object, Value, object};

use super::known;
use crate::argocd::{Argocd, MANAGER, pairs};
use crate::args::{ArgocdFlags, ClusterAddArgs, Global, of_objects};
use crate::connect::reach;
use crate::delete::confirmed;
use crate::outln;
use crate::plane::Plane;
use crate::repo::write;

/// Compat(argocd 3.5): the account and what belongs to it.
const ACCOUNT: &str = "argocd-manager";
const ROLE: &str = "argocd-manager-role";
const BINDING: &str = "argocd-manager-role-binding";
/// How long a token is waited for.
const TOKEN_WAIT: Duration = Duration::from_secs(30);

pub async fn add(global: &Global, flags: &ArgocdFlags, args: &ClusterAddArgs) -> Result<u8> {
    // --namespace is about the cluster that is added.
    let namespaces: Vec<String> = args.namespaces.iter().filter_map(|n| of_objects(n)).collect();
    let home = Global { namespace: "flux-system".to_owned(), ..global.clone() };
    let plane = Plane::open(&home, flags, None).await?;
    let argo = plane.cluster("adding a cluster")?;
    let (server, insecure) = server_of(global, &args.add_context)?;
    let there = Global { context: Some(args.add_context.clone()), ..home };
    let target = reach(&there).await?.cluster;
    let name = args.name.clone().unwrap_or_else(|| args.add_context.clone());
    let server = if args.in_cluster { IN_CLUSTER_SERVER.to_owned() } else { server };
    let existing = known(argo).await?.iter().find(|c| c.server == server && !c.secret_name.is_empty()).cloned();
    if existing.is_some() && !args.upsert {
        // Compat(argo 3.5): the words.
        bail!("existing cluster spec is different; use upsert flag to force update");
    }
    let mut connection = Connection::to(&server);
    connection.insecure = insecure;
    if !args.in_cluster {
        let account = args.service_account.as_deref();
        let question = format!(
            "This will create a service account `{ACCOUNT}` on the cluster referenced by context `{}` with full {} level privileges. Do you want to continue",
            args.add_context,
            if namespaces.is_empty() { "cluster" } else { "namespace" }
        );
        if account.is_none() && !args.yes && !confirmed(&question, "--yes")? {
            bail!("aborting");
        }
        let (token, ca) = credentials(&target, args, &namespaces, account).await?;
        connection.bearer = Secret::new(token);
        connection.ca = if insecure { Vec::new() } else { ca };
    }
    let map = |texts: &[String]| {
        Ok::<Map, anyhow::Error>(pairs(texts)?.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect())
    };
    let entry = ClusterEntry {
        secret_name: existing.as_ref().map(|c| c.secret_name.clone()).unwrap_or_default(),
        name,
        server: server.clone(),
        namespaces: namespaces.clone(),
        cluster_resources: args.cluster_resources,
        project: args.project.clone().unwrap_or_default(),
        labels: map(&args.labels)?,
        annotations: map(&args.annotations)?,
        shard: (args.shard >= 0).then_some(args.shard),
        connection,
        ..ClusterEntry::default()
    };
    let mut secret = entry.to_secret(&argo.namespace).map_err(anyhow::Error::msg)?;
    if let Some(known) = &existing {
        let live = argo.cluster.get(&Argocd::secrets(), &argo.namespace, &known.secret_name).await?;
        secret.set(&["metadata", "resourceVersion"], live.resource_version());
    }
    write(argo, secret, existing.is_some()).await?;
    outln!("Cluster '{server}' added");
    Ok(0)
}

/// The address of a context's cluster, and whether its certificate is not checked.
fn server_of(global: &Global, context: &str) -> Result<(String, bool)> {
    let files: Vec<PathBuf> = match (&global.kubeconfig, std::env::var_os("KUBECONFIG")) {
        (Some(file), _) => vec![file.clone()],
        (None, Some(list)) => std::env::split_paths(&list).collect(),
        (None, None) => std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".kube/config")).into_iter().collect(),
    };
    for file in &files {
        let Ok(text) = std::fs::read_to_string(file) else { continue };
        let config = belay_yaml::parse_value(&text, &belay_yaml::Options::v2())
            .with_context(|| format!("{} cannot be read", file.display()))?;
        let named = |list: &str, name: &str| {
            let all = config.get(list).map_or(&[][..], Value::items);
            all.iter().find(|entry| entry.str_at(&["name"]) == Some(name)).cloned()
        };
        let Some(found) = named("contexts", context) else { continue };
        let cluster = found.str_at(&["context", "cluster"]).and_then(|name| named("clusters", name));
        let cluster =
            cluster.with_context(|| format!("the cluster of context {context} is not in {}", file.display()))?;
        let server = cluster
            .str_at(&["cluster", "server"])
            .with_context(|| format!("the cluster of context {context} has no server"))?;
        let insecure = cluster.at(&["cluster", "insecure-skip-tls-verify"]).and_then(Value::as_bool).unwrap_or(false);
        return Ok((server.trim_end_matches('/').to_owned(), insecure));
    }
    // Compat(argocd 3.5): the words.
    bail!("Context {context} does not exist in kubeconfig")
}

/// The token of an account, and the authority of its cluster; the account is made where none is named.
async fn credentials(
    cluster: &Cluster,
    args: &ClusterAddArgs,
    namespaces: &[String],
    account: Option<&str>,
) -> Result<(String, Vec<u8>)> {
    let namespace = args.system_namespace.as_str();
    let name = account.unwrap_or(ACCOUNT);
    if account.is_none() {
        for object in access(namespace, namespaces, args.cluster_resources) {
            apply(cluster, &object).await?;
            outln!("{} applied", object.key());
        }
    }
    let secret_name = format!("{name}-long-lived-token");
    let mut secret = Object::of("v1", "Secret", namespace, &secret_name);
    secret.set(&["type"], "kubernetes.io/service-account-token");
    secret.set_annotation("kubernetes.io/service-account.name", name);
    apply(cluster, &secret).await?;
    let deadline = Instant::now() + TOKEN_WAIT;
    loop {
        let live = cluster.get(&Argocd::secrets(), namespace, &secret_name).await?;
        let decoded = |key: &str| live.str_at(&["data", key]).and_then(|text| STANDARD.decode(text).ok());
        if let Some(token) = decoded("token").and_then(|t| String::from_utf8(t).ok()).filter(|t| !t.is_empty()) {
            return Ok((token, decoded("ca.crt").unwrap_or_default()));
        }
        if Instant::now() >= deadline {
            bail!("the cluster made no token for {namespace}/{name} within {} s", TOKEN_WAIT.as_secs());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Compat(argocd 3.5): the account, and its role: everything, in the whole cluster or in some namespaces.
fn access(system: &str, namespaces: &[String], cluster_resources: bool) -> Vec<Object> {
    let mut all = vec![Object::of("v1", "ServiceAccount", system, ACCOUNT)];
    let star = || Value::from(["*"]);
    let everything = object! { "apiGroups" => star(), "resources" => star(), "verbs" => star() };
    let urls = object! { "nonResourceURLs" => star(), "verbs" => star() };
    let subject = object! { "kind" => "ServiceAccount", "name" => ACCOUNT, "namespace" => system };
    let mut pair = |kind: &str, namespace: &str, rules: Vec<Value>| {
        const API: &str = "rbac.authorization.k8s.io/v1";
        let mut role = Object::of(API, kind, namespace, ROLE);
        role.set(&["rules"], rules);
        let mut binding = Object::of(API, &format!("{kind}Binding"), namespace, BINDING);
        binding
            .set(&["roleRef"], object! { "apiGroup" => "rbac.authorization.k8s.io", "kind" => kind, "name" => ROLE });
        binding.set(&["subjects"], vec![subject.clone()]);
        all.extend([role, binding]);
    };
    if namespaces.is_empty() || cluster_resources {
        pair("ClusterRole", "", vec![everything.clone(), urls]);
    }
    for namespace in namespaces {
        pair("Role", namespace, vec![everything.clone()]);
    }
    for object in &mut all {
        if object.namespace().is_empty() {
            object.remove(&["metadata", "namespace"]);
        }
    }
    all
}

async fn apply(cluster: &Cluster, object: &Object) -> Result<()> {
    let kind = object.kind().to_owned();
    let (group, version) = object.api_version().split_once('/').unwrap_or(("", object.api_version()));
    let plural = format!("{}s", kind.to_lowercase());
    let resource = Resource::known(group, version, &kind, &plural, !object.namespace().is_empty());
    let options = ApplyOptions { field_manager: MANAGER.to_owned(), force: true, ..ApplyOptions::default() };
    cluster.apply(&resource, object, &options).await?;
    Ok(())
}
