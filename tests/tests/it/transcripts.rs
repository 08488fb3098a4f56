//! Recorded conversations of a real Kubernetes 1.36 API server, replayed against the embedded one with
//! no socket. The comparison is that of `shared/tools/replay_transcripts.py`: times, uids, versions
//! and generated names are masked, everything else must be equal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use belay_apiserver::{Body, Options, Server, controllers};
use belay_object::{Map, Value, from_json, from_json_str};
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use regex::Regex;
use tokio::task::JoinHandle;

/// Conversations that differ. The list may only shrink: one that is in it and replays is an error as well.
const KNOWN_FAILURES: &[&str] = &[];

fn recordings() -> Option<PathBuf> {
    let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/kubernetes/transcripts");
    if !dir.is_dir() {
        eprintln!("skipped: shared/kubernetes is not beside the repository");
        return None;
    }
    Some(dir)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_recorded_conversation_replays_without_a_difference() {
    let Some(dir) = recordings() else { return };
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    let mut report = String::new();
    let mut failed = Vec::new();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let (name, differences) = replay(file).await;
        if !differences.is_empty() {
            report.push_str(&format!("{name}:\n{}\n", differences.join("\n")));
            failed.push(name);
        }
    }
    failed.sort();
    assert_eq!(failed, KNOWN_FAILURES, "{report}");
}

async fn replay(file: &Path) -> (String, Vec<String>) {
    let scenario = from_json(&std::fs::read(file).unwrap()).unwrap();
    // The pods of the recordings stay pending: there was no node.
    let on = scenario["controllers"].as_bool() == Some(true);
    let controllers = on.then(|| controllers::Options { node: None, ..controllers::Options::default() });
    let server = Server::new(Options { controllers, ..Options::default() });
    let mut replay =
        Replay { server, vars: Map::new(), mask: Mask::new(), watches: BTreeMap::new(), differences: Vec::new() };
    for (i, step) in scenario["steps"].items().iter().enumerate() {
        // The recording's client was slower than its controllers.
        replay.server.settled().await;
        // What never came is waited for once: the rest of the conversation is about it.
        if !replay.step(i, step).await {
            break;
        }
    }
    (scenario.str_at(&["name"]).unwrap().to_owned(), replay.differences)
}

/// Puts placeholders where a value may differ from run to run.
struct Mask {
    names: Vec<(String, String)>,
    uid: Regex,
    time: Regex,
    version: Regex,
    token: Regex,
}

impl Mask {
    fn new() -> Mask {
        let regex = |text| Regex::new(text).unwrap();
        Mask {
            names: Vec::new(),
            uid: regex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
            time: regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"),
            version: regex(r"(resource version: |current: |\()\d{2,}\b"),
            token: regex("^eyJ2Ijoi[A-Za-z0-9_=-]+$"),
        }
    }
    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (real, placeholder) in &self.names {
            text = text.replace(real, placeholder);
        }
        let text = self.uid.replace_all(&text, "<uid>");
        let text = self.time.replace_all(&text, "<time>");
        let text = self.version.replace_all(&text, "${1}<rv>");
        self.token.replace(&text, "<continue>").into_owned()
    }
    fn value(&mut self, value: &Value, key: &str) -> Value {
        match value {
            Value::Object(map) => {
                let meta = |name| value.str_at(&["metadata", name]).filter(|t| !t.is_empty());
                if let (Some(generate), Some(name)) = (meta("generateName"), meta("name"))
                    && !self.names.iter().any(|(real, _)| real == name)
                {
                    self.names.push((name.to_owned(), format!("{generate}<random>")));
                }
                let fields = map.iter().map(|(k, v)| match (k.as_str(), v.as_str()) {
                    ("resourceVersion", Some(text)) if !text.is_empty() && text != "0" => {
                        (k.to_string(), "<rv>".into())
                    }
                    ("pod-template-hash", _) => (k.to_string(), "<hash>".into()),
                    ("continue", Some(text)) if !text.is_empty() => (k.to_string(), "<continue>".into()),
                    _ => (self.text(k), self.value(v, k)),
                });
                Value::Object(fields.collect())
            }
            Value::Array(items) => {
                let mut items: Vec<Value> = items.iter().map(|v| self.value(v, key)).collect();
                if matches!(key, "managedFields" | "causes") {
                    items.sort_by_key(Value::to_json);
                }
                items.into_iter().collect()
            }
            Value::Str(text) => self.text(text).into(),
            other => other.clone(),
        }
    }
}

struct Watch {
    events: Arc<Mutex<Vec<Value>>>,
    task: JoinHandle<()>,
}

struct Replay {
    server: Server,
    vars: Map,
    mask: Mask,
    watches: BTreeMap<String, Watch>,
    differences: Vec<String>,
}

fn absent() -> Value {
    "<absent>".into()
}

