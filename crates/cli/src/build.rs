//! `belay build kustomization|helmrelease`: what would be applied, from a folder.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use belay_flux::preview::{Preview, ReleasePreview, preview};
use belay_object::{Object, Value};
use belay_tree::{DirTree, Limits, Tree};

use crate::args::{BuildCommand, BuildFlags, BuildReleaseFlags, Global};
use crate::artifact;
use crate::connect::{Session, connect};
use crate::kinds::{HELM_RELEASE, KUSTOMIZATION, Kind};
use crate::out;

pub async fn build(global: &Global, command: BuildCommand) -> Result<u8> {
    match command {
        BuildCommand::Artifact(args) => artifact::build(&args),
        BuildCommand::Helmrelease { flags, dry_run } => build_release(global, &flags, dry_run).await,
        BuildCommand::Kustomization { flags, dry_run } => build_kustomization(global, &flags, dry_run).await,
    }
}

async fn build_kustomization(global: &Global, flags: &BuildFlags, dry_run: bool) -> Result<u8> {
    if dry_run && flags.kustomization_file.is_none() {
        bail!("dry-run mode requires a kustomization file: give --kustomization-file");
    }
    let session = if dry_run { None } else { Some(connect(global).await?) };
    let (_, preview) = previewed(global, session.as_ref(), flags).await?;
    print(preview.plan.steps().iter().map(|step| step.object()));
    Ok(0)
}

async fn build_release(global: &Global, flags: &BuildReleaseFlags, dry_run: bool) -> Result<u8> {
    if dry_run && flags.release_file.is_none() {
        bail!("dry-run mode requires a release file: give --release-file");
    }
    let session = if dry_run { None } else { Some(connect(global).await?) };
    let preview = previewed_release(global, session.as_ref(), flags).await?;
    let mut hooks = Vec::new();
    for hook in &preview.record.hooks {
        hooks.extend(belay_helm::release::change::objects(&hook.manifest)?);
    }
    print(preview.change.apply.iter().chain(&hooks));
    Ok(0)
}

fn print<'a>(objects: impl Iterator<Item = &'a Object>) {
    for (i, object) in objects.enumerate() {
        out!("{}{}", if i > 0 { "---\n" } else { "" }, belay_yaml::to_yaml(masked(object).value()));
    }
}

/// What a HelmRelease would come to with the chart from the disk.
pub async fn previewed_release(
    global: &Global,
    session: Option<&Session>,
    flags: &BuildReleaseFlags,
) -> Result<ReleasePreview> {
    let object = match (&flags.release_file, session) {
        (Some(file), _) => from_file(global, file, &HELM_RELEASE, &flags.name)?,
        (None, Some(session)) => session.object(&HELM_RELEASE, &flags.name).await?,
        (None, None) => bail!("no HelmRelease given"),
    };
    let path = flags.path.to_str().context("the chart's path is no text")?;
    let chart = crate::helm::load_chart(path, &belay_helm::Limits::default()).map_err(anyhow::Error::msg)?;
    Ok(belay_flux::preview::release(session.map(|s| &s.cluster), &object, chart).await?)
}

/// The Kustomization and the plan of what it would apply from the folder.
pub async fn previewed(global: &Global, session: Option<&Session>, flags: &BuildFlags) -> Result<(Object, Preview)> {
    let object = match (&flags.kustomization_file, session) {
        (Some(file), _) => from_file(global, file, &KUSTOMIZATION, &flags.name)?,
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

fn from_file(global: &Global, file: &Path, kind: &Kind, name: &str) -> Result<Object> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let documents = belay_yaml::parse_documents(&text, &belay_yaml::Options::v2())
        .with_context(|| format!("{} is no YAML", file.display()))?;
    for value in documents {
        let Ok(mut object) = Object::new(value) else { continue };
        if object.group_kind() == kind.group_kind() && object.name() == name {
            if object.namespace().is_empty() {
                object.set(&["metadata", "namespace"], global.namespace.as_str());
            }
            return Ok(object);
        }
    }
    bail!("{} holds no {} '{name}' of {}", file.display(), kind.kind, kind.group)
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
