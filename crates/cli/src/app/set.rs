//! `belay app set`.

use anyhow::Result;

use super::look::position_of;
use super::spec;
use crate::argocd::read;
use crate::args::AppSetArgs;
use crate::plane::Plane;

pub async fn set(plane: &Plane, args: &AppSetArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    plane
        .change(&id, args.validate, |object| {
            let app = read(object)?;
            // Compat(argocd 3.5): of several sources a name says which.
            let position = match (args.source_position, &args.spec.source_name) {
                (None, Some(name)) if app.spec.has_multiple_sources() => Some(position_of(&app, name)?),
                (position, _) => position,
            };
            spec::rewrite(object, |spec| spec::apply(&args.spec, spec, position))
        })
        .await?;
    Ok(0)
}
