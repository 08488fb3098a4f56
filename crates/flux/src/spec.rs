//! Specs of Flux's kinds, read from objects into types of our own.
//!
//! Reading is lenient where a cluster would have refused or filled in (defaults are filled in here
//! too, so that an object that never saw a schema means the same), and exact in what every field
//! means. A field of the wrong type is an error that names it; nothing is guessed.
//!
//! After this nobody reads the custom resource again.

mod bucket;
mod git_repository;
mod helm_chart;
mod helm_release;
mod helm_repository;
mod kustomization;
mod oci_repository;
mod read;

use std::fmt;

use belay_object::Object;

use crate::names;

pub use bucket::Bucket;
pub use git_repository::{GitReference, GitRepository, Include, Provider, Verification, VerificationMode};
pub use helm_chart::HelmChart;
pub use helm_release::{ActionSpec, ChartSource, ChartTemplate, DriftMode, HelmRelease, Remediation, ValuesFrom};
pub use kustomization::{
    DeletionPolicy, Dependency, HealthCheckRef, ImageOverride, KubeConfigRef, Kustomization, KustomizationStatus,
    Patch, SourceRef, SubstituteFrom, Variables,
};

pub use helm_repository::HelmRepository;
pub use oci_repository::{CloudProvider, OciReference, OciRepository, OciVerification};

/// A spec that cannot be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SpecError {
    /// The field: `spec.interval`, `spec.dependsOn[2].name`.
    pub field: String,
    /// What is wrong with it.
    pub message: String,
}
impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}
impl std::error::Error for SpecError {}

/// What every kind's object says of itself outside its spec.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Meta {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Uid.
    pub uid: String,
    /// Generation of the spec.
    pub generation: i64,
    /// Whether it is being deleted.
    pub deleting: bool,
    /// Whether it carries our finalizer.
    pub has_finalizer: bool,
    /// The token of the last request to reconcile.
    pub requested_at: Option<String>,
    /// What the object wants in the metadata of its events: names without their prefix.
    pub event_metadata: Vec<(String, String)>,
}

impl Meta {
    /// Reads it.
    pub fn read(object: &Object) -> Meta {
        let event_metadata = object
            .annotations()
            .into_iter()
            .flat_map(|all| all.iter())
            .filter_map(|(name, value)| {
                let name = name.strip_prefix(names::EVENT_ANNOTATION_PREFIX)?;
                Some((name.to_owned(), value.as_str()?.to_owned()))
            })
            .collect();
        Meta {
            namespace: object.namespace().to_owned(),
            name: object.name().to_owned(),
            uid: object.uid().to_owned(),
            generation: object.generation(),
            deleting: object.is_deleting(),
            has_finalizer: object.finalizers().any(|f| f == names::FINALIZER),
            requested_at: object.annotation(names::REQUESTED_AT).map(str::to_owned),
            event_metadata,
        }
    }
    /// Whether a request to reconcile has not been answered yet.
    pub fn is_requested(&self, last_handled: &str) -> bool {
        self.requested_at.as_deref().is_some_and(|at| at != last_handled)
    }
}

#[cfg(test)]
mod tests;
