//! Git over SSH, against a server of russh that runs Git's programs.

use super::*;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey, PublicKey};
use russh::server::{Auth, ChannelOpenHandle, Config, Handler, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use tokio::io::AsyncWriteExt;

const PASSPHRASE: &str = "s3cr3t-canary";

pub(super) fn new_key() -> PrivateKey {
    PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519).unwrap()
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    host_key: PublicKey,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Serves the repositories of a folder to the owner of `key`.
    pub(super) async fn start(root: PathBuf, key: PublicKey) -> Server {
        let host_key = new_key();
        let public = host_key.public_key().clone();
        let config = Arc::new(Config {
            keys: vec![host_key],
            auth_rejection_time: Duration::ZERO,
            auth_rejection_time_initial: Some(Duration::ZERO),
            ..Config::default()
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let served = Served { root: root.clone(), key: key.clone(), protocol: None, channel: None };
                let config = config.clone();
                tokio::spawn(async move {
                    if let Ok(session) = russh::server::run_stream(config, stream, served).await {
                        session.await.ok();
                    }
                });
            }
        });
        Server { address, host_key: public, task }
    }

    pub(super) fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}\n", self.address.port(), self.host_key.to_openssh().unwrap())
    }
}

struct Served {
    root: PathBuf,
    key: PublicKey,
    protocol: Option<String>,
    channel: Option<Channel<Msg>>,
}

impl Handler for Served {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, russh::Error> {
        let known = user == "git" && key.public_key.key_data() == self.key.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        _: ChannelId,
        name: &str,
        value: &str,
        _: &mut Session,
    ) -> Result<(), russh::Error> {
        if name == "GIT_PROTOCOL" {
            self.protocol = Some(value.to_owned());
        }
        Ok(())
    }

    async fn exec_request(&mut self, id: ChannelId, data: &[u8], session: &mut Session) -> Result<(), russh::Error> {
        let command = String::from_utf8_lossy(data).into_owned();
        let (program, rest) = command.split_once(" '/").unwrap_or(("git-upload-pack", "none'"));
        let path = rest.strip_suffix('\'').unwrap_or("none");
        let mut git = tokio::process::Command::new("git");
        git.arg(program.strip_prefix("git-").unwrap_or("upload-pack")).arg(self.root.join(path)).kill_on_drop(true);
        if let Some(protocol) = &self.protocol {
            git.env("GIT_PROTOCOL", protocol);
        }
        let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        session.channel_success(id)?;
        let (Some(channel), handle) = (self.channel.take(), session.handle()) else { return Ok(()) };
        let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut errors = child.stderr.take().unwrap();
        let (mut read, write) = channel.split();
        tokio::spawn(async move {
            let mut reader = read.make_reader();
            tokio::io::copy(&mut reader, &mut input).await.ok();
            input.shutdown().await.ok();
        });
        tokio::spawn(async move {
            let mut writer = write.make_writer();
            tokio::io::copy(&mut output, &mut writer).await.ok();
            let mut text = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut errors, &mut text).await.ok();
            handle.extended_data(id, 1, text).await.ok();
            let code = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1);
            handle.exit_status_request(id, code as u32).await.ok();
            handle.eof(id).await.ok();
            handle.close(id).await.ok();
        });
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repositories_are_fetched_over_ssh() {
    let rig = Rig::new().await;
    let id = rig.repo.commit("main", "first", &[("a", Some("1")), ("d/b", Some("2"))]).unwrap();
    let key = new_key();
    let server = Server::start(rig.folder.path().join("served"), key.public_key().clone()).await;
    let url = |name: &str| RemoteUrl::parse(&format!("ssh://git@{}/{name}", server.address)).unwrap();
    let credentials = |key: &PrivateKey, passphrase: Option<&str>, known_hosts: String| Credentials {
        ssh: Some(SshCredentials {
            identity: Secret::new(key.to_openssh(LineEnding::LF).unwrap().as_bytes().to_vec()),
            passphrase: passphrase.map(secret),
            known_hosts,
        }),
        ..Credentials::default()
    };
    let fetch = async |name: &str, credentials: Credentials| {
        let spec = GitSpec { url: url(name), credentials, ..rig.spec(branch("main")) };
        rig.repositories.fetch(&spec, NOW).await
    };
    let good = || credentials(&key, None, server.known_hosts());
    let fetched = fetch("shop.git", good()).await.unwrap();
    assert_eq!(fetched.revision, format!("main@sha1:{id}"));
    assert_eq!(read(&*fetched.tree, "d/b"), "2");
    let next = rig.repo.commit("main", "second", &[("a", Some("2"))]).unwrap();
    let fetched = fetch("shop.git", good()).await.unwrap();
    assert_eq!((fetched.revision, read(&*fetched.tree, "a")), (format!("main@sha1:{next}"), "2".to_owned()));
    let locked = key.encrypt(&mut russh::keys::key::safe_rng(), PASSPHRASE).unwrap();
    assert!(fetch("shop.git", credentials(&locked, Some(PASSPHRASE), server.known_hosts())).await.is_ok());

    let check = async |name: &str, credentials: Credentials, expected: ErrorKind, text: &str| {
        let (kind, message) = kind(fetch(name, credentials).await);
        assert_eq!(kind, expected, "{message}");
        assert!(message.contains(text) && !message.contains(PASSPHRASE), "{message}");
    };
    check("none.git", good(), ErrorKind::RepositoryNotFound, "repository not found").await;
    let unauthenticated = ErrorKind::Unauthenticated;
    check("shop.git", credentials(&new_key(), None, server.known_hosts()), unauthenticated, "unable to authenticate")
        .await;
    let wrong = credentials(&locked, Some("s3cr3t-canary-wrong"), server.known_hosts());
    check("shop.git", wrong, ErrorKind::Credentials, "the SSH private key cannot be read").await;
    let other = new_key().public_key().to_openssh().unwrap();
    let mismatch = format!("[127.0.0.1]:{} {other}\n", server.address.port());
    let print = server.host_key.fingerprint(russh::keys::HashAlg::Sha256).to_string();
    check(
        "shop.git",
        credentials(&key, None, mismatch),
        ErrorKind::HostKey,
        &format!("key mismatch (ssh-ed25519 {print})"),
    )
    .await;
    check("shop.git", credentials(&key, None, format!("example.org {other}")), ErrorKind::HostKey, "key is unknown")
        .await;
    check("shop.git", credentials(&key, None, " ".into()), ErrorKind::Credentials, "'known_hosts' is required").await;
    check("shop.git", Credentials::default(), ErrorKind::Credentials, "'identity' is required").await;
}
