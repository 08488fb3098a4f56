//! Checks of the simulated controllers, on a server in the process. Pods become ready at once unless a test says
//! otherwise, so that everything has happened once the server has settled.

use std::time::Duration;

use belay_object::{Object, Value, from_json_str};

use super::Options;
use crate::handle::{Delete, Propagation, StoreHandle};
use crate::server::{self, Server};

struct Cluster {
    server: Server,
    handle: StoreHandle,
}

impl Cluster {
    async fn start(pod_ready_after: Duration) -> Cluster {
        let options = Options { pod_ready_after, ..Options::default() };
        let server = Server::new(server::Options { controllers: Some(options), ..server::Options::default() });
        server.settled().await;
        let handle = server.handle("tester");
        Cluster { server, handle }
    }
    async fn create(&self, json: &str) -> Object {
        let created = self.handle.create(object(json)).unwrap_or_else(|e| panic!("{json}: {e}"));
        self.server.settled().await;
        created.object().clone()
    }
    async fn patch(&self, what: &str, patch: &str) {
        let patch = from_json_str(patch).expect("test JSON");
        self.handle.merge_patch(&object(what), "", &patch).unwrap_or_else(|e| panic!("{what}: {e}"));
        self.server.settled().await;
    }
    async fn delete(&self, what: &str, propagation: Propagation) {
        let options = Delete { propagation: Some(propagation), ..Delete::default() };
        self.handle.delete(&object(what), &options).unwrap_or_else(|e| panic!("{what}: {e}"));
        self.server.settled().await;
    }
    fn get(&self, group: &str, resource: &str, name: &str) -> Option<Object> {
        self.handle.get(group, resource, "default", name).map(|s| s.object().clone())
    }
    fn list(&self, group: &str, resource: &str) -> Vec<Object> {
        self.handle.list(group, resource, "default").iter().map(|s| s.object().clone()).collect()
    }
    /// What stands in the fields of an object, as one line.
    fn check(&self, group: &str, resource: &str, name: &str, fields: &[&str], expected: &str) {
        let object = self.get(group, resource, name).unwrap_or_default();
        let show = |f: &&str| object.value().pointer(f).map_or_else(|| "-".to_owned(), Value::to_json);
        assert_eq!(fields.iter().map(show).collect::<Vec<_>>().join(" "), expected, "{resource}/{name} {fields:?}");
    }
}

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).expect("test JSON")).expect("an object")
}

fn workload(api_version: &str, kind: &str, image: &str, spec: &str) -> String {
    format!(
        r#"{{"apiVersion":"{api_version}","kind":"{kind}","metadata":{{"name":"a","namespace":"default"}},"spec":{{{spec}
        "selector":{{"matchLabels":{{"app":"a"}}}},"template":{{"metadata":{{"labels":{{"app":"a"}}}},
        "spec":{{"containers":[{{"name":"c","image":"{image}","ports":[{{"name":"http","containerPort":8080}}]}}]}}}}}}}}"#
    )
}

fn deployment(image: &str, spec: &str) -> String {
    workload("apps/v1", "Deployment", image, spec)
}

const A: &str = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"a","namespace":"default"}}"#;
const COUNTS: [&str; 5] = [
    "/status/replicas",
    "/status/updatedReplicas",
    "/status/readyReplicas",
    "/status/availableReplicas",
    "/status/observedGeneration",
];

fn reasons(object: &Object) -> Vec<String> {
    let all = object.at(&["status", "conditions"]).map_or(&[][..], Value::items);
    let text = |c: &Value, k: &str| c.str_at(&[k]).unwrap_or_default().to_owned();
    let mut reasons: Vec<String> =
        all.iter().map(|c| format!("{}={} {}", text(c, "type"), text(c, "status"), text(c, "reason"))).collect();
    reasons.sort();
    reasons
}

#[tokio::test]
async fn a_deployment_becomes_ready_and_rolls_to_a_new_template() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", r#""replicas":3,"#)).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "3 3 3 3 1");
    let live = cluster.get("apps", "deployments", "a").expect("there");
    assert_eq!(reasons(&live), ["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"]);
    let image = r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}}"#;
    cluster.patch(A, image).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "3 3 3 3 2");
    let live = cluster.get("apps", "deployments", "a").expect("there");
    assert_eq!(live.annotation("deployment.kubernetes.io/revision"), Some("2"));
    let mut sizes: Vec<i64> =
        cluster.list("apps", "replicasets").iter().map(|s| super::world::number(s, &["spec", "replicas"])).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 3]);
}

