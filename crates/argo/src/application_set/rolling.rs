//! Which Applications are synced when, step by step (`RollingSync`): a state machine over what is known of each.
//!
//! Applications do not sync by themselves then: `automated.enabled` is false on all of them, and each is synced by an
//! operation that is written with its spec when its step is open and not too many of the step are on their way. The
//! status that says `Pending` is written before that operation: a process that ends between the two leaves one that
//! the next turn writes.

mod issues;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use belay_object::Object;
use jiff::Timestamp;

use super::ApplicationSet;
use super::plan::Rules;
use super::spec::Step;
use super::status::conditions::{INVALID_ROLLOUT_CONFIG, ROLLOUT_PROGRESSING};
use super::status::{RolloutCode, RolloutStatus, SetCondition, condition};
use crate::spec::{
    AUTOMATED_RETRY_LIMIT, Application, HealthCode, Info, Initiator, Operation, RetryStrategy, Spec, SyncCode,
    SyncOperation, conditions,
};
use issues::Issues;
use steps::Steps;

/// Who asks for syncs. Compat(argo-cd 3.5)
pub const USER: &str = "applicationset-controller";

/// What one turn comes to.
pub struct Rollout {
    /// How far each Application is.
    pub statuses: Vec<RolloutStatus>,
    /// Which Applications are to be synced in this turn.
    pub due: BTreeSet<String>,
    /// What is told of it.
    pub conditions: Vec<SetCondition>,
}

/// Takes a turn. `generated` are the Applications as they should be, `live` those of the ApplicationSet that there
/// are, `now` the time as it is written.
pub fn advance(
    set: &ApplicationSet,
    steps: &[Step],
    generated: &[Object],
    live: &[Arc<Object>],
    rules: &Rules,
    now: &str,
) -> Rollout {
    let mut issues = Issues::default();
    let places = Steps::find(steps, generated, &mut issues);
    let wanted: BTreeMap<&str, &Object> = generated.iter().map(|app| (app.name(), app)).collect();
    let known: BTreeMap<&str, &RolloutStatus> =
        set.status.application_status.iter().map(|status| (status.application.as_str(), status)).collect();
    let mut statuses: Vec<RolloutStatus> = live
        .iter()
        .map(|app| {
            let seen = Seen::of(app, wanted.get(app.name()).copied(), rules);
            judge(app.name(), &seen, known.get(app.name()).copied(), &places.of(app.name()), now)
        })
        .collect();
    statuses.sort_by(|a, b| a.application.cmp(&b.application));
    let open = places.open(&statuses);
    promote(steps, &places, &open, &mut statuses, &mut issues, now);
    let is_due = |s: &&RolloutStatus| s.status == RolloutCode::Pending && open.contains(s.application.as_str());
    let due = statuses.iter().filter(is_due).map(|status| status.application.clone()).collect();
    let conditions = vec![issues.condition(), progress(steps.len(), &statuses)];
    Rollout { statuses, due, conditions }
}

/// What is known of an Application.
struct Seen {
    revisions: Vec<String>,
    /// Whether it is not as it was generated.
    has_other_spec: bool,
    /// `None` where it was not compared since it is as it is.
    sync: Option<SyncCode>,
    health: Option<HealthCode>,
    reconciled_at: Option<Timestamp>,
    operation: Option<SeenOperation>,
    is_broken: bool,
}

struct SeenOperation {
    started_at: Option<Timestamp>,
    /// Whether it was asked for here, of the revisions that are compared with.
    is_ours: bool,
    went_well: bool,
    is_over: bool,
}

impl Seen {
    fn of(live: &Object, wanted: Option<&Object>, rules: &Rules) -> Seen {
        let has_other_spec = wanted.is_some_and(|wanted| {
            let mut wanted = wanted.clone();
            turn_off(&mut wanted);
            !rules.is_same_spec(live, &wanted)
        });
        let Ok(app) = Application::read(live) else {
            return Seen {
                revisions: Vec::new(),
                has_other_spec,
                sync: None,
                health: None,
                reconciled_at: None,
                operation: None,
                is_broken: true,
            };
        };
        let status = &app.status;
        let sources = app.spec.sources();
        // A comparison with what was there before says nothing of what is there now.
        let compared = &status.sync.compared_to;
        let is_current = !has_other_spec
            && compared.has_sources(&app.spec, &sources)
            && compared.destination == app.spec.destination;
        let revisions: Vec<String> = status.revisions().into_iter().map(str::to_owned).collect();
        let operation = status.operation_state.as_ref().map(|state| SeenOperation {
            started_at: state.started_at.parse().ok(),
            is_ours: state.operation.initiated_by.username == USER
                && state.sync_result.as_ref().is_some_and(|result| match result.revisions.is_empty() {
                    true => revisions.as_slice() == std::slice::from_ref(&result.revision),
                    false => revisions == result.revisions,
                }),
            went_well: state.phase == crate::spec::OperationPhase::Succeeded,
            is_over: state.phase.is_over(),
        });
        let breaks = |kind: &str| kind == conditions::INVALID_SPEC_ERROR || kind == conditions::UNKNOWN_ERROR;
        Seen {
            has_other_spec,
            sync: status.sync.status.filter(|_| is_current),
            health: status.health.status,
            reconciled_at: status.reconciled_at.parse().ok(),
            operation,
            is_broken: status.conditions.iter().any(|condition| breaks(&condition.kind)),
            revisions,
        }
    }
    fn is_synced(&self) -> bool {
        self.sync == Some(SyncCode::Synced)
    }
    fn is_healthy(&self) -> bool {
        self.health == Some(HealthCode::Healthy)
    }
}

