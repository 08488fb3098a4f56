//! Transformers: what changes the resources of a kustomization, one after the other.
//!
//! Each is configured first (files read, patches parsed) and run when all of its kustomization's are
//! known, as kustomize does it: a mistake in the last entry is told before the first is applied.

pub(crate) mod fields;
pub(crate) mod hash;
pub(crate) mod image;
pub(crate) mod names;
pub(crate) mod namespace;
pub(crate) mod patch;
pub(crate) mod reference;
pub(crate) mod replacement;
pub(crate) mod value_add;
pub(crate) mod vars;

use crate::error::Result;
use crate::growth::Growth;
use crate::schema::Schemas;
use crate::set::Resources;

/// A configured transformer.
pub(crate) enum Transformer {
    Patch(patch::Patches),
    StrategicMerge(patch::StrategicMerge),
    JsonPatch(patch::JsonPatch),
    Namespace(namespace::Namespace),
    Affix(names::Affix),
    Affixes([names::Affix; 2]),
    Entries(fields::Entries),
    Replicas(fields::Replicas),
    Images(image::Images),
    Replacements(replacement::Replacements),
    ValueAdd(value_add::ValueAdd),
    Hash,
}

impl Transformer {
    pub(crate) fn run(&self, resources: &mut Resources, schemas: &Schemas, growth: &Growth) -> Result<()> {
        match self {
            Transformer::Patch(patches) => patches.run(resources, schemas, growth)?,
            Transformer::StrategicMerge(patches) => patches.run(resources, schemas, growth)?,
            Transformer::JsonPatch(patch) => patch.run(resources, schemas, growth)?,
            Transformer::Namespace(namespace) => namespace.run(resources)?,
            Transformer::Affix(affix) => affix.run(resources, growth)?,
            Transformer::Affixes(both) => both.iter().try_for_each(|affix| affix.run(resources, growth))?,
            Transformer::Entries(entries) => entries.run(resources, growth)?,
            Transformer::Replicas(replicas) => replicas.run(resources)?,
            Transformer::Images(images) => images.run(resources, growth)?,
            Transformer::Replacements(replacements) => replacements.run(resources, growth)?,
            Transformer::ValueAdd(value) => value.run(resources, growth)?,
            Transformer::Hash => hash::run(resources)?,
        }
        resources.retain(|resource| !resource.is_empty());
        Ok(())
    }
}
