//! Who asks, and for whom: the server's token, other tokens, impersonation.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::access;
use crate::identity::UserInfo;
use crate::plugin::{Attributes, Decision, Plugins};
use crate::status::{ApiError, Result};
use crate::store::Store;

/// Says who sent a request. `trusted` is what a request without credentials counts as: the
/// administrator inside the process, nobody over a socket.
pub(crate) fn authenticate(
    plugins: &Plugins,
    store: &Store,
    server_token: &str,
    headers: &HeaderMap,
    trusted: bool,
) -> Result<UserInfo> {
    let user = match headers.get(AUTHORIZATION) {
        None if trusted => UserInfo::admin(),
        None => UserInfo::anonymous(),
        Some(header) => {
            let token = header.to_str().ok().and_then(bearer).ok_or_else(ApiError::unauthorized)?;
            if !server_token.is_empty() && same(token, server_token) {
                UserInfo::admin()
            } else {
                let known = plugins.authenticators.iter().find_map(|a| a.authenticate(store, token));
                known.ok_or_else(ApiError::unauthorized)?
            }
        }
    };
    access::impersonate(headers, user, store, &*plugins.authorizer)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that does not depend on where two tokens differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// Allows, or gives the answer that refuses.
pub(crate) fn authorize(plugins: &Plugins, store: &Store, user: &UserInfo, attributes: &Attributes<'_>) -> Result<()> {
    const OPEN: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];
    if user.is_master() {
        return Ok(());
    }
    let open = OPEN.iter().any(|p| attributes.path.strip_prefix(p).is_some_and(|r| r.is_empty() || r.starts_with('/')));
    if open && attributes.verb == "get" {
        return Ok(());
    }
    let anonymous = user.name == "system:anonymous";
    let why = match plugins.authorizer.authorize(store, user, attributes) {
        Decision::Allow(_) if !anonymous => return Ok(()),
        Decision::Allow(_) => String::new(),
        Decision::Deny(why) => why,
    };
    Err(access::forbidden(user, attributes, &why))
}
