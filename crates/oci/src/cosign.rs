//! Signatures by given keys, as cosign stores them in a registry.
//!
//! Two forms are read: the older one (a tag `sha256-<hex>.sig` whose layers are signed payloads that
//! name the digest) and bundles (referrers whose blob is a signed statement). A signature counts if it
//! is good by one of the keys *and* what it signs names the digest in question. Transparency logs are not
//! asked, as Flux does not either where keys are given. What this module deliberately does not do:
//! signatures without keys (certificates of an identity provider).

use aws_lc_rs::signature::{self, VerificationAlgorithm};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::manifest::Descriptor;
use crate::media;
use crate::reference::{ContentDigest, Tag};

/// Annotation of a layer: the signature of its payload, base64.
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";
/// Signatures that are looked at: more are somebody's attempt to keep us busy.
const MOST_SIGNATURES: usize = 100;
/// Largest payload or bundle: a statement of a few hundred bytes, certificates, log entries.
const MOST_PAYLOAD_BYTES: u64 = 1 << 20;
/// What a bundle's referrer says that it is, up to the version.
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// A public key.
pub struct PublicKey(Vec<signature::ParsedPublicKey>);

/// Object identifiers in a key's `AlgorithmIdentifier`, in DER, and how such a key may sign: cosign took
/// SHA-256 for every curve, and takes the curve's own size since.
static ALGORITHMS: [(&[u8], &dyn VerificationAlgorithm); 7] = [
    (P256, &signature::ECDSA_P256_SHA256_ASN1),
    (P384, &signature::ECDSA_P384_SHA256_ASN1),
    (P384, &signature::ECDSA_P384_SHA384_ASN1),
    (P521, &signature::ECDSA_P521_SHA256_ASN1),
    (P521, &signature::ECDSA_P521_SHA512_ASN1),
    (&[0x06, 0x03, 0x2b, 0x65, 0x70], &signature::ED25519),
    (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01], &signature::RSA_PKCS1_2048_8192_SHA256),
];
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const P521: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23];

impl PublicKey {
    /// Reads a PEM public key: ECDSA on P-256, P-384 and P-521, Ed25519, RSA of 2,048 bits and more.
    pub fn parse(pem: &[u8]) -> Result<PublicKey> {
        let wrong = |why: &str| Error::new(ErrorKind::Credentials, format!("public key {why}"));
        let text = std::str::from_utf8(pem).map_err(|_| wrong("is no PEM text"))?;
        let (_, rest) = text.split_once("-----BEGIN PUBLIC KEY-----").ok_or_else(|| wrong("is no PEM public key"))?;
        let (body, _) = rest.split_once("-----END PUBLIC KEY-----").ok_or_else(|| wrong("has no end"))?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| wrong("is not base64"))?;
        // The identifier is within the first bytes: two lengths and it.
        let head = &der[..der.len().min(32)];
        let fitting = ALGORITHMS.iter().filter(|(oid, _)| head.windows(oid.len()).any(|w| w == *oid));
        let keys: Result<Vec<_>> = fitting
            .map(|(_, algorithm)| {
                let parsed = signature::ParsedPublicKey::new(*algorithm, &der);
                parsed.map_err(|_| wrong("cannot be used: RSA keys need 2,048 bits or more"))
            })
            .collect();
        match keys? {
            keys if keys.is_empty() => Err(wrong("is of a kind that is not known")),
            keys => Ok(PublicKey(keys)),
        }
    }
    /// Whether a signature of a message is by this key.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.0.iter().any(|key| key.verify_sig(message, signature).is_ok())
    }
}

impl std::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PublicKey")
    }
}

/// Looks for a signature of `digest` by one of the keys. The error says what was found instead.
pub async fn verify(client: &Client, digest: &ContentDigest, keys: &[PublicKey]) -> Result<()> {
    let name = format!("{}@{digest}", client.repository());
    if keys.is_empty() {
        return Err(Error::new(ErrorKind::Verification, format!("no public key is given for '{name}'")));
    }
    let mut seen = 0;
    for signed in payloads(client, digest).await? {
        seen += 1;
        if signed.names(digest) && keys.iter().any(|key| signed.is_by(key)) {
            return Ok(());
        }
    }
    for bundle in bundles(client, digest).await? {
        seen += 1;
        if bundle.names(digest) && keys.iter().any(|key| bundle.is_by(key)) {
            return Ok(());
        }
    }
    let found = match seen {
        0 => "there is none".to_owned(),
        n => format!("{n} of others"),
    };
    Err(Error::new(ErrorKind::Verification, format!("no matching signatures were found for '{name}': {found}")))
}

/// Something signed: the bytes that the signature covers, the signature, and what they say.
pub(crate) struct Signed {
    pub covered: Vec<u8>,
    pub signature: Vec<u8>,
    pub statement: Statement,
}

