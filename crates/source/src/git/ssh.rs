//! Git over SSH: a channel of russh that runs `git-upload-pack` or `git-receive-pack` on the remote, as blocking
//! streams.

use super::exchange::Exchange;
use super::known_hosts::{self, Verdict};
use super::spec::SshCredentials;
use crate::{Error, ErrorKind};
use belay_net::{Egress, RemoteUrl};
use bytes::{Buf, Bytes};
use gix::protocol::transport::Protocol;
use gix::protocol::transport::client::blocking_io::Transport;
use gix::protocol::transport::client::git::ConnectMode;
use gix::protocol::transport::client::git::blocking_io::Connection;
use parking_lot::Mutex;
use russh::client::{self, Handle, Msg};
use russh::keys::ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use russh::keys::{PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Most bytes kept of what the remote says on its standard error.
const STDERR_BYTES: usize = 4096;

/// Logs in and starts `git-upload-pack`.
pub(crate) fn connect(
    url: &RemoteUrl,
    credentials: Option<&SshCredentials>,
    egress: &Egress,
    exchange: &Exchange,
) -> Result<Box<dyn Transport>, Error> {
    let (reader, writer) = channel(url, credentials, egress, exchange, "git-upload-pack")?;
    let connection = Connection::new(
        reader,
        writer,
        Protocol::V2,
        url.path(),
        None::<(String, Option<u16>)>,
        ConnectMode::Process,
        false,
    );
    Ok(Box::new(connection.custom_url(Some(url.as_str().into()))))
}

/// Logs in and starts a program of Git's, `git-upload-pack` or `git-receive-pack`.
pub(crate) fn channel(
    url: &RemoteUrl,
    credentials: Option<&SshCredentials>,
    egress: &Egress,
    exchange: &Exchange,
    program: &'static str,
) -> Result<(Reader, Writer), Error> {
    let credentials = credentials
        .ok_or_else(|| Error::new(ErrorKind::Credentials, "invalid 'ssh' auth option: 'identity' is required"))?;
    let (session, channel) = exchange.wait(open(url, credentials, egress, program)).map_err(|_| exchange.failure())?;
    let (read, write) = channel.split();
    let stderr = Arc::new(Mutex::new(Vec::new()));
    let session = Arc::new(session);
    let reader = Reader {
        exchange: exchange.clone(),
        program,
        half: read,
        rest: Bytes::new(),
        stderr,
        _session: session.clone(),
    };
    let writer = Writer { exchange: exchange.clone(), half: write, pending: Vec::new(), _session: session };
    Ok((reader, writer))
}

type Open = (Handle<HostKeyCheck>, russh::Channel<Msg>);

async fn open(url: &RemoteUrl, credentials: &SshCredentials, egress: &Egress, program: &str) -> Result<Open, Error> {
    let key = read_key(credentials)?;
    let addresses = egress.resolve(url.host(), url.port()).await?;
    let stream = tokio::net::TcpStream::connect(&*addresses).await.map_err(|error| {
        Error::new(ErrorKind::Unreachable, format!("dial tcp {}:{}: {error}", url.host(), url.port()))
    })?;
    let refusal = Arc::new(Mutex::new(None));
    let check = HostKeyCheck {
        known_hosts: credentials.known_hosts.clone(),
        host: url.host().to_owned(),
        port: url.port(),
        refusal: refusal.clone(),
    };
    let config = Arc::new(config(credentials, url));
    let handshake = |error: &dyn std::fmt::Display| {
        let own = refusal.lock().take();
        own.unwrap_or_else(|| Error::new(ErrorKind::Unreachable, format!("ssh: handshake failed: {error}")))
    };
    let mut session = client::connect_stream(config, stream, check).await.map_err(|error| handshake(&error))?;
    log_in(&mut session, url, key).await?;
    let broken = |error: russh::Error| Error::new(ErrorKind::Unreachable, format!("ssh: {error}"));
    let channel = session.channel_open_session().await.map_err(broken)?;
    // Servers that do not take the variable answer in the older protocol, which is understood too.
    if program == "git-upload-pack" {
        channel.set_env(false, "GIT_PROTOCOL", "version=2").await.map_err(broken)?;
    }
    channel.exec(true, command(program, url)).await.map_err(broken)?;
    Ok((session, channel))
}

fn read_key(credentials: &SshCredentials) -> Result<PrivateKey, Error> {
    let text = std::str::from_utf8(credentials.identity.expose())
        .map_err(|_| Error::new(ErrorKind::Credentials, "the SSH private key is no text"))?;
    let passphrase = credentials.passphrase.as_ref().map(|passphrase| passphrase.expose().as_str());
    // The crate's own text may quote what it could not read, so it is not passed on.
    russh::keys::decode_secret_key(text, passphrase).map_err(|_| {
        Error::new(ErrorKind::Credentials, "the SSH private key cannot be read; is its passphrase given and right?")
    })
}

fn config(credentials: &SshCredentials, url: &RemoteUrl) -> client::Config {
    let types = known_hosts::key_types(&credentials.known_hosts, url.host(), url.port());
    let ecdsa = |curve| Algorithm::Ecdsa { curve };
    let mut algorithms = Vec::new();
    for name in &types {
        match name.as_str() {
            "ssh-ed25519" => algorithms.push(Algorithm::Ed25519),
            "ecdsa-sha2-nistp256" => algorithms.push(ecdsa(EcdsaCurve::NistP256)),
            "ecdsa-sha2-nistp384" => algorithms.push(ecdsa(EcdsaCurve::NistP384)),
            "ecdsa-sha2-nistp521" => algorithms.push(ecdsa(EcdsaCurve::NistP521)),
            // Never with SHA-1.
            "ssh-rsa" => {
                algorithms.extend([HashAlg::Sha512, HashAlg::Sha256].map(|hash| Algorithm::Rsa { hash: Some(hash) }))
            }
            _ => {}
        }
    }
    let mut config = client::Config { nodelay: true, ..client::Config::default() };
    if !algorithms.is_empty() {
        config.preferred.key = Cow::Owned(algorithms);
    }
    config
}

async fn log_in(session: &mut Handle<HostKeyCheck>, url: &RemoteUrl, key: PrivateKey) -> Result<(), Error> {
    let broken = |error: russh::Error| Error::new(ErrorKind::Unreachable, format!("ssh: handshake failed: {error}"));
    let hash = match key.algorithm() {
        Algorithm::Rsa { .. } => {
            session.best_supported_rsa_hash().await.map_err(broken)?.unwrap_or(Some(HashAlg::Sha256))
        }
        _ => None,
    };
    let user = url.user().unwrap_or("git");
    let answer = session.authenticate_publickey(user, PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await;
    if answer.map_err(broken)?.success() {
        return Ok(());
    }
    let why = "ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
    Err(Error::new(ErrorKind::Unauthenticated, why))
}

/// `git-upload-pack '/team/it'\''s.git'`. The path begins with a slash or a tilde, so it cannot be
/// taken for an option (INV-NET-6).
fn command(program: &str, url: &RemoteUrl) -> String {
    let path = url.path();
    let path = if path.starts_with("/~") { &path[1..] } else { path };
    format!("{program} '{}'", path.replace('\'', "'\\''"))
}

/// Believes the host keys of a `known_hosts` file.
struct HostKeyCheck {
    known_hosts: String,
    host: String,
    port: u16,
    refusal: Arc<Mutex<Option<Error>>>,
}

impl client::Handler for HostKeyCheck {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        let key = key.public_key();
        let Ok(bytes) = key.to_bytes() else { return Ok(false) };
        let why = match known_hosts::check(&self.known_hosts, &self.host, self.port, &bytes) {
            Verdict::Known => return Ok(true),
            Verdict::Mismatch => "key mismatch",
            Verdict::Unknown => "key is unknown",
            Verdict::Revoked => "key is revoked",
        };
        let print = key.fingerprint(HashAlg::Sha256);
        let text = format!("ssh: handshake failed: knownhosts: {why} ({} {print})", key.algorithm());
        *self.refusal.lock() = Some(Error::new(ErrorKind::HostKey, text));
        Ok(false)
    }
}

pub(crate) struct Reader {
    exchange: Exchange,
    program: &'static str,
    half: ChannelReadHalf,
    rest: Bytes,
    stderr: Arc<Mutex<Vec<u8>>>,
    /// Dropping the last one hangs up.
    _session: Arc<Handle<HostKeyCheck>>,
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.rest.is_empty() {
            let half = &mut self.half;
            match self.exchange.wait(async { Ok(half.wait().await) })? {
                Some(ChannelMsg::Data { data }) => {
                    self.exchange.received(data.len())?;
                    self.rest = data;
                }
                Some(ChannelMsg::ExtendedData { data, .. }) => {
                    let mut stderr = self.stderr.lock();
                    let room = STDERR_BYTES.saturating_sub(stderr.len());
                    stderr.extend_from_slice(&data[..data.len().min(room)]);
                }
                Some(ChannelMsg::ExitStatus { exit_status }) if exit_status != 0 => {
                    return Err(self.exchange.fail(said(self.program, &self.stderr.lock(), exit_status)));
                }
                Some(ChannelMsg::Failure) => {
                    let text = format!("ssh: the remote refused to run {}", self.program);
                    return Err(self.exchange.fail(Error::new(ErrorKind::Unreachable, text)));
                }
                Some(ChannelMsg::Close) | None => return Ok(0),
                Some(_) => {}
            }
        }
        let read = buffer.len().min(self.rest.len());
        buffer[..read].copy_from_slice(&self.rest[..read]);
        self.rest.advance(read);
        Ok(read)
    }
}

/// What the remote said before it gave up.
fn said(program: &str, stderr: &[u8], status: u32) -> Error {
    let text = String::from_utf8_lossy(stderr);
    let lower = text.to_lowercase();
    if lower.contains("not found")
        || lower.contains("does not appear to be a git repository")
        || lower.contains("could not read")
    {
        return Error::new(ErrorKind::RepositoryNotFound, "repository not found");
    }
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    Error::new(ErrorKind::Unreachable, format!("{program} ended with status {status}: {line}"))
}

pub(crate) struct Writer {
    exchange: Exchange,
    half: ChannelWriteHalf<Msg>,
    pending: Vec<u8>,
    _session: Arc<Handle<HostKeyCheck>>,
}

impl Write for Writer {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(data);
        // gix writes a packet line in small pieces.
        if self.pending.len() >= 16 << 10 {
            self.flush()?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let data = std::mem::take(&mut self.pending);
        let half = &self.half;
        let broken = |error: russh::Error| Error::new(ErrorKind::Unreachable, format!("ssh: {error}"));
        self.exchange.wait(async { half.data_bytes(data).await.map_err(broken) })
    }
}
