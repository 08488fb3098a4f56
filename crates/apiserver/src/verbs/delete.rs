//! Deleting: preconditions, propagation, grace, finalizers.

use std::sync::Arc;

use belay_object::{Object, Value, object};

use super::update::may_go;
use super::{Call, MAX_ROUNDS, time_text};
use crate::handle::Propagation;
use crate::status::{ApiError, Result};
use crate::store::Stored;

const FOREGROUND: &str = "foregroundDeletion";
const ORPHAN: &str = "orphan";

/// The kinds whose delete answers with the object itself.
const RETURNED: [&str; 7] = [
    "persistentvolumeclaims",
    "persistentvolumes",
    "pods",
    "podtemplates",
    "resourcequotas",
    "serviceaccounts",
    "services",
];

/// The kinds whose dependents stay when the client says nothing.
const ORPHANING: [(&str, &str); 2] = [("", "replicationcontrollers"), ("batch", "jobs")];

/// Namespaces that the cluster cannot be without.
const IMMORTAL: [&str; 3] = ["default", "kube-public", "kube-system"];

/// `DeleteOptions`, read.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeleteOptions {
    pub uid: Option<String>,
    pub resource_version: Option<String>,
    pub propagation: Option<Propagation>,
    pub grace_seconds: Option<i64>,
    pub dry_run: bool,
}

impl DeleteOptions {
    /// From a body and the query; the body counts where both speak.
    pub(crate) fn read(body: Option<&Value>, query: &crate::request::Query) -> Result<DeleteOptions> {
        let null = Value::Null;
        let body = body.unwrap_or(&null);
        let text = |path: &[&str]| body.str_at(path).map(str::to_owned);
        let policy = text(&["propagationPolicy"]).unwrap_or_else(|| query.get("propagationPolicy").to_owned());
        let orphan = body.get("orphanDependents").and_then(Value::as_bool);
        let orphan =
            orphan.or_else(|| (!query.get("orphanDependents").is_empty()).then(|| query.flag("orphanDependents")));
        let propagation = match (policy.as_str(), orphan) {
            ("", None) => None,
            ("", Some(true)) | ("Orphan", _) => Some(Propagation::Orphan),
            ("", Some(false)) | ("Background", _) => Some(Propagation::Background),
            ("Foreground", _) => Some(Propagation::Foreground),
            (other, _) => {
                let supported = ["Foreground", "Background", "Orphan", ""];
                let error =
                    crate::status::FieldError::not_supported("propagationPolicy", &Value::from(other), &supported);
                return Err(ApiError::invalid("meta.k8s.io", "DeleteOptions", "", vec![error]));
            }
        };
        let dry = body.get("dryRun").map_or(&[][..], Value::items).iter().any(|v| v.as_str() == Some("All"));
        Ok(DeleteOptions {
            uid: text(&["preconditions", "uid"]),
            resource_version: text(&["preconditions", "resourceVersion"]),
            propagation,
            grace_seconds: match body.get("gracePeriodSeconds").and_then(Value::as_i64) {
                Some(seconds) => Some(seconds),
                None => query.number("gracePeriodSeconds")?,
            },
            dry_run: dry || query.all("dryRun").any(|v| v == "All"),
        })
    }
}

/// What became of an object.
#[derive(Debug)]
pub(crate) enum Deleted {
    /// It is gone; its last state.
    Gone(Arc<Stored>),
    /// Something holds it still.
    Pending(Object),
}

impl Deleted {
    /// What the client is answered.
    pub(crate) fn answer(self, call: &Call<'_>) -> Object {
        let last = match self {
            Deleted::Pending(object) => return object,
            Deleted::Gone(last) => last,
        };
        let resource = call.resource;
        if resource.custom.is_none() && resource.group.is_empty() && RETURNED.contains(&resource.plural.as_str()) {
            return resource.present(last.object()).into_owned();
        }
        success(&resource.group, &resource.plural, last.name(), last.uid())
    }
}

/// `Status: Success` about an object.
pub(crate) fn success(group: &str, resource: &str, name: &str, uid: &str) -> Object {
    let mut details = object! { "name" => name, "kind" => resource, "uid" => uid };
    if !group.is_empty() {
        details.set(&["group"], group);
    }
    let status = object! {
        "kind" => "Status",
        "apiVersion" => "v1",
        "metadata" => object! {},
        "status" => "Success",
        "details" => details,
    };
    Object::new(status).unwrap_or_default()
}

