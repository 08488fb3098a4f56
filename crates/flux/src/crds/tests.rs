//! The sources are whole, and become what servers take.

use belay_object::{Object, Value};

use super::*;

fn find(name: &str) -> Object {
    crds("flux-system", "v2.9.4").into_iter().find(|o| o.name() == name).expect("it is one of the fifteen")
}

fn check(definition: &str, pointer: &str, expected: &str) {
    let found = find(definition);
    let found = found.value().pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there"));
    assert_eq!(found.to_json(), expected, "{definition}{pointer}");
}

const SPEC: &str = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";

#[test]
fn every_source_becomes_a_definition() {
    assert_eq!(crds("flux-system", "v1").len(), 15);
}

#[test]
fn a_git_repository_is_defined_as_in_flux() {
    let name = "gitrepositories.source.toolkit.fluxcd.io";
    check(
        name,
        "/spec/names",
        r#"{"categories":["all","fluxcd","fluxcd-sources"],"kind":"GitRepository","listKind":"GitRepositoryList","plural":"gitrepositories","shortNames":["gitrepo"],"singular":"gitrepository"}"#,
    );
    check(name, "/spec/versions/0/subresources", r#"{"status":{}}"#);
    check(name, "/spec/versions/0/schema/openAPIV3Schema/properties/status/default", r#"{"observedGeneration":-1}"#);
    check(name, &format!("{SPEC}/required"), r#"["interval","url"]"#);
    check(name, &format!("{SPEC}/properties/timeout/default"), r#""60s""#);
    check(name, &format!("{SPEC}/properties/timeout/pattern"), r#""^([0-9]+(\\.[0-9]+)?(ms|s|m))+$""#);
    check(name, &format!("{SPEC}/properties/verify/required"), r#"["secretRef"]"#);
    check(
        name,
        "/metadata",
        r#"{"annotations":{"kustomize.toolkit.fluxcd.io/substitute":"disabled"},"labels":{"app.kubernetes.io/component":"source-controller","app.kubernetes.io/instance":"flux-system","app.kubernetes.io/part-of":"flux","app.kubernetes.io/version":"v2.9.4"},"name":"gitrepositories.source.toolkit.fluxcd.io"}"#,
    );
}

#[test]
fn rules_lists_and_maps_stand_where_servers_look_for_them() {
    let ks = "kustomizations.kustomize.toolkit.fluxcd.io";
    check(
        ks,
        &format!("{SPEC}/properties/kubeConfig/x-kubernetes-validations/0/rule"),
        r#""has(self.configMapRef) || has(self.secretRef)""#,
    );
    check(
        ks,
        &format!("{SPEC}/properties/buildMetadata/items/enum"),
        r#"["originAnnotations","transformerAnnotations"]"#,
    );
    check(ks, &format!("{SPEC}/properties/ignore/items/required"), r#"["paths"]"#);
    check(
        ks,
        &format!("{SPEC}/properties/commonMetadata/properties/labels/additionalProperties"),
        r#"{"type":"string"}"#,
    );
    let receiver = "receivers.notification.toolkit.fluxcd.io";
    check(receiver, &format!("{SPEC}/properties/oidcProviders/x-kubernetes-list-map-keys"), r#"["issuerURL"]"#);
    let release = find("helmreleases.helm.toolkit.fluxcd.io");
    let values = release.value().pointer(&format!("{SPEC}/properties/values")).unwrap();
    assert_eq!(values.get("x-kubernetes-preserve-unknown-fields"), Some(&Value::Bool(true)));
    assert_eq!(values.get("type"), None);
}

#[test]
fn alerts_and_providers_have_no_status() {
    for name in ["alerts.notification.toolkit.fluxcd.io", "providers.notification.toolkit.fluxcd.io"] {
        assert_eq!(find(name).value().pointer("/spec/versions/0/subresources"), None);
    }
}

#[test]
fn every_field_of_a_git_repository_and_a_kustomization_is_described() {
    fn walk(schema: &Value, path: &str) {
        for (name, inner) in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|m| m.iter()) {
            let path = format!("{path}.{name}");
            assert!(path == ".metadata" || inner.str_at(&["description"]).is_some(), "{path} is not described");
            walk(inner, &path);
            walk(&inner["items"], &format!("{path}[]"));
        }
    }
    for name in ["gitrepositories.source.toolkit.fluxcd.io", "kustomizations.kustomize.toolkit.fluxcd.io"] {
        walk(find(name).value().pointer("/spec/versions/0/schema/openAPIV3Schema").unwrap(), "");
    }
}
