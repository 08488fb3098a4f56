use belay_object::{Map, Object};

use super::{MatchMode, Policy, PolicySource, ProjectPolicy, Subject, denied, project_of};
use crate::project::Role;

fn source(csv: &str, default_role: &str, mode: MatchMode) -> PolicySource {
    PolicySource {
        csv: vec![("policy.csv".to_owned(), csv.to_owned())],
        default_role: default_role.to_owned(),
        mode,
        scopes: vec!["groups".to_owned()],
    }
}

fn policy(csv: &str, default_role: &str) -> Policy {
    Policy::compile(&source(csv, default_role, MatchMode::Glob)).expect("a policy").0
}

fn may(policy: &Policy, subject: &str, request: &str) -> bool {
    ask(policy, &Subject::named(subject), request, None)
}

/// A request as it is shown: `resource, action, object`.
fn ask(policy: &Policy, subject: &Subject, request: &str, project: Option<&ProjectPolicy>) -> bool {
    let parts: Vec<&str> = request.split(", ").collect();
    let [resource, action, object] = parts[..] else { panic!("{request}") };
    policy.enforce(subject, resource, action, object, project)
}

#[test]
fn the_roles_that_are_built_in() {
    let policy = Policy::builtin();
    for (subject, request, expected) in [
        ("admin", "applications, delete, any/app", true),
        ("admin", "applications, get, any/ns/app", true),
        ("admin", "applications, action/apps/Deployment/restart, p/a", true),
        ("admin", "applications, delete/apps/Deployment/ns/x, p/a", true),
        ("admin", "applications, rollback, p/a", true),
        ("admin", "exec, create, p/a", true),
        ("admin", "logs, get, p/a", true),
        // Behaviour 16: not in admin.
        ("admin", "extensions, invoke, x", false),
        ("admin", "accounts, create, x", false),
        ("role:readonly", "applications, get, p/a", true),
        ("role:readonly", "write-repositories, get, https://h", true),
        ("role:readonly", "applications, sync, p/a", false),
        ("role:readonly", "exec, create, p/a", false),
        ("nobody", "applications, get, p/a", false),
        ("", "applications, get, p/a", false),
    ] {
        assert_eq!(may(&policy, subject, request), expected, "{subject}: {request}");
    }
    assert_eq!(super::builtin::POLICY.lines().count(), 44);
}

