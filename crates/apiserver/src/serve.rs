//! On a socket: hyper for HTTP/1.1 and HTTP/2, rustls with a certificate authority of the server's own.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Value, object};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::Server;

/// Connections at once; more wait to be accepted. A connection costs some tens of KiB.
const MAX_CONNECTIONS: usize = 8192;
/// A client that has not finished its handshake or its request's head by then is let go.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Streams of one HTTP/2 connection: watches of a client share one.
const MAX_STREAMS: u32 = 2000;

/// A certificate authority, and a certificate of it for the loopback names.
pub struct Tls {
    /// The authority's certificate, for clients.
    pub ca_pem: String,
    config: Arc<rustls::ServerConfig>,
}

impl Tls {
    /// Makes both; the keys are in memory only. `more_names` are DNS names or addresses beside loopback.
    pub fn generate(more_names: &[String]) -> io::Result<Tls> {
        let (ca_pem, chain, key) = certificates(more_names).map_err(io::Error::other)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .and_then(|b| b.with_no_client_auth().with_single_cert(chain, key))
            .map_err(io::Error::other)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Tls { ca_pem, config: Arc::new(config) })
    }
}

type Certificates = (String, Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

fn certificates(more_names: &[String]) -> Result<Certificates, rcgen::Error> {
    let mut ca = CertificateParams::new(Vec::<String>::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.distinguished_name.push(DnType::CommonName, "belay-apiserver-ca");
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);
    let mut names: Vec<String> =
        ["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
            .map(str::to_owned)
            .to_vec();
    names.extend(more_names.iter().filter(|n| !n.is_empty()).cloned());
    names.dedup();
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "belay-apiserver");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    Ok((ca_pem, vec![certificate.der().clone()], key))
}

/// A server on a socket. Dropping it closes the socket and its connections.
pub struct Serving {
    address: SocketAddr,
    ca_pem: Option<String>,
    token: String,
    tasks: JoinSet<()>,
}

impl Server {
    /// Serves on a listener: with TLS, or in plain text for what stays on the machine.
    pub fn serve(&self, listener: TcpListener, tls: Option<Tls>) -> io::Result<Serving> {
        let address = listener.local_addr()?;
        let (ca_pem, acceptor) = match tls {
            Some(tls) => (Some(tls.ca_pem), Some(TlsAcceptor::from(tls.config))),
            None => (None, None),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(accept(self.untrusted(), listener, acceptor));
        Ok(Serving { address, ca_pem, token: self.token().to_owned(), tasks })
    }
}

impl Serving {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// `https://127.0.0.1:6443`
    pub fn url(&self) -> String {
        let scheme = if self.ca_pem.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }
    /// The authority's certificate; `None` without TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
    /// A kubeconfig for the administrator, as YAML.
    pub fn kubeconfig(&self) -> String {
        let mut cluster = object! { "server" => self.url() };
        if let Some(ca) = &self.ca_pem {
            cluster.set(&["certificate-authority-data"], STANDARD.encode(ca));
        }
        let named = |key: &str, value: Value| Value::from([object! { "name" => "belay", key => value }]);
        belay_yaml::to_yaml(&object! {
            "apiVersion" => "v1",
            "kind" => "Config",
            "clusters" => named("cluster", cluster),
            "users" => named("user", object! { "token" => self.token.as_str() }),
            "contexts" => named("context", object! { "cluster" => "belay", "user" => "belay" }),
            "current-context" => "belay",
            "preferences" => object! {},
        })
    }
    /// Writes the kubeconfig for its owner alone to read (it holds the token). The file appears whole.
    pub fn write_kubeconfig(&self, path: &Path) -> io::Result<()> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(format!(".{}", crate::random::suffix()));
        let beside = Path::new(&beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let written = options.open(beside).and_then(|mut file| {
            file.write_all(self.kubeconfig().as_bytes())?;
            file.sync_all()?;
            std::fs::rename(beside, path)
        });
        if written.is_err() {
            // What is left of a failed write holds nothing that is still needed.
            let _ = std::fs::remove_file(beside);
        }
        written
    }
    /// Serves until it is dropped or the socket fails.
    pub async fn wait(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

async fn accept(server: Server, listener: TcpListener, tls: Option<TlsAcceptor>) {
    let slots = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Such as no file descriptor left: others go on, and it may pass.
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (server, tls) = (server.clone(), tls.clone());
        connections.spawn(async move {
            connection(server, stream, tls).await;
            drop(slot);
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(server: Server, stream: TcpStream, tls: Option<TlsAcceptor>) {
    // Watch events are small and must not wait for a full packet.
    let _ = stream.set_nodelay(true);
    match tls {
        None => http(server, TokioIo::new(stream)).await,
        Some(tls) => match tokio::time::timeout(HEAD_TIMEOUT, tls.accept(stream)).await {
            Ok(Ok(stream)) => http(server, TokioIo::new(stream)).await,
            Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            Err(_) => tracing::debug!("a TLS handshake did not end"),
        },
    }
}

async fn http(server: Server, io: impl hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(MAX_STREAMS);
    if let Err(error) = builder.serve_connection(io, TowerToHyperService::new(server)).await {
        tracing::debug!(%error, "a connection ended");
    }
}
