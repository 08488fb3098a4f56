use super::*;

#[test]
fn parts_of_a_path_are_escaped_and_empty_fields_left_out() {
    let path = path(&["api", "v1", "repositories", "https://git.example/a b.git"]);
    assert_eq!(path, "/api/v1/repositories/https%3A%2F%2Fgit.example%2Fa%20b.git");
    assert_eq!(with_query("/a", &[("project", ""), ("selector", "a=b,c")]), "/a?selector=a%3Db%2Cc");
    assert_eq!(with_query("/a", &[("project", "")]), "/a");
}

fn token(claims: &str) -> Secret<String> {
    Secret::new(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims)))
}

#[test]
fn a_refusal_says_what_to_do_and_no_token() {
    let check = |status: u16, body: &str, token: Secret<String>, expected: &str| {
        let found = refusal(StatusCode::from_u16(status).unwrap(), body.as_bytes(), None, &token, "cd.example");
        assert_eq!(found.message, expected);
        assert!(token.expose().is_empty() || !found.message.contains(token.expose().as_str()));
    };
    let none = || Secret::new(String::new());
    let words = |text: &str| format!(r#"{{"error":"{text}","code":16,"message":"{text}"}}"#);
    check(
        401,
        &words("no session information"),
        none(),
        "no session information: log in by `belay login cd.example`, or give --auth-token",
    );
    check(
        401,
        &words("invalid session"),
        token(r#"{"exp":1}"#),
        "invalid session: the session is over; log in anew by `belay relogin`",
    );
    check(
        401,
        &words("invalid session"),
        token("{}"),
        "invalid session: the token is not taken; log in anew by `belay relogin`, or give another --auth-token",
    );
    check(
        403,
        &words("permission denied"),
        none(),
        "permission denied: there is no such thing, or you may not do this to it",
    );
    check(400, &words("existing application spec is different"), none(), "existing application spec is different");
    check(
        404,
        "<html>",
        none(),
        "server cd.example has no such path: is it Argo CD's API? --grpc-web-root-path says where that stands",
    );
    check(502, "", none(), "Bad Gateway");
}

#[test]
fn streams_are_read_as_events_and_as_lines() {
    let read = |line: &str| read_line(line.as_bytes()).map(|m| m.map(|m| m.to_json())).map_err(|e| e.to_string());
    assert_eq!(read(r#"data: {"result":{"a":1}}"#), Ok(Some(r#"{"a":1}"#.to_owned())));
    assert_eq!(read(r#"{"result":{"a":1}}"#), Ok(Some(r#"{"a":1}"#.to_owned())));
    for nothing in [":", "", "\r", "event: message"] {
        assert_eq!(read(nothing), Ok(None), "{nothing:?}");
    }
    assert_eq!(
        read(r#"data: {"error":{"grpc_code":7,"http_code":403,"message":"permission denied"}}"#),
        Err("permission denied".to_owned())
    );
    assert!(read("nonsense").is_err());
}

#[test]
fn headers_that_are_none_are_told_without_their_value() {
    for text in ["canary", "Na me: canary", "Name: can\nary"] {
        let why = read_header(text).unwrap_err().to_string();
        assert!(!why.contains("can"), "{why}");
    }
    assert_eq!(read_header("X-Way: a:b").unwrap().1, "a:b");
}
