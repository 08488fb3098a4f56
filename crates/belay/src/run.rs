//! `belay run`: the controllers against a cluster.
//!
//! Flux's controllers and Argo CD's run beside one another in one process. Each system starts by
//! itself: where its definitions are not installed that is said once, and it starts when they come;
//! where another process leads it waits for that one. What one system keeps the other leaves alone
//! (`rivals`). The process ends as one: a Lease that is lost, or a failure of one system, ends both.

mod argocd;
mod definitions;
mod flux;
mod lead;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use belay_cli::args::{System, duration};
use belay_cli::{Global, connect};
use belay_cluster::Cluster;
use belay_controller::{Leadership, Registry};
use belay_render::Memo;
use clap::Args;
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::sync::watch;

pub use argocd::ArgocdArgs;

use crate::rivals::Rivals;
use crate::serve::{Face, State, serve};
use lead::{Held, leadership, lost, resign};

/// How long what is under way may take when all ends.
const PATIENCE: Duration = Duration::from_secs(5);

/// Flags that Flux's controllers and Argo CD's have keep their names and defaults.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Where mirrors of repositories and archives are kept; a directory of its own, removed at the end, where not given
    #[arg(long, env = "STORAGE_PATH", value_name = "DIR")]
    storage_path: Option<PathBuf>,
    /// Where archives are served
    #[arg(long, env = "STORAGE_ADDR", default_value = "127.0.0.1:0")]
    storage_addr: String,
    /// The host by which others reach the archives
    #[arg(long, env = "STORAGE_ADV_ADDR", default_value = "")]
    storage_adv_addr: String,
    /// Where health is served (/healthz, /readyz)
    #[arg(long)]
    health_addr: Option<String>,
    /// Where metrics are served (/metrics)
    #[arg(long)]
    metrics_addr: Option<String>,
    /// Resources worked on at once
    #[arg(long, default_value_t = 32)]
    concurrent: usize,
    /// How soon to look again at what is waited for
    #[arg(long, default_value = "30s", value_parser = duration)]
    requeue_dependency: Duration,
    /// Refuse references into other namespaces
    #[arg(long)]
    no_cross_namespace_refs: bool,
    /// The service account to impersonate where a Kustomization names none
    #[arg(long, default_value = "")]
    default_service_account: String,
    /// Field managers whose fields are taken over, besides kubectl's; may be repeated
    #[arg(long)]
    override_manager: Vec<String>,
    /// Only this namespace instead of all
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    watch_all_namespaces: bool,
    /// Only resources with these labels
    #[arg(long, default_value = "")]
    watch_label_selector: String,
    /// ConfigMaps and Secrets with these labels wake those that read them when they change
    #[arg(long, default_value = belay_flux::names::WATCHED_CONFIGS)]
    watch_configs_label_selector: String,
    /// Percent by which intervals vary
    #[arg(long, default_value_t = 5)]
    interval_jitter_percentage: u32,
    /// Let exec plugins of kubeconfigs in Secrets run
    #[arg(long)]
    insecure_kubeconfig_exec: bool,
    /// Let kubeconfigs in Secrets skip TLS verification
    #[arg(long)]
    insecure_kubeconfig_tls: bool,
    /// Whose resources to follow: Flux's, Argo CD's, or both
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [System::Flux, System::Argocd])]
    systems: Vec<System>,
    #[command(flatten)]
    argocd: ArgocdArgs,
    /// Take the controllers' Leases before anything is written
    #[arg(long, default_value_t = true, action = clap::ArgAction::Set)]
    enable_leader_election: bool,
    /// How long a Lease is valid
    #[arg(long, default_value = "35s", value_parser = duration)]
    leader_election_lease_duration: Duration,
    /// How long a leader that cannot renew its Lease goes on
    #[arg(long, default_value = "30s", value_parser = duration)]
    leader_election_renew_deadline: Duration,
    /// The pause between two tries to take or renew a Lease
    #[arg(long, default_value = "5s", value_parser = duration)]
    leader_election_retry_period: Duration,
    /// trace, debug, info or error
    #[arg(long, default_value = "info")]
    log_level: String,
    /// json or text
    #[arg(long, default_value = "json")]
    log_encoding: String,
}

/// Flux's, Argo CD's.
type Memos = [Mutex<Option<Memo>>; 2];

