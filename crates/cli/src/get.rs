//! `belay get`: what there is and how it is.

use anyhow::{Result, bail};
use belay_cluster::{FollowEvent, FollowOptions, ListOptions};
use belay_object::{Object, Value, object};

use crate::args::{Format, GetCommand, GetFlags, GetSourcesCommand, Global};
use crate::connect::{Session, connect};
use crate::kinds::{self, EXTERNAL_ARTIFACT, HELM_RELEASE, KUSTOMIZATION, Kind, Shown, of_source};
use crate::output::{Table, failure};
use crate::wait::matches_status;
use crate::{out, outln};

pub async fn get(global: &Global, command: GetCommand) -> Result<u8> {
    let session = connect(global).await?;
    let (kinds, flags, source): (Vec<&Kind>, _, _) = match command {
        GetCommand::Sources(GetSourcesCommand::One(one)) => {
            let (kind, flags) = of_source(one);
            (vec![kind], flags, false)
        }
        GetCommand::Sources(GetSourcesCommand::External(flags)) => (vec![&EXTERNAL_ARTIFACT], flags, false),
        GetCommand::Sources(GetSourcesCommand::All(flags)) => (kinds::SOURCES.to_vec(), flags, false),
        GetCommand::Kustomizations { flags, show_source } => (vec![&KUSTOMIZATION], flags, show_source),
        GetCommand::Helmreleases(flags) => (vec![&HELM_RELEASE], flags, false),
        GetCommand::All(flags) => (kinds::ALL.to_vec(), flags, false),
    };
    let several = kinds.len() > 1;
    if flags.watch {
        if several {
            bail!("expected a single resource type, but found {}: name one to watch it", kinds.len());
        }
        return watch(&session, kinds[0], &flags, source).await;
    }
    let mut found = false;
    let mut all = Vec::new();
    for kind in &kinds {
        let objects = match list(&session, kind, &flags).await {
            // Of everything there is, what is not installed is no part.
            Err(e) if several && is_not_installed(&e) => continue,
            listed => listed?,
        };
        if objects.is_empty() {
            continue;
        }
        found = true;
        match flags.output {
            Some(_) => all.extend(objects.into_iter().map(Object::into_value)),
            None => {
                let shown = Shown { namespace: flags.all_namespaces, qualified: several, source };
                let mut table = Table::new(&shown.header());
                for object in &objects {
                    table.row(kinds::row(kind, object, shown));
                }
                out!("{}", table.render(!flags.no_header));
                if several {
                    outln!();
                }
            }
        }
    }
    if let Some(format) = flags.output {
        if all.is_empty() && flags.name.is_some() {
            return nothing(&session, &kinds, &flags);
        }
        out!("{}", formatted(all, format, flags.name.is_some()));
        return Ok(0);
    }
    if !found {
        return nothing(&session, &kinds, &flags);
    }
    Ok(0)
}

fn is_not_installed(error: &anyhow::Error) -> bool {
    error.downcast_ref::<belay_cluster::Error>().is_some_and(belay_cluster::Error::is_not_found)
}

/// Compat(flux 2.9): a name that is not there is a failure; a namespace without any is not.
fn nothing(session: &Session, kinds: &[&Kind], flags: &GetFlags) -> Result<u8> {
    match &flags.name {
        Some(name) => {
            let what = if kinds.len() > 1 { "" } else { kinds[0].kind };
            let place = if flags.all_namespaces { "any" } else { &format!("\"{}\"", session.namespace) };
            bail!("{}", format!("{what} object '{name}' not found in {place} namespace").trim_start())
        }
        None if flags.all_namespaces => failure("no objects found in all namespaces"),
        None if kinds.len() > 1 => failure(&format!("no objects found in \"{}\" namespace", session.namespace)),
        None => failure(&format!("no {} objects found in \"{}\" namespace", kinds[0].kind, session.namespace)),
    }
    Ok(0)
}

async fn list(session: &Session, kind: &Kind, flags: &GetFlags) -> Result<Vec<Object>> {
    let namespace = if flags.all_namespaces { "" } else { &session.namespace };
    let options = ListOptions {
        labels: flags.label_selector.clone().unwrap_or_default(),
        fields: flags.name.as_ref().map(|n| format!("metadata.name={n}")).unwrap_or_default(),
        ..ListOptions::default()
    };
    let mut objects = session.cluster.list(&session.resource(kind), namespace, &options).await?.items;
    if let Some(selector) = &flags.status_selector {
        let mut kept = Vec::new();
        for object in objects {
            if matches_status(&object, selector)? {
                kept.push(object);
            }
        }
        objects = kept;
    }
    objects.sort_by(|a, b| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())));
    Ok(objects)
}

async fn watch(session: &Session, kind: &Kind, flags: &GetFlags, source: bool) -> Result<u8> {
    let namespace = if flags.all_namespaces { "" } else { &session.namespace };
    let options = FollowOptions {
        labels: flags.label_selector.clone().unwrap_or_default(),
        fields: flags.name.as_ref().map(|n| format!("metadata.name={n}")).unwrap_or_default(),
        ..FollowOptions::default()
    };
    let shown = Shown { namespace: flags.all_namespaces, qualified: false, source };
    let mut header = !flags.no_header;
    let mut follow = session.cluster.follow(&session.resource(kind), namespace, options);
    loop {
        match follow.next().await {
            FollowEvent::Applied(object) => {
                let mut table = Table::new(&shown.header());
                table.row(kinds::row(kind, &object, shown));
                out!("{}", table.render(std::mem::take(&mut header)));
            }
            FollowEvent::Trouble(e) => failure(&e.to_string()),
            _ => {}
        }
    }
}

/// Objects in a form for scripts: one object where one was asked for, otherwise a list.
pub fn formatted(mut all: Vec<Value>, format: Format, single: bool) -> String {
    let value = match single {
        true => all.pop().unwrap_or_default(),
        false => object! { "apiVersion" => "v1", "kind" => "List", "items" => all.into_iter().collect::<Value>() },
    };
    match format {
        Format::Json => format!("{}\n", value.to_json_pretty()),
        Format::Yaml => belay_yaml::to_yaml(&value),
    }
}
