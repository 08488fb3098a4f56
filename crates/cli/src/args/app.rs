//! The grammar of `belay app`: argocd's words, flags and defaults.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::AppSpecFlags;

/// Flags that every command about Argo CD's resources takes.
#[derive(Args, Debug, Clone, Default)]
pub struct ArgocdFlags {
    /// Argo CD's control-plane namespace; `argocd` where neither this nor -n names one
    #[arg(long, env = "ARGOCD_NAMESPACE", global = true)]
    pub argocd_namespace: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    /// The namespace of the Application; the control plane's where not given
    #[arg(short = 'N', long, global = true)]
    pub app_namespace: Option<String>,
    #[command(subcommand)]
    pub command: AppCommand,
}

#[derive(Subcommand, Debug)]
pub enum AppCommand {
    /// Create an Application
    Create(Box<AppCreateArgs>),
    /// Show an Application
    Get(AppGetArgs),
    /// List Applications
    List(AppListArgs),
    /// Show where live objects differ from what is desired, and who wrote that: exit status 1 where any does
    Diff(AppDiffArgs),
    /// Sync Applications
    Sync(Box<AppSyncArgs>),
    /// Wait for Applications to be synced and healthy
    Wait(AppWaitArgs),
    /// Show past syncs
    History(AppHistoryArgs),
    /// Sync to an entry of the history; the one before the last where none is given
    Rollback(AppRollbackArgs),
    /// Change an Application
    Set(Box<AppSetArgs>),
    /// Take parameters of an Application back
    Unset(AppUnsetArgs),
    /// Delete Applications
    Delete(AppDeleteArgs),
    /// List the objects of an Application
    Resources(AppResourcesArgs),
    /// Print the manifests of an Application
    Manifests(AppManifestsArgs),
    /// Show the logs of an Application's pods
    Logs(AppLogsArgs),
    /// What may be done to objects
    #[command(subcommand)]
    Actions(ActionsCommand),
    /// End the operation that runs
    TerminateOp(AppName),
    /// Patch an Application
    Patch(AppPatchArgs),
    /// Confirm that objects are deleted or pruned
    ConfirmDeletion(AppName),
}

#[derive(Args, Debug)]
pub struct AppName {
    /// NAME or NAMESPACE/NAME
    pub name: String,
}

/// A form of answers.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// A table with everything
    #[default]
    Wide,
    /// Names alone
    Name,
    /// JSON
    Json,
    /// YAML
    Yaml,
    /// Numbers alone
    Id,
    /// A tree
    Tree,
    /// A tree with ages and reasons
    #[value(name = "tree=detailed")]
    TreeDetailed,
}

#[derive(Args, Debug)]
pub struct AppCreateArgs {
    /// NAME or NAMESPACE/NAME
    pub app_name: Option<String>,
    #[command(flatten)]
    pub spec: AppSpecFlags,
    /// The name, where it is not the argument
    #[arg(long = "name")]
    pub name_flag: Option<String>,
    /// Annotations: key=value
    #[arg(long)]
    pub annotations: Vec<String>,
    /// Labels: key=value
    #[arg(short = 'l', long = "label")]
    pub labels: Vec<String>,
    /// A manifest file (or - for standard input)
    #[arg(short = 'f', long)]
    pub file: Option<PathBuf>,
    /// Delete what the Application made with it
    #[arg(long)]
    pub set_finalizer: bool,
    /// Change an Application of this name that is there and differs
    #[arg(long)]
    pub upsert: bool,
    /// Check the project and the destination before
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub validate: bool,
}

#[derive(Args, Debug)]
pub struct AppGetArgs {
    pub name: String,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// Have it compared anew first
    #[arg(long)]
    pub refresh: bool,
    /// The same, and forget what was rendered
    #[arg(long)]
    pub hard_refresh: bool,
    /// Show the last operation
    #[arg(long)]
    pub show_operation: bool,
    /// Show parameters
    #[arg(long)]
    pub show_params: bool,
}

#[derive(Args, Debug)]
pub struct AppListArgs {
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// Only those that go to this cluster: address or name
    #[arg(short = 'c', long)]
    pub cluster: Option<String>,
    /// Only those of this path
    #[arg(short = 'P', long)]
    pub path: Option<String>,
    /// Only those of these projects
    #[arg(short = 'p', long)]
    pub project: Vec<String>,
    /// Only those of this repository
    #[arg(short = 'r', long)]
    pub repo: Option<String>,
    /// Only those with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppDiffArgs {
    pub name: String,
    /// Have it compared anew first
    #[arg(long)]
    pub refresh: bool,
    /// The same, and forget what was rendered
    #[arg(long)]
    pub hard_refresh: bool,
    /// Against this revision
    #[arg(long)]
    pub revision: Option<String>,
    /// Against these revisions of several sources
    #[arg(long)]
    pub revisions: Vec<String>,
    /// Positions of sources, from 1, that --revisions are of
    #[arg(long)]
    pub source_positions: Vec<usize>,
    /// Against a folder in the place of the source
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The root of the folder's repository
    #[arg(long, default_value = "/")]
    pub local_repo_root: PathBuf,
    /// Exit with a status of its own where there are differences
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub exit_code: bool,
    /// That status
    #[arg(long, default_value_t = 1)]
    pub diff_exit_code: u8,
    /// Taken: differences are always those of a server-side apply
    #[arg(long)]
    pub server_side_diff: bool,
}

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

