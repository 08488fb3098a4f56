use belay_net::{ClientOptions, RemoteUrl, Secret};
use belay_object::{Map, Object};

use super::{Kind, Repositories, Repository, Trust, remote_url};

fn secret(kind: &str, name: &str, values: &[(&str, &str)]) -> Object {
    let mut secret = Object::of("v1", "Secret", "argocd", name);
    secret.set_label("argocd.argoproj.io/secret-type", kind);
    secret.set(&["stringData"], Map::from_iter(values.iter().map(|(k, v)| (*k, *v))));
    secret
}

fn read(secrets: &[Object]) -> Repositories {
    let (repositories, warnings) = Repositories::read(secrets);
    assert_eq!(warnings, Vec::<String>::new());
    repositories
}

#[test]
fn the_template_of_the_longest_address_gives_its_credentials() {
    let template =
        |name: &str, url: &str| secret("repo-creds", name, &[("url", url), ("username", name), ("password", "p")]);
    let all = read(&[
        template("host", "https://git.example.com"),
        template("team", "https://git.example.com/team"),
        template("deep", "https://GIT.example.com/team/apps/"),
        template("ssh", "git@git.example.com:team"),
        template("other", "https://other.example.com/x"),
    ]);
    for (url, expected) in [
        ("https://git.example.com/a/b", "host"),
        ("https://git.example.com/team/b.git", "team"),
        ("https://git.example.com/team/apps/b", "deep"),
        ("ssh://git@git.example.com/team/b", "ssh"),
        // NET-4: the end of a part, and of the host.
        ("https://git.example.com/team-evil/b", "host"),
        ("https://git.example.com.evil.org/team/b", ""),
        ("https://git.example.com@evil.org/team/b", ""),
        ("https://elsewhere/team", ""),
    ] {
        let found = all.get(url, "");
        assert_eq!(found.credentials.username, expected, "{url}");
        assert_eq!(found.inherited, !expected.is_empty(), "{url}");
        assert_eq!(found.url, url);
    }
}

/// Behaviour 31: a template is for repositories without credentials of their own.
#[test]
fn own_credentials_keep_a_template_away() {
    let all = read(&[
        secret(
            "repo-creds",
            "t",
            &[("url", "https://h"), ("password", "t"), ("proxy", "http://p:1"), ("type", "helm")],
        ),
        secret("repository", "own", &[("url", "https://h/own"), ("username", "me")]),
        secret("repository", "bare", &[("url", "https://h/bare"), ("enableLfs", "true")]),
    ]);
    let own = all.get("https://h/own.git", "any");
    assert!(!own.inherited && own.credentials.password.expose().is_empty());
    let bare = all.get("https://h/bare", "any");
    assert!(bare.inherited && bare.enable_lfs && bare.credentials.password.expose() == "t");
    assert_eq!((bare.proxy.as_str(), bare.kind), ("http://p:1", Kind::Git));
    assert_eq!(all.get("https://h/unknown", "any").kind, Kind::Helm);
    assert_eq!(all.get("oci://elsewhere/x", "any").kind, Kind::Oci);
}

#[test]
fn a_project_s_own_repository_goes_first_and_is_nobody_else_s() {
    let all = read(&[
        secret("repository", "a-all", &[("url", "https://h/r"), ("username", "all")]),
        secret("repository", "b-shop", &[("url", "https://h/r.git"), ("username", "shop"), ("project", "shop")]),
        secret("repository", "c-only", &[("url", "https://h/only"), ("username", "only"), ("project", "shop")]),
    ]);
    let user = |url: &str, project: &str| all.get(url, project).credentials.username;
    assert_eq!(user("https://h/r", "shop"), "shop");
    assert_eq!(user("https://h/r", "other"), "all");
    assert_eq!(user("https://h/r", ""), "all");
    assert_eq!(user("https://h/only", "shop"), "only");
    assert_eq!(user("https://h/only", "other"), "");
}

