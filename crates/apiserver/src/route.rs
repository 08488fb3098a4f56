//! From an HTTP request to an operation and back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_object::{Object, Value, object};
use bytes::Bytes;
use http::header::USER_AGENT;
use http::request::Parts;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::BodyExt;

use crate::body::{Body, BodyError};
use crate::faults::{Fault, reason_of};
use crate::identity::UserInfo;
use crate::negotiate::{self, Text};
use crate::plugin::Attributes;
use crate::request::{Query, ResourcePath, Target};
use crate::resource::{Registry, Resource};
use crate::server::Inner;
use crate::status::{ApiError, FieldError, Reason, Result};
use crate::{auth, discovery, openapi, respond, verbs};

mod operation;

/// The largest body that is read.
const MAX_BODY_BYTES: usize = 3 << 20;
/// How long a body may take to come.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How much of a larger body is read to be able to answer.
const MAX_DRAINED_BYTES: usize = 64 << 20;

/// A request, read and authenticated.
pub(crate) struct Call<'a> {
    pub inner: &'a Inner,
    pub parts: &'a Parts,
    pub query: Query,
    pub user: UserInfo,
    pub registry: Arc<Registry>,
}

/// Answers one request.
pub(crate) async fn answer<B>(inner: &Arc<Inner>, trusted: bool, request: Request<B>) -> Response<Body>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: std::fmt::Display,
{
    let began = Instant::now();
    let (parts, body) = request.into_parts();
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let watching = parts.method == Method::GET && query.flag("watch");
    let agent = parts.headers.get(USER_AGENT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let method = if watching { "WATCH" } else { parts.method.as_str() };
    let fault = inner.faults.strike(method, parts.uri.path(), agent);
    match &fault {
        Some(Fault::Status(status)) => return injected(*status),
        Some(Fault::Drop) => return dropped(),
        Some(Fault::Delay(time)) => tokio::time::sleep(*time).await,
        Some(Fault::StatusAfter(_) | Fault::DropAfter | Fault::DropWatch(_)) | None => {}
    }
    let gzip = !watching && negotiate::accepts_gzip(&parts.headers);
    let body = match tokio::time::timeout(BODY_TIMEOUT, read_body(body)).await {
        Ok(body) => body,
        Err(_) => Err(ApiError::timeout("the request's body did not come in time")),
    };
    let response = match body {
        Ok(body) => {
            let result = dispatch(inner, trusted, &parts, query, body);
            result.unwrap_or_else(|e| respond::error(&e))
        }
        Err(e) => respond::error(&e),
    };
    tracing::debug!(
        method,
        path = parts.uri.path(),
        agent,
        status = response.status().as_u16(),
        micros = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
        "answered"
    );
    match fault {
        Some(Fault::StatusAfter(status)) => injected(status),
        Some(Fault::DropAfter) => dropped(),
        Some(Fault::DropWatch(time)) if watching => cut(response, time),
        _ => respond::compress(response, gzip),
    }
}

/// An answer that a fault rule gives.
fn injected(status: u16) -> Response<Body> {
    let mut error = ApiError::new(reason_of(status), format!("a fault rule answers this request with {status}"));
    if matches!(status, 429 | 503) {
        error.details.get_or_insert_default().retry_after_seconds = 1;
    }
    let mut response = respond::error(&error);
    if let Ok(status) = StatusCode::from_u16(status) {
        *response.status_mut() = status;
    }
    response
}

/// An answer whose body fails at once: over a socket the connection goes.
fn dropped() -> Response<Body> {
    Response::new(Body::stream(futures::stream::iter([Err(BodyError)])))
}

/// Ends a watch after a while, in the middle of its body.
fn cut(response: Response<Body>, after: Duration) -> Response<Body> {
    use futures::StreamExt;
    response.map(|body| {
        let chunks = http_body_util::BodyDataStream::new(body);
        let end = Box::pin(tokio::time::sleep(after));
        let end = futures::stream::once(end).map(|()| Err(BodyError));
        let cut = chunks.take_until(tokio::time::sleep(after)).chain(end);
        Body::stream(cut)
    })
}

/// Reads a body of bounded size.
async fn read_body<B>(body: B) -> Result<Bytes>
where
    B: http_body::Body<Data = Bytes> + Send,
    B::Error: std::fmt::Display,
{
    let too_large = || {
        let message = format!("Request entity too large: limit is {MAX_BODY_BYTES}");
        ApiError::new(Reason::RequestEntityTooLarge, message)
    };
    let mut body = std::pin::pin!(body);
    let mut bytes = Vec::new();
    let mut first = Bytes::new();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| ApiError::bad_request(format!("the body could not be read: {e}")))?;
        let Ok(data) = frame.into_data() else { continue };
        read += data.len();
        if read > MAX_BODY_BYTES {
            // A client that is still sending reads no answer: what it sends is taken, and dropped, up to a point.
            (first, bytes) = (Bytes::new(), Vec::new());
            match read > MAX_DRAINED_BYTES {
                true => return Err(too_large()),
                false => continue,
            }
        }
        // The usual body is one frame: it is not copied.
        if first.is_empty() && bytes.is_empty() {
            first = data;
        } else {
            bytes.extend_from_slice(&std::mem::take(&mut first));
            bytes.extend_from_slice(&data);
        }
    }
    if read > MAX_BODY_BYTES {
        return Err(too_large());
    }
    Ok(if bytes.is_empty() { first } else { bytes.into() })
}

