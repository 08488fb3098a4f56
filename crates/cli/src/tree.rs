//! `belay tree`: what a kustomization or a release manages, from its inventory.

use anyhow::Result;
use belay_object::{ObjectKey, Value, object};
use belay_plan::Inventory;

use crate::args::{Global, TreeCommand};
use crate::connect::{Session, connect};
use crate::get::formatted;
use crate::kinds::{HELM_RELEASE, KUSTOMIZATION};
use crate::output::clean;
use crate::{out, outln};

/// Kustomizations that manage Kustomizations are followed this deep.
const MAX_DEPTH: usize = 16;

struct Node {
    key: ObjectKey,
    children: Vec<Node>,
}

pub async fn tree(global: &Global, command: TreeCommand) -> Result<u8> {
    let (kind, name, compact, output) = match command {
        TreeCommand::Kustomization { name, compact, output } => (&KUSTOMIZATION, name, compact, output),
        TreeCommand::Helmrelease { name, compact, output } => (&HELM_RELEASE, name, compact, output),
    };
    let session = connect(global).await?;
    let key =
        ObjectKey { kind: kind.group_kind(), namespace: session.namespace.as_str().into(), name: name.as_str().into() };
    session.object(kind, &name).await?;
    let mut visited = Vec::new();
    let root = Box::pin(node(&session, key, compact, 0, &mut visited)).await?;
    match output {
        Some(format) => out!("{}", formatted(vec![value(&root)], format, true)),
        None => {
            outln!("{}", line(&root.key));
            draw(&root.children, "");
        }
    }
    Ok(0)
}

async fn node(
    session: &Session,
    key: ObjectKey,
    compact: bool,
    depth: usize,
    visited: &mut Vec<ObjectKey>,
) -> Result<Node> {
    let mut children = Vec::new();
    let kind = [&KUSTOMIZATION, &HELM_RELEASE].into_iter().find(|k| k.group_kind() == key.kind);
    if let Some(kind) = kind.filter(|_| depth < MAX_DEPTH && !visited.contains(&key)) {
        visited.push(key.clone());
        let found = session.cluster.find(&session.resource(kind), &key.namespace, &key.name).await?;
        if let Some(inventory) = found.as_ref().and_then(|o| o.at(&["status", "inventory"])) {
            for entry in Inventory::read(inventory)?.entries() {
                if compact && !entry.key.kind.group.ends_with("toolkit.fluxcd.io") {
                    continue;
                }
                children.push(Box::pin(node(session, entry.key.clone(), compact, depth + 1, visited)).await?);
            }
        }
    }
    Ok(Node { key, children })
}

/// Compat(flux 2.9): `Kind/namespace/name`.
fn line(key: &ObjectKey) -> String {
    clean(&key.to_string())
}

fn draw(nodes: &[Node], indent: &str) {
    for (i, node) in nodes.iter().enumerate() {
        let last = i + 1 == nodes.len();
        outln!("{indent}{} {}", if last { "└──" } else { "├──" }, line(&node.key));
        draw(&node.children, &format!("{indent}{}", if last { "    " } else { "│   " }));
    }
}

fn value(node: &Node) -> Value {
    let mut value = object! {
        "resource" => object! {
            "GroupKind" => object! { "Group" => &*node.key.kind.group, "Kind" => &*node.key.kind.kind },
            "Namespace" => &*node.key.namespace,
            "Name" => &*node.key.name,
        },
    };
    if !node.children.is_empty() {
        value.set(&["resources"], node.children.iter().map(self::value).collect::<Value>());
    }
    value
}
