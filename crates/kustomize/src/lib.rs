//! kustomize 5.8: a kustomization in a [`Tree`](belay_tree::Tree) to a list of objects.
//!
//! [`build`] reads a directory with a kustomization file and gives the [`Built`] objects in order,
//! each with its [`Origin`]: the file, the document in it and the line. All reading goes through the
//! tree, so that a recorded tree knows what a build depends on. Helm charts and bases at a URL are
//! asked for through [`HelmRenderer`] and [`Remote`]; without one they are refused.
//!
//! The nouns, in the order of a build: a *kustomization* ([`Overlay`] can change the root's) is
//! accumulated depth first into *resources*, each an object shared until it is changed plus the
//! names it had before; *generators* add to them, *transformers* change them, each by *field specs*
//! (a path and the kinds it holds for); at the root, once, names get their hash and *references*
//! follow the names.
//!
//! What this crate deliberately does not know: disk, network, Helm, clusters, plug-in programs.
//! Functions that run programs or containers are refused.
#![warn(missing_docs)]

mod accumulate;
mod build;
mod configuration;
mod decode;
mod edit;
mod entry;
mod error;
mod facts;
mod fieldspec;
mod fix;
mod generate;
mod growth;
mod helm;
mod id;
mod json_patch;
mod kustomization;
mod load;
mod manifest;
mod merge;
mod metadata;
mod options;
mod path;
mod pattern;
mod plugin;
mod repository;
mod resource;
mod scalar;
mod schema;
mod select;
mod session;
mod set;
mod sort;
mod structured;
mod suggest;
mod target;
mod transform;

pub use build::{Built, build};
pub use edit::Edit;
pub use error::{Error, ErrorKind, Location};
pub use fix::{Fixed, fix};
pub use helm::{HelmChart, HelmRenderer, HelmRequest};
pub use kustomization::{Image, Patch, PatchOptions, Selector};
pub use merge::three::{UnknownLists, merge3};
pub use options::{BuildOptions, Compatibility, Limits, LoadRestrictor, Overlay, Reorder};
pub use repository::{Remote, RemoteBase, RepositoryUrl};
pub use resource::Origin;

#[cfg(test)]
mod tests;
