//! A control plane on the embedded API server, and people who ask its API.

use std::time::Duration;

use belay_apiserver::{Server, StoreHandle, controllers};
use belay_cluster::Cluster;
use belay_object::{Object, Value, from_json, from_json_str};
use belay_server::{Options, Prepared, prepare, router};
use belay_testkit::wire::Wire;
use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::Full;
use tokio::time::{Instant, timeout};
use tower::ServiceExt;

/// How long anything may take before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A control plane.
pub struct World {
    /// Between the API and the cluster.
    pub wire: Wire,
    /// The user at the keyboard.
    pub user: StoreHandle,
    pub prepared: Prepared,
    pub options: Options,
    /// The process that people ask: what one of them writes the next one sees.
    process: Option<Client>,
    admin: String,
}

/// Somebody who asks, with a token or without.
#[derive(Clone)]
pub struct Client {
    router: Service,
    pub token: Option<String>,
}

type Service = tower::util::BoxCloneSyncService<Request<Full<Bytes>>, Reply, std::convert::Infallible>;
type Lines = futures::stream::BoxStream<'static, Bytes>;

/// What was answered: the head, and the body as it comes.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Lines,
}

/// What was answered, whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub fn value(&self) -> Value {
        from_json_str(&self.text).unwrap_or_else(|e| panic!("{e}: {}", self.text))
    }
    pub fn str_at(&self, path: &[&str]) -> String {
        self.value().str_at(path).unwrap_or_default().to_owned()
    }
    /// `status code message` of a refusal, `status` of what is none.
    pub fn told(&self) -> String {
        match from_json_str(&self.text).ok().filter(|_| self.status >= 400) {
            Some(body) => {
                let code = body.get("code").and_then(Value::as_i64).unwrap_or_default();
                format!("{} {code} {}", self.status, body.str_at(&["message"]).unwrap_or_default())
            }
            None => self.status.to_string(),
        }
    }
}

impl World {
    /// A control plane in `argocd` with the definitions and what an installation starts with; the namespaces
    /// `shop` and `other`; accounts as `config` and rights as `policy` say.
    pub async fn with(config: &str, policy: &str) -> World {
        let simulated = controllers::Options { pod_ready_after: Duration::ZERO, ..Default::default() };
        let options = belay_apiserver::Options { controllers: Some(simulated), ..Default::default() };
        let server = Server::new(options);
        let user = server.handle("kubectl");
        let wire = Wire::default();
        let cluster = Cluster::from_service("embedded", wire.to(server.clone()));
        let options = Options::new(cluster, "argocd");
        for namespace in ["argocd", "shop", "other"] {
            let yaml = format!("{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}");
            user.apply(&object(&yaml), true).expect("a namespace");
        }
        let (definitions, objects): (Vec<Object>, Vec<Object>) =
            belay_argo::install::objects("argocd").into_iter().partition(|o| o.kind() == "CustomResourceDefinition");
        for definition in definitions {
            user.apply(&definition, true).expect("a definition");
        }
        let served = |kind| server.registry().by_kind("argoproj.io", "v1alpha1", kind).is_some();
        until("the definitions are served", || (served("AppProject") && served("Application")).then_some(())).await;
        for object in objects {
            user.apply(&object, true).expect("what an installation starts with");
        }
        let patch = |name: &str, yaml: &str| {
            let map = Object::of("v1", "ConfigMap", "argocd", name);
            user.merge_patch(&map, "", &value(yaml)).expect("a config map");
        };
        patch("argocd-cm", &format!("{{data: {{{config}}}}}"));
        let mut rbac = Value::object();
        rbac.set(&["data", "policy.csv"], policy);
        user.merge_patch(&Object::of("v1", "ConfigMap", "argocd", "argocd-rbac-cm"), "", &rbac).expect("a policy");
        let prepared = prepare(&options).await.expect("what the first sign-in needs");
        let mut world = World { wire, user, prepared, options, process: None, admin: String::new() };
        world.process = Some(world.router());
        let password = world.prepared.password.as_ref().expect("a first password").expose().clone();
        world.admin = world.stranger().sign_in("admin", &password).await.token.expect("a token");
        world
    }

    /// Gives the API what knows the files of sources.
    pub async fn render(&mut self, storage: &std::path::Path) {
        let outside = || belay_helm::Outside { now_unix_ns: 0, random: None, check: None, lookup: None };
        let cluster = self.options.cluster.clone();
        let mirrors = belay_argo::controller::Mirrors::open(storage, belay_net::Egress::default()).expect("mirrors");
        let preview = belay_argo::controller::preview::Preview::open(cluster.clone(), "argocd", mirrors, outside).await;
        let preview = preview.unwrap_or_else(|e| panic!("{e}"));
        self.options.sources = Some(std::sync::Arc::new(belay_server::Previewed::new(preview)));
        self.process = Some(self.router());
    }

    /// Serves metrics, too.
    pub fn tell_metrics(&mut self) {
        self.options.metrics = true;
        self.process = Some(self.router());
    }