#[tokio::test]
async fn a_rollback_takes_the_old_set_up_again_as_the_newest_revision() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", "")).await;
    let image = |tag: &str| {
        format!(r#"{{"spec":{{"template":{{"spec":{{"containers":[{{"name":"c","image":"nginx:{tag}"}}]}}}}}}}}"#)
    };
    cluster.patch(A, &image("2")).await;
    let first = r#"[{"name":"c","image":"nginx:1","ports":[{"name":"http","containerPort":8080}]}]"#;
    cluster.patch(A, &format!(r#"{{"spec":{{"template":{{"spec":{{"containers":{first}}}}}}}}}"#)).await;
    let sets = cluster.list("apps", "replicasets");
    assert_eq!(sets.len(), 2);
    let newest = sets.iter().find(|s| super::world::number(s, &["spec", "replicas"]) == 1).expect("one is up");
    assert_eq!(newest.annotation("deployment.kubernetes.io/revision"), Some("3"));
    assert_eq!(newest.annotation("deployment.kubernetes.io/revision-history"), Some("1"));
}

#[tokio::test]
async fn a_broken_image_holds_a_rollout_and_keeps_what_runs() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", r#""replicas":4,"#)).await;
    cluster.patch(A, r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:broken"}]}}}}"#).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "5 2 3 3 2");
    let stuck: Vec<Object> =
        cluster.list("", "pods").into_iter().filter(|p| p.str_at(&["status", "phase"]) == Some("Pending")).collect();
    let waiting =
        |p: &Object| p.value().pointer("/status/containerStatuses/0/state/waiting/reason").map(Value::to_json);
    assert!(!stuck.is_empty() && stuck.iter().all(|p| waiting(p).as_deref() == Some("\"ImagePullBackOff\"")));
}

#[tokio::test]
async fn scaling_follows_the_wanted_size_without_a_new_revision() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", "")).await;
    cluster.patch(A, r#"{"spec":{"replicas":5}}"#).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "5 5 5 5 2");
    cluster.patch(A, r#"{"spec":{"replicas":0}}"#).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "- - - - 3");
    assert_eq!(cluster.list("apps", "replicasets").len(), 1);
}

#[tokio::test]
async fn an_empty_deployment_is_complete_after_three_writes() {
    let cluster = Cluster::start(Duration::ZERO).await;
    let before = cluster.server.store().version();
    cluster.create(&deployment("nginx:1", r#""replicas":0,"#)).await;
    // The Deployment, its ReplicaSet, the status of each.
    assert_eq!(cluster.server.store().version() - before, 4);
    let live = cluster.get("apps", "deployments", "a").expect("there");
    assert_eq!(reasons(&live), ["Available=True MinimumReplicasAvailable", "Progressing=True NewReplicaSetAvailable"]);
}

#[tokio::test]
async fn recreating_never_runs_old_and_new_side_by_side() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", r#""replicas":2,"strategy":{"type":"Recreate"},"#)).await;
    cluster.patch(A, r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}}"#).await;
    cluster.check("apps", "deployments", "a", &COUNTS, "2 2 2 2 2");
    let images: Vec<Option<String>> = cluster
        .list("", "pods")
        .iter()
        .map(|p| p.value().pointer("/spec/containers/0/image").map(Value::to_json))
        .collect();
    assert_eq!(images, vec![Some("\"nginx:2\"".to_owned()); 2]);
}

#[tokio::test]
async fn deleting_in_the_background_takes_what_was_owned() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", r#""replicas":2,"#)).await;
    cluster.delete(A, Propagation::Background).await;
    assert!(cluster.list("apps", "replicasets").is_empty() && cluster.list("", "pods").is_empty());
}

#[tokio::test]
async fn orphans_stay_and_forget_their_owner() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", "")).await;
    cluster.delete(A, Propagation::Orphan).await;
    let sets = cluster.list("apps", "replicasets");
    assert!(cluster.get("apps", "deployments", "a").is_none());
    assert!(sets.len() == 1 && sets[0].at(&["metadata", "ownerReferences"]).is_none());
    assert_eq!(cluster.list("", "pods").len(), 1);
}

#[tokio::test]
async fn an_owner_in_the_foreground_waits_for_a_dependent_that_a_finalizer_holds() {
    let cluster = Cluster::start(Duration::ZERO).await;
    const OWNER: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"owner","namespace":"default"}}"#;
    const CHILD: &str = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"child","namespace":"default"}}"#;
    let owner = cluster.create(OWNER).await;
    let mut child = object(CHILD);
    let reference = belay_object::object! {
        "apiVersion" => "v1", "kind" => "ConfigMap", "name" => "owner", "uid" => owner.uid(), "blockOwnerDeletion" => true,
    };
    child.set(&["metadata", "ownerReferences"], vec![reference]);
    child.set(&["metadata", "finalizers"], vec!["x.io/hold"]);
    cluster.create(&child.value().to_json()).await;
    cluster.delete(OWNER, Propagation::Foreground).await;
    assert!(cluster.get("", "configmaps", "child").expect("held").is_deleting());
    assert!(cluster.get("", "configmaps", "owner").expect("waits").is_deleting());
    cluster.patch(CHILD, r#"{"metadata":{"finalizers":null}}"#).await;
    assert!(cluster.get("", "configmaps", "child").is_none() && cluster.get("", "configmaps", "owner").is_none());
}