/// What a payload says about which digest.
pub(crate) enum Statement {
    /// The older form: the payload itself.
    Simple(Vec<u8>),
    /// An in-toto statement.
    InToto(Vec<u8>),
}

impl Signed {
    fn is_by(&self, key: &PublicKey) -> bool {
        key.verifies(&self.covered, &self.signature)
    }
    pub(crate) fn names(&self, digest: &ContentDigest) -> bool {
        match &self.statement {
            Statement::Simple(payload) => simple_names(payload, digest),
            Statement::InToto(payload) => statement_names(payload, digest),
        }
    }
}

fn simple_names(payload: &[u8], digest: &ContentDigest) -> bool {
    #[derive(Deserialize)]
    struct Payload {
        critical: Critical,
    }
    #[derive(Deserialize)]
    struct Critical {
        #[serde(rename = "type")]
        kind: String,
        image: Image,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "kebab-case")]
    struct Image {
        docker_manifest_digest: String,
    }
    serde_json::from_slice::<Payload>(payload).is_ok_and(|p| {
        p.critical.kind == "cosign container image signature"
            && p.critical.image.docker_manifest_digest == digest.as_str()
    })
}

fn statement_names(payload: &[u8], digest: &ContentDigest) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct InToto {
        predicate_type: String,
        subject: Vec<Subject>,
    }
    #[derive(Deserialize)]
    struct Subject {
        digest: std::collections::BTreeMap<String, String>,
    }
    serde_json::from_slice::<InToto>(payload).is_ok_and(|statement| {
        // Other statements about an artifact (what it is made of, say) are no signatures of it.
        statement.predicate_type == "https://sigstore.dev/cosign/sign/v1"
            && statement
                .subject
                .iter()
                .any(|s| s.digest.get(digest.algorithm()).map(String::as_str) == Some(digest.hex()))
    })
}

async fn payloads(client: &Client, digest: &ContentDigest) -> Result<Vec<Signed>> {
    let tag = Tag::parse(&format!("{}-{}.sig", digest.algorithm(), digest.hex()))?;
    let Some(pulled) = client.find(&tag).await? else { return Ok(Vec::new()) };
    let mut all = Vec::new();
    for layer in pulled.manifest.layers.iter().filter(|l| l.media_type == media::SIMPLE_SIGNING) {
        enough(all.len(), digest)?;
        let Some(Ok(signature)) = layer.annotations.get(SIGNATURE).map(|s| STANDARD.decode(s)) else { continue };
        let payload = client.blob(layer, MOST_PAYLOAD_BYTES).await?.to_vec();
        all.push(Signed { covered: payload.clone(), signature, statement: Statement::Simple(payload) });
    }
    Ok(all)
}

async fn bundles(client: &Client, digest: &ContentDigest) -> Result<Vec<Signed>> {
    let mut all = Vec::new();
    let referrers = client.referrers(digest).await?;
    for referrer in referrers.iter().filter(|r| r.artifact_type.starts_with(BUNDLE)) {
        enough(all.len(), digest)?;
        let pulled = client.manifest(&referrer.digest).await?;
        let is_bundle = |l: &&Descriptor| l.media_type.starts_with(BUNDLE);
        let Some(layer) = pulled.manifest.layers.iter().find(is_bundle) else { continue };
        let blob = client.blob(layer, MOST_PAYLOAD_BYTES).await?;
        all.extend(read_bundle(&blob));
    }
    Ok(all)
}

fn enough(seen: usize, digest: &ContentDigest) -> Result<()> {
    if seen < MOST_SIGNATURES {
        return Ok(());
    }
    Err(Error::new(ErrorKind::TooLarge, format!("more than {MOST_SIGNATURES} signatures of {digest}")))
}

/// The signed statement of a bundle, if it holds one.
pub(crate) fn read_bundle(bundle: &[u8]) -> Option<Signed> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Bundle {
        dsse_envelope: Envelope,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Envelope {
        payload: String,
        payload_type: String,
        signatures: Vec<Signature>,
    }
    #[derive(Deserialize)]
    struct Signature {
        sig: String,
    }
    let envelope = serde_json::from_slice::<Bundle>(bundle).ok()?.dsse_envelope;
    let payload = STANDARD.decode(envelope.payload).ok()?;
    let [one] = envelope.signatures.as_slice() else { return None };
    // DSSE: the signature covers type and length too, so that no payload passes for another kind.
    let (kind, length) = (&envelope.payload_type, payload.len());
    let mut covered = format!("DSSEv1 {} {kind} {length} ", kind.len()).into_bytes();
    covered.extend_from_slice(&payload);
    Some(Signed { covered, signature: STANDARD.decode(&one.sig).ok()?, statement: Statement::InToto(payload) })
}
