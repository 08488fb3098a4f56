//! One request from its parts to its answer: limit, deadline, retries, counting, errors.
//!
//! Retried are: 429 always (nothing was done); connections that were refused; and, where a repeat
//! does no harm, resets, our own attempt deadline and 502/503/504. All within one overall deadline.

use std::error::Error as StdError;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use tokio::time::{Instant, timeout, timeout_at};

use crate::backoff::Backoff;
use crate::limit::{Class, Outcome};
use crate::{Body, Cluster, Error, ErrorKind, Result, Status, Verb};

/// Tries of one request, the first included.
pub(crate) const MAX_TRIES: u32 = 8;
/// How long a request may queue for its turn.
const MAX_QUEUE: Duration = Duration::from_secs(300);
/// What is read of the body of a refusal.
const MAX_ERROR_BODY: usize = 1 << 20;
/// What is read of one answer; a page of 500 objects at etcd's 1.5 MiB each would be 750 MiB, and
/// nobody has that: real pages are below 20 MiB.
const MAX_ANSWER: usize = 256 << 20;

pub(crate) const JSON: &str = "application/json";

/// Whether sending the request again can change anything that the first did not.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Repeat {
    /// Reads, server-side apply, guarded deletes: the second does nothing new.
    Harmless,
    /// Only when nothing of the first reached the server.
    Unsent,
}

/// A request before it is sent.
pub(crate) struct Call {
    pub verb: Verb,
    pub method: Method,
    pub uri: String,
    pub accept: &'static str,
    pub content_type: &'static str,
    pub body: Bytes,
    pub repeat: Repeat,
    /// `deployments.apps`
    pub resource: String,
    /// `Deployment/shop/front-end`, for messages.
    pub object: String,
    /// Whether `resource` is a resource of discovery, so that a bare 404 means that it is not served.
    pub known_resource: bool,
}

impl Call {
    pub(crate) fn new(verb: Verb, method: Method, uri: String) -> Call {
        Call {
            verb,
            method,
            uri,
            accept: JSON,
            content_type: "",
            body: Bytes::new(),
            repeat: Repeat::Harmless,
            resource: String::new(),
            object: String::new(),
            known_resource: false,
        }
    }
    fn action(&self) -> String {
        let object = if self.object.is_empty() { self.uri.split('?').next().unwrap_or_default() } else { &self.object };
        match self.verb {
            Verb::Raw => format!("{} {object}", self.method),
            verb => format!("{} {object}", verb.as_str()),
        }
    }
}

/// How much of a good answer is read before the request counts as done.
#[derive(Clone, Copy, PartialEq)]
enum Want {
    Whole,
    Stream,
}

enum Got {
    Whole(Bytes),
    Stream(Body),
}

/// A failed try and whether another may help.
struct Failed {
    error: Error,
    again: bool,
    retry_after: Option<Duration>,
    outcome: Outcome,
    code: u16,
}

impl Failed {
    fn new(error: Error, again: bool, outcome: Outcome) -> Failed {
        Failed { error, again, retry_after: None, outcome, code: 0 }
    }
}

impl Cluster {
    /// Sends and reads the whole answer.
    pub(crate) async fn send(&self, call: &Call) -> Result<Bytes> {
        match self.tries(call, Want::Whole).await? {
            Got::Whole(bytes) => Ok(bytes),
            Got::Stream(_) => unreachable!("a whole answer was wanted"),
        }
    }

    /// Sends and gives the answer's body as it comes; the deadline covers the head alone.
    pub(crate) async fn open(&self, call: &Call) -> Result<Body> {
        match self.tries(call, Want::Stream).await? {
            Got::Stream(body) => Ok(body),
            Got::Whole(_) => unreachable!("a stream was wanted"),
        }
    }

