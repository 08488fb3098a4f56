//! What benches of controllers stand on: an API server, `belay run`, and a client of the one.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_cluster::{Cluster, Follow, FollowEvent, FollowOptions, KubeconfigFlags, Resource, WriteOptions};
use belay_object::{Object, Value, object};
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::process::{ApiServer, Process, belay};

/// Where the resources are that Flux's controllers follow.
pub const NAMESPACE: &str = "flux-system";
/// Where what they make is.
pub const MADE: &str = "bench";
const AUDIT: &str = "/debug/belay/requests";
/// Requests that are sent at once.
const AT_ONCE: usize = 8;
/// How long is waited for processes and sources to be ready.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long is waited for what should take seconds.
const LONG_PATIENCE: Duration = Duration::from_secs(600);

/// Both processes; gone when dropped.
pub struct Ground {
    pub run: Process,
    pub server: ApiServer,
    pub cluster: Cluster,
    system: System,
    metrics: String,
    _folder: tempfile::TempDir,
}

/// Whose resources are benched.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum System {
    Flux,
    Argocd,
}

impl System {
    /// As `--systems` has it.
    fn name(self) -> &'static str {
        match self {
            System::Flux => "flux",
            System::Argocd => "argocd",
        }
    }
    /// Where the resources are that its controllers follow.
    pub fn namespace(self) -> &'static str {
        match self {
            System::Flux => NAMESPACE,
            System::Argocd => "argocd",
        }
    }
}

/// Requests of one sort.
pub struct Requests {
    /// `patch kustomizations.kustomize.toolkit.fluxcd.io/status`
    pub what: String,
    pub count: u64,
}

impl Ground {
    /// Starts both, with a system's definitions and the namespace [`MADE`].
    pub async fn lay(system: System) -> Result<Ground> {
        let folder = tempfile::tempdir()?;
        let kubeconfig = folder.path().join("kubeconfig");
        let server = ApiServer::start(true, Some(&kubeconfig))?;
        let flags = KubeconfigFlags { kubeconfig: Some(kubeconfig.clone()), ..KubeconfigFlags::default() };
        let cluster = Cluster::from_kubeconfig(&flags).await?;
        let mut install = Command::new(belay()?);
        install.arg("--kubeconfig").arg(&kubeconfig).args(["install", "--crds-only", "--systems", system.name()]);
        let installed = install.output()?;
        if !installed.status.success() {
            bail!("belay install: {}", String::from_utf8_lossy(&installed.stderr));
        }
        let metrics = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = Command::new(belay()?);
        command.arg("--kubeconfig").arg(&kubeconfig).args(["run", "--log-level", "error", "--log-encoding", "text"]);
        command
            .args(["--systems", system.name(), "--metrics-addr", &metrics])
            .arg("--storage-path")
            .arg(folder.path().join("storage"));
        let run = Process::start(command.stdout(Stdio::null()))?;
        let ground = Ground { run, server, cluster, system, metrics, _folder: folder };
        let namespaces = Resource::known("", "v1", "Namespace", "namespaces", false);
        ground.create(&namespaces, object! { "metadata" => object! { "name" => MADE } }).await?;
        Ok(ground)
    }

    /// Creates an object of a resource.
    pub async fn create(&self, resource: &Arc<Resource>, object: Value) -> Result<()> {
        create(&self.cluster, resource, object).await
    }

    /// Creates so many objects, some at once.
    pub async fn create_all(
        &self,
        resource: &Arc<Resource>,
        count: usize,
        make: impl Fn(usize) -> Value + Clone + Send + Sync + 'static,
    ) -> Result<()> {
        let act = move |cluster: Cluster, resource: Arc<Resource>, i: usize| {
            let object = make(i);
            async move { create(&cluster, &resource, object).await }
        };
        self.each(resource, count, act).await
    }

