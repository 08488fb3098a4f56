//! `belay app add-source` and `remove-source`.

use anyhow::{Context, Result, bail};
use belay_argo::spec::{Source, Spec};
use belay_object::Value;

use super::spec;
use crate::argocd::read;
use crate::args::{AppAddSourceArgs, AppRemoveSourceArgs};
use crate::outln;
use crate::plane::Plane;

pub async fn add(plane: &Plane, args: &AppAddSourceArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    plane
        .change(&id, true, |object| {
            let mut wanted = read(object)?.spec;
            append(args, &mut wanted)?;
            // Of a list that grows only what is new is written.
            let mut sources = object.at(&["spec", "sources"]).map_or(&[][..], Value::items).to_vec();
            sources.extend(wanted.sources.last().map(Source::to_value));
            object.set(&["spec", "sources"], sources);
            Ok(())
        })
        .await?;
    outln!("Application '{}' updated successfully", id.name);
    Ok(0)
}

fn append(args: &AppAddSourceArgs, wanted: &mut Spec) -> Result<()> {
    if wanted.sources.is_empty() {
        // Compat(argocd 3.5): the words.
        bail!("Cannot add source: application does not have spec.sources defined");
    }
    wanted.sources.push(Source::default());
    let place = wanted.sources.len();
    spec::apply(&args.spec, wanted, Some(place))
}

pub async fn remove(plane: &Plane, args: &AppRemoveSourceArgs) -> Result<u8> {
    let id = plane.id(&args.name);
    // A position is that of the list as it is: in one that somebody else changed meanwhile it is another source.
    let mut meant: Option<Source> = None;
    plane
        .change(&id, true, |object| {
            let wanted = read(object)?.spec;
            let place = match (args.source_position, &args.source_name) {
                (Some(position), _) => position.checked_sub(1),
                (None, Some(name)) => wanted.sources.iter().position(|s| s.name == *name),
                (None, None) => bail!("name the source by --source-position, from 1, or by --source-name"),
            };
            let place = place.filter(|p| *p < wanted.sources.len());
            let place = place
                .with_context(|| format!("the application has no such source: it has {}", wanted.sources.len()))?;
            if wanted.sources.len() == 1 {
                bail!("Cannot remove the only source remaining in the app");
            }
            if meant.get_or_insert_with(|| wanted.sources[place].clone()) != &wanted.sources[place] {
                bail!("the sources were changed meanwhile: look at them again");
            }
            let mut sources = object.at(&["spec", "sources"]).map_or(&[][..], Value::items).to_vec();
            sources.remove(place);
            object.set(&["spec", "sources"], sources);
            Ok(())
        })
        .await?;
    outln!("Application '{}' updated successfully", id.name);
    Ok(0)
}
