//! The server as its clients see it, with no socket: what the recordings do not show.

use std::time::Duration;

use belay_object::{Value, from_json};
use bytes::Bytes;
use http::{HeaderMap, Method, Request};
use http_body_util::{BodyExt, Full};

use crate::store::HistoryLimits;
use crate::{Body, Options, Server};

mod definitions;
mod deletion;
mod faults;
mod limits;
mod scope;
mod serving;
mod watching;
mod writing;

/// A server without controllers, with a namespace `shop`.
fn server() -> Server {
    server_with(Options::default())
}

fn server_with(options: Options) -> Server {
    let server = Server::new(options);
    let namespace = belay_object::Object::of("v1", "Namespace", "", "shop");
    server.handle("test").create(namespace).unwrap();
    server
}

/// An answer, read whole.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Value,
    text: String,
}

impl Answer {
    fn at(&self, pointer: &str) -> String {
        match self.body.pointer(pointer) {
            None => "absent".into(),
            Some(Value::Str(text)) => text.to_string(),
            Some(other) => other.to_json(),
        }
    }
    #[track_caller]
    fn check(&self, status: u16, expected: &[(&str, &str)]) -> &Answer {
        assert_eq!(self.status, status, "{}", self.text);
        for (pointer, value) in expected {
            assert_eq!(self.at(pointer), *value, "{pointer} of {}", self.text);
        }
        self
    }
}

async fn call(server: &Server, method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let mut request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = server.answer(request.body(Full::new(Bytes::from(body.to_owned()))).unwrap()).await;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
    Answer {
        status: head.status.as_u16(),
        headers: head.headers,
        body: from_json(&bytes).unwrap_or_default(),
        text: String::from_utf8_lossy(&bytes).into_owned(),
    }
}

async fn get(server: &Server, uri: &str) -> Answer {
    call(server, "GET", uri, &[], "").await
}
async fn post(server: &Server, uri: &str, body: &str) -> Answer {
    call(server, "POST", uri, &[("content-type", "application/json")], body).await
}
async fn put(server: &Server, uri: &str, body: &str) -> Answer {
    call(server, "PUT", uri, &[("content-type", "application/json")], body).await
}
async fn delete(server: &Server, uri: &str, body: &str) -> Answer {
    call(server, "DELETE", uri, &[("content-type", "application/json")], body).await
}
async fn merge(server: &Server, uri: &str, body: &str) -> Answer {
    call(server, "PATCH", uri, &[("content-type", "application/merge-patch+json")], body).await
}
async fn json_patch(server: &Server, uri: &str, body: &str) -> Answer {
    call(server, "PATCH", uri, &[("content-type", "application/json-patch+json")], body).await
}
async fn apply(server: &Server, uri: &str, body: &str) -> Answer {
    let uri = format!("{uri}{}fieldManager=test", if uri.contains('?') { '&' } else { '?' });
    call(server, "PATCH", &uri, &[("content-type", "application/apply-patch+yaml")], body).await
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/shop/configmaps";

fn config_map(name: &str, value: &str) -> String {
    format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"{name}"}},"data":{{"k":"{value}"}}}}"#)
}

/// A watch under way: its lines as they come.
struct Lines {
    body: Body,
    rest: Vec<u8>,
}

impl Lines {
    async fn open(server: &Server, uri: &str) -> Lines {
        let response = server.answer(Request::get(uri).body(Full::<Bytes>::default()).unwrap()).await;
        assert_eq!(response.status(), 200, "{uri}");
        Lines { body: response.into_body(), rest: Vec::new() }
    }
    /// The next event; `None` where the watch has ended.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.rest.drain(..=end).collect();
                return Some(from_json(&line).unwrap());
            }
            let frame = tokio::time::timeout(Duration::from_secs(20), self.body.frame()).await.expect("an event");
            self.rest.extend_from_slice(&frame?.ok()?.into_data().unwrap());
        }
    }
    /// The next events as `TYPE name`, so many.
    async fn names(&mut self, count: usize) -> Vec<String> {
        let mut names = Vec::new();
        for _ in 0..count {
            let event = self.next().await.expect("an event");
            let text = |path: &[&str]| event.str_at(path).unwrap_or_default().to_owned();
            names.push(format!("{} {}", text(&["type"]), text(&["object", "metadata", "name"])));
        }
        names
    }
}

fn short_history(max_events: usize) -> Options {
    Options { history: HistoryLimits { max_events, max_bytes: 1 << 20 }, ..Options::default() }
}
