//! What the bench of Kustomizations plays on: a repository, an API server, `belay run`.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_cluster::{Cluster, Follow, FollowOptions, KubeconfigFlags, Patch, Resource, WriteOptions};
use belay_object::{Object, Value, object};
use belay_testkit::git_server::ServedRepo;
use http::Method;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;

use crate::process::{ApiServer, Process, belay};

const NAMESPACE: &str = "flux-system";
const AUDIT: &str = "/debug/belay/requests";
/// Kustomizations that are created at once.
const CREATORS: usize = 8;
/// How long is waited for processes and the repository to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything; gone when dropped, the processes first.
pub struct Stage {
    pub run: Process,
    pub server: ApiServer,
    pub count: usize,
    cluster: Cluster,
    repo: ServedRepo,
    metrics: String,
    _folder: tempfile::TempDir,
}

/// Requests of one sort.
pub struct Requests {
    /// `patch kustomizations.kustomize.toolkit.fluxcd.io/status`
    pub what: String,
    pub count: u64,
}

impl Stage {
    /// Sets the stage: the repository with so many folders, its GitRepository ready, no Kustomization.
    pub async fn set(count: usize) -> Result<Stage> {
        let folder = tempfile::tempdir()?;
        let repo = ServedRepo::start("fleet.git").await?;
        write_repository(&repo, count)?;
        let kubeconfig = folder.path().join("kubeconfig");
        let server = ApiServer::start(true, Some(&kubeconfig))?;
        let flags = KubeconfigFlags { kubeconfig: Some(kubeconfig.clone()), ..KubeconfigFlags::default() };
        let cluster = Cluster::from_kubeconfig(&flags).await?;
        let installed =
            Command::new(belay()?).arg("--kubeconfig").arg(&kubeconfig).args(["install", "--crds-only"]).output()?;
        if !installed.status.success() {
            bail!("belay install: {}", String::from_utf8_lossy(&installed.stderr));
        }
        let metrics = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let mut command = Command::new(belay()?);
        command.arg("--kubeconfig").arg(&kubeconfig).args(["run", "--log-level", "error", "--log-encoding", "text"]);
        command.args(["--metrics-addr", &metrics]).arg("--storage-path").arg(folder.path().join("storage"));
        let run = Process::start(command.stdout(Stdio::null()))?;
        let stage = Stage { run, server, count, cluster, repo, metrics, _folder: folder };
        stage.begin().await?;
        Ok(stage)
    }

