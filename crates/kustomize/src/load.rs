//! Reading files and directories of a build, by the rules of where each may be.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use belay_tree::{Entry, ErrorKind as TreeErrorKind, Tree, TreePath};

use crate::error::{Error, ErrorKind, Result};
use crate::options::{BuildOptions, LoadRestrictor};
use crate::repository::RepositoryUrl;
use crate::suggest::nearest;

/// What a build has read so far (RES-4).
#[derive(Debug, Default)]
pub(crate) struct Budget {
    files: Cell<usize>,
    bytes: Cell<usize>,
}

/// The tree that a loader reads.
#[derive(Clone)]
enum Source<'a> {
    Given(&'a dyn Tree),
    Fetched(Arc<dyn Tree>, Rc<RepositoryUrl>),
}

/// Reads what one kustomization refers to.
#[derive(Clone)]
pub(crate) struct Loader<'a> {
    source: Source<'a>,
    /// The kustomization's directory, symlinks followed.
    dir: TreePath,
    /// The loader of the kustomization that refers to this one.
    referrer: Option<Rc<Loader<'a>>>,
    options: &'a BuildOptions,
    budget: &'a Budget,
    depth: usize,
}

/// A file's content and where it stands, symlinks followed.
pub(crate) struct Loaded {
    pub(crate) content: Arc<[u8]>,
    pub(crate) path: TreePath,
}

impl Loaded {
    /// The content as text; what is not UTF-8 is replaced.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        let bytes = self.content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.content);
        String::from_utf8_lossy(bytes)
    }
}

/// How a path reads in an error: as in a file system whose root is the tree's.
pub(crate) fn shown(path: &TreePath) -> String {
    format!("/{}", path.as_str())
}

/// Whether a text is the URL of a file.
pub(crate) fn is_url(path: &str) -> bool {
    let scheme = path.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("http" | "https"))
}

