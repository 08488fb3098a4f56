//! Bare repositories made and changed by the `git` program, with dates that do not depend on the
//! clock, so that the same steps give the same commit ids.

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

/// A bare repository in a folder. Changes are made with an index of their own, without a checkout.
#[derive(Debug)]
pub struct TestRepo {
    path: PathBuf,
    /// Seconds since 1970 of the next commit.
    clock_s: AtomicU64,
    sha256: bool,
}

/// The `git` program failed.
#[derive(Debug)]
pub struct GitError(String);

impl fmt::Display for GitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for GitError {}

impl From<std::io::Error> for GitError {
    fn from(error: std::io::Error) -> GitError {
        GitError(format!("git: {error}"))
    }
}

impl TestRepo {
    /// Makes an empty bare repository, its default branch `main`.
    pub fn init(path: impl Into<PathBuf>) -> Result<TestRepo, GitError> {
        TestRepo::init_format(path, false)
    }

    /// As [`TestRepo::init`], its objects named by SHA-256.
    pub fn init_sha256(path: impl Into<PathBuf>) -> Result<TestRepo, GitError> {
        TestRepo::init_format(path, true)
    }

    fn init_format(path: impl Into<PathBuf>, sha256: bool) -> Result<TestRepo, GitError> {
        let path = path.into();
        std::fs::create_dir_all(&path)?;
        // 2025-01-01T00:00:00Z
        let repo = TestRepo { path, clock_s: AtomicU64::new(1_735_689_600), sha256 };
        let format = if sha256 { "--object-format=sha256" } else { "--object-format=sha1" };
        repo.git(&["init", "--quiet", "--bare", "--initial-branch=main", format, "."])?;
        repo.git(&["config", "uploadpack.allowFilter", "true"])?;
        Ok(repo)
    }

    /// Opens a repository that exists.
    pub fn open(path: impl Into<PathBuf>) -> TestRepo {
        TestRepo { path: path.into(), clock_s: AtomicU64::new(1_735_689_600), sha256: false }
    }

    /// Where the repository is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commits to `branch`: each file is written, or removed if its content is `None`; the rest of
    /// the branch's files stay. Gives the commit's id.
    pub fn commit(&self, branch: &str, message: &str, files: &[(&str, Option<&str>)]) -> Result<String, GitError> {
        let reference = format!("refs/heads/{branch}");
        let parent = self.git(&["rev-parse", "--verify", "--quiet", &reference]).ok();
        let mut lines = Vec::new();
        for (path, content) in files {
            let zero = if self.sha256 { "0".repeat(64) } else { "0".repeat(40) };
            match content {
                Some(content) => lines.push(format!("100644 {}\t{path}\n", self.blob(content.as_bytes())?)),
                None => lines.push(format!("0 {zero}\t{path}\n")),
            }
        }
        self.commit_index(&reference, parent.as_deref(), message, &lines.concat())
    }

    /// Commits all files of a folder to `branch`, in place of what it had.
    pub fn commit_folder(&self, branch: &str, message: &str, folder: &Path) -> Result<String, GitError> {
        let reference = format!("refs/heads/{branch}");
        let parent = self.git(&["rev-parse", "--verify", "--quiet", &reference]).ok();
        let mut lines = String::new();
        let mut folders = vec![(folder.to_owned(), String::new())];
        while let Some((folder, prefix)) = folders.pop() {
            for entry in std::fs::read_dir(&folder)? {
                let entry = entry?;
                let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
                let kind = entry.file_type()?;
                if kind.is_dir() && entry.file_name() != ".git" {
                    folders.push((entry.path(), format!("{name}/")));
                } else if kind.is_symlink() {
                    let target = std::fs::read_link(entry.path())?;
                    let id = self.blob(target.to_string_lossy().as_bytes())?;
                    lines.push_str(&format!("120000 {id}\t{name}\n"));
                } else if kind.is_file() {
                    lines.push_str(&format!("100644 {}\t{name}\n", self.blob(&std::fs::read(entry.path())?)?));
                }
            }
        }
        let tree = self.write_tree(None, &lines)?;
        self.commit_tree(&reference, parent.as_deref(), message, &tree)
    }

