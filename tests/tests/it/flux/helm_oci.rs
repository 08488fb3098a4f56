//! Releases of charts in registries: by HelmRepository, OCIRepository and HelmChart, and signed ones.

use std::collections::BTreeMap;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_object::Condition;
use belay_oci::serve::{Access, Registry};
use belay_oci::{Client, ContentDigest, Keychain, Manifest, Tag, media};
use bytes::Bytes;

use super::releases::*;
use super::shelf::*;
use super::world::*;

const OCI: Kind = ("source.toolkit.fluxcd.io/v1", "OCIRepository");

/// The OCIRepository `web`; `more` is lines of its spec.
pub fn oci_repository(url: &str, more: &str) -> String {
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: web, namespace: apps}}\n\
         spec:\n  url: {url}\n  interval: 1h\n  {}\n",
        more.replace('\n', "\n  ")
    )
}

async fn world() -> World {
    World::with_helm(&[("README.md", "charts come from elsewhere")]).await
}

async fn shelf() -> (Registry, Client) {
    let registry = Registry::start(Access::Open, 100).await.expect("it serves");
    let client = client(&registry, "charts/web", Keychain::anonymous());
    (registry, client)
}

/// A field of the newest revision that the status of `web` remembers.
fn remembered(w: &World, field: &str) -> String {
    let history = w.the(HELM_RELEASE, "web").at(&["status", "history"]).map(|h| h.items().to_vec());
    let newest = history.and_then(|h| h.first().cloned()).unwrap_or_default();
    newest.str_at(&[field]).unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_release_follows_the_artifact_of_an_oci_repository() {
    let (mut w, (registry, client)) = (world().await, shelf().await);
    let url = registry.url("charts/web");
    let first = push_chart(&client, "1.0.0", chart("web", "1.0.0", &[])).await;
    let copied = "layerSelector: {mediaType: application/vnd.cncf.helm.chart.content.v1.tar+gzip, operation: copy}";
    w.apply(&oci_repository(&url, &format!("ref: {{tag: 1.0.0}}\n{copied}")));
    w.apply(&release_of("web", &of_reference("OCIRepository", "web"), ""));
    ready_at(&w, "web", 1).await;
    let told = |version: &str, digest: &ContentDigest| format!("{version}+{}", &digest.hex()[..12]);
    assert_eq!(w.data("web-config", "chart"), Some(told("1.0.0", &first)));
    assert_eq!(remembered(&w, "ociDigest"), first.as_str());
    assert_eq!(remembered(&w, "chartVersion"), told("1.0.0", &first));
    let status = w.the(HELM_RELEASE, "web");
    assert_eq!(status.str_at(&["status", "lastAttemptedRevisionDigest"]), Some(first.as_str()));
    assert_eq!(status.str_at(&["status", "helmChart"]), None);
    // The same revision stored in another form is the same chart.
    w.apply(&oci_repository(&url, "ref: {tag: 1.0.0}"));
    w.reconcile(OCI, "web").await;
    w.reconcile(HELM_RELEASE, "web").await;
    assert_eq!(statuses(&w, "web"), ["v1 deployed"]);
    // Another chart under the same tag is another.
    let second = push_chart(&client, "1.0.0", chart("web", "1.0.0", &[("values.yaml", "key: two\n")])).await;
    w.ask(OCI, "web");
    ready_at(&w, "web", 2).await;
    assert_eq!(w.data("web-config", "key").as_deref(), Some("two"));
    assert_eq!(remembered(&w, "ociDigest"), second.as_str());
    // By range.
    let third = push_chart(&client, "1.1.0", chart("web", "1.1.0", &[])).await;
    w.apply(&oci_repository(&url, &format!("ref: {{semver: '>= 1.0.0'}}\n{copied}")));
    ready_at(&w, "web", 3).await;
    assert_eq!(w.data("web-config", "chart"), Some(told("1.1.0", &third)));
    // By digest.
    w.apply(&oci_repository(&url, &format!("ref: {{digest: '{first}'}}\n{copied}")));
    ready_at(&w, "web", 4).await;
    assert_eq!(w.data("web-config", "chart"), Some(told("1.0.0", &first)));
    // By a tag that is no version: the whole revision is remembered, as Flux does.
    push_chart(&client, "stable", chart("web", "1.1.0", &[])).await;
    w.apply(&oci_repository(&url, &format!("ref: {{tag: stable}}\n{copied}")));
    ready_at(&w, "web", 5).await;
    assert_eq!(remembered(&w, "ociDigest"), format!("stable@{third}"));
    // A tag that lies about the version.
    push_chart(&client, "2.0.0", chart("web", "1.1.0", &[])).await;
    w.apply(&oci_repository(&url, &format!("ref: {{tag: 2.0.0}}\n{copied}")));
    let why = w.failed(HELM_RELEASE, "web", "ChartMutateError").await;
    assert_eq!(why, "artifact revision 2.0.0 does not match chart version 1.1.0");
    w.apply(&oci_repository(&url, &format!("ref: {{tag: stable}}\n{copied}")));
    ready_at(&w, "web", 5).await;
    // A restart upgrades nothing.
    w.stop().await;
    w.start().await;
    w.reconcile(HELM_RELEASE, "web").await;
    ready_at(&w, "web", 5).await;
}

#[tokio::test]
async fn a_release_moves_between_the_ways_to_name_its_chart() {
    let (w, (registry, client)) = (world().await, shelf().await);
    push_chart(&client, "1.0.0", chart("web", "1.0.0", &[])).await;
    w.apply(&helm_repository(&registry.url("charts"), "type: oci"));
    w.apply(&release_of("web", &of_repository("web", "1.x"), ""));
    ready_at(&w, "web", 1).await;
    assert_eq!(w.the(HELM_RELEASE, "web").str_at(&["status", "helmChart"]), Some("apps/apps-web"));
    // A HelmChart that somebody else made: the same version, nothing to do, and our own HelmChart goes.
    w.apply(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: HelmChart\nmetadata: {name: mine, namespace: apps}\n\
         spec: {chart: web, version: '1.0.0', interval: 1h, sourceRef: {kind: HelmRepository, name: charts}}\n",
    );
    w.patch(HELM_RELEASE, "web", "{spec: {chart: null, chartRef: {kind: HelmChart, name: mine}}}");
    w.until("our HelmChart is gone", || (!w.has(HELM_CHART, "apps-web")).then_some(())).await;
    ready(&w, "web").await;
    assert_eq!(statuses(&w, "web"), ["v1 deployed"]);
    assert!(w.has(HELM_CHART, "mine"));
    // A chart that is not there is told; what is released stays.
    w.patch(HELM_RELEASE, "web", "{spec: {chartRef: {kind: HelmChart, name: absent}}}");
    let why = w.failed(HELM_RELEASE, "web", "ArtifactFailed").await;
    assert_eq!(why, "could not get Source object: helmcharts.source.toolkit.fluxcd.io \"absent\" not found");
    assert!(w.has(MAPS, "web-config"));
    // And back.
    let back = "{spec: {chartRef: null, chart: {spec: {chart: web, version: 1.x, sourceRef: {kind: HelmRepository, name: charts}}}}}";
    w.patch(HELM_RELEASE, "web", back);
    ready(&w, "web").await;
    assert_eq!(statuses(&w, "web"), ["v1 deployed"]);
    w.delete(HELM_RELEASE, "web");
    w.until("all is gone but the other's chart", || {
        (!w.has(HELM_RELEASE, "web") && !w.has(MAPS, "web-config") && !w.has(HELM_CHART, "apps-web")).then_some(())
    })
    .await;
    assert!(w.has(HELM_CHART, "mine"));
}

/// Somebody who signs.
pub struct Signer(EcdsaKeyPair);

impl Signer {
    pub fn new() -> Signer {
        Signer(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key"))
    }
    fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'static> = self.0.public_key().as_der().expect("it is written");
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der.as_ref()))
    }
    /// Puts a signature of a digest beside it, as cosign does; `of` is what is signed.
    pub async fn sign(&self, client: &Client, digest: &ContentDigest, of: &ContentDigest) {
        let payload = format!(
            r#"{{"critical":{{"identity":{{"docker-reference":""}},"image":{{"docker-manifest-digest":"{of}"}},"type":"cosign container image signature"}},"optional":null}}"#
        );
        let signature = self.0.sign(&SystemRandom::new(), payload.as_bytes()).expect("it signs");
        let mut layer = client.push_blob(media::SIMPLE_SIGNING, Bytes::from(payload)).await.expect("it is taken");
        layer.annotations.insert("dev.cosignproject.cosign/signature".into(), STANDARD.encode(signature.as_ref()));
        let kind = "application/vnd.oci.image.config.v1+json";
        let config = client.push_blob(kind, Bytes::from_static(b"{}")).await.expect("it is taken");
        let manifest = Manifest::new(config, vec![layer], BTreeMap::new());
        let tag = Tag::parse(&format!("sha256-{}.sig", digest.hex())).expect("a tag");
        client.push_manifest(&tag, &manifest).await.expect("it is taken");
    }
    pub fn secret(&self) -> String {
        let pem = self.public_pem().replace('\n', "\n    ");
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: keys, namespace: apps}}\nstringData:\n  a.pub: |\n    {pem}\n"
        )
    }
}

