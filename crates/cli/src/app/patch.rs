//! `belay app patch`, `terminate-op` and `confirm-deletion`: single writes to an Application.

use anyhow::{Context, Result, bail};
use belay_object::{Object, Value, from_json_str, json_patch, merge_patch};
use jiff::Timestamp;

use crate::argocd::{print_value, read};
use crate::args::{AppPatchArgs, Form};
use crate::outln;
use crate::plane::Plane;

/// On an Application: when somebody confirmed that objects are deleted.
const APPROVED: &str = "argocd.argoproj.io/deletion-approved";

pub async fn patch(plane: &Plane, args: &AppPatchArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    let patch = from_json_str(&args.patch).context("the patch is no JSON")?;
    let written = plane
        .change(&id, true, |object| {
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

pub async fn terminate(plane: &Plane, name: &str) -> Result<u8> {
    let id = plane.id(name);
    plane.terminate(&id).await?;
    outln!("Application '{}' operation terminating", id.name);
    Ok(0)
}

pub async fn confirm_deletion(plane: &Plane, name: &str) -> Result<u8> {
    let id = plane.id(name);
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    plane
        .change(&id, true, |object| {
            object.set_annotation(APPROVED, &now);
            Ok(())
        })
        .await?;
    outln!("Application '{}' updated successfully", id.name);
    Ok(0)
}
