//! Reading one object database, with what was read lately kept decoded.

use super::tree_object::TreeObject;
use crate::{Error, ErrorKind};
use gix::hash::{Kind as HashKind, ObjectId};
use gix::objs::{Find, FindHeader, Kind};
use gix::odb::store::init::Slots;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// More than [`RepositoriesOptions::packs`](super::RepositoriesOptions::packs) may be.
const PACK_SLOTS: u16 = 128;
/// Largest tree, commit or tag that is decoded, in bytes. A tree of 100,000 entries has 5 MB.
const STRUCTURE_BYTES: u64 = 32 << 20;
/// Larger objects are not kept decoded: a renderer reads a file once.
const CACHED_BYTES: usize = 64 << 10;

/// Decoded objects of all databases, bounded in bytes. The key names the database too: an object
/// that one repository holds must not be readable through another one that only names its id.
#[derive(Debug)]
pub(crate) struct ObjectCache {
    raw: Halves<Arc<[u8]>>,
    trees: Halves<Arc<TreeObject>>,
}

impl ObjectCache {
    /// A cache of about `budget` bytes.
    pub(crate) fn new(budget: usize) -> ObjectCache {
        ObjectCache { raw: Halves::new(budget / 2), trees: Halves::new(budget / 2) }
    }
}

type Key = (u64, ObjectId);

/// A bounded map in two halves.
#[derive(Debug)]
struct Halves<V> {
    budget: usize,
    turns: Mutex<Turns<V>>,
}

/// What was used since the last turn, and what was used in the turn before.
#[derive(Debug)]
struct Turns<V> {
    young: HashMap<Key, V>,
    young_bytes: usize,
    old: HashMap<Key, V>,
}

impl<V: Clone> Halves<V> {
    fn new(budget: usize) -> Halves<V> {
        let turns = Turns { young: HashMap::new(), young_bytes: 0, old: HashMap::new() };
        Halves { budget, turns: Mutex::new(turns) }
    }

    fn get(&self, key: &Key, bytes: impl Fn(&V) -> usize) -> Option<V> {
        let mut turns = self.turns.lock();
        if let Some(found) = turns.young.get(key) {
            return Some(found.clone());
        }
        let found = turns.old.remove(key)?;
        turns.insert(*key, found.clone(), bytes(&found), self.budget);
        Some(found)
    }

    fn put(&self, key: Key, value: V, bytes: usize) {
        self.turns.lock().insert(key, value, bytes, self.budget);
    }
}

