//! `kustomize edit fix`: a kustomization file with its deprecated fields put into their successors.
//!
//! The file is written anew as kustomize writes it: its fields in the order that they have, each as
//! `sigs.k8s.io/yaml` prints it, what is new behind them in kustomize's order; comments stand before the
//! field that they stood before or in. Two things are left as they are: `vars`, of which replacements are
//! made by hand, and `helmChartInflationGenerator`.

use belay_object::{Map, Value, object};
use belay_tree::{Entry, Tree, TreePath};
use belay_yaml::{Options, parse_value, to_yaml};

use crate::decode::Rules;
use crate::error::{Error, ErrorKind, Result};
use crate::kustomization::{FILE_NAMES, Kustomization};
use crate::options::Compatibility;

/// The fields in the order in which kustomize writes those that a file has not yet.
const ORDER: [&str; 33] = [
    "apiVersion",
    "kind",
    "metadata",
    "sortOptions",
    "resources",
    "bases",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "crds",
    "commonLabels",
    "labels",
    "commonAnnotations",
    "patchesStrategicMerge",
    "patchesJson6902",
    "patches",
    "configMapGenerator",
    "secretGenerator",
    "helmCharts",
    "helmChartInflationGenerator",
    "helmGlobals",
    "generatorOptions",
    "vars",
    "images",
    "replacements",
    "replicas",
    "configurations",
    "generators",
    "transformers",
    "validators",
    "components",
    "openapi",
    "buildMetadata",
];
/// A field that kustomize reads and never writes.
const IMAGE_TAGS: &str = "imageTags";

/// A kustomization file without deprecated fields.
#[derive(Clone, Debug, PartialEq)]
pub struct Fixed {
    /// The file, symlinks followed.
    pub file: TreePath,
    /// What is to stand in it.
    pub text: String,
    /// Whether it has `vars`, which are left.
    pub has_vars: bool,
}

/// Fixes the kustomization of a directory.
pub fn fix(tree: &dyn Tree, dir: &TreePath) -> Result<Fixed> {
    let mut found = Vec::new();
    for name in FILE_NAMES {
        let path = dir.child(name).map_err(|error| Error::kustomization(error.to_string()))?;
        if let (file, Entry::File(content)) = tree.follow(&path)? {
            found.push((name, file, content));
        }
    }
    let (file, content) = match found.as_slice() {
        [(_, file, content)] => (file.clone(), content),
        [] => {
            let message = format!("Missing kustomization file '{}'.\n", FILE_NAMES[0]);
            return Err(Error::new(ErrorKind::NotFound, message));
        }
        several => {
            let names: Vec<&str> = several.iter().map(|(name, ..)| *name).collect();
            return Err(Error::kustomization(format!("Found multiple kustomization file: [{}]\n", names.join(" "))));
        }
    };
    let text = content.text().ok_or_else(|| Error::kustomization("the file is not UTF-8").at(&file, None))?;
    // kustomize reads whatever the kustomization may name.
    let is_file = |path: &str| {
        let entry = dir.join(path).ok().and_then(|path| tree.follow(&path).ok());
        entry.is_some_and(|(_, entry)| matches!(entry, Entry::File(_)))
    };
    let fixed = fix_text(text, &is_file).map_err(|error| error.in_file(&file))?;
    Ok(Fixed { file, has_vars: fixed.1, text: fixed.0 })
}

/// The fixed text, and whether it has `vars`.
fn fix_text(text: &str, is_file: &dyn Fn(&str) -> bool) -> Result<(String, bool)> {
    // Whatever a build would refuse is told as a build tells it.
    Kustomization::read(text, Rules::Json, Compatibility::Next)?;
    let value = parse_value(text, &Options::v2()).map_err(|error| Error::kustomization(error.go_text))?;
    let mut fields = Map::new();
    for (name, mut value) in value.as_object().cloned().unwrap_or_default() {
        // Names are read in any case, and written in one.
        let known = ORDER.iter().chain([&IMAGE_TAGS]).find(|known| known.eq_ignore_ascii_case(&name));
        drop_nulls(&mut value);
        fields.insert(known.map_or(&*name, |known| known), value);
    }
    move_fields(&mut fields, is_file)?;
    let has_vars = fields.get("vars").is_some_and(|vars| !vars.items().is_empty());
    Ok((write(&fields, &commented_fields(text)), has_vars))
}

