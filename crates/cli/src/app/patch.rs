//! `belay app patch`, `terminate-op` and `confirm-deletion`: single writes to an Application.

use anyhow::{Result, bail};
use belay_argo::names;
use belay_cluster::Patch;
use belay_object::from_json_str;
use jiff::Timestamp;

use crate::argocd::{Argocd, options, print_value};
use crate::args::{AppPatchArgs, Form};
use crate::outln;

/// On an Application: when somebody confirmed that objects are deleted.
const APPROVED: &str = "argocd.argoproj.io/deletion-approved";

pub async fn patch(argo: &Argocd, args: &AppPatchArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    argo.object(&id).await?;
    let value = from_json_str(&args.patch)?;
    let patch = match args.kind.as_str() {
        "json" => Patch::Json(value),
        "merge" => Patch::Merge(value),
        other => bail!("patch type {other:?} is not supported: it is json or merge"),
    };
    let patched = argo.cluster.patch(&names::applications(), &id.namespace, &id.name, &patch, &options()).await?;
    print_value(patched.value(), Form::Yaml)?;
    Ok(0)
}

pub async fn terminate(argo: &Argocd, name: &str) -> Result<u8> {
    let id = argo.id(name);
    argo.change_app(&id, |object| {
        let app = crate::argocd::read(object)?;
        let runs = app.status.operation_state.as_ref().is_some_and(|s| !s.phase.is_over());
        if app.operation.is_none() || !runs {
            // Compat(argo 3.5): the words.
            bail!("Unable to terminate operation. No operation is in progress");
        }
        object.set(&["status", "operationState", "phase"], "Terminating");
        Ok(())
    })
    .await?;
    outln!("Application '{}' operation terminating", id.name);
    Ok(0)
}

pub async fn confirm_deletion(argo: &Argocd, name: &str) -> Result<u8> {
    let id = argo.id(name);
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    argo.change_app(&id, |object| {
        object.set_annotation(APPROVED, &now);
        Ok(())
    })
    .await?;
    outln!("Application '{}' updated successfully", id.name);
    Ok(0)
}
