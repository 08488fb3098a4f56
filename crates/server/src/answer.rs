//! What a request is answered with.

use std::time::Duration;

use axum::body::Body;
use belay_object::{Value, object};
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::BoxStream;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};

use crate::Error;
use crate::fields::Fields;

/// What a request is answered with.
pub(crate) enum Answer {
    /// A message.
    Message(Value),
    /// A message that was written already.
    Text(Vec<u8>),
    /// Messages, as they come.
    Stream(BoxStream<'static, Result<Value, Error>>),
    /// Something that is no message.
    Other(Response<Body>),
}

impl Answer {
    /// A message without fields.
    pub fn empty() -> Answer {
        Answer::Message(Value::object())
    }
}

impl From<Value> for Answer {
    fn from(value: Value) -> Answer {
        Answer::Message(value)
    }
}

/// How often a silent stream says that it is there. Compat(argo 3.5)
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What of a request decides how its answer is written.
#[derive(Clone, Debug, Default)]
pub(crate) struct Manner {
    /// `fields=`
    pub fields: Option<Fields>,
    /// Whether the client takes events rather than lines.
    pub events: bool,
}

/// Writes an answer.
pub(crate) fn respond(answer: Result<Answer, Error>, manner: &Manner) -> Response<Body> {
    match answer {
        Ok(Answer::Message(value)) => json(StatusCode::OK, wanted(value, manner).to_json().into_bytes()),
        Ok(Answer::Text(text)) => json(StatusCode::OK, text),
        Ok(Answer::Other(response)) => response,
        Ok(Answer::Stream(stream)) => streamed(stream, manner.clone()),
        Err(error) => refused(&error),
    }
}

/// What of a message is asked for.
fn wanted(message: Value, manner: &Manner) -> Value {
    match &manner.fields {
        Some(fields) => fields.of(&message),
        None => message,
    }
}

/// Writes a refusal.
pub(crate) fn refused(error: &Error) -> Response<Body> {
    json(error.code().status(), error.body().to_json().into_bytes())
}

fn json(status: StatusCode, text: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Plain text.
pub(crate) fn plain(status: StatusCode, kind: &'static str, text: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Body::from(text.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn streamed(stream: BoxStream<'static, Result<Value, Error>>, manner: Manner) -> Response<Body> {
    let events = manner.events;
    let lines = stream.map(move |item| line(item, &manner));
    let body = if events { Body::from_stream(kept_alive(lines.boxed())) } else { Body::from_stream(lines) };
    let mut response = Response::new(body);
    let kind = if events { "text/event-stream" } else { "application/json" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // nginx would hold events back until it has a buffer full of them.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

type Line = Result<Bytes, std::convert::Infallible>;

fn line(item: Result<Value, Error>, manner: &Manner) -> Line {
    let message = match item {
        Ok(value) => wanted(object! { "result" => value }, manner),
        Err(error) => {
            let status = error.code().status();
            object! { "error" => object! {
                "grpc_code" => error.code() as i64,
                "http_code" => i64::from(status.as_u16()),
                "http_status" => status.canonical_reason().unwrap_or_default(),
                "message" => error.message(),
            } }
        }
    };
    let text = message.to_json();
    Ok(Bytes::from(if manner.events { format!("data: {text}\n\n") } else { format!("{text}\n") }))
}

fn kept_alive(lines: BoxStream<'static, Line>) -> impl futures::Stream<Item = Line> + Send {
    futures::stream::unfold(lines, |mut lines| async move {
        match tokio::time::timeout(KEEP_ALIVE, lines.next()).await {
            Ok(next) => next.map(|line| (line, lines)),
            Err(_) => Some((Ok(Bytes::from_static(b":\n")), lines)),
        }
    })
}
