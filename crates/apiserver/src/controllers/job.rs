//! Jobs: pods until enough have succeeded.

use std::sync::Arc;
use std::time::Duration;

use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::conditions;
use super::queue::Role;
use super::replica_set::{BURST, pod_of};
use super::world::{World, now_text, number};
use crate::builtin::times;
use crate::status::Result;
use crate::store::Stored;

const INDEX: &str = "batch.kubernetes.io/job-completion-index";

fn phase(pod: &Object) -> &str {
    pod.str_at(&["status", "phase"]).unwrap_or_default()
}

pub(super) fn sync(world: &mut World, namespace: &str, name: &str) -> Result<()> {
    let Some(job) = world.handle.get("batch", "jobs", namespace, name) else { return Ok(()) };
    if job.is_deleting() {
        return Ok(());
    }
    if is_finished(&job) {
        return expire(world, &job);
    }
    let pods = world.owned(job.uid(), "pods");
    let suspended = job.at(&["spec", "suspend"]).and_then(Value::as_bool).unwrap_or_default();
    let succeeded = pods.iter().filter(|p| phase(p) == "Succeeded").count() as i64;
    let failed = pods.iter().filter(|p| phase(p) == "Failed").count() as i64;
    let active: Vec<&Arc<Stored>> =
        pods.iter().filter(|p| !p.is_deleting() && !matches!(phase(p), "Succeeded" | "Failed")).collect();
    let completions = job.at(&["spec", "completions"]).and_then(Value::as_i64);
    let too_many_failures = failed > number(&job, &["spec", "backoffLimit"]);
    let late = deadline_left(&job).is_some_and(|left| left <= 0);
    let complete = match completions {
        Some(wanted) => succeeded >= wanted,
        // A work queue is done when one pod succeeded and no other runs.
        None => succeeded > 0 && active.is_empty(),
    };
    if suspended || too_many_failures || late {
        for pod in &active {
            world.delete(pod)?;
        }
    } else if !complete {
        start(world, &job, &pods, active.len() as i64, succeeded)?;
    }
    let pods = world.owned_now(job.uid(), "pods");
    let verdict = match () {
        () if complete => Verdict::Complete,
        () if too_many_failures => {
            Verdict::Failed("BackoffLimitExceeded", "Job has reached the specified backoff limit")
        }
        () if late => Verdict::Failed("DeadlineExceeded", "Job was active longer than specified deadline"),
        () if suspended => Verdict::Suspended,
        () => Verdict::Running,
    };
    write_status(world, &job, &pods, &verdict)
}

enum Verdict {
    Running,
    Suspended,
    Complete,
    Failed(&'static str, &'static str),
}

fn is_finished(job: &Object) -> bool {
    conditions::holds(job, "Complete") || conditions::holds(job, "Failed")
}

fn second(job: &Object, field: &str) -> Option<i64> {
    job.str_at(&["status", field]).and_then(|t| times::parse(t).ok()).map(|t| t.as_second())
}

/// Seconds until the Job's deadline.
fn deadline_left(job: &Object) -> Option<i64> {
    let deadline = job.at(&["spec", "activeDeadlineSeconds"]).and_then(Value::as_i64)?;
    Some(second(job, "startTime")? + deadline - Timestamp::now().as_second())
}

/// Deletes a finished Job when its time to live is over.
fn expire(world: &mut World, job: &Object) -> Result<()> {
    let Some(ttl) = job.at(&["spec", "ttlSecondsAfterFinished"]).and_then(Value::as_i64) else { return Ok(()) };
    let finished = second(job, "completionTime").or_else(|| {
        let all = conditions::of(job);
        let failed = conditions::find(&all, "Failed")?.str_at(&["lastTransitionTime"]).map(str::to_owned)?;
        Some(times::parse(&failed).ok()?.as_second())
    });
    let left = finished.unwrap_or_default() + ttl - Timestamp::now().as_second();
    if left > 0 {
        let (namespace, name) = (job.namespace().to_owned(), job.name().to_owned());
        world.again(Role::Job, &namespace, &name, Duration::from_secs(left.unsigned_abs()));
        return Ok(());
    }
    let options = crate::handle::Delete {
        uid: Some(job.uid().into()),
        propagation: Some(crate::handle::Propagation::Background),
        ..Default::default()
    };
    match world.handle.delete(job, &options) {
        Err(e) if matches!(e.code(), 404 | 409) => Ok(()),
        other => other,
    }
}

