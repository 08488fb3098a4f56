//! The grammar of `belay cert` and `belay gpg`: argocd's words and flags.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ArgocdFlags;

#[derive(Args, Debug)]
pub struct CertArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: CertCommand,
}

#[derive(Subcommand, Debug)]
pub enum CertCommand {
    /// Add host keys: lines of known_hosts
    AddSsh {
        /// The file they are in; standard input where not given
        #[arg(long)]
        from: Option<PathBuf>,
        /// Taken: there is no other way
        #[arg(long)]
        batch: bool,
        /// Replace other keys of the same hosts
        #[arg(long)]
        upsert: bool,
    },
    /// Add certificates of a host, or of its authority: PEM
    AddTls {
        /// The host, without a port
        host: String,
        /// The file they are in; standard input where not given
        #[arg(long)]
        from: Option<PathBuf>,
        /// Replace other certificates of the same host
        #[arg(long)]
        upsert: bool,
    },
    /// List host keys and certificates
    List(CertListArgs),
    /// Remove host keys and certificates of a host
    Rm(CertRmArgs),
}

#[derive(Args, Debug)]
pub struct CertListArgs {
    #[arg(short = 'o', long, default_value = "wide")]
    pub output: String,
    /// ssh or https
    #[arg(long, default_value = "")]
    pub cert_type: String,
    /// Only of these hosts: a glob
    #[arg(long, default_value = "")]
    pub hostname_pattern: String,
    /// hostname or type
    #[arg(long, default_value = "hostname")]
    pub sort: String,
}

#[derive(Args, Debug)]
pub struct CertRmArgs {
    /// The host: a glob
    pub host: String,
    /// ssh or https
    #[arg(long, default_value = "")]
    pub cert_type: String,
    /// ssh-ed25519, ...
    #[arg(long, default_value = "")]
    pub cert_sub_type: String,
}

#[derive(Args, Debug)]
pub struct GpgArgs {
    #[command(flatten)]
    pub argocd: ArgocdFlags,
    #[command(subcommand)]
    pub command: GpgCommand,
}

#[derive(Subcommand, Debug)]
pub enum GpgCommand {
    /// Add public keys
    Add {
        /// The file they are in
        #[arg(short = 'f', long)]
        from: PathBuf,
    },
    /// Show a public key
    Get {
        /// Its id
        key: String,
        #[arg(short = 'o', long, default_value = "wide")]
        output: String,
    },
    /// List public keys
    List {
        #[arg(short = 'o', long, default_value = "wide")]
        output: String,
    },
    /// Remove a public key
    Rm {
        /// Its id
        key: String,
    },
}
