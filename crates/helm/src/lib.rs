//! Helm charts, with no Helm anywhere.
//!
//! A [`Chart`] is loaded from a tree or an archive ([`load`]); [`render`] gives what its templates
//! write for the user's values, as documents and hooks in Helm's order; [`template`] prints that as
//! `helm template` does. [`release`] holds what Helm remembers of a release and decides what an
//! install, upgrade, rollback or uninstall does, as functions over values: who carries it out is
//! none of this crate's business.
//!
//! What this crate deliberately does not know: disk, network, clusters. Objects of a cluster that
//! templates look up come through [`Lookup`], time and randomness through [`Outside`].
#![warn(missing_docs)]

mod capabilities;
mod chart;
mod dependencies;
mod error;
mod glob;
mod go;
pub mod index;
mod limits;
mod load;
pub mod manifest;
pub mod release;
mod render;
mod semver;
mod template;
pub mod values;

pub use capabilities::{Capabilities, KubeVersion};
pub use chart::{Chart, Crd, Dependency, File, ImportValues, Lock, Maintainer, Metadata};
pub use dependencies::processed;
use error::Result;
pub use error::{Error, ErrorKind};
pub use limits::Limits;
pub use load::{archive_files, dir_files, load, load_archive, load_dir, load_files};
#[doc(hidden)]
pub use render::render_files;
pub use render::{Lookup, Outside, ReleaseInfo, RenderOptions, Rendered, TemplateCache, on_large_stack, render};
pub use template::{Document, Printed, manifest as release_manifest, printed_hooks, template};
