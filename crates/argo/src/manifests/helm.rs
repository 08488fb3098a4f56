//! Charts.

use super::{Error, ErrorKind, Job, Made};

/// A chart that another depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WantedChart {
    /// Its name.
    pub name: String,
    /// Its version, or a constraint.
    pub version: String,
    /// The repository that the depending chart names: a URL, `@name` or `alias:name`.
    pub repository: String,
}

/// Fetches charts that others depend on and do not hold.
pub trait Dependencies: Send + Sync {
    /// The archive of a chart, or why there is none. The same question must have the same answer for
    /// as long as renders are remembered: a version that `Chart.lock` names is asked for.
    fn fetch(&self, chart: &WantedChart) -> Result<std::sync::Arc<[u8]>, String>;
}

pub(super) fn render(_: &Job<'_>) -> Result<Made, Error> {
    Err(Error::new(ErrorKind::Internal, "charts are not rendered yet"))
}
