//! Patches: strategic merge and JSON 6902, in their present and their deprecated forms.

use std::sync::Arc;

use belay_object::Value;
use belay_tree::TreePath;

use crate::entry::Entry;
use crate::error::{Error, Result};
use crate::growth::{Growth, measure};
use crate::id::Id;
use crate::json_patch;
use crate::kustomization::{Patch, PatchOptions, Selector};
use crate::load::Loader;
use crate::manifest::{MetaTexts, Purpose, read_for};
use crate::merge::strategic_merge;
use crate::resource::{Resource, text_map};
use crate::scalar::{has_blank, settle};
use crate::schema::Schemas;
use crate::select::Matcher;
use crate::set::Resources;

/// An entry of `patches`.
pub(crate) struct Patches {
    body: Body,
    target: Option<Matcher>,
    /// `[path: "…"]` or `[patch: "…"]`, for error texts.
    source: String,
    options: PatchOptions,
    /// The file, where it is one.
    file: Option<TreePath>,
}

enum Body {
    Merge(Vec<MergePatch>),
    Json(Vec<Value>),
}

/// One strategic merge patch.
struct MergePatch {
    value: Arc<Value>,
    id: Id,
    line: usize,
    /// What it adds to an object at most.
    weight: usize,
    /// Labels and annotations that are not texts, as written.
    texts: MetaTexts,
}

impl MergePatch {
    fn read_all(text: &str, schemas: &Schemas) -> Result<Vec<MergePatch>> {
        let patches = read_for(text, Purpose::Patches)?.into_iter().map(|(manifest, texts)| {
            let id = Resource::new(manifest.value.clone(), None, schemas).id();
            let (weight, _) = measure(&manifest.value);
            MergePatch { value: manifest.value, id, line: manifest.line, weight, texts }
        });
        Ok(patches.collect())
    }
}

/// Quotes a text as Go's `%q` does.
pub(crate) fn quoted(text: &str) -> String {
    Value::from(text).to_json()
}

impl Patches {
    pub(crate) fn new(patch: &Patch, loader: &Loader<'_>, schemas: &Schemas) -> Result<Patches> {
        let inline = patch.patch.trim();
        let mut file = None;
        let (text, source) = match (inline.is_empty(), patch.path.is_empty()) {
            (true, true) => {
                return Err(Error::kustomization("must specify one of patch and path in\n")
                    .hint("name a file under path, or write the patch itself under patch"));
            }
            (false, false) => {
                return Err(Error::kustomization(format!(
                    "patch and path can't be set at the same time\npatch: {inline}\npath: {}\n",
                    patch.path
                ))
                .hint("keep one of the two"));
            }
            (false, true) => (inline.to_owned(), format!("[patch: {}]", quoted(inline))),
            (true, false) => {
                let loaded = loader.load(&patch.path).map_err(|error| {
                    error.wrap(format_args!("failed to get the patch file from path({})", patch.path))
                })?;
                file = Some(loaded.path.clone());
                (loaded.text().into_owned(), format!("[path: {}]", quoted(&patch.path)))
            }
        };
        let merge = MergePatch::read_all(&text, schemas);
        let json = json_patch::read(&text);
        let body = match (merge, json) {
            (Ok(merge), Ok(json)) if !merge.is_empty() && !json.is_empty() => {
                return Err(Error::kustomization(format!(
                    "illegally qualifies as both an SM and JSON patch: {source}"
                )));
            }
            (Ok(merge), _) => Body::Merge(merge),
            (Err(_), Ok(json)) => Body::Json(json),
            (Err(merge), Err(json)) => {
                let mut error = Error::kustomization(format!("unable to parse SM or JSON patch from {source}"))
                    .hint(format!("as a strategic merge patch: {}", merge.message()))
                    .hint(format!("as a JSON patch: {json}"));
                if text.trim_start().starts_with('[') {
                    error =
                        error.hint("what begins with [ is read as JSON, keys in quotes; begin with '- ' to write YAML");
                } else if !merge.is_malformed() {
                    error = error.hint(
                        "a strategic merge patch needs apiVersion, kind and metadata.name, beside a target too; a JSON \
                         patch is a list of operations",
                    );
                }
                if let Some(file) = &file {
                    error = error.at(file, merge.location().and_then(|at| at.line));
                }
                return Err(error);
            }
        };
        Ok(Patches {
            body,
            target: patch.target.as_ref().map(Matcher::new).transpose()?,
            source,
            options: patch.options.unwrap_or_default(),
            file,
        })
    }

