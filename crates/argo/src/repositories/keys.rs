//! Public keys of those whose signatures count. A key is taken apart only as far as to know its name.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Value, object};
use sha1::{Digest, Sha1};

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
    /// `rsa`, `eddsa`, ...
    pub algorithm: &'static str,
    /// Its text.
    pub armoured: String,
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
            "subType" => self.algorithm,
        }
    }
}

/// The keys of a config map, as they are called there.
pub fn known(by_id: &BTreeMap<String, String>) -> Vec<PublicKey> {
    let key = |(id, armoured): (&String, &String)| {
        let found = blocks(armoured).first().and_then(|block| read(block));
        found.map(|key| PublicKey { id: id.clone(), ..key })
    };
    by_id.iter().filter_map(key).collect()
}

/// Reads the keys of a text that somebody gives; one that cannot be read is an error.
pub fn read_all(text: &str) -> Result<Vec<PublicKey>, String> {
    if text.len() > MAX_BYTES {
        return Err("the keys are larger than 512 KiB".to_owned());
    }
    let keys = blocks(text).iter().map(|block| read(block)).collect::<Option<Vec<PublicKey>>>();
    keys.filter(|keys| !keys.is_empty())
        .ok_or_else(|| "Could not validate key data: no armoured public key of OpenPGP (version 4)".to_owned())
}

const BEGIN: &str = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END: &str = "-----END PGP PUBLIC KEY BLOCK-----";

/// The armoured blocks of a text.
fn blocks(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(begin) = rest.find(BEGIN) {
        let Some(length) = rest[begin..].find(END) else { break };
        found.push(rest[begin..begin + length + END.len()].to_owned());
        rest = &rest[begin + length + END.len()..];
    }
    found
}

/// Reads the first key of a block and its first user id (RFC 9580, version 4).
fn read(armoured: &str) -> Option<PublicKey> {
    let inner = armoured.strip_prefix(BEGIN)?.strip_suffix(END)?;
    // Headers end at an empty line; the checksum begins with `=`.
    let lines: Vec<&str> = inner.lines().map(str::trim).collect();
    let body = lines.iter().skip(1).position(|line| line.is_empty()).map_or(1, |at| at + 2);
    let body: String = lines.get(body..)?.iter().take_while(|line| !line.starts_with('=')).copied().collect();
    let bytes = STANDARD.decode(body).ok()?;
    let mut rest: &[u8] = &bytes;
    let mut key: Option<PublicKey> = None;
    while let Some((tag, packet, after)) = packet(rest) {
        rest = after;
        match (tag, &mut key) {
            (6, None) => key = Some(public_key(packet, armoured)?),
            (13, Some(key)) => {
                key.owner = String::from_utf8_lossy(packet).chars().take(200).collect();
                break;
            }
            _ => {}
        }
    }
    key
}

fn public_key(packet: &[u8], armoured: &str) -> Option<PublicKey> {
    if packet.first() != Some(&4) {
        return None;
    }
    let length = u16::try_from(packet.len()).ok()?;
    let mut hash = Sha1::new();
    hash.update([0x99]);
    hash.update(length.to_be_bytes());
    hash.update(packet);
    let fingerprint: String = hash.finalize().iter().map(|byte| format!("{byte:02X}")).collect();
    let algorithm = match packet.get(5)? {
        1..=3 => "rsa",
        17 => "dsa",
        19 => "ecdsa",
        22 | 27 => "eddsa",
        _ => "unknown",
    };
    let id = fingerprint[fingerprint.len() - 16..].to_owned();
    Some(PublicKey { id, fingerprint, owner: String::new(), algorithm, armoured: armoured.to_owned() })
}

/// The first packet: its tag, its body, what follows.
fn packet(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let first = *bytes.first()?;
    if first & 0x80 == 0 {
        return None;
    }
    let byte = |at: usize| bytes.get(at).map(|b| usize::from(*b));
    let (tag, head, length): (u8, usize, usize) = if first & 0x40 != 0 {
        let (head, length) = match byte(1)? {
            short @ 0..=191 => (2, short),
            long @ 192..=223 => (3, ((long - 192) << 8) + byte(2)? + 192),
            255 => (6, byte(2)? << 24 | byte(3)? << 16 | byte(4)? << 8 | byte(5)?),
            // Partial lengths are not for keys.
            _ => return None,
        };
        (first & 0x3f, head, length)
    } else {
        let (head, length) = match first & 3 {
            0 => (2, byte(1)?),
            1 => (3, byte(1)? << 8 | byte(2)?),
            2 => (5, byte(1)? << 24 | byte(2)? << 16 | byte(3)? << 8 | byte(4)?),
            _ => (1, bytes.len() - 1),
        };
        (first >> 2 & 0xf, head, length)
    };
    let end = head.checked_add(length)?;
    Some((tag, bytes.get(head..end)?, &bytes[end..]))
}
