//! The grammar of what is about an installation: check, install, uninstall, version.

use clap::{Args, ValueEnum};

use super::{Format, duration};

/// Whose resources a command is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum System {
    /// Flux's: sources, Kustomizations, HelmReleases
    Flux,
    /// Argo CD's: Applications and projects
    Argocd,
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
    /// Whose definitions: Flux's, Argo CD's (with its settings and its default project), or both
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Flux])]
    pub systems: Vec<System>,
    /// The namespace of Argo CD's projects and settings
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd")]
    pub argocd_namespace: String,
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
    /// Whose definitions: Flux's, Argo CD's, or both
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Flux])]
    pub systems: Vec<System>,
    /// Say what would be deleted
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask
    #[arg(short = 's', long)]
    pub silent: bool,
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
