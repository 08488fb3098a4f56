//! The binary: parses, wires and runs; nothing else.

mod apiserver;
mod demo;
mod log;
mod run;
mod serve;

use std::process::ExitCode;

use belay_cli::{ClusterCommand, Global, helm, kustomize};
use clap::{CommandFactory, Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Keeps Kubernetes clusters equal to what Git says.
#[derive(Parser, Debug)]
#[command(name = "belay", version, about = "Keeps Kubernetes clusters equal to what Git says", max_term_width = 110)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Try it: an API server, a Git server, a sample shop and the controllers, with no cluster
    Demo(demo::DemoArgs),
    /// Run the controllers against a cluster
    Run(Box<run::RunArgs>),
    /// Run the embedded Kubernetes API server
    Apiserver(apiserver::ApiserverArgs),
    /// Render charts
    #[command(subcommand)]
    Helm(helm::HelmCommand),
    /// Build kustomizations
    #[command(subcommand)]
    Kustomize(kustomize::KustomizeCommand),
    #[command(flatten)]
    Cluster(ClusterCommand),
}

fn main() -> ExitCode {
    let cli: Cli = belay_cli::args::parse();
    // What needs no runtime answers at once.
    match &cli.command {
        Command::Helm(command) => return helm::run(command),
        Command::Kustomize(command) => return kustomize::run(command),
        Command::Cluster(ClusterCommand::Completion { shell }) => {
            clap_complete::generate(
                *shell,
                &mut belay_cli::args::with_go_flags(Cli::command()),
                "belay",
                &mut std::io::stdout(),
            );
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    // One provider for all TLS in the process; a second call would be an error, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(dispatch(cli));
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            code
        }
        Err(e) => {
            eprintln!("✗ the runtime could not be started: {e}");
            ExitCode::FAILURE
        }
    }
}

async fn dispatch(cli: Cli) -> ExitCode {
    let ended = match cli.command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(&cli.global, *args).await,
        Command::Apiserver(args) => apiserver::apiserver(args).await,
        Command::Cluster(command) => return belay_cli::run(cli.global, command).await,
        Command::Helm(_) | Command::Kustomize(_) => return ExitCode::FAILURE,
    };
    match ended {
        Ok(code) => code,
        Err(e) => {
            belay_cli::output::failure(&format!("{e:#}"));
            ExitCode::FAILURE
        }
    }
}