    pub(crate) fn run(&self, resources: &mut Resources, schemas: &Schemas, growth: &Growth) -> Result<()> {
        match (&self.body, &self.target) {
            (Body::Merge(patches), None) => self.merge_by_id(patches, resources, schemas, growth),
            (Body::Merge(patches), Some(target)) => match patches.as_slice() {
                [] => Ok(()),
                [patch] => {
                    let selected = target.select(resources);
                    growth.spend(patch.weight.saturating_mul(selected.len()))?;
                    merge_selected(resources, &selected, patch, self.options, schemas)
                        .map_err(|error| self.place(error, patch.line))
                }
                _ => Err(Error::transform(format!(
                    "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set \
                     `patches.target` field: {}",
                    self.source
                ))),
            },
            (Body::Json(operations), _) if operations.is_empty() => Ok(()),
            (Body::Json(_), None) => {
                Err(Error::transform(format!("must specify a target for JSON patch {}", self.source))
                    .hint("say what it is for: target: {kind: Deployment, name: web}"))
            }
            (Body::Json(operations), Some(target)) => {
                for i in target.select(resources) {
                    resources.get_mut(i).store_previous();
                    apply_json(resources, i, operations, schemas, growth)
                        .map_err(|error| resources.blame(i, self.place(error, 1)))?;
                }
                Ok(())
            }
        }
    }

    fn merge_by_id(
        &self,
        patches: &[MergePatch],
        resources: &mut Resources,
        schemas: &Schemas,
        growth: &Growth,
    ) -> Result<()> {
        for patch in patches {
            let i = resources.one_with_any(&patch.id).map_err(|error| {
                let id = quoted(&patch.id.to_string());
                let error = error.wrap(format_args!("no resource matches strategic merge patch {id}"));
                self.place(error.hint(resources.similar(&patch.id)), patch.line)
            })?;
            growth.spend(patch.weight)?;
            let value = (*patch.value).clone();
            merge(resources, i, value, self.options, schemas)
                .map_err(|error| resources.blame(i, self.place(error, patch.line)))?;
        }
        Ok(())
    }

    /// Says where the patch stands, if it is in a file.
    fn place(&self, error: Error, line: usize) -> Error {
        match &self.file {
            Some(file) => error.at(file, Some(line)),
            None => error,
        }
    }
}

/// Applies one patch to selected resources, whatever it is itself called.
fn merge_selected(
    resources: &mut Resources,
    selected: &[usize],
    patch: &MergePatch,
    options: PatchOptions,
    schemas: &Schemas,
) -> Result<()> {
    // kustomize copies the patch's labels and annotations as texts, so a null there does not delete.
    let mut template = (*patch.value).clone();
    for field in ["labels", "annotations"] {
        if template.at(&["metadata", field]).is_some() {
            let mut texts = text_map(template.at(&["metadata", field]));
            let written = patch.texts.iter().filter(|(of, ..)| *of == field);
            written.for_each(|(_, name, text)| drop(texts.insert(name.clone(), text.clone())));
            match texts.is_empty() {
                true => drop(template.remove(&["metadata", field])),
                false => template.set(&["metadata", field], texts),
            }
        }
    }
    for &i in selected {
        if resources[i].is_empty() {
            continue;
        }
        let mut value = template.clone();
        match resources[i].value().get("apiVersion") {
            Some(version) => value.set(&["apiVersion"], version.clone()),
            None => drop(value.remove(&["apiVersion"])),
        }
        merge(resources, i, value, options, schemas).map_err(|error| resources.blame(i, error))?;
        if !resources[i].is_empty() && !resources.is_alone(i) {
            return Err(Error::resource(format!(
                "may not add resource with an already registered id: {}",
                resources[i].id()
            )));
        }
    }
    Ok(())
}

/// Merges a patch into a resource; name, namespace and kind stay unless the options allow.
fn merge(resources: &mut Resources, i: usize, patch: Value, options: PatchOptions, schemas: &Schemas) -> Result<()> {
    let resource = resources.get_mut(i);
    let (name, namespace, kind) =
        (resource.name().into_owned(), resource.namespace().into_owned(), resource.kind().into_owned());
    if options.allow_name_change || options.allow_kind_change {
        resource.store_previous();
    }
    let target = resource.take_value();
    let merged = strategic_merge(target, patch, schemas).inspect_err(|_| {
        // The error is told with the object's name.
        resource.set_kind(&kind);
        resource.set_name(&name);
    })?;
    resource.put_value(merged.unwrap_or_default());
    if resource.is_empty() {
        return Ok(());
    }
    if !options.allow_kind_change {
        resource.set_kind(&kind);
    }
    if !options.allow_name_change && resource.name() != name {
        resource.set_name(&name);
    }
    if resource.namespace() != namespace || namespace.is_empty() {
        resource.set_namespace(&namespace);
    }
    resource.settle_kind(schemas);
    resources.renamed(i);
    Ok(())
}

/// Applies JSON patch operations to a resource.
fn apply_json(
    resources: &mut Resources,
    i: usize,
    operations: &[Value],
    schemas: &Schemas,
    growth: &Growth,
) -> Result<()> {
    let resource = resources.get_mut(i);
    let mut value = resource.take_value();
    if has_blank(&value) {
        settle(&mut value);
    }
    if let Err(error) = json_patch::apply(&mut value, operations, growth) {
        // The error is told with the object's name.
        resource.put_value(value);
        return Err(error);
    }
    if !matches!(value, Value::Object(_)) {
        return Err(Error::transform("json: cannot unmarshal array into Go value of type map[string]interface {}"));
    }
    resource.put_value(value);
    resource.settle_kind(schemas);
    resources.renamed(i);
    Ok(())
}

