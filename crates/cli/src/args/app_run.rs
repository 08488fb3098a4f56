//! The grammar of what `belay app` does and looks at: syncs, waits, history, objects, logs, actions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};

use super::Form;

/// How often a failed sync is tried again.
#[derive(Args, Debug, Clone)]
pub struct RetryFlags {
    /// How often it is tried again; negative without end
    #[arg(long, allow_negative_numbers = true)]
    pub retry_limit: Option<i64>,
    #[arg(long, default_value = "5s")]
    pub retry_backoff_duration: String,
    #[arg(long, default_value_t = 2)]
    pub retry_backoff_factor: i64,
    #[arg(long, default_value = "3m0s")]
    pub retry_backoff_max_duration: String,
    /// Take the newest revision when trying again
    #[arg(long)]
    pub retry_refresh: bool,
}

/// Which Applications.
#[derive(Args, Debug, Clone, Default)]
pub struct ChosenFlags {
    /// NAME or NAMESPACE/NAME
    pub names: Vec<String>,
    /// All with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
}

/// Which revisions of an Application's sources, in the place of those that it names.
#[derive(Args, Debug, Clone, Default)]
pub struct RevisionFlags {
    /// Of the only source
    #[arg(long)]
    pub revision: Option<String>,
    /// Of several sources
    #[arg(long)]
    pub revisions: Vec<String>,
    /// Positions of sources, from 1, that --revisions are of
    #[arg(long)]
    pub source_positions: Vec<usize>,
    /// Names of sources that --revisions are of
    #[arg(long)]
    pub source_names: Vec<String>,
}

#[derive(Args, Debug)]
pub struct AppSyncArgs {
    #[command(flatten)]
    pub chosen: ChosenFlags,
    /// All of these projects
    #[arg(long)]
    pub project: Vec<String>,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    #[command(flatten)]
    pub revisions: RevisionFlags,
    /// Only these objects: GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME; `!` in front leaves out, `*` is any
    #[arg(long)]
    pub resource: Vec<String>,
    /// Only objects with this label: key=value
    #[arg(long)]
    pub label: Vec<String>,
    /// Delete what left the source
    #[arg(long)]
    pub prune: bool,
    /// Change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Delete and make anew what cannot be changed
    #[arg(long)]
    pub force: bool,
    /// Replace objects
    #[arg(long)]
    pub replace: bool,
    /// Apply on the server
    #[arg(long)]
    pub server_side: bool,
    /// Apply only what is out of sync
    #[arg(long)]
    pub apply_out_of_sync_only: bool,
    /// hook or apply
    #[arg(long)]
    pub strategy: Option<String>,
    /// Do not wait
    #[arg(long = "async")]
    pub is_async: bool,
    /// Notes: key=value
    #[arg(long)]
    pub info: Vec<String>,
    /// Manifests of a folder in the place of the source's
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The root of the folder's repository
    #[arg(long, default_value = "/")]
    pub local_repo_root: PathBuf,
    /// Show the differences first and ask
    #[arg(long)]
    pub preview_changes: bool,
    /// Do not ask
    #[arg(long = "assumeYes", alias = "assume-yes")]
    pub assume_yes: bool,
    #[command(flatten)]
    pub retry: RetryFlags,
    /// How long to wait, in seconds or as a duration; 0 without end
    #[arg(long, default_value = "0", value_parser = seconds)]
    pub timeout: Duration,
}

impl AppSyncArgs {
    /// The folder in the place of the source, and the root of its repository.
    pub fn local_folder(&self) -> Option<(&Path, &Path)> {
        self.local.as_deref().map(|folder| (folder, self.local_repo_root.as_path()))
    }
}

