//! Tokens, impersonation and access reviews: who somebody is, and resources that are answered and never stored.
//!
//! The server's own bearer token and the reading of headers are the HTTP face's; here are the rules.

use std::sync::Arc;

use crate::identity::UserInfo;
use crate::plugin::{Attributes, Authorizer, Decision, Plugins};
use crate::status::ApiError;
use crate::store::Store;

pub mod impersonate;
mod reviews;
pub mod tokens;

#[cfg(test)]
mod tests;

pub use impersonate::impersonate;

/// Plugs them in.
pub(crate) fn install(plugins: &mut Plugins) {
    let issuer = Arc::new(tokens::Issuer::new());
    plugins.authenticator(tokens::ServiceAccounts(issuer.clone()));
    plugins.virtual_resource("", "serviceaccounts", "token", tokens::TokenRequests(issuer.clone()));
    plugins.virtual_resource("authentication.k8s.io", "tokenreviews", "", reviews::TokenReviews(issuer));
    plugins.virtual_resource("authentication.k8s.io", "selfsubjectreviews", "", reviews::SelfSubjectReviews);
    let group = "authorization.k8s.io";
    plugins.virtual_resource(group, "selfsubjectaccessreviews", "", reviews::AccessReviews::OfSelf);
    plugins.virtual_resource(group, "subjectaccessreviews", "", reviews::AccessReviews::OfAnybody);
    plugins.virtual_resource(group, "localsubjectaccessreviews", "", reviews::AccessReviews::InNamespace);
    plugins.virtual_resource(group, "selfsubjectrulesreviews", "", reviews::SelfSubjectRules);
}

/// Decides, with everything allowed to `system:masters`.
pub fn decide(authorizer: &dyn Authorizer, store: &Store, user: &UserInfo, asked: &Attributes<'_>) -> Decision {
    if user.is_master() {
        return Decision::Allow(String::new());
    }
    authorizer.authorize(store, user, asked)
}

/// The answer to somebody who may not: `configmaps is forbidden: User "jane" cannot list resource "configmaps" in API
/// group "" in the namespace "shop"`. `why` may be empty.
pub fn forbidden(user: &UserInfo, asked: &Attributes<'_>, why: &str) -> ApiError {
    let mut text = format!("User {:?} cannot {}", user.name, asked.verb);
    if asked.resource.is_empty() {
        text += &format!(" path {:?}", asked.path);
    } else {
        let resource = match asked.subresource {
            "" => asked.resource.to_owned(),
            sub => format!("{}/{sub}", asked.resource),
        };
        text += &format!(" resource {resource:?} in API group {:?}", asked.group);
        text += &match asked.namespace {
            "" => " at the cluster scope".to_owned(),
            namespace => format!(" in the namespace {namespace:?}"),
        };
    }
    if !why.is_empty() {
        text += &format!(": {why}");
    }
    if asked.resource.is_empty() {
        let mut error = ApiError::new(crate::status::Reason::Forbidden, format!("forbidden: {text}"));
        error.details = Some(Box::default());
        return error;
    }
    ApiError::forbidden(asked.group, asked.resource, asked.name, text)
}
