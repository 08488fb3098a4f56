//! Charts that a chart in Git depends on and does not hold: fetched from the repositories that it names, with
//! the credentials that its project may use, as charts of sources are.

use std::sync::Arc;
use std::time::Duration;

use belay_tree::Tree;
use tokio::runtime::Handle;

use super::charts::{Asked, Charts};
use super::config::Config;
use crate::manifests::{Dependencies, WantedChart};
use crate::repositories::{Repositories, Repository};
use crate::spec::Source;

/// How long an index of a repository is believed: renders are remembered, so it is seldom asked for.
const BELIEVED: Duration = Duration::from_secs(180);

/// Fetches under the configuration of the moment.
pub(crate) struct FromRepositories<C> {
    /// Where they are kept.
    pub charts: Arc<Charts>,
    /// The configuration; `None` where who holds it is ending.
    pub config: C,
}

impl<C: Fn() -> Option<Arc<Config>> + Send + Sync> Dependencies for FromRepositories<C> {
    fn fetch(&self, chart: &WantedChart) -> Result<Arc<dyn Tree>, String> {
        let config = (self.config)().ok_or("the controller is ending")?;
        let repository = repository(&config.repositories, chart)?;
        let source = Source { repo_url: repository.url.clone(), chart: chart.name.clone(), ..Source::default() };
        let asked = Asked::of(&config, &repository, BELIEVED);
        let version = if chart.version.is_empty() { "*" } else { &chart.version };
        Handle::current().block_on(self.charts.fetch(&source, version, &asked)).map(|found| found.tree)
    }
}

/// The repository that a chart names: by its address, or by the name that its secret gives it.
fn repository(all: &Repositories, chart: &WantedChart) -> Result<Repository, String> {
    let asked = chart.repository.trim();
    let name = asked.strip_prefix('@').or_else(|| asked.strip_prefix("alias:"));
    match name {
        Some(name) => all
            .by_name(name, &chart.project)
            .cloned()
            .ok_or_else(|| format!("no repository is called {name:?}: give one in a repository's secret that name")),
        None if asked.is_empty() => {
            Err("it names no repository: put the chart into charts/, or name its repository in Chart.yaml".to_owned())
        }
        None => Ok(all.get(asked, &chart.project)),
    }
}
