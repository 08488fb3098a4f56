//! A server of Argo CD, asked over its HTTP API: JSON in and out, streams as events.
//!
//! Belay's own (`belay api`) and Argo CD's answer alike. What is asked and what an answer means is for those who
//! ask; here is how: addresses, the token, limits, and refusals in words that say what to do.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belay_net::{Client, ClientIdentity, ClientOptions, Request, Response, Secret};
use belay_object::{Value, from_json};
use bytes::BytesMut;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

use super::target::Target;

/// Largest answer: ten thousand Applications are about 50 MiB.
const MAX_ANSWER: usize = 200 << 20;
/// Largest refusal that is read.
const MAX_REFUSAL: usize = 1 << 20;
/// Largest message of a stream: a line of a log and what is around it.
const MAX_MESSAGE: usize = 16 << 20;
/// A server says that it is there each 15 seconds of a silent stream; other answers take a sync's render.
const SILENCE: Duration = Duration::from_secs(120);
/// Between two tries.
const AGAIN: Duration = Duration::from_millis(500);

/// A server.
pub struct Server {
    client: Client,
    base: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    token: Secret<String>,
    /// How it was named.
    pub name: String,
    retries: u32,
}

/// A server's refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status of HTTP.
    pub status: u16,
    /// Its words, and what to do.
    pub message: String,
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refused {}

/// The status that a server refused with, if it did.
pub fn status_of(error: &anyhow::Error) -> Option<u16> {
    error.downcast_ref::<Refused>().map(|refused| refused.status)
}

/// The fields of a query; those without a text are left out.
pub type Query<'a> = [(&'a str, &'a str)];

/// The path of these parts, each escaped.
pub fn path(parts: &[&str]) -> String {
    parts.iter().map(|part| format!("/{}", escaped(part))).collect()
}

/// Text within a path or a query (RFC 3986).
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn with_query(path: &str, query: &Query<'_>) -> String {
    let pairs: Vec<String> =
        query.iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| format!("{k}={}", escaped(v))).collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

impl Server {
    /// Reaches nothing yet.
    pub fn new(target: &Target) -> Result<Server> {
        let file =
            |path: &std::path::Path| std::fs::read(path).with_context(|| format!("{} cannot be read", path.display()));
        let identity = match (&target.client_crt, &target.client_crt_key) {
            (Some(certificate), Some(key)) => {
                Some(ClientIdentity { certificate: file(certificate)?, key: Secret::new(file(key)?) })
            }
            _ => None,
        };
        let options = ClientOptions {
            extra_roots: target.server_crt.as_deref().map(file).transpose()?,
            identity,
            proxy: belay_net::Proxy::from_variables(|name| std::env::var(name).ok())?,
            read_timeout: SILENCE,
            // A redirect from http to https says that --plaintext was wrong; a token is not sent after it.
            redirects: 0,
            insecure: target.insecure,
            ..ClientOptions::default()
        };
        let headers = target.headers.iter().map(|text| read_header(text)).collect::<Result<_>>()?;
        Ok(Server {
            client: options.build()?,
            base: target.base()?,
            headers,
            token: target.token.clone(),
            name: target.server.clone(),
            retries: target.retries,
        })
    }

    /// The beginning of its addresses.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token that it is asked with.
    pub fn token(&self) -> &Secret<String> {
        &self.token
    }

    /// The same server asked with another token.
    pub fn with_token(mut self, token: Secret<String>) -> Server {
        self.token = token;
        self
    }

