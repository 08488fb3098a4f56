//! GitRepository to what the source crate fetches: references, credentials, keys.
//!
//! Secrets come in as objects and leave as [`belay_net::Secret`]s; no text here holds a value of one.

use base64::Engine;
use belay_net::{ClientIdentity, Proxy, RemoteUrl, Secret};
use belay_object::{Map, Object, Value};
use belay_source::{Credentials, GitSpec, Include, Reference, SshCredentials, Verification, VerifyMode};

use crate::names::reason;
use crate::report::{FailureClass, FailureOf, GitOutcome};
use crate::spec::{GitReference, GitRepository, Provider, VerificationMode};

/// The secrets that a GitRepository names, as they were read.
#[derive(Default)]
pub(crate) struct Secrets {
    pub auth: Option<Object>,
    pub proxy: Option<Object>,
    pub keys: Option<Object>,
}

/// A failure of the fetch stage.
pub(crate) fn fetch_failure(reason: &str, message: impl Into<String>, class: FailureClass) -> GitOutcome {
    GitOutcome::Failed { of: FailureOf::Fetch, reason: reason.to_owned(), message: message.into(), class }
}

/// Makes the specification; `include` was resolved by the caller.
pub(crate) fn lower(spec: &GitRepository, secrets: &Secrets, include: Vec<Include>) -> Result<GitSpec, GitOutcome> {
    let invalid = |message: String| fetch_failure(reason::URL_INVALID, message, FailureClass::Stalling);
    let url = RemoteUrl::parse(&spec.url).map_err(|e| invalid(format!("invalid url: {e}")))?;
    provider(spec, secrets)?;
    let denied = |message: String| fetch_failure(reason::AUTHENTICATION_FAILED, message, FailureClass::Generic);
    Ok(GitSpec {
        credentials: credentials(&url, secrets.auth.as_ref()).map_err(denied)?,
        reference: reference(&spec.reference),
        proxy: secrets.proxy.as_ref().map(proxy).transpose().map_err(denied)?,
        verify: spec.verify.as_ref().map(|verify| verification(verify.mode, secrets.keys.as_ref())),
        ignore: spec.ignore.clone(),
        include,
        recurse_submodules: spec.recurse_submodules,
        sparse_checkout: spec.sparse_checkout.clone(),
        timeout: spec.timeout.to_std(),
        ..GitSpec::branch(url, "")
    })
}

fn reference(reference: &GitReference) -> Reference {
    match reference {
        GitReference::Commit { commit, branch } => Reference::Commit { id: commit.clone(), branch: branch.clone() },
        GitReference::Name(name) => Reference::Name(name.clone()),
        GitReference::Semver(range) => Reference::SemVer(range.clone()),
        GitReference::Tag(tag) => Reference::Tag(tag.clone()),
        GitReference::Branch(branch) => Reference::Branch(branch.clone()),
    }
}

/// Compat(flux 2.9): app keys need `provider: github` and the other way round. Logins of clouds are
/// not there yet.
fn provider(spec: &GitRepository, secrets: &Secrets) -> Result<(), GitOutcome> {
    let refuse =
        |message: String| Err(fetch_failure(reason::INVALID_PROVIDER_CONFIGURATION, message, FailureClass::Stalling));
    let has_app = secrets.auth.as_ref().is_some_and(|s| s.at(&["data", "githubAppID"]).is_some());
    match spec.provider {
        Provider::Generic if has_app => {
            refuse("secretRef has github app data but provider is not set to github".to_owned())
        }
        Provider::Generic => Ok(()),
        Provider::GitHub | Provider::Aws | Provider::Azure => refuse(format!(
            "provider {:?} is not served by this version: use a secret with username and password, a bearer token or an ssh key",
            spec.provider
        )),
    }
}

