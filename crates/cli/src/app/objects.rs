//! `belay app get-resource`, `patch-resource` and `delete-resource`: single objects, live.

use anyhow::{Result, bail};
use belay_cluster::{DeleteOptions, Patch, Propagation};
use belay_object::{Object, Value, from_json_str};

use super::diff::masked;
use super::look::Look;
use super::tree;
use crate::argocd::{Argocd, options, print_value};
use crate::args::{AppDeleteResourceArgs, AppGetResourceArgs, AppPatchResourceArgs, Form, ObjectFlags, of_objects};
use crate::outln;

/// The live objects that are meant, what workloads own among them.
async fn meant(argo: &Argocd, flags: &ObjectFlags) -> Result<(Look, Vec<Object>)> {
    let app = argo.application(&argo.id(&flags.app_name)).await?;
    if flags.project.as_ref().is_some_and(|p| p != app.spec.project()) {
        bail!("application '{}' is not of project '{}'", app.name, flags.project.as_deref().unwrap_or_default());
    }
    let look = Look::at(argo, &app).await?;
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    let namespace = of_objects(&flags.namespace);
    let mut all = tree::objects(&look, &app).await?;
    all.retain(|o| {
        let kind = o.group_kind();
        kind.kind == flags.kind.as_str()
            && is(&flags.group, &kind.group)
            && is(&namespace, o.namespace())
            && is(&flags.resource_name, o.name())
    });
    if all.is_empty() {
        bail!("No matching resource found");
    }
    Ok((look, all))
}

/// Compat(argocd 3.5): several only where all are asked for.
fn refuse_several(found: &[Object], all: bool, verb: &str) -> Result<()> {
    if found.len() > 1 && !all {
        bail!("Multiple resources match inputs. Use the --all flag to {verb} multiple resources");
    }
    Ok(())
}

pub async fn get(argo: &Argocd, args: &AppGetResourceArgs) -> Result<u8> {
    let form = match args.output.as_str() {
        "json" => Form::Json,
        "yaml" | "wide" => Form::Yaml,
        other => bail!("unknown output format {other:?}: it is json or yaml"),
    };
    let (look, found) = meant(argo, &args.which).await?;
    for object in found {
        let mut object = masked(object, look.sensitive());
        if !args.show_managed_fields {
            object.remove(&["metadata", "managedFields"]);
        }
        if args.filter_fields.is_empty() {
            print_value(object.value(), form)?;
            continue;
        }
        let mut shown = Value::object();
        for field in &args.filter_fields {
            let path: Vec<&str> = field.split('.').collect();
            if let Some(value) = object.at(&path) {
                shown.set(&path, value.clone());
            }
        }
        print_value(&shown, form)?;
    }
    Ok(0)
}

pub async fn patch(argo: &Argocd, args: &AppPatchResourceArgs) -> Result<u8> {
    let value = from_json_str(&args.patch)?;
    let patch = match args.patch_type.as_str() {
        "application/merge-patch+json" => Patch::Merge(value),
        "application/json-patch+json" => Patch::Json(value),
        "application/strategic-merge-patch+json" => Patch::Strategic(value),
        other => bail!("patch type {other:?} is not known"),
    };
    let (look, found) = meant(argo, &args.which).await?;
    refuse_several(&found, args.all, "patch")?;
    for object in found {
        let resource = look.at.cluster.resource_of(&object).await?;
        look.at.cluster.patch(&resource, object.namespace(), object.name(), &patch, &options()).await?;
        outln!("Resource '{}' patched", object.name());
    }
    Ok(0)
}

pub async fn delete(argo: &Argocd, args: &AppDeleteResourceArgs) -> Result<u8> {
    let (look, found) = meant(argo, &args.which).await?;
    refuse_several(&found, args.all, "delete")?;
    for object in found {
        let resource = look.at.cluster.resource_of(&object).await?;
        let options = DeleteOptions {
            uid: object.uid().to_owned(),
            propagation: Some(if args.orphan { Propagation::Orphan } else { Propagation::Foreground }),
            grace_period_s: args.force.then_some(0),
            ..DeleteOptions::default()
        };
        look.at.cluster.delete(&resource, object.namespace(), object.name(), &options).await?;
        outln!("Resource '{}' deleted", object.name());
    }
    Ok(0)
}
