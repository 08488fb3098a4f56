//! ConfigMap and Secret generators, and how what they make meets what is there.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use belay_object::{Map, Value};

use crate::error::{Error, Result};
use crate::kustomization::{ConfigMapArgs, GeneratorOptions, SecretArgs};
use crate::load::Loader;
use crate::resource::{Behavior, Origin, Resource, text_map};
use crate::schema::Schemas;
use crate::set::Resources;

/// The options of an entry with the kustomization's: labels and annotations of the entry win,
/// either may disable the hash or make immutable.
pub(crate) fn with_global(
    local: Option<GeneratorOptions>,
    global: Option<&GeneratorOptions>,
) -> Option<GeneratorOptions> {
    let Some(global) = global else { return local };
    let mut options = local.unwrap_or_default();
    for (ours, theirs) in [(&mut options.labels, &global.labels), (&mut options.annotations, &global.annotations)] {
        for (key, value) in theirs {
            ours.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    options.disable_name_suffix_hash |= global.disable_name_suffix_hash;
    options.immutable |= global.immutable;
    Some(options)
}

/// Makes a ConfigMap.
pub(crate) fn config_map(args: &ConfigMapArgs, loader: &Loader<'_>, origin: &Origin) -> Result<Resource> {
    let mut object = base(args, "ConfigMap")?;
    for (key, content) in pairs(args, loader)? {
        match String::from_utf8(content) {
            Ok(text) => object.set(&["data", &key], text),
            Err(binary) => object.set(&["binaryData", &key], wrapped_base64(binary.as_bytes())),
        }
    }
    Ok(finish(object, args, origin))
}

/// Makes a Secret.
pub(crate) fn secret(args: &SecretArgs, loader: &Loader<'_>, origin: &Origin) -> Result<Resource> {
    let mut object = base(&args.common, "Secret")?;
    object.set(&["type"], if args.secret_type.is_empty() { "Opaque" } else { &args.secret_type });
    let data: Map = pairs(&args.common, loader)?
        .into_iter()
        .map(|(key, content)| (key, Value::from(wrapped_base64(&content))))
        .collect();
    object.set(&["data"], data);
    Ok(finish(object, &args.common, origin))
}

fn base(args: &ConfigMapArgs, kind: &str) -> Result<Value> {
    let name = if args.name.is_empty() { &args.metadata.name } else { &args.name };
    let namespace = if args.namespace.is_empty() { &args.metadata.namespace } else { &args.namespace };
    if name.is_empty() {
        return Err(Error::transform("a configmap must have a name"));
    }
    let mut object = Value::object();
    object.set(&["apiVersion"], "v1");
    object.set(&["kind"], kind);
    object.set(&["metadata", "name"], name);
    if !namespace.is_empty() {
        object.set(&["metadata", "namespace"], namespace);
    }
    Ok(object)
}

fn finish(mut object: Value, args: &ConfigMapArgs, origin: &Origin) -> Resource {
    if let Some(options) = &args.options {
        for (field, texts) in [("labels", &options.labels), ("annotations", &options.annotations)] {
            for (key, value) in texts {
                object.set(&["metadata", field, key], value);
            }
        }
        if options.immutable {
            object.set(&["immutable"], true);
        }
    }
    // Neither kind is cluster-scoped in any schema.
    let mut resource = Resource::new(Arc::new(object), Some(origin.clone()), &Schemas::default());
    resource.needs_hash = !args.options.as_ref().is_some_and(|options| options.disable_name_suffix_hash);
    resource.behavior = Behavior::of(&args.behavior);
    resource
}

/// Base64, in lines of 70 characters where it is longer.
fn wrapped_base64(content: &[u8]) -> String {
    let text = STANDARD.encode(content);
    if text.len() < 70 {
        return text;
    }
    let mut lines = String::with_capacity(text.len() + text.len() / 70 + 1);
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(70));
        lines.push_str(line);
        lines.push('\n');
        rest = after;
    }
    lines
}

/// Keys and contents in order of key: of env files, literals and files; a key twice is an error.
fn pairs(args: &ConfigMapArgs, loader: &Loader<'_>) -> Result<BTreeMap<String, Vec<u8>>> {
    let sources: [(&str, &[String], Reader); 3] = [
        ("env source files:", &args.envs, read_env),
        ("literal sources", &args.literals, read_literal),
        ("file sources:", &args.files, read_file),
    ];
    let mut all = Vec::new();
    for (what, list, read) in sources {
        for source in list {
            read(source, loader, &mut all)
                .map_err(|error| error.wrap(format_args!("{what} [{}]", list.join(" "))).wrap("loading KV pairs"))?;
        }
    }
    let mut data = BTreeMap::new();
    let name = if args.name.is_empty() { &args.metadata.name } else { &args.name };
    for (key, content) in all {
        if data.contains_key(&key) {
            return Err(Error::transform(format!("configmap {name} illegally repeats the key `{key}`")));
        }
        data.insert(key, content);
    }
    Ok(data)
}

