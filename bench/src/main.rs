//! `belay-bench [NAME...]`: prints the figures of this machine.
//!
//! Each bench starts the release binary beside this one as processes of its own, measures from
//! outside, and ends them. Figures and targets are printed side by side; nothing is asserted on a
//! clock, so the exit code says only whether the measuring itself worked.

mod api;
mod applications;
mod apply;
mod fanout;
mod flux;
mod ground;
mod helm;
mod kustomize;
mod measure;
mod objects;
mod process;
mod releases;
mod repository;
mod start;
mod table;
mod wire;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, ValueEnum};

use table::Table;

/// Prints the figures of this machine.
#[derive(Parser, Debug)]
#[command(name = "belay-bench")]
struct Arguments {
    /// Which figures; all where none is named
    #[arg(value_enum)]
    names: Vec<Bench>,
    /// Numbers of Kustomizations of the `flux` bench
    #[arg(long, value_delimiter = ',', default_value = "100,500,1000")]
    kustomizations: Vec<usize>,
    /// Seconds of the steady-state window of the `flux` bench; 600 for ten minutes
    #[arg(long, default_value_t = 60)]
    steady: u64,
    /// Numbers of HelmReleases of the `releases` bench
    #[arg(long, value_delimiter = ',', default_value = "100,1000")]
    releases: Vec<usize>,
    /// Numbers of Applications of the `applications` and `api` benches
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    applications: Vec<usize>,
    /// A program of Helm, for the `helm` bench to compare with
    #[arg(long, value_name = "PATH")]
    helm: Option<std::path::PathBuf>,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
enum Bench {
    Start,
    Apply,
    Fanout,
    Objects,
    Flux,
    Kustomize,
    Helm,
    Releases,
    Applications,
    Api,
}

fn main() -> ExitCode {
    let called: Vec<String> = std::env::args().skip(1).collect();
    if let Some((first, rest)) = called.split_first() {
        match first.as_str() {
            measure::CALL => return measure::run_one(rest),
            helm::CALL_ALL => return helm::run_all(rest),
            helm::CALL_EACH => return helm::run_each(rest),
            _ => {}
        }
    }
    let arguments = Arguments::parse();
    // One provider for all TLS in the process; a second call would be an error, and there is none.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let ended =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(Into::into).and_then(|runtime| {
            runtime.block_on(async {
                // Dropping the bench ends its children and removes its folders.
                tokio::select! {
                    ended = run(&arguments) => ended,
                    _ = tokio::signal::ctrl_c() => Err(anyhow::anyhow!("interrupted")),
                }
            })
        });
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("belay-bench: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &Arguments) -> Result<()> {
    let every = Bench::value_variants();
    let wanted = if arguments.names.is_empty() { every } else { &arguments.names };
    let mut table = Table::begin();
    for bench in wanted {
        match bench {
            Bench::Start => start::run(&mut table).await?,
            Bench::Apply => apply::run(&mut table).await?,
            Bench::Fanout => fanout::run(&mut table).await?,
            Bench::Objects => objects::run(&mut table).await?,
            Bench::Flux => flux::run(&mut table, &arguments.kustomizations, arguments.steady).await?,
            Bench::Kustomize => kustomize::run(&mut table)?,
            Bench::Helm => helm::run(&mut table, arguments.helm.as_deref())?,
            Bench::Releases => releases::run(&mut table, &arguments.releases).await?,
            Bench::Applications => applications::run(&mut table, &arguments.applications, arguments.steady).await?,
            Bench::Api => api::run(&mut table, &arguments.applications).await?,
        }
    }
    Ok(())
}
