//! Signing in, tokens, and how they end.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use belay_argo::settings::tokens::{Claims, issue};
use belay_net::Secret;
use belay_object::Object;
use http::Method;

use super::world::World;

const ACCOUNTS: &str = "accounts.dev: 'apiKey, login', accounts.off: 'apiKey, login', accounts.off.enabled: 'false'";

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_and_out() {
    let world = World::with(ACCOUNTS, "").await;
    let password = world.prepared.password.as_ref().unwrap().expose().clone();
    // What was shown is what was kept.
    let secret = world.get("", "secrets", "argocd", "argocd-initial-admin-secret").unwrap();
    let kept = STANDARD.decode(secret.str_at(&["data", "password"]).unwrap()).unwrap();
    assert_eq!(kept, password.as_bytes());
    let stranger = world.stranger();
    let body = format!("{{\"username\":\"admin\",\"password\":\"{password}\"}}");
    let answer = stranger.post("/api/v1/session", &body).await;
    assert_eq!(answer.status, 200);
    let cookie = answer.headers.get("set-cookie").unwrap().to_str().unwrap();
    assert!(cookie.starts_with("argocd.token=ey") && cookie.ends_with("; path=/; SameSite=lax; httpOnly"), "{cookie}");
    let token = answer.str_at(&["token"]);
    assert_eq!(stranger.get("/api/v1/session/userinfo").await.text, r#"{"loggedIn":false}"#);
    let me = stranger.with(&token);
    let info = me.get("/api/v1/session/userinfo").await;
    assert_eq!(info.text, r#"{"iss":"argocd","loggedIn":true,"username":"admin"}"#);
    // A browser's cookie does, too.
    let by_cookie = [("cookie", format!("a=b; argocd.token={token}"))];
    let by_cookie = [(by_cookie[0].0, by_cookie[0].1.as_str())];
    assert_eq!(stranger.send(Method::GET, "/api/v1/account", "", &by_cookie).await.status, 200);
    // Out: the token is taken back, for every process and for good.
    let out = me.delete("/api/v1/session").await;
    assert_eq!(out.status, 200);
    assert!(out.headers.get("set-cookie").unwrap().to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(me.get("/api/v1/account").await.told(), "401 16 invalid session: token is revoked, please re-login");
    // A browser whose session is over gets rid of its cookie all the same.
    let again = me.delete("/api/v1/session").await;
    assert!(again.status == 200 && again.headers.get("set-cookie").unwrap().to_str().unwrap().contains("Max-Age=0"));
    let another = world.router().with(&token);
    world.seen(&another, "/api/v1/account", |answer| answer.status == 401).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_4_failures_say_the_same_and_are_counted() {
    let world = World::with(ACCOUNTS, "").await;
    let client = world.stranger();
    let attempt = async |name: &str, password: &str| {
        let body = format!("{{\"username\":\"{name}\",\"password\":\"{password}\"}}");
        client.post("/api/v1/session", &body).await.told()
    };
    let wrong = "401 16 Invalid username or password";
    assert_eq!(attempt("nobody", "x").await, wrong);
    assert_eq!(attempt("dev", "x").await, wrong, "an account without a password");
    for _ in 0..5 {
        assert_eq!(attempt("admin", "x").await, wrong);
    }
    // Now the right one is refused as well, with the same words.
    let password = world.prepared.password.as_ref().unwrap().expose();
    assert_eq!(attempt("admin", password).await, wrong);
    // A process that begins anew has not forgotten.
    let another = world.router();
    let body = format!("{{\"username\":\"admin\",\"password\":\"{password}\"}}");
    assert_eq!(another.post("/api/v1/session", &body).await.told(), wrong);
    let kept = world.get("", "configmaps", "argocd", "belay-login-failures").unwrap();
    let names: Vec<String> = kept.get("data").unwrap().as_object().unwrap().keys().map(ToString::to_string).collect();
    assert_eq!(names, ["admin", "dev"], "names of nobody fill nothing");
    assert_eq!(attempt("", "").await, "401 16 no credentials supplied");
    let long = "n".repeat(33);
    assert_eq!(attempt(&long, "x").await, "400 3 Username is too long (32 bytes max)");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_1_a_token_counts_only_as_it_was_issued() {
    let world = World::with(ACCOUNTS, "").await;
    let token = world.admin().token.unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let client = world.router();
    let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let body = String::from_utf8(URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    for forged in [
        format!("{}.{}.{}", encoded(r#"{"alg":"none"}"#), parts[1], ""),
        format!("{}.{}.{}", encoded(r#"{"alg":"RS256"}"#), parts[1], parts[2]),
        format!("{}.{}.{}", parts[0], encoded(&body.replace("admin:login", "dev:login")), parts[2]),
        format!("{}.{}.{}", parts[0], encoded("{}"), parts[2]),
        format!("{}.{}.AAAA", parts[0], parts[1]),
        "a.b.c".to_owned(),
    ] {
        let answer = client.with(&forged).get("/api/v1/account").await;
        assert_eq!(answer.status, 401, "{forged}: {}", answer.text);
    }
    // A key of another installation.
    let other = World::with(ACCOUNTS, "").await;
    assert_eq!(client.with(&other.admin().token.unwrap()).get("/api/v1/account").await.status, 401);
    // Where anybody may look, a token that does not count makes nobody somebody.
    world.patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "{data: {users.anonymous.enabled: 'true'}}");
    world.seen(&client, "/api/v1/projects", |answer| answer.status == 200).await;
    let forged = format!("{}.{}.AAAA", parts[0], parts[1]);
    let seen = client.with(&forged).get("/api/v1/projects").await;
    assert_eq!(seen.str_at(&["items"]), "");
    assert_eq!(client.with(&forged).get("/api/v1/session/userinfo").await.text, r#"{"loggedIn":false}"#);
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_3_tokens_end_with_what_they_stand_for() {
    let world = World::with(ACCOUNTS, "g, dev, role:readonly").await;
    let admin = world.admin();
    let dev = world.account("dev").await;
    assert_eq!(dev.get("/api/v1/applications").await.status, 200);
    let tokens = admin.get("/api/v1/account/dev").await.value();
    let id = tokens.at(&["tokens"]).unwrap().items()[0].str_at(&["id"]).unwrap().to_owned();
    // A stream that is open when its token goes ends.
    let mut stream = dev.open(Method::GET, "/api/v1/stream/applications", "", &[]).await;
    assert_eq!(admin.delete(&format!("/api/v1/account/dev/token/{id}")).await.status, 200);
    assert_eq!(dev.get("/api/v1/applications").await.status, 401);
    assert_eq!(stream.event().await, "error: the session has ended");
    assert_eq!(stream.event().await, "end");
    // An account that is turned off.
    let dev = world.account("dev").await;
    world.patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-cm"), "{data: {accounts.dev.enabled: 'false'}}");
    world.seen(&dev, "/api/v1/applications", |answer| answer.status == 401).await;
    // A password that is another one: tokens of before do not count, whosever they are.
    let password = world.prepared.password.as_ref().unwrap().expose();
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;
    let change = format!("{{\"currentPassword\":\"{password}\",\"newPassword\":\"another-one\"}}");
    let wrong = "{\"currentPassword\":\"no\",\"newPassword\":\"another-one\"}";
    assert_eq!(admin.put("/api/v1/account/password", wrong).await.told(), "400 3 current password does not match");
    let short = format!("{{\"currentPassword\":\"{password}\",\"newPassword\":\"short\"}}");
    let told = admin.put("/api/v1/account/password", &short).await.told();
    assert_eq!(told, "400 3 New password does not match the following expression: ^.{8,32}$.");
    assert_eq!(admin.put("/api/v1/account/password", &change).await.status, 200);
    let told = admin.get("/api/v1/account").await.told();
    assert_eq!(told, "401 16 invalid session: account password has changed since token issued");
    world.stranger().sign_in("admin", "another-one").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_and_what_they_may_are_told() {
    let world = World::with(ACCOUNTS, "p, role:ops, applications, sync, default/*, allow\ng, dev, role:ops").await;
    let dev = world.account("dev").await;
    let answer = dev.get("/api/v1/account").await.value();
    let names: Vec<&str> = answer.get("items").unwrap().items().iter().filter_map(|i| i.str_at(&["name"])).collect();
    assert_eq!(names, ["dev"], "everybody sees themselves");
    assert_eq!(dev.get("/api/v1/account/admin").await.status, 403);
    for (path, expected) in [
        ("applications/sync/default/one", "yes"),
        ("applications/sync/other/one", "no"),
        ("applications/delete/default/one", "no"),
        ("clusters/get/https%3A%2F%2Fx", "no"),
    ] {
        let answer = dev.get(&format!("/api/v1/account/can-i/{path}")).await;
        assert_eq!(answer.str_at(&["value"]), expected, "{path}");
    }
    assert_eq!(dev.get("/api/v1/account/can-i/things/get/x").await.status, 400);
    let told = world.admin().post("/api/v1/account/admin/token", "{}").await.told();
    assert_eq!(told, "400 3 account 'admin' does not have apiKey capability");
    assert_eq!(world.admin().post("/api/v1/account/dev/token", "{\"id\":\"x\"}").await.status, 200);
    let told = world.admin().post("/api/v1/account/dev/token", "{\"id\":\"x\"}").await.told();
    assert_eq!(told, "400 3 account already has token with id 'x'");
    assert_eq!(world.admin().delete("/api/v1/account/dev/token/none").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_what_a_page_needs() {
    let config = format!("{ACCOUNTS}, ui.bannercontent: hello, url: 'https://cd.example', resource.customizations: ''");
    let world = World::with(&config, "").await;
    let stranger = world.stranger();
    let version = stranger.get("/api/version").await.value();
    assert_eq!(version.as_object().unwrap().len(), 1);
    assert!(world.admin().get("/api/version").await.value().get("Platform").is_some());
    let settings = stranger.get("/api/v1/settings").await.value();
    assert_eq!(settings.str_at(&["url"]), Some("https://cd.example"));
    for field in ["uiBannerContent", "passwordPattern", "controllerNamespace", "resourceOverrides"] {
        assert!(settings.get(field).is_none(), "{field}");
        assert!(world.admin().get("/api/v1/settings").await.value().get(field).is_some(), "{field}");
    }
    assert_eq!(stranger.get("/healthz").await.text, "ok");
    assert_eq!(stranger.get("/api/v1/nothing").await.told(), "404 5 Not Found");
    assert_eq!(stranger.get("/api/v1/applications").await.told(), "401 16 no session information");
    let head = stranger.get("/api/version").await.headers;
    for (name, value) in [
        ("x-frame-options", "sameorigin"),
        ("content-security-policy", "frame-ancestors 'self';"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(head.get(name).unwrap(), value);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_3_nobody_takes_back_anothers_token_of_the_same_name() {
    let world = World::with("accounts.one: apiKey, accounts.two: apiKey", "").await;
    let admin = world.admin();
    // A name of a token is its maker's choice; not all of them could be keys of a config map.
    let token = async |account: &str, id: &str| {
        let body = format!("{{\"id\":\"{id}\"}}");
        let made = admin.post(&format!("/api/v1/account/{account}/token"), &body).await;
        world.stranger().with(&made.str_at(&["token"]))
    };
    for id in ["ci", "my token/1 = ü"] {
        let (one, two) = (token("one", id).await, token("two", id).await);
        assert_eq!(one.delete("/api/v1/session").await.status, 200, "{id}");
        assert_eq!(one.get("/api/v1/account/one").await.status, 401, "{id}");
        assert_eq!(two.get("/api/v1/account/two").await.status, 200, "{id}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_3_a_token_of_old_without_a_name_is_taken_back_too() {
    let world = World::with("", "").await;
    world.project("team", ", roles: [{name: ci, jwtTokens: [{iat: 1700000000}, {iat: 1700000001}]}]");
    world.seen(&world.admin(), "/api/v1/projects/team", |answer| answer.status == 200).await;
    let key = world.get("", "secrets", "argocd", "argocd-secret").unwrap();
    let key = STANDARD.decode(key.str_at(&["data", "server.secretkey"]).unwrap()).unwrap();
    let token = |issued: &str| {
        let claims = Claims::new("proj:team:ci", "", issued.parse().unwrap(), None);
        world.stranger().with(issue(&claims, &Secret::new(key.clone())).expose())
    };
    let (first, second) = (token("2023-11-14T22:13:20Z"), token("2023-11-14T22:13:21Z"));
    for client in [&first, &second] {
        assert_eq!(client.get("/api/v1/applications").await.status, 200);
    }
    assert_eq!(first.delete("/api/v1/session").await.status, 200);
    let told = first.get("/api/v1/applications").await.told();
    assert_eq!(told, "401 16 invalid session: token is revoked, please re-login");
    assert_eq!(second.get("/api/v1/applications").await.status, 200, "another one of the same role");
}

#[tokio::test(flavor = "multi_thread")]
async fn inv_authn_4_failures_that_come_together_each_count() {
    let world = World::with(ACCOUNTS, "").await;
    let attempt = |client: super::world::Client| async move {
        client.post("/api/v1/session", r#"{"username":"admin","password":"x"}"#).await.status
    };
    let all = futures::future::join_all((0..6).map(|_| attempt(world.stranger()))).await;
    assert!(all.iter().all(|status| *status == 401), "{all:?}");
    // A process that begins anew knows of all of them.
    let password = world.prepared.password.as_ref().unwrap().expose();
    let body = format!("{{\"username\":\"admin\",\"password\":\"{password}\"}}");
    assert_eq!(world.router().post("/api/v1/session", &body).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_sync_may_roll_back_unless_that_is_a_right_of_its_own() {
    let world = World::with(ACCOUNTS, "p, dev, applications, sync, default/*, allow").await;
    let dev = world.account("dev").await;
    let can =
        async |what: &str| dev.get(&format!("/api/v1/account/can-i/applications/{what}")).await.str_at(&["value"]);
    assert_eq!(can("rollback/default/one").await, "yes");
    // The control plane's namespace may be named, and is not part of a name.
    assert_eq!(can("sync/default/argocd/one").await, "yes");
    assert_eq!(can("sync/other/argocd/one").await, "no");
    let path = "/api/v1/account/can-i/applications/rollback/default/one";
    world.patch(
        &Object::of("v1", "ConfigMap", "argocd", "argocd-cm"),
        "{data: {server.rbac.rollback.enforce.enable: 'true'}}",
    );
    world.seen(&dev, path, |answer| answer.str_at(&["value"]) == "no").await;
}

/// argo.md 10.28
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_soon_gets_a_new_cookie() {
    let short = World::with("users.session.duration: 2m", "").await;
    let renewed = short.admin().get("/api/v1/account").await;
    assert_eq!(renewed.status, 200);
    let cookie = renewed.headers.get("set-cookie").unwrap().to_str().unwrap();
    let token = cookie.strip_prefix("argocd.token=").unwrap().split(';').next().unwrap();
    assert_eq!(short.stranger().with(token).get("/api/v1/account").await.status, 200);
    let long = World::with("users.session.duration: 24h", "").await;
    assert!(long.admin().get("/api/v1/account").await.headers.get("set-cookie").is_none());
}
