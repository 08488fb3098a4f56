//! Archives over HTTP: `GET /<path>`, and `GET /` to see that the server serves.

use super::store::ArtifactStore;
use bytes::{Bytes, BytesMut};
use futures::stream;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// A response; an archive is streamed.
pub type ArtifactResponse = Response<BoxBody<Bytes, io::Error>>;

/// Most connections at a time. A consumer opens one for each artifact; more wait in the backlog.
const CONNECTIONS: usize = 256;
/// A connection that takes longer is closed, a download included.
const CONNECTION_TIME: Duration = Duration::from_secs(600);

/// Serves the store until `stop` is ready; open connections end with it.
pub async fn serve(listener: TcpListener, store: Arc<ArtifactStore>, stop: impl Future<Output = ()>) {
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < CONNECTIONS => {
                let Ok((stream, _)) = accepted else { continue };
                let store = store.clone();
                connections.spawn(async move {
                    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                        let store = store.clone();
                        async move { Ok::<_, io::Error>(respond(&store, &request).await) }
                    });
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let served = server.serve_connection(TokioIo::new(stream), service);
                    tokio::time::timeout(CONNECTION_TIME, served).await.ok();
                });
            }
        }
    }
}

/// Answers one request.
pub async fn respond<B>(store: &ArtifactStore, request: &Request<B>) -> ArtifactResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = request.uri().path().trim_start_matches('/');
    if path.is_empty() {
        return plain(StatusCode::OK, "");
    }
    // Names of objects need no escapes, so a path with one names nothing.
    let Ok(path) = store.locate(path) else { return plain(StatusCode::NOT_FOUND, "not found\n") };
    let Ok(file) = tokio::fs::File::open(&path).await else { return plain(StatusCode::NOT_FOUND, "not found\n") };
    let Ok(meta) = file.metadata().await else { return plain(StatusCode::NOT_FOUND, "not found\n") };
    // Listing folders would tell of other tenants.
    if !meta.is_file() {
        return plain(StatusCode::NOT_FOUND, "not found\n");
    }
    let mut response = if request.method() == Method::HEAD { plain(StatusCode::OK, "") } else { streamed(file) };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(meta.len()));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/gzip"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> ArtifactResponse {
    let body = Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {});
    let mut response = Response::new(body.boxed());
    *response.status_mut() = status;
    response
}

fn streamed(file: tokio::fs::File) -> ArtifactResponse {
    let chunks = stream::unfold(Some(file), |file| async {
        let mut file = file?;
        let mut chunk = BytesMut::with_capacity(64 << 10);
        match file.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Frame::data(chunk.freeze())), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    });
    Response::new(BodyExt::boxed(StreamBody::new(SyncStream(parking_lot::Mutex::new(Box::pin(chunks))))))
}

/// A boxed body must be `Sync`; the stream is polled by one task only.
struct SyncStream<S>(parking_lot::Mutex<std::pin::Pin<Box<S>>>);

impl<S: futures::Stream> futures::Stream for SyncStream<S> {
    type Item = S::Item;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<S::Item>> {
        self.0.lock().as_mut().poll_next(context)
    }
}
