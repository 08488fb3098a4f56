//! The same against a registry that somebody else wrote: Debian's `docker-registry`, on loopback.

use std::process::{Child, Command, Stdio};

use belay_net::{ClientOptions, Secret};
use belay_oci::{Artifact, Client, Credentials, Keychain, Repository, Tag, digest_of};
use bytes::Bytes;

use super::helm_oci::{Signer, oci_repository};
use super::releases::*;
use super::shelf::{archive, chart, push_chart};
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

/// Carries out a command of ours.
async fn belay(line: &str) {
    use belay_cli::args::{ClusterCli, parse_from};
    let words = std::iter::once("belay").chain(line.split(' '));
    let cli: ClusterCli = parse_from(words).unwrap_or_else(|e| panic!("{line}: {e}"));
    let code = belay_cli::run(cli.global, cli.command).await;
    assert_eq!(format!("{code:?}"), format!("{:?}", std::process::ExitCode::SUCCESS), "{line}");
}

#[tokio::test]
async fn what_our_commands_push_is_applied() {
    let Some(registry) = start().await else { return };
    let url = format!("oci://{}/org/app", registry.host);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let push = async |tag: &str, value: &str| {
        std::fs::write(folder.path().join("a.yaml"), map("a", value)).expect("the disk takes it");
        let from = folder.path().display();
        belay(&format!(
            "push artifact {url}:{tag} -f {from} --source=https://example.com/a.git --revision=main@sha1:abc --creds me:good"
        ))
        .await;
    };
    push("1.0.0", "one").await;
    push("1.1.0", "two").await;
    belay(&format!("tag artifact {url}:1.0.0 --tag stable --creds me:good")).await;
    let mut w = World::empty().await;
    w.start().await;
    w.apply(&pull_secret(&registry.host, "good"));
    w.apply(
        &kustomization("shop", "./", "")
            .replace("{kind: GitRepository, name: repo}", "{kind: OCIRepository, name: web}"),
    );
    for (reference, value) in [("tag: stable", "one"), ("semver: '>= 1.0.0'", "two"), ("tag: 1.0.0", "one")] {
        w.apply(&oci_repository(&url, &format!("ref: {{{reference}}}\nsecretRef: {{name: registry}}")));
        w.until(reference, || (w.data("a", "key").as_deref() == Some(value)).then_some(())).await;
    }
}

/// The Secret `registry` in Docker's form.
fn pull_secret(host: &str, password: &str) -> String {
    let config = format!(r#"{{"auths": {{"{host}": {{"username": "me", "password": "{password}"}}}}}}"#);
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: registry, namespace: apps}}\ntype: kubernetes.io/dockerconfigjson\n\
         stringData:\n  .dockerconfigjson: '{config}'\n"
    )
}

#[tokio::test]
async fn releases_come_from_a_real_registry() {
    let Some(registry) = start().await else { return };
    let http = ClientOptions::default().build().expect("a client");
    let me = Credentials::Basic("me".into(), Secret::new("good".into()));
    let keychain = Keychain::single(&registry.host, me);
    let at = Repository::parse(&format!("oci://{}/charts/web", registry.host)).expect("a name");
    let client = Client::new(http, at, keychain, false);
    let digest = push_chart(&client, "1.0.0", chart("web", "1.0.0", &[])).await;
    let next = push_chart(&client, "1.1.0", chart("web", "1.1.0", &[])).await;

    let w = World::with_helm(&[("README.md", "charts come from a registry")]).await;
    let repository =
        |more: &str| helm_repository(&format!("oci://{}/charts", registry.host), &format!("type: oci\n{more}"));
    w.apply(&repository(""));
    w.apply(&release_of("by-name", &of_repository("web", "1.x"), ""));
    let refused = "HelmChart 'apps/apps-by-name' is not ready: failed to authenticate with the Helm repository: ";
    w.until("credentials are asked for", || {
        let ready = condition(&w, "by-name", "Ready")?;
        (ready.reason == "SourceNotReady" && ready.message.starts_with(refused)).then_some(())
    })
    .await;
    // Wrong ones are refused, and not told.
    w.apply(&pull_secret(&registry.host, "canary"));
    w.apply(&repository("secretRef: {name: registry}"));
    let failed = async |words: &str| {
        w.ask(HELM_CHART, "apps-by-name");
        w.until(words, || {
            let message = condition(&w, "by-name", "Ready")?.message;
            (message.starts_with(refused) && message.contains(words)).then_some(())
        })
        .await;
    };
    failed("the given credentials").await;
    let events = [w.events(HELM_CHART, "apps-by-name"), w.events(HELM_RELEASE, "by-name")].concat().join("\n");
    assert!(!w.story().contains("canary") && !events.contains("canary"), "a password is told");
    w.apply(&pull_secret(&registry.host, "good"));
    w.ask(HELM_CHART, "apps-by-name");
    ready_at(&w, "by-name", 1).await;
    assert_eq!(w.data("by-name-config", "chart").as_deref(), Some("1.1.0"));

    // By an OCIRepository, signed.
    let signer = Signer::new();
    w.apply(&signer.secret());
    let url = format!("oci://{}/charts/web", registry.host);
    let verified = |reference: &str| {
        let more = "secretRef: {name: registry}\nverify: {provider: cosign, secretRef: {name: keys}}";
        oci_repository(&url, &format!("ref: {{{reference}}}\n{more}"))
    };
    w.apply(&verified("semver: 1.x"));
    w.apply(&release_of("by-reference", &of_reference("OCIRepository", "web"), ""));
    let why = w.failed(OCI, "web", "VerificationError").await;
    assert!(why.ends_with("there is none"), "{why}");
    signer.sign(&client, &next, &next).await;
    w.ask(OCI, "web");
    ready_at(&w, "by-reference", 1).await;
    let chart_of =
        |version: &str, digest: &belay_oci::ContentDigest| Some(format!("{version}+{}", &digest.hex()[..12]));
    assert_eq!(w.data("by-reference-config", "chart"), chart_of("1.1.0", &next));
    signer.sign(&client, &digest, &digest).await;
    w.apply(&verified(&format!("digest: '{digest}'")));
    ready_at(&w, "by-reference", 2).await;
    assert_eq!(w.data("by-reference-config", "chart"), chart_of("1.0.0", &digest));
}
