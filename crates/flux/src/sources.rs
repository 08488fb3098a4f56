//! Sources besides GitRepository: OCIRepository, Bucket, HelmRepository, HelmChart, ExternalArtifact.
//!
//! One controller serves them all ([`Sources`]): it keeps the finalizer, the storage, the status and the
//! events; what a kind adds is how it is looked at, a function from its spec to [`Got`]. Who uses a
//! source reads its stored artifact ([`Trees`]), so that a look costs no memory afterwards.

mod bucket;
mod controller;
mod credentials;
mod dependencies;
mod helm_chart;
mod helm_repository;
mod oci_repository;
mod package;
mod trees;

use std::sync::Arc;

use belay_cluster::CrView;
use belay_source::ArtifactStore;

use crate::names::{self, Kind};
use crate::shared::Name;

pub(crate) use controller::Sources;
pub(crate) use trees::Trees;

/// The kinds.
pub(crate) const KINDS: [Kind; 5] =
    [names::OCI_REPOSITORY, names::BUCKET, names::HELM_REPOSITORY, names::HELM_CHART, names::EXTERNAL_ARTIFACT];
/// Those that a Kustomization may apply.
const APPLICABLE: [Kind; 4] = [names::GIT_REPOSITORY, names::OCI_REPOSITORY, names::BUCKET, names::EXTERNAL_ARTIFACT];

/// One source of any kind.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) struct SourceName {
    pub kind: &'static str,
    pub name: Name,
}

impl SourceName {
    /// A GitRepository.
    pub fn git(name: Name) -> SourceName {
        SourceName { kind: names::GIT_REPOSITORY.kind, name }
    }
    /// A source of a kind; `None` where it is no kind of source.
    pub fn of_kind(kind: &str, name: Name) -> Option<SourceName> {
        let kind = [names::GIT_REPOSITORY].iter().chain(&KINDS).find(|k| k.kind == kind)?.kind;
        Some(SourceName { kind, name })
    }
    /// A source that a Kustomization may apply; `None` where it is of no such kind.
    pub fn applicable(kind: &str, name: Name) -> Option<SourceName> {
        let kind = APPLICABLE.iter().find(|k| k.kind == kind)?.kind;
        Some(SourceName { kind, name })
    }
    /// As in URLs and messages.
    pub fn plural(&self) -> &'static str {
        [names::GIT_REPOSITORY].iter().chain(&KINDS).find(|k| k.kind == self.kind).map_or("", |k| k.plural)
    }
}

/// The resources of one kind.
pub(crate) struct Followed {
    pub kind: Kind,
    pub view: CrView,
    pub written: belay_controller::Written<Name>,
}

impl Followed {
    pub fn new(kind: Kind, view: CrView) -> Followed {
        Followed { kind, view, written: belay_controller::Written::default() }
    }
}

/// Where artifacts are kept, and served.
pub(crate) struct Artifacts {
    pub store: Arc<ArtifactStore>,
    /// `http://host`, without a slash at the end.
    pub advertised: String,
}

#[cfg(test)]
mod tests;