    /// Does something to each of so many, some at once.
    pub async fn each<F: Future<Output = Result<()>> + Send + 'static>(
        &self,
        resource: &Arc<Resource>,
        count: usize,
        act: impl Fn(Cluster, Arc<Resource>, usize) -> F + Clone + Send + Sync + 'static,
    ) -> Result<()> {
        let mut tasks = JoinSet::new();
        for first in 0..AT_ONCE {
            let (cluster, resource, act) = (self.cluster.clone(), resource.clone(), act.clone());
            tasks.spawn(async move {
                for i in (first..count).step_by(AT_ONCE) {
                    act(cluster.clone(), resource.clone(), i).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Waits until a source has an artifact.
    pub async fn fetched(&self, resource: &Arc<Resource>, name: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.cluster.get(resource, NAMESPACE, name).await?;
            if found.at(&["status", "artifact", "revision"]).is_some() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("{name} was not fetched: {}", found.value().to_json());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Follows the resources that the controllers follow.
    pub fn follow(&self, resource: &Arc<Resource>) -> Follow {
        self.cluster.follow(resource, self.system.namespace(), FollowOptions::default())
    }

    /// Counts requests from here on.
    pub async fn audit_reset(&self) -> Result<()> {
        self.cluster.raw(Method::DELETE, AUDIT, None).await?;
        Ok(())
    }

    /// The requests since the last reset, most first; those about the counting itself are left out.
    pub async fn requests(&self) -> Result<Vec<Requests>> {
        let answer = self.cluster.raw(Method::GET, AUDIT, None).await?;
        let rows = answer.at(&["requests"]).map_or(&[][..], |r| r.items());
        let text = |row: &Value, field: &str| row.str_at(&[field]).unwrap_or_default().to_owned();
        let mut requests: Vec<Requests> = rows
            .iter()
            .map(|row| Requests {
                what: format!("{} {}", text(row, "verb"), text(row, "resource")),
                count: row.at(&["count"]).and_then(Value::as_i64).unwrap_or_default().unsigned_abs(),
            })
            .filter(|r| !r.what.contains("debug"))
            .collect();
        requests.sort_by_key(|r| std::cmp::Reverse(r.count));
        Ok(requests)
    }

    /// Renders of kustomizations made by `belay run` so far.
    pub async fn renders(&self) -> Result<u64> {
        let mut stream = tokio::net::TcpStream::connect(&self.metrics).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let line = text.lines().find_map(|l| l.strip_prefix("belay_renders_total "));
        line.context("belay run tells no belay_renders_total")?.trim().parse().context("belay_renders_total")
    }
}

async fn create(cluster: &Cluster, resource: &Resource, mut object: Value) -> Result<()> {
    object.set(&["apiVersion"], resource.api_version());
    object.set(&["kind"], &*resource.kind);
    let object = Object::new(object).map_err(|_| anyhow::anyhow!("no object"))?;
    cluster.create(resource, &object, &WriteOptions::default()).await?;
    Ok(())
}

/// Whether an object's condition `Ready` is true, of its latest generation.
pub fn is_ready(object: &Object) -> bool {
    let conditions = object.at(&["status", "conditions"]).map_or(&[][..], |c| c.items());
    let observed = object.at(&["status", "observedGeneration"]).and_then(Value::as_i64);
    observed == Some(object.generation())
        && conditions.iter().any(|c| c.str_at(&["type"]) == Some("Ready") && c.str_at(&["status"]) == Some("True"))
}

/// Waits until a watch has told all that there is.
pub async fn until_listed(follow: &mut Follow) -> Result<()> {
    let deadline = Instant::now() + LONG_PATIENCE;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, follow.next()).await {
            Ok(FollowEvent::Synced) => return Ok(()),
            Ok(FollowEvent::Trouble(e)) => bail!("the watch failed: {e}"),
            Ok(_) => {}
            Err(_) => bail!("the list does not end in {} s", LONG_PATIENCE.as_secs()),
        }
    }
}

/// Follows objects until `holds` is true of so many, and notes when it became so of each.
pub async fn await_each(
    follow: &mut Follow,
    count: usize,
    since: &mut std::collections::HashMap<String, Instant>,
    holds: impl Fn(&Object) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + LONG_PATIENCE;
    let mut last = String::new();
    while since.len() < count {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, follow.next()).await {
            Ok(FollowEvent::Applied(object)) if holds(&object) => {
                since.entry(object.name().to_owned()).or_insert_with(Instant::now);
            }
            Ok(FollowEvent::Applied(object)) => {
                last = object.at(&["status", "conditions"]).map_or_else(String::new, |c| c.to_json());
            }
            Ok(FollowEvent::Trouble(e)) => bail!("the watch failed: {e}"),
            Ok(_) => {}
            Err(_) => bail!("{} of {count} got there in {} s; one says {last}", since.len(), LONG_PATIENCE.as_secs()),
        }
    }
    Ok(())
}
