//! The client against the embedded API server: in the process, and once over TLS.

use std::sync::Arc;
use std::time::Duration;

use belay_apiserver::{Fault, FaultRule, Options, Server, Tls};
use belay_cluster::{
    ApplyOptions, Change, Cluster, CrSummary, DeleteOptions, ErrorKind, Identity, KubeconfigFlags, ListOptions, Patch,
    Resource, SecretKubeconfig, Verb, ViewScope, Views, WriteOptions,
};
use belay_controller::{
    Candidate, ElectionOptions, Event, EventKind, Involved, Leadership, Recorder, finalizer, status,
};
use belay_object::{GroupKind, Object, Value, from_json_str, object};

const PATIENCE: Duration = Duration::from_secs(20);

fn server() -> (Server, Cluster) {
    let server = Server::new(Options { bookmark_every: Duration::from_millis(100), ..Options::default() });
    let cluster = Cluster::from_service("embedded", server.clone());
    (server, cluster)
}
fn config_maps() -> Arc<Resource> {
    Resource::known("", "v1", "ConfigMap", "configmaps", true)
}
fn config_map(name: &str, value: &str) -> Object {
    let text = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}","namespace":"default","labels":{{"app":"shop"}}}},"data":{{"k":"{value}"}}}}"#
    );
    Object::new(from_json_str(&text).unwrap()).unwrap()
}
fn as_manager(field_manager: &str) -> ApplyOptions {
    ApplyOptions { field_manager: field_manager.into(), ..Default::default() }
}

