//! What flags say of a project, put into its spec.

use anyhow::{Result, bail};
use belay_object::{Object, Value, object};

use super::edit_list;
use crate::args::ProjSpecFlags;

/// Puts what the flags name into a project; a list that is named takes the place of the one that is there.
pub fn apply(flags: &ProjSpecFlags, project: &mut Object) -> Result<()> {
    if let Some(description) = &flags.description {
        project.set(&["spec", "description"], description.as_str());
    }
    let texts = |list: &[String]| list.iter().collect::<Value>();
    for (field, list) in [("sourceRepos", &flags.src), ("sourceNamespaces", &flags.source_namespaces)] {
        if !list.is_empty() {
            project.set(&["spec", field], texts(list));
        }
    }
    put(project, "destinations", &flags.dest, destination)?;
    put(project, "clusterResourceWhitelist", &flags.allow_cluster_resource, kind)?;
    put(project, "clusterResourceBlacklist", &flags.deny_cluster_resource, kind)?;
    put(project, "namespaceResourceWhitelist", &flags.allow_namespaced_resource, kind)?;
    put(project, "namespaceResourceBlacklist", &flags.deny_namespaced_resource, kind)?;
    put(project, "destinationServiceAccounts", &flags.dest_service_accounts, account)?;
    put(project, "signatureKeys", &flags.signature_keys, |key| Ok(object! { "keyID" => key }))?;
    match (flags.orphaned_resources, flags.orphaned_resources_warn) {
        (None, None) => {}
        (Some(false), _) => drop(project.remove(&["spec", "orphanedResources"])),
        (_, Some(warn)) => project.set(&["spec", "orphanedResources", "warn"], warn),
        // Compat(argocd 3.5): where nothing is said of warnings there are some.
        (_, None) if project.at(&["spec", "orphanedResources"]).is_none() => {
            project.set(&["spec", "orphanedResources"], object! {});
        }
        (_, None) => {}
    }
    Ok(())
}

fn put(project: &mut Object, field: &str, texts: &[String], read: impl Fn(&str) -> Result<Value>) -> Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    edit_list(project, field, |list| {
        *list = texts.iter().map(|text| read(text)).collect::<Result<Vec<Value>>>()?;
        Ok(())
    })
}

/// `SERVER,NAMESPACE`
fn destination(text: &str) -> Result<Value> {
    match text.split(',').collect::<Vec<_>>()[..] {
        [server, namespace] => Ok(object! { "server" => server, "namespace" => namespace }),
        _ => bail!("expected destination of the form: server,namespace. Received: {text}"),
    }
}

/// `GROUP/KIND`
fn kind(text: &str) -> Result<Value> {
    match text.split_once('/') {
        Some((group, kind)) => Ok(object! { "group" => group, "kind" => kind }),
        None => bail!("expected a kind of the form: group/kind. Received: {text}"),
    }
}

/// `SERVER,NAMESPACE,ACCOUNT`
fn account(text: &str) -> Result<Value> {
    match text.split(',').collect::<Vec<_>>()[..] {
        [server, namespace, account] => {
            Ok(object! { "server" => server, "namespace" => namespace, "defaultServiceAccount" => account })
        }
        _ => bail!("expected a service account of the form: server,namespace,account. Received: {text}"),
    }
}
