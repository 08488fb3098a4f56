//! Repositories of real Git on loopback, fetched in every way.

mod push;
mod refs;
mod shapes;
mod sharing;
mod signed;
mod ssh;

use super::*;
use crate::git_http::{GitServer, GitServerOptions, TestRepo};
use crate::{Error, ErrorKind, Fetched};
use belay_net::{RemoteUrl, Secret};
use belay_tree::{Limits, Tree, TreePath, Walk};
use std::time::Duration;

pub(super) const NOW: Duration = Duration::ZERO;

/// A folder with a server on its repositories, and a client with its cache.
pub(super) struct Rig {
    pub(super) repo: TestRepo,
    pub(super) server: GitServer,
    pub(super) repositories: Repositories,
    pub(super) folder: tempfile::TempDir,
}

impl Rig {
    pub(super) async fn new() -> Rig {
        Rig::with(|_| {}).await
    }

    pub(super) async fn with(options: impl FnOnce(&mut GitServerOptions)) -> Rig {
        let folder = tempfile::tempdir().unwrap();
        let repo = TestRepo::init(folder.path().join("served/shop.git")).unwrap();
        let mut server = GitServerOptions::open(folder.path().join("served"));
        options(&mut server);
        let server = GitServer::start(server).await.unwrap();
        let repositories = Repositories::new(RepositoriesOptions::new(folder.path().join("cache"))).unwrap();
        Rig { repo, server, repositories, folder }
    }

    pub(super) fn url(&self) -> RemoteUrl {
        RemoteUrl::parse(&self.server.url("shop.git")).unwrap()
    }

    pub(super) fn spec(&self, reference: Reference) -> GitSpec {
        GitSpec { reference, timeout: Duration::from_secs(20), ..GitSpec::branch(self.url(), "main") }
    }

    pub(super) async fn fetch(&self, reference: Reference) -> Result<Fetched, Error> {
        self.repositories.fetch(&self.spec(reference), NOW).await
    }
}

pub(super) fn branch(name: &str) -> Reference {
    Reference::Branch(name.to_owned())
}

pub(super) fn read(tree: &dyn Tree, path: &str) -> String {
    match tree.read_file(&TreePath::new(path).unwrap()) {
        Ok(file) => file.text().unwrap().to_owned(),
        Err(error) => format!("{:?}", error.kind()),
    }
}

pub(super) fn files(tree: &dyn Tree) -> String {
    let walk = Walk::new(tree, &TreePath::root(), &Limits::default());
    walk.map(|item| item.unwrap().0.to_string()).collect::<Vec<_>>().join(" ")
}

pub(super) fn kind<T>(outcome: Result<T, Error>) -> (ErrorKind, String) {
    match outcome {
        Ok(_) => panic!("expected a failure"),
        Err(error) => (error.kind(), error.to_string()),
    }
}

pub(super) fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}
