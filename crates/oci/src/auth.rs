//! Challenges and tokens: `Basic`, `Bearer`, anonymous.
//!
//! A registry answers 401 with where to get a token. Nothing keeps a hostile one from naming somebody
//! else's site there, so credentials go only to a site that plausibly is the registry's own, or for
//! which the keychain has an entry (INV-NET-2).

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_net::{RemoteUrl, Scheme, Secret};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use serde::Deserialize;

use crate::credentials::Credentials;
use crate::error::{Error, ErrorKind, Result};

/// A token's lifetime where the answer does not say: the protocol's own default.
const DEFAULT_LIFETIME_S: u64 = 60;
/// A token is not used for longer than this, whatever its answer says.
const MOST_LIFETIME_S: u64 = 3600;
/// Taken off a lifetime for the way of a request.
const MARGIN: Duration = Duration::from_secs(5);
/// Largest answer of a token service.
const MOST_ANSWER_BYTES: usize = 256 << 10;
/// Longest challenge that is read.
const MOST_CHALLENGE_BYTES: usize = 8 << 10;

/// What a 401 asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    Basic,
    Bearer { realm: String, service: String, scope: String },
}

/// What is sent with a request, and until when.
#[derive(Clone)]
pub(crate) struct Authorization {
    pub header: HeaderValue,
    pub until: Instant,
}

