//! What is told of an ApplicationSet. Compat(argo-cd 3.5): words and sentences.

use std::sync::Arc;

use belay_object::Object;

use super::spec::SetSpec;
use crate::spec::record::{record, words};
use crate::spec::{HealthCode, HealthStatus, ResourceStatus, Status};

record! {
    /// The state of an ApplicationSet.
    SetStatus {
        /// What is to be known.
        conditions: Vec<SetCondition> = "conditions",
        /// How far the rollout of each Application is.
        application_status: Vec<RolloutStatus> = "applicationStatus",
        /// The Applications.
        resources: Vec<ResourceStatus> = "resources",
        /// How many there are, of which `resources` may lack some.
        resources_count: i64 = "resourcesCount",
        /// How it is, by its conditions.
        health: HealthStatus = "health" if_set,
    }
}

record! {
    /// Something to be known.
    SetCondition {
        /// What it is about; see [`conditions`].
        kind: String = "type" always,
        /// Details for people.
        message: String = "message" always,
        /// Since when.
        last_transition_time: String = "lastTransitionTime",
        /// `True` or `False`.
        status: String = "status" always,
        /// Why.
        reason: String = "reason" always,
    }
}

record! {
    /// How far the rollout of an Application is.
    RolloutStatus {
        /// The Application.
        application: String = "application" always,
        /// Since when.
        last_transition_time: String = "lastTransitionTime",
        /// Details for people.
        message: String = "message" always,
        /// How far.
        status: RolloutCode = "status" always,
        /// Which step it is of, from 1; -1 of none.
        step: String = "step" always,
        /// The revisions that it is brought to.
        target_revisions: Vec<String> = "targetRevisions" always,
    }
}

words! {
    /// How far the rollout of an Application is.
    RolloutCode {
        /// It waits for its turn.
        Waiting,
        /// It is being synced, and has not begun.
        Pending,
        /// It has begun.
        Progressing,
        /// It is there.
        Healthy,
    }
}

/// What conditions are about, and their reasons.
pub mod conditions {
    /// Something failed.
    pub const ERROR_OCCURRED: &str = "ErrorOccurred";
    /// Whether parameters were generated.
    pub const PARAMETERS_GENERATED: &str = "ParametersGenerated";
    /// Whether the Applications are as they should be.
    pub const RESOURCES_UP_TO_DATE: &str = "ResourcesUpToDate";
    /// Whether a rollout goes on.
    pub const ROLLOUT_PROGRESSING: &str = "RolloutProgressing";
    /// Whether something is wrong with the steps.
    pub const INVALID_ROLLOUT_CONFIG: &str = "InvalidRolloutConfig";

    /// An Application could not be changed.
    pub const UPDATE_ERROR: &str = "UpdateApplicationError";
    /// An Application could not be made.
    pub const CREATE_ERROR: &str = "CreateApplicationError";
    /// An Application could not be deleted.
    pub const DELETE_ERROR: &str = "DeleteApplicationError";
    /// An Application is none that could be synced.
    pub const VALIDATION_ERROR: &str = "ApplicationValidationError";
    /// The rollout cannot begin.
    pub const ROLLOUT_ERROR: &str = "ApplicationSetRolloutError";
}
use conditions::{
    ERROR_OCCURRED, INVALID_ROLLOUT_CONFIG, PARAMETERS_GENERATED, RESOURCES_UP_TO_DATE, ROLLOUT_PROGRESSING,
};

/// What is told: a condition without its time.
pub fn condition(kind: &str, is: bool, reason: &str, message: impl Into<String>) -> SetCondition {
    SetCondition {
        kind: kind.to_owned(),
        status: if is { "True" } else { "False" }.to_owned(),
        reason: reason.to_owned(),
        message: message.into(),
        last_transition_time: String::new(),
    }
}

/// Something failed.
pub fn failed(reason: &str, message: impl Into<String>) -> SetCondition {
    condition(ERROR_OCCURRED, true, reason, message)
}

/// All is as it should be.
pub fn up_to_date() -> SetCondition {
    let message = "All applications have been generated successfully";
    condition(RESOURCES_UP_TO_DATE, true, "ApplicationSetUpToDate", message)
}