/// What both systems are started with.
pub(crate) struct Ground<'a> {
    pub cluster: Cluster,
    pub global: &'a Global,
    pub args: &'a RunArgs,
    pub storage: PathBuf,
    pub face: Arc<Face>,
    /// Where the API is served, until it is.
    pub api: Mutex<Option<TcpListener>>,
    /// The memos of both systems' renders, for the metrics.
    pub memos: Arc<Memos>,
    /// What Argo CD's controller counts.
    pub counted: Arc<Mutex<Option<Registry>>>,
}

/// How a system ended.
pub(crate) enum End {
    /// It was asked to.
    Asked,
    /// It lost this Lease, for this reason.
    Lost(&'static str, String),
    /// It has ended because another's workload does the same work now.
    Yielded(String),
}

/// Runs until ctrl-C or until a Lease is lost.
pub async fn run(global: &Global, args: RunArgs) -> Result<ExitCode> {
    crate::log::start(&args.log_level, args.log_encoding != "text");
    let cluster = match global.kubeconfig.is_none() && Cluster::in_cluster().is_ok() {
        true => Cluster::in_cluster()?,
        false => connect(global).await?.cluster,
    };
    let face = Arc::new(Face::default());
    let (counted, memos) = (cluster.clone(), Arc::<Memos>::default());
    let remembered = memos.clone();
    let registry = Arc::<Mutex<Option<Registry>>>::default();
    let told = registry.clone();
    let metrics: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || {
        let more = told.lock().as_ref().map(Registry::text).unwrap_or_default();
        crate::run::metrics(&counted, &remembered) + &more
    });
    for address in [&args.health_addr, &args.metrics_addr].into_iter().flatten() {
        let listener =
            TcpListener::bind(listen(address)).await.with_context(|| format!("cannot listen on {address}"))?;
        tokio::spawn(serve(listener, face.clone(), metrics.clone()));
    }
    let api = match &args.argocd.api_addr {
        Some(address) => Some(crate::api::bind(&listen(address), &args.argocd.api).await?),
        None => None,
    };
    let own_storage = args.storage_path.is_none();
    let storage =
        args.storage_path.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("belay-{}", std::process::id())));
    // Whoever starts this and gets no further should read why at once.
    if let Err(error) = cluster.without_retries().version().await {
        tracing::error!(%error, "the cluster does not answer; waiting for it");
    }
    let ground = Ground {
        cluster,
        global,
        args: &args,
        storage: storage.clone(),
        face: face.clone(),
        api: Mutex::new(api),
        memos,
        counted: registry,
    };
    let ends = both(&ground).await;
    face.end();
    if own_storage {
        let _ = std::fs::remove_dir_all(&storage);
    }
    let mut code = ExitCode::SUCCESS;
    for end in ends {
        if let End::Lost(lease, why) = end? {
            tracing::error!(lease, why, "the Lease is lost; this process ends, so that never two work at once");
            code = ExitCode::FAILURE;
        }
    }
    Ok(code)
}

/// Runs the systems until all have ended; the first that ends has the other end.
async fn both(ground: &Ground<'_>) -> [Result<End>; 2] {
    let (halt, halted) = watch::channel(false);
    let wanted = |system: System| ground.args.systems.contains(&system);
    let rivals = Rivals::default();
    let flux = async {
        let ended = match wanted(System::Flux) {
            true => flux::run(ground, &rivals, halted.clone()).await,
            false => {
                ground.face.flux.idle();
                asked(halted.clone()).await
            }
        };
        halt.send_replace(true);
        ended
    };
    let argocd = async {
        let ended = match wanted(System::Argocd) {
            true => argocd::run(ground, &rivals, halted.clone()).await,
            false => {
                ground.face.argocd.idle();
                asked(halted.clone()).await
            }
        };
        halt.send_replace(true);
        ended
    };
    let signals = async {
        tokio::select! {
            () = stopped() => drop(halt.send_replace(true)),
            () = halt_of(halted.clone()) => {}
        }
    };
    let (flux, argocd, ()) = tokio::join!(flux, argocd, signals);
    [flux, argocd]
}

