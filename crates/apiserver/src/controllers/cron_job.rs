//! CronJobs: a Job whenever their time comes, and not too many old ones.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use super::conditions;
use super::queue::Role;
use super::world::{World, owner_reference};
use crate::builtin::schedule::Schedule;
use crate::builtin::times;
use crate::status::Result;
use crate::store::Stored;

/// Start times looked back over for one that was missed; older ones are let go, as Kubernetes does.
const MAX_MISSED: usize = 100;

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(cron) = world.handle.get("batch", "cronjobs", namespace, name) else { return Ok(()) };
    if cron.is_deleting() {
        return Ok(());
    }
    let jobs = world.owned(cron.uid(), "jobs");
    forget_old(world, &cron, &jobs)?;
    let suspended = cron.at(&["spec", "suspend"]).and_then(Value::as_bool).unwrap_or_default();
    let mut last = cron.str_at(&["status", "lastScheduleTime"]).map(str::to_owned);
    if !suspended && let Ok(schedule) = Schedule::parse(cron.str_at(&["spec", "schedule"]).unwrap_or_default()) {
        let now = wall_clock(Timestamp::now());
        if let Some(due) = missed(&cron, &schedule, now)
            && start(world, &cron, &jobs, due)?
        {
            last = Some(text(due));
        }
        if let Some(next) = schedule.next(now) {
            let wait = next.duration_since(now);
            let wait = Duration::try_from(wait).unwrap_or_default() + Duration::from_millis(1);
            world.again(Role::CronJob, namespace, name, wait);
        }
    }
    write_status(world, &cron, last)
}

/// The time zone of schedules is UTC: the table of zones is not carried along.
fn wall_clock(at: Timestamp) -> DateTime {
    at.to_zoned(TimeZone::UTC).datetime()
}

fn text(at: DateTime) -> String {
    at.to_zoned(TimeZone::UTC).map(|z| times::seconds(z.timestamp())).unwrap_or_default()
}

/// The latest start time between the last start and now.
fn missed(cron: &Object, schedule: &Schedule, now: DateTime) -> Option<DateTime> {
    let since = cron.str_at(&["status", "lastScheduleTime"]).or(cron.str_at(&["metadata", "creationTimestamp"]))?;
    let mut from = wall_clock(times::parse(since).ok()?);
    if let Some(deadline) = cron.at(&["spec", "startingDeadlineSeconds"]).and_then(Value::as_i64) {
        let earliest = now.checked_sub(jiff::SignedDuration::from_secs(deadline)).ok()?;
        from = from.max(earliest);
    }
    let mut due = None;
    for _ in 0..MAX_MISSED {
        match schedule.next(from).filter(|next| *next <= now) {
            Some(next) => {
                due = Some(next);
                from = next;
            }
            None => break,
        }
    }
    due
}

fn is_active(job: &Object) -> bool {
    !conditions::holds(job, "Complete") && !conditions::holds(job, "Failed")
}

/// Makes the Job of a start time; gives whether the time is dealt with.
fn start(world: &mut World, cron: &Object, jobs: &[Arc<Stored>], due: DateTime) -> Result<bool> {
    let active: Vec<&Arc<Stored>> = jobs.iter().filter(|j| is_active(j)).collect();
    match cron.str_at(&["spec", "concurrencyPolicy"]) {
        Some("Forbid") if !active.is_empty() => {
            let message = "Not starting job because prior execution is running and concurrency policy is Forbid";
            world.tell(cron, "cronjob-controller", "Normal", "JobAlreadyActive", message);
            return Ok(false);
        }
        Some("Replace") => {
            for job in &active {
                let options = crate::handle::Delete {
                    propagation: Some(crate::handle::Propagation::Background),
                    ..Default::default()
                };
                world.handle.delete(job, &options)?;
            }
        }
        _ => {}
    }
    let minute = due.to_zoned(TimeZone::UTC).map(|z| z.timestamp().as_second() / 60).unwrap_or_default();
    let mut job = Object::of("batch/v1", "Job", cron.namespace(), &format!("{}-{minute}", cron.name()));
    let template = &cron.value()["spec"]["jobTemplate"];
    for field in ["labels", "annotations"] {
        if let Some(value) = template.at(&["metadata", field]) {
            job.set(&["metadata", field], value.clone());
        }
    }
    job.set_annotation("batch.kubernetes.io/cronjob-scheduled-timestamp", &text(due));
    job.set(&["metadata", "ownerReferences"], vec![owner_reference(cron)]);
    job.set(&["spec"], template["spec"].clone());
    match world.handle.create(job) {
        Ok(job) => {
            let message = format!("Created job {}", job.name());
            world.tell(cron, "cronjob-controller", "Normal", "SuccessfulCreate", &message);
            Ok(true)
        }
        Err(e) if e.code() == 409 => Ok(true),
        Err(e) => Err(e),
    }
}

fn forget_old(world: &World, cron: &Object, jobs: &[Arc<Stored>]) -> Result<()> {
    for (kind, limit) in [("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")] {
        let Some(keep) = cron.at(&["spec", limit]).and_then(Value::as_i64) else { continue };
        let mut done: Vec<&Arc<Stored>> = jobs.iter().filter(|j| conditions::holds(j, kind)).collect();
        done.sort_by_key(|j| j.str_at(&["status", "startTime"]).unwrap_or_default().to_owned());
        let excess = done.len().saturating_sub(usize::try_from(keep).unwrap_or_default());
        for job in done.into_iter().take(excess) {
            let options = crate::handle::Delete {
                uid: Some(job.uid().into()),
                propagation: Some(crate::handle::Propagation::Background),
                ..Default::default()
            };
            match world.handle.delete(job, &options) {
                Err(e) if !matches!(e.code(), 404 | 409) => return Err(e),
                _ => {}
            }
        }
    }
    Ok(())
}

fn write_status(world: &mut World, cron: &Object, last: Option<String>) -> Result<()> {
    let jobs = world.owned_now(cron.uid(), "jobs");
    let reference = |job: &Arc<Stored>| {
        object! {
            "apiVersion" => "batch/v1", "kind" => "Job", "namespace" => job.namespace(), "name" => job.name(),
            "uid" => job.uid(), "resourceVersion" => job.resource_version(),
        }
    };
    let was_active = |job: &Arc<Stored>| {
        let known = cron.at(&["status", "active"]).map_or(&[][..], Value::items);
        known.iter().find(|r| r.str_at(&["uid"]) == Some(job.uid())).cloned()
    };
    // A reference is not rewritten for every change of its Job.
    let active = jobs.iter().filter(|j| is_active(j)).map(|j| was_active(j).unwrap_or_else(|| reference(j)));
    let active: Vec<Value> = active.collect();
    let mut status = object! {};
    if !active.is_empty() {
        status.set(&["active"], active);
    }
    if let Some(last) = last {
        status.set(&["lastScheduleTime"], last);
    }
    let ended = jobs.iter().filter_map(|j| j.str_at(&["status", "completionTime"])).max();
    if let Some(ended) = ended.or(cron.str_at(&["status", "lastSuccessfulTime"])) {
        status.set(&["lastSuccessfulTime"], ended);
    }
    world.put_status(cron, status)
}
