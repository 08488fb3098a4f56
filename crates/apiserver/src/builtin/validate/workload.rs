//! Deployments, ReplicaSets, StatefulSets, DaemonSets, Jobs and CronJobs.

use belay_object::{Object, Value};

use super::pod;
use crate::builtin::faults::{Faults, is_empty_selector, percent, selects};
use crate::builtin::{names, schedule};

const MISMATCH: &str = "`selector` does not match template `labels`";

/// A Deployment.
pub fn deployment(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    faults.all_nonnegative("spec", spec, &["replicas"]);
    replicated(faults, spec, "deployment");
    strategy(faults, &spec["strategy"]);
    faults.all_nonnegative("spec", spec, &["minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"]);
    if let Some(deadline) = spec.get("progressDeadlineSeconds")
        && deadline.as_i64() <= Some(spec["minReadySeconds"].as_i64().unwrap_or_default())
    {
        faults.invalid("spec.progressDeadlineSeconds", deadline, "must be greater than minReadySeconds");
    }
}

/// A ReplicaSet.
pub fn replica_set(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    faults.all_nonnegative("spec", spec, &["replicas", "minReadySeconds"]);
    replicated(faults, spec, "deployment");
}

/// A change of a kind whose selector stays.
pub fn same_selector(faults: &mut Faults, new: &Object, old: &Object) {
    faults.immutable("spec.selector", new.at(&["spec", "selector"]), old.at(&["spec", "selector"]));
}

fn selector(faults: &mut Faults, spec: &Value, what: &str) {
    match spec.get("selector").filter(|s| !s.is_null()) {
        None => faults.required("spec.selector", ""),
        Some(selector) => {
            faults.selector("spec.selector", Some(selector));
            if is_empty_selector(selector) {
                faults.invalid("spec.selector", selector, &format!("empty selector is invalid for {what}"));
            }
        }
    }
}

fn matches_template(faults: &mut Faults, spec: &Value) {
    let labels = spec.at(&["template", "metadata", "labels"]);
    let selector = spec.get("selector");
    // A selector without conditions is refused elsewhere, and matches everything.
    if !selects(selector, labels.and_then(Value::as_object)) {
        faults.invalid("spec.template.metadata.labels", labels.unwrap_or(&Value::Null), MISMATCH);
    }
}

fn always_restarts(faults: &mut Faults, spec: &Value, kind: &str) {
    let template = &spec["template"]["spec"];
    if let Some(policy) = template.get("restartPolicy")
        && policy.as_str() != Some("Always")
    {
        faults.not_supported("spec.template.spec.restartPolicy", policy, &["Always"]);
    }
    if template.get("activeDeadlineSeconds").is_some() {
        let detail = format!("activeDeadlineSeconds in {kind} is not Supported");
        faults.forbidden("spec.template.spec.activeDeadlineSeconds", &detail);
    }
}

fn replicated(faults: &mut Faults, spec: &Value, what: &str) {
    selector(faults, spec, what);
    matches_template(faults, spec);
    pod::template(faults, "spec.template", &spec["template"]);
    always_restarts(faults, spec, "ReplicaSet");
}

fn is_nothing(value: &Value) -> bool {
    value.as_i64().or_else(|| percent(value)).unwrap_or_default() == 0
}

fn strategy(faults: &mut Faults, strategy: &Value) {
    match strategy.str_at(&["type"]).unwrap_or_default() {
        "Recreate" => {
            if strategy.get("rollingUpdate").is_some() {
                let detail = "may not be specified when strategy `type` is 'Recreate'";
                faults.forbidden("spec.strategy.rollingUpdate", detail);
            }
        }
        "RollingUpdate" => {
            let at = "spec.strategy.rollingUpdate";
            let rolling = &strategy["rollingUpdate"];
            let (unavailable, surge) = (&rolling["maxUnavailable"], &rolling["maxSurge"]);
            faults.count_or_percent(&format!("{at}.maxUnavailable"), unavailable);
            faults.count_or_percent(&format!("{at}.maxSurge"), surge);
            if is_nothing(unavailable) && is_nothing(surge) {
                let detail = "may not be 0 when `maxSurge` is 0";
                faults.invalid(format!("{at}.maxUnavailable"), unavailable, detail);
            }
            faults.at_most_all(&format!("{at}.maxUnavailable"), unavailable);
        }
        _ => faults.not_supported("spec.strategy", strategy, &["Recreate", "RollingUpdate"]),
    }
}

