//! Renders remembered by what they read.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use belay_tree::{Digest, ReadLog, Recorded, Tree};
use parking_lot::Mutex;

use crate::render;
use crate::rendered::Digested;
use crate::{Error, ErrorKind, Made, RenderSpec, Rendered};

/// How much is remembered.
#[derive(Clone, Copy, Debug)]
pub struct MemoLimits {
    /// Renders.
    pub entries: usize,
    /// Bytes of rendered objects, about; beyond it objects are forgotten and what was read is kept.
    pub bytes: usize,
}

impl Default for MemoLimits {
    /// 20,000 apps; 32 MiB.
    fn default() -> MemoLimits {
        MemoLimits { entries: 20_000, bytes: 32 << 20 }
    }
}

/// How often a render was made, and how often it was remembered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoCounts {
    /// Renders made, failed ones included.
    pub renders: u64,
    /// Renders remembered, or known to give what they gave.
    pub hits: u64,
    /// Renders of which the outcome was still known, but the objects had to be made again.
    pub forgotten: u64,
}

/// What is known of a render whose reads still give the same: enough to see that nothing changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Digest of the objects' text.
    pub digest: Digest,
    /// What the renderer wants to be known, a sentence each.
    pub warnings: Vec<String>,
}

/// Renders remembered by what they read. Cheap to clone; clones share.
///
/// An entry is found by the digest of its spec, which holds the renderer's version, and counts if
/// every read of its log gives the same in the tree at hand. So a commit that changes none of the
/// reads costs no render. Failed renders are not remembered.
#[derive(Clone, Default)]
pub struct Memo(Arc<Inner>);

#[derive(Default)]
struct Inner {
    limits: MemoLimits,
    state: Mutex<State>,
    renders: AtomicU64,
    hits: AtomicU64,
    forgotten: AtomicU64,
}

/// What was read, a log for each tree of a render.
type Reads = Arc<[Arc<ReadLog>]>;

/// *Invariant*: `order` holds each entry of `entries` once, under its `used`; `held` those of them
/// that have objects, and `bytes` is the sum of their sizes.
#[derive(Default)]
struct State {
    entries: HashMap<Digest, Entry>,
    /// Spec digests by when they were used last.
    order: BTreeMap<u64, Digest>,
    held: BTreeMap<u64, Digest>,
    clock: u64,
    bytes: usize,
}

struct Entry {
    /// What was read of each tree.
    reads: Reads,
    known: Arc<Known>,
    /// The objects, unless forgotten.
    rendered: Option<Arc<Rendered>>,
    bytes: usize,
    used: u64,
}

impl Memo {
    /// A memo with limits.
    pub fn new(limits: MemoLimits) -> Memo {
        Memo(Arc::new(Inner { limits, ..Inner::default() }))
    }

    /// Renders, or remembers a render all of whose reads give the same in this tree.
    pub fn render(&self, spec: &RenderSpec, tree: &Arc<dyn Tree>) -> Result<Arc<Rendered>, Error> {
        self.render_by(spec.digest(), std::slice::from_ref(tree), |trees| render::render(spec, trees[0]))
    }

    /// What is known of a render all of whose reads give the same in this tree; `None` where it
    /// must be made. Costs no render, whether or not its objects are remembered.
    pub fn known(&self, spec: &RenderSpec, tree: &Arc<dyn Tree>) -> Option<Known> {
        self.known_by(spec.digest(), std::slice::from_ref(tree))
    }

