//! What discovery knows of one kind, and the paths under which its objects stand.
//!
//! A path is built from checked segments alone, so that no name can step out of its group, its
//! namespace or its resource.

use std::fmt::Write;
use std::sync::Arc;

use belay_object::{GroupKind, GroupVersionKind, Key};

use crate::{Error, ErrorKind, Result};

/// One resource: a kind in one version, where its objects stand and what can be done with them.
#[derive(Clone, PartialEq, Debug)]
pub struct Resource {
    /// `apps`, empty for the core group.
    pub group: Key,
    /// `v1`
    pub version: Key,
    /// `Deployment`
    pub kind: Key,
    /// `deployments`
    pub plural: Key,
    /// `deployment`
    pub singular: Key,
    /// Whether objects stand in a namespace.
    pub namespaced: bool,
    /// `get`, `list`, `watch`, `create`, ...
    pub verbs: Vec<Key>,
    /// `deploy`
    pub short_names: Vec<Key>,
    /// `all`
    pub categories: Vec<Key>,
    /// `status`, `scale`, ...
    pub subresources: Vec<Key>,
}

impl Resource {
    /// Makes one that is known without asking; it is taken to have all verbs and a status.
    pub fn known(group: &str, version: &str, kind: &str, plural: &str, namespaced: bool) -> Arc<Resource> {
        let verbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
        Arc::new(Resource {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            singular: kind.to_lowercase().into(),
            namespaced,
            verbs: verbs.into_iter().map(Key::new).collect(),
            short_names: Vec::new(),
            categories: Vec::new(),
            subresources: vec![Key::new("status")],
        })
    }
    /// What its objects are, whatever the version.
    pub fn group_kind(&self) -> GroupKind {
        GroupKind { group: self.group.clone(), kind: self.kind.clone() }
    }
    /// What its objects are.
    pub fn group_version_kind(&self) -> GroupVersionKind {
        GroupVersionKind { group: self.group.clone(), version: self.version.clone(), kind: self.kind.clone() }
    }
    /// `apps/v1`, or `v1`.
    pub fn api_version(&self) -> String {
        self.group_version_kind().api_version()
    }
    /// `deployments.apps`, or `services`: the name in metrics and messages.
    pub fn qualified_plural(&self) -> String {
        if self.group.is_empty() { self.plural.to_string() } else { format!("{}.{}", self.plural, self.group) }
    }
    /// Whether it takes a verb.
    pub fn supports(&self, verb: &str) -> bool {
        self.verbs.iter().any(|v| v == verb)
    }
    /// Whether it has a subresource.
    pub fn has_subresource(&self, name: &str) -> bool {
        self.subresources.iter().any(|s| s == name)
    }

    /// The path of the collection, in one namespace or (empty) in all.
    pub fn collection_path(&self, namespace: &str) -> Result<String> {
        let mut path = String::with_capacity(96);
        if self.group.is_empty() {
            path.push_str("/api");
        } else {
            path.push_str("/apis");
            segment(&mut path, "group", &self.group)?;
        }
        segment(&mut path, "version", &self.version)?;
        if self.namespaced && !namespace.is_empty() {
            path.push_str("/namespaces");
            segment(&mut path, "namespace", namespace)?;
        }
        segment(&mut path, "resource", &self.plural)?;
        Ok(path)
    }
    /// The path of one object, or of a subresource of it.
    ///
    /// A namespaced object without a namespace is refused; the namespace of a cluster-scoped one is
    /// not looked at.
    pub fn object_path(&self, namespace: &str, name: &str, subresource: &str) -> Result<String> {
        if self.namespaced && namespace.is_empty() {
            let message = format!("{} {name:?} is namespaced and no namespace is given", self.kind);
            return Err(Error::new(ErrorKind::Config, message));
        }
        let mut path = self.collection_path(namespace)?;
        segment(&mut path, "name", name)?;
        if !subresource.is_empty() {
            segment(&mut path, "subresource", subresource)?;
        }
        Ok(path)
    }
}

/// Appends `/segment`. The API server forbids the same names for the same reason (path.ValidatePathSegmentName).
fn segment(path: &mut String, what: &str, text: &str) -> Result<()> {
    if text.is_empty() || text == "." || text == ".." || text.contains(['/', '%']) || text.len() > 512 {
        return Err(Error::new(ErrorKind::Config, format!("the {what} {text:?} cannot stand in a request's path")));
    }
    path.push('/');
    encode_into(path, text);
    Ok(())
}

/// Percent-encodes all but RFC 3986's unreserved characters and `:` (which RBAC names carry).
pub(crate) fn encode_into(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' => out.push(byte.into()),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// A query string under construction: parameters in the order they were added, empty ones left out.
#[derive(Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn add(mut self, name: &str, value: &str) -> Query {
        if !value.is_empty() {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(name);
            self.0.push('=');
            encode_into(&mut self.0, value);
        }
        self
    }
    pub(crate) fn flag(self, name: &str, set: bool) -> Query {
        self.add(name, if set { "true" } else { "" })
    }
    /// The path with the parameters behind it.
    pub(crate) fn on(self, path: &str) -> String {
        format!("{path}{}", self.0)
    }
}
