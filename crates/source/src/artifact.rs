//! Artifacts: a source's tree as a deterministic `tar.gz`, kept on disk and served over HTTP to
//! consumers outside of this process. Those inside read the tree itself.

mod archive;
mod serve;
mod store;
mod unpack;

pub use archive::{ArchiveLimits, write_archive};
pub use serve::{respond, serve};
pub use store::{Artifact, ArtifactStore, Draft};
pub use unpack::{UnpackLimits, unpack, unpack_tar, verify_and_unpack};

#[cfg(test)]
mod tests;