/// A value of a secret's data; absent and empty are the same.
pub(crate) fn value(secret: &Object, key: &str) -> Option<Vec<u8>> {
    let text = secret.str_at(&["data", key])?;
    base64::engine::general_purpose::STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

pub(crate) fn text(secret: &Object, key: &str) -> Result<Option<String>, String> {
    match value(secret, key) {
        None => Ok(None),
        Some(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| {
                format!("the value of {key} in secret '{}/{}' is no text", secret.namespace(), secret.name())
            })?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
    }
}

fn credentials(url: &RemoteUrl, secret: Option<&Object>) -> Result<Credentials, String> {
    let Some(secret) = secret else {
        if url.scheme() == belay_net::Scheme::Ssh {
            return Err("ssh needs spec.secretRef: a Secret with 'identity' and 'known_hosts'".to_owned());
        }
        return Ok(Credentials::default());
    };
    let place = format!("secret '{}/{}'", secret.namespace(), secret.name());
    let mut credentials = Credentials::default();
    if url.scheme() == belay_net::Scheme::Ssh {
        let missing = |key: &str| format!("{place} has no '{key}': ssh needs 'identity' and 'known_hosts'");
        credentials.ssh = Some(SshCredentials {
            identity: Secret::new(value(secret, "identity").ok_or_else(|| missing("identity"))?),
            passphrase: text(secret, "password")?.map(Secret::new),
            known_hosts: text(secret, "known_hosts")?.ok_or_else(|| missing("known_hosts"))?,
        });
        return Ok(credentials);
    }
    match (text(secret, "username")?, text(secret, "password")?, text(secret, "bearerToken")?) {
        (Some(user), Some(password), _) => credentials.basic = Some((user, Secret::new(password))),
        (None, None, Some(token)) => credentials.bearer = Some(Secret::new(token)),
        (None, None, None) => {}
        (user, ..) => {
            let (has, lacks) = if user.is_some() { ("username", "password") } else { ("password", "username") };
            return Err(format!("{place} has '{has}' but no '{lacks}'"));
        }
    }
    credentials.ca = value(secret, "ca.crt").or_else(|| value(secret, "caFile"));
    credentials.tls = identity(secret)?;
    Ok(credentials)
}

/// The client certificate of a secret, where it has one.
pub(crate) fn identity(secret: &Object) -> Result<Option<ClientIdentity>, String> {
    match (value(secret, "tls.crt"), value(secret, "tls.key")) {
        (Some(certificate), Some(key)) => Ok(Some(ClientIdentity { certificate, key: Secret::new(key) })),
        (None, None) => Ok(None),
        (certificate, _) => {
            let (has, lacks) = if certificate.is_some() { ("tls.crt", "tls.key") } else { ("tls.key", "tls.crt") };
            Err(format!("secret '{}/{}' has '{has}' but no '{lacks}'", secret.namespace(), secret.name()))
        }
    }
}

pub(crate) fn proxy(secret: &Object) -> Result<Proxy, String> {
    let place = format!("proxy secret '{}/{}'", secret.namespace(), secret.name());
    let address = text(secret, "address")?.ok_or_else(|| format!("{place} has no 'address'"))?;
    let user = match text(secret, "username")? {
        Some(user) => Some((user, Secret::new(text(secret, "password")?.unwrap_or_default()))),
        None => None,
    };
    Proxy::new(&address, user).map_err(|e| format!("{place}: {e}"))
}

/// Compat(flux 2.9): `.sshpub` keys are SSH's, everything else is taken for PGP.
fn verification(mode: VerificationMode, secret: Option<&Object>) -> Verification {
    let mut verification = Verification {
        mode: match mode {
            VerificationMode::Head => VerifyMode::Head,
            VerificationMode::Tag => VerifyMode::Tag,
            VerificationMode::TagAndHead => VerifyMode::TagAndHead,
        },
        pgp_keys: Vec::new(),
        ssh_keys: Vec::new(),
    };
    let data = secret.and_then(|s| s.get("data")).and_then(Value::as_object);
    for (name, _) in data.into_iter().flat_map(Map::iter) {
        let Some(bytes) = secret.and_then(|s| value(s, name)) else { continue };
        let key = String::from_utf8_lossy(&bytes).into_owned();
        let keys = if name.ends_with(".sshpub") { &mut verification.ssh_keys } else { &mut verification.pgp_keys };
        keys.push(key);
    }
    verification
}
