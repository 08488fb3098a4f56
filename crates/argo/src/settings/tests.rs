use std::sync::Arc;
use std::time::Duration;

use belay_net::Secret;
use belay_object::{GoDuration, Map, Object};
use jiff::Timestamp;

use super::accounts::{
    Accounts, Capability, LoginError, check_new_password, hash_password, initial_password, initial_password_secret,
    password_matches,
};
use super::logins::Attempts;
use super::tokens::{Authority, Claims, authenticate, issue, token_id, verify};
use super::{IgnoreStatus, Objects, RespectRbac, Settings};
use crate::tracking::Method;

fn object(kind: &str, name: &str, field: &str, entries: &[(&str, &str)]) -> Object {
    let mut object = Object::of("v1", kind, "argocd", name);
    object.set(&[field], Map::from_iter(entries.iter().map(|(k, v)| (*k, *v))));
    object
}

fn settings(config: &[(&str, &str)], parameters: &[(&str, &str)], secret: &[(&str, &str)]) -> Settings {
    let config = object("ConfigMap", "argocd-cm", "data", config);
    let parameters = object("ConfigMap", "argocd-cmd-params-cm", "data", parameters);
    let secret = object("Secret", "argocd-secret", "stringData", secret);
    Settings::read(&Objects {
        config: Some(&config),
        parameters: Some(&parameters),
        rbac: None,
        secret: Some(&secret),
        others: &[],
    })
}

fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

#[test]
fn nothing_at_all_is_the_defaults() {
    let s = Settings::read(&Objects::default());
    assert_eq!(s.warnings, Vec::<String>::new());
    assert_eq!(s.tracking.method, Method::Annotation);
    assert_eq!(s.tracking.label_key, "app.kubernetes.io/instance");
    assert_eq!(s.timers.reconciliation, GoDuration::from_secs(120));
    assert_eq!(s.auth.session, GoDuration::from_secs(86_400));
    assert_eq!(s.auth.password_pattern, "^.{8,32}$");
    assert!(s.in_cluster_enabled && s.rights.no_inheritance && s.impersonation.enforced && !s.impersonation.enabled);
    assert_eq!(s.exec_shells, ["bash", "sh", "powershell", "cmd"]);
    assert_eq!(s.resources.overrides["*/*"].ignore_differences.json_pointers, ["/status"]);
    assert_eq!(s.webhooks.max_payload_bytes, 50 << 20);
    assert_eq!(s.parameters.wave_delay_s, 2);
    assert_eq!(s.tools.max_directory_bytes, 10_000_000);
    assert!(s.accounts.get("admin").expect("admin").enabled);
    assert_eq!(s.policy.scopes, ["groups"]);
}

