//! The grammar of `belay repo`, `repocreds`, `cluster` and `account`: argocd's words and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ArgocdFlags, Form};

#[derive(Args, Debug)]
pub struct RepoArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: RepoCommand,
}

#[derive(Subcommand, Debug)]
pub enum RepoCommand {
    /// Add a repository
    Add(Box<RepoAddArgs>),
    /// List repositories
    List(RepoListArgs),
    /// Show a repository
    Get(RepoGetArgs),
    /// Remove repositories
    Rm(RepoRmArgs),
}

#[derive(Args, Debug)]
pub struct RepocredsArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: RepocredsCommand,
}

#[derive(Subcommand, Debug)]
pub enum RepocredsCommand {
    /// Add credentials for all repositories whose address begins so
    Add(Box<RepoAddArgs>),
    /// List credentials
    List(ListedArgs),
    /// Remove credentials
    Rm(RepoRmArgs),
}

#[derive(Args, Debug, Default)]
pub struct RepoAddArgs {
    pub url: String,
    /// Change one that is there
    #[arg(long)]
    pub upsert: bool,
    /// git, helm or oci
    #[arg(long = "type", default_value = "git")]
    pub kind: String,
    #[arg(long)]
    pub name: Option<String>,
    /// The project whose own it is
    #[arg(long)]
    pub project: Option<String>,
    #[arg(long)]
    pub username: Option<String>,
    #[arg(long)]
    pub password: Option<String>,
    #[arg(long)]
    pub bearer_token: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub ssh_private_key_path: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub tls_client_cert_path: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub tls_client_cert_key_path: Option<PathBuf>,
    #[arg(long)]
    pub insecure_skip_server_verification: bool,
    #[arg(long)]
    pub insecure_ignore_host_key: bool,
    #[arg(long)]
    pub insecure_oci_force_http: bool,
    #[arg(long)]
    pub enable_lfs: bool,
    #[arg(long)]
    pub enable_oci: bool,
    #[arg(long)]
    pub force_http_basic_auth: bool,
    #[arg(long, default_value_t = 0)]
    pub depth: i64,
    #[arg(long, alias = "proxy-url")]
    pub proxy: Option<String>,
    #[arg(long)]
    pub no_proxy: Option<String>,
    #[arg(long)]
    pub github_app_id: Option<i64>,
    #[arg(long)]
    pub github_app_installation_id: Option<i64>,
    #[arg(long, value_name = "FILE")]
    pub github_app_private_key_path: Option<PathBuf>,
    #[arg(long)]
    pub github_app_enterprise_base_url: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub gcp_service_account_key_path: Option<PathBuf>,
    #[arg(long)]
    pub use_azure_workload_identity: bool,
    #[arg(long)]
    pub azure_service_principal_client_id: Option<String>,
    #[arg(long)]
    pub azure_service_principal_client_secret: Option<String>,
    #[arg(long)]
    pub azure_service_principal_tenant_id: Option<String>,
    #[arg(long)]
    pub azure_active_directory_endpoint: Option<String>,
    #[arg(long)]
    pub webhook_manifest_cache_warm_disabled: bool,
}

#[derive(Args, Debug)]
pub struct ListedArgs {
    #[arg(short = 'o', long, default_value = "wide")]
    pub output: String,
}

#[derive(Args, Debug)]
pub struct RepoListArgs {
    #[arg(short = 'o', long, default_value = "wide")]
    pub output: String,
    /// hard: have the server try each anew
    #[arg(long)]
    pub refresh: Option<String>,
}

#[derive(Args, Debug)]
pub struct RepoGetArgs {
    pub url: String,
    #[arg(long, default_value = "")]
    pub project: String,
    #[arg(short = 'o', long, default_value = "wide")]
    pub output: String,
    /// hard: have the server try it anew
    #[arg(long)]
    pub refresh: Option<String>,
}

#[derive(Args, Debug)]
pub struct RepoRmArgs {
    #[arg(required = true)]
    pub urls: Vec<String>,
    #[arg(long, default_value = "")]
    pub project: String,
}

#[derive(Args, Debug)]
pub struct ClusterArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: ClusterSubcommand,
}

#[derive(Subcommand, Debug)]
pub enum ClusterSubcommand {
    /// Add the cluster of a kubeconfig's context
    Add(Box<ClusterAddArgs>),
    /// List clusters
    List(ListedArgs),
    /// Show a cluster
    Get(ClusterGetArgs),
    /// Remove clusters
    Rm(ClusterRmArgs),
    /// Change a cluster's name, namespaces, labels or annotations
    Set(ClusterSetArgs),
    /// Have a cluster's credentials replaced
    RotateAuth {
        /// Address or name
        which: String,
    },
}

