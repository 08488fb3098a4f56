//! `belay export`: resources as YAML that can be applied again.

use anyhow::Result;
use belay_cluster::Resource;
use belay_object::{Object, Value};

use crate::args::{ExportCommand, ExportSourceFlags, Global};
use crate::connect::connect;
use crate::kinds::{HELM_RELEASE, KUSTOMIZATION, of_source};
use crate::out;
use crate::output::failure;
use crate::suspend::chosen;

pub async fn export(global: &Global, command: ExportCommand) -> Result<u8> {
    let session = connect(global).await?;
    let (kind, which, credentials) = match command {
        ExportCommand::Source(source) => {
            let (kind, ExportSourceFlags { which, with_credentials }) = of_source(source);
            (kind, which, with_credentials)
        }
        ExportCommand::Kustomization(which) => (&KUSTOMIZATION, which, false),
        ExportCommand::Helmrelease(which) => (&HELM_RELEASE, which, false),
    };
    let objects = chosen(&session, kind, &which).await?;
    if objects.is_empty() {
        failure(&format!("no objects found in {} namespace", session.namespace));
    }
    for object in objects {
        out!("{}", exported(&object));
        if credentials && let Some(name) = object.str_at(&["spec", "secretRef", "name"]) {
            let secrets = Resource::known("", "v1", "Secret", "secrets", true);
            let secret = session.cluster.get(&secrets, &session.namespace, name).await?;
            out!("{}", exported(&secret));
        }
    }
    Ok(0)
}

/// An object without what the server keeps: a document to commit.
pub fn exported(object: &Object) -> String {
    let mut out = Object::of(object.api_version(), object.kind(), object.namespace(), object.name());
    for field in ["labels", "annotations"] {
        if let Some(value) = object.at(&["metadata", field]) {
            out.set(&["metadata", field], value.clone());
        }
    }
    for own in [belay_flux::names::REQUESTED_AT, belay_flux::names::DELETIONS] {
        out.remove(&["metadata", "annotations", own]);
    }
    if out.annotations().is_some_and(|a| a.is_empty()) {
        out.remove(&["metadata", "annotations"]);
    }
    for (field, value) in object.fields().iter() {
        if !matches!(&**field, "apiVersion" | "kind" | "metadata" | "status") {
            out.set(&[field], value.clone());
        }
    }
    // Compat(flux 2.9): switches that are off are not written, but for `prune`, which must be there.
    for switch in ["force", "insecure", "passCredentials", "recurseSubmodules", "suspend", "wait"] {
        if out.at(&["spec", switch]) == Some(&Value::Bool(false)) {
            out.remove(&["spec", switch]);
        }
    }
    format!("---\n{}", belay_yaml::to_yaml(out.value()))
}
