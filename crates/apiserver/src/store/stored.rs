//! One version of one object, and the events between them.

use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use belay_object::Object;
use bytes::Bytes;
use parking_lot::Mutex;

/// An object as stored: its tree, and its JSON for as long as somebody may want to send it.
pub struct Stored {
    object: Object,
    version: u64,
    behind_kind: usize,
    json: Mutex<Option<Bytes>>,
    /// The digest of an apply request that leads to this very state; 0 for none.
    applied: AtomicU64,
}

/// Writes kind and apiVersion first, as the real server does, so that what follows them is one run of
/// bytes: list items of built-in kinds are written without the two. Gives where that run begins.
fn write_json(object: &Object, out: &mut Vec<u8>) -> usize {
    out.push(b'{');
    let fields = object.fields();
    let mut first = true;
    let mut write = |key: &str, value: &belay_object::Value, out: &mut Vec<u8>| {
        if !std::mem::take(&mut first) {
            out.push(b',');
        }
        belay_object::Value::from(key).write_json(out);
        out.push(b':');
        value.write_json(out);
    };
    for key in ["kind", "apiVersion"] {
        if let Some(value) = fields.get(key) {
            write(key, value, out);
        }
    }
    let behind = out.len() + usize::from(out.len() > 1);
    if let Some(value) = fields.get("metadata") {
        write("metadata", value, out);
    }
    for (key, value) in fields.iter().filter(|(k, _)| !matches!(k.as_str(), "kind" | "apiVersion" | "metadata")) {
        write(key, value, out);
    }
    out.push(b'}');
    behind
}

impl Stored {
    /// Writes the version into the object's metadata and its JSON once.
    pub(crate) fn new(mut object: Object, version: u64) -> Stored {
        object.set(&["metadata", "resourceVersion"], itoa::Buffer::new().format(version));
        let mut json = Vec::with_capacity(1024);
        let behind_kind = write_json(&object, &mut json);
        Stored { object, version, behind_kind, json: Mutex::new(Some(json.into())), applied: AtomicU64::new(0) }
    }
    /// The object.
    pub fn object(&self) -> &Object {
        &self.object
    }
    /// `metadata.resourceVersion`
    pub fn version(&self) -> u64 {
        self.version
    }
    /// Compact JSON in the stored version; shared while the history holds the object, made anew afterwards.
    pub fn json(&self) -> Bytes {
        if let Some(json) = &*self.json.lock() {
            return json.clone();
        }
        let mut json = Vec::with_capacity(1024);
        write_json(&self.object, &mut json);
        json.into()
    }
    /// The JSON behind kind and apiVersion: `"metadata":...}`.
    pub(crate) fn json_behind_kind(&self) -> Bytes {
        self.json().slice(self.behind_kind..)
    }
    /// Whether this apply request has been seen to lead here. A 64-bit digest under a key that is random
    /// in every process: nobody can make two requests that meet in it.
    pub(crate) fn is_applied(&self, digest: u64) -> bool {
        self.applied.load(Ordering::Acquire) == digest
    }
    pub(crate) fn set_applied(&self, digest: u64) {
        self.applied.store(digest, Ordering::Release);
    }
    pub(crate) fn forget_json(&self) {
        *self.json.lock() = None;
    }
}

impl Deref for Stored {
    type Target = Object;
    fn deref(&self) -> &Object {
        &self.object
    }
}
impl std::fmt::Debug for Stored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.object.key(), self.version)
    }
}

/// What happened to an object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// It is new.
    Added,
    /// It has changed.
    Modified,
    /// It is gone; the event's object is its last state, at the version of the deletion.
    Deleted,
}

impl EventKind {
    /// As a watch says it.
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Added => "ADDED",
            EventKind::Modified => "MODIFIED",
            EventKind::Deleted => "DELETED",
        }
    }
}

/// One change of one object.
#[derive(Debug)]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The key in the table.
    pub key: Arc<str>,
    /// The state after it (before it, at the new version, for a deletion).
    pub stored: Arc<Stored>,
    /// The state before it.
    pub previous: Option<Arc<Stored>>,
    /// The line of a watch in the stored version, made by the first watcher that needs it.
    pub(crate) line: OnceLock<Bytes>,
    /// The same with metadata alone.
    pub(crate) metadata_line: OnceLock<Bytes>,
}

impl Event {
    /// The version it happened at.
    pub fn version(&self) -> u64 {
        self.stored.version
    }
    /// About how many bytes of JSON it holds; the line doubles its object's.
    pub(crate) fn size_bytes(&self) -> usize {
        self.stored.json.lock().as_ref().map_or(0, Bytes::len) * 2
    }
}