#[test]
fn keys_are_read_and_wrong_ones_are_told_of() {
    let s = settings(
        &[
            ("application.resourceTrackingMethod", "label"),
            ("application.instanceLabelKey", "example.com/app"),
            ("installationID", "east"),
            ("timeout.reconciliation", "180s"),
            ("timeout.reconciliation.jitter", "soon"),
            ("users.session.duration", "2d"),
            ("cluster.inClusterEnabled", "false"),
            ("helm.enable", "false"),
            ("helm.valuesFileSchemes", "https, s3"),
            ("kustomize.buildOptions", "--enable-helm"),
            ("kustomize.buildOptions.v5.1", "--load-restrictor none"),
            ("globalProjects", "- projectName: base\n  labelSelector:\n    matchLabels: {team: a}\n"),
            ("statusbadge.enabled", "yes"),
            ("additionalUrls", "- https://a\n- https://b\n"),
            ("resource.respectRBAC", "strict"),
            ("resource.sensitive.mask.annotations", "a.b/c, d"),
            ("application.links", "- url: https://x/{{.app}}\n  title: X\n  icon.class: fa\n"),
            ("exec.shells", "zsh"),
        ],
        &[("controller.sync.wave.delay.seconds", "7"), ("application.namespaces", "team-*, /^dev-/")],
        &[("webhook.github.secret", "hush")],
    );
    assert_eq!(s.tracking.method, Method::Label);
    assert_eq!((s.tracking.label_key.as_str(), s.tracking.installation_id.as_str()), ("example.com/app", "east"));
    assert_eq!(s.timers.reconciliation, GoDuration::from_secs(180));
    assert_eq!(s.timers.jitter, GoDuration::from_secs(60));
    assert_eq!(s.auth.session, GoDuration::from_secs(2 * 86_400));
    assert!(!s.in_cluster_enabled && !s.tools.helm_enabled && s.tools.kustomize_enabled);
    assert_eq!(s.tools.values_file_schemes, ["https", "s3"]);
    assert_eq!(s.kustomize_build_options["v5.1"], "--load-restrictor none");
    let labels = Map::from_iter([("team", "a")]);
    assert!(s.global_projects[0].adds_to("shop", &labels) && !s.global_projects[0].adds_to("base", &labels));
    assert_eq!(s.additional_urls, ["https://a", "https://b"]);
    assert_eq!(s.resources.respect_rbac, RespectRbac::Strict);
    assert_eq!(s.resources.sensitive_annotations, ["a.b/c", "d"]);
    assert_eq!(s.ui.application_links[0].icon.as_deref(), Some("fa"));
    assert_eq!(s.parameters.wave_delay_s, 7);
    assert!(s.parameters.namespaces.matches("team-a") && s.parameters.namespaces.matches("dev-x"));
    assert_eq!(s.webhooks.secrets["github"], Secret::new("hush".to_owned()));
    assert_eq!(
        s.warnings,
        [
            "argocd-cm: timeout.reconciliation.jitter: \"soon\" is no duration: 1m0s is used",
            "argocd-cm: statusbadge.enabled: \"yes\" is neither true nor false: it counts as false",
        ]
    );
}

#[test]
fn what_is_said_of_kinds() {
    let s = settings(
        &[
            ("resource.exclusions", "- apiGroups: [\"*.cilium.io\"]\n  kinds: [CiliumIdentity]\n  clusters: [\"*\"]\n"),
            ("resource.inclusions", "- apiGroups: [apps]\n  clusters: [https://edge*]\n"),
            ("resource.compareoptions", "ignoreAggregatedRoles: true\nignoreResourceStatusField: crd\n"),
            ("resource.customizations.health.cert-manager.io_Certificate", "return {}"),
            ("resource.customizations.ignoreDifferences.all", "jsonPointers: [/spec/replicas]\n"),
            ("resource.customizations.ignoreResourceUpdates.ConfigMap", "jqPathExpressions: ['.data.x']\n"),
            ("resource.customizations.health.*.aws.crossplane.io_*", "return 1"),
            ("resource.customizations.color.Pod", "red"),
            (
                "resource.customizations",
                "argoproj.io/Rollout:\n  health.lua: x\n  ignoreDifferences: |\n    jsonPointers: [/a]\n",
            ),
        ],
        &[],
        &[],
    );
    for (group, kind, cluster, expected) in [
        ("", "Event", "https://a", true),
        ("coordination.k8s.io", "Lease", "https://a", true),
        ("x.cilium.io", "CiliumIdentity", "https://a", true),
        ("x.cilium.io", "CiliumNode", "https://a", false),
        ("apps", "Deployment", "https://edge-1", false),
        ("", "Service", "https://edge-1", true),
        ("", "Service", "https://a", false),
    ] {
        assert_eq!(s.resources.filter.excludes(group, kind, cluster), expected, "{group} {kind} {cluster}");
    }
    assert!(s.resources.compare.ignore_aggregated_roles);
    assert_eq!(s.resources.compare.ignore_status, IgnoreStatus::Definitions);
    let of = |group, kind| s.resources.of(group, kind).expect("an override");
    assert_eq!(of("cert-manager.io", "Certificate").health_lua, "return {}");
    assert_eq!(of("ec2.aws.crossplane.io", "Instance").health_lua, "return 1");
    assert_eq!(of("", "ConfigMap").ignore_updates.jq_path_expressions, [".data.x"]);
    assert_eq!(of("argoproj.io", "Rollout").ignore_differences.json_pointers, ["/a"]);
    assert_eq!(of("apiextensions.k8s.io", "CustomResourceDefinition").ignore_differences.json_pointers, ["/status"]);
    assert_eq!(s.resources.of_all().expect("all").ignore_differences.json_pointers, ["/spec/replicas"]);
    assert_eq!(s.warnings, ["argocd-cm: resource customization type color not supported"]);
}

