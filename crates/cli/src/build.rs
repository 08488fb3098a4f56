//! `belay build kustomization`: what would be applied, from a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_flux::preview::{Preview, preview};
use belay_object::{Object, Value};
use belay_tree::{DirTree, Limits, Tree};

use crate::args::{BuildCommand, BuildFlags, Global};
use crate::connect::{Session, connect};
use crate::kinds::KUSTOMIZATION;

pub async fn build(global: &Global, command: BuildCommand) -> Result<u8> {
    let BuildCommand::Kustomization { flags, dry_run } = command;
    if dry_run && flags.kustomization_file.is_none() {
        bail!("dry-run mode requires a kustomization file: give --kustomization-file");
    }
    let session = if dry_run { None } else { Some(connect(global).await?) };
    let (_, preview) = previewed(global, session.as_ref(), &flags).await?;
    let mut first = true;
    for step in preview.plan.steps() {
        if !std::mem::take(&mut first) {
            println!("---");
        }
        print!("{}", belay_yaml::to_yaml(masked(step.object()).value()));
    }
    Ok(0)
}

/// The Kustomization and the plan of what it would apply from the folder.
pub async fn previewed(global: &Global, session: Option<&Session>, flags: &BuildFlags) -> Result<(Object, Preview)> {
    let object = match (&flags.kustomization_file, session) {
        (Some(file), _) => from_file(global, file, &flags.name)?,
        (None, Some(session)) => session.object(&KUSTOMIZATION, &flags.name).await?,
        (None, None) => bail!("no Kustomization given"),
    };
    if !flags.path.is_dir() {
        bail!("invalid resource path \"{}\"", flags.path.display());
    }
    let tree: Arc<dyn Tree> = Arc::new(
        DirTree::open(&flags.path, Limits::default())
            .with_context(|| format!("{} cannot be read", flags.path.display()))?,
    );
    let cluster = session.map(|s| &s.cluster);
    let preview = preview(cluster, &object, tree, flags.strict_substitute).await?;
    Ok((object, preview))
}

fn from_file(global: &Global, file: &Path, name: &str) -> Result<Object> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let documents = belay_yaml::parse_documents(&text, &belay_yaml::Options::v2())
        .with_context(|| format!("{} is no YAML", file.display()))?;
    for value in documents {
        let Ok(mut object) = Object::new(value) else { continue };
        if object.kind() == KUSTOMIZATION.kind
            && object.group_kind() == KUSTOMIZATION.group_kind()
            && object.name() == name
        {
            if object.namespace().is_empty() {
                object.set(&["metadata", "namespace"], global.namespace.as_str());
            }
            return Ok(object);
        }
    }
    bail!("{} holds no Kustomization '{name}' of {}", file.display(), KUSTOMIZATION.group)
}

/// Compat(flux 2.9): values of Secrets are not printed.
pub fn masked(object: &Object) -> Object {
    let mut object = object.clone();
    if object.kind() == "Secret" && object.api_version() == "v1" {
        for field in ["data", "stringData"] {
            if let Some(Value::Object(map)) = object.value_mut().get_mut(field) {
                map.iter_mut().for_each(|(_, v)| *v = Value::from("*****"));
            }
        }
    }
    object
}

#[cfg(test)]
mod tests;