fn verified(w: &World, kind: Kind, name: &str) -> Option<String> {
    let condition = Condition::find(&w.get(kind, "apps", name)?, "SourceVerified")?;
    Some(format!("{:?} {}: {}", condition.status, condition.reason, masked_text(&condition.message)))
}

#[tokio::test]
async fn an_artifact_is_taken_only_with_a_good_signature() {
    let (w, (registry, client)) = (world().await, shelf().await);
    let (me, other) = (Signer::new(), Signer::new());
    let digest = push_chart(&client, "1.0.0", chart("web", "1.0.0", &[])).await;
    w.apply(&oci_repository(
        &registry.url("charts/web"),
        "ref: {tag: 1.0.0}\nverify: {provider: cosign, secretRef: {name: keys}}",
    ));
    w.apply(&release_of("web", &of_reference("OCIRepository", "web"), ""));
    let before = "failed to verify the signature using provider 'cosign': ";
    let why = w.failed(OCI, "web", "VerificationError").await;
    assert_eq!(why, format!("{before}failed to get secret 'apps/keys': secrets \"keys\" not found"));
    w.apply(&me.secret());
    let name = format!("'{}/charts/web@{digest}'", registry.host());
    let refused = async |found: &str| {
        w.ask(OCI, "web");
        let wanted = format!("{before}no matching signatures were found for {name}: {found}");
        w.until(&wanted, || {
            let ready = Condition::find(&w.get(OCI, "apps", "web")?, "Ready")?;
            (ready.reason == "VerificationError" && ready.message == wanted).then_some(())
        })
        .await;
        assert!(verified(&w, OCI, "web").is_some_and(|v| v.starts_with("False VerificationError: ")));
        assert!(w.the(OCI, "web").at(&["status", "artifact"]).is_none(), "nothing is stored");
    };
    refused("there is none").await;
    // Of somebody else; and a good one of something else.
    other.sign(&client, &digest, &digest).await;
    refused("1 of others").await;
    me.sign(&client, &digest, &ContentDigest::of(b"another")).await;
    refused("1 of others").await;
    w.failed(HELM_RELEASE, "web", "SourceNotReady").await;
    me.sign(&client, &digest, &digest).await;
    w.ask(OCI, "web");
    ready_at(&w, "web", 1).await;
    let good = "True Succeeded: verified signature of revision 1.0.0@sha256:DIGEST";
    assert_eq!(verified(&w, OCI, "web").as_deref(), Some(good));
    // What comes next and is not signed is not taken, and what is released stays.
    push_chart(&client, "1.0.0", chart("web", "1.0.0", &[("values.yaml", "key: evil\n")])).await;
    w.ask(OCI, "web");
    w.failed(OCI, "web", "VerificationError").await;
    w.reconcile(HELM_RELEASE, "web").await;
    assert_eq!(statuses(&w, "web"), ["v1 deployed"]);
    assert_eq!(w.data("web-config", "key").as_deref(), Some("one"));
}

