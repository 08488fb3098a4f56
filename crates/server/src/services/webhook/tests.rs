use belay_argo::settings::Webhooks;
use belay_net::Secret;
use belay_object::{GoDuration, Object};
use http::{HeaderMap, HeaderValue};

use super::proof::{holds, host};
use super::push::{payload, read};

const SECRET: &str = "It's a Secret to Everybody";

fn headers(text: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(": ")) {
        let name: http::HeaderName = name.trim().parse().expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    headers
}

fn settings() -> Webhooks {
    let hosts = ["github", "gitlab", "bitbucket", "bitbucketserver", "gogs", "harbor"];
    Webhooks {
        secrets: hosts.into_iter().map(|host| (host, Secret::new(SECRET.to_owned()))).collect(),
        azure_devops: Some(("u".into(), Secret::new("p".into()))),
        max_payload_bytes: 1 << 20,
        refresh_jitter: GoDuration::from_secs(0),
        refresh_jitter_threshold: 0,
    }
}

#[track_caller]
fn check_proof(given: &str, body: &str, expected: bool) {
    let headers = headers(given);
    let host = host(&headers, body.as_bytes()).expect("a host");
    assert_eq!(holds(host, &settings(), &headers, body.as_bytes()), expected, "{given}");
}

#[test]
fn inv_hook_1_only_who_knows_the_secret_is_believed() {
    // GitHub's own example of a signature.
    let good = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    check_proof(&format!("x-github-event: push\nx-hub-signature-256: sha256={good}"), "Hello, World!", true);
    check_proof(&format!("x-github-event: push\nx-hub-signature-256: sha256={good}"), "Hello, World?", false);
    check_proof(&format!("x-github-event: push\nx-hub-signature-256: {good}"), "Hello, World!", false);
    check_proof("x-github-event: push", "Hello, World!", false);
    check_proof("x-github-event: push\nx-hub-signature: sha1=", "Hello, World!", false);
    check_proof(&format!("x-gogs-event: push\nx-gogs-signature: {good}"), "Hello, World!", true);
    check_proof(&format!("x-gitea-event: push\nx-gitea-signature: {good}"), "Hello, World!", true);
    check_proof(&format!("x-event-key: repo:refs_changed\nx-hub-signature: sha256={good}"), "Hello, World!", true);
    check_proof("x-event-key: repo:refs_changed\nx-hub-signature: sha256=00", "Hello, World!", false);
    check_proof(&format!("x-gitlab-event: Push Hook\nx-gitlab-token: {SECRET}"), "{}", true);
    check_proof("x-gitlab-event: Push Hook\nx-gitlab-token: other", "{}", false);
    check_proof("x-gitlab-event: Push Hook", "{}", false);
    check_proof(&format!("x-hook-uuid: {SECRET}"), "{}", true);
    check_proof("x-hook-uuid: other", "{}", false);
    check_proof("x-vss-activityid: 1\nauthorization: Basic dTpw", "{}", true);
    check_proof("x-vss-activityid: 1\nauthorization: Basic dTpx", "{}", false);
    check_proof("content-type: application/json", "{\"type\":\"PUSH_ARTIFACT\"}", false);
}

/// Whether a push touches an Application with this source (`url revision`) and these paths.
#[track_caller]
fn check(given: &str, body: &str, source: &str, paths: &str, expected: Option<bool>) {
    let headers = headers(given);
    let host = host(&headers, body.as_bytes()).expect("a host");
    let push = payload(&headers, body.as_bytes()).and_then(|payload| read(host, &headers, &payload));
    let (url, revision) = source.split_once(' ').expect("url and revision");
    let mut app = Object::of("argoproj.io/v1alpha1", "Application", "argocd", "one");
    app.set(&["spec", "source", "repoURL"], url);
    app.set(&["spec", "source", "path"], "apps/one");
    app.set(&["spec", "source", "targetRevision"], revision);
    if !paths.is_empty() {
        app.set_annotation("argocd.argoproj.io/manifest-generate-paths", paths);
    }
    assert_eq!(push.map(|push| push.touches(&app)), expected, "{source}");
}

const GITHUB: &str = r#"{"ref":"refs/heads/main","repository":{"html_url":"https://github.com/o/r","default_branch":"main"},
    "commits":[{"added":["apps/one/a.yaml"],"modified":["lib/x.yaml"]}]}"#;

