//! The objects of a commit: new blobs, the trees on the way to them, the commit. Trees that nothing changes in are
//! named, never read.

use super::{Change, Expected, NewCommit, NewObject, Prepared};
use crate::git::job::Found;
use crate::git::objects::Objects;
use crate::git::tree_object::Mode;
use crate::{Error, ErrorKind, Signature};
use belay_tree::TreePath;
use gix::hash::{Kind as HashKind, ObjectId};
use gix::objs::Kind;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Makes the objects of a commit on `base`.
pub(super) fn commit(
    commit: &NewCommit,
    expected: Expected,
    base: Option<&Found>,
    hash: HashKind,
) -> Result<Prepared, Error> {
    let mut made = Made { hash, objects: Vec::new() };
    let changes: Vec<(Vec<&str>, &Change)> =
        commit.changes.iter().map(|(path, change)| (path.segments().collect(), change)).collect();
    let before = base.map(|base| (base.store.objects(), base.raw.tree));
    let tree = made.directory(before, &changes, 0)?;
    let tree = match tree {
        Some(tree) => tree,
        None => made.add(Kind::Tree, Vec::new())?,
    };
    let changes_files = before.is_none_or(|(_, before)| before != tree);
    let mut text = format!("tree {}\n", tree.to_hex());
    if let Some(base) = base {
        let _ = writeln!(text, "parent {}", base.target.commit.to_hex());
    }
    let _ = writeln!(text, "author {}", signature(&commit.author));
    let _ = writeln!(text, "committer {}", signature(&commit.committer));
    text.push('\n');
    text.push_str(&commit.message);
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let id = made.add(Kind::Commit, text.into_bytes())?;
    let objects: Arc<[NewObject]> = made.objects.into();
    Ok(Prepared { reference: commit.reference.clone(), expected, id, objects, changes_files })
}

/// `Name <email> 1700000000 +0000`. What Git takes for marks of its own is left out of the names.
fn signature(who: &Signature) -> String {
    let clean = |text: &str| {
        let kept: String = text.chars().filter(|c| !matches!(c, '<' | '>' | '\n' | '\r' | '\0')).collect();
        kept.trim_matches(|c: char| c.is_whitespace() || ".,:;\"\\'".contains(c)).to_owned()
    };
    format!("{} <{}> {} +0000", clean(&who.name), clean(&who.email), who.time_s)
}

struct Made {
    hash: HashKind,
    objects: Vec<NewObject>,
}

/// One entry of a tree in the making.
struct Entry {
    /// As Git writes it.
    mode: Vec<u8>,
    id: ObjectId,
}

/// The entries of a directory by what Git orders them by: a directory's name as if it ended in a slash.
#[derive(Default)]
struct Directory(BTreeMap<Vec<u8>, Entry>);

impl Directory {
    fn key(name: &[u8], is_directory: bool) -> Vec<u8> {
        let mut key = name.to_vec();
        if is_directory {
            key.push(b'/');
        }
        key
    }

    fn remove(&mut self, name: &str) {
        self.0.remove(name.as_bytes());
        self.0.remove(&Directory::key(name.as_bytes(), true));
    }

    fn set(&mut self, name: &str, mode: &[u8], id: ObjectId) {
        self.remove(name);
        self.0.insert(Directory::key(name.as_bytes(), mode == b"40000"), Entry { mode: mode.to_vec(), id });
    }

    fn write(&self) -> Vec<u8> {
        let mut data = Vec::new();
        for (key, entry) in &self.0 {
            data.extend_from_slice(&entry.mode);
            data.push(b' ');
            data.extend_from_slice(key.strip_suffix(b"/").unwrap_or(key));
            data.push(0);
            data.extend_from_slice(entry.id.as_slice());
        }
        data
    }
}

impl Made {
    fn add(&mut self, kind: Kind, data: Vec<u8>) -> Result<ObjectId, Error> {
        let id = gix::objs::compute_hash(self.hash, kind, &data)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("naming a {kind}: {error}")))?;
        self.objects.push(NewObject { kind, id, data });
        Ok(id)
    }

    /// The tree of a directory with the changes below it made, `None` if nothing is left in it. `changes` are in the
    /// order of their paths, which all agree in their first `depth` segments. At most [`TreePath::MAX_DEPTH`] deep.
    fn directory(
        &mut self,
        before: Option<(&Objects, ObjectId)>,
        changes: &[(Vec<&str>, &Change)],
        depth: usize,
    ) -> Result<Option<ObjectId>, Error> {
        debug_assert!(depth <= TreePath::MAX_DEPTH);
        let mut entries = Directory::default();
        let known = before.map(|(objects, id)| objects.tree(&id)).transpose()?;
        if let Some(tree) = &known {
            for entry in tree.entries() {
                let key = Directory::key(entry.name, entry.mode == Mode::Dir);
                entries.0.insert(key, Entry { mode: entry.raw_mode.to_vec(), id: entry.id });
            }
        }
        // Paths sort by their text, in which `a-b` is between `a` and `a/b`: a name's changes need not be neighbours.
        let mut names: BTreeMap<&str, Vec<(Vec<&str>, &Change)>> = BTreeMap::new();
        for (path, change) in changes {
            names.entry(path[depth]).or_default().push((path.clone(), change));
        }
        for (name, changes) in names {
            let found = known.as_ref().and_then(|tree| tree.find(name.as_bytes()));
            let below: Vec<(Vec<&str>, &Change)> =
                changes.iter().filter(|(path, _)| path.len() > depth + 1).cloned().collect();
            let own = changes.iter().find(|(path, _)| path.len() == depth + 1).map(|(_, change)| *change);
            match own {
                Some(Change::Write(_)) if !below.is_empty() => {
                    let text = format!("{:?} is to be a file and a directory", changes[0].0.join("/"));
                    return Err(Error::new(ErrorKind::Spec, text));
                }
                Some(Change::Write(content)) => {
                    let is_executable = found.as_ref().is_some_and(|found| found.mode == Mode::Executable);
                    let mode: &[u8] = if is_executable { b"100755" } else { b"100644" };
                    let id = self.add(Kind::Blob, content.clone())?;
                    entries.set(name, mode, id);
                }
                Some(Change::Remove) | None => {
                    let is_kept = own.is_none() && found.as_ref().is_some_and(|found| found.mode == Mode::Dir);
                    let before = before.filter(|_| is_kept).zip(found.as_ref());
                    let before = before.map(|((objects, _), found)| (objects, found.id));
                    if own.is_some() {
                        entries.remove(name);
                    }
                    if !below.is_empty() {
                        match self.directory(before, &below, depth + 1)? {
                            Some(id) => entries.set(name, b"40000", id),
                            // What is to be removed below a file is not there; the file is not a directory's rest.
                            None if is_kept => entries.remove(name),
                            None => {}
                        }
                    }
                }
            }
        }
        if entries.0.is_empty() {
            return Ok(None);
        }
        let data = entries.write();
        let id = gix::objs::compute_hash(self.hash, Kind::Tree, &data)
            .map_err(|error| Error::new(ErrorKind::Storage, format!("naming a tree: {error}")))?;
        if before.is_some_and(|(_, before)| before == id) {
            return Ok(Some(id));
        }
        self.add(Kind::Tree, data).map(Some)
    }
}
