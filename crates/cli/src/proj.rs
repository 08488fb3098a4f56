//! `belay proj`: projects, with argocd's commands and on the cluster's own API or through a server.

mod edit;
mod integrity;
mod lists;
mod role;
mod show;
mod spec;
mod windows;

pub use role::time;

use anyhow::{Context, Result, bail};
use belay_access::project::Project;
use belay_object::{Object, Value, object};

use crate::argocd::{Columns, fresh, manifests, print_value};
use crate::args::{Form, GitIntegrityCommand, Global, IntegrityCommand, ProjArgs, ProjCommand, ProjCreateArgs};
use crate::outln;
use crate::plane::Plane;

/// Carries one out.
pub async fn proj(global: &Global, args: ProjArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    match args.command {
        ProjCommand::Create(args) => create(&plane, *args).await,
        ProjCommand::List(args) => list(&plane, args.output).await,
        ProjCommand::Get(args) => {
            let object = get(&plane, &args.project).await?;
            match args.output {
                Form::Json | Form::Yaml => print_value(object.value(), args.output)?,
                Form::Name | Form::Id => outln!("{}", object.name()),
                _ => show::print(&Project::read(&object)?),
            }
            Ok(0)
        }
        ProjCommand::Delete(args) => delete(&plane, &args.projects).await,
        ProjCommand::Edit(args) => edit::edit(&plane, &args.project).await,
        ProjCommand::Set(args) => {
            change(&plane, &args.project, |project| spec::apply(&args.spec, project)).await?;
            Ok(0)
        }
        ProjCommand::Role(command) => role::role(&plane, command).await,
        ProjCommand::Windows(command) => windows::windows(&plane, command).await,
        ProjCommand::SourceIntegrity(IntegrityCommand::Git(GitIntegrityCommand::Policies(command))) => {
            integrity::policies(&plane, command).await
        }
        other => lists::change(&plane, other).await,
    }
}

/// A project's object.
pub async fn get(plane: &Plane, name: &str) -> Result<Object> {
    plane.project(name).await
}

/// Changes a project; one that would be wrong is not written.
pub async fn change(plane: &Plane, name: &str, change: impl FnMut(&mut Object) -> Result<()>) -> Result<Object> {
    plane.change_project(name, change).await
}

/// The list at a path of a project's spec, to be changed.
pub fn edit_list(project: &mut Object, field: &str, change: impl FnOnce(&mut Vec<Value>) -> Result<()>) -> Result<()> {
    let mut list = project.at(&["spec", field]).map_or(&[][..], Value::items).to_vec();
    change(&mut list)?;
    project.set(&["spec", field], list);
    Ok(())
}

async fn create(plane: &Plane, args: ProjCreateArgs) -> Result<u8> {
    let mut project = match &args.file {
        Some(file) => {
            let found = manifests(file)?;
            let [only] = <[Object; 1]>::try_from(found)
                .map_err(|all| anyhow::anyhow!("{} contains {} objects, and not one", file.display(), all.len()))?;
            if only.kind() != "AppProject" {
                bail!("file {} contains a {}, and no AppProject", file.display(), only.kind());
            }
            let mut project = fresh(only);
            if let Some(name) = &args.project {
                project.set(&["metadata", "name"], name.as_str());
            }
            project
        }
        None => {
            let name = args.project.as_deref().context("name the project")?;
            let mut project = Object::of("argoproj.io/v1alpha1", "AppProject", "", name);
            project.set(&["spec"], object! {});
            project
        }
    };
    match plane {
        Plane::Cluster(argo) => project.set(&["metadata", "namespace"], argo.namespace.as_str()),
        // A server knows its own.
        Plane::Server(_) => drop(project.remove(&["metadata", "namespace"])),
    }
    spec::apply(&args.spec, &mut project)?;
    Project::read(&project)?.validate()?;
    plane.create_project(&project, args.upsert).await?;
    Ok(0)
}

async fn list(plane: &Plane, form: Form) -> Result<u8> {
    let found = plane.projects().await?;
    match form {
        Form::Json | Form::Yaml => {
            print_value(&found.into_iter().map(Object::into_value).collect::<Value>(), form)?;
        }
        Form::Name | Form::Id => found.iter().for_each(|o| outln!("{}", o.name())),
        _ => {
            let header = [
                "NAME",
                "DESCRIPTION",
                "DESTINATIONS",
                "SOURCES",
                "CLUSTER-RESOURCE-WHITELIST",
                "NAMESPACE-RESOURCE-BLACKLIST",
                "SIGNATURE-KEYS",
                "ORPHANED-RESOURCES",
                "DESTINATION-SERVICE-ACCOUNTS",
            ];
            let mut table = Columns::new(&header);
            for object in &found {
                table.row(show::row(object));
            }
            table.print();
        }
    }
    Ok(0)
}

async fn delete(plane: &Plane, names: &[String]) -> Result<u8> {
    for name in names {
        if name == "default" {
            // Compat(argo 3.5): the words.
            bail!("name 'default' is reserved and cannot be deleted");
        }
        plane.delete_project(name).await?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
