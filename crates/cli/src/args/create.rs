//! The grammar of `create`: a command for each kind, and what it takes.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::duration;

/// Flags of every `create`.
#[derive(Args, Debug, Clone)]
pub struct CreateFlags {
    /// How often to reconcile
    #[arg(long, default_value = "1m0s", value_parser = duration)]
    pub interval: std::time::Duration,
    /// Print YAML instead of applying
    #[arg(long)]
    pub export: bool,
    /// Labels (key=value); may be repeated or comma separated
    #[arg(long, value_delimiter = ',')]
    pub label: Vec<String>,
}

#[derive(Subcommand, Debug)]
pub enum CreateCommand {
    /// Create or update a source
    #[command(subcommand)]
    Source(CreateSourceCommand),
    /// Create or update a Kustomization
    #[command(visible_alias = "ks")]
    Kustomization(Box<CreateKustomizationArgs>),
    /// Create or update a HelmRelease
    #[command(visible_alias = "hr")]
    Helmrelease(Box<CreateHelmReleaseArgs>),
}

#[derive(Subcommand, Debug)]
pub enum CreateSourceCommand {
    /// Create or update a GitRepository
    Git(Box<CreateGitArgs>),
    /// Create or update an OCIRepository
    Oci(Box<CreateOciArgs>),
    /// Create or update a HelmRepository
    Helm(Box<CreateHelmArgs>),
    /// Create or update a Bucket
    Bucket(Box<CreateBucketArgs>),
    /// Create or update a HelmChart
    Chart(Box<CreateChartArgs>),
}

#[derive(Args, Debug)]
pub struct CreateChartArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// Where the chart is: KIND/NAME, the kind HelmRepository, GitRepository or Bucket
    #[arg(long)]
    pub source: String,
    /// The chart's name, or its path in the source
    #[arg(long)]
    pub chart: String,
    /// The chart's version, or a range of versions
    #[arg(long)]
    pub chart_version: Option<String>,
    /// ChartVersion or Revision
    #[arg(long, default_value = "ChartVersion")]
    pub reconcile_strategy: String,
    /// cosign or notation
    #[arg(long)]
    pub verify_provider: Option<String>,
    /// Secret with public keys
    #[arg(long)]
    pub verify_secret_ref: Option<String>,
}

#[derive(Args, Debug)]
pub struct CreateOciArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// Address of the repository: oci://HOST/PATH
    #[arg(long)]
    pub url: String,
    /// Tag
    #[arg(long)]
    pub tag: Option<String>,
    /// Tag by semantic version range
    #[arg(long)]
    pub tag_semver: Option<String>,
    /// Digest
    #[arg(long)]
    pub digest: Option<String>,
    /// Secret with credentials in Docker's form
    #[arg(long)]
    pub secret_ref: Option<String>,
    /// Secret with a proxy's address and credentials
    #[arg(long)]
    pub proxy_secret_ref: Option<String>,
    /// Secret with certificates
    #[arg(long)]
    pub cert_secret_ref: Option<String>,
    /// Service account whose pull secrets are used
    #[arg(long)]
    pub service_account: Option<String>,
    /// generic, aws, azure or gcp
    #[arg(long)]
    pub provider: Option<String>,
    /// cosign or notation
    #[arg(long)]
    pub verify_provider: Option<String>,
    /// Secret with public keys
    #[arg(long)]
    pub verify_secret_ref: Option<String>,
    /// Paths to leave out, in gitignore's form
    #[arg(long)]
    pub ignore_paths: Vec<String>,
    /// Allow plain HTTP
    #[arg(long)]
    pub insecure: bool,
}

#[derive(Args, Debug)]
pub struct CreateHelmArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// Address of the repository: http, https or oci
    #[arg(long)]
    pub url: String,
    /// User name for basic authentication; makes a Secret of the source's name
    #[arg(short = 'u', long)]
    pub username: Option<String>,
    /// Password for basic authentication
    #[arg(short = 'p', long)]
    pub password: Option<String>,
    /// CA certificate file for https
    #[arg(long)]
    pub ca_file: Option<PathBuf>,
    /// Secret with credentials
    #[arg(long)]
    pub secret_ref: Option<String>,
    /// Secret with certificates
    #[arg(long)]
    pub cert_secret_ref: Option<String>,
    /// generic, aws, azure or gcp; for registries
    #[arg(long)]
    pub oci_provider: Option<String>,
    /// Send credentials to all hosts that the index names
    #[arg(long)]
    pub pass_credentials: bool,
}

#[derive(Args, Debug)]
pub struct CreateBucketArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// generic, aws, azure or gcp
    #[arg(long, default_value = "generic")]
    pub provider: String,
    /// The bucket's name
    #[arg(long)]
    pub bucket_name: String,
    /// Host, and port if it is no usual one
    #[arg(long)]
    pub endpoint: String,
    /// Access key; makes a Secret of the source's name
    #[arg(long)]
    pub access_key: Option<String>,
    /// Secret key
    #[arg(long)]
    pub secret_key: Option<String>,
    /// Region
    #[arg(long)]
    pub region: Option<String>,
    /// Only objects whose names begin so
    #[arg(long)]
    pub prefix: Option<String>,
    /// Allow plain HTTP
    #[arg(long)]
    pub insecure: bool,
    /// Secret with credentials
    #[arg(long)]
    pub secret_ref: Option<String>,
    /// Secret with a proxy's address and credentials
    #[arg(long)]
    pub proxy_secret_ref: Option<String>,
    /// Paths to leave out, in gitignore's form
    #[arg(long)]
    pub ignore_paths: Vec<String>,
}