impl<V> Turns<V> {
    fn insert(&mut self, key: Key, value: V, bytes: usize, budget: usize) {
        // 100 bytes for the key, the map's slot and the allocation.
        self.young_bytes += bytes + 100;
        self.young.insert(key, value);
        if self.young_bytes > budget / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

/// One object database.
pub(crate) struct Objects {
    store: Arc<gix::odb::Store>,
    /// Handles that are not in use; each reads on one thread at a time.
    idle: Mutex<Vec<gix::odb::HandleArc>>,
    cache: Arc<ObjectCache>,
    number: u64,
    hash: HashKind,
}

impl Objects {
    /// Opens the database in a folder `objects`. One of ours has a fixed table of packs: it has none
    /// yet when it is opened.
    pub(crate) fn open(folder: &Path, hash: HashKind, cache: Arc<ObjectCache>, ours: bool) -> Result<Objects, Error> {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let slots = if ours { Slots::Given(PACK_SLOTS) } else { Slots::default() };
        let options = gix::odb::store::init::Options {
            slots,
            alloc_limit_bytes: Some(1 << 30),
            current_dir: Some(folder.to_owned()),
            ..Default::default()
        };
        let store = gix::odb::Store::at_opts(folder.to_owned(), hash, &mut std::iter::empty(), options)
            .map_err(|error| storage(&error))?;
        Ok(Objects {
            store: Arc::new(store),
            idle: Mutex::default(),
            cache,
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            hash,
        })
    }

    /// Which hash names the objects.
    pub(crate) fn hash(&self) -> HashKind {
        self.hash
    }

    /// A handle for gix's own functions, such as looking up the bases of a thin pack.
    pub(crate) fn handle(&self) -> gix::odb::HandleArc {
        self.store.to_cache_arc()
    }

    fn with<R>(&self, read: impl FnOnce(&gix::odb::HandleArc) -> R) -> R {
        let handle = self.idle.lock().pop().unwrap_or_else(|| self.store.to_cache_arc());
        let answer = read(&handle);
        let mut idle = self.idle.lock();
        // As many as threads are likely to read at once.
        if idle.len() < 8 {
            idle.push(handle);
        }
        answer
    }

    /// Whether the database has an object.
    pub(crate) fn has(&self, id: &ObjectId) -> bool {
        self.with(|handle| handle.try_header(id).is_ok_and(|header| header.is_some()))
    }

    /// Kind and length of an object; `None` if it is not there.
    pub(crate) fn header(&self, id: &ObjectId) -> Result<Option<(Kind, u64)>, Error> {
        let header = self.with(|handle| FindHeader::try_header(handle, id)).map_err(|error| storage(&error))?;
        Ok(header.map(|header| (header.kind, header.size)))
    }

    /// A tree.
    pub(crate) fn tree(&self, id: &ObjectId) -> Result<Arc<TreeObject>, Error> {
        let key = (self.number, *id);
        if let Some(found) = self.cache.trees.get(&key, |tree| tree.bytes()) {
            return Ok(found);
        }
        let data = self.load(id, Kind::Tree, STRUCTURE_BYTES)?;
        let tree = Arc::new(TreeObject::parse(data, self.hash)?);
        self.cache.trees.put(key, tree.clone(), tree.bytes());
        Ok(tree)
    }

    /// A commit or a tag.
    pub(crate) fn structure(&self, id: &ObjectId, kind: Kind) -> Result<Arc<[u8]>, Error> {
        self.object(id, kind, STRUCTURE_BYTES)
    }

    /// A commit that is not looked at again soon: others stay in memory.
    pub(crate) fn commit_once(&self, id: &ObjectId) -> Result<Vec<u8>, Error> {
        self.load(id, Kind::Commit, STRUCTURE_BYTES)
    }

    /// A blob of at most `limit` bytes.
    pub(crate) fn blob(&self, id: &ObjectId, limit: u64) -> Result<Arc<[u8]>, Error> {
        self.object(id, Kind::Blob, limit)
    }

    fn object(&self, id: &ObjectId, kind: Kind, limit: u64) -> Result<Arc<[u8]>, Error> {
        let key = (self.number, *id);
        if let Some(found) = self.cache.raw.get(&key, |data| data.len()) {
            return Ok(found);
        }
        let data: Arc<[u8]> = self.load(id, kind, limit)?.into();
        if data.len() <= CACHED_BYTES {
            self.cache.raw.put(key, data.clone(), data.len());
        }
        Ok(data)
    }

    fn load(&self, id: &ObjectId, kind: Kind, limit: u64) -> Result<Vec<u8>, Error> {
        let (found, size) = self.header(id)?.ok_or_else(|| missing(id))?;
        if found != kind {
            return Err(Error::new(ErrorKind::Hostile, format!("object {id} is a {found}, expected a {kind}")));
        }
        if size > limit {
            // Who reads a file tells its path; an id says nothing to people.
            let what = if kind == Kind::Blob { "it".to_owned() } else { format!("{kind} {id}") };
            return Err(Error::new(ErrorKind::TooLarge, format!("{what} has {size} bytes, the limit is {limit}")));
        }
        self.with(|handle| {
            let mut buffer = Vec::new();
            match handle.try_find(id, &mut buffer).map_err(|error| storage(&error))? {
                Some(_) => Ok(buffer),
                None => Err(missing(id)),
            }
        })
    }
}

fn missing(id: &ObjectId) -> Error {
    Error::new(ErrorKind::Storage, format!("object {id} is not in the mirror"))
}

fn storage(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Storage, format!("reading the mirror: {error}"))
}