#[derive(Args, Debug)]
pub struct AppWaitArgs {
    #[command(flatten)]
    pub chosen: ChosenFlags,
    /// Until synced
    #[arg(long)]
    pub sync: bool,
    /// Until healthy
    #[arg(long)]
    pub health: bool,
    /// Until degraded
    #[arg(long)]
    pub degraded: bool,
    /// Until suspended
    #[arg(long)]
    pub suspended: bool,
    /// Until no operation runs
    #[arg(long)]
    pub operation: bool,
    /// Until gone
    #[arg(long)]
    pub delete: bool,
    /// Until hydrated
    #[arg(long)]
    pub hydrated: bool,
    /// Only these objects: GROUP:KIND:NAME or GROUP:KIND:NAMESPACE/NAME
    #[arg(long)]
    pub resource: Vec<String>,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// How long to wait, in seconds or as a duration; 0 without end
    #[arg(long, default_value = "0", value_parser = seconds)]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct AppHistoryArgs {
    pub name: String,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
}

#[derive(Args, Debug)]
pub struct AppRollbackArgs {
    pub name: String,
    /// The number of the entry
    pub id: Option<i64>,
    /// Delete what the entry does not have
    #[arg(long)]
    pub prune: bool,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// How long to wait, in seconds or as a duration; 0 without end
    #[arg(long, default_value = "0", value_parser = seconds)]
    pub timeout: Duration,
}

#[derive(Args, Debug)]
pub struct AppResourcesArgs {
    pub name: String,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// Only objects of the namespace that belong to nobody; with =false all but those
    #[arg(long)]
    pub orphaned: Option<bool>,
    /// The Application must be of this project
    #[arg(long)]
    pub project: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppManifestsArgs {
    pub name: String,
    /// git for what is desired, live for what is there
    #[arg(long, default_value = "git")]
    pub source: String,
    #[command(flatten)]
    pub revisions: RevisionFlags,
    /// A folder in the place of the source
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The root of the folder's repository
    #[arg(long, default_value = ".")]
    pub local_repo_root: PathBuf,
}

impl AppManifestsArgs {
    /// The folder in the place of the source, and the root of its repository.
    pub fn local_folder(&self) -> Option<(&Path, &Path)> {
        self.local.as_deref().map(|folder| (folder, self.local_repo_root.as_path()))
    }
}

#[derive(Args, Debug)]
pub struct AppLogsArgs {
    pub app_name: String,
    #[arg(short = 'c', long)]
    pub container: Option<String>,
    /// Only lines with this text; `!` in front for those without
    #[arg(long)]
    pub filter: Option<String>,
    #[arg(short = 'm', long)]
    pub match_case: bool,
    #[arg(short = 'f', long)]
    pub follow: bool,
    #[arg(long)]
    pub group: Option<String>,
    #[arg(long)]
    pub kind: Option<String>,
    #[arg(long)]
    pub name: Option<String>,
    #[arg(long, default_value = "", hide_default_value = true)]
    pub namespace: String,
    #[arg(short = 'p', long)]
    pub previous: bool,
    #[arg(long, default_value_t = 0)]
    pub since_seconds: u32,
    #[arg(long, default_value_t = 0)]
    pub tail: u32,
    /// Only lines until this time: 2026-01-01T00:00:00Z
    #[arg(long)]
    pub until_time: Option<jiff::Timestamp>,
}

#[derive(Subcommand, Debug)]
pub enum ActionsCommand {
    /// List what may be done
    List(ActionsFlags),
    /// Do it
    Run {
        #[command(flatten)]
        flags: ActionsFlags,
        /// The action
        action: String,
        /// With all that match
        #[arg(long)]
        all: bool,
    },
}

#[derive(Args, Debug)]
pub struct ActionsFlags {
    pub app_name: String,
    #[arg(long)]
    pub group: Option<String>,
    #[arg(long)]
    pub kind: Option<String>,
    #[arg(long, default_value = "", hide_default_value = true)]
    pub namespace: String,
    #[arg(long)]
    pub resource_name: Option<String>,
    #[arg(short = 'o', long = "out", value_enum, default_value_t = Form::Wide)]
    pub output: Form,
}

/// Seconds, or a duration in Go's form.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => super::duration(text),
    }
}
