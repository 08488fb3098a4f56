//! A source's tree without the files that its ignore patterns leave out.
//!
//! Compat(flux 2.9): patterns come from every `.sourceignore` file of the tree, each for what is
//! below its directory, then from the specification; if there is none at all, Flux's defaults
//! apply. A directory that is left out is still there if a negated pattern keeps a file in it.

use crate::ignore::{Pattern, default_patterns, parse_patterns, vcs_patterns};
use belay_tree::{Digest, DigestBuilder, Entry, EntryKind, Error, ErrorKind, Limits, ListItem, Stat, Tree, TreePath};
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, OnceLock};

/// Name of the files that patterns are read from.
const IGNORE_FILE: &str = ".sourceignore";
/// Largest ignore file, in bytes.
const IGNORE_FILE_BYTES: usize = 1 << 20;

/// A tree with files left out.
pub struct Filtered {
    tree: Arc<dyn Tree>,
    vcs: Vec<Pattern>,
    defaults: Vec<Pattern>,
    /// From the specification.
    spec: Vec<Pattern>,
    spec_digest: Digest,
    /// Whether the tree's own ignore files count.
    reads_files: bool,
    known: Arc<KnownTrees>,
    uses_defaults: OnceLock<bool>,
    /// Patterns of each directory that was asked about.
    files: Mutex<HashMap<TreePath, Arc<[Pattern]>>>,
    /// Whether a directory that is left out keeps a file.
    kept: Mutex<HashMap<TreePath, bool>>,
    /// Digests that were asked for; those of the upper directories are asked for by everyone.
    digests: Mutex<HashMap<TreePath, Option<Digest>>>,
}

/// Digests kept of one tree: 65,536 of about 100 bytes.
const DIGESTS: usize = 65_536;

/// Directories known to hold no ignore file, by their digests, over all revisions of all trees:
/// a new commit is searched only where it differs.
#[derive(Debug, Default)]
pub struct KnownTrees(Mutex<(HashSet<Digest>, HashSet<Digest>)>);

impl KnownTrees {
    /// Directories remembered before the older half is dropped: 65,536 of 33 bytes, twice.
    const MOST: usize = 65_536;

    fn contains(&self, digest: &Digest) -> bool {
        let known = self.0.lock();
        known.0.contains(digest) || known.1.contains(digest)
    }

    fn insert(&self, digest: Digest) {
        let mut known = self.0.lock();
        if known.0.len() >= KnownTrees::MOST {
            known.1 = std::mem::take(&mut known.0);
        }
        known.0.insert(digest);
    }
}

impl Filtered {
    /// Leaves files out of `tree` by its own ignore files and those of the specification.
    pub fn new(tree: Arc<dyn Tree>, ignore: Option<&str>, known: Arc<KnownTrees>) -> Filtered {
        let ignore = ignore.unwrap_or_default();
        Filtered {
            tree,
            vcs: vcs_patterns(),
            defaults: default_patterns(),
            spec: parse_patterns(ignore),
            spec_digest: Digest::of(ignore.as_bytes()),
            reads_files: true,
            known,
            uses_defaults: OnceLock::new(),
            files: Mutex::default(),
            kept: Mutex::default(),
            digests: Mutex::default(),
        }
    }

    /// Leaves files out of `tree` by these rules and by nothing else, what it says itself included.
    pub fn by_rules(tree: Arc<dyn Tree>, rules: &str) -> Filtered {
        let (vcs, defaults) = (Vec::new(), Vec::new());
        Filtered { vcs, defaults, reads_files: false, ..Filtered::new(tree, Some(rules), Arc::default()) }
    }

    /// Whether the tree and the specification have no pattern at all.
    fn uses_defaults(&self) -> Result<bool, Error> {
        if let Some(known) = self.uses_defaults.get() {
            return Ok(*known);
        }
        let answer = self.spec.is_empty() && !self.has_patterns(&TreePath::root(), &mut 0)?;
        Ok(*self.uses_defaults.get_or_init(|| answer))
    }

    /// Recursion is bounded by [`TreePath::MAX_DEPTH`].
    fn has_patterns(&self, dir: &TreePath, seen: &mut usize) -> Result<bool, Error> {
        if !self.reads_files {
            return Ok(false);
        }
        let digest = self.tree.dir_digest(dir)?;
        if digest.is_some_and(|digest| self.known.contains(&digest)) {
            return Ok(false);
        }
        let items = self.tree.list(dir)?.unwrap_or_default();
        *seen += items.len();
        if *seen > Limits::default().walk_entries {
            return Err(Error::new(ErrorKind::TooLarge, dir));
        }
        for item in items {
            let found = match item.kind {
                EntryKind::Dir if &*item.name == ".git" => false,
                EntryKind::Dir => self.has_patterns(&dir.child(&item.name)?, seen)?,
                EntryKind::File | EntryKind::Symlink if &*item.name == IGNORE_FILE => !self.file(dir)?.is_empty(),
                EntryKind::File | EntryKind::Symlink => false,
            };
            if found {
                return Ok(true);
            }
        }
        if let Some(digest) = digest {
            self.known.insert(digest);
        }
        Ok(false)
    }

    /// The patterns of the ignore file in `dir`.
    fn file(&self, dir: &TreePath) -> Result<Arc<[Pattern]>, Error> {
        if !self.reads_files {
            return Ok(Arc::default());
        }
        if let Some(known) = self.files.lock().get(dir) {
            return Ok(known.clone());
        }
        let path = dir.child(IGNORE_FILE)?;
        let patterns: Arc<[Pattern]> = match self.tree.find_file(&path)? {
            None => Arc::default(),
            Some(file) if file.content.len() > IGNORE_FILE_BYTES => return Err(Error::new(ErrorKind::TooLarge, &path)),
            Some(file) => parse_patterns(&String::from_utf8_lossy(&file.content)).into(),
        };
        self.files.lock().insert(dir.clone(), patterns.clone());
        Ok(patterns)
    }

