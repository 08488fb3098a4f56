//! What the API asks of whoever knows the files of sources: a trait that the binary fills.
//!
//! The API itself fetches and renders nothing.

use belay_object::{Object, Value};
use futures::future::BoxFuture;

use crate::Error;

/// Whose manifests are asked for.
#[derive(Clone, Debug)]
pub struct ManifestsOf {
    /// The Application, as it stands or as it is to be.
    pub application: Object,
    /// The revision of each source; empty for those of the spec.
    pub revisions: Vec<String>,
    /// Whether what is known is not believed.
    pub no_cache: bool,
}

/// The manifests of an Application.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// As they would be applied, with their tracking.
    pub objects: Vec<Object>,
    /// The revision of each source.
    pub revisions: Vec<String>,
    /// `Helm`, `Kustomize`, `Directory` or `Plugin`.
    pub source_type: String,
}

/// What is asked of a repository by itself.
#[derive(Clone, Debug)]
pub enum SourceDetails {
    /// The commit of a revision: author, date, message, tags.
    RevisionMetadata {
        /// `spec.source` of the Application.
        source: Value,
        /// The project, whose own repositories go first.
        project: String,
        /// The revision.
        revision: String,
    },
    /// A chart: description, maintainers, home.
    ChartDetails {
        /// `spec.source` of the Application.
        source: Value,
        /// The project.
        project: String,
        /// The revision.
        revision: String,
    },
    /// Branches and tags.
    Refs {
        /// The address.
        url: String,
        /// The project.
        project: String,
    },
    /// The directories that hold applications: path and type.
    Apps {
        /// The address.
        url: String,
        /// The project.
        project: String,
        /// The revision.
        revision: String,
    },
    /// The charts of a repository: name and versions.
    Charts {
        /// The address.
        url: String,
        /// The project.
        project: String,
    },
    /// What a source is, by its tool: `RepoAppDetailsResponse`.
    AppDetails {
        /// The source.
        source: Value,
        /// The project.
        project: String,
        /// The name of the Application.
        name: String,
    },
    /// Whether the repository can be reached as it is written down.
    Reach {
        /// The address.
        url: String,
        /// The project.
        project: String,
    },
}

/// Knows the files of sources. Errors are read by whoever asked.
pub trait Sources: Send + Sync + 'static {
    /// The manifests of an Application.
    fn manifests(&self, of: ManifestsOf) -> BoxFuture<'_, Result<Rendered, Error>>;

    /// Something about a repository, as the message that Argo CD answers with.
    fn details(&self, of: SourceDetails) -> BoxFuture<'_, Result<Value, Error>>;
}
