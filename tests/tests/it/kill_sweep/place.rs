//! An API server in a process of its own, with `belay run` behind a proxy that kills it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{ApplyOptions, Cluster, KubeconfigFlags, Resource};
use belay_object::Object;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use super::proxy::Proxy;
use crate::flux::world::objects;

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "kill-sweep";

/// An API server in a process of its own, with `belay run` behind a proxy.
pub struct Place {
    belay: PathBuf,
    /// The cluster, past the proxy.
    pub cluster: Cluster,
    pub proxy: Arc<Proxy>,
    folder: tempfile::TempDir,
    /// Ends with this.
    _server: Child,
}

impl Place {
    /// An empty cluster; `workloads` says whether Jobs and Deployments come to something there.
    pub async fn new(belay: &Path, workloads: bool) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Command::new(belay)
            .args(["apiserver", "--plain", "--listen=127.0.0.1:0", "--token", TOKEN])
            .arg(format!("--controllers={workloads}"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("belay apiserver starts");
        let mut lines = BufReader::new(server.stdout.take().expect("it is piped")).lines();
        let address = loop {
            let line = lines.next_line().await.expect("it prints").expect("it prints where it serves");
            if let Some(address) = line.strip_prefix("serving http://") {
                break address.trim_end_matches('/').to_owned();
            }
        };
        let proxy = Proxy::start(address.parse().expect("an address")).await;
        let kubeconfig = |name: &str, address: &str| {
            let text = format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: it\ncontexts: [{{name: it, context: {{cluster: it, user: it}}}}]\n\
                 clusters: [{{name: it, cluster: {{server: 'http://{address}'}}}}]\nusers: [{{name: it, user: {{token: {TOKEN}}}}}]\n"
            );
            let path = folder.path().join(name);
            std::fs::write(&path, text).expect("a file is written");
            path
        };
        let direct = kubeconfig("direct", &address);
        kubeconfig("proxied", &proxy.address().to_string());
        let flags = KubeconfigFlags { kubeconfig: Some(direct), ..Default::default() };
        let cluster = Cluster::from_kubeconfig(&flags).await.unwrap_or_else(|e| panic!("{e}"));
        Place { belay: belay.to_owned(), cluster, proxy, folder, _server: server }
    }

    /// Starts the controllers, on the disk of the process before.
    pub async fn run(&self) {
        let log = std::fs::File::options().create(true).append(true).open(self.folder.path().join("log"));
        let child = Command::new(&self.belay)
            .arg("run")
            .arg("--kubeconfig")
            .arg(self.folder.path().join("proxied"))
            .arg("--storage-path")
            .arg(self.folder.path().join("storage"))
            .args(["--storage-addr=127.0.0.1:0", "--enable-leader-election=false", "--interval-jitter-percentage=0"])
            .stdout(Stdio::null())
            .stderr(log.expect("a file is opened"))
            .kill_on_drop(true)
            .spawn()
            .expect("belay run starts");
        self.proxy.hold(child).await;
    }

    /// Waits until `look` gives something; the log is told where it does not.
    pub async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look().await {
                return found;
            }
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                panic!("not in time: {what}\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    pub async fn resource(&self, kind: &str) -> Arc<Resource> {
        let served = async || {
            let catalog = self.cluster.catalog().await.unwrap_or_else(|e| panic!("{e}"));
            let found = catalog.resources().iter().find(|r| r.kind == kind).cloned();
            if found.is_none() {
                self.cluster.invalidate_discovery();
            }
            found
        };
        self.until(&format!("{kind} is served"), served).await
    }
    pub async fn apply(&self, object: &Object) {
        let resource = self.resource(object.kind()).await;
        let options = ApplyOptions { field_manager: "kubectl".to_owned(), force: true, ..ApplyOptions::default() };
        self.cluster.apply(&resource, object, &options).await.unwrap_or_else(|e| panic!("{}: {e}", object.key()));
    }
    pub async fn apply_all(&self, yaml: &str) {
        for object in objects(yaml) {
            self.apply(&object).await;
        }
    }
}
