//! Fetches sources at a revision into a [`Tree`](belay_tree::Tree), writes commits back, and serves artifacts.
//!
//! [`Repositories::fetch`] takes a [`GitSpec`] and gives a [`Fetched`]: a revision and a tree that
//! reads straight from the Git object database. Objects that name the same repository share one
//! mirror, one listing of refs and one fetch. Other kinds of source (Helm repositories, OCI
//! registries, buckets) give the same [`Fetched`], so nothing after this stage tells them apart.
//!
//! [`Repositories::prepare`] makes a commit on what a repository has, [`Repositories::push`] pushes it.
//!
//! [`ArtifactStore`] keeps a source's tree as a deterministic `tar.gz` for consumers outside of
//! this process; those inside read the tree itself. [`git_http`] is a Git server over HTTP for the
//! demonstration and for tests.
//!
//! What this crate deliberately does not know: renderers, custom resources, clusters.
#![warn(missing_docs)]

pub mod artifact;
pub mod bucket;
mod error;
mod fetched;
mod filtered;
pub mod git;
pub mod git_http;
pub mod ignore;
mod sparse;

pub use artifact::{Artifact, ArtifactStore};
pub use error::{Error, ErrorKind};
pub use fetched::{Commit, Fetched, Ref, Signature, SignatureProblem, SignatureState, Verified};
pub use filtered::{Filtered, KnownTrees};
pub use git::{
    Base, Change, Credentials, GitSpec, Include, Inspection, NewCommit, NewNote, Notes, PgpKey, Prepared, Reference,
    Repositories, RepositoriesOptions, SshCredentials, Tip, Verification, VerifyMode, pgp_keys,
};
pub use sparse::SparseTree;
