//! Service account tokens: signed, bound to the account that stands in the store, and worthless once it is gone.
//!
//! A token is a JWT with HMAC-SHA256 under a key that lives as long as the server. Nobody outside checks them: the
//! server is issuer and audience in one.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use belay_object::{Object, Value, from_json, object};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::builtin::times;
use crate::identity::UserInfo;
use crate::plugin::{Authenticator, Virtual, VirtualCall};
use crate::status::{ApiError, FieldError, Result};
use crate::store::Store;

const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
/// The longest and the shortest life of a token, as Kubernetes has them.
const MAX_SECONDS: i64 = 1 << 32;
const MIN_SECONDS: i64 = 600;
const MAX_TOKEN_BYTES: usize = 16 << 10;

/// Signs and checks tokens. The key is never shown.
pub struct Issuer {
    key: [u8; 32],
}

/// What a good token says.
pub struct Claims {
    /// The account's user.
    pub user: UserInfo,
    /// Whom the token is for.
    pub audiences: Vec<String>,
}

impl Issuer {
    /// With a fresh key.
    pub fn new() -> Issuer {
        Issuer { key: crate::random::bytes() }
    }

    fn sign(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"HS256","kid":"belay","typ":"JWT"}"#);
        let body = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_json()));
        let signature = URL_SAFE_NO_PAD.encode(hmac_sha256(&self.key, body.as_bytes()));
        format!("{body}.{signature}")
    }

    /// Checks signature, time and that the account (and the object it is bound to) still is what it was.
    pub fn check(&self, store: &Store, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_TOKEN_BYTES {
            return None;
        }
        let (body, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        let expected = hmac_sha256(&self.key, body.as_bytes());
        let differs = signature.iter().zip(expected.iter()).fold(0, |acc, (a, b)| acc | (a ^ b));
        if signature.len() != expected.len() || differs != 0 {
            return None;
        }
        let claims = from_json(&URL_SAFE_NO_PAD.decode(body.split_once('.')?.1).ok()?).ok()?;
        if claims["exp"].as_i64()? <= now.as_second() {
            return None;
        }
        let bound = &claims["kubernetes.io"];
        let namespace = bound.str_at(&["namespace"])?;
        let is_live = |resource: &str, part: &str| {
            let name = bound.str_at(&[part, "name"]).unwrap_or_default();
            let live = store.get("", resource, namespace, name);
            live.is_some_and(|o| Some(o.uid()) == bound.str_at(&[part, "uid"]) && !o.is_deleting())
        };
        if !is_live("serviceaccounts", "serviceaccount") {
            return None;
        }
        for (resource, part) in [("pods", "pod"), ("secrets", "secret")] {
            if bound.get(part).is_some() && !is_live(resource, part) {
                return None;
            }
        }
        let name = bound.str_at(&["serviceaccount", "name"])?;
        let mut extra = BTreeMap::new();
        let credential = format!("JTI={}", claims.str_at(&["jti"]).unwrap_or_default());
        extra.insert("authentication.kubernetes.io/credential-id".to_owned(), vec![credential]);
        if let Some(pod) = bound.str_at(&["pod", "name"]) {
            extra.insert("authentication.kubernetes.io/pod-name".to_owned(), vec![pod.to_owned()]);
        }
        let user = UserInfo {
            name: format!("system:serviceaccount:{namespace}:{name}"),
            uid: bound.str_at(&["serviceaccount", "uid"])?.to_owned(),
            groups: vec![
                "system:serviceaccounts".into(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".into(),
            ],
            extra,
        };
        let audiences = claims["aud"].items().iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Some(Claims { user, audiences })
    }
}

impl Default for Issuer {
    fn default() -> Issuer {
        Issuer::new()
    }
}

/// RFC 2104 over SHA-256, for a key of at most one block.
fn hmac_sha256(key: &[u8; 32], message: &[u8]) -> [u8; 32] {
    let mut inner = [0x36u8; 64];
    let mut outer = [0x5cu8; 64];
    for (i, byte) in key.iter().enumerate() {
        inner[i] ^= byte;
        outer[i] ^= byte;
    }
    let digest = Sha256::new().chain_update(inner).chain_update(message).finalize();
    Sha256::new().chain_update(outer).chain_update(digest).finalize().into()
}

/// Whose service account token it is.
pub struct ServiceAccounts(pub Arc<Issuer>);

impl Authenticator for ServiceAccounts {
    fn authenticate(&self, store: &Store, token: &str) -> Option<UserInfo> {
        Some(self.0.check(store, token, Timestamp::now())?.user)
    }
}

/// `serviceaccounts/NAME/token`
pub(super) struct TokenRequests(pub Arc<Issuer>);

impl Virtual for TokenRequests {
    fn create(&self, call: VirtualCall<'_>) -> Result<Object> {
        let mut request = call.object;
        let store = call.cx.store;
        let Some(account) = store.get("", "serviceaccounts", call.namespace, call.name) else {
            return Err(ApiError::not_found("", "serviceaccounts", call.name));
        };
        let seconds = request.at(&["spec", "expirationSeconds"]).and_then(Value::as_i64).unwrap_or(3600);
        if !(MIN_SECONDS..=MAX_SECONDS).contains(&seconds) {
            let shown = Value::from(seconds);
            let detail = if seconds < MIN_SECONDS {
                "may not specify a duration less than 10 minutes"
            } else {
                "may not specify a duration larger than 2^32 seconds"
            };
            let fault = FieldError::invalid("spec.expirationSeconds", &shown, detail);
            return Err(ApiError::invalid("authentication.k8s.io", "TokenRequest", "", vec![fault]));
        }
        let asked = request.at(&["spec", "audiences"]).map_or(&[][..], Value::items);
        let audiences: Value = if asked.is_empty() { vec![ISSUER].into() } else { asked.iter().cloned().collect() };
        let now = Timestamp::now();
        let expires = Timestamp::from_second(now.as_second() + seconds).unwrap_or(now);
        let mut bound = object! {
            "namespace" => call.namespace,
            "serviceaccount" => object! { "name" => call.name, "uid" => account.uid() },
        };
        if let Some(reference) = request.at(&["spec", "boundObjectRef"]).filter(|r| !r.is_null()) {
            bind(store, call.namespace, reference, &mut bound)?;
        }
        let id = crate::random::bytes::<16>();
        let id = id.iter().map(|b| format!("{b:02x}")).collect::<String>();
        let claims = object! {
            "aud" => audiences.clone(), "exp" => expires.as_second(), "iat" => now.as_second(), "nbf" => now.as_second(),
            "iss" => ISSUER, "jti" => id, "kubernetes.io" => bound,
            "sub" => format!("system:serviceaccount:{}:{}", call.namespace, call.name),
        };
        request.set(&["metadata", "name"], call.name);
        request.set(&["metadata", "namespace"], call.namespace);
        request.set(&["metadata", "creationTimestamp"], call.cx.now);
        request.set(&["spec", "audiences"], audiences);
        request.set(&["spec", "expirationSeconds"], seconds);
        let status = object! { "token" => self.0.sign(&claims), "expirationTimestamp" => times::seconds(expires) };
        request.set(&["status"], status);
        Ok(request)
    }
}

/// Ties a token to a Pod or Secret.
fn bind(store: &Store, namespace: &str, reference: &Value, bound: &mut Value) -> Result<()> {
    let text = |k: &str| reference.str_at(&[k]).unwrap_or_default();
    let (resource, part) = match text("kind") {
        "Pod" => ("pods", "pod"),
        "Secret" => ("secrets", "secret"),
        other => {
            return Err(ApiError::bad_request(format!(
                "cannot bind token for serviceaccount to object of type {other}"
            )));
        }
    };
    let Some(live) = store.get("", resource, namespace, text("name")) else {
        return Err(ApiError::not_found("", resource, text("name")));
    };
    if !text("uid").is_empty() && text("uid") != live.uid() {
        let why = format!(
            "the UID in the bound object reference ({}) does not match the UID in record. The object might have been \
             deleted and then recreated",
            text("uid")
        );
        return Err(ApiError::conflict("", resource, text("name"), why));
    }
    bound.set(&[part], object! { "name" => live.name(), "uid" => live.uid() });
    Ok(())
}
