//! What was read of a tree, and whether another tree would answer the same.

use crate::tree::{Entry, ListItem, Stat, Tree, listing_digest};
use crate::{Digest, DigestBuilder, Error, TreePath};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A tree that keeps a log of all that is asked of it. Provided methods of [`Tree`] (following
/// symlinks, say) are logged as the raw reads that they are made of.
#[derive(Debug)]
pub struct Recorded<T> {
    tree: T,
    log: Mutex<Draft>,
}

#[derive(Debug, Default)]
struct Draft {
    root: DraftNode,
    failed: bool,
}

#[derive(Debug, Default)]
struct DraftNode {
    seen: Seen,
    children: BTreeMap<Box<str>, DraftNode>,
}

/// What was seen at one path. Each part is `None` if it was not asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    at: Option<Found>,
    /// Inner `None`: no directory there.
    listing: Option<Option<Digest>>,
    /// Inner `None`: the tree did not know.
    below: Option<Option<Digest>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    Absent,
    Dir,
    File(Digest, bool),
    Symlink(Box<str>),
}

/// All that was read of a tree: per path the file's digest, the symlink, the directory's existence
/// or its listing, or that nothing was there.
#[derive(Clone, Debug)]
pub struct ReadLog {
    root: Node,
    complete: bool,
}

#[derive(Clone, Debug)]
struct Node {
    seen: Seen,
    /// Digest of the directory in the tree that was read: when equal in another tree, everything
    /// below holds without a look.
    proof: Option<Digest>,
    children: Box<[(Box<str>, Node)]>,
}

impl<T: Tree> Recorded<T> {
    /// Starts a log of what is read of `tree`.
    pub fn new(tree: T) -> Recorded<T> {
        Recorded { tree, log: Mutex::default() }
    }

    /// Ends the log.
    pub fn finish(self) -> ReadLog {
        let draft = self.log.into_inner().unwrap_or_else(PoisonError::into_inner);
        let root = freeze(&self.tree, &TreePath::root(), draft.root);
        ReadLog { root, complete: !draft.failed }
    }

    /// The log so far.
    pub fn log(&self) -> ReadLog {
        let draft = self.draft();
        ReadLog { root: freeze(&self.tree, &TreePath::root(), draft.root.copy()), complete: !draft.failed }
    }

    fn draft(&self) -> MutexGuard<'_, Draft> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note<R>(&self, path: &TreePath, answer: Result<R, Error>, note: impl FnOnce(&mut Seen, &R)) -> Result<R, Error> {
        let mut draft = self.draft();
        match &answer {
            Err(_) => draft.failed = true,
            Ok(answer) => {
                let mut node = &mut draft.root;
                for segment in path.segments() {
                    if !node.children.contains_key(segment) {
                        node.children.insert(Box::from(segment), DraftNode::default());
                    }
                    node = node.children.get_mut(segment).expect("the child was just inserted");
                }
                note(&mut node.seen, answer);
            }
        }
        answer
    }
}

impl DraftNode {
    /// Recursion is bounded by [`TreePath::MAX_DEPTH`].
    fn copy(&self) -> DraftNode {
        let children = self.children.iter().map(|(name, child)| (name.clone(), child.copy())).collect();
        DraftNode { seen: self.seen.clone(), children }
    }
}

/// Recursion is bounded by [`TreePath::MAX_DEPTH`].
fn freeze(tree: &dyn Tree, path: &TreePath, draft: DraftNode) -> Node {
    let mut proof = None;
    if !draft.children.is_empty() || draft.seen.listing.is_some() {
        // Without a proof the reads below are checked one by one.
        proof = tree.dir_digest(path).ok().flatten();
    }
    let freeze_child = |(name, child): (Box<str>, DraftNode)| {
        let node = match path.child(&name) {
            Ok(path) => freeze(tree, &path, child),
            Err(_) => Node { seen: child.seen, proof: None, children: Box::default() },
        };
        (name, node)
    };
    Node { seen: draft.seen, proof, children: draft.children.into_iter().map(freeze_child).collect() }
}

