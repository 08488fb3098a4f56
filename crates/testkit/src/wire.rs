//! A wire between a client and an API server, both in the process: it counts requests and does to
//! the N-th what networks and crashes do.
//!
//! The faults of `belay_apiserver::Faults` are those of a server and last for the server's life. A
//! wire is one process' connections: once it is cut, nothing that the process sends arrives any
//! more, nothing that it waits for comes, and another process has a wire of its own.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use tokio::sync::Notify;
use tower::Service;

/// Errors of the wire, as connections have them.
pub type WireError = Box<dyn std::error::Error + Send + Sync>;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// The process dies before the request leaves it.
    CrashBefore,
    /// The process dies after the request was executed, before it sees the answer.
    CrashAfter,
    /// The connection breaks before the request arrives.
    DropBefore,
    /// The connection breaks after the request was executed.
    DropAfter,
    /// No answer comes, and nothing is done.
    Hang,
    /// This status, and `Retry-After: 0` with a 429; nothing is done.
    Status(u16),
}

/// The end of the wire that a test holds. All clones are one wire.
#[derive(Clone, Default)]
pub struct Wire(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    struck: Notify,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    armed: Option<(usize, Trouble)>,
    /// Requests whose line holds one of these texts get this status.
    refused: Vec<(String, u16)>,
    struck: bool,
    dead: bool,
}

impl Wire {
    /// Puts the wire before a service.
    pub fn to<S>(&self, service: S) -> Wired<S> {
        Wired { service, wire: self.clone() }
    }
    /// Does this to the `nth` request from now on, counted from 1.
    pub fn arm(&self, nth: usize, trouble: Trouble) {
        let mut state = self.state();
        state.armed = Some((state.log.len() + nth, trouble));
        state.struck = false;
    }
    /// Answers every request whose method, path and query hold a text with a status, from now on.
    pub fn refuse(&self, text: &str, status: u16) {
        self.state().refused.push((text.to_owned(), status));
    }
    /// Answers all requests again.
    pub fn refuse_none(&self) {
        self.state().refused.clear();
    }
    /// How many requests were sent.
    pub fn count(&self) -> usize {
        self.state().log.len()
    }
    /// The requests sent, from the `from`-th on: method, path and query, and ` as user` where one is impersonated.
    pub fn log(&self, from: usize) -> Vec<String> {
        self.state().log.get(from..).unwrap_or_default().to_vec()
    }
    /// Whether the trouble came.
    pub fn has_struck(&self) -> bool {
        self.state().struck
    }
    /// Waits for the trouble.
    pub async fn struck(&self) {
        loop {
            let news = self.0.struck.notified();
            if self.has_struck() {
                return;
            }
            news.await;
        }
    }
    /// Cuts the wire.
    pub fn cut(&self) {
        self.state().dead = true;
    }
    fn is_dead(&self) -> bool {
        self.state().dead
    }
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder of the lock panics")
    }

    /// Counts a request and says what is to happen to it.
    fn sent(&self, request: String) -> Option<Trouble> {
        let mut state = self.state();
        let refused = state.refused.iter().find(|(text, _)| request.contains(text.as_str()));
        let refused = refused.map(|(_, status)| Trouble::Status(*status));
        state.log.push(request);
        if refused.is_some() {
            return refused;
        }
        let (nth, trouble) = state.armed?;
        if state.log.len() != nth {
            return None;
        }
        state.armed = None;
        // What comes after a request that is still executed is cut when that has ended.
        state.dead = trouble == Trouble::CrashBefore;
        drop(state);
        if trouble != Trouble::CrashAfter {
            self.strike();
        }
        Some(trouble)
    }
    fn strike(&self) {
        self.state().struck = true;
        self.0.struck.notify_waiters();
    }
}

/// A service behind a wire.
#[derive(Clone)]
pub struct Wired<S> {
    service: S,
    wire: Wire,
}

impl<S, B, R> Service<Request<B>> for Wired<S>
where
    S: Service<Request<B>, Response = Response<R>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Send + 'static,
    R: http_body::Body<Data = Bytes> + Send + Unpin + 'static,
    R::Error: Into<WireError>,
{
    type Response = Response<WireBody<R>>;
    type Error = WireError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, WireError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), WireError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut service, wire) = (self.service.clone(), self.wire.clone());
        Box::pin(async move {
            if wire.is_dead() {
                return std::future::pending().await;
            }
            let user = request.headers().get("impersonate-user").and_then(|user| user.to_str().ok());
            let user = user.map(|user| format!(" as {user}")).unwrap_or_default();
            let trouble = wire.sent(format!("{} {}{user}", request.method(), request.uri()));
            match trouble {
                None => {}
                Some(Trouble::CrashBefore | Trouble::Hang) => return std::future::pending().await,
                Some(Trouble::DropBefore) => return Err("connection reset before the request was sent".into()),
                Some(Trouble::Status(status)) => return Ok(refusal(status, wire)),
                Some(Trouble::CrashAfter | Trouble::DropAfter) => {
                    let _ = service.call(request).await;
                    if trouble == Some(Trouble::DropAfter) {
                        return Err("connection reset before the answer came".into());
                    }
                    wire.cut();
                    wire.strike();
                    return std::future::pending().await;
                }
            }
            let Ok(response) = service.call(request).await;
            if wire.is_dead() {
                return std::future::pending().await;
            }
            Ok(response.map(|body| WireBody { body: Carried::Served(body), wire }))
        })
    }
}

fn refusal<R>(status: u16, wire: Wire) -> Response<WireBody<R>> {
    let text = format!(
        r#"{{"kind":"Status","apiVersion":"v1","status":"Failure","message":"injected","reason":"Injected","code":{status}}}"#
    );
    let mut response = Response::new(WireBody { body: Carried::Text(Some(text.into())), wire });
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if status == 429 {
        response.headers_mut().insert(http::header::RETRY_AFTER, http::HeaderValue::from_static("0"));
    }
    response
}

/// An answer's body: silent once the wire is cut.
pub struct WireBody<R> {
    body: Carried<R>,
    wire: Wire,
}

enum Carried<R> {
    Served(R),
    Text(Option<Bytes>),
}

impl<R> http_body::Body for WireBody<R>
where
    R: http_body::Body<Data = Bytes> + Unpin,
    R::Error: Into<WireError>,
{
    type Data = Bytes;
    type Error = WireError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, WireError>>> {
        if self.wire.is_dead() {
            // Nobody is there to be woken: the process is about to be dropped.
            return Poll::Pending;
        }
        match &mut self.body {
            Carried::Served(body) => Pin::new(body).poll_frame(cx).map_err(Into::into),
            Carried::Text(text) => Poll::Ready(text.take().map(|text| Ok(Frame::data(text)))),
        }
    }
    fn is_end_stream(&self) -> bool {
        match &self.body {
            Carried::Served(body) => body.is_end_stream(),
            Carried::Text(text) => text.is_none(),
        }
    }
}