/// The examples of Argo CD's handbook.
#[test]
fn the_handbook_s_policies() {
    let policy = policy(
        "
        # Everything for a role
        p, role:org-admin, applications, *, */*, allow
        p, role:org-admin, clusters, get, *, allow
        p, role:org-admin, logs, get, *, allow
        p, role:org-admin, exec, create, */*, allow
        g, your-github-org:your-team, role:org-admin
        p, role:staging-db-admin, applications, get, staging-db-project/*, allow
        p, role:staging-db-admin, applications, sync, staging-db-project/*, allow
        g, db-admins, role:staging-db-admin
        p, example-user, applications, get, *, allow
        p, example-user, applications, delete/*/Pod/*/*, */*, allow
        p, example-user, applications, update/apps/Deployment/default/*, */*, allow
        p, example-user, applications, delete, default/prod-app, allow
        p, example-user, applications, delete/*, default/prod-app, deny
        p, example-user, applicationsets, get, dev-project/*, allow
        p, role:foo, extensions, invoke, httpbin, allow
        g, \"quoted, group\", role:foo
        ",
        "",
    );
    let group = |name: &str| Subject { name: "someone".to_owned(), groups: vec!["other".to_owned(), name.to_owned()] };
    for (subject, request, expected) in [
        (group("your-github-org:your-team"), "applications, override, a/b", true),
        (group("your-github-org:your-team"), "clusters, delete, https://c", false),
        (group("db-admins"), "applications, sync, staging-db-project/db", true),
        (group("db-admins"), "applications, sync, staging-db-project/ns/db", true),
        (group("db-admins"), "applications, sync, other/db", false),
        (group("quoted, group"), "extensions, invoke, httpbin", true),
        (Subject::named("example-user"), "applications, delete/apps/Pod/ns/x, p/a", true),
        (Subject::named("example-user"), "applications, delete//Pod/ns/x, p/a", true),
        // Behaviour 16: deleting an application is not deleting its pods, and the other way round.
        (Subject::named("example-user"), "applications, delete, default/prod-app", true),
        (Subject::named("example-user"), "applications, delete//Pod/ns/x, default/prod-app", false),
        (Subject::named("example-user"), "applications, delete, p/a", false),
        (Subject::named("example-user"), "applications, update/apps/Deployment/default/web, p/a", true),
        (Subject::named("example-user"), "applications, update, p/a", false),
        (Subject::named("example-user"), "applicationsets, get, dev-project/x", true),
    ] {
        assert_eq!(ask(&policy, &subject, request, None), expected, "{subject:?}: {request}");
    }
}

#[test]
fn a_rule_that_denies_goes_before_all_that_allow_but_not_before_the_default() {
    let rules = "
        p, role:dev, applications, *, */*, allow
        p, role:dev, applications, delete, prod/*, deny
        g, alice, role:dev
        g, alice, role:admin
        p, bob, applications, get, */*, deny
    ";
    let strict = policy(rules, "");
    assert!(may(&strict, "alice", "applications, delete, test/a"));
    assert!(!may(&strict, "alice", "applications, delete, prod/a"));
    assert!(!may(&strict, "bob", "applications, get, p/a"));
    // Behaviour 16: nobody takes away what the default gives.
    let lenient = policy(rules, "role:readonly");
    assert!(may(&lenient, "bob", "applications, get, p/a") && may(&lenient, "", "projects, get, p"));
    assert!(!may(&lenient, "bob", "applications, sync, p/a"));
    assert_eq!(lenient.default_role(), "role:readonly");
}

#[test]
fn a_group_counts_where_the_policy_mentions_it() {
    let policy = policy("g, ops, role:admin\np, viewers, applications, get, */*, allow\n", "");
    let of =
        |groups: &[&str]| Subject { name: "u".to_owned(), groups: groups.iter().map(|g| (*g).to_owned()).collect() };
    assert!(ask(&policy, &of(&["x", "ops"]), "applications, sync, p/a", None));
    assert!(ask(&policy, &of(&["viewers"]), "applications, get, p/a", None));
    // A claim that names a role of ours gives none of it.
    assert!(!ask(&policy, &of(&["role:readonly"]), "applications, get, p/a", None));
    assert!(!ask(&policy, &of(&["role:none"]), "applications, get, p/a", None));
    assert!(!ask(&policy, &of(&[]), "applications, get, p/a", None));
}

#[test]
fn roles_are_inherited_through_others_and_in_circles() {
    let chain: String = (0..9).map(|i| format!("g, r{i}, r{}\n", i + 1)).collect();
    let rules = format!("{chain}g, r9, r0\np, r9, applications, get, */*, allow\ng, u, r0\ng, far, u\n");
    let policy = policy(&rules, "");
    assert!(may(&policy, "r0", "applications, get, p/a"));
    assert!(may(&policy, "u", "applications, get, p/a"));
    // Eleven steps are one too many.
    assert!(!may(&policy, "far", "applications, get, p/a"));
}

#[test]
fn expressions_match_anywhere_and_those_that_cannot_be_read_refuse() {
    let rules = "
        p, alice, clusters, get, https://.*[.]example[.]com, allow
        p, alice, applications, (get|sync), ^team-(a|b)/, allow
        p, carol, applications, get, (, deny
        p, carol, applications, .*, .*, allow
        g, dave, role:readonly
    ";
    let (policy, warnings) = Policy::compile(&source(rules, "", MatchMode::Regex)).expect("a policy");
    for (subject, request, expected) in [
        ("alice", "clusters, get, https://a.example.com", true),
        ("alice", "clusters, get, https://a.example.org", false),
        ("alice", "applications, sync, team-b/x", true),
        ("alice", "applications, delete, team-b/x", false),
        ("alice", "applications, get, x/team-b/x", false),
        ("carol", "applications, get, a/b", false),
        ("carol", "applications, sync, a/b", true),
        // What is built in stays a glob.
        ("dave", "applications, get, a/b", true),
        ("admin", "projects, create, a", true),
    ] {
        assert_eq!(may(&policy, subject, request), expected, "{subject}: {request}");
    }
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].starts_with("policy.csv line 4: object \"(\" cannot be read: "), "{warnings:?}");
}

