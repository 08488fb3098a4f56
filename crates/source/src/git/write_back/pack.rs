//! A pack of whole objects (git's pack format, version 2): no deltas, since what is new is little.

use super::NewObject;
use crate::{Error, ErrorKind};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::hash::Kind as HashKind;
use gix::objs::Kind;
use std::collections::HashSet;
use std::io::Write;

/// The pack of these objects; one that is named twice is in it once.
pub(super) fn pack<'a>(objects: impl Iterator<Item = &'a NewObject>, hash: HashKind) -> Result<Vec<u8>, Error> {
    let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::Storage, format!("packing: {error}"));
    let mut seen = HashSet::new();
    let objects: Vec<&NewObject> = objects.filter(|object| seen.insert(object.id)).collect();
    let count = u32::try_from(objects.len()).map_err(|error| failed(&error))?;
    let mut data = b"PACK".to_vec();
    data.extend_from_slice(&2u32.to_be_bytes());
    data.extend_from_slice(&count.to_be_bytes());
    for object in objects {
        head(&mut data, object.kind, object.data.len());
        let mut encoder = ZlibEncoder::new(&mut data, Compression::default());
        encoder.write_all(&object.data).map_err(|error| failed(&error))?;
        encoder.finish().map_err(|error| failed(&error))?;
    }
    let mut hasher = gix::hash::hasher(hash);
    hasher.update(&data);
    let sum = hasher.try_finalize().map_err(|error| failed(&error))?;
    data.extend_from_slice(sum.as_slice());
    Ok(data)
}

/// The kind in three bits, the length in four and then sevens, the lowest first.
fn head(data: &mut Vec<u8>, kind: Kind, length: usize) {
    let kind: u8 = match kind {
        Kind::Commit => 1,
        Kind::Tree => 2,
        Kind::Blob => 3,
        Kind::Tag => 4,
    };
    let mut byte = kind << 4 | (length & 0xf) as u8;
    let mut rest = length >> 4;
    while rest > 0 {
        data.push(byte | 0x80);
        byte = (rest & 0x7f) as u8;
        rest >>= 7;
    }
    data.push(byte);
}
