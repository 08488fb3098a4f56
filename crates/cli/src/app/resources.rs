//! `belay app resources`.

use anyhow::{Result, bail};
use belay_argo::spec::Application;
use belay_object::{ObjectKey, Value, object};

use super::orphans::orphans;
use super::tree;
use crate::argocd::{Columns, print_value};
use crate::args::{AppResourcesArgs, Form};
use crate::plane::Plane;

pub async fn resources(plane: &Plane, args: &AppResourcesArgs) -> Result<u8> {
    let app = plane.application(&plane.id(&args.name)).await?;
    if args.project.as_ref().is_some_and(|p| p != app.spec.project()) {
        bail!("application '{}' is not of project '{}'", app.name, args.project.as_deref().unwrap_or_default());
    }
    let orphaned = match args.orphaned {
        Some(false) => Vec::new(),
        Some(true) => orphans(plane, &app).await?,
        // Nobody asked for these: where they cannot be seen they are left out.
        None => orphans(plane, &app).await.unwrap_or_default(),
    };
    match args.output {
        Form::Tree | Form::TreeDetailed if args.orphaned != Some(true) => {
            tree::print(plane, &app, args.output).await?;
        }
        Form::Json | Form::Yaml => {
            let all: Value = match args.orphaned {
                Some(true) => orphaned.iter().map(told).collect(),
                _ => app.status.resources.iter().map(|r| r.to_value()).collect(),
            };
            print_value(&all, args.output)?;
        }
        _ => table(&app, &orphaned, args.orphaned).print(),
    }
    Ok(0)
}

fn told(key: &ObjectKey) -> Value {
    object! {
        "group" => key.kind.group.as_str(), "kind" => key.kind.kind.as_str(),
        "namespace" => &*key.namespace, "name" => &*key.name,
    }
}

/// Compat(argocd 3.5): the columns; with --orphaned what belongs to nobody, and that alone.
pub fn table(app: &Application, orphaned: &[ObjectKey], wanted: Option<bool>) -> Columns {
    let mut table = Columns::new(&["GROUP", "KIND", "NAMESPACE", "NAME", "ORPHANED"]);
    if wanted != Some(true) {
        app.status.resources.iter().for_each(|r| table.row([&r.group, &r.kind, &r.namespace, &r.name, "No"]));
    }
    for key in orphaned {
        table.row([&key.kind.group, &key.kind.kind, &*key.namespace, &*key.name, "Yes"]);
    }
    table
}
