//! What names a resource in a build.

use std::cmp::Ordering;
use std::fmt;

use belay_object::Key;

/// Group, version and kind; an empty part of a selector means any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gvk {
    pub(crate) group: Key,
    pub(crate) version: Key,
    pub(crate) kind: Key,
}

impl Default for Gvk {
    fn default() -> Gvk {
        Gvk::new("", "", "")
    }
}

/// Splits an `apiVersion` at its first slash.
pub(crate) fn split_api_version(api_version: &str) -> (&str, &str) {
    api_version.split_once('/').unwrap_or(("", api_version))
}

impl Gvk {
    pub(crate) fn new(group: &str, version: &str, kind: &str) -> Gvk {
        Gvk { group: Key::new(group), version: Key::new(version), kind: Key::new(kind) }
    }
    pub(crate) fn of(api_version: &str, kind: &str) -> Gvk {
        let (group, version) = split_api_version(api_version);
        Gvk::new(group, version, kind)
    }
    /// Whether each part that the selector gives is equal.
    pub(crate) fn is_selected_by(&self, selector: &Gvk) -> bool {
        let fits = |wanted: &Key, found: &Key| wanted.is_empty() || wanted == found;
        fits(&selector.group, &self.group) && fits(&selector.version, &self.version) && fits(&selector.kind, &self.kind)
    }
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_string() } else { format!("{}/{}", self.group, self.version) }
    }
    /// The text that kustomize sorts by: `group_version_kind`, an empty part as `~G`, `~V`, `~K`.
    pub(crate) fn sort_text(&self) -> String {
        self.sort_parts().concat()
    }
    /// Compares the texts that kustomize sorts by.
    pub(crate) fn compare_text(&self, other: &Gvk) -> Ordering {
        let [ours, theirs] = [self, other].map(|gvk| gvk.sort_parts().into_iter().flat_map(str::bytes));
        ours.cmp(theirs)
    }
    fn sort_parts(&self) -> [&str; 5] {
        fn part<'a>(text: &'a Key, empty: &'static str) -> &'a str {
            if text.is_empty() { empty } else { text }
        }
        [part(&self.group, "~G"), "_", part(&self.version, "~V"), "_", part(&self.kind, "~K")]
    }
}

/// Writes `Deployment.v1.apps`, an empty part as `[noKind]`, `[noVer]`, `[noGrp]`.
impl fmt::Display for Gvk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &Key, empty: &'static str| if text.is_empty() { empty.to_owned() } else { text.to_string() };
        write!(
            f,
            "{}.{}.{}",
            part(&self.kind, "[noKind]"),
            part(&self.version, "[noVer]"),
            part(&self.group, "[noGrp]")
        )
    }
}

/// The namespace of what has none.
pub(crate) const NOT_NAMESPACED: &str = "_non_namespaceable_";
/// The namespace that an absent one stands for.
pub(crate) const DEFAULT_NAMESPACE: &str = "default";

/// Names one resource, or several when parts are empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id {
    pub(crate) gvk: Gvk,
    pub(crate) name: Box<str>,
    pub(crate) namespace: Box<str>,
    /// Whether the kind is known to have no namespace.
    pub(crate) cluster: bool,
}

impl Id {
    /// The namespace that counts: none for cluster-scoped kinds, `default` for an empty one.
    pub(crate) fn effective_namespace(&self) -> &str {
        if self.cluster {
            return NOT_NAMESPACED;
        }
        if self.namespace.is_empty() { DEFAULT_NAMESPACE } else { &self.namespace }
    }
    pub(crate) fn same_namespace(&self, other: &Id) -> bool {
        self.effective_namespace() == other.effective_namespace()
    }
    /// Whether kind, group, version and name are equal, whatever the namespace.
    pub(crate) fn same_but_namespace(&self, other: &Id) -> bool {
        self.name == other.name && self.gvk == other.gvk
    }
    /// Whether this names the same resource; an absent namespace equals `default`.
    pub(crate) fn equals(&self, other: &Id) -> bool {
        self.same_but_namespace(other) && self.same_namespace(other)
    }
    /// Whether each part that the selector gives is equal.
    pub(crate) fn is_selected_by(&self, selector: &Id) -> bool {
        (selector.name.is_empty() || selector.name == self.name)
            && (selector.namespace.is_empty() || selector.same_namespace(self))
            && self.gvk.is_selected_by(&selector.gvk)
    }
}

/// Writes `Deployment.v1.apps/name.namespace`, an empty part as `[noName]`, `[noNs]`.
impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = |text: &str, empty: &str| if text.is_empty() { empty.to_owned() } else { text.to_owned() };
        write!(f, "{}/{}.{}", self.gvk, part(&self.name, "[noName]"), part(&self.namespace, "[noNs]"))
    }
}
