//! `belay apiserver`: the embedded Kubernetes API server in a process of its own.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use belay_apiserver::{Options, Server, Tls, controllers};
use belay_cli::outln;
use clap::Args;
use tokio::net::TcpListener;

#[derive(Args, Debug)]
pub struct ApiserverArgs {
    /// Where to listen; port 0 takes any
    #[arg(long, default_value = "127.0.0.1:6443")]
    listen: String,
    /// Write a kubeconfig with the server's certificate and token here (mode 0600)
    #[arg(long, value_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// Simulate controllers and a node: Deployments become Pods that run
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    controllers: bool,
    /// Milliseconds from a Pod's start until it is ready
    #[arg(long, default_value_t = 500)]
    pod_delay_ms: u64,
    /// The bearer token of the administrator; made at random where not given
    #[arg(long)]
    token: Option<String>,
    /// Serve plain HTTP: for tests on loopback
    #[arg(long)]
    plain: bool,
}

/// Serves until ctrl-C.
pub async fn apiserver(args: ApiserverArgs) -> Result<ExitCode> {
    let controllers = args.controllers.then(|| controllers::Options {
        pod_ready_after: std::time::Duration::from_millis(args.pod_delay_ms),
        ..controllers::Options::default()
    });
    let server = Server::new(Options { controllers, token: args.token, ..Options::default() });
    let tls = if args.plain { None } else { Some(Tls::generate(&[]).context("no certificate could be made")?) };
    let listener =
        TcpListener::bind(&args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let mut serving = server.serve(listener, tls)?;
    if let Some(path) = &args.kubeconfig {
        serving.write_kubeconfig(path).with_context(|| format!("{} cannot be written", path.display()))?;
        outln!("kubeconfig: {}", path.display());
    }
    outln!("serving {}", serving.url());
    tokio::select! {
        () = serving.wait() => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::SUCCESS)
}
