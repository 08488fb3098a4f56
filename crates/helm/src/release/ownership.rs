//! Whose an object is: the label and annotations that Helm stamps on what it applies.

use belay_object::Object;

use crate::error::{Error, ErrorKind, Result};
use crate::go::quote;

/// The label that says that Helm manages an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
const HELM: &str = "Helm";
/// The annotation that names the release.
pub const RELEASE_NAME: &str = "meta.helm.sh/release-name";
/// The annotation that names the release's namespace.
pub const RELEASE_NAMESPACE: &str = "meta.helm.sh/release-namespace";

/// Stamps an object as a release's, at the time when it is applied.
pub fn stamp(object: &mut Object, release: &str, namespace: &str) {
    object.set_label(MANAGED_BY, HELM);
    object.set_annotation(RELEASE_NAME, release);
    object.set_annotation(RELEASE_NAMESPACE, namespace);
}

/// Refuses an object of the cluster that is not the release's, in Helm's words.
pub fn check(live: &Object, release: &str, namespace: &str) -> Result<()> {
    let rules = [
        ("label", "labels", MANAGED_BY, HELM),
        ("annotation", "annotations", RELEASE_NAME, release),
        ("annotation", "annotations", RELEASE_NAMESPACE, namespace),
    ];
    let wrong: Vec<String> = rules
        .into_iter()
        .filter_map(|(what, field, key, wanted)| {
            let (quoted, wanted_text) = (quote(key), quote(wanted));
            let why = match live.value().str_at(&["metadata", field, key]) {
                Some(found) if found == wanted => return None,
                Some(found) => format!("key {quoted} must equal {wanted_text}: current value is {}", quote(found)),
                None => format!("missing key {quoted}: must be set to {wanted_text}"),
            };
            Some(format!("{what} validation error: {why}"))
        })
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let message = format!("invalid ownership metadata; {}", wrong.join("; "));
    Err(Error::new(ErrorKind::Ownership, message))
}

/// Refuses to take an object over that is there but not the release's. `doing` is `install` or
/// `update`.
pub fn check_adoption(live: &Object, release: &str, namespace: &str, doing: &str) -> Result<()> {
    check(live, release, namespace).map_err(|e| {
        let (kind, name) = (live.kind(), quote(live.name()));
        let place = quote(live.namespace());
        Error::new(
            ErrorKind::Ownership,
            format!(
                "unable to continue with {doing}: {kind} {name} in namespace {place} exists and cannot be imported into \
                 the current release: {e}"
            ),
        )
        .hint("take the object over on purpose (take-ownership), or delete it")
    })
}
