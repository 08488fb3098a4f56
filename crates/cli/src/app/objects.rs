//! `belay app get-resource`, `patch-resource` and `delete-resource`: single objects, live.

use anyhow::{Context, Result, bail};
use belay_argo::spec::Application;
use belay_cluster::{DeleteOptions, Patch, Propagation};
use belay_object::{Object, Value, from_json_str};

use super::diff::masked;
use super::look::Look;
use super::tree;
use crate::argocd::{options, print_value};
use crate::args::{AppDeleteResourceArgs, AppGetResourceArgs, AppPatchResourceArgs, Form, ObjectFlags, of_objects};
use crate::outln;
use crate::plane::live::Named;
use crate::plane::{Plane, Through};

/// The live objects that are meant, and the way to them.
enum Meant<'a> {
    /// As they are.
    Cluster(Box<Look>, Vec<Object>),
    /// By their names.
    Server(&'a Through, Vec<Named>),
}

impl Meant<'_> {
    fn count(&self) -> usize {
        match self {
            Meant::Cluster(_, found) => found.len(),
            Meant::Server(_, found) => found.len(),
        }
    }
}

/// The live objects that are meant, what workloads own among them.
async fn meant<'a>(plane: &'a Plane, app: &Application, flags: &ObjectFlags) -> Result<Meant<'a>> {
    if flags.project.as_ref().is_some_and(|p| p != app.spec.project()) {
        bail!("application '{}' is not of project '{}'", app.name, flags.project.as_deref().unwrap_or_default());
    }
    let is = |wanted: &Option<String>, found: &str| wanted.as_ref().is_none_or(|w| w == found);
    let own = of_objects(&flags.namespace);
    let fits = |group: &str, kind: &str, namespace: &str, name: &str| {
        kind == flags.kind.as_str() && is(&flags.group, group) && is(&own, namespace) && is(&flags.resource_name, name)
    };
    let found = match plane {
        Plane::Cluster(argo) => {
            let look = Look::at(argo, app).await?;
            let mut all = tree::objects(&look, app).await?;
            all.retain(|o| {
                let kind = o.group_kind();
                fits(&kind.group, &kind.kind, o.namespace(), o.name())
            });
            Meant::Cluster(Box::new(look), all)
        }
        Plane::Server(through) => {
            let mut all = tree::nodes(plane, app, true).await?;
            all.retain(|n| {
                !n.uid.is_empty() && fits(&n.key.kind.group, &n.key.kind.kind, &n.key.namespace, &n.key.name)
            });
            Meant::Server(through, all.into_iter().map(|n| Named { key: n.key, version: n.version }).collect())
        }
    };
    if found.count() == 0 {
        bail!("No matching resource found");
    }
    Ok(found)
}

/// Compat(argocd 3.5): several only where all are asked for.
fn refuse_several(found: &Meant<'_>, all: bool, verb: &str) -> Result<()> {
    if found.count() > 1 && !all {
        bail!("Multiple resources match inputs. Use the --all flag to {verb} multiple resources");
    }
    Ok(())
}

pub async fn get(plane: &Plane, args: &AppGetResourceArgs) -> Result<u8> {
    let form = match args.output.as_str() {
        "json" => Form::Json,
        "yaml" | "wide" => Form::Yaml,
        other => bail!("unknown output format {other:?}: it is json or yaml"),
    };
    let app = plane.application(&plane.id(&args.which.app_name)).await?;
    let found = match meant(plane, &app, &args.which).await? {
        Meant::Cluster(look, found) => found.into_iter().map(|object| masked(object, look.sensitive())).collect(),
        Meant::Server(through, names) => {
            let mut found = Vec::with_capacity(names.len());
            for which in &names {
                found.push(through.live(&app, which).await?);
            }
            found
        }
    };
    for mut object in found {
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

pub async fn patch(plane: &Plane, args: &AppPatchResourceArgs) -> Result<u8> {
    let value = from_json_str(&args.patch).context("the patch is no JSON")?;
    let patch = match args.patch_type.as_str() {
        "application/merge-patch+json" => Patch::Merge(value),
        "application/json-patch+json" => Patch::Json(value),
        "application/strategic-merge-patch+json" => Patch::Strategic(value),
        other => bail!("patch type {other:?} is not known"),
    };
    let app = plane.application(&plane.id(&args.which.app_name)).await?;
    let found = meant(plane, &app, &args.which).await?;
    refuse_several(&found, args.all, "patch")?;
    match found {
        Meant::Cluster(look, found) => {
            for object in found {
                let resource = look.at.cluster.resource_of(&object).await?;
                look.at.cluster.patch(&resource, object.namespace(), object.name(), &patch, &options()).await?;
                outln!("Resource '{}' patched", object.name());
            }
        }
        Meant::Server(through, names) => {
            for which in names {
                through.patch_live(&app, &which, &patch).await?;
                outln!("Resource '{}' patched", which.key.name);
            }
        }
    }
    Ok(0)
}

pub async fn delete(plane: &Plane, args: &AppDeleteResourceArgs) -> Result<u8> {
    let app = plane.application(&plane.id(&args.which.app_name)).await?;
    let found = meant(plane, &app, &args.which).await?;
    refuse_several(&found, args.all, "delete")?;
    match found {
        Meant::Cluster(look, found) => {
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
        }
        Meant::Server(through, names) => {
            for which in names {
                through.delete_live(&app, &which, args.force, args.orphan).await?;
                outln!("Resource '{}' deleted", which.key.name);
            }
        }
    }
    Ok(0)
}
