//! Objects of hooks, as the engine makes them: what stands in the cluster decides, not what a watch remembers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Cluster, Propagation};
use belay_engine::Target;
use belay_engine::sync::{Advanced, Site, Surroundings, advance};
use belay_object::{Object, ObjectKey};
use belay_plan::sync::{HookPolicy, Seen, Settings, Sync, SyncPhase, Task, TaskResult};
use belay_plan::{OwnerName, Protection, Takeover};

/// A watch that has shown nothing.
struct Blind;

impl Surroundings for Blind {
    fn live(&self, _: &ObjectKey) -> Option<Arc<Object>> {
        None
    }
    fn is_ours(&self, _: &Object) -> bool {
        true
    }
    fn is_others(&self, _: &Object) -> bool {
        false
    }
    fn goes_with_namespace(&self, _: &Object) -> bool {
        true
    }
    fn health(&self, live: &Object) -> Seen {
        match live.str_at(&["data", "done"]) {
            Some("true") => Seen::Healthy(String::new()),
            _ => Seen::Progressing(String::new()),
        }
    }
    fn record<'a>(
        &'a self,
        _: Vec<TaskResult>,
        _: &'a str,
    ) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        Box::pin(async { Ok(()) })
    }
}

fn site(cluster: &Cluster, operation: &str) -> Site {
    Site {
        target: Target {
            id: "embedded".into(),
            cluster: cluster.clone(),
            acting: cluster.clone(),
            elsewhere: Default::default(),
        },
        manager: "argocd-controller".into(),
        takeover: Takeover::default(),
        protection: Protection::default(),
        owner: OwnerName { namespace: "argocd".into(), name: "one".into() },
        hook_finalizer: "argocd.argoproj.io/hook-finalizer".into(),
        mark: ("belay.dev/operation".into(), operation.into()),
        propagation: Propagation::Background,
        dry_run: false,
        pause: Duration::ZERO,
        tells_server_side: false,
    }
}

/// INV-ACT-14
#[tokio::test(flavor = "multi_thread")]
async fn a_hook_that_no_watch_has_shown_is_made_anew_by_the_next_operation_and_not_by_the_same() {
    let server = belay_apiserver::Server::new(belay_apiserver::Options::default());
    let user = server.handle("kubectl");
    let namespace = Object::of("v1", "Namespace", "", "shop");
    user.apply(&namespace, true).unwrap();
    let cluster = Cluster::from_service("embedded", server.clone());
    let target = Arc::new(Object::of("v1", "ConfigMap", "shop", "migrate"));
    let uid = || user.get("", "configmaps", "shop", "migrate").map(|found| found.object().uid().to_owned());
    let run = async |operation: &str| {
        let mut task = Task::new(SyncPhase::PreSync, 0, Some(target.clone()), None);
        task.hook = Some(HookPolicy::default());
        let mut sync = Sync::new(vec![task], &[], Settings::default());
        let advanced = advance(&mut sync, &site(&cluster, operation), &Blind).await;
        let Advanced::Waiting { message, .. } = advanced else { panic!("{advanced:?}") };
        assert_eq!(message, "waiting for completion of hook /ConfigMap/migrate");
        uid().expect("it is there")
    };
    let first = run("u/1").await;
    // A process that takes over before anything is recorded or shown takes it as made.
    assert_eq!(run("u/1").await, first);
    assert_ne!(run("u/2").await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_takes_nothing_off_the_object_of_a_hook() {
    let server = belay_apiserver::Server::new(belay_apiserver::Options::default());
    let user = server.handle("kubectl");
    user.apply(&Object::of("v1", "Namespace", "", "shop"), true).unwrap();
    let mut left = Object::of("v1", "ConfigMap", "shop", "migrate");
    left.set(&["metadata", "finalizers"], vec![belay_object::Value::from("argocd.argoproj.io/hook-finalizer")]);
    user.apply(&left, true).unwrap();
    let held = || {
        let found = user.get("", "configmaps", "shop", "migrate").expect("it is there");
        found.object().finalizers().count()
    };
    let cluster = Cluster::from_service("embedded", server.clone());
    let live = user.get("", "configmaps", "shop", "migrate").map(|found| Arc::new(found.object().clone()));
    let mut task =
        Task::new(SyncPhase::PreSync, 0, Some(Arc::new(Object::of("v1", "ConfigMap", "shop", "migrate"))), live);
    task.hook = Some(HookPolicy::default());
    let mut sync = Sync::new(vec![task], &[], Settings { dry_run: true, ..Settings::default() });
    let site = Site { dry_run: true, ..site(&cluster, "u/1") };
    let advanced = advance(&mut sync, &site, &Blind).await;
    assert!(matches!(advanced, Advanced::Ended { .. }), "{advanced:?}");
    assert_eq!(held(), 1);
}
