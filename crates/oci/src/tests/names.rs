//! Names, challenges and keychains: texts to values.

use crate::auth::{Challenge, is_own_site, parse_challenge, realm_url};
use crate::{Credentials, Keychain, Manifest, Repository, parse_reference};
use belay_net::{RemoteUrl, Secret};

#[track_caller]
fn check(text: &str, expected: &str) {
    let found = match parse_reference(text) {
        Ok((repository, None)) => format!("{} {}", repository.registry(), repository.path()),
        Ok((repository, Some(target))) => format!("{} {} {target}", repository.registry(), repository.path()),
        Err(e) => e.to_string(),
    };
    assert_eq!(found, expected, "{text}");
}

#[test]
fn references_are_read_as_people_write_them() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    check("oci://ghcr.io/org/app", "ghcr.io org/app");
    check("ghcr.io/org/app:1.2.3", "ghcr.io org/app 1.2.3");
    check("oci://localhost:5000/app", "localhost:5000 app");
    check("localhost:5000/app:v1", "localhost:5000 app v1");
    check(&format!("oci://ghcr.io/org/app@{digest}"), &format!("ghcr.io org/app {digest}"));
    check(&format!("oci://ghcr.io/org/app:1@{digest}"), &format!("ghcr.io org/app {digest}"));
    check("alpine", "index.docker.io library/alpine");
    check("docker.io/org/app", "index.docker.io org/app");
}

#[test]
fn names_that_mean_something_in_a_url_are_refused() {
    let chars = "can only contain the characters `abcdefghijklmnopqrstuvwxyz0123456789_-./`";
    for name in
        ["ghcr.io/org/../app", "ghcr.io/org//app", "ghcr.io/Org/app", "ghcr.io/a b", "ghcr.io/a?b", "ghcr.io/./a"]
    {
        check(name, &format!("repository {name:?} {chars}"));
    }
    check("gh_cr.io/org/app", "repository \"gh_cr.io/org/app\" names no host");
    check("ghcr.io:99999/org/app", "repository \"ghcr.io:99999/org/app\" names no host");
    check("ghcr.io/app@sha256:abc", "\"sha256:abc\" is no digest 'sha256:<64 hex digits>'");
    check("ghcr.io/app:a b", "\"a b\" is no tag");
    let e = Repository::parse("oci://ghcr.io/org/app:v1").unwrap_err();
    assert_eq!(e.to_string(), "repository \"ghcr.io/org/app:v1\" must not contain a tag or digest");
}

