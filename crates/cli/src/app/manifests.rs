//! `belay app manifests`: what is desired, or what is there.

use anyhow::{Result, bail};
use belay_object::Object;

use super::diff::masked;
use super::look::{Look, revisions};
use crate::argocd::Argocd;
use crate::args::AppManifestsArgs;
use crate::{out, outln};

pub async fn manifests(argo: &Argocd, args: &AppManifestsArgs) -> Result<u8> {
    let app = argo.application(&argo.id(&args.name)).await?;
    let look = Look::at(argo, &app).await?;
    let objects: Vec<Object> = match (args.source.as_str(), &args.local) {
        ("git", Some(folder)) => look.local(&app, folder, &args.local_repo_root).await?.objects,
        ("git", None) => look.desired(&app, &revisions(&args.revisions, &app)?).await?.objects,
        ("live", _) => {
            let live = look.preview.live(&app, &look.at, &[]).await.map_err(anyhow::Error::msg)?;
            live.into_values().map(|object| (*object).clone()).collect()
        }
        (other, _) => bail!("unknown source type {other:?}: it is git or live"),
    };
    for object in objects {
        let mut object = masked(object, look.sensitive());
        object.remove(&["metadata", "managedFields"]);
        outln!("---");
        out!("{}", belay_yaml::to_yaml(object.value()));
    }
    Ok(0)
}
