//! The command line's grammar: Flux's verbs, flags and defaults for the kinds that Belay serves.

mod create;

use std::ffi::OsString;
use std::path::PathBuf;

mod artifact;

pub use artifact::{
    ArtifactFlags, BuildArtifactArgs, DiffArtifactArgs, ListArtifactArgs, ListCommand, PullArtifactArgs, PullCommand,
    PushArtifactArgs, PushCommand, TagArtifactArgs, TagCommand,
};

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

pub use create::{
    CreateBucketArgs, CreateChartArgs, CreateCommand, CreateFlags, CreateGitArgs, CreateHelmArgs,
    CreateHelmReleaseArgs, CreateKustomizationArgs, CreateOciArgs, CreateSourceCommand,
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
    /// The address of the API server
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

#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Check only what is needed before an installation
    #[arg(long)]
    pub pre: bool,
    /// How often to look while waiting
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub poll_interval: std::time::Duration,
}

#[derive(Args, Debug)]
pub struct InstallArgs {
    /// Print the manifests instead of applying them
    #[arg(long)]
    pub export: bool,
    /// The image of the controllers
    #[arg(long, default_value_t = format!("ghcr.io/belay-gitops/belay:v{}", env!("CARGO_PKG_VERSION")))]
    pub image: String,
    /// Install the definitions only: the controllers run elsewhere, with `belay run`
    #[arg(long)]
    pub crds_only: bool,
    /// Install over an installation that a GitOps tool manages
    #[arg(long)]
    pub force: bool,
}

#[derive(Args, Debug)]
pub struct UninstallArgs {
    /// Leave the namespace
    #[arg(long)]
    pub keep_namespace: bool,
    /// Say what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short = 's', long)]
    pub silent: bool,
}

/// Flags of every `get`.
#[derive(Args, Debug, Clone)]
pub struct GetFlags {
    /// Only this one
    pub name: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Leave the column names out
    #[arg(long)]
    pub no_header: bool,
    /// Watch for changes
    #[arg(short = 'w', long)]
    pub watch: bool,
    /// Only those whose condition has a status: type=status or type!=status
    #[arg(long)]
    pub status_selector: Option<String>,
    /// Only those with these labels
    #[arg(short = 'l', long)]
    pub label_selector: Option<String>,
    /// json or yaml instead of a table
    #[arg(short = 'o', long)]
    pub output: Option<Format>,
}

#[derive(Subcommand, Debug)]
pub enum GetCommand {
    /// Sources of every kind
    #[command(subcommand, visible_alias = "source")]
    Sources(GetSourcesCommand),
    /// Kustomizations
    #[command(visible_aliases = ["kustomization", "ks"])]
    Kustomizations {
        #[command(flatten)]
        flags: GetFlags,
        /// Show the source
        #[arg(long)]
        show_source: bool,
    },
    /// HelmReleases
    #[command(visible_aliases = ["helmrelease", "hr"])]
    Helmreleases(GetFlags),
    /// Everything
    All(GetFlags),
}

/// A kind of source, and what is said about it: one grammar for every verb.
#[derive(Subcommand, Debug)]
pub enum OfSource<A: Args> {
    /// GitRepositories
    Git(A),
    /// OCIRepositories
    Oci(A),
    /// HelmRepositories
    Helm(A),
    /// Buckets
    Bucket(A),
    /// HelmCharts
    Chart(A),
}

#[derive(Subcommand, Debug)]
pub enum GetSourcesCommand {
    #[command(flatten)]
    One(OfSource<GetFlags>),
    /// ExternalArtifacts
    External(GetFlags),
    /// Sources of every kind
    All(GetFlags),
}

/// Which ones: a name, or all of the namespace.
#[derive(Args, Debug, Clone)]
pub struct Which {
    /// Names
    pub names: Vec<String>,
    /// All of the namespace
    #[arg(long)]
    pub all: bool,
}

#[derive(Subcommand, Debug)]
pub enum ExportCommand {
    /// Sources
    #[command(subcommand)]
    Source(OfSource<ExportSourceFlags>),
    /// Kustomizations
    #[command(visible_aliases = ["ks", "kustomizations"])]
    Kustomization(Which),
    /// HelmReleases
    #[command(visible_aliases = ["hr", "helmreleases"])]
    Helmrelease(Which),
}

