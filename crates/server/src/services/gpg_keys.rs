//! Public keys of those whose signatures count. A key is taken apart only as far as to know its name.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_argo::names::{GPG_KEYS, PART_OF};
use belay_cluster::{ErrorKind, Patch};
use belay_object::{Map, Object, Value, object};
use sha1::{Digest, Sha1};

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, text};
use crate::snapshot::{config_maps, shown};

/// A ring of keys; a config map holds 1 MiB.
const MAX_BYTES: usize = 512 << 10;

/// A public key.
struct Key {
    /// 16 digits in capitals.
    id: String,
    fingerprint: String,
    owner: String,
    algorithm: &'static str,
    armoured: String,
}

/// The keys.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "get", "")?;
    let wanted = call.query("keyID");
    let keys = known(&call).into_iter().filter(|key| wanted.is_empty() || is_called(key, wanted));
    Ok(told(keys.collect()).into())
}

/// One key, with its text.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "get", "")?;
    let id = call.path("keyID");
    let found = known(&call).into_iter().find(|key| is_called(key, id));
    let key = found.ok_or_else(|| Error::not_found(format!("No such key: {id}")))?;
    let mut value = shown_key(&key);
    value.set(&["keyData"], key.armoured);
    Ok(value.into())
}

/// Adds the keys of a text.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "create", "")?;
    let message = call.message()?;
    let given = text(&message, "keyData");
    if given.len() > MAX_BYTES {
        return Err(Error::invalid("the keys are larger than 512 KiB"));
    }
    let keys = blocks(given).iter().map(|block| read(block)).collect::<Option<Vec<Key>>>();
    let keys = keys.filter(|keys| !keys.is_empty());
    let keys = keys
        .ok_or_else(|| Error::invalid("Could not validate key data: no armoured public key of OpenPGP (version 4)"))?;
    let all = known(&call);
    let upsert = call.flag("upsert")?.unwrap_or(false);
    let (mut created, mut skipped, mut data) = (Vec::new(), Vec::new(), Map::new());
    for key in keys {
        if !upsert && all.iter().any(|known| known.id == key.id) {
            skipped.push(key.id);
        } else {
            data.insert(key.id.as_str(), key.armoured.as_str());
            created.push(key);
        }
    }
    if !data.is_empty() {
        write(&call, data).await?;
    }
    let mut answer = object! { "created" => told(created) };
    if !skipped.is_empty() {
        answer.set(&["skipped"], skipped.into_iter().collect::<Value>());
    }
    Ok(answer.into())
}

/// Takes a key away.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    call.require("gpgkeys", "delete", "")?;
    let id = call.query("keyID");
    if id.is_empty() {
        return Err(Error::invalid("no key id given"));
    }
    let found = known(&call).into_iter().find(|key| is_called(key, id));
    let key = found.ok_or_else(|| Error::not_found(format!("No such key: {id}")))?;
    write(&call, Map::from_iter([(key.id.as_str(), Value::Null)])).await?;
    Ok(Answer::empty())
}

/// A key is called by its id, or by a longer name that ends with it.
fn is_called(key: &Key, name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    key.id == name || key.fingerprint == name
}

fn known(call: &Call) -> Vec<Key> {
    let keys = &call.at.config.trust.gpg_keys;
    let key = |(id, armoured): (&String, &String)| {
        let found = blocks(armoured).first().and_then(|block| read(block));
        found.map(|key| Key { id: id.clone(), ..key })
    };
    keys.iter().filter_map(key).collect()
}

fn shown_key(key: &Key) -> Value {
    object! {
        "keyID" => key.id.as_str(),
        "fingerprint" => key.fingerprint.as_str(),
        "owner" => key.owner.as_str(),
        "trust" => "unknown",
        "subType" => key.algorithm,
    }
}

fn told(keys: Vec<Key>) -> Value {
    let items: Value = keys.iter().map(shown_key).collect();
    let items = if items.items().is_empty() { Value::Null } else { items };
    object! { "metadata" => object! {}, "items" => items }
}

async fn write(call: &Call, data: Map) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let patch = Patch::Merge(object! { "data" => data.clone() });
    let written = match cluster.patch(&config_maps(), namespace, GPG_KEYS, &patch, &api.writing()).await {
        Err(e) if e.kind() == ErrorKind::NotFound => {
            let mut map = Object::of("v1", "ConfigMap", namespace, GPG_KEYS);
            map.set_label(PART_OF.0, PART_OF.1);
            map.set(&["data"], data);
            cluster.create(&config_maps(), &map, &api.writing()).await
        }
        other => other,
    };
    let written = written.map_err(|e| Error::new(Error::from(e.clone()).code(), e.message()))?;
    shown(&api.watches.maps, &written).await;
    Ok(())
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
fn read(armoured: &str) -> Option<Key> {
    let inner = armoured.strip_prefix(BEGIN)?.strip_suffix(END)?;
    // Headers end at an empty line; the checksum begins with `=`.
    let lines: Vec<&str> = inner.lines().map(str::trim).collect();
    let body = lines.iter().skip(1).position(|line| line.is_empty()).map_or(1, |at| at + 2);
    let body: String = lines.get(body..)?.iter().take_while(|line| !line.starts_with('=')).copied().collect();
    let bytes = STANDARD.decode(body).ok()?;
    let mut rest: &[u8] = &bytes;
    let mut key: Option<Key> = None;
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

fn public_key(packet: &[u8], armoured: &str) -> Option<Key> {
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
    Some(Key { id, fingerprint, owner: String::new(), algorithm, armoured: armoured.to_owned() })
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