#[tokio::test]
async fn the_chart_of_a_repository_is_taken_only_with_a_good_signature() {
    let (w, (registry, client)) = (world().await, shelf().await);
    let (me, other) = (Signer::new(), Signer::new());
    let digest = push_chart(&client, "1.0.0", chart("web", "1.0.0", &[])).await;
    w.apply(&helm_repository(&registry.url("charts"), "type: oci"));
    w.apply(&me.secret());
    let chart = of_repository("web", "1.0.0")
        .replace("version:", "verify: {provider: cosign, secretRef: {name: keys}}, version:");
    w.apply(&release_of("web", &chart, ""));
    let name = format!("'{}/charts/web@{digest}'", registry.host());
    for found in ["there is none", "1 of others"] {
        let wanted = format!("chart verification error: no matching signatures were found for {name}: {found}");
        w.until(&wanted, || {
            let chart = w.get(HELM_CHART, "apps", "apps-web")?;
            let failed = Condition::find(&chart, "BuildFailed")?;
            (failed.reason == "ChartVerificationError" && failed.message == wanted).then_some(())
        })
        .await;
        assert!(verified(&w, HELM_CHART, "apps-web").is_some_and(|v| v.starts_with("False VerificationError: ")));
        let why = w.failed(HELM_RELEASE, "web", "SourceNotReady").await;
        assert!(why.contains("HelmChart 'apps/apps-web' is not ready: "), "{why}");
        other.sign(&client, &digest, &digest).await;
        w.ask(HELM_CHART, "apps-web");
    }
    me.sign(&client, &digest, &digest).await;
    w.ask(HELM_CHART, "apps-web");
    ready_at(&w, "web", 1).await;
    let good = "True Succeeded: verified signature of version 1.0.0";
    assert_eq!(verified(&w, HELM_CHART, "apps-web").as_deref(), Some(good));
}

