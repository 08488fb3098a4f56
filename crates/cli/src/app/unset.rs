//! `belay app unset`.

use anyhow::{Result, bail};
use belay_argo::spec::{Helm, Kustomize, Source};
use belay_object::Value;

use super::look::place_of;
use super::spec::{at, image_name, rewrite};
use crate::argocd::read;
use crate::args::AppUnsetArgs;
use crate::plane::Plane;

pub async fn unset(plane: &Plane, args: &AppUnsetArgs) -> Result<u8> {
    if says_nothing(args) {
        bail!("nothing to unset is named: see `belay app unset --help`");
    }
    let id = plane.id(&args.name);
    plane
        .change(&id, true, |object| {
            let position = place_of(&read(object)?, args.source_position, args.source_name.as_deref())?;
            rewrite(object, |spec| {
                if spec.source_hydrator.is_some() || (spec.source.is_none() && spec.sources.is_empty()) {
                    bail!("application '{}' has no source that this takes from: `belay app edit` changes it", id.name);
                }
                take(args, at(spec, position)?);
                Ok(())
            })
        })
        .await?;
    Ok(0)
}

/// Whether the flags name anything.
pub fn says_nothing(args: &AppUnsetArgs) -> bool {
    let lists = [&args.parameter, &args.values, &args.kustomize_image, &args.kustomize_replica, &args.plugin_env];
    let flags = [
        args.values_literal,
        args.ignore_missing_value_files,
        args.pass_credentials,
        args.nameprefix,
        args.namesuffix,
        args.kustomize_version,
        args.kustomize_namespace,
        args.ignore_missing_components,
        args.reference,
    ];
    lists.iter().all(|list| list.is_empty()) && !flags.contains(&true)
}

/// Takes what the flags name out of a source.
pub fn take(args: &AppUnsetArgs, source: &mut Source) {
    if args.reference {
        source.reference.clear();
    }
    if let Some(helm) = &mut source.helm {
        helm.parameters.retain(|p| !args.parameter.contains(&p.name));
        helm.value_files.retain(|file| !args.values.contains(file));
        if args.values_literal {
            helm.values.clear();
            helm.values_object = Value::Null;
        }
        helm.ignore_missing_value_files &= !args.ignore_missing_value_files;
        helm.pass_credentials &= !args.pass_credentials;
        if **helm == Helm::default() {
            source.helm = None;
        }
    }
    if let Some(kustomize) = &mut source.kustomize {
        for (flag, text) in [
            (args.nameprefix, &mut kustomize.name_prefix),
            (args.namesuffix, &mut kustomize.name_suffix),
            (args.kustomize_version, &mut kustomize.version),
            (args.kustomize_namespace, &mut kustomize.namespace),
        ] {
            if flag {
                text.clear();
            }
        }
        kustomize.images.retain(|own| !args.kustomize_image.iter().any(|gone| image_name(own) == gone || own == gone));
        kustomize.replicas.retain(|own| !args.kustomize_replica.contains(&own.name));
        kustomize.ignore_missing_components &= !args.ignore_missing_components;
        if **kustomize == Kustomize::default() {
            source.kustomize = None;
        }
    }
    if let Some(plugin) = &mut source.plugin {
        plugin.env.retain(|entry| !args.plugin_env.contains(&entry.name));
    }
}
