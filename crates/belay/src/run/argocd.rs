//! Argo CD's controller in `belay run`, and its API.

mod rival;

use std::convert::Infallible;

use anyhow::Result;
use belay_argo::controller::{Controllers, Mirrors, Options, Settings};
use belay_cluster::{CrSummary, Views};
use clap::Args;
use tokio::sync::watch;

use super::lead::{Held, lead};
use super::{End, Ground, PATIENCE, definitions, system};
use crate::api::ApiFlags;
use crate::rivals::Rivals;

/// The Lease of Belay's controller of Applications; Argo CD's own takes none.
const LEASE: &str = "belay-application-controller";

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
    /// Where Argo CD's API is served, such as :8080; nowhere where not given
    #[arg(long, value_name = "ADDRESS")]
    pub(super) api_addr: Option<String>,
    #[command(flatten)]
    pub(super) api: ApiFlags,
}

/// Runs it, and the API beside it, until all is to end.
pub(super) async fn run(ground: &Ground<'_>, rivals: &Rivals, halted: watch::Receiver<bool>) -> Result<End> {
    let mirrors = crate::api::mirrors(&ground.storage.join("argocd"))?;
    let views = crate::api::views(&ground.cluster);
    let serving = api(ground, views.clone(), mirrors.clone());
    let controlling = async {
        loop {
            match controlled(ground, rivals, halted.clone(), (views.clone(), mirrors.clone())).await? {
                End::Yielded(workload) => tracing::warn!(
                    workload,
                    "Argo CD's own controller runs again; ours has ended and waits for it to be scaled to 0"
                ),
                end => return Ok(end),
            }
        }
    };
    tokio::select! {
        ended = controlling => ended,
        never = serving => match never {},
    }
}

/// Runs the controller until all is to end, or Argo CD's own appears.
async fn controlled(
    ground: &Ground<'_>,
    rivals: &Rivals,
    halted: watch::Receiver<bool>,
    (views, mirrors): (Views<CrSummary>, Mirrors),
) -> Result<End> {
    let args = &ground.args.argocd;
    system(
        &ground.face.argocd,
        halted,
        async |terms| begin(ground, terms).await,
        async |leadership| {
            let controllers = Controllers::start(Options {
                cluster: ground.cluster.clone(),
                settings: Settings {
                    namespace: args.argocd_namespace.clone(),
                    concurrent: args.status_processors,
                    application_namespaces: args.application_namespaces.clone(),
                    claimed_elsewhere: rivals.seen_by_argocd(),
                },
                leadership,
                mirrors,
                views: Some(views),
                outside: belay_cli::helm::outside,
            })
            .await?;
            rivals.argocd_keeps(controllers.keeper());
            *ground.memos[1].lock() = Some(controllers.memo().clone());
            *ground.counted.lock() = Some(controllers.metrics().clone());
            tracing::info!(namespace = args.argocd_namespace, "the controller of Applications runs");
            Ok(controllers)
        },
        rival::appears(&ground.cluster, &args.argocd_namespace),
        async |controllers| controllers.stop(PATIENCE).await,
    )
    .await
}

/// Serves the API where it is wanted, as soon as the definitions are there; it needs no Lease, since what it
/// writes somebody asked for.
async fn api(ground: &Ground<'_>, views: Views<CrSummary>, mirrors: Mirrors) -> Infallible {
    let Some(listener) = ground.api.lock().take() else { return std::future::pending().await };
    definitions::served(&ground.cluster, &NEEDED, |_| {}).await;
    let args = &ground.args.argocd;
    let namespace = args.argocd_namespace.clone();
    let application_namespaces = args.application_namespaces.clone();
    let cluster = ground.cluster.clone();
    let served = crate::api::Ground { cluster, namespace, application_namespaces, views, mirrors };
    crate::api::serve(listener, &args.api, served, |what| tracing::info!("Argo CD's API: {what}")).await
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
    rival::gone(&ground.cluster, namespace).await;
    *terms = lead(&ground.cluster, ground.args, namespace, &[LEASE]).await?;
    Ok(())
}
