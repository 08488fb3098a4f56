//! The objects of an Application: their tree, each of them, what may be done to it, its logs and events.

use belay_object::{Object, Value};
use http::Method;

use super::world::{Client, World, until};

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: 'one:apps/Deployment:shop/web'}}
spec: {replicas: 1, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: 'nginx:1'}]}}}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: 'one:/Service:shop/web'}}
spec: {selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop, annotations: {argocd.argoproj.io/tracking-id: 'one:/Secret:shop/keys'}}
stringData: {token: very-secret}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: foreign, namespace: shop}
data: {a: b}
";

const RESOURCES: &str = "status: {resources: [{group: apps, version: v1, kind: Deployment, namespace: shop, name: web}, \
    {version: v1, kind: Service, namespace: shop, name: web}, {version: v1, kind: Secret, namespace: shop, name: keys}, \
    {version: v1, kind: ConfigMap, namespace: shop, name: missing}]}";

const WEB_DEPLOYMENT: &str = "group=apps&version=v1&kind=Deployment&namespace=shop&resourceName=web";

async fn world(config: &str, policy: &str) -> (World, Client) {
    let world = World::with(config, policy).await;
    world.apply(WEB);
    world.application("one", "default", RESOURCES);
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    until("the pod runs", || {
        let pods = world.user.list("", "pods", "shop");
        pods.first().filter(|pod| pod.object().str_at(&["status", "phase"]) == Some("Running")).map(|_| ())
    })
    .await;
    (world, admin)
}

