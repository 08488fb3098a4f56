//! Tokens that we issue: JSON Web Tokens, signed with the server's key by HMAC and SHA-256.
//!
//! [`issue`] and [`verify`] know the form and the signature; [`authenticate`] whether a token still
//! counts: the account, the project's role, revocation. Tokens of identity providers are not here.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belay_access::Project;
use belay_access::policy::project_role;
use belay_net::Secret;
use belay_object::{Map, Value};
use hmac::{Hmac, Mac};
use jiff::Timestamp;
use sha2::Sha256;

use super::accounts::{Accounts, Capability};

/// Who issues them.
pub const ISSUER: &str = "argocd";
/// `{"alg":"HS256","typ":"JWT"}`, as it stands before the first dot.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";
/// Ours are a few hundred bytes; those with many groups a few thousand.
const MAX_BYTES: usize = 64 << 10;
/// A login that ends sooner than this is renewed. Compat(argo 3.5)
const RENEW_BEFORE_S: i64 = 300;

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Claims {
    /// `<user>:login`, `<user>:apiKey` or `proj:<project>:<role>`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// When, in seconds since 1970.
    pub issued_at: i64,
    /// When it begins to count.
    pub not_before: Option<i64>,
    /// When it ends; `None` is never.
    pub expires_at: Option<i64>,
    /// Its own name.
    pub id: String,
}

impl Claims {
    /// Claims of a token that begins now.
    pub fn new(subject: &str, id: &str, now: Timestamp, lives_s: Option<i64>) -> Claims {
        let now = now.as_second();
        Claims {
            subject: subject.to_owned(),
            issuer: ISSUER.to_owned(),
            issued_at: now,
            not_before: Some(now),
            expires_at: lives_s.filter(|s| *s > 0).map(|s| now.saturating_add(s)),
            id: id.to_owned(),
        }
    }
}

/// A name for a token: a random UUID (version 4) of 16 random bytes.
pub fn token_id(random: [u8; 16]) -> String {
    let mut bytes = random;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// A key to sign with, of 32 random bytes. Compat(argo 3.5): it is kept as base64.
pub fn server_key(random: [u8; 32]) -> Secret<Vec<u8>> {
    Secret::new(base64::engine::general_purpose::STANDARD.encode(random).into_bytes())
}

/// Signs claims.
pub fn issue(claims: &Claims, key: &Secret<Vec<u8>>) -> Secret<String> {
    let mut map = Map::from_iter([
        ("iss", Value::from(claims.issuer.as_str())),
        ("sub", Value::from(claims.subject.as_str())),
        ("iat", Value::from(claims.issued_at)),
    ]);
    for (name, time) in [("nbf", claims.not_before), ("exp", claims.expires_at)] {
        if let Some(time) = time {
            map.insert(name, time);
        }
    }
    if !claims.id.is_empty() {
        map.insert("jti", claims.id.as_str());
    }
    let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(Value::Object(map).to_json()));
    let signature = URL_SAFE_NO_PAD.encode(mac(key, &signed).finalize().into_bytes());
    Secret::new(format!("{signed}.{signature}"))
}

/// Checks a token's form, its signature and its times. Compat(argo 3.5): the words, which tell
/// nothing of the token.
///
/// Only our own algorithm is known, an issuer other than ours and an empty key are refused
/// (AUTHN-1).
pub fn verify(token: &str, key: &Secret<Vec<u8>>, now: Timestamp) -> Result<Claims, String> {
    let malformed = |why: &str| format!("token is malformed: {why}");
    if token.len() > MAX_BYTES {
        return Err(malformed("token is too long"));
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, body, signature] = parts[..] else {
        return Err(malformed("token contains an invalid number of segments"));
    };
    let header = decoded(header).ok_or_else(|| malformed("could not base64 decode header"))?;
    let algorithm = header.str_at(&["alg"]).unwrap_or_default();
    if algorithm != "HS256" {
        return Err(format!(
            "token is unverifiable: error while executing keyfunc: unexpected signing method: {algorithm}"
        ));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| malformed("could not base64 decode signature"))?;
    let end = token.rfind('.').unwrap_or_default();
    let good = !key.expose().is_empty() && mac(key, &token[..end]).verify_slice(&signature).is_ok();
    if !good {
        return Err("token signature is invalid: signature is invalid".to_owned());
    }
    let body = decoded(body).ok_or_else(|| malformed("could not base64 decode claim"))?;
    let claims = claims(&body)?;
    let now = now.as_second();
    if claims.expires_at.is_some_and(|end| now >= end) {
        return Err("token has invalid claims: token is expired".to_owned());
    }
    if claims.not_before.is_some_and(|begin| now < begin) {
        return Err("token has invalid claims: token is not valid yet".to_owned());
    }
    if claims.issuer != ISSUER {
        return Err("token has invalid claims: token has invalid issuer".to_owned());
    }
    Ok(claims)
}