/// One system, from its beginning to its end: `begin` waits until it may work and takes Leases, `start` starts
/// its controllers, `yields` comes when another's work instead, `stop` ends them.
async fn system<C>(
    state: &State,
    halted: watch::Receiver<bool>,
    begin: impl AsyncFnOnce(&mut Vec<Held>) -> Result<()>,
    start: impl AsyncFnOnce(Leadership) -> Result<C>,
    yields: impl Future<Output = String>,
    stop: impl AsyncFnOnce(C),
) -> Result<End> {
    let mut terms = Vec::new();
    let begun = tokio::select! {
        begun = begin(&mut terms) => begun.map(|()| true),
        () = halt_of(halted.clone()) => Ok(false),
    };
    if !matches!(begun, Ok(true)) {
        resign(terms).await;
        return begun.map(|_| End::Asked);
    }
    let controllers = start(leadership(&terms)).await?;
    state.ready();
    let end = tokio::select! {
        (lease, why) = lost(&terms) => End::Lost(lease, why),
        workload = yields => End::Yielded(workload),
        () = halt_of(halted) => End::Asked,
    };
    state.wait();
    stop(controllers).await;
    resign(terms).await;
    Ok(end)
}

/// Waits until everything is to end.
pub(crate) async fn halt_of(mut halted: watch::Receiver<bool>) {
    // A sender that is gone wants an end too.
    let _ = halted.wait_for(|halt| *halt).await;
}

async fn asked(halted: watch::Receiver<bool>) -> Result<End> {
    halt_of(halted).await;
    Ok(End::Asked)
}

/// `:9090` listens on all addresses.
fn listen(address: &str) -> String {
    if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.to_owned() }
}

/// Ctrl-C or a request to terminate.
async fn stopped() {
    let mut terminate = match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
        Ok(terminate) => terminate,
        Err(_) => return std::future::pending().await,
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}

/// The process's metrics in Prometheus' text form.
fn metrics(cluster: &Cluster, memos: &Memos) -> String {
    let mut text = String::from(
        "# HELP rest_client_requests_total Number of HTTP requests, partitioned by status code and method.\n# TYPE rest_client_requests_total counter\n",
    );
    for count in cluster.counters().snapshot() {
        text.push_str(&format!(
            "rest_client_requests_total{{code=\"{}\",method=\"{}\",resource=\"{}\"}} {}\n",
            count.code,
            count.verb.as_str(),
            count.resource,
            count.count
        ));
    }
    let counts: Vec<_> = memos.iter().filter_map(|memo| memo.lock().as_ref().map(Memo::counts)).collect();
    let counts = || counts.iter();
    let (renders, hits) = (counts().map(|c| c.renders).sum::<u64>(), counts().map(|c| c.hits).sum::<u64>());
    for (name, help, count) in [
        ("belay_renders_total", "Number of renders made, failed ones included.", renders),
        ("belay_render_hits_total", "Number of renders remembered, or known to give what they gave.", hits),
    ] {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use belay_object::Value;

    use crate::{Cli, Command};

    /// What `belay install` says to the process in the cluster is what the process understands, and it listens where
    /// probes, Services and monitors look for it.
    #[test]
    fn an_installation_says_where_to_listen() {
        let mut options = belay_flux::install::Options::new("v0.1.0");
        options.more_args = belay_argo::install::arguments("gitops");
        options.more_ports = vec![belay_argo::install::API_PORT];
        let all = belay_flux::install::manifests(&options);
        let deployment = all.iter().find(|o| o.kind() == "Deployment").expect("a Deployment");
        let container =
            deployment.at(&["spec", "template", "spec", "containers"]).expect("containers").items()[0].clone();
        let words = container["args"].items().iter().filter_map(Value::as_str);
        let cli = belay_cli::args::parse_from::<Cli, _>(["belay"].into_iter().chain(words)).expect("a right line");
        let Command::Run(args) = cli.command else { panic!("it is no `belay run`") };
        let port = |name: &str| {
            let found = container["ports"].items().iter().find(|p| p.str_at(&["name"]) == Some(name));
            format!(":{}", found.and_then(|p| p.get("containerPort")?.as_i64()).expect("a port"))
        };
        assert_eq!(args.metrics_addr, Some(port("http-prom")));
        assert_eq!(args.health_addr, Some(port("healthz")));
        assert_eq!(args.storage_addr, port("http"));
        assert_eq!(args.argocd.api_addr, Some(port("api")));
    }
}