/// AUTHZ-9: a policy that cannot be read is none; the one before stays, being a value.
#[test]
fn a_wrong_line_is_an_error_that_says_where() {
    for (csv, expected) in [
        (
            "p, a, b\n",
            "policy.csv line 1: invalid RBAC policy: p, a, b: a p line has six fields: p, subject, resource, action, object, effect",
        ),
        ("\n# x\ng, a\n", "policy.csv line 3: invalid RBAC policy: g, a: a g line has three fields: g, member, role"),
        (
            "g, a, b, c",
            "policy.csv line 1: invalid RBAC policy: g, a, b, c: a g line has three fields: g, member, role",
        ),
        ("x, a, b", "policy.csv line 1: invalid RBAC policy: x, a, b: a line begins with p or g"),
        ("p2, a, b, c, d, e", "policy.csv line 1: invalid RBAC policy: p2, a, b, c, d, e: a line begins with p or g"),
        (
            "p, a\"b, c, d, e, f",
            "policy.csv line 1: error parsing policy line \"p, a\\\"b, c, d, e, f\": bare \" in non-quoted-field",
        ),
        (
            "g, \"a, b",
            "policy.csv line 1: error parsing policy line \"g, \\\"a, b\": extraneous or missing \" in quoted-field",
        ),
    ] {
        let error = Policy::compile(&source(csv, "", MatchMode::Glob)).expect_err(csv);
        assert_eq!(error.message(), expected);
    }
    let (policy, warnings) = Policy::compile(&source(
        "p, a, applications, get, [, allow\np, a, logs, get, *, maybe\ng, a, role:none\np, a, exec, create, [, deny\np, a, exec, *, *, allow",
        "",
        MatchMode::Glob,
    ))
    .expect("a policy");
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    assert_eq!(warnings[3], "user defined roles not found in policies: role:none");
    assert!(!may(&policy, "a", "exec, create, p/a"), "a rule that would deny and cannot be read");
}

fn roles(list: &[(&str, &[&str], &[&str])]) -> Vec<Role> {
    let texts = |list: &[&str]| list.iter().map(|t| (*t).to_owned()).collect();
    list.iter()
        .map(|(name, policies, groups)| Role {
            name: (*name).to_owned(),
            policies: texts(policies),
            groups: texts(groups),
            ..Role::default()
        })
        .collect()
}

#[test]
fn roles_of_a_project_reach_that_project_alone() {
    let policy = policy(
        "p, proj:shop:ci, clusters, get, *, allow\np, role:x, applications, delete, shop/*, deny\ng, lead, role:x",
        "",
    );
    let list = roles(&[
        ("ci", &["p, proj:shop:ci, applications, sync, shop/*, allow"], &[]),
        ("lead", &["p, proj:shop:lead, applications, *, shop/*, allow"], &["leads", "\"a,b\"", "lead"]),
        // None of these is the role's own.
        (
            "evil",
            &[
                "p, proj:other:ci, applications, *, other/*, allow",
                "p, proj:shop:evil, applications, *, */*, allow",
                "p, role:readonly, applications, *, shop/*, allow",
                "g, mallory, role:admin",
            ],
            &["mallory"],
        ),
    ]);
    let (shop, warnings) = ProjectPolicy::compile("shop", &list, MatchMode::Glob);
    assert_eq!(warnings.len(), 4, "{warnings:?}");
    let of = |name: &str, groups: &[&str]| Subject {
        name: name.to_owned(),
        groups: groups.iter().map(|g| (*g).to_owned()).collect(),
    };
    for (subject, request, expected) in [
        (of("proj:shop:ci", &[]), "applications, sync, shop/a", true),
        (of("proj:shop:ci", &[]), "applications, delete, shop/a", false),
        (of("proj:shop:ci", &[]), "projects, get, shop", true),
        (of("proj:shop:ci", &[]), "projects, get, shopping", false),
        (of("proj:shop:ci", &[]), "applications, sync, other/a", false),
        // Outside of projects the general policy may name it.
        (of("proj:shop:ci", &[]), "clusters, get, https://c", true),
        (of("proj:other:ci", &[]), "applications, sync, shop/a", false),
        (of("u", &["leads"]), "applications, delete, shop/ns/a", true),
        (of("u", &["a,b"]), "applications, get, shop/a", true),
        (of("u", &["leads"]), "projects, get, shop", true),
        (of("u", &["leads"]), "applications, get, other/a", false),
        // What the general policy denies to the same name, the project does not give.
        (of("u", &["lead"]), "applications, delete, shop/a", false),
        (of("u", &["lead"]), "applications, sync, shop/a", true),
        (of("mallory", &["mallory"]), "applications, get, shop/a", false),
        (of("mallory", &["mallory"]), "applications, get, other/a", false),
        (of("role:readonly", &[]), "applications, delete, shop/a", false),
    ] {
        assert_eq!(ask(&policy, &subject, request, Some(&shop)), expected, "{subject:?}: {request}");
    }
    // Without the project's policy none of it holds.
    assert!(!ask(&policy, &of("u", &["leads"]), "applications, get, shop/a", None));
}

