//! A small HTTP face of a process: health and metrics.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpListener;

/// What is told of the process.
#[derive(Default)]
pub struct Face {
    /// Flux's controllers.
    pub flux: State,
    /// Argo CD's.
    pub argocd: State,
    ended: AtomicBool,
}

impl Face {
    /// Nothing runs any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }
    /// Whether everything that is installed leads, and its watches have begun.
    fn is_ready(&self) -> bool {
        let states = [&self.flux, &self.argocd];
        !self.ended.load(Ordering::Relaxed) && states.iter().all(|s| s.0.load(Ordering::Relaxed) != State::WAITS)
    }
}

/// How far the controllers of one system are.
#[derive(Default)]
pub struct State(AtomicU8);

impl State {
    const WAITS: u8 = 0;
    const IDLE: u8 = 1;
    const READY: u8 = 2;

    /// They are about to run.
    pub fn wait(&self) {
        self.0.store(State::WAITS, Ordering::Relaxed);
    }
    /// They have nothing to do here.
    pub fn idle(&self) {
        self.0.store(State::IDLE, Ordering::Relaxed);
    }
    /// They run.
    pub fn ready(&self) {
        self.0.store(State::READY, Ordering::Relaxed);
    }
}

/// Serves `/healthz`, `/readyz` and `/metrics` until the future is dropped.
pub async fn serve(listener: TcpListener, face: Arc<Face>, metrics: Arc<dyn Fn() -> String + Send + Sync>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (face, metrics) = (face.clone(), metrics.clone());
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let answer = answer(request.uri().path(), &face, &*metrics);
                async move { Ok::<_, Infallible>(answer) }
            });
            let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

fn answer(path: &str, face: &Face, metrics: &(dyn Fn() -> String + Send + Sync)) -> Response<Full<Bytes>> {
    let (status, text) = match path {
        "/healthz" | "/livez" => (StatusCode::OK, "ok".to_owned()),
        "/readyz" if face.is_ready() => (StatusCode::OK, "ok".to_owned()),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not leading yet".to_owned()),
        "/metrics" => (StatusCode::OK, metrics()),
        _ => (StatusCode::NOT_FOUND, "404 page not found".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
