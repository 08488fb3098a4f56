//! An installation holds what tools look for.

use super::*;

fn all() -> Vec<Object> {
    manifests(&super::Options::new("0.1.0"))
}

fn find(kind: &str, name: &str) -> Object {
    let found = all().into_iter().find(|o| o.kind() == kind && o.name() == name);
    found.unwrap_or_else(|| panic!("{kind}/{name} is not installed"))
}

#[test]
fn the_namespace_comes_first_and_definitions_before_all_that_is_not() {
    let kinds: Vec<String> = all().iter().map(|o| o.kind().to_owned()).collect();
    assert_eq!(kinds[0], "Namespace");
    assert!(kinds[1..16].iter().all(|k| k == "CustomResourceDefinition"));
    assert_eq!(
        kinds[16..].join(" "),
        "ServiceAccount ClusterRole ClusterRole ClusterRoleBinding ResourceQuota Deployment Service Service Service \
         Service NetworkPolicy NetworkPolicy NetworkPolicy"
    );
}

#[test]
fn everything_is_labelled_as_part_of_flux() {
    for object in all() {
        assert_eq!(object.label("app.kubernetes.io/part-of"), Some("flux"), "{}", object.key());
        assert_eq!(object.label("app.kubernetes.io/instance"), Some("flux-system"), "{}", object.key());
        assert_eq!(object.label("app.kubernetes.io/version"), Some(names::FLUX_VERSION), "{}", object.key());
    }
}

#[test]
fn the_image_has_a_tag_and_the_selector_fits_the_pods() {
    let deployment = find("Deployment", "belay");
    let pod = deployment.at(&["spec", "template"]).unwrap();
    assert_eq!(pod.pointer("/spec/containers/0/image").unwrap().to_json(), r#""ghcr.io/belay-gitops/belay:v0.1.0""#);
    assert_eq!(pod.pointer("/spec/containers/0/name").unwrap().as_str(), Some("manager"));
    for (name, value) in deployment.at(&["spec", "selector", "matchLabels"]).unwrap().as_object().unwrap().iter() {
        assert_eq!(pod.at(&["metadata", "labels", name]), Some(value));
    }
}

#[test]
fn services_stand_under_the_names_of_flux_controllers_and_lead_to_a_port() {
    let deployment = find("Deployment", "belay");
    let ports = deployment.value().pointer("/spec/template/spec/containers/0/ports").unwrap();
    for name in ["source-controller", "source-watcher", "notification-controller", "webhook-receiver"] {
        let service = find("Service", name);
        assert_eq!(service.value().pointer("/spec/ports/0/port").unwrap().as_i64(), Some(80));
        let target = service.value().pointer("/spec/ports/0/targetPort").unwrap().as_str();
        assert!(ports.items().iter().any(|p| p.str_at(&["name"]) == target), "{name}");
    }
}

#[test]
fn options_come_through() {
    let options = super::Options {
        namespace: "gitops".into(),
        image_pull_secret: Some("pull".into()),
        toleration_keys: vec!["node-role".into()],
        network_policy: false,
        ..super::Options::new("v1.2.3")
    };
    let all = manifests(&options);
    assert!(all.iter().all(|o| o.kind() != "NetworkPolicy"));
    assert!(all.iter().all(|o| o.namespace().is_empty() || o.namespace() == "gitops"));
    let deployment = all.iter().find(|o| o.kind() == "Deployment").unwrap();
    let pod = deployment.at(&["spec", "template", "spec"]).unwrap();
    assert_eq!(pod["imagePullSecrets"].to_json(), r#"[{"name":"pull"}]"#);
    assert_eq!(pod["tolerations"].to_json(), r#"[{"key":"node-role","operator":"Exists"}]"#);
    let args = pod.pointer("/containers/0/args").unwrap().to_json();
    assert!(args.contains("--storage-adv-addr=source-controller.gitops.svc.cluster.local."), "{args}");
}