fn differences(want: &Value, got: &Value, at: &str, out: &mut Vec<String>) {
    match (want, got) {
        (Value::Object(a), Value::Object(b)) => {
            let keys = a.keys().chain(b.keys().filter(|k| !a.contains_key(k)));
            for key in keys {
                let (x, y) = (a.get(key), b.get(key));
                match (x, y) {
                    (Some(x), Some(y)) => differences(x, y, &format!("{at}/{key}"), out),
                    _ => out.push(format!(
                        "{at}/{key}: want {}, got {}",
                        x.cloned().unwrap_or_else(absent),
                        y.cloned().unwrap_or_else(absent)
                    )),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (x, y)) in a.iter().zip(b.iter()).enumerate() {
                differences(x, y, &format!("{at}/{i}"), out);
            }
        }
        _ if want == got => {}
        _ => out.push(format!("{at}: want {want}, got {got}")),
    }
}

impl Replay {
    /// Gives `false` where a wait was in vain.
    async fn step(&mut self, i: usize, step: &Value) -> bool {
        let filled = self.fill(step);
        let expect = step.get("expect").cloned().unwrap_or_else(Value::object);
        let found = if let Some(name) = step.str_at(&["watch"]) {
            self.open(name.to_owned(), &filled, &expect).await
        } else if let Some(name) = step.str_at(&["collect"]) {
            self.collect(name, step, &expect).await
        } else if step.get("await").is_some() {
            self.wait(&filled).await
        } else {
            self.request(step, &filled, &expect).await
        };
        let what = filled.str_at(&["path"]).unwrap_or_default().to_owned();
        let vain = step.get("await").is_some() && !found.is_empty();
        self.differences.extend(found.into_iter().map(|d| format!("  step {i} {what} {d}")));
        !vain
    }

    fn fill(&self, value: &Value) -> Value {
        match value {
            Value::Str(text) => {
                let mut text = text.to_string();
                for (name, saved) in self.vars.iter() {
                    let placeholder = format!("${{{name}}}");
                    if text == placeholder {
                        return saved.clone();
                    }
                    text = text.replace(&placeholder, saved.as_str().unwrap_or_default());
                }
                text.into()
            }
            Value::Object(map) => match map.get("$repeat") {
                Some(repeat) => {
                    let times = usize::try_from(repeat[1].as_i64().unwrap()).unwrap();
                    repeat[0].as_str().unwrap().repeat(times).into()
                }
                None => Value::Object(
                    map.iter().filter(|(k, _)| *k != "expect").map(|(k, v)| (k.clone(), self.fill(v))).collect(),
                ),
            },
            Value::Array(items) => items.iter().map(|v| self.fill(v)).collect(),
            other => other.clone(),
        }
    }

    fn uri(step: &Value, watch: bool) -> String {
        let mut pairs: Vec<(String, String)> = Vec::new();
        if watch {
            pairs.push(("watch".into(), "true".into()));
        }
        for (key, value) in step["query"].as_object().into_iter().flat_map(Map::iter) {
            pairs.push((key.to_string(), value.as_str().map_or_else(|| value.to_json(), str::to_owned)));
        }
        let encode = |text: &str| -> String {
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~/,=!()".contains(&b);
            text.bytes().map(|b| if plain(b) { (b as char).to_string() } else { format!("%{b:02X}") }).collect()
        };
        let query: Vec<String> = pairs.iter().map(|(k, v)| format!("{}={}", encode(k), encode(v))).collect();
        let path = step.str_at(&["path"]).unwrap();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{}", query.join("&")) }
    }

    async fn send(&self, method: &str, uri: &str, headers: &Value, body: Vec<u8>) -> Response<Body> {
        let mut request = Request::builder().method(method).uri(uri);
        if headers.get("Accept").is_none() {
            request = request.header("Accept", "application/json");
        }
        for (key, value) in headers.as_object().into_iter().flat_map(Map::iter) {
            request = request.header(key.as_str(), value.as_str().unwrap());
        }
        self.server.answer(request.body(Full::new(Bytes::from(body))).unwrap()).await
    }

    async fn request(&mut self, step: &Value, filled: &Value, expect: &Value) -> Vec<String> {
        let body = match (filled.get("body"), filled.str_at(&["raw"])) {
            (Some(body), _) => body.to_json().into_bytes(),
            (None, Some(raw)) => raw.as_bytes().to_vec(),
            (None, None) => Vec::new(),
        };
        let method = filled.str_at(&["method"]).unwrap();
        let response = self.send(method, &Self::uri(filled, false), &filled["headers"], body).await;
        let (head, body) = response.into_parts();
        let header = |name: &str| -> Vec<String> {
            head.headers.get_all(name).iter().map(|v| v.to_str().unwrap().to_owned()).collect()
        };
        let raw = body.collect().await.unwrap().to_bytes();
        let body = match from_json(&raw) {
            Ok(value) => value,
            Err(_) if raw.is_empty() => Value::Null,
            Err(_) => String::from_utf8_lossy(&raw).into_owned().into(),
        };
        let content_type = header("content-type").pop().unwrap_or_default();
        let content_type = match content_type.starts_with("text/") {
            true => content_type.split(';').next().unwrap().to_owned(),
            false => content_type.split("; charset").next().unwrap().to_owned(),
        };
        let mut got = Map::new();
        got.insert("status", i64::from(head.status.as_u16()));
        got.insert("contentType", content_type);
        if !header("warning").is_empty() {
            got.insert("warnings", header("warning"));
        }
        for (name, pointer) in step["save"].as_object().into_iter().flat_map(Map::iter) {
            if let Some(value) = body.pointer(pointer.as_str().unwrap()) {
                self.vars.insert(name.clone(), value.clone());
            }
        }
        if expect.get("body").is_some() {
            got.insert("body", self.mask.value(&body, ""));
        }
        if let Some(at) = expect.get("at").and_then(Value::as_object) {
            let found = at.keys().map(|pointer| {
                let value = body.pointer(pointer).cloned().unwrap_or_else(absent);
                (pointer.clone(), self.mask.value(&value, pointer.rsplit('/').next().unwrap()))
            });
            got.insert("at", Value::Object(found.collect()));
        }
        let mut out = Vec::new();
        differences(expect, &Value::Object(got), "", &mut out);
        out
    }

    async fn open(&mut self, name: String, filled: &Value, expect: &Value) -> Vec<String> {
        let response = self.send("GET", &Self::uri(filled, true), &filled["headers"], Vec::new()).await;
        let status = i64::from(response.status().as_u16());
        let events = Arc::new(Mutex::new(Vec::new()));
        let sink = events.clone();
        let task = tokio::spawn(async move {
            let mut body = response.into_body();
            let mut text = Vec::new();
            while let Some(Ok(frame)) = body.frame().await {
                text.extend_from_slice(&frame.into_data().unwrap_or_default());
                while let Some(end) = text.iter().position(|b| *b == b'\n') {
                    let line: Vec<u8> = text.drain(..=end).collect();
                    sink.lock().unwrap().push(from_json(&line).unwrap());
                }
            }
        });
        self.watches.insert(name, Watch { events, task });
        let mut out = Vec::new();
        differences(expect, &belay_object::object! { "status" => status }, "", &mut out);
        out
    }

    async fn collect(&mut self, name: &str, step: &Value, expect: &Value) -> Vec<String> {
        let ignore = step.get("ignoreBookmarks").and_then(Value::as_bool) != Some(false);
        let watch = self.watches.remove(name).unwrap();
        let seen = || -> Vec<Value> {
            let events = watch.events.lock().unwrap();
            events.iter().filter(|e| !(ignore && e.str_at(&["type"]) == Some("BOOKMARK"))).cloned().collect()
        };
        let want = &expect["events"];
        for _ in 0..400 {
            if seen().len() >= want.items().len() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // What comes beyond what is wanted comes at once.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let got: Value = seen().iter().map(|e| self.mask.value(e, "")).collect();
        watch.task.abort();
        let mut out = Vec::new();
        differences(want, &got, "/events", &mut out);
        out
    }

    async fn wait(&mut self, step: &Value) -> Vec<String> {
        let mut got = Value::Null;
        for _ in 0..500 {
            let response = self.send("GET", step.str_at(&["await"]).unwrap(), &Value::Null, Vec::new()).await;
            let status = i64::from(response.status().as_u16());
            let raw = response.into_body().collect().await.unwrap().to_bytes();
            got = match step.str_at(&["pointer"]) {
                None => status.into(),
                Some(pointer) => from_json(&raw).ok().and_then(|v| v.pointer(pointer).cloned()).unwrap_or_else(absent),
            };
            if got == step[if step.get("status").is_some() { "status" } else { "equals" }] {
                return Vec::new();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        vec![format!("{}: want {}, got {got}", step["await"], step)]
    }
}

#[test]
fn masks_hide_what_differs_from_run_to_run() {
    let mut mask = Mask::new();
    let value = from_json_str(
        r#"{"metadata":{"generateName":"g-","name":"g-abcde","resourceVersion":"123","creationTimestamp":"2026-01-01T00:00:00Z"},
            "note":"g-abcde of 00000000-0000-0000-0000-000000000000 (1234)"}"#,
    )
    .unwrap();
    assert_eq!(
        mask.value(&value, "").to_json(),
        r#"{"metadata":{"creationTimestamp":"<time>","generateName":"g-","name":"g-<random>","resourceVersion":"<rv>"},"note":"g-<random> of <uid> (<rv>)"}"#
    );
}
