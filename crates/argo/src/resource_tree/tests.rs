use std::sync::Arc;

use belay_object::{GroupKind, Object, ObjectKey};

use super::*;

fn objects(yaml: &str) -> Vec<Arc<Node>> {
    let documents = belay_yaml::parse_documents(yaml, &belay_yaml::Options::v2()).expect("YAML");
    let object = |value| Object::new(value).expect("an object");
    let node = |object: Object| Arc::new(Node::of(&object, object.label("app").unwrap_or_default(), None, &[]));
    documents.into_iter().map(object).map(node).collect()
}

fn managed(group: &str, kind: &str, name: &str) -> Managed {
    let key = ObjectKey { kind: GroupKind::new(group, kind), namespace: "shop".into(), name: name.into() };
    Managed { key, version: "v1".into() }
}

/// `Kind/name <- parents` of each node, orphans after a line.
fn check(yaml: &str, managed: &[Managed], expected: &str) {
    let orphans = Orphans { namespace: "shop", tells: &|node| node.key.kind.kind == "ConfigMap" };
    let tree = Forest::new(objects(yaml)).tree(managed, Some(&orphans), &|node| *node.key.namespace != *"foreign");
    let line = |node: &Arc<Node>| {
        let health = node.health.as_ref().map(|h| format!(" {}", h.status.as_str())).unwrap_or_default();
        format!("{}/{}{health}", node.key.kind.kind, node.key.name)
    };
    let mut lines: Vec<String> = tree.nodes.iter().map(line).collect();
    if !tree.orphaned.is_empty() {
        lines.push("--".into());
        lines.extend(tree.orphaned.iter().map(line));
    }
    assert_eq!(lines.join("\n"), expected);
}

const DEPLOYMENT: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop, uid: d, labels: {app: one}}
---
apiVersion: apps/v1
kind: ReplicaSet
metadata: {name: web-1, namespace: shop, uid: r, annotations: {deployment.kubernetes.io/revision: '3'},
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: web, uid: d}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-b, namespace: shop, uid: p2, labels: {app: one},
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r}]}
spec: {nodeName: n1, containers: [{image: 'nginx:1'}]}
status: {phase: Running, containerStatuses: [{ready: true, restartCount: 2}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web-1-a, namespace: shop, uid: p1,
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: web-1, uid: r}]}
";

#[test]
fn what_is_managed_comes_with_all_that_it_owns() {
    let managed = [managed("apps", "Deployment", "web"), managed("", "Service", "web")];
    check(DEPLOYMENT, &managed, "Deployment/web\nReplicaSet/web-1\nPod/web-1-a\nPod/web-1-b\nService/web Missing");
}

#[test]
fn what_belongs_to_another_by_name_alone_is_below_it() {
    let yaml = "
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop, uid: s}
---
apiVersion: v1
kind: Endpoints
metadata: {name: web, namespace: shop, uid: e}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: my-db, namespace: shop, uid: t}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-my-db-0, namespace: shop, uid: c}
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data-other-0, namespace: shop, uid: o}
";
    let managed = [managed("", "Service", "web"), managed("apps", "StatefulSet", "my-db")];
    check(yaml, &managed, "Service/web\nEndpoints/web\nStatefulSet/my-db\nPersistentVolumeClaim/data-my-db-0");
}

#[test]
fn an_owner_of_another_namespace_or_name_is_no_owner_and_circles_end() {
    let yaml = "
apiVersion: v1
kind: ConfigMap
metadata: {name: a, namespace: shop, uid: a, labels: {app: one},
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: b, uid: b}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: b, namespace: shop, uid: b, labels: {app: one},
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: a, uid: a}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: c, namespace: other, uid: c, labels: {app: two},
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: a, uid: a}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: d, namespace: shop, uid: d, labels: {app: two},
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: else, uid: a}]}
";
    check(yaml, &[managed("", "ConfigMap", "a")], "ConfigMap/a\nConfigMap/b");
}