#[test]
fn a_line_that_is_no_record_leaves_a_project_without_roles() {
    let list = roles(&[("a", &["p, proj:shop:a, applications, get, shop/*, allow"], &["g1"]), ("b", &["p, \"x"], &[])]);
    let (shop, warnings) = ProjectPolicy::compile("shop", &list, MatchMode::Glob);
    assert!(warnings[0].starts_with("project 'shop': none of its roles is in force: "), "{warnings:?}");
    let subject = Subject { name: "u".to_owned(), groups: vec!["g1".to_owned()] };
    assert!(!ask(&Policy::builtin(), &subject, "applications, get, shop/a", Some(&shop)));
}

#[test]
fn the_project_that_a_request_is_about() {
    for (resource, object, expected) in [
        ("applications", "shop/web", Some("shop")),
        ("applications", "shop/ns/web", Some("shop")),
        ("clusters", "https://kubernetes.default.svc", Some("https:")),
        ("clusters", "one", None),
        ("projects", "shop", Some("shop")),
        ("accounts", "a/b", None),
    ] {
        assert_eq!(project_of(resource, object), expected, "{resource} {object}");
    }
    assert_eq!(
        denied("applications", "get", "p/a", "bob", Some("2026-01-01T00:00:00Z")),
        "permission denied: applications, get, p/a, sub: bob, iat: 2026-01-01T00:00:00Z"
    );
}

#[test]
fn the_config_map_is_read_in_order() {
    let mut config = Object::of("v1", "ConfigMap", "argocd", "argocd-rbac-cm");
    config.set(
        &["data"],
        Map::from_iter([
            ("policy.b.csv", "p, b, c, d, e, allow"),
            ("policy.a.csv", "p, a, c, d, e, allow"),
            ("policy.csv", "g, x, role:admin"),
            ("policy.default", "role:readonly"),
            ("policy.matchMode", "exact"),
            ("scopes", "[groups, 'email', \"https://x/roles\"]"),
            ("other", "x"),
        ]),
    );
    let (source, warnings) = PolicySource::read(Some(&config));
    let keys: Vec<&str> = source.csv.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["policy.csv", "policy.a.csv", "policy.b.csv"]);
    assert_eq!(source.default_role, "role:readonly");
    assert_eq!(source.scopes, ["groups", "email", "https://x/roles"]);
    assert_eq!(warnings, ["policy.matchMode: \"exact\" is neither glob nor regex: glob is used"]);
    assert_eq!(PolicySource::read(None).0.scopes, ["groups"]);
}

/// A decision looks at the subject's own rules, however many others there are: 2,000 roles change
/// nothing in what is walked through.
#[test]
fn a_decision_does_not_walk_through_the_roles_of_others() {
    let list: Vec<Role> = (0..2000)
        .map(|i| Role {
            name: format!("r{i}"),
            policies: vec![format!("p, proj:shop:r{i}, applications, *, shop/app-{i}-*, allow")],
            groups: vec![format!("team-{i}")],
            ..Role::default()
        })
        .collect();
    let (shop, warnings) = ProjectPolicy::compile("shop", &list, MatchMode::Glob);
    assert!(warnings.is_empty());
    let policy = Policy::builtin();
    let subject = Subject { name: "u".to_owned(), groups: vec!["x".to_owned(), "team-1999".to_owned()] };
    for i in 0..20_000 {
        let object = if i % 2 == 0 { "shop/app-1999-web" } else { "shop/app-7-web" };
        assert_eq!(policy.enforce(&subject, "applications", "sync", object, Some(&shop)), i % 2 == 0);
    }
}
