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

#[test]
fn a_secret_that_is_a_part_and_describes_something_is_read_once_as_a_part() {
    let labels = "{argocd.argoproj.io/secret-type: cluster, app.kubernetes.io/part-of: argocd}";
    let of = |name: &str, value: &str| secret(name, labels, &format!("{{server: {value}}}"));
    let (own, described) = (vec![of("a", "b3du"), of("b", "b3du")], vec![of("b", "b3RoZXI="), of("c", "b3RoZXI=")]);
    let all = all_secrets(own, described);
    let told: Vec<String> =
        all.iter().map(|s| format!("{} {}", s.name(), s.str_at(&["data", "server"]).unwrap())).collect();
    assert_eq!(told, ["a b3du", "b b3du", "c b3RoZXI="]);
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

/// Half a configuration is none: what was left out stays so.
#[test]
fn what_is_left_out_stays_so_where_the_list_of_it_cannot_be_read() {
    let good = read(&[map("{resource.exclusions: '[{kinds: [Secret]}]'}")], &[]);
    assert!(good.excludes("", "Secret", "any") && good.unread.is_none());
    for wrong in ["'[{kinds: [Secret'", "'kinds: Secret'"] {
        let maps = [map(&format!("{{resource.exclusions: {wrong}}}"))];
        let (after, warnings) = Config::read(&maps, &[], Some(&good));
        assert!(after.excludes("", "Secret", "any") && after.unread.is_none(), "{wrong}");
        assert!(!warnings.is_empty(), "{wrong}");
        let unread = read(&maps, &[]).unread;
        let told = "resource.exclusions of argocd-cm cannot be read: it is not known what is left out";
        assert_eq!(unread.as_deref(), Some(told), "nothing was known before");
    }
}

/// argo.md 2.7, `ignoreResourceUpdates`
#[test]
fn which_changes_wake_nobody_is_what_both_lists_say() {
    let object = |text: &str| {
        object(&format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a, resourceVersion: '1', generation: 1}}, {text}}}"
        ))
    };
    let left = |data: &str, text: &str| {
        let rules = read(&[map(data)], &[]).ignore_updates?;
        let (live, mut stripped) = (object(text), (*object(text)).clone());
        rules.strip(&mut stripped, &live);
        Some(stripped.value().to_json())
    };
    let none = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}"#;
    let with = |more: &str| format!(r#"{{"apiVersion":"v1",{more}"kind":"ConfigMap","metadata":{{"name":"a"}}}}"#);
    assert_eq!(left("{}", "status: {a: 1}").as_deref(), Some(none), "a status counts nowhere by default");
    let own = "{resource.customizations.ignoreResourceUpdates.ConfigMap: 'jsonPointers: [/data/beat]'}";
    assert_eq!(left(own, "data: {beat: x}").as_deref(), Some(&*with(r#""data":{},"#)));
    let compared = "{resource.customizations.ignoreDifferences.ConfigMap: 'jsonPointers: [/data]'}";
    assert_eq!(left(compared, "data: {beat: x}").as_deref(), Some(none));
    let apart = "{resource.customizations.ignoreDifferences.ConfigMap: 'jsonPointers: [/data]', \
                 resource.compareoptions: 'ignoreDifferencesOnResourceUpdates: false'}";
    assert_eq!(left(apart, "data: {beat: x}").as_deref(), Some(&*with(r#""data":{"beat":"x"},"#)));
    assert_eq!(left("{resource.ignoreResourceUpdatesEnabled: 'false'}", "data: {}"), None);
}
