//! Addresses, egress and redaction, each through one `check`; redirects against servers on loopback.

mod tls;

use crate::*;
use std::io::{Read, Write};
use std::net::TcpListener;

const CANARY: &str = "s3cr3t-canary";

#[test]
fn a_secret_is_never_printed() {
    #[derive(Debug, serde::Serialize)]
    struct Holder {
        token: Secret<String>,
    }
    let holder = Holder { token: Secret::new(CANARY.to_owned()) };
    for text in [format!("{holder:?}"), format!("{}", holder.token), format!("{:#?}", holder)] {
        assert!(!text.contains(CANARY), "{text}");
    }
    let (url, info) = RemoteUrl::parse_with_userinfo(&format!("https://me:{CANARY}@host/x")).unwrap();
    assert!(!format!("{url:?} {url} {info:?}").contains(CANARY));
    assert_eq!(info.unwrap().password.unwrap().expose(), CANARY);
    for text in [format!("ftp://me:{CANARY}@host/x"), format!("https://me:{CANARY}@/x")] {
        assert!(!RemoteUrl::parse(&text).unwrap_err().to_string().contains(CANARY));
    }
}

#[test]
fn userinfo_is_kept_for_ssh_names_only() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(RemoteUrl::parse(text).ok().as_ref().map(RemoteUrl::as_str), expected, "{text}");
    };
    check("https://user:pass@Example.org/a/b.git", Some("https://example.org/a/b.git"));
    check("ssh://git:pass@example.org:2222/a", Some("ssh://git@example.org:2222/a"));
    check("http://example.org", Some("http://example.org/"));
    check("file:///srv/repo", Some("file:///srv/repo"));
    check("git@example.org:a/b", None);
    check("ftp://example.org/a", None);
    check("ssh://-oProxyCommand=x/a", None);
    check("ssh://-oProxyCommand=x@host/a", None);
    check("/srv/repo", None);
    let url = RemoteUrl::parse("ssh://git@example.org/a%20b").unwrap();
    assert_eq!((url.user(), url.port(), url.path()), (Some("git"), 22, "/a b"));
}

#[test]
fn relative_urls_resolve_as_submodules_do() {
    let check = |base: &str, relative: &str, expected: &str| {
        assert_eq!(RemoteUrl::parse(base).unwrap().join(relative).unwrap().as_str(), expected);
    };
    check("https://h/a/b.git", "../c.git", "https://h/a/c.git");
    check("https://h/a/b.git", "./c", "https://h/a/b.git/c");
    check("https://h/a", "https://other/x", "https://other/x");
}

#[test]
fn inv_net_2_a_credential_is_for_one_origin() {
    let url = |text: &str| RemoteUrl::parse(text).unwrap();
    let bound = Bound::new(&url("https://git.example/team"), 1);
    let check = |text: &str, expected: bool| assert_eq!(bound.for_url(&url(text)).is_some(), expected, "{text}");
    check("https://git.example/other", true);
    check("https://GIT.example:443/x", true);
    check("http://git.example/team", false);
    check("https://git.example:8443/team", false);
    check("https://git.example.evil/team", false);
}

#[test]
fn inv_net_1_metadata_and_link_local_addresses_are_refused() {
    let refused = |address: &str| Egress::default().check(address.parse().unwrap()).is_err();
    for address in [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "fe80::1",
        "fd00:ec2::254",
        "100.100.100.200",
        "0.0.0.0",
        "::",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        assert!(refused(address), "{address}");
    }
    for address in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "140.82.121.3", "2606:50c0::1"] {
        assert!(!refused(address), "{address}");
    }
    let strict = Egress { loopback: false, private: false, exempt: vec!["10.0.0.1".parse().unwrap()] };
    for (address, expected) in
        [("127.0.0.1", false), ("10.1.2.3", false), ("100.64.0.1", false), ("10.0.0.1", true), ("1.1.1.1", true)]
    {
        assert_eq!(strict.check(address.parse().unwrap()).is_ok(), expected, "{address}");
    }
    let client = ClientOptions::default().build().unwrap();
    for url in ["http://169.254.169.254/x", "http://0xa9fea9fe/", "http://2852039166/", "http://[::ffff:a9fe:a9fe]/"] {
        assert_eq!(client.get(url).unwrap_err().kind(), ErrorKind::Forbidden, "{url}");
    }
}

#[test]
fn credentials_are_taken_out_of_texts() {
    let check = |text: &str, expected: &str| assert_eq!(redact(text), expected);
    check("cloning https://u:p@h/x failed", "cloning https://***@h/x failed");
    check("a://b@c d://e f://g@h@i/j", "a://***@c d://e f://***@i/j");
    check("Authorization: Basic dXNlcjpwYXNz", "Authorization: Basic ***");
    check("Bearer abcdefghijkl and Basic auth", "Bearer *** and Basic auth");
    check("nothing here: a/b@c", "nothing here: a/b@c");
}

/// Answers one request with `response` and gives the request's text.
fn serve(response: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut seen = vec![0; 4096];
        let n = stream.read(&mut seen).unwrap();
        stream.write_all(response.as_bytes()).unwrap();
        String::from_utf8_lossy(&seen[..n]).into_owned()
    });
    (url, thread)
}

#[tokio::test]
async fn inv_net_2_a_redirect_to_another_origin_takes_no_credential_along() {
    let (target, second) = serve("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned());
    let redirect = format!("HTTP/1.1 302 Found\r\nLocation: {target}/y\r\nContent-Length: 0\r\n\r\n");
    let (url, first) = serve(redirect);
    let client = ClientOptions::default().build().unwrap();
    let response = client
        .get(&url)
        .unwrap()
        .header(http::header::AUTHORIZATION, http::HeaderValue::from_static("Basic bWU6c2VjcmV0"))
        .send()
        .await
        .unwrap();
    assert_eq!(response.read(10).await.unwrap(), "ok");
    assert!(first.join().unwrap().to_lowercase().contains("authorization: basic"));
    assert!(!second.join().unwrap().to_lowercase().contains("authorization"));
}

#[tokio::test]
async fn a_redirect_to_a_forbidden_address_is_refused() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/x\r\nContent-Length: 0\r\n\r\n";
    let (url, first) = serve(redirect.to_owned());
    let client = ClientOptions::default().build().unwrap();
    let error = client.get(&url).unwrap().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden, "{error}");
    first.join().unwrap();
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_it_streams() {
    let (url, thread) = serve("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n0123456789".to_owned());
    let client = ClientOptions::default().build().unwrap();
    let response = client.get(&url).unwrap().send().await.unwrap();
    assert_eq!(response.read(5).await.unwrap_err().kind(), ErrorKind::TooLarge);
    thread.join().unwrap();
}

#[tokio::test]
async fn nothing_listening_is_unreachable() {
    let client = ClientOptions::default().build().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let error = client.get(&format!("http://127.0.0.1:{port}/")).unwrap().send().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unreachable, "{error}");
}

#[test]
fn proxies_come_from_variables_with_their_credentials_hidden() {
    let variables = |name: &str| match name {
        "https_proxy" => Some(format!("http://me:{CANARY}@proxy:3128")),
        "NO_PROXY" => Some(".svc,10.0.0.0/8".to_owned()),
        _ => None,
    };
    let proxy = Proxy::from_variables(variables).unwrap().unwrap();
    assert!(!format!("{proxy:?}").contains(CANARY));
    assert!(ClientOptions { proxy: Some(proxy), ..ClientOptions::default() }.build().is_ok());
    assert_eq!(Proxy::from_variables(|_| None).unwrap(), None);
}
