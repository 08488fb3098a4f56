//! `belay app edit`: the spec of an Application as YAML, in an editor.

use anyhow::{Context, Result, bail};
use belay_argo::spec::Spec;
use belay_object::Value;
use belay_yaml::{Options, parse_value, to_yaml};

use crate::editor;
use crate::outln;
use crate::plane::Plane;

pub async fn edit(plane: &Plane, name: &str) -> Result<u8> {
    let id = plane.id(name);
    let before = plane.object(&id).await?;
    let spec = before.get("spec").cloned().unwrap_or_else(Value::object);
    let Some(wanted) = editor::edit(&format!("{}-edit", id.name), &to_yaml(&spec), read)? else {
        outln!("Edit cancelled, no changes made.");
        return Ok(0);
    };
    if wanted == spec {
        outln!("Edit cancelled, no changes made.");
        return Ok(0);
    }
    let written = plane.change(&id, true, |object| {
        // What the editor showed is no more: writing would take away what somebody else wrote.
        if object.get("spec") != Some(&spec) && object.get("spec") != Some(&wanted) {
            bail!("the spec of application '{id}' was changed while it was edited");
        }
        object.set(&["spec"], wanted.clone());
        Ok(())
    });
    written.await.with_context(|| editor::kept(&to_yaml(&wanted)))?;
    outln!("Application '{}' updated successfully", id.name);
    Ok(0)
}

/// A spec that can be read; the value is kept with what is not known here.
fn read(text: &str) -> Result<Value> {
    let value = parse_value(text, &Options::v2())?;
    Spec::read(&value)?;
    Ok(value)
}