#[derive(Args, Debug, Clone)]
pub struct ExportSourceFlags {
    #[command(flatten)]
    pub which: Which,
    /// With the Secret that it names
    #[arg(long)]
    pub with_credentials: bool,
}

#[derive(Subcommand, Debug)]
pub enum ReconcileCommand {
    /// A source
    #[command(subcommand)]
    Source(OfSource<OneName>),
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization {
        name: String,
        /// Its source first
        #[arg(long)]
        with_source: bool,
    },
    /// A HelmRelease
    #[command(visible_alias = "hr")]
    Helmrelease {
        name: String,
        /// Its source first
        #[arg(long)]
        with_source: bool,
        /// Install or upgrade once, whatever there is
        #[arg(long)]
        force: bool,
        /// Forget failures
        #[arg(long)]
        reset: bool,
    },
}

#[derive(Args, Debug, Clone)]
pub struct OneName {
    pub name: String,
}

#[derive(Args, Debug, Clone)]
pub struct SuspendFlags {
    #[command(flatten)]
    pub which: Which,
    /// Wait until each is ready (resume)
    #[arg(long)]
    pub wait: bool,
}

#[derive(Subcommand, Debug)]
pub enum SuspendCommand {
    /// Sources
    #[command(subcommand)]
    Source(OfSource<SuspendFlags>),
    /// Kustomizations
    #[command(visible_alias = "ks")]
    Kustomization(SuspendFlags),
    /// HelmReleases
    #[command(visible_alias = "hr")]
    Helmrelease(SuspendFlags),
}

#[derive(Subcommand, Debug)]
pub enum DeleteCommand {
    /// A source
    #[command(subcommand)]
    Source(OfSource<DeleteFlags>),
    /// A Kustomization
    #[command(visible_alias = "ks")]
    Kustomization {
        name: String,
        /// Do not ask
        #[arg(short = 's', long)]
        silent: bool,
    },
    /// A HelmRelease
    #[command(visible_alias = "hr")]
    Helmrelease {
        name: String,
        /// Do not ask
        #[arg(short = 's', long)]
        silent: bool,
    },
}

#[derive(Args, Debug, Clone)]
pub struct DeleteFlags {
    pub name: String,
    /// Do not ask
    #[arg(short = 's', long)]
    pub silent: bool,
}

#[derive(Subcommand, Debug)]
pub enum TreeCommand {
    /// What a Kustomization manages
    #[command(visible_alias = "ks")]
    Kustomization {
        name: String,
        /// Only Flux's own kinds
        #[arg(long)]
        compact: bool,
        /// json or yaml instead of a drawing
        #[arg(short = 'o', long)]
        output: Option<Format>,
    },
    /// What a HelmRelease manages
    #[command(visible_alias = "hr")]
    Helmrelease {
        name: String,
        /// Only Flux's own kinds
        #[arg(long)]
        compact: bool,
        /// json or yaml instead of a drawing
        #[arg(short = 'o', long)]
        output: Option<Format>,
    },
}

#[derive(Args, Debug)]
pub struct TraceArgs {
    /// kind/name, or the name alone with --kind
    pub resource: Vec<String>,
    /// Kind of the object
    #[arg(long)]
    pub kind: Option<String>,
    /// API version of the object
    #[arg(long)]
    pub api_version: Option<String>,
}

#[derive(Args, Debug)]
pub struct EventsArgs {
    /// Only events of Kind/name and its sources
    #[arg(long = "for", value_name = "KIND/NAME")]
    pub of: Option<String>,
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Go on as they come
    #[arg(short = 'w', long)]
    pub watch: bool,
    /// Normal, Warning
    #[arg(long, value_delimiter = ',')]
    pub types: Vec<String>,
    /// Leave the column names out
    #[arg(long)]
    pub no_header: bool,
}

