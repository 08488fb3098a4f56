//! The grammar of `belay app`: argocd's words, flags and defaults.

use std::path::{Path, PathBuf};

use belay_net::Secret;
use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::{
    ActionsCommand, AppAddSourceArgs, AppDeleteResourceArgs, AppGetResourceArgs, AppHistoryArgs, AppLogsArgs,
    AppManifestsArgs, AppPatchResourceArgs, AppRemoveSourceArgs, AppResourcesArgs, AppRollbackArgs, AppSpecFlags,
    AppSyncArgs, AppWaitArgs, ChosenFlags, RevisionFlags,
};

/// Flags that every command about Argo CD's resources takes.
#[derive(Args, Debug, Clone, Default)]
pub struct ArgocdFlags {
    /// Argo CD's control-plane namespace; `argocd` where neither this nor -n names one
    #[arg(long, env = "ARGOCD_NAMESPACE", global = true)]
    pub argocd_namespace: Option<String>,
    #[command(flatten)]
    pub server: ServerFlags,
}

/// Through which server of Argo CD a command goes: --server, ARGOCD_SERVER or a login names one. Without any it
/// works straight on the cluster's API.
#[derive(Args, Debug, Clone, Default)]
#[command(next_help_heading = "Through a server (--server names it; straight on the cluster without)")]
pub struct ServerFlags {
    /// Straight on the cluster's API, whatever login there is
    #[arg(long, global = true)]
    pub core: bool,
    /// The token that the server is asked with
    #[arg(long, env = "ARGOCD_AUTH_TOKEN", hide_env_values = true, global = true, value_parser = secret)]
    pub auth_token: Option<Secret<String>>,
    /// The login that is used
    #[arg(long, global = true)]
    pub argocd_context: Option<String>,
    /// The file of logins; ~/.config/argocd/config where not given
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The server speaks HTTP without TLS
    #[arg(long, global = true)]
    pub plaintext: bool,
    /// Do not verify the server's certificate
    #[arg(long, global = true)]
    pub insecure: bool,
    /// Taken: the server's HTTP API is what is spoken
    #[arg(long, global = true, hide = true)]
    pub grpc_web: bool,
    /// Where the server's API stands, such as /argocd
    #[arg(long, global = true, value_name = "PATH")]
    pub grpc_web_root_path: Option<String>,
    /// Certificates of authorities that the server's is signed by
    #[arg(long, global = true, value_name = "FILE")]
    pub server_crt: Option<PathBuf>,
    /// A certificate that is shown to the server
    #[arg(long, global = true, value_name = "FILE", requires = "client_crt_key")]
    pub client_crt: Option<PathBuf>,
    /// Its key
    #[arg(long, global = true, value_name = "FILE", requires = "client_crt")]
    pub client_crt_key: Option<PathBuf>,
    /// A header that every request has: 'Name: value'
    #[arg(short = 'H', long = "header", global = true)]
    pub headers: Vec<String>,
    /// How often a look is tried again where the server cannot be reached
    #[arg(long, global = true, default_value_t = 0)]
    pub http_retry_max: u32,
}

fn secret(text: &str) -> Result<Secret<String>, std::convert::Infallible> {
    Ok(Secret::new(text.to_owned()))
}

#[derive(Args, Debug)]
pub struct AppArgs {
    /// The namespace of the Application; the control plane's where not given
    #[arg(short = 'N', long, global = true)]
    pub app_namespace: Option<String>,
    #[command(flatten)]
    pub argocd: ArgocdFlags,
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
    /// Edit the spec of an Application in $EDITOR
    Edit(AppName),
    /// Patch an Application
    Patch(AppPatchArgs),
    /// Add a source to an Application of several
    AddSource(Box<AppAddSourceArgs>),
    /// Take a source from an Application of several
    RemoveSource(AppRemoveSourceArgs),
    /// Print live objects
    GetResource(AppGetResourceArgs),
    /// Patch live objects
    PatchResource(AppPatchResourceArgs),
    /// Delete live objects
    DeleteResource(AppDeleteResourceArgs),
    /// Confirm that objects are deleted or pruned
    ConfirmDeletion(AppName),
}

#[derive(Args, Debug)]
pub struct AppName {
    /// NAME or NAMESPACE/NAME
    pub name: String,
}

/// The namespace of objects that a flag names, if it does: it is spelled as the global one, which has a default and
/// a variable of its own.
pub fn of_objects(namespace: &str) -> Option<String> {
    let of_command = std::env::var("FLUX_SYSTEM_NAMESPACE").unwrap_or_default();
    (!namespace.is_empty() && namespace != of_command).then(|| namespace.to_owned())
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
    /// Parameters of which of several sources, from 1
    #[arg(long)]
    pub source_position: Option<usize>,
    /// Parameters of which of several sources, by its name
    #[arg(long)]
    pub source_name: Option<String>,
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
    #[command(flatten)]
    pub revisions: RevisionFlags,
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

impl AppDiffArgs {
    /// The folder in the place of the source, and the root of its repository.
    pub fn local_folder(&self) -> Option<(&Path, &Path)> {
        self.local.as_deref().map(|folder| (folder, self.local_repo_root.as_path()))
    }
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
    /// Which of several sources, by its name
    #[arg(long)]
    pub source_name: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppDeleteArgs {
    #[command(flatten)]
    pub chosen: ChosenFlags,
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
pub struct AppPatchArgs {
    pub name: String,
    /// The patch
    #[arg(long)]
    pub patch: String,
    /// json or merge
    #[arg(long = "type", default_value = "json")]
    pub kind: String,
}
