//! Kubeconfigs, flags, and a real connection over loopback.

use std::convert::Infallible;
use std::io::Write;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::connect::kubeconfig;
use crate::{Cluster, ErrorKind, KubeconfigFlags, Resource, SecretKubeconfig};

/// A kubeconfig with one context whose user and cluster have these fields.
fn text(server: &str, cluster: &str, user: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context: {{cluster: k, user: u, namespace: shop}}\n\
         clusters:\n- name: k\n  cluster: {{server: '{server}'{cluster}}}\nusers:\n- name: u\n  user: {{{user}}}\n"
    )
}

/// A server on loopback that answers every request with what it was asked.
async fn echo_server() -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let service = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
                let header = |name: &str| request.headers().get(name).map_or("", |v| v.to_str().unwrap()).to_owned();
                let body = format!(
                    r#"{{"kind":"ConfigMap","metadata":{{"name":"a"}},"data":{{"path":"{}","token":"{}","user":"{}","agent":"{}"}}}}"#,
                    request.uri(),
                    header("authorization"),
                    header("impersonate-user"),
                    header("user-agent"),
                );
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
            });
            tokio::spawn(async move {
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    format!("http://{address}")
}

async fn asked(cluster: &Cluster) -> Vec<String> {
    let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
    let object = cluster.get(&maps, cluster.default_namespace(), "a").await.unwrap();
    ["path", "token", "user"].map(|k| object.str_at(&["data", k]).unwrap().to_owned()).to_vec()
}

#[tokio::test]
async fn a_secrets_kubeconfig_reaches_its_server_with_its_token() {
    let server = echo_server().await;
    let config = text(&format!("{server}/prefix"), "", "token: t0p, as: bob");
    let cluster = Cluster::from_kubeconfig_bytes(config.as_bytes(), &SecretKubeconfig::default()).await.unwrap();
    assert_eq!(asked(&cluster).await, ["/prefix/api/v1/namespaces/shop/configmaps/a", "Bearer t0p", "bob"]);
    assert_eq!(format!("http://{}", cluster.host()), server);
    let tenant = cluster.impersonate(&crate::Identity::user("eve").unwrap()).unwrap();
    assert_eq!(asked(&tenant).await[2], "eve");
}

#[tokio::test]
async fn flags_are_laid_over_the_kubeconfig() {
    let server = echo_server().await;
    let mut file = std::env::temp_dir();
    file.push(format!("belay-kubeconfig-{}", std::process::id()));
    let config = text("https://203.0.113.1", "", "token: old, tokenFile: /nowhere");
    std::fs::File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
    let flags = KubeconfigFlags {
        kubeconfig: Some(file.clone()),
        server: server.clone(),
        namespace: "other".into(),
        token: "new".to_owned().into(),
        as_user: "ann".into(),
        ..Default::default()
    };
    assert!(!format!("{flags:?}").contains("new"));
    let cluster = Cluster::from_kubeconfig(&flags).await.unwrap();
    assert_eq!(asked(&cluster).await, ["/api/v1/namespaces/other/configmaps/a", "Bearer new", "ann"]);
    let wrong = KubeconfigFlags { kubeconfig: Some(file.clone()), context: "none".into(), ..Default::default() };
    let error = Cluster::from_kubeconfig(&wrong).await.map(|_| ()).unwrap_err();
    assert_eq!(error.to_string(), r#"context "none" does not exist; there are: c"#);
    std::fs::remove_file(&file).unwrap();
    let gone = KubeconfigFlags { kubeconfig: Some(file.clone()), ..Default::default() };
    let error = Cluster::from_kubeconfig(&gone).await.map(|_| ()).unwrap_err();
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
}

#[tokio::test]
async fn a_connection_that_is_refused_says_where_and_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let config = text(&format!("http://{free}"), "", "token: t0p");
    let cluster = Cluster::from_kubeconfig_bytes(config.as_bytes(), &SecretKubeconfig::default()).await.unwrap();
    let maps = Resource::known("", "v1", "ConfigMap", "configmaps", true);
    let error = cluster.with_timeout(Duration::from_millis(200)).get(&maps, "shop", "a").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network);
    let text = error.to_string();
    assert!(text.starts_with(&format!("get ConfigMap/shop/a on {free}: ")), "{text}");
    assert!(
        text.contains("refused") && text.ends_with("is the API server running, and is its address right?"),
        "{text}"
    );
    assert!(!text.contains("t0p"));
}

/// INV-REN-1: a tenant's kubeconfig runs nothing, reads nothing of ours, and checks its server.
#[tokio::test]
async fn a_tenants_kubeconfig_is_trusted_with_nothing() {
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: touch, args: [/tmp/belay-was-here], interactiveMode: Never}";
    let config = text("https://203.0.113.1", ", insecure-skip-tls-verify: true", exec);
    let strict = kubeconfig::load_untrusted(config.as_bytes(), &SecretKubeconfig::default()).await.unwrap();
    assert!(strict.auth_info.exec.is_none() && !strict.accept_invalid_certs);
    let allow = SecretKubeconfig { exec: true, insecure_tls: true, ..Default::default() };
    let lenient = kubeconfig::load_untrusted(config.as_bytes(), &allow).await.unwrap();
    assert!(lenient.auth_info.exec.is_some() && lenient.accept_invalid_certs);
    for (cluster, user) in [
        (", certificate-authority: /etc/passwd", ""),
        ("", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token"),
        ("", "client-certificate: /a, client-key: /b"),
    ] {
        let config = text("https://203.0.113.1", cluster, user);
        let error = kubeconfig::load_untrusted(config.as_bytes(), &allow).await.unwrap_err();
        assert!(error.message().contains("file"), "{error}");
    }
    let error = kubeconfig::load_untrusted(b"users: [{name: u, user: {token: s3cret", &allow).await.unwrap_err();
    assert!(error.message().starts_with("the kubeconfig ") && !error.to_string().contains("s3cret"), "{error}");
    let metadata = text("http://169.254.169.254", "", "token: t");
    let error = Cluster::from_kubeconfig_bytes(metadata.as_bytes(), &allow).await.map(|_| ()).unwrap_err();
    assert!(error.message().contains("metadata") || error.message().contains("link-local"), "{error}");
}

#[test]
fn no_proxy_exempts_hosts_as_go_does() {
    let cases = [
        ("https://127.0.0.1:6443", "", true),
        ("https://[::1]:6443", "", true),
        ("https://localhost", "", true),
        ("https://k8s.example.com", "", false),
        ("https://k8s.example.com", "example.com", true),
        ("https://k8s.example.com", ".example.com,other", true),
        ("https://k8s.example.com", "ample.com", false),
        ("https://10.0.0.1", "10.0.0.1", true),
        ("https://k8s.example.com", "*", true),
    ];
    for (target, list, wanted) in cases {
        assert_eq!(kubeconfig::no_proxy(&target.parse().unwrap(), list), wanted, "{target} {list}");
    }
}
