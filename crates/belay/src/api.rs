//! `belay api`: Argo CD's HTTP API over a cluster, beside whatever controller runs there.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use belay_argo::controller::preview::Preview;
use belay_cli::{Global, connect, outln};
use belay_server::{Options, Previewed};
use clap::Args;
use tokio::net::TcpListener;

/// How soon to try again where the cluster does not answer.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub struct ApiArgs {
    /// Where to listen; plain HTTP: put TLS in front of it where others are to reach it
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Argo CD's control-plane namespace: projects, settings and credentials stand there
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd")]
    argocd_namespace: String,
    /// Where the API stands, such as /argocd
    #[arg(long, env = "ARGOCD_SERVER_ROOTPATH", default_value = "")]
    rootpath: String,
    /// Everybody may do everything; refused where others than this machine can reach it
    #[arg(long)]
    disable_auth: bool,
    /// It is reached by HTTPS alone: cookies are sent no other way
    #[arg(long)]
    secure_cookies: bool,
    /// Where mirrors of repositories are kept; a directory of its own, removed at the end, where not given
    #[arg(long, env = "STORAGE_PATH", value_name = "DIR")]
    storage_path: Option<PathBuf>,
}

/// Serves until ctrl-C.
pub async fn api(global: &Global, args: ApiArgs) -> Result<ExitCode> {
    crate::log::start("info", false);
    let cluster = connect(global).await?.cluster;
    let listener =
        TcpListener::bind(&args.listen).await.with_context(|| format!("cannot listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    if args.disable_auth && !address.ip().is_loopback() {
        return Err(anyhow!("--disable-auth lets everybody who reaches {address} do everything: listen on 127.0.0.1"));
    }
    let namespace = args.argocd_namespace.as_str();
    let own = tempfile::tempdir().context("no directory for mirrors")?;
    let storage = args.storage_path.clone().unwrap_or_else(|| own.path().to_owned());
    let mut options = Options::new(cluster.clone(), namespace);
    options.root_path = root(&args.rootpath);
    options.secure = args.secure_cookies;
    options.disable_auth = args.disable_auth;
    // Metrics tell the names of all Applications to whoever asks.
    options.metrics = address.ip().is_loopback();
    let preview = Preview::open(cluster.clone(), namespace, &storage, belay_cli::helm::outside).await;
    let preview = preview.map_err(|why| anyhow!(why)).context("the settings cannot be read")?;
    options.sources = Some(Arc::new(Previewed::new(cluster, namespace, preview)));
    prepare(&options).await;
    outln!("serving {}", url(address, &options.root_path));
    tokio::select! {
        () = belay_server::serve(listener, belay_server::router(options)) => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Makes what the first sign-in needs, as soon as the cluster lets it.
async fn prepare(options: &Options) {
    loop {
        match belay_server::prepare(options).await {
            Ok(prepared) if prepared.password.is_some() => {
                let namespace = &options.namespace;
                outln!("the first password of admin is in the secret {namespace}/argocd-initial-admin-secret");
                return;
            }
            Ok(_) => return,
            Err(error) => tracing::warn!(%error, "what the first sign-in needs cannot be made; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// `argocd/` as `/argocd`.
fn root(path: &str) -> String {
    match path.trim_matches('/') {
        "" => String::new(),
        path => format!("/{path}"),
    }
}

fn url(address: SocketAddr, root: &str) -> String {
    format!("http://{address}{root}/api/v1")
}
