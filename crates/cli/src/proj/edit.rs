//! `belay proj edit`: the spec of a project as YAML, in an editor.

use anyhow::{Context, Result, bail};
use belay_object::Value;
use belay_yaml::{Options, parse_value, to_yaml};

use super::{change, get};
use crate::editor;
use crate::outln;
use crate::plane::Plane;

pub async fn edit(plane: &Plane, name: &str) -> Result<u8> {
    let before = get(plane, name).await?;
    let spec = before.get("spec").cloned().unwrap_or_else(Value::object);
    let read = |text: &str| Ok(parse_value(text, &Options::v2())?);
    let wanted = editor::edit(&format!("{name}-edit"), &to_yaml(&spec), read)?;
    let Some(wanted) = wanted.filter(|wanted| *wanted != spec) else {
        outln!("Edit cancelled, no changes made.");
        return Ok(0);
    };
    let written = change(plane, name, |project| {
        // What the editor showed is no more: writing would take away what somebody else wrote.
        if project.get("spec") != Some(&spec) && project.get("spec") != Some(&wanted) {
            bail!("the spec of project '{name}' was changed while it was edited");
        }
        project.set(&["spec"], wanted.clone());
        Ok(())
    });
    written.await.with_context(|| editor::kept(&to_yaml(&wanted)))?;
    Ok(0)
}
