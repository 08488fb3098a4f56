//! Commands that add one entry to a list of a project, or take one away.

use anyhow::{Result, bail};
use belay_object::{Object, Value, object};

use super::{change as change_project, edit_list};
use crate::args::{ProjAccount, ProjCommand, ProjDestination, ProjKind, ProjOrphaned};
use crate::outln;
use crate::plane::Plane;

/// The lists about kinds: those that permit, those that forbid.
const OF_CLUSTER: (&str, &str) = ("clusterResourceWhitelist", "clusterResourceBlacklist");
const OF_NAMESPACES: (&str, &str) = ("namespaceResourceWhitelist", "namespaceResourceBlacklist");

pub async fn change(plane: &Plane, command: ProjCommand) -> Result<u8> {
    match command {
        ProjCommand::AddDestination(args) => {
            let entry = destination(&args);
            change_project(plane, &args.project, |p| {
                edit_list(p, "destinations", |list| {
                    add(list, &entry, "Specified destination is already defined in project")
                })
            })
            .await?;
        }
        ProjCommand::RemoveDestination(args) => {
            let entry = destination(&args);
            change_project(plane, &args.project, |p| {
                edit_list(p, "destinations", |list| {
                    take(list, |d| is_destination(d, &entry), "Specified destination does not exist in project")
                })
            })
            .await?;
        }
        ProjCommand::AddSource(args) => {
            let entry = Value::from(args.text.as_str());
            change_project(plane, &args.project, |p| {
                edit_list(p, "sourceRepos", |list| {
                    add(list, &entry, "Specified source repository already added to project")
                })
            })
            .await?;
        }
        ProjCommand::RemoveSource(args) => {
            change_project(plane, &args.project, |p| {
                edit_list(p, "sourceRepos", |list| {
                    take(list, |v| v.as_str() == Some(&args.text), "Source repository does not exist in project")
                })
            })
            .await?;
        }
        ProjCommand::AddSourceNamespace(args) => {
            let entry = Value::from(args.text.as_str());
            change_project(plane, &args.project, |p| {
                edit_list(p, "sourceNamespaces", |list| {
                    add(list, &entry, "Source namespace is already defined in project")
                })
            })
            .await?;
        }
        ProjCommand::RemoveSourceNamespace(args) => {
            change_project(plane, &args.project, |p| {
                edit_list(p, "sourceNamespaces", |list| {
                    take(list, |v| v.as_str() == Some(&args.text), "Source namespace does not exist in project")
                })
            })
            .await?;
        }
        ProjCommand::AllowClusterResource(args) => kinds(plane, &args, OF_CLUSTER, true, "allow").await?,
        ProjCommand::DenyClusterResource(args) => kinds(plane, &args, OF_CLUSTER, false, "allow").await?,
        ProjCommand::AllowNamespaceResource(args) => kinds(plane, &args, OF_NAMESPACES, true, "deny").await?,
        ProjCommand::DenyNamespaceResource(args) => kinds(plane, &args, OF_NAMESPACES, false, "deny").await?,
        ProjCommand::AddDestinationServiceAccount(args) => {
            let entry = account(&args);
            change_project(plane, &args.project, |p| {
                edit_list(p, "destinationServiceAccounts", |list| {
                    let is_it = |v: &Value| ["server", "namespace"].iter().all(|f| text(v, f) == text(&entry, f));
                    if list.iter().any(is_it) {
                        bail!("Specified destination service account is already defined in project");
                    }
                    list.push(entry.clone());
                    Ok(())
                })
            })
            .await?;
        }
        ProjCommand::RemoveDestinationServiceAccount(args) => {
            let entry = account(&args);
            change_project(plane, &args.project, |p| {
                edit_list(p, "destinationServiceAccounts", |list| {
                    take(list, |v| *v == entry, "Specified destination service account does not exist in project")
                })
            })
            .await?;
        }
        ProjCommand::AddOrphanedIgnore(args) => {
            let entry = orphaned(&args);
            change_project(plane, &args.project, |p| {
                edit_ignored(p, |list| {
                    add(list, &entry, "Specified resource is already defined in the orphaned ignore list of project")
                })
            })
            .await?;
        }
        ProjCommand::RemoveOrphanedIgnore(args) => {
            let entry = orphaned(&args);
            change_project(plane, &args.project, |p| {
                edit_ignored(p, |list| {
                    let is_it = |v: &Value| ["group", "kind", "name"].iter().all(|f| text(v, f) == text(&entry, f));
                    take(list, is_it, "Specified resource does not exist in the orphaned ignore of project")
                })
            })
            .await?;
        }
        ProjCommand::AddSignatureKey(args) => {
            let entry = object! { "keyID" => key_id(&args.text)? };
            change_project(plane, &args.project, |p| {
                edit_list(p, "signatureKeys", |list| {
                    add(list, &entry, "Specified signature key is already defined in project")
                })
            })
            .await?;
        }
        ProjCommand::RemoveSignatureKey(args) => {
            let id = key_id(&args.text)?;
            change_project(plane, &args.project, |p| {
                edit_list(p, "signatureKeys", |list| {
                    let is_it = |v: &Value| text(v, "keyID") == id;
                    take(list, is_it, "Specified signature key is not configured for project")
                })
            })
            .await?;
        }
        _ => bail!("no command about a list"),
    }
    Ok(0)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.str_at(&[field]).unwrap_or_default()
}

