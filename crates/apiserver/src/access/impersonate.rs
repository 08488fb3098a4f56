//! Acting as somebody else: the `Impersonate-*` headers.

use std::collections::BTreeMap;

use http::HeaderMap;

use super::{decide, forbidden};
use crate::identity::UserInfo;
use crate::plugin::{Attributes, Authorizer, Decision};
use crate::status::{ApiError, Result};
use crate::store::Store;

const ACCOUNT: &str = "system:serviceaccount:";
/// Nobody belongs to more groups than this, and every one costs a decision.
const MAX_VALUES: usize = 1_000;

/// Who a request acts as: the user itself where no such header stands. The user must be allowed to impersonate
/// every part of whom it wants to be.
pub fn impersonate(
    headers: &HeaderMap,
    user: UserInfo,
    store: &Store,
    authorizer: &dyn Authorizer,
) -> Result<UserInfo> {
    let asked = read(headers)?;
    let Some(asked) = asked else { return Ok(user) };
    let may = |group: &str, resource: &str, subresource: &str, namespace: &str, name: &str| {
        let attributes =
            Attributes { verb: "impersonate", group, version: "v1", resource, subresource, namespace, name, path: "" };
        match decide(authorizer, store, &user, &attributes) {
            Decision::Allow(_) => Ok(()),
            Decision::Deny(why) => Err(forbidden(&user, &attributes, &why)),
        }
    };
    let account = asked.name.strip_prefix(ACCOUNT).and_then(|n| n.split_once(':'));
    match account {
        Some((namespace, name)) => may("", "serviceaccounts", "", namespace, name)?,
        None => may("", "users", "", "", &asked.name)?,
    }
    for group in &asked.groups {
        may("", "groups", "", "", group)?;
    }
    if !asked.uid.is_empty() {
        may("authentication.k8s.io", "uids", "", "", &asked.uid)?;
    }
    for (key, values) in &asked.extra {
        for value in values {
            may("authentication.k8s.io", "userextras", key, "", value)?;
        }
    }
    Ok(complete(asked))
}

/// Adds the groups that follow from a name.
fn complete(mut user: UserInfo) -> UserInfo {
    let account = user.name.strip_prefix(ACCOUNT).and_then(|n| n.split_once(':'));
    if let Some((namespace, _)) = account
        && user.groups.is_empty()
    {
        user.groups = vec!["system:serviceaccounts".into(), format!("system:serviceaccounts:{namespace}")];
    }
    let known = |group: &str| user.groups.iter().any(|g| g == group);
    if user.name == "system:anonymous" {
        if !known("system:unauthenticated") {
            user.groups.push("system:unauthenticated".into());
        }
    } else if !known("system:authenticated") && !known("system:unauthenticated") {
        user.groups.push("system:authenticated".into());
    }
    user
}

fn read(headers: &HeaderMap) -> Result<Option<UserInfo>> {
    let all = |name: &str| -> Vec<String> {
        let values = headers.get_all(name).iter().take(MAX_VALUES);
        values.filter_map(|v| v.to_str().ok()).map(str::to_owned).collect()
    };
    let mut extra: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in
        headers.iter().filter(|(name, _)| name.as_str().starts_with("impersonate-extra-")).take(MAX_VALUES)
    {
        let key = unescape(&name.as_str()["impersonate-extra-".len()..]);
        extra.entry(key).or_default().push(value.to_str().unwrap_or_default().to_owned());
    }
    let user = UserInfo {
        name: all("impersonate-user").into_iter().next().unwrap_or_default(),
        uid: all("impersonate-uid").into_iter().next().unwrap_or_default(),
        groups: all("impersonate-group"),
        extra,
    };
    if user.name.is_empty() {
        if user.groups.is_empty() && user.uid.is_empty() && user.extra.is_empty() {
            return Ok(None);
        }
        return Err(ApiError::internal(
            "requested impersonation of groups, a uid or extra fields without impersonating a user",
        ));
    }
    Ok(Some(user))
}

/// Percent decoding, as header names need for keys with a slash.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while i < bytes.len() {
        let code = text.get(i + 1..i + 3).and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (bytes[i], code) {
            (b'%', Some(byte)) => {
                out.push(byte);
                i += 3;
            }
            (byte, _) => {
                out.push(byte);
                i += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}