#[derive(Args, Debug)]
pub struct AppSyncArgs {
    pub names: Vec<String>,
    /// All with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    /// All of these projects
    #[arg(long)]
    pub project: Vec<String>,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// To this revision
    #[arg(long)]
    pub revision: Option<String>,
    /// To these revisions of several sources
    #[arg(long)]
    pub revisions: Vec<String>,
    /// Positions of sources, from 1, that --revisions are of
    #[arg(long)]
    pub source_positions: Vec<usize>,
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

#[derive(Args, Debug)]
pub struct AppWaitArgs {
    pub names: Vec<String>,
    /// All with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
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
pub struct AppSetArgs {
    pub name: String,
    #[command(flatten)]
    pub spec: AppSpecFlags,
    /// Which of several sources, from 1
    #[arg(long)]
    pub source_position: Option<usize>,
    /// Check the project and the destination before
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub validate: bool,
}

#[derive(Args, Debug)]
pub struct AppUnsetArgs {
    pub name: String,
    /// Parameters of Helm
    #[arg(short = 'p', long)]
    pub parameter: Vec<String>,
    /// Values files
    #[arg(long)]
    pub values: Vec<String>,
    /// The values in the source
    #[arg(long)]
    pub values_literal: bool,
    #[arg(long)]
    pub ignore_missing_value_files: bool,
    #[arg(long)]
    pub pass_credentials: bool,
    #[arg(long)]
    pub nameprefix: bool,
    #[arg(long)]
    pub namesuffix: bool,
    #[arg(long)]
    pub kustomize_version: bool,
    #[arg(long)]
    pub kustomize_namespace: bool,
    #[arg(long)]
    pub kustomize_image: Vec<String>,
    #[arg(long)]
    pub kustomize_replica: Vec<String>,
    #[arg(long)]
    pub ignore_missing_components: bool,
    /// Variables of the plugin
    #[arg(long)]
    pub plugin_env: Vec<String>,
    /// The source's name for others
    #[arg(long = "ref")]
    pub reference: bool,
    /// Which of several sources, from 1
    #[arg(long)]
    pub source_position: Option<usize>,
}

#[derive(Args, Debug)]
pub struct AppDeleteArgs {
    pub names: Vec<String>,
    /// All with these labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
    /// Delete what the Application made, too
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub cascade: bool,
    /// foreground or background
    #[arg(short = 'p', long, default_value = "foreground")]
    pub propagation_policy: String,
    /// Wait until it is gone
    #[arg(long)]
    pub wait: bool,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct AppResourcesArgs {
    pub name: String,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
    /// Only objects that belong to nobody
    #[arg(long)]
    pub orphaned: bool,
}

#[derive(Args, Debug)]
pub struct AppManifestsArgs {
    pub name: String,
    /// git for what is desired, live for what is there
    #[arg(long, default_value = "git")]
    pub source: String,
    #[arg(long)]
    pub revision: Option<String>,
    #[arg(long)]
    pub revisions: Vec<String>,
    /// Positions of sources, from 1, that --revisions are of
    #[arg(long)]
    pub source_positions: Vec<usize>,
    /// A folder in the place of the source
    #[arg(long)]
    pub local: Option<PathBuf>,
    /// The root of the folder's repository
    #[arg(long, default_value = ".")]
    pub local_repo_root: PathBuf,
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
    #[arg(long)]
    pub namespace: Option<String>,
    #[arg(short = 'p', long)]
    pub previous: bool,
    #[arg(long, default_value_t = 0)]
    pub since_seconds: u32,
    #[arg(long, default_value_t = 0)]
    pub tail: u32,
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
    #[arg(long)]
    pub namespace: Option<String>,
    #[arg(long)]
    pub resource_name: Option<String>,
    #[arg(short = 'o', long = "out", value_enum, default_value_t = Form::Wide)]
    pub output: Form,
}

#[derive(Args, Debug)]
pub struct AppPatchArgs {
    pub name: String,
    /// The patch
    #[arg(long)]
    pub patch: String,
    /// json or merge
    #[arg(long = "type", default_value = "json")]
    pub kind: String,
}

/// Seconds, or a duration in Go's form.
pub fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<u64>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds)),
        Err(_) => super::duration(text),
    }
}
