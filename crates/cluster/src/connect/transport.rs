//! The HTTP client of a real API server: TLS, credentials and proxy from kube's configuration, our
//! own sockets (keep-alive shows dead watches) and no retries (those are in `send`).

use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};
use std::time::Duration;

use belay_net::Egress;
use futures::future::BoxFuture;
use http::Uri;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::client::legacy::connect::proxy::{SocksV5, Tunnel};
use hyper_util::client::legacy::connect::{Connection, HttpConnector};
use hyper_util::rt::TokioExecutor;
use kube::client::ConfigExt;
use tower::{BoxError, Service, ServiceBuilder};

use crate::{Body, Error, ErrorKind, Result};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Three probes lost in fifteen seconds each: a dead peer shows within a minute.
const KEEPALIVE: Duration = Duration::from_secs(15);
const POOL_IDLE: Duration = Duration::from_secs(90);
/// HTTP/1.1: as many idle connections as a usual limit of requests under way.
const POOL_SIZE: usize = 32;
/// What a connection reads at once. A buffer grows to this by a list, and a watch keeps its own for its life.
const READ_BUFFER_BYTES: usize = 32 << 10;

/// Makes the client. Every connection is made to an address that `egress` allows: what was checked
/// is what is connected to.
pub(super) fn client(config: &kube::Config, egress: Option<&Egress>) -> Result<kube::Client> {
    let resolver = Resolver(egress.cloned());
    for url in std::iter::once(&config.cluster_url).chain(&config.proxy_url) {
        // A host that is written as an address is never resolved.
        let host = url.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        if let (Some(egress), Ok(address)) = (egress, host.parse::<IpAddr>()) {
            egress.check(address).map_err(|e| Error::new(ErrorKind::Config, e.to_string()))?;
        }
    }
    let mut connector = HttpConnector::new_with_resolver(resolver);
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
    connector.set_keepalive(Some(KEEPALIVE));
    connector.set_keepalive_interval(Some(KEEPALIVE));
    connector.set_keepalive_retries(Some(3));
    let Some(proxy) = &config.proxy_url else { return with(config, connector) };
    match proxy.scheme_str() {
        Some("socks5" | "socks5h") => with(config, SocksV5::new(without_userinfo(proxy), connector)),
        Some("http") => {
            let mut tunnel = Tunnel::new(without_userinfo(proxy), connector);
            if let Some(value) = proxy_credential(proxy) {
                tunnel = tunnel.with_auth(value);
            }
            with(config, tunnel)
        }
        Some("https") => {
            let secure = config.rustls_https_connector_with_connector(connector).map_err(refused)?;
            let mut tunnel = Tunnel::new(without_userinfo(proxy), secure);
            if let Some(value) = proxy_credential(proxy) {
                tunnel = tunnel.with_auth(value);
            }
            with(config, tunnel)
        }
        other => {
            let message = format!("a proxy of scheme {:?} is not known", other.unwrap_or_default());
            Err(Error::new(ErrorKind::Config, message).hint("use http, https or socks5"))
        }
    }
}

fn with<H>(config: &kube::Config, connector: H) -> Result<kube::Client>
where
    H: Service<Uri> + Clone + Send + Sync + 'static,
    H::Response: Connection + hyper::rt::Read + hyper::rt::Write + Send + Unpin + 'static,
    H::Future: Send + 'static,
    H::Error: Into<BoxError> + Send + Sync + std::error::Error + 'static,
{
    let https = config.rustls_https_connector_with_connector(connector).map_err(refused)?;
    let http: HyperClient<_, Body> = HyperClient::builder(TokioExecutor::new())
        .pool_idle_timeout(POOL_IDLE)
        .pool_max_idle_per_host(POOL_SIZE)
        .pool_timer(hyper_util::rt::TokioTimer::new())
        .http1_max_buf_size(READ_BUFFER_BYTES)
        .build(https);
    let service = ServiceBuilder::new()
        .layer(config.base_uri_layer())
        .option_layer(config.auth_layer().map_err(refused)?)
        .map_err(BoxError::from)
        .service(http);
    Ok(kube::Client::new(service, config.default_namespace.clone()))
}

/// Resolves names to the addresses that the policy allows; without a policy, to all.
#[derive(Clone)]
struct Resolver(Option<Egress>);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = BoxFuture<'static, std::result::Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
    fn call(&mut self, name: Name) -> Self::Future {
        let egress = self.0.clone();
        Box::pin(async move {
            let found = match egress {
                Some(egress) => egress.resolve(name.as_str(), 0).await?,
                None => tokio::net::lookup_host((name.as_str(), 0)).await?.collect(),
            };
            Ok(found.into_iter())
        })
    }
}

fn refused(error: kube::Error) -> Error {
    crate::send::credential_failure(&error)
        .unwrap_or_else(|| Error::new(ErrorKind::Config, crate::send::describe(&error).0))
}

fn without_userinfo(url: &Uri) -> Uri {
    let mut parts = url.clone().into_parts();
    let host = super::host_of(url);
    parts.authority = host.parse().ok().or(parts.authority);
    Uri::from_parts(parts).unwrap_or_else(|_| url.clone())
}

/// `Proxy-Authorization` from a proxy URL's userinfo.
fn proxy_credential(proxy: &Uri) -> Option<http::HeaderValue> {
    use base64::Engine;
    let (userinfo, _) = proxy.authority()?.as_str().rsplit_once('@')?;
    let plain = percent_decoded(userinfo);
    let text = format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(plain));
    let mut value = http::HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let hex = |b: u8| char::from(b).to_digit(16).map(|d| d as u8);
    let (mut out, mut i) = (Vec::with_capacity(bytes.len()), 0);
    while i < bytes.len() {
        let pair = (bytes[i] == b'%').then(|| Some((hex(*bytes.get(i + 1)?)?, hex(*bytes.get(i + 2)?)?))).flatten();
        match pair {
            Some((high, low)) => {
                out.push(high << 4 | low);
                i += 3;
            }
            None => {
                out.push(bytes[i]);
                i += 1;
            }
        }
    }
    out
}
