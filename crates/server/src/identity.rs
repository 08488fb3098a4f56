//! Who asks: the token of a request, and whether it counts.
//!
//! Tokens are the dialect's own ([`belay_argo::settings::tokens`]). Those of identity providers are
//! not known here; those that were taken back are in [`crate::revoked`].

use belay_access::Subject;
use belay_argo::settings::tokens::{Authority, Claims, ISSUER, authenticate, issue, verify};
use belay_net::Secret;
use http::HeaderMap;
use http::header::{AUTHORIZATION, COOKIE};
use jiff::Timestamp;

use crate::api::Api;
use crate::revoked::Revocable;
use crate::snapshot::Snapshot;
use crate::{Code, Error};

/// The cookie. Compat(argo 3.5)
pub(crate) const COOKIE_NAME: &str = "argocd.token";
/// Parts of a cookie that are joined. Compat(argo 3.5)
const MAX_PARTS: usize = 20;

/// Who asks.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// As the policy knows them; empty for nobody.
    pub subject: Subject,
    /// Whether they showed a token that counts.
    pub signed_in: bool,
    /// Whether nothing is asked of anybody here.
    pub unrestricted: bool,
    /// When the token was issued.
    pub issued_at: Option<i64>,
    /// How the token is taken back; `None` where there is none.
    pub revocable: Option<Revocable>,
    /// The token, with which open streams ask again.
    token: Secret<String>,
    /// How long a new token is to live where this one ends soon.
    pub renew_for_s: Option<i64>,
}

impl Caller {
    /// Name for people.
    pub fn name(&self) -> &str {
        &self.subject.name
    }
}

impl Api {
    /// Who asks. Without a token, or with one that does not count, it is nobody: where that may be,
    /// nothing of what the token said is believed (AUTHN-1).
    pub fn identify(&self, at: &Snapshot, headers: &HeaderMap, now: Timestamp) -> Result<Caller, Error> {
        let settings = &at.config.settings;
        if self.options.disable_auth || settings.parameters.disable_auth {
            return Ok(Caller { unrestricted: true, ..Caller::default() });
        }
        let token = token_of(headers);
        let found = match &token {
            None => Err("no session information".to_owned()),
            Some(token) => self.recognize(at, token, now).map_err(|why| format!("invalid session: {why}")),
        };
        match found {
            Ok(caller) => Ok(caller),
            Err(_) if settings.auth.anonymous => Ok(Caller::default()),
            Err(why) => Err(Error::new(Code::Unauthenticated, why)),
        }
    }

    fn recognize(&self, at: &Snapshot, token: &str, now: Timestamp) -> Result<Caller, String> {
        let settings = &at.config.settings;
        let key = settings.server_key.as_ref().ok_or("server.secretkey is missing")?;
        let claims = verify(token, key, now)?;
        let authority = Authority {
            accounts: &settings.accounts,
            project: |name: &str| at.projects.get(name).map(|entry| &entry.project),
            is_revoked: |_: &str| at.revoked.has(&claims),
        };
        if claims.id.is_empty() && at.revoked.has(&claims) {
            // One without a name is not asked about below.
            return Err("token is revoked, please re-login".to_owned());
        }
        let found = authenticate(&claims, &authority, now)?;
        Ok(Caller {
            subject: Subject::named(&found.subject),
            signed_in: true,
            unrestricted: false,
            issued_at: Some(found.issued_at),
            revocable: Some(Revocable::of(&claims)),
            token: Secret::new(token.to_owned()),
            renew_for_s: found.renew_for_s,
        })
    }

    /// Whether who opened a stream still may: their token counts and means the same person (AUTHN-3).
    pub fn still_counts(&self, at: &Snapshot, caller: &Caller, now: Timestamp) -> bool {
        let settings = &at.config.settings;
        if caller.unrestricted {
            return self.options.disable_auth || settings.parameters.disable_auth;
        }
        if !caller.signed_in {
            return settings.auth.anonymous;
        }
        self.recognize(at, caller.token.expose(), now).is_ok_and(|found| found.subject == caller.subject)
    }

    /// A token in place of one that ends soon.
    pub fn renewed(&self, at: &Snapshot, caller: &Caller, now: Timestamp) -> Option<Secret<String>> {
        let lives_s = caller.renew_for_s?;
        let key = at.config.settings.server_key.as_ref()?;
        let subject = format!("{}:login", caller.subject.name);
        Some(issue(&Claims::new(&subject, &fresh_id()?, now, Some(lives_s)), key))
    }
}

/// A name for a new token.
pub(crate) fn fresh_id() -> Option<String> {
    Some(belay_argo::settings::tokens::token_id(random()?))
}

/// Random bytes of the system.
pub(crate) fn random<const N: usize>() -> Option<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).ok().map(|()| bytes)
}

/// The token of a request: a header for it, a bearer, a cookie. Compat(argo 3.5): in this order.
pub(crate) fn token_of(headers: &HeaderMap) -> Option<String> {
    let is_token = |text: &&str| text.split('.').count() == 3;
    let header = headers.get("token").and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
    if let Some(token) = header {
        return Some(token.to_owned());
    }
    let bearers = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
    let mut bearers = bearers.filter_map(|text| text.strip_prefix("Bearer ")).filter(is_token);
    bearers.next().map(str::to_owned).or_else(|| cookie(headers).filter(|text| is_token(&text.as_str())))
}

/// The cookie's value, its parts joined: `2:first` and `argocd.token-1=second`.
fn cookie(headers: &HeaderMap) -> Option<String> {
    let texts = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs: Vec<(&str, &str)> =
        texts.flat_map(|text| text.split(';')).filter_map(|pair| pair.trim().split_once('=')).collect();
    let named = |name: &str| pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| *value);
    let first = named(COOKIE_NAME)?;
    let Some((count, first)) = first.split_once(':') else { return Some(first.to_owned()) };
    let count: usize = count.parse().ok().filter(|n| (1..=MAX_PARTS).contains(n))?;
    let mut whole = first.to_owned();
    for i in 1..count {
        whole.push_str(named(&format!("{COOKIE_NAME}-{i}"))?);
    }
    Some(whole)
}

/// The `Set-Cookie` that gives a token, or with none takes it away.
pub(crate) fn set_cookie(token: Option<&str>, path: &str, secure: bool) -> String {
    let path = if path.is_empty() { "/" } else { path };
    let secure = if secure { "; Secure" } else { "" };
    // Ours are a few hundred bytes, so one part is enough; what others set in parts is read.
    match token {
        Some(token) => format!("{COOKIE_NAME}={token}; path={path}; SameSite=lax; httpOnly{secure}"),
        None => format!("{COOKIE_NAME}=; path={path}; SameSite=lax; httpOnly{secure}; Max-Age=0"),
    }
}

/// Who issued a caller's token, for people.
pub(crate) fn issuer_of(caller: &Caller) -> &'static str {
    if caller.signed_in { ISSUER } else { "" }
}
