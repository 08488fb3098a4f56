//! A small HTTP face of a process: health and metrics.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
    /// Whether it leads and its watches have begun.
    pub ready: AtomicBool,
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
        "/readyz" if face.ready.load(Ordering::Relaxed) => (StatusCode::OK, "ok".to_owned()),
        "/readyz" => (StatusCode::SERVICE_UNAVAILABLE, "not leading yet".to_owned()),
        "/metrics" => (StatusCode::OK, metrics()),
        _ => (StatusCode::NOT_FOUND, "404 page not found".to_owned()),
    };
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    response
}
