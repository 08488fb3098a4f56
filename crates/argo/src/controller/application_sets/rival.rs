//! Argo CD's own controller of ApplicationSets: never works at the same time as ours.
//!
//! It is found by its workload, which a watch follows. Applications are another controller's: that one may run there,
//! for generators that are not built here, while ours syncs what it makes. Who may not look is not kept out for ever.

use std::collections::HashSet;

use super::super::rival::has_pods;
use belay_cluster::{Cluster, ErrorKind, Follow, FollowEvent, FollowOptions, Resource};

/// The label by which it is found, whoever installed it.
const CONTROLLER: &str = "app.kubernetes.io/name=argocd-applicationset-controller";

/// Its workloads that have pods.
pub(super) struct Rival {
    follow: Follow,
    running: HashSet<String>,
    is_known: bool,
    is_told: bool,
}

impl Rival {
    pub fn of(cluster: &Cluster, namespace: &str) -> Rival {
        let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
        let options = FollowOptions { labels: CONTROLLER.to_owned(), ..FollowOptions::default() };
        let follow = cluster.follow(&deployments, namespace, options);
        Rival { follow, running: HashSet::new(), is_known: false, is_told: false }
    }

    /// Waits until it runs, or until it does not.
    pub async fn until(&mut self, runs: bool) {
        while !self.is_known || self.running.is_empty() == runs {
            match self.follow.next().await {
                FollowEvent::Restart => {
                    self.is_known = false;
                    self.running.clear();
                }
                FollowEvent::Synced => self.is_known = true,
                FollowEvent::Applied(found) if has_pods(&found) => drop(self.running.insert(found.name().to_owned())),
                FollowEvent::Applied(found) | FollowEvent::Deleted(found) => drop(self.running.remove(found.name())),
                FollowEvent::Trouble(error) if error.kind() == ErrorKind::Forbidden => match runs {
                    // It was told when ours began.
                    true => std::future::pending().await,
                    false => {
                        tracing::warn!(%error, "cannot look whether Argo CD's own ApplicationSet controller runs; taken as that it does not");
                        return;
                    }
                },
                FollowEvent::Trouble(_) | FollowEvent::Recovered => {}
            }
            if !runs && self.is_known && !self.running.is_empty() && !std::mem::replace(&mut self.is_told, true) {
                tracing::warn!(
                    "Argo CD's own ApplicationSet controller runs here; ApplicationSets wait for it to be scaled to 0, so that never two work at once"
                );
            }
        }
    }
}
