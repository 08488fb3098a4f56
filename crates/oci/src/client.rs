//! One repository of one registry: requests with credentials, patience and limits.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use belay_net::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use parking_lot::Mutex;
use serde::Deserialize;

use crate::auth::{self, Authorization, Challenge};
use crate::credentials::{Credentials, Keychain};
use crate::error::{Error, ErrorKind, Result};
use crate::reference::Repository;

/// How often a request that may be repeated is, besides the first time.
const RETRIES: u32 = 2;
/// The longest a registry's `Retry-After` is waited for; who asks for more gets it from the caller's
/// back-off, which holds no worker.
const PATIENCE: Duration = Duration::from_secs(5);
/// Largest error body that is read.
const MOST_ERROR_BYTES: usize = 64 << 10;
/// Tokens kept; a client asks for two scopes.
const MOST_TOKENS: usize = 16;

/// A repository, and who we are to it. Clones are one client.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    http: belay_net::Client,
    repository: Repository,
    keychain: Keychain,
    insecure: bool,
    /// The scheme by which the registry answered.
    scheme: Mutex<Option<&'static str>>,
    tokens: Mutex<HashMap<String, Authorization>>,
}

/// What a request wants to do: the scope of its token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Pull,
    Push,
}

/// One request.
pub(crate) struct Call<'a> {
    pub method: Method,
    /// Below the registry, with a query: `/v2/...`.
    pub path: &'a str,
    pub act: Act,
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<Bytes>,
}

impl<'a> Call<'a> {
    pub fn get(path: &'a str) -> Call<'a> {
        Call { method: Method::GET, path, act: Act::Pull, headers: Vec::new(), body: None }
    }
    fn is_repeatable(&self) -> bool {
        self.method != Method::POST
    }
}

impl Client {
    /// A client for one repository. `insecure` allows plain HTTP where TLS does not answer; a
    /// certificate that is not trusted stays refused (INV-NET-5).
    pub fn new(http: belay_net::Client, repository: Repository, keychain: Keychain, insecure: bool) -> Client {
        let (scheme, tokens) = (Mutex::new(None), Mutex::default());
        Client(Arc::new(Inner { http, repository, keychain, insecure, scheme, tokens }))
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.0.repository
    }

