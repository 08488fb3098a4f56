//! `belay trace`: from an object in the cluster back to the commit that it comes from.

use anyhow::{Context, Result, bail};
use belay_object::{Condition, GroupVersionKind, Object, Value};

use crate::args::{Global, TraceArgs};
use crate::connect::{Session, connect};
use crate::kinds::{GIT_REPOSITORY, KUSTOMIZATION};
use crate::outln;

/// Owner references are followed this far up: a Pod to its ReplicaSet to its Deployment.
const MAX_OWNERS: usize = 8;

pub async fn trace(global: &Global, args: &TraceArgs) -> Result<u8> {
    let session = connect(global).await?;
    let (kind, name) = match (args.resource.as_slice(), &args.kind) {
        ([one], None) => {
            let (kind, name) = one
                .split_once('/')
                .context("either `<resource>/<name>` or `<name> --kind <kind> --api-version <version>` is required")?;
            (kind.to_owned(), name.to_owned())
        }
        ([kind, name], None) => (kind.clone(), name.clone()),
        ([name], Some(kind)) => (kind.clone(), name.clone()),
        _ => bail!("either `<resource>/<name>` or `<name> --kind <kind> --api-version <version>` is required"),
    };
    let catalog = session.cluster.catalog().await?;
    let resource = match &args.api_version {
        Some(version) => session.cluster.resolve_version(&GroupVersionKind::from_api_version(version, &kind)).await?,
        None => catalog.find_name(&kind).cloned().with_context(|| format!("the cluster knows no resource {kind:?}"))?,
    };
    let namespace = if resource.namespaced { session.namespace.as_str() } else { "" };
    let object = session.cluster.get(&resource, namespace, &name).await?;
    let Some((owner_namespace, owner)) = manager_of(&session, object.clone()).await? else {
        bail!("object not managed by Flux");
    };
    report(&session, &object, &owner_namespace, &owner).await?;
    Ok(0)
}

/// The Kustomization whose labels an object, or one of its owners, carries.
async fn manager_of(session: &Session, mut object: Object) -> Result<Option<(String, String)>> {
    let label = |o: &Object, name: &str| o.label(&format!("{}/{name}", KUSTOMIZATION.group)).map(str::to_owned);
    for _ in 0..MAX_OWNERS {
        if let (Some(name), Some(namespace)) = (label(&object, "name"), label(&object, "namespace")) {
            return Ok(Some((namespace, name)));
        }
        let owners = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
        let Some(owner) = owners.first() else { return Ok(None) };
        let text = |k: &str| owner.str_at(&[k]).unwrap_or_default();
        let kind = GroupVersionKind::from_api_version(text("apiVersion"), text("kind"));
        let resource = session.cluster.resolve_version(&kind).await?;
        let namespace = object.namespace().to_owned();
        let Some(found) = session.cluster.find(&resource, &namespace, text("name")).await? else { return Ok(None) };
        object = found;
    }
    Ok(None)
}

async fn report(session: &Session, object: &Object, namespace: &str, name: &str) -> Result<()> {
    let mut lines = vec![("Object", format!("{}/{}", object.kind(), object.name()))];
    if !object.namespace().is_empty() {
        lines.push(("Namespace", object.namespace().to_owned()));
    }
    lines.push(("Status", "Managed by Flux".to_owned()));
    print_block(&lines);
    let there = Session { cluster: session.cluster.clone(), namespace: namespace.to_owned() };
    let kustomization = there.object(&KUSTOMIZATION, name).await?;
    let text = |o: &Object, path: &[&str]| o.str_at(path).unwrap_or_default().to_owned();
    print_block(&[
        ("Kustomization", name.to_owned()),
        ("Namespace", namespace.to_owned()),
        ("Target", text(&kustomization, &["spec", "targetNamespace"])),
        ("Path", text(&kustomization, &["spec", "path"])),
        ("Revision", text(&kustomization, &["status", "lastAppliedRevision"])),
        ("Status", status(&kustomization)),
    ]);
    let reference = |k: &str| kustomization.str_at(&["spec", "sourceRef", k]).unwrap_or_default();
    if reference("kind") != GIT_REPOSITORY.kind {
        return Ok(());
    }
    let source_namespace = Some(reference("namespace")).filter(|n| !n.is_empty()).unwrap_or(namespace).to_owned();
    let there = Session { cluster: session.cluster.clone(), namespace: source_namespace };
    let source = there.object(&GIT_REPOSITORY, reference("name")).await?;
    let mut lines = vec![
        ("GitRepository", source.name().to_owned()),
        ("Namespace", source.namespace().to_owned()),
        ("URL", text(&source, &["spec", "url"])),
    ];
    for (title, field) in
        [("Tag", "tag"), ("Semver", "semver"), ("Name", "name"), ("Branch", "branch"), ("Commit", "commit")]
    {
        lines.push((title, text(&source, &["spec", "ref", field])));
    }
    lines.push(("Revision", text(&source, &["status", "artifact", "revision"])));
    lines.push(("Status", status(&source)));
    print_block(&lines);
    Ok(())
}

fn status(object: &Object) -> String {
    match Condition::find(object, "Ready") {
        Some(c) => format!("Last reconciled at {}\n{}", c.last_transition_time, c.message),
        None => "Unknown".to_owned(),
    }
}

/// Compat(flux 2.9): a block of `Title: value` lines, values in one column, `---` between blocks.
fn print_block(lines: &[(&str, String)]) {
    if lines[0].0 != "Object" {
        outln!("---");
    }
    for (title, value) in lines.iter().filter(|(_, v)| !v.is_empty()) {
        for (i, part) in value.lines().enumerate() {
            let head = if i == 0 { format!("{title}:") } else { String::new() };
            outln!("{head:<15}{}", crate::output::clean(part));
        }
    }
}