fn kinds(tree: &Value) -> Vec<String> {
    let nodes = tree.get("nodes").map_or(Vec::new(), |nodes| nodes.items().to_vec());
    nodes.iter().map(|node| node.str_at(&["kind"]).unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tree_shows_what_is_managed_and_what_that_owns() {
    let (world, admin) = world("", "").await;
    let path = "/api/v1/applications/one/resource-tree";
    let tree = world.seen(&admin, path, |answer| answer.text.contains("\"Running\"")).await.value();
    let kinds = kinds(&tree);
    for kind in ["Deployment", "ReplicaSet", "Pod", "Service", "Secret", "ConfigMap"] {
        assert!(kinds.iter().any(|k| k == kind), "{kind} in {kinds:?}");
    }
    assert!(tree.get("orphanedNodes").is_none());
    let nodes = tree.get("nodes").unwrap().items();
    let pod = nodes.iter().find(|node| node.str_at(&["kind"]) == Some("Pod")).unwrap();
    assert_eq!(pod.at(&["parentRefs"]).unwrap().items()[0].str_at(&["kind"]), Some("ReplicaSet"));
    assert_eq!(pod.at(&["images"]).unwrap().to_json(), r#"["nginx:1"]"#);
    assert_eq!(pod.str_at(&["health", "status"]), Some("Healthy"));
    let missing = nodes.iter().find(|node| node.str_at(&["name"]) == Some("missing")).unwrap();
    assert_eq!(
        missing.to_json(),
        r#"{"health":{"status":"Missing"},"kind":"ConfigMap","name":"missing","namespace":"shop","version":"v1"}"#
    );
    let narrowed = admin.get(&format!("{path}?kind=Service")).await.value();
    assert_eq!(super::objects::kinds(&narrowed), ["Service"]);
    // With monitoring on, what is nobody's shows.
    world.patch(
        &Object::of("argoproj.io/v1alpha1", "AppProject", "argocd", "default"),
        "{spec: {orphanedResources: {warn: true}}}",
    );
    let tree = world.seen(&admin, path, |answer| answer.text.contains("orphanedNodes")).await.value();
    let orphans: Vec<&str> =
        tree.get("orphanedNodes").unwrap().items().iter().filter_map(|n| n.str_at(&["name"])).collect();
    assert_eq!(orphans, ["foreign"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_told_again_when_an_object_goes() {
    let (world, admin) = world("", "").await;
    let mut stream = admin.open(Method::GET, "/api/v1/stream/applications/one/resource-tree", "", &[]).await;
    let has_service = |tree: &Value| {
        let nodes = tree.at(&["result", "nodes"]).unwrap().items();
        let service = nodes.iter().find(|node| node.str_at(&["kind"]) == Some("Service"));
        service.and_then(|node| node.str_at(&["uid"])).is_some()
    };
    assert!(has_service(&stream.next().await.unwrap()));
    world.user.delete(&Object::of("v1", "Service", "shop", "web"), &Default::default()).unwrap();
    while has_service(&stream.next().await.expect("the tree without the Service")) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn single_objects_are_read_patched_and_deleted() {
    let (world, admin) = world("", "").await;
    let at = |rest: &str| format!("/api/v1/applications/one/resource?{rest}");
    let read = admin.get(&at(WEB_DEPLOYMENT)).await;
    let manifest = belay_object::from_json_str(&read.str_at(&["manifest"])).unwrap();
    assert_eq!(manifest.str_at(&["metadata", "name"]), Some("web"));
    let patch = "\"{\\\"spec\\\":{\\\"replicas\\\":2}}\"";
    let path = at(&format!("{WEB_DEPLOYMENT}&patchType=application%2Fmerge-patch%2Bjson"));
    let patched = admin.post(&path, patch).await;
    assert_eq!(patched.status, 200, "{}", patched.text);
    assert_eq!(
        world.get("apps", "deployments", "shop", "web").unwrap().at(&["spec", "replicas"]).unwrap().as_i64(),
        Some(2)
    );
    // What is there and is not of the Application is not touched (AUTHZ-5).
    let foreign = "version=v1&kind=ConfigMap&namespace=shop&resourceName=foreign";
    for line in [format!("GET {}", at(foreign)), format!("POST {}", at(foreign)), format!("DELETE {}", at(foreign))] {
        let told = admin.ask(&line, "\"{}\"").await.told();
        assert_eq!(told, "400 3 ConfigMap  foreign not found as part of application one", "{line}");
    }
    assert_eq!(admin.delete(&at("version=v1&kind=Service&namespace=shop&resourceName=web")).await.status, 200);
    until("the Service is gone", || world.get("", "services", "shop", "web").is_none().then_some(())).await;
    // The server's words about a Secret could quote it.
    let secret = "version=v1&kind=Secret&namespace=shop&resourceName=keys&patchType=application%2Fmerge-patch%2Bjson";
    let told = admin.post(&at(secret), "\"{\\\"data\\\":{\\\"token\\\":{\\\"a\\\":\\\"canary\\\"}}}\"").await.told();
    assert!(told.ends_with("failed to patch Secret shop/keys"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rights_on_an_application_are_none_on_its_objects() {
    let policy = "p, dev, applications, get, */*, allow\np, dev, applications, update, */*, allow\n\
        p, dev, applications, delete/*/Service/*/*, */*, allow\np, dev, applications, action/apps/Deployment/restart, */*, allow";
    let (world, _) = world("accounts.dev: apiKey", policy).await;
    let dev = world.account("dev").await;
    let at = |rest: &str| format!("/api/v1/applications/one/resource?{rest}");
    assert_eq!(dev.post(&at(WEB_DEPLOYMENT), "\"{}\"").await.status, 403);
    assert_eq!(dev.delete(&at(WEB_DEPLOYMENT)).await.status, 403);
    assert_eq!(dev.delete(&at("version=v1&kind=Service&namespace=shop&resourceName=web")).await.status, 200);
    let actions = format!("/api/v1/applications/one/resource/actions?{WEB_DEPLOYMENT}");
    assert_eq!(dev.post(&actions, "\"pause\"").await.status, 403);
    assert_eq!(dev.post(&actions, "\"restart\"").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn something_is_done_to_an_object() {
    let (world, admin) = world("", "").await;
    let path = format!("/api/v1/applications/one/resource/actions?{WEB_DEPLOYMENT}");
    let list = admin.get(&path).await.value();
    let names: Vec<&str> = list.get("actions").unwrap().items().iter().filter_map(|a| a.str_at(&["name"])).collect();
    assert!(names.contains(&"restart") && names.contains(&"scale"), "{names:?}");
    let done = admin.post(&path, "\"restart\"").await;
    assert_eq!((done.status, done.text.as_str()), (200, "{}"));
    let web = world.get("apps", "deployments", "shop", "web").unwrap();
    let restarted = ["spec", "template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"];
    assert!(web.str_at(&restarted).is_some());
    let body = r#"{"action":"scale","group":"apps","version":"v1","kind":"Deployment","namespace":"shop","resourceName":"web",
        "resourceActionParameters":[{"name":"replicas","value":"3"}]}"#;
    assert_eq!(admin.post("/api/v1/applications/one/resource/actions/v2", body).await.status, 200);
    let web = world.get("apps", "deployments", "shop", "web").unwrap();
    assert_eq!(web.at(&["spec", "replicas"]).unwrap().as_i64(), Some(3));
    assert_eq!(admin.post(&path, "\"explode\"").await.status, 400);
    // Who did it is an event of the Application.
    let words = "admin ran action restart on resource apps/Deployment/web";
    world.seen(&admin, "/api/v1/applications/one/events", |answer| answer.text.contains(words)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_and_events_are_of_the_application_alone() {
    let (world, admin) = world("", "").await;
    let pod = world.user.list("", "pods", "shop")[0].object().clone();
    let path = "/api/v1/applications/one/logs";
    world.seen(&admin, "/api/v1/applications/one/resource-tree", |answer| answer.text.contains(pod.name())).await;
    let answer = admin.get(&format!("{path}?kind=Deployment&group=apps&resourceName=web&tailLines=2")).await;
    let lines: Vec<Value> = answer.text.lines().map(|line| belay_object::from_json_str(line).unwrap()).collect();
    let last = lines.last().unwrap();
    assert_eq!(last.at(&["result", "last"]).and_then(Value::as_bool), Some(true), "{}", answer.text);
    assert!(lines.len() > 1, "{}", answer.text);
    assert_eq!(lines[0].str_at(&["result", "podName"]), Some(pod.name()));
    let none = admin.get(&format!("{path}?kind=Service&resourceName=web")).await;
    assert_eq!(none.text, "", "a Service has no pods of its own");
    let filtered =
        admin.get(&format!("/api/v1/applications/one/pods/{}/logs?filter=no-line-says-this", pod.name())).await;
    assert_eq!(filtered.text.lines().count(), 1, "{}", filtered.text);
    // Events.
    let (name, uid) = (pod.name(), pod.uid());
    world.apply(&format!(
        "{{apiVersion: v1, kind: Event, metadata: {{name: e1, namespace: shop}}, reason: Pulled, message: hello, type: Normal, \
         involvedObject: {{apiVersion: v1, kind: Pod, namespace: shop, name: {name}, uid: {uid}}}}}"
    ));
    let events =
        format!("/api/v1/applications/one/events?resourceNamespace=shop&resourceName={name}&resourceUID={uid}");
    assert!(admin.get(&events).await.text.contains("hello"));
    let foreign = world.get("", "configmaps", "shop", "foreign").unwrap();
    let path = format!(
        "/api/v1/applications/one/events?resourceNamespace=shop&resourceName=foreign&resourceUID={}",
        foreign.uid()
    );
    assert_eq!(admin.get(&path).await.told(), "400 3 foreign not found as part of application one");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_sec_3_a_secret_of_an_application_is_shown_as_plus_signs() {
    let (_world, admin) = world("", "").await;
    let path = "/api/v1/applications/one/resource?version=v1&kind=Secret&namespace=shop&resourceName=keys";
    let read = admin.get(path).await;
    let manifest = belay_object::from_json_str(&read.str_at(&["manifest"])).unwrap();
    assert_eq!(manifest.get("data").unwrap().to_json(), r#"{"token":"++++++++"}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_sources_want_is_shown_beside_what_is_there() {
    let git = belay_testkit::git_server::ServedRepo::start("repo.git").await.expect("git serves");
    let map = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {key: new}\n";
    let secret =
        "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: canary-new, same: canary-same}\n";
    let files = [("app/a.yaml", Some(map)), ("app/s.yaml", Some(secret))];
    let commit = git.repo().commit("main", "the first of all\n\nwith a body", &files).expect("git commits");
    let mut world = World::with("accounts.dev: apiKey", "p, dev, applications, get, other/*, allow").await;
    let storage = tempfile::tempdir().unwrap();
    world.render(storage.path()).await;
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: shop}, data: {key: old}}");
    world.apply(
        "{apiVersion: v1, kind: Secret, metadata: {name: s, namespace: shop}, stringData: {token: canary-old, same: canary-same}}",
    );
    let url = git.url();
    world.apply(&format!(
        "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: one, namespace: argocd}}, spec: {{project: default, \
         source: {{repoURL: '{url}', path: app, targetRevision: main}}, \
         destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}, \
         status: {{resources: [{{version: v1, kind: ConfigMap, namespace: shop, name: a}}]}}}}"
    ));
    let admin = world.admin();
    world.seen(&admin, "/api/v1/applications/one", |answer| answer.status == 200).await;
    let shown = admin.get("/api/v1/applications/one/manifests").await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    assert_eq!(shown.str_at(&["revision"]), commit);
    assert!(shown.text.contains("new") && !shown.text.contains("canary"), "{}", shown.text);
    let all = admin.get("/api/v1/applications/one/managed-resources").await;
    assert!(!all.text.contains("canary"), "{}", all.text);
    let items = all.value().get("items").unwrap().items().to_vec();
    let state = |item: &Value, field: &str| belay_object::from_json_str(item.str_at(&[field]).unwrap()).unwrap();
    let map = items.iter().find(|item| item.str_at(&["kind"]) == Some("ConfigMap")).unwrap();
    assert_eq!(state(map, "normalizedLiveState").str_at(&["data", "key"]), Some("old"));
    assert_eq!(state(map, "predictedLiveState").str_at(&["data", "key"]), Some("new"));
    assert_eq!(map.get("modified").and_then(Value::as_bool), Some(true));
    let secret = items.iter().find(|item| item.str_at(&["kind"]) == Some("Secret")).unwrap();
    let (then, now) = (state(secret, "predictedLiveState"), state(secret, "liveState"));
    assert_ne!(then.str_at(&["data", "token"]), now.str_at(&["data", "token"]));
    assert_eq!(then.str_at(&["data", "same"]), now.str_at(&["data", "same"]));
    // The diff of manifests that a client sends: of this Application's objects alone (SEC-4).
    let manifest =
        r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","namespace":"shop"},"data":{"key":"old"}}"#;
    let query = |json: &str| json.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
    let path = format!("/api/v1/applications/one/server-side-diff?targetManifests={}", query(manifest));
    let diff = admin.get(&path).await;
    assert!(diff.status == 200 && !diff.text.contains("\"modified\":true"), "{}", diff.text);
    // What is none of them would be new, whatever stands there: it is not looked at.
    world.apply("{apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: shop}, data: {key: theirs}}");
    let foreign = manifest.replace("\"a\"", "\"b\"");
    let both = format!("{path}&targetManifests={}", query(&foreign)).replacen("?", "?targetManifests=FIRST&", 1);
    let diff = admin.get(&both.replace("FIRST", &query(&foreign))).await;
    assert!(diff.status == 200 && !diff.text.contains("theirs"), "{}", diff.text);
    let items = diff.value().get("items").unwrap().items().to_vec();
    let told =
        items.iter().map(|i| format!("{} {}", i.str_at(&["name"]).unwrap(), i.str_at(&["liveState"]) == Some("null")));
    assert_eq!(told.collect::<Vec<_>>(), ["b true", "a false", "b true"]);
    // The commit.
    let metadata = admin.get(&format!("/api/v1/applications/one/revisions/{commit}/metadata")).await;
    assert!(metadata.str_at(&["message"]).starts_with("the first of all"), "{}", metadata.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_each_kind_of_object_are_told_to_who_may_see_its_application() {
    let (world, admin) = world("accounts.dev: apiKey", "").await;
    world.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: wide, annotations: \
         {argocd.argoproj.io/tracking-id: 'one:rbac.authorization.k8s.io/ClusterRole:shop/wide'}}, rules: []}",
    );
    world.patch(
        &Object::of("argoproj.io/v1alpha1", "Application", "argocd", "one"),
        "{status: {resources: [{group: apps, version: v1, kind: Deployment, namespace: shop, name: web}, \
         {group: rbac.authorization.k8s.io, version: v1, kind: ClusterRole, name: wide}]}}",
    );
    world.seen(&admin, "/api/v1/applications/one/resource-tree", |answer| answer.text.contains("\"wide\"")).await;
    let web = world.get("apps", "deployments", "shop", "web").unwrap();
    let pod = world.user.list("", "pods", "shop")[0].object().clone();
    let wide = world.get("rbac.authorization.k8s.io", "clusterroles", "", "wide").unwrap();
    let mut asked = Vec::new();
    for (i, object) in [&web, &pod, &wide].into_iter().enumerate() {
        // What is about an object of no namespace stands in `default`.
        let home = if object.namespace().is_empty() { "default" } else { object.namespace() };
        let near = if object.namespace().is_empty() { String::new() } else { format!("namespace: {home}, ") };
        world.apply(&format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {home}}}}}"));
        world.apply(&format!(
            "{{apiVersion: v1, kind: Event, metadata: {{name: e{i}, namespace: {home}}}, reason: Told, message: 'about {}', type: Normal, \
             involvedObject: {{apiVersion: {}, kind: {}, {near}name: {}, uid: {}}}}}",
            object.kind(), object.api_version(), object.kind(), object.name(), object.uid()
        ));
        asked.push((
            object.kind().to_owned(),
            format!(
                "/api/v1/applications/one/events?resourceNamespace={}&resourceName={}&resourceUID={}",
                object.namespace(),
                object.name(),
                object.uid()
            ),
        ));
    }
    let dev = world.account("dev").await;
    for (kind, path) in asked {
        let told = world.seen(&admin, &path, |answer| answer.text.contains("about ")).await.value();
        let words: Vec<&str> = told
            .get("items")
            .unwrap()
            .items()
            .iter()
            .filter_map(|e| e.str_at(&["message"]))
            .filter(|m| m.starts_with("about "))
            .collect();
        assert_eq!(words, [format!("about {kind}")]);
        assert_eq!(dev.get(&path).await.told(), "403 7 permission denied");
        // The uid, too, must be its own: another one of the same name was another object.
        let (path, _) = path.rsplit_once('=').unwrap();
        assert_eq!(admin.get(&format!("{path}=other")).await.status, 400);
        assert_eq!(admin.get(path.rsplit_once('&').unwrap().0).await.status, 400);
    }
    let none = admin.get("/api/v1/applications/one/events?resourceName=a,b&resourceUID=c").await;
    assert_eq!(none.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authz_5_what_stands_where_the_project_may_not_is_none_of_the_applications() {
    let (world, admin) = world("", "").await;
    world.apply(
        "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: wide, annotations: \
         {argocd.argoproj.io/tracking-id: 'one:rbac.authorization.k8s.io/ClusterRole:shop/wide'}}, rules: []}",
    );
    let uid = world.get("rbac.authorization.k8s.io", "clusterroles", "", "wide").unwrap().uid().to_owned();
    for namespace in ["shop", "other"] {
        world.apply(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: below, namespace: {namespace}, ownerReferences: \
             [{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: wide, uid: {uid}}}]}}, data: {{a: b}}}}"
        ));
    }
    world.apply(
        "{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {name: near, namespace: argocd}, spec: {sourceRepos: ['*'], \
         clusterResourceWhitelist: [{group: '*', kind: '*'}], destinations: [{server: '*', namespace: shop}]}}",
    );
    world.patch(
        &Object::of("argoproj.io/v1alpha1", "Application", "argocd", "one"),
        "{spec: {project: near}, status: {resources: [{group: rbac.authorization.k8s.io, version: v1, kind: ClusterRole, name: wide}]}}",
    );
    let path = "/api/v1/applications/one/resource-tree";
    let tree = world.seen(&admin, path, |answer| answer.text.contains("\"below\"")).await.value();
    let below: Vec<&str> = tree
        .get("nodes")
        .unwrap()
        .items()
        .iter()
        .filter(|n| n.str_at(&["name"]) == Some("below"))
        .filter_map(|n| n.str_at(&["namespace"]))
        .collect();
    assert_eq!(below, ["shop"]);
    for (namespace, status) in [("shop", 200), ("other", 400)] {
        let at = format!(
            "/api/v1/applications/one/resource?version=v1&kind=ConfigMap&namespace={namespace}&resourceName=below"
        );
        assert_eq!(admin.get(&at).await.status, status, "{namespace}");
    }
    assert_eq!(
        admin
            .delete("/api/v1/applications/one/resource?version=v1&kind=ConfigMap&namespace=other&resourceName=below")
            .await
            .status,
        400
    );
    assert!(world.get("", "configmaps", "other", "below").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_sec_2_what_a_script_writes_into_a_secret_is_not_quoted() {
    let (world, admin) = world("", "").await;
    let script = "discovery.lua: |\n  return {['break'] = {}}\ndefinitions:\n- name: break\n  action.lua: |\n    \
        obj.data = {token = {a = 'canary'}}\n    return obj\n";
    let mut patch = Value::object();
    patch.set(&["data", "resource.customizations.actions.Secret"], script);
    world.user.merge_patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "", &patch).unwrap();
    let path = "/api/v1/applications/one/resource/actions?version=v1&kind=Secret&namespace=shop&resourceName=keys";
    world.seen(&admin, path, |answer| answer.text.contains("break")).await;
    let told = admin.post(path, "\"break\"").await.told();
    assert!(told.contains(" a Secret: ") && !told.contains("canary") && !told.contains("unmarshal"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authz_5_an_action_writes_the_object_that_its_script_names() {
    let (world, admin) = world("", "").await;
    let foreign =
        "{apiVersion: v1, kind: Service, metadata: {name: foreign, namespace: shop}, spec: {ports: [{port: 1}]}}";
    world.apply(foreign);
    let script = "discovery.lua: |\n  return {['mark'] = {}}\ndefinitions:\n- name: mark\n  action.lua: |\n    \
        return {{operation = 'patch', resource = {apiVersion = 'v1', kind = 'ConfigMap', \
        metadata = {name = 'foreign', namespace = 'shop', labels = {marked = 'yes'}}}}}\n";
    let mut patch = Value::object();
    patch.set(&["data", "resource.customizations.actions.Service"], script);
    world.user.merge_patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "", &patch).unwrap();
    let path = "/api/v1/applications/one/resource/actions?version=v1&kind=Service&namespace=shop&resourceName=web";
    world.seen(&admin, path, |answer| answer.text.contains("mark")).await;
    let told = admin.post(path, "\"mark\"").await;
    assert_eq!(told.status, 200, "{}", told.text);
    let map = world.get("", "configmaps", "shop", "foreign").unwrap();
    assert_eq!((map.label("marked"), map.str_at(&["data", "a"])), (Some("yes"), Some("b")), "and the rest stays");
    assert_eq!(world.get("", "services", "shop", "foreign").unwrap().label("marked"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_resources_of_an_application_are_told_with_their_health() {
    let (world, admin) = world("", "").await;
    let app = Object::of("argoproj.io/v1alpha1", "Application", "argocd", "one");
    world.patch(&app, "{status: {resourceHealthSource: appTree}}");
    let health = |answer: &super::world::Answer| -> Vec<String> {
        let value = answer.value();
        let items = value.at(&["status", "resources"]).map_or(&[][..], Value::items);
        let at = |item: &Value, path: &[&str]| item.str_at(path).unwrap_or("-").to_owned();
        items.iter().map(|item| format!("{} {}", at(item, &["kind"]), at(item, &["health", "status"]))).collect()
    };
    let expected = ["Deployment Healthy", "Service Healthy", "Secret -", "ConfigMap Missing"];
    world.seen(&admin, "/api/v1/applications/one", |answer| health(answer) == expected).await;
    // What is kept is what is told where the status says that it is kept.
    world.patch(&app, "{status: {resourceHealthSource: null}}");
    let stored = ["Deployment -", "Service -", "Secret -", "ConfigMap -"];
    world.seen(&admin, "/api/v1/applications/one", |answer| health(answer) == stored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_read_is_not_told_as_missing() {
    let (world, admin) = world("", "").await;
    world.wire.refuse("GET /api/v1/services?", 403);
    let tree = admin.get("/api/v1/applications/one/resource-tree").await.value();
    let health = |kind: &str| {
        let nodes = tree.get("nodes").unwrap().items();
        let node = nodes.iter().find(|node| node.str_at(&["kind"]) == Some(kind)).unwrap();
        node.str_at(&["health", "status"]).unwrap_or("-").to_owned()
    };
    assert_eq!(["Deployment", "Service", "ConfigMap"].map(health), ["Healthy", "Unknown", "Missing"]);
}
