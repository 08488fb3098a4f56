//! The actions that need no configuration.
//!
//! Of Argo CD's, these kinds are here: Deployment, StatefulSet, DaemonSet, CronJob, Job, Rollout,
//! AnalysisRun, Application, Flux's kinds, ExternalSecret, PushSecret, ScaledObject, ScaledJob. Those
//! of Numaflow, CloudNativePG, MariaDB, Percona, Strimzi, Argo Workflows and the Promoter are not.

use belay_object::{Object, Value, object};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::super::{conditions, flag, int, text};
use super::{Action, Effect, Operation};

const RESTARTED_AT: &str = "kubectl.kubernetes.io/restartedAt";
const REQUESTED_AT: &str = "reconcile.fluxcd.io/requestedAt";
const KEDA_PAUSED: &str = "autoscaling.keda.sh/paused";
const KEDA_PAUSED_REPLICAS: &str = "autoscaling.keda.sh/paused-replicas";

fn action(name: &str, disabled: bool, icon: &str) -> Action {
    let icon_class = if icon.is_empty() { String::new() } else { format!("fa fa-fw fa-{icon}") };
    Action { name: name.into(), disabled, icon_class, ..Action::default() }
}
fn scale() -> Action {
    Action { params: vec!["replicas".into()], ..action("scale", false, "plus-circle") }
}
fn titled(action: Action, display_name: &str) -> Action {
    Action { display_name: display_name.into(), ..action }
}

/// The kinds of Flux that can be suspended, and whether they can be asked to reconcile.
fn flux_kind(group: &str, kind: &str) -> Option<bool> {
    let group = group.strip_suffix(".toolkit.fluxcd.io")?;
    match (group, kind) {
        ("notification", "Alert" | "Provider") => Some(false),
        ("helm", "HelmRelease") | ("kustomize", "Kustomization") | ("notification", "Receiver") => Some(true),
        ("image", "ImageRepository" | "ImageUpdateAutomation") => Some(true),
        ("source", "Bucket" | "GitRepository" | "HelmChart" | "HelmRepository" | "OCIRepository") => Some(true),
        _ => None,
    }
}

/// What may be done to an object.
pub(super) fn actions(object: &Object) -> Vec<Action> {
    let kind = object.group_kind();
    let (group, kind) = (kind.group.as_str(), kind.kind.as_str());
    let paused = flag(object, &["spec", "paused"]);
    let suspended = flag(object, &["spec", "suspend"]);
    match (group, kind) {
        ("apps", "Deployment") => vec![
            action("restart", false, "redo"),
            action("pause", paused, "pause-circle"),
            action("resume", !paused, "play-circle"),
            scale(),
        ],
        ("apps", "StatefulSet") => vec![action("restart", false, "redo"), scale()],
        ("apps", "DaemonSet") => vec![action("restart", false, "redo")],
        ("batch", "CronJob") => vec![
            titled(action("create-job", false, "plus"), "Create Job"),
            if suspended { action("resume", false, "play") } else { action("suspend", false, "pause") },
        ],
        ("batch", "Job") => job_actions(object, suspended),
        ("argoproj.io", "Rollout") => rollout_actions(object, paused),
        ("argoproj.io", "AnalysisRun") => {
            let ended =
                matches!(text(object, &["status", "phase"]), "Successful" | "Failed" | "Error" | "Inconclusive");
            vec![action("terminate", flag(object, &["spec", "terminate"]) || ended, "")]
        }
        ("argoproj.io", "Application") => {
            let title = if syncs_itself(object) { "Disable Auto-Sync" } else { "Enable Auto-Sync" };
            vec![titled(action("toggle-auto-sync", false, ""), title)]
        }
        ("external-secrets.io", "ExternalSecret") => vec![action("refresh", is_never_refreshed(object), "")],
        ("external-secrets.io", "PushSecret") => vec![action("push", is_never_refreshed(object), "")],
        ("keda.sh", "ScaledObject" | "ScaledJob") => keda_actions(object, kind == "ScaledObject"),
        _ => match flux_kind(group, kind) {
            None => Vec::new(),
            Some(reconciles) => {
                let mut actions = vec![action("suspend", suspended, ""), action("resume", !suspended, "")];
                if reconciles {
                    actions.push(action("reconcile", suspended, ""));
                }
                actions
            }
        },
    }
}

