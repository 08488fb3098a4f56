//! One face over the renderers, memoised by recorded reads.
//!
//! A [`RenderSpec`] and a tree give [`Rendered`] objects, each with the place that it came from.
//! [`Memo::render`] keeps what was read besides what came of it: in a later tree in which every read
//! still gives the same, nothing is rendered again. A commit costs the renders of what it touches.
//! [`Memo::render_by`] does the same for any other renderer over one tree or several.
//! [`Charts`] renders the Helm charts that a kustomization names.
//!
//! What this crate deliberately does not know: clusters, custom resources, async.
#![warn(missing_docs)]

mod charts;
mod directory;
mod error;
mod memo;
mod render;
mod rendered;
mod spec;

pub use charts::Charts;
pub use error::{Error, ErrorKind};
pub use memo::{Known, Memo, MemoCounts, MemoLimits};
pub use rendered::{Made, Origin, Rendered, RenderedObject};
pub use spec::{Image, Patch, RenderSpec};

#[cfg(test)]
mod tests;