    async fn begin(&self) -> Result<()> {
        self.create("", "v1", "Namespace", "namespaces", object! { "metadata" => object! { "name" => "bench" } })
            .await?;
        let repository = object! {
            "metadata" => object! { "name" => "fleet", "namespace" => NAMESPACE },
            "spec" => object! {
                "interval" => "10m",
                "url" => self.repo.url(),
                "ref" => object! { "branch" => "main" },
            },
        };
        let (group, version) = ("source.toolkit.fluxcd.io", "v1");
        self.create(group, version, "GitRepository", "gitrepositories", repository).await?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = self.cluster.get(&git_repositories(), NAMESPACE, "fleet").await?;
            if found.at(&["status", "artifact", "revision"]).is_some() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("the repository was not fetched: {}", found.value().to_json());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn create(&self, group: &str, version: &str, kind: &str, plural: &str, mut object: Value) -> Result<()> {
        let api = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
        object.set(&["apiVersion"], api);
        object.set(&["kind"], kind);
        let object = Object::new(object).map_err(|_| anyhow::anyhow!("no object"))?;
        let resource = Resource::known(group, version, kind, plural, !object.namespace().is_empty());
        self.cluster.create(&resource, &object, &WriteOptions::default()).await?;
        Ok(())
    }

    /// The name of the n-th Kustomization.
    pub fn name(&self, i: usize) -> String {
        format!("app-{i:04}")
    }

    /// Creates the Kustomizations, some at once.
    pub async fn create_kustomizations(&self) -> Result<()> {
        let mut tasks = JoinSet::new();
        for creator in 0..CREATORS {
            let (cluster, count) = (self.cluster.clone(), self.count);
            tasks.spawn(async move {
                for i in (creator..count).step_by(CREATORS) {
                    let object = kustomization(i)?;
                    cluster.create(&kustomizations(), &object, &WriteOptions::default()).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        Ok(())
    }

    /// Follows the Kustomizations.
    pub fn follow(&self) -> Follow {
        self.cluster.follow(&kustomizations(), NAMESPACE, FollowOptions::default())
    }

    /// Commits a change of one folder; gives the commit's id.
    pub fn commit_change(&self, i: usize) -> Result<String> {
        let (path, text) = (manifest_path(i), manifests(i, "changed"));
        Ok(self.repo.repo().commit("main", "change one", &[(&path, Some(&text))])?)
    }

    /// Asks for a look at the repository at once, as `belay reconcile` and webhooks do.
    pub async fn nudge(&self) -> Result<()> {
        let patch = object! { "metadata" => object! { "annotations" => object! {
            "reconcile.fluxcd.io/requestedAt" => "bench",
        } } };
        let (patch, options) = (Patch::Merge(patch), WriteOptions::default());
        self.cluster.patch(&git_repositories(), NAMESPACE, "fleet", &patch, &options).await?;
        Ok(())
    }

    /// Counts requests from here on.
    pub async fn cluster_audit_reset(&self) -> Result<()> {
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

    /// Renders made by `belay run` so far.
    pub async fn renders(&self) -> Result<u64> {
        let mut stream = tokio::net::TcpStream::connect(&self.metrics).await?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        let line = text.lines().find_map(|l| l.strip_prefix("belay_renders_total "));
        line.context("belay run tells no belay_renders_total")?.trim().parse().context("belay_renders_total")
    }
}

fn kustomizations() -> Arc<Resource> {
    Resource::known("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations", true)
}

fn git_repositories() -> Arc<Resource> {
    Resource::known("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories", true)
}

fn kustomization(i: usize) -> Result<Object> {
    let value = object! {
        "apiVersion" => "kustomize.toolkit.fluxcd.io/v1",
        "kind" => "Kustomization",
        "metadata" => object! { "name" => format!("app-{i:04}"), "namespace" => NAMESPACE },
        "spec" => object! {
            "interval" => "10m",
            "path" => format!("./apps/{i:04}"),
            "prune" => true,
            "wait" => true,
            "timeout" => "5m",
            "sourceRef" => object! { "kind" => "GitRepository", "name" => "fleet" },
        },
    };
    Object::new(value).map_err(|_| anyhow::anyhow!("no object"))
}

fn write_repository(repo: &ServedRepo, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    for i in 0..count {
        let path = folder.path().join(manifest_path(i));
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        std::fs::write(&path, manifests(i, "first"))?;
        let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [app.yaml]\n";
        std::fs::write(path.with_file_name("kustomization.yaml"), kustomization)?;
    }
    commit_by_git(repo, folder.path())
}

/// One `git add` writes thousands of files in a second, where a process for each takes a minute.
fn commit_by_git(repo: &ServedRepo, folder: &std::path::Path) -> Result<()> {
    let git = |arguments: &[&str]| -> Result<()> {
        let identity = ["-c", "user.name=bench", "-c", "user.email=bench@localhost", "-c", "gc.auto=0"];
        let mut command = Command::new("git");
        command.args(identity).args(arguments).current_dir(folder);
        let ended = command.output().context("git cannot be started")?;
        if !ended.status.success() {
            bail!("git {}: {}", arguments.join(" "), String::from_utf8_lossy(&ended.stderr));
        }
        Ok(())
    };
    git(&["init", "--quiet", "--initial-branch=main", "."])?;
    git(&["add", "--all"])?;
    git(&["commit", "--quiet", "-m", "all"])?;
    git(&["push", "--quiet", &repo.repo().path().to_string_lossy(), "main"])
}

fn manifest_path(i: usize) -> String {
    format!("apps/{i:04}/app.yaml")
}

fn manifests(i: usize, note: &str) -> String {
    let name = format!("app-{i:04}");
    format!(
        "apiVersion: v1
kind: ServiceAccount
metadata:
  name: {name}
  namespace: bench
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {name}
  namespace: bench
spec:
  replicas: 0
  selector:
    matchLabels:
      app: {name}
  template:
    metadata:
      labels:
        app: {name}
      annotations:
        note: {note}
    spec:
      serviceAccountName: {name}
      containers:
        - name: main
          image: registry.example.com/app:1
          ports:
            - containerPort: 8080
              name: http
          resources:
            requests:
              cpu: 10m
              memory: 32Mi
---
apiVersion: v1
kind: Service
metadata:
  name: {name}
  namespace: bench
spec:
  selector:
    app: {name}
  ports:
    - port: 80
      targetPort: http
      name: http
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: bench
spec:
  rules:
    - host: {name}.example.com
      http:
        paths:
          - path: /
            pathType: Prefix
            backend:
              service:
                name: {name}
                port:
                  name: http
"
    )
}
