//! `belay install` and `belay uninstall`.

use std::time::Duration;

use anyhow::{Result, bail};
use belay_cluster::{ApplyOptions, DeleteOptions, ErrorKind, ListOptions, Patch, Resource, WriteOptions};
use belay_flux::install::{Options, manifests};
use belay_flux::names::{CLI_MANAGER, FINALIZER, GIT_REPOSITORY, PART_OF};
use belay_object::{Object, object};
use belay_plan::{ChangeKind, apply_order, is_custom_resource_definition};

use crate::args::{Global, InstallArgs, System, UninstallArgs};
use crate::check::{deployed, part_of_flux};
use crate::connect::{Session, connect};
use crate::delete::confirmed;
use crate::export::exported;
use crate::output::{action, failure, generate, success, waiting};
use crate::{out, outln};

pub async fn install(global: &Global, args: &InstallArgs) -> Result<u8> {
    let mut options = Options::new(env!("CARGO_PKG_VERSION"));
    options.namespace = global.namespace.clone();
    options.image = args.image.clone();
    let wants = |system: System| args.systems.contains(&system);
    let has_argocd = wants(System::Argocd);
    if has_argocd {
        options.more_args = belay_argo::install::arguments(&args.argocd_namespace);
        options.more_ports = vec![belay_argo::install::API_PORT];
    }
    let mut objects = manifests(&options);
    if args.crds_only {
        objects.retain(|o| is_custom_resource_definition(o) || o.kind() == "Namespace");
    }
    if !wants(System::Flux) {
        // The process itself stands in Flux's namespace, whatever it follows.
        objects.retain(|o| !args.crds_only && !is_custom_resource_definition(o));
    }
    if has_argocd {
        if !args.crds_only {
            for mut object in belay_argo::install::api_access(&options.namespace, belay_flux::install::NAME) {
                // By this label it goes with the rest.
                object.set_label(PART_OF.0, PART_OF.1);
                objects.push(object);
            }
        }
        objects.push(Object::of("v1", "Namespace", "", &args.argocd_namespace));
        objects.extend(belay_argo::install::objects(&args.argocd_namespace));
    }
    if args.export {
        objects.iter().for_each(|o| out!("{}", exported(o)));
        return Ok(0);
    }
    let session = connect(global).await?;
    generate("generating manifests");
    if wants(System::Flux) {
        refuse_managed(&session, args).await?;
    }
    success("manifests build completed");
    action(&format!("installing components in {} namespace", options.namespace));
    let (first, then): (Vec<Object>, Vec<Object>) =
        objects.iter().cloned().partition(|o| is_custom_resource_definition(o) || o.kind() == "Namespace");
    for object in &first {
        let change = apply(&session, object).await?;
        outln!("{} {change}", object.key());
    }
    established(&session, &first, global.timeout).await?;
    for object in &then {
        let change = match is_setting(object, args) {
            true => make(&session, object).await?,
            false => apply(&session, object).await?,
        };
        outln!("{} {change}", object.key());
    }
    if !args.crds_only {
        waiting("verifying installation");
        for deployment in objects.iter().filter(|o| o.kind() == "Deployment") {
            let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
            let live = session.cluster.get(&deployments, deployment.namespace(), deployment.name()).await?;
            match deployed(&session, live, global.timeout, Duration::from_millis(200)).await? {
                Ok(_) => success(&format!("{}: deployment ready", deployment.name())),
                Err(why) => bail!("{}: {why}", deployment.name()),
            }
        }
    }
    success("install finished");
    Ok(0)
}

/// An installation that a GitOps tool keeps would be put back by it.
async fn refuse_managed(session: &Session, args: &InstallArgs) -> Result<()> {
    let definitions = definitions();
    let found = session.cluster.find(&definitions, "", &GIT_REPOSITORY.definition_name()).await?;
    if found.is_some_and(|d| d.label("kustomize.toolkit.fluxcd.io/name").is_some()) && !args.force {
        bail!(
            "this cluster has already been bootstrapped: its components are kept by a Kustomization, which would undo this; give --force to go ahead"
        );
    }
    Ok(())
}