    /// The last pattern that speaks about a path decides.
    fn left_out(&self, path: &TreePath, is_dir: bool) -> Result<bool, Error> {
        let segments: Vec<&str> = path.segments().collect();
        let verdict = |patterns: &[Pattern], below: usize| {
            patterns.iter().rev().find_map(|pattern| pattern.verdict(&segments[below..], is_dir))
        };
        if let Some(verdict) = verdict(&self.spec, 0) {
            return Ok(verdict);
        }
        let uses_defaults = self.uses_defaults()?;
        if !uses_defaults {
            let mut dir = path.parent();
            while let Some(at) = dir {
                if let Some(verdict) = verdict(&self.file(&at)?, at.depth()) {
                    return Ok(verdict);
                }
                dir = at.parent();
            }
        } else if let Some(verdict) = verdict(&self.defaults, 0) {
            return Ok(verdict);
        }
        Ok(verdict(&self.vcs, 0).unwrap_or(false))
    }

    /// Whether something that is there shows.
    fn shows(&self, path: &TreePath, is_dir: bool) -> Result<bool, Error> {
        if path.is_root() || !self.left_out(path, is_dir)? {
            return Ok(true);
        }
        if !is_dir || self.uses_defaults()? {
            return Ok(false);
        }
        self.keeps_a_file(path, &mut 0)
    }

    /// Whether a directory that is left out has a file that is not. Recursion is bounded by
    /// [`TreePath::MAX_DEPTH`].
    fn keeps_a_file(&self, dir: &TreePath, seen: &mut usize) -> Result<bool, Error> {
        if let Some(known) = self.kept.lock().get(dir) {
            return Ok(*known);
        }
        let mut kept = false;
        let items = self.tree.list(dir)?.unwrap_or_default();
        *seen += items.len();
        if *seen > Limits::default().walk_entries {
            return Err(Error::new(ErrorKind::TooLarge, dir));
        }
        for item in items {
            let path = dir.child(&item.name)?;
            let is_dir = item.kind == EntryKind::Dir;
            if !self.left_out(&path, is_dir)? || (is_dir && self.keeps_a_file(&path, seen)?) {
                kept = true;
                break;
            }
        }
        self.kept.lock().insert(dir.clone(), kept);
        Ok(kept)
    }

    fn digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        if self.stat(path)? != Stat::Dir {
            return Ok(None);
        }
        let Some(below) = self.tree.dir_digest(path)? else { return Ok(None) };
        let mut digest = DigestBuilder::new("filtered");
        digest.digest(&below).digest(&self.spec_digest);
        if self.uses_defaults()? {
            digest.part("defaults");
        } else {
            // The patterns above decide about what is below; those below are in its digest.
            let mut dir = path.parent();
            while let Some(at) = dir {
                if !self.file(&at)?.is_empty()
                    && let Stat::File { digest: file, .. } =
                        self.tree.stat(&self.tree.resolve(&at.child(IGNORE_FILE)?)?)?
                {
                    digest.part(at.as_str()).digest(&file);
                }
                dir = at.parent();
            }
        }
        Ok(Some(digest.finish()))
    }

    fn read_by(&self, path: &TreePath, read: impl Fn(&dyn Tree) -> Result<Entry, Error>) -> Result<Entry, Error> {
        // A large file that is left out is never read.
        if !path.is_root() && self.left_out(path, false)? {
            return Ok(match self.stat(path)? {
                Stat::Dir => Entry::Dir,
                Stat::Absent | Stat::File { .. } | Stat::Symlink(_) => Entry::Absent,
            });
        }
        match read(&*self.tree)? {
            Entry::Dir if !self.shows(path, true)? => Ok(Entry::Absent),
            entry => Ok(entry),
        }
    }
}

impl Tree for Filtered {
    fn read(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree| tree.read(path))
    }

    fn read_whole(&self, path: &TreePath) -> Result<Entry, Error> {
        self.read_by(path, |tree| tree.read_whole(path))
    }

    fn stat(&self, path: &TreePath) -> Result<Stat, Error> {
        let stat = self.tree.stat(path)?;
        let shows = match &stat {
            Stat::Absent => true,
            Stat::Dir => self.shows(path, true)?,
            Stat::File { .. } | Stat::Symlink(_) => self.shows(path, false)?,
        };
        Ok(if shows { stat } else { Stat::Absent })
    }

    fn list(&self, path: &TreePath) -> Result<Option<Vec<ListItem>>, Error> {
        if self.stat(path)? != Stat::Dir {
            return Ok(None);
        }
        let Some(items) = self.tree.list(path)? else { return Ok(None) };
        let mut shown = Vec::with_capacity(items.len());
        for item in items {
            if self.shows(&path.child(&item.name)?, item.kind == EntryKind::Dir)? {
                shown.push(item);
            }
        }
        Ok(Some(shown))
    }

    fn dir_digest(&self, path: &TreePath) -> Result<Option<Digest>, Error> {
        if let Some(known) = self.digests.lock().get(path) {
            return Ok(*known);
        }
        let digest = self.digest(path)?;
        let mut digests = self.digests.lock();
        if digests.len() < DIGESTS {
            digests.insert(path.clone(), digest);
        }
        Ok(digest)
    }
}

#[cfg(test)]
mod tests;