#[test]
fn challenges_are_read() {
    let bearer = |realm: &str, service: &str, scope: &str| Challenge::Bearer {
        realm: realm.into(),
        service: service.into(),
        scope: scope.into(),
    };
    let text =
        r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
    assert_eq!(
        parse_challenge(text),
        Some(bearer("https://auth.docker.io/token", "registry.docker.io", "repository:a/b:pull,push"))
    );
    assert_eq!(parse_challenge(r#"bearer realm="a\"b", service=c"#), Some(bearer("a\"b", "c", "")));
    assert_eq!(parse_challenge(r#"Basic realm="x""#), Some(Challenge::Basic));
    assert_eq!(parse_challenge("Bearer service=\"x\""), None);
    assert_eq!(parse_challenge("Negotiate"), None);
    assert_eq!(parse_challenge(&format!("Bearer realm=\"{}\"", "x".repeat(9000))), None);
    assert_eq!(parse_challenge("Bearer realm=\"never closed"), Some(bearer("never closed", "", "")));
}

#[test]
fn inv_net_2_credentials_go_to_the_registrys_own_site_alone() {
    let own = |registry: &str, realm: &str| is_own_site(registry, &RemoteUrl::parse(realm).unwrap());
    assert!(own("ghcr.io", "https://ghcr.io/token"));
    assert!(own("index.docker.io", "https://auth.docker.io/token"));
    assert!(own("registry.gitlab.com", "https://gitlab.com/jwt/auth"));
    assert!(own("registry.shop.co.uk", "https://auth.shop.co.uk/token"));
    assert!(own("127.0.0.1", "http://127.0.0.1:5001/token"));
    assert!(!own("registry.shop.co.uk", "https://auth.evil.co.uk/token"));
    assert!(!own("ghcr.io", "https://evil.example/token"));
    assert!(!own("10.0.0.1", "https://11.0.0.1/token"));
    assert!(!own("registry", "https://evil/token"));
    assert!(realm_url("http://ghcr.io/token", false).is_err());
    assert!(realm_url("http://127.0.0.1/token", true).is_ok());
    assert!(realm_url("file:///etc/passwd", true).is_err());
}

#[test]
fn a_keychain_gives_credentials_to_their_host_alone() {
    let json = br#"{"auths": {
        "https://index.docker.io/v1/": {"auth": "aHViOm9uZQ=="},
        "ghcr.io": {"username": "u", "password": "two"},
        "ghcr.io/team": {"username": "t", "password": "three"},
        "*.corp.example": {"identitytoken": "four"},
        "empty.example": {}
    }}"#;
    let keychain = Keychain::parse(json).unwrap();
    let of = |name: &str| match keychain.of(&Repository::parse(name).unwrap()) {
        Some(Credentials::Basic(user, password)) => format!("{user}:{}", password.expose()),
        Some(Credentials::Identity(token)) => token.expose().clone(),
        Some(Credentials::Bearer(token)) => token.expose().clone(),
        None => "nobody".to_owned(),
    };
    assert_eq!(of("alpine"), "hub:one");
    assert_eq!(of("ghcr.io/org/app"), "u:two");
    assert_eq!(of("ghcr.io/team/app"), "t:three");
    assert_eq!(of("ghcr.io/team-evil/app"), "u:two");
    assert_eq!(of("ghcr.io.evil.example/team"), "nobody");
    assert_eq!(of("r.corp.example/a"), "four");
    assert_eq!(of("a.b.corp.example/a"), "nobody");
    assert_eq!(of("empty.example/a"), "nobody");
}

#[test]
fn inv_sec_1_a_docker_config_that_cannot_be_read_is_not_shown() {
    for json in [&b"{\"auths\": {\"a.b\": {\"auth\": \"canary\"}}}"[..], b"canary", b"{\"auths\": \"canary\"}"] {
        let e = Keychain::parse(json).unwrap_err().to_string();
        assert!(!e.contains("canary"), "{e}");
    }
    let keychain = Keychain::single("a.b", Credentials::Basic("u".into(), Secret::new("canary".into())));
    assert!(!format!("{keychain:?}").contains("canary"));
}

#[test]
fn manifests_are_bounded() {
    let layer = format!(r#"{{"mediaType": "x", "digest": "sha256:{}", "size": 1}}"#, "0".repeat(64));
    let manifest = |layers: usize, annotation: usize| {
        let layers = vec![layer.as_str(); layers].join(",");
        let text = format!(
            r#"{{"schemaVersion": 2, "config": {layer}, "layers": [{layers}], "annotations": {{"a": "{}"}}}}"#,
            "x".repeat(annotation)
        );
        Manifest::parse(text.as_bytes()).map(|m| m.layers.len()).map_err(|e| e.to_string())
    };
    assert_eq!(manifest(2, 3), Ok(2));
    assert_eq!(manifest(1025, 3), Err("manifest has more than 1024 layers".into()));
    assert_eq!(manifest(1, 300_000), Err("manifest has more than 262144 bytes of annotations".into()));
    assert!(Manifest::parse(b"{}").unwrap_err().to_string().starts_with("manifest cannot be read: missing field"));
    let bad = br#"{"schemaVersion":2,"config":{"digest":"sha256:../../x","size":1},"layers":[]}"#;
    assert!(Manifest::parse(bad).unwrap_err().to_string().contains("is no digest"));
}
