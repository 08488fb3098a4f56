//! The `ValueAddTransformer`: puts a text into fields, whole or as one part of a path.

use belay_object::Value;

use crate::error::Result;
use crate::fieldspec::{split_path, wrong_kind};
use crate::growth::{Growth, check_depth};
use crate::scalar::{is_null, text};
use crate::select::Matcher;
use crate::set::Resources;
use crate::transform::namespace::Namespace;

/// Puts a value into fields.
pub(crate) struct ValueAdd {
    pub(crate) value: String,
    pub(crate) targets: Vec<Target>,
}

/// One field of some resources.
pub(crate) struct Target {
    /// `None` for all.
    pub(crate) select: Option<Matcher>,
    pub(crate) field_path: String,
    /// Which part of a path the value becomes, from 1; 0 for the whole.
    pub(crate) position: usize,
}

impl ValueAdd {
    pub(crate) fn run(&self, resources: &mut Resources, growth: &Growth) -> Result<()> {
        for target in &self.targets {
            let selected = match &target.select {
                Some(matcher) => matcher.select(resources),
                None => (0..resources.len()).collect(),
            };
            for i in selected {
                growth.spend(self.value.len())?;
                let (gvk, cluster) = (resources[i].gvk(), resources[i].is_cluster_scoped());
                let value = resources.get_mut(i).value_mut();
                if target.field_path == "metadata/namespace" {
                    let namespace = Namespace { namespace: self.value.clone(), ..Namespace::default() };
                    namespace.apply(value, &gvk, cluster)?;
                } else {
                    self.set(value, target)?;
                }
                resources.renamed(i);
            }
        }
        Ok(())
    }

    fn set(&self, object: &mut Value, target: &Target) -> Result<()> {
        let mut place = object;
        let parts = split_path(&target.field_path, '/');
        check_depth(parts.len())?;
        for name in parts.iter().filter(|name| !name.is_empty()) {
            if is_null(place) {
                *place = Value::object();
            }
            place = match place {
                Value::Object(map) => map.entry(name),
                other => return Err(wrong_kind("MappingNode", other)),
            };
        }
        if matches!(place, Value::Object(_) | Value::Array(_)) {
            return Err(wrong_kind("ScalarNode", place));
        }
        let new = match target.position {
            0 => self.value.clone(),
            position => {
                let old = if is_null(place) { String::new() } else { text(place).into_owned() };
                insert_part(&old, position - 1, &self.value)
            }
        };
        *place = Value::from(new);
        Ok(())
    }
}

/// Inserts a part into a path; in an absolute path the first part comes after the slash.
fn insert_part(path: &str, position: usize, part: &str) -> String {
    if part.is_empty() {
        return path.to_owned();
    }
    let absolute = path.starts_with('/');
    let mut parts: Vec<&str> = path.split('/').filter(|p| !p.is_empty()).collect();
    parts.insert(position.min(parts.len()), part);
    let joined = parts.join("/");
    if absolute { format!("/{joined}") } else { joined }
}