/// A DaemonSet.
pub fn daemon_set(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    faults.selector("spec.selector", spec.get("selector"));
    matches_template(faults, spec);
    if let Some(selector) = spec.get("selector").filter(|s| !s.is_null() && is_empty_selector(s)) {
        faults.invalid("spec.selector", selector, "empty selector is invalid for daemonset");
    }
    pod::template(faults, "spec.template", &spec["template"]);
    always_restarts(faults, spec, "DaemonSet");
    faults.all_nonnegative("spec", spec, &["minReadySeconds"]);
    let strategy = &spec["updateStrategy"];
    match strategy.str_at(&["type"]).unwrap_or_default() {
        "OnDelete" => {}
        "RollingUpdate" => {
            let at = "spec.updateStrategy.rollingUpdate";
            let (unavailable, surge) =
                (&strategy["rollingUpdate"]["maxUnavailable"], &strategy["rollingUpdate"]["maxSurge"]);
            faults.count_or_percent(&format!("{at}.maxUnavailable"), unavailable);
            faults.count_or_percent(&format!("{at}.maxSurge"), surge);
            faults.at_most_all(&format!("{at}.maxUnavailable"), unavailable);
            faults.at_most_all(&format!("{at}.maxSurge"), surge);
            match (is_nothing(unavailable), is_nothing(surge)) {
                (false, false) => {
                    faults.invalid(format!("{at}.maxSurge"), surge, "may not be set when maxUnavailable is non-zero");
                }
                (true, true) => {
                    faults.required(format!("{at}.maxUnavailable"), "cannot be 0 when maxSurge is 0");
                }
                _ => {}
            }
        }
        _ => faults.not_supported("spec.updateStrategy.type", &strategy["type"], &["RollingUpdate", "OnDelete"]),
    }
    faults.all_nonnegative("spec", spec, &["revisionHistoryLimit"]);
}

/// A StatefulSet.
pub fn stateful_set(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    let management = &spec["podManagementPolicy"];
    if !matches!(management.as_str(), Some("OrderedReady" | "Parallel")) {
        faults.invalid("spec.podManagementPolicy", management, "must be 'OrderedReady' or 'Parallel'");
    }
    let strategy = &spec["updateStrategy"];
    match strategy.str_at(&["type"]).unwrap_or_default() {
        "OnDelete" => {
            if let Some(rolling) = strategy.get("rollingUpdate") {
                let detail = "only allowed for updateStrategy 'RollingUpdate'";
                faults.invalid("spec.updateStrategy.rollingUpdate", rolling, detail);
            }
        }
        "RollingUpdate" => {
            faults.all_nonnegative("spec.updateStrategy.rollingUpdate", &strategy["rollingUpdate"], &["partition"]);
        }
        _ => faults.invalid("spec.updateStrategy", strategy, "must be 'RollingUpdate' or 'OnDelete'"),
    }
    for field in ["whenDeleted", "whenScaled"] {
        let at = format!("spec.persistentVolumeClaimRetentionPolicy.{field}");
        faults.one_of(at, spec["persistentVolumeClaimRetentionPolicy"].get(field), &["Delete", "Retain"]);
    }
    faults.all_nonnegative("spec", spec, &["replicas", "minReadySeconds"]);
    if let Some(name) = spec.str_at(&["serviceName"])
        && !name.is_empty()
    {
        faults.texts("spec.serviceName", name, names::dns1123_label(name));
    }
    selector(faults, spec, "statefulset");
    matches_template(faults, spec);
    pod::template(faults, "spec.template", &with_claimed_volumes(spec));
    always_restarts(faults, spec, "StatefulSet");
}

