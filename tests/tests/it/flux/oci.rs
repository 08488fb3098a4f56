//! OCIRepository and ExternalArtifact, from a registry on loopback to the objects in the cluster.

use belay_oci::ContentDigest;
use bytes::Bytes;

use super::shelf::*;
use super::world::*;

const OCI: Kind = ("source.toolkit.fluxcd.io/v1", "OCIRepository");
const EXTERNAL: Kind = ("source.toolkit.fluxcd.io/v1", "ExternalArtifact");

/// The manifest of the OCIRepository `shop`; `more` is lines of its spec.
fn shop(shelf: &Shelf, more: &str) -> String {
    let more = more.replace('\n', "\n  ");
    format!(
        "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata: {{name: shop, namespace: apps}}\n\
         spec:\n  url: {}\n  interval: 1h\n  {more}\n",
        shelf.url()
    )
}

/// The Kustomization `shop` of that source.
fn applied(kind: &str) -> String {
    kustomization("shop", "./", "")
        .replace("{kind: GitRepository, name: repo}", &format!("{{kind: {kind}, name: shop}}"))
}

async fn world() -> World {
    let mut w = World::empty().await;
    w.start().await;
    w
}

async fn fetched(w: &World, revision: &str) {
    w.until(&format!("shop has {revision}"), || {
        let ready = w.get(OCI, "apps", "shop")?;
        let at = |path: &[&str]| ready.str_at(path).map(str::to_owned);
        (at(&["status", "artifact", "revision"]).as_deref() == Some(revision)).then_some(())
    })
    .await;
}

fn revision(tag: &str, digest: &ContentDigest) -> String {
    format!("{tag}@{digest}")
}

#[tokio::test]
async fn an_artifact_of_a_registry_becomes_the_state_of_the_cluster() {
    let (w, shelf) = (world().await, Shelf::open().await);
    let first = shelf.push("latest", &[("a.yaml", &map("a", "one")), ("notes.jpg", "no manifest")]).await;
    w.apply(&shop(&shelf, ""));
    w.apply(&applied("OCIRepository"));
    w.ready("shop", &revision("latest", &first)).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
    w.quiet().await;
    check(
        &w.status(OCI, "shop"),
        r#"
artifact:
  digest: sha256:DIGEST
  lastUpdateTime: "TIME"
  metadata:
    example.com/team: shop
    org.opencontainers.image.created: "TIME"
    org.opencontainers.image.revision: main@sha1:COMMIT
    org.opencontainers.image.source: https://example.com/shop.git
  path: ocirepository/apps/shop/sha256:DIGEST.tar.gz
  revision: latest@sha256:DIGEST
  size: SIZE
  url: http://HOST/ocirepository/apps/shop/sha256:DIGEST.tar.gz
conditions:
- lastTransitionTime: "TIME"
  message: stored artifact for digest 'latest@sha256:DIGEST'
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: Ready
- lastTransitionTime: "TIME"
  message: stored artifact for digest 'latest@sha256:DIGEST'
  observedGeneration: 1
  reason: Succeeded
  status: "True"
  type: ArtifactInStorage
observedGeneration: 1
url: http://HOST/ocirepository/apps/shop/latest.tar.gz
"#,
    );
    check(
        &w.events(OCI, "shop").join("\n"),
        "Normal NewArtifact stored artifact with revision 'latest@sha256:DIGEST' from 'oci://HOST/org/app'",
    );
    let applied = w.the(KUSTOMIZATION, "shop");
    let origin = applied.str_at(&["status", "lastAppliedOriginRevision"]);
    assert_eq!(origin, Some("main@sha1:b3396adb98a6a0f5eeedd1a600beaf5e954a1f28"));

    // What the tag names now.
    let second = shelf.push("latest", &[("b.yaml", &map("b", "two"))]).await;
    w.ask(OCI, "shop");
    w.ready("shop", &revision("latest", &second)).await;
    w.until("a is pruned", || (!w.has(MAPS, "a")).then_some(())).await;
    assert_eq!(w.data("b", "key").as_deref(), Some("two"));
    // Nothing new: nothing but the answer is written.
    w.quiet().await;
    let before = w.the(KUSTOMIZATION, "shop").resource_version().to_owned();
    w.reconcile(OCI, "shop").await;
    w.quiet().await;
    assert_eq!(w.the(KUSTOMIZATION, "shop").resource_version(), before);
}

