use super::*;

/// As argocd writes it, with a field of another version.
const FILE: &str = "contexts:
- name: a.example
  server: a.example
  user: a.example
- name: second
  server: a.example
  user: second
current-context: a.example
newer: true
prompts-enabled: false
servers:
- grpc-web-root-path: ''
  insecure: true
  newer: 1
  server: a.example
users:
- auth-token: canary
  name: a.example
  refresh-token: canary
- auth-token: other
  name: second
";

fn file() -> LocalConfig {
    LocalConfig::parse(FILE).unwrap()
}

#[test]
fn logins_are_read_as_argocd_writes_them() {
    let login = file().login("a.example").unwrap();
    assert_eq!((login.server.as_str(), login.insecure, login.plaintext), ("a.example", true, false));
    assert_eq!(login.token.expose(), "canary");
    assert_eq!(file().login("nobody").unwrap_err().to_string(), "Context 'nobody' undefined");
    assert_eq!(file().login_to("a.example").unwrap().name, "a.example");
    assert!(file().login_to("b.example").is_none());
}

#[test]
fn a_login_changes_its_own_entries_alone() {
    let mut config = file();
    config.put(&Login {
        name: "b".into(),
        server: "b.example:8080".into(),
        plaintext: true,
        token: Secret::new("t".into()),
        ..Login::default()
    });
    assert_eq!(config.current(), "b");
    let text = config.text().expose().clone();
    for kept in ["newer: true", "newer: 1", "prompts-enabled: false", "auth-token: canary", "plain-text: true"] {
        assert!(text.contains(kept), "{kept}: {text}");
    }
    assert_eq!(LocalConfig::parse(&text).unwrap().login("b").unwrap().token.expose(), "t");
}

#[test]
fn a_server_stays_while_another_login_is_to_it() {
    let mut config = file();
    config.forget("a.example").unwrap();
    assert_eq!((config.current(), config.is_empty()), ("", false));
    assert!(!config.text().expose().contains("canary"));
    assert_eq!(config.login("second").unwrap().token.expose(), "other");
    config.forget("second").unwrap();
    assert!(config.is_empty());
    assert!(config.forget("second").is_err());
}

#[test]
fn a_logout_forgets_the_token_and_no_more() {
    let mut config = file();
    config.forget_token("a.example").unwrap();
    assert_eq!(config.login("a.example").unwrap().token.expose(), "");
    assert!(!config.text().expose().contains("canary"));
    assert!(config.forget_token("nobody").is_err());
}

#[test]
fn the_file_is_where_argocd_looks_for_it() {
    let check = |variables: &[(&str, &str)], old: bool, expected: Option<&str>| {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        assert_eq!(path(variable, |_| old).as_deref(), expected.map(Path::new), "{variables:?}");
    };
    check(&[("HOME", "/h")], false, Some("/h/.config/argocd/config"));
    check(&[("HOME", "/h")], true, Some("/h/.argocd/config"));
    check(&[("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")], false, Some("/x/argocd/config"));
    check(&[("HOME", "/h"), ("ARGOCD_CONFIG_DIR", "/c")], true, Some("/c/config"));
    check(&[], false, None);
}

#[cfg(unix)]
#[test]
fn inv_sec_6_the_file_of_logins_is_its_owners_alone() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("argocd/config");
    assert!(LocalConfig::read(&path).unwrap().is_none());
    file().write(&path).unwrap();
    file().write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
    assert_eq!(LocalConfig::read(&path).unwrap().unwrap().current(), "a.example");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let why = LocalConfig::read(&path).unwrap_err().to_string();
    assert!(why.contains("open to others (mode 644)") && !why.contains("canary"), "{why}");
}

#[test]
fn what_cannot_be_read_is_told_without_its_text() {
    let why = LocalConfig::parse("users: [{auth-token: canary").unwrap_err();
    assert!(!format!("{why:#}").contains("canary"), "{why:#}");
    assert!(LocalConfig::parse("[canary]").is_err());
    assert!(LocalConfig::parse("").unwrap().is_empty());
}
