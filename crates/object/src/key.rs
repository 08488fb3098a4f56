//! Field names, shared.
//!
//! The same few thousand names (`metadata`, `name`, `matchLabels`) stand in every object, so the
//! first names seen are kept once for the life of the process and a [`Key`] points at them.
//! The number and length of kept names are bounded: what users invent (config map keys, labels)
//! beyond the bound is owned by each key.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, OnceLock, RwLock};

/// Kept names: 16,384 names of at most 64 bytes are at most 1 MiB of text.
const MAX_NAMES: usize = 16_384;
const MAX_NAME_BYTES: usize = 64;

/// A field name; cheap to clone, compared and hashed as its text.
#[derive(Clone)]
pub struct Key(Repr);

#[derive(Clone)]
enum Repr {
    /// A thin pointer to a kept name: eight bytes instead of sixteen.
    Kept(&'static &'static str),
    Owned(Arc<Box<str>>),
}

struct Name(&'static &'static str);

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self.0
    }
}
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl Eq for Name {}
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self.0).hash(state)
    }
}

fn kept(text: &str) -> Option<&'static &'static str> {
    static NAMES: OnceLock<RwLock<HashSet<Name>>> = OnceLock::new();
    if text.len() > MAX_NAME_BYTES {
        return None;
    }
    let names = NAMES.get_or_init(Default::default);
    if let Some(name) = names.read().ok()?.get(text) {
        return Some(name.0);
    }
    let mut names = names.write().ok()?;
    if let Some(name) = names.get(text) {
        return Some(name.0);
    }
    if names.len() >= MAX_NAMES {
        return None;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    let name: &'static &'static str = Box::leak(Box::new(text));
    names.insert(Name(name));
    Some(name)
}

impl Key {
    /// Makes the key of this text.
    pub fn new(text: &str) -> Key {
        match kept(text) {
            Some(name) => Key(Repr::Kept(name)),
            None => Key(Repr::Owned(Arc::new(text.into()))),
        }
    }

    /// Gives the text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Kept(name) => name,
            Repr::Owned(name) => name,
        }
    }
}

impl Deref for Key {
    type Target = str;
    fn deref(&self) -> &str {
        self.as_str()
    }
}
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}
impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}
impl From<&str> for Key {
    fn from(text: &str) -> Key {
        Key::new(text)
    }
}
impl From<String> for Key {
    fn from(text: String) -> Key {
        Key::new(&text)
    }
}
impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        if let (Repr::Kept(a), Repr::Kept(b)) = (&self.0, &other.0)
            && std::ptr::eq(*a, *b)
        {
            return true;
        }
        self.as_str() == other.as_str()
    }
}
impl Eq for Key {}
impl PartialEq<str> for Key {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}
impl PartialEq<&str> for Key {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}
impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Key {
    fn cmp(&self, other: &Key) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}
impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state)
    }
}
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