#[tokio::test]
async fn tags_are_chosen_by_version_and_digests_stay() {
    let (w, shelf) = (world().await, Shelf::open().await);
    let old = shelf.push("1.0.0", &[("a.yaml", &map("a", "one"))]).await;
    let new = shelf.push("1.1.0", &[("a.yaml", &map("a", "two"))]).await;
    let candidate = shelf.push("1.2.0-rc.1", &[("a.yaml", &map("a", "three"))]).await;
    w.apply(&shop(&shelf, "ref: {semver: '>= 1.0.0'}"));
    fetched(&w, &revision("1.1.0", &new)).await;
    w.apply(&shop(&shelf, "ref: {semver: '>= 1.0.0-0', semverFilter: '.*-rc.*'}"));
    fetched(&w, &revision("1.2.0-rc.1", &candidate)).await;
    w.apply(&shop(&shelf, &format!("ref: {{digest: '{old}', semver: '*'}}")));
    fetched(&w, old.as_str()).await;
    w.apply(&shop(&shelf, "ref: {semver: '> 7'}"));
    let why = w.failed(OCI, "shop", "ReadOperationFailed").await;
    let url = shelf.url();
    assert_eq!(why, format!("failed to determine the artifact tag for '{url}': no match found for semver: > 7"));
    assert_eq!(w.the(OCI, "shop").str_at(&["status", "artifact", "revision"]), Some(old.as_str()), "the old one stays");
}

