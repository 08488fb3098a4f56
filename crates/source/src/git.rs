//! Git repositories over HTTP(S), SSH and from a folder, by `gix`; no program is run.
//!
//! [`GitSpec`] says what is wanted, [`Repositories`] fetches it. Inside: `remote` speaks the
//! protocol (over `http`, `ssh`, or straight from a folder), `mirror` keeps the objects,
//! `tree` reads them, `ignore` and `sparse` shape what is seen, `verify` checks signatures.

mod repositories;
mod spec;

pub use repositories::{Repositories, RepositoriesOptions};
pub use spec::{Credentials, GitSpec, Include, Reference, SshCredentials, Verification, VerifyMode};