#[derive(Args, Debug)]
pub struct CreateGitArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// Address of the repository: http, https or ssh
    #[arg(long)]
    pub url: String,
    /// Branch
    #[arg(long)]
    pub branch: Option<String>,
    /// Tag
    #[arg(long)]
    pub tag: Option<String>,
    /// Tag by semantic version range
    #[arg(long)]
    pub tag_semver: Option<String>,
    /// Full reference name (refs/...)
    #[arg(long)]
    pub ref_name: Option<String>,
    /// Commit
    #[arg(long)]
    pub commit: Option<String>,
    /// Secret with credentials
    #[arg(long)]
    pub secret_ref: Option<String>,
    /// Secret with a proxy's address and credentials
    #[arg(long)]
    pub proxy_secret_ref: Option<String>,
    /// generic, aws, azure or github
    #[arg(long)]
    pub provider: Option<String>,
    /// User name for basic authentication; makes a Secret of the source's name
    #[arg(short = 'u', long)]
    pub username: Option<String>,
    /// Password for basic authentication
    #[arg(short = 'p', long)]
    pub password: Option<String>,
    /// Private key file for ssh; the host key is read from --known-hosts-file
    #[arg(long)]
    pub private_key_file: Option<PathBuf>,
    /// known_hosts file for ssh
    #[arg(long)]
    pub known_hosts_file: Option<PathBuf>,
    /// CA certificate file for https
    #[arg(long)]
    pub ca_file: Option<PathBuf>,
    /// Paths to leave out, in gitignore's form
    #[arg(long)]
    pub ignore_paths: Vec<String>,
    /// Directories to check out
    #[arg(long)]
    pub sparse_checkout_paths: Vec<String>,
    /// Fetch submodules
    #[arg(long)]
    pub recurse_submodules: bool,
}

#[derive(Args, Debug)]
pub struct CreateKustomizationArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// The source: [Kind/]name[.namespace]
    #[arg(long)]
    pub source: String,
    /// Directory in the source
    #[arg(long, default_value = "./")]
    pub path: String,
    /// Delete what left the source
    #[arg(long)]
    pub prune: bool,
    /// Wait for everything to become healthy
    #[arg(long)]
    pub wait: bool,
    /// Recreate on immutable field changes
    #[arg(long)]
    pub force: bool,
    /// Namespace for all objects
    #[arg(long)]
    pub target_namespace: Option<String>,
    /// Objects whose health is assessed: kind/name.namespace
    #[arg(long)]
    pub health_check: Vec<String>,
    /// How long health checks may take
    #[arg(long, value_parser = duration)]
    pub health_check_timeout: Option<std::time::Duration>,
    /// Kustomizations that must be ready first: [namespace/]name
    #[arg(long, value_delimiter = ',')]
    pub depends_on: Vec<String>,
    /// How long to wait before a retry
    #[arg(long, value_parser = duration)]
    pub retry_interval: Option<std::time::Duration>,
    /// Service account to impersonate
    #[arg(long)]
    pub service_account: Option<String>,
    /// Secret with a kubeconfig of another cluster
    #[arg(long)]
    pub kubeconfig_secret_ref: Option<String>,
    /// sops
    #[arg(long)]
    pub decryption_provider: Option<String>,
    /// Secret with decryption keys
    #[arg(long)]
    pub decryption_secret: Option<String>,
}

#[derive(Args, Debug)]
pub struct CreateHelmReleaseArgs {
    pub name: String,
    #[command(flatten)]
    pub create: CreateFlags,
    /// The source of the chart: Kind/name[.namespace]
    #[arg(long)]
    pub source: Option<String>,
    /// A source that is the chart: Kind/name[.namespace]
    #[arg(long, conflicts_with_all = ["source", "chart"])]
    pub chart_ref: Option<String>,
    /// Name of the chart, or its directory in the source
    #[arg(long)]
    pub chart: Option<String>,
    /// Version of the chart: a semantic version or range
    #[arg(long)]
    pub chart_version: Option<String>,
    /// How often to look for the chart
    #[arg(long, value_parser = duration)]
    pub chart_interval: Option<std::time::Duration>,
    /// ChartVersion or Revision
    #[arg(long)]
    pub reconcile_strategy: Option<String>,
    /// Name of the release
    #[arg(long)]
    pub release_name: Option<String>,
    /// Namespace of the release
    #[arg(long)]
    pub target_namespace: Option<String>,
    /// Make the namespace of the release
    #[arg(long)]
    pub create_target_namespace: bool,
    /// Namespace of the release's records
    #[arg(long)]
    pub storage_namespace: Option<String>,
    /// HelmReleases that must be ready first: [namespace/]name
    #[arg(long, value_delimiter = ',')]
    pub depends_on: Vec<String>,
    /// Files of values; later over earlier
    #[arg(long, value_delimiter = ',')]
    pub values: Vec<PathBuf>,
    /// Where values come from: Secret/name or ConfigMap/name
    #[arg(long, value_delimiter = ',')]
    pub values_from: Vec<String>,
    /// What an upgrade does about definitions: Skip, Create or CreateReplace
    #[arg(long)]
    pub crds: Option<String>,
    /// Service account to impersonate
    #[arg(long)]
    pub service_account: Option<String>,
    /// Secret with a kubeconfig of another cluster
    #[arg(long)]
    pub kubeconfig_secret_ref: Option<String>,
}