fn start(world: &mut World, job: &Object, pods: &[Arc<Stored>], active: i64, succeeded: i64) -> Result<()> {
    let parallelism = number(job, &["spec", "parallelism"]);
    let wanted = match job.at(&["spec", "completions"]).and_then(Value::as_i64) {
        Some(completions) => parallelism.min(completions - succeeded),
        None if succeeded > 0 => active,
        None => parallelism,
    };
    let indexed = job.str_at(&["spec", "completionMode"]) == Some("Indexed");
    let index_of = |p: &Object| p.annotation(INDEX).and_then(|i| i.parse::<i64>().ok());
    let taken: Vec<i64> = pods.iter().filter(|p| phase(p) != "Failed").filter_map(|p| index_of(p)).collect();
    let mut free = (0..).filter(|i| !taken.contains(i));
    for _ in 0..usize::try_from(wanted - active).unwrap_or_default().min(BURST) {
        let mut pod = pod_of(job, &job.value()["spec"]["template"]);
        if indexed {
            let index = free.next().unwrap_or_default();
            pod.set_annotation(INDEX, &index.to_string());
            pod.set_label(INDEX, &index.to_string());
            pod.set(&["spec", "hostname"], format!("{}-{index}", job.name()));
        }
        let created = world.handle.create(pod)?;
        let message = format!("Created pod: {}", created.name());
        world.tell(job, "job-controller", "Normal", "SuccessfulCreate", &message);
    }
    Ok(())
}

fn write_status(world: &mut World, job: &Object, pods: &[Arc<Stored>], verdict: &Verdict) -> Result<()> {
    let count = |test: &dyn Fn(&Object) -> bool| pods.iter().filter(|p| test(p)).count() as i64;
    let is_active = |p: &Object| !p.is_deleting() && !matches!(phase(p), "Succeeded" | "Failed");
    let succeeded = count(&|p| phase(p) == "Succeeded");
    let mut status = object! {
        "terminating" => count(&|p| p.is_deleting() && !matches!(phase(p), "Succeeded" | "Failed")),
        "ready" => count(&|p| is_active(p) && conditions::holds(p, "Ready")),
        "uncountedTerminatedPods" => object! {},
    };
    for (field, value) in
        [("active", count(&is_active)), ("succeeded", succeeded), ("failed", count(&|p| phase(p) == "Failed"))]
    {
        if value > 0 {
            status.set(&[field], value);
        }
    }
    if job.str_at(&["spec", "completionMode"]) == Some("Indexed") && succeeded > 0 {
        let mut done: Vec<i64> =
            pods.iter().filter(|p| phase(p) == "Succeeded").filter_map(|p| p.annotation(INDEX)?.parse().ok()).collect();
        done.sort_unstable();
        status.set(&["completedIndexes"], ranges(&done));
    }
    let now = now_text();
    let suspended = matches!(verdict, Verdict::Suspended);
    if !suspended {
        status.set(&["startTime"], job.str_at(&["status", "startTime"]).unwrap_or(&now));
    }
    let mut all = conditions::of(job);
    let message = format!("Reached expected number of {succeeded} succeeded pods");
    match verdict {
        Verdict::Complete => {
            for kind in ["SuccessCriteriaMet", "Complete"] {
                put(&mut all, kind, "True", "CompletionsReached", &message);
            }
            status.set(&["completionTime"], now.as_str());
        }
        Verdict::Failed(reason, message) => {
            for kind in ["FailureTarget", "Failed"] {
                put(&mut all, kind, "True", reason, message);
            }
        }
        Verdict::Suspended => put(&mut all, "Suspended", "True", "JobSuspended", "Job suspended"),
        Verdict::Running => {
            if conditions::holds(job, "Suspended") {
                put(&mut all, "Suspended", "False", "JobResumed", "Job resumed");
            }
            if let Some(left) = deadline_left(job).filter(|left| *left > 0) {
                let after = Duration::from_secs(left.unsigned_abs());
                world.again(Role::Job, job.namespace(), job.name(), after);
            }
        }
    }
    if !all.is_empty() {
        status.set(&["conditions"], all);
    }
    world.put_status(job, status)?;
    match verdict {
        Verdict::Complete => world.tell(job, "job-controller", "Normal", "Completed", "Job completed"),
        Verdict::Failed(reason, message) => world.tell(job, "job-controller", "Warning", reason, message),
        Verdict::Running | Verdict::Suspended => {}
    }
    Ok(())
}

fn put(all: &mut Vec<Value>, kind: &str, status: &str, reason: &str, message: &str) {
    conditions::put(all, kind, status, reason, message);
    if let Some(condition) = all.iter_mut().find(|c| c.str_at(&["type"]) == Some(kind)) {
        let at = condition["lastTransitionTime"].clone();
        condition.set(&["lastProbeTime"], at);
    }
}

/// `0-2,4` of sorted numbers.
fn ranges(numbers: &[i64]) -> String {
    let mut out: Vec<String> = Vec::new();
    let mut i = 0;
    while i < numbers.len() {
        let start = i;
        while i + 1 < numbers.len() && numbers[i + 1] == numbers[i] + 1 {
            i += 1;
        }
        out.push(match i - start {
            0 => numbers[i].to_string(),
            1 => format!("{},{}", numbers[start], numbers[i]),
            _ => format!("{}-{}", numbers[start], numbers[i]),
        });
        i += 1;
    }
    out.join(",")
}