impl From<&Stat> for Found {
    fn from(stat: &Stat) -> Found {
        match stat {
            Stat::Absent => Found::Absent,
            Stat::Dir => Found::Dir,
            Stat::File { digest, executable, .. } => Found::File(*digest, *executable),
            Stat::Symlink(target) => Found::Symlink(Box::from(&**target)),
        }
    }
}

impl From<&Entry> for Found {
    fn from(entry: &Entry) -> Found {
        match entry {
            Entry::Absent => Found::Absent,
            Entry::Dir => Found::Dir,
            Entry::File(file) => Found::File(file.digest(), file.executable),
            Entry::Symlink(target) => Found::Symlink(Box::from(&**target)),
        }
    }
}

impl<T: Tree> Tree for Recorded<T> {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.note(path, self.tree.read(path), |seen, entry| seen.at = Some(entry.into()))
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.note(path, self.tree.read_whole(path), |seen, entry| seen.at = Some(entry.into()))
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        self.note(path, self.tree.stat(path), |seen, stat| seen.at = Some(stat.into()))
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        self.note(path, self.tree.list(path), |seen, items| {
            seen.listing = Some(items.as_deref().map(listing_digest));
        })
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        self.note(path, self.tree.dir_digest(path), |seen, digest| seen.below = Some(*digest))
    }
}

impl ReadLog {
    /// Whether `tree` would answer every logged read the same. A failed read, then or at this
    /// time, is a no.
    pub fn still_holds(&self, tree: &dyn Tree) -> bool {
        self.complete && holds(tree, &TreePath::root(), &self.root)
    }

    /// Whether no read failed; the log of a failed read never holds.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Identity of all logged answers.
    pub fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::new("reads");
        each(&self.root, &TreePath::root(), &mut |path, node| {
            digest.part(path.as_str());
            describe(&node.seen, &mut digest);
        });
        digest.finish()
    }

    /// Every path that was asked for, in order.
    pub fn paths(&self) -> Vec<TreePath> {
        let mut paths = Vec::new();
        each(&self.root, &TreePath::root(), &mut |path, node| {
            if node.seen != Seen::default() {
                paths.push(path.clone());
            }
        });
        paths
    }
}

/// Recursion is bounded by [`TreePath::MAX_DEPTH`].
fn holds(tree: &dyn Tree, path: &TreePath, node: &Node) -> bool {
    if let Some(proof) = node.proof
        && tree.dir_digest(path).is_ok_and(|digest| digest == Some(proof))
    {
        return true;
    }
    let Seen { at, listing, below } = &node.seen;
    if let Some(found) = at
        && !tree.stat(path).is_ok_and(|stat| Found::from(&stat) == *found)
    {
        return false;
    }
    if let Some(listing) = listing
        && !tree.list(path).is_ok_and(|items| items.as_deref().map(listing_digest) == *listing)
    {
        return false;
    }
    if let Some(below) = below
        && !tree.dir_digest(path).is_ok_and(|digest| digest == *below)
    {
        return false;
    }
    node.children.iter().all(|(name, child)| path.child(name).is_ok_and(|path| holds(tree, &path, child)))
}

/// Recursion is bounded by [`TreePath::MAX_DEPTH`].
fn each(node: &Node, path: &TreePath, visit: &mut impl FnMut(&TreePath, &Node)) {
    visit(path, node);
    for (name, child) in &node.children {
        if let Ok(path) = path.child(name) {
            each(child, &path, visit);
        }
    }
}

fn describe(seen: &Seen, digest: &mut DigestBuilder) {
    match &seen.at {
        None => digest.part("?"),
        Some(Found::Absent) => digest.part("-"),
        Some(Found::Dir) => digest.part("d"),
        Some(Found::File(content, executable)) => digest.part(if *executable { "x" } else { "f" }).digest(content),
        Some(Found::Symlink(target)) => digest.part("l").part(&**target),
    };
    for answer in [&seen.listing, &seen.below] {
        match answer {
            None => digest.part("?"),
            Some(None) => digest.part("-"),
            Some(Some(answer)) => digest.part("+").digest(answer),
        };
    }
}
