//! What can go wrong when a tree is read.

use crate::{PathError, TreePath};
use std::fmt;
use std::sync::Arc;

/// A failed read: what, on which path, why.
#[derive(Clone, Debug)]
pub struct Error {
    kind: ErrorKind,
    path: TreePath,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Nothing is at the path.
    NotFound,
    /// The path is a directory where a file was asked for.
    IsDirectory,
    /// The path is a file where a directory was asked for.
    NotDirectory,
    /// A symlink on the way leads out of the tree. The same whether or not something is there
    /// (INV-FS-3).
    Outside,
    /// More symlinks on the way than [`Limits::LINKS`](crate::Limits::LINKS).
    TooManyLinks,
    /// A limit is exceeded: file size, entries of a directory, files of a walk, depth.
    TooLarge,
    /// A device, socket or other thing that is no file, or a submodule that was not fetched.
    Unsupported,
    /// An entry that no honest tree has, such as one named `..`.
    Hostile,
    /// The text is no path within a tree.
    Path,
    /// The store behind the tree failed.
    Io,
}

impl Error {
    /// A failure of `kind` at `path`.
    pub fn new(kind: ErrorKind, path: &TreePath) -> Error {
        Error { kind, path: path.clone(), source: None }
    }

    /// A failure of `kind` at `path` because of `source`.
    pub fn because(
        kind: ErrorKind,
        path: &TreePath,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Error {
        Error { kind, path: path.clone(), source: Some(Arc::from(source.into())) }
    }

    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The path that was asked for.
    pub fn path(&self) -> &TreePath {
        &self.path
    }

    /// The same failure told of another path: the one that the reader asked for.
    pub fn at(mut self, path: &TreePath) -> Error {
        self.path = path.clone();
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = &self.path;
        match self.kind {
            ErrorKind::NotFound => write!(f, "{path}: no such file or directory")?,
            ErrorKind::IsDirectory => write!(f, "{path}: is a directory, expected a file")?,
            ErrorKind::NotDirectory => write!(f, "{path}: is not a directory")?,
            ErrorKind::Outside => write!(f, "{path}: a symlink leads out of the source")?,
            ErrorKind::TooManyLinks => write!(f, "{path}: too many levels of symbolic links")?,
            ErrorKind::TooLarge => write!(f, "{path}: larger than allowed")?,
            ErrorKind::Unsupported => write!(f, "{path}: is neither file, directory nor symlink")?,
            ErrorKind::Hostile => write!(f, "{path}: refused")?,
            // The source names the text that was no path.
            ErrorKind::Path => {}
            ErrorKind::Io => write!(f, "{path}: reading failed")?,
        }
        match (&self.source, self.kind) {
            (Some(source), ErrorKind::Path) => write!(f, "{source}"),
            (Some(source), _) => write!(f, ": {source}"),
            (None, _) => Ok(()),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<PathError> for Error {
    fn from(error: PathError) -> Error {
        Error::because(ErrorKind::Path, &TreePath::root(), error)
    }
}
