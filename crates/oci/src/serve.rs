//! A registry in memory over HTTP on loopback: for the demonstration and for tests.
//!
//! It speaks the distribution protocol as far as [`crate::Client`] does, asks for credentials if told
//! to, and misbehaves on request: too many requests, digests that lie. It is no registry for anybody
//! else: nothing is kept, nothing is deleted, and all that it holds is bounded.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

use crate::reference::ContentDigest;

/// Largest body of a request, and most bytes in all.
const MOST_BODY_BYTES: usize = 256 << 20;
const MOST_BYTES: usize = 1 << 30;
/// Requests remembered for those who look.
const MOST_LOG: usize = 10_000;

/// Whom the registry serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who sends this user and password with each request.
    Basic(String, String),
    /// Who gets a token for this user and password.
    Bearer(String, String),
}

/// A running registry; it ends when this is dropped.
pub struct Registry {
    address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    access: Access,
    page: usize,
    host: String,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    repositories: BTreeMap<String, Repository>,
    bytes: usize,
    uploads: usize,
    log: VecDeque<String>,
    refusals: usize,
    retry_after_s: u64,
    lies: HashMap<String, Bytes>,
}

#[derive(Default)]
struct Repository {
    tags: BTreeMap<String, String>,
    manifests: HashMap<String, (String, Bytes)>,
    blobs: HashMap<String, Bytes>,
}

impl Registry {
    /// Serves an empty registry on a free port of this machine, with pages of `page` tags.
    pub async fn start(access: Access, page: usize) -> io::Result<Registry> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let state = Arc::new(State { access, page, host: address.to_string(), inner: Mutex::default() });
        let task = tokio::spawn(serve(listener, state.clone()));
        Ok(Registry { address, state, task })
    }
    /// `host:port`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }
    /// `oci://host:port/path`.
    pub fn url(&self, path: &str) -> String {
        format!("oci://{}/{path}", self.address)
    }
    /// Answers the next `count` requests with 429 and this `Retry-After`.
    pub fn refuse(&self, count: usize, retry_after_s: u64) {
        let mut inner = self.state.inner.lock();
        (inner.refusals, inner.retry_after_s) = (count, retry_after_s);
    }
    /// Gives these bytes for a digest, whatever it says; `None` ends the lie.
    pub fn lie(&self, digest: &ContentDigest, bytes: Option<Bytes>) {
        let lies = &mut self.state.inner.lock().lies;
        match bytes {
            Some(bytes) => lies.insert(digest.as_str().to_owned(), bytes),
            None => lies.remove(digest.as_str()),
        };
    }
    /// The requests so far: method and path.
    pub fn log(&self) -> Vec<String> {
        self.state.inner.lock().log.iter().cloned().collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { return };
        while connections.try_join_next().is_some() {}
        let state = state.clone();
        connections.spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let state = state.clone();
                async move { Ok::<_, std::convert::Infallible>(state.respond(request).await) }
            });
            let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
            server.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

type Answer = Response<Full<Bytes>>;

