//! The command line's grammar: Flux's verbs, flags and defaults for the kinds that Belay serves.

mod app;
mod app_resource;
mod app_run;
mod app_spec;
mod appset;
mod argocd;
mod artifact;
mod certificates;
mod create;
mod install;
mod login;
mod look;
mod proj;
mod resources;

use std::ffi::OsString;
use std::path::PathBuf;

pub use app::{
    AppArgs, AppCommand, AppCreateArgs, AppDeleteArgs, AppDiffArgs, AppGetArgs, AppListArgs, AppPatchArgs, AppSetArgs,
    AppUnsetArgs, ArgocdFlags, Form, ServerFlags, of_objects,
};
pub use app_resource::{
    AppAddSourceArgs, AppDeleteResourceArgs, AppGetResourceArgs, AppPatchResourceArgs, AppRemoveSourceArgs, ObjectFlags,
};
pub use app_run::{
    ActionsCommand, ActionsFlags, AppHistoryArgs, AppLogsArgs, AppManifestsArgs, AppResourcesArgs, AppRollbackArgs,
    AppSyncArgs, AppWaitArgs, ChosenFlags, RetryFlags, RevisionFlags,
};
pub use app_spec::AppSpecFlags;
pub use appset::{
    AppsetArgs, AppsetCommand, AppsetCreateArgs, AppsetDeleteArgs, AppsetGenerateArgs, AppsetGetArgs, AppsetListArgs,
};
pub use argocd::{
    AccountArgs, AccountCommand, ClusterAddArgs, ClusterArgs, ClusterRmArgs, ClusterSetArgs, ClusterSubcommand,
    RepoAddArgs, RepoArgs, RepoCommand, RepocredsArgs, RepocredsCommand,
};
pub use artifact::{
    ArtifactFlags, BuildArtifactArgs, DiffArtifactArgs, ListArtifactArgs, ListCommand, PullArtifactArgs, PullCommand,
    PushArtifactArgs, PushCommand, TagArtifactArgs, TagCommand,
};
pub use certificates::{CertArgs, CertCommand, CertListArgs, CertRmArgs, GpgArgs, GpgCommand};
pub use login::{ContextArgs, LoginArgs, LogoutArgs, PasswordFlags, ReloginArgs};
pub use proj::{
    GitIntegrityCommand, IntegrityCommand, PoliciesCommand, ProjAccount, ProjArgs, ProjCommand, ProjCreateArgs,
    ProjDestination, ProjKind, ProjOrphaned, ProjSpecFlags, RoleCommand, RoleName, RolePolicy, WindowFlags, WindowId,
    WindowsCommand,
};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use create::{
    CreateBucketArgs, CreateChartArgs, CreateCommand, CreateFlags, CreateGitArgs, CreateHelmArgs,
    CreateHelmReleaseArgs, CreateKustomizationArgs, CreateOciArgs, CreateSourceCommand,
};
pub use install::{CheckArgs, InstallArgs, System, UninstallArgs, VersionArgs};
pub use look::{BuildCommand, BuildFlags, BuildReleaseFlags, DiffCommand, EventsArgs, LogsArgs, StatsArgs, TraceArgs};
pub use resources::{
    DeleteCommand, DeleteFlags, ExportCommand, ExportSourceFlags, GetCommand, GetFlags, GetSourcesCommand, OfSource,
    OneName, ReconcileCommand, SuspendCommand, SuspendFlags, TreeCommand, Which,
};

/// Keeps Kubernetes clusters equal to what Git says.
#[derive(Parser, Debug)]
#[command(
    name = "belay",
    version,
    about = "Keeps Kubernetes clusters equal to what Git says",
    disable_help_subcommand = true,
    max_term_width = 110
)]
pub struct ClusterCli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: ClusterCommand,
}

/// Flags that every command takes.
#[derive(Args, Debug, Clone, Default)]
pub struct Global {
    /// The namespace of the command
    #[arg(short = 'n', long, global = true, env = "FLUX_SYSTEM_NAMESPACE", default_value = "flux-system")]
    pub namespace: String,
    /// Use the namespace of the kubeconfig's context
    #[arg(long, global = true, env = "FLUX_NS_FOLLOWS_KUBE_CONTEXT")]
    pub ns_follows_kube_context: bool,
    /// How long to wait for what the command started
    #[arg(long, global = true, default_value = "5m0s", value_parser = duration)]
    pub timeout: std::time::Duration,
    /// Say more
    #[arg(long, global = true)]
    pub verbose: bool,
    /// Path of the kubeconfig file
    #[arg(long, global = true, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// The kubeconfig's context
    #[arg(long, global = true)]
    pub context: Option<String>,
    /// The kubeconfig's cluster
    #[arg(long, global = true)]
    pub cluster: Option<String>,
    /// The kubeconfig's user
    #[arg(long, global = true)]
    pub user: Option<String>,
    /// The address of the API server; of Argo CD's server where the command is about Argo CD's resources
    #[arg(long, global = true)]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(long, global = true)]
    pub token: Option<String>,
    /// User name to impersonate
    #[arg(long = "as", global = true, value_name = "USER")]
    pub as_user: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long = "as-group", global = true, value_name = "GROUP")]
    pub as_group: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", global = true, value_name = "UID")]
    pub as_uid: Option<String>,
    /// File with the certificate of the API server's authority
    #[arg(long, global = true, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// Do not verify the API server's certificate
    #[arg(long, global = true)]
    pub insecure_skip_tls_verify: bool,
    /// Server name for certificate validation
    #[arg(long, global = true)]
    pub tls_server_name: Option<String>,
}

