use belay_object::{Object, Value};

use super::{IntegrityMode, Project, normalize_tokens};
use crate::ErrorKind;

fn object(spec: &str) -> Object {
    let mut object = Object::of("argoproj.io/v1alpha1", "AppProject", "argocd", "shop");
    object.set(&["spec"], belay_object::from_json_str(spec).expect("JSON"));
    object
}

fn project(spec: &str) -> Project {
    Project::read(&object(spec)).expect("a project")
}

fn sources(patterns: &[&str]) -> Project {
    let list = patterns.iter().map(|p| Value::from(*p)).collect();
    project(&format!(r#"{{"sourceRepos":{}}}"#, Value::Array(list).to_json()))
}

/// Argo CD's own tables of the function.
#[test]
fn sources_that_are_permitted() {
    for (patterns, url, expected) in [
        (&["*"][..], "https://github.com/argoproj/test.git", true),
        (&["https://github.com/argoproj/test.git"], "https://github.com/argoproj/test.git", true),
        (&["https://github.com/argoproj/test"], "https://GitHub.com/argoproj/test.git", true),
        (&["https://github.com/argoproj/*"], "https://github.com/argoproj/argoproj.git", true),
        (
            &["https://github.com/test1/test.git", "https://github.com/test2/test.git"],
            "https://github.com/test2/test.git",
            true,
        ),
        (&["https://github.com/argoproj/foo*"], "https://github.com/argoproj/foo1", true),
        (&["https://gitlab.com/group/*"], "https://gitlab.com/group/repo/owner", false),
        (&["https://gitlab.com/group/*/*"], "https://gitlab.com/group/repo/owner", true),
        (&["https://gitlab.com/group/*/*"], "https://gitlab.com/group/sub-group/repo/owner", false),
        (&["https://gitlab.com/group/**"], "https://gitlab.com/group/sub-group/repo/owner", true),
        (&["ssh://git@github.com/argoproj/*"], "git@github.com:argoproj/test.git", true),
        (&[], "https://github.com/argoproj/test.git", false),
        (&["!https://github.com/argoproj/*", "*"], "https://github.com/argoproj/test", false),
        (&["*", "!https://github.com/argoproj/*"], "https://github.com/argoproj/test", false),
        (&["!https://github.com/argoproj/*.git", "*"], "https://github.com/argoproj1/test2.git", true),
        (&["!ssh://git@GITHUB.com:argoproj/test", "*"], "ssh://git@github.com:argoproj/test", false),
        // Behaviour 18: what is not denied is not thereby permitted.
        (&["!https://github.com/other/*"], "https://github.com/argoproj/test", false),
        (&["https://bad host/"], "https://bad host/", false),
    ] {
        assert_eq!(sources(patterns).permits_source(url), expected, "{patterns:?} {url}");
    }
}

#[test]
fn destinations_that_are_permitted() {
    const IN: &str = "https://kubernetes.default.svc";
    for (entries, server, name, namespace, expected) in [
        (r#"[{"server":"https://kubernetes.default.svc","namespace":"default"}]"#, IN, "in-cluster", "default", true),
        (r#"[{"server":"https://kubernetes.default.svc","namespace":"default"}]"#, IN, "", "kube-system", false),
        (r#"[{"server":"https://my-cluster","namespace":"default"}]"#, IN, "", "default", false),
        (r#"[{"server":"*","namespace":"team1-*"}]"#, IN, "", "team1-a", true),
        (r#"[{"server":"https://*.default.svc","namespace":"*"}]"#, IN, "", "x", true),
        (r#"[{"name":"prod-*","namespace":"*"}]"#, "https://p", "prod-1", "x", true),
        (r#"[{"name":"prod-*","namespace":"*"}]"#, "https://p", "", "x", false),
        (r#"[{"namespace":"*"}]"#, IN, "", "x", false),
        (r#"[]"#, IN, "", "x", false),
        // The example of the handbook.
        (
            r#"[{"namespace":"!kube-system","server":"*"},{"namespace":"*","server":"!https://team1-*"},{"namespace":"*","server":"*"}]"#,
            IN,
            "",
            "x",
            true,
        ),
        (
            r#"[{"namespace":"!kube-system","server":"*"},{"namespace":"*","server":"!https://team1-*"},{"namespace":"*","server":"*"}]"#,
            IN,
            "",
            "kube-system",
            false,
        ),
        (
            r#"[{"namespace":"!kube-system","server":"*"},{"namespace":"*","server":"!https://team1-*"},{"namespace":"*","server":"*"}]"#,
            "https://team1-a",
            "",
            "x",
            false,
        ),
        // In whatever order they stand.
        (r#"[{"server":"*","namespace":"*"},{"server":"*","namespace":"!kube-system"}]"#, IN, "", "kube-system", false),
        (r#"[{"server":"*","namespace":"*"},{"name":"!test","namespace":"*"}]"#, IN, "test", "x", false),
        (
            r#"[{"server":"*","namespace":"*"},{"server":"!https://a","namespace":"default"}]"#,
            "https://a",
            "",
            "other",
            true,
        ),
        // Behaviour 18.
        (r#"[{"server":"!https://a","namespace":"*"}]"#, "https://b", "", "x", false),
    ] {
        let project = project(&format!(r#"{{"destinations":{entries}}}"#));
        assert_eq!(
            project.permits_destination(server, name, namespace),
            expected,
            "{entries} {server} {name} {namespace}"
        );
    }
}

/// Behaviour 17.
#[test]
fn absent_and_empty_lists_of_kinds() {
    for (spec, namespaced, cluster) in [
        ("{}", true, false),
        (r#"{"namespaceResourceWhitelist":null}"#, true, false),
        (r#"{"namespaceResourceWhitelist":[]}"#, false, false),
        (r#"{"clusterResourceWhitelist":[]}"#, true, false),
        (r#"{"clusterResourceWhitelist":[{"group":"*","kind":"*"}]}"#, true, true),
        (
            r#"{"clusterResourceWhitelist":[{"group":"*","kind":"*"}],"clusterResourceBlacklist":[{"group":"","kind":"Names*"}]}"#,
            true,
            false,
        ),
        (r#"{"clusterResourceWhitelist":[{"group":"","kind":"Namespace","name":"team-*"}]}"#, true, true),
        (r#"{"clusterResourceWhitelist":[{"group":"","kind":"Namespace","name":"other-*"}]}"#, true, false),
        (r#"{"namespaceResourceBlacklist":[{"group":"apps","kind":"Deploy*"}]}"#, false, false),
        (r#"{"namespaceResourceWhitelist":[{"group":"app?","kind":"[A-D]*"}]}"#, true, false),
        (r#"{"namespaceResourceWhitelist":[{"group":"apps","kind":"["}]}"#, false, false),
    ] {
        let project = project(spec);
        assert_eq!(project.permits_kind("apps", "Deployment", true, "x"), namespaced, "{spec}");
        assert_eq!(project.permits_kind("", "Namespace", false, "team-a"), cluster, "{spec}");
    }
}

#[test]
fn namespaces_of_applications() {
    let project = project(r#"{"sourceNamespaces":["team-*","/^dev-[0-9]+$/"]}"#);
    for (namespace, expected) in [("argocd", true), ("", true), ("team-a", true), ("dev-1", true), ("dev-x", false)] {
        assert_eq!(project.permits_namespace(namespace, "argocd"), expected, "{namespace}");
    }
}

#[test]
fn the_first_service_account_that_fits() {
    let project = project(
        r#"{"destinationServiceAccounts":[
            {"server":"https://a","namespace":"guestbook","defaultServiceAccount":"one"},
            {"server":"https://a","namespace":"guest*","defaultServiceAccount":"ns:two"},
            {"server":"*","namespace":"","defaultServiceAccount":"three"},
            {"server":"https://b","namespace":"*","defaultServiceAccount":"b*d"}]}"#,
    );
    let account = |server: &str, namespace: &str| {
        project.service_account(server, namespace, "apps").map_err(|e| e.message().to_owned())
    };
    let name = |text: &str| Ok(Some(format!("system:serviceaccount:{text}")));
    assert_eq!(account("https://a", "guestbook"), name("guestbook:one"));
    assert_eq!(account("https://a", "guests"), name("ns:two"));
    assert_eq!(account("https://a", ""), name("apps:three"));
    assert_eq!(account("https://a", "other"), Ok(None));
    assert_eq!(account("https://b", "x"), Err("default service account contains invalid chars 'b*d'".to_owned()));
}

#[test]
fn global_projects_add_to_a_project() {
    let own = project(r#"{"sourceRepos":["https://h/own"],"roles":[{"name":"dev"}]}"#);
    let global = project(
        r#"{"sourceRepos":["https://h/base"],"destinations":[{"server":"*","namespace":"*"}],
            "namespaceResourceWhitelist":[{"group":"apps","kind":"*"}],
            "clusterResourceWhitelist":[{"group":"","kind":"Namespace"}],
            "syncWindows":[{"kind":"deny","schedule":"* * * * *","duration":"1h","applications":["*"]}],
            "roles":[{"name":"admin"}],"sourceNamespaces":["*"]}"#,
    );
    let merged = own.merge_globals([&global]);
    assert!(merged.permits_source("https://h/own") && merged.permits_source("https://h/base"));
    assert!(merged.permits_destination("https://a", "", "x") && merged.permits_kind("", "Namespace", false, "x"));
    // From everything to what the global project lists.
    assert!(own.permits_kind("", "Service", true, "x") && !merged.permits_kind("", "Service", true, "x"));
    assert_eq!(merged.windows().len(), 1);
    assert_eq!(merged.roles().len(), 1);
    assert!(!merged.permits_namespace("other", "argocd"));
    let empty = project(r#"{"namespaceResourceWhitelist":[]}"#);
    assert!(own.merge_globals([&empty]).permits_kind("", "Service", true, "x"));
}

#[test]
fn what_is_refused_in_argo_s_words() {
    let role = |body: &str| format!(r#"{{"roles":[{{"name":"dev",{body}}}]}}"#);
    let window = |body: &str| format!(r#"{{"syncWindows":[{{{body}}}]}}"#);
    for (spec, kind, expected) in [
        (
            r#"{"destinations":[{"server":"!*","namespace":"x"}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "server has an invalid format, '!*'",
        ),
        (
            r#"{"destinations":[{"server":"a","namespace":"x"},{"server":"a","namespace":"x"}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "destination 'a/x' already added",
        ),
        (
            r#"{"sourceNamespaces":["a","a"]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "source namespace 'a' already added",
        ),
        (
            r#"{"sourceRepos":["!*"]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "source repository has an invalid format, '!*'",
        ),
        (r#"{"sourceRepos":["a","a"]}"#.to_owned(), ErrorKind::InvalidArgument, "source repository 'a' already added"),
        (r#"{"roles":[{"name":"a"},{"name":"a"}]}"#.to_owned(), ErrorKind::AlreadyExists, "role 'a' already exists"),
        (
            r#"{"roles":[{"name":"-a"}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "invalid role name '-a'. Must consist of alphanumeric characters, '-' or '_', and must start and end with an alphanumeric character",
        ),
        (
            role(r#""policies":["p, x"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, x': must be of the form: 'p, sub, res, act, obj, eft'",
        ),
        (
            role(r#""policies":["p, proj:other:dev, applications, get, shop/*, allow"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, proj:other:dev, applications, get, shop/*, allow': policy subject must be: 'proj:shop:dev', not 'proj:other:dev'",
        ),
        (
            role(r#""policies":["p, proj:shop:dev, projects, get, shop/*, allow"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, proj:shop:dev, projects, get, shop/*, allow': project resource must be: 'applications', 'applicationsets', 'repositories', 'exec', 'logs' or 'clusters', not 'projects'",
        ),
        (
            role(r#""policies":["p, proj:shop:dev, applications, fly, shop/*, allow"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, proj:shop:dev, applications, fly, shop/*, allow': invalid action 'fly'",
        ),
        (
            role(r#""policies":["p, proj:shop:dev, applications, get, other/*, allow"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, proj:shop:dev, applications, get, other/*, allow': object must be of form 'shop/*', 'shop[/<NAMESPACE>]/<APPNAME>' or 'shop/<APPNAME>', not 'other/*'",
        ),
        (
            role(r#""policies":["p, proj:shop:dev, applications, get, shop/*, perhaps"]"#),
            ErrorKind::InvalidArgument,
            "invalid policy rule 'p, proj:shop:dev, applications, get, shop/*, perhaps': effect must be: 'allow' or 'deny'",
        ),
        (role(r#""groups":["a,b"]"#), ErrorKind::InvalidArgument, "group 'a,b' must be quoted"),
        (role(r#""groups":[" a"]"#), ErrorKind::InvalidArgument, "group 'a' contains a leading space"),
        (role(r#""groups":["a","a"]"#), ErrorKind::AlreadyExists, "group 'a' already exists for role 'dev'"),
        (
            window(r#""kind":"x","applications":["*"]"#),
            ErrorKind::Unknown,
            "kind 'x' mismatch: can only be allow or deny",
        ),
        (
            window(r#""kind":"deny","schedule":"* * * *","duration":"1h","applications":["*"]"#),
            ErrorKind::Unknown,
            "cannot parse schedule '* * * *': expected exactly 5 fields, found 4: [* * * *]",
        ),
        (
            window(r#""kind":"deny","schedule":"* * * * *","duration":"1","applications":["*"]"#),
            ErrorKind::Unknown,
            "cannot parse duration '1': time: missing unit in duration \"1\"",
        ),
        (
            window(r#""kind":"deny","schedule":"* * * * *","duration":"1h""#),
            ErrorKind::OutOfRange,
            "window 'deny':'* * * * *':'1h' requires one of application, cluster or namespace",
        ),
        (
            r#"{"destinationServiceAccounts":[{"server":"!x","defaultServiceAccount":"a"}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "server has an invalid format, '!x'",
        ),
        (
            r#"{"destinationServiceAccounts":[{"server":"x","defaultServiceAccount":" "}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "defaultServiceAccount has an invalid format, ' '",
        ),
        (
            r#"{"destinationServiceAccounts":[{"server":"[","defaultServiceAccount":"a"}]}"#.to_owned(),
            ErrorKind::InvalidArgument,
            "server has an invalid format, '['",
        ),
    ] {
        let error = project(&spec).validate().expect_err(&spec);
        assert_eq!((error.kind(), error.message()), (kind, expected), "{spec}");
    }
    let good = r#"{"roles":[{"name":"dev","policies":["p, proj:shop:dev, applications, action/apps/*, shop/*, allow"],"groups":["\"a,b\""]}]}"#;
    assert_eq!(project(good).validate(), Ok(()));
}

#[test]
fn fields_of_a_wrong_type_are_named() {
    for (spec, expected) in [
        (r#"{"sourceRepos":"x"}"#, "spec.sourceRepos is string; expected a list"),
        (r#"{"roles":[{"name":1}]}"#, "spec.roles[0].name is integer; expected a string"),
        (
            r#"{"permitOnlyProjectScopedClusters":"yes"}"#,
            "spec.permitOnlyProjectScopedClusters is string; expected true or false",
        ),
        (
            r#"{"sourceIntegrity":{"git":{"policies":[{"gpg":{"mode":"all"}}]}}}"#,
            "spec.sourceIntegrity.git.policies[0].gpg.mode is string; expected none, head or strict",
        ),
    ] {
        assert_eq!(Project::read(&object(spec)).expect_err(spec).message(), expected);
    }
}

#[test]
fn orphans_that_do_not_count() {
    assert!(project("{}").orphaned_resources().is_none());
    let project =
        project(r#"{"orphanedResources":{"ignore":[{"kind":"ConfigMap","name":"orphan-*"},{"group":"*.io"}]}}"#);
    let orphaned = project.orphaned_resources().expect("monitoring");
    assert!(orphaned.warn);
    for (group, kind, namespace, name, expected) in [
        ("", "Service", "default", "kubernetes", true),
        ("", "Service", "other", "kubernetes", false),
        ("", "ServiceAccount", "x", "default", true),
        ("", "ConfigMap", "x", "kube-root-ca.crt", true),
        ("", "ConfigMap", "x", "orphan-1", true),
        ("", "ConfigMap", "x", "other", false),
        ("example.io", "Thing", "x", "y", true),
        ("", "Secret", "x", "y", false),
    ] {
        assert_eq!(orphaned.ignores(group, kind, namespace, name), expected, "{group} {kind} {namespace} {name}");
    }
}

#[test]
fn commits_are_trusted_by_the_policy_of_their_repository() {
    let legacy = project(r#"{"signatureKeys":[{"keyID":"A"}]}"#);
    let policy = legacy.integrity_policy("https://any/x").expect("one").expect("a policy");
    assert_eq!((policy.mode, policy.keys), (IntegrityMode::Head, vec!["A".to_owned()]));
    let both = project(
        r#"{"signatureKeys":[{"keyID":"A"}],"sourceIntegrity":{"git":{"policies":[
            {"repos":[{"url":"https://h/*"},{"url":"!https://h/free"}],"gpg":{"mode":"strict","keys":["B"]}},
            {"repos":[{"url":"https://h/twice"}],"gpg":{"mode":"none"}}]}}}"#,
    );
    let of = |url: &str| both.integrity_policy(url).map(|p| p.map(|p| p.mode)).map_err(|e| e.message().to_owned());
    assert_eq!(of("https://h/a/b"), Ok(Some(IntegrityMode::Strict)));
    assert_eq!(of("https://h/free"), Ok(None));
    assert_eq!(of("https://other/x"), Ok(None));
    assert_eq!(
        of("https://h/twice"),
        Err("multiple (2) git source integrity policies found for repo URL: https://h/twice".to_owned())
    );
}

#[test]
fn tokens_of_spec_and_status_are_made_equal() {
    let mut object = object(r#"{"roles":[{"name":"ci","jwtTokens":[{"iat":1},{"iat":3,"id":"c"}]},{"name":"none"}]}"#);
    let status = r#"{"jwtTokensByRole":{"ci":{"items":[{"iat":2,"id":"b"}]},"gone":{"items":[{"iat":9,"id":"x"}]}}}"#;
    object.set(&["status"], belay_object::from_json_str(status).expect("JSON"));
    let before = Project::read(&object).expect("a project");
    assert_eq!(before.token("ci", -1, "b").map(|t| t.issued_at), Ok(2));
    assert!(normalize_tokens(&mut object));
    let tokens = r#"[{"iat":3,"id":"c"},{"iat":2,"id":"b"},{"iat":1,"id":"1"}]"#;
    assert_eq!(
        object.at(&["status"]).expect("status").to_json(),
        format!(r#"{{"jwtTokensByRole":{{"ci":{{"items":{tokens}}}}}}}"#)
    );
    assert_eq!(object.at(&["spec", "roles"]).expect("roles")[0]["jwtTokens"].to_json(), tokens);
    assert!(!normalize_tokens(&mut object));
    let after = Project::read(&object).expect("a project");
    assert_eq!(
        after.token("ci", 7, "nope").expect_err("revoked").message(),
        "JWT token for role 'ci' issued at '7' does not exist in project 'shop'"
    );
}
