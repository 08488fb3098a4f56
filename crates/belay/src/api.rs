//! Argo CD's HTTP API: `belay api` serves it over a cluster, beside whatever controller runs there;
//! `belay run` and `belay demo` serve it from what their controller has already read and fetched.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use belay_access::NameList;
use belay_argo::controller::preview::Preview;
use belay_argo::controller::{Mirrors, scope};
use belay_cli::{Global, connect, outln};
use belay_cluster::{Cluster, CrSummary, Views};
use belay_server::{Options, Previewed, Tls};
use clap::Args;
use tokio::net::TcpListener;

/// How soon to try again where the cluster does not answer.
const AGAIN: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub struct ApiArgs {
    /// Where to listen; with TLS where others than this machine can reach it
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: String,
    /// Argo CD's control-plane namespace: projects, settings and credentials stand there
    #[arg(long, env = "ARGOCD_NAMESPACE", default_value = "argocd")]
    argocd_namespace: String,
    /// Where mirrors of repositories are kept; a directory of its own, removed at the end, where not given
    #[arg(long, env = "STORAGE_PATH", value_name = "DIR")]
    storage_path: Option<PathBuf>,
    /// Namespaces besides it in which Applications are served: globs or /regular expressions/; goes before
    /// application.namespaces of argocd-cmd-params-cm
    #[arg(long, env = "ARGOCD_APPLICATION_NAMESPACES", value_delimiter = ',')]
    application_namespaces: Vec<String>,
    #[command(flatten)]
    flags: ApiFlags,
}

/// How the API is served, wherever it is.
#[derive(Args, Debug, Clone, Default)]
pub struct ApiFlags {
    /// Where the API stands, such as /argocd; goes before server.rootpath of argocd-cmd-params-cm
    #[arg(long, env = "ARGOCD_SERVER_ROOTPATH", default_value = "")]
    rootpath: String,
    /// Everybody may do everything; refused where others than this machine can reach it
    #[arg(long)]
    disable_auth: bool,
    /// Plain HTTP to others than this machine, too: for what stands behind a proxy with TLS of its own; so does
    /// server.insecure of argocd-cmd-params-cm
    #[arg(long, env = "ARGOCD_SERVER_INSECURE")]
    insecure: bool,
    /// It is reached by HTTPS alone, by a proxy: cookies are sent no other way
    #[arg(long)]
    secure_cookies: bool,
}

/// What the API is served from.
pub(crate) struct Ground {
    /// The cluster of the control plane.
    pub cluster: Cluster,
    /// The control plane's namespace.
    pub namespace: String,
    /// Where Applications may stand besides it.
    pub application_namespaces: Vec<String>,
    /// Views that whoever else follows the same kinds shares.
    pub views: Views<CrSummary>,
    /// What is fetched.
    pub mirrors: Mirrors,
}

/// Serves until ctrl-C.
pub async fn api(global: &Global, args: ApiArgs) -> Result<ExitCode> {
    crate::log::start("info", false);
    let cluster = connect(global).await?.cluster;
    let listener = bind(&args.listen, &args.flags).await?;
    let own = tempfile::tempdir().context("no directory for mirrors")?;
    let storage = args.storage_path.clone().unwrap_or_else(|| own.path().to_owned());
    let ground = Ground {
        namespace: args.argocd_namespace.clone(),
        application_namespaces: args.application_namespaces.clone(),
        views: views(&cluster),
        mirrors: mirrors(&storage)?,
        cluster,
    };
    let tell = |what: String| outln!("{what}");
    tokio::select! {
        never = serve(listener, &args.flags, ground, tell) => match never {},
        _ = tokio::signal::ctrl_c() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Views of whole objects, for the controller of Applications and the API together.
pub(crate) fn views(cluster: &Cluster) -> Views<CrSummary> {
    Views::of_whole_objects(cluster.clone(), Duration::from_secs(60))
}

/// Mirrors below a folder.
pub(crate) fn mirrors(storage: &std::path::Path) -> Result<Mirrors> {
    let opened = Mirrors::open(storage, belay_net::Egress::default()).map_err(|why| anyhow!(why));
    opened.with_context(|| format!("no mirrors can be kept in {}", storage.display()))
}

/// Listens on an address, where the flags may be used there.
pub(crate) async fn bind(address: &str, flags: &ApiFlags) -> Result<TcpListener> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))?;
    let at = listener.local_addr()?;
    if flags.disable_auth && !at.ip().is_loopback() {
        bail!("--disable-auth lets everybody who reaches {at} do everything: listen on 127.0.0.1");
    }
    Ok(listener)
}

/// Serves for ever; what it needs and the cluster does not give yet is asked for again.
pub(crate) async fn serve(
    listener: TcpListener,
    flags: &ApiFlags,
    ground: Ground,
    tell: impl Fn(String),
) -> Infallible {
    let Ground { cluster, namespace, application_namespaces, views, mirrors } = ground;
    let preview = loop {
        match Preview::open(cluster.clone(), &namespace, mirrors.clone(), belay_cli::helm::outside).await {
            Ok(preview) => break preview,
            Err(why) => tracing::warn!(why, namespace, "the settings cannot be read; trying again"),
        }
        tokio::time::sleep(AGAIN).await;
    };
    let is_local = listener.local_addr().is_ok_and(|at| at.ip().is_loopback());
    let parameters = &preview.config().settings.parameters;
    let has_tls = !(is_local || flags.insecure || parameters.insecure);
    let mut options = Options::new(cluster.clone(), &namespace);
    options.root_path = root(if flags.rootpath.is_empty() { &parameters.root_path } else { &flags.rootpath });
    options.secure = flags.secure_cookies || has_tls;
    options.makes_certificate = has_tls;
    options.disable_auth = flags.disable_auth;
    // Metrics tell the names of all Applications to whoever asks.
    options.metrics = is_local;
    let (named, wrong) = NameList::new(application_namespaces.iter().map(String::as_str));
    wrong.iter().for_each(|why| tracing::warn!("application namespaces: {why}"));
    options.applications = scope(&namespace, &named, preview.config());
    options.application_namespaces = named;
    options.sources = Some(Arc::new(Previewed::new(preview)));
    options.views = Some(views);
    prepare(&options, &tell).await;
    if let Ok(address) = listener.local_addr() {
        tell(format!("serving {}", url(has_tls, address, &options.root_path)));
    }
    let router = belay_server::router(options);
    if !has_tls {
        belay_server::serve(listener, router).await;
    } else {
        let tls = Arc::<Tls>::default();
        let served = tokio::select! {
            served = belay_server::serve_tls(listener, router, &tls) => served,
            () = tls.clone().follow(cluster, namespace) => Ok(()),
        };
        if let Err(error) = served {
            tracing::error!(%error, "Argo CD's API cannot be served with TLS");
        }
    }
    std::future::pending().await
}

/// Makes what the first sign-in needs, as soon as the cluster lets it.
async fn prepare(options: &Options, tell: impl Fn(String)) {
    loop {
        match belay_server::prepare(options).await {
            Ok(prepared) if prepared.password.is_some() => {
                let namespace = &options.namespace;
                tell(format!("the first password of admin is in the secret {namespace}/argocd-initial-admin-secret"));
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

fn url(has_tls: bool, address: SocketAddr, root: &str) -> String {
    format!("{}://{address}{root}/api/v1", if has_tls { "https" } else { "http" })
}