#[tokio::test]
async fn an_object_is_applied_contested_patched_and_deleted() {
    let (_server, cluster) = server();
    let maps = cluster.resolve(&GroupKind::new("", "ConfigMap")).await.unwrap();
    assert!(cluster.find(&maps, "default", "a").await.unwrap().is_none());
    let first = cluster.apply(&maps, &config_map("a", "1"), &as_manager("one")).await.unwrap();
    let again = cluster.apply(&maps, &config_map("a", "1"), &as_manager("one")).await.unwrap();
    assert_eq!(first.resource_version(), again.resource_version());
    let error = cluster.apply(&maps, &config_map("a", "2"), &as_manager("two")).await.unwrap_err();
    assert!(error.is_field_conflict(), "{error}");
    let dry = ApplyOptions { force: true, dry_run: true, ..as_manager("two") };
    assert_eq!(cluster.apply(&maps, &config_map("a", "2"), &dry).await.unwrap().str_at(&["data", "k"]), Some("2"));
    assert_eq!(cluster.get(&maps, "default", "a").await.unwrap().str_at(&["data", "k"]), Some("1"));
    let merge = Patch::Merge(object! { "data" => object! { "k" => "3", "l" => "4" } });
    cluster.patch(&maps, "default", "a", &merge, &WriteOptions::default()).await.unwrap();
    let error = cluster.create(&maps, &config_map("a", "1"), &WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    let mut stale = first.clone();
    stale.set(&["data", "k"], "9");
    let error = cluster.replace(&maps, &stale, &WriteOptions::default()).await.unwrap_err();
    assert_eq!((error.kind(), error.is_field_conflict()), (ErrorKind::Conflict, false));
    // INV-ACT-2
    let other = DeleteOptions { uid: "another".into(), ..Default::default() };
    assert_eq!(cluster.delete(&maps, "default", "a", &other).await.unwrap_err().kind(), ErrorKind::Conflict);
    let ours = DeleteOptions { uid: first.uid().into(), ..Default::default() };
    assert!(cluster.delete(&maps, "default", "a", &ours).await.unwrap().is_none());
    assert!(cluster.delete(&maps, "default", "a", &ours).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn lists_are_paged_and_partial() {
    let (_server, cluster) = server();
    let maps = config_maps();
    for n in 0..25 {
        cluster.apply(&maps, &config_map(&format!("m{n:02}"), "1"), &as_manager("one")).await.unwrap();
    }
    let options = ListOptions { page_size: 10, labels: "app=shop".into(), ..Default::default() };
    let before = cluster.counters().of(Verb::List, "configmaps");
    let list = cluster.list(&maps, "default", &options).await.unwrap();
    assert_eq!((list.items.len(), cluster.counters().of(Verb::List, "configmaps") - before), (25, 3));
    assert!(list.items.iter().all(|o| o.kind() == "ConfigMap" && o.api_version() == "v1"));
    let partial = cluster.list_metadata(&maps, "", &options).await.unwrap();
    assert_eq!(partial.items.len(), 25);
    assert!(partial.items.iter().all(|o| o.kind() == "ConfigMap" && o.get("data").is_none()));
    assert!(cluster.version().await.unwrap().starts_with('v'));
}

const WIDGETS: &str = r#"{"apiVersion":"apiextensions.k8s.io/v1","kind":"CustomResourceDefinition","metadata":{"name":"widgets.example.com"},
"spec":{"group":"example.com","scope":"Namespaced","names":{"plural":"widgets","singular":"widget","kind":"Widget","shortNames":["wd"]},
"versions":[{"name":"v1","served":true,"storage":true,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}}]}}"#;

/// Waits until a kind is served: a definition is established a moment after it is written.
async fn resolved(cluster: &Cluster, kind: &GroupKind) -> Arc<Resource> {
    for _ in 0..200 {
        match cluster.resolve(kind).await {
            Ok(resource) => return resource,
            Err(error) => assert_eq!(error.kind(), ErrorKind::UnknownKind),
        }
        cluster.invalidate_discovery();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{kind} was not served in time");
}

#[tokio::test]
async fn a_kind_is_known_as_soon_as_its_definition_is_served() {
    let (_server, cluster) = server();
    let kind = GroupKind::new("example.com", "Widget");
    assert_eq!(cluster.resolve(&kind).await.unwrap_err().kind(), ErrorKind::UnknownKind);
    let definitions =
        cluster.resolve(&GroupKind::new("apiextensions.k8s.io", "CustomResourceDefinition")).await.unwrap();
    let definition = Object::new(from_json_str(WIDGETS).unwrap()).unwrap();
    cluster.apply(&definitions, &definition, &as_manager("one")).await.unwrap();
    let widgets = resolved(&cluster, &kind).await;
    assert!(widgets.namespaced && widgets.has_subresource("status"));
    assert_eq!(&*cluster.catalog().await.unwrap().find_name("wd").unwrap().plural, "widgets");

    let widget = r#"{"apiVersion":"example.com/v1","kind":"Widget","metadata":{"name":"a","namespace":"default"}}"#;
    let widget = Object::new(from_json_str(widget).unwrap()).unwrap();
    let stored = cluster.create(&widgets, &widget, &WriteOptions::default()).await.unwrap();
    let with = finalizer::add(&cluster, &widgets, &stored, "example.com/ours", "ours").await.unwrap();
    assert_eq!(with.finalizers().collect::<Vec<_>>(), ["example.com/ours"]);
    let mut ready = with.clone();
    ready.set(&["status", "phase"], "Ready");
    let ready = status::patch(&cluster, &widgets, &with, &ready, "us").await.unwrap().unwrap();
    assert_eq!((ready.str_at(&["status", "phase"]), ready.generation()), (Some("Ready"), 1));
    assert!(status::patch(&cluster, &widgets, &ready, &ready, "us").await.unwrap().is_none());
    let pending = cluster.delete(&widgets, "default", "a", &DeleteOptions::default()).await.unwrap().unwrap();
    assert!(pending.is_deleting());
    // What we hold is older than the deletion; the finalizer goes all the same.
    finalizer::remove(&cluster, &widgets, &ready, "example.com/ours", "ours").await.unwrap();
    assert!(cluster.find(&widgets, "default", "a").await.unwrap().is_none());

    cluster.delete(&definitions, "", "widgets.example.com", &DeleteOptions::default()).await.unwrap();
    for _ in 0..200 {
        if cluster.find(&widgets, "default", "a").await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(cluster.find(&widgets, "default", "a").await.unwrap_err().kind(), ErrorKind::UnknownKind);
}

#[tokio::test]
async fn a_view_follows_through_dropped_watches_and_costs_nothing_when_steady() {
    let (server, cluster) = server();
    let maps = config_maps();
    cluster.apply(&maps, &config_map("a", "1"), &as_manager("one")).await.unwrap();
    let views = Views::new(cluster.clone(), CrSummary, PATIENCE);
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let kept = told.clone();
    views.on_change(move |change: &Change<Arc<Object>>| {
        let value = change.after.as_ref().and_then(|e| e.summary.str_at(&["data", "k"]).map(str::to_owned));
        kept.lock().unwrap().push((change.key.name.to_string(), value));
    });
    let view = views.view(&maps, &ViewScope::labelled("app=shop"));
    view.synced(PATIENCE).await.unwrap();
    assert_eq!(view.object("default", "a").unwrap().str_at(&["data", "k"]), Some("1"));
    let steady = cluster.counters().total();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(cluster.counters().total(), steady);

    server.faults().add(FaultRule::always("WATCH", "*", Fault::DropWatch(Duration::from_millis(30))));
    for n in 2..12 {
        cluster.apply(&maps, &config_map("a", &n.to_string()), &as_manager("one")).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let is = |value: &'static str| {
        move |view: &belay_cluster::CrView| {
            view.object("default", "a").filter(|o| o.str_at(&["data", "k"]) == Some(value))
        }
    };
    assert!(view.wait_for(PATIENCE, is("11")).await.is_some());
    server.faults().clear();
    cluster.delete(&maps, "default", "a", &DeleteOptions::default()).await.unwrap();
    assert!(view.wait_for(PATIENCE, |view| view.is_empty().then_some(())).await.is_some());
    // No change is told twice, and none out of order.
    let told = told.lock().unwrap();
    let values: Vec<u32> = told.iter().filter_map(|(_, v)| v.as_ref()?.parse().ok()).collect();
    assert!(values.windows(2).all(|pair| pair[0] < pair[1]), "{values:?}");
    assert_eq!(told.last().unwrap(), &("a".to_owned(), None));
}

#[tokio::test]
async fn each_fault_of_a_request_ends_well_or_is_told() {
    let (server, cluster) = server();
    let cluster = cluster.with_timeout(Duration::from_secs(5));
    let maps = config_maps();
    let faults = [
        Fault::Status(429),
        Fault::Status(503),
        Fault::StatusAfter(504),
        Fault::Drop,
        Fault::DropAfter,
        Fault::Delay(Duration::from_millis(50)),
    ];
    for (n, fault) in faults.into_iter().enumerate() {
        let name = format!("m{n}");
        server.faults().clear();
        server.faults().add(FaultRule::nth("PATCH", "*/configmaps/*", 1, fault.clone()));
        cluster
            .apply(&maps, &config_map(&name, "1"), &as_manager("one"))
            .await
            .unwrap_or_else(|e| panic!("{fault:?}: {e}"));
        server.faults().clear();
        server.faults().add(FaultRule::nth("GET", "*/configmaps/*", 1, fault.clone()));
        cluster.get(&maps, "default", &name).await.unwrap_or_else(|e| panic!("{fault:?}: {e}"));
    }
    // Whether a create that lost its answer was done is for the caller to find out.
    server.faults().clear();
    server.faults().add(FaultRule::nth("POST", "*/configmaps", 1, Fault::DropAfter));
    let error = cluster.create(&maps, &config_map("lost", "1"), &WriteOptions::default()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    assert!(cluster.find(&maps, "default", "lost").await.unwrap().is_some());
}

#[tokio::test]
async fn a_tenant_has_its_own_rights_and_no_others() {
    let (_server, cluster) = server();
    let tenant = cluster.impersonate(&Identity::service_account("default", "deployer").unwrap()).unwrap();
    let maps = config_maps();
    let error = tenant.apply(&maps, &config_map("a", "1"), &as_manager("one")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    assert!(error.message().contains("system:serviceaccount:default:deployer"), "{error}");
    let binding = r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"d","namespace":"default"},
        "roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit-maps"},
        "subjects":[{"kind":"ServiceAccount","name":"deployer","namespace":"default"}]}"#;
    let role = r#"{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"edit-maps"},
        "rules":[{"apiGroups":[""],"resources":["configmaps"],"verbs":["*"]}]}"#;
    for text in [role, binding] {
        let object = Object::new(from_json_str(text).unwrap()).unwrap();
        let resource = cluster.resource_of(&object).await.unwrap();
        cluster.apply(&resource, &object, &as_manager("one")).await.unwrap();
    }
    tenant.apply(&maps, &config_map("a", "1"), &as_manager("one")).await.unwrap();
    let mut elsewhere = config_map("a", "1");
    elsewhere.set(&["metadata", "namespace"], "kube-system");
    let error = tenant.apply(&maps, &elsewhere, &as_manager("one")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
}

#[tokio::test]
async fn the_same_server_is_reached_over_tls_by_its_kubeconfig() {
    let (server, _) = server();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let serving = server.serve(listener, Some(Tls::generate(&[]).unwrap())).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config");
    serving.write_kubeconfig(&path).unwrap();
    let flags = KubeconfigFlags { kubeconfig: Some(path), ..Default::default() };
    let cluster = Cluster::from_kubeconfig(&flags).await.unwrap();
    let applied = (0..40).map(|n| {
        let cluster = cluster.clone();
        async move { cluster.apply(&config_maps(), &config_map(&format!("m{n}"), "1"), &as_manager("one")).await }
    });
    assert!(futures::future::join_all(applied).await.into_iter().all(|r| r.is_ok()));
    let views = Views::of_whole_objects(cluster.clone(), PATIENCE);
    let view = views.view(&config_maps(), &ViewScope::in_namespace("default"));
    view.synced(PATIENCE).await.unwrap();
    assert_eq!(view.len(), 40);
    let secret = Cluster::from_kubeconfig_bytes(serving.kubeconfig().as_bytes(), &SecretKubeconfig::default()).await;
    assert_eq!(secret.unwrap().list(&config_maps(), "", &ListOptions::default()).await.unwrap().items.len(), 40);
    let wrong = KubeconfigFlags { token: "wrong".to_owned().into(), ..flags };
    let error = Cluster::from_kubeconfig(&wrong).await.unwrap().get(&config_maps(), "default", "m0").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unauthorized);
    assert!(!error.to_string().contains("wrong"), "{error}");
}

#[tokio::test]
async fn leadership_passes_on_and_fences_writes() {
    let (_server, cluster) = server();
    let options = |identity: &str| ElectionOptions {
        lease_duration: Duration::from_secs(3),
        renew_deadline: Duration::from_secs(2),
        retry_period: Duration::from_millis(100),
        ..ElectionOptions::new("default", "belay", identity)
    };
    let mut first = Candidate::start(cluster.clone(), options("one"));
    let leadership: Leadership = first.elected().await;
    let mut second = Candidate::start(cluster.clone(), options("two"));
    let fenced = cluster.fenced(Arc::new(leadership.clone()));
    fenced.apply(&config_maps(), &config_map("a", "1"), &as_manager("one")).await.unwrap();
    first.resign().await;
    let error = fenced.apply(&config_maps(), &config_map("a", "2"), &as_manager("one")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fenced);
    let next = second.elected().await;
    assert_eq!(next.epoch(), leadership.epoch() + 1);
}

#[tokio::test]
async fn events_stand_beside_their_object_and_are_counted() {
    let (_server, cluster) = server();
    let stored = cluster.apply(&config_maps(), &config_map("a", "1"), &as_manager("one")).await.unwrap();
    let recorder = Recorder::start(cluster.clone(), Vec::new());
    for _ in 0..3 {
        recorder.record(Event {
            involved: Involved::of(&stored),
            kind: EventKind::Warning,
            reason: "Failed".into(),
            message: "it did not work".into(),
            annotations: Vec::new(),
            component: "belay".into(),
            trace: false,
            at: "2026-01-02T03:04:05Z".parse().unwrap(),
        });
    }
    recorder.flush(PATIENCE).await;
    let events = Resource::known("", "v1", "Event", "events", true);
    let options = ListOptions { fields: "involvedObject.name=a".into(), ..Default::default() };
    let list = cluster.list(&events, "default", &options).await.unwrap();
    assert_eq!(list.items.len(), 1);
    assert_eq!(list.items[0].get("count").and_then(Value::as_i64), Some(3));
    assert_eq!(recorder.stats().failed, 0);
}
