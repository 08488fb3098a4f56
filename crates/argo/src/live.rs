//! What is kept of a cluster's objects: whose they are, how they are, what people see of them in a tree.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use belay_cluster::Resource;
use belay_engine::observe::{Describe, Described};
use belay_health::argo::{Customizations, Health};
use belay_object::{GroupKind, Object, Value};
use jiff::Timestamp;

use crate::ignore::IgnoreRules;
use crate::settings::parse_bool;
use crate::tracking::Tracking;

/// What is kept of each object beside whose it is.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Facts {
    /// Its health.
    pub health: Option<Box<Health>>,
    /// When it was made, as the server says.
    pub created_at: Box<str>,
    /// The images that it runs.
    pub images: Box<[Box<str>]>,
    /// `name`, `value`: what a tree shows beside it.
    pub info: Box<[(Box<str>, Box<str>)]>,
    /// Digest of what counts as a change of it; `None` where everything does.
    pub mark: Option<u64>,
}

/// Which kinds are not looked at.
pub type IsExcluded = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Describes objects for the engine's watches.
pub struct Describer {
    /// How objects name the Application that they belong to.
    pub tracking: Tracking,
    /// How they are.
    pub assess: Arc<Customizations>,
    /// By group and kind.
    pub is_excluded: IsExcluded,
    /// What does not count as a change; `None` where everything does.
    pub ignore_updates: Option<IgnoreRules>,
}

/// On an object that nobody tracks: what does not count as a change of others does not count of it either.
const IGNORE_UPDATES: &str = "argocd.argoproj.io/ignore-resource-updates";

/// Kinds that change all the time and belong to nothing that is shown.
const NEVER: [(&str, &str); 4] =
    [("events.k8s.io", "*"), ("metrics.k8s.io", "*"), ("", "Event"), ("coordination.k8s.io", "Lease")];

impl Describe for Describer {
    type Facts = Facts;

    fn describe(&self, object: &Object) -> Described<Facts> {
        let owner = self.tracking.owner_of(object);
        let keep = owner.is_some();
        let health = self.assess.health(object, Timestamp::now().as_second()).map(Box::new);
        let facts = Facts {
            health,
            created_at: object.str_at(&["metadata", "creationTimestamp"]).unwrap_or_default().into(),
            images: images(object),
            info: info(object),
            mark: self.mark(object, keep),
        };
        Described { tracked_by: owner.map(|o| o.app.into()).unwrap_or_default(), keep, facts }
    }
    fn is_news(&self, before: &Facts, after: &Facts) -> bool {
        let status = |facts: &Facts| facts.health.as_ref().map(|health| health.status);
        before.mark.is_none() || before.mark != after.mark || status(before) != status(after)
    }
    fn watches(&self, resource: &Resource) -> bool {
        let (group, kind) = (resource.group.as_str(), resource.kind.as_str());
        let never = NEVER.iter().any(|(g, k)| *g == group && (*k == "*" || *k == kind));
        !never && !(self.is_excluded)(group, kind)
    }
}

impl Describer {
    fn mark(&self, object: &Object, is_tracked: bool) -> Option<u64> {
        let rules = self.ignore_updates.as_ref()?;
        let asks = || object.annotation(IGNORE_UPDATES).and_then(parse_bool) == Some(true);
        // Compat(argo-cd 3.5): of what belongs to what is tracked everything counts unless it says otherwise.
        if !(is_tracked || is_application(&object.group_kind()) || asks()) {
            return None;
        }
        let mut stripped = object.clone();
        rules.strip(&mut stripped, object);
        let mut json = Vec::with_capacity(1024);
        stripped.value().write_json(&mut json);
        let mut hasher = DefaultHasher::new();
        json.hash(&mut hasher);
        Some(hasher.finish())
    }
}

pub(crate) fn images(object: &Object) -> Box<[Box<str>]> {
    belay_plan::sync::task::images(object).into_iter().map(String::into_boxed_str).collect()
}

/// What a tree shows of an object: of a pod why it is as it is, of what has revisions which one it is.
pub(crate) fn info(object: &Object) -> Box<[(Box<str>, Box<str>)]> {
    let mut found: Vec<(Box<str>, Box<str>)> = Vec::new();
    let kind = object.group_kind();
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => {
            let statuses = object.at(&["status", "containerStatuses"]).map_or(&[][..], Value::items);
            let all = object.at(&["spec", "containers"]).map_or(0, |c| c.items().len());
            let ready = statuses.iter().filter(|s| s.at(&["ready"]).and_then(Value::as_bool) == Some(true)).count();
            let restarts: i64 = statuses.iter().filter_map(|s| s.at(&["restartCount"])?.as_i64()).sum();
            found.push(("Status Reason".into(), pod_reason(object).into()));
            if let Some(node) = object.str_at(&["spec", "nodeName"]) {
                found.push(("Node".into(), node.into()));
            }
            found.push(("Containers".into(), format!("{ready}/{all}").into()));
            if restarts > 0 {
                found.push(("Restart Count".into(), restarts.to_string().into()));
            }
        }
        ("apps", "ReplicaSet") => {
            if let Some(revision) = object.annotation("deployment.kubernetes.io/revision") {
                found.push(("Revision".into(), format!("Rev:{revision}").into()));
            }
        }
        ("apps", "ControllerRevision") => {
            if let Some(revision) = object.at(&["revision"]).and_then(Value::as_i64) {
                found.push(("Revision".into(), format!("Rev:{revision}").into()));
            }
        }
        _ => {}
    }
    found.into()
}

/// What kubectl prints as a pod's status.
fn pod_reason(pod: &Object) -> String {
    let text = |path: &[&str]| pod.str_at(path).unwrap_or_default().to_owned();
    let mut reason = text(&["status", "reason"]);
    if reason.is_empty() {
        reason = text(&["status", "phase"]);
    }
    for status in pod.at(&["status", "containerStatuses"]).map_or(&[][..], Value::items) {
        let waiting = status.str_at(&["state", "waiting", "reason"]);
        let ended = status.str_at(&["state", "terminated", "reason"]);
        if let Some(word) = waiting.or(ended).filter(|word| !word.is_empty()) {
            word.clone_into(&mut reason);
        }
    }
    if pod.is_deleting() { "Terminating".into() } else { reason }
}

/// Whether an object is an Application.
pub fn is_application(kind: &GroupKind) -> bool {
    kind.group == "argoproj.io" && kind.kind == "Application"
}