/// Judges one Application by what is known of it. Compat(argo-cd 3.5): the sentences, which clients show.
fn judge(name: &str, seen: &Seen, known: Option<&RolloutStatus>, step: &str, now: &str) -> RolloutStatus {
    let mut status = known.cloned().unwrap_or_else(|| RolloutStatus {
        application: name.to_owned(),
        last_transition_time: now.to_owned(),
        message: "No Application status found, defaulting status to Waiting".to_owned(),
        status: RolloutCode::Waiting,
        step: String::new(),
        target_revisions: seen.revisions.clone(),
    });
    status.step = step.to_owned();
    let to = |status: &mut RolloutStatus, code: RolloutCode, message: &str| {
        status.status = code;
        status.message = message.to_owned();
        status.last_transition_time = now.to_owned();
    };
    let has_other_revision = status.target_revisions != seen.revisions;
    if has_other_revision || seen.has_other_spec {
        status.target_revisions = seen.revisions.clone();
        let message = match (has_other_revision, seen.has_other_spec) {
            (true, true) => "Application has pending changes (revision and spec differ), setting status to Waiting",
            (true, false) => "Application has pending changes, setting status to Waiting",
            (false, _) => "Application has pending changes (spec differs), setting status to Waiting",
        };
        // What waits already has waited since then.
        if status.status != RolloutCode::Waiting || status.message != message {
            to(&mut status, RolloutCode::Waiting, message);
        }
    }
    let is_there = seen.is_synced() && seen.is_healthy();
    match status.status {
        RolloutCode::Waiting if is_there => {
            to(&mut status, RolloutCode::Healthy, "Application resource has synced, updating status to Healthy");
        }
        RolloutCode::Waiting if seen.is_synced() => {
            to(
                &mut status,
                RolloutCode::Progressing,
                "Application resource has synced, updating status to Progressing",
            );
        }
        RolloutCode::Pending => {
            if let Some(message) = has_begun(seen, &status.last_transition_time) {
                to(&mut status, RolloutCode::Progressing, message);
            }
        }
        RolloutCode::Waiting | RolloutCode::Progressing | RolloutCode::Healthy => {}
    }
    // What has begun may be over: nothing might happen any more that would have it looked at again.
    if status.status == RolloutCode::Progressing && is_there {
        let message = "Application resource became Healthy, updating status from Progressing to Healthy";
        to(&mut status, RolloutCode::Healthy, message);
    }
    status
}

/// What is told of one that was to be synced at a time and has begun; `None` where it has not. Times are of whole
/// seconds: an operation that began in the very second counts where it is ours.
fn has_begun(seen: &Seen, since: &str) -> Option<&'static str> {
    let since: Option<Timestamp> = since.parse().ok();
    if seen.reconciled_at.is_some_and(|at| since.is_some_and(|since| at < since)) {
        return None;
    }
    let began = |operation: &&SeenOperation| match (operation.started_at, since) {
        (Some(started), Some(since)) => started > since || (started == since && operation.is_ours),
        (started, since) => started.is_some() && since.is_none(),
    };
    if let Some(operation) = seen.operation.as_ref().filter(began) {
        return Some(match (operation.went_well, operation.is_over) {
            (true, _) => {
                "Application resource completed a sync successfully, updating status from Pending to Progressing"
            }
            (false, true) => "Application resource completed a sync, updating status from Pending to Progressing",
            (false, false) => "Application resource became Progressing, updating status from Pending to Progressing",
        });
    }
    seen.is_broken.then_some("Application resource has error and cannot sync, updating status to Progressing")
}

