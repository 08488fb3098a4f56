//! Public keys of those whose signatures count.

use belay_object::{Value, object};

use super::world::World;

const ONE: &str = include_str!("../../../../crates/source/src/git/verify/testdata/pgp.asc");
const OTHER: &str = include_str!("../../../../crates/source/src/git/verify/testdata/pgp-other.asc");

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_added_told_and_taken_away() {
    let world = World::with("", "").await;
    let admin = world.admin();
    let add = async |text: &str| admin.post("/api/v1/gpgkeys", &object! { "keyData" => text }.to_json()).await;
    for wrong in ["", "nonsense", &ONE.replace("PUBLIC", "PRIVATE"), &ONE[..ONE.len() / 2]] {
        let told = add(wrong).await;
        assert_eq!(told.status, 400, "{wrong}: {}", told.text);
    }
    assert!(world.get("", "configmaps", "argocd", "argocd-gpg-keys-cm").is_none_or(|map| map.get("data").is_none()));
    let ids = |list: Option<&Value>| -> Vec<String> {
        let items = list.and_then(|list| list.get("items")).map_or(&[][..], Value::items);
        items.iter().map(|key| key.str_at(&["keyID"]).unwrap().to_owned()).collect()
    };
    let added = add(&format!("{ONE}\n{OTHER}")).await.value();
    let both = ids(added.get("created"));
    assert!(both.len() == 2 && both[0] == "35982DDD2F077A12", "{both:?}");
    // Each is kept by itself, under its own name: what is taken away is gone.
    let again = add(ONE).await.value();
    assert_eq!(again.get("skipped").unwrap().items()[0].as_str(), Some("35982DDD2F077A12"));
    let listed = admin.get("/api/v1/gpgkeys").await.value();
    assert_eq!(ids(Some(&listed)).len(), 2);
    assert!(listed.get("items").unwrap().items().iter().all(|key| key.get("keyData").is_none()));
    let key = admin.get("/api/v1/gpgkeys/35982DDD2F077A12").await.value();
    assert!(key.str_at(&["keyData"]).unwrap().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----"));
    assert!(key.str_at(&["fingerprint"]).unwrap().ends_with("35982DDD2F077A12"));
    let kind = key.str_at(&["subType"]).unwrap();
    assert!(kind.starts_with("rsa") && kind.len() == 7 || kind == "ed25519", "as GnuPG writes it: {kind}");
    assert_eq!(admin.delete("/api/v1/gpgkeys?keyID=35982DDD2F077A12").await.status, 200);
    assert_eq!(admin.get("/api/v1/gpgkeys/35982DDD2F077A12").await.status, 404);
    assert_eq!(ids(Some(&admin.get("/api/v1/gpgkeys").await.value())), both[1..]);
}
