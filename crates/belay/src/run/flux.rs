//! Flux's controllers in `belay run`.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use belay_cli::Global;
use belay_flux::{Controllers, Options, Settings, names};
use tokio::sync::watch;

use super::lead::{Held, lead};
use super::{End, Ground, PATIENCE, RunArgs, definitions, listen, system};
use crate::rivals::Rivals;

/// What must be defined before anything can be done; HelmReleases and other sources may come later.
const NEEDED: [definitions::Needed; 2] = [
    (names::SOURCE_GROUP, names::GIT_REPOSITORY.kind, names::GIT_REPOSITORY.plural),
    (names::KUSTOMIZE_GROUP, names::KUSTOMIZATION.kind, names::KUSTOMIZATION.plural),
];

/// Runs them until all is to end.
pub(super) async fn run(ground: &Ground<'_>, rivals: &Rivals, halted: watch::Receiver<bool>) -> Result<End> {
    let args = ground.args;
    system(
        &ground.face.flux,
        halted,
        async |terms| begin(ground, terms).await,
        async |leadership| {
            let mut settings = settings(ground.global, args);
            settings.claimed_elsewhere = rivals.seen_by_flux();
            let controllers = Controllers::start(Options {
                cluster: ground.cluster.clone(),
                settings,
                leadership,
                storage: ground.storage.clone(),
                artifacts: listen(&args.storage_addr).parse::<SocketAddr>().context("--storage-addr is no address")?,
                advertised: args.storage_adv_addr.clone(),
                egress: belay_net::Egress::default(),
            })
            .await?;
            rivals.flux_keeps(controllers.keeper());
            *ground.memos[0].lock() = Some(controllers.memo().clone());
            tracing::info!(artifacts = %controllers.artifacts, "the controllers of Flux's resources run");
            Ok(controllers)
        },
        // Flux's own take the same Leases.
        std::future::pending(),
        async |controllers| controllers.stop(PATIENCE).await,
    )
    .await
}

/// Waits for the definitions, then takes the Leases of Flux's controllers, so that a Flux that still runs
/// and this process never work at the same time.
async fn begin(ground: &Ground<'_>, terms: &mut Vec<Held>) -> Result<()> {
    definitions::served(&ground.cluster, &NEEDED, |missing| {
        ground.face.flux.idle();
        tracing::info!(
            missing,
            "Flux's definitions are not installed; its controllers start when they are (belay install)"
        );
    })
    .await;
    ground.face.flux.wait();
    let namespace = std::env::var("RUNTIME_NAMESPACE").unwrap_or_else(|_| ground.global.namespace.clone());
    let leases = [names::SOURCE_LEASE, names::KUSTOMIZE_LEASE, names::HELM_LEASE];
    *terms = lead(&ground.cluster, ground.args, &namespace, &leases).await?;
    Ok(())
}

fn settings(global: &Global, args: &RunArgs) -> Settings {
    Settings {
        concurrent: args.concurrent,
        requeue_dependency: args.requeue_dependency,
        no_cross_namespace_refs: args.no_cross_namespace_refs,
        default_service_account: args.default_service_account.clone(),
        override_managers: args.override_manager.clone(),
        interval_jitter_percent: args.interval_jitter_percentage,
        kubeconfig_exec: args.insecure_kubeconfig_exec,
        kubeconfig_insecure_tls: args.insecure_kubeconfig_tls,
        namespace: if args.watch_all_namespaces { String::new() } else { global.namespace.clone() },
        label_selector: args.watch_label_selector.clone(),
        configs_label_selector: args.watch_configs_label_selector.clone(),
        ..Settings::default()
    }
}