/// Deletes one object.
pub(crate) fn delete(call: &Call<'_>, options: &DeleteOptions) -> Result<Deleted> {
    let resource = call.resource;
    if resource.group.is_empty() && resource.plural == "namespaces" && IMMORTAL.contains(&call.name) {
        return Err(ApiError::forbidden("", "namespaces", call.name, "this namespace may not be deleted"));
    }
    for _ in 0..MAX_ROUNDS {
        let live = call.live().ok_or_else(|| call.not_found())?;
        check_preconditions(call, &live, options)?;
        let marked = mark(call, &live, options);
        if let Some(deleted) = swap(call, &live, marked, options.dry_run) {
            return Ok(deleted);
        }
    }
    Err(call.modified())
}

fn check_preconditions(call: &Call<'_>, live: &Object, options: &DeleteOptions) -> Result<()> {
    let conflict = |why| ApiError::conflict(&call.resource.group, &call.resource.kind, call.name, why);
    if let Some(uid) = options.uid.as_deref().filter(|uid| *uid != live.uid()) {
        return Err(conflict(format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). The object might have been deleted \
             and then recreated",
            live.uid()
        )));
    }
    if let Some(version) = options.resource_version.as_deref().filter(|v| *v != live.resource_version()) {
        return Err(conflict(format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). The \
             object might have been modified",
            live.resource_version()
        )));
    }
    Ok(())
}

/// The object as its deletion leaves it, until nothing holds it: finalizers by the propagation asked
/// for, the time, the grace.
fn mark(call: &Call<'_>, live: &Object, options: &DeleteOptions) -> Object {
    let mut object = live.clone();
    if call.resource.group == crate::crd::GROUP && call.resource.plural == crate::crd::RESOURCE && !live.is_deleting() {
        crate::crd::mark_deleted(&mut object);
    }
    let live_finalizers: Vec<String> = object.finalizers().map(str::to_owned).collect();
    let resource = (call.resource.group.as_str(), call.resource.plural.as_str());
    let unsaid = call.resource.custom.is_none() && ORPHANING.contains(&resource) && live.finalizers().next().is_none();
    let wanted = match options.propagation {
        Some(Propagation::Orphan) => Some(ORPHAN),
        Some(Propagation::Foreground) => Some(FOREGROUND),
        Some(Propagation::Background) => None,
        None if unsaid => Some(ORPHAN),
        None => live.finalizers().find(|f| [ORPHAN, FOREGROUND].contains(f)),
    };
    let mut finalizers: Vec<String> = live_finalizers
        .into_iter()
        .filter(|f| Some(f.as_str()) == wanted || ![ORPHAN, FOREGROUND].contains(&f.as_str()))
        .collect();
    if let Some(wanted) = wanted.filter(|w| !finalizers.iter().any(|f| f == w)) {
        finalizers.push(wanted.to_owned());
    }
    match finalizers.is_empty() {
        true => drop(object.remove(&["metadata", "finalizers"])),
        false => object.set(&["metadata", "finalizers"], finalizers),
    }
    let asked = call.logic().and_then(|logic| logic.grace_period(live, options.grace_seconds));
    let before = live.at(&["metadata", "deletionGracePeriodSeconds"]).and_then(Value::as_i64);
    // A second delete can shorten the grace, never lengthen it.
    let grace = before.map_or(asked.unwrap_or_default(), |before| before.min(asked.unwrap_or_default()));
    if !live.is_deleting() || before != Some(grace) {
        let until = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(grace.max(0));
        object.set(&["metadata", "deletionTimestamp"], time_text(until));
        object.set(&["metadata", "deletionGracePeriodSeconds"], grace);
        if live.generation() > 0 {
            object.set(&["metadata", "generation"], live.generation() + 1);
        }
    }
    if call.resource.group.is_empty() && call.resource.plural == "namespaces" {
        object.set(&["status", "phase"], "Terminating");
    }
    object
}

/// Puts the marked object in place, or takes it away where nothing holds it; `None` where somebody was faster.
fn swap(call: &Call<'_>, live: &Arc<Stored>, marked: Object, dry_run: bool) -> Option<Deleted> {
    let gone = may_go(&marked);
    if dry_run {
        return Some(if gone { Deleted::Gone(live.clone()) } else { Deleted::Pending(marked) });
    }
    let table = &call.resource.table;
    if gone {
        // The last state is shown without the marks: it went at once.
        let last = table.remove(&call.key(), live.version(), None).ok()?;
        call.inner.after_write(call.resource, Some(live), None);
        return Some(Deleted::Gone(last));
    }
    if marked == *live.object() {
        return Some(Deleted::Pending(call.resource.present(live.object()).into_owned()));
    }
    let stored = table.replace(&call.key(), live.version(), marked).ok()?;
    call.inner.after_write(call.resource, Some(live), Some(&stored));
    Some(Deleted::Pending(call.resource.present(stored.object()).into_owned()))
}
