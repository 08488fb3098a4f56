//! Argo CD's controller in `belay run`.

use std::time::Duration;

use anyhow::Result;
use belay_argo::controller::{Controllers, Options, Settings};
use belay_cluster::{Cluster, ErrorKind, ListOptions, Resource};
use belay_object::Value;
use clap::Args;
use tokio::sync::watch;

use super::lead::{Held, lead, leadership, lost, resign};
use super::{End, Ground, PATIENCE, definitions, halt_of};
use crate::rivals::Rivals;

/// The Lease of Belay's controller of Applications; Argo CD's own takes none.
const LEASE: &str = "belay-application-controller";
/// The label by which Argo CD's own controller is found, whoever installed it.
const CONTROLLER: &str = "app.kubernetes.io/name=argocd-application-controller";
/// How soon to look again whether Argo CD's own controller still runs.
const AGAIN: Duration = Duration::from_secs(10);

const NEEDED: [definitions::Needed; 2] =
    [("argoproj.io", "Application", "applications"), ("argoproj.io", "AppProject", "appprojects")];

/// Argo CD's flags.
#[derive(Args, Debug)]
pub struct ArgocdArgs {
    /// Argo CD's control-plane namespace: projects, settings and credentials stand there
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd")]
    argocd_namespace: String,
    /// Namespaces besides it in which Applications are followed: globs or /regular expressions/; goes before
    /// application.namespaces of argocd-cmd-params-cm
    #[arg(long, env = "ARGOCD_APPLICATION_NAMESPACES", value_delimiter = ',')]
    application_namespaces: Vec<String>,
    /// Applications worked on at once
    #[arg(long, env = "ARGOCD_APPLICATION_CONTROLLER_STATUS_PROCESSORS", default_value_t = 20)]
    status_processors: usize,
}

/// Runs it until all is to end.
pub(super) async fn run(ground: &Ground<'_>, rivals: &Rivals, halted: watch::Receiver<bool>) -> Result<End> {
    let mut terms = Vec::new();
    tokio::select! {
        begun = begin(ground, &mut terms) => begun?,
        () = halt_of(halted.clone()) => {
            resign(terms).await;
            return Ok(End::Asked);
        }
    }
    let args = &ground.args.argocd;
    let controllers = Controllers::start(Options {
        cluster: ground.cluster.clone(),
        settings: Settings {
            namespace: args.argocd_namespace.clone(),
            concurrent: args.status_processors,
            application_namespaces: args.application_namespaces.clone(),
            claimed_elsewhere: rivals.seen_by_argocd(),
        },
        leadership: leadership(&terms),
        storage: ground.storage.join("argocd"),
        egress: belay_net::Egress::default(),
        outside: belay_cli::helm::outside,
    })
    .await?;
    rivals.argocd_keeps(controllers.keeper());
    let _ = ground.memos[1].set(controllers.memo().clone());
    ground.face.argocd.ready();
    tracing::info!(namespace = args.argocd_namespace, "the controller of Applications runs");
    let end = tokio::select! {
        (lease, why) = lost(&terms) => End::Lost(lease, why),
        () = halt_of(halted) => End::Asked,
    };
    ground.face.argocd.wait();
    controllers.stop(PATIENCE).await;
    resign(terms).await;
    Ok(end)
}

/// Waits for the definitions, for an end of Argo CD's own controller, and for our Lease.
async fn begin(ground: &Ground<'_>, terms: &mut Vec<Held>) -> Result<()> {
    definitions::served(&ground.cluster, &NEEDED, |missing| {
        ground.face.argocd.idle();
        tracing::info!(
            missing,
            "Argo CD's definitions are not installed; its controller starts when they are (belay install --systems=argocd)"
        );
    })
    .await;
    ground.face.argocd.wait();
    let namespace = &ground.args.argocd.argocd_namespace;
    alone(&ground.cluster, namespace).await;
    *terms = lead(&ground.cluster, ground.args, namespace, &[LEASE]).await?;
    Ok(())
}

/// Waits until Argo CD's own controller does not run: it takes no Lease, so it is found by its workload.
async fn alone(cluster: &Cluster, namespace: &str) {
    let mut told = false;
    loop {
        match running(cluster, namespace).await {
            Ok(None) => return,
            Ok(Some(workload)) if !std::mem::replace(&mut told, true) => tracing::warn!(
                workload,
                namespace,
                "Argo CD's own controller runs here; waiting for it to be scaled to 0, so that never two work at once"
            ),
            Ok(Some(_)) => {}
            // Who may not look is not kept out for ever.
            Err(error) if error.kind() == ErrorKind::Forbidden => {
                tracing::warn!(%error, namespace, "cannot look whether Argo CD's own controller runs; taken as that it does not");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, namespace, "cannot look whether Argo CD's own controller runs; trying again")
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The workload of Argo CD's own controller that has pods, if any.
async fn running(cluster: &Cluster, namespace: &str) -> belay_cluster::Result<Option<String>> {
    for (kind, plural) in [("StatefulSet", "statefulsets"), ("Deployment", "deployments")] {
        let resource = Resource::known("apps", "v1", kind, plural, true);
        let options = ListOptions { labels: CONTROLLER.to_owned(), ..ListOptions::default() };
        let found = cluster.list(&resource, namespace, &options).await?.items;
        let has_pods = |o: &&belay_object::Object| {
            let count = |path: &[&str]| o.at(path).and_then(Value::as_i64);
            count(&["status", "replicas"]).unwrap_or_default() > 0 || count(&["spec", "replicas"]).unwrap_or(1) > 0
        };
        if let Some(workload) = found.iter().find(has_pods) {
            return Ok(Some(format!("{kind}/{}", workload.name())));
        }
    }
    Ok(None)
}
