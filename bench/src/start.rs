//! From the start of `belay apiserver` to its first answer, and what it takes when idle.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::ApiServer;
use crate::table::{Table, memory, quantile, time};
use crate::wire::Connection;

const ROUNDS: usize = 9;

/// Runs the bench.
pub async fn run(table: &mut Table) -> Result<()> {
    table.group("API server");
    let mut plain = Vec::new();
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let server = ApiServer::start(true, None)?;
        Connection::open(server.address).await?.send("GET", "/version", "application/json", "").await?;
        plain.push(began.elapsed());
    }
    table.row("start to first answer, median of 9", time(quantile(&mut plain, 0.5)), "< 50 ms");
    let folder = tempfile::tempdir()?;
    let mut secure = Vec::new();
    for round in 0..ROUNDS {
        let kubeconfig = folder.path().join(format!("kubeconfig-{round}"));
        let began = Instant::now();
        let server = ApiServer::start(true, Some(&kubeconfig))?;
        secure.push(began.elapsed());
        if round + 1 == ROUNDS {
            tokio::time::sleep(Duration::from_secs(2)).await;
            table.row("start to listening, with TLS and kubeconfig", time(quantile(&mut secure, 0.5)), "< 50 ms");
            table.row("memory when idle", memory(server.process.resident_kib()), "");
        }
    }
    Ok(())
}
