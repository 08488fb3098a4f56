//! `belay proj`: projects, with argocd's commands and on the cluster's own API.

mod lists;
mod role;
mod show;
mod spec;
mod windows;

pub use role::time;

use anyhow::{Context, Result, bail};
use belay_access::project::{Project, normalize_tokens};
use belay_argo::names;
use belay_cluster::{DeleteOptions, ListOptions};
use belay_object::{Object, Value, object};

use crate::argocd::{Argocd, Columns, fresh, manifests, options, print_value};
use crate::args::{Form, Global, ProjArgs, ProjCommand, ProjCreateArgs};
use crate::outln;

/// Carries one out.
pub async fn proj(global: &Global, args: ProjArgs) -> Result<u8> {
    let argo = Argocd::connect(global, &args.argocd, None).await?;
    match args.command {
        ProjCommand::Create(args) => create(&argo, *args).await,
        ProjCommand::List(args) => list(&argo, args.output).await,
        ProjCommand::Get(args) => {
            let object = get(&argo, &args.project).await?;
            match args.output {
                Form::Json | Form::Yaml => print_value(object.value(), args.output)?,
                Form::Name | Form::Id => outln!("{}", object.name()),
                _ => show::print(&Project::read(&object)?),
            }
            Ok(0)
        }
        ProjCommand::Delete(args) => delete(&argo, &args.projects).await,
        ProjCommand::Set(args) => {
            change(&argo, &args.project, |project| spec::apply(&args.spec, project)).await?;
            Ok(0)
        }
        ProjCommand::Role(command) => role::role(&argo, command).await,
        ProjCommand::Windows(command) => windows::windows(&argo, command).await,
        other => lists::change(&argo, other).await,
    }
}

/// A project's object.
pub async fn get(argo: &Argocd, name: &str) -> Result<Object> {
    let found = argo.cluster.find(&names::projects(), &argo.namespace, name).await?;
    found.with_context(|| format!("project '{name}' not found in namespace '{}'", argo.namespace))
}

/// Changes a project; one that would be wrong is not written.
pub async fn change(argo: &Argocd, name: &str, mut change: impl FnMut(&mut Object) -> Result<()>) -> Result<Object> {
    get(argo, name).await?;
    argo.change(&names::projects(), &argo.namespace, name, |project| {
        change(project)?;
        Project::read(project)?.validate()?;
        Ok(())
    })
    .await
}

/// The list at a path of a project's spec, to be changed.
pub fn edit_list(project: &mut Object, field: &str, change: impl FnOnce(&mut Vec<Value>) -> Result<()>) -> Result<()> {
    let mut list = project.at(&["spec", field]).map_or(&[][..], Value::items).to_vec();
    change(&mut list)?;
    project.set(&["spec", field], list);
    Ok(())
}

async fn create(argo: &Argocd, args: ProjCreateArgs) -> Result<u8> {
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
            let mut project = Object::of("argoproj.io/v1alpha1", "AppProject", &argo.namespace, name);
            project.set(&["spec"], object! {});
            project
        }
    };
    project.set(&["metadata", "namespace"], argo.namespace.as_str());
    spec::apply(&args.spec, &mut project)?;
    Project::read(&project)?.validate()?;
    let name = project.name().to_owned();
    let existing = argo.cluster.find(&names::projects(), &argo.namespace, &name).await?;
    match existing {
        None => {
            argo.cluster.create(&names::projects(), &project, &options()).await?;
        }
        Some(existing) if existing.get("spec") == project.get("spec") => {}
        Some(_) if !args.upsert => {
            // Compat(argo 3.5): the words.
            bail!("existing project spec is different, use upsert flag to force update");
        }
        Some(_) => {
            change(argo, &name, |object| {
                // Tokens that were given out stay, whether the new spec knows of them or not.
                normalize_tokens(object);
                object.set(&["spec"], project.get("spec").cloned().unwrap_or_default());
                normalize_tokens(object);
                Ok(())
            })
            .await?;
        }
    }
    Ok(0)
}

async fn list(argo: &Argocd, form: Form) -> Result<u8> {
    let mut found = argo.cluster.list(&names::projects(), &argo.namespace, &ListOptions::default()).await?.items;
    found.sort_by(|a, b| a.name().cmp(b.name()));
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

async fn delete(argo: &Argocd, names: &[String]) -> Result<u8> {
    for name in names {
        if name == "default" {
            // Compat(argo 3.5): the words.
            bail!("name 'default' is reserved and cannot be deleted");
        }
        let object = get(argo, name).await?;
        let uses = |o: &Object| o.str_at(&["spec", "project"]) == Some(name);
        let users = argo.all("", true).await?.into_iter().filter(uses).count();
        if users > 0 {
            bail!("project is referenced by {users} applications");
        }
        let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
        argo.cluster.delete(&names::projects(), &argo.namespace, name, &options).await?;
    }
    Ok(0)
}

#[cfg(test)]
mod tests;
