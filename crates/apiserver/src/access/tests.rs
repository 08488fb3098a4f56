//! Checks of impersonation and tokens.

use belay_object::{Object, Value, from_json_str, object};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

use super::tokens::{Issuer, TokenRequests};
use super::{decide, forbidden, impersonate};
use crate::identity::UserInfo;
use crate::plugin::{AllowAll, Attributes, Context, Decision, Virtual, VirtualCall};
use crate::store::{HistoryLimits, Store};

fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers
}

fn check_impersonation(pairs: &[(&'static str, &'static str)], name: &str, groups: &[&str]) {
    let store = Store::new(HistoryLimits::default());
    let user = impersonate(&headers(pairs), UserInfo::admin(), &store, &AllowAll).expect("allowed");
    assert_eq!((user.name.as_str(), user.groups), (name, groups.iter().map(|g| (*g).to_owned()).collect::<Vec<_>>()));
}

#[test]
fn impersonated_users_get_the_groups_that_follow_from_their_name() {
    check_impersonation(
        &[("impersonate-user", "jane"), ("impersonate-group", "devs")],
        "jane",
        &["devs", "system:authenticated"],
    );
    check_impersonation(
        &[("impersonate-user", "system:serviceaccount:shop:builder")],
        "system:serviceaccount:shop:builder",
        &["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    );
    check_impersonation(&[("impersonate-user", "system:anonymous")], "system:anonymous", &["system:unauthenticated"]);
}

#[test]
fn impersonation_needs_a_user_and_the_right() {
    let store = Store::new(HistoryLimits::default());
    let error = impersonate(&headers(&[("impersonate-group", "devs")]), UserInfo::admin(), &store, &AllowAll);
    assert_eq!(error.map_err(|e| e.code()), Err(500));
    struct Nothing;
    impl crate::plugin::Authorizer for Nothing {
        fn authorize(&self, _: &Store, _: &UserInfo, _: &Attributes<'_>) -> Decision {
            Decision::Deny(String::new())
        }
    }
    let bob = UserInfo { name: "bob".into(), ..UserInfo::default() };
    let error = impersonate(&headers(&[("impersonate-user", "jane")]), bob, &store, &Nothing).unwrap_err();
    assert_eq!(
        error.message,
        "users \"jane\" is forbidden: User \"bob\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
    assert_eq!(decide(&Nothing, &store, &UserInfo::admin(), &Attributes::default()), Decision::Allow(String::new()));
}

#[test]
fn a_path_is_forbidden_by_its_name() {
    let bob = UserInfo { name: "bob".into(), ..UserInfo::default() };
    let asked = Attributes { verb: "get", path: "/metrics", ..Attributes::default() };
    assert_eq!(forbidden(&bob, &asked, "").message, "forbidden: User \"bob\" cannot get path \"/metrics\"");
}

fn account(store: &Store, uid: &str) {
    let mut account = Object::of("v1", "ServiceAccount", "shop", "builder");
    account.set(&["metadata", "uid"], uid);
    store.table("", "serviceaccounts").insert("shop/builder", account, None).expect("inserted");
}

#[test]
fn a_token_is_good_while_its_account_lives_and_its_time_lasts() {
    let store = Store::new(HistoryLimits::default());
    account(&store, "u1");
    let issuer = std::sync::Arc::new(Issuer::new());
    let user = UserInfo::admin();
    let cx = Context {
        store: &store,
        user: &user,
        authorizer: &AllowAll,
        subresource: "token",
        version: "v1",
        now: "2026-01-01T00:00:00Z",
        dry_run: false,
    };
    let object = Object::new(object! { "spec" => object! { "expirationSeconds" => 600 } }).expect("an object");
    let call = VirtualCall { cx: &cx, namespace: "shop", name: "builder", object };
    let answer = TokenRequests(issuer.clone()).create(call).expect("a token");
    let token = answer.str_at(&["status", "token"]).expect("a token").to_owned();
    let now = Timestamp::now();
    let claims = issuer.check(&store, &token, now).expect("good");
    assert_eq!(claims.user.name, "system:serviceaccount:shop:builder");
    assert_eq!(claims.user.uid, "u1");
    let later = Timestamp::from_second(now.as_second() + 700).expect("in range");
    assert!(issuer.check(&store, &token, later).is_none(), "expired");
    assert!(Issuer::new().check(&store, &token, now).is_none(), "another server's key");
    assert!(issuer.check(&store, &format!("{token}x"), now).is_none(), "a changed signature");
    let live = store.get("", "serviceaccounts", "shop", "builder").expect("there");
    store.table("", "serviceaccounts").remove("shop/builder", live.version(), None).expect("removed");
    assert!(issuer.check(&store, &token, now).is_none(), "the account is gone");
    account(&store, "u2");
    assert!(issuer.check(&store, &token, now).is_none(), "another account of that name");
}

#[test]
fn a_short_token_is_refused() {
    let store = Store::new(HistoryLimits::default());
    account(&store, "u1");
    let user = UserInfo::admin();
    let cx = Context {
        store: &store,
        user: &user,
        authorizer: &AllowAll,
        subresource: "token",
        version: "v1",
        now: "",
        dry_run: false,
    };
    let value: Value = from_json_str(r#"{"spec":{"expirationSeconds":5}}"#).expect("JSON");
    let object = Object::new(value).expect("an object");
    let call = VirtualCall { cx: &cx, namespace: "shop", name: "builder", object };
    let error = TokenRequests(std::sync::Arc::new(Issuer::new())).create(call).unwrap_err();
    assert_eq!(error.code(), 422);
}
