//! The HTTP client factory.
//!
//! One client serves one set of trust roots and credentials, and keeps its connections open
//! between uses; make it once per remote, not per request.

use crate::{Egress, Error, ErrorKind, Proxy, Secret};
use bytes::{Bytes, BytesMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// A client certificate and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// The certificate, and those that lead to the root.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Secret<Vec<u8>>,
}

/// What a [`Client`] is made of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientOptions {
    /// PEM certificates trusted besides the system's.
    pub extra_roots: Option<Vec<u8>>,
    /// Shown to a server that asks for one.
    pub identity: Option<ClientIdentity>,
    /// Through which to go.
    pub proxy: Option<Proxy>,
    /// Which addresses may be connected to.
    pub egress: Egress,
    /// Whether the other side's certificate is believed unseen. Only for a person who says so.
    pub insecure: bool,
    /// For connecting, TLS included.
    pub connect_timeout: Duration,
    /// Between two pieces of a response: the watchdog against a server that trickles (INV-NET-7).
    pub read_timeout: Duration,
    /// Most redirects followed for one request; 0 follows none.
    pub redirects: usize,
}

impl Default for ClientOptions {
    fn default() -> ClientOptions {
        ClientOptions {
            extra_roots: None,
            identity: None,
            proxy: None,
            egress: Egress::default(),
            insecure: false,
            connect_timeout: Duration::from_secs(20),
            read_timeout: Duration::from_secs(30),
            redirects: 10,
        }
    }
}

/// An HTTP client that keeps to its policy.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    egress: Egress,
}

impl ClientOptions {
    /// Makes the client.
    pub fn build(&self) -> Result<Client, Error> {
        let config = |what: &str, error: reqwest::Error| {
            Error::new(ErrorKind::Config, format!("{what}: {}", Error::from(error)))
        };
        let mut builder = reqwest::Client::builder()
            .no_proxy()
            .user_agent(concat!("belay/", env!("CARGO_PKG_VERSION")))
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .read_timeout(self.read_timeout)
            .tls_version_min(reqwest::tls::Version::TLS_1_2)
            .redirect(self.redirect_policy())
            .dns_resolver(Arc::new(Resolver(self.egress.clone())));
        if self.insecure {
            builder = builder.tls_danger_accept_invalid_certs(true);
        }
        if let Some(pem) = &self.extra_roots {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|e| config("CA certificates", e))?;
            if roots.is_empty() {
                return Err(Error::new(ErrorKind::Config, "CA certificates: no PEM certificate found"));
            }
            builder = builder.tls_certs_merge(roots);
        }
        if let Some(identity) = &self.identity {
            let mut pem = identity.key.expose().clone();
            pem.push(b'\n');
            pem.extend_from_slice(&identity.certificate);
            let identity = reqwest::Identity::from_pem(&pem).map_err(|e| config("client certificate", e))?;
            builder = builder.identity(identity);
        }
        if let Some(proxy) = &self.proxy {
            builder = proxy.apply(builder)?;
        }
        let http = builder.build().map_err(|e| config("HTTP client", e))?;
        Ok(Client { http, egress: self.egress.clone() })
    }

    /// Authorization and cookies are dropped by reqwest when the host or port changes; a client
    /// certificate cannot be dropped, so with one only the same origin is followed (INV-NET-2).
    fn redirect_policy(&self) -> reqwest::redirect::Policy {
        let (egress, most, has_identity) = (self.egress.clone(), self.redirects, self.identity.is_some());
        reqwest::redirect::Policy::custom(move |attempt| {
            let refuse = |why: &str| Error::new(ErrorKind::Redirect, format!("redirect is not followed: {why}"));
            if most == 0 {
                return attempt.stop();
            }
            if attempt.previous().len() > most {
                return attempt.error(refuse("too many"));
            }
            let (next, previous) = (attempt.url(), attempt.previous().last());
            if let Err(error) = egress.check_url(next) {
                return attempt.error(error);
            }
            let same_origin = previous.is_some_and(|previous| previous.origin() == next.origin());
            if previous.is_some_and(|previous| previous.scheme() == "https") && next.scheme() != "https" {
                return attempt.error(refuse("it leads from https to http"));
            }
            if has_identity && !same_origin {
                return attempt.error(refuse("it leads to another host and a client certificate is in use"));
            }
            attempt.follow()
        })
    }
}

impl Client {
    /// Starts a request; an address that the policy forbids is refused.
    pub fn request(&self, method: http::Method, url: &str) -> Result<Request, Error> {
        let url = reqwest::Url::parse(url)
            .map_err(|error| Error::new(ErrorKind::Url, format!("URL {:?}: {error}", crate::redact(url))))?;
        self.egress.check_url(&url)?;
        Ok(Request(self.http.request(method, url)))
    }

    /// Starts a GET.
    pub fn get(&self, url: &str) -> Result<Request, Error> {
        self.request(http::Method::GET, url)
    }
}

/// Clients by what they are made of: remotes that are reached in the same way share connections.
#[derive(Debug, Default)]
pub struct Clients(parking_lot::Mutex<std::collections::HashMap<ClientOptions, Client>>);

impl Clients {
    /// Most clients kept: each holds a pool of connections and its trust roots (about 1 MiB).
    const MOST: usize = 64;

    /// The client of these options, made if there is none.
    pub fn get(&self, options: &ClientOptions) -> Result<Client, Error> {
        if let Some(client) = self.0.lock().get(options) {
            return Ok(client.clone());
        }
        let client = options.build()?;
        let mut all = self.0.lock();
        if all.len() >= Clients::MOST {
            all.clear();
        }
        all.insert(options.clone(), client.clone());
        Ok(client)
    }
}

/// A request in the making.
#[derive(Debug)]
pub struct Request(reqwest::RequestBuilder);

impl Request {
    /// Adds a header.
    pub fn header(self, name: http::HeaderName, value: http::HeaderValue) -> Request {
        Request(self.0.header(name, value))
    }

    /// Sets the body.
    pub fn body(self, body: impl Into<Bytes>) -> Request {
        Request(self.0.body(body.into()))
    }

    /// Sends the request, and waits for the head of the response.
    pub async fn send(self) -> Result<Response, Error> {
        Ok(Response(self.0.send().await?))
    }
}

/// A response whose body is still to be read.
#[derive(Debug)]
pub struct Response(reqwest::Response);

impl Response {
    /// The status.
    pub fn status(&self) -> http::StatusCode {
        self.0.status()
    }

    /// The headers.
    pub fn headers(&self) -> &http::HeaderMap {
        self.0.headers()
    }

    /// Where the response came from, after redirects.
    pub fn url(&self) -> &str {
        self.0.url().as_str()
    }

    /// The next piece of the body; `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        Ok(self.0.chunk().await?)
    }

    /// The whole body, of at most `limit` bytes; the limit is checked while it streams.
    pub async fn read(mut self, limit: usize) -> Result<Bytes, Error> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.chunk().await? {
            if body.len() + chunk.len() > limit {
                return Err(Error::new(ErrorKind::TooLarge, format!("response is larger than {limit} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Gives the connector only addresses that the policy allows.
struct Resolver(Egress);

impl reqwest::dns::Resolve for Resolver {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        let egress = self.0.clone();
        Box::pin(async move {
            let found = egress.resolve(name.as_str(), 0).await?;
            Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>)
        })
    }
}
