//! `belay proj source-integrity git policies`: whose signatures count for which repositories.

use anyhow::{Result, bail};
use belay_object::{Object, Value, object};

use super::{change, get};
use crate::argocd::Columns;
use crate::args::PoliciesCommand;
use crate::delete::confirmed;
use crate::outln;
use crate::plane::Plane;

const PATH: [&str; 4] = ["spec", "sourceIntegrity", "git", "policies"];

pub async fn policies(plane: &Plane, command: PoliciesCommand) -> Result<u8> {
    match command {
        PoliciesCommand::List { project } => table(&get(plane, &project).await?).print(),
        PoliciesCommand::Add { project, repo_url, gpg_mode, gpg_key } => {
            let mut policy = object! {};
            put_urls(&mut policy, &repo_url);
            policy.set(&["gpg", "mode"], mode(&gpg_mode)?);
            policy.set(&["gpg", "keys"], gpg_key.iter().collect::<Value>());
            edit(plane, &project, |list| {
                list.push(policy.clone());
                Ok(())
            })
            .await?;
        }
        PoliciesCommand::Update {
            project,
            id,
            repo_url,
            add_repo_url,
            delete_repo_url,
            gpg_mode,
            gpg_key,
            add_gpg_key,
            delete_gpg_key,
            yes: _,
        } => {
            let gpg_mode = gpg_mode.as_deref().map(mode).transpose()?;
            let mut meant = None;
            edit(plane, &project, |list| {
                let policy = place(list, id)?;
                same(&mut meant, policy)?;
                let urls = policy.get("repos").map_or(&[][..], Value::items);
                let urls = urls.iter().filter_map(|r| r.str_at(&["url"])).map(str::to_owned).collect();
                put_urls(policy, &changed(urls, &repo_url, &add_repo_url, &delete_repo_url));
                let keys = policy.at(&["gpg", "keys"]).map_or(&[][..], Value::items);
                let keys = keys.iter().filter_map(Value::as_str).map(str::to_owned).collect();
                let keys = changed(keys, &gpg_key, &add_gpg_key, &delete_gpg_key);
                policy.set(&["gpg", "keys"], keys.iter().collect::<Value>());
                if let Some(mode) = gpg_mode {
                    policy.set(&["gpg", "mode"], mode);
                }
                Ok(())
            })
            .await?;
        }
        PoliciesCommand::Delete { project, ids, yes } => {
            let question =
                format!("Are you sure you want to delete {} source integrity policies of '{project}'", ids.len());
            if !yes && !confirmed(&question, "--yes")? {
                outln!("Nothing was deleted.");
                return Ok(0);
            }
            let mut meant = vec![None; ids.len()];
            edit(plane, &project, |list| {
                for (id, meant) in ids.iter().zip(&mut meant) {
                    same(meant, place(list, *id)?)?;
                }
                let mut at = 0;
                list.retain(|_| {
                    at += 1;
                    !ids.contains(&(at - 1))
                });
                Ok(())
            })
            .await?;
        }
    }
    Ok(0)
}

async fn edit(plane: &Plane, project: &str, mut with: impl FnMut(&mut Vec<Value>) -> Result<()>) -> Result<()> {
    change(plane, project, |project| {
        let mut list = project.at(&PATH).map_or(&[][..], Value::items).to_vec();
        with(&mut list)?;
        project.set(&PATH, list);
        Ok(())
    })
    .await?;
    Ok(())
}

fn mode(text: &str) -> Result<&str> {
    match text {
        "none" | "head" | "strict" => Ok(text),
        other => bail!("unknown mode of signatures {other:?}: it is none, head or strict"),
    }
}

fn put_urls(policy: &mut Value, urls: &[String]) {
    policy.set(&["repos"], urls.iter().map(|url| object! { "url" => url.as_str() }).collect::<Value>());
}

/// A list after flags: another one in its place, then more, then less.
fn changed(own: Vec<String>, instead: &[String], more: &[String], less: &[String]) -> Vec<String> {
    let mut all = if instead.is_empty() { own } else { instead.to_vec() };
    for one in more {
        if !all.contains(one) {
            all.push(one.clone());
        }
    }
    all.retain(|one| !less.contains(one));
    all
}

fn place(list: &mut [Value], id: usize) -> Result<&mut Value> {
    let count = list.len();
    match list.get_mut(id) {
        Some(policy) => Ok(policy),
        None => bail!("source integrity policy with id '{id}' not found: there are {count}, counted from 0"),
    }
}

/// A number is that of the list as it was first seen.
fn same(meant: &mut Option<Value>, found: &Value) -> Result<()> {
    if meant.get_or_insert_with(|| found.clone()) != found {
        bail!("the policies were changed meanwhile: look at them again");
    }
    Ok(())
}

/// The policies, with their numbers.
pub fn table(project: &Object) -> Columns {
    let mut table = Columns::new(&["ID", "REPOS", "GPG-MODE", "GPG-KEYS"]);
    let text = |list: Vec<&str>| if list.is_empty() { "-".to_owned() } else { list.join(",") };
    for (i, policy) in project.at(&PATH).map_or(&[][..], Value::items).iter().enumerate() {
        let urls = policy.get("repos").map_or(&[][..], Value::items).iter().filter_map(|r| r.str_at(&["url"]));
        let keys = policy.at(&["gpg", "keys"]).map_or(&[][..], Value::items).iter().filter_map(Value::as_str);
        table.row([
            i.to_string(),
            text(urls.collect()),
            policy.str_at(&["gpg", "mode"]).unwrap_or("-").to_owned(),
            text(keys.collect()),
        ]);
    }
    table
}