    async fn tries(&self, call: &Call, want: Want) -> Result<Got> {
        let shared = &self.shared;
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10), 50);
        let deadline = Instant::now() + self.timeout * 2 + MAX_QUEUE;
        let mut started = None;
        let class = match call.verb {
            Verb::Get => Class::Read,
            verb if verb.writes() => Class::Write,
            _ => Class::Other,
        };
        loop {
            let permit = match self.urgent {
                true => shared.limiter.acquire_urgent(),
                false => timeout_at(deadline, shared.limiter.acquire()).await.map_err(|_| {
                    let message = format!(
                        "waited {} s for one of the {} requests that may be under way at once",
                        MAX_QUEUE.as_secs(),
                        shared.limiter.limit()
                    );
                    Error::new(ErrorKind::Timeout, message).at(&call.action(), &shared.host)
                })?,
            };
            let overall = *started.get_or_insert_with(Instant::now) + self.timeout * 2;
            // Asked last, after the queue and the back-off: what was true then may be over.
            if call.verb.writes()
                && let Some(fence) = &self.fence
            {
                fence.check().map_err(|why| Error::new(ErrorKind::Fenced, why).at(&call.action(), &shared.host))?;
            }
            let request = self.request(call)?;
            let attempt = async {
                let response = self.attempt(call, request).await?;
                let code = response.status().as_u16();
                finish(call, want, response).await.map(|done| (done, code))
            };
            let failed = match timeout(self.timeout, attempt).await {
                Ok(Ok((done, code))) => {
                    shared.counters.count(call.verb, &call.resource, code);
                    permit.finish(Outcome::Answered, class);
                    return Ok(done);
                }
                Ok(Err(failed)) => failed,
                Err(_) => {
                    let message = format!("no answer within {} s", self.timeout.as_secs_f64());
                    let error = Error::new(ErrorKind::Timeout, message);
                    Failed::new(error, call.repeat == Repeat::Harmless, Outcome::Overloaded)
                }
            };
            shared.counters.count(call.verb, &call.resource, failed.code);
            permit.finish(failed.outcome, class);
            let error = failed.error.at(&call.action(), &shared.host);
            let pause = backoff.next_pause().max(failed.retry_after.unwrap_or_default());
            let over = backoff.failures() >= self.tries || Instant::now() + pause >= overall;
            if !failed.again || over {
                return Err(error);
            }
            tracing::debug!(%error, pause_ms = pause.as_millis() as u64, "trying again");
            shared.counters.retried();
            tokio::time::sleep(pause).await;
        }
    }

    fn request(&self, call: &Call) -> Result<Request<Body>> {
        let uri = Uri::try_from(call.uri.as_str())
            .map_err(|e| Error::new(ErrorKind::Config, format!("{:?} is no path: {e}", call.uri)))?;
        let mut request = Request::new(Body::from(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        let headers: &mut HeaderMap = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(call.accept));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("belay/", env!("CARGO_PKG_VERSION"))));
        if !call.content_type.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(call.content_type));
        }
        if let Some(identity) = &self.identity {
            for (name, value) in &identity.headers {
                let name: HeaderName = name.clone();
                headers.append(name, value.clone());
            }
        }
        Ok(request)
    }

    /// One try up to the head of a good answer.
    async fn attempt(&self, call: &Call, request: Request<Body>) -> std::result::Result<Response<Body>, Failed> {
        let response = self.shared.client.send(request).await.map_err(|error| broken(call, &error))?;
        let code = response.status();
        if code.is_success() {
            return Ok(response);
        }
        let header_s = response.headers().get(RETRY_AFTER).and_then(|v| v.to_str().ok()).and_then(|v| v.parse().ok());
        let body = Limited::new(response.into_body(), MAX_ERROR_BODY);
        let text = body.collect().await.map(|b| b.to_bytes()).unwrap_or_default();
        let mut failed = self.refused(call, code, &text, header_s);
        failed.code = code.as_u16();
        Err(failed)
    }

    fn refused(&self, call: &Call, code: StatusCode, text: &[u8], header_s: Option<u64>) -> Failed {
        let read = belay_object::from_json(text).ok().as_ref().and_then(Status::read);
        let is_status = read.is_some();
        let mut status = read.unwrap_or_else(|| Status {
            message: String::from_utf8_lossy(&text[..text.len().min(300)]).trim().to_owned(),
            ..Status::default()
        });
        status.code = code.as_u16();
        status.retry_after_s = header_s.or(status.retry_after_s);
        let retry_after = status.retry_after_s.map(Duration::from_secs);
        let names_nothing = status.details_kind.is_empty() && status.details_name.is_empty();
        let kind = status.kind();
        let mut error = Error::from_status(status);
        if kind == ErrorKind::NotFound && call.known_resource && (names_nothing || !is_status) {
            // The path itself is not served: that is no news about the object.
            self.invalidate_discovery();
            error = error.of_kind(ErrorKind::UnknownKind).hint(format!(
                "the server does not serve {}: was its CustomResourceDefinition removed?",
                call.resource
            ));
        }
        if kind == ErrorKind::Unauthorized {
            error = error.hint("the credential was refused: check the token or client certificate");
        }
        let busy = matches!(kind, ErrorKind::Unavailable | ErrorKind::ServerTimeout);
        let harmless = call.repeat == Repeat::Harmless;
        let (again, outcome) = match kind {
            ErrorKind::TooManyRequests { .. } => (true, Outcome::Throttled(retry_after)),
            _ if busy => (harmless || retry_after.is_some(), Outcome::Overloaded),
            ErrorKind::Internal => (retry_after.is_some(), Outcome::Answered),
            _ => (false, Outcome::Answered),
        };
        Failed { error, again, retry_after, outcome, code: code.as_u16() }
    }
}