/// `patchesStrategicMerge`: each a file or an inline text, for the resource that it names.
pub(crate) struct StrategicMerge {
    patches: Vec<(MergePatch, Option<TreePath>, Entry)>,
}

impl StrategicMerge {
    pub(crate) fn new(
        paths: &[String],
        inline: &str,
        loader: &Loader<'_>,
        schemas: &Schemas,
    ) -> Result<StrategicMerge> {
        if paths.is_empty() && inline.is_empty() {
            return Err(Error::kustomization("empty file path and empty patch content"));
        }
        let mut patches = Vec::new();
        for (i, path) in paths.iter().enumerate() {
            let entry = Entry::nth("patchesStrategicMerge", i);
            if let Ok(found) = MergePatch::read_all(path, schemas) {
                patches.extend(found.into_iter().map(|patch| (patch, None, entry)));
                continue;
            }
            let loaded = loader.load(path).map_err(|error| error.in_entry(entry))?;
            let found = MergePatch::read_all(&loaded.text(), schemas)
                .map_err(|error| in_file(error, path, &loaded.path).in_entry(entry))?;
            patches.extend(found.into_iter().map(|patch| (patch, Some(loaded.path.clone()), entry)));
        }
        if !inline.is_empty() {
            let entry = Entry::field("patchesStrategicMerge");
            patches.extend(MergePatch::read_all(inline, schemas)?.into_iter().map(|patch| (patch, None, entry)));
        }
        if patches.is_empty() {
            return Err(Error::kustomization(format!(
                "patch appears to be empty; files=[{}], Patch={inline}",
                paths.join(" ")
            )));
        }
        Ok(StrategicMerge { patches })
    }

    pub(crate) fn run(&self, resources: &mut Resources, schemas: &Schemas, growth: &Growth) -> Result<()> {
        for (patch, file, entry) in &self.patches {
            let place = |error: Error| match file {
                Some(file) => error.in_entry(*entry).at(file, Some(patch.line)),
                None => error.in_entry(*entry),
            };
            let i =
                resources.one_with_any(&patch.id).map_err(|error| place(error.hint(resources.similar(&patch.id))))?;
            growth.spend(patch.weight)?;
            merge_selected(resources, &[i], patch, PatchOptions::default(), schemas).map_err(place)?;
            resources.retain(|resource| !resource.is_empty());
        }
        Ok(())
    }
}

/// Tells in which file a stream does not parse.
pub(crate) fn in_file(error: Error, path: &str, file: &TreePath) -> Error {
    let line = error.location().and_then(|at| at.line);
    let mut placed = Error::new(
        error.kind(),
        match error.is_malformed() {
            true => format!("{} in File: {path}", error.message()),
            false => error.message().to_owned(),
        },
    )
    .at(file, line)
    .hints_of(&error);
    if error.is_malformed() {
        placed = placed.malformed();
    }
    placed
}

/// An entry of `patchesJson6902`.
pub(crate) struct JsonPatch {
    operations: Vec<Value>,
    target: Matcher,
}

impl JsonPatch {
    pub(crate) fn new(target: Option<&Selector>, path: &str, inline: &str, loader: &Loader<'_>) -> Result<JsonPatch> {
        let Some(target) = target.filter(|target| !target.name.is_empty()) else {
            return Err(Error::kustomization("must specify the target name")
                .hint("say what it is for: target: {version: v1, kind: Service, name: web}"));
        };
        let text = match (path.is_empty(), inline.is_empty()) {
            (true, true) => return Err(Error::kustomization("empty file path and empty jsonOp")),
            (false, false) => return Err(Error::kustomization("must specify a file path or jsonOp, not both")),
            (true, false) => inline.to_owned(),
            (false, true) => {
                let loaded = loader.load(path)?.text().into_owned();
                if loaded.is_empty() {
                    return Err(Error::kustomization(format!("patch file '{path}' empty seems to be empty")));
                }
                loaded
            }
        };
        let operations = json_patch::read(&text)
            .map_err(|why| Error::kustomization(format!("decoding {}: {why}", text.trim_end())))?;
        if operations.is_empty() {
            return Err(Error::kustomization(format!("patch appears to be empty; file={path}, JsonOp={inline}")));
        }
        Ok(JsonPatch { operations, target: Matcher::new(target)? })
    }

    pub(crate) fn run(&self, resources: &mut Resources, schemas: &Schemas, growth: &Growth) -> Result<()> {
        for i in self.target.select(resources) {
            apply_json(resources, i, &self.operations, schemas, growth).map_err(|error| resources.blame(i, error))?;
        }
        Ok(())
    }
}
