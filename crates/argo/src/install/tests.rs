use super::*;

#[test]
fn everything_stands_under_the_names_that_others_look_for() {
    let names: Vec<String> = objects("argocd").iter().map(|object| object.key().to_string()).collect();
    assert_eq!(
        names,
        [
            "CustomResourceDefinition/applications.argoproj.io",
            "CustomResourceDefinition/appprojects.argoproj.io",
            "CustomResourceDefinition/applicationsets.argoproj.io",
            "ConfigMap/argocd/argocd-cm",
            "ConfigMap/argocd/argocd-rbac-cm",
            "ConfigMap/argocd/argocd-cmd-params-cm",
            "ConfigMap/argocd/argocd-ssh-known-hosts-cm",
            "ConfigMap/argocd/argocd-tls-certs-cm",
            "ConfigMap/argocd/argocd-gpg-keys-cm",
            "AppProject/argocd/default",
        ]
    );
    for object in objects("argocd").iter().filter(|object| object.kind() == "ConfigMap") {
        assert_eq!(object.label(names::PART_OF.0), Some(names::PART_OF.1), "{}", object.name());
    }
}

#[test]
fn the_settings_are_those_of_argo_cds_own_manifests() {
    let map = settings("argocd");
    let text = |key: &str| map.str_at(&["data", key]).expect(key);
    assert_eq!(text("resource.customizations.ignoreResourceUpdates.all"), "jsonPointers:\n- /status\n");
    assert_eq!(
        text("resource.customizations.ignoreResourceUpdates.argoproj.io_Rollout"),
        "jqPathExpressions:\n- .metadata.annotations.\"notified.notifications.argoproj.io\"\n"
    );
    let exclusions = belay_yaml::parse_value(text("resource.exclusions"), &belay_yaml::Options::v2()).expect("YAML");
    assert_eq!(
        exclusions[0].to_json(),
        r#"{"apiGroups":["","discovery.k8s.io"],"kinds":["Endpoints","EndpointSlice"]}"#
    );
    let kinds: usize = exclusions.items().iter().map(|one| one["kinds"].items().len()).sum();
    assert_eq!((exclusions.items().len(), kinds), (7, 23));
}