/// The challenge of an answer that we can meet: Bearer before Basic.
pub(crate) fn challenge(headers: &HeaderMap) -> Option<Challenge> {
    let all: Vec<Challenge> = headers
        .get_all(header::WWW_AUTHENTICATE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .filter_map(parse_challenge)
        .collect();
    let bearer = all.iter().find(|c| matches!(c, Challenge::Bearer { .. })).cloned();
    bearer.or_else(|| all.into_iter().next())
}

/// Reads `Bearer realm="...",service="...",scope="..."`, or `Basic ...`.
pub(crate) fn parse_challenge(text: &str) -> Option<Challenge> {
    if text.len() > MOST_CHALLENGE_BYTES {
        return None;
    }
    let (scheme, rest) = text.trim().split_once(' ').unwrap_or((text.trim(), ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (String::new(), String::new(), String::new());
    let mut chars = rest.chars().peekable();
    while chars.peek().is_some() {
        let name: String = std::iter::from_fn(|| chars.next_if(|c| *c != '=')).collect();
        chars.next();
        let mut value = String::new();
        if chars.next_if_eq(&'"').is_some() {
            while let Some(c) = chars.next() {
                match c {
                    '"' => break,
                    '\\' => value.extend(chars.next()),
                    c => value.push(c),
                }
            }
            while chars.next_if(|c| *c != ',').is_some() {}
        } else {
            value.extend(std::iter::from_fn(|| chars.next_if(|c| *c != ',')));
        }
        chars.next();
        match name.trim().to_ascii_lowercase().as_str() {
            "realm" => realm = value,
            "service" => service = value,
            "scope" => scope = value,
            _ => {}
        }
    }
    (!realm.is_empty()).then_some(Challenge::Bearer { realm, service, scope })
}

pub(crate) fn basic(user: &str, password: &Secret<String>) -> Result<HeaderValue> {
    secret_header("Basic", &STANDARD.encode(format!("{user}:{}", password.expose())))
}

pub(crate) fn bearer(token: &str) -> Result<HeaderValue> {
    secret_header("Bearer", token)
}

fn secret_header(scheme: &str, value: &str) -> Result<HeaderValue> {
    let mut header = HeaderValue::from_str(&format!("{scheme} {value}"))
        .map_err(|_| Error::new(ErrorKind::Credentials, "the credentials hold characters that no header takes"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// Whether credentials for a registry may be given to the site that it names.
pub(crate) fn is_own_site(registry_host: &str, realm: &RemoteUrl) -> bool {
    let (registry, realm) = (registry_host.to_ascii_lowercase(), realm.host());
    registry == realm
        || (registry.parse::<std::net::IpAddr>().is_err() && site(&registry).is_some_and(|s| Some(s) == site(realm)))
}

/// The part of a name that one owner has: the last two labels, three below a country's `co.uk`.
/// Without the public suffix list this is a guess, and it errs on the side of asking for an entry.
fn site(host: &str) -> Option<&str> {
    let labels: Vec<&str> = host.split('.').collect();
    let wanted = match labels[..] {
        [.., second, last] if last.len() == 2 && second.len() <= 3 => 3,
        _ => 2,
    };
    let first = labels.len().checked_sub(wanted)?;
    let skipped: usize = labels[..first].iter().map(|l| l.len() + 1).sum();
    Some(&host[skipped..])
}

/// Gets a token.
pub(crate) async fn token(
    http: &belay_net::Client,
    realm: &RemoteUrl,
    service: &str,
    scope: &str,
    credentials: Option<&Credentials>,
) -> Result<Authorization> {
    let request = match credentials {
        Some(Credentials::Identity(refresh)) => {
            let form = query(&[
                ("grant_type", "refresh_token"),
                ("service", service),
                ("scope", scope),
                ("client_id", "belay"),
                ("refresh_token", refresh.expose()),
            ]);
            let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
            http.request(Method::POST, realm.as_str())?.header(header::CONTENT_TYPE, form_type).body(form)
        }
        credentials => {
            let joint = if realm.as_str().contains('?') { '&' } else { '?' };
            let asked = [("service", service), ("scope", scope)].map(|(k, v)| (k, v));
            let asked: Vec<_> = asked.into_iter().filter(|(_, v)| !v.is_empty()).collect();
            let request = http.get(&format!("{}{joint}{}", realm.as_str(), query(&asked)))?;
            match credentials {
                Some(Credentials::Basic(user, password)) => {
                    request.header(header::AUTHORIZATION, basic(user, password)?)
                }
                _ => request,
            }
        }
    };
    let response = request.send().await?;
    let status = response.status();
    if !status.is_success() {
        let kind = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => ErrorKind::Unauthorized,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::RateLimited(None),
            _ => ErrorKind::Protocol,
        };
        let who = if credentials.is_some() { "the given credentials" } else { "anonymous access" };
        return Err(Error::new(kind, format!("{} answered {status} to {who}", realm.host())));
    }
    let answer = response.read(MOST_ANSWER_BYTES).await?;
    read_token(&answer, realm.host())
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    expires_in: Option<u64>,
}

fn read_token(answer: &[u8], host: &str) -> Result<Authorization> {
    let wrong = || Error::new(ErrorKind::Protocol, format!("{host} answered with no token"));
    let answer: Answer = serde_json::from_slice(answer).map_err(|_| wrong())?;
    let text = if answer.token.is_empty() { answer.access_token } else { answer.token };
    if text.is_empty() {
        return Err(wrong());
    }
    let lifetime = answer.expires_in.filter(|s| *s > 0).unwrap_or(DEFAULT_LIFETIME_S).min(MOST_LIFETIME_S);
    let until = Instant::now() + Duration::from_secs(lifetime).saturating_sub(MARGIN);
    Ok(Authorization { header: bearer(&text)?, until })
}

/// The realm as a URL that a token may be asked from: TLS, unless the registry itself has none.
pub(crate) fn realm_url(realm: &str, registry_is_plain: bool) -> Result<RemoteUrl> {
    let url = RemoteUrl::parse(realm)
        .map_err(|e| Error::new(ErrorKind::Protocol, format!("the registry names no site for tokens: {e}")))?;
    match url.scheme() {
        Scheme::Https => Ok(url),
        Scheme::Http if registry_is_plain => Ok(url),
        _ => Err(Error::new(ErrorKind::Protocol, format!("the registry's site for tokens is not https: {url}"))),
    }
}

/// A query or form: everything but letters, digits and `-._~` escaped.
pub(crate) fn query(pairs: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        if !text.is_empty() {
            text.push('&');
        }
        text += name;
        text.push('=');
        for byte in value.bytes() {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => text.push(char::from(byte)),
                byte => text += &format!("%{byte:02X}"),
            }
        }
    }
    text
}
