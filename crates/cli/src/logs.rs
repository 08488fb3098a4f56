//! `belay logs`: the controllers' log, filtered by what a line is about.

use anyhow::{Result, bail};
use belay_cluster::{ListOptions, LogOptions, Resource};
use belay_flux::names::PART_OF;
use belay_object::{Object, Value, from_json_str};

use crate::args::{Global, LogsArgs};
use crate::connect::{Session, connect};
use crate::outln;
use crate::output::clean;

pub async fn logs(global: &Global, args: &LogsArgs) -> Result<u8> {
    let session = connect(global).await?;
    let pods = pods(&session, &args.flux_namespace).await?;
    if pods.is_empty() {
        bail!(
            "no pods of the controllers in namespace {}: where `belay run` runs elsewhere, its log is on its own standard error",
            args.flux_namespace
        );
    }
    let mut tasks = tokio::task::JoinSet::new();
    let (sender, mut lines) = tokio::sync::mpsc::channel::<String>(1024);
    for pod in pods {
        let containers = pod.at(&["spec", "containers"]).map_or(&[][..], Value::items);
        let container = match containers.len() {
            0 | 1 => String::new(),
            _ => "manager".to_owned(),
        };
        let options = LogOptions {
            container,
            follow: args.follow,
            tail_lines: u32::try_from(args.tail).ok(),
            since_s: args.since.and_then(|d| u32::try_from(d.as_secs()).ok()),
            ..LogOptions::default()
        };
        let (cluster, sender) = (session.cluster.clone(), sender.clone());
        tasks.spawn(async move {
            let mut stream = cluster.logs(pod.namespace(), pod.name(), &options).await?;
            while let Some(line) = stream.next_line().await? {
                if sender.send(line).await.is_err() {
                    break;
                }
            }
            Ok::<(), belay_cluster::Error>(())
        });
    }
    drop(sender);
    while let Some(line) = lines.recv().await {
        if let Some(line) = shown(&line, args, &session.namespace) {
            outln!("{line}");
        }
    }
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(0)
}

async fn pods(session: &Session, namespace: &str) -> Result<Vec<Object>> {
    let deployments = Resource::known("apps", "v1", "Deployment", "deployments", true);
    let pods = Resource::known("", "v1", "Pod", "pods", true);
    let labels = format!("{}={}", PART_OF.0, PART_OF.1);
    let options = ListOptions { labels, ..ListOptions::default() };
    let mut all = Vec::new();
    for deployment in session.cluster.list(&deployments, namespace, &options).await?.items {
        let labels = deployment.at(&["spec", "selector", "matchLabels"]).and_then(Value::as_object);
        let labels: Vec<String> = labels
            .into_iter()
            .flat_map(|m| m.iter())
            .map(|(k, v)| format!("{k}={}", v.as_str().unwrap_or_default()))
            .collect();
        let options = ListOptions { labels: labels.join(","), ..ListOptions::default() };
        all.extend(session.cluster.list(&pods, namespace, &options).await?.items);
    }
    Ok(all)
}

/// One line of a log, `None` where it is about something else. Lines that are no JSON are not ours.
fn shown(line: &str, args: &LogsArgs, namespace: &str) -> Option<String> {
    let entry = from_json_str(line).ok()?;
    let text = |k: &str| entry.str_at(&[k]).unwrap_or_default();
    let kind = Some(text("controllerKind")).filter(|k| !k.is_empty()).unwrap_or_else(|| text("reconciler kind"));
    let wanted = |flag: &Option<String>, value: &str| flag.as_ref().is_none_or(|f| f.eq_ignore_ascii_case(value));
    let here = args.all_namespaces || text("namespace").is_empty() || text("namespace") == namespace;
    if !wanted(&args.kind, kind) || !wanted(&args.name, text("name")) || !wanted(&args.level, text("level")) || !here {
        return None;
    }
    // Compat(flux 2.9): time, level, who it is about, what.
    let about = if kind.is_empty() { String::new() } else { format!(" {kind}/{}.{}", text("name"), text("namespace")) };
    let error = if text("error").is_empty() { String::new() } else { format!(" {}", text("error")) };
    Some(clean(&format!("{} {}{about} - {}{error}", text("ts"), text("level"), text("msg"))))
}