#[test]
fn references_to_secrets_are_resolved() {
    let config = object(
        "ConfigMap",
        "argocd-cm",
        "data",
        &[("oidc.config", "clientID: x\nclientSecret: $oidc.key\nother: $sso:token\nmissing: $nope\n")],
    );
    let secret = object("Secret", "argocd-secret", "stringData", &[("oidc.key", " CANARY-1 \n")]);
    let mut sso = object("Secret", "sso", "stringData", &[("token", "CANARY-2")]);
    let hidden = object("Secret", "hidden", "stringData", &[("token", "x")]);
    sso.set_label("app.kubernetes.io/part-of", "argocd");
    let others = [sso, hidden].map(Arc::new);
    let s = Settings::read(&Objects {
        config: Some(&config),
        secret: Some(&secret),
        others: &others,
        ..Objects::default()
    });
    let oidc = s.auth.oidc.as_ref().expect("a config").expose();
    assert_eq!(oidc.str_at(&["clientSecret"]), Some("CANARY-1"));
    assert_eq!(oidc.str_at(&["other"]), Some("CANARY-2"));
    assert_eq!(oidc.str_at(&["missing"]), Some("$nope"));
    // A secret that is not part of the installation is none of ours.
    assert_eq!(s.secrets.resolve("$hidden:token").expose(), "$hidden:token");
}

/// SEC-1: settings and all that is in them can be printed.
#[test]
fn no_secret_is_printed_with_the_settings() {
    let hash = hash_password("CANARY-password", [7; 16]).expect("a hash");
    let s = settings(
        &[
            ("accounts.bot", "apiKey"),
            ("dex.config", "connectors: [{config: {clientSecret: CANARY-dex}}]"),
            ("oidc.config", "{clientSecret: CANARY-oidc"),
            ("extension.config", "headers: CANARY-header"),
        ],
        &[],
        &[
            ("admin.password", hash.expose()),
            ("server.secretkey", "CANARY-key"),
            ("tls.key", "CANARY-tls"),
            ("tls.crt", "certificate"),
            ("webhook.gitlab.secret", "CANARY-hook"),
            ("webhook.azuredevops.username", "u"),
            ("webhook.azuredevops.password", "CANARY-azure"),
            ("accounts.bot.tokens", "CANARY no json"),
            ("any", "CANARY-any"),
        ],
    );
    let printed = format!("{s:?} {s:#?}");
    assert!(!printed.contains("CANARY"), "{printed}");
    assert!(!printed.contains(hash.expose().as_str()));
    // As bytes: that of "CANARY".
    assert!(!printed.contains("67, 65, 78, 65, 82, 89"));
    assert_eq!(s.warnings.len(), 2, "{:?}", s.warnings);
}

#[test]
fn accounts_are_read_from_both_objects() {
    let s = settings(
        &[
            ("accounts.bot", "apiKey, dance"),
            ("accounts.eve", "login, apiKey"),
            ("accounts.eve.enabled", "false"),
            ("accounts.mal", "login"),
            ("accounts.mal.enabled", "perhaps"),
            ("admin.enabled", "false"),
            ("accounts.a.b.c", "x"),
        ],
        &[],
        &[
            ("admin.passwordMtime", "2026-01-02T03:04:05Z"),
            ("accounts.bot.tokens", "[{\"id\":\"t1\",\"iat\":5,\"exp\":9}]"),
        ],
    );
    let get = |name| s.accounts.get(name).expect("an account");
    assert!(!get("admin").enabled && get("bot").enabled && !get("eve").enabled && !get("mal").enabled);
    assert_eq!(get("bot").capabilities, [Capability::ApiKey]);
    assert_eq!(get("bot").tokens[0].id, "t1");
    assert_eq!(get("admin").password_set, Some(time("2026-01-02T03:04:05Z")));
    assert_eq!(s.accounts.get("nobody"), Err("account 'nobody' does not exist".to_owned()));
    assert_eq!(s.warnings.len(), 3, "{:?}", s.warnings);
}

