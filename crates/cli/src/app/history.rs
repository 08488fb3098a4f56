//! `belay app history` and `belay app rollback`.

use anyhow::{Result, bail};
use belay_argo::spec::{Application, HistoryEntry, Source};

use super::sync;
use super::wait::{self, Until};
use crate::argocd::{Columns, print_value, short};
use crate::args::{AppHistoryArgs, AppRollbackArgs, Form};
use crate::outln;
use crate::plane::Plane;

pub async fn history(plane: &Plane, args: &AppHistoryArgs) -> Result<u8> {
    let app = plane.application(&plane.id(&args.name)).await?;
    match args.output {
        Form::Id | Form::Name => app.status.history.iter().for_each(|entry| outln!("{}", entry.id)),
        Form::Json | Form::Yaml => {
            print_value(&app.status.history.iter().map(HistoryEntry::to_value).collect(), args.output)?;
        }
        _ => print(&app),
    }
    Ok(0)
}

/// Compat(argocd 3.5): a table for each repository.
fn print(app: &Application) {
    let mut tables: Vec<(String, Columns)> = Vec::new();
    for entry in &app.status.history {
        let one = [(&entry.source, entry.revision.as_str())];
        let of: Vec<(&Source, &str)> = match entry.sources.is_empty() {
            true => one.to_vec(),
            false => entry.sources.iter().zip(entry.revisions.iter().map(String::as_str)).collect(),
        };
        for (source, revision) in of {
            let row = [entry.id.to_string(), date(&entry.deployed_at), told(source, revision)];
            match tables.iter_mut().find(|(repo, _)| *repo == source.repo_url) {
                Some((_, table)) => table.row(row),
                None => {
                    let mut table = Columns::new(&["ID", "DATE", "REVISION"]);
                    table.row(row);
                    tables.push((source.repo_url.clone(), table));
                }
            }
        }
    }
    for (repo, table) in &tables {
        outln!("SOURCE  {repo}");
        table.print();
        outln!();
    }
}

/// Compat(argocd 3.5): Go's form of a time.
fn date(text: &str) -> String {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string(),
        Err(_) => text.to_owned(),
    }
}

fn told(source: &Source, revision: &str) -> String {
    let target = if source.target_revision.is_empty() { "HEAD" } else { &source.target_revision };
    match short(revision) {
        "" => target.to_owned(),
        whole if whole == revision => whole.to_owned(),
        short => format!("{target} ({short})"),
    }
}

pub async fn rollback(plane: &Plane, args: &AppRollbackArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    let app = plane.application(&id).await?;
    let entry = entry(&app, args.id)?;
    // Compat(argo 3.5): the words.
    if app.spec.automated().is_some() {
        bail!("rollback cannot be initiated when auto-sync is enabled");
    }
    if entry.sources.is_empty() && entry.source == Source::default() {
        bail!("cannot rollback to revision deployed with Argo CD v0.12 or lower: sync to revision instead");
    }
    plane.rollback(&id, &app, entry, args.prune).await?;
    let until = Until { operation: true, ..Until::default() };
    let object = wait::there(plane, &id, until, &[], args.timeout, args.output).await?;
    wait::summary(plane, &object, args.output).await?;
    sync::ended(&object, false)
}

/// The entry of a number; the one before the last where none is given.
fn entry(app: &Application, id: Option<i64>) -> Result<&HistoryEntry> {
    let history = &app.status.history;
    match id.filter(|id| *id >= 0) {
        Some(id) => match history.iter().find(|entry| entry.id == id) {
            Some(entry) => Ok(entry),
            None => bail!("application '{}' does not have deployment id '{id}' in history", app.name),
        },
        None => match history.as_slice() {
            [.., before, _] => Ok(before),
            _ => bail!("application '{}' should have at least two successful deployments", app.name),
        },
    }
}
