use belay_net::Egress;
use belay_object::{Map, Object};

use super::{Clusters, Opening};
use crate::names::{cluster_secret, repository_secret};

fn secret(name: &str, values: &[(&str, &str)]) -> Object {
    let mut secret = Object::of("v1", "Secret", "argocd", name);
    secret.set_label("argocd.argoproj.io/secret-type", "cluster");
    secret.set_label("env", "prod");
    secret.set_annotation("managed-by", "argocd.argoproj.io");
    secret.set_annotation("note", "x");
    secret.set(&["stringData"], Map::from_iter(values.iter().map(|(k, v)| (*k, *v))));
    secret
}

fn read(secrets: &[Object], in_cluster: bool) -> Clusters {
    let (clusters, warnings) = Clusters::read(secrets, in_cluster);
    assert_eq!(warnings, Vec::<String>::new());
    clusters
}

#[test]
fn a_secret_is_a_cluster() {
    let clusters = read(
        &[secret(
            "c1",
            &[
                ("name", "one"),
                ("server", "https://one/"),
                ("namespaces", "a, b,"),
                ("clusterResources", "true"),
                ("shard", "3"),
                ("project", "shop"),
            ],
        )],
        true,
    );
    let one = clusters.get("https://one").expect("a cluster");
    assert_eq!((one.name.as_str(), one.server.as_str(), one.shard), ("one", "https://one", Some(3)));
    assert_eq!(one.namespaces, ["a", "b"]);
    assert!(one.cluster_resources);
    assert_eq!(one.labels, Map::from_iter([("env", "prod")]));
    assert_eq!(one.annotations, Map::from_iter([("note", "x")]));
    assert_eq!(clusters.of_project("shop").count(), 1);
    assert_eq!(clusters.iter().count(), 2);
}

#[test]
fn destinations_are_resolved_in_argo_s_words() {
    let clusters = read(
        &[
            secret("c1", &[("name", "one"), ("server", "https://one")]),
            secret("c2", &[("name", "two"), ("server", "https://two-a")]),
            secret("c3", &[("name", "two"), ("server", "https://two-b")]),
        ],
        true,
    );
    for (server, name, expected) in [
        ("https://one/", "", Ok("https://one")),
        ("", "one", Ok("https://one")),
        ("", "in-cluster", Ok("https://kubernetes.default.svc")),
        ("https://kubernetes.default.svc", "", Ok("https://kubernetes.default.svc")),
        ("https://one", "one", Err("application destination can't have both name and server defined: one https://one")),
        ("", "", Err("Destination server missing from app spec")),
        ("", "none", Err("there are no clusters with this name: none")),
        ("", "two", Err("there are 2 clusters with the same name: [https://two-a https://two-b]")),
        (
            "https://none",
            "",
            Err(
                "error getting cluster by server \"https://none\": rpc error: code = NotFound desc = cluster \"https://none\" not found",
            ),
        ),
    ] {
        let found = clusters.resolve(server, name);
        assert_eq!(found.map(|c| c.server.as_str()), expected.map_err(str::to_owned), "{server} {name}");
    }
}

#[test]
fn the_cluster_that_we_run_in_is_there_unless_turned_off() {
    let renamed = [secret("c", &[("name", "home"), ("server", "https://kubernetes.default.svc"), ("config", "{}")])];
    let clusters = read(&renamed, true);
    assert_eq!(clusters.iter().count(), 1);
    assert_eq!(clusters.resolve("", "in-cluster").map(|c| c.name.as_str()), Ok("home"));
    assert!(clusters.get("https://kubernetes.default.svc").expect("a cluster").connection.is_in_cluster());
    for secrets in [&renamed[..], &[]] {
        let off = read(secrets, false);
        assert_eq!(off.iter().count(), 0);
        assert_eq!(
            off.resolve("", "in-cluster").map(|_| ()),
            Err("there are no clusters with this name: in-cluster".to_owned())
        );
        assert_eq!(
            off.get("https://kubernetes.default.svc").map(|_| ()),
            Err("cluster \"https://kubernetes.default.svc\" is disabled".to_owned())
        );
    }
}