#[derive(Args, Debug)]
pub struct ClusterSetArgs {
    /// Its name
    pub which: String,
    /// Another name
    #[arg(long)]
    pub name: Option<String>,
    /// Namespaces that are managed; '*' for all
    #[arg(id = "namespace", long = "namespace", default_value = "", hide_default_value = true)]
    pub namespaces: Vec<String>,
    /// Labels: key=value
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// Annotations: key=value
    #[arg(long = "annotation")]
    pub annotations: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ClusterAddArgs {
    /// The kubeconfig's context; that of --kubeconfig or of the usual places
    pub add_context: String,
    /// Its name; the context's where not given
    #[arg(long)]
    pub name: Option<String>,
    /// Change one that is there
    #[arg(long)]
    pub upsert: bool,
    /// It is the cluster that the controllers run in
    #[arg(long)]
    pub in_cluster: bool,
    /// Namespaces that are managed; all where not given
    #[arg(id = "namespace", long = "namespace", default_value = "", hide_default_value = true)]
    pub namespaces: Vec<String>,
    /// With --namespace: objects without namespaces too
    #[arg(long)]
    pub cluster_resources: bool,
    /// The project whose own it is
    #[arg(long)]
    pub project: Option<String>,
    /// Labels: key=value
    #[arg(long = "label")]
    pub labels: Vec<String>,
    /// Annotations: key=value
    #[arg(long = "annotation")]
    pub annotations: Vec<String>,
    #[arg(long, default_value_t = -1, allow_negative_numbers = true)]
    pub shard: i64,
    /// The account whose token is used, made where it is not there
    #[arg(long)]
    pub service_account: Option<String>,
    /// The namespace of that account
    #[arg(long, default_value = "kube-system")]
    pub system_namespace: String,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct ClusterGetArgs {
    /// Address or name
    pub which: String,
    #[arg(short = 'o', long, default_value = "yaml")]
    pub output: String,
}

#[derive(Args, Debug)]
pub struct ClusterRmArgs {
    /// Addresses or names
    #[arg(required = true)]
    pub which: Vec<String>,
    /// Do not ask
    #[arg(short = 'y', long)]
    pub yes: bool,
}

#[derive(Args, Debug)]
pub struct AccountArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: AccountCommand,
}

#[derive(Subcommand, Debug)]
pub enum AccountCommand {
    /// List accounts
    List(ListedArgs),
    /// Show an account
    Get {
        /// Its name; the caller's through a server, admin without
        #[arg(short = 'a', long)]
        account: Option<String>,
        #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
        output: Form,
    },
    /// Hash a password
    Bcrypt {
        /// The password; asked for on standard input where not given
        #[arg(long)]
        password: Option<String>,
    },
    /// Say whether an account may do something: yes or no
    CanI {
        action: String,
        resource: String,
        subresource: String,
        /// Who: an account, or proj:PROJECT:ROLE; the caller through a server, admin without
        #[arg(short = 'a', long)]
        account: Option<String>,
        /// Groups of that one
        #[arg(long)]
        group: Vec<String>,
    },
    /// Make a token
    GenerateToken {
        /// Whose; the caller's through a server, admin's without
        #[arg(short = 'a', long)]
        account: Option<String>,
        /// How long it lives: 24h, 7d; 0s for ever
        #[arg(short = 'e', long, default_value = "0s")]
        expires_in: String,
        #[arg(long)]
        id: Option<String>,
    },
    /// Revoke a token
    DeleteToken {
        /// Whose; the caller's through a server, admin's without
        #[arg(short = 'a', long)]
        account: Option<String>,
        id: String,
    },
    /// Say who a server takes the caller for
    GetUserInfo {
        #[arg(short = 'o', long, default_value = "wide")]
        output: String,
    },
    /// Print the token that a server is asked with
    SessionToken {
        #[arg(short = 'o', long, default_value = "wide")]
        output: String,
    },
    /// Print the first password of admin, which stands in a secret until somebody deletes that
    InitialPassword,
    /// Set an account's password
    UpdatePassword {
        /// Whose; the caller's own through a server, admin's without
        #[arg(long)]
        account: Option<String>,
        /// The caller's own password, which a server wants to see; asked for where not given
        #[arg(long)]
        current_password: Option<String>,
        /// The new password; asked for on standard input where not given
        #[arg(long)]
        new_password: Option<String>,
    },
}
