//! Private keys: made, read from PEM in the forms that Go reads, written in those that it writes.

use aws_lc_rs::encoding::AsBigEndian;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P521_SHA512_ASN1_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use getrandom::SysRng;
use getrandom::rand_core::UnwrapErr;
use rsa::RsaPrivateKey;
use rsa::pkcs1::EncodeRsaPrivateKey;

use super::der::{self, Element};
use super::pem;

/// What keys are made.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Rsa2048,
    Rsa4096,
    P256,
    Ed25519,
}

/// A private key.
pub(super) enum Key {
    Rsa { pair: RsaKeyPair, pkcs1: Vec<u8> },
    Ec { pair: EcdsaKeyPair, curve: &'static Curve, private: Vec<u8> },
    Ed25519 { pair: Ed25519KeyPair, seed: Vec<u8> },
}

/// A curve of NIST's.
pub(super) struct Curve {
    oid: &'static [u8],
    bytes: usize,
    algorithm: &'static EcdsaSigningAlgorithm,
    /// `ecdsa-with-SHA...`, its hash of the curve's strength.
    signature_oid: &'static [u8],
}

static CURVES: [Curve; 3] = [
    Curve {
        oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
        bytes: 32,
        algorithm: &ECDSA_P256_SHA256_ASN1_SIGNING,
        signature_oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2],
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 34],
        bytes: 48,
        algorithm: &ECDSA_P384_SHA384_ASN1_SIGNING,
        signature_oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3],
    },
    Curve {
        oid: &[0x2b, 0x81, 4, 0, 35],
        bytes: 66,
        algorithm: &ECDSA_P521_SHA512_ASN1_SIGNING,
        signature_oid: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4],
    },
];

const RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const SHA256_WITH_RSA_OID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11];
const EC_OID: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const ED25519_OID: &[u8] = &[0x2b, 0x65, 0x70];

type Result<T> = std::result::Result<T, String>;

fn algorithm(oid: &[u8], parameters: &[u8]) -> Vec<u8> {
    der::list(der::SEQUENCE, &[&der::element(der::OID, oid), parameters])
}

/// The contents of a PKCS #8 structure: the algorithm's elements and the key's bytes.
fn pkcs8(bytes: &[u8]) -> Option<(Vec<Element<'_>>, &[u8])> {
    let parts = Element::only(bytes, der::SEQUENCE)?.children()?;
    let [_, algorithm, key, ..] = parts.as_slice() else { return None };
    Some((algorithm.children()?, key.content))
}

