//! `belay app manifests`: what is desired, or what is there.

use anyhow::{Result, bail};
use belay_object::Object;

use super::diff::masked;
use super::look::{Look, desired, manifest};
use crate::args::AppManifestsArgs;
use crate::plane::Plane;
use crate::{out, outln};

pub async fn manifests(plane: &Plane, args: &AppManifestsArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    let app = plane.application(&id).await?;
    let mut sensitive = Vec::new();
    if let Plane::Cluster(argo) = plane {
        // A server has masked what it tells.
        sensitive = Look::at(argo, &app).await?.sensitive().to_vec();
    }
    let objects: Vec<Object> = match (args.source.as_str(), plane) {
        ("git", _) => desired(plane, &id, &app, &args.revisions, args.local_folder()).await?,
        ("live", Plane::Cluster(argo)) => {
            let look = Look::at(argo, &app).await?;
            let live = look.preview.live(&app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
            live.into_values().map(|object| (*object).clone()).collect()
        }
        ("live", Plane::Server(through)) => {
            let all = through.managed(&app).await?;
            let live = all.iter().filter_map(|item| item.str_at(&["liveState"])).filter(|text| *text != "null");
            live.map(manifest).collect::<Result<_>>()?
        }
        (other, _) => bail!("unknown source type {other:?}: it is git or live"),
    };
    for object in objects {
        let mut object = masked(object, &sensitive);
        object.remove(&["metadata", "managedFields"]);
        outln!("---");
        out!("{}", belay_yaml::to_yaml(object.value()));
    }
    Ok(0)
}
