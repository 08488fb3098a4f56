//! The grammar of what only looks: trace, events, logs, build, diff, stats.

use std::path::PathBuf;

use clap::{ArgAction, Args, Subcommand};

use super::{BuildArtifactArgs, DiffArtifactArgs, duration};

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
