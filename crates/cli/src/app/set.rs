//! `belay app set`.

use anyhow::Result;
use belay_argo::spec::Spec;

use super::{create, spec};
use crate::argocd::{Argocd, read};
use crate::args::AppSetArgs;

pub async fn set(argo: &Argocd, args: &AppSetArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    let mut app = argo.application(&id).await?;
    spec::apply(&args.spec, &mut app.spec, args.source_position)?;
    if args.validate {
        create::check(argo, &app).await?;
    }
    argo.change_app(&id, |object| {
        let mut spec: Spec = read(object)?.spec;
        spec::apply(&args.spec, &mut spec, args.source_position)?;
        object.set(&["spec"], spec.to_value());
        Ok(())
    })
    .await?;
    Ok(0)
}