type Pairs = Vec<(String, Vec<u8>)>;
type Reader = fn(&str, &Loader<'_>, &mut Pairs) -> Result<()>;

/// Lines `KEY=VALUE`; what has no `=` has an empty value, a comment starts with `#`.
fn read_env(path: &str, loader: &Loader<'_>, pairs: &mut Pairs) -> Result<()> {
    let loaded = loader.load(path)?;
    for (i, line) in loaded.content.split(|b| *b == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| {
            Error::transform(format!("line {} has invalid utf8 bytes : {}", i + 1, String::from_utf8_lossy(line)))
                .at(&loaded.path, Some(i + 1))
        })?;
        let line = if i == 0 { line.strip_prefix('\u{feff}').unwrap_or(line) } else { line };
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once('=').unwrap_or((line, ""));
        if !key.is_empty() {
            pairs.push((key.to_owned(), value.as_bytes().to_vec()));
        }
    }
    Ok(())
}

/// `KEY=VALUE`; one pair of equal quotes around the value goes.
fn read_literal(source: &str, _: &Loader<'_>, pairs: &mut Pairs) -> Result<()> {
    let (key, value) = source
        .split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| Error::transform(format!("invalid literal source {source}, expected key=value")))?;
    let unquoted = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    pairs.push((key.to_owned(), unquoted.unwrap_or(value).as_bytes().to_vec()));
    Ok(())
}

/// `[KEY=]PATH`; the key is the file's name where none is given.
fn read_file(source: &str, loader: &Loader<'_>, pairs: &mut Pairs) -> Result<()> {
    let (key, path) = match source.split_once('=') {
        None => (source.trim_end_matches('/').rsplit('/').next().unwrap_or(source), source),
        Some((_, path)) if path.contains('=') => {
            return Err(Error::transform(format!("source {source:?} key name or file path contains '='")));
        }
        Some(("", path)) => {
            return Err(Error::transform(format!("missing key name for file path {path:?} in source {source:?}")));
        }
        Some((key, "")) => {
            return Err(Error::transform(format!("missing file path for key name {key:?} in source {source:?}")));
        }
        Some(found) => found,
    };
    pairs.push((key.to_owned(), loader.load(path)?.content.to_vec()));
    Ok(())
}

/// Adds generated resources: appended, or merged into or put in the place of the one that has or
/// had their name.
pub(crate) fn absorb(resources: &mut Resources, generated: impl IntoIterator<Item = Resource>) -> Result<()> {
    generated.into_iter().try_for_each(|resource| absorb_one(resources, resource))
}

fn absorb_one(resources: &mut Resources, mut new: Resource) -> Result<()> {
    let id = new.id();
    let matches = resources.with_any(&id.name, |other| other.equals(&id));
    let go_id = || {
        format!(
            "resid.ResId{{Gvk:resid.Gvk{{Group:{:?}, Version:{:?}, Kind:{:?}, isClusterScoped:{}}}, Name:{:?}, Namespace:{:?}}}",
            id.gvk.group.as_str(),
            id.gvk.version.as_str(),
            id.gvk.kind.as_str(),
            id.cluster,
            id.name,
            id.namespace
        )
    };
    let adds = matches!(new.behavior, Behavior::Create | Behavior::Unspecified);
    match matches.as_slice() {
        [] if adds => resources.append(new),
        [] => Err(Error::transform(format!("id {} does not exist; cannot merge or replace", go_id())).hint(format!(
            "no resource or base makes a {} {}: leave out behavior to make it here",
            id.gvk.kind, id.name
        ))),
        [i] if adds => {
            let message = format!(
                "id {} exists; can not use behavior: '{}', behavior must be merge or replace",
                go_id(),
                new.behavior.as_str()
            );
            let error =
                Error::transform(message).hint("set behavior: merge or behavior: replace, or choose another name");
            Err(resources.blame(*i, error))
        }
        [i] => {
            let old = &resources[*i];
            let merges = new.behavior == Behavior::Merge;
            inherit(&mut new, old);
            if merges {
                merge_data(&mut new, old);
                new.provenance.origin = old.provenance.origin.clone().or(new.provenance.origin);
            }
            resources.replace(*i, new);
            Ok(())
        }
        _ => Err(Error::transform(format!("found multiple objects that could accept merge of {id}"))),
    }
}

/// Takes over the old resource's labels, annotations, names and history; the new one's labels and
/// annotations win.
fn inherit(new: &mut Resource, old: &Resource) {
    for field in ["labels", "annotations"] {
        let mut merged = text_map(old.value().at(&["metadata", field]));
        for (key, value) in text_map(new.value().at(&["metadata", field])) {
            merged.insert(key, value);
        }
        match merged.is_empty() {
            true => drop(new.value_mut().remove(&["metadata", field])),
            false => new.value_mut().set(&["metadata", field], merged),
        }
    }
    new.set_name(&old.name());
    new.set_namespace(&old.namespace());
    new.needs_hash &= old.needs_hash;
    new.behavior = old.behavior;
    new.previous = old.previous.clone();
    new.prefixes = old.prefixes.clone();
    new.suffixes = old.suffixes.clone();
    new.vars = old.vars.clone();
    new.from_helm = old.from_helm;
}

fn merge_data(new: &mut Resource, old: &Resource) {
    for field in ["data", "binaryData"] {
        let mut merged = text_map(old.value().get(field));
        for (key, value) in text_map(new.value().get(field)) {
            merged.insert(key, value);
        }
        match merged.is_empty() {
            true => drop(new.value_mut().remove(&[field])),
            false => new.value_mut().set(&[field], merged),
        }
    }
}
