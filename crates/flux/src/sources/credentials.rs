//! The secrets that sources name: registries' credentials, certificates, proxies.

use belay_cluster::Resource;
use belay_net::{ClientOptions, Secret};
use belay_object::{Object, Value};
use belay_oci::{Credentials, Keychain};

use crate::git_spec::{identity, proxy, text, value};
use crate::shared::Shared;

/// Pull secrets that are read of one account.
const MOST_PULL_SECRETS: usize = 32;

impl Shared {
    /// A Secret that a resource of the same namespace names. Compat(flux 2.9): the words.
    pub async fn secret(&self, namespace: &str, name: &str) -> Result<Object, String> {
        let secrets = Resource::known("", "v1", "Secret", "secrets", true);
        self.cluster.get(&secrets, namespace, name).await.map_err(|e| match e.is_not_found() {
            true => format!("failed to get secret '{namespace}/{name}': secrets \"{name}\" not found"),
            false => format!("failed to get secret '{namespace}/{name}': {e}"),
        })
    }

    /// The credentials of a secret and of an account's pull secrets.
    pub async fn keychain(
        &self,
        namespace: &str,
        secret: Option<&str>,
        account: Option<&str>,
    ) -> Result<Keychain, String> {
        let mut keychain = Keychain::anonymous();
        if let Some(name) = secret {
            let secret = self.secret(namespace, name).await?;
            keychain.merge(
                docker_config(&secret)?
                    .ok_or_else(|| format!("secret '{namespace}/{name}' has no '.dockerconfigjson'"))?,
            );
        }
        let Some(account) = account else { return Ok(keychain) };
        let accounts = Resource::known("", "v1", "ServiceAccount", "serviceaccounts", true);
        let object = self.cluster.get(&accounts, namespace, account).await.map_err(|e| match e.is_not_found() {
            true => format!("failed to get service account '{namespace}/{account}': not found"),
            false => format!("failed to get service account '{namespace}/{account}': {e}"),
        })?;
        for reference in object.at(&["imagePullSecrets"]).map_or(&[][..], Value::items).iter().take(MOST_PULL_SECRETS) {
            let secret = self.secret(namespace, reference.str_at(&["name"]).unwrap_or_default()).await?;
            // Pull secrets of an older form are for others.
            if let Some(found) = docker_config(&secret)? {
                keychain.merge(found);
            }
        }
        Ok(keychain)
    }

    /// How a source's connections are made: its certificates and proxy.
    pub async fn way_out(
        &self,
        namespace: &str,
        certificates: Option<&str>,
        proxy_secret: Option<&str>,
    ) -> Result<ClientOptions, String> {
        let mut options = ClientOptions {
            egress: self.outbound.egress.clone(),
            proxy: self.outbound.proxy.clone(),
            ..ClientOptions::default()
        };
        if let Some(name) = proxy_secret {
            let secret = self.secret(namespace, name).await.map_err(|e| format!("failed to get proxy address: {e}"))?;
            options.proxy = Some(proxy(&secret)?);
        }
        if let Some(name) = certificates {
            let secret = self.secret(namespace, name).await?;
            (options.extra_roots, options.identity) = (value(&secret, "ca.crt"), identity(&secret)?);
            if options.extra_roots.is_none() && options.identity.is_none() {
                let text = format!("secret '{namespace}/{name}' has neither 'ca.crt' nor 'tls.crt' and 'tls.key'");
                return Err(text);
            }
        }
        Ok(options)
    }
}

/// The credentials of a pull secret; `None` where it is none.
fn docker_config(secret: &Object) -> Result<Option<Keychain>, String> {
    let Some(json) = value(secret, ".dockerconfigjson") else { return Ok(None) };
    let place = || format!("secret '{}/{}'", secret.namespace(), secret.name());
    Keychain::parse(&json).map(Some).map_err(|e| format!("{}: {e}", place()))
}

/// User name and password of a secret; `None` where it has neither.
pub(super) fn user(secret: &Object) -> Result<Option<(String, Secret<String>)>, String> {
    match (text(secret, "username")?, text(secret, "password")?) {
        (Some(user), Some(password)) => Ok(Some((user, Secret::new(password)))),
        (None, None) => Ok(None),
        (user, _) => {
            let (has, lacks) = if user.is_some() { ("username", "password") } else { ("password", "username") };
            Err(format!("secret '{}/{}' has '{has}' but no '{lacks}'", secret.namespace(), secret.name()))
        }
    }
}

/// Credentials for one registry of a secret in either form: Docker's, or user name and password.
pub(super) fn registry(secret: &Object, host: &str) -> Result<Keychain, String> {
    if let Some(keychain) = docker_config(secret)? {
        return Ok(keychain);
    }
    Ok(match user(secret)? {
        Some((user, password)) => Keychain::single(host, Credentials::Basic(user, password)),
        None => Keychain::anonymous(),
    })
}