fn definitions() -> std::sync::Arc<Resource> {
    Resource::known("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
}

async fn apply(session: &Session, object: &Object) -> Result<ChangeKind> {
    let resource = session.cluster.resource_of(object).await?;
    let before = session.cluster.find(&resource, object.namespace(), object.name()).await?;
    let options = ApplyOptions { field_manager: CLI_MANAGER.into(), force: true, ..ApplyOptions::default() };
    let after = session.cluster.apply(&resource, object, &options).await?;
    Ok(match before {
        None => ChangeKind::Created,
        Some(before) if before.resource_version() == after.resource_version() => ChangeKind::Unchanged,
        Some(_) => ChangeKind::Configured,
    })
}

/// Whether an object is Argo CD's settings or projects: people write those, so what is there stays.
fn is_setting(object: &Object, args: &InstallArgs) -> bool {
    matches!(object.kind(), "ConfigMap" | "AppProject") && object.namespace() == args.argocd_namespace
}

/// Creates an object that is not there.
async fn make(session: &Session, object: &Object) -> Result<ChangeKind> {
    let resource = session.cluster.resource_of(object).await?;
    let options = WriteOptions { field_manager: CLI_MANAGER.into(), ..WriteOptions::default() };
    match session.cluster.create(&resource, object, &options).await {
        Ok(_) => Ok(ChangeKind::Created),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(ChangeKind::Unchanged),
        Err(e) => Err(e.into()),
    }
}

async fn established(session: &Session, objects: &[Object], timeout: Duration) -> Result<()> {
    let deadline = std::time::Instant::now() + timeout;
    for definition in objects.iter().filter(|o| is_custom_resource_definition(o)) {
        loop {
            let live = session.cluster.get(&definitions(), "", definition.name()).await?;
            let health = belay_health::check(&live, jiff::Timestamp::now());
            if health.is_current() {
                break;
            }
            if std::time::Instant::now() >= deadline {
                bail!("{} is not established: {health}", definition.key());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    Ok(())
}

pub async fn uninstall(global: &Global, args: &UninstallArgs) -> Result<u8> {
    let session = connect(global).await?;
    let question = "Are you sure you want to delete Belay and its custom resource definitions";
    if !args.dry_run && !args.silent && !confirmed(question, "--silent")? {
        bail!("aborting");
    }
    action(&format!("deleting components in {} namespace", session.namespace));
    let mut failed = 0;
    if args.systems.contains(&System::Flux) {
        failed |= uninstall_flux(&session, args).await?;
    }
    if args.systems.contains(&System::Argocd) {
        action("deleting argoproj.io finalizers in all namespaces");
        failed |= remove_finalizers(&session, args, |r| r.group == "argoproj.io", is_argocd_finalizer).await?;
        action("deleting argoproj.io custom resource definitions");
        let defined = ListOptions { labels: "app.kubernetes.io/part-of=argocd".into(), ..ListOptions::default() };
        failed |= delete_all(&session, &definitions(), &defined, args).await?;
    }
    if failed == 0 {
        success("uninstall finished");
    }
    Ok(failed)
}

async fn uninstall_flux(session: &Session, args: &UninstallArgs) -> Result<u8> {
    let mut failed = 0;
    for (group, version, kind, plural, namespaced) in [
        ("apps", "v1", "Deployment", "deployments", true),
        ("", "v1", "Service", "services", true),
        ("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", true),
        ("", "v1", "ServiceAccount", "serviceaccounts", true),
        ("rbac.authorization.k8s.io", "v1", "ClusterRole", "clusterroles", false),
        ("rbac.authorization.k8s.io", "v1", "ClusterRoleBinding", "clusterrolebindings", false),
    ] {
        let resource = Resource::known(group, version, kind, plural, namespaced);
        failed |= delete_all(session, &resource, &part_of_flux(), args).await?;
    }
    action("deleting toolkit.fluxcd.io finalizers in all namespaces");
    let is_ours = |r: &Resource| r.group.ends_with(".toolkit.fluxcd.io");
    failed |= remove_finalizers(session, args, is_ours, |finalizer| finalizer == FINALIZER).await?;
    action("deleting toolkit.fluxcd.io custom resource definitions");
    failed |= delete_all(session, &definitions(), &part_of_flux(), args).await?;
    if !args.keep_namespace {
        let namespaces = Resource::known("", "v1", "Namespace", "namespaces", false);
        failed |= delete_one(session, &namespaces, "", &session.namespace.clone(), args).await;
    }
    Ok(failed)
}

fn is_argocd_finalizer(finalizer: &str) -> bool {
    finalizer.contains("finalizer.argocd.argoproj.io")
}

async fn delete_all(session: &Session, resource: &Resource, which: &ListOptions, args: &UninstallArgs) -> Result<u8> {
    let namespace = if resource.namespaced { session.namespace.as_str() } else { "" };
    let mut found = session.cluster.list(resource, namespace, which).await?.items;
    found.sort_by(|a, b| apply_order(&b.key(), &a.key()));
    let mut failed = 0;
    for object in found {
        failed |= delete_one(session, resource, object.namespace(), object.name(), args).await;
    }
    Ok(failed)
}

async fn delete_one(session: &Session, resource: &Resource, namespace: &str, name: &str, args: &UninstallArgs) -> u8 {
    let options = DeleteOptions { dry_run: args.dry_run, ..DeleteOptions::default() };
    let suffix = if args.dry_run { " (dry run)" } else { "" };
    match session.cluster.delete(resource, namespace, name, &options).await {
        Ok(_) => success(&format!("{}/{name} deleted{suffix}", resource.kind)),
        Err(e) if e.is_not_found() => {}
        Err(e) => {
            failure(&format!("{}/{name} deletion failed: {e}", resource.kind));
            return 1;
        }
    }
    0
}

/// What was deployed stays: without its finalizer a resource goes without deleting anything.
async fn remove_finalizers(
    session: &Session,
    args: &UninstallArgs,
    is_ours: impl Fn(&Resource) -> bool,
    is_finalizer: impl Fn(&str) -> bool,
) -> Result<u8> {
    let mut failed = 0;
    let catalog = session.cluster.catalog().await?;
    let ours = catalog.resources().iter().filter(|r| is_ours(r) && r.supports("list") && !r.plural.contains('/'));
    for resource in ours {
        let found = match session.cluster.list_metadata(resource, "", &ListOptions::default()).await {
            Ok(found) => found.items,
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            Err(e) => return Err(e.into()),
        };
        for object in found.iter().filter(|o| o.finalizers().any(&is_finalizer)) {
            // Those of others stay, whatever they wait for; a list that changed meanwhile is not written over.
            let kept: belay_object::Value = object.finalizers().filter(|f| !is_finalizer(f)).collect();
            let mut patch = object! {};
            patch.set(&["metadata", "finalizers"], kept);
            patch.set(&["metadata", "resourceVersion"], object.resource_version());
            let patch = Patch::Merge(patch);
            let options =
                WriteOptions { field_manager: CLI_MANAGER.into(), dry_run: args.dry_run, ..WriteOptions::default() };
            match session.cluster.patch(resource, object.namespace(), object.name(), &patch, &options).await {
                Ok(_) => {
                    success(&format!("{}/{}/{} finalizers deleted", resource.kind, object.namespace(), object.name()))
                }
                Err(e) if e.is_not_found() => {}
                Err(e) => {
                    failure(&format!("{}/{} removing finalizers failed: {e}", resource.kind, object.name()));
                    failed = 1;
                }
            }
        }
    }
    Ok(failed)
}
