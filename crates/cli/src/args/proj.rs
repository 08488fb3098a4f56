//! The grammar of `belay proj`: argocd's words and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ArgocdFlags, Form};

#[derive(Args, Debug)]
pub struct ProjArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: ProjCommand,
}

#[derive(Subcommand, Debug)]
pub enum ProjCommand {
    /// Create a project
    Create(Box<ProjCreateArgs>),
    /// List projects
    List(ProjOutput),
    /// Show a project
    Get(ProjGetArgs),
    /// Delete projects
    Delete(ProjNames),
    /// Change a project
    Set(Box<ProjSetArgs>),
    /// Edit the spec of a project in $EDITOR
    Edit(ProjName),
    /// Permit a destination
    AddDestination(ProjDestination),
    /// Take a destination away
    RemoveDestination(ProjDestination),
    /// Permit a repository
    AddSource(ProjText),
    /// Take a repository away
    RemoveSource(ProjText),
    /// Permit Applications of a namespace
    AddSourceNamespace(ProjText),
    /// Take a namespace of Applications away
    RemoveSourceNamespace(ProjText),
    /// Permit a kind without namespaces
    AllowClusterResource(ProjKind),
    /// Forbid a kind without namespaces
    DenyClusterResource(ProjKind),
    /// Permit a kind with namespaces
    AllowNamespaceResource(ProjKind),
    /// Forbid a kind with namespaces
    DenyNamespaceResource(ProjKind),
    /// Name the account that applies to a destination
    AddDestinationServiceAccount(ProjAccount),
    /// Take that away
    RemoveDestinationServiceAccount(ProjAccount),
    /// Leave a kind out where objects are looked for that belong to nobody
    AddOrphanedIgnore(ProjOrphaned),
    /// Take that away
    RemoveOrphanedIgnore(ProjOrphaned),
    /// Trust commits that a key signed
    AddSignatureKey(ProjText),
    /// Take that away
    RemoveSignatureKey(ProjText),
    /// Whose signatures count for which repositories
    #[command(subcommand)]
    SourceIntegrity(IntegrityCommand),
    /// The project's roles
    #[command(subcommand)]
    Role(RoleCommand),
    /// The project's sync windows
    #[command(subcommand)]
    Windows(WindowsCommand),
}

#[derive(Args, Debug)]
pub struct ProjName {
    pub project: String,
}

#[derive(Args, Debug)]
pub struct ProjAccount {
    pub project: String,
    /// The cluster's address
    #[arg(id = "dest_server")]
    pub server: String,
    #[arg(id = "dest_namespace")]
    pub namespace: String,
    pub service_account: String,
    /// The namespace of the account, where it is another one
    #[arg(long)]
    pub service_account_namespace: Option<String>,
}

#[derive(Args, Debug)]
pub struct ProjOrphaned {
    pub project: String,
    pub group: String,
    pub kind: String,
    /// Objects of these names: a glob
    #[arg(long)]
    pub name: Option<String>,
}

#[derive(Subcommand, Debug)]
pub enum IntegrityCommand {
    /// Of Git repositories
    #[command(subcommand)]
    Git(GitIntegrityCommand),
}

#[derive(Subcommand, Debug)]
pub enum GitIntegrityCommand {
    /// The policies
    #[command(subcommand)]
    Policies(PoliciesCommand),
}

#[derive(Subcommand, Debug)]
pub enum PoliciesCommand {
    /// Add a policy
    Add {
        project: String,
        /// Repositories: globs
        #[arg(long, required = true)]
        repo_url: Vec<String>,
        /// none, head or strict
        #[arg(long)]
        gpg_mode: String,
        /// Ids of keys
        #[arg(long)]
        gpg_key: Vec<String>,
    },
    /// Delete policies
    Delete {
        project: String,
        /// Their numbers in the list
        #[arg(required = true)]
        ids: Vec<usize>,
        /// Do not ask
        #[arg(short = 'y', long)]
        yes: bool,
    },
    /// List policies
    List { project: String },
    /// Change a policy
    Update {
        project: String,
        /// Its number in the list
        id: usize,
        #[arg(long)]
        repo_url: Vec<String>,
        #[arg(long)]
        add_repo_url: Vec<String>,
        #[arg(long)]
        delete_repo_url: Vec<String>,
        /// none, head or strict
        #[arg(long)]
        gpg_mode: Option<String>,
        #[arg(long)]
        gpg_key: Vec<String>,
        #[arg(long)]
        add_gpg_key: Vec<String>,
        #[arg(long)]
        delete_gpg_key: Vec<String>,
        /// Taken: nothing is asked
        #[arg(short = 'y', long)]
        yes: bool,
    },
}