fn claims(body: &Value) -> Result<Claims, String> {
    let text = |name: &str| body.str_at(&[name]).unwrap_or_default().to_owned();
    let time = |name: &str| match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => {
            let seconds = value.as_f64().filter(|seconds| seconds.abs() < 9.0e15);
            seconds.map(|s| Some(s as i64)).ok_or_else(|| format!("token has invalid claims: {name} is no number"))
        }
    };
    Ok(Claims {
        subject: text("sub"),
        issuer: text("iss"),
        issued_at: time("iat")?.ok_or("token does not have iat claim")?,
        not_before: time("nbf")?,
        expires_at: time("exp")?,
        id: text("jti"),
    })
}

fn decoded(part: &str) -> Option<Value> {
    let bytes = URL_SAFE_NO_PAD.decode(part).ok()?;
    belay_object::from_json(&bytes).ok().filter(|value| value.as_object().is_some())
}

fn mac(key: &Secret<Vec<u8>>, text: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as Mac>::new_from_slice(key.expose()).expect("a key of HMAC has any length");
    mac.update(text.as_bytes());
    mac
}

/// Whom a token speaks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authenticated {
    /// The account, or `proj:<project>:<role>`: the name that the role policy knows.
    pub subject: String,
    /// The token's name, under which it can be revoked.
    pub id: String,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends.
    pub expires_at: Option<i64>,
    /// How long a new token of this login is to live, where this one ends soon.
    pub renew_for_s: Option<i64>,
}

/// What [`authenticate`] looks at besides the token.
pub struct Authority<'a, P, R> {
    /// The local accounts.
    pub accounts: &'a Accounts,
    /// Gives a project by name.
    pub project: P,
    /// Whether a token was revoked, by its name.
    pub is_revoked: R,
}

/// Whether claims that were verified still count. Compat(argo 3.5): the words.
pub fn authenticate<'a, P, R>(
    claims: &Claims,
    authority: &Authority<'_, P, R>,
    now: Timestamp,
) -> Result<Authenticated, String>
where
    P: Fn(&str) -> Option<&'a Project>,
    R: Fn(&str) -> bool,
{
    let mut found = Authenticated {
        subject: claims.subject.clone(),
        id: claims.id.clone(),
        issued_at: claims.issued_at,
        expires_at: claims.expires_at,
        renew_for_s: None,
    };
    if !claims.id.is_empty() && (authority.is_revoked)(&claims.id) {
        return Err("token is revoked, please re-login".to_owned());
    }
    if let Some((name, role)) = project_role(&claims.subject) {
        let project =
            (authority.project)(name).ok_or_else(|| format!("appproject.argoproj.io \"{name}\" not found"))?;
        project.token(role, claims.issued_at, &claims.id).map_err(|e| e.to_string())?;
        return Ok(found);
    }
    let (name, capability) = account_of(&claims.subject);
    name.clone_into(&mut found.subject);
    let account = authority.accounts.get(name)?;
    if !account.enabled {
        return Err(format!("account {name} is disabled"));
    }
    if !account.can(capability) {
        return Err(format!("account {name} does not have '{}' capability", capability.as_str()));
    }
    if claims.id.is_empty() {
        return Err("token does not have a unique identifier (jti claim) and cannot be validated".to_owned());
    }
    if capability == Capability::ApiKey && !account.tokens.iter().any(|token| token.id == claims.id) {
        return Err(format!("account {name} does not have token with id {}", claims.id));
    }
    // Both are whole seconds: the password is written so, and a token of the same second is newer.
    if account.password_set.is_some_and(|set| claims.issued_at < set.as_second()) {
        return Err("account password has changed since token issued".to_owned());
    }
    if let (Capability::Login, Some(end)) = (capability, claims.expires_at)
        && end - now.as_second() < RENEW_BEFORE_S
    {
        found.renew_for_s = Some(end - claims.issued_at);
    }
    Ok(found)
}

/// The account of a subject and what the token is for. A subject without either is one of old.
fn account_of(subject: &str) -> (&str, Capability) {
    match subject.split_once(':') {
        Some((name, "login")) => (name, Capability::Login),
        Some((name, _)) => (name, Capability::ApiKey),
        None => (subject, Capability::ApiKey),
    }
}