#[tokio::test]
async fn a_stateful_set_numbers_its_pods_and_claims() {
    let cluster = Cluster::start(Duration::ZERO).await;
    let claims = r#""replicas":2,"serviceName":"a","volumeClaimTemplates":[{"metadata":{"name":"d"},"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}],"#;
    cluster.create(&workload("apps/v1", "StatefulSet", "nginx:1", claims)).await;
    cluster.check("apps", "statefulsets", "a", &COUNTS, "2 2 2 2 1");
    let names = |resource: &str| cluster.list("", resource).iter().map(|o| o.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names("pods"), ["a-0", "a-1"]);
    assert_eq!(names("persistentvolumeclaims"), ["d-a-0", "d-a-1"]);
    cluster.check(
        "",
        "persistentvolumeclaims",
        "d-a-0",
        &["/status/phase", "/status/capacity/storage"],
        r#""Bound" "1Gi""#,
    );
    let what = r#"{"apiVersion":"apps/v1","kind":"StatefulSet","metadata":{"name":"a","namespace":"default"}}"#;
    cluster.patch(what, r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}}"#).await;
    cluster.check("apps", "statefulsets", "a", &COUNTS, "2 2 2 2 2");
    cluster.check("", "pods", "a-0", &["/spec/containers/0/image"], "\"nginx:2\"");
    cluster.patch(what, r#"{"spec":{"replicas":1}}"#).await;
    assert_eq!(names("pods"), ["a-0"]);
}

#[tokio::test]
async fn a_daemon_set_has_one_pod_on_the_node() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&workload("apps/v1", "DaemonSet", "nginx:1", "")).await;
    let fields = ["/status/desiredNumberScheduled", "/status/numberReady", "/status/updatedNumberScheduled"];
    cluster.check("apps", "daemonsets", "a", &fields, "1 1 1");
    let what = r#"{"apiVersion":"apps/v1","kind":"DaemonSet","metadata":{"name":"a","namespace":"default"}}"#;
    cluster.patch(what, r#"{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"nginx:2"}]}}}}"#).await;
    cluster.check("apps", "daemonsets", "a", &fields, "1 1 1");
    assert_eq!(cluster.list("", "pods").len(), 1);
}

#[tokio::test]
async fn a_job_ends_when_its_pods_have_succeeded() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster
        .create(
            r#"{"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j","namespace":"default"},"spec":{"completions":3,
            "parallelism":2,"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"x:1"}]}}}}"#,
        )
        .await;
    cluster.check("batch", "jobs", "j", &["/status/succeeded", "/status/active"], "3 -");
    let job = cluster.get("batch", "jobs", "j").expect("there");
    assert_eq!(reasons(&job), ["Complete=True CompletionsReached", "SuccessCriteriaMet=True CompletionsReached"]);
}

#[tokio::test]
async fn a_pod_of_nobody_ends_unless_it_is_started_again() {
    let cluster = Cluster::start(Duration::ZERO).await;
    for (policy, phase) in [("Never", "Succeeded"), ("OnFailure", "Succeeded"), ("Always", "Running")] {
        let name = policy.to_lowercase();
        let pod = format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"{name}","namespace":"default"}},
            "spec":{{"restartPolicy":"{policy}","containers":[{{"name":"c","image":"x:1"}}]}}}}"#
        );
        cluster.create(&pod).await;
        cluster.check("", "pods", &name, &["/status/phase"], &format!("\"{phase}\""));
    }
}

#[tokio::test]
async fn an_ingress_is_served_at_an_address() {
    let cluster = Cluster::start(Duration::ZERO).await;
    let ingress = r#"{"apiVersion":"networking.k8s.io/v1","kind":"Ingress","metadata":{"name":"i","namespace":"default"},
        "spec":{"defaultBackend":{"service":{"name":"s","port":{"number":80}}}}}"#;
    cluster.create(ingress).await;
    let address = &["/status/loadBalancer/ingress/0/ip"];
    cluster.check("networking.k8s.io", "ingresses", "i", address, "\"172.18.128.1\"");
}

