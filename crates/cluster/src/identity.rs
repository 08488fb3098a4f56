//! Whom a request is made as. Not who may impersonate whom: the API server decides that.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::{Error, ErrorKind, Result};

/// A user to impersonate.
///
/// *Invariant*: the user is never empty, so that an identity made from an empty field can never
/// fall back to our own rights (INV-AUTHN-2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    user: String,
    groups: Vec<String>,
    uid: String,
    extra: Vec<(String, String)>,
}

impl Identity {
    /// Makes one; an empty user is refused.
    pub fn user(user: &str) -> Result<Identity> {
        if user.trim().is_empty() {
            return Err(Error::new(ErrorKind::Config, "the user to impersonate is empty"));
        }
        Ok(Identity { user: user.to_owned(), groups: Vec::new(), uid: String::new(), extra: Vec::new() })
    }
    /// The service account `name` of `namespace`.
    pub fn service_account(namespace: &str, name: &str) -> Result<Identity> {
        if namespace.is_empty() || name.is_empty() {
            return Err(Error::new(ErrorKind::Config, "the service account to impersonate has no namespace or name"));
        }
        Identity::user(&format!("system:serviceaccount:{namespace}:{name}"))
    }
    /// With these groups.
    pub fn with_groups(mut self, groups: impl IntoIterator<Item = String>) -> Identity {
        self.groups.extend(groups);
        self
    }
    /// With this uid.
    pub fn with_uid(mut self, uid: &str) -> Identity {
        self.uid = uid.to_owned();
        self
    }
    /// With one extra attribute.
    pub fn with_extra(mut self, name: &str, value: &str) -> Identity {
        self.extra.push((name.to_owned(), value.to_owned()));
        self
    }
    /// The user's name.
    pub fn name(&self) -> &str {
        &self.user
    }
    /// The headers that say so.
    pub(crate) fn headers(&self) -> Result<HeaderMap> {
        let refused = |what: &str| {
            Error::new(ErrorKind::Config, format!("{what} of the user to impersonate cannot be sent in a header"))
        };
        let value = |what: &str, text: &str| HeaderValue::from_str(text).map_err(|_| refused(what));
        let mut headers = HeaderMap::new();
        headers.insert(HeaderName::from_static("impersonate-user"), value("the name", &self.user)?);
        if !self.uid.is_empty() {
            headers.insert(HeaderName::from_static("impersonate-uid"), value("the uid", &self.uid)?);
        }
        for group in &self.groups {
            headers.append(HeaderName::from_static("impersonate-group"), value("a group", group)?);
        }
        for (name, text) in &self.extra {
            // Header names are lower case and take few characters: the rest is percent-encoded.
            let mut header = String::from("impersonate-extra-");
            crate::resource::encode_into(&mut header, &name.to_lowercase());
            let header = HeaderName::try_from(header).map_err(|_| refused("an extra attribute"))?;
            headers.append(header, value("an extra attribute", text)?);
        }
        Ok(headers)
    }
}
