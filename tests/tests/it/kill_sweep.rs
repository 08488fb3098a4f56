//! A real `kill -9` of a real `belay run` at each of its writing requests: before the request is executed,
//! and after it was but before the answer comes. Restarted, it must come to the state of a run that nobody
//! killed.
//!
//! Three processes: `belay apiserver`, `belay run`, and this one, which holds the Git server and a proxy
//! between the two that counts. Needs a binary, so it runs only where `BELAY_KILL_SWEEP` names one (`make
//! kill-sweep`); the same sweeps within one process are in `flux/sweep.rs`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{ApplyOptions, Cluster, KubeconfigFlags, ListOptions, Patch, Resource, WriteOptions};
use belay_object::{Condition, Object, Value, object};
use belay_testkit::git_server::ServedRepo;
use futures::StreamExt;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::flux::world::{kustomization, map, masked_text, objects, repository};
use proxy::{Proxy, When};

const PATIENCE: Duration = Duration::from_secs(60);
const TOKEN: &str = "kill-sweep";
/// More writes than any of the runs makes.
const MOST: usize = 60;
/// Each mostly waits.
const AT_ONCE: usize = 3;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_nothing_that_a_restart_does_not_put_right() {
    let Some(belay) = std::env::var_os("BELAY_KILL_SWEEP").map(PathBuf::from) else {
        println!("not run: BELAY_KILL_SWEEP names no binary of belay");
        return;
    };
    for story in [Story::Apply, Story::Prune] {
        let (_, undisturbed) = one(&belay, story, None).await;
        println!("{story:?} without a kill ends in\n{undisturbed}");
        for when in [When::Before, When::After] {
            let runs = (1..MOST).map(|nth| one(&belay, story, Some((nth, when))));
            let mut runs = std::pin::pin!(futures::stream::iter(runs).buffered(AT_ONCE));
            let mut kills = 0;
            loop {
                let (struck, state) = runs.next().await.expect("the run ends within the limit");
                assert_eq!(state, undisturbed, "{story:?}, killed {when:?} write {}", kills + 1);
                if !struck {
                    break;
                }
                kills += 1;
            }
            assert!(kills > 5, "{story:?}: only {kills} writes");
            println!("{story:?}: killed {when:?} each of {kills} writes, the same state each time");
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Story {
    /// From nothing.
    Apply,
    /// One object changed, one removed, one added.
    Prune,
}

/// One run of a story with at most one kill; whether it came to that, and the state at the end.
async fn one(belay: &Path, story: Story, kill: Option<(usize, When)>) -> (bool, String) {
    let git = ServedRepo::start("repo.git").await.expect("git serves");
    let commit = |files: &[(&str, Option<&str>)]| {
        let id = git.repo().commit("main", "change", files).expect("git commits");
        format!("main@sha1:{id}")
    };
    let place = Place::new(belay).await;
    let needed = |d: &Object| ["gitrepositories.", "kustomizations."].iter().any(|name| d.name().starts_with(name));
    for definition in belay_flux::crds::crds("flux-system", "v0").iter().filter(|d| needed(d)) {
        place.apply(definition).await;
    }
    place.apply_all("{apiVersion: v1, kind: Namespace, metadata: {name: apps}}").await;
    place.apply_all(&map("bystander", "mine")).await;
    let (a, b, c, changed) = (map("a", "one"), map("b", "one"), map("c", "one"), map("a", "two"));
    let mut revision = commit(&[("app/a.yaml", Some(&a)), ("app/b.yaml", Some(&b))]);
    place.apply_all(&repository("repo", &git.url(), "")).await;
    place.apply_all(&kustomization("apps", "app", "retryInterval: 1s")).await;
    if story == Story::Apply {
        place.proxy.arm(kill);
    }
    place.run().await;
    if story == Story::Prune {
        place.ready(&revision).await;
        place.proxy.quiet().await;
        place.proxy.arm(kill);
        revision = commit(&[("app/a.yaml", Some(&changed)), ("app/b.yaml", None), ("app/c.yaml", Some(&c))]);
        place.ask().await;
    }
    let struck = tokio::select! {
        () = place.proxy.killed() => true,
        () = place.over(&revision) => place.proxy.has_killed(),
    };
    if struck {
        place.tracked(&format!("{story:?} {kill:?}")).await;
        place.run().await;
    }
    place.over(&revision).await;
    place.tracked(&format!("{story:?} {kill:?}")).await;
    let state = place.state().await;
    place.proxy.end().await;
    (struck, state)
}

/// An API server in a process of its own, with `belay run` behind a proxy.
struct Place {
    belay: PathBuf,
    cluster: Cluster,
    proxy: Arc<Proxy>,
    folder: tempfile::TempDir,
    /// Ends with this.
    _server: Child,
}

impl Place {
    async fn new(belay: &Path) -> Place {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut server = Command::new(belay)
            .args(["apiserver", "--plain", "--listen=127.0.0.1:0", "--token", TOKEN, "--controllers=false"])
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
    async fn run(&self) {
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

    async fn resource(&self, kind: &str) -> Arc<Resource> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let catalog = self.cluster.catalog().await.unwrap_or_else(|e| panic!("{e}"));
            if let Some(found) = catalog.resources().iter().find(|r| r.kind == kind) {
                return found.clone();
            }
            assert!(Instant::now() < deadline, "{kind} is not served");
            self.cluster.invalidate_discovery();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    async fn apply(&self, object: &Object) {
        let resource = self.resource(object.kind()).await;
        let options = ApplyOptions { field_manager: "kubectl".to_owned(), force: true, ..ApplyOptions::default() };
        self.cluster.apply(&resource, object, &options).await.unwrap_or_else(|e| panic!("{}: {e}", object.key()));
    }
    async fn apply_all(&self, yaml: &str) {
        for object in objects(yaml) {
            self.apply(&object).await;
        }
    }
    async fn ask(&self) {
        let resource = self.resource("GitRepository").await;
        let patch =
            object! { "metadata" => object! { "annotations" => object! { "reconcile.fluxcd.io/requestedAt" => "1" } } };
        let options = WriteOptions { field_manager: "flux".to_owned(), ..WriteOptions::default() };
        let asked = self.cluster.patch(&resource, "apps", "repo", &Patch::Merge(patch), &options).await;
        asked.unwrap_or_else(|e| panic!("{e}"));
    }
    async fn kustomization(&self) -> Object {
        let resource = self.resource("Kustomization").await;
        self.cluster.get(&resource, "apps", "apps").await.unwrap_or_else(|e| panic!("{e}"))
    }
    async fn maps(&self) -> Vec<Object> {
        let resource = self.resource("ConfigMap").await;
        let list =
            self.cluster.list(&resource, "apps", &ListOptions::default()).await.unwrap_or_else(|e| panic!("{e}"));
        list.items
    }
    async fn ready(&self, revision: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let object = self.kustomization().await;
            let is_ready = Condition::find(&object, "Ready").is_some_and(|c| c.status.as_str() == "True");
            if is_ready && object.str_at(&["status", "lastAppliedRevision"]) == Some(revision) {
                return;
            }
            if Instant::now() > deadline {
                let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
                let source = self.resource("GitRepository").await;
                let source = self.cluster.get(&source, "apps", "repo").await.unwrap_or_else(|e| panic!("{e}"));
                let status = |o: &Object| o.get("status").unwrap_or(&Value::Null).to_json();
                panic!("not ready at {revision}: {}\n{}\n{log}", status(&object), status(&source));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    /// Ready, and no more requests.
    async fn over(&self, revision: &str) {
        self.ready(revision).await;
        self.proxy.quiet().await;
    }

    /// What carries our labels stands in the inventory.
    async fn tracked(&self, when: &str) {
        let maps = self.maps().await;
        let inventory = self.kustomization().await.at(&["status", "inventory"]).map(Value::to_json).unwrap_or_default();
        for map in maps.iter().filter(|m| m.label("kustomize.toolkit.fluxcd.io/name").is_some()) {
            let id = format!("apps_{}__ConfigMap", map.name());
            assert!(inventory.contains(&id), "{when}: {id} is applied and untracked: {inventory}");
        }
    }
    /// All that must be the same whether somebody was killed or not.
    async fn state(&self) -> String {
        let mut text = String::new();
        for map in self.maps().await {
            let managers = map.at(&["metadata", "managedFields"]).map_or(&[][..], Value::items).iter();
            let managers: Vec<_> = managers.filter_map(|e| e.str_at(&["manager"])).collect();
            let labels = map.at(&["metadata", "labels"]).unwrap_or(&Value::Null).to_json();
            let data = map.get("data").unwrap_or(&Value::Null).to_json();
            text.push_str(&format!("ConfigMap {} {data} {labels} {}\n", map.name(), managers.join(",")));
        }
        let object = self.kustomization().await;
        let finalizers: Vec<_> = object.finalizers().collect();
        text.push_str(&format!("Kustomization {}\n", finalizers.join(",")));
        for field in ["conditions", "inventory", "lastAppliedRevision", "lastAttemptedRevision", "observedGeneration"] {
            let value = object.at(&["status", field]).unwrap_or(&Value::Null).to_json();
            text.push_str(&format!("  {field}: {}\n", masked_text(&value)));
        }
        text
    }
}

mod proxy {
    //! Carries requests between a client that is a child process and a server, counts those that write,
    //! and kills the child at one of them.

    use std::convert::Infallible;
    use std::net::SocketAddr;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use bytes::Bytes;
    use http::{Method, Request, Response};
    use http_body_util::combinators::BoxBody;
    use http_body_util::{BodyExt, Full};
    use hyper::body::Incoming;
    use hyper::service::service_fn;
    use hyper_util::rt::{TokioExecutor, TokioIo};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::process::Child;
    use tokio::sync::{Mutex, Notify};

    /// When the child is killed.
    #[derive(Clone, Copy, Debug, PartialEq)]
    pub enum When {
        /// Before the request is executed.
        Before,
        /// After it was, before its answer is sent.
        After,
    }

    pub struct Proxy {
        address: SocketAddr,
        server: SocketAddr,
        child: Mutex<Option<Child>>,
        armed: std::sync::Mutex<Option<(usize, When)>>,
        requests: AtomicUsize,
        killed: AtomicUsize,
        news: Notify,
    }

    type Answer = Response<BoxBody<Bytes, hyper::Error>>;

    impl Proxy {
        pub async fn start(server: SocketAddr) -> Arc<Proxy> {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
            let proxy = Arc::new(Proxy {
                address: listener.local_addr().expect("it listens"),
                server,
                child: Mutex::default(),
                armed: std::sync::Mutex::default(),
                requests: AtomicUsize::new(0),
                killed: AtomicUsize::new(0),
                news: Notify::new(),
            });
            // The task holds no more than a weak end: it is over with the proxy.
            let weak = Arc::downgrade(&proxy);
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).ok();
                    let Some(proxy) = weak.upgrade() else { return };
                    tokio::spawn(async move {
                        let service = service_fn(|request| proxy.clone().carry(request));
                        let builder = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                        let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
            });
            proxy
        }
        pub fn address(&self) -> SocketAddr {
            self.address
        }
        /// Takes the client that is to be killed.
        pub async fn hold(&self, child: Child) {
            *self.child.lock().await = Some(child);
        }
        /// Kills at the n-th write from now on, counted from 1.
        pub fn arm(&self, at: Option<(usize, When)>) {
            *self.armed.lock().expect("nobody panics with it") = at;
        }
        pub fn has_killed(&self) -> bool {
            self.killed.load(Ordering::SeqCst) > 0
        }
        pub async fn killed(&self) {
            loop {
                let news = self.news.notified();
                if self.has_killed() {
                    return;
                }
                news.await;
            }
        }
        /// Waits until no request has come for a while.
        pub async fn quiet(&self) {
            let mut before = usize::MAX;
            loop {
                let seen = self.requests.load(Ordering::SeqCst);
                if seen == before {
                    return;
                }
                before = seen;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }

        /// What is to happen at this request.
        fn due(&self, method: &Method) -> Option<When> {
            let writes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
            let mut armed = self.armed.lock().expect("nobody panics with it");
            let (nth, when) = armed.filter(|_| writes)?;
            *armed = (nth > 1).then_some((nth - 1, when));
            (nth == 1).then_some(when)
        }
        /// SIGKILL; returns when the process is gone, if it is still wanted then: a server forgets a request
        /// whose client goes, so this is a task of its own.
        async fn kill(self: &Arc<Self>) {
            let proxy = self.clone();
            let killed = tokio::spawn(async move {
                proxy.end().await;
                proxy.killed.store(1, Ordering::SeqCst);
                proxy.news.notify_waiters();
            });
            killed.await.expect("the child is killed");
        }
        /// Ends the client.
        pub async fn end(&self) {
            if let Some(mut child) = self.child.lock().await.take() {
                child.kill().await.expect("the child is killed");
            }
        }

        async fn carry(self: Arc<Self>, request: Request<Incoming>) -> Result<Answer, hyper::Error> {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let due = self.due(request.method());
            if due == Some(When::Before) {
                self.kill().await;
                return Ok(nothing());
            }
            let Ok(stream) = TcpStream::connect(self.server).await else { return Ok(nothing()) };
            stream.set_nodelay(true).ok();
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection);
            let response = sender.send_request(request).await?;
            if due == Some(When::After) {
                let _ = response.into_body().collect().await;
                self.kill().await;
                return Ok(nothing());
            }
            Ok(response.map(BodyExt::boxed))
        }
    }

    /// For a client that is not there any more.
    fn nothing() -> Answer {
        Response::new(Full::new(Bytes::new()).map_err(|never: Infallible| match never {}).boxed())
    }
}
