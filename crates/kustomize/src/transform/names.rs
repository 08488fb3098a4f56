//! Name prefixes and suffixes.

use belay_object::Value;

use crate::error::Result;
use crate::fieldspec::{Create, FieldSpec, wrong_kind};
use crate::growth::Growth;
use crate::id::Gvk;
use crate::scalar::{is_null, set_text, text};
use crate::set::Resources;

/// Which end of a name is added to.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum End {
    Prefix,
    Suffix,
}

/// Adds to the names of all resources but those whose name is not free.
pub(crate) struct Affix {
    pub(crate) end: End,
    pub(crate) text: String,
    pub(crate) specs: Vec<FieldSpec>,
}

/// Whether a kind's name says something beyond naming it.
fn keeps_its_name(gvk: &Gvk) -> bool {
    match gvk.kind.as_str() {
        "CustomResourceDefinition" | "Namespace" => true,
        "APIService" => gvk.group == "apiregistration.k8s.io",
        _ => false,
    }
}

impl Affix {
    pub(crate) fn run(&self, resources: &mut Resources, growth: &Growth) -> Result<()> {
        for i in 0..resources.len() {
            let original = resources[i].original_id().gvk;
            if keeps_its_name(&original) {
                continue;
            }
            for spec in self.specs.iter().filter(|spec| original.is_selected_by(&spec.gvk)) {
                if &*spec.path == "metadata/name" && !self.text.is_empty() {
                    let resource = resources.get_mut(i);
                    match self.end {
                        End::Prefix => resource.prefixes.push(self.text.as_str().into()),
                        End::Suffix => resource.suffixes.push(self.text.as_str().into()),
                    }
                    resource.store_previous();
                    growth.spend(self.text.len() + resource.name().len())?;
                }
                let value = resources[i].value();
                if spec.holds_for(value) && spec.may_reach(value, Create::Scalar) {
                    let set = &mut |place: &mut Value| self.set(place);
                    spec.visit_unchecked(resources.get_mut(i).value_mut(), Create::Scalar, set)
                        .map_err(|error| resources.blame(i, error))?;
                }
            }
            resources.renamed(i);
        }
        Ok(())
    }

    fn set(&self, place: &mut Value) -> Result<()> {
        if matches!(place, Value::Object(_) | Value::Array(_)) {
            return Err(wrong_kind("ScalarNode", place));
        }
        let old = if is_null(place) { String::new() } else { text(place).into_owned() };
        let new = match self.end {
            End::Prefix => format!("{}{old}", self.text),
            End::Suffix => format!("{old}{}", self.text),
        };
        match is_null(place) {
            true => *place = Value::from(new),
            false => set_text(place, &new),
        }
        Ok(())
    }
}
