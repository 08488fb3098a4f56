//! The binary: parses, wires and runs; nothing else.

mod api;
mod apiserver;
mod demo;
mod log;
mod rivals;
mod run;
mod serve;

use std::ffi::OsStr;
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

/// [`Cli`] with no commands but some. Those that need neither cluster nor runtime end in milliseconds, of which
/// building the grammar of all other commands would be one; and what runs for weeks need not keep it.
#[derive(Parser, Debug)]
#[command(name = "belay", version, about = "Keeps Kubernetes clusters equal to what Git says", max_term_width = 110)]
struct Only<C: Subcommand> {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: C,
}

#[derive(Subcommand, Debug)]
pub enum HelmOnly {
    /// Render charts
    #[command(subcommand)]
    Helm(helm::HelmCommand),
}

#[derive(Subcommand, Debug)]
pub enum KustomizeOnly {
    /// Build kustomizations
    #[command(subcommand)]
    Kustomize(kustomize::KustomizeCommand),
}

#[derive(Subcommand, Debug)]
pub enum RunOnly {
    /// Run the controllers against a cluster
    Run(Box<run::RunArgs>),
}

#[derive(Subcommand, Debug)]
pub enum Command {
    /// Try it: an API server, a Git server, a sample shop and the controllers, with no cluster
    Demo(demo::DemoArgs),
    /// Run the controllers against a cluster
    Run(Box<run::RunArgs>),
    /// Serve Argo CD's HTTP API for a cluster
    Api(api::ApiArgs),
    /// Run the embedded Kubernetes API server
    Apiserver(apiserver::ApiserverArgs),
    #[command(flatten)]
    Helm(HelmOnly),
    #[command(flatten)]
    Kustomize(KustomizeOnly),
    #[command(flatten)]
    Cluster(Box<ClusterCommand>),
}

fn main() -> ExitCode {
    if let Some(command) = kustomize::KustomizeCommand::plain(std::env::args_os().skip(1)) {
        return kustomize::run(&command);
    }
    // What is told by its first argument is parsed by its own part of the grammar.
    match std::env::args_os().nth(1).as_deref().and_then(OsStr::to_str) {
        Some("kustomize") => return build_kustomization(belay_cli::args::parse::<Only<_>>().command),
        Some("helm") => return render_chart(belay_cli::args::parse::<Only<_>>().command),
        _ => {}
    }
    let cli = match only_run() {
        Some(Only { global, command: RunOnly::Run(args) }) => Cli { global, command: Command::Run(args) },
        None => belay_cli::args::parse(),
    };
    let command = match cli.command {
        // What needs no runtime answers at once.
        Command::Helm(command) => return render_chart(command),
        Command::Kustomize(command) => return build_kustomization(command),
        Command::Cluster(command) => {
            if let ClusterCommand::Completion { shell } = &*command {
                return print_completion(*shell);
            }
            Command::Cluster(command)
        }
        command => command,
    };
    // One provider for all TLS in the process; a second call would be an error, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(dispatch(cli.global, command));
            runtime.shutdown_timeout(std::time::Duration::from_secs(1));
            code
        }
        Err(e) => {
            eprintln!("✗ the runtime could not be started: {e}");
            ExitCode::FAILURE
        }
    }
}

/// A line that says `run`, read by that command's own grammar: what the grammar of all others takes would stay with
/// the process for its life. `None` where it is none, or wrong: then the whole grammar says so.
fn only_run() -> Option<Only<RunOnly>> {
    let says_run = std::env::args_os().any(|word| word == "run");
    says_run.then(|| belay_cli::args::parse_from(std::env::args_os()).ok()).flatten()
}

fn render_chart(HelmOnly::Helm(command): HelmOnly) -> ExitCode {
    helm::run(&command)
}

fn print_completion(shell: clap_complete::Shell) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut belay_cli::args::with_go_flags(Cli::command()), "belay", &mut script);
    belay_cli::output::wrote(std::io::Write::write_all(&mut std::io::stdout(), &script));
    ExitCode::SUCCESS
}

fn build_kustomization(KustomizeOnly::Kustomize(command): KustomizeOnly) -> ExitCode {
    kustomize::run(&command)
}

async fn dispatch(global: Global, command: Command) -> ExitCode {
    let ended = match command {
        Command::Demo(args) => demo::demo(args).await,
        Command::Run(args) => run::run(&global, *args).await,
        Command::Api(args) => api::api(&global, args).await,
        Command::Apiserver(args) => apiserver::apiserver(args).await,
        Command::Cluster(command) => return belay_cli::run(global, *command).await,
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
