//! Simulated lines of a container's log.

use belay_object::{Object, Value};

use crate::builtin::times;

/// A line every ten seconds, and no more than this many.
const EVERY_S: i64 = 10;
const MAX_LINES: i64 = 1_000;

/// What `GET pods/NAME/log` shows of a container: the lines up to now, oldest first, each with its
/// time in seconds since 1970. The same pod shows the same lines whenever it is asked.
pub fn log_lines(pod: &Object, container: &str, now_s: i64) -> Vec<(i64, String)> {
    let statuses = ["containerStatuses", "initContainerStatuses"];
    let all = statuses.iter().flat_map(|list| pod.at(&["status", list]).map_or(&[][..], Value::items));
    let Some(status) = all.into_iter().find(|s| s.str_at(&["name"]) == Some(container)) else { return Vec::new() };
    let state = &status["state"];
    let started = state.str_at(&["running", "startedAt"]).or(state.str_at(&["terminated", "startedAt"]));
    let Some(started) = started.and_then(|t| times::parse(t).ok()).map(|t| t.as_second()) else { return Vec::new() };
    let ended = state.str_at(&["terminated", "finishedAt"]).and_then(|t| times::parse(t).ok()).map(|t| t.as_second());
    let image = status.str_at(&["image"]).unwrap_or_default();
    let mut lines = vec![
        (started, format!("{container} starting (simulated container of {image})")),
        (
            started,
            format!(
                "pod {}/{} on {}",
                pod.namespace(),
                pod.name(),
                pod.str_at(&["spec", "nodeName"]).unwrap_or("no node")
            ),
        ),
        (started, format!("{container} ready")),
    ];
    let until = ended.unwrap_or(now_s);
    let beats = (until - started).max(0) / EVERY_S;
    let first = (beats - MAX_LINES).max(0) + 1;
    lines.extend((first..=beats).map(|i| (started + i * EVERY_S, format!("{container} alive for {}s", i * EVERY_S))));
    if let Some(ended) = ended {
        lines.push((ended, format!("{container} done")));
    }
    lines.retain(|(at, _)| *at <= now_s);
    lines
}
