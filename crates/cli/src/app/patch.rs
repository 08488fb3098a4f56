//! `belay app patch`, `terminate-op` and `confirm-deletion`: single writes to an Application.

use anyhow::{Context, Result, bail};
use belay_object::{Object, Value, from_json_str, json_patch, merge_patch};
use jiff::Timestamp;

use crate::argocd::{Argocd, print_value, read};
use crate::args::{AppPatchArgs, Form};
use crate::outln;

/// On an Application: when somebody confirmed that objects are deleted.
const APPROVED: &str = "argocd.argoproj.io/deletion-approved";

pub async fn patch(argo: &Argocd, args: &AppPatchArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    let patch = from_json_str(&args.patch).context("the patch is no JSON")?;
    let written = argo
        .change_app(&id, |object| {
            *object = patched(object, &patch, &args.kind)?;
            Ok(())
        })
        .await?;
    print_value(written.value(), Form::Yaml)?;
    Ok(0)
}

/// What of an Application people write. Compat(argo 3.5)
const OURS: [&[&str]; 5] =
    [&["metadata", "labels"], &["metadata", "annotations"], &["metadata", "finalizers"], &["spec"], &["operation"]];

/// An Application after a patch. What only controllers write stays; one that could not be read is refused.
pub fn patched(object: &Object, patch: &Value, kind: &str) -> Result<Object> {
    let mut value = object.value().clone();
    match kind {
        "json" | "" => json_patch(&mut value, patch).context("error applying patch")?,
        "merge" => merge_patch(&mut value, patch),
        other => bail!("Patch type '{other}' is not supported: it is json or merge"),
    }
    let mut after = object.clone();
    for path in OURS {
        match value.at(path) {
            Some(part) => after.set(path, part.clone()),
            None => drop(after.remove(path)),
        }
    }
    if after == *object && value != *object.value() {
        bail!("the patch changes nothing that people write: labels, annotations, finalizers, spec, operation");
    }
    read(&after)?;
    Ok(after)
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
