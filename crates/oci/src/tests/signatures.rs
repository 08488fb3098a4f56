//! Signatures: keys of every kind, and what they must not be taken for.

use crate::cosign::{PublicKey, Signed, Statement, read_bundle, verify};
use crate::serve::{Access, Registry};
use crate::*;
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::collections::BTreeMap;

type Sign = Box<dyn Fn(&[u8]) -> Vec<u8>>;

fn pem(der: &[u8]) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
}

fn der<K: AsDer<PublicKeyX509Der<'static>>>(key: &K) -> Vec<u8> {
    key.as_der().unwrap().as_ref().to_vec()
}

fn keys() -> Vec<(&'static str, String, Sign)> {
    let random = SystemRandom::new();
    let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap();
    let edwards = Ed25519KeyPair::generate().unwrap();
    let rsa = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).unwrap();
    let (p256_pem, p384_pem) = (pem(&der(p256.public_key())), pem(&der(p384.public_key())));
    let (edwards_pem, rsa_pem) = (pem(&der(edwards.public_key())), pem(&der(rsa.public_key())));
    let again = random.clone();
    let third = random.clone();
    vec![
        ("P-256", p256_pem, Box::new(move |m: &[u8]| p256.sign(&random, m).unwrap().as_ref().to_vec())),
        ("P-384", p384_pem, Box::new(move |m: &[u8]| p384.sign(&again, m).unwrap().as_ref().to_vec())),
        ("Ed25519", edwards_pem, Box::new(move |m: &[u8]| edwards.sign(m).as_ref().to_vec())),
        (
            "RSA",
            rsa_pem,
            Box::new(move |m: &[u8]| {
                let mut signature = vec![0; rsa.public_modulus_len()];
                rsa.sign(&RSA_PKCS1_SHA256, &third, m, &mut signature).unwrap();
                signature
            }),
        ),
    ]
}

#[test]
fn keys_of_every_kind_verify_their_own_signatures_alone() {
    let keys = keys();
    for (name, pem, sign) in &keys {
        let key = PublicKey::parse(pem.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
        let signature = sign(b"message");
        assert!(key.verifies(b"message", &signature), "{name}");
        assert!(!key.verifies(b"another", &signature), "{name}");
        assert!(!key.verifies(b"message", &[]), "{name}");
    }
    let first = PublicKey::parse(keys[0].1.as_bytes()).unwrap();
    assert!(!first.verifies(b"message", &keys[1].2(b"message")));
    for wrong in ["", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----", "-----BEGIN PRIVATE KEY-----"] {
        assert!(PublicKey::parse(wrong.as_bytes()).is_err(), "{wrong}");
    }
}

fn payload(digest: &ContentDigest) -> Vec<u8> {
    let text = serde_json::json!({
        "critical": {
            "identity": { "docker-reference": "" },
            "image": { "docker-manifest-digest": digest.as_str() },
            "type": "cosign container image signature",
        },
        "optional": null,
    });
    text.to_string().into_bytes()
}

/// Puts a signature beside what it signs, as cosign does.
async fn attach(client: &Client, digest: &ContentDigest, payload: Vec<u8>, signature: &[u8]) {
    let mut layer = client.push_blob(media::SIMPLE_SIGNING, Bytes::from(payload)).await.unwrap();
    layer.annotations.insert("dev.cosignproject.cosign/signature".into(), STANDARD.encode(signature));
    let config = client.push_blob("application/vnd.oci.image.config.v1+json", Bytes::from_static(b"{}")).await.unwrap();
    let manifest = Manifest::new(config, vec![layer], BTreeMap::new());
    client.push_manifest(&Tag::parse(&format!("sha256-{}.sig", digest.hex())).unwrap(), &manifest).await.unwrap();
}

#[tokio::test]
async fn a_signature_counts_if_key_and_digest_are_those_asked_for() {
    let registry = Registry::start(Access::Open, 10).await.unwrap();
    let http = belay_net::ClientOptions::default().build().unwrap();
    let repository = Repository::parse(&registry.url("org/app")).unwrap();
    let client = Client::new(http, repository, Keychain::anonymous(), false);
    let config = client.push_blob("c", Bytes::from_static(b"{}")).await.unwrap();
    let manifest = Manifest::new(config, Vec::new(), BTreeMap::new());
    let digest = client.push_manifest(&Tag::parse("v1").unwrap(), &manifest).await.unwrap();
    let mut keys = keys();
    let (_, good_pem, sign) = keys.remove(0);
    let good = [PublicKey::parse(good_pem.as_bytes()).unwrap()];
    let others: Vec<PublicKey> = keys.iter().map(|(_, pem, _)| PublicKey::parse(pem.as_bytes()).unwrap()).collect();
    let why = async |keys: &[PublicKey]| verify(&client, &digest, keys).await.map_err(|e| e.to_string());
    let name = format!("{}/org/app@{digest}", registry.host());

    let none = format!("no matching signatures were found for '{name}': there is none");
    assert_eq!(why(&good).await, Err(none));
    attach(&client, &digest, payload(&digest), &sign(&payload(&digest))).await;
    assert_eq!(why(&good).await, Ok(()));
    let foreign = format!("no matching signatures were found for '{name}': 1 of others");
    assert_eq!(why(&others).await, Err(foreign.clone()));
    assert_eq!(why(&[]).await, Err(format!("no public key is given for '{name}'")));
    // A good signature of something else, moved here.
    let other = payload(&ContentDigest::of(b"something else"));
    attach(&client, &digest, other.clone(), &sign(&other)).await;
    assert_eq!(why(&good).await, Err(foreign));
}

#[test]
fn a_bundle_is_a_statement_about_a_digest() {
    let (_, pem, sign) = keys().remove(0);
    let digest = ContentDigest::of(b"artifact");
    let statement = |predicate: &str, hex: &str| {
        serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{ "digest": { "sha256": hex } }],
            "predicateType": predicate,
            "predicate": {},
        })
        .to_string()
    };
    let bundle = |payload: &str| {
        let kind = "application/vnd.in-toto+json";
        let covered = format!("DSSEv1 {} {kind} {} {payload}", kind.len(), payload.len());
        let envelope = serde_json::json!({
            "payload": STANDARD.encode(payload), "payloadType": kind,
            "signatures": [{ "sig": STANDARD.encode(sign(covered.as_bytes())) }],
        });
        let all = serde_json::json!({ "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json", "dsseEnvelope": envelope });
        read_bundle(all.to_string().as_bytes())
    };
    let key = PublicKey::parse(pem.as_bytes()).unwrap();
    let good = bundle(&statement("https://sigstore.dev/cosign/sign/v1", digest.hex())).unwrap();
    assert!(good.names(&digest) && key.verifies(&good.covered, &good.signature));
    let other = bundle(&statement("https://slsa.dev/provenance/v1", digest.hex())).unwrap();
    assert!(!other.names(&digest));
    assert!(!bundle(&statement("https://sigstore.dev/cosign/sign/v1", "00")).unwrap().names(&digest));
    assert!(read_bundle(b"{}").is_none());
    let moved =
        Signed { covered: b"x".to_vec(), signature: good.signature, statement: Statement::Simple(payload(&digest)) };
    assert!(moved.names(&digest) && !key.verifies(&moved.covered, &moved.signature));
}
