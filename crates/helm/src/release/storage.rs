//! The Secret that a record is kept in.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Object, Value};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::record::{Release, Status};
use crate::error::{Error, Result};

/// Labels that are Helm's own; users may not set them.
pub const SYSTEM_LABELS: [&str; 6] = ["name", "owner", "status", "version", "createdAt", "modifiedAt"];
/// The type of a Secret that holds a record.
const SECRET_TYPE: &str = "helm.sh/release.v1";
/// Largest record, unpacked. A Secret holds 1 MiB; manifests pack about ten times smaller, so that
/// 64 MiB is never met but by a bomb.
const MAX_BYTES: u64 = 64 << 20;

/// The level of packing fast.
const FAST: u32 = 3;

/// The name of the Secret of a revision.
pub fn key(name: &str, version: u32) -> String {
    format!("sh.helm.release.v1.{name}.v{version}")
}

/// Whether a record is being made or changed: which of the two times its Secret tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Made at a time, in seconds since 1970.
    Created(i64),
    /// Changed at a time. As in Helm, the time of its making is told no more.
    Modified(i64),
}

/// Refuses labels of the user that are Helm's own.
pub fn check_labels(labels: &BTreeMap<String, String>) -> Result<()> {
    if labels.keys().any(|key| SYSTEM_LABELS.contains(&key.as_str())) {
        return Err(Error::release(format!(
            "user supplied labels contains system reserved label name. System labels: [{}]",
            SYSTEM_LABELS.join(" ")
        )));
    }
    Ok(())
}

/// From how many packed bytes on a record is packed as small as can be, as Helm packs all: a Secret holds 1 MiB,
/// and base64 goes over it twice. Below, packing fast takes a quarter of the time, and a tenth more room.
const SMALL: usize = 128 << 10;

/// The text of `data.release` before the Secret's own base64.
pub fn encode_data(release: &Release) -> String {
    let json = release.to_json();
    let pack = |level: Compression| {
        let mut zipped = GzEncoder::new(Vec::with_capacity(json.len() / 4), level);
        // Writing to memory does not fail.
        let _ = zipped.write_all(&json);
        zipped.finish().unwrap_or_default()
    };
    let fast = pack(Compression::new(FAST));
    STANDARD.encode(if fast.len() < SMALL { fast } else { pack(Compression::best()) })
}

impl Release {
    /// Reads the text of `data.release` without the Secret's own base64; records of old that are
    /// not packed are read too.
    pub fn decode(data: &str) -> Result<Release> {
        let told = |e: String| Error::release(format!("release record does not decode: {e}"));
        let mut bytes = STANDARD.decode(data).map_err(|e| told(e.to_string()))?;
        if bytes.len() > 3 && bytes.starts_with(&[0x1f, 0x8b, 0x08]) {
            let mut unpacked = Vec::new();
            let mut reader = MultiGzDecoder::new(bytes.as_slice()).take(MAX_BYTES + 1);
            reader.read_to_end(&mut unpacked).map_err(|e| told(e.to_string()))?;
            if unpacked.len() as u64 > MAX_BYTES {
                return Err(Error::limit(format!("release record is larger than {MAX_BYTES} bytes")));
            }
            bytes = unpacked;
        }
        Release::from_json(&bytes)
    }
}

/// The Secret of a record.
pub fn secret(release: &Release, namespace: &str, stored: Stored) -> Object {
    let mut labels: Map = release
        .labels
        .iter()
        .filter(|(key, _)| !SYSTEM_LABELS.contains(&key.as_str()))
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .collect();
    labels.insert("name", release.name.as_str());
    labels.insert("owner", "helm");
    labels.insert("status", release.info.status.name());
    labels.insert("version", release.version.to_string());
    match stored {
        Stored::Created(time) => labels.insert("createdAt", time.to_string()),
        Stored::Modified(time) => labels.insert("modifiedAt", time.to_string()),
    };
    let mut secret = Object::of("v1", "Secret", namespace, &key(&release.name, release.version));
    secret.set(&["metadata", "labels"], labels);
    secret.set(&["type"], SECRET_TYPE);
    secret.set(&["data", "release"], STANDARD.encode(encode_data(release)));
    secret
}

/// Reads the record in a Secret; `None` if it holds none.
pub fn read_secret(secret: &Object) -> Result<Option<Release>> {
    let value = secret.value();
    let Some(data) = value.str_at(&["data", "release"]) else { return Ok(None) };
    if value.str_at(&["metadata", "labels", "owner"]).is_some_and(|owner| owner != "helm") {
        return Ok(None);
    }
    let told = |e: String| Error::release(format!("secret {}: {e}", secret.name()));
    let inner = STANDARD.decode(data).map_err(|e| told(e.to_string()))?;
    let inner = String::from_utf8(inner).map_err(|e| told(e.to_string()))?;
    let mut release = Release::decode(inner.trim()).map_err(|e| told(e.to_string()))?;
    let labels = value.at(&["metadata", "labels"]).and_then(Value::as_object);
    let own = labels.iter().flat_map(|labels| labels.iter()).filter(|(key, _)| !SYSTEM_LABELS.contains(&key.as_str()));
    release.labels = own.filter_map(|(k, v)| Some((k.to_string(), v.as_str()?.to_owned()))).collect();
    Ok(Some(release))
}

/// The state that a Secret's labels tell, without decoding the record.
impl Status {
    /// The state that the labels of a record's Secret tell.
    pub fn of_secret(secret: &Object) -> Status {
        secret.value().str_at(&["metadata", "labels", "status"]).map_or(Status::Unknown, Status::parse)
    }
}
