//! Whether an Application is to be hydrated now.

use std::time::Duration;

use belay_tree::{Entry, Tree, TreePath};

use crate::spec::{Application, HydratePhase, HydratorStatus, SourceHydrator};

/// On an Application: somebody wants it hydrated. `hard` whatever there is to say against it.
pub const HYDRATE: &str = "argocd.argoproj.io/hydrate";
/// When that was asked.
pub const HYDRATE_AT: &str = "argocd.argoproj.io/hydrate-timestamp";
/// On an Application: which paths of its repository matter, separated by semicolons.
pub const PATHS: &str = "argocd.argoproj.io/manifest-generate-paths";

/// After this time a hydration that failed is tried again. Compat(argo-cd 3.5)
pub const RETRY_AFTER: Duration = Duration::from_secs(120);

/// What somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To look whether anything is to be done.
    Normal,
    /// To do it.
    Hard,
}

impl Request {
    /// What the annotation of an Application asks for.
    pub fn of(app: &Application) -> Option<Request> {
        let word = app.annotations.get(HYDRATE)?;
        Some(if word == "hard" { Request::Hard } else { Request::Normal })
    }
}

/// Whether an Application is to be hydrated now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Yes, and why.
    Now(&'static str),
    /// It is under way.
    Running,
    /// If the dry source may render to something else than at the revision that was looked at last.
    IfChanged,
    /// No, and why.
    Not(&'static str),
}

/// Decides by what is asked for and what was done. `since_end` is how long ago the last operation ended.
// Compat(argo-cd 3.5): the order, and the words of the log.
pub fn due(
    hydrator: &SourceHydrator,
    status: &HydratorStatus,
    request: Option<Request>,
    since_end: Option<Duration>,
) -> Due {
    let Some(operation) = &status.current_operation else { return Due::Now("no previous hydrate operation") };
    let is_unknown = status.last_compared_dry_revision.is_empty();
    match operation.phase.unwrap_or_default() {
        HydratePhase::Hydrating => Due::Running,
        _ if request == Some(Request::Hard) => Due::Now("hard hydrate requested"),
        _ if !operation.source_hydrator.is_same(hydrator) => Due::Now("spec.sourceHydrator differs"),
        HydratePhase::Failed if request.is_some() => Due::Now("retrying previous failed hydration"),
        HydratePhase::Failed if since_end.is_some_and(|since| since > RETRY_AFTER) => {
            Due::Now("previous hydrate operation failed more than 2 minutes ago")
        }
        // There is nothing to compare with: it would be tried again all the time.
        HydratePhase::Failed if is_unknown => Due::Not("previous hydrate operation failed"),
        HydratePhase::Failed | HydratePhase::Hydrated => Due::IfChanged,
    }
}

/// Whether what matters to an Application may differ between two trees of its dry repository: all of it, unless an
/// annotation names paths.
pub fn may_differ(app: &Application, source_path: &str, before: &dyn Tree, after: &dyn Tree) -> bool {
    let Some(paths) = app.annotations.get(PATHS).filter(|paths| !paths.trim().is_empty()) else { return true };
    let of = |text: &str| match text.strip_prefix('/') {
        Some(absolute) => TreePath::clean(absolute),
        None => TreePath::clean(source_path).and_then(|source| source.join(text)),
    };
    let mut paths = paths.split(';').map(str::trim).filter(|path| !path.is_empty());
    paths.any(|text| {
        let Ok(path) = of(text) else { return true };
        text.contains(['*', '?', '[']) || identity(before, &path) != identity(after, &path)
    })
}

/// What is at a path, as far as it can be told from what was there: of a tree that does not know it is always
/// something else.
fn identity(tree: &dyn Tree, path: &TreePath) -> Result<String, u64> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static UNKNOWN: AtomicU64 = AtomicU64::new(0);
    let unknown = || UNKNOWN.fetch_add(1, Ordering::Relaxed);
    match tree.read(path) {
        Ok(Entry::Absent) => Ok("absent".to_owned()),
        Ok(Entry::File(file)) => Ok(format!("file {:?}", file.digest())),
        Ok(Entry::Symlink(target)) => Ok(format!("symlink {target}")),
        Ok(Entry::Dir) => match tree.dir_digest(path) {
            Ok(Some(digest)) => Ok(format!("directory {digest:?}")),
            Ok(None) | Err(_) => Err(unknown()),
        },
        Err(_) => Err(unknown()),
    }
}