/// Behaviour 31: Azure's ids are spelled otherwise in a template.
#[test]
fn azure_s_ids_in_both_spellings() {
    let values = |client: &'static str, tenant: &'static str| {
        [("url", "https://h/x"), (client, "C"), (tenant, "T"), ("azureServicePrincipalClientSecret", "S")]
    };
    let (repository, template) = (
        values("azureServicePrincipalClientId", "azureServicePrincipalTenantId"),
        values("azureServicePrincipalClientID", "azureServicePrincipalTenantID"),
    );
    let own = read(&[secret("repository", "r", &repository)]).get("https://h/x", "");
    let given = read(&[secret("repo-creds", "t", &template)]).get("https://h/x", "");
    let crossed = read(&[secret("repo-creds", "t", &repository)]).get("https://h/x", "");
    let client = |r: &Repository| r.credentials.azure_principal.clone().expect("a principal").client;
    assert_eq!((client(&own).as_str(), client(&given).as_str(), client(&crossed).as_str()), ("C", "C", ""));
}

#[test]
fn wrong_secrets_are_told_of_without_their_values() {
    let secrets = [
        secret("repository", "no-url", &[("password", "CANARY")]),
        secret("repository", "flag", &[("url", "https://h"), ("insecure", "CANARY")]),
        secret("repository", "type", &[("url", "https://h"), ("type", "CANARY")]),
        secret("cluster", "passed-over", &[]),
        Object::of("v1", "Secret", "argocd", "unlabelled"),
    ];
    let (all, warnings) = Repositories::read(&secrets);
    assert!(all.all().is_empty());
    assert_eq!(
        warnings,
        [
            "secret 'argocd/no-url': it has no url",
            "secret 'argocd/flag': the value of insecure is neither true nor false",
            "secret 'argocd/type': the value of type is neither git, helm nor oci",
        ]
    );
}

fn trust() -> Trust {
    let map = |name: &str, key: &str, text: &str| {
        let mut map = Object::of("v1", "ConfigMap", "argocd", name);
        map.set(&["data"], Map::from_iter([(key, text)]));
        map
    };
    Trust::read(
        Some(&map("argocd-ssh-known-hosts-cm", "ssh_known_hosts", "h ssh-ed25519 AAAA")),
        Some(&map("argocd-tls-certs-cm", "H.example.com", "PEM")),
        Some(&map("argocd-gpg-keys-cm", "4aee18f83afdeb23", "armour")),
    )
}

#[test]
fn credentials_are_handed_over_to_git() {
    let trust = trust();
    let git = |values: &[(&str, &str)]| {
        let all = read(&[secret("repository", "r", values)]);
        all.all()[0].git_credentials(&trust)
    };
    let basic = git(&[("url", "https://h.example.com:8443/r"), ("password", "t")]).expect("credentials");
    assert_eq!(basic.basic, Some(("x-access-token".to_owned(), Secret::new("t".to_owned()))));
    assert_eq!(basic.ca.as_deref(), Some(&b"PEM"[..]));
    let bearer = git(&[("url", "https://h/r"), ("bearerToken", "b")]).expect("credentials");
    assert_eq!((bearer.basic, bearer.bearer), (None, Some(Secret::new("b".to_owned()))));
    let ssh = git(&[("url", "git@h:r.git"), ("sshPrivateKey", "key")]).expect("credentials").ssh.expect("ssh");
    assert_eq!(ssh.known_hosts, "h ssh-ed25519 AAAA");
    assert!(git(&[("url", "git@h:r.git")]).is_err());
    let app = git(&[("url", "https://h/r"), ("githubAppPrivateKey", "k"), ("githubAppID", "1")]);
    assert!(app.expect_err("not served").starts_with("signing in as a GitHub app is not served"));
    let half = git(&[("url", "https://h/r"), ("tlsClientCertData", "c")]);
    assert_eq!(half, Err("it has tlsClientCertData but no tlsClientCertKey".to_owned()));
    let inline = git(&[("url", "https://u:p@h/r")]).expect("credentials");
    assert_eq!(inline.basic, Some(("u".to_owned(), Secret::new("p".to_owned()))));
}