    /// Looks.
    pub async fn get(&self, path: &str, query: &Query<'_>) -> Result<Value> {
        let mut tries = 0;
        loop {
            match self.ask(Method::GET, path, query, None, "application/json").await {
                Err(e) if e.is::<belay_net::Error>() && tries < self.retries => tries += 1,
                Err(e) => return Err(self.not_reached(e)),
                Ok(response) => return self.message(response).await,
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Does something.
    pub async fn send(&self, method: Method, path: &str, query: &Query<'_>, body: Option<&Value>) -> Result<Value> {
        let response = self.ask(method, path, query, body, "application/json").await;
        self.message(response.map_err(|e| self.not_reached(e))?).await
    }

    /// Posts a message.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.send(Method::POST, path, &[], Some(body)).await
    }

    /// Deletes.
    pub async fn delete(&self, path: &str, query: &Query<'_>) -> Result<Value> {
        self.send(Method::DELETE, path, query, None).await
    }

    /// Listens.
    pub async fn stream(&self, path: &str, query: &Query<'_>) -> Result<Messages> {
        let response = self.ask(Method::GET, path, query, None, "text/event-stream").await;
        let response = response.map_err(|e| self.not_reached(e))?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        Ok(Messages { response, buffer: BytesMut::new(), ended: false })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        query: &Query<'_>,
        body: Option<&Value>,
        accept: &'static str,
    ) -> Result<Response> {
        let url = format!("{}{}", self.base, with_query(path, query));
        let mut request: Request = self.client.request(method.clone(), &url)?;
        request = request.header(header::ACCEPT, HeaderValue::from_static(accept));
        if method != Method::GET {
            // Compat(argo 3.5): without it nothing is written.
            request = request.header(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if !self.token.expose().is_empty() {
            let mut value = HeaderValue::try_from(format!("Bearer {}", self.token.expose()))
                .map_err(|_| anyhow::anyhow!("the token holds characters that no token has"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        for (name, value) in &self.headers {
            request = request.header(name.clone(), value.clone());
        }
        if let Some(body) = body {
            request = request.body(body.to_json().into_bytes());
        }
        Ok(request.send().await?)
    }

    fn not_reached(&self, error: anyhow::Error) -> anyhow::Error {
        use belay_net::ErrorKind;
        let hint = match error.downcast_ref::<belay_net::Error>().map(belay_net::Error::kind) {
            Some(ErrorKind::Tls) => {
                ": --server-crt names the authority of its certificate, --insecure believes any, --plaintext is for a server without TLS"
            }
            Some(ErrorKind::Unreachable) => ": --core works on the cluster without it",
            _ => "",
        };
        error.context(format!("server {} cannot be asked{hint}", self.name))
    }

    async fn message(&self, response: Response) -> Result<Value> {
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let body = response.read(MAX_ANSWER).await.map_err(|e| self.not_reached(e.into()))?;
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::object());
        }
        from_json(&body).with_context(|| {
            format!("server {} answers with something that is no JSON: is it Argo CD's API?", self.name)
        })
    }

    async fn refused(&self, response: Response) -> anyhow::Error {
        let status = response.status();
        let leads = response.headers().get(header::LOCATION).and_then(|l| l.to_str().ok()).map(belay_net::redact);
        let body = response.read(MAX_REFUSAL).await.unwrap_or_default();
        refusal(status, &body, leads.as_deref(), &self.token, &self.name).into()
    }
}

/// What a refusal says, with what to do.
fn refusal(status: StatusCode, body: &[u8], leads: Option<&str>, token: &Secret<String>, name: &str) -> Refused {
    let told = from_json(body).ok();
    let words = told.as_ref().and_then(|v| v.str_at(&["message"]).or_else(|| v.str_at(&["error"])));
    let words = words.filter(|w| !w.is_empty()).map(belay_net::redact);
    let words = words.unwrap_or_else(|| status.canonical_reason().unwrap_or("no reason").to_owned());
    let message = match (status, leads) {
        (_, Some(to)) if status.is_redirection() => {
            format!("server {name} leads to {to}: name that by --server, without --plaintext where it is https")
        }
        (StatusCode::UNAUTHORIZED, _) if token.expose().is_empty() => {
            format!("{words}: log in by `belay login {name}`, or give --auth-token")
        }
        (StatusCode::UNAUTHORIZED, _) if is_over(token) => {
            format!("{words}: the session is over; log in anew by `belay relogin`")
        }
        (StatusCode::UNAUTHORIZED, _) => {
            format!("{words}: the token is not taken; log in anew by `belay relogin`, or give another --auth-token")
        }
        (StatusCode::FORBIDDEN, _) if words == "permission denied" => {
            format!("{words}: there is no such thing, or you may not do this to it")
        }
        (StatusCode::NOT_IMPLEMENTED, _) => {
            format!("{words}: this server does not do this; --core works on the cluster without it")
        }
        (StatusCode::NOT_FOUND, _) if told.is_none() => {
            format!("server {name} has no such path: is it Argo CD's API? --grpc-web-root-path says where that stands")
        }
        _ => words,
    };
    Refused { status: status.as_u16(), message }
}

/// What a token says of itself; nobody has looked at its signature.
pub fn claims_of(token: &Secret<String>) -> Option<Value> {
    let payload = token.expose().split('.').nth(1)?;
    from_json(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

/// Whether a token says that it ended.
fn is_over(token: &Secret<String>) -> bool {
    let end = claims_of(token).and_then(|claims| claims.get("exp").and_then(Value::as_i64));
    end.is_some_and(|end| end <= jiff::Timestamp::now().as_second())
}

fn read_header(text: &str) -> Result<(HeaderName, HeaderValue)> {
    // A header may be a credential: no message quotes it.
    let (name, value) = text.split_once(':').context("--header is no 'Name: value'")?;
    let name =
        HeaderName::try_from(name.trim()).map_err(|_| anyhow::anyhow!("--header: the name is none of a header"))?;
    let mut value = HeaderValue::try_from(value.trim())
        .map_err(|_| anyhow::anyhow!("--header: the value of {name} is none of a header"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// What a server tells, message by message.
pub struct Messages {
    response: Response,
    buffer: BytesMut,
    ended: bool,
}

impl Messages {
    /// The next message; `None` at the end. A refusal within the stream is an error.
    pub async fn next(&mut self) -> Result<Option<Value>> {
        loop {
            if let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
                let line = self.buffer.split_to(end + 1);
                if let Some(message) = read_line(&line)? {
                    return Ok(Some(message));
                }
                continue;
            }
            if self.ended {
                let rest = std::mem::take(&mut self.buffer);
                return if rest.is_empty() { Ok(None) } else { read_line(&rest) };
            }
            if self.buffer.len() > MAX_MESSAGE {
                bail!("a message of the server is larger than {} MiB", MAX_MESSAGE >> 20);
            }
            match self.response.chunk().await? {
                Some(chunk) => self.buffer.extend_from_slice(&chunk),
                None => self.ended = true,
            }
        }
    }
}

/// One line of a stream: of events, or of messages alone. What only keeps it alive is none.
fn read_line(line: &[u8]) -> Result<Option<Value>> {
    let line = line.trim_ascii();
    let line = line.strip_prefix(b"data:").unwrap_or(line).trim_ascii();
    if line.is_empty() || line.starts_with(b":") || line.starts_with(b"event:") || line.starts_with(b"id:") {
        return Ok(None);
    }
    let message = from_json(line).context("the server streams something that is no JSON")?;
    if let Some(error) = message.get("error") {
        let words = error.str_at(&["message"]).or(error.as_str()).unwrap_or("the stream was ended");
        let status = error.get("http_code").and_then(Value::as_i64).and_then(|code| u16::try_from(code).ok());
        return Err(Refused { status: status.unwrap_or(500), message: belay_net::redact(words) }.into());
    }
    Ok(message.get("result").cloned())
}

#[cfg(test)]
mod tests;
