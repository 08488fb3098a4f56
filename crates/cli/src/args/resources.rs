//! The grammar of what is done with Flux's resources: get, export, reconcile, suspend, delete, tree.

use clap::{Args, Subcommand};

use super::Format;

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