impl<'a> Loader<'a> {
    /// A loader at the root of a build.
    pub(crate) fn new(
        tree: &'a dyn Tree,
        dir: &TreePath,
        options: &'a BuildOptions,
        budget: &'a Budget,
    ) -> Result<Loader<'a>> {
        let mut loader =
            Loader { source: Source::Given(tree), dir: dir.clone(), referrer: None, options, budget, depth: 0 };
        loader.dir = loader.confirm_dir(dir).map_err(|e| e.wrap("must build at directory"))?;
        Ok(loader)
    }

    pub(crate) fn tree(&self) -> &dyn Tree {
        match &self.source {
            Source::Given(tree) => *tree,
            Source::Fetched(tree, _) => &**tree,
        }
    }
    /// Whether the tree is the build's own, not a fetched one.
    pub(crate) fn is_given(&self) -> bool {
        matches!(self.source, Source::Given(_))
    }
    pub(crate) fn dir(&self) -> &TreePath {
        &self.dir
    }
    pub(crate) fn shown_dir(&self) -> String {
        shown(&self.dir)
    }
    pub(crate) fn options(&self) -> &'a BuildOptions {
        self.options
    }

    fn restrictor(&self) -> LoadRestrictor {
        match self.source {
            Source::Given(_) => self.options.load_restrictor,
            Source::Fetched(..) => LoadRestrictor::RootOnly,
        }
    }

    /// Reads a file by its path in the kustomization, or by its URL.
    pub(crate) fn load(&self, path: &str) -> Result<Loaded> {
        if is_url(path) {
            return self.load_url(path);
        }
        let given = self.place(path)?;
        let (real, entry) = self.follow(&given)?;
        let shown_path = shown(&given);
        let content = match (entry, self.restrictor()) {
            (Entry::File(file), restrictor) => {
                if restrictor == LoadRestrictor::RootOnly && !real.starts_with(&self.dir) {
                    return Err(self.outside(&shown_path));
                }
                file.content
            }
            (Entry::Dir, LoadRestrictor::RootOnly) => {
                return Err(Error::new(ErrorKind::NotFound, format!("'{shown_path}' must resolve to a file")));
            }
            (Entry::Dir, LoadRestrictor::None) => {
                return Err(Error::new(ErrorKind::NotFound, format!("read {shown_path}: is a directory")));
            }
            (_, LoadRestrictor::RootOnly) => return Err(not_there(&given)),
            (_, LoadRestrictor::None) => {
                let message = format!("open {shown_path}: no such file or directory");
                return Err(Error::new(ErrorKind::NotFound, message).absent(&given));
            }
        };
        self.spend(content.len())?;
        Ok(Loaded { content, path: real })
    }

    fn load_url(&self, url: &str) -> Result<Loaded> {
        let Some(remote) = &self.options.remote else {
            return Err(no_remote(url));
        };
        let content = remote.fetch_file(url).map_err(|why| Error::new(ErrorKind::Io, why))?;
        self.spend(content.len())?;
        Ok(Loaded { content: content.into(), path: self.dir.clone() })
    }

    /// Counts one file against the limits.
    fn spend(&self, bytes: usize) -> Result<()> {
        let limits = &self.options.limits;
        self.budget.files.set(self.budget.files.get() + 1);
        self.budget.bytes.set(self.budget.bytes.get().saturating_add(bytes));
        if self.budget.files.get() > limits.files {
            return Err(Error::limit(format!("the build reads more than {} files", limits.files)));
        }
        if self.budget.bytes.get() > limits.bytes {
            return Err(Error::limit(format!("the build reads more than {} bytes", limits.bytes)));
        }
        Ok(())
    }

    /// The place of a path of the kustomization, by its text alone. What leads out of the tree is
    /// refused without a look (INV-FS-3).
    fn place(&self, path: &str) -> Result<TreePath> {
        let placed = match path.strip_prefix('/') {
            Some(path) if self.options.tree_is_host => TreePath::clean(path),
            _ => self.dir.join(path),
        };
        placed.map_err(|error| match error.is_outside() {
            true => self.outside(path),
            false => Error::new(ErrorKind::Security, error.to_string()),
        })
    }

    fn outside(&self, path: &str) -> Error {
        let shown_dir = self.shown_dir();
        Error::new(ErrorKind::Security, format!("security; file '{path}' is not in or below '{shown_dir}'"))
            .hint(match self.options.tree_is_host {
                true => {
                    "copy the file into that directory, make its own directory a base with a kustomization.yaml, or build \
                     with --load-restrictor LoadRestrictionsNone"
                }
                false => "copy the file into that directory, or make its own directory a base with a kustomization.yaml",
            })
    }

    /// The names in a directory; none where it is none.
    pub(crate) fn names(&self, dir: &TreePath) -> Vec<Arc<str>> {
        let items = self.tree().list(dir).ok().flatten().unwrap_or_default();
        items.into_iter().map(|item| item.name).collect()
    }

    /// What somebody may have meant who named what is not there.
    pub(crate) fn similar(&self, absent: &TreePath) -> String {
        let names = absent.parent().map(|dir| self.names(&dir)).unwrap_or_default();
        match nearest(absent.file_name().unwrap_or_default(), names.iter().map(|name| &**name)) {
            Some(name) => format!("did you mean '{name}'?"),
            None => format!("nothing is at {}; paths are relative to {}", shown(absent), self.shown_dir()),
        }
    }

    fn follow(&self, path: &TreePath) -> Result<(TreePath, Entry)> {
        match self.tree().follow(path) {
            Ok(found) => Ok(found),
            Err(error) if error.kind() == TreeErrorKind::Outside => Err(self.outside(&shown(path))),
            Err(error) if error.kind() == TreeErrorKind::NotFound => Ok((path.clone(), Entry::Absent)),
            Err(error) => Err(error.into()),
        }
    }

    /// The directory at a path, symlinks followed.
    fn confirm_dir(&self, path: &TreePath) -> Result<TreePath> {
        let (real, entry) = self.follow(path)?;
        match entry {
            Entry::Dir => Ok(real),
            // A tree without files has a root all the same.
            Entry::Absent if real.is_root() => Ok(real),
            Entry::File(_) => Err(Error::new(ErrorKind::NotFound, format!("'{}': file is not directory", shown(path)))),
            Entry::Absent | Entry::Symlink(_) => Err(not_there(path).wrap("not a valid directory")),
        }
    }

    /// A loader for a directory or repository that this kustomization refers to.
    pub(crate) fn enter(self: &Rc<Loader<'a>>, path: &str) -> Result<Rc<Loader<'a>>> {
        if path.is_empty() {
            return Err(Error::kustomization("new root cannot be empty"));
        }
        if self.depth >= self.options.limits.depth {
            return Err(Error::limit(format!(
                "kustomizations include each other more than {} deep at '{}'",
                self.options.limits.depth,
                self.shown_dir()
            )));
        }
        let mut entered = (**self).clone();
        entered.depth += 1;
        entered.referrer = Some(self.clone());
        if let Ok(url) = RepositoryUrl::parse(path) {
            self.check_url_cycle(&url)?;
            let Some(remote) = &self.options.remote else {
                return Err(no_remote(path));
            };
            let base = remote.fetch_base(&url).map_err(|why| Error::new(ErrorKind::Io, why))?;
            entered.source = Source::Fetched(base.tree, Rc::new(url));
            entered.dir = entered.confirm_dir(&base.dir)?;
            return Ok(Rc::new(entered));
        }
        if path.starts_with('/') {
            return Err(Error::new(ErrorKind::Security, format!("new root '{path}' cannot be absolute")));
        }
        let outside = |error: Error| error.wrap("must build at directory");
        let given = self.place(path).map_err(outside)?;
        entered.dir = self.confirm_dir(&given).map_err(outside)?;
        self.check_cycle(&entered.dir)?;
        Ok(Rc::new(entered))
    }

    /// A base must not be, or be above, a directory that is being built.
    fn check_cycle(self: &Rc<Loader<'a>>, candidate: &TreePath) -> Result<()> {
        let mut visited = Some(self);
        while let Some(loader) = visited {
            if loader.dir.starts_with(candidate) {
                let message = format!(
                    "cycle detected: candidate root '{}' contains visited root '{}'",
                    shown(candidate),
                    loader.shown_dir()
                );
                return Err(Error::new(ErrorKind::Cycle, message)
                    .hint("a kustomization cannot include itself, nor a directory above it: drop the entry"));
            }
            // What is fetched is a file system of its own.
            visited = match (&loader.source, loader.referrer.as_ref()) {
                (Source::Fetched(_, ours), Some(referrer)) => match &referrer.source {
                    Source::Fetched(_, theirs) if Rc::ptr_eq(ours, theirs) => Some(referrer),
                    _ => None,
                },
                (_, referrer) => referrer,
            };
        }
        Ok(())
    }

    fn check_url_cycle(&self, url: &RepositoryUrl) -> Result<()> {
        let mut visited = Some(self);
        while let Some(loader) = visited {
            if let Source::Fetched(_, before) = &loader.source
                && before.raw.starts_with(&url.raw)
            {
                return Err(Error::new(
                    ErrorKind::Cycle,
                    format!("cycle detected: URI '{}' referenced by previous URI '{}'", url.raw, before.raw),
                ));
            }
            visited = loader.referrer.as_deref();
        }
        Ok(())
    }
}

fn not_there(path: &TreePath) -> Error {
    let shown_path = shown(path);
    Error::new(
        ErrorKind::NotFound,
        format!("evalsymlink failure on '{shown_path}' : lstat {shown_path}: no such file or directory"),
    )
    .absent(path)
}

fn no_remote(url: &str) -> Error {
    Error::new(ErrorKind::Unsupported, format!("remote resource '{url}' cannot be fetched here"))
        .hint("copy what it refers to into the repository, or list it as a source of its own")
}