#[test]
fn what_nobody_tracks_and_nobody_owns_is_an_orphan() {
    let yaml = "
apiVersion: v1
kind: ConfigMap
metadata: {name: mine, namespace: shop, uid: a, labels: {app: one}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: stray, namespace: shop, uid: b}
---
apiVersion: v1
kind: Secret
metadata: {name: stray, namespace: shop, uid: c}
";
    check(yaml, &[managed("", "ConfigMap", "mine")], "ConfigMap/mine\n--\nConfigMap/stray");
}

#[test]
fn nodes_are_written_as_clients_read_them() {
    let nodes = objects(DEPLOYMENT);
    let text = |i: usize| nodes[i].to_value().to_json();
    assert_eq!(
        text(1),
        r#"{"group":"apps","info":[{"name":"Revision","value":"Rev:3"}],"kind":"ReplicaSet","name":"web-1","namespace":"shop","parentRefs":[{"group":"apps","kind":"Deployment","name":"web","namespace":"shop","uid":"d","version":"v1"}],"uid":"r","version":"v1"}"#
    );
    assert_eq!(
        text(2),
        r#"{"images":["nginx:1"],"info":[{"name":"Status Reason","value":"Running"},{"name":"Node","value":"n1"},{"name":"Containers","value":"1/1"},{"name":"Restart Count","value":"2"}],"kind":"Pod","name":"web-1-b","namespace":"shop","networkingInfo":{"labels":{"app":"one"}},"parentRefs":[{"group":"apps","kind":"ReplicaSet","name":"web-1","namespace":"shop","uid":"r","version":"v1"}],"uid":"p2","version":"v1"}"#
    );
}

#[test]
fn an_ingress_leads_to_services_and_addresses() {
    let yaml = "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop, uid: i, annotations: {link.argocd.argoproj.io/docs: 'https://docs.example'}}
spec:
  tls: [{hosts: [a.example]}]
  rules:
  - {host: a.example, http: {paths: [{path: /x, backend: {service: {name: web}}}, {path: /, backend: {service: {name: web}}}]}}
  - {host: '*.example', http: {paths: [{backend: {service: {name: other}}}]}}
";
    let network = objects(yaml)[0].to_value().remove(&["networkingInfo"]).expect("networking").to_json();
    assert_eq!(
        network,
        r#"{"externalURLs":["https://a.example/x","https://a.example","https://docs.example"],"targetRefs":[{"kind":"Service","name":"web","namespace":"shop"},{"kind":"Service","name":"other","namespace":"shop"}]}"#
    );
}

#[test]
fn inv_ui_1_links_of_objects_lead_to_pages_and_run_nothing() {
    let link = |url: &str| {
        let mut object = Object::of("v1", "ConfigMap", "shop", "a");
        object.set_annotation("link.argocd.argoproj.io/x", url);
        Network::of(&object).is_some()
    };
    for good in ["https://docs.example/a?b=c", "HTTP://docs.example", "the docs|https://docs.example", "/docs"] {
        assert!(link(good), "{good}");
    }
    for bad in [
        "javascript:alert(1)",
        "JavaScript://docs.example/%0aalert(1)",
        "title|javascript:alert(1)",
        "https://docs.example|javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        " javascript:alert(1)",
        "java\nscript:alert(1)",
        "https://docs.example/\n",
        "//docs.example",
        "docs.example",
        "",
    ] {
        assert!(!link(bad), "{bad:?}");
    }
}

#[test]
fn what_the_project_does_not_permit_is_not_shown_nor_what_is_below_it() {
    let yaml = "
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: wide, uid: w}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: theirs, namespace: foreign, uid: t,
  ownerReferences: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: wide, uid: w}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: below, namespace: foreign, uid: b,
  ownerReferences: [{apiVersion: v1, kind: ConfigMap, name: theirs, uid: t}]}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: ours, namespace: shop, uid: o,
  ownerReferences: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, name: wide, uid: w}]}
";
    let wide = ObjectKey::new("rbac.authorization.k8s.io", "ClusterRole", "", "wide");
    check(yaml, &[Managed { key: wide, version: "v1".into() }], "ClusterRole/wide\nConfigMap/ours");
}
