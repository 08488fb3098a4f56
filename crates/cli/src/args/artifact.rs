//! The grammar of `push|pull|tag|list artifact`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Format;

#[derive(Subcommand, Debug)]
pub enum PushCommand {
    /// Push manifests as an artifact
    Artifact(PushArtifactArgs),
}

#[derive(Subcommand, Debug)]
pub enum PullCommand {
    /// Pull an artifact into a folder
    Artifact(PullArtifactArgs),
}

#[derive(Subcommand, Debug)]
pub enum TagCommand {
    /// Give an artifact more tags
    Artifact(TagArtifactArgs),
}

#[derive(Subcommand, Debug)]
pub enum ListCommand {
    /// List artifacts
    #[command(visible_alias = "artifact")]
    Artifacts(ListArtifactArgs),
}

/// How the registry is reached.
#[derive(Args, Debug, Clone)]
pub struct ArtifactFlags {
    /// user:password for the registry, or a token; Docker's configuration where not given
    #[arg(long)]
    pub creds: Option<String>,
    /// generic
    #[arg(long, default_value = "generic")]
    pub provider: String,
    /// Allow plain HTTP
    #[arg(long)]
    pub insecure_registry: bool,
}

#[derive(Args, Debug)]
pub struct PushArtifactArgs {
    /// oci://HOST/PATH:TAG
    pub url: String,
    #[command(flatten)]
    pub flags: ArtifactFlags,
    /// A folder, a file, or - for standard input
    #[arg(short = 'f', long, required = true)]
    pub path: PathBuf,
    /// Where the content comes from
    #[arg(long)]
    pub source: String,
    /// The revision of the content: BRANCH|TAG@sha1:COMMIT
    #[arg(long)]
    pub revision: String,
    /// More annotations (key=value); may be repeated
    #[arg(short = 'a', long)]
    pub annotations: Vec<String>,
    /// Paths to leave out, in gitignore's form, in place of the usual ones
    #[arg(long, value_delimiter = ',')]
    pub ignore_paths: Vec<String>,
    /// Paths to leave out besides
    #[arg(long, value_delimiter = ',')]
    pub add_ignore_paths: Vec<String>,
    /// The same content gives the same digest
    #[arg(long)]
    pub reproducible: bool,
    /// json or yaml instead of words
    #[arg(short = 'o', long)]
    pub output: Option<Format>,
}

#[derive(Args, Debug)]
pub struct PullArtifactArgs {
    /// oci://HOST/PATH:TAG
    pub url: String,
    #[command(flatten)]
    pub flags: ArtifactFlags,
    /// The folder to extract to
    #[arg(short = 'o', long, required = true)]
    pub output: PathBuf,
}

#[derive(Args, Debug)]
pub struct TagArtifactArgs {
    /// oci://HOST/PATH:TAG
    pub url: String,
    #[command(flatten)]
    pub flags: ArtifactFlags,
    /// The tag to give; may be repeated
    #[arg(long = "tag", required = true)]
    pub tags: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ListArtifactArgs {
    /// oci://HOST/PATH
    pub url: String,
    #[command(flatten)]
    pub flags: ArtifactFlags,
    /// Only tags in a range of versions
    #[arg(long)]
    pub filter_semver: Option<String>,
    /// Only tags that match a regular expression
    #[arg(long)]
    pub filter_regex: Option<String>,
    /// json or yaml instead of a table
    #[arg(short = 'o', long)]
    pub output: Option<Format>,
}

#[derive(Args, Debug)]
pub struct BuildArtifactArgs {
    /// A folder or a file
    #[arg(short = 'p', long, default_value = ".")]
    pub path: PathBuf,
    /// The archive to write
    #[arg(short = 'o', long, default_value = "artifact.tgz")]
    pub output: PathBuf,
    /// Paths to leave out, in gitignore's form, in place of the usual ones
    #[arg(long, value_delimiter = ',')]
    pub ignore_paths: Vec<String>,
}

#[derive(Args, Debug)]
pub struct DiffArtifactArgs {
    /// oci://HOST/PATH:TAG
    pub url: String,
    #[command(flatten)]
    pub flags: ArtifactFlags,
    /// A folder or a file
    #[arg(long, default_value = ".")]
    pub path: PathBuf,
    /// Paths to leave out, in gitignore's form, in place of the usual ones
    #[arg(long, value_delimiter = ',')]
    pub ignore_paths: Vec<String>,
}
