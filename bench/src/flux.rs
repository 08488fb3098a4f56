//! Kustomizations of four objects each, from one Git repository: from creation to all ready, one
//! commit that changes one of them, and the requests of a steady state.
//!
//! The API server (TLS, simulated controllers) and `belay run` are processes of their own; the Git
//! server is in this one.

mod stage;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use belay_object::Object;

use crate::ground::{Requests, await_each, is_ready};
use crate::table::{Table, memory, time};
use stage::Stage;

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
    stage.ground.audit_reset().await?;
    let began = Instant::now();
    stage.create_kustomizations().await?;
    let created = began.elapsed();
    let mut ready = HashMap::new();
    await_each(&mut follow, stage.count, &mut ready, is_ready).await?;
    table.row("from creation to all ready", time(began.elapsed()), if thousand { "< 10 s" } else { "" });
    table.row("    of it creating them", time(created), "");
    let (run, server) = (&stage.ground.run, &stage.ground.server.process);
    let peak = run.peak_kib();
    table.row("    peak memory of belay run", memory(peak), if thousand { "< 100 MiB" } else { "" });
    table.row("    processor time of belay run", time(run.cpu()), "");
    table.row("    processor time of the API server", time(server.cpu()), "");
    table.row("    memory of the API server", memory(server.resident_kib()), "");
    let requests = stage.ground.requests().await?;
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
    let renders = stage.ground.renders().await?;
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
    let made = stage.ground.renders().await?.saturating_sub(renders);
    table.row("one changed: renders", made.to_string(), if thousand { "1" } else { "" });
    Ok(())
}

async fn steady(table: &mut Table, stage: &Stage, seconds: u64) -> Result<()> {
    // What the change left behind (events) is written by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    stage.ground.audit_reset().await?;
    let (run, server) = (stage.ground.run.cpu(), stage.ground.server.process.cpu());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let requests = stage.ground.requests().await?;
    let (leases, others): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.what.contains("leases"));
    let sum = |of: &[&Requests]| of.iter().map(|r| r.count).sum::<u64>().to_string();
    table.row(&format!("steady state, {seconds} s: requests"), sum(&others), "0");
    for request in others {
        table.row(&format!("        {}", request.what), request.count.to_string(), "");
    }
    table.row(&format!("steady state, {seconds} s: lease renewals"), sum(&leases), "");
    table.row("    processor time of belay run", time(stage.ground.run.cpu() - run), "");
    table.row("    processor time of the API server", time(stage.ground.server.process.cpu() - server), "");
    table.row("    memory of belay run", memory(stage.ground.run.resident_kib()), "");
    Ok(())
}
