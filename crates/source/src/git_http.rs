//! A Git server over HTTP for the demonstration and for tests: bare repositories in a folder,
//! served by `git http-backend`. Needs the `git` program, unlike the rest of this crate.
