//! Git repositories over HTTP(S), SSH and from a folder, by `gix`; no program is run.
//!
//! [`GitSpec`] says what is wanted, [`Repositories`] fetches it. Inside: `remote` speaks the
//! protocol (over `http` and `ssh`), `folder` reads a repository on this machine, `mirror` keeps
//! the objects, `tree` reads them, `resolve` finds the commit that a reference means, `verify` and `inspect`
//! look at signatures by the keys that `keys` reads, `submodules` and `shape` give the tree the form that is wanted,
//! `write_back` makes commits and pushes them.

mod exchange;
mod folder;
mod http;
mod inspect;
mod job;
mod keys;
mod known_hosts;
mod mirror;
mod object;
mod objects;
mod remote;
mod repositories;
mod resolve;
mod shape;
mod spec;
mod ssh;
mod submodules;
mod tree;
mod tree_object;
mod verify;
mod write_back;

pub use keys::{PgpKey, pgp_keys};
pub use repositories::{Repositories, RepositoriesOptions};
pub use spec::{Credentials, GitSpec, Include, Inspection, Reference, SshCredentials, Verification, VerifyMode};

pub use write_back::{Base, Change, NewCommit, NewNote, Notes, Prepared, Tip};

#[cfg(test)]
mod tests;
