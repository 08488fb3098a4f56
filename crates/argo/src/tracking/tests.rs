use super::*;

fn object(yaml: &str) -> Object {
    let value = belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect(yaml);
    Object::new(value).expect(yaml)
}

fn tracking(method: &str, installation_id: &str) -> Tracking {
    Tracking { method: Method::parse(method), installation_id: installation_id.into(), ..Tracking::default() }
}

fn check_stamp(tracking: &Tracking, app: &str, yaml: &str, expected: &str) {
    let mut object = object(yaml);
    tracking.stamp(&mut object, app, "prod");
    assert_eq!(object.at(&["metadata"]).expect(yaml).to_json(), expected, "{yaml}");
}

#[test]
fn objects_say_whose_they_are() {
    let map = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: nm, annotations: null}}";
    let role = "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r}}";
    check_stamp(
        &tracking("annotation", ""),
        "shop",
        map,
        r#"{"annotations":{"argocd.argoproj.io/tracking-id":"shop:/ConfigMap:nm/a"},"name":"a","namespace":"nm"}"#,
    );
    check_stamp(
        &tracking("annotation", "one"),
        "team_shop",
        role,
        r#"{"annotations":{"argocd.argoproj.io/installation-id":"one","argocd.argoproj.io/tracking-id":"team_shop:rbac.authorization.k8s.io/ClusterRole:prod/r"},"name":"r"}"#,
    );
    check_stamp(
        &tracking("label", ""),
        "shop",
        map,
        r#"{"annotations":null,"labels":{"app.kubernetes.io/instance":"shop"},"name":"a","namespace":"nm"}"#,
    );
    let long = format!("{}--{}", "a".repeat(62), "b".repeat(9));
    let expected = format!(
        r#"{{"annotations":{{"argocd.argoproj.io/tracking-id":"{long}:/ConfigMap:nm/a"}},"labels":{{"app.kubernetes.io/instance":"{}"}},"name":"a","namespace":"nm"}}"#,
        "a".repeat(62)
    );
    check_stamp(&tracking("annotation+label", ""), &long, map, &expected);
}

/// Contract 10.3: definitions carry no tracking, so that they are never pruned.
#[test]
fn definitions_carry_no_tracking() {
    let crd = "{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: w}}";
    for method in ["annotation", "label", "annotation+label"] {
        check_stamp(&tracking(method, "one"), "shop", crd, r#"{"name":"w"}"#);
    }
}

fn check_owner(tracking: &Tracking, metadata: &str, expected: Option<(&str, bool)>) {
    let object = object(&format!("{{apiVersion: apps/v1, kind: Deployment, metadata: {{{metadata}}}}}"));
    let owner = tracking.owner_of(&object);
    assert_eq!(owner.as_ref().map(|o| (o.app.as_str(), o.matches_self)), expected, "{metadata}");
}

/// Contract 10.2: a copy is nobody's by annotation, and the Application's by label.
#[test]
fn a_copy_is_not_managed() {
    let id = "argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:prod/web'";
    let by = tracking("annotation", "");
    check_owner(&by, &format!("name: web, namespace: prod, annotations: {{{id}}}"), Some(("shop", true)));
    check_owner(&by, &format!("name: web, annotations: {{{id}}}"), Some(("shop", true)));
    check_owner(&by, &format!("name: copy, namespace: prod, annotations: {{{id}}}"), Some(("shop", false)));
    check_owner(&by, &format!("name: web, namespace: other, annotations: {{{id}}}"), Some(("shop", false)));
    check_owner(&by, "name: web, labels: {app.kubernetes.io/instance: shop}", None);
    check_owner(&by, "name: web, annotations: {argocd.argoproj.io/tracking-id: shop}", None);
    let label = tracking("label", "");
    check_owner(&label, "name: copy, labels: {app.kubernetes.io/instance: shop}", Some(("shop", true)));
    check_owner(&label, &format!("name: web, annotations: {{{id}}}"), None);
}

#[test]
fn objects_of_another_installation_are_not_ours() {
    let id = "argocd.argoproj.io/tracking-id: 'shop:apps/Deployment:prod/web'";
    let ours = tracking("annotation", "one");
    check_owner(&ours, &format!("name: web, namespace: prod, annotations: {{{id}}}"), None);
    let with = |installation: &str| {
        format!("name: web, namespace: prod, annotations: {{{id}, argocd.argoproj.io/installation-id: {installation}}}")
    };
    check_owner(&ours, &with("two"), None);
    check_owner(&ours, &with("one"), Some(("shop", true)));
}

#[test]
fn a_group_that_is_about_to_change_is_held_against_what_is_desired() {
    let live = object(
        "{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: prod, annotations: {argocd.argoproj.io/tracking-id: 'shop:extensions/Ingress:prod/i'}}}",
    );
    let desired = object("{apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: {name: i, namespace: prod}}");
    let by = tracking("annotation", "");
    assert!(by.is_self_referenced(&live, Some(&desired)));
    assert!(!by.is_self_referenced(&live, None));
    assert!(tracking("label", "").is_self_referenced(&live, None));
}

#[test]
fn what_was_tracked_by_label_does_not_differ_for_that() {
    let by = tracking("annotation", "");
    let mut desired = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: prod}}");
    by.stamp(&mut desired, "shop", "prod");
    let mut live = object(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: prod, labels: {app.kubernetes.io/instance: shop}}}",
    );
    by.normalize_live(&mut live, &desired);
    assert_eq!(live.annotation(TRACKING_ID), desired.annotation(TRACKING_ID));
    assert_eq!(live.label(INSTANCE_LABEL), None);
    // An annotation that is there is a difference that a sync is to repair.
    let mut other = object(
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, labels: {app.kubernetes.io/instance: shop}, annotations: {argocd.argoproj.io/tracking-id: 'other:/ConfigMap:prod/a'}}}",
    );
    by.normalize_live(&mut other, &desired);
    assert_eq!(other.annotation(TRACKING_ID), Some("other:/ConfigMap:prod/a"));
}

#[test]
fn what_was_stamped_can_be_taken_off() {
    for method in ["annotation", "label", "annotation+label"] {
        let by = tracking(method, "one");
        let mut stamped = object("{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}");
        by.stamp(&mut stamped, "shop", "prod");
        by.unstamp(&mut stamped);
        assert!(stamped.labels().is_none_or(|m| m.is_empty()) && stamped.annotations().is_none_or(|m| m.is_empty()));
    }
}
