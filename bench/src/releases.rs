//! HelmReleases of one chart of the usual size, from an OCI registry: from creation to all ready, and
//! an upgrade of each by one value.
//!
//! The API server (TLS, simulated controllers) and `belay run` are processes of their own; the registry
//! is in this one. The chart makes a Deployment, a Service and a ServiceAccount, and has a test.

mod stage;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use belay_object::{Object, Value};

use crate::ground::{await_each, is_ready};
use crate::table::{Table, memory, time};
use stage::Stage;

/// Runs the bench.
pub async fn run(table: &mut Table, counts: &[usize]) -> Result<()> {
    for count in counts {
        table.group(&format!("{count} HelmReleases of one chart (3 objects, wait), one OCIRepository"));
        let stage = Stage::set(*count).await?;
        let mut phase = Phase { table, stage: &stage, revision: 1 };
        phase.run("from creation to all ready", async || stage.create_releases().await).await?;
        phase.revision = 2;
        phase.run("one value of each changed: all upgraded", async || stage.change_releases().await).await?;
    }
    Ok(())
}

/// The releases on their way to a revision.
struct Phase<'a> {
    table: &'a mut Table,
    stage: &'a Stage,
    revision: i64,
}

impl Phase<'_> {
    async fn run(&mut self, what: &str, act: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let (ground, count, revision) = (&self.stage.ground, self.stage.count, self.revision);
        let target = |text: &'static str| if count == 1000 { text } else { "" };
        let mut follow = self.stage.follow();
        ground.audit_reset().await?;
        let (run_cpu, server_cpu) = (ground.run.cpu(), ground.server.process.cpu());
        let began = Instant::now();
        act().await?;
        let sent = began.elapsed();
        let mut since = HashMap::new();
        await_each(&mut follow, count, &mut since, |o| is_ready(o) && newest(o) == revision).await?;
        self.table.row(what, time(began.elapsed()), target("< 15 s"));
        self.table.row("    of it writing them", time(sent), "");
        self.table.row("    peak memory of belay run", memory(ground.run.peak_kib()), target("< 120 MiB"));
        self.table.row("    processor time of belay run", time(ground.run.cpu() - run_cpu), "");
        self.table.row("    processor time of the API server", time(ground.server.process.cpu() - server_cpu), "");
        self.table.row("    memory of the API server", memory(ground.server.process.resident_kib()), "");
        let requests = ground.requests().await?;
        let total: u64 = requests.iter().map(|r| r.count).sum();
        self.table.row("    requests for each HelmRelease", format!("{:.1}", total as f64 / count as f64), "");
        for request in requests.iter().filter(|r| r.count as usize * 4 >= count) {
            self.table.row(&format!("        {}", request.what), request.count.to_string(), "");
        }
        // Events are written behind.
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(())
    }
}

/// The revision that a release is at.
fn newest(release: &Object) -> i64 {
    let newest = release.at(&["status", "history"]).and_then(|h| h.items().first());
    newest.filter(|s| s.str_at(&["status"]) == Some("deployed")).and_then(|s| s["version"].as_i64()).unwrap_or_default()
}

/// A map with one value in it, some maps down.
fn nested(path: &[&str], value: impl Into<Value>) -> Value {
    let mut out = Value::object();
    out.set(path, value);
    out
}
