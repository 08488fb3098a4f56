//! Who we are to a registry, and where that is written.
//!
//! Credentials belong to one host: they are looked up by it and given to no other (INV-NET-2).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_net::Secret;
use serde::Deserialize;
use std::collections::BTreeMap;

use crate::error::{Error, ErrorKind, Result};
use crate::reference::Repository;

/// Largest configuration that is read.
const MOST_BYTES: usize = 1 << 20;

/// Credentials for one registry.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Credentials {
    /// User name and password.
    Basic(String, Secret<String>),
    /// A refresh token, exchanged for a token of the registry.
    Identity(Secret<String>),
    /// A token that the registry takes as it is.
    Bearer(Secret<String>),
}

/// Credentials by registry, in Docker's form (`.dockerconfigjson`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Keychain(BTreeMap<String, Credentials>);

#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, DockerAuth>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "lowercase")]
struct DockerAuth {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Keychain {
    /// No credentials.
    pub fn anonymous() -> Keychain {
        Keychain::default()
    }
    /// One user for one registry.
    pub fn single(registry: &str, credentials: Credentials) -> Keychain {
        Keychain(BTreeMap::from([(normal(registry), credentials)]))
    }
    /// Reads Docker's configuration. No message shows any of it.
    pub fn parse(json: &[u8]) -> Result<Keychain> {
        let wrong = |why: &str| Error::new(ErrorKind::Credentials, format!("docker config {why}"));
        if json.len() > MOST_BYTES {
            return Err(wrong("is larger than 1 MiB"));
        }
        let config: DockerConfig = serde_json::from_slice(json).map_err(|e| {
            wrong(&format!("is no JSON of the expected form (line {}, column {})", e.line(), e.column()))
        })?;
        let mut all = BTreeMap::new();
        for (host, auth) in config.auths {
            if let Some(credentials) = auth.credentials().map_err(|why| wrong(&format!("for {host:?}: {why}")))? {
                all.insert(normal(&host), credentials);
            }
        }
        Ok(Keychain(all))
    }
    /// Adds what another one has; what is there stays.
    pub fn merge(&mut self, other: Keychain) {
        for (host, credentials) in other.0 {
            self.0.entry(host).or_insert(credentials);
        }
    }
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// The credentials for a repository: those of the longest entry that is its host, or host and a
    /// part of its path up to a slash (INV-NET-4). An entry's host may begin with `*.`.
    pub fn of(&self, repository: &Repository) -> Option<&Credentials> {
        let name = format!("{}/{}", normal(repository.registry()), repository.path());
        let fits = |entry: &str| match entry.strip_prefix("*.") {
            Some(rest) => name.split_once('.').is_some_and(|(label, name)| !label.contains('/') && covers(rest, name)),
            None => covers(entry, &name),
        };
        self.0.iter().filter(|(entry, _)| fits(entry)).max_by_key(|(entry, _)| entry.len()).map(|(_, c)| c)
    }
    /// The credentials for a host alone.
    pub fn of_host(&self, host: &str) -> Option<&Credentials> {
        self.0.get(&normal(host))
    }
}

fn covers(entry: &str, name: &str) -> bool {
    name.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `https://index.docker.io/v1/` is what Docker itself writes for Docker Hub.
fn normal(host: &str) -> String {
    let host = host.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
    let host = host.strip_suffix("/v1").or_else(|| host.strip_suffix("/v2")).unwrap_or(host);
    match host {
        "docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "index.docker.io".to_owned(),
        host => host.to_ascii_lowercase(),
    }
}

impl DockerAuth {
    fn credentials(self) -> std::result::Result<Option<Credentials>, &'static str> {
        if !self.identitytoken.is_empty() {
            return Ok(Some(Credentials::Identity(Secret::new(self.identitytoken))));
        }
        if !self.registrytoken.is_empty() {
            return Ok(Some(Credentials::Bearer(Secret::new(self.registrytoken))));
        }
        if !self.username.is_empty() || !self.password.is_empty() {
            return Ok(Some(Credentials::Basic(self.username, Secret::new(self.password))));
        }
        if self.auth.is_empty() {
            return Ok(None);
        }
        let bytes = STANDARD.decode(self.auth.trim()).map_err(|_| "'auth' is not base64")?;
        let text = String::from_utf8(bytes).map_err(|_| "'auth' is no text")?;
        let (user, password) = text.split_once(':').ok_or("'auth' is not user:password")?;
        Ok(Some(Credentials::Basic(user.to_owned(), Secret::new(password.trim_end_matches('\0').to_owned()))))
    }
}