/// Has those begin whose turn it is.
fn promote(
    steps: &[Step],
    places: &Steps,
    open: &BTreeSet<&str>,
    statuses: &mut [RolloutStatus],
    issues: &mut Issues,
    now: &str,
) {
    // Compat(argo-cd 3.5): one of no step counts as of the first.
    let place = |status: &RolloutStatus| places.index(&status.application).unwrap_or(0);
    let (mut totals, mut updating) = (vec![0_usize; steps.len()], vec![0_usize; steps.len()]);
    for status in statuses.iter() {
        totals[place(status)] += 1;
        if matches!(status.status, RolloutCode::Pending | RolloutCode::Progressing) {
            updating[place(status)] += 1;
        }
    }
    for status in statuses {
        let at = place(status);
        let limit = issues.max_update(at, &steps[at].max_update, totals[at]);
        let may = limit.is_none_or(|limit| updating[at] < limit);
        if status.status == RolloutCode::Waiting && open.contains(status.application.as_str()) && may {
            status.status = RolloutCode::Pending;
            status.last_transition_time = now.to_owned();
            status.message =
                "Application moved to Pending status, watching for the Application resource to start Progressing"
                    .to_owned();
            updating[at] += 1;
        }
    }
}

/// Whether a rollout goes on, and at which step.
fn progress(steps: usize, statuses: &[RolloutStatus]) -> SetCondition {
    let is_going =
        |step: &String| statuses.iter().any(|status| status.step == *step && status.status != RolloutCode::Healthy);
    match (1..=steps).map(|step| step.to_string()).find(is_going) {
        Some(step) => {
            let message = format!("ApplicationSet is performing rollout of step {step}");
            condition(ROLLOUT_PROGRESSING, true, "ApplicationSetModified", message)
        }
        None => {
            let message = "ApplicationSet Rollout has completed";
            condition(ROLLOUT_PROGRESSING, false, "ApplicationSetRolloutComplete", message)
        }
    }
}

impl Issues {
    fn condition(&self) -> SetCondition {
        match self.message() {
            Some(message) => condition(INVALID_ROLLOUT_CONFIG, true, "ApplicationSetInvalidRolloutConfig", message),
            None => {
                let message = "Rolling Sync Configured correctly";
                condition(INVALID_ROLLOUT_CONFIG, false, "ApplicationSetValidRolloutConfig", message)
            }
        }
    }
}

/// Turns syncing by itself off. What compares one that was generated with a live one does this first.
pub fn turn_off(app: &mut Object) {
    if app.at(&["spec", "syncPolicy", "automated"]).is_some_and(|automated| automated.as_object().is_some()) {
        app.set(&["spec", "syncPolicy", "automated", "enabled"], false);
    }
}

/// An Application as it is written: it does not sync by itself, and where `is_due` it is synced. One that has an
/// operation already keeps it: what was asked for before is done first.
pub fn prepare(app: &mut Object, is_due: bool, live: Option<&Object>) {
    let spec = app.get("spec").map(Spec::read).and_then(Result::ok).unwrap_or_default();
    turn_off(app);
    let runs = |live: &Object| {
        let phase = live.str_at(&["status", "operationState", "phase"]).unwrap_or_default();
        live.get("operation").is_some_and(|operation| !operation.is_null())
            || ["Running", "Terminating"].contains(&phase)
    };
    if is_due && live.is_some_and(|live| !runs(live)) {
        app.set(&["operation"], operation(&spec).to_value());
    }
}

/// The operation that syncs an Application. Compat(argo-cd 3.5)
fn operation(spec: &Spec) -> Operation {
    let policy = spec.sync_policy.as_ref();
    let retry = policy.and_then(|policy| policy.retry.clone());
    Operation {
        sync: Some(Box::new(SyncOperation {
            prune: spec.automated().is_some_and(crate::spec::Automated::prune),
            sync_options: policy.map(|policy| policy.sync_options.clone()).unwrap_or_default(),
            ..SyncOperation::default()
        })),
        initiated_by: Initiator { username: USER.to_owned(), automated: true },
        info: vec![Info {
            name: "Reason".to_owned(),
            value: "ApplicationSet RollingSync triggered a sync of this Application resource".to_owned(),
        }],
        retry: retry.unwrap_or(RetryStrategy { limit: AUTOMATED_RETRY_LIMIT, ..RetryStrategy::default() }),
    }
}

/// The Applications that are deleted next, where they go from the last step to the first: those of the last step of
/// which any is left. Of none that any step has nothing is said.
pub fn last(steps: &[Step], live: &[Arc<Object>]) -> Vec<Arc<Object>> {
    let all: Vec<Object> = live.iter().map(|app| (**app).clone()).collect();
    let places = Steps::find(steps, &all, &mut Issues::default());
    let last = live.iter().filter_map(|app| places.index(app.name())).max();
    live.iter().filter(|app| last.is_some() && places.index(app.name()) == last).cloned().collect()
}
