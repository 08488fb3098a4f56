//! `belay suspend` and `belay resume`.

use anyhow::{Result, bail};
use belay_cluster::{ListOptions, Patch, WriteOptions};
use belay_flux::names::CLI_MANAGER;
use belay_object::{Object, object};

use crate::args::{Global, SuspendCommand, SuspendFlags, Which};
use crate::connect::{Session, connect};
use crate::kinds::{HELM_RELEASE, KUSTOMIZATION, Kind, of_source};
use crate::output::{action, failure, success, waiting};
use crate::wait;

fn split(command: SuspendCommand) -> (&'static Kind, SuspendFlags) {
    match command {
        SuspendCommand::Source(source) => of_source(source),
        SuspendCommand::Kustomization(flags) => (&KUSTOMIZATION, flags),
        SuspendCommand::Helmrelease(flags) => (&HELM_RELEASE, flags),
    }
}

/// The objects that a command is about.
pub async fn chosen(session: &Session, kind: &Kind, which: &Which) -> Result<Vec<Object>> {
    if !which.all && which.names.is_empty() {
        bail!("{} name is required, or --all", kind.human);
    }
    if which.all {
        let found = session.cluster.list(&session.resource(kind), &session.namespace, &ListOptions::default()).await?;
        return Ok(found.items);
    }
    let mut objects = Vec::new();
    for name in &which.names {
        objects.push(session.object(kind, name).await?);
    }
    Ok(objects)
}

async fn set(session: &Session, kind: &Kind, name: &str, suspended: bool) -> Result<Object> {
    let options = WriteOptions { field_manager: CLI_MANAGER.into(), ..WriteOptions::default() };
    let patch = Patch::Merge(object! { "spec" => object! { "suspend" => suspended } });
    Ok(session.cluster.patch(&session.resource(kind), &session.namespace, name, &patch, &options).await?)
}

pub async fn suspend(global: &Global, command: SuspendCommand) -> Result<u8> {
    let (kind, flags) = split(command);
    let session = connect(global).await?;
    let objects = chosen(&session, kind, &flags.which).await?;
    if objects.is_empty() {
        failure(&format!("no {} objects found in {} namespace", kind.kind, session.namespace));
    }
    for object in objects {
        action(&format!("suspending {} {} in {} namespace", kind.human, object.name(), session.namespace));
        set(&session, kind, object.name(), true).await?;
        success(&format!("{} suspended", kind.human));
    }
    Ok(0)
}

pub async fn resume(global: &Global, command: SuspendCommand) -> Result<u8> {
    let (kind, flags) = split(command);
    let session = connect(global).await?;
    let objects = chosen(&session, kind, &flags.which).await?;
    if objects.is_empty() {
        failure(&format!("no {} objects found in {} namespace", kind.kind, session.namespace));
    }
    let mut failed = 0;
    let single = flags.which.names.len() == 1;
    for object in &objects {
        action(&format!("resuming {} {} in {} namespace", kind.human, object.name(), session.namespace));
        set(&session, kind, object.name(), false).await?;
        success(&format!("{} resumed", kind.human));
    }
    if single || flags.wait {
        for object in &objects {
            waiting(&format!("waiting for {} reconciliation", kind.kind));
            match wait::ready(&session, kind, object.name(), global.timeout).await {
                Ok(ready) => {
                    success(&format!("{} {} reconciliation completed", kind.kind, object.name()));
                    let verb = if kind.source { "fetched" } else { "applied" };
                    success(&format!("{verb} revision {}", kind.whole_revision(&ready)));
                }
                Err(e) => {
                    failure(&format!("{e:#}"));
                    failed = 1;
                }
            }
        }
    }
    Ok(failed)
}