/// The first hash is of the test vectors that all implementations share.
#[test]
fn passwords_are_checked_against_hashes_of_others() {
    assert!(password_matches("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"));
    let hash = hash_password("correct horse", [1; 16]).expect("a hash");
    assert!(hash.expose().starts_with("$2a$10$"));
    assert!(password_matches("correct horse", hash.expose()) && !password_matches("wrong", hash.expose()));
    assert!(!password_matches("x", "") && !password_matches("x", "plain"));
    // A hash of a cost that would take hours is not tried.
    assert!(!password_matches("x", &hash.expose().replace("$10$", "$31$")));
    assert!(hash_password("", [0; 16]).is_err() && hash_password(&"x".repeat(73), [0; 16]).is_err());
    assert_eq!(check_new_password("^.{8,32}$", "long enough"), Ok(()));
    assert_eq!(
        check_new_password("^.{8,32}$", "short"),
        Err("New password does not match the following expression: ^.{8,32}$.".to_owned())
    );
}

#[test]
fn logins_tell_only_those_who_know_the_password_why() {
    let hash = hash_password("right", [2; 16]).expect("a hash");
    let s = settings(
        &[("accounts.off", "login"), ("accounts.off.enabled", "false"), ("accounts.bot", "apiKey")],
        &[],
        &[
            ("admin.password", hash.expose()),
            ("accounts.off.password", hash.expose()),
            ("accounts.bot.password", hash.expose()),
        ],
    );
    let check = |name: &str, password: &str| s.accounts.check_password(name, password).map(|_| ());
    assert_eq!(check("admin", "right"), Ok(()));
    assert_eq!(check("admin", "wrong"), Err(LoginError::Invalid));
    assert_eq!(check("nobody", "right"), Err(LoginError::Invalid));
    assert_eq!(check("off", "wrong"), Err(LoginError::Invalid));
    assert_eq!(check("off", "right").expect_err("refused").to_string(), "Account off is disabled");
    assert_eq!(check("bot", "right").expect_err("refused").to_string(), "Account bot does not have login capability");
    assert_eq!(check("admin", "").expect_err("refused").to_string(), "Blank passwords are not allowed");
    assert_eq!(check(&"x".repeat(33), "y").expect_err("refused").to_string(), "Username is too long (32 bytes max)");
}

#[test]
fn the_first_password_comes_of_random_bytes() {
    let random: Vec<u8> = (0..=255).collect();
    assert_eq!(initial_password(&random).expect("a password").expose(), "0123456789ABCDEF");
    assert_eq!(initial_password(&[255; 64]), None);
    let secret = initial_password_secret("argocd", &Secret::new("abc".to_owned()));
    assert_eq!(secret.str_at(&["data", "password"]), Some("YWJj"));
    assert_eq!(secret.name(), "argocd-initial-admin-secret");
}

/// AUTHN-4: trying many names frees none that was tried too often.
#[test]
fn five_failures_close_a_name_for_five_minutes() {
    let start = time("2026-11-21T12:00:00Z");
    let after = |seconds: i64| Timestamp::from_second(start.as_second() + seconds).expect("a time");
    let mut attempts = Attempts::default();
    for _ in 0..5 {
        assert!(!attempts.exceeded("admin", start));
        attempts.failed("admin", true, start);
    }
    assert!(attempts.exceeded("admin", start) && attempts.exceeded("admin", after(300)));
    for i in 0..10_050 {
        attempts.failed(&format!("n{i}"), false, after(1));
    }
    assert!(attempts.len() <= 10_000 && attempts.exceeded("admin", after(2)));
    assert!(!attempts.exceeded("admin", after(301)));
    attempts.failed("admin", true, after(301));
    assert!(!attempts.exceeded("admin", after(302)), "old failures do not count");
    attempts.succeeded("admin");
    assert!(!attempts.exceeded("admin", start));
}

fn key() -> Secret<Vec<u8>> {
    Secret::new(b"server-key".to_vec())
}

