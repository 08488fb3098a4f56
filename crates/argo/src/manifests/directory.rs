//! Directories of manifests and jsonnet.
//!
//! Files are taken in the order of a walk: the names of a directory in order, what is in a directory
//! in its place. A file that is no manifest and does not look like one is passed over, so that values
//! files and pipelines may stand beside manifests.

use belay_access::Glob;
use belay_object::{Object, Value};
use belay_render::{Origin, RenderedObject};
use belay_tree::{Entry, EntryKind, ErrorKind as TreeError, File, Limits, TreePath};

use super::documents::{self, Located, NoObject};
use super::{Error, ErrorKind, Job, Made};
use crate::spec::Directory;

/// A file with this in it is passed over.
const SKIP_MARKER: &[u8] = b"+argocd:skip-file-rendering";
const EXTENSIONS: [&str; 4] = [".yaml", ".yml", ".json", ".jsonnet"];

pub(super) fn render(job: &Job<'_>) -> Result<Made, Error> {
    let none = Directory::default();
    let directory = job.source.directory.as_deref().unwrap_or(&none);
    let mut warnings = Vec::new();
    let files = files(job, directory, &mut warnings)
        .map_err(|e| Error::new(e.kind(), format!("failed to get potentially valid manifests: {e}")))?;
    let mut objects = Vec::new();
    for (path, file) in files {
        let name = path.as_str();
        let found = if name.ends_with(".jsonnet") {
            if !job.app.settings.jsonnet_enabled {
                continue;
            }
            jsonnet(job, directory, &path)?
        } else if name.ends_with(".json") {
            json(&path, &file)?
        } else {
            yaml(&path, &file)?
        };
        for Located { object, document, line } in found {
            let origin = Origin { path: path.clone(), document, line };
            let expanded = documents::expand(object);
            let expanded = expanded.map_err(|why| Error::new(ErrorKind::Build, format!("{origin}: {why}")))?;
            let place = |object| RenderedObject { object, origin: Some(origin.clone()) };
            objects.extend(expanded.into_iter().map(place));
        }
    }
    Ok(Made { objects, warnings, renderer: "", lasts: true })
}

/// The globs of a source. One that is none matches nothing, and a warning says so.
struct Globs {
    include: Option<Option<Glob>>,
    exclude: Option<Option<Glob>>,
}

impl Globs {
    fn of(directory: &Directory, warnings: &mut Vec<String>) -> Globs {
        let mut read = |text: &str| {
            let glob = Glob::new(text).map_err(|e| warnings.push(e.to_string())).ok();
            (!text.is_empty()).then_some(glob)
        };
        Globs { include: read(&directory.include), exclude: read(&directory.exclude) }
    }
    fn takes(&self, path: &str) -> bool {
        let matches = |glob: &Option<Glob>| glob.as_ref().is_some_and(|glob| glob.matches(path));
        !self.exclude.as_ref().is_some_and(matches) && self.include.as_ref().is_none_or(matches)
    }
}

/// The files that may be manifests.
fn files(job: &Job<'_>, directory: &Directory, warnings: &mut Vec<String>) -> Result<Vec<(TreePath, File)>, Error> {
    let globs = Globs::of(directory, warnings);
    let most = job.app.settings.max_directory_bytes;
    let mut bytes = 0u64;
    let mut budget = Limits::default().walk_entries;
    let mut found = Vec::new();
    // A stack of what is left, so that depth costs no native recursion.
    let mut left = vec![(job.dir.clone(), EntryKind::Dir)];
    while let Some((path, kind)) = left.pop() {
        if kind == EntryKind::Dir {
            if path != job.dir && !directory.recurse {
                continue;
            }
            let items = job.tree.list(&path)?.unwrap_or_default();
            budget = budget.checked_sub(items.len()).ok_or_else(|| {
                Error::new(ErrorKind::Limit, format!("{path}: more than {} files", Limits::default().walk_entries))
            })?;
            for item in items.into_iter().rev() {
                left.push((path.child(&item.name)?, item.kind));
            }
            continue;
        }
        let relative = path.relative_to(&job.dir);
        if !directory.disable_extension_filter && !EXTENSIONS.iter().any(|e| relative.ends_with(e)) {
            continue;
        }
        let Some(file) = regular(job, &path, &relative, kind, warnings)? else { continue };
        let has_marker = || memchr::memmem::find(&file.content, SKIP_MARKER).is_some();
        if !globs.takes(&relative) || has_marker() {
            continue;
        }
        // How much memory jsonnet takes is jsonnet's own affair.
        if !relative.ends_with(".jsonnet") {
            bytes += file.content.len() as u64;
            if most > 0 && bytes > most {
                // Compat(argo 3.5)
                let message = format!("exceeded max combined manifest file size ({most} bytes)");
                return Err(Error::new(ErrorKind::Limit, message));
            }
        }
        found.push((path, file));
    }
    Ok(found)
}

