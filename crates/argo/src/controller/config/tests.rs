use super::*;

fn object(yaml: &str) -> Arc<Object> {
    let value = belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).unwrap();
    Arc::new(Object::new(value).unwrap())
}

fn map(data: &str) -> Arc<Object> {
    object(&format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: argocd-cm}}, data: {data}}}"))
}

fn secret(name: &str, labels: &str, data: &str) -> Arc<Object> {
    object(&format!(
        "{{apiVersion: v1, kind: Secret, metadata: {{name: {name}, labels: {labels}}}, stringData: {data}, data: {data}}}"
    ))
}

fn read(maps: &[Arc<Object>], secrets: &[Arc<Object>]) -> Config {
    Config::read(maps, secrets, None).0
}

#[test]
fn what_is_about_people_wakes_no_application() {
    let judged = |data: &str, secrets: &[Arc<Object>]| read(&[map(data)], secrets).judged_by;
    let before = judged("{}", &[]);
    assert_eq!(judged("{accounts.me: login, ui.bannercontent: hello, users.anonymous.enabled: 'true'}", &[]), before);
    assert_eq!(
        judged("{}", &[secret("argocd-secret", "{app.kubernetes.io/part-of: argocd}", "{admin.tokens: eA==}")]),
        before
    );
    assert_ne!(judged("{resource.exclusions: '[]'}", &[]), before);
    assert_ne!(judged("{timeout.reconciliation: 5s}", &[]), before);
    let repository =
        |url: &str| secret("r", "{argocd.argoproj.io/secret-type: repository}", &format!("{{url: {url}}}"));
    let one = judged("{}", &[repository("aA==")]);
    assert_ne!(one, before);
    assert_ne!(judged("{}", &[repository("aB==")]), one);
}

/// argo.md 2.7, `ignoreAggregatedRoles`
#[test]
fn rules_of_aggregated_roles_count_for_nothing_where_the_settings_say_so() {
    let role = |more: &str| {
        object(&format!(
            "{{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {{name: a}}, rules: [{{verbs: [get]}}]{more}}}"
        ))
    };
    let has_rules = |options: &str, role: &Object| {
        let mut stripped = role.clone();
        read(&[map(options)], &[]).ignore.strip(&mut stripped, role);
        stripped.get("rules").is_some()
    };
    let on = "{resource.compareoptions: 'ignoreAggregatedRoles: true'}";
    let aggregated = role(", aggregationRule: {clusterRoleSelectors: []}");
    assert!(has_rules("{}", &aggregated));
    assert!(!has_rules(on, &aggregated));
    assert!(has_rules(on, &role("")));
}
