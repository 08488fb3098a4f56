//! Field specs of the user: `configurations` and what OpenAPI definitions in `crds` say.

use std::sync::Arc;

use belay_object::{Map, Value};
use belay_tree::TreePath;
use belay_yaml::{Options, parse_nodes, parse_value};

use crate::decode::{Rules, decode, decode_struct};
use crate::error::{Error, Result};
use crate::facts::{Config, Reference};
use crate::fieldspec::{FieldSpec, merge_specs};
use crate::id::Gvk;
use crate::load::Loader;
use crate::options::{Compatibility, NEWER};
use crate::suggest::nearest;

/// The built-in field specs with those of configuration files.
pub(crate) fn load(loader: &Loader<'_>, paths: &[String]) -> Result<Arc<Config>> {
    let compatibility = loader.options().compatibility;
    if paths.is_empty() {
        return Ok(Config::built_in(compatibility));
    }
    let mut added = Config::default();
    for path in paths {
        let loaded = loader.load(path)?;
        let config = read(&loaded.text(), compatibility).map_err(|error| error.in_file(&loaded.path))?;
        added.merge(&config)?;
    }
    let mut config = Config::tables(compatibility);
    config.merge(&added)?;
    Ok(Arc::new(config))
}

#[derive(Default)]
struct ReferenceFields {
    group: String,
    version: String,
    kind: String,
    specs: Vec<FieldSpec>,
}
decode_struct!(ReferenceFields, "builtinconfig.NameBackReferences", "NameBackReferences", {
    group: "group" in "Gvk", version: "version" in "Gvk", kind: "kind" in "Gvk", specs: "fieldSpecs",
});

/// What a configuration may hold.
const KEYS: [&str; 11] = [
    "namePrefix",
    "nameSuffix",
    "namespace",
    "commonLabels",
    "labels",
    "templateLabels",
    "commonAnnotations",
    "nameReference",
    "varReference",
    "images",
    "replicas",
];

fn read(text: &str, compatibility: Compatibility) -> Result<Config> {
    let value = parse_value(text, &Options::v2_strict())
        .map_err(|error| Error::kustomization(format!("error converting YAML to JSON: {}", error.go_text)))?;
    let failed = |why: String| Error::kustomization(format!("error unmarshaling JSON: while decoding JSON: {why}"));
    let mut config = Config::default();
    for (key, value) in value.as_object().into_iter().flat_map(Map::iter) {
        if value.is_null() {
            continue;
        }
        let is_new = key.eq_ignore_ascii_case("volumeClaimTemplateLabels");
        if is_new && compatibility == Compatibility::V5_8_1 {
            return Err(failed(format!("json: unknown field {:?}", key.as_str())).hint(NEWER));
        }
        if let Some(specs) = config.specs_mut(key) {
            *specs = decode(value, Rules::StrictYaml).map_err(failed)?;
            if specs.len() > MAX_SPECS {
                return Err(Error::limit(format!("'{}' has more than {MAX_SPECS} entries", key.as_str())));
            }
        } else if key.eq_ignore_ascii_case("nameReference") {
            let references: Vec<ReferenceFields> = decode(value, Rules::StrictYaml).map_err(failed)?;
            config.references.extend(references.into_iter().map(|fields| Reference {
                target: Gvk::new(&fields.group, &fields.version, &fields.kind),
                referrers: fields.specs,
            }));
        } else {
            let line = parse_nodes(text, &Options::v2())
                .ok()
                .and_then(|trees| trees.first()?.line_at(&format!("/{}", key.as_str())));
            let error = failed(format!("json: unknown field {:?}", key.as_str())).at(&TreePath::root(), line);
            return Err(match nearest(key, KEYS) {
                Some(known) => error.hint(format!("did you mean '{known}'?")),
                None => error.hint(format!("a configuration has {}", KEYS.join(", "))),
            });
        }
    }
    config.sort();
    Ok(config)
}

/// The field specs that OpenAPI definitions ask for by their extensions.
pub(crate) fn load_crds(loader: &Loader<'_>, paths: &[String]) -> Result<Config> {
    let mut config = Config::default();
    for path in paths {
        let loaded = loader.load(path)?;
        let definitions = parse_value(&loaded.text(), &Options::v2()).map_err(|error| {
            Error::kustomization(format!("unable to parse open API definition from '{path}': {}", error.go_text))
                .at(&loaded.path, Some(error.line))
        })?;
        let Some(definitions) = definitions.as_object() else { continue };
        for (name, definition) in definitions.iter() {
            let properties = properties(definition);
            let is_kind = |properties: &Map| {
                ["kind", "apiVersion", "metadata"].iter().all(|field| properties.contains_key(field))
            };
            if properties.is_some_and(is_kind) {
                let kind = name.rsplit('.').next().unwrap_or(name);
                let mut visits = MAX_VISITS;
                add_type(&mut config, &Gvk::new("", "", kind), definitions, name, &mut Vec::new(), &mut visits)
                    .map_err(|error| error.at(&loaded.path, None))?;
            }
        }
    }
    config.sort();
    Ok(config)
}

/// How deep definitions refer to each other before it is taken for a circle.
const MAX_DEPTH: usize = 32;
/// How many properties one kind may have, those of definitions counted each time that they are referred
/// to: the largest CRDs have some thousands.
const MAX_VISITS: usize = 100_000;
/// How many field specs there may be of one sort; they are compared with each other.
const MAX_SPECS: usize = 10_000;

fn properties(definition: &Value) -> Option<&Map> {
    let schema = definition.as_object()?.iter().find(|(key, _)| key.eq_ignore_ascii_case("schema"))?.1;
    schema.get("properties")?.as_object()
}

fn add_type(
    config: &mut Config,
    gvk: &Gvk,
    definitions: &Map,
    name: &str,
    path: &mut Vec<String>,
    visits: &mut usize,
) -> Result<()> {
    let Some(properties) = definitions.get(name).and_then(properties) else { return Ok(()) };
    if path.len() >= MAX_DEPTH {
        return Ok(());
    }
    for (property, schema) in properties.iter() {
        path.push(property.to_string());
        *visits = visits
            .checked_sub(1)
            .ok_or_else(|| Error::limit(format!("definition '{name}' leads to more than {MAX_VISITS} properties")))?;
        let has = |extension: &str| schema.str_at(&[extension]).is_some();
        let spec = || [FieldSpec::new(gvk.clone(), &path.join("/"), false)];
        if has("x-kubernetes-annotation") {
            merge_specs(&mut config.common_annotations, &spec())?;
        }
        if has("x-kubernetes-label-selector") {
            merge_specs(&mut config.common_labels, &spec())?;
        }
        if has("x-kubernetes-identity") {
            merge_specs(&mut config.name_prefix, &spec())?;
        }
        let text = |extension: &str| schema.str_at(&[extension]);
        if let (Some(version), Some(kind)) =
            (text("x-kubernetes-object-ref-api-version"), text("x-kubernetes-object-ref-kind"))
        {
            let key = text("x-kubernetes-object-ref-name-key").unwrap_or("name");
            let referrer = FieldSpec::new(gvk.clone(), &format!("{}/{key}", path.join("/")), false);
            config.add_reference(&Reference { target: Gvk::new("", version, kind), referrers: vec![referrer] })?;
        }
        if let Some(reference) = schema.str_at(&["$ref"]) {
            add_type(config, gvk, definitions, reference, path, visits)?;
        }
        path.pop();
    }
    Ok(())
}
