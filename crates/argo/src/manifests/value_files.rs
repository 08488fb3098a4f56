//! The values files that a source names.
//!
//! A path is relative to the chart, to the root of the repository (`/...`) or to the root of another
//! source (`$ref/...`); it never leads out of that root. A glob stands for what it matches, in order,
//! but for files that are also named outright: those keep their own place. URLs are not fetched here:
//! what the caller has fetched is taken.

use std::collections::HashSet;

use belay_access::Glob;
use belay_tree::{Entry, EntryKind, File, Limits, Tree, TreePath};

use super::{Error, ErrorKind, Job};

/// A file that was found.
pub(super) struct Found {
    /// How errors name it.
    pub(super) name: String,
    /// The file.
    pub(super) file: File,
}

/// Where a path leads.
enum Place<'a> {
    /// In a tree: of which source (empty: the own), and the path.
    Tree { tree: &'a dyn Tree, source: String, path: String },
    /// A URL.
    Remote(String),
}

/// What one file is, so that it is taken once.
type Id = (String, TreePath);

/// The files of `valueFiles` in order, each once.
pub(super) fn all(job: &Job<'_>, names: &[String], ignore_missing: bool) -> Result<Vec<Found>, Error> {
    let explicit: HashSet<Id> = names
        .iter()
        .filter_map(|name| match place(job, name).ok()? {
            Place::Tree { source, path, .. } if !is_glob(&path) => Some((source, TreePath::new(&path).ok()?)),
            _ => None,
        })
        .collect();
    let mut seen: HashSet<Id> = HashSet::new();
    let mut found = Vec::new();
    for name in names {
        let wrong = |e: Error| Error::new(e.kind(), format!("error resolving value file path: {e}"));
        match place(job, name).map_err(wrong)? {
            Place::Remote(url) => found.push(remote(job, &url)?),
            Place::Tree { tree, source, path } if is_glob(&path) => {
                let matches = expand(tree, &path)?;
                if matches.is_empty() && !ignore_missing {
                    // Compat(argo 3.5)
                    let message = format!("values file glob {name:?} matched no files");
                    return Err(Error::new(ErrorKind::NotFound, message));
                }
                for (path, file) in matches {
                    let id = (source.clone(), path.clone());
                    if !explicit.contains(&id) && seen.insert(id) {
                        found.push(Found { name: path.to_string(), file });
                    }
                }
            }
            Place::Tree { tree, source, path } => {
                let path = TreePath::new(&path)?;
                if !seen.insert((source, path.clone())) {
                    continue;
                }
                match read(tree, &path)? {
                    Some(file) => found.push(Found { name: path.to_string(), file }),
                    None if ignore_missing => {}
                    None => return Err(missing(job, name, &path)),
                }
            }
        }
    }
    Ok(found)
}

/// The file of a `fileParameters`.
pub(super) fn one(job: &Job<'_>, name: &str) -> Result<Found, Error> {
    let wrong = |e: Error| Error::new(e.kind(), format!("error resolving helm value file path: {e}"));
    match place(job, name).map_err(wrong)? {
        Place::Remote(url) => remote(job, &url),
        Place::Tree { tree, path, .. } => {
            let path = TreePath::new(&path)?;
            let file = read(tree, &path)?.ok_or_else(|| missing(job, name, &path))?;
            Ok(Found { name: path.to_string(), file })
        }
    }
}

fn missing(job: &Job<'_>, name: &str, path: &TreePath) -> Error {
    let reference = name.strip_prefix('$').and_then(|name| name.split('/').next());
    let message = match reference.filter(|name| job.references.is_empty() && !job.environment.knows(name)) {
        // Compat(argo 3.5)
        Some(name) => format!("source referenced \"${name}\", but no source has a 'ref' field defined"),
        None => format!("open {path}: no such file or directory"),
    };
    Error::new(ErrorKind::NotFound, message)
}

fn read(tree: &dyn Tree, path: &TreePath) -> Result<Option<File>, Error> {
    match tree.follow(path)?.1 {
        Entry::File(file) => Ok(Some(file)),
        Entry::Absent => Ok(None),
        _ => Err(Error::new(ErrorKind::Build, format!("read {path}: is a directory"))),
    }
}

fn remote(job: &Job<'_>, url: &str) -> Result<Found, Error> {
    let file = job.app.remote_files.get(url).cloned();
    let file = file.ok_or_else(|| {
        let message = format!("values file {url} was not fetched: put it into the repository, or into another source");
        Error::new(ErrorKind::NotFound, message)
    })?;
    Ok(Found { name: url.to_owned(), file })
}

