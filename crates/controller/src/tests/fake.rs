//! A tiny API server: objects by path, versions, conflicts, merge and JSON patches.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_cluster::{Body, Cluster};
use belay_object::{Value, from_json, json_patch, merge_patch, object};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use parking_lot::Mutex;
use tower::{BoxError, service_fn};

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Value>,
    pub version: u64,
    pub log: Vec<String>,
    /// Requests are never answered while set.
    pub down: bool,
}

#[derive(Clone, Default)]
pub struct Fake(pub Arc<Mutex<State>>);

fn refusal(code: u16, reason: &str) -> (u16, Value) {
    (
        code,
        object! { "kind" => "Status", "code" => u32::from(code), "reason" => reason, "message" => reason,
        "details" => object! { "name" => "x", "kind" => "y" } },
    )
}

impl State {
    fn store(&mut self, path: String, mut value: Value) -> (u16, Value) {
        self.version += 1;
        value.set(&["metadata", "resourceVersion"], self.version.to_string());
        if value.str_at(&["metadata", "uid"]).is_none() {
            value.set(&["metadata", "uid"], format!("uid-{}", self.version));
        }
        self.objects.insert(path, value.clone());
        (200, value)
    }
    fn answer(&mut self, method: &Method, path: &str, kind: &str, body: Value) -> (u16, Value) {
        self.log.push(format!("{method} {path}"));
        let object_path = path.trim_end_matches("/status").to_owned();
        if *method == Method::POST {
            let path = format!("{path}/{}", body.str_at(&["metadata", "name"]).unwrap());
            return match self.objects.contains_key(&path) {
                true => refusal(409, "AlreadyExists"),
                false => self.store(path, body),
            };
        }
        let Some(live) = self.objects.get(&object_path).cloned() else { return refusal(404, "NotFound") };
        if *method == Method::GET {
            return (200, live);
        }
        let mut next = live.clone();
        if *method == Method::PUT {
            next = body;
        } else if kind.starts_with("application/merge-patch") {
            let uid = body.str_at(&["metadata", "uid"]);
            if uid.is_some_and(|uid| Some(uid) != live.str_at(&["metadata", "uid"])) {
                return refusal(409, "Conflict");
            }
            merge_patch(&mut next, &body);
        } else if json_patch(&mut next, &body).is_err() {
            return refusal(422, "Invalid");
        }
        let version = |v: &Value| v.str_at(&["metadata", "resourceVersion"]).unwrap_or_default().to_owned();
        if !version(&next).is_empty() && version(&next) != version(&live) {
            return refusal(409, "Conflict");
        }
        self.store(object_path, next)
    }
}

impl Fake {
    pub fn cluster(&self) -> Cluster {
        let state = self.0.clone();
        let service = service_fn(move |request: Request<Body>| {
            let state = state.clone();
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await?.to_bytes();
                let body = if body.is_empty() { Value::Null } else { from_json(&body)? };
                let kind = parts.headers.get("content-type").map_or("", |v| v.to_str().unwrap()).to_owned();
                if state.lock().down {
                    std::future::pending::<()>().await;
                }
                let (code, answer) = state.lock().answer(&parts.method, parts.uri.path(), &kind, body);
                let mut response = Response::new(Full::new(Bytes::from(answer.to_json())));
                *response.status_mut() = http::StatusCode::from_u16(code)?;
                Ok::<_, BoxError>(response)
            }
        });
        Cluster::from_service("fake", service)
    }
    pub fn object(&self, path: &str) -> Value {
        self.0.lock().objects.get(path).cloned().unwrap_or_default()
    }
    pub fn log(&self) -> Vec<String> {
        self.0.lock().log.clone()
    }
}