#[test]
fn credentials_are_handed_over_to_chart_repositories_and_registries() {
    let all = read(&[
        secret(
            "repository",
            "charts",
            &[
                ("url", "https://h.example.com/charts"),
                ("type", "helm"),
                ("name", "c"),
                ("username", "u"),
                ("password", "p"),
                ("proxy", "http://proxy:3128"),
                ("noProxy", "internal"),
            ],
        ),
        secret(
            "repository",
            "oci",
            &[("url", "ghcr.io/org"), ("type", "helm"), ("enableOCI", "true"), ("username", "u"), ("password", "p")],
        ),
    ]);
    let charts = all.by_name("c", "any").expect("a repository").http_access(&trust(), ClientOptions::default());
    let charts = charts.expect("access");
    let here = RemoteUrl::parse("https://h.example.com/x").expect("a URL");
    let there = RemoteUrl::parse("https://elsewhere/x").expect("a URL");
    let user = charts.user.expect("a user");
    assert!(user.for_url(&here).is_some() && user.for_url(&there).is_none());
    assert!(charts.options.proxy.is_some() && charts.options.extra_roots.as_deref() == Some(b"PEM"));
    let (keychain, _) = all.get("ghcr.io/org", "").oci_access(&trust(), ClientOptions::default()).expect("access");
    assert!(keychain.of_host("ghcr.io").is_some() && keychain.of_host("ghcr.io.evil.org").is_none());
    assert_eq!(trust().gpg_keys.keys().next().map(String::as_str), Some("4AEE18F83AFDEB23"));
}

#[test]
fn addresses_of_git_in_all_their_forms() {
    for (text, expected) in [
        ("git@github.com:a/b.git", "ssh://git@github.com/a/b.git"),
        ("ssh://git@h:2222/a", "ssh://git@h:2222/a"),
        ("https://user:CANARY@h/a", "https://h/a"),
    ] {
        assert_eq!(remote_url(text).expect(text).as_str(), expected);
    }
    assert!(remote_url("-oProxyCommand=x@h:a").is_err());
    for folder in ["file:///etc", "FILE:///etc"] {
        assert!(remote_url(folder).is_err(), "{folder}");
    }
}

#[test]
fn a_repository_is_written_as_it_is_read() {
    let values = [
        ("url", "https://h/r"),
        ("name", "n"),
        ("project", "shop"),
        ("type", "helm"),
        ("username", "u"),
        ("password", "p"),
        ("enableOCI", "true"),
        ("insecure", "true"),
        ("depth", "3"),
        ("githubAppID", "7"),
        ("githubAppPrivateKey", "k"),
        ("azureServicePrincipalClientId", "c"),
        ("azureServicePrincipalClientSecret", "s"),
    ];
    let mut one = read(&[secret("repository", "r", &values)]).all()[0].clone();
    let written = one.to_secret("argocd", None);
    assert_eq!(written.name(), "r");
    assert_eq!(written.annotation("managed-by"), Some("argocd.argoproj.io"));
    assert_eq!(read(std::slice::from_ref(&written)).all(), [one.clone()]);
    // What is emptied is written as empty where it stood; what never was there is not written.
    one.name.clear();
    one.enable_oci = false;
    let again = one.to_secret("argocd", Some(&written));
    assert_eq!(again.str_at(&["data", "name"]), Some(""));
    assert_eq!(again.str_at(&["data", "enableOCI"]), Some("ZmFsc2U="));
    assert!(again.at(&["data", "proxy"]).is_none());
    one.secret_name.clear();
    assert_eq!(one.to_secret("argocd", None).name(), crate::names::repository_secret("repo", "https://h/r", "shop"));
    let azure =
        [("url", "https://h"), ("azureServicePrincipalClientID", "c"), ("azureServicePrincipalClientSecret", "s")];
    let all = read(&[secret("repo-creds", "t", &azure)]);
    let written = all.templates()[0].to_secret("argocd", None);
    assert_eq!(read(&[written]).templates(), all.templates());
}

/// SEC-1
#[test]
fn no_credential_is_printed_with_a_repository() {
    let values = [
        ("url", "https://h/r"),
        ("password", "CANARY1"),
        ("bearerToken", "CANARY2"),
        ("sshPrivateKey", "CANARY3"),
        ("tlsClientCertData", "certificate"),
        ("tlsClientCertKey", "CANARY4"),
        ("githubAppPrivateKey", "CANARY5"),
        ("gcpServiceAccountKey", "CANARY6"),
        ("azureServicePrincipalClientSecret", "CANARY7"),
    ];
    let secrets = [secret("repository", "r", &values), secret("repo-creds", "t", &values)];
    let all = read(&secrets);
    let one = all.get("https://h/r", "");
    let given = one.git_credentials(&trust()).expect("credentials");
    let printed = format!("{all:?} {one:#?} {given:?} {:?}", one.http_access(&trust(), ClientOptions::default()));
    assert!(!printed.contains("CANARY") && !printed.contains("67, 65, 78, 65, 82, 89"), "{printed}");
}