#[test]
fn a_token_has_the_form_that_everybody_reads() {
    let now = time("2026-11-21T12:00:00Z");
    let claims = Claims::new("admin:login", "id-1", now, Some(3600));
    let token = issue(&claims, &key());
    let parts: Vec<&str> = token.expose().split('.').collect();
    assert_eq!(parts[0], "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9");
    use base64::Engine as _;
    let body = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(parts[1]).expect("base64");
    assert_eq!(
        String::from_utf8_lossy(&body),
        r#"{"exp":1795266000,"iat":1795262400,"iss":"argocd","jti":"id-1","nbf":1795262400,"sub":"admin:login"}"#
    );
    assert_eq!(verify(token.expose(), &key(), now), Ok(claims));
    assert_eq!(token_id([0xff; 16]), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

/// AUTHN-1: each of these is refused.
#[test]
fn tokens_that_are_not_ours_or_not_of_now_are_refused() {
    use base64::Engine as _;
    let now = time("2026-11-21T12:00:00Z");
    let good = issue(&Claims::new("admin:login", "id", now, Some(60)), &key()).into_inner();
    let encode = |text: &str| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text);
    let (_, rest) = good.split_once('.').expect("dots");
    let none = format!("{}.{rest}", encode(r#"{"alg":"none"}"#));
    let swapped = good.replace('.', "..");
    let flipped = format!("{}A", &good[..good.len() - 1]);
    let flipped = if flipped == good { format!("{}B", &good[..good.len() - 1]) } else { flipped };
    let other_issuer =
        issue(&Claims { issuer: "evil".into(), ..Claims::new("admin:login", "id", now, None) }, &key()).into_inner();
    let without_key = issue(&Claims::new("admin:login", "id", now, None), &Secret::new(Vec::new())).into_inner();
    for (token, expected) in [
        ("", "token is malformed: token contains an invalid number of segments"),
        (swapped.as_str(), "token is malformed: token contains an invalid number of segments"),
        (none.as_str(), "token is unverifiable: error while executing keyfunc: unexpected signing method: none"),
        (flipped.as_str(), "token signature is invalid: signature is invalid"),
        (other_issuer.as_str(), "token has invalid claims: token has invalid issuer"),
    ] {
        let found = verify(token, &key(), now).expect_err("refused");
        assert!(found == expected || found == "token is malformed: could not base64 decode signature", "{found}");
    }
    assert_eq!(
        verify(&without_key, &Secret::new(Vec::new()), now),
        Err("token signature is invalid: signature is invalid".to_owned())
    );
    let later = time("2026-11-21T12:01:00Z");
    assert_eq!(verify(&good, &key(), later), Err("token has invalid claims: token is expired".to_owned()));
    let before = time("2026-11-21T11:59:59Z");
    assert_eq!(verify(&good, &key(), before), Err("token has invalid claims: token is not valid yet".to_owned()));
}

#[test]
fn a_token_counts_as_long_as_its_account_does() {
    let now = time("2026-11-21T12:00:00Z");
    let s = settings(
        &[("accounts.bot", "apiKey"), ("accounts.off", "apiKey"), ("accounts.off.enabled", "false")],
        &[],
        &[("admin.passwordMtime", "2026-11-21T11:00:00Z"), ("accounts.bot.tokens", "[{\"id\":\"t1\",\"iat\":5}]")],
    );
    let mut object = Object::of("argoproj.io/v1alpha1", "AppProject", "argocd", "shop");
    let role = belay_object::from_json_str(r#"[{"name":"ci","jwtTokens":[{"iat":7,"id":"p1"}]}]"#).expect("JSON");
    object.set(&["spec", "roles"], role);
    let project = belay_access::Project::read(&object).expect("a project");
    let check = |subject: &str, id: &str, issued_at: i64, expected: Result<&str, &str>| {
        let authority = Authority {
            accounts: &s.accounts,
            project: |name: &str| (name == "shop").then_some(&project),
            is_revoked: |id: &str| id == "gone",
        };
        let claims = Claims { issued_at, ..Claims::new(subject, id, now, Some(3600)) };
        let found = authenticate(&claims, &authority, now);
        assert_eq!(found.as_ref().map(|f| f.subject.as_str()).map_err(String::as_str), expected, "{subject} {id}");
    };
    let now_s = now.as_second();
    check("admin:login", "a", now_s, Ok("admin"));
    check("admin:login", "gone", now_s, Err("token is revoked, please re-login"));
    check("admin:login", "", now_s, Err("token does not have a unique identifier (jti claim) and cannot be validated"));
    check("admin:login", "a", now_s - 7200, Err("account password has changed since token issued"));
    check("admin:apiKey", "a", now_s, Err("account admin does not have 'apiKey' capability"));
    check("bot:apiKey", "t1", 5, Ok("bot"));
    check("bot", "t1", 5, Ok("bot"));
    check("bot:apiKey", "t2", 5, Err("account bot does not have token with id t2"));
    check("bot:login", "t1", 5, Err("account bot does not have 'login' capability"));
    check("off:apiKey", "t1", 5, Err("account off is disabled"));
    check("nobody:login", "a", 5, Err("account 'nobody' does not exist"));
    check("proj:shop:ci", "p1", 7, Ok("proj:shop:ci"));
    check("proj:shop:ci", "", 7, Ok("proj:shop:ci"));
    check("proj:shop:ci", "p2", 8, Err("JWT token for role 'ci' issued at '8' does not exist in project 'shop'"));
    check("proj:other:ci", "p1", 7, Err("appproject.argoproj.io \"other\" not found"));
}

#[test]
fn a_login_that_ends_soon_is_renewed() {
    let now = time("2026-11-21T12:00:00Z");
    let accounts = Accounts::read(None, None).0;
    let authority = Authority { accounts: &accounts, project: |_: &str| None, is_revoked: |_: &str| false };
    let renew = |age_s: i64| {
        let issued = Timestamp::from_second(now.as_second() - age_s).expect("a time");
        let claims = Claims::new("admin:login", "a", issued, Some(86_400));
        authenticate(&claims, &authority, now).expect("counts").renew_for_s
    };
    assert_eq!(renew(0), None);
    assert_eq!(renew(86_400 - 299), Some(86_400));
}

/// argo.md 2.1: a jitter comes behind the time; a comparison that is too old forgets what is remembered.
#[test]
fn looks_are_put_off_by_a_part_of_the_jitter() {
    let seconds = Duration::from_secs;
    let timers = |data: &[(&str, &str)]| {
        let config = object("ConfigMap", "argocd-cm", "data", data);
        Settings::read(&Objects { config: Some(&config), ..Objects::default() }).timers
    };
    let (least, most) = (|_: u64| 0, |below: u64| below - 1);
    let by_default = timers(&[]);
    assert_eq!(by_default.next_look(least), Some(seconds(120)));
    assert_eq!(by_default.next_look(most), Some(seconds(180)));
    assert_eq!((by_default.next_hard(Some(seconds(5)), least), by_default.is_hard(Some(seconds(5)))), (None, false));
    let own = timers(&[
        ("timeout.reconciliation", "0s"),
        ("timeout.reconciliation.jitter", "10s"),
        ("timeout.hard.reconciliation", "1h"),
    ]);
    assert_eq!(own.next_look(most), None);
    assert_eq!(own.next_hard(Some(seconds(600)), least), Some(seconds(3000)));
    assert_eq!(own.next_hard(Some(seconds(600)), most), Some(seconds(3010)));
    assert_eq!(
        own.next_hard(Some(seconds(4000)), least),
        Some(seconds(3600)),
        "one that fails does not run in circles"
    );
    assert_eq!(own.next_hard(None, least), Some(seconds(3600)));
    let is_hard = [None, Some(3599), Some(3600)].map(|age| own.is_hard(age.map(seconds)));
    assert_eq!(is_hard, [false, false, true]);
    let negative = timers(&[("timeout.reconciliation", "-5s"), ("timeout.reconciliation.jitter", "-1s")]);
    assert_eq!((negative.next_look(least), negative.next_look(most)), (Some(seconds(120)), Some(seconds(180))));
}