#[derive(Args, Debug)]
pub struct LogsArgs {
    /// Only lines about this kind
    #[arg(long)]
    pub kind: Option<String>,
    /// Only lines about objects of this name
    #[arg(long)]
    pub name: Option<String>,
    /// debug, info or error
    #[arg(long)]
    pub level: Option<String>,
    /// Only lines newer than this
    #[arg(long, value_parser = duration)]
    pub since: Option<std::time::Duration>,
    /// How many lines from the end
    #[arg(long, default_value_t = -1)]
    pub tail: i64,
    /// Go on as they come
    #[arg(short = 'f', long)]
    pub follow: bool,
    /// About objects in all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Where the controllers run
    #[arg(long, default_value = "flux-system")]
    pub flux_namespace: String,
}

/// Flags of `build` and `diff`.
#[derive(Args, Debug, Clone)]
pub struct BuildFlags {
    pub name: String,
    /// The folder that stands for the Kustomization's path
    #[arg(long)]
    pub path: PathBuf,
    /// Take the Kustomization from this file instead of the cluster
    #[arg(long)]
    pub kustomization_file: Option<PathBuf>,
    /// Paths to leave out, in gitignore's form
    #[arg(long, value_delimiter = ',')]
    pub ignore_paths: Vec<String>,
    /// Undefined variables are errors
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    pub strict_substitute: bool,
}

#[derive(Subcommand, Debug)]
pub enum BuildCommand {
    /// What an artifact would hold, as an archive
    Artifact(BuildArtifactArgs),
    /// What a HelmRelease would install
    #[command(visible_alias = "hr")]
    Helmrelease {
        #[command(flatten)]
        flags: BuildReleaseFlags,
        /// Touch no cluster: nothing is looked up, and nothing known of releases that are there
        #[arg(long)]
        dry_run: bool,
    },
    /// What a Kustomization would apply
    #[command(visible_alias = "ks")]
    Kustomization {
        #[command(flatten)]
        flags: BuildFlags,
        /// Touch no cluster: variables from the cluster stay unresolved
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Subcommand, Debug)]
pub enum DiffCommand {
    /// Which files differ between a folder and an artifact: exit status 1 where any does
    Artifact(DiffArtifactArgs),
    /// What a HelmRelease would change in the cluster: exit status 1 where it would
    #[command(visible_alias = "hr")]
    Helmrelease {
        #[command(flatten)]
        flags: BuildReleaseFlags,
    },
    /// What a Kustomization would change in the cluster: exit status 1 where it would
    #[command(visible_alias = "ks")]
    Kustomization {
        #[command(flatten)]
        flags: BuildFlags,
    },
}

/// Of which HelmRelease, and with which chart.
#[derive(Args, Debug, Clone)]
pub struct BuildReleaseFlags {
    pub name: String,
    /// The chart: a folder or a .tgz
    #[arg(long)]
    pub path: PathBuf,
    /// A file with the HelmRelease, in the place of the one in the cluster
    #[arg(long)]
    pub release_file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub struct StatsArgs {
    /// In all namespaces
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
}

#[derive(Args, Debug)]
pub struct VersionArgs {
    /// Only the command's own version
    #[arg(long)]
    pub client: bool,
    /// json or yaml
    #[arg(short = 'o', long)]
    pub output: Option<Format>,
}

/// Gives a command and all below it Go's habits for flags that are on or off: `--wait`,
/// `--wait=true` and `--wait=false`. The help shows neither their values nor their defaults.
pub fn with_go_flags(command: clap::Command) -> clap::Command {
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    let command = command.mut_args(|arg| match arg.get_action() {
        ArgAction::SetTrue => on_or_off(arg).action(ArgAction::Set).default_value("false"),
        ArgAction::Set if arg.get_default_values() == ["true"] => on_or_off(arg),
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
/// 1 says something else (`diff`).
pub fn parse<T: Parser>() -> T {
    parse_from(std::env::args_os()).unwrap_or_else(|e| {
        let _ = e.print();
        let is_diff = std::env::args().skip(1).find(|a| !a.starts_with('-')).is_some_and(|a| a == "diff");
        std::process::exit(match (e.use_stderr(), is_diff) {
            (false, _) => 0,
            (true, false) => 1,
            (true, true) => 2,
        })
    })
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
