//! `belay check`: what must be there before, and what is there after an installation.

use anyhow::Result;
use belay_cluster::{ListOptions, Resource};
use belay_flux::names::{GIT_REPOSITORY, KUSTOMIZATION, PART_OF, VERSION};
use belay_object::{Object, Value};

use crate::args::{CheckArgs, Global};
use crate::connect::{Session, connect};
use crate::output::{action, failure, success};

/// The oldest Kubernetes that is supported. Compat(flux 2.9).
const OLDEST: (u32, u32) = (1, 33);

pub async fn check(global: &Global, args: &CheckArgs) -> Result<u8> {
    action("checking prerequisites");
    let session = connect(global).await?;
    let mut well = kubernetes(&session).await;
    if args.pre {
        if well {
            success("prerequisites checks passed");
        }
        return Ok(u8::from(!well));
    }
    let argocd = argocd_definitions(&session).await?;
    action("checking version in cluster");
    let has_flux = distribution(&session, argocd.is_empty()).await?;
    // Either system alone is an installation.
    well &= has_flux || !argocd.is_empty();
    action("checking controllers");
    well &= controllers(&session, global, args).await?;
    action("checking crds");
    if has_flux || argocd.is_empty() {
        well &= definitions(&session).await?;
    }
    if !argocd.is_empty() {
        well &= settings(&session, &argocd).await?;
    }
    if well {
        success("all checks passed");
    }
    Ok(u8::from(!well))
}

async fn kubernetes(session: &Session) -> bool {
    let version = match session.cluster.version().await {
        Ok(version) => version,
        Err(e) => {
            failure(&format!("Kubernetes API call failed: {e}"));
            return false;
        }
    };
    let number = version.trim_start_matches('v');
    let mut parts = number.split(['.', '-', '+']).map(|p| p.parse::<u32>().unwrap_or_default());
    let found = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let wanted = format!(">={}.{}.0-0", OLDEST.0, OLDEST.1);
    if found < OLDEST {
        failure(&format!("Kubernetes version {number} does not match {wanted}"));
        return false;
    }
    success(&format!("Kubernetes {number} {wanted}"));
    true
}

fn crd() -> std::sync::Arc<Resource> {
    Resource::known("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", false)
}

async fn distribution(session: &Session, is_needed: bool) -> Result<bool> {
    let Some(found) = session.cluster.find(&crd(), "", &GIT_REPOSITORY.definition_name()).await? else {
        match is_needed {
            true => failure("flux is not installed: run `belay install`"),
            false => success("flux is not installed"),
        }
        return Ok(false);
    };
    success(&format!("distribution: {}-{}", PART_OF.1, found.label(VERSION).unwrap_or("unknown")));
    let bootstrapped = found.label("kustomize.toolkit.fluxcd.io/name").is_some();
    success(&format!("bootstrapped: {bootstrapped}"));
    Ok(true)
}

async fn controllers(session: &Session, global: &Global, args: &CheckArgs) -> Result<bool> {
    let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
    let options = part_of_flux();
    let found = session.cluster.list(&deployments, &session.namespace, &options).await?.items;
    if found.is_empty() {
        success("no controllers in the cluster: they are expected to run elsewhere, with `belay run`");
        return Ok(true);
    }
    let mut well = true;
    for deployment in found {
        let name = deployment.name().to_owned();
        let ready = deployed(session, deployment, global.timeout, args.poll_interval).await?;
        match &ready {
            Ok(images) => {
                success(&format!("{name}: deployment ready"));
                images.iter().for_each(|image| action(image));
            }
            Err(why) => failure(&format!("{name}: {why}")),
        }
        well &= ready.is_ok();
    }
    Ok(well)
}

/// Waits until a Deployment is as it should be; gives its images.
pub async fn deployed(
    session: &Session,
    mut deployment: Object,
    timeout: std::time::Duration,
    poll: std::time::Duration,
) -> Result<Result<Vec<String>, String>> {
    let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
    let deadline = std::time::Instant::now() + timeout;
    loop {
        let health = belay_health::check(&deployment, jiff::Timestamp::now());
        if health.is_current() {
            let containers = deployment.at(&["spec", "template", "spec", "containers"]).map_or(&[][..], Value::items);
            return Ok(Ok(containers.iter().filter_map(|c| c.str_at(&["image"])).map(str::to_owned).collect()));
        }
        if health.is_failed() || std::time::Instant::now() >= deadline {
            return Ok(Err(format!("deployment not ready: {health}")));
        }
        tokio::time::sleep(poll.min(std::time::Duration::from_millis(500))).await;
        deployment = session.cluster.get(&deployments, deployment.namespace(), deployment.name()).await?;
    }
}

async fn definitions(session: &Session) -> Result<bool> {
    let mut found = session.cluster.list(&crd(), "", &part_of_flux()).await?.items;
    found.sort_by(|a, b| a.name().cmp(b.name()));
    for definition in &found {
        let versions = definition.at(&["status", "storedVersions"]).map_or(&[][..], Value::items);
        let versions: Vec<&str> = versions.iter().filter_map(Value::as_str).collect();
        success(&format!("{}/{}", definition.name(), versions.join(",")));
    }
    let mut well = true;
    for kind in [&GIT_REPOSITORY, &KUSTOMIZATION] {
        if !found.iter().any(|d| d.name() == kind.definition_name()) {
            failure(&format!("{} is not installed: run `belay install`", kind.definition_name()));
            well = false;
        }
    }
    Ok(well)
}

/// Argo CD's definitions, by name.
async fn argocd_definitions(session: &Session) -> Result<Vec<Object>> {
    let mut found = Vec::new();
    for wanted in belay_argo::crds::crds() {
        found.extend(session.cluster.find(&crd(), "", wanted.name()).await?);
    }
    Ok(found)
}

/// What Argo CD's resources need besides their definitions: the default project, and settings that can be read.
async fn settings(session: &Session, definitions: &[Object]) -> Result<bool> {
    for definition in definitions {
        let versions = definition.at(&["status", "storedVersions"]).map_or(&[][..], Value::items);
        let versions: Vec<&str> = versions.iter().filter_map(Value::as_str).collect();
        success(&format!("{}/{}", definition.name(), versions.join(",")));
    }
    let mut well = definitions.len() == belay_argo::crds::crds().len();
    if !well {
        failure("one of Argo CD's definitions is not installed: run `belay install --systems=argocd`");
    }
    let namespace = std::env::var("ARGOCD_NAMESPACE").unwrap_or_else(|_| "argocd".to_owned());
    action(&format!("checking Argo CD's settings in {namespace} namespace"));
    match session.cluster.find(&belay_argo::names::projects(), &namespace, "default").await {
        Ok(Some(_)) => success("project default"),
        _ => {
            failure("there is no project default: Applications without a project are refused");
            well = false;
        }
    }
    let config = belay_argo::controller::preview::configuration(&session.cluster, &namespace).await?;
    match config.settings.warnings.as_slice() {
        [] => success("argocd-cm and the other settings can be read"),
        some => some.iter().for_each(|why| crate::output::warning(why)),
    }
    Ok(well)
}

/// Selects what belongs to Flux.
pub fn part_of_flux() -> ListOptions {
    ListOptions { labels: format!("{}={}", PART_OF.0, PART_OF.1), ..ListOptions::default() }
}