/// Where a name leads, the build environment put in.
// Compat(argo 3.5): the sentences
fn place<'a>(job: &Job<'a>, name: &str) -> Result<Place<'a>, Error> {
    if let Some(rest) = name.strip_prefix('$') {
        let (reference, rest) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(tree) = job.references.get(reference) {
            // Variables behind a reference are put in after it is followed.
            let path = inside(&TreePath::root(), &job.environment.substitute(rest))?;
            return Ok(Place::Tree { tree: *tree, source: reference.to_owned(), path });
        }
        if !job.references.is_empty() && !job.environment.knows(reference) {
            let known: Vec<String> = job.references.keys().map(|name| format!("${name}")).collect();
            let known = known.join(", ");
            let message =
                format!("source referenced \"${reference}\", which is not one of the available sources ({known})");
            return Err(Error::new(ErrorKind::Build, message));
        }
    }
    let name = job.environment.substitute(name);
    if let Some(scheme) = scheme(&name) {
        let allowed = &job.app.settings.values_file_schemes;
        if !allowed.iter().any(|allowed| allowed.eq_ignore_ascii_case(scheme)) {
            return Err(Error::new(ErrorKind::Build, format!("the URL scheme '{scheme}' is not allowed")));
        }
        return Ok(Place::Remote(name));
    }
    let from = if name.starts_with('/') { TreePath::root() } else { job.dir.clone() };
    Ok(Place::Tree { tree: job.tree, source: String::new(), path: inside(&from, &name)? })
}

/// A path below a directory of a tree, globs in it left as they are.
fn inside(from: &TreePath, name: &str) -> Result<String, Error> {
    let joined = from.join(name.trim_start_matches('/')).map_err(|error| match error.is_outside() {
        // Compat(argo 3.5)
        true => Error::new(ErrorKind::Build, format!("file '{name}' resolved to outside repository root")),
        false => error.into(),
    })?;
    if joined.is_root() {
        return Err(Error::new(ErrorKind::Build, format!("file {name:?} is the root of the repository")));
    }
    Ok(joined.as_str().to_owned())
}

/// What stands before the `:` of a URL.
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let mut bytes = scheme.bytes();
    let is_one = bytes.next()?.is_ascii_alphabetic()
        && bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'));
    is_one.then_some(scheme)
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

/// The files that a glob of paths matches: names in order, the files of a directory before what is
/// in directories of it where `**` stands.
fn expand(tree: &dyn Tree, pattern: &str) -> Result<Vec<(TreePath, File)>, Error> {
    let segments: Vec<Segment> = pattern.split('/').map(Segment::read).collect::<Result<_, _>>()?;
    let mut walk = Walk { tree, budget: Limits::default().walk_entries, paths: Vec::new() };
    walk.step(TreePath::root(), &segments)?;
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for path in walk.paths {
        if !seen.insert(path.clone()) {
            continue;
        }
        match tree.follow(&path) {
            Ok((_, Entry::File(file))) => found.push((path, file)),
            Ok(_) => {}
            Err(e) if e.kind() == belay_tree::ErrorKind::Outside => {
                // Compat(argo 3.5)
                let message = format!(
                    "glob pattern {pattern:?}: glob match {:?} resolved to outside repository root",
                    path.as_str()
                );
                return Err(Error::new(ErrorKind::Build, message));
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(found)
}

enum Segment {
    Name(String),
    Pattern(Glob),
    /// `**`: any number of directories.
    Any,
}

impl Segment {
    fn read(text: &str) -> Result<Segment, Error> {
        match text {
            "**" => Ok(Segment::Any),
            text if is_glob(text) || text.contains('{') => Glob::with_separator(text, '/')
                .map(Segment::Pattern)
                .map_err(|e| Error::new(ErrorKind::Build, format!("error expanding glob pattern {text:?}: {e}"))),
            text => Ok(Segment::Name(text.to_owned())),
        }
    }
}

struct Walk<'a> {
    tree: &'a dyn Tree,
    budget: usize,
    paths: Vec<TreePath>,
}

impl Walk<'_> {
    // Recursion is bounded by TreePath::MAX_DEPTH and the pattern's segments, of which a path has no more.
    fn step(&mut self, at: TreePath, segments: &[Segment]) -> Result<(), Error> {
        let Some((segment, rest)) = segments.split_first() else {
            self.paths.push(at);
            return Ok(());
        };
        match segment {
            Segment::Name(name) => self.step(at.child(name)?, rest),
            Segment::Pattern(glob) => {
                for (name, _) in self.entries(&at)? {
                    if glob.matches(&name) {
                        self.step(at.child(&name)?, rest)?;
                    }
                }
                Ok(())
            }
            Segment::Any => {
                if !rest.is_empty() {
                    self.step(at.clone(), rest)?;
                }
                for (name, kind) in self.entries(&at)? {
                    let child = at.child(&name)?;
                    match kind {
                        // Links to directories are not followed: they may lead back.
                        EntryKind::Dir => self.step(child, segments)?,
                        _ if rest.is_empty() => self.paths.push(child),
                        _ => {}
                    }
                }
                Ok(())
            }
        }
    }

    fn entries(&mut self, at: &TreePath) -> Result<Vec<(String, EntryKind)>, Error> {
        let real = self.tree.resolve(at)?;
        let items = self.tree.list(&real)?.unwrap_or_default();
        self.budget = self.budget.checked_sub(items.len()).ok_or_else(|| {
            Error::new(ErrorKind::Limit, format!("{at}: more than {} files", Limits::default().walk_entries))
        })?;
        Ok(items.into_iter().map(|item| (item.name.to_string(), item.kind)).collect())
    }
}
