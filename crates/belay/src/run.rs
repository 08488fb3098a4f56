//! `belay run`: the controllers against a cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, Result};
use belay_cli::{Global, args::duration, connect};
use belay_cluster::Cluster;
use belay_controller::{Candidate, ElectionOptions, Leadership, Obstacle};
use belay_flux::{Controllers, Options, Settings, names};
use belay_render::Memo;
use clap::Args;
use tokio::net::TcpListener;

use crate::serve::{Face, serve};

/// Flags that Flux's controllers have keep their names and defaults.
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

/// Runs until ctrl-C or until the Lease is lost.
pub async fn run(global: &Global, args: RunArgs) -> Result<ExitCode> {
    crate::log::start(&args.log_level, args.log_encoding != "text");
    let cluster = match global.kubeconfig.is_none() && Cluster::in_cluster().is_ok() {
        true => Cluster::in_cluster()?,
        false => connect(global).await?.cluster,
    };
    let face = Arc::new(Face::default());
    let (counted, memo) = (cluster.clone(), Arc::new(OnceLock::<Memo>::new()));
    let remembered = memo.clone();
    let metrics: Arc<dyn Fn() -> String + Send + Sync> =
        Arc::new(move || crate::run::metrics(&counted, remembered.get()));
    for address in [&args.health_addr, &args.metrics_addr].into_iter().flatten() {
        let listener =
            TcpListener::bind(listen(address)).await.with_context(|| format!("cannot listen on {address}"))?;
        tokio::spawn(serve(listener, face.clone(), metrics.clone()));
    }
    let own_storage = args.storage_path.is_none();
    let storage =
        args.storage_path.clone().unwrap_or_else(|| std::env::temp_dir().join(format!("belay-{}", std::process::id())));
    // Whoever starts this and gets no further should read why at once.
    if let Err(error) = cluster.without_retries().version().await {
        tracing::error!(%error, "the cluster does not answer; waiting for it");
    }
    let terms = lead(&cluster, global, &args).await?;
    let leadership = terms.last().map_or_else(Leadership::unopposed, |term| term.leadership.clone());
    let controllers = Controllers::start(Options {
        cluster: cluster.clone(),
        settings: settings(global, &args),
        leadership: leadership.clone(),
        storage: storage.clone(),
        artifacts: listen(&args.storage_addr).parse::<SocketAddr>().context("--storage-addr is no address")?,
        advertised: args.storage_adv_addr.clone(),
        egress: belay_net::Egress::default(),
    })
    .await?;
    let _ = memo.set(controllers.memo().clone());
    face.ready.store(true, Ordering::Relaxed);
    tracing::info!(artifacts = %controllers.artifacts, "the controllers run");
    let lost = tokio::select! {
        lease = lost(&terms) => Some(lease),
        () = stopped() => None,
    };
    face.ready.store(false, Ordering::Relaxed);
    controllers.stop(Duration::from_secs(5)).await;
    for term in terms {
        term.candidate.resign().await;
    }
    if own_storage {
        let _ = std::fs::remove_dir_all(&storage);
    }
    if let Some((lease, why)) = lost {
        tracing::error!(lease, why, "the Lease is lost; this process ends, so that never two work at once");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
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

/// A Lease that this process holds.
struct Held {
    lease: &'static str,
    candidate: Candidate,
    leadership: Leadership,
}

/// Takes the Leases of Flux's controllers, so that a Flux that still runs and this process never work
/// at the same time.
async fn lead(cluster: &Cluster, global: &Global, args: &RunArgs) -> Result<Vec<Held>> {
    let mut terms = Vec::new();
    if !args.enable_leader_election {
        return Ok(terms);
    }
    let namespace = std::env::var("RUNTIME_NAMESPACE").unwrap_or_else(|_| global.namespace.clone());
    let identity = format!("{}_{}", std::env::var("HOSTNAME").unwrap_or_else(|_| "belay".into()), std::process::id());
    for lease in [names::SOURCE_LEASE, names::KUSTOMIZE_LEASE, names::HELM_LEASE] {
        let mut options = ElectionOptions::new(&namespace, lease, &identity);
        options.lease_duration = args.leader_election_lease_duration;
        options.renew_deadline = args.leader_election_renew_deadline;
        options.retry_period = args.leader_election_retry_period;
        options.check().map_err(anyhow::Error::msg).context("leader election")?;
        let mut candidate = Candidate::start(cluster.clone(), options);
        tracing::info!(lease, namespace, "waiting to lead");
        let leadership = elected(&mut candidate, lease).await;
        terms.push(Held { lease, candidate, leadership });
    }
    Ok(terms)
}

/// Waits for a Lease, and says every ten seconds why it is still waited for.
async fn elected(candidate: &mut Candidate, lease: &str) -> Leadership {
    let mut patience = Duration::from_secs(1);
    loop {
        if let Ok(leadership) = tokio::time::timeout(patience, candidate.elected()).await {
            return leadership;
        }
        patience = Duration::from_secs(10);
        match candidate.obstacle() {
            Obstacle::None => {}
            Obstacle::HeldBy(holder) => {
                tracing::info!(lease, holder, "another process holds the Lease; waiting for it to end")
            }
            Obstacle::Failed(error) => tracing::error!(lease, error, "the Lease cannot be taken; trying on"),
        }
    }
}

/// Waits until one of the Leases is lost; which, and why.
async fn lost(terms: &[Held]) -> (&'static str, String) {
    if terms.is_empty() {
        return std::future::pending().await;
    }
    let ends = terms.iter().map(|term| Box::pin(term.leadership.lost()));
    let (_, at, _) = futures::future::select_all(ends).await;
    (terms[at].lease, terms[at].candidate.obstacle().to_string())
}

fn settings(global: &Global, args: &RunArgs) -> Settings {
    Settings {
        concurrent: args.concurrent,
        requeue_dependency: args.requeue_dependency,
        no_cross_namespace_refs: args.no_cross_namespace_refs,
        default_service_account: args.default_service_account.clone(),
        override_managers: args.override_manager.clone(),
        interval_jitter_percent: args.interval_jitter_percentage,
        kubeconfig_exec: args.insecure_kubeconfig_exec,
        kubeconfig_insecure_tls: args.insecure_kubeconfig_tls,
        namespace: if args.watch_all_namespaces { String::new() } else { global.namespace.clone() },
        label_selector: args.watch_label_selector.clone(),
        configs_label_selector: args.watch_configs_label_selector.clone(),
        ..Settings::default()
    }
}

/// The process's metrics in Prometheus' text form.
fn metrics(cluster: &Cluster, memo: Option<&Memo>) -> String {
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
    let renders = memo.map(Memo::counts).unwrap_or_default();
    for (name, help, count) in [
        ("belay_renders_total", "Number of renders made, failed ones included.", renders.renders),
        ("belay_render_hits_total", "Number of renders remembered, or known to give what they gave.", renders.hits),
    ] {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {count}\n"));
    }
    text
}