impl State {
    async fn respond(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        let Ok(body) = Limited::new(body, MOST_BODY_BYTES).collect().await else {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        };
        let body = body.to_bytes();
        let path = head.uri.path().to_owned();
        let query = pairs(head.uri.query().unwrap_or_default());
        let authorization = head.headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let content_type = head.headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        {
            let mut inner = self.inner.lock();
            if inner.log.len() == MOST_LOG {
                inner.log.pop_front();
            }
            inner.log.push_back(format!("{} {path}", head.method));
            if inner.refusals > 0 {
                inner.refusals -= 1;
                let mut answer = error(StatusCode::TOO_MANY_REQUESTS, "TOOMANYREQUESTS", "slow down");
                answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(inner.retry_after_s));
                return answer;
            }
        }
        if path == "/token" {
            return self.token(authorization, &query);
        }
        if !self.admits(authorization) {
            return self.ask();
        }
        self.carry_out(&head.method, &path, &query, content_type, body)
    }

    fn admits(&self, authorization: &str) -> bool {
        match &self.access {
            Access::Open => true,
            Access::Basic(user, password) => authorization == basic(user, password),
            Access::Bearer(user, password) => authorization == format!("Bearer {}", granted(user, password)),
        }
    }
    fn ask(&self) -> Answer {
        let how = match &self.access {
            Access::Bearer(..) => format!("Bearer realm=\"http://{}/token\",service=\"{}\"", self.host, self.host),
            _ => "Basic realm=\"registry\"".to_owned(),
        };
        let mut answer = error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_str(&how).expect("ASCII"));
        answer
    }
    fn token(&self, authorization: &str, query: &HashMap<String, String>) -> Answer {
        match &self.access {
            Access::Bearer(user, password)
                if authorization == basic(user, password)
                    && query.get("scope").is_some_and(|s| s.starts_with("repository:")) =>
            {
                json(&serde_json::json!({ "token": granted(user, password), "expires_in": 300 }))
            }
            _ => error(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "incorrect username or password"),
        }
    }

    fn carry_out(
        &self,
        method: &Method,
        path: &str,
        query: &HashMap<String, String>,
        content_type: &str,
        body: Bytes,
    ) -> Answer {
        let unknown = || error(StatusCode::NOT_FOUND, "NAME_UNKNOWN", "repository name not known to registry");
        let Some(rest) = path.strip_prefix("/v2/") else { return unknown() };
        if rest.is_empty() {
            return json(&serde_json::json!({}));
        }
        let mut inner = self.inner.lock();
        let inner = &mut *inner;
        if let Some(name) = rest.strip_suffix("/tags/list") {
            return match inner.repositories.get(name) {
                Some(repository) => self.tags(name, repository, query),
                None => unknown(),
            };
        }
        if let Some(name) = rest.strip_suffix("/blobs/uploads/") {
            inner.uploads += 1;
            let at = format!("/v2/{name}/blobs/uploads/{}", inner.uploads);
            let mut answer = plain(StatusCode::ACCEPTED);
            answer.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&at).expect("ASCII"));
            return answer;
        }
        if let Some((name, _)) = rest.split_once("/blobs/uploads/") {
            return inner.put_blob(name, query.get("digest").map_or("", String::as_str), body);
        }
        if let Some((name, digest)) = rest.split_once("/referrers/") {
            return inner.referrers(name, digest);
        }
        if let Some((name, reference)) = rest.split_once("/manifests/") {
            return match *method {
                Method::PUT => inner.put_manifest(name, reference, content_type, body),
                _ => inner.manifest(name, reference, *method == Method::HEAD),
            };
        }
        match rest.split_once("/blobs/") {
            Some((name, digest)) => inner.blob(name, digest, *method == Method::HEAD),
            None => unknown(),
        }
    }

    fn tags(&self, name: &str, repository: &Repository, query: &HashMap<String, String>) -> Answer {
        let asked = query.get("n").and_then(|n| n.parse().ok()).unwrap_or(self.page).min(self.page).max(1);
        let last = query.get("last").cloned().unwrap_or_default();
        let mut rest = repository.tags.keys().filter(|t| **t > last);
        let page: Vec<&String> = rest.by_ref().take(asked).collect();
        let mut answer = json(&serde_json::json!({ "name": name, "tags": page }));
        if let (Some(last), true) = (page.last(), rest.next().is_some()) {
            let link = format!("</v2/{name}/tags/list?n={asked}&last={last}>; rel=\"next\"");
            answer.headers_mut().insert(header::LINK, HeaderValue::from_str(&link).expect("ASCII"));
        }
        answer
    }
}