#[tokio::test]
async fn a_registry_that_wants_credentials_gets_those_of_its_own_secret() {
    let (w, shelf) = (world().await, Shelf::closed().await);
    let digest = shelf.push("latest", &[("a.yaml", &map("a", "one"))]).await;
    w.apply(&shop(&shelf, ""));
    let why = w.failed(OCI, "shop", "OCIArtifactPullFailed").await;
    assert!(why.starts_with("failed to determine artifact digest: "), "{why}");
    assert!(why.ends_with("401 Unauthorized to anonymous access"), "{why}");

    let secret = |name: &str, password: &str| {
        let config =
            format!(r#"{{"auths": {{"{}": {{"username": "me", "password": "{password}"}}}}}}"#, shelf.registry.host());
        format!(
            "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: apps}}\ntype: kubernetes.io/dockerconfigjson\n\
             stringData:\n  .dockerconfigjson: '{config}'\n"
        )
    };
    w.apply(&shop(&shelf, "secretRef: {name: registry}"));
    let why = w.failed(OCI, "shop", "AuthenticationFailed").await;
    assert_eq!(why, "failed to get credential: failed to get secret 'apps/registry': secrets \"registry\" not found");
    w.apply(&secret("registry", "canary"));
    w.ask(OCI, "shop");
    let why = w.failed(OCI, "shop", "OCIArtifactPullFailed").await;
    assert!(why.ends_with("401 Unauthorized to the given credentials"), "{why}");
    w.apply(&secret("registry", "good"));
    w.ask(OCI, "shop");
    fetched(&w, &revision("latest", &digest)).await;
    assert!(!w.story().contains("canary") && !w.events(OCI, "shop").join("\n").contains("canary"));

    // The pull secrets of an account do as well.
    w.apply(&secret("pull", "good"));
    w.apply("{apiVersion: v1, kind: ServiceAccount, metadata: {name: puller, namespace: apps}, imagePullSecrets: [{name: pull}]}");
    let other = shelf.push("v2", &[("a.yaml", &map("a", "two"))]).await;
    w.apply(&shop(&shelf, "serviceAccountName: puller\nref: {tag: v2}"));
    fetched(&w, &revision("v2", &other)).await;
}

#[tokio::test]
async fn a_registry_that_refuses_or_lies_is_told_and_what_was_applied_stays() {
    let (w, shelf) = (world().await, Shelf::open().await);
    let good = shelf.push("latest", &[("a.yaml", &map("a", "one"))]).await;
    w.apply(&shop(&shelf, ""));
    w.apply(&applied("OCIRepository"));
    w.ready("shop", &revision("latest", &good)).await;

    shelf.registry.refuse(1, 3600);
    w.ask(OCI, "shop");
    let why = w.failed(OCI, "shop", "OCIArtifactPullFailed").await;
    assert!(why.contains("429 Too Many Requests"), "{why}");
    w.reconcile(OCI, "shop").await;

    let next = shelf.push("latest", &[("a.yaml", &map("a", "two"))]).await;
    let manifest = shelf.client.manifest(&next).await.expect("it is there").manifest;
    shelf.registry.lie(&manifest.layers[0].digest, Some(Bytes::from(archive(&[("a.yaml", &map("a", "evil"))]))));
    w.ask(OCI, "shop");
    let why = w.failed(OCI, "shop", "OCIArtifactLayerOperationFailed").await;
    assert!(why.starts_with("failed to extract the first layer from artifact: blob "), "{why}");
    shelf.registry.lie(&manifest.layers[0].digest, None);
    shelf.registry.lie(&next, Some(Bytes::from(manifest.to_bytes().to_ascii_uppercase())));
    w.ask(OCI, "shop");
    let why = w.failed(OCI, "shop", "OCIArtifactPullFailed").await;
    assert!(why.contains("bytes that came have digest sha256:"), "{why}");
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
    assert_eq!(
        w.the(KUSTOMIZATION, "shop").str_at(&["status", "lastAppliedRevision"]),
        Some(&*revision("latest", &good))
    );

    shelf.registry.lie(&next, None);
    w.ask(OCI, "shop");
    w.ready("shop", &revision("latest", &next)).await;
    let events = w.events(OCI, "shop");
    assert!(events.last().is_some_and(|e| e.starts_with("Normal NewArtifact")), "{events:?}");
}

#[tokio::test]
async fn archives_that_no_honest_producer_makes_are_refused_one_by_one() {
    let (w, shelf) = (world().await, Shelf::open().await);
    let before = "failed to extract layer contents from artifact: ";
    let cases: [(&str, Vec<u8>, &str); 6] = [
        ("above", forged(tar::EntryType::Regular, "../../etc/x", ""), "artifact: "),
        ("absolute", forged(tar::EntryType::Regular, "/etc/x", ""), "artifact: "),
        ("device", forged(tar::EntryType::Char, "null", ""), "artifact: null is neither a file nor a directory"),
        (
            "hard-link",
            forged(tar::EntryType::Link, "x", "/etc/passwd"),
            "artifact: x is neither a file nor a directory",
        ),
        ("bomb", bomb(200), "artifact: zero is too large"),
        ("no-archive", b"neither gzip nor tar".to_vec(), "artifact: "),
    ];
    for (tag, layer, expected) in cases {
        shelf.push_layer(tag, layer).await;
        w.apply(&shop(&shelf, &format!("ref: {{tag: {tag}}}")));
        let why = w.failed(OCI, "shop", "OCIArtifactLayerOperationFailed").await;
        assert!(why.starts_with(&format!("{before}{expected}")), "{tag}: {why}");
    }
    // A symlink is left out, whatever it leads to.
    let digest = shelf.push_layer("link", forged(tar::EntryType::Symlink, "link", "/etc")).await;
    w.apply(&shop(&shelf, "ref: {tag: link}"));
    w.apply(&applied("OCIRepository"));
    w.ready("shop", &revision("link", &digest)).await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
}

#[tokio::test]
async fn a_layer_is_chosen_by_its_type_and_kept_as_it_is_where_that_is_asked_for() {
    let (w, shelf) = (world().await, Shelf::open().await);
    let layer = archive(&[("a.yaml", &map("a", "one"))]);
    let digest = shelf.push_layer("latest", layer.clone()).await;
    let wanted = "application/vnd.cncf.flux.content.v1.tar+gzip";
    w.apply(&shop(&shelf, &format!("layerSelector: {{mediaType: {wanted}, operation: copy}}")));
    fetched(&w, &revision("latest", &digest)).await;
    let status = w.the(OCI, "shop");
    let stored = status.str_at(&["status", "artifact", "digest"]);
    assert_eq!(stored, Some(ContentDigest::of(&layer).as_str()), "the very bytes");
    assert_eq!(status.str_at(&["status", "observedLayerSelector", "operation"]), Some("copy"));
    // Other rules over the same revision make another artifact.
    w.apply(&shop(&shelf, "layerSelector: {operation: extract}\nignore: b.yaml"));
    w.until("the files are stored", || {
        let object = w.get(OCI, "apps", "shop")?;
        (object.str_at(&["status", "observedIgnore"]) == Some("b.yaml")).then_some(())
    })
    .await;
    assert_ne!(w.the(OCI, "shop").str_at(&["status", "artifact", "digest"]), stored);
    w.apply(&shop(&shelf, "layerSelector: {mediaType: text/plain}"));
    let why = w.failed(OCI, "shop", "OCIArtifactLayerOperationFailed").await;
    assert_eq!(why, "failed to find layer with media type 'text/plain' in artifact");
}

#[tokio::test]
async fn what_is_not_served_is_refused_in_words() {
    let (w, shelf) = (world().await, Shelf::open().await);
    shelf.push("latest", &[("a.yaml", &map("a", "one"))]).await;
    w.apply(&shop(&shelf, "provider: aws"));
    let why = w.failed(OCI, "shop", "InvalidProviderConfiguration").await;
    assert_eq!(why, "provider \"aws\" is not served by this version: use a secret");
    w.apply(&shop(&shelf, "provider: generic\nverify: {provider: cosign}"));
    assert_eq!(
        w.failed(OCI, "shop", "VerificationError").await,
        "failed to verify the signature using provider 'cosign keyless': this version checks signatures by public \
         keys alone: name a secret with '*.pub' keys"
    );
    w.apply(&shop(&shelf, "provider: generic\nverify: {provider: notation, secretRef: {name: keys}}"));
    assert_eq!(
        w.failed(OCI, "shop", "VerificationError").await,
        "failed to verify the signature using provider 'notation': this version checks signatures of cosign alone"
    );
    w.apply(&shop(&shelf, "").replace(&shelf.url(), &format!("{}:v1", shelf.url())));
    let why = w.failed(OCI, "shop", "URLInvalid").await;
    assert!(
        why.starts_with("URL validation failed for 'oci://127.0.0.1:")
            && why.ends_with("must not contain a tag or digest"),
        "{why}"
    );
}

#[tokio::test]
async fn after_a_restart_the_tree_is_read_from_the_store_and_a_lost_one_is_fetched_again() {
    let (mut w, shelf) = (world().await, Shelf::open().await);
    let digest = shelf.push("latest", &[("a.yaml", &map("a", "one"))]).await;
    w.apply(&shop(&shelf, ""));
    w.apply(&applied("OCIRepository"));
    w.ready("shop", &revision("latest", &digest)).await;
    w.stop().await;
    w.delete(MAPS, "a");
    let pulls =
        |shelf: &Shelf| shelf.registry.log().iter().filter(|r| r.contains("GET") && r.contains("/blobs/")).count();
    let before = pulls(&shelf);
    w.start().await;
    w.until("a is there again", || w.get(MAPS, "apps", "a")).await;
    assert_eq!(pulls(&shelf), before, "nothing is pulled that is stored");
    w.stop().await;
    w.empty_storage();
    w.delete(MAPS, "a");
    w.start().await;
    w.until("a is there once more", || w.get(MAPS, "apps", "a")).await;
    assert_eq!(pulls(&shelf), before + 1);
    // A deleted source leaves nothing in the store.
    w.quiet().await;
    w.delete(OCI, "shop");
    w.until("shop is gone", || (!w.has(OCI, "shop")).then_some(())).await;
    assert!(!w.storage_has("artifacts/ocirepository/apps/shop"));
}

#[tokio::test]
async fn an_artifact_of_another_producer_is_applied_if_its_digest_is_right() {
    let (w, shelf) = (world().await, Shelf::open().await);
    shelf.push("latest", &[("a.yaml", &map("a", "one"))]).await;
    w.apply(&shop(&shelf, ""));
    let made = w
        .until("shop is stored", || {
            let object = w.get(OCI, "apps", "shop")?;
            object.at(&["status", "artifact", "url"])?;
            Some(object)
        })
        .await;
    let field = |name: &str| made.str_at(&["status", "artifact", name]).expect("it is there").to_owned();
    w.apply("{apiVersion: source.toolkit.fluxcd.io/v1, kind: ExternalArtifact, metadata: {name: shop, namespace: apps}, spec: {}}");
    let tell = |digest: &str, revision: &str| {
        w.patch_status(
            EXTERNAL,
            "shop",
            &format!(
                "{{status: {{artifact: {{url: '{}', path: x, digest: '{digest}', revision: '{revision}', \
                 lastUpdateTime: '2024-01-02T03:04:05Z'}}}}}}",
                field("url")
            ),
        );
    };
    let wrong = format!("sha256:{}", "0".repeat(64));
    tell(&wrong, "latest@sha256:bad");
    w.apply(&applied("ExternalArtifact"));
    let why = w.failed(KUSTOMIZATION, "shop", "ArtifactFailed").await;
    assert!(why.starts_with("failed to extract archive: artifact: digest is sha256:"), "{why}");
    assert!(!w.has(MAPS, "a"));
    tell(&field("digest"), "latest@sha256:good");
    w.ready("shop", "latest@sha256:good").await;
    assert_eq!(w.data("a", "key").as_deref(), Some("one"));
}
