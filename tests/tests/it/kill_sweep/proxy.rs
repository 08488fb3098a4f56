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
