//! The grammar of `belay appset`: argocd's words and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ArgocdFlags, Form};

#[derive(Args, Debug)]
pub struct AppsetArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: AppsetCommand,
}

#[derive(Subcommand, Debug)]
pub enum AppsetCommand {
    /// List ApplicationSets
    List(AppsetListArgs),
    /// Show an ApplicationSet
    Get(AppsetGetArgs),
    /// Create ApplicationSets of files
    Create(AppsetCreateArgs),
    /// Delete ApplicationSets with their Applications
    Delete(AppsetDeleteArgs),
    /// Print the Applications that an ApplicationSet of a file comes to
    Generate(AppsetGenerateArgs),
}

#[derive(Args, Debug)]
pub struct AppsetListArgs {
    /// Only those of a namespace
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    pub appset_namespace: Option<String>,
    /// The form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
    /// Only those of projects
    #[arg(short, long)]
    pub project: Vec<String>,
    /// Only those with labels
    #[arg(short = 'l', long)]
    pub selector: Option<String>,
}

#[derive(Args, Debug)]
pub struct AppsetGetArgs {
    /// NAME or NAMESPACE/NAME
    pub name: String,
    /// The namespace of one that is named without
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    pub appset_namespace: Option<String>,
    /// The form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
    /// Print parameters of charts as well
    #[arg(long)]
    pub show_params: bool,
}

#[derive(Args, Debug)]
pub struct AppsetCreateArgs {
    /// Files of ApplicationSets; - for standard input
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// The namespace of those that name none
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    pub appset_namespace: Option<String>,
    /// Only tell which Applications would be made
    #[arg(long)]
    pub dry_run: bool,
    /// The form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
    /// Change one that is there and is another
    #[arg(long)]
    pub upsert: bool,
    /// Wait until its Applications are as they should be
    #[arg(long)]
    pub wait: bool,
}

#[derive(Args, Debug)]
pub struct AppsetDeleteArgs {
    /// NAME or NAMESPACE/NAME each
    #[arg(required = true)]
    pub names: Vec<String>,
    /// The namespace of those that are named without
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    pub appset_namespace: Option<String>,
    /// Wait until they are gone
    #[arg(long)]
    pub wait: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct AppsetGenerateArgs {
    /// A file with one ApplicationSet; - for standard input
    pub file: PathBuf,
    /// The namespace of one that names none
    #[arg(short = 'N', long, value_name = "NAMESPACE")]
    pub appset_namespace: Option<String>,
    /// The form
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Form,
}
