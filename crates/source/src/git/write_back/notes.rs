//! Where a note stands: in the tree of `refs/notes/<name>` under the hex of what it is about, its first digits pair
//! by pair as directories where there are many notes.

use super::{Error, ErrorKind};
use crate::git::job::Found;
use crate::git::tree_object::Mode;
use belay_tree::{Entry, Tree, TreePath};

/// Notes in one directory from which on a new one goes below its first pair of digits.
const CROWDED: usize = 256;
/// Deepest that notes are looked for: 256 to the power of 4 is more than there are.
const PAIRS: usize = 4;
/// Longest note that is read.
const NOTE_BYTES: usize = 1 << 20;

pub(super) fn reference(name: &str) -> Result<String, Error> {
    let reference = format!("refs/notes/{name}");
    match gix::validate::reference::name(reference.as_str().into()) {
        Ok(_) => Ok(reference),
        Err(_) => Err(Error::new(ErrorKind::Spec, format!("{name:?} is no name of notes"))),
    }
}

/// `ab/cd/ef...`: this many pairs of digits as directories.
fn spread(object: &str, pairs: usize) -> Option<TreePath> {
    let mut path = String::new();
    let mut rest = object;
    for _ in 0..pairs {
        let (pair, after) = rest.split_at_checked(2)?;
        path.push_str(pair);
        path.push('/');
        rest = after;
    }
    path.push_str(rest);
    TreePath::new(&path).ok()
}

/// What is noted of an object.
pub(super) fn read(tree: &dyn Tree, object: &str) -> Result<Option<Vec<u8>>, Error> {
    for path in (0..=PAIRS).filter_map(|pairs| spread(object, pairs)) {
        if let Entry::File(file) = tree.read(&path)? {
            if file.content.len() > NOTE_BYTES {
                return Err(Error::new(ErrorKind::TooLarge, format!("the note of {object} is too large")));
            }
            return Ok(Some(file.content.to_vec()));
        }
    }
    Ok(None)
}

/// Where the note of an object is, or is to be.
pub(super) fn path(found: Option<&Found>, object: &str) -> Result<TreePath, Error> {
    let wrong = || Error::new(ErrorKind::Spec, format!("{object:?} is no id of an object"));
    let Some(found) = found else { return spread(object, 0).ok_or_else(wrong) };
    let objects = found.store.objects();
    let mut directory = found.raw.tree;
    let mut new = None;
    for pairs in 0..=PAIRS {
        let tree = objects.tree(&directory)?;
        let rest = object.get(2 * pairs..).ok_or_else(wrong)?;
        if tree.find(rest.as_bytes()).is_some_and(|entry| entry.mode != Mode::Dir) {
            return spread(object, pairs).ok_or_else(wrong);
        }
        let pair = rest.get(..2).ok_or_else(wrong)?;
        match tree.find(pair.as_bytes()).filter(|entry| entry.mode == Mode::Dir) {
            Some(below) => directory = below.id,
            None => {
                let is_crowded = tree.entries().count() >= CROWDED;
                new = spread(object, pairs + usize::from(is_crowded));
                break;
            }
        }
    }
    new.or_else(|| spread(object, PAIRS)).ok_or_else(wrong)
}