fn opening(config: &str, allow_exec: bool) -> Result<String, String> {
    let clusters = read(&[secret("c", &[("server", "https://one"), ("config", config)])], true);
    let opening = clusters.get("https://one").expect("a cluster").connection.opening(allow_exec, &Egress::default())?;
    match opening {
        Opening::InCluster => Ok("in cluster".to_owned()),
        Opening::Kubeconfig(bytes, allow) => {
            Ok(format!("{} {} {}", allow.exec, allow.insecure_tls, String::from_utf8_lossy(bytes.expose())))
        }
    }
}

#[test]
fn every_form_of_credentials_becomes_a_kubeconfig() {
    let kubeconfig = |cluster: &str, user: &str| {
        format!(
            r#"{{"apiVersion":"v1","clusters":[{{"cluster":{{{cluster}"server":"https://one"}},"name":"it"}}],"contexts":[{{"context":{{"cluster":"it","user":"it"}},"name":"it"}}],"current-context":"it","kind":"Config","users":[{{"name":"it","user":{{{user}}}}}]}}"#
        )
    };
    for (config, expected) in [
        ("", format!("false false {}", kubeconfig("", ""))),
        (r#"{"bearerToken":"t"}"#, format!("false false {}", kubeconfig("", r#""token":"t""#))),
        (
            r#"{"username":"u","password":"p","tlsClientConfig":{"insecure":true}}"#,
            format!(
                "false true {}",
                kubeconfig(r#""insecure-skip-tls-verify":true,"#, r#""password":"p","username":"u""#)
            ),
        ),
    ] {
        assert_eq!(opening(config, false), Ok(expected), "{config}");
    }
    let tls = r#"{"tlsClientConfig":{"serverName":"s","caData":"Q0E=","certData":"QQ==","keyData":"Qg=="},"proxyUrl":"http://p"}"#;
    let tls = opening(tls, false).expect("a kubeconfig");
    for part in [
        r#""certificate-authority-data":"Q0E=""#,
        r#""tls-server-name":"s""#,
        r#""proxy-url":"http://p""#,
        r#""client-certificate-data":"QQ==""#,
        r#""client-key-data":"Qg==""#,
    ] {
        assert!(tls.contains(part), "{part}: {tls}");
    }
}

#[test]
fn programs_are_run_only_where_that_is_allowed() {
    let exec = r#"{"execProviderConfig":{"command":"aws","args":["x"],"env":{"A":"b"},"apiVersion":"client.authentication.k8s.io/v1beta1"}}"#;
    assert!(opening(exec, false).expect_err("refused").starts_with("execProviderConfig names a program"));
    let allowed = opening(exec, true).expect("a kubeconfig");
    assert!(
        allowed.contains(r#""command":"aws""#) && allowed.contains(r#""env":[{"name":"A","value":"b"}]"#),
        "{allowed}"
    );
    let aws = r#"{"awsAuthConfig":{"clusterName":"c"}}"#;
    assert!(opening(aws, true).expect_err("refused").starts_with("awsAuthConfig is not served"));
    let both = r#"{"tlsClientConfig":{"insecure":true,"caData":"Q0E="}}"#;
    assert!(opening(both, false).is_err());
}

/// SEC-1
#[test]
fn no_credential_is_printed_with_a_cluster_nor_with_its_errors() {
    let config = r#"{"username":"u","password":"CANARY1","bearerToken":"CANARY2","proxyUrl":"http://u:CANARY3@p","tlsClientConfig":{"keyData":"Q0FOQVJZNA==","certData":"QQ=="},"execProviderConfig":{"command":"c","env":{"A":"CANARY5"}}}"#;
    let clusters = read(&[secret("c", &[("server", "https://one"), ("config", config)])], true);
    let connection = &clusters.get("https://one").expect("a cluster").connection;
    let printed = format!("{clusters:?} {:#?}", connection.opening(true, &Egress::default()));
    assert!(!printed.contains("CANARY") && !printed.contains("67, 65, 78, 65, 82, 89"), "{printed}");
    let wrong = [
        secret("a", &[("server", "https://a"), ("config", "{\"bearerToken\": CANARY}")]),
        secret("b", &[("server", "https://b"), ("config", r#"{"password":["CANARY"]}"#)]),
        secret("c", &[("server", "https://c"), ("config", r#"{"tlsClientConfig":{"caData":"CANARY!"}}"#)]),
        secret("d", &[("config", "{}")]),
    ];
    let (none, warnings) = Clusters::read(&wrong, false);
    assert_eq!(none.iter().count(), 0);
    assert_eq!(
        warnings,
        [
            "secret 'argocd/a': failed to unmarshal cluster config: it is no JSON object",
            "secret 'argocd/b': failed to unmarshal cluster config: password is no string",
            "secret 'argocd/c': failed to unmarshal cluster config: tlsClientConfig.caData is no base64",
            "secret 'argocd/d': it has no server",
        ]
    );
}

#[test]
fn a_cluster_is_written_as_it_is_read() {
    let config = r#"{"username":"u","password":"p","bearerToken":"t","proxyUrl":"http://p","tlsClientConfig":{"insecure":true,"serverName":"s","caData":"Q0E=","certData":"QQ==","keyData":"Qg=="},"execProviderConfig":{"command":"c","args":["a"],"env":{"A":"b"},"apiVersion":"v"},"awsAuthConfig":{"clusterName":"n"}}"#;
    let values = [
        ("name", "one"),
        ("server", "https://one"),
        ("namespaces", "a,b"),
        ("clusterResources", "true"),
        ("project", "shop"),
        ("shard", "2"),
        ("config", config),
    ];
    let clusters = read(&[secret("c", &values)], true);
    let one = clusters.get("https://one").expect("a cluster");
    let written = one.to_secret("argocd").expect("a secret");
    assert_eq!(written.name(), "c");
    let again = read(&[written], true);
    assert_eq!(again.get("https://one"), Ok(one));
    let new = super::ClusterEntry { server: "http://foo".to_owned(), ..super::ClusterEntry::default() };
    let written = new.to_secret("argocd").expect("a secret");
    assert_eq!(written.name(), "cluster-foo-752281925");
    // Without a name it is called after its server.
    assert_eq!(super::ClusterEntry::read(&written).expect("a cluster").name, "http://foo");
}

/// Names that Argo CD itself gives, so that what both make is one secret.
#[test]
fn secrets_are_named_as_there() {
    assert_eq!(repository_secret("repo", "git://git@github.com:argoproj/ARGO-cd.git", ""), "repo-83273445");
    assert_eq!(repository_secret("repo", "https://github.com/argoproj/ARGO-cd", "foobar"), "repo-4161185408");
    assert_eq!(cluster_secret("http://foo").as_deref(), Some("cluster-foo-752281925"));
    assert_eq!(
        cluster_secret("https://MyHost.example.com:6443").expect("a name").rsplit_once('-').map(|p| p.0),
        Some("cluster-myhost.example.com")
    );
    assert_eq!(
        cluster_secret("https://[::1]:6443").expect("a name").rsplit_once('-').map(|p| p.0),
        Some("cluster---1")
    );
    assert_eq!(cluster_secret("none"), None);
}

#[test]
fn only_what_no_secret_can_mean_is_nowhere() {
    let twin = |name: &str, server: &str| secret(name, &[("name", "twin"), ("server", server)]);
    let two = [twin("x", "https://x.example.com"), twin("y", "https://y.example.com")];
    let nowhere = |all: &[Object], server: &str, name: &str| Clusters::read(all, true).0.is_nowhere(server, name);
    assert!(nowhere(&two, "https://z.example.com", "") && nowhere(&two, "", "other") && nowhere(&two, "", ""));
    assert!(!nowhere(&two, "", "twin"), "which of the two is not known");
    assert!(!nowhere(&two, "https://x.example.com/", "") && !nowhere(&two, "https://x.example.com", "twin"));
    let unread = secret("z", &[("server", "https://z.example.com"), ("config", "{")]);
    assert!(!nowhere(&[unread], "https://z.example.com", ""), "it may be this one");
    let off = Clusters::read(&two, false).0;
    assert!(!off.is_nowhere("https://kubernetes.default.svc", "") && !off.is_nowhere("", "in-cluster"), "turned off");
}
