//! The fake: a service that notes what was sent and answers what the test says.

use std::convert::Infallible;
use std::sync::Arc;

use belay_object::{Value, from_json, from_json_str};
use bytes::Bytes;
use futures::future::BoxFuture;
use http::{HeaderMap, Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tower::{BoxError, service_fn};

use crate::{Body, Cluster};

/// One request as it was sent.
#[derive(Clone)]
pub struct Sent {
    /// `GET /api/v1/namespaces?limit=500`
    pub line: String,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Sent {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }
}

/// What the fake answers.
pub enum Reply {
    Json(u16, Value),
    Text(u16, &'static str),
    RetryAfter(u16, u64),
    /// Lines of a watch; ends when the sender is dropped.
    Stream(mpsc::UnboundedReceiver<Result<String, &'static str>>),
    /// Never.
    Hang,
    /// The connection breaks.
    Reset,
}

pub fn json(text: &str) -> Value {
    from_json_str(text).unwrap()
}
pub fn ok(text: &str) -> Reply {
    Reply::Json(200, json(text))
}
pub fn status(code: u16, reason: &str) -> Reply {
    let text = format!(
        r#"{{"kind":"Status","code":{code},"reason":"{reason}","message":"{reason} said","details":{{"name":"a","kind":"configmaps"}}}}"#
    );
    Reply::Json(code, json(&text))
}

/// The fake API server's notes.
#[derive(Clone, Default)]
pub struct Notes(Arc<Mutex<Vec<Sent>>>);

impl Notes {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().iter().map(|s| s.line.clone()).collect()
    }
    pub fn all(&self) -> Vec<Sent> {
        self.0.lock().clone()
    }
    pub fn count(&self, part: &str) -> usize {
        self.0.lock().iter().filter(|s| s.line.contains(part)).count()
    }
}

fn reply(reply: Reply) -> Result<Response<BoxBody<Bytes, BoxError>>, BoxError> {
    let full = |code: u16, text: String, header: Option<u64>| {
        let body = Full::new(Bytes::from(text)).map_err(|e: Infallible| match e {}).boxed();
        let mut response = Response::new(body);
        *response.status_mut() = http::StatusCode::from_u16(code).unwrap();
        if let Some(seconds) = header {
            response.headers_mut().insert("retry-after", seconds.into());
        }
        response
    };
    match reply {
        Reply::Json(code, value) => Ok(full(code, value.to_json(), None)),
        Reply::Text(code, text) => Ok(full(code, text.to_owned(), None)),
        Reply::RetryAfter(code, seconds) => Ok(full(code, String::new(), Some(seconds))),
        Reply::Stream(lines) => {
            let frames = futures::stream::unfold(lines, |mut lines| async move {
                let frame = match lines.recv().await? {
                    Ok(line) => Ok(Frame::data(Bytes::from(line + "\n"))),
                    Err(broken) => Err(BoxError::from(broken)),
                };
                Some((frame, lines))
            });
            Ok(Response::new(BoxBody::new(StreamBody::new(frames))))
        }
        Reply::Reset => Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset).into()),
        Reply::Hang => unreachable!("handled before"),
    }
}

/// A cluster whose every request is answered by `answer`, which is given the number of the request.
pub fn cluster(answer: impl Fn(usize, &Sent) -> Reply + Send + Sync + 'static) -> (Cluster, Notes) {
    let notes = Notes::default();
    let (kept, answer) = (notes.clone(), Arc::new(answer));
    let service = service_fn(move |request: Request<Body>| {
        let (kept, answer) = (kept.clone(), answer.clone());
        let respond: BoxFuture<'static, _> = Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let body = if body.is_empty() { Value::Null } else { from_json(&body)? };
            let sent = Sent { line: format!("{} {}", parts.method, parts.uri), headers: parts.headers, body };
            let number = {
                let mut all = kept.0.lock();
                all.push(sent.clone());
                all.len() - 1
            };
            match answer(number, &sent) {
                Reply::Hang => std::future::pending().await,
                other => reply(other),
            }
        });
        respond
    });
    (Cluster::from_service("fake", service), notes)
}
