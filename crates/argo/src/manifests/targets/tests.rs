use super::*;

fn object(yaml: &str) -> Object {
    let value = belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect(yaml);
    Object::new(value).expect(yaml)
}

/// What comes of objects in the namespace `prod` of a cluster that knows ConfigMaps and ClusterRoles.
fn check(objects: &[&str], expected: &[&str]) {
    let scope = |kind: &GroupKind| match kind.kind.as_str() {
        "ConfigMap" => Some(true),
        "ClusterRole" => Some(false),
        _ => None,
    };
    let is_excluded = |group: &str, kind: &str| group == "events.k8s.io" || kind == "Lease";
    let found = targets(objects.iter().map(|yaml| object(yaml)).collect(), "prod", &scope, &is_excluded);
    let data = |o: &Object| o.get("data").map(|data| format!(" {data}")).unwrap_or_default();
    let mut lines: Vec<String> = found.objects.iter().map(|o| format!("{}{}", o.key(), data(o))).collect();
    lines.extend(found.conditions.iter().map(|c| format!("{}: {}", c.kind, c.message)));
    assert_eq!(lines.join("\n"), expected.join("\n"));
}

#[test]
fn namespaces_are_filled_in_or_taken_away() {
    check(
        &[
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: other}}",
            "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: r, namespace: other}}",
            "{apiVersion: unknown/v1, kind: Unknown, metadata: {name: u}}",
        ],
        &["ConfigMap/prod/a", "ConfigMap/other/a", "ClusterRole/r", "Unknown/prod/u"],
    );
}

/// Contract 10.23: a definition in the set tells of kinds that the cluster does not know.
#[test]
fn definitions_in_the_set_tell_the_scope_of_their_kinds() {
    let crd = |scope: &str| {
        format!(
            "{{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {{name: w}}, spec: {{group: e, scope: {scope}, names: {{kind: W}}}}}}"
        )
    };
    let one = "{apiVersion: e/v1, kind: W, metadata: {name: x, namespace: nm}}";
    check(&[one, &crd("Cluster")], &["W/x", "CustomResourceDefinition/prod/w"]);
    check(&[one, &crd("Namespaced")], &["W/nm/x", "CustomResourceDefinition/prod/w"]);
}

/// Contract 10.23: filling in namespaces comes before looking for what stands twice.
#[test]
fn of_objects_that_stand_twice_the_last_counts() {
    check(
        &[
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {v: '1'}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: prod}, data: {v: '2'}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}, data: {v: '3'}}",
        ],
        &[
            "ConfigMap/prod/a {\"v\":\"3\"}",
            "ConfigMap/prod/b",
            "RepeatedResourceWarning: Resource /ConfigMap/prod/a appeared 3 times among application resources.",
        ],
    );
}

#[test]
fn objects_that_the_server_names_never_stand_twice() {
    let hook = "{apiVersion: v1, kind: ConfigMap, metadata: {generateName: h-}}";
    check(&[hook, hook], &["ConfigMap/prod/", "ConfigMap/prod/"]);
}

#[test]
fn excluded_kinds_go_with_a_warning() {
    check(
        &[
            "{apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: {name: l}}",
            "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}",
        ],
        &[
            "ConfigMap/prod/a",
            "ExcludedResourceWarning: Resource coordination.k8s.io/Lease l is excluded in the settings",
        ],
    );
}
