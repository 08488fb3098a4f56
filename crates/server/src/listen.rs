//! Puts the service on a listener: HTTP/1.1 and HTTP/2, with TLS where a certificate is given. On a
//! listener with TLS what comes without it is sent to the same place with it, as Argo CD's server does.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::header::{HOST, LOCATION};
use http::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::tls::Tls;

/// How long the head of a request may take, and a handshake (RES-10).
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Heads of requests; a cookie in parts is 80 KiB at most.
const MAX_HEAD: usize = 256 << 10;
/// Connections at once; each is some ten KiB.
const MAX_CONNECTIONS: usize = 10_000;
/// What a TLS connection begins with: a record of the handshake.
const HANDSHAKE: u8 = 0x16;

/// Serves until the future is dropped; its connections end with it.
pub async fn serve(listener: TcpListener, router: Router) {
    accept(listener, router, None).await;
}

/// The same with TLS.
///
/// # Errors
/// Where this build of TLS cannot be used at all.
pub async fn serve_tls(listener: TcpListener, router: Router, tls: &Arc<Tls>) -> Result<(), crate::Error> {
    accept(listener, router, Some(TlsAcceptor::from(tls.config()?))).await;
    Ok(())
}

async fn accept(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, _)) = accepted else {
            // No more file descriptors, most often: those that are open will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        connections.spawn(connection(stream, router.clone(), tls.clone()));
    }
}

async fn connection(stream: TcpStream, router: Router, tls: Option<TlsAcceptor>) {
    let Some(tls) = tls else { return answer(stream, router).await };
    let mut first = [0];
    let begun = tokio::time::timeout(HEAD_PATIENCE, stream.peek(&mut first)).await;
    match begun {
        Ok(Ok(1)) if first[0] == HANDSHAKE => {
            if let Ok(Ok(stream)) = tokio::time::timeout(HEAD_PATIENCE, tls.accept(stream)).await {
                answer(stream, router).await;
            }
        }
        Ok(Ok(1)) => answer(stream, Router::new().fallback_service(tower::service_fn(elsewhere))).await,
        _ => {}
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(MAX_HEAD);
    builder.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEAD as u32);
    let _ = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)).await;
}

/// The same place with TLS. Compat(argo-cd 3.5): 307
async fn elsewhere(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let moved = Response::builder().header(LOCATION, format!("https://{host}{path}"));
    let status = if host.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::TEMPORARY_REDIRECT };
    Ok(moved.status(status).body(Body::empty()).unwrap_or_default())
}
