//! The same against a registry that somebody else wrote: Debian's `docker-registry`, on loopback.

use std::process::{Child, Command, Stdio};

use belay_net::{ClientOptions, Secret};
use belay_oci::{Artifact, Client, Credentials, Keychain, Repository, Tag, digest_of};
use bytes::Bytes;

use super::shelf::archive;
use super::world::*;

const OCI: Kind = ("source.toolkit.fluxcd.io/v1", "OCIRepository");
/// `me:good` in the form of Apache's password files (bcrypt).
const USERS: &str = "me:$2b$05$abcdefghijklmnopqrstuuNF5/gKGv1vSzRBclZtmf77tbZMWqiPK\n";

struct Running {
    child: Child,
    host: String,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts the registry; `None` where this machine has none.
async fn start() -> Option<Running> {
    if Command::new("docker-registry").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: docker-registry is not installed");
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let port = std::net::TcpListener::bind(("127.0.0.1", 0)).and_then(|l| l.local_addr()).expect("a port").port();
    let host = format!("127.0.0.1:{port}");
    std::fs::write(folder.path().join("users"), USERS).expect("the disk takes it");
    let at = folder.path().display();
    let config = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {at}/data}}, delete: {{enabled: true}}}}\n\
         http: {{addr: '{host}'}}\nauth: {{htpasswd: {{realm: registry, path: {at}/users}}}}\n"
    );
    let path = folder.path().join("config.yml");
    std::fs::write(&path, config).expect("the disk takes it");
    let child = Command::new("docker-registry")
        .arg("serve")
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let running = Running { child, host: host.clone(), _folder: folder };
    for _ in 0..3000 {
        if tokio::net::TcpStream::connect(&host).await.is_ok() {
            return Some(running);
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("the registry does not listen");
}

#[tokio::test]
async fn artifacts_go_through_a_real_registry() {
    let Some(registry) = start().await else { return };
    let url = format!("oci://{}/org/app", registry.host);
    let http = ClientOptions::default().build().expect("a client");
    let me = Credentials::Basic("me".into(), Secret::new("good".into()));
    let keychain = Keychain::single(&registry.host, me);
    let client = Client::new(http, Repository::parse(&url).expect("a name"), keychain, false);
    let mut digests = Vec::new();
    for (version, value) in [("1.0.0", "one"), ("1.1.0", "two")] {
        let layer = archive(&[("a.yaml", &map("a", value))]);
        let diff = digest_of(flate2::read::GzDecoder::new(&*layer)).expect("it is an archive");
        let artifact =
            Artifact::of_flux(Bytes::from(layer), &diff, "2024-01-02T03:04:05Z", "src", "main@sha1:abc", &[]);
        digests.push(artifact.push(&client, &Tag::parse(version).expect("a tag")).await.expect("it is taken"));
    }
    client.tag(&digests[1], &Tag::parse("latest").expect("a tag")).await.expect("it is tagged");
    let mut tags = client.tags().await.expect("they are listed");
    tags.sort();
    assert_eq!(tags, ["1.0.0", "1.1.0", "latest"]);

    let mut w = World::empty().await;
    w.start().await;
    let source = |more: &str| {
        format!(
            "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: shop, namespace: apps}}\n\
             spec: {{url: '{url}', interval: 1h, {more}}}\n"
        )
    };
    w.apply(&source("ref: {semver: '>= 1.0.0'}"));
    let why = w.failed(OCI, "shop", "ReadOperationFailed").await;
    assert!(why.contains("wants a user name and a password"), "{why}");
    let config = format!(r#"{{"auths": {{"{}": {{"username": "me", "password": "good"}}}}}}"#, registry.host);
    w.apply(&format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: registry, namespace: apps}}\ntype: kubernetes.io/dockerconfigjson\n\
         stringData:\n  .dockerconfigjson: '{config}'\n"
    ));
    w.apply(&source("ref: {semver: '>= 1.0.0'}, secretRef: {name: registry}"));
    let applied = kustomization("shop", "./", "");
    w.apply(&applied.replace("{kind: GitRepository, name: repo}", "{kind: OCIRepository, name: shop}"));
    w.ready("shop", &format!("1.1.0@{}", digests[1])).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("two"));
    w.apply(&source(&format!("ref: {{digest: '{}'}}, secretRef: {{name: registry}}", digests[0])));
    w.ready("shop", digests[0].as_str()).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
    w.apply(&source("ref: {tag: missing}, secretRef: {name: registry}"));
    let why = w.failed(OCI, "shop", "OCIArtifactPullFailed").await;
    assert!(why.contains("404 Not Found"), "{why}");
}
