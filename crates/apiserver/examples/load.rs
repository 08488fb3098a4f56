//! What one server takes, printed: server-side applies a second of new and of unchanged objects over
//! eight connections, the fan-out of one object's changes to a thousand watchers, the memory of a
//! hundred thousand ConfigMaps. Clients and server share this process and its cores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use belay_apiserver::{Options, Server};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

const CONNECTIONS: usize = 8;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let began = Instant::now();
    let server = Server::new(Options { token: Some("t".into()), ..Options::default() });
    println!("made in {:?}, {} KiB resident", began.elapsed(), resident_kib());
    let serving = server.serve(TcpListener::bind("127.0.0.1:0").await?, None)?;
    let address = serving.address();
    for (name, kind) in [("configmaps", configmap as fn(usize) -> String), ("deployments", deployment)] {
        for round in ["new", "unchanged"] {
            let each = 4_000;
            let began = Instant::now();
            let tasks: Vec<_> = (0..CONNECTIONS).map(|c| tokio::spawn(apply(address, name, kind, c, each))).collect();
            for task in tasks {
                task.await??;
            }
            let rate = (CONNECTIONS * each) as f64 / began.elapsed().as_secs_f64();
            println!("{name} {round}: {rate:.0} applies/s");
        }
    }
    println!("{} KiB resident", resident_kib());
    in_process(&server).await;
    fan_out(&server, 1_000, 200).await;
    let before = resident_kib();
    let began = Instant::now();
    fill(&server, 100_000);
    let grown = resident_kib() - before;
    println!("100,000 ConfigMaps: {:?}, {} KiB, {} bytes each", began.elapsed(), grown, grown * 1024 / 100_000);
    let began = Instant::now();
    let body = get(&server, "/api/v1/namespaces/kube-public/configmaps").await;
    println!("listed {} MiB in {:?}", body.len() >> 20, began.elapsed());
    Ok(())
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or_default()
}

fn configmap(i: usize) -> String {
    let data: String = (0..8).map(|k| format!("\"key-{k}\":\"{}\",", "v".repeat(48))).collect();
    format!(
        r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"c{i}","namespace":"default","labels":{{"app":"load"}}}},"data":{{{}"i":"{i}"}}}}"#,
        data
    )
}

fn deployment(i: usize) -> String {
    format!(
        r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"c{i}","namespace":"default","labels":{{"app":"load","kustomize.toolkit.fluxcd.io/name":"app","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}}}},"spec":{{"replicas":0,"selector":{{"matchLabels":{{"app":"c{i}"}}}},"template":{{"metadata":{{"labels":{{"app":"c{i}"}}}},"spec":{{"containers":[{{"name":"c","image":"nginx:1","env":[{{"name":"A","value":"1"}}],"ports":[{{"containerPort":80,"protocol":"TCP"}}],"resources":{{"requests":{{"cpu":"10m","memory":"16Mi"}}}}}}]}}}}}}}}"#
    )
}

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

async fn apply(
    address: std::net::SocketAddr,
    resource: &'static str,
    body: fn(usize) -> String,
    connection: usize,
    each: usize,
) -> Outcome {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(driver);
    let root = if resource == "configmaps" { "/api/v1" } else { "/apis/apps/v1" };
    for i in 0..each {
        let i = connection * each + i;
        let request = Request::patch(format!("{root}/namespaces/default/{resource}/c{i}?fieldManager=load&force=true"))
            .header("host", "localhost")
            .header("authorization", "Bearer t")
            .header("content-type", "application/apply-patch+yaml")
            .body(Full::new(Bytes::from(body(i))))?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        if !status.is_success() {
            return Err(String::from_utf8_lossy(&body).into_owned().into());
        }
    }
    Ok(())
}

async fn get(server: &Server, path: &str) -> Bytes {
    let request = Request::get(path).body(Full::<Bytes>::default()).expect("a request");
    let body = server.answer(request).await.into_body();
    body.collect().await.map(|b| b.to_bytes()).unwrap_or_default()
}

async fn in_process(server: &Server) {
    let rounds = 20_000;
    let began = Instant::now();
    for i in 0..rounds {
        get(server, &format!("/api/v1/namespaces/default/configmaps/c{i}")).await;
    }
    println!("GET in the process: {:?} each", began.elapsed() / rounds);
    for (what, body) in [("ConfigMap", configmap as fn(usize) -> String), ("Deployment", deployment)] {
        let root = if what == "ConfigMap" {
            "/api/v1/namespaces/default/configmaps"
        } else {
            "/apis/apps/v1/namespaces/default/deployments"
        };
        for round in ["unchanged", "new"] {
            let began = Instant::now();
            for i in 0..5_000usize {
                let i = if round == "new" { i + 1_000_000 } else { i };
                let request = Request::patch(format!("{root}/c{i}?fieldManager=load"))
                    .header("content-type", "application/apply-patch+yaml")
                    .body(Full::new(Bytes::from(body(i))))
                    .expect("a request");
                let response = server.answer(request).await;
                assert!(response.status().is_success());
            }
            println!("apply in the process, {round} {what}: {:?} each", began.elapsed() / 5_000);
        }
    }
}

/// Changes one object so often, seen by so many watchers.
async fn fan_out(server: &Server, watchers: usize, changes: u64) {
    let seen = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..watchers {
        let request = Request::get("/api/v1/namespaces/kube-system/configmaps?watch=true&resourceVersion=")
            .body(Full::<Bytes>::default())
            .expect("a request");
        let mut body = server.answer(request).await.into_body();
        let seen = seen.clone();
        tasks.push(tokio::spawn(async move {
            while let Some(Ok(frame)) = body.frame().await {
                let lines = frame.data_ref().map_or(0, |d| d.iter().filter(|b| **b == b'\n').count());
                seen.fetch_add(lines as u64, Ordering::Relaxed);
            }
        }));
    }
    let handle = server.handle("load");
    let began = Instant::now();
    let mut object = belay_object::Object::of("v1", "ConfigMap", "kube-system", "fan-out");
    let created = handle.create(object.clone());
    assert!(created.is_ok());
    for i in 1..changes {
        object.set(&["data", "i"], i.to_string());
        assert!(handle.update(object.clone(), "").is_ok());
        tokio::task::yield_now().await;
    }
    while seen.load(Ordering::Relaxed) < watchers as u64 * changes {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let time = began.elapsed();
    let rate = (watchers as u64 * changes) as f64 / time.as_secs_f64();
    println!("{changes} changes to {watchers} watchers: {time:?}, {rate:.0} events/s");
    tasks.iter().for_each(|t| t.abort());
}

fn fill(server: &Server, count: usize) {
    let handle = server.handle("load");
    for i in 0..count {
        let mut object = belay_object::Object::of("v1", "ConfigMap", "kube-public", &format!("fill-{i}"));
        for k in 0..8 {
            object.set(&["data", &format!("key-{k}")], "v".repeat(48));
        }
        assert!(handle.create(object).is_ok());
    }
}
