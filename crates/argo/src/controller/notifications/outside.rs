//! Commits that templates ask for, from the mirrors.

use std::sync::Arc;
use std::time::Duration;

use belay_notify::{Commit, Outside};
use tokio::runtime::Handle;

use crate::controller::sources::git_spec;
use crate::controller::world::World;

/// How long a template waits for a commit that is in no mirror yet.
const PATIENCE: Duration = Duration::from_secs(10);

/// The repository of an Application.
pub(super) struct Source {
    pub world: Arc<World>,
    pub repo_url: String,
    pub project: String,
    /// Templates run on threads of their own.
    pub runtime: Handle,
}

impl Outside for Source {
    fn commit(&self, revision: &str) -> Result<Commit, String> {
        if self.repo_url.is_empty() {
            return Err("the Application has no single source".to_owned());
        }
        let config = self.world.config();
        let spec = git_spec(&config, &self.repo_url, &self.project, revision)?;
        let fetch = self.world.repositories.fetch(&spec, Duration::MAX);
        let fetched = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, fetch).await });
        let fetched =
            fetched.map_err(|_| format!("commit {revision} was not found within {} s", PATIENCE.as_secs()))?;
        let commit = fetched.map_err(|e| e.to_string())?.commit.ok_or("the source is not Git's")?;
        Ok(Commit {
            message: commit.message.trim().to_owned(),
            author: format!("{} <{}>", commit.author.name, commit.author.email),
            unix_s: commit.author.time_s,
            tags: Vec::new(),
        })
    }
}
