//! Puts the service on a listener: HTTP/1.1 and HTTP/2 without TLS, which the binary or a proxy adds.

use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// How long the head of a request may take (RES-10).
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// Heads of requests; a cookie in parts is 80 KiB at most.
const MAX_HEAD: usize = 256 << 10;
/// Connections at once; each is some ten KiB.
const MAX_CONNECTIONS: usize = 10_000;

/// Serves until the future is dropped; its connections end with it.
pub async fn serve(listener: TcpListener, router: Router) {
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
        let service = TowerToHyperService::new(router.clone());
        connections.spawn(async move {
            let mut builder = Builder::new(TokioExecutor::new());
            builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(MAX_HEAD);
            builder.http2().timer(TokioTimer::new()).max_header_list_size(MAX_HEAD as u32);
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
