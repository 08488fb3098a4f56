//! A Git server over HTTP for the demonstration and for tests: bare repositories in a folder,
//! served by `git http-backend`.
//!
//! Needs the `git` program, unlike the rest of this crate. It is meant for loopback: there is no
//! TLS, and whoever may connect may push if pushing is on.

mod backend;
mod faults;
mod repository;

pub use faults::{Fault, Faults};
pub use repository::{GitError, TestRepo};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A response of the server; its body may stream for as long as `git` writes.
pub(crate) type Answer = Response<BoxBody<Bytes, io::Error>>;

/// How repositories are served.
#[derive(Clone, Debug)]
pub struct GitServerOptions {
    /// Folder of bare repositories; `<root>/shop.git` is served as `/shop.git`.
    pub root: PathBuf,
    /// Whether pushes are taken.
    pub push: bool,
    /// User and password that every request must show; `None` lets all in.
    pub basic: Option<(String, String)>,
    /// Token that a request may show instead, as `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// Whether to answer as servers did before version 2 of the protocol.
    pub old_protocol: bool,
}

impl GitServerOptions {
    /// Serves `root` to all, pushes included.
    pub fn open(root: impl Into<PathBuf>) -> GitServerOptions {
        GitServerOptions { root: root.into(), push: true, basic: None, bearer: None, old_protocol: false }
    }
}

/// A running server; dropping it ends it.
#[derive(Debug)]
pub struct GitServer {
    address: SocketAddr,
    faults: Arc<Faults>,
    task: JoinHandle<()>,
}

impl GitServer {
    /// Listens on a free port of the loopback address.
    pub async fn start(options: GitServerOptions) -> io::Result<GitServer> {
        GitServer::listen(SocketAddr::from(([127, 0, 0, 1], 0)), options).await
    }

    /// Listens on `address`.
    pub async fn listen(address: SocketAddr, options: GitServerOptions) -> io::Result<GitServer> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Faults::default());
        let served = Arc::new(Served { options, faults: faults.clone() });
        let task = tokio::spawn(accept(listener, served));
        Ok(GitServer { address, faults, task })
    }

    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// URL of a repository: `http://127.0.0.1:<port>/<name>`.
    pub fn url(&self, name: &str) -> String {
        format!("http://{}/{name}", self.address)
    }

    /// Counters, and failures to inject.
    pub fn faults(&self) -> &Arc<Faults> {
        &self.faults
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Served {
    options: GitServerOptions,
    faults: Arc<Faults>,
}

/// The connections belong to this task: when it is aborted they end too.
async fn accept(listener: TcpListener, served: Arc<Served>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                // Answers are written in small pieces.
                stream.set_nodelay(true).ok();
                let served = served.clone();
                connections.spawn(async move {
                    let service = hyper::service::service_fn(|request| answer(request, served.clone()));
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
                        tracing::debug!(%error, "a connection to the Git server broke off");
                    }
                });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

/// An error drops the connection without an answer.
async fn answer(request: Request<Incoming>, served: Arc<Served>) -> Result<Answer, io::Error> {
    served.faults.count(request.uri().path());
    match served.faults.next(request.uri().path()) {
        None => {}
        Some(Fault::Status(status)) => {
            return Ok(plain(StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), "injected"));
        }
        Some(Fault::Hang) => std::future::pending::<()>().await,
        Some(Fault::Drop) => return Err(io::Error::other("injected")),
        Some(Fault::Delay(time)) => tokio::time::sleep(time).await,
        Some(Fault::Redirect(to)) => {
            let to = format!("{to}{}", request.uri().path_and_query().map_or("", |path| path.as_str()));
            let mut answer = plain(StatusCode::FOUND, "");
            if let Ok(to) = to.try_into() {
                answer.headers_mut().insert(header::LOCATION, to);
            }
            return Ok(answer);
        }
    }
    if !served.options.admits(&request) {
        let mut answer = plain(StatusCode::UNAUTHORIZED, "authentication required");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic realm=\"git\""));
        return Ok(answer);
    }
    Ok(backend::run(request, &served.options).await)
}

impl GitServerOptions {
    fn admits(&self, request: &Request<Incoming>) -> bool {
        if self.basic.is_none() && self.bearer.is_none() {
            return true;
        }
        let shown = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let basic = self.basic.as_ref().map(|(user, password)| {
            use base64::Engine;
            let pair = format!("{user}:{password}");
            format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(pair))
        });
        let bearer = self.bearer.as_ref().map(|token| format!("Bearer {token}"));
        shown.is_some() && (shown == basic.as_deref() || shown == bearer.as_deref())
    }
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Answer {
    let body = Full::new(Bytes::copy_from_slice(text.as_bytes())).map_err(|never| match never {});
    let mut answer = Response::new(body.boxed());
    *answer.status_mut() = status;
    answer
}