    /// The API as another process of the same control plane would serve it.
    pub fn router(&self) -> Client {
        let service = router(self.options.clone());
        let service = ServiceExt::<Request<Full<Bytes>>>::map_future(service, |answered| async move {
            let Ok(response) = answered.await;
            let (parts, body) = response.into_parts();
            let body = body.into_data_stream().filter_map(|chunk| async move { chunk.ok() }).boxed();
            Ok(Reply { status: parts.status, headers: parts.headers, body })
        });
        Client { router: tower::util::BoxCloneSyncService::new(service), token: None }
    }
    pub fn stranger(&self) -> Client {
        self.process.clone().expect("a process")
    }
    pub fn admin(&self) -> Client {
        self.stranger().with(&self.admin)
    }
    /// A program with a new token of an account.
    pub async fn account(&self, name: &str) -> Client {
        let answer = self.admin().post(&format!("/api/v1/account/{name}/token"), "{}").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.stranger().with(&answer.str_at(&["token"]))
    }

    pub fn apply(&self, yaml: &str) {
        for document in belay_yaml::parse_documents(yaml, &belay_yaml::Options::v2()).expect("YAML") {
            let object = Object::new(document).expect("an object");
            self.user.apply(&object, true).unwrap_or_else(|e| panic!("{}: {e:?}", object.key()));
        }
    }
    pub fn patch(&self, what: &Object, yaml: &str) {
        self.user.merge_patch(what, "", &value(yaml)).unwrap_or_else(|e| panic!("{}: {e:?}", what.key()));
    }
    pub fn get(&self, group: &str, resource: &str, namespace: &str, name: &str) -> Option<Object> {
        self.user.get(group, resource, namespace, name).map(|stored| stored.object().clone())
    }
    pub fn app(&self, name: &str) -> Object {
        self.get("argoproj.io", "applications", "argocd", name).unwrap_or_else(|| panic!("{name} is there"))
    }
    /// An Application of a project, in the store; `more` is fields of the object in flow style.
    pub fn application(&self, name: &str, project: &str, more: &str) {
        let comma = if more.is_empty() { "" } else { ", " };
        self.apply(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: Application, metadata: {{name: {name}, namespace: argocd, \
             labels: {{tier: '{project}'}}}}, spec: {{project: {project}, \
             source: {{repoURL: 'https://git.example/o/r', path: '{name}', targetRevision: main}}, \
             destination: {{server: 'https://kubernetes.default.svc', namespace: shop}}}}{comma}{more}}}"
        ));
    }
    pub fn project(&self, name: &str, spec: &str) {
        self.apply(&format!(
            "{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: {name}, namespace: argocd}}, \
             spec: {{sourceRepos: ['*'], destinations: [{{server: '*', namespace: '*'}}]{spec}}}}}"
        ));
    }
    /// Until a client sees something.
    pub async fn seen(&self, client: &Client, path: &str, look: impl Fn(&Answer) -> bool) -> Answer {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = client.get(path).await;
            if look(&answer) {
                return answer;
            }
            assert!(Instant::now() < deadline, "not in time: {path}: {answer:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Client {
    /// The same person with another token.
    pub fn with(&self, token: &str) -> Client {
        Client { token: Some(token.to_owned()), ..self.clone() }
    }
    pub async fn sign_in(&self, name: &str, password: &str) -> Client {
        let body = belay_object::object! { "username" => name, "password" => password }.to_json();
        let answer = self.post("/api/v1/session", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        self.with(&answer.str_at(&["token"]))
    }
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", &[]).await
    }
    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.send(Method::POST, path, body, &[]).await
    }
    pub async fn put(&self, path: &str, body: &str) -> Answer {
        self.send(Method::PUT, path, body, &[]).await
    }
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, "", &[]).await
    }
    /// `method path`, as a table has it.
    pub async fn ask(&self, line: &str, body: &str) -> Answer {
        let (method, path) = line.split_once(' ').expect("method and path");
        self.send(method.parse().expect("a method"), path, body, &[]).await
    }
    pub async fn send(&self, method: Method, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let reply = self.open(method, path, body, headers).await;
        let chunks: Vec<Bytes> = timeout(PATIENCE, reply.body.collect()).await.expect("an answer in time");
        let text = String::from_utf8(chunks.concat()).expect("text");
        Answer { status: reply.status.as_u16(), headers: reply.headers, text }
    }
    pub async fn open(&self, method: Method, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).expect("a request");
        let Ok(reply) = timeout(PATIENCE, self.router.clone().oneshot(request)).await.expect("an answer in time");
        reply
    }
}

impl Reply {
    /// The next message of a stream; `None` at its end.
    pub async fn next(&mut self) -> Option<Value> {
        loop {
            let chunk = timeout(PATIENCE, self.body.next()).await.expect("a message in time")?;
            let text = std::str::from_utf8(&chunk).expect("text").trim();
            let text = text.strip_prefix("data: ").unwrap_or(text);
            if !text.is_empty() && text != ":" {
                return Some(from_json(text.as_bytes()).unwrap_or_else(|e| panic!("{e}: {text}")));
            }
        }
    }
    /// `TYPE name` of the next event of Applications; the message of an error.
    pub async fn event(&mut self) -> String {
        let Some(message) = self.next().await else { return "end".into() };
        match message.str_at(&["error", "message"]) {
            Some(error) => format!("error: {error}"),
            None => {
                let name = message.str_at(&["result", "application", "metadata", "name"]).unwrap_or_default();
                format!("{} {name}", message.str_at(&["result", "type"]).unwrap_or_default())
            }
        }
    }
}

pub fn value(yaml: &str) -> Value {
    belay_yaml::parse_value(yaml, &belay_yaml::Options::v2()).expect("YAML")
}
pub fn object(yaml: &str) -> Object {
    Object::new(value(yaml)).expect("an object")
}

/// Waits until `look` gives something.
pub async fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}