#[tokio::test]
async fn a_service_leads_to_the_ready_pods_it_selects() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster.create(&deployment("nginx:1", "")).await;
    cluster
        .create(
            r#"{"apiVersion":"v1","kind":"Service","metadata":{"name":"s","namespace":"default"},"spec":{"type":"LoadBalancer",
            "selector":{"app":"a"},"ports":[{"port":80,"targetPort":"http"}]}}"#,
        )
        .await;
    cluster.check("", "services", "s", &["/status/loadBalancer/ingress/0/ip"], "\"172.18.128.1\"");
    let fields = ["/subsets/0/addresses/0/ip", "/subsets/0/ports/0/port", "/subsets/0/notReadyAddresses"];
    cluster.check("", "endpoints", "s", &fields, "\"10.244.0.2\" 8080 -");
    cluster.patch(A, r#"{"spec":{"replicas":0}}"#).await;
    cluster.check("", "endpoints", "s", &["/subsets"], "-");
    let slices = cluster.list("discovery.k8s.io", "endpointslices");
    assert!(slices.iter().any(|s| s.label("kubernetes.io/service-name") == Some("s")));
}

#[tokio::test]
async fn a_namespace_goes_when_its_content_has_gone() {
    let cluster = Cluster::start(Duration::ZERO).await;
    const SHOP: &str = r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop"}}"#;
    cluster.create(SHOP).await;
    assert!(cluster.handle.get("", "serviceaccounts", "shop", "default").is_some());
    assert!(cluster.handle.get("", "configmaps", "shop", "kube-root-ca.crt").is_some());
    let held = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"x","namespace":"shop","finalizers":["x.io/hold"]}}"#;
    cluster.create(held).await;
    cluster.delete(SHOP, Propagation::Background).await;
    let live = cluster.handle.get("", "namespaces", "", "shop").expect("waits");
    assert!(reasons(&live).contains(&"NamespaceFinalizersRemaining=True SomeFinalizersRemain".to_owned()));
    cluster.patch(held, r#"{"metadata":{"finalizers":null}}"#).await;
    assert!(cluster.handle.get("", "namespaces", "", "shop").is_none());
}

#[tokio::test]
async fn a_claim_gets_a_volume_and_takes_it_along() {
    let cluster = Cluster::start(Duration::ZERO).await;
    const CLAIM: &str = r#"{"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":"p","namespace":"default"},
        "spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}"#;
    cluster.create(CLAIM).await;
    cluster.check(
        "",
        "persistentvolumeclaims",
        "p",
        &["/status/phase", "/spec/storageClassName"],
        r#""Bound" "standard""#,
    );
    let volumes = cluster.handle.list("", "persistentvolumes", "");
    assert_eq!(volumes[0].str_at(&["status", "phase"]), Some("Bound"));
    cluster.delete(CLAIM, Propagation::Background).await;
    assert!(cluster.handle.list("", "persistentvolumes", "").is_empty());
}

#[tokio::test]
async fn a_pod_is_pending_until_its_delay_is_over() {
    let cluster = Cluster::start(Duration::from_secs(3600)).await;
    cluster.create(&deployment("nginx:1", "")).await;
    let pods = cluster.list("", "pods");
    let status = from_json_str(r#"{"phase":"Pending","qosClass":"BestEffort"}"#).expect("JSON");
    assert_eq!(pods[0].get("status"), Some(&status));
    cluster.check("apps", "deployments", "a", &COUNTS, "1 1 - - 1");
}

#[tokio::test]
async fn a_budget_counts_what_may_be_disrupted() {
    let cluster = Cluster::start(Duration::ZERO).await;
    cluster
        .create(
            r#"{"apiVersion":"policy/v1","kind":"PodDisruptionBudget","metadata":{"name":"b","namespace":"default"},
            "spec":{"minAvailable":1,"selector":{"matchLabels":{"app":"a"}}}}"#,
        )
        .await;
    cluster.create(&deployment("nginx:1", r#""replicas":3,"#)).await;
    let fields = ["/status/expectedPods", "/status/currentHealthy", "/status/disruptionsAllowed"];
    cluster.check("policy", "poddisruptionbudgets", "b", &fields, "3 3 2");
}

#[test]
fn a_log_tells_of_a_containers_life() {
    let pod = object(
        r#"{"metadata":{"name":"p","namespace":"default"},"spec":{"nodeName":"n"},"status":{"containerStatuses":[
            {"name":"c","image":"x:1","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}}}]}}"#,
    );
    let start = 1_767_225_600;
    let lines = super::log_lines(&pod, "c", start + 25);
    assert_eq!(lines.last(), Some(&(start + 20, "c alive for 20s".to_owned())));
    assert_eq!(lines.len(), 5);
    assert!(super::log_lines(&pod, "other", start + 25).is_empty());
    assert_eq!(super::log_lines(&pod, "c", start + 1_000_000).len(), 1_003);
}
