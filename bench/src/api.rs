//! Argo CD's HTTP API over many Applications: a page of the list, the same with filters and counts, the
//! whole list, and what the process costs.
//!
//! The API server and `belay api` are processes of their own; no controller runs, and the Applications'
//! states are made up. Whoever asks has signed in, so that each Application is asked for its right.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use belay_cluster::{Cluster, KubeconfigFlags, Resource, WriteOptions};
use belay_net::{Client, ClientOptions};
use belay_object::{Object, Value, from_json, object};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method};
use tokio::task::JoinSet;

use crate::process::{ApiServer, Process, belay};
use crate::table::{Table, memory, quantile, time};

const NAMESPACE: &str = "argocd";
/// Requests that are sent at once.
const AT_ONCE: usize = 8;
/// How often each answer is asked for.
const TIMES: usize = 21;
/// More than any answer.
const MAX_ANSWER: usize = 1 << 28;
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs the bench.
pub async fn run(table: &mut Table, counts: &[usize]) -> Result<()> {
    for count in counts {
        table.group(&format!("Argo CD's HTTP API over {count} Applications"));
        of(table, *count).await?;
    }
    Ok(())
}

async fn of(table: &mut Table, count: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kubeconfig = folder.path().join("kubeconfig");
    let server = ApiServer::start(false, Some(&kubeconfig))?;
    let flags = KubeconfigFlags { kubeconfig: Some(kubeconfig.clone()), ..KubeconfigFlags::default() };
    let cluster = Cluster::from_kubeconfig(&flags).await?;
    let installed = Command::new(belay()?)
        .arg("--kubeconfig")
        .arg(&kubeconfig)
        .args(["install", "--crds-only", "--systems", "argocd"])
        .output()?;
    if !installed.status.success() {
        bail!("belay install: {}", String::from_utf8_lossy(&installed.stderr));
    }
    create(&cluster, count).await?;
    let mut command = Command::new(belay()?);
    command.arg("--kubeconfig").arg(&kubeconfig).args(["api", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(command.stdout(Stdio::piped()).stderr(Stdio::null()))?;
    let base = address(&mut process)?;
    let http = ClientOptions::default().build()?;
    let token = sign_in(&http, &base, &cluster).await?;
    let ask = async |query: &str| get(&http, &format!("{base}/applications{query}"), &token).await;
    let deadline = Instant::now() + PATIENCE;
    while ask("?stats=true&limit=1").await?.at(&["stats", "total"]).and_then(Value::as_i64) != Some(count as i64) {
        if Instant::now() > deadline {
            bail!("belay api does not know of all Applications");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (what, query, targets) in [
        ("a page of 50", "?limit=50", ("< 200 ms", "< 100 KB")),
        (
            "a page of 50, filtered and counted",
            "?limit=50&sync=OutOfSync&search=9&stats=true",
            ("< 200 ms", "< 100 KB"),
        ),
        ("all of them", "", ("", "")),
    ] {
        let (mut times, mut size) = (Vec::with_capacity(TIMES), 0);
        for _ in 0..TIMES {
            let began = Instant::now();
            size = read(&http, &format!("{base}/applications{query}"), &token).await?.len();
            times.push(began.elapsed());
        }
        table.row(what, time(quantile(&mut times, 0.5)), targets.0);
        table.row("    size", format!("{:.1} KB", size as f64 / 1000.0), targets.1);
    }
    table.row("memory of belay api", memory(process.resident_kib()), "");
    drop(server);
    Ok(())
}

/// Creates the Applications, each fifth of them out of sync.
async fn create(cluster: &Cluster, count: usize) -> Result<()> {
    let resource = Resource::known("argoproj.io", "v1alpha1", "Application", "applications", true);
    let mut tasks = JoinSet::new();
    for first in 0..AT_ONCE {
        let (cluster, resource) = (cluster.clone(), Arc::clone(&resource));
        tasks.spawn(async move {
            for i in (first..count).step_by(AT_ONCE) {
                cluster.create(&resource, &application(i)?, &WriteOptions::default()).await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

fn application(i: usize) -> Result<Object> {
    let sync = if i.is_multiple_of(5) { "OutOfSync" } else { "Synced" };
    let mut app = Object::of("argoproj.io/v1alpha1", "Application", NAMESPACE, &format!("app-{i:05}"));
    app.set(
        &["spec"],
        object! {
            "project" => "default",
            "source" => object! { "repoURL" => "https://git.example/fleet", "path" => format!("apps/{i:05}"), "targetRevision" => "main" },
            "destination" => object! { "server" => "https://kubernetes.default.svc", "namespace" => "bench" },
            "syncPolicy" => object! { "automated" => object! { "prune" => true, "selfHeal" => true } },
        },
    );
    app.set(
        &["status"],
        object! {
            "sync" => object! { "status" => sync, "revision" => "0123456789abcdef0123456789abcdef01234567" },
            "health" => object! { "status" => "Healthy" },
        },
    );
    Ok(app)
}

/// Where it says that it listens.
fn address(process: &mut Process) -> Result<String> {
    let stdout = process.child().stdout.take().context("the output of belay api")?;
    for line in BufReader::new(stdout).lines() {
        if let Some(url) = line.context("the output of belay api")?.strip_prefix("serving ") {
            return Ok(url.to_owned());
        }
    }
    bail!("belay api ended before it listened")
}

/// Signs in as the admin, with the first password.
async fn sign_in(http: &Client, base: &str, cluster: &Cluster) -> Result<String> {
    let secrets = Resource::known("", "v1", "Secret", "secrets", true);
    let secret = cluster.get(&secrets, NAMESPACE, "argocd-initial-admin-secret").await?;
    let encoded = secret.str_at(&["data", "password"]).context("the first password")?;
    let password = decoded(encoded).context("the first password")?;
    let body = object! { "username" => "admin", "password" => password }.to_json();
    let request = http.request(Method::POST, &format!("{base}/session"))?;
    let request = request.header(CONTENT_TYPE, HeaderValue::from_static("application/json")).body(body);
    let answer = from_json(&request.send().await?.read(MAX_ANSWER).await?).ok().unwrap_or_default();
    Ok(answer.str_at(&["token"]).context("no token was given")?.to_owned())
}

/// Base64 of a password that is plain text.
fn decoded(text: &str) -> Option<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut out, mut bits, mut held) = (Vec::new(), 0u32, 0u32);
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        held = held << 6 | u32::try_from(LETTERS.iter().position(|known| *known == letter)?).ok()?;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((held >> bits & 0xff) as u8);
        }
    }
    String::from_utf8(out).ok()
}

async fn get(http: &Client, url: &str, token: &str) -> Result<Value> {
    from_json(&read(http, url, token).await?).map_err(|e| anyhow::anyhow!("{url}: {e}"))
}

async fn read(http: &Client, url: &str, token: &str) -> Result<Bytes> {
    let bearer = HeaderValue::from_str(&format!("Bearer {token}"))?;
    let response = http.get(url)?.header(AUTHORIZATION, bearer).send().await?;
    if !response.status().is_success() {
        bail!("{url}: {}", response.status());
    }
    Ok(response.read(MAX_ANSWER).await?)
}
