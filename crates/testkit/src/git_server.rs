//! A Git server on loopback with one repository: what most scenarios begin with.
//!
//! The server itself is [`belay_source::git_http`], which the demonstration uses too.

pub use belay_source::git_http::{Fault, Faults, GitError, GitServer, GitServerOptions, TestRepo};

use std::io;

/// A served repository in a temporary folder; both are gone when it is dropped.
#[derive(Debug)]
pub struct ServedRepo {
    server: GitServer,
    repo: TestRepo,
    name: String,
    folder: tempfile::TempDir,
}

impl ServedRepo {
    /// Serves an empty repository called `name` to all, pushes included.
    pub async fn start(name: &str) -> io::Result<ServedRepo> {
        ServedRepo::start_with(name, |_| {}).await
    }

    /// As [`ServedRepo::start`], with options changed.
    pub async fn start_with(name: &str, change: impl FnOnce(&mut GitServerOptions)) -> io::Result<ServedRepo> {
        let folder = tempfile::tempdir()?;
        let repo = TestRepo::init(folder.path().join(name)).map_err(io::Error::other)?;
        let mut options = GitServerOptions::open(folder.path());
        change(&mut options);
        let server = GitServer::start(options).await?;
        Ok(ServedRepo { server, repo, name: name.to_owned(), folder })
    }

    /// The repository, to commit to.
    pub fn repo(&self) -> &TestRepo {
        &self.repo
    }

    /// URL of the repository.
    pub fn url(&self) -> String {
        self.server.url(&self.name)
    }

    /// Counters of requests, and failures to inject.
    pub fn faults(&self) -> &Faults {
        self.server.faults()
    }

    /// Adds another repository to the server; gives it and its URL.
    pub fn another(&self, name: &str) -> Result<(TestRepo, String), GitError> {
        Ok((TestRepo::init(self.folder.path().join(name))?, self.server.url(name)))
    }
}
