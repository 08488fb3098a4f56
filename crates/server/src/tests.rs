//! What is a function over values: fields, masks, errors, queries, the list of who may ask what.

use belay_object::{Object, Value, from_json_str};

use crate::fields::Fields;
use crate::identity::{set_cookie, token_of};
use crate::services::credentials::without_password;
use crate::{Access, Code, Error, listing};

fn value(json: &str) -> Value {
    from_json_str(json).expect("JSON")
}

#[track_caller]
fn check_fields(fields: &str, given: &str, expected: &str) {
    let found = Fields::parse(fields).expect("fields").of(&value(given));
    assert_eq!(found.to_json(), value(expected).to_json());
}

#[test]
fn fields_choose_what_is_told() {
    let list =
        r#"{"items":[{"metadata":{"name":"a","labels":{"x":"y"}},"spec":{"s":1}}],"metadata":{"resourceVersion":"3"}}"#;
    check_fields(
        "items.metadata.name,metadata.resourceVersion",
        list,
        r#"{"items":[{"metadata":{"name":"a"}}],"metadata":{"resourceVersion":"3"}}"#,
    );
    check_fields(
        "-items.metadata.labels,items.spec",
        list,
        r#"{"items":[{"metadata":{"name":"a"}}],"metadata":{"resourceVersion":"3"}}"#,
    );
    check_fields("items.nothing", list, r#"{"items":[{}]}"#);
    check_fields("result.type", r#"{"result":{"type":"ADDED","application":{}}}"#, r#"{"result":{"type":"ADDED"}}"#);
    assert_eq!(Fields::parse(""), None);
}

#[test]
fn errors_are_written_as_grpc_gateway_writes_them() {
    let error = Error::forbidden("permission denied");
    assert_eq!(error.body().to_json(), r#"{"code":7,"error":"permission denied","message":"permission denied"}"#);
    for (code, status) in [
        (Code::Unauthenticated, 401),
        (Code::PermissionDenied, 403),
        (Code::NotFound, 404),
        (Code::InvalidArgument, 400),
        (Code::FailedPrecondition, 400),
        (Code::AlreadyExists, 409),
        (Code::Unimplemented, 501),
        (Code::Unavailable, 503),
        (Code::DeadlineExceeded, 504),
        (Code::ResourceExhausted, 429),
    ] {
        assert_eq!(code.status().as_u16(), status);
    }
}

#[track_caller]
fn check_token(headers: &[(&'static str, &'static str)], expected: Option<&str>) {
    let map = headers
        .iter()
        .map(|(name, value)| (http::HeaderName::from_static(name), http::HeaderValue::from_static(value)));
    let mut all = http::HeaderMap::new();
    for (name, value) in map {
        all.append(name, value);
    }
    assert_eq!(token_of(&all).as_deref(), expected);
}

#[test]
fn a_token_is_taken_from_its_header_a_bearer_or_a_cookie() {
    check_token(&[], None);
    check_token(&[("authorization", "Bearer a.b.c"), ("cookie", "argocd.token=d.e.f")], Some("a.b.c"));
    check_token(&[("authorization", "Basic abc"), ("cookie", "x=y; argocd.token=d.e.f")], Some("d.e.f"));
    check_token(&[("authorization", "Bearer none"), ("cookie", "argocd.token=d.e.f")], Some("d.e.f"));
    check_token(&[("cookie", "argocd.token=2:a.b; argocd.token-1=.c")], Some("a.b.c"));
    check_token(&[("cookie", "argocd.token=2:a.b")], None);
    check_token(&[("cookie", "argocd.token=99:a.b.c")], None);
    check_token(&[("token", "t"), ("authorization", "Bearer a.b.c")], Some("t"));
}

#[test]
fn inv_authn_7_cookies_are_for_this_site_and_no_script() {
    assert_eq!(set_cookie(Some("t"), "", true), "argocd.token=t; path=/; SameSite=lax; httpOnly; Secure");
    assert_eq!(set_cookie(None, "/argocd", false), "argocd.token=; path=/argocd; SameSite=lax; httpOnly; Max-Age=0");
}

#[test]
fn inv_authz_3_what_strangers_may_ask_is_this_list() {
    let open: Vec<String> = listing()
        .into_iter()
        .filter(|(_, _, access)| *access != Access::SignedIn)
        .map(|(method, path, access)| format!("{method} {path} {access:?}"))
        .collect();
    let expected = [
        "GET /api/version Either",
        "GET /api/v1/settings Either",
        "POST /api/v1/session Public",
        "DELETE /api/v1/session Either",
        "GET /api/v1/session/userinfo Either",
        "GET /auth/logout Either",
        "POST /api/webhook Public",
        "GET /api/badge Public",
        "GET /metrics Public",
    ];
    assert_eq!(open, expected);
}

#[test]
fn the_operations_of_the_contract_are_all_there() {
    let api = listing().into_iter().filter(|(_, path, _)| path.starts_with("/api/v")).count();
    // 106 operations; `can-i` stands in three forms of its path.
    assert_eq!(api, 106 + 2);
}

#[track_caller]
fn check_mask(states: &[&str], expected: &[&str]) {
    let mut states: Vec<Option<Object>> = states.iter().map(|json| Object::new(value(json)).ok()).collect();
    belay_argo::mask::hide(&mut states, &["token".to_owned()]);
    let found: Vec<String> = states.iter().flatten().map(|o| o.value().to_json()).collect();
    let expected: Vec<String> = expected.iter().map(|json| value(json).to_json()).collect();
    assert_eq!(found, expected);
}

#[test]
fn inv_sec_3_secrets_show_which_values_differ_and_nothing_else() {
    check_mask(
        &[
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"Zm9v","b":"c2FtZQ=="}}"#,
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"YmFyYmFyYmFy","b":"c2FtZQ=="}}"#,
        ],
        &[
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"++++++++","b":"++++++++"}}"#,
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"++++++++++++","b":"++++++++"}}"#,
        ],
    );
    // Plain text, what kubectl keeps, sensitive annotations; and a `data` that is no map.
    check_mask(
        &[
            r#"{"apiVersion":"v1","kind":"Secret","stringData":{"a":"foo"},"metadata":{"annotations":{"token":"t","other":"o","kubectl.kubernetes.io/last-applied-configuration":"foo"},"managedFields":[1]}}"#,
        ],
        &[
            r#"{"apiVersion":"v1","kind":"Secret","data":{"a":"++++++++"},"metadata":{"annotations":{"token":"++++++++","other":"o"}}}"#,
        ],
    );
    check_mask(&[r#"{"apiVersion":"v1","kind":"Secret","data":"foo"}"#], &[r#"{"apiVersion":"v1","kind":"Secret"}"#]);
    // Other kinds keep their values.
    let map = r#"{"apiVersion":"v1","kind":"ConfigMap","data":{"a":"foo"}}"#;
    check_mask(&[map], &[map]);
}

#[test]
fn inv_sec_5_addresses_are_shown_without_passwords() {
    for (url, shown) in [
        ("https://user:pass@git.example/o/r", "https://git.example/o/r"),
        ("https://token@git.example/o/r", "https://git.example/o/r"),
        ("https://git.example/o@r", "https://git.example/o@r"),
        ("ssh://git@git.example:22/o/r", "ssh://git@git.example:22/o/r"),
        ("git@git.example:o/r", "git@git.example:o/r"),
        ("https://u:p@ss@git.example/x", "https://git.example/x"),
    ] {
        assert_eq!(without_password(url), shown);
    }
}

#[test]
fn queries_are_decoded() {
    let found = crate::call::parse_query("a=1%2F2+3&b&a=%zz&c=%&d=%+1%-1");
    let shown: Vec<String> = found.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(shown, ["a=1/2 3", "b=", "a=%zz", "c=%", "d=% 1%-1"]);
}
