//! What the API asks of whoever knows the files of sources: a trait that the binary fills.
//!
//! The API itself fetches and renders nothing. Whether who asks may is decided before.

use std::sync::Arc;

use belay_argo::controller::Config;
use belay_argo::repositories::Repository;
use belay_argo::spec::{Application, Source};
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
    /// Whether these revisions mean the same for ever.
    pub is_pinned: bool,
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
}

/// What is asked of a repository by itself.
#[derive(Clone, Debug)]
pub enum SourceDetails {
    /// The commit of a revision: author, date, message, tags.
    RevisionMetadata {
        /// The source.
        source: Source,
        /// The project, whose own repositories go first.
        project: String,
        /// The commit.
        revision: String,
    },
    /// A chart: description, maintainers, home.
    ChartDetails {
        /// The source.
        source: Source,
        /// The project.
        project: String,
        /// The version.
        revision: String,
    },
    /// What an artifact says of itself.
    OciMetadata {
        /// The source.
        source: Source,
        /// The project.
        project: String,
        /// The digest or tag.
        revision: String,
    },
    /// Branches and tags.
    Refs {
        /// The repository, with its credentials.
        repository: Repository,
    },
    /// Tags of a registry.
    OciTags {
        /// The repository, with its credentials.
        repository: Repository,
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
        /// The repository, with its credentials.
        repository: Repository,
    },
    /// What a source is, by its tool: `RepoAppDetailsResponse`.
    AppDetails {
        /// For which Application: one that is there, or is to be made.
        application: Box<Application>,
        /// The source.
        source: Box<Source>,
    },
    /// Whether the repository lets us in as it is described here, written down or not. Where there is nothing to
    /// ask the answer is Unimplemented.
    Reach {
        /// The repository, with its credentials.
        repository: Repository,
    },
}

/// Knows the files of sources. Errors are read by whoever asked: they hold no credentials.
pub trait Sources: Send + Sync + 'static {
    /// The manifests of an Application, under the configuration of the moment.
    fn manifests(&self, config: Arc<Config>, of: ManifestsOf) -> BoxFuture<'_, Result<Arc<Rendered>, Error>>;

    /// Something about a repository, as the message that Argo CD answers with.
    fn details(&self, config: Arc<Config>, of: SourceDetails) -> BoxFuture<'_, Result<Value, Error>>;
}
