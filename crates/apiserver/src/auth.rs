//! Who asks, and for whom: the server's token, other tokens, impersonation.

use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::identity::UserInfo;
use crate::plugin::{Attributes, Decision, Plugins};
use crate::status::{ApiError, Reason, Result};
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
    impersonate(plugins, store, headers, user)
}

fn bearer(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Compares in a time that does not depend on where two tokens differ.
fn same(a: &str, b: &str) -> bool {
    a.len() == b.len() && a.bytes().zip(b.bytes()).fold(0, |diff, (x, y)| diff | (x ^ y)) == 0
}

/// Takes on the user that `Impersonate-*` names, where the sender may.
fn impersonate(plugins: &Plugins, store: &Store, headers: &HeaderMap, sender: UserInfo) -> Result<UserInfo> {
    let texts = |name: &str| -> Vec<String> {
        headers.get_all(name).iter().filter_map(|h| h.to_str().ok()).map(str::to_owned).collect()
    };
    let groups = texts("impersonate-group");
    let uid = texts("impersonate-uid").into_iter().next().unwrap_or_default();
    let extra = headers.keys().filter_map(|name| name.as_str().strip_prefix("impersonate-extra-"));
    let extra: std::collections::BTreeMap<String, Vec<String>> =
        extra.map(|key| (key.to_owned(), texts(&format!("impersonate-extra-{key}")))).collect();
    let Some(name) = texts("impersonate-user").into_iter().next().filter(|n| !n.is_empty()) else {
        if groups.is_empty() && uid.is_empty() && extra.is_empty() {
            return Ok(sender);
        }
        let message = "requested [{Group }] without impersonating a user";
        return Err(ApiError::new(Reason::InternalError, format!("Internal Server Error: {message}")));
    };
    let may = |group: &str, resource: &str, namespace: &str, name: &str| {
        let attributes = Attributes {
            verb: "impersonate",
            group,
            version: "v1",
            resource,
            namespace,
            name,
            ..Attributes::default()
        };
        authorize(plugins, store, &sender, &attributes)
    };
    let mut user = UserInfo { name, uid, groups, extra };
    match service_account(&user.name) {
        Some((namespace, account)) => {
            may("", "serviceaccounts", namespace, account)?;
            if user.groups.is_empty() {
                user.groups = vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
            }
        }
        None => may("", "users", "", &user.name)?,
    }
    for group in &user.groups {
        if !matches!(service_account(&user.name), Some(_) if group.starts_with("system:serviceaccounts")) {
            may("", "groups", "", group)?;
        }
    }
    if !user.uid.is_empty() {
        may("authentication.k8s.io", "uids", "", &user.uid)?;
    }
    let everyone = if user.name == "system:anonymous" { "system:unauthenticated" } else { "system:authenticated" };
    if !user.groups.iter().any(|g| g == everyone) {
        user.groups.push(everyone.into());
    }
    Ok(user)
}

/// Splits `system:serviceaccount:NAMESPACE:NAME`.
fn service_account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix("system:serviceaccount:")?.split_once(':')
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
    Err(refusal(user, attributes, &why))
}

/// `configmaps is forbidden: User "jane" cannot list resource "configmaps" in API group "" in the namespace "x"`
fn refusal(user: &UserInfo, attributes: &Attributes<'_>, why: &str) -> ApiError {
    let why = if why.is_empty() { String::new() } else { format!(": {why}") };
    let Attributes { verb, group, resource, subresource, namespace, name, path, .. } = attributes;
    if resource.is_empty() {
        let message = format!("forbidden: User {:?} cannot {verb} path {path:?}{why}", user.name);
        let mut error = ApiError::new(Reason::Forbidden, message);
        error.details = Some(Box::default());
        return error;
    }
    let full = if subresource.is_empty() { (*resource).to_owned() } else { format!("{resource}/{subresource}") };
    let scope = match *namespace {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let what = format!("User {:?} cannot {verb} resource {full:?} in API group {group:?} {scope}{why}", user.name);
    ApiError::forbidden(group, resource, name, what)
}
