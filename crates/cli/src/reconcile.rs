//! `belay reconcile`: ask for a run now, and wait for what comes of it.

use anyhow::{Result, bail};
use belay_cluster::{Patch, WriteOptions};
use belay_flux::names::{CLI_MANAGER, FORCE_AT, REQUESTED_AT, RESET_AT};
use belay_object::{Object, object};

use crate::args::{Global, OneName, ReconcileCommand};
use crate::connect::{Session, connect};
use crate::kinds::{EXTERNAL_ARTIFACT, HELM_RELEASE, KUSTOMIZATION, Kind, of_source, source_kind, suspended};
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
                source(global, &session, &object, &["spec", "sourceRef"]).await?;
            }
            one(global, &session, &KUSTOMIZATION, &name).await?;
        }
        ReconcileCommand::Helmrelease { name, with_source, force, reset } => {
            if with_source {
                let object = session.object(&HELM_RELEASE, &name).await?;
                source(global, &session, &object, &["spec", "chart", "spec", "sourceRef"]).await?;
            }
            let also = [(force, FORCE_AT), (reset, RESET_AT)];
            let also: Vec<&str> = also.into_iter().filter(|(wanted, _)| *wanted).map(|(_, name)| name).collect();
            ask(global, &session, &HELM_RELEASE, &name, &also).await?;
        }
    }
    Ok(0)
}

async fn source(global: &Global, session: &Session, object: &Object, place: &[&str]) -> Result<()> {
    let reference = |k: &str| object.at(place).and_then(|r| r.str_at(&[k])).unwrap_or_default();
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
    ask(global, session, kind, name, &[]).await
}

/// Asks for a run, with more annotations of the same token, and waits for its end.
async fn ask(global: &Global, session: &Session, kind: &Kind, name: &str, also: &[&str]) -> Result<()> {
    let object = session.object(kind, name).await?;
    if suspended(&object) {
        bail!("resource is suspended");
    }
    action(&format!("annotating {} {name} in {} namespace", kind.kind, session.namespace));
    let before = object.str_at(&["status", "lastHandledReconcileAt"]).unwrap_or_default().to_owned();
    annotate(session, kind, name, also).await?;
    success(&format!("{} annotated", kind.kind));
    waiting(&format!("waiting for {} reconciliation", kind.kind));
    let done = wait::handled(session, kind, name, &before, global.timeout).await?;
    let verb = if kind.source { "fetched" } else { "applied" };
    success(&format!("{verb} revision {}", kind.whole_revision(&done)));
    Ok(())
}

/// Sets the annotation whose change asks for a run.
pub async fn request(session: &Session, kind: &Kind, name: &str) -> Result<Object> {
    annotate(session, kind, name, &[]).await
}

async fn annotate(session: &Session, kind: &Kind, name: &str, also: &[&str]) -> Result<Object> {
    let now = jiff::Timestamp::now().to_string();
    let mut patch = object! {};
    for annotation in also.iter().copied().chain([REQUESTED_AT]) {
        patch.set(&["metadata", "annotations", annotation], now.as_str());
    }
    let options = WriteOptions { field_manager: CLI_MANAGER.into(), ..WriteOptions::default() };
    let (resource, patch) = (session.resource(kind), Patch::Merge(patch));
    Ok(session.cluster.patch(&resource, &session.namespace, name, &patch, &options).await?)
}