/// Reads what is wanted of a good answer.
async fn finish(call: &Call, want: Want, response: Response<Body>) -> std::result::Result<Got, Failed> {
    if want == Want::Stream {
        return Ok(Got::Stream(response.into_body()));
    }
    match Limited::new(response.into_body(), MAX_ANSWER).collect().await {
        Ok(collected) => Ok(Got::Whole(collected.to_bytes())),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => {
            let message = format!("the answer is larger than {} MiB", MAX_ANSWER >> 20);
            Err(Failed::new(Error::new(ErrorKind::TooLarge, message), false, Outcome::Answered))
        }
        Err(error) => {
            let (message, _) = describe(error.as_ref());
            let again = call.repeat == Repeat::Harmless;
            Err(Failed::new(Error::new(ErrorKind::Network, message), again, Outcome::Broken))
        }
    }
}

/// A connection's failure, in words of its own.
fn broken(call: &Call, error: &kube::Error) -> Failed {
    if let Some(error) = credential_failure(error) {
        return Failed::new(error, false, Outcome::Broken);
    }
    let (message, unsent) = describe(error);
    let tls = message.contains("certificate") || message.contains("tls") || message.contains("TLS");
    let mut failure = Error::new(ErrorKind::Network, message);
    if tls {
        failure = failure.hint("check the certificate authority of the kubeconfig");
    } else if unsent {
        failure = failure.hint("is the API server running, and is its address right?");
    }
    let again = !tls && (unsent || call.repeat == Repeat::Harmless);
    Failed::new(failure, again, Outcome::Broken)
}

/// A credential that could not be made. An exec plugin's standard output is left out: it is where
/// the credential stands.
pub(crate) fn credential_failure(error: &(dyn StdError + 'static)) -> Option<Error> {
    use kube::client::AuthError;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(auth) = error.downcast_ref::<AuthError>() {
            let message = match auth {
                AuthError::AuthExecRun { cmd, out } => {
                    let stderr = String::from_utf8_lossy(&out.stderr);
                    let stderr: String = stderr.chars().take(300).collect();
                    format!("the credential plugin {cmd:?} ended with {}: {}", out.status, stderr.trim())
                }
                AuthError::AuthExecParse(_) => "the credential plugin's answer could not be read".to_owned(),
                other => other.to_string(),
            };
            return Some(Error::new(ErrorKind::Unauthorized, message));
        }
        next = error.source();
    }
    None
}

/// The innermost words of an error chain, and whether the connection was never made.
pub(crate) fn describe(error: &(dyn StdError + 'static)) -> (String, bool) {
    let (mut unsent, mut next, mut message) = (false, Some(error), String::new());
    while let Some(error) = next {
        if let Some(client) = error.downcast_ref::<hyper_util::client::legacy::Error>() {
            unsent |= client.is_connect();
        }
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            unsent |= io.kind() == std::io::ErrorKind::ConnectionRefused;
        }
        message = error.to_string();
        next = error.source();
    }
    (message, unsent)
}