#[tokio::test]
async fn a_private_chart_needs_its_credentials_and_nobody_reads_them() {
    let w = world().await;
    let registry = Registry::start(Access::Bearer("me".into(), "good".into()), 100).await.expect("it serves");
    let me = belay_oci::Credentials::Basic("me".into(), belay_net::Secret::new("good".into()));
    let at = client(&registry, "charts/web", Keychain::single(&registry.host(), me));
    push_chart(&at, "1.0.0", chart("web", "1.0.0", &[])).await;
    let secret = |password: &str| {
        format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: user, namespace: apps}}, stringData: {{username: me, password: {password}}}}}"
        )
    };
    w.apply(&helm_repository(&registry.url("charts"), "type: oci"));
    w.apply(&release_of("web", &of_repository("web", "1.0.0"), ""));
    let failed = async |words: &str| {
        w.until(words, || {
            let ready = Condition::find(&w.get(HELM_CHART, "apps", "apps-web")?, "Ready")?;
            (ready.reason == "AuthenticationFailed" && ready.message.contains(words)).then_some(ready.message)
        })
        .await
    };
    let why = failed("anonymous").await;
    assert!(why.starts_with("failed to authenticate with the Helm repository: "), "{why}");
    w.apply(&secret("canary"));
    w.apply(&helm_repository(&registry.url("charts"), "type: oci\nsecretRef: {name: user}"));
    w.ask(HELM_CHART, "apps-web");
    failed("the given credentials").await;
    w.failed(HELM_RELEASE, "web", "SourceNotReady").await;
    let events = [w.events(HELM_CHART, "apps-web"), w.events(HELM_RELEASE, "web")].concat().join("\n");
    assert!(!w.story().contains("canary") && !events.contains("canary"), "a password is told");
    w.apply(&secret("good"));
    w.ask(HELM_CHART, "apps-web");
    ready_at(&w, "web", 1).await;
    // The password is nowhere in the record either.
    let record = &records(&w, "web")[0];
    assert!(!String::from_utf8_lossy(&record.to_json()).contains("good"));
}