    /// Whether plain HTTP may be tried. Compat(go-containerregistry): on this machine always, in
    /// private networks without being asked to; here the latter only where no credential is at stake.
    fn may_be_plain(&self) -> bool {
        let host = self.0.repository.host();
        let is_local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.is_loopback());
        let is_private =
            host.ends_with(".local") || host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| address.is_private());
        self.0.insecure || is_local || (is_private && self.credentials().is_none())
    }

    fn credentials(&self) -> Option<&Credentials> {
        self.0.keychain.of(&self.0.repository)
    }

    /// Where a path is, by the scheme that the registry answers to.
    pub(crate) fn url(&self, scheme: &str, path: &str) -> String {
        format!("{scheme}://{}{path}", self.0.repository.registry())
    }

    pub(crate) fn scheme(&self) -> &'static str {
        self.0.scheme.lock().unwrap_or("https")
    }

    pub(crate) fn http(&self) -> &belay_net::Client {
        &self.0.http
    }

    /// Sends a request to the registry: answers its challenge once, waits as it asks if that is not
    /// long, and repeats what failed in passing.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Response> {
        let mut is_answered = false;
        let mut tried = 0;
        loop {
            let may_repeat = call.is_repeatable() && tried < RETRIES;
            let response = match self.send(call).await {
                Ok(response) => response,
                Err(e) if may_repeat && matches!(e.kind(), ErrorKind::Unreachable | ErrorKind::Protocol) => {
                    tried += 1;
                    tokio::time::sleep(pause(tried)).await;
                    continue;
                }
                Err(e) => return Err(e),
            };
            let wait = match response.status() {
                StatusCode::UNAUTHORIZED if !is_answered => {
                    is_answered = true;
                    self.answer(response.headers(), call.act).await?;
                    continue;
                }
                StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => {
                    retry_after(response.headers()).or(Some(pause(tried + 1)))
                }
                StatusCode::REQUEST_TIMEOUT
                | StatusCode::INTERNAL_SERVER_ERROR
                | StatusCode::BAD_GATEWAY
                | StatusCode::GATEWAY_TIMEOUT => Some(pause(tried + 1)),
                _ => None,
            };
            match wait {
                Some(wait) if may_repeat && wait <= PATIENCE => {
                    tried += 1;
                    tokio::time::sleep(wait).await;
                }
                _ => return Ok(response),
            }
        }
    }

    /// As [`Client::call`], where everything but success is an error; `what` was asked for.
    pub(crate) async fn succeed(&self, call: &Call<'_>, what: &str) -> Result<Response> {
        let response = self.call(call).await.map_err(|e| e.context(format!("{} {what}", call.method)))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refusal(response, what).await) }
    }

    async fn send(&self, call: &Call<'_>) -> Result<Response> {
        let known = *self.0.scheme.lock();
        if let Some(scheme) = known {
            return self.send_by(scheme, call).await;
        }
        let sent = self.send_by("https", call).await;
        let scheme = match &sent {
            Ok(_) => "https",
            Err(e) if self.may_be_plain() && !matches!(e.kind(), ErrorKind::Timeout | ErrorKind::Reference) => "http",
            Err(_) => return sent,
        };
        let response = match scheme {
            "https" => sent?,
            // The failure of TLS says more than that nothing answers without it.
            _ => match self.send_by("http", call).await {
                Ok(response) => response,
                Err(_) => return sent,
            },
        };
        *self.0.scheme.lock() = Some(scheme);
        Ok(response)
    }

    async fn send_by(&self, scheme: &str, call: &Call<'_>) -> Result<Response> {
        let mut request = self.0.http.request(call.method.clone(), &self.url(scheme, call.path))?;
        if let Some(authorization) = self.authorization(call.act) {
            request = request.header(header::AUTHORIZATION, authorization);
        }
        for (name, value) in &call.headers {
            request = request.header(name.clone(), value.clone());
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        Ok(request.send().await?)
    }

    /// The header for what we may do already. Nothing is sent before the registry has asked.
    pub(crate) fn authorization(&self, act: Act) -> Option<HeaderValue> {
        let tokens = self.0.tokens.lock();
        let token = tokens.get(&self.scope(act)).filter(|t| t.until > Instant::now())?;
        Some(token.header.clone())
    }

    fn scope(&self, act: Act) -> String {
        let acts = if act == Act::Pull { "pull" } else { "pull,push" };
        format!("repository:{}:{acts}", self.0.repository.path())
    }

    /// Gets what the registry asks for.
    async fn answer(&self, headers: &HeaderMap, act: Act) -> Result<()> {
        let registry = self.0.repository.registry();
        let refused = |why: &str| Error::new(ErrorKind::Unauthorized, format!("{registry} {why}"));
        let forever = Instant::now() + Duration::from_secs(3600);
        let credentials = self.credentials();
        let granted = match (auth::challenge(headers), credentials) {
            (Some(_), Some(Credentials::Bearer(token))) => {
                Authorization { header: auth::bearer(token.expose())?, until: forever }
            }
            (Some(Challenge::Basic), Some(Credentials::Basic(user, password))) => {
                Authorization { header: auth::basic(user, password)?, until: forever }
            }
            (Some(Challenge::Basic), _) => return Err(refused("wants a user name and a password")),
            (Some(Challenge::Bearer { realm, service, scope }), credentials) => {
                let realm = auth::realm_url(&realm, self.scheme() == "http")?;
                let scope = if scope.is_empty() || act == Act::Push { self.scope(act) } else { scope };
                let own = auth::is_own_site(self.0.repository.host(), &realm);
                let credentials = match (credentials, own) {
                    (Some(_), false) => Some(self.0.keychain.of_host(realm.host()).ok_or_else(|| {
                        refused(&format!(
                            "sends us to {} for a token: credentials go there only with an entry of their own",
                            realm.host()
                        ))
                    })?),
                    (credentials, _) => credentials,
                };
                auth::token(&self.0.http, &realm, &service, &scope, credentials).await?
            }
            (None, _) => return Err(refused("answered 401 without saying what it wants")),
        };
        let mut tokens = self.0.tokens.lock();
        if tokens.len() >= MOST_TOKENS {
            tokens.clear();
        }
        tokens.insert(self.scope(act), granted);
        Ok(())
    }

    /// What an answer that is no success says.
    pub(crate) async fn refusal(&self, response: Response, what: &str) -> Error {
        let status = response.status();
        let after = retry_after(response.headers());
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthorized,
            StatusCode::NOT_FOUND => ErrorKind::NotFound,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited(after),
            StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
            _ => ErrorKind::Protocol,
        };
        let mut text = format!("{}: {what}: {status}", self.0.repository.registry());
        if kind == ErrorKind::Unauthorized && self.credentials().is_some() {
            text += " to the given credentials";
        }
        if let Ok(body) = response.read(MOST_ERROR_BYTES).await
            && let Some(said) = said(&body)
        {
            text += &format!(": {said}");
        }
        if let (ErrorKind::RateLimited(_), Some(after)) = (kind, after) {
            text += &format!(" (asks to wait {} s)", after.as_secs());
        }
        Error::new(kind, text)
    }
}

/// The first error of a registry's answer: `CODE: message`.
fn said(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        errors: Vec<Said>,
    }
    #[derive(Deserialize)]
    struct Said {
        #[serde(default)]
        code: String,
        #[serde(default)]
        message: String,
    }
    let first = serde_json::from_slice::<Answer>(body).ok()?.errors.into_iter().next()?;
    let text = format!("{}: {}", first.code, first.message);
    Some(text.chars().filter(|c| !c.is_control()).take(300).collect())
}

/// `Retry-After` in seconds; a date is not waited for.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// 200 ms, 400 ms, up to a half more so that many do not come back together.
fn pause(tried: u32) -> Duration {
    let base = 100u64 << tried.min(5);
    let spread = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.subsec_nanos());
    Duration::from_millis(base + u64::from(spread) % (base / 2))
}