    /// As [`Memo::render`], with a renderer of the caller's.
    ///
    /// *Invariant*: `key` is a digest of all that goes into the render besides answers of the trees,
    /// the renderer's version included, and `render` reads the trees that it is given and no others.
    /// Renders of one key have the same number of trees in the same order.
    pub fn render_by(
        &self,
        key: Digest,
        trees: &[Arc<dyn Tree>],
        render: impl FnOnce(&[&dyn Tree]) -> Result<Made, Error>,
    ) -> Result<Arc<Rendered>, Error> {
        // The lock is not held while the log is checked: that may read a disk.
        let found = self.0.state.lock().find(key);
        if let Some((reads, _, rendered)) = found
            && still_hold(&reads, trees)
        {
            if let Some(rendered) = rendered {
                self.0.hits.fetch_add(1, Ordering::Relaxed);
                return Ok(rendered);
            }
            self.0.forgotten.fetch_add(1, Ordering::Relaxed);
        }
        self.0.renders.fetch_add(1, Ordering::Relaxed);
        let recorded: Vec<Recorded<Arc<dyn Tree>>> = trees.iter().map(|tree| Recorded::new(tree.clone())).collect();
        let seen: Vec<&dyn Tree> = recorded.iter().map(|tree| tree as &dyn Tree).collect();
        let made = guarded(|| render(&seen))?;
        let reads: Reads = recorded.into_iter().map(|tree| Arc::new(tree.finish())).collect();
        let Digested { digest, json_bytes } = made.digested();
        let known = Arc::new(Known { digest, warnings: made.warnings.clone() });
        let lasts = made.lasts;
        let rendered = Arc::new(Rendered {
            objects: made.objects,
            digest,
            warnings: made.warnings,
            renderer: made.renderer,
            reads: reads.clone(),
        });
        if lasts && reads.iter().all(|log| log.is_complete()) {
            // Objects take about twice their JSON (the crate that holds them measures that).
            let entry = Entry { reads, known, rendered: Some(rendered.clone()), bytes: json_bytes * 2, used: 0 };
            self.0.state.lock().keep(key, entry, &self.0.limits);
        }
        Ok(rendered)
    }

    /// As [`Memo::known`], for a render of [`Memo::render_by`].
    pub fn known_by(&self, key: Digest, trees: &[Arc<dyn Tree>]) -> Option<Known> {
        let (reads, known, _) = self.0.state.lock().find(key)?;
        if !still_hold(&reads, trees) {
            return None;
        }
        self.0.hits.fetch_add(1, Ordering::Relaxed);
        Some((*known).clone())
    }

    /// The counts so far.
    pub fn counts(&self) -> MemoCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        MemoCounts { renders: read(&self.0.renders), hits: read(&self.0.hits), forgotten: read(&self.0.forgotten) }
    }
}

/// Whether every read gives the same in these trees.
fn still_hold(reads: &[Arc<ReadLog>], trees: &[Arc<dyn Tree>]) -> bool {
    reads.len() == trees.len() && reads.iter().zip(trees).all(|(log, tree)| log.still_holds(&**tree))
}

/// A panic in a renderer is that render's error and nobody else's (INV-RES-7).
fn guarded(render: impl FnOnce() -> Result<Made, Error>) -> Result<Made, Error> {
    catch_unwind(AssertUnwindSafe(render)).unwrap_or_else(|panic| {
        let why = panic.downcast_ref::<&str>().copied().map(str::to_owned);
        let why = why.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no reason given".into());
        Err(Error::new(ErrorKind::Internal, format!("the renderer panicked: {why}")))
    })
}

type Found = (Reads, Arc<Known>, Option<Arc<Rendered>>);

impl State {
    /// An entry, used now.
    fn find(&mut self, key: Digest) -> Option<Found> {
        let entry = self.remove(key)?;
        let found = (entry.reads.clone(), entry.known.clone(), entry.rendered.clone());
        self.insert(key, entry);
        Some(found)
    }

    fn keep(&mut self, key: Digest, entry: Entry, limits: &MemoLimits) {
        self.remove(key);
        self.insert(key, entry);
        while self.entries.len() > limits.entries
            && let Some((_, oldest)) = self.order.first_key_value()
        {
            self.remove(*oldest);
        }
        while self.bytes > limits.bytes
            && let Some((_, oldest)) = self.held.pop_first()
            && let Some(entry) = self.entries.get_mut(&oldest)
        {
            entry.rendered = None;
            self.bytes -= entry.bytes;
        }
    }

    fn insert(&mut self, key: Digest, mut entry: Entry) {
        self.clock += 1;
        entry.used = self.clock;
        self.order.insert(entry.used, key);
        if entry.rendered.is_some() {
            self.held.insert(entry.used, key);
            self.bytes += entry.bytes;
        }
        self.entries.insert(key, entry);
    }

    fn remove(&mut self, key: Digest) -> Option<Entry> {
        let entry = self.entries.remove(&key)?;
        self.order.remove(&entry.used);
        if self.held.remove(&entry.used).is_some() {
            self.bytes -= entry.bytes;
        }
        Some(entry)
    }
}

#[cfg(test)]
mod tests;
