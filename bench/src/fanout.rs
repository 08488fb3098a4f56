//! One writer, a thousand watchers on connections of their own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::sync::mpsc;

use crate::process::ApiServer;
use crate::table::{Table, quantile, time};
use crate::wire::Connection;

const WATCHERS: usize = 1_000;
/// Changes as fast as they are taken.
const FLOOD: usize = 200;
/// Changes with pauses, for the latency.
const PACED: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
const PATH: &str = "/api/v1/namespaces/default/configmaps";

/// Runs the bench.
pub async fn run(table: &mut Table) -> Result<()> {
    table.group("watch fan-out, 1 writer, 1,000 watchers");
    let server = ApiServer::start(false, None)?;
    let (seen, mut arrivals) = mpsc::unbounded_channel();
    let seen = Arc::new(seen);
    let mut watchers = tokio::task::JoinSet::new();
    for _ in 0..WATCHERS {
        // Without a version nothing is told but what happens from here on and what is there: nothing of this name.
        let path = format!("{PATH}?watch=true&fieldSelector=metadata.name%3Dfan");
        let mut watch = Connection::open(server.address).await?.watch(&path).await?;
        let seen = seen.clone();
        watchers.spawn(async move {
            while let Ok(n) = watch.next().await {
                if seen.send((n, Instant::now())).is_err() {
                    return;
                }
            }
        });
    }
    let mut writer = Connection::open(server.address).await?;
    let began = Instant::now();
    for i in 0..FLOOD {
        writer.apply(&format!("{PATH}/fan"), &body(i)).await?;
    }
    await_events(&mut arrivals, FLOOD * WATCHERS).await?;
    let took = began.elapsed();
    table.row("events delivered", format!("{:.0}/s", (FLOOD * WATCHERS) as f64 / took.as_secs_f64()), "");
    let (mut each, mut last) = (Vec::new(), Vec::new());
    for i in FLOOD..FLOOD + PACED {
        let written = Instant::now();
        writer.apply(&format!("{PATH}/fan"), &body(i)).await?;
        let arrived = await_events(&mut arrivals, WATCHERS).await?;
        let latencies: Vec<Duration> = arrived.iter().map(|at| at.duration_since(written)).collect();
        last.extend(latencies.iter().max().copied());
        each.extend(latencies);
        tokio::time::sleep(PAUSE).await;
    }
    table.row("from write to arrival, median of all watchers", time(quantile(&mut each, 0.5)), "");
    table.row("from write to arrival, 99 of 100", time(quantile(&mut each, 0.99)), "");
    table.row("from write to the last of 1,000 watchers, median", time(quantile(&mut last, 0.5)), "");
    Ok(())
}

/// Waits for so many events and gives when they came.
async fn await_events(arrivals: &mut mpsc::UnboundedReceiver<(usize, Instant)>, count: usize) -> Result<Vec<Instant>> {
    let mut came = Vec::with_capacity(count);
    while came.len() < count {
        let (n, at) = arrivals.recv().await.context("every watcher ended")?;
        came.extend(std::iter::repeat_n(at, n));
    }
    Ok(came)
}

fn body(i: usize) -> String {
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"fan","namespace":"default"}},"data":{{"i":"{i}"}}}}"#
    )
}
