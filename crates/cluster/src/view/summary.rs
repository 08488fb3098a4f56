//! What is kept of each object: about a hundred bytes beside the name and the summary.

use std::fmt;
use std::sync::Arc;

use belay_object::Object;

use super::{Summarize, View, Views};
use crate::Resource;

/// What every view keeps of an object, with the summary of its own.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry<S> {
    /// Which incarnation of the name this is.
    pub uid: Uid,
    /// The version last seen; changes that leave all else equal are not told.
    pub resource_version: Box<str>,
    /// `metadata.generation`
    pub generation: i64,
    /// Whether a deletion timestamp is set.
    pub deleting: bool,
    /// The summary.
    pub summary: S,
}

impl<S> Entry<S> {
    pub(super) fn of(object: &Object, summary: S) -> Entry<S> {
        Entry {
            uid: Uid::new(object.uid()),
            resource_version: object.resource_version().into(),
            generation: object.generation(),
            deleting: object.is_deleting(),
            summary,
        }
    }
}

/// A uid in sixteen bytes where it is a UUID in its usual form, which all but old imports are.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Uid(Form);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Form {
    Uuid([u8; 16]),
    Text(Box<str>),
}

const DASHES: [usize; 4] = [8, 13, 18, 23];

impl Uid {
    /// Makes one from its text.
    pub fn new(text: &str) -> Uid {
        Uid(parse(text).map_or_else(|| Form::Text(text.into()), Form::Uuid))
    }
    /// Whether the object had no uid.
    pub fn is_empty(&self) -> bool {
        matches!(&self.0, Form::Text(text) if text.is_empty())
    }
}

fn parse(text: &str) -> Option<[u8; 16]> {
    let bytes = text.as_bytes();
    if bytes.len() != 36 {
        return None;
    }
    let (mut uuid, mut digits) = ([0u8; 16], 0);
    for (i, byte) in bytes.iter().enumerate() {
        if DASHES.contains(&i) {
            if *byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            _ => return None,
        };
        uuid[digits / 2] = uuid[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(uuid)
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Form::Text(text) => f.write_str(text),
            Form::Uuid(bytes) => {
                for (i, byte) in bytes.iter().enumerate() {
                    if matches!(i, 4 | 6 | 8 | 10) {
                        f.write_str("-")?;
                    }
                    write!(f, "{byte:02x}")?;
                }
                Ok(())
            }
        }
    }
}
impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Keeps whole objects, managedFields aside: for the few kinds that are the caller's own.
#[derive(Clone, Copy, Debug, Default)]
pub struct CrSummary;

impl Summarize for CrSummary {
    type Summary = Arc<Object>;
    fn summarize(&self, _: &Resource, mut object: Object) -> Option<Arc<Object>> {
        object.remove(&["metadata", "managedFields"]);
        let mut value = object.into_value();
        value.shrink();
        Object::new(value).ok().map(Arc::new)
    }
}

/// The live view of a kind whose objects are kept whole.
pub type CrView = View<CrSummary>;

impl View<CrSummary> {
    /// One object.
    pub fn object(&self, namespace: &str, name: &str) -> Option<Arc<Object>> {
        Some(self.get(namespace, name)?.summary)
    }
    /// All objects, by namespace; within one the order is not defined.
    pub fn objects(&self) -> Vec<Arc<Object>> {
        let mut all = Vec::with_capacity(self.len());
        self.each(|_, _, entry| all.push(entry.summary.clone()));
        all
    }
}

impl Views<CrSummary> {
    /// Views of kinds whose objects are kept whole.
    pub fn of_whole_objects(cluster: crate::Cluster, linger: std::time::Duration) -> Views<CrSummary> {
        Views::new(cluster, CrSummary, linger)
    }
}
