//! Puts the service on a listener: HTTP/1.1 and HTTP/2, with TLS where a certificate is given. On a
//! listener with TLS what comes without it is sent to the same place with it, as Argo CD's server does.
//!
//! Whoever connects and says nothing, or says it slowly, is hung up on, and one peer has only a part of all
//! connections (RES-10). Which of them are open is kept in [`peers`], when one is quiet in [`quiet`].

mod peers;
mod quiet;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::io::Write as _;
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
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::tls::Tls;
use peers::Peers;
use quiet::Requests;

/// Heads of requests; a cookie in parts is 80 KiB at most.
const MAX_HEAD: usize = 256 << 10;
/// What a TLS connection begins with: a record of the handshake.
const HANDSHAKE: u8 = 0x16;
/// What a peer reads that has its share of connections already.
const TOO_MANY: &str = "HTTP/1.1 503 Service Unavailable\r\ncontent-type: text/plain\r\nconnection: close\r\n\
                        content-length: 33\r\n\r\ntoo many connections of this peer";

/// What connections may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// Connections at once.
    connections: usize,
    /// Those of one peer.
    of_peer: usize,
    /// How long a handshake may take, and the head of a request; over HTTP/1.1 from the end of the answer before
    /// it, so that it is how long such a connection is kept alive, too.
    head: Duration,
    /// How long a connection of HTTP/2 is kept without a request.
    idle: Duration,
    /// How long a connection that is to end may take for its last words.
    last: Duration,
}

/// A connection is some ten KiB. A quarter of all is for one peer: it may be a proxy, whose clients are many.
const LIMITS: Limits = Limits {
    connections: 10_000,
    of_peer: 2_500,
    head: Duration::from_secs(10),
    idle: Duration::from_secs(120),
    last: Duration::from_secs(5),
};

/// Serves until the future is dropped; its connections end with it.
pub async fn serve(listener: TcpListener, router: Router) {
    accept(listener, router, None, LIMITS).await;
}

/// The same with TLS.
///
/// # Errors
/// Where this build of TLS cannot be used at all.
pub async fn serve_tls(listener: TcpListener, router: Router, tls: &Arc<Tls>) -> Result<(), crate::Error> {
    accept(listener, router, Some(TlsAcceptor::from(tls.config()?)), LIMITS).await;
    Ok(())
}

async fn accept(listener: TcpListener, router: Router, tls: Option<TlsAcceptor>, limits: Limits) {
    let (mut connections, peers) = (JoinSet::new(), Peers::default());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept(), if connections.len() < limits.connections => accepted,
            Some(_) = connections.join_next() => continue,
        };
        let Ok((stream, address)) = accepted else {
            // No more file descriptors, most often: those that are open will end.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Some(place) = peers.take(address.ip(), limits.of_peer) else {
            tracing::debug!(peer = %address.ip(), "a peer has too many connections");
            refuse(stream, tls.is_some());
            continue;
        };
        let _ = stream.set_nodelay(true);
        let (router, tls) = (router.clone(), tls.clone());
        connections.spawn(async move {
            connection(stream, router, tls, limits).await;
            drop(place);
        });
    }
}

/// Hangs up on a peer, and says why where it can be said without a handshake.
fn refuse(stream: TcpStream, has_tls: bool) {
    // A socket that is new has room for a line: nobody is waited for.
    if !has_tls && let Ok(mut stream) = stream.into_std() {
        let _ = stream.write_all(TOO_MANY.as_bytes());
    }
}

async fn connection(stream: TcpStream, router: Router, tls: Option<TlsAcceptor>, limits: Limits) {
    let Some(tls) = tls else { return answer(stream, router, limits).await };
    let mut first = [0];
    let begun = timeout(limits.head, stream.peek(&mut first)).await;
    match begun {
        Ok(Ok(1)) if first[0] == HANDSHAKE => {
            if let Ok(Ok(stream)) = timeout(limits.head, tls.accept(stream)).await {
                answer(stream, router, limits).await;
            }
        }
        Ok(Ok(1)) => answer(stream, Router::new().fallback_service(tower::service_fn(elsewhere)), limits).await,
        _ => {}
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, limits: Limits) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(limits.head).max_buf_size(MAX_HEAD);
    // A peer that is gone without a word is noticed.
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(limits.idle).keep_alive_timeout(limits.head);
    builder.http2().max_header_list_size(MAX_HEAD as u32);
    let requests = Requests::default();
    let service = TowerToHyperService::new(requests.counted(router));
    let served = builder.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(served);
    tokio::select! {
        _ = served.as_mut() => return,
        () = requests.quiet(limits.head, limits.idle) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ = timeout(limits.last, served).await;
}

/// The same place with TLS. Compat(argo-cd 3.5): 307
async fn elsewhere(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let host = request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let moved = Response::builder().header(LOCATION, format!("https://{host}{path}"));
    let status = if host.is_empty() { StatusCode::BAD_REQUEST } else { StatusCode::TEMPORARY_REDIRECT };
    Ok(moved.status(status).body(Body::empty()).unwrap_or_default())
}