#[test]
fn a_push_touches_the_applications_of_its_repository_and_revision() {
    let push = "x-github-event: push";
    for (source, touched) in [
        ("https://github.com/o/r main", true),
        ("https://GitHub.com/O/R.git HEAD", true),
        ("git@github.com:o/r.git ", true),
        ("ssh://git@ssh.github.com:443/o/r refs/heads/main", true),
        ("https://user:token@github.com/o/r main", true),
        ("https://github.com/o/r2 main", false),
        ("https://github.com.evil.example/o/r main", false),
        ("https://github.com/o/r other", false),
        ("https://github.com/o/r 1.*", false),
    ] {
        check(push, GITHUB, source, "", Some(touched));
    }
    check("x-github-event: ping", GITHUB, "https://github.com/o/r main", "", None);
    let tag = r#"{"object_kind":"tag_push","ref":"refs/tags/v1.2.3","project":{"web_url":"https://gitlab.example/g/s/r","default_branch":"main"}}"#;
    check("x-gitlab-event: Tag Push Hook", tag, "https://gitlab.example/g/s/r.git 1.*", "", Some(true));
    check("x-gitlab-event: Tag Push Hook", tag, "https://gitlab.example/g/s/r.git HEAD", "", Some(false));
    let azure = r#"{"eventType":"git.push","resource":{"refUpdates":[{"name":"refs/heads/main"}],
        "repository":{"remoteUrl":"https://dev.azure.com/o/p/_git/r","defaultBranch":"refs/heads/main"}}}"#;
    check("x-vss-activityid: 1", azure, "https://dev.azure.com/o/p/_git/r HEAD", "", Some(true));
    let server = r#"{"repository":{"links":{"clone":[{"name":"http","href":"https://bb.example/scm/p/r.git"}]}},
        "changes":[{"ref":{"id":"refs/heads/dev"}}]}"#;
    check("x-event-key: repo:refs_changed", server, "https://bb.example/scm/p/r.git dev", "", Some(true));
    let cloud = r#"{"repository":{"links":{"html":{"href":"https://bitbucket.org/o/r"}}},"push":{"changes":[{"new":{"name":"dev"}}]}}"#;
    check("x-hook-uuid: 1\nx-event-key: repo:push", cloud, "git@bitbucket.org:o/r.git dev", "", Some(true));
}

#[test]
fn a_push_concerns_the_generators_that_look_at_it() {
    let headers = headers("x-github-event: push");
    let host = host(&headers, GITHUB.as_bytes()).expect("a host");
    let payload = payload(&headers, GITHUB.as_bytes()).expect("JSON");
    let push = read(host, &headers, &payload).expect("a push");
    for (generators, concerned) in [
        (r#"[{"git":{"repoURL":"https://github.com/o/r","revision":"HEAD"}}]"#, true),
        (r#"[{"list":{}},{"git":{"repoURL":"https://github.com/o/r","revision":"main"}}]"#, true),
        (r#"[{"git":{"repoURL":"https://github.com/o/r","revision":"other"}}]"#, false),
        (r#"[{"git":{"repoURL":"https://github.com/o/r2","revision":"main"}}]"#, false),
        (r#"[{"clusters":{}}]"#, false),
        (r#"[{"matrix":{"generators":[{"list":{}},{"git":{"repoURL":"{{url}}","revision":"main"}}]}}]"#, true),
        (r#"[{"merge":{"generators":[{"git":{"repoURL":"https://github.com/o/r","revision":"{{.tag}}"}}]}}]"#, true),
    ] {
        let found = push.concerns(belay_object::from_json_str(generators).expect("JSON").items());
        assert_eq!(found, concerned, "{generators}");
    }
}

#[test]
fn paths_of_an_application_decide_where_the_host_names_files() {
    let (push, source) = ("x-github-event: push", "https://github.com/o/r main");
    for (paths, touched) in [
        (".", true),
        ("/lib", true),
        ("../two", false),
        ("/libs", false),
        ("/apps/*/a.yaml", true),
        ("x;/lib/x.yaml", true),
    ] {
        check(push, GITHUB, source, paths, Some(touched));
    }
}

#[test]
fn inv_hook_2_what_is_not_in_a_payload_is_not_there() {
    let source = "https://github.com/o/r main";
    for (given, body) in [
        ("x-gogs-event: push", r#"{"ref":"refs/heads/main"}"#),
        ("x-vss-activityid: 1", r#"{"eventType":"git.push","resource":{}}"#),
        ("x-vss-activityid: 1", r#"{"eventType":"git.push","resource":null}"#),
        ("x-event-key: repo:refs_changed", r#"{"repository":{"links":{"clone":[1,null,"x"]}},"changes":[]}"#),
        ("x-hook-uuid: 1\nx-event-key: repo:push", r#"{"push":{"changes":[]}}"#),
        ("x-github-event: push", r#"{"repository":{"html_url":"not a url"},"ref":7}"#),
        ("x-github-event: push", "[]"),
        ("x-github-event: push", "{"),
        ("x-gitlab-event: x", r#"{"object_kind":{}}"#),
    ] {
        check(given, body, source, "", None);
    }
}
