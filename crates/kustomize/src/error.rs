//! Why a build failed, in kustomize's words and with a place.

use std::fmt;

use belay_tree::TreePath;

use crate::entry::Entry;

/// What code may branch on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A file or directory is not there, or there is no kustomization file in it.
    NotFound,
    /// A kustomization file or a configuration says something that cannot be.
    Kustomization,
    /// A resource is no object or stands twice.
    Resource,
    /// A generator, patch, replacement or other change cannot be applied.
    Transform,
    /// A path leads to where it must not.
    Security,
    /// Kustomizations include each other in a circle.
    Cycle,
    /// The build needs Helm, a remote base or a program and may not use it.
    Unsupported,
    /// The build is larger than the limits allow.
    Limit,
    /// The tree failed.
    Io,
}

/// A place in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file.
    pub path: TreePath,
    /// The line, from 1, where it is known.
    pub line: Option<usize>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// A failed build.
#[derive(Clone, Debug, PartialEq)]
pub struct Error(Box<Inner>);

#[derive(Clone, Debug, PartialEq)]
struct Inner {
    kind: ErrorKind,
    message: String,
    at: Option<Location>,
    hints: Vec<Hint>,
    /// What was looked for and is not there.
    absent: Option<TreePath>,
    /// The entry of the kustomization that was worked on.
    entry: Option<Entry>,
    /// Whether paths are those of the machine.
    on_host: bool,
    /// See [`Error::cause`].
    cause: Option<String>,
    /// Whether the cause is YAML that does not parse: kustomize tells such errors alone.
    malformed: bool,
}

/// A sentence, and the place that it ends with where it speaks of one.
#[derive(Clone, Debug, PartialEq)]
struct Hint {
    text: String,
    at: Option<Location>,
}

/// The result of a step of a build.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind` with kustomize's text.
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error(Box::new(Inner {
            kind,
            message: message.into(),
            at: None,
            hints: Vec::new(),
            absent: None,
            entry: None,
            on_host: false,
            cause: None,
            malformed: false,
        }))
    }
    pub(crate) fn kustomization(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Kustomization, message)
    }
    pub(crate) fn resource(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Resource, message)
    }
    pub(crate) fn transform(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Transform, message)
    }
    pub(crate) fn limit(message: impl Into<String>) -> Error {
        Error::new(ErrorKind::Limit, message)
    }
    /// Puts what was being done before the text, as Go's wrapped errors read.
    pub(crate) fn wrap(mut self, doing: impl fmt::Display) -> Error {
        self.0.message = format!("{doing}: {}", self.0.message);
        self
    }
    /// Says where, if no narrower place is known.
    pub(crate) fn at(mut self, path: &TreePath, line: Option<usize>) -> Error {
        self.0.at.get_or_insert_with(|| Location { path: path.clone(), line });
        self
    }
    /// Says in which file, where only the line is known.
    pub(crate) fn in_file(mut self, path: &TreePath) -> Error {
        let line = self.0.at.take().and_then(|at| at.line);
        self.at(path, line)
    }
    /// Says on which line, where only the file is known.
    pub(crate) fn in_line(mut self, line: Option<usize>) -> Error {
        if let Some(at) = &mut self.0.at {
            at.line = at.line.or(line);
        }
        self
    }
    /// Notes what was looked for and is not there.
    pub(crate) fn absent(mut self, path: &TreePath) -> Error {
        self.0.absent = Some(path.clone());
        self
    }
    pub(crate) fn take_absent(&mut self) -> Option<TreePath> {
        self.0.absent.take()
    }
    /// Notes which entry was worked on, if no narrower one is known.
    pub(crate) fn in_entry(mut self, entry: Entry) -> Error {
        self.0.entry.get_or_insert(entry);
        self
    }
    pub(crate) fn take_entry(&mut self) -> Option<Entry> {
        self.0.entry.take()
    }
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Error {
        self.0.hints.push(Hint { text: hint.into(), at: None });
        self
    }
    /// A hint that ends with a place.
    pub(crate) fn hint_at(mut self, hint: impl Into<String>, path: &TreePath, line: Option<usize>) -> Error {
        self.0.hints.push(Hint { text: hint.into(), at: Some(Location { path: path.clone(), line }) });
        self
    }
    /// Takes over the hints of another, and what it missed.
    pub(crate) fn hints_of(mut self, other: &Error) -> Error {
        self.0.absent = self.0.absent.or_else(|| other.0.absent.clone());
        let new: Vec<Hint> = other.0.hints.iter().filter(|hint| !self.0.hints.contains(hint)).cloned().collect();
        self.0.hints.extend(new);
        self
    }
    /// Shows paths as those of the machine: absolute.
    pub(crate) fn on_host(mut self, on_host: bool) -> Error {
        self.0.on_host = on_host;
        self
    }
    fn shown(&self, at: &Location) -> String {
        if self.0.on_host { format!("/{at}") } else { at.to_string() }
    }
    /// Tells what is wrong at the place, where the text has more attempts than that.
    pub(crate) fn because(mut self, cause: &str) -> Error {
        self.0.cause = Some(cause.to_owned());
        self
    }
    pub(crate) fn malformed(mut self) -> Error {
        self.0.malformed = true;
        self
    }
    pub(crate) fn is_malformed(&self) -> bool {
        self.0.malformed
    }
    /// What code may branch on.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// The text in kustomize's words, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// What is wrong at the place alone: kustomize's text goes on to tell that a file, which was read and
    /// found wrong, is no directory either.
    pub fn cause(&self) -> &str {
        self.0.cause.as_deref().unwrap_or(&self.0.message)
    }
    /// Where the cause stands, where it is known.
    pub fn location(&self) -> Option<&Location> {
        self.0.at.as_ref()
    }
    /// What to do about it.
    pub fn hints(&self) -> Vec<String> {
        let shown = |hint: &Hint| match &hint.at {
            Some(at) => format!("{} {}", hint.text, self.shown(at)),
            None => hint.text.clone(),
        };
        self.0.hints.iter().map(shown).collect()
    }
}

/// Writes the place, if known, and the text.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(at) = &self.0.at {
            write!(f, "{}: ", self.shown(at))?;
        }
        f.write_str(&self.0.message)
    }
}
impl std::error::Error for Error {}

impl From<belay_tree::Error> for Error {
    fn from(error: belay_tree::Error) -> Error {
        use belay_tree::ErrorKind as Tree;
        let kind = match error.kind() {
            Tree::NotFound | Tree::NotDirectory | Tree::IsDirectory => ErrorKind::NotFound,
            Tree::Outside | Tree::Hostile | Tree::Path => ErrorKind::Security,
            Tree::TooLarge => ErrorKind::Limit,
            _ => ErrorKind::Io,
        };
        Error::new(kind, error.to_string())
    }
}
