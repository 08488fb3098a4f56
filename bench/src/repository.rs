//! Filling a served repository with thousands of files.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};
use belay_testkit::git_server::ServedRepo;

/// One `git add` writes thousands of files in a second, where a process for each takes a minute.
pub fn commit_by_git(repo: &ServedRepo, folder: &Path) -> Result<()> {
    let git = |arguments: &[&str]| -> Result<()> {
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(folder);
        let ended = command.output().context("git cannot be started")?;
        if !ended.status.success() {
            bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&ended.stderr));
        }
        Ok(())
    };
    git(&["init", "--quiet", "--initial-branch=main", "."])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "-m", "all"])?;
    git(&["push", "--quiet", &repo.repo().path().to_string_lossy(), "main"])
}
