//! Whether a command goes through a server, and which: flags before variables before logins.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use belay_net::{RemoteUrl, Secret};

use super::local_config::{self, LocalConfig, Login};
use crate::args::{Global, ServerFlags};

/// How a server is reached.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Target {
    /// `HOST[:PORT]`, or a URL.
    pub server: String,
    /// The login that it comes from.
    pub login: Option<String>,
    /// Whether it speaks HTTP without TLS.
    pub plaintext: bool,
    /// Whether its certificate is believed unseen.
    pub insecure: bool,
    /// Where its API stands.
    pub root_path: String,
    /// Empty for none.
    pub token: Secret<String>,
    /// Authorities of its certificate.
    pub server_crt: Option<PathBuf>,
    /// A certificate that is shown to it.
    pub client_crt: Option<PathBuf>,
    /// Its key.
    pub client_crt_key: Option<PathBuf>,
    /// `Name: value`
    pub headers: Vec<String>,
    /// How often a look is tried again.
    pub retries: u32,
}

impl Target {
    /// The beginning of all addresses.
    pub fn base(&self) -> Result<String> {
        let scheme = if self.plaintext { "http" } else { "https" };
        let text = match self.server.contains("://") {
            true => self.server.clone(),
            false => format!("{scheme}://{}", self.server),
        };
        let url = RemoteUrl::parse(&text)
            .with_context(|| format!("the server {:?} is no HOST[:PORT]", belay_net::redact(&self.server)))?;
        if !matches!(url.scheme(), belay_net::Scheme::Http | belay_net::Scheme::Https) {
            bail!("the server {:?} is no HOST[:PORT]: only http and https are spoken", self.server);
        }
        let root = self.root_path.trim_matches('/');
        let root = if root.is_empty() { String::new() } else { format!("/{root}") };
        Ok(format!("{}{root}", url.as_str().trim_end_matches('/')))
    }
}

/// The file of logins that the flags and the environment name.
pub fn config_path(flags: &ServerFlags) -> Result<PathBuf> {
    let variable = |name: &str| std::env::var(name).ok();
    let path = flags.config.clone().or_else(|| local_config::path(variable, std::path::Path::exists));
    path.context("there is no home folder to keep logins in: give --config")
}

/// What `ARGOCD_OPTS` says, where no flag says it: `--name value`, `--name=value` and flags that are on.
/// Compat(argocd 3.5): what is not known is left alone.
pub fn with_options(global: &Global, flags: &ServerFlags, text: &str) -> (Global, ServerFlags) {
    let (mut global, mut flags) = (global.clone(), flags.clone());
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some(word) = word.strip_prefix("--") else { continue };
        let (name, mut value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let is_flag = match name {
            "core" => Some(&mut flags.core),
            "plaintext" => Some(&mut flags.plaintext),
            "insecure" => Some(&mut flags.insecure),
            _ => None,
        };
        if let Some(flag) = is_flag {
            *flag |= value.is_none_or(|value| value == "true");
            continue;
        }
        value = value.or_else(|| words.next_if(|next| !next.starts_with("--")));
        let Some(value) = value else { continue };
        let path = || Some(PathBuf::from(value));
        let text = || Some(value.to_owned());
        match name {
            "server" => global.server = global.server.take().or_else(text),
            "auth-token" => flags.auth_token = flags.auth_token.take().or_else(|| text().map(Secret::new)),
            "argocd-context" => flags.argocd_context = flags.argocd_context.take().or_else(text),
            "grpc-web-root-path" => flags.grpc_web_root_path = flags.grpc_web_root_path.take().or_else(text),
            "config" => flags.config = flags.config.take().or_else(path),
            "server-crt" => flags.server_crt = flags.server_crt.take().or_else(path),
            "client-crt" => flags.client_crt = flags.client_crt.take().or_else(path),
            "client-crt-key" => flags.client_crt_key = flags.client_crt_key.take().or_else(path),
            _ => {}
        }
    }
    (global, flags)
}

/// The server that a command goes through; `None` where it works on the cluster.
pub fn target(global: &Global, flags: &ServerFlags) -> Result<Option<Target>> {
    let (global, flags) = &with_options(global, flags, &std::env::var("ARGOCD_OPTS").unwrap_or_default());
    if flags.core {
        return Ok(None);
    }
    let logins = || match config_path(flags) {
        Ok(path) => LocalConfig::read(&path),
        Err(_) => Ok(None),
    };
    chosen(global, flags, std::env::var("ARGOCD_SERVER").ok().as_deref(), logins)
}

/// The same as a function of what is known.
pub fn chosen(
    global: &Global,
    flags: &ServerFlags,
    variable: Option<&str>,
    logins: impl Fn() -> Result<Option<LocalConfig>>,
) -> Result<Option<Target>> {
    if let Some(server) = global.server.as_deref().filter(|server| !server.is_empty()) {
        return Ok(Some(named(server, flags, logins()?.as_ref())));
    }
    if flags.argocd_context.is_none() {
        // Who names a cluster means it.
        if names_cluster(global) {
            return Ok(None);
        }
        if let Some(server) = variable.filter(|server| !server.is_empty()) {
            return Ok(Some(named(server, flags, logins()?.as_ref())));
        }
    }
    let logins = logins()?.unwrap_or_default();
    let name = flags.argocd_context.as_deref().unwrap_or(logins.current());
    if name.is_empty() {
        return Ok(None);
    }
    let login = logins.login(name)?;
    Ok((!login.core).then(|| of_login(login, flags)))
}

fn names_cluster(global: &Global) -> bool {
    let texts = [&global.context, &global.cluster, &global.user, &global.token, &global.as_user];
    global.kubeconfig.is_some() || texts.iter().any(|text| text.is_some())
}

/// A server by its address. Only a login to that very server lends its token.
fn named(server: &str, flags: &ServerFlags, logins: Option<&LocalConfig>) -> Target {
    let known = logins.and_then(|logins| logins.login_to(server));
    of_login(known.unwrap_or_else(|| Login { server: server.to_owned(), ..Login::default() }), flags)
}

fn of_login(login: Login, flags: &ServerFlags) -> Target {
    Target {
        server: login.server,
        login: Some(login.name).filter(|name| !name.is_empty()),
        plaintext: flags.plaintext || login.plaintext,
        insecure: flags.insecure || login.insecure,
        root_path: flags.grpc_web_root_path.clone().unwrap_or(login.root_path),
        token: flags.auth_token.clone().unwrap_or(login.token),
        server_crt: flags.server_crt.clone(),
        client_crt: flags.client_crt.clone(),
        client_crt_key: flags.client_crt_key.clone(),
        headers: flags.headers.clone(),
        retries: flags.http_retry_max,
    }
}

#[cfg(test)]
mod tests;
