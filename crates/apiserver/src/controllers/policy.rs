//! The statuses of disruption budgets and autoscalers. Nothing measures a simulated pod: autoscalers keep what there
//! is, and say why.

use belay_object::{LabelSelector, Object, Value, object};

use super::conditions;
use super::replica_set::is_active;
use super::rollout::scaled;
use super::world::{World, number};
use crate::status::Result;

pub(super) fn sync_budget(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(budget) = world.handle.get("policy", "poddisruptionbudgets", namespace, name) else { return Ok(()) };
    let selector = budget.at(&["spec", "selector"]).filter(|s| !s.is_null());
    let selector = selector.and_then(|s| LabelSelector::from_value(s).ok());
    let selects = |pod: &Object| selector.as_ref().is_some_and(|s| s.matches(pod.labels()));
    let pods = world.handle.list("", "pods", namespace);
    let chosen: Vec<_> = pods.iter().filter(|p| is_active(p) && selects(p)).collect();
    let expected = chosen.len() as i64;
    let healthy = chosen.iter().filter(|p| conditions::holds(p, "Ready")).count() as i64;
    let desired = match (budget.at(&["spec", "minAvailable"]), budget.at(&["spec", "maxUnavailable"])) {
        (Some(least), _) => scaled(Some(least), expected, true),
        (None, Some(most)) => expected - scaled(Some(most), expected, true),
        (None, None) => expected - 1,
    }
    .max(0);
    let allowed = if expected == 0 { 0 } else { (healthy - desired).max(0) };
    let mut all = conditions::of(&budget);
    let (status, reason) = if allowed > 0 { ("True", "SufficientPods") } else { ("False", "InsufficientPods") };
    conditions::put(&mut all, "DisruptionAllowed", status, reason, "");
    for condition in &mut all {
        condition.set(&["observedGeneration"], budget.generation());
        condition.at_or_insert(&["message"]);
        if condition["message"].is_null() {
            condition.set(&["message"], "");
        }
    }
    let status = object! {
        "observedGeneration" => budget.generation(), "disruptionsAllowed" => allowed, "currentHealthy" => healthy,
        "desiredHealthy" => desired, "expectedPods" => expected, "conditions" => all,
    };
    world.put_status(&budget, status)
}

pub(super) fn sync_autoscaler(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(scaler) = world.handle.get("autoscaling", "horizontalpodautoscalers", namespace, name) else {
        return Ok(());
    };
    let target = |k: &str| scaler.str_at(&["spec", "scaleTargetRef", k]).unwrap_or_default();
    let plural = match target("kind") {
        "Deployment" => "deployments",
        "StatefulSet" => "statefulsets",
        "ReplicaSet" => "replicasets",
        _ => return Ok(()),
    };
    let workload = world.handle.get("apps", plural, namespace, target("name"));
    let mut all = conditions::of(&scaler);
    let replicas = workload.as_ref().map_or(0, |w| number(w, &["status", "replicas"]));
    if workload.is_some() {
        let message = "the HPA controller was able to get the target's current scale";
        conditions::put(&mut all, "AbleToScale", "True", "SucceededGetScale", message);
        let message = "the HPA was unable to compute the replica count: no metrics are simulated";
        conditions::put(&mut all, "ScalingActive", "False", "FailedGetResourceMetric", message);
    } else {
        let message =
            format!("the HPA controller was unable to get the target's current scale: {} not found", target("name"));
        conditions::put(&mut all, "AbleToScale", "False", "FailedGetScale", &message);
    }
    let mut status = object! { "desiredReplicas" => replicas, "currentMetrics" => Value::Null, "conditions" => all };
    if replicas > 0 {
        status.set(&["currentReplicas"], replicas);
    }
    world.put_status(&scaler, status)
}