fn dispatch(inner: &Inner, trusted: bool, parts: &Parts, query: Query, body: Bytes) -> Result<Response<Body>> {
    let Some(target) = Target::parse(parts.uri.path()) else { return Ok(respond::page_not_found()) };
    let user = auth::authenticate(&inner.plugins, &inner.store, &inner.token, &parts.headers, trusted)?;
    let call = Call { inner, parts, query, user, registry: inner.registry() };
    match &target {
        Target::Resource(path) => call.resource(path, body),
        Target::Plain => {
            call.authorize_path()?;
            call.count("get", parts.uri.path());
            Ok(call.plain().unwrap_or_else(respond::page_not_found))
        }
        Target::Root { .. } | Target::Group(_) | Target::Version { .. } => {
            call.authorize_path()?;
            call.count("get", parts.uri.path());
            let answer = discovery::answer(&call.registry, &target, &parts.headers);
            Ok(answer.unwrap_or_else(respond::page_not_found))
        }
    }
}

impl Call<'_> {
    fn agent(&self) -> &str {
        self.parts.headers.get(USER_AGENT).and_then(|h| h.to_str().ok()).unwrap_or_default()
    }
    fn count(&self, verb: &str, what: &str) {
        if !what.starts_with("/debug/") {
            self.inner.audit.count(verb, what, self.agent());
        }
    }
    fn authorize(&self, attributes: &Attributes<'_>) -> Result<()> {
        auth::authorize(&self.inner.plugins, &self.inner.store, &self.user, attributes)
    }
    fn authorize_path(&self) -> Result<()> {
        let verb = self.parts.method.as_str().to_lowercase();
        let verb = if verb == "head" { "get" } else { &verb };
        self.authorize(&Attributes { verb, path: self.parts.uri.path(), ..Attributes::default() })
    }

    /// What is no resource: health, version, OpenAPI, figures.
    fn plain(&self) -> Option<Response<Body>> {
        let path = self.parts.uri.path().trim_end_matches('/');
        let get = matches!(self.parts.method, Method::GET | Method::HEAD);
        let json = |value: &Value| respond::json(StatusCode::OK, value);
        match path {
            "" if get => Some(json(&object! { "paths" => self.paths() })),
            "/version" if get => Some(json(&version())),
            "/metrics" if get => Some(self.metrics()),
            "/debug/belay/requests" if get => Some(json(&self.inner.audit.to_value())),
            "/debug/belay/requests" if self.parts.method == Method::DELETE => {
                self.inner.audit.reset();
                Some(json(&self.inner.audit.to_value()))
            }
            "/debug/belay/faults" if get => Some(json(&self.faults())),
            _ if get && ["/healthz", "/livez", "/readyz"].iter().any(|p| under(path, p)) => Some(self.healthy(path)),
            _ if get && under(path, "/openapi") => {
                let header = |name| self.parts.headers.get(name).and_then(|h| h.to_str().ok()).unwrap_or_default();
                let query = self.parts.uri.query().unwrap_or_default();
                let document = openapi::document(&self.registry, path, query, header(http::header::ACCEPT))?;
                Some(document_response(document, header(http::header::IF_NONE_MATCH)))
            }
            _ => None,
        }
    }

    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = ["/api", "/api/v1", "/apis"].map(str::to_owned).to_vec();
        for group in self.registry.groups().iter().filter(|g| !g.name.is_empty()) {
            paths.push(format!("/apis/{}", group.name));
            paths.extend(group.versions.iter().map(|(v, _)| format!("/apis/{}/{v}", group.name)));
        }
        let more = ["/healthz", "/livez", "/metrics", "/openapi/v2", "/openapi/v3", "/readyz", "/version"];
        paths.extend(more.map(str::to_owned));
        paths
    }

    fn healthy(&self, path: &str) -> Response<Body> {
        let verbose = !self.query.get("verbose").is_empty() || self.parts.uri.query() == Some("verbose");
        match verbose {
            true => respond::text(StatusCode::OK, &format!("[+]ping ok\n{} check passed\n", &path[1..])),
            false => respond::text(StatusCode::OK, "ok"),
        }
    }

    fn metrics(&self) -> Response<Body> {
        let mut text = String::from("# TYPE apiserver_storage_objects gauge\n");
        for (group, resource, n) in self.inner.store.counts() {
            let name = crate::status::qualified(&group, &resource);
            text.push_str(&format!("apiserver_storage_objects{{resource={name:?}}} {n}\n"));
        }
        text.push_str("# TYPE apiserver_request_total counter\n");
        for ((verb, resource, agent), n) in self.inner.audit.rows() {
            text.push_str(&format!(
                "apiserver_request_total{{verb={verb:?},resource={resource:?},client={agent:?}}} {n}\n"
            ));
        }
        respond::with_type(StatusCode::OK, "text/plain; version=0.0.4", Body::full(text))
    }

    fn faults(&self) -> Value {
        let rule = |(rule, seen, struck): (crate::faults::FaultRule, u64, u64)| {
            object! {
                "method" => rule.method,
                "path" => rule.path,
                "userAgent" => rule.user_agent,
                "fault" => format!("{:?}", rule.fault),
                "seen" => seen,
                "struck" => struck,
            }
        };
        self.inner.faults.seen().into_iter().map(rule).collect()
    }

    /// A request for a resource: authorized by what it spells, then looked up, then done.
    fn resource(&self, path: &ResourcePath, body: Bytes) -> Result<Response<Body>> {
        let verb = self.verb(path);
        self.authorize(&Attributes {
            verb,
            group: &path.group,
            version: &path.version,
            resource: &path.resource,
            subresource: &path.subresource,
            namespace: if path.resource == "namespaces" { &path.name } else { &path.namespace },
            name: &path.name,
            path: "",
        })?;
        let mut what = crate::status::qualified(&path.group, &path.resource);
        if !path.subresource.is_empty() {
            what = format!("{what}/{}", path.subresource);
        }
        self.count(verb, &what);
        let Some(group) = self.registry.group(&path.group) else { return Ok(respond::page_not_found()) };
        let Some(resource) = self.registry.by_path(&path.group, &path.version, &path.resource) else {
            let known = group.versions.iter().any(|(v, _)| v == path.version.as_str());
            let builtin = group.versions.iter().flat_map(|(_, r)| r).any(|r| r.custom.is_none());
            return match known && builtin {
                true => Err(ApiError::no_such_resource()),
                false => Ok(respond::page_not_found()),
            };
        };
        check_scope(resource, path, verb)?;
        operation::run(self, resource, path, verb, body)
    }

    /// The request's verb, as authorization names it.
    fn verb(&self, path: &ResourcePath) -> &'static str {
        let collection = path.name.is_empty();
        match self.parts.method {
            Method::GET | Method::HEAD if self.query.flag("watch") => "watch",
            Method::GET | Method::HEAD if collection => "list",
            Method::GET | Method::HEAD => "get",
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if collection => "deletecollection",
            Method::DELETE => "delete",
            _ => "",
        }
    }
}