/// A service account may stand in another namespace than what it makes.
fn account(args: &ProjAccount) -> Value {
    let account = match &args.service_account_namespace {
        Some(namespace) => format!("{namespace}:{}", args.service_account),
        None => args.service_account.clone(),
    };
    object! {
        "server" => args.server.as_str(), "namespace" => args.namespace.as_str(), "defaultServiceAccount" => account,
    }
}

fn orphaned(args: &ProjOrphaned) -> Value {
    let mut entry = object! { "group" => args.group.as_str(), "kind" => args.kind.as_str() };
    if let Some(name) = &args.name {
        entry.set(&["name"], name.as_str());
    }
    entry
}

fn edit_ignored(project: &mut Object, change: impl FnOnce(&mut Vec<Value>) -> Result<()>) -> Result<()> {
    let path = ["spec", "orphanedResources", "ignore"];
    let mut list = project.at(&path).map_or(&[][..], Value::items).to_vec();
    change(&mut list)?;
    project.set(&path, list);
    Ok(())
}

/// Compat(argocd 3.5): the last 16 digits of a key's id or fingerprint, in capitals.
fn key_id(text: &str) -> Result<String> {
    let digits = text.strip_prefix("0x").unwrap_or(text).to_ascii_uppercase();
    let is_key = matches!(digits.len(), 16 | 40) && digits.bytes().all(|b| b.is_ascii_hexdigit());
    match is_key {
        true => Ok(digits[digits.len() - 16..].to_owned()),
        false => bail!("{text:?} is no id of a key: 16 or 40 digits"),
    }
}

fn destination(args: &ProjDestination) -> Value {
    let field = if args.is_name { "name" } else { "server" };
    object! { field => args.destination.as_str(), "namespace" => args.dest_namespace.as_str() }
}

/// Whether an entry is the one that is named: by its address, or by its name.
fn is_destination(entry: &Value, wanted: &Value) -> bool {
    let text = |v: &Value, name: &str| v.str_at(&[name]).unwrap_or_default().to_owned();
    let cluster = |v: &Value| Some(text(v, "server")).filter(|s| !s.is_empty()).unwrap_or_else(|| text(v, "name"));
    cluster(entry) == cluster(wanted) && text(entry, "namespace") == text(wanted, "namespace")
}

fn add(list: &mut Vec<Value>, entry: &Value, there: &str) -> Result<()> {
    if list.contains(entry) {
        bail!("{there}");
    }
    list.push(entry.clone());
    Ok(())
}

fn take(list: &mut Vec<Value>, is_it: impl Fn(&Value) -> bool, absent: &str) -> Result<()> {
    let before = list.len();
    list.retain(|entry| !is_it(entry));
    if list.len() == before {
        bail!("{absent}");
    }
    Ok(())
}

/// Compat(argocd 3.5): a kind is put on one list or taken from the other, as --list says: a kind is permitted by
/// being on the list of those that are, or by not being on that of those that are not.
async fn kinds(plane: &Plane, args: &ProjKind, lists: (&str, &str), permit: bool, default: &str) -> Result<()> {
    let list = args.list.as_deref().unwrap_or(default);
    let (field, wants) = match list {
        "allow" | "white" => (lists.0, permit),
        "deny" | "black" => (lists.1, !permit),
        other => bail!("List must be either \"allow\" or \"deny\", and is {other:?}"),
    };
    let name = args.resource_name.as_deref().unwrap_or_default();
    let mut entry = object! { "group" => args.group.as_str(), "kind" => args.kind.as_str() };
    if !name.is_empty() {
        entry.set(&["name"], name);
    }
    let is_it = |v: &Value| {
        let text = |field: &str| v.str_at(&[field]).unwrap_or_default();
        text("group") == args.group && text("kind") == args.kind && text("name") == name
    };
    let there = |p: &Object| p.at(&["spec", field]).is_some_and(|l| l.items().iter().any(is_it));
    let mut changed = false;
    change_project(plane, &args.project, |project| {
        changed = there(project) != wants;
        if !changed {
            return Ok(());
        }
        edit_list(project, field, |list| {
            match wants {
                true => list.push(entry.clone()),
                false => list.retain(|v| !is_it(v)),
            }
            Ok(())
        })
    })
    .await?;
    if !changed {
        let state = if wants { "already on" } else { "not on" };
        outln!("Group '{}' and kind '{}' is {state} the list {field}", args.group, args.kind);
    }
    Ok(())
}
