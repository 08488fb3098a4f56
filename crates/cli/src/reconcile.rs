//! `belay reconcile`: ask for a run now, and wait for what comes of it.

use anyhow::{Result, bail};
use belay_cluster::{Patch, WriteOptions};
use belay_flux::names::{CLI_MANAGER, REQUESTED_AT};
use belay_object::{Object, object};

use crate::args::{Global, OneName, ReconcileCommand};
use crate::connect::{Session, connect};
use crate::kinds::{EXTERNAL_ARTIFACT, KUSTOMIZATION, Kind, of_source, source_kind, suspended};
use crate::output::{action, success, waiting};
use crate::wait;

pub async fn reconcile(global: &Global, command: ReconcileCommand) -> Result<u8> {
    let session = connect(global).await?;
    match command {
        ReconcileCommand::Source(source) => {
            let (kind, OneName { name }) = of_source(source);
            one(global, &session, kind, &name).await?;
        }
        ReconcileCommand::Kustomization { name, with_source } => {
            if with_source {
                let object = session.object(&KUSTOMIZATION, &name).await?;
                source(global, &session, &object).await?;
            }
            one(global, &session, &KUSTOMIZATION, &name).await?;
        }
    }
    Ok(0)
}

async fn source(global: &Global, session: &Session, object: &Object) -> Result<()> {
    let reference = |k: &str| object.str_at(&["spec", "sourceRef", k]).unwrap_or_default();
    // Nobody here reconciles what others produce.
    let kind = source_kind(reference("kind")).filter(|kind| kind.kind != EXTERNAL_ARTIFACT.kind);
    let Some(kind) = kind else { bail!("reconciliation not supported for source kind {}", reference("kind")) };
    let namespace = match reference("namespace") {
        "" => session.namespace.clone(),
        namespace => namespace.to_owned(),
    };
    let there = Session { cluster: session.cluster.clone(), namespace };
    one(global, &there, kind, reference("name")).await
}

async fn one(global: &Global, session: &Session, kind: &Kind, name: &str) -> Result<()> {
    let object = session.object(kind, name).await?;
    if suspended(&object) {
        bail!("resource is suspended");
    }
    action(&format!("annotating {} {name} in {} namespace", kind.kind, session.namespace));
    let before = object.str_at(&["status", "lastHandledReconcileAt"]).unwrap_or_default().to_owned();
    request(session, kind, name).await?;
    success(&format!("{} annotated", kind.kind));
    waiting(&format!("waiting for {} reconciliation", kind.kind));
    let done = wait::handled(session, kind, name, &before, global.timeout).await?;
    let verb = if kind.source { "fetched" } else { "applied" };
    success(&format!("{verb} revision {}", kind.whole_revision(&done)));
    Ok(())
}

/// Sets the annotation whose change asks for a run.
pub async fn request(session: &Session, kind: &Kind, name: &str) -> Result<Object> {
    let now = jiff::Timestamp::now().to_string();
    let patch = object! { "metadata" => object! { "annotations" => object! { REQUESTED_AT => now } } };
    let options = WriteOptions { field_manager: CLI_MANAGER.into(), ..WriteOptions::default() };
    let (resource, patch) = (session.resource(kind), Patch::Merge(patch));
    Ok(session.cluster.patch(&resource, &session.namespace, name, &patch, &options).await?)
}
