//! Public keys of OpenPGP: read from their armored text, and described for people. Whether a signature is by
//! one of them is for `verify`.

use std::fmt::Display;

use pgp::composed::{ArmorOptions, Deserializable, SignedPublicKey};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams};

use crate::{Error, ErrorKind};

/// A public key, as people know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PgpKey {
    /// Sixteen digits in capitals.
    pub id: String,
    /// Forty digits in capitals; sixty-four of keys of version 6.
    pub fingerprint: String,
    /// Its first user id, cut after 200 characters; empty where it has none.
    pub owner: String,
    /// As GnuPG writes it: `rsa4096`, `ed25519`, `nistp256`.
    pub algorithm: String,
    /// This key alone, armored.
    pub armored: String,
}

/// Longest user id that is told, in characters.
const MAX_OWNER: usize = 200;

/// The keys of a text, which may hold several armored blocks, and each of them several keys.
///
/// # Errors
/// Where there is none, or one of them cannot be read.
pub fn pgp_keys(text: &str) -> Result<Vec<PgpKey>, Error> {
    read_ring(text)?.iter().map(described).collect()
}

/// All keys of a text.
pub(super) fn read_ring(text: &str) -> Result<Vec<SignedPublicKey>, Error> {
    const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
    let mut keys = Vec::new();
    for (at, _) in text.match_indices(BEGIN) {
        let end = text[at + BEGIN.len()..].find(BEGIN).map_or(text.len(), |next| at + BEGIN.len() + next);
        let (found, _) = SignedPublicKey::from_string_many(&text[at..end]).map_err(|error| unreadable(&error))?;
        for key in found {
            keys.push(key.map_err(|error| unreadable(&error))?);
        }
    }
    if keys.is_empty() { Err(unreadable(&"no armored public key found")) } else { Ok(keys) }
}

fn unreadable(why: &dyn Display) -> Error {
    Error::new(ErrorKind::Credentials, format!("unable to read the PGP key ring: {why}"))
}

fn described(key: &SignedPublicKey) -> Result<PgpKey, Error> {
    let primary = &key.primary_key;
    let owner = key.details.users.first().map(|user| String::from_utf8_lossy(user.id.id()).into_owned());
    Ok(PgpKey {
        id: primary.legacy_key_id().to_string().to_uppercase(),
        fingerprint: primary.fingerprint().to_string().to_uppercase(),
        owner: owner.unwrap_or_default().chars().take(MAX_OWNER).collect(),
        algorithm: algorithm(primary.public_params()),
        armored: key.to_armored_string(ArmorOptions::default()).map_err(|error| unreadable(&error))?,
    })
}

fn algorithm(params: &PublicParams) -> String {
    // The first number of these begins with how many bits it has (RFC 9580, 3.2).
    let sized = |name: &str| {
        let written = params.to_bytes().unwrap_or_default();
        let bits = written.first_chunk::<2>().map_or(0, |bits| u16::from_be_bytes(*bits));
        format!("{name}{bits}")
    };
    match params {
        PublicParams::RSA(_) => sized("rsa"),
        PublicParams::DSA(_) => sized("dsa"),
        PublicParams::Elgamal(_) => sized("elg"),
        PublicParams::ECDSA(key) => {
            let curve = key.curve();
            curve.alias().unwrap_or_else(|| curve.name()).to_owned()
        }
        PublicParams::EdDSALegacy(_) | PublicParams::Ed25519(_) => "ed25519".to_owned(),
        PublicParams::Ed448(_) => "ed448".to_owned(),
        // What encrypts alone, or is not known, signs nothing.
        _ => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PGP: &str = include_str!("verify/testdata/pgp.asc");
    const OTHER: &str = include_str!("verify/testdata/pgp-other.asc");

    #[test]
    fn each_key_of_a_text_is_told_by_itself() {
        let both = pgp_keys(&format!("a note\n{PGP}\n{OTHER}")).unwrap();
        let [one, other] = &both[..] else { panic!("two keys: {both:?}") };
        assert_eq!(one.id, "35982DDD2F077A12");
        assert!(one.fingerprint.ends_with(&one.id) && one.fingerprint.len() == 40, "{one:?}");
        assert!(one.owner.contains('@') && one.id != other.id, "{both:?}");
        assert_eq!(pgp_keys(&one.armored).unwrap(), std::slice::from_ref(one), "its text is its own alone");
        // Two keys in one block are two keys.
        let joined: Vec<u8> =
            read_ring(&format!("{PGP}\n{OTHER}")).unwrap().iter().flat_map(|key| key.to_bytes().unwrap()).collect();
        let packed = |bytes: &[u8]| {
            use base64::Engine as _;
            let body = base64::engine::general_purpose::STANDARD.encode(bytes);
            format!("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n{body}\n-----END PGP PUBLIC KEY BLOCK-----\n")
        };
        assert_eq!(pgp_keys(&packed(&joined)).unwrap(), both);
        assert!(pgp_keys(&packed(&joined[..joined.len() / 3])).is_err(), "half a key is none");
    }

    #[test]
    fn what_is_no_key_is_an_error() {
        for text in ["", "nonsense", "-----BEGIN PGP PUBLIC KEY BLOCK-----", &PGP.replace("PUBLIC", "PRIVATE")] {
            assert!(pgp_keys(text).is_err(), "{text}");
        }
    }
}
