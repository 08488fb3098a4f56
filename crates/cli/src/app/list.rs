//! `belay app list`.

use anyhow::Result;
use belay_argo::spec::Application;
use belay_object::Value;

use crate::argocd::{Columns, print_value, read};
use crate::args::{AppListArgs, Form};
use crate::outln;
use crate::plane::Plane;

pub async fn list(plane: &Plane, args: &AppListArgs, everywhere: bool) -> Result<u8> {
    let mut found = Vec::new();
    for object in plane.all(args.selector.as_deref().unwrap_or_default(), everywhere).await? {
        let app = read(&object)?;
        if is_wanted(&app, args) {
            found.push((object, app));
        }
    }
    match args.output {
        Form::Name | Form::Id => found.iter().for_each(|(_, app)| outln!("{}", app.qualified_name())),
        Form::Json | Form::Yaml => {
            let all: Value = found.into_iter().map(|(object, _)| object.into_value()).collect();
            print_value(&all, args.output)?;
        }
        Form::Wide | Form::Tree | Form::TreeDetailed => {
            let mut table = Columns::new(&HEADER);
            found.iter().for_each(|(_, app)| table.row(row(app)));
            table.print();
        }
    }
    Ok(0)
}

fn is_wanted(app: &Application, args: &AppListArgs) -> bool {
    let spec = &app.spec;
    let sources = spec.sources();
    let destination = |cluster: &String| spec.destination.server == *cluster || spec.destination.name == *cluster;
    args.cluster.as_ref().is_none_or(destination)
        && (args.project.is_empty() || args.project.iter().any(|p| p == spec.project()))
        && args.path.as_ref().is_none_or(|path| sources.iter().any(|s| s.path == *path))
        && args.repo.as_ref().is_none_or(|repo| sources.iter().any(|s| belay_access::same_git_url(&s.repo_url, repo)))
}

/// The names of the table's columns.
pub const HEADER: [&str; 11] = [
    "NAME",
    "CLUSTER",
    "NAMESPACE",
    "PROJECT",
    "STATUS",
    "HEALTH",
    "SYNCPOLICY",
    "CONDITIONS",
    "REPO",
    "PATH",
    "TARGET",
];

/// One row of the table.
pub fn row(app: &Application) -> Vec<String> {
    let spec = &app.spec;
    let cluster = if spec.destination.name.is_empty() { &spec.destination.server } else { &spec.destination.name };
    let source = spec.sources().into_iter().next().unwrap_or_default();
    let word = |word: Option<&str>| word.unwrap_or_default().to_owned();
    vec![
        app.qualified_name(),
        cluster.clone(),
        spec.destination.namespace.clone(),
        spec.project().to_owned(),
        word(app.status.sync.status.map(|s| s.as_str())),
        word(app.status.health.status.map(|s| s.as_str())),
        policy(app).to_owned(),
        conditions(app),
        source.repo_url,
        if source.path.is_empty() { source.chart } else { source.path },
        source.target_revision,
    ]
}

/// Compat(argocd 3.5): the words.
fn policy(app: &Application) -> &'static str {
    match app.spec.automated() {
        None => "Manual",
        Some(automated) if automated.prune() => "Auto-Prune",
        Some(_) => "Auto",
    }
}

/// Compat(argocd 3.5): each type once, with its number where there are several.
fn conditions(app: &Application) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for condition in &app.status.conditions {
        match counts.iter_mut().find(|(kind, _)| *kind == condition.kind) {
            Some((_, count)) => *count += 1,
            None => counts.push((&condition.kind, 1)),
        }
    }
    let told =
        counts.iter().map(|(kind, count)| if *count > 1 { format!("{kind}({count})") } else { (*kind).to_owned() });
    let told: Vec<String> = told.collect();
    if told.is_empty() { "<none>".to_owned() } else { told.join(",") }
}
