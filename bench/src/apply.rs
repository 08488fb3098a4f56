//! Server-side applies per second over eight connections, of new and of unchanged objects.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::Result;

use crate::process::ApiServer;
use crate::table::Table;
use crate::wire::Connection;

const CONNECTIONS: usize = 8;
const EACH: usize = 4_000;

/// Runs the bench.
pub async fn run(table: &mut Table) -> Result<()> {
    table.group("server-side apply, 8 connections, no controllers");
    let server = ApiServer::start(false, None)?;
    for (what, kind) in [("ConfigMaps", config_map as Kind), ("Deployments", deployment as Kind)] {
        for round in ["new", "unchanged"] {
            let before = server.process.cpu();
            let began = Instant::now();
            all(server.address, kind).await?;
            let (took, used) = (began.elapsed(), server.process.cpu() - before);
            let count = (CONNECTIONS * EACH) as f64;
            let figure = format!("{:.0}/s", count / took.as_secs_f64());
            table.row(&format!("{round} {what}"), figure, "> 5,000/s");
            let figure = format!("{:.0} us", used.as_secs_f64() * 1e6 / count);
            table.row("    processor time of the server for each", figure, "");
        }
    }
    Ok(())
}

/// Gives the path and the body of the n-th object.
type Kind = fn(usize) -> (String, String);

async fn all(address: SocketAddr, kind: Kind) -> Result<()> {
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|c| {
            tokio::spawn(async move {
                let mut connection = Connection::open(address).await?;
                for i in c * EACH..(c + 1) * EACH {
                    let (path, body) = kind(i);
                    connection.apply(&path, &body).await?;
                }
                anyhow::Ok(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(())
}

fn config_map(i: usize) -> (String, String) {
    let path = format!("/api/v1/namespaces/default/configmaps/c{i}");
    let data: String = (0..4).map(|k| format!("\"key-{k}\":\"{}\",", "v".repeat(48))).collect();
    let body = format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c{i}","namespace":"default","labels":{{"app":"bench"}}}},"data":{{{data}"i":"{i}"}}}}"#
    );
    (path, body)
}

fn deployment(i: usize) -> (String, String) {
    let path = format!("/apis/apps/v1/namespaces/default/deployments/c{i}");
    let container = r#"{"name":"c","image":"nginx:1","env":[{"name":"A","value":"1"}],"ports":[{"containerPort":80}],"resources":{"requests":{"cpu":"10m","memory":"16Mi"}}}"#;
    let body = format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"c{i}","namespace":"default"}},"spec":{{"replicas":0,"selector":{{"matchLabels":{{"app":"c{i}"}}}},"template":{{"metadata":{{"labels":{{"app":"c{i}"}}}},"spec":{{"containers":[{container}]}}}}}}}}"#
    );
    (path, body)
}
