//! Entries of maps (labels, annotations) and replica counts, by field specs.

use std::collections::BTreeMap;

use belay_object::Value;

use crate::error::{Error, Result};
use crate::fieldspec::{Create, FieldSpec, wrong_kind};
use crate::growth::Growth;
use crate::kustomization::Replica;
use crate::scalar::is_null;
use crate::set::Resources;
use crate::suggest::nearest;

/// Sets entries of the maps that field specs lead to.
pub(crate) struct Entries {
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) specs: Vec<FieldSpec>,
}

impl Entries {
    pub(crate) fn run(&self, resources: &mut Resources, growth: &Growth) -> Result<()> {
        if self.entries.is_empty() {
            return Ok(());
        }
        let weight: usize = self.entries.iter().map(|(key, value)| key.len() + value.len()).sum();
        let mut set = |place: &mut Value| match place {
            Value::Object(map) => {
                growth.spend(weight)?;
                for (key, value) in &self.entries {
                    map.insert(key.as_str(), value.as_str());
                }
                Ok(())
            }
            null if is_null(null) => Ok(()),
            other => Err(wrong_kind("MappingNode", other)),
        };
        for i in 0..resources.len() {
            for spec in &self.specs {
                let resource = &resources[i];
                if spec.holds_for(resource.value()) && spec.may_reach(resource.value(), Create::Map) {
                    spec.visit_unchecked(resources.get_mut(i).value_mut(), Create::Map, &mut set)
                        .map_err(|error| resources.blame(i, error))?;
                }
            }
        }
        Ok(())
    }
}

/// Sets a count in the resources of a name, of the kinds that the field specs give.
pub(crate) struct Replicas {
    pub(crate) replica: Replica,
    pub(crate) specs: Vec<FieldSpec>,
}

impl Replicas {
    pub(crate) fn run(&self, resources: &mut Resources) -> Result<()> {
        let Replica { name, count } = &self.replica;
        let mut found = false;
        for spec in &self.specs {
            for i in resources.with_any(name, |id| *id.name == **name && id.gvk.is_selected_by(&spec.gvk)) {
                found = true;
                let set = &mut |place: &mut Value| match place {
                    Value::Object(_) | Value::Array(_) => Err(wrong_kind("ScalarNode", place)),
                    _ => {
                        *place = Value::Int(*count);
                        Ok(())
                    }
                };
                spec.visit(resources.get_mut(i).value_mut(), Create::Scalar, set)
                    .map_err(|error| resources.blame(i, error))?;
            }
        }
        if !found {
            let kinds: Vec<String> = self.specs.iter().map(|spec| spec.gvk.to_string()).collect();
            let error = Error::transform(format!(
                "resource with name {name} does not match a config with the following GVK [{}]",
                kinds.join(" ")
            ));
            let scaled = resources.iter().filter(|r| self.specs.iter().any(|spec| spec.holds_for(r.value())));
            let names: Vec<String> = scaled.map(|resource| resource.name().into_owned()).collect();
            return Err(match nearest(name, names.iter().map(String::as_str)) {
                Some(meant) => error.hint(format!("did you mean '{meant}'?")),
                None => error.hint("the name is that in the manifest, before prefixes, of a kind that has replicas"),
            });
        }
        Ok(())
    }
}
