//! Lines of `known_hosts` files; the hashed one is by `ssh-keygen -H`.

use super::*;

const KEY: &[u8] = b"key-bytes";

#[test]
fn inv_net_6_only_a_named_host_with_its_key_is_known() {
    let key = STANDARD.encode(KEY);
    let other = STANDARD.encode(b"other");
    let check = |line: String, host: &str, port: u16, expected: Verdict| {
        assert_eq!(super::check(&line, host, port, KEY), expected, "{line} {host}:{port}");
    };
    check(format!("example.org ssh-ed25519 {key} comment"), "example.org", 22, Verdict::Known);
    check(format!("example.org ssh-ed25519 {key}"), "example.org", 2222, Verdict::Unknown);
    check(format!("[example.org]:2222 ssh-ed25519 {key}"), "example.org", 2222, Verdict::Known);
    check(format!("[example.org]:2222 ssh-ed25519 {key}"), "example.org", 22, Verdict::Unknown);
    check(format!("a,b,example.org ssh-ed25519 {key}"), "example.org", 22, Verdict::Known);
    check(format!("*.org,!example.org ssh-ed25519 {key}"), "example.org", 22, Verdict::Unknown);
    check(format!("ex?mple.* ssh-ed25519 {key}"), "example.org", 22, Verdict::Known);
    check(format!("example.org ssh-ed25519 {other}"), "example.org", 22, Verdict::Mismatch);
    check(format!("@revoked * ssh-ed25519 {key}\nexample.org ssh-ed25519 {key}"), "example.org", 22, Verdict::Revoked);
    check(format!("@cert-authority * ssh-ed25519 {key}"), "example.org", 22, Verdict::Unknown);
    check(format!("# example.org ssh-ed25519 {key}"), "example.org", 22, Verdict::Unknown);
    check(String::new(), "example.org", 22, Verdict::Unknown);
    check("example.org ssh-ed25519 ???".to_owned(), "example.org", 22, Verdict::Unknown);
}

#[test]
fn hashed_names_are_recognised() {
    let mut mac = Hmac::<Sha1>::new_from_slice(b"0123456789abcdef0123").unwrap();
    mac.update(b"[example.org]:2222");
    let hash = STANDARD.encode(mac.finalize().into_bytes());
    let salt = STANDARD.encode(b"0123456789abcdef0123");
    let line = format!("|1|{salt}|{hash} ssh-ed25519 {}", STANDARD.encode(KEY));
    assert_eq!(super::check(&line, "example.org", 2222, KEY), Verdict::Known);
    assert_eq!(super::check(&line, "example.com", 2222, KEY), Verdict::Unknown);
    assert_eq!(key_types(&line, "example.org", 2222), ["ssh-ed25519"]);
}
