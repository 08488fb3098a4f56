//! The grammar of `belay app` about single objects and single sources.

use clap::Args;

use super::AppSpecFlags;

#[derive(Args, Debug)]
pub struct AppAddSourceArgs {
    pub name: String,
    #[command(flatten)]
    pub spec: AppSpecFlags,
}

#[derive(Args, Debug)]
pub struct AppRemoveSourceArgs {
    pub name: String,
    /// Which, from 1
    #[arg(long)]
    pub source_position: Option<usize>,
    /// Which, by its name
    #[arg(long)]
    pub source_name: Option<String>,
}

/// Which objects of an Application.
#[derive(Args, Debug, Clone)]
pub struct ObjectFlags {
    pub app_name: String,
    #[arg(long)]
    pub kind: String,
    #[arg(long)]
    pub group: Option<String>,
    #[arg(long, default_value = "", hide_default_value = true)]
    pub namespace: String,
    #[arg(long)]
    pub resource_name: Option<String>,
    /// The Application must be of this project
    #[arg(long)]
    pub project: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppGetResourceArgs {
    #[command(flatten)]
    pub which: ObjectFlags,
    /// Only these fields: metadata.name,spec.replicas
    #[arg(long, value_delimiter = ',')]
    pub filter_fields: Vec<String>,
    #[arg(long)]
    pub show_managed_fields: bool,
    /// json or yaml
    #[arg(short = 'o', long, default_value = "yaml")]
    pub output: String,
}

#[derive(Args, Debug)]
pub struct AppPatchResourceArgs {
    #[command(flatten)]
    pub which: ObjectFlags,
    #[arg(long)]
    pub patch: String,
    #[arg(long, default_value = "application/merge-patch+json")]
    pub patch_type: String,
    /// All that match
    #[arg(long)]
    pub all: bool,
}

#[derive(Args, Debug)]
pub struct AppDeleteResourceArgs {
    #[command(flatten)]
    pub which: ObjectFlags,
    /// At once, without a period of grace
    #[arg(long)]
    pub force: bool,
    /// Leave what it owns
    #[arg(long)]
    pub orphan: bool,
    /// All that match
    #[arg(long)]
    pub all: bool,
}