    /// Commits index lines (`<mode> <id>\t<path>`), for entries that [`TestRepo::commit`] does not
    /// make: symlinks, submodules, executables.
    pub fn commit_entries(&self, branch: &str, message: &str, lines: &str) -> Result<String, GitError> {
        let reference = format!("refs/heads/{branch}");
        let parent = self.git(&["rev-parse", "--verify", "--quiet", &reference]).ok();
        self.commit_index(&reference, parent.as_deref(), message, lines)
    }

    /// Writes a blob, and gives its id.
    pub fn blob(&self, content: &[u8]) -> Result<String, GitError> {
        self.git_with(&["hash-object", "-w", "--stdin"], &[], content)
    }

    /// Makes a lightweight tag.
    pub fn tag(&self, name: &str, target: &str) -> Result<(), GitError> {
        self.git(&["tag", name, target]).map(|_| ())
    }

    /// Makes an annotated tag.
    pub fn annotated_tag(&self, name: &str, target: &str, message: &str) -> Result<(), GitError> {
        self.git(&["tag", "--annotate", "--message", message, name, target]).map(|_| ())
    }

    /// Points a ref at a commit, whatever it pointed at before.
    pub fn set_ref(&self, reference: &str, target: &str) -> Result<(), GitError> {
        self.git(&["update-ref", reference, target]).map(|_| ())
    }

    /// Runs `git` in the repository, and gives its output, trimmed.
    pub fn git(&self, arguments: &[&str]) -> Result<String, GitError> {
        self.git_with(arguments, &[], b"")
    }

    fn commit_index(
        &self,
        reference: &str,
        parent: Option<&str>,
        message: &str,
        lines: &str,
    ) -> Result<String, GitError> {
        let tree = self.write_tree(parent, lines)?;
        self.commit_tree(reference, parent, message, &tree)
    }

    fn write_tree(&self, parent: Option<&str>, lines: &str) -> Result<String, GitError> {
        let index = self.path.join("index.next");
        let index = index.to_string_lossy().into_owned();
        let with = [("GIT_INDEX_FILE", index.as_str())];
        match parent {
            Some(parent) => self.git_with(&["read-tree", parent], &with, b"")?,
            None => self.git_with(&["read-tree", "--empty"], &with, b"")?,
        };
        self.git_with(&["update-index", "--add", "--index-info"], &with, lines.as_bytes())?;
        self.git_with(&["write-tree"], &with, b"")
    }

    /// Commits a tree that exists.
    pub fn commit_tree(
        &self,
        reference: &str,
        parent: Option<&str>,
        message: &str,
        tree: &str,
    ) -> Result<String, GitError> {
        let mut arguments = vec!["commit-tree", "-m", message, tree];
        if let Some(parent) = parent {
            arguments.extend(["-p", parent]);
        }
        let commit = self.git(&arguments)?;
        self.set_ref(reference, &commit)?;
        Ok(commit)
    }

    /// Runs `git` with more environment variables and an input.
    pub fn git_with(&self, arguments: &[&str], with: &[(&str, &str)], input: &[u8]) -> Result<String, GitError> {
        let date = format!("{} +0000", self.clock_s.fetch_add(1, Ordering::Relaxed));
        let mut child = Command::new("git")
            .args(arguments)
            .current_dir(&self.path)
            .env_remove("GIT_DIR")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_AUTHOR_NAME", "Robin")
            .env("GIT_AUTHOR_EMAIL", "robin@example.org")
            .env("GIT_AUTHOR_DATE", &date)
            .env("GIT_COMMITTER_NAME", "Robin")
            .env("GIT_COMMITTER_EMAIL", "robin@example.org")
            .env("GIT_COMMITTER_DATE", &date)
            .envs(with.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(input)?;
        }
        let output = child.wait_with_output()?;
        if !output.status.success() {
            let stderr = String::from_utf8_lossy(&output.stderr);
            return Err(GitError(format!("git {}: {}", arguments.join(" "), stderr.trim())));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}
