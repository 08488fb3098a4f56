//! Starts the controller of HelmReleases: at once, or when their definition comes. An installation
//! without Helm's kinds is one of its own right.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Cluster, ViewScope, Views};
use belay_controller::{QueueOptions, WorkQueue, Written};
use belay_engine::WakeReason;
use belay_engine::release::Releases;
use belay_object::{GroupKind, ObjectKey};
use parking_lot::Mutex;
use tokio::task::JoinSet;

use crate::helm_release::{HelmReleases, LoadedCharts};
use crate::names::{HELM_CONTROLLER, HELM_GROUP, HELM_RELEASE};
use crate::shared::{Helm, HelmReferences, Name, Shared};
use crate::target::Targets;

/// The definition of HelmReleases.
const DEFINITION: &str = "helmreleases.helm.toolkit.fluxcd.io";

/// Whether HelmReleases are served.
pub(super) async fn is_served(cluster: &Cluster) -> bool {
    match cluster.resolve(&GroupKind::new(HELM_GROUP, HELM_RELEASE.kind)).await {
        Ok(_) => true,
        Err(e) => {
            tracing::info!(error = %e, "Helm releases are followed when their definition is installed");
            false
        }
    }
}

/// What the controller of HelmReleases follows.
pub(super) fn helm(views: &Views<belay_cluster::CrSummary>, scope: &ViewScope) -> Helm {
    Helm {
        releases: views.view(&Shared::resource(&HELM_RELEASE), scope),
        written_releases: Written::default(),
        release_queue: WorkQueue::new(QueueOptions::default()),
        references: HelmReferences::default(),
    }
}

/// Runs the controller, after waiting for the definition where it is not there.
pub(super) async fn run(shared: Arc<Shared>, scope: ViewScope) {
    if shared.helm.get().is_none() {
        shared.cluster.established(DEFINITION).await;
        tracing::info!("the definition of Helm releases is installed: they are followed");
    }
    let helm = shared.helm.get_or_init(|| helm(&shared.views, &scope));
    for object in helm.releases.objects() {
        helm.references.set_release(&Name::of(&object), Some(&object));
        helm.release_queue.add(Name::of(&object));
    }
    let mut tasks = JoinSet::new();
    spawn(&mut tasks, &shared, helm);
    while tasks.join_next().await.is_some() {}
}

fn spawn(tasks: &mut JoinSet<()>, shared: &Arc<Shared>, helm: &Helm) {
    let weak = Arc::downgrade(shared);
    let wake = move |release: &ObjectKey, _: WakeReason, pause: Duration| {
        let Some(shared) = weak.upgrade() else { return };
        let Some(helm) = shared.helm.get() else { return };
        helm.release_queue.add_after(Name::new(&release.namespace, &release.name), pause);
    };
    let releases = Arc::new(HelmReleases {
        shared: shared.clone(),
        releases: Arc::new(Releases::new(HELM_CONTROLLER, &format!("{HELM_GROUP}/name"), Arc::new(wake))),
        targets: Targets::new(shared.cluster.clone(), Arc::new(shared.leadership.clone()), &shared.settings),
        resource: Shared::resource(&HELM_RELEASE),
        charts: LoadedCharts::default(),
        templates: Arc::default(),
        under_way: Mutex::default(),
        capabilities: Mutex::default(),
    });
    tasks.spawn(belay_controller::run(
        helm.release_queue.clone(),
        shared.settings.concurrent,
        move |name: Name| {
            let controller = releases.clone();
            async move { controller.reconcile(name).await }
        },
        |name, why| tracing::error!(release = ?name, panic = why, "held back after repeated panics"),
    ));
}
