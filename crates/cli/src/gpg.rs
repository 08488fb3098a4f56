//! `belay gpg`: the public keys that signatures of commits are believed by.

use anyhow::{Context, Result, bail};
use belay_argo::names::{GPG_KEYS, PART_OF};
use belay_argo::repositories::Trust;
use belay_argo::repositories::keys::{self, PublicKey};
use belay_object::{Value, object};

use crate::argocd::{Argocd, Columns, form_of, print_value};
use crate::args::{Global, GpgArgs, GpgCommand};
use crate::outln;
use crate::output::clean;
use crate::plane::{Plane, items, path};

/// Largest file that is read; a config map holds 1 MiB.
const MAX_BYTES: u64 = 512 << 10;

/// Carries one out.
pub async fn gpg(global: &Global, args: GpgArgs) -> Result<u8> {
    let plane = Plane::open(global, &args.argocd, None).await?;
    match args.command {
        GpgCommand::List { output } => {
            let form = form_of(&output, &["wide"])?;
            let all = all(&plane).await?;
            match form {
                Some(form) => print_value(&all.into_iter().collect::<Value>(), form)?,
                None => table(&all).print(),
            }
        }
        GpgCommand::Get { key, output } => {
            let form = form_of(&output, &["wide"])?;
            let found = get(&plane, &key).await?;
            match form {
                Some(form) => print_value(&found, form)?,
                None => show(&found),
            }
        }
        GpgCommand::Add { from } => {
            let text = given(&from)?;
            let (created, skipped) = add(&plane, &text).await?;
            outln!("Created {created} key(s).");
            if skipped > 0 {
                outln!("Skipped {skipped} key(s), which are there.");
            }
        }
        GpgCommand::Rm { key } => {
            rm(&plane, &key).await?;
            outln!("Deleted key with key ID {}", clean(&key));
        }
    }
    Ok(0)
}

fn given(path: &std::path::Path) -> Result<String> {
    use std::io::Read as _;
    let cannot = || format!("{} cannot be read", path.display());
    let mut text = String::new();
    let read = std::fs::File::open(path).with_context(cannot)?.take(MAX_BYTES + 1).read_to_string(&mut text);
    match read.with_context(cannot)? as u64 > MAX_BYTES {
        true => bail!("{} is larger than 512 KiB", path.display()),
        false => Ok(text),
    }
}

async fn known(argo: &Argocd) -> Result<Vec<PublicKey>> {
    let map = argo.find_map(GPG_KEYS).await?;
    Ok(keys::known(&Trust::read(None, None, map.as_ref()).gpg_keys))
}

async fn all(plane: &Plane) -> Result<Vec<Value>> {
    match plane {
        Plane::Cluster(argo) => Ok(known(argo).await?.iter().map(PublicKey::to_value).collect()),
        Plane::Server(through) => Ok(items(&through.server.get("/api/v1/gpgkeys", &[]).await?).to_vec()),
    }
}

async fn get(plane: &Plane, id: &str) -> Result<Value> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => return through.server.get(&path(&["api", "v1", "gpgkeys", id]), &[]).await,
    };
    let found = known(argo).await?.into_iter().find(|key| key.is_called(id));
    let key = found.with_context(|| format!("No such key: {id}"))?;
    let mut told = key.to_value();
    told.set(&["keyData"], key.armoured);
    Ok(told)
}

async fn add(plane: &Plane, text: &str) -> Result<(usize, usize)> {
    let keys = keys::read_all(text).map_err(anyhow::Error::msg)?;
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => {
            let told = through.server.post("/api/v1/gpgkeys", &object! { "keyData" => text }).await?;
            let created = told.get("created").map_or(0, |created| items(created).len());
            return Ok((created, told.get("skipped").map_or(0, |skipped| skipped.items().len())));
        }
    };
    let mut created = 0;
    argo.change_map(GPG_KEYS, |map| {
        created = 0;
        map.set_label(PART_OF.0, PART_OF.1);
        for key in &keys {
            if map.at(&["data", &key.id]).is_none() {
                map.set(&["data", &key.id], key.armoured.as_str());
                created += 1;
            }
        }
        Ok(())
    })
    .await?;
    Ok((created, keys.len() - created))
}

async fn rm(plane: &Plane, id: &str) -> Result<()> {
    let argo = match plane {
        Plane::Cluster(argo) => argo,
        Plane::Server(through) => return through.server.delete("/api/v1/gpgkeys", &[("keyID", id)]).await.map(drop),
    };
    let found = known(argo).await?.into_iter().find(|key| key.is_called(id));
    let key = found.with_context(|| format!("No such key: {id}"))?;
    argo.change_map(GPG_KEYS, |map| {
        // As it is written there, which may be in small letters.
        let data = map.get("data").and_then(Value::as_object);
        let names: Vec<String> = data.into_iter().flat_map(|data| data.keys()).map(ToString::to_string).collect();
        for name in names.iter().filter(|name| name.to_ascii_uppercase() == key.id) {
            map.remove(&["data", name]);
        }
        Ok(())
    })
    .await?;
    Ok(())
}

/// Compat(argocd 3.5): the columns.
fn table(all: &[Value]) -> Columns {
    let mut table = Columns::new(&["KEYID", "TYPE", "IDENTITY"]);
    for key in all {
        let text = |field: &str| key.str_at(&[field]).unwrap_or_default();
        table.row([text("keyID"), &text("subType").to_uppercase(), text("owner")]);
    }
    table
}

fn show(key: &Value) {
    let text = |field: &str| clean(key.str_at(&[field]).unwrap_or_default());
    outln!("Key ID:          {}", text("keyID"));
    outln!("Key fingerprint: {}", text("fingerprint"));
    outln!("Key subtype:     {}", text("subType").to_uppercase());
    outln!("Key owner:       {}", text("owner"));
    outln!("Key data follows until EOF:");
    outln!("{}", text("keyData"));
}
