//! Single repositories, for who makes an Application of one: what they have, what a source in them is, and
//! whether they let us in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_source::Ref;
use belay_tree::{Entry, TreePath};

use super::Preview;
use crate::controller::charts::Asked;
use crate::controller::sources::{remote_values, spec_of};
use crate::manifests::{self, AppContext, ClusterFacts, Details, References};
use crate::repositories::{Kind, Repository};
use crate::spec::{Application, Source, SourceType};

/// Largest `Chart.yaml` that is read.
const MOST_CHART_FILE_BYTES: usize = 1 << 20;

impl Preview {
    /// Branches and tags of a Git repository.
    pub async fn refs(&self, repository: &Repository, max_age: Duration) -> Result<Vec<Ref>, String> {
        let spec = spec_of(&self.config, repository, &repository.url, "HEAD")?;
        self.mirrors.repositories.refs(&spec, max_age).await.map_err(|e| e.to_string())
    }

    /// All charts of a chart repository with their versions.
    pub async fn charts(&self, repository: &Repository) -> Result<Vec<(String, Vec<String>)>, String> {
        self.mirrors.charts.all(&self.asked(repository)).await
    }

    /// The tags of a place in a registry.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<String>, String> {
        self.mirrors.charts.tags(&self.asked(repository)).await
    }

    /// What an artifact says of itself.
    pub async fn annotations(
        &self,
        source: &Source,
        project: &str,
        revision: &str,
    ) -> Result<BTreeMap<String, String>, String> {
        let repository = self.config.repositories.get(&source.repo_url, project);
        self.mirrors.charts.annotations(source, revision, &self.asked(&repository)).await
    }

    /// Asks a repository, as it is described, for the least that shows that it lets us in; whether there was
    /// something to ask. A registry of charts has no page of its own, and which of its charts would be asked
    /// for is not known.
    pub async fn reach(&self, repository: &Repository) -> Result<bool, String> {
        match repository.kind {
            Kind::Git => drop(self.refs(repository, Duration::ZERO).await?),
            Kind::Helm if repository.enable_oci => return Ok(false),
            Kind::Helm => drop(self.charts(repository).await?),
            Kind::Oci => drop(self.tags(repository).await?),
        }
        Ok(true)
    }

    fn asked<'a>(&'a self, repository: &'a Repository) -> Asked<'a> {
        Asked::of(&self.config, repository, Duration::ZERO)
    }

    /// The folders of a repository that hold a chart or a kustomization, each with its type.
    pub async fn folders(
        &self,
        repo_url: &str,
        project: &str,
        revision: &str,
    ) -> Result<Vec<(String, SourceType)>, String> {
        let source = Source { repo_url: repo_url.to_owned(), ..Source::default() };
        let files = self.fetch(project, &source, revision).await?;
        let settings = self.config.tools.clone();
        let looking = tokio::task::spawn_blocking(move || manifests::folders(&*files.tree, &settings));
        looking.await.map_err(|e| format!("looking stopped: {e}"))?.map_err(|e| e.to_string())
    }

    /// What a source is, by its tool. `others` are the sources that it may name by their `ref`.
    pub async fn details(&self, app: &Application, source: &Source, others: &[Source]) -> Result<Details, String> {
        let project = app.spec.project();
        let files = self.fetch(project, source, &source.target_revision).await?;
        let mut references = References::new();
        let named = source.helm.as_ref().map(|helm| helm.value_files.as_slice()).unwrap_or_default();
        for other in others.iter().filter(|other| !other.reference.is_empty() && !other.is_chart()) {
            let begin = format!("${}/", other.reference);
            if named.iter().any(|name| name.starts_with(&begin)) {
                let files = self.fetch(project, other, &other.target_revision).await?;
                references.insert(other.reference.clone(), files);
            }
        }
        let one = std::iter::once(source);
        let remote = remote_values(&self.mirrors.charts, &self.config, one, Duration::ZERO).await?;
        let context = AppContext {
            name: app.name.clone(),
            instance_name: app.instance_name(&self.namespace),
            project: project.to_owned(),
            destination_namespace: app.spec.destination.namespace.clone(),
            cluster: Arc::new(ClusterFacts::new("", [])),
            settings: self.config.tools.clone(),
            remote_files: Arc::new(remote),
        };
        let (renderer, source) = (self.renderer.clone(), source.clone());
        let made = tokio::task::spawn_blocking(move || renderer.details(&source, &files, &references, &context));
        made.await.map_err(|e| format!("looking stopped: {e}"))?.map_err(|e| e.to_string())
    }

    /// `Chart.yaml` of a chart at a version.
    pub async fn chart_file(&self, source: &Source, project: &str, revision: &str) -> Result<String, String> {
        let files = self.fetch(project, source, revision).await?;
        let path = TreePath::clean("Chart.yaml").map_err(|e| e.to_string())?;
        let text = match files.tree.follow(&path).map_err(|e| e.to_string())?.1 {
            Entry::File(file) if file.content.len() <= MOST_CHART_FILE_BYTES => file.text().map(str::to_owned),
            _ => None,
        };
        text.ok_or_else(|| "the chart has no Chart.yaml that can be read".to_owned())
    }
}
