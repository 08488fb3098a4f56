//! Public keys of those whose signatures count: as they are kept in a config map, and as they are told.
//! What OpenPGP says of a key is read by `belay_source`, which checks signatures by it.

use std::collections::BTreeMap;

use belay_object::{Value, object};
use belay_source::{PgpKey, pgp_keys};

/// A ring of keys; a config map holds 1 MiB.
const MAX_BYTES: usize = 512 << 10;

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    /// 16 digits in capitals.
    pub id: String,
    /// 40 digits in capitals.
    pub fingerprint: String,
    /// Its first user id.
    pub owner: String,
    /// `rsa4096`, `ed25519`, ...
    pub algorithm: String,
    /// Its text.
    pub armoured: String,
}

impl From<PgpKey> for PublicKey {
    fn from(key: PgpKey) -> PublicKey {
        let PgpKey { id, fingerprint, owner, algorithm, armored } = key;
        PublicKey { id, fingerprint, owner, algorithm, armoured: armored }
    }
}

impl PublicKey {
    /// A key is called by its id, or by its fingerprint.
    pub fn is_called(&self, name: &str) -> bool {
        let name = name.to_ascii_uppercase();
        self.id == name || self.fingerprint == name
    }

    /// What an API tells of it, without its text.
    pub fn to_value(&self) -> Value {
        object! {
            "keyID" => self.id.as_str(),
            "fingerprint" => self.fingerprint.as_str(),
            "owner" => self.owner.as_str(),
            "trust" => "unknown",
            "subType" => self.algorithm.as_str(),
        }
    }
}

/// The keys of a config map, as they are called and written there.
pub fn known(by_id: &BTreeMap<String, String>) -> Vec<PublicKey> {
    let key = |(id, text): (&String, &String)| {
        let found = pgp_keys(text).ok()?.into_iter().next()?;
        Some(PublicKey { id: id.clone(), armoured: text.clone(), ..found.into() })
    };
    by_id.iter().filter_map(key).collect()
}

/// Reads the keys of a text that somebody gives; one that cannot be read is an error.
pub fn read_all(text: &str) -> Result<Vec<PublicKey>, String> {
    if text.len() > MAX_BYTES {
        return Err("the keys are larger than 512 KiB".to_owned());
    }
    let keys = pgp_keys(text).map_err(|why| format!("Could not validate key data: {why}"))?;
    Ok(keys.into_iter().map(PublicKey::from).collect())
}