/// The file at a path, a link followed; `None` where there is none, of which a warning tells.
// Compat(argo 3.5): the sentences
fn regular(
    job: &Job<'_>,
    path: &TreePath,
    relative: &str,
    kind: EntryKind,
    warnings: &mut Vec<String>,
) -> Result<Option<File>, Error> {
    let entry = match job.tree.follow(path) {
        Ok((_, entry)) => entry,
        Err(e) if kind == EntryKind::Symlink && e.kind() == TreeError::Outside => {
            let message = format!("invalid manifest file {relative:?}: illegal filepath in symlink at {relative:?}");
            return Err(Error::new(ErrorKind::Build, message));
        }
        Err(e) => return Err(e.into()),
    };
    let why = match entry {
        Entry::File(file) => return Ok(Some(file)),
        Entry::Absent => format!("destination of symlink {relative:?} is missing"),
        Entry::Dir | Entry::Symlink(_) => format!("ignoring symlink at {relative:?} to non-regular file"),
    };
    warnings.push(format!("skipping manifest file {relative:?}: {why}"));
    Ok(None)
}

/// An error of a file, with the line where there is one.
fn unreadable(path: &TreePath, line: usize, why: &str, is_limit: bool) -> Error {
    let name = path.file_name().unwrap_or_default();
    let place = if line > 0 { format!("{path}:{line}") } else { path.to_string() };
    let kind = if is_limit { ErrorKind::Limit } else { ErrorKind::Build };
    // Compat(argo 3.5): the first part
    Error::new(kind, format!("Failed to unmarshal {name:?}: {why} ({place})"))
}

fn yaml(path: &TreePath, file: &File) -> Result<Vec<Located>, Error> {
    let read = match file.text() {
        Some(text) => documents::objects(text),
        None => Err(NoObject { before: 0, line: 0, why: "not UTF-8".to_owned(), is_limit: false }),
    };
    read.or_else(|fault| {
        let NoObject { before, line, why, is_limit } = fault;
        // Compat(argo 3.5): this is how a manifest with a mistake in it is told from another's file.
        if before > 0 || is_limit || looks_like_manifest(&file.content) {
            return Err(unreadable(path, line, &format!("failed to unmarshal manifest: {why}"), is_limit));
        }
        Ok(Vec::new())
    })
}

fn looks_like_manifest(content: &[u8]) -> bool {
    ["apiVersion:", "kind:", "metadata:"].iter().all(|part| memchr::memmem::find(content, part.as_bytes()).is_some())
}

fn json(path: &TreePath, file: &File) -> Result<Vec<Located>, Error> {
    let wrong = |why: String| unreadable(path, 0, &why, false);
    let content = file.content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&file.content);
    let value = belay_object::from_json(content).map_err(|e| {
        let why = e.to_string();
        // Compat(argo 3.5)
        let name = path.file_name().unwrap_or_default();
        match why.starts_with("trailing characters") {
            true => Error::new(
                ErrorKind::Build,
                format!("Found multiple objects in {name:?}. Only single objects are allowed in JSON files. ({path})"),
            ),
            false => wrong(why),
        }
    })?;
    if is_oci_manifest(&value) {
        return Ok(Vec::new());
    }
    let object = documents::object(value).map_err(wrong)?;
    Ok(vec![Located { object, document: 0, line: 1 }])
}

/// The manifest of an OCI artifact, which may stand beside what was in it.
fn is_oci_manifest(value: &Value) -> bool {
    value.get("kind").is_none() && value.get("schemaVersion").is_some() && value.get("layers").is_some()
}

fn jsonnet(job: &Job<'_>, directory: &Directory, path: &TreePath) -> Result<Vec<Located>, Error> {
    let name = path.file_name().unwrap_or_default();
    let values = super::jsonnet::evaluate(job, &directory.jsonnet, path)
        .map_err(|e| Error::new(e.kind(), format!("Failed to evaluate jsonnet {name:?}: {e}")))?;
    let objects = values.into_iter().map(documents::object);
    let objects: Result<Vec<Object>, String> = objects.collect();
    let objects = objects.map_err(|why| {
        let message = format!("Failed to unmarshal generated json {name:?}: {why} ({path})");
        Error::new(ErrorKind::Build, message)
    })?;
    let located = |(document, object)| Located { object, document, line: 0 };
    Ok(objects.into_iter().enumerate().map(located).collect())
}
