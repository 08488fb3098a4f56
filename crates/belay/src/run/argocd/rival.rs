//! Argo CD's own controller: never works at the same time as ours.
//!
//! It takes no Lease, so it is found by its workload. Watches say when it comes and goes: looking costs no
//! request. Who may not look is not kept out for ever.

use std::collections::HashSet;

use belay_argo::controller::has_pods;
use belay_cluster::{Cluster, ErrorKind, Follow, FollowEvent, FollowOptions, Resource};

/// The label by which it is found, whoever installed it.
const CONTROLLER: &str = "app.kubernetes.io/name=argocd-application-controller";
/// The kinds of its workload.
const KINDS: [(&str, &str); 2] = [("StatefulSet", "statefulsets"), ("Deployment", "deployments")];

/// The workloads of one kind that have pods.
struct Workloads {
    kind: &'static str,
    follow: Follow,
    running: HashSet<String>,
    is_known: bool,
}

impl Workloads {
    fn of(cluster: &Cluster, namespace: &str) -> [Workloads; 2] {
        KINDS.map(|(kind, plural)| {
            let resource = Resource::known("apps", "v1", kind, plural, true);
            let options = FollowOptions { labels: CONTROLLER.to_owned(), ..FollowOptions::default() };
            let follow = cluster.follow(&resource, namespace, options);
            Workloads { kind, follow, running: HashSet::new(), is_known: false }
        })
    }

    /// Waits for news; what is wrong, if the cluster does not let us look.
    async fn news(&mut self) -> Option<belay_cluster::Error> {
        match self.follow.next().await {
            FollowEvent::Restart => self.running.clear(),
            FollowEvent::Synced => self.is_known = true,
            FollowEvent::Applied(object) if has_pods(&object) => drop(self.running.insert(object.name().to_owned())),
            FollowEvent::Applied(object) | FollowEvent::Deleted(object) => drop(self.running.remove(object.name())),
            FollowEvent::Trouble(error) => return Some(error),
            FollowEvent::Recovered => {}
        }
        None
    }

    fn one(&self) -> Option<String> {
        Some(format!("{}/{}", self.kind, self.running.iter().next()?))
    }
}

/// Waits until it does not run.
pub(super) async fn gone(cluster: &Cluster, namespace: &str) {
    let [mut sets, mut deployments] = Workloads::of(cluster, namespace);
    let mut told = false;
    loop {
        let trouble = tokio::select! {
            trouble = sets.news() => trouble,
            trouble = deployments.news() => trouble,
        };
        if let Some(error) = trouble {
            if error.kind() == ErrorKind::Forbidden {
                tracing::warn!(%error, namespace, "cannot look whether Argo CD's own controller runs; taken as that it does not");
                return;
            }
            tracing::warn!(%error, namespace, "cannot look whether Argo CD's own controller runs; trying again");
        }
        if !(sets.is_known && deployments.is_known) {
            continue;
        }
        match sets.one().or_else(|| deployments.one()) {
            None => return,
            Some(workload) if !std::mem::replace(&mut told, true) => tracing::warn!(
                workload,
                namespace,
                "Argo CD's own controller runs here; waiting for it to be scaled to 0, so that never two work at once"
            ),
            Some(_) => {}
        }
    }
}

/// Waits until it runs; gives its workload.
pub(super) async fn appears(cluster: &Cluster, namespace: &str) -> String {
    let [mut sets, mut deployments] = Workloads::of(cluster, namespace);
    loop {
        let trouble = tokio::select! {
            trouble = sets.news() => trouble,
            trouble = deployments.news() => trouble,
        };
        if trouble.is_some_and(|error| error.kind() == ErrorKind::Forbidden) {
            // It was told when ours began.
            return std::future::pending().await;
        }
        if let Some(workload) = sets.one().or_else(|| deployments.one()) {
            return workload;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use belay_apiserver::{Options, Server};
    use belay_object::{Object, object};

    use super::*;

    /// Its workload in `argocd`, with so many pods wanted.
    fn workload(server: &Server, kind: &str, replicas: i64) {
        let user = server.handle("kubectl");
        let mut object = Object::of("apps/v1", kind, "argocd", "argocd-application-controller");
        let labels = object! { "app.kubernetes.io/name" => "argocd-application-controller" };
        object.set(&["metadata", "labels"], labels.clone());
        object.set(&["spec", "replicas"], replicas);
        object.set(&["spec", "selector", "matchLabels"], labels.clone());
        object.set(&["spec", "template", "metadata", "labels"], labels);
        let container = object! { "name" => "c", "image" => "argocd" };
        object.set(&["spec", "template", "spec", "containers"], [container]);
        if kind == "StatefulSet" {
            object.set(&["spec", "serviceName"], "none");
        }
        user.apply(&object, true).unwrap_or_else(|e| panic!("{e:?}"));
    }

    async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(30), future).await.unwrap_or_else(|_| panic!("not in time: {what}"))
    }

    #[tokio::test]
    async fn it_is_waited_for_and_seen_when_it_comes() {
        // Nothing simulates workloads: what is wanted counts.
        let server = Server::new(Options::default());
        server.handle("kubectl").apply(&Object::of("v1", "Namespace", "", "argocd"), true).unwrap();
        let cluster = Cluster::from_service("embedded", server.clone());
        soon("nothing runs", gone(&cluster, "argocd")).await;
        for kind in ["StatefulSet", "Deployment"] {
            workload(&server, kind, 1);
            assert_eq!(
                soon("it runs", appears(&cluster, "argocd")).await,
                format!("{kind}/argocd-application-controller")
            );
            let waits = tokio::spawn({
                let cluster = cluster.clone();
                async move { gone(&cluster, "argocd").await }
            });
            let elsewhere = tokio::time::timeout(Duration::from_millis(300), appears(&cluster, "shop")).await;
            assert!(elsewhere.is_err(), "other namespaces do not matter");
            assert!(!waits.is_finished(), "{kind}: it runs");
            workload(&server, kind, 0);
            soon("it is scaled to 0", waits).await.unwrap();
        }
    }
}
