//! Reviews: may somebody do this, who am I, whose token is that.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::{Map, Object, Value, object};
use jiff::Timestamp;

use super::decide;
use super::tokens::Issuer;
use crate::identity::UserInfo;
use crate::plugin::{Attributes, Decision, Virtual, VirtualCall};
use crate::status::{ApiError, FieldError, Result};

const GROUP: &str = "authorization.k8s.io";

fn texts(value: &Value) -> Vec<String> {
    value.items().iter().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn user_value(user: &UserInfo) -> Value {
    let mut map = Map::new();
    map.insert("username", user.name.as_str());
    if !user.uid.is_empty() {
        map.insert("uid", user.uid.as_str());
    }
    if !user.groups.is_empty() {
        map.insert("groups", user.groups.clone());
    }
    if !user.extra.is_empty() {
        let extra: Map = user.extra.iter().map(|(k, v)| (k.as_str(), Value::from(v.clone()))).collect();
        map.insert("extra", extra);
    }
    Value::Object(map)
}

/// The three reviews that answer "may this be done".
pub(super) enum AccessReviews {
    /// By whoever asks.
    OfSelf,
    /// By whoever is named.
    OfAnybody,
    /// By whoever is named, in the namespace of the path.
    InNamespace,
}

impl AccessReviews {
    fn kind(&self) -> &'static str {
        match self {
            AccessReviews::OfSelf => "SelfSubjectAccessReview",
            AccessReviews::OfAnybody => "SubjectAccessReview",
            AccessReviews::InNamespace => "LocalSubjectAccessReview",
        }
    }
    fn invalid(&self, fault: FieldError) -> ApiError {
        ApiError::invalid(GROUP, self.kind(), "", vec![fault])
    }
    fn subject(&self, call: &VirtualCall<'_>, spec: &Value) -> Result<UserInfo> {
        if matches!(self, AccessReviews::OfSelf) {
            return Ok(call.cx.user.clone());
        }
        let extra = spec["extra"].as_object().into_iter().flat_map(Map::iter);
        let extra: BTreeMap<String, Vec<String>> = extra.map(|(k, v)| (k.as_str().to_owned(), texts(v))).collect();
        let text = |k: &str| spec.str_at(&[k]).unwrap_or_default().to_owned();
        let user = UserInfo { name: text("user"), uid: text("uid"), groups: texts(&spec["groups"]), extra };
        if user.name.is_empty() && user.groups.is_empty() {
            let fault =
                FieldError::invalid("spec.user", &Value::from(""), "at least one of user or group must be specified");
            return Err(self.invalid(fault));
        }
        Ok(user)
    }
}

impl Virtual for AccessReviews {
    fn create(&self, call: VirtualCall<'_>) -> Result<Object> {
        let spec = call.object.value()["spec"].clone();
        let user = self.subject(&call, &spec)?;
        let (resource, path) = (spec.get("resourceAttributes"), spec.get("nonResourceAttributes"));
        let (resource, path) = (resource.filter(|v| !v.is_null()), path.filter(|v| !v.is_null()));
        if resource.is_some() == path.is_some() {
            let shown = Value::Null;
            let detail = if resource.is_some() {
                "cannot be specified in combination with resourceAttributes"
            } else {
                "exactly one of nonResourceAttributes or resourceAttributes must be specified"
            };
            let field = if resource.is_some() { "spec.nonResourceAttributes" } else { "spec.resourceAttributes" };
            return Err(self.invalid(FieldError::invalid(field, &shown, detail)));
        }
        let of = resource.or(path).unwrap_or(&Value::Null);
        let text = |k: &str| of.str_at(&[k]).unwrap_or_default();
        let is_local = matches!(self, AccessReviews::InNamespace);
        if is_local && text("namespace") != call.namespace {
            let shown = Value::from(text("namespace"));
            let detail = "must match metadata.namespace";
            return Err(self.invalid(FieldError::invalid("spec.resourceAttributes.namespace", &shown, detail)));
        }
        let asked = Attributes {
            verb: text("verb"),
            group: text("group"),
            version: text("version"),
            resource: text("resource"),
            subresource: text("subresource"),
            namespace: text("namespace"),
            name: text("name"),
            path: text("path"),
        };
        let status = match decide(call.cx.authorizer, call.cx.store, &user, &asked) {
            Decision::Allow(reason) if reason.is_empty() => object! { "allowed" => true },
            Decision::Allow(reason) => object! { "allowed" => true, "reason" => reason },
            Decision::Deny(reason) if reason.is_empty() => object! { "allowed" => false },
            Decision::Deny(reason) => object! { "allowed" => false, "reason" => reason },
        };
        let mut review = call.object;
        review.set(&["status"], status);
        Ok(review)
    }
}

/// All rules of whoever asks, in one namespace.
pub(super) struct SelfSubjectRules;

impl Virtual for SelfSubjectRules {
    fn create(&self, call: VirtualCall<'_>) -> Result<Object> {
        let namespace = call.object.str_at(&["spec", "namespace"]).unwrap_or_default().to_owned();
        if namespace.is_empty() {
            return Err(ApiError::bad_request("no namespace on request"));
        }
        let everything = |field: &str| object! { "verbs" => vec!["*"], field => vec!["*"] };
        let mut rules = Vec::new();
        if call.cx.user.is_master() {
            let mut all = everything("resources");
            all.set(&["apiGroups"], vec!["*"]);
            rules.extend([all, everything("nonResourceURLs")]);
        }
        rules.extend(call.cx.authorizer.rules(call.cx.store, call.cx.user, &namespace));
        let (paths, resources): (Vec<Value>, Vec<Value>) =
            rules.into_iter().partition(|r| !r["nonResourceURLs"].items().is_empty());
        let mut review = call.object;
        review.set(
            &["status"],
            object! { "resourceRules" => resources, "nonResourceRules" => paths, "incomplete" => false },
        );
        Ok(review)
    }
}

/// Who asks.
pub(super) struct SelfSubjectReviews;

impl Virtual for SelfSubjectReviews {
    fn create(&self, call: VirtualCall<'_>) -> Result<Object> {
        let mut review = call.object;
        review.set(&["metadata", "creationTimestamp"], call.cx.now);
        review.set(&["status"], object! { "userInfo" => user_value(call.cx.user) });
        Ok(review)
    }
}

/// Whose service account token it is.
pub(super) struct TokenReviews(pub Arc<Issuer>);

impl Virtual for TokenReviews {
    fn create(&self, call: VirtualCall<'_>) -> Result<Object> {
        let mut review = call.object;
        let token = review.str_at(&["spec", "token"]).unwrap_or_default();
        if token.is_empty() {
            return Err(ApiError::bad_request("token is required for TokenReview in authentication"));
        }
        let status = match self.0.check(call.cx.store, token, Timestamp::now()) {
            Some(claims) => object! {
                "authenticated" => true, "user" => user_value(&claims.user), "audiences" => claims.audiences,
            },
            None => object! { "user" => object! {}, "error" => "invalid bearer token" },
        };
        review.set(&["status"], status);
        Ok(review)
    }
}
