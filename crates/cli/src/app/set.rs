//! `belay app set`.

use anyhow::Result;

use super::{create, spec};
use crate::argocd::Argocd;
use crate::args::AppSetArgs;

pub async fn set(argo: &Argocd, args: &AppSetArgs) -> Result<u8> {
    let id = argo.id(&args.name);
    let mut app = argo.application(&id).await?;
    spec::apply(&args.spec, &mut app.spec, args.source_position)?;
    if args.validate {
        create::check(argo, &app).await?;
    }
    argo.change_app(&id, |object| spec::rewrite(object, |spec| spec::apply(&args.spec, spec, args.source_position)))
        .await?;
    Ok(0)
}