impl Key {
    pub(super) fn generate(kind: Kind) -> Result<Key> {
        let failed = |_| "the generator fails".to_owned();
        match kind {
            Kind::Rsa2048 => rsa(2048),
            Kind::Rsa4096 => rsa(4096),
            Kind::P256 => {
                let curve = &CURVES[0];
                let document = EcdsaKeyPair::generate_pkcs8(curve.algorithm, &SystemRandom::new()).map_err(failed)?;
                Key::from_pkcs8(document.as_ref())
            }
            Kind::Ed25519 => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                let seed = pair.seed().map_err(failed)?.as_be_bytes().map_err(failed)?.as_ref().to_vec();
                Ok(Key::Ed25519 { pair, seed })
            }
        }
    }

    /// Reads the first block of a text.
    pub(super) fn from_pem(text: &str) -> Result<Key> {
        let block = pem::decode(text).ok_or("no PEM data in input")?;
        let kind = block.label.strip_suffix(" PRIVATE KEY");
        match kind {
            _ if block.label == "PRIVATE KEY" => {
                Key::from_pkcs8(&block.bytes).map_err(|error| format!("decoding PEM as PKCS#8: {error}"))
            }
            Some("RSA") => {
                Key::from_pkcs1(&block.bytes).map_err(|error| format!("parsing RSA private key from PEM: {error}"))
            }
            Some("EC") => {
                Key::from_sec1(&block.bytes, None).map_err(|error| format!("parsing EC private key from PEM: {error}"))
            }
            Some("DSA") => Err("keys of DSA are not read: use rsa, ecdsa or ed25519".to_owned()),
            Some(kind) => Err(format!("invalid private key type {kind}")),
            None => Err(format!("no private key data in PEM block of type {}", block.label)),
        }
    }

    fn from_pkcs1(bytes: &[u8]) -> Result<Key> {
        let pair = RsaKeyPair::from_der(bytes).map_err(|error| format!("x509: {error}"))?;
        Ok(Key::Rsa { pair, pkcs1: bytes.to_vec() })
    }

    /// `curve` where what the key is within has told it.
    fn from_sec1(bytes: &[u8], curve: Option<&'static Curve>) -> Result<Key> {
        const MALFORMED: &str = "x509: failed to parse EC private key";
        let parts = Element::only(bytes, der::SEQUENCE).and_then(|e| e.children()).ok_or(MALFORMED)?;
        let private = parts.get(1).filter(|e| e.tag == der::OCTET_STRING).ok_or(MALFORMED)?.content;
        let named = parts.iter().find(|e| e.tag == der::context(0)).and_then(|e| Element::only(e.content, der::OID));
        let curve = named.map_or(curve, |oid| curve_of(oid.content)).ok_or("x509: unknown elliptic curve")?;
        // A number may be written with fewer bytes or with zeros before it.
        let start = private.iter().position(|b| *b != 0).unwrap_or(private.len());
        let digits = &private[start..];
        let padding = curve.bytes.checked_sub(digits.len()).ok_or("x509: invalid private key length")?;
        let private = [&vec![0; padding], digits].concat();
        let plain = sec1(curve, &private, None);
        let pair =
            EcdsaKeyPair::from_private_key_der(curve.algorithm, &plain).map_err(|error| format!("x509: {error}"))?;
        Ok(Key::Ec { pair, curve, private })
    }

    fn from_pkcs8(bytes: &[u8]) -> Result<Key> {
        const MALFORMED: &str = "x509: failed to parse private key";
        let (algorithm, key) = pkcs8(bytes).ok_or(MALFORMED)?;
        let oid = algorithm.first().map(|e| e.content);
        match oid {
            Some(RSA_OID) => Key::from_pkcs1(key),
            Some(EC_OID) => Key::from_sec1(key, algorithm.get(1).and_then(|oid| curve_of(oid.content))),
            Some(ED25519_OID) => {
                let seed = Element::only(key, der::OCTET_STRING).ok_or(MALFORMED)?.content;
                let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|error| format!("x509: {error}"))?;
                Ok(Key::Ed25519 { pair, seed: seed.to_vec() })
            }
            _ => Err("x509: PKCS#8 wrapping contained private key with unknown algorithm".to_owned()),
        }
    }

    /// RSA by PKCS #1, curves by SEC 1, the rest by PKCS #8.
    pub(super) fn to_pem(&self) -> String {
        match self {
            Key::Rsa { pkcs1, .. } => pem::encode("RSA PRIVATE KEY", pkcs1),
            Key::Ec { pair, curve, private } => {
                pem::encode("EC PRIVATE KEY", &sec1(curve, private, Some(pair.public_key().as_ref())))
            }
            Key::Ed25519 { seed, .. } => {
                let key = der::element(der::OCTET_STRING, &der::element(der::OCTET_STRING, seed));
                let version = der::unsigned(&[0]);
                let algorithm = algorithm(ED25519_OID, &[]);
                pem::encode("PRIVATE KEY", &der::list(der::SEQUENCE, &[&version, &algorithm, &key]))
            }
        }
    }

    /// The bytes of the public key, as they are in a certificate.
    pub(super) fn public(&self) -> &[u8] {
        match self {
            Key::Rsa { pair, .. } => pair.public_key().as_ref(),
            Key::Ec { pair, .. } => pair.public_key().as_ref(),
            Key::Ed25519 { pair, .. } => pair.public_key().as_ref(),
        }
    }

    /// The public key with its algorithm.
    pub(super) fn public_info(&self) -> Vec<u8> {
        let algorithm = match self {
            Key::Rsa { .. } => algorithm(RSA_OID, der::NULL),
            Key::Ec { curve, .. } => algorithm(EC_OID, &der::element(der::OID, curve.oid)),
            Key::Ed25519 { .. } => algorithm(ED25519_OID, &[]),
        };
        der::list(der::SEQUENCE, &[&algorithm, &der::bits(self.public(), 0)])
    }

    /// The algorithm of signatures.
    pub(super) fn signature_algorithm(&self) -> Vec<u8> {
        match self {
            Key::Rsa { .. } => algorithm(SHA256_WITH_RSA_OID, der::NULL),
            Key::Ec { curve, .. } => algorithm(curve.signature_oid, &[]),
            Key::Ed25519 { .. } => algorithm(ED25519_OID, &[]),
        }
    }

    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>> {
        let failed = |_| "x509: signing fails".to_owned();
        match self {
            Key::Rsa { pair, .. } => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).map_err(failed)?;
                Ok(signature)
            }
            Key::Ec { pair, .. } => {
                pair.sign(&SystemRandom::new(), message).map(|s| s.as_ref().to_vec()).map_err(failed)
            }
            Key::Ed25519 { pair, .. } => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

/// A pair of RSA keys. `rsa` finds primes with a sieve before it tests them, in a fifth of the time of aws-lc, which
/// checks what comes out and does everything else with it.
fn rsa(bits: usize) -> Result<Key> {
    let failed = |error: &dyn std::fmt::Display| format!("the generator fails: {error}");
    let mut random = UnwrapErr(SysRng);
    let key = RsaPrivateKey::new(&mut random, bits).map_err(|error| failed(&error))?;
    let document = key.to_pkcs1_der().map_err(|error| failed(&error))?;
    Key::from_pkcs1(document.as_bytes())
}

fn curve_of(oid: &[u8]) -> Option<&'static Curve> {
    CURVES.iter().find(|curve| curve.oid == oid)
}

fn sec1(curve: &Curve, private: &[u8], public: Option<&[u8]>) -> Vec<u8> {
    let curve_oid = der::element(der::context(0), &der::element(der::OID, curve.oid));
    let public = public.map(|public| der::element(der::context(1), &der::bits(public, 0))).unwrap_or_default();
    let private = der::element(der::OCTET_STRING, private);
    der::list(der::SEQUENCE, &[&der::unsigned(&[1]), &private, &curve_oid, &public])
}
