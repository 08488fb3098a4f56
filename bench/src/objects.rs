//! A hundred thousand ConfigMaps in the server's memory.

use std::time::Instant;

use anyhow::Result;

use crate::process::ApiServer;
use crate::table::{Table, memory, time};
use crate::wire::Connection;

const COUNT: usize = 100_000;
const CONNECTIONS: usize = 8;

/// Runs the bench.
pub async fn run(table: &mut Table) -> Result<()> {
    table.group("100,000 ConfigMaps of 250 bytes of data");
    let server = ApiServer::start(false, None)?;
    let before = server.process.resident_kib();
    let began = Instant::now();
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|c| {
            let address = server.address;
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                for i in (c..COUNT).step_by(CONNECTIONS) {
                    let path = "/api/v1/namespaces/default/configmaps?fieldManager=bench";
                    connection.send("POST", path, "application/json", &body(i)).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    table.row("created over 8 connections", time(began.elapsed()), "");
    let after = server.process.resident_kib();
    table.row("memory of the server", memory(after), "");
    table.row("memory of each", format!("{} bytes", (after - before) * 1024 / COUNT as u64), "");
    Ok(())
}

fn body(i: usize) -> String {
    let data: String = (0..5).map(|k| format!("\"key-{k}\":\"{}\",", "v".repeat(40))).collect();
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"config-{i}","namespace":"default","labels":{{"app":"bench"}}}},"data":{{{data}"i":"{i}"}}}}"#
    )
}