/// What of a project flags name.
#[derive(Args, Debug, Clone, Default)]
pub struct ProjSpecFlags {
    #[arg(long)]
    pub description: Option<String>,
    /// SERVER,NAMESPACE
    #[arg(short = 'd', long)]
    pub dest: Vec<String>,
    /// A repository
    #[arg(short = 's', long)]
    pub src: Vec<String>,
    #[arg(long)]
    pub source_namespaces: Vec<String>,
    /// GROUP/KIND that is permitted
    #[arg(long)]
    pub allow_cluster_resource: Vec<String>,
    #[arg(long)]
    pub allow_namespaced_resource: Vec<String>,
    /// GROUP/KIND that is forbidden
    #[arg(long)]
    pub deny_cluster_resource: Vec<String>,
    #[arg(long)]
    pub deny_namespaced_resource: Vec<String>,
    /// SERVER,NAMESPACE,ACCOUNT
    #[arg(long)]
    pub dest_service_accounts: Vec<String>,
    /// Look for objects that belong to nobody
    #[arg(long)]
    pub orphaned_resources: Option<bool>,
    /// Warn of them
    #[arg(long)]
    pub orphaned_resources_warn: Option<bool>,
    /// GnuPG keys
    #[arg(long)]
    pub signature_keys: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ProjCreateArgs {
    pub project: Option<String>,
    #[command(flatten)]
    pub spec: ProjSpecFlags,
    /// A manifest file (or - for standard input)
    #[arg(short = 'f', long)]
    pub file: Option<PathBuf>,
    /// Change one that is there and differs
    #[arg(long)]
    pub upsert: bool,
}

#[derive(Args, Debug)]
pub struct ProjSetArgs {
    pub project: String,
    #[command(flatten)]
    pub spec: ProjSpecFlags,
}

#[derive(Args, Debug)]
pub struct ProjOutput {
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
}

#[derive(Args, Debug)]
pub struct ProjGetArgs {
    pub project: String,
    #[arg(short = 'o', long, value_enum, default_value_t = Form::Wide)]
    pub output: Form,
}

#[derive(Args, Debug)]
pub struct ProjNames {
    #[arg(required = true)]
    pub projects: Vec<String>,
}

#[derive(Args, Debug)]
pub struct ProjDestination {
    pub project: String,
    /// The cluster's address; its name with --name
    pub destination: String,
    pub dest_namespace: String,
    /// The cluster is given by its name
    #[arg(long = "name")]
    pub is_name: bool,
}

#[derive(Args, Debug)]
pub struct ProjText {
    pub project: String,
    pub text: String,
}

#[derive(Args, Debug)]
pub struct ProjKind {
    pub project: String,
    pub group: String,
    pub kind: String,
    pub resource_name: Option<String>,
    /// allow or deny: which list is changed
    #[arg(short = 'l', long)]
    pub list: Option<String>,
}

#[derive(Args, Debug)]
pub struct RoleName {
    pub project: String,
    pub role: String,
}

#[derive(Args, Debug)]
pub struct RolePolicy {
    pub project: String,
    pub role: String,
    /// What may be done
    #[arg(short = 'a', long)]
    pub action: String,
    /// With which: a glob within the project
    #[arg(short = 'o', long)]
    pub object: String,
    /// allow or deny
    #[arg(short = 'p', long, default_value = "allow")]
    pub permission: String,
    #[arg(short = 'r', long, default_value = "applications")]
    pub resource: String,
}

#[derive(Subcommand, Debug)]
pub enum RoleCommand {
    /// Create a role
    Create {
        #[command(flatten)]
        of: RoleName,
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Delete a role
    Delete(RoleName),
    /// Show a role
    Get(RoleName),
    /// List roles
    List(ProjGetArgs),
    /// Add a rule
    AddPolicy(RolePolicy),
    /// Take a rule away
    RemovePolicy(RolePolicy),
    /// Give the role to a group
    AddGroup {
        #[command(flatten)]
        of: RoleName,
        group: String,
    },
    /// Take the role from a group
    RemoveGroup {
        #[command(flatten)]
        of: RoleName,
        group: String,
    },
    /// Make a token
    CreateToken {
        #[command(flatten)]
        of: RoleName,
        /// How long it lives: 24h, 7d; 0s for ever
        #[arg(short = 'e', long, default_value = "0s")]
        expires_in: String,
        #[arg(short = 'i', long)]
        id: Option<String>,
        /// Print the token alone
        #[arg(short = 't', long)]
        token_only: bool,
    },
    /// Revoke a token
    DeleteToken {
        #[command(flatten)]
        of: RoleName,
        /// When it was issued, in seconds since 1970
        issued_at: i64,
    },
    /// List tokens
    ListTokens {
        #[command(flatten)]
        of: RoleName,
        /// Times as seconds since 1970
        #[arg(short = 'u', long)]
        unixtime: bool,
    },
}

/// What of a window flags name.
#[derive(Args, Debug, Clone, Default)]
pub struct WindowFlags {
    /// Five fields of cron
    #[arg(long)]
    pub schedule: Option<String>,
    /// 30m, 1h
    #[arg(long)]
    pub duration: Option<String>,
    #[arg(long, value_delimiter = ',')]
    pub applications: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub namespaces: Vec<String>,
    #[arg(long, value_delimiter = ',')]
    pub clusters: Vec<String>,
    #[arg(long)]
    pub time_zone: Option<String>,
    #[arg(long)]
    pub description: Option<String>,
}

#[derive(Args, Debug)]
pub struct WindowId {
    pub project: String,
    /// Its number in the list
    pub id: usize,
}

#[derive(Subcommand, Debug)]
pub enum WindowsCommand {
    /// Add a window
    Add {
        project: String,
        /// allow or deny
        #[arg(short = 'k', long)]
        kind: String,
        #[command(flatten)]
        flags: WindowFlags,
        /// People may sync against it
        #[arg(long)]
        manual_sync: bool,
        /// A sync that began while it was allowed may end
        #[arg(long)]
        sync_overrun: bool,
        /// All kinds of patterns must fit
        #[arg(long)]
        use_and_operator: bool,
    },
    /// Delete a window
    Delete(WindowId),
    /// Change a window
    Update {
        #[command(flatten)]
        of: WindowId,
        #[command(flatten)]
        flags: WindowFlags,
    },
    /// List windows
    List(ProjGetArgs),
    /// Let people sync against a window
    EnableManualSync(WindowId),
    /// Let nobody sync against a window
    DisableManualSync(WindowId),
    /// Let syncs end that began while they were allowed
    EnableSyncOverrun(WindowId),
    /// End that
    DisableSyncOverrun(WindowId),
}