/// The template with a volume for each claim template, as its pods will have.
fn with_claimed_volumes(spec: &Value) -> Value {
    let mut template = spec["template"].clone();
    let claims: Vec<&str> =
        spec["volumeClaimTemplates"].items().iter().filter_map(|c| c.str_at(&["metadata", "name"])).collect();
    if claims.is_empty() {
        return template;
    }
    let volumes = template["spec"]["volumes"].items().iter();
    let others = volumes.filter(|v| v.str_at(&["name"]).is_none_or(|n| !claims.contains(&n))).cloned();
    let claimed = claims.iter().map(|name| {
        let claim = belay_object::object! { "claimName" => *name };
        belay_object::object! { "name" => *name, "persistentVolumeClaim" => claim }
    });
    let all: Value = claimed.chain(others).collect();
    template.set(&["spec", "volumes"], all);
    template
}

/// A changed StatefulSet: the claim templates and a few more stay.
pub fn stateful_set_update(faults: &mut Faults, new: &Object, old: &Object) {
    const MUTABLE: [&str; 7] = [
        "replicas",
        "ordinals",
        "template",
        "updateStrategy",
        "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy",
        "minReadySeconds",
    ];
    let fixed = |object: &Object| {
        let mut spec = object.value()["spec"].clone();
        MUTABLE.iter().for_each(|f| drop(spec.remove(&[f])));
        spec
    };
    if fixed(new) != fixed(old) {
        faults.forbidden(
            "spec",
            "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', \
             'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
        );
    }
}

/// A Job.
pub fn job(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    if spec.get("selector").is_none() {
        faults.required("spec.selector", "");
    }
    job_spec(faults, "spec", spec);
}

fn job_spec(faults: &mut Faults, at: &str, spec: &Value) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    faults.all_nonnegative(at, spec, &counts);
    let modes = ["NonIndexed", "Indexed"];
    faults.one_of_if_set(format!("{at}.completionMode"), spec.get("completionMode"), &modes);
    if spec.str_at(&["completionMode"]) == Some("Indexed") && spec.get("completions").is_none() {
        faults.required(format!("{at}.completions"), "when completion mode is Indexed");
    }
    pod::template(faults, &format!("{at}.template"), &spec["template"]);
    let field = format!("{at}.template.spec.restartPolicy");
    match spec["template"]["spec"].str_at(&["restartPolicy"]).unwrap_or_default() {
        "" | "Always" => faults.required(field, "valid values: \"OnFailure\", \"Never\""),
        "OnFailure" | "Never" => {}
        other => faults.not_supported(field, &Value::from(other), &["OnFailure", "Never"]),
    }
}

/// A changed Job: only its size and its suspension can change.
pub fn job_update(faults: &mut Faults, new: &Object, old: &Object) {
    let was_suspended = old.at(&["spec", "suspend"]).and_then(Value::as_bool).unwrap_or_default();
    for field in ["completions", "selector", "template", "completionMode", "podFailurePolicy", "backoffLimitPerIndex"] {
        let (new, old) = (new.at(&["spec", field]), old.at(&["spec", field]));
        if field == "template" && was_suspended {
            continue;
        }
        faults.immutable(&format!("spec.{field}"), new, old);
    }
}

/// A CronJob.
pub fn cron_job(faults: &mut Faults, object: &Object) {
    let spec = &object.value()["spec"];
    match spec.str_at(&["schedule"]).unwrap_or_default() {
        "" => faults.required("spec.schedule", ""),
        text => {
            if let Err(fault) = schedule::Schedule::parse(text) {
                faults.invalid("spec.schedule", &spec["schedule"], &fault);
            }
            if text.contains("TZ") {
                let detail = "cannot use TZ or CRON_TZ in schedule, use timeZone field instead";
                faults.invalid("spec.schedule", &spec["schedule"], detail);
            }
        }
    }
    faults.all_nonnegative("spec", spec, &["startingDeadlineSeconds"]);
    let policies = ["Allow", "Forbid", "Replace"];
    faults.one_of("spec.concurrencyPolicy".into(), spec.get("concurrencyPolicy"), &policies);
    job_spec(faults, "spec.jobTemplate.spec", &spec["jobTemplate"]["spec"]);
    faults.all_nonnegative("spec", spec, &["successfulJobsHistoryLimit", "failedJobsHistoryLimit"]);
    // A CronJob's name, a dash and the minute's number must fit a Job's name.
    if object.name().len() > 52 {
        let name = Value::from(object.name());
        faults.invalid("metadata.name", &name, "must be no more than 52 characters");
    }
}