/// Puts deprecated fields into their successors.
fn move_fields(fields: &mut Map, is_file: &dyn Fn(&str) -> bool) -> Result<()> {
    if text_of(fields, "kind").is_empty() {
        fields.insert("kind", crate::kustomization::KIND);
    }
    if text_of(fields, "apiVersion").is_empty() {
        let is_component = text_of(fields, "kind") == crate::kustomization::COMPONENT;
        fields.insert("apiVersion", crate::kustomization::version_of(is_component));
    }
    for (old, new) in [("bases", "resources"), (IMAGE_TAGS, "images"), ("patchesJson6902", "patches")] {
        let items = take_list(fields, old);
        append(fields, new, items);
    }
    for generator in ["configMapGenerator", "secretGenerator"] {
        for args in fields.get_mut(generator).and_then(Value::as_array_mut).into_iter().flatten() {
            let Some(args) = args.as_object_mut() else { continue };
            if let Some(env) = args.remove("env").filter(|env| env.as_str() != Some("")) {
                append(args, "envs", vec![env]);
            }
        }
    }
    let patches = take_list(fields, "patchesStrategicMerge").into_iter();
    let patches = patches.map(|patch| match patch.as_str().is_some_and(is_file) {
        true => object! { "path" => patch },
        false => object! { "patch" => patch },
    });
    append(fields, "patches", patches.collect());
    if let Some(Value::Object(pairs)) = fields.remove("commonLabels")
        && !pairs.is_empty()
    {
        let labels = fields.get("labels").map_or(&[][..], Value::items);
        let taken = labels.iter().filter_map(|label| label.get("pairs")?.as_object());
        if let Some(name) = pairs.keys().find(|name| taken.clone().any(|taken| taken.contains_key(name))) {
            return Err(Error::kustomization(format!("label name '{name}' exists in both commonLabels and labels")));
        }
        append(fields, "labels", vec![object! { "includeSelectors" => true, "pairs" => Value::Object(pairs) }]);
    }
    Ok(())
}

fn text_of<'a>(fields: &'a Map, name: &str) -> &'a str {
    fields.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn take_list(fields: &mut Map, name: &str) -> Vec<Value> {
    match fields.remove(name) {
        Some(Value::Array(items)) => items.into_iter().collect(),
        _ => Vec::new(),
    }
}

fn append(fields: &mut Map, name: &str, more: Vec<Value>) {
    if !more.is_empty() {
        let mut items = take_list(fields, name);
        items.extend(more);
        fields.insert(name, Value::Array(items.into_iter().collect()));
    }
}

/// Nulls are fields that are not there. Recursion is bounded by the depth that the YAML reader allows.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.retain(|_, value| !value.is_null());
            map.iter_mut().for_each(|(_, value)| drop_nulls(value));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// A field of the file, and the comments and blank lines before it and in it.
struct Commented {
    field: &'static str,
    comment: String,
}

/// kustomize's own reading, line by line: a line that begins with a field's name and a colon is one,
/// even in a block of text; the last line counts only if it ends.
fn commented_fields(text: &str) -> Vec<Commented> {
    let mut fields: Vec<Commented> = Vec::new();
    let mut comments = String::new();
    for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
        let bare = line.trim_start_matches(' ').trim_end_matches('\n');
        if bare.is_empty() || bare.starts_with('#') {
            comments.push_str(line);
            continue;
        }
        let name = line.split(':').next().unwrap_or_default();
        match ORDER.iter().find(|known| line.len() > name.len() && known.eq_ignore_ascii_case(name)) {
            Some(field) => fields.push(Commented { field, comment: std::mem::take(&mut comments) }),
            None => {
                if let Some(last) = fields.last_mut() {
                    last.comment.push_str(&std::mem::take(&mut comments));
                }
            }
        }
    }
    fields
}

fn write(fields: &Map, original: &[Commented]) -> String {
    let mut text = String::new();
    let mut write = |name: &str, comment: &str| {
        text.push_str(comment);
        if let Some(value) = fields.get(name).filter(|value| !is_left_out(value)) {
            let mut one = Map::new();
            one.insert(name, value.clone());
            text.push_str(&to_yaml(&Value::Object(one)));
        }
    };
    original.iter().for_each(|commented| write(commented.field, &commented.comment));
    let is_new = |name: &&&str| original.iter().all(|commented| commented.field != **name);
    ORDER.iter().filter(is_new).for_each(|name| write(name, ""));
    text
}

/// Whether a field is as good as absent.
fn is_left_out(value: &Value) -> bool {
    crate::scalar::is_empty(value) || value.as_str() == Some("")
}

#[cfg(test)]
mod tests;
