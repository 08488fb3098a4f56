//! Whether an Application is compared now, and how fresh that must be.

use std::time::Duration;

use crate::settings::Timers;
use crate::spec::Application;

/// How fresh a comparison must be. A higher one does what the lower ones do.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Level {
    /// What belongs to its objects changed: its health is looked at anew.
    Tree,
    /// One of its objects changed: compared with the revision that is known.
    Recent,
    /// Compared with the newest revision that is known of the repository.
    Latest,
    /// The repository is asked.
    Resolve,
}

/// On an Application: somebody wants it compared. `hard` forgets what was rendered.
pub const REFRESH: &str = "argocd.argoproj.io/refresh";
/// When that was asked.
pub const REFRESH_AT: &str = "argocd.argoproj.io/refresh-timestamp";
/// `"true"`: nothing is done about an Application.
pub const SKIP_RECONCILE: &str = "argocd.argoproj.io/skip-reconcile";

/// Whether a look at an Application shows that it must be compared. `asked` is what others asked for
/// meanwhile, `age` how old its last comparison is.
pub fn needed(app: &Application, asked: Option<Level>, timers: &Timers, age: Option<Duration>) -> Option<Level> {
    if app.annotations.contains_key(REFRESH) || timers.is_hard(age) {
        return Some(Level::Resolve);
    }
    if app.status.reconciled_at.is_empty() {
        return Some(asked.unwrap_or(Level::Latest).max(Level::Latest));
    }
    let compared = &app.status.sync.compared_to;
    let spec = &app.spec;
    if !compared.has_sources(spec, &spec.sources()) {
        return Some(Level::Resolve);
    }
    if compared.destination != spec.destination || compared.ignore_differences != spec.ignore_differences {
        return Some(asked.unwrap_or(Level::Latest).max(Level::Latest));
    }
    asked
}

/// Whether what is remembered is to be forgotten: somebody says so, or it is time (`timeout.hard.reconciliation`).
pub fn is_hard(app: &Application, timers: &Timers, age: Option<Duration>) -> bool {
    match app.annotations.get(REFRESH) {
        // Compat(argo-cd 3.5): what is asked for goes before what is due.
        Some(word) => word == "hard",
        None => timers.is_hard(age),
    }
}
