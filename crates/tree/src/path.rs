//! The one path type.
//!
//! *Invariant* (INV-FS-1, INV-FS-4): a [`TreePath`] is relative to the root of a tree and cannot
//! leave it: no leading `/`, no `.` or `..` segment, no empty segment, no NUL or other control
//! byte, no backslash. Whatever holds one may use it without a second look.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Path relative to a tree's root, `/` between its segments; the root itself is the empty path.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

/// Why a text is no [`TreePath`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathError {
    text: String,
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Absolute,
    Outside,
    Segment,
    Character,
    TooLong,
}

impl PathError {
    /// Whether the path would lead out of the tree (absolute, or too many `..`).
    pub fn is_outside(&self) -> bool {
        matches!(self.why, Why::Absolute | Why::Outside)
    }
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self.why {
            Why::Absolute => "is absolute; expected a path relative to the root of the source",
            Why::Outside => "leads out of the source",
            Why::Segment => "has an empty, '.' or '..' segment",
            Why::Character => "has a backslash or a control character",
            Why::TooLong => "is too long (at most 4096 bytes, 255 a segment, 128 segments)",
        };
        // A hostile path of megabytes must not become an error text of megabytes.
        let shown: String = self.text.chars().take(256).collect();
        write!(f, "path {shown:?} {why}")
    }
}

impl std::error::Error for PathError {}

impl TreePath {
    /// Longest path in bytes (Linux's PATH_MAX).
    pub const MAX_BYTES: usize = 4096;
    /// Longest segment in bytes (Linux's NAME_MAX).
    pub const MAX_SEGMENT_BYTES: usize = 255;
    /// Deepest path; bounds every recursion over directories.
    pub const MAX_DEPTH: usize = 128;

    /// The root.
    pub fn root() -> TreePath {
        TreePath(Arc::from(""))
    }

    /// Checks a path that must be in normal form already (`""` is the root).
    pub fn new(text: &str) -> Result<TreePath, PathError> {
        if text.is_empty() {
            return Ok(TreePath::root());
        }
        if text.starts_with('/') {
            return Err(error(text, Why::Absolute));
        }
        check_length(text, text)?;
        for (i, segment) in text.split('/').enumerate() {
            if i >= TreePath::MAX_DEPTH {
                return Err(error(text, Why::TooLong));
            }
            check_segment(text, segment)?;
        }
        Ok(TreePath(Arc::from(text)))
    }

    /// Reads a path as people write it: `./a//b/` is `a/b`, `.` the root, `a/../b` is `b`.
    /// An absolute path or one that leads out of the root is an error.
    pub fn clean(text: &str) -> Result<TreePath, PathError> {
        TreePath::root().join(text)
    }

    /// Resolves `relative` against this directory by its text alone (symlinks are the tree's
    /// business): `a/b` joined with `../c` is `a/c`.
    pub fn join(&self, relative: &str) -> Result<TreePath, PathError> {
        if relative.starts_with('/') {
            return Err(error(relative, Why::Absolute));
        }
        if relative.len() > 4 * TreePath::MAX_BYTES {
            return Err(error(relative, Why::TooLong));
        }
        let mut segments: Vec<&str> = self.segments().collect();
        for segment in relative.split('/') {
            match segment {
                "" | "." => {}
                ".." => {
                    segments.pop().ok_or_else(|| error(relative, Why::Outside))?;
                }
                segment => {
                    check_segment(relative, segment)?;
                    segments.push(segment);
                }
            }
        }
        if segments.len() > TreePath::MAX_DEPTH {
            return Err(error(relative, Why::TooLong));
        }
        let joined = segments.join("/");
        check_length(relative, &joined)?;
        Ok(TreePath(Arc::from(joined)))
    }

    /// The child called `name`, which must be a single segment.
    pub fn child(&self, name: &str) -> Result<TreePath, PathError> {
        check_segment(name, name)?;
        if self.is_root() {
            return Ok(TreePath(Arc::from(name)));
        }
        let joined = format!("{}/{name}", self.0);
        if self.depth() >= TreePath::MAX_DEPTH {
            return Err(error(&joined, Why::TooLong));
        }
        check_length(&joined, &joined)?;
        Ok(TreePath(Arc::from(joined)))
    }

    /// Whether `name` may be a segment.
    pub fn is_segment(name: &str) -> bool {
        check_segment(name, name).is_ok()
    }

    /// The path as text, without leading or trailing `/`; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The segments, outermost first; none for the root.
    pub fn segments(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }

    /// How many segments the path has.
    pub fn depth(&self) -> usize {
        self.segments().count()
    }

    /// The directory that holds this path; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        if self.is_root() {
            return None;
        }
        let end = self.0.rfind('/').unwrap_or(0);
        Some(TreePath(Arc::from(&self.0[..end])))
    }

    /// The last segment; `None` for the root.
    pub fn file_name(&self) -> Option<&str> {
        self.segments().next_back()
    }

    /// The part after the last dot of the file name, if it is not its first character.
    pub fn extension(&self) -> Option<&str> {
        let (stem, extension) = self.file_name()?.rsplit_once('.')?;
        (!stem.is_empty()).then_some(extension)
    }

    /// Whether this path is `dir` or below it.
    pub fn starts_with(&self, dir: &TreePath) -> bool {
        self.strip_prefix(dir).is_some()
    }

    /// This path as seen from `dir`; `None` if it is not below it (a directory seen from itself is
    /// the root).
    pub fn strip_prefix(&self, dir: &TreePath) -> Option<TreePath> {
        if dir.is_root() {
            return Some(self.clone());
        }
        let rest = self.0.strip_prefix(&*dir.0)?;
        match rest.strip_prefix('/') {
            Some(rest) => Some(TreePath(Arc::from(rest))),
            None => rest.is_empty().then(TreePath::root),
        }
    }

    /// This path moved below `dir`. Fails only by length.
    pub fn below(&self, dir: &TreePath) -> Result<TreePath, PathError> {
        dir.join(&self.0)
    }

    /// How to write this path in a file that stands in directory `from` (`../c/d`, `.`).
    pub fn relative_to(&self, from: &TreePath) -> String {
        let (ours, theirs): (Vec<&str>, Vec<&str>) = (self.segments().collect(), from.segments().collect());
        let shared = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let mut parts = vec![".."; theirs.len() - shared];
        parts.extend(&ours[shared..]);
        if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
    }
}

fn error(text: &str, why: Why) -> PathError {
    PathError { text: text.chars().take(TreePath::MAX_BYTES).collect(), why }
}

fn check_length(text: &str, path: &str) -> Result<(), PathError> {
    if path.len() > TreePath::MAX_BYTES { Err(error(text, Why::TooLong)) } else { Ok(()) }
}

fn check_segment(text: &str, segment: &str) -> Result<(), PathError> {
    if matches!(segment, "" | "." | "..") || segment.contains('/') {
        return Err(error(text, Why::Segment));
    }
    if segment.len() > TreePath::MAX_SEGMENT_BYTES {
        return Err(error(text, Why::TooLong));
    }
    if segment.bytes().any(|b| b == b'\\' || b < 0x20 || b == 0x7f) {
        return Err(error(text, Why::Character));
    }
    Ok(())
}

impl Default for TreePath {
    fn default() -> TreePath {
        TreePath::root()
    }
}

impl FromStr for TreePath {
    type Err = PathError;

    fn from_str(text: &str) -> Result<TreePath, PathError> {
        TreePath::new(text)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_root() { "." } else { &self.0 })
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl Serialize for TreePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TreePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<TreePath, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        TreePath::new(&text).map_err(serde::de::Error::custom)
    }
}