impl Inner {
    /// Whether there is room for so many bytes more.
    fn takes(&mut self, bytes: usize) -> bool {
        self.bytes += bytes;
        self.bytes <= MOST_BYTES
    }
    fn put_blob(&mut self, name: &str, digest: &str, body: Bytes) -> Answer {
        if ContentDigest::of(&body).as_str() != digest {
            return error(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest did not match uploaded content");
        }
        if !self.takes(body.len()) {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "the registry is full");
        }
        self.repositories.entry(name.to_owned()).or_default().blobs.insert(digest.to_owned(), body);
        plain(StatusCode::CREATED)
    }
    fn put_manifest(&mut self, name: &str, reference: &str, content_type: &str, body: Bytes) -> Answer {
        if !self.takes(body.len()) {
            return error(StatusCode::PAYLOAD_TOO_LARGE, "SIZE_INVALID", "the registry is full");
        }
        let digest = ContentDigest::of(&body).as_str().to_owned();
        let repository = self.repositories.entry(name.to_owned()).or_default();
        if reference != digest {
            repository.tags.insert(reference.to_owned(), digest.clone());
        }
        repository.manifests.insert(digest, (content_type.to_owned(), body));
        plain(StatusCode::CREATED)
    }
    fn manifest(&self, name: &str, reference: &str, is_head: bool) -> Answer {
        let found = self.repositories.get(name).and_then(|repository| {
            let digest = repository.tags.get(reference).map_or(reference, String::as_str);
            repository.manifests.get_key_value(digest)
        });
        let Some((digest, (content_type, bytes))) = found else {
            return error(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown");
        };
        let bytes = self.lies.get(digest).unwrap_or(bytes).clone();
        let mut answer = Response::new(Full::new(if is_head { Bytes::new() } else { bytes }));
        let headers = answer.headers_mut();
        if let Ok(value) = HeaderValue::from_str(content_type) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        headers.insert("docker-content-digest", HeaderValue::from_str(digest).expect("a digest is ASCII"));
        answer
    }
    fn blob(&self, name: &str, digest: &str, is_head: bool) -> Answer {
        match self.repositories.get(name).and_then(|r| r.blobs.get(digest)) {
            None => error(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
            Some(_) if is_head => plain(StatusCode::OK),
            Some(bytes) => Response::new(Full::new(self.lies.get(digest).unwrap_or(bytes).clone())),
        }
    }
    fn referrers(&self, name: &str, digest: &str) -> Answer {
        let repository = self.repositories.get(name);
        let all: Vec<serde_json::Value> = repository
            .into_iter()
            .flat_map(|r| &r.manifests)
            .filter_map(|(own, (media_type, bytes))| {
                let value: serde_json::Value = serde_json::from_slice(bytes).ok()?;
                (value["subject"]["digest"] == digest).then(|| {
                    serde_json::json!({
                        "mediaType": media_type, "digest": own, "size": bytes.len(), "artifactType": value["artifactType"],
                    })
                })
            })
            .collect();
        let mut answer =
            json(&serde_json::json!({ "schemaVersion": 2, "mediaType": crate::media::INDEX, "manifests": all }));
        let kind = HeaderValue::from_static(crate::media::INDEX);
        answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        answer
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The token for who knows the password: what it is made of does not matter on loopback.
fn granted(user: &str, password: &str) -> String {
    ContentDigest::of(format!("{user}:{password}").as_bytes()).hex().to_owned()
}

fn plain(status: StatusCode) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::new()));
    *answer.status_mut() = status;
    answer
}

fn json(value: &serde_json::Value) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from(value.to_string())));
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

fn error(status: StatusCode, code: &str, message: &str) -> Answer {
    let mut answer = json(&serde_json::json!({ "errors": [{ "code": code, "message": message }] }));
    *answer.status_mut() = status;
    answer
}

fn pairs(query: &str) -> HashMap<String, String> {
    query.split('&').filter_map(|p| p.split_once('=')).map(|(k, v)| (k.to_owned(), v.replace("%3A", ":"))).collect()
}
