//! Applications of one ConfigMap each, from one Git repository: from creation to all synced, one commit that
//! changes one of them; and what a cluster at rest costs.
//!
//! The API server (TLS, simulated controllers) and `belay run` are processes of their own; the Git
//! server is in this one.

mod stage;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use belay_object::Object;

use crate::ground::{Requests, await_each, until_listed};
use crate::table::{Table, memory, time};
use stage::{Stage, guestbook};

/// Applications of the cluster at rest, and what else is in it: figures of a published comparison.
const GUESTBOOKS: usize = 41;
const OBJECTS: usize = 4_200;

/// Runs the bench.
pub async fn run(table: &mut Table, counts: &[usize], steady_s: u64) -> Result<()> {
    for count in counts {
        table.group(&format!("{count} Applications of one ConfigMap, automated, one repository"));
        let stage = Stage::of_config_maps(*count).await?;
        first_run(table, &stage).await?;
        one_change(table, &stage).await?;
    }
    table.group(&format!("{GUESTBOOKS} Applications of a guestbook, a cluster of {OBJECTS} objects, at rest"));
    at_rest(table, steady_s).await
}

fn code<'a>(application: &'a Object, of: &str) -> &'a str {
    application.str_at(&["status", of, "status"]).unwrap_or_default()
}

fn is_synced(application: &Object) -> bool {
    code(application, "sync") == "Synced" && code(application, "health") == "Healthy"
}

async fn first_run(table: &mut Table, stage: &Stage) -> Result<()> {
    let target = |text: &'static str| if stage.count == 10_000 { text } else { "" };
    let mut follow = stage.follow();
    stage.ground.audit_reset().await?;
    let began = Instant::now();
    stage.create_applications().await?;
    let created = began.elapsed();
    await_each(&mut follow, stage.count, &mut HashMap::new(), is_synced).await?;
    table.row("from creation to all synced", time(began.elapsed()), target("< 60 s"));
    table.row("    of it creating them", time(created), "");
    let (run, server) = (&stage.ground.run, &stage.ground.server.process);
    table.row("    peak memory of belay run", memory(run.peak_kib()), "");
    table.row("    processor time of belay run", time(run.cpu()), "");
    table.row("    processor time of the API server", time(server.cpu()), "");
    table.row("    memory of the API server", memory(server.resident_kib()), "");
    let requests = stage.ground.requests().await?;
    let total: u64 = requests.iter().map(|r| r.count).sum();
    table.row("    requests for each Application", format!("{:.1}", total as f64 / stage.count as f64), "");
    for request in requests.iter().filter(|r| r.count as usize * 4 >= stage.count) {
        table.row(&format!("        {}", request.what), request.count.to_string(), "");
    }
    Ok(())
}

async fn one_change(table: &mut Table, stage: &Stage) -> Result<()> {
    // What the creation left behind (events) is written by then.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let mut follow = stage.follow();
    // The watch is open, and all that was there told, before the change: what is measured is not its list.
    until_listed(&mut follow).await?;
    let renders = stage.ground.renders().await?;
    let changed = stage.name(stage.count / 2);
    let revision = stage.commit_change(stage.count / 2)?;
    let began = Instant::now();
    stage.nudge(&changed).await?;
    let mut moved: HashMap<String, Instant> = HashMap::new();
    let is_moved = |o: &Object| o.str_at(&["status", "sync", "revision"]) == Some(&revision) && is_synced(o);
    await_each(&mut follow, stage.count, &mut moved, is_moved).await?;
    let applied = moved.get(&changed).context("the changed one is not among those that moved")?;
    table.row("one changed: applied", time(applied.duration_since(began)), "< 1 s");
    table.row("one changed: every revision moved", time(began.elapsed()), "");
    let made = stage.ground.renders().await?.saturating_sub(renders);
    table.row("one changed: renders", made.to_string(), "1");
    Ok(())
}

async fn at_rest(table: &mut Table, steady_s: u64) -> Result<()> {
    let stage = Stage::of_guestbooks(GUESTBOOKS).await?;
    stage.fill(OBJECTS).await?;
    let mut follow = stage.follow();
    let began = Instant::now();
    stage.create_applications().await?;
    await_each(&mut follow, stage.count, &mut HashMap::new(), is_synced).await?;
    table.row("from creation to all synced and healthy", time(began.elapsed()), "");
    table.row("    objects of each", guestbook().matches("kind:").count().to_string(), "");
    // What that left behind (events) is written by then.
    tokio::time::sleep(Duration::from_secs(10)).await;
    stage.ground.audit_reset().await?;
    let run = stage.ground.run.cpu();
    tokio::time::sleep(Duration::from_secs(steady_s)).await;
    let requests = stage.ground.requests().await?;
    let (leases, others): (Vec<_>, Vec<_>) = requests.iter().partition(|r| r.what.contains("leases"));
    let sum = |of: &[&Requests]| of.iter().map(|r| r.count).sum::<u64>().to_string();
    table.row("memory of belay run", memory(stage.ground.run.resident_kib()), "< 40 MiB");
    table.row("    peak memory of belay run", memory(stage.ground.run.peak_kib()), "");
    table.row(&format!("at rest, {steady_s} s: requests"), sum(&others), "0");
    for request in others {
        table.row(&format!("        {}", request.what), request.count.to_string(), "");
    }
    table.row(&format!("at rest, {steady_s} s: lease renewals"), sum(&leases), "");
    table.row("    processor time of belay run", time(stage.ground.run.cpu() - run), "");
    Ok(())
}
