//! `belay app unset`.

use anyhow::Result;
use belay_argo::spec::{Helm, Kustomize, Source};
use belay_object::Value;

use super::spec::{at, image_name};
use crate::argocd::{Argocd, read};
use crate::args::AppUnsetArgs;

pub async fn unset(argo: &Argocd, args: &AppUnsetArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    argo.change_app(&id, |object| {
        let mut spec = read(object)?.spec;
        take(args, at(&mut spec, args.source_position)?);
        object.set(&["spec"], spec.to_value());
        Ok(())
    })
    .await?;
    Ok(0)
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