/// What an action writes; `None` where the kind has no such action.
pub(super) fn run(
    object: &Object,
    name: &str,
    params: &[(String, String)],
    now_s: i64,
) -> Option<Result<Vec<Effect>, String>> {
    let kind = object.group_kind();
    let (group, kind) = (kind.group.as_str(), kind.kind.as_str());
    let mut changed = object.clone();
    let o = &mut changed;
    match (group, kind, name) {
        ("apps", "Deployment" | "StatefulSet" | "DaemonSet", "restart") => {
            o.set(&["spec", "template", "metadata", "annotations", RESTARTED_AT], time(now_s, "%Y-%m-%dT%H:%M:%SZ"));
        }
        ("apps", "Deployment", "pause") | ("argoproj.io", "Rollout", "pause") => o.set(&["spec", "paused"], true),
        ("apps", "Deployment", "resume") => drop(o.remove(&["spec", "paused"])),
        ("apps", "Deployment" | "StatefulSet", "scale") => match replicas(params) {
            Ok(replicas) => o.set(&["spec", "replicas"], replicas),
            Err(e) => return Some(Err(e)),
        },
        ("batch", "CronJob", "create-job") => return Some(Ok(vec![job_of(object, now_s)])),
        ("batch", "CronJob" | "Job", "suspend") => o.set(&["spec", "suspend"], true),
        ("batch", "CronJob" | "Job", "resume") => resume(o),
        ("batch", "Job", "terminate") => terminate(o, now_s),
        ("argoproj.io", "Rollout", _) => rollout(o, name, now_s)?,
        ("argoproj.io", "AnalysisRun", "terminate") => o.set(&["spec", "terminate"], true),
        ("argoproj.io", "Application", "toggle-auto-sync") => {
            let enabled = syncs_itself(object);
            o.set(&["spec", "syncPolicy", "automated", "enabled"], !enabled);
        }
        ("external-secrets.io", "ExternalSecret", "refresh") | ("external-secrets.io", "PushSecret", "push") => {
            o.set_annotation("force-sync", &time(now_s, "%Y-%m-%dT%H:%M:%SZ"));
        }
        ("keda.sh", "ScaledObject" | "ScaledJob", "pause") => o.set_annotation(KEDA_PAUSED, "true"),
        ("keda.sh", "ScaledObject" | "ScaledJob", "resume") => {
            o.remove(&["metadata", "annotations", KEDA_PAUSED]);
            o.remove(&["metadata", "annotations", KEDA_PAUSED_REPLICAS]);
        }
        ("keda.sh", "ScaledObject", "paused-replicas") => match replicas(params) {
            Ok(Value::Int(n)) if n >= 0 => o.set_annotation(KEDA_PAUSED_REPLICAS, &n.to_string()),
            Ok(other) => return Some(Err(format!("invalid number: {} (must be >= 0)", other.to_json()))),
            Err(e) => return Some(Err(e)),
        },
        _ => match (flux_kind(group, kind)?, name) {
            (_, "suspend") => o.set(&["spec", "suspend"], true),
            (_, "resume") => resume(o),
            // Compat(argo 3.5): the text, without a zone.
            (true, "reconcile") => {
                o.set_annotation(REQUESTED_AT, &format!("By Argo CD at: {}", time(now_s, "%Y-%m-%dT%H:%M:%S")));
            }
            _ => return None,
        },
    }
    Some(Ok(vec![Effect { operation: Operation::Patch, object: changed }]))
}

