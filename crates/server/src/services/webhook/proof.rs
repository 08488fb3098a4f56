//! Which host sent something, and whether it proves to know the secret that the settings have for it.
//!
//! Secrets are compared in a time that does not depend on where they differ (HOOK-1).

use base64::Engine as _;
use belay_argo::settings::Webhooks;
use hmac::{Hmac, Mac};
use http::HeaderMap;
use sha1::Sha1;
use sha2::{Digest, Sha256};

/// A Git host, or a registry.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Host {
    Github,
    Gitlab,
    Bitbucket,
    BitbucketServer,
    Gogs,
    AzureDevops,
    Harbor,
}

/// The host, by its headers. Compat(argo 3.5): in this order; Gogs goes before GitHub, whose headers it
/// sends as well.
pub(super) fn host(headers: &HeaderMap, body: &[u8]) -> Option<Host> {
    let has = |name: &str| headers.get(name).is_some_and(|value| !value.is_empty());
    let is_push = |text: &str| body.windows(text.len()).take(512).any(|window| window == text.as_bytes());
    Some(match () {
        () if has("x-vss-activityid") => Host::AzureDevops,
        () if has("x-gogs-event") || has("x-gitea-event") => Host::Gogs,
        () if has("x-github-event") => Host::Github,
        () if has("x-gitlab-event") => Host::Gitlab,
        () if has("x-hook-uuid") => Host::Bitbucket,
        () if has("x-event-key") => Host::BitbucketServer,
        () if is_push("PUSH_ARTIFACT") => Host::Harbor,
        () => return None,
    })
}

/// Whether a message proves to be of its host; where the settings have no secret, everything does.
pub(super) fn holds(host: Host, settings: &Webhooks, headers: &HeaderMap, body: &[u8]) -> bool {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let secret =
        |name: &str| settings.secrets.get(name).map(|secret| secret.expose().as_str()).filter(|s| !s.is_empty());
    let signed = |secret: &str, signature: &str| {
        let signature = signature.strip_prefix("sha256=").unwrap_or(signature);
        decode_hex(signature).is_some_and(|bytes| sha256(secret, body).verify_slice(&bytes).is_ok())
    };
    match host {
        Host::Github => secret("github").is_none_or(|secret| match header("x-hub-signature-256") {
            // Compat(argo 3.5): the older signature counts where the newer one is not sent.
            "" => {
                let bytes = header("x-hub-signature").strip_prefix("sha1=").and_then(decode_hex);
                bytes.is_some_and(|bytes| sha1(secret, body).verify_slice(&bytes).is_ok())
            }
            signature => signature.starts_with("sha256=") && signed(secret, signature),
        }),
        Host::Gogs => secret("gogs").is_none_or(|secret| {
            let gogs = header("x-gogs-signature");
            signed(secret, if gogs.is_empty() { header("x-gitea-signature") } else { gogs })
        }),
        Host::BitbucketServer => {
            secret("bitbucketserver").is_none_or(|secret| signed(secret, header("x-hub-signature")))
        }
        Host::Gitlab => secret("gitlab").is_none_or(|secret| same(secret, header("x-gitlab-token"))),
        Host::Bitbucket => secret("bitbucket").is_none_or(|uuid| same(uuid, header("x-hook-uuid"))),
        Host::Harbor => secret("harbor").is_none_or(|secret| same(secret, header("authorization"))),
        Host::AzureDevops => settings.azure_devops.as_ref().is_none_or(|(user, password)| {
            let given = header("authorization").strip_prefix("Basic ").unwrap_or_default();
            let given = base64::engine::general_purpose::STANDARD.decode(given).unwrap_or_default();
            same_bytes(format!("{user}:{}", password.expose()).as_bytes(), &given)
        }),
    }
}

/// Whether texts are the same, in a time that tells nothing of them: their digests are compared.
fn same(a: &str, b: &str) -> bool {
    same_bytes(a.as_bytes(), b.as_bytes())
}

fn same_bytes(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    a.iter().zip(b.iter()).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

fn sha256(secret: &str, body: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(secret.as_bytes()).expect("a key of HMAC has any length");
    mac.update(body);
    mac
}

fn sha1(secret: &str, body: &[u8]) -> Hmac<Sha1> {
    let mut mac = <Hmac<Sha1> as Mac>::new_from_slice(secret.as_bytes()).expect("a key of HMAC has any length");
    mac.update(body);
    mac
}

fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) || digits.len() > 128 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}
