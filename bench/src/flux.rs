//! Kustomizations of four objects each, from one Git repository: from creation to all ready, one
//! commit that changes one of them, and the requests of a steady state.
//!
//! The API server (TLS, simulated controllers) and `belay run` are processes of their own; the Git
//! server is in this one.

mod stage;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_cluster::FollowEvent;
use belay_object::Object;

use crate::table::{Table, memory, time};
use stage::Stage;

/// How long is waited for what should take seconds.
const PATIENCE: Duration = Duration::from_secs(600);

/// Runs the bench.
pub async fn run(table: &mut Table, counts: &[usize], steady_s: u64) -> Result<()> {
    let mut ran = counts.iter().peekable();
    while let Some(count) = ran.next() {
        table.group(&format!("{count} Kustomizations of 4 objects, wait and prune, one repository"));
        let stage = Stage::set(*count).await?;
        first_run(table, &stage).await?;
        one_change(table, &stage).await?;
        if ran.peek().is_none() && steady_s > 0 {
            steady(table, &stage, steady_s).await?;
        }
    }
    Ok(())
}

async fn first_run(table: &mut Table, stage: &Stage) -> Result<()> {
    let thousand = stage.count == 1000;
    let mut follow = stage.follow();
    stage.cluster_audit_reset().await?;
    let began = Instant::now();
    stage.create_kustomizations().await?;
    let created = began.elapsed();
    let mut ready = HashMap::new();
    await_each(&mut follow, stage.count, &mut ready, is_ready).await?;
    table.row("from creation to all ready", time(began.elapsed()), if thousand { "< 10 s" } else { "" });
    table.row("    of it creating them", time(created), "");
    let (run, server) = (&stage.run, &stage.server.process);
    let peak = run.peak_kib();
    table.row("    peak memory of belay run", memory(peak), if thousand { "< 100 MiB" } else { "" });
    table.row("    processor time of belay run", time(run.cpu()), "");
    table.row("    processor time of the API server", time(server.cpu()), "");
    table.row("    memory of the API server", memory(server.resident_kib()), "");
    let requests = stage.requests().await?;
    let total: u64 = requests.iter().map(|r| r.count).sum();
    table.row("    requests for each Kustomization", format!("{:.1}", total as f64 / stage.count as f64), "");
    for request in requests.iter().filter(|r| r.count as usize * 4 >= stage.count) {
        table.row(&format!("        {}", request.what), request.count.to_string(), "");
    }
    Ok(())
}

async fn one_change(table: &mut Table, stage: &Stage) -> Result<()> {
    let thousand = stage.count == 1000;
    let mut follow = stage.follow();
    let renders = stage.renders().await?;
    let changed = stage.name(stage.count / 2);
    let revision = stage.commit_change(stage.count / 2)?;
    let began = Instant::now();
    stage.nudge().await?;
    let mut moved: HashMap<String, Instant> = HashMap::new();
    let is_moved = |o: &Object| {
        o.str_at(&["status", "lastAppliedRevision"]).is_some_and(|r| r.ends_with(&revision)) && is_ready(o)
    };
    await_each(&mut follow, stage.count, &mut moved, is_moved).await?;
    let applied = moved.get(&changed).context("the changed one is not among those that moved")?;
    table.row("one changed: applied", time(applied.duration_since(began)), if thousand { "< 1 s" } else { "" });
    table.row("one changed: every revision moved", time(began.elapsed()), if thousand { "< 1 s" } else { "" });
    let made = stage.renders().await?.saturating_sub(renders);
    table.row("one changed: renders", made.to_string(), if thousand { "1" } else { "" });
    Ok(())
}

async fn steady(table: &mut Table, stage: &Stage, seconds: u64) -> Result<()> {
    // What the change left behind (events) is written by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.cluster_audit_reset().await?;
    let (run, server) = (stage.run.cpu(), stage.server.process.cpu());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let requests = stage.requests().await?;
    let (leases, others): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.what.contains("leases"));
    let sum = |of: &[&stage::Requests]| of.iter().map(|r| r.count).sum::<u64>().to_string();
    table.row(&format!("steady state, {seconds} s: requests"), sum(&others), "0");
    for request in others {
        table.row(&format!("        {}", request.what), request.count.to_string(), "");
    }
    table.row(&format!("steady state, {seconds} s: lease renewals"), sum(&leases), "");
    table.row("    processor time of belay run", time(stage.run.cpu() - run), "");
    table.row("    processor time of the API server", time(stage.server.process.cpu() - server), "");
    table.row("    memory of belay run", memory(stage.run.resident_kib()), "");
    Ok(())
}

fn is_ready(object: &Object) -> bool {
    let conditions = object.at(&["status", "conditions"]).map_or(&[][..], |c| c.items());
    conditions.iter().any(|c| c.str_at(&["type"]) == Some("Ready") && c.str_at(&["status"]) == Some("True"))
}

/// Follows Kustomizations until `holds` is true of so many, and notes when it became so of each.
async fn await_each(
    follow: &mut belay_cluster::Follow,
    count: usize,
    since: &mut HashMap<String, Instant>,
    holds: impl Fn(&Object) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::new();
    while since.len() < count {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, follow.next()).await {
            Ok(FollowEvent::Applied(object)) if holds(&object) => {
                since.entry(object.name().to_owned()).or_insert_with(Instant::now);
            }
            Ok(FollowEvent::Applied(object)) => {
                last = object.at(&["status", "conditions"]).map_or_else(String::new, |c| c.to_json());
            }
            Ok(FollowEvent::Trouble(e)) => bail!("the watch of the Kustomizations failed: {e}"),
            Ok(_) => {}
            Err(_) => bail!("{} of {count} got there in {} s; one says {last}", since.len(), PATIENCE.as_secs()),
        }
    }
    Ok(())
}