/// The commands that talk to a cluster or build from a folder.
#[derive(Subcommand, Debug)]
pub enum ClusterCommand {
    /// Argo CD's Applications
    App(AppArgs),
    /// Argo CD's ApplicationSets
    Appset(AppsetArgs),
    /// Argo CD's projects
    #[command(visible_alias = "project")]
    Proj(ProjArgs),
    /// Repositories of Applications
    Repo(RepoArgs),
    /// Credentials for repositories by their address' beginning
    Repocreds(RepocredsArgs),
    /// Clusters of Applications
    Cluster(ClusterArgs),
    /// Local accounts of Argo CD
    Account(AccountArgs),
    /// Host keys and certificates that repositories are believed by
    Cert(CertArgs),
    /// Public keys that signatures of commits are believed by
    Gpg(GpgArgs),
    /// Log in to a server of Argo CD; commands about Argo CD's resources go through it from then on
    Login(LoginArgs),
    /// End a login
    Logout(LogoutArgs),
    /// Log in anew to the server that is in use
    Relogin(ReloginArgs),
    /// List logins, or choose the one that is used
    #[command(visible_alias = "ctx")]
    Context(ContextArgs),
    /// Check that the cluster and the installed components are ready
    Check(CheckArgs),
    /// Install the definitions and the controllers
    Install(InstallArgs),
    /// Remove the controllers and the definitions; what they deployed stays
    Uninstall(UninstallArgs),
    /// Create or update sources and kustomizations
    #[command(subcommand)]
    Create(CreateCommand),
    /// List resources and their status
    #[command(subcommand)]
    Get(GetCommand),
    /// Print resources as YAML that can be applied again
    #[command(subcommand)]
    Export(ExportCommand),
    /// Reconcile now
    #[command(subcommand)]
    Reconcile(ReconcileCommand),
    /// Suspend reconciliation
    #[command(subcommand)]
    Suspend(SuspendCommand),
    /// Resume reconciliation
    #[command(subcommand)]
    Resume(SuspendCommand),
    /// Delete sources and kustomizations
    #[command(subcommand)]
    Delete(DeleteCommand),
    /// Show what a kustomization manages
    #[command(subcommand)]
    Tree(TreeCommand),
    /// Say which source and kustomization an object comes from
    Trace(TraceArgs),
    /// Show events
    Events(EventsArgs),
    /// Show the controllers' log
    Logs(LogsArgs),
    /// Build without applying
    #[command(subcommand)]
    Build(BuildCommand),
    /// Show what would change
    #[command(subcommand)]
    Diff(DiffCommand),
    /// Count resources and their states
    Stats(StatsArgs),
    /// Push to a registry
    #[command(subcommand)]
    Push(PushCommand),
    /// Pull from a registry
    #[command(subcommand)]
    Pull(PullCommand),
    /// Tag in a registry
    #[command(subcommand)]
    Tag(TagCommand),
    /// List what is in a registry
    #[command(subcommand)]
    List(ListCommand),
    /// Print the versions of the command and of what is installed
    Version(VersionArgs),
    /// Print a completion script
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Gives a command and all below it Go's habits for flags that are on or off: `--wait`,
/// `--wait=true` and `--wait=false`. The help shows neither their values nor their defaults.
pub fn with_go_flags(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => on_or_off(arg).action(ArgAction::Set).default_value("false"),
        ArgAction::Set if arg.get_default_values() == ["true"] => on_or_off(arg),
        // Not said is something else than off.
        ArgAction::Set if arg.get_value_parser().type_id() == std::any::TypeId::of::<bool>() => on_or_off(arg),
        _ => arg,
    });
    names.iter().fold(command, |command, name| command.mut_subcommand(name, with_go_flags))
}

fn on_or_off(arg: clap::Arg) -> clap::Arg {
    arg.num_args(0..=1)
        .require_equals(true)
        .default_missing_value("true")
        .value_parser(clap::value_parser!(bool))
        .value_name("BOOL")
        .hide_possible_values(true)
        .hide_default_value(true)
}

/// Parses these arguments, the program's name first.
pub fn parse_from<T: Parser, A: Into<OsString> + Clone>(line: impl IntoIterator<Item = A>) -> Result<T, clap::Error> {
    with_go_flags(T::command()).try_get_matches_from(line).and_then(|matches| T::from_arg_matches(&matches))
}

/// Parses the process's arguments. Wrong ones end it with exit status 1, as Flux's, and with 2 where
/// 1 says something else (`diff`, `app diff`).
pub fn parse<T: Parser>() -> T {
    parse_from(std::env::args_os()).unwrap_or_else(|e| {
        let _ = e.print();
        std::process::exit(match e.use_stderr() {
            false => 0,
            true => status_of_misuse(std::env::args_os().skip(1)),
        })
    })
}

/// With what wrong arguments end. Values of flags before the command are not known as such: a word too many
/// is looked at rather than one too few.
fn status_of_misuse(words: impl Iterator<Item = OsString>) -> i32 {
    let words: Vec<OsString> = words.filter(|w| !w.as_encoded_bytes().starts_with(b"-")).take(4).collect();
    let is_diff =
        words.first().is_some_and(|w| w == "diff") || words.windows(2).any(|w| w[0] == "app" && w[1] == "diff");
    if is_diff { 2 } else { 1 }
}

/// A form for scripts.
#[derive(ValueEnum, Debug, Clone, Copy, PartialEq)]
pub enum Format {
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Reads a duration in Go's form (`1m30s`).
pub fn duration(text: &str) -> Result<std::time::Duration, String> {
    belay_controller::duration::parse(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests;
