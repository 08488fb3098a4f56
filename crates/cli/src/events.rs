//! `belay events`: what the controllers said, oldest first.

use anyhow::{Context, Result};
use belay_cluster::{FollowEvent, FollowOptions, ListOptions, Resource};
use belay_object::{Object, Value};
use jiff::Timestamp;

use crate::args::{EventsArgs, Global};
use crate::connect::{Session, connect};
use crate::kinds::{self, GIT_REPOSITORY, HELM_RELEASE, KUSTOMIZATION};
use crate::output::{Table, failure};
use crate::{out, outln};

/// Whom events are about: kind, namespace, name.
type Subject = (String, String, String);

pub async fn events(global: &Global, args: &EventsArgs) -> Result<u8> {
    let session = connect(global).await?;
    let subjects = match &args.of {
        Some(of) => subjects(&session, of).await?,
        None => Vec::new(),
    };
    let wanted = |event: &Object| {
        let about = |field: &str| event.str_at(&["involvedObject", field]).unwrap_or_default();
        let ours = match subjects.is_empty() {
            true => about("apiVersion").contains("toolkit.fluxcd.io"),
            false => subjects.iter().any(|(kind, namespace, name)| {
                about("kind") == kind && about("namespace") == namespace && about("name") == name
            }),
        };
        let kind = event.str_at(&["type"]).unwrap_or_default();
        ours && (args.types.is_empty() || args.types.iter().any(|t| t.eq_ignore_ascii_case(kind)))
    };
    let namespace = if args.all_namespaces { "" } else { &session.namespace };
    let resource = Resource::known("", "v1", "Event", "events", true);
    if args.watch {
        return watch(&session, args, wanted).await;
    }
    let mut all = session.cluster.list(&resource, namespace, &ListOptions::default()).await?.items;
    all.retain(wanted);
    all.sort_by(|a, b| last_seen(a).cmp(last_seen(b)));
    if all.is_empty() {
        match args.all_namespaces {
            true => outln!("No events found."),
            false => outln!("No events found in {} namespace.", session.namespace),
        }
        return Ok(0);
    }
    let mut table = table(args);
    all.iter().for_each(|e| table.row(row(e, args)));
    out!("{}", table.render(!args.no_header));
    Ok(0)
}

async fn watch(session: &Session, args: &EventsArgs, wanted: impl Fn(&Object) -> bool) -> Result<u8> {
    let namespace = if args.all_namespaces { "" } else { &session.namespace };
    let resource = Resource::known("", "v1", "Event", "events", true);
    let mut follow = session.cluster.follow(&resource, namespace, FollowOptions::default());
    let mut header = !args.no_header;
    loop {
        match follow.next().await {
            FollowEvent::Applied(event) if wanted(&event) => {
                let mut table = table(args);
                table.row(row(&event, args));
                out!("{}", table.render(std::mem::take(&mut header)));
            }
            FollowEvent::Trouble(e) => failure(&e.to_string()),
            _ => {}
        }
    }
}

/// `Kind/name` and what it comes from.
async fn subjects(session: &Session, of: &str) -> Result<Vec<Subject>> {
    let (kind, name) = of.split_once('/').context("--for wants Kind/name")?;
    let known = kinds::ALL.iter().find(|k| k.words.contains(&kind.to_lowercase().as_str()));
    let kind = known.map_or(kind, |k| k.kind).to_owned();
    let mut all = vec![(kind.clone(), session.namespace.clone(), name.to_owned())];
    if kind == KUSTOMIZATION.kind {
        let object = session.object(&KUSTOMIZATION, name).await?;
        let reference = |k: &str| object.str_at(&["spec", "sourceRef", k]).unwrap_or_default().to_owned();
        let namespace = Some(reference("namespace")).filter(|n| !n.is_empty()).unwrap_or(session.namespace.clone());
        all.push((reference("kind"), namespace, reference("name")));
    } else if kind == HELM_RELEASE.kind {
        let object = session.object(&HELM_RELEASE, name).await?;
        if let Some((namespace, chart)) = object.str_at(&["status", "helmChart"]).and_then(|c| c.split_once('/')) {
            all.push(("HelmChart".to_owned(), namespace.to_owned(), chart.to_owned()));
        }
    } else if kind != GIT_REPOSITORY.kind {
        anyhow::bail!("--for wants one of: {}", kinds::ALL.iter().map(|k| k.kind).collect::<Vec<_>>().join(", "));
    }
    Ok(all)
}

fn table(args: &EventsArgs) -> Table {
    let mut header = vec!["last seen", "type", "reason", "object", "message"];
    if args.all_namespaces {
        header.insert(0, "namespace");
    }
    Table::new(&header)
}

fn row(event: &Object, args: &EventsArgs) -> Vec<String> {
    let text = |path: &[&str]| event.str_at(path).unwrap_or_default().to_owned();
    let about = format!("{}/{}", text(&["involvedObject", "kind"]), text(&["involvedObject", "name"]));
    let mut cells = vec![seen(event), text(&["type"]), text(&["reason"]), about, text(&["message"])];
    if args.all_namespaces {
        cells.insert(0, text(&["metadata", "namespace"]));
    }
    cells
}

fn last_seen(event: &Object) -> &str {
    let at = |field: &str| event.str_at(&[field]).filter(|t| !t.is_empty());
    at("lastTimestamp")
        .or_else(|| at("eventTime"))
        .or_else(|| event.str_at(&["metadata", "creationTimestamp"]))
        .unwrap_or_default()
}

/// Compat(flux 2.9): `2m5s (x3 over 10m)` where it happened more than once.
fn seen(event: &Object) -> String {
    let ago = |text: &str| {
        text.parse::<Timestamp>()
            .map(|at| age(Timestamp::now().duration_since(at).as_secs()))
            .unwrap_or_else(|_| "<unknown>".into())
    };
    let count = event.get("count").and_then(Value::as_i64).unwrap_or(1);
    let last = ago(last_seen(event));
    match count > 1 {
        true => format!("{last} (x{count} over {})", ago(event.str_at(&["firstTimestamp"]).unwrap_or_default())),
        false => last,
    }
}

/// An age as kubectl writes it: `45s`, `2m5s`, `3h12m`, `4d`.
fn age(seconds: i64) -> String {
    let s = seconds.max(0);
    let (m, h, d) = (s / 60, s / 3600, s / 86_400);
    match s {
        0..120 => format!("{s}s"),
        120..600 if s % 60 > 0 => format!("{m}m{}s", s % 60),
        120..10_800 => format!("{m}m"),
        10_800..28_800 if m % 60 > 0 => format!("{h}h{}m", m % 60),
        10_800..172_800 => format!("{h}h"),
        _ => format!("{d}d"),
    }
}

#[cfg(test)]
mod tests;