/// *Invariant* (INV-API-4): an object is reached in its own scope only.
fn check_scope(resource: &Resource, path: &ResourcePath, verb: &str) -> Result<()> {
    match (resource.namespaced, path.namespace.is_empty()) {
        (false, false) => Err(ApiError::no_such_resource()),
        (true, true) if !path.name.is_empty() => Err(ApiError::no_such_resource()),
        (true, true) if !matches!(verb, "list" | "watch") && resource.serves("list") => {
            Err(ApiError::method_not_allowed())
        }
        _ => Ok(()),
    }
}

fn under(path: &str, root: &str) -> bool {
    path.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn document_response(document: openapi::Document, known: &str) -> Response<Body> {
    let tag = format!("\"{}\"", document.etag);
    let unchanged = !document.etag.is_empty() && known == tag;
    let mut response = match unchanged {
        true => respond::with_type(StatusCode::NOT_MODIFIED, &document.content_type, Body::empty()),
        false => respond::with_type(StatusCode::OK, &document.content_type, Body::full(document.body)),
    };
    if let Ok(tag) = http::HeaderValue::from_str(&tag) {
        response.headers_mut().insert(http::header::ETAG, tag);
    }
    response
}

/// The version whose behaviour is served, with a build of our own.
fn version() -> Value {
    object! {
        "major" => "1",
        "minor" => "36",
        "emulationMajor" => "1",
        "emulationMinor" => "36",
        "minCompatibilityMajor" => "1",
        "minCompatibilityMinor" => "35",
        "gitVersion" => "v1.36.2",
        "gitCommit" => "",
        "gitTreeState" => "clean",
        "buildDate" => "2026-06-01T00:00:00Z",
        "goVersion" => "none",
        "compiler" => "rustc",
        "platform" => format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

/// The options that every write takes from its query.
pub(crate) fn write_options(call: &Call<'_>, patch: bool, body_bytes: usize) -> Result<verbs::WriteOptions> {
    let kind = match (patch, &call.parts.method) {
        (true, _) => "PatchOptions",
        (false, m) if *m == Method::PUT => "UpdateOptions",
        (false, _) => "CreateOptions",
    };
    let invalid = |error| Err(ApiError::invalid("meta.k8s.io", kind, "", vec![error]));
    let mut dry_run = false;
    for value in call.query.all("dryRun") {
        match value {
            "All" => dry_run = true,
            "" => {}
            other => {
                let list = Value::from([other]);
                return invalid(FieldError::not_supported("dryRun", &list, &["All"]));
            }
        }
    }
    let validation = match call.query.get("fieldValidation") {
        "" | "Warn" => verbs::FieldValidation::Warn,
        "Strict" => verbs::FieldValidation::Strict,
        "Ignore" => verbs::FieldValidation::Ignore,
        other => {
            let supported = ["", "Ignore", "Strict", "Warn"];
            return invalid(FieldError::not_supported("fieldValidation", &Value::from(other), &supported));
        }
    };
    let manager = call.query.get("fieldManager");
    if manager.len() > 128 {
        return invalid(FieldError::too_long("fieldManager", 128));
    }
    Ok(verbs::WriteOptions {
        dry_run,
        manager: manager.to_owned(),
        force: call.query.flag("force"),
        validation,
        body_bytes,
    })
}

/// The manager of a write that names none: the first word of the user agent.
pub(crate) fn default_manager(call: &Call<'_>) -> String {
    let first = call.agent().split('/').next().unwrap_or_default();
    let shown: String = first.chars().filter(|c| !c.is_control()).take(128).collect();
    if shown.is_empty() { "unknown".into() } else { shown }
}

/// The text of a body, by its media type.
pub(crate) fn body_text(headers: &HeaderMap, custom: bool) -> Result<Text> {
    match negotiate::content_type(headers) {
        "" | "application/json" => Ok(Text::Json),
        "application/yaml" => Ok(Text::Yaml),
        // The reader knows such a body by its first bytes.
        "application/vnd.kubernetes.protobuf" if !custom => Ok(Text::Json),
        _ => {
            let accepted = match custom {
                true => "application/json, application/yaml",
                false => "application/json, application/yaml, application/vnd.kubernetes.protobuf",
            };
            Err(ApiError::new(
                Reason::UnsupportedMediaType,
                format!("the body of the request was in an unknown format - accepted media types include: {accepted}"),
            ))
        }
    }
}

/// An answer of an object that is not stored.
pub(crate) fn made(status: StatusCode, object: &Object, headers: &HeaderMap) -> Response<Body> {
    respond::plain(status, object, negotiate::accepted(headers).unwrap_or_default())
}