impl SetStatus {
    /// Sets conditions, and those that follow from them; `generated` says whether there are parameters. Conditions of
    /// other types stay, but for those of rollouts where there is none.
    pub fn tell(&mut self, spec: &SetSpec, found: &[SetCondition], generated: bool, now: &str) {
        let mut told = Vec::new();
        let has_rollout = spec.rolling_sync().is_some();
        let mut judged = vec![PARAMETERS_GENERATED];
        if !has_rollout {
            judged.extend([INVALID_ROLLOUT_CONFIG, ROLLOUT_PROGRESSING]);
        }
        let error = found.iter().find(|c| c.kind == ERROR_OCCURRED).map_or("progressive sync", |c| &c.message);
        told.push(match generated {
            true => {
                let message = "Successfully generated parameters for all Applications";
                condition(PARAMETERS_GENERATED, true, "ParametersGenerated", message)
            }
            false => condition(PARAMETERS_GENERATED, false, ERROR_OCCURRED, error),
        });
        for one in found {
            if !has_rollout && [INVALID_ROLLOUT_CONFIG, ROLLOUT_PROGRESSING].contains(&one.kind.as_str()) {
                continue;
            }
            told.push(one.clone());
            let is_true = one.status == "True";
            if one.kind == RESOURCES_UP_TO_DATE && is_true {
                told.push(condition(ERROR_OCCURRED, false, &one.reason, &*one.message));
            }
            if one.kind == ERROR_OCCURRED && is_true {
                told.push(condition(RESOURCES_UP_TO_DATE, false, ERROR_OCCURRED, &*one.message));
            }
        }
        let is_judged = |kind: &str| judged.contains(&kind) || told.iter().any(|one| one.kind == kind);
        let mut all: Vec<SetCondition> = self.conditions.iter().filter(|c| !is_judged(&c.kind)).cloned().collect();
        for mut one in told {
            let before = self.conditions.iter().find(|c| c.kind == one.kind);
            let is_same =
                |c: &&SetCondition| (&c.status, &c.reason, &c.message) == (&one.status, &one.reason, &one.message);
            one.last_transition_time = match before.filter(is_same) {
                Some(before) => before.last_transition_time.clone(),
                None => now.to_owned(),
            };
            all.push(one);
        }
        all.sort_by(|a, b| {
            (&a.kind, &a.status, &a.reason, &a.message).cmp(&(&b.kind, &b.status, &b.reason, &b.message))
        });
        self.conditions = all;
        self.health = health(&self.conditions);
    }

    /// Sets the Applications that there are; at most `limit` of them are listed, all where it is 0.
    pub fn list(&mut self, apps: &[Arc<Object>], limit: usize) {
        let mut all: Vec<ResourceStatus> = apps.iter().map(|app| listed(app)).collect();
        all.sort_by(|a, b| a.name.cmp(&b.name));
        self.resources_count = i64::try_from(all.len()).unwrap_or(i64::MAX);
        if limit > 0 {
            all.truncate(limit);
        }
        self.resources = all;
    }
}

fn listed(app: &Object) -> ResourceStatus {
    let status = Status::read_lossy(app.get("status").unwrap_or(&belay_object::Value::Null));
    ResourceStatus {
        group: "argoproj.io".to_owned(),
        version: "v1alpha1".to_owned(),
        kind: "Application".to_owned(),
        namespace: app.namespace().to_owned(),
        name: app.name().to_owned(),
        status: status.sync.status,
        health: Some(HealthStatus { status: status.health.status, ..HealthStatus::default() }),
        ..ResourceStatus::default()
    }
}

/// How an ApplicationSet with these conditions is.
fn health(all: &[SetCondition]) -> HealthStatus {
    let of = |status: HealthCode, message: &str| HealthStatus {
        status: Some(status),
        message: message.to_owned(),
        ..HealthStatus::default()
    };
    if all.is_empty() {
        return of(HealthCode::Unknown, "No status conditions found for ApplicationSet");
    }
    let words = [
        (ERROR_OCCURRED, HealthCode::Degraded),
        (ROLLOUT_PROGRESSING, HealthCode::Progressing),
        (RESOURCES_UP_TO_DATE, HealthCode::Healthy),
    ];
    let holds = |kind: &str| all.iter().find(|c| c.kind == kind && c.status == "True");
    let found = words.into_iter().find_map(|(kind, code)| Some(of(code, &holds(kind)?.message)));
    found.unwrap_or_else(|| of(HealthCode::Unknown, "Waiting for health status to be determined"))
}
