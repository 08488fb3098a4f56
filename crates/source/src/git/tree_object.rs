//! A tree object, indexed so that a name in a directory of thousands is found in a few steps.

use crate::{Error, ErrorKind};
use gix::hash::{Kind as HashKind, ObjectId};
use std::cmp::Ordering;

/// The entries of one directory, as Git stores them. *Invariant*: well-formed and in Git's order,
/// so that a binary search finds what a walk would.
#[derive(Debug)]
pub(crate) struct TreeObject {
    data: Box<[u8]>,
    /// Where each entry begins.
    starts: Box<[u32]>,
    id_len: usize,
}

/// What a tree object says of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Dir,
    File,
    Executable,
    Symlink,
    /// A commit of another repository, unless it was put in place: an empty directory.
    Submodule,
}

pub(crate) struct RawEntry<'a> {
    pub(crate) mode: Mode,
    /// As it is written there.
    pub(crate) raw_mode: &'a [u8],
    pub(crate) name: &'a [u8],
    pub(crate) id: ObjectId,
}

impl TreeObject {
    /// Checks and indexes the bytes of a tree object.
    pub(crate) fn parse(data: Vec<u8>, hash: HashKind) -> Result<TreeObject, Error> {
        let malformed = |why: &str| Error::new(ErrorKind::Hostile, format!("malformed tree object: {why}"));
        let id_len = hash.len_in_bytes();
        let mut starts = Vec::with_capacity(data.len() / 40);
        let mut at = 0;
        let mut before: Option<(Mode, &[u8])> = None;
        while at < data.len() {
            let (entry, len) = read_entry(&data[at..], id_len).ok_or_else(|| malformed("an entry is cut short"))?;
            if before.is_some_and(|before| order(before, (entry.mode, entry.name)) != Ordering::Less) {
                return Err(malformed("its entries are not in order"));
            }
            before = Some((entry.mode, entry.name));
            starts.push(u32::try_from(at).map_err(|_| malformed("it is too large"))?);
            at += len;
        }
        let starts = starts.into_boxed_slice();
        Ok(TreeObject { data: data.into_boxed_slice(), starts, id_len })
    }

    /// The entries in Git's order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = RawEntry<'_>> {
        (0..self.starts.len()).map(|i| self.entry(i))
    }

    /// The entry of this name.
    pub(crate) fn find(&self, name: &[u8]) -> Option<RawEntry<'_>> {
        // A directory sorts as if its name ended in a slash, so there are two places to look.
        [Mode::File, Mode::Dir].into_iter().find_map(|mode| {
            let found = self.starts.binary_search_by(|start| {
                let entry = self.at(*start);
                order((entry.mode, entry.name), (mode, name))
            });
            found.ok().map(|i| self.entry(i))
        })
    }

    /// About how much memory this takes.
    pub(crate) fn bytes(&self) -> usize {
        self.data.len() + self.starts.len() * 4
    }

    fn entry(&self, i: usize) -> RawEntry<'_> {
        self.at(self.starts[i])
    }

    fn at(&self, start: u32) -> RawEntry<'_> {
        let entry = read_entry(&self.data[start as usize..], self.id_len);
        entry.expect("every entry was read when the object was parsed").0
    }
}

/// Git's order of the entries of a directory.
fn order((a_mode, a): (Mode, &[u8]), (b_mode, b): (Mode, &[u8])) -> Ordering {
    let shared = a.len().min(b.len());
    let next = |mode: Mode, name: &[u8]| name.get(shared).copied().unwrap_or(if mode == Mode::Dir { b'/' } else { 0 });
    a[..shared].cmp(&b[..shared]).then_with(|| next(a_mode, a).cmp(&next(b_mode, b))).then_with(|| {
        // One is the other and more: only equal ends are equal names.
        a.len().cmp(&b.len())
    })
}

fn read_entry(data: &[u8], id_len: usize) -> Option<(RawEntry<'_>, usize)> {
    let space = data.iter().take(8).position(|b| *b == b' ')?;
    let mode = match &data[..space] {
        b"40000" | b"040000" => Mode::Dir,
        b"100755" => Mode::Executable,
        // Old tools wrote 100664 and other modes for plain files.
        mode if mode.starts_with(b"100") => Mode::File,
        b"120000" => Mode::Symlink,
        b"160000" => Mode::Submodule,
        _ => return None,
    };
    let after = &data[space + 1..];
    let end = memchr::memchr(0, after)?;
    let id = ObjectId::try_from(after.get(end + 1..end + 1 + id_len)?).ok()?;
    let raw_mode = &data[..space];
    Some((RawEntry { mode, raw_mode, name: &after[..end], id }, space + 1 + end + 1 + id_len))
}