fn time(now_s: i64, format: &str) -> String {
    let now = Timestamp::from_second(now_s).unwrap_or(Timestamp::UNIX_EPOCH);
    now.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

fn replicas(params: &[(String, String)]) -> Result<Value, String> {
    let text = params.iter().find(|(name, _)| name == "replicas").map(|(_, value)| value.trim());
    let text = text.ok_or("the parameter replicas is required")?;
    text.parse::<i64>().map(Value::Int).map_err(|_| format!("invalid number: {text}"))
}

fn resume(object: &mut Object) {
    if flag(object, &["spec", "suspend"]) {
        object.set(&["spec", "suspend"], false);
    }
}

fn syncs_itself(object: &Object) -> bool {
    let automated = object.at(&["spec", "syncPolicy", "automated"]).filter(|a| !a.is_null());
    automated.is_some_and(|a| a.get("enabled").and_then(Value::as_bool).unwrap_or(true))
}

/// An interval of nothing in any unit, save where a change of the object refreshes.
fn is_never_refreshed(object: &Object) -> bool {
    let interval = match object.at(&["spec", "refreshInterval"]) {
        Some(Value::Str(s)) => s.to_string(),
        Some(Value::Int(i)) => i.to_string(),
        _ => return false,
    };
    let is_nothing = ["", "ns", "us", "µs", "ms", "s", "m", "h"].iter().any(|unit| interval == format!("0{unit}"));
    is_nothing && text(object, &["spec", "refreshPolicy"]) != "OnChange"
}

fn is_ended(job: &Object) -> bool {
    let ends = ["Complete", "Failed", "FailureTarget", "SuccessCriteriaMet"];
    conditions(job).any(|c| c.status == "True" && ends.contains(&c.kind))
}

fn job_actions(object: &Object, suspended: bool) -> Vec<Action> {
    if is_ended(object) {
        return Vec::new();
    }
    let mut actions = vec![if suspended { action("resume", false, "play") } else { action("suspend", false, "pause") }];
    if object.get("status").is_some_and(|s| !s.is_null()) {
        actions.push(action("terminate", false, "stop"));
    }
    actions
}

fn terminate(object: &mut Object, now_s: i64) {
    if object.get("status").is_none() || is_ended(object) {
        return;
    }
    let condition = object! {
        "lastTransitionTime" => time(now_s, "%Y-%m-%dT%H:%M:%SZ"),
        "message" => "Job was terminated explicitly through Argo CD",
        "reason" => "ManuallyTerminated",
        "status" => "True",
        "type" => "FailureTarget",
    };
    let list = object.value_mut().at_or_insert(&["status", "conditions"]);
    match list.as_array_mut() {
        Some(list) => list.push(condition),
        None => *list = Value::from(vec![condition]),
    }
}

/// A run of a CronJob now, as `kubectl create job --from` makes it.
fn job_of(cron_job: &Object, now_s: i64) -> Effect {
    let template = |field: &str| {
        let mut value = cron_job.at(&["spec", "jobTemplate", field]).cloned().unwrap_or_else(Value::object);
        drop_empty(&mut value);
        value
    };
    let name = format!("{}-{}", cron_job.name(), time(now_s, "%y%m%d%H%M"));
    let owner = object! {
        "apiVersion" => cron_job.api_version(),
        "kind" => cron_job.kind(),
        "name" => cron_job.name(),
        "uid" => cron_job.uid(),
        "blockOwnerDeletion" => true,
        "controller" => true,
    };
    let mut job = Object::of("batch/v1", "Job", cron_job.namespace(), &name);
    for (key, value) in template("metadata").as_object().into_iter().flat_map(|m| m.iter()) {
        if !matches!(key.as_str(), "name" | "namespace") {
            job.set(&["metadata", key.as_str()], value.clone());
        }
    }
    job.set_annotation("cronjob.kubernetes.io/instantiate", "manual");
    job.set(&["metadata", "ownerReferences"], Value::from(vec![owner]));
    job.set(&["spec"], template("spec"));
    Effect { operation: Operation::Create, object: job }
}

/// Leaves out empty maps and lists, as Argo CD's copy does. The depth is that of the object.
fn drop_empty(value: &mut Value) {
    let is_empty = |v: &Value| match v {
        Value::Object(m) => m.is_empty(),
        Value::Array(a) => a.is_empty(),
        _ => false,
    };
    match value {
        Value::Object(fields) => {
            fields.retain(|_, v| !is_empty(v) && !v.is_null());
            fields.iter_mut().for_each(|(_, v)| drop_empty(v));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_empty),
        _ => {}
    }
}

/// Whether a rollout tells its generation as versions from 0.10 on do: a number not above its own.
fn is_numbered(object: &Object) -> bool {
    let observed = match object.at(&["status", "observedGeneration"]) {
        Some(Value::Str(s)) => s.parse::<i64>().ok(),
        Some(other) => other.as_i64(),
        None => None,
    };
    observed.is_some_and(|o| o <= object.generation())
}

fn rollout_actions(object: &Object, spec_paused: bool) -> Vec<Action> {
    let pauses = object.at(&["status", "pauseConditions"]).filter(|p| !p.is_null());
    let paused = pauses.map_or(spec_paused, |p| !p.items().is_empty());
    let aborted = flag(object, &["status", "abort"]);
    let promoted = object.at(&["status", "currentPodHash"]) == object.at(&["status", "stableRS"]);
    let has_status = object.get("status").is_some_and(|s| !s.is_null());
    let blue_green = object.at(&["spec", "strategy", "blueGreen"]).is_some();
    let can_promote = has_status && !promoted && (is_numbered(object) || !blue_green);
    let steps = object.at(&["spec", "strategy", "canary", "steps"]).map(|s| s.items().len() as i64);
    let no_step = steps.is_none_or(|steps| int(object, &["status", "currentStepIndex"]) == Some(steps));
    vec![
        titled(action("restart", false, ""), "Restart Pods"),
        action("resume", !paused, ""),
        action("abort", promoted || aborted, ""),
        action("retry", promoted || !aborted, ""),
        action("pause", promoted || aborted || spec_paused, ""),
        action("promote-full", !can_promote, ""),
        action("skip-current-step", no_step, ""),
    ]
}

/// Changes a rollout; `None` for a name that is no action.
fn rollout(object: &mut Object, name: &str, now_s: i64) -> Option<()> {
    let steps = object.at(&["spec", "strategy", "canary", "steps"]).map(|s| s.items().len() as i64);
    match name {
        "restart" => object.set(&["spec", "restartAt"], time(now_s, "%Y-%m-%dT%H:%M:%SZ")),
        "abort" => object.set(&["status", "abort"], true),
        "retry" => drop(object.remove(&["status", "abort"])),
        "resume" => {
            unpause(object);
            if flag(object, &["spec", "paused"]) {
                object.set(&["spec", "paused"], false);
            }
        }
        "promote-full" if is_numbered(object) => object.set(&["status", "promoteFull"], true),
        "promote-full" => {
            object.remove(&["status", "abort"]);
            if let Some(steps) = steps {
                object.set(&["status", "currentStepIndex"], steps);
            }
        }
        "skip-current-step" => {
            let at = int(object, &["status", "currentStepIndex"]).unwrap_or(0);
            if steps.is_some_and(|steps| at < steps) {
                unpause(object);
                object.set(&["status", "currentStepIndex"], at + 1);
            }
        }
        _ => return None,
    }
    Some(())
}

fn unpause(object: &mut Object) {
    if object.at(&["status", "pauseConditions"]).is_some_and(|p| !p.items().is_empty()) {
        object.remove(&["status", "pauseConditions"]);
    }
}

fn keda_actions(object: &Object, has_replicas: bool) -> Vec<Action> {
    let paused = object.annotation(KEDA_PAUSED) == Some("true");
    let any = paused || (has_replicas && object.annotation(KEDA_PAUSED_REPLICAS).is_some());
    let mut actions = vec![action("pause", any, "pause-circle"), action("resume", !any, "play-circle")];
    if has_replicas {
        let params = vec!["replicas".into()];
        actions.push(Action { params, ..action("paused-replicas", paused, "pause-circle") });
    }
    actions
}
