//! OpenAPI v3: an index, and a document for each group version.

use std::collections::{BTreeSet, HashMap};
use std::sync::OnceLock;

use belay_object::{Map, Value, object};
use belay_schema::Types;
use bytes::Bytes;
use parking_lot::Mutex;

use super::{custom, etag, paths};
use crate::resource::Registry;

const REFS: &str = "#/components/schemas/";

/// `api/v1` or `apis/apps/v1`, as the index names it.
fn name_of(group: &str, version: &str) -> String {
    paths::root(group, version)[1..].to_owned()
}

/// The group versions, with whether one is of custom resources.
fn group_versions(registry: &Registry) -> impl Iterator<Item = (&str, &str, bool)> {
    registry.groups().iter().flat_map(|group| {
        group.versions.iter().map(move |(version, resources)| {
            (group.name.as_str(), version.as_str(), resources.iter().any(|r| r.custom.is_some()))
        })
    })
}

/// `/openapi/v3`: where each document is; the hash in a link changes with the document.
pub(super) fn index(registry: &Registry) -> Bytes {
    let entry = |(group, version, is_custom): (&str, &str, bool)| {
        let name = name_of(group, version);
        let hash = if is_custom {
            // What a definition says is told by its version; reading its schemas can wait.
            let of = registry.resources().filter(|r| r.group == group && r.version == version);
            let versions: String = of
                .filter_map(|r| r.custom.as_ref())
                .map(|c| format!("{}@{} ", c.definition.uid(), c.definition.version()))
                .collect();
            etag(versions.as_bytes())
        } else {
            etag(&built_in(registry, group, version))
        };
        let link = format!("/openapi/v3/{name}?hash={hash}");
        (name, object! { "serverRelativeURL" => link })
    };
    let entries: Map = group_versions(registry).map(entry).collect();
    Bytes::from(object! { "paths" => entries }.to_json())
}

/// `/openapi/v3/NAME`
pub(super) fn document(registry: &Registry, name: &str) -> Option<Bytes> {
    let (group, version, is_custom) = group_versions(registry).find(|(g, v, _)| name_of(g, v) == name)?;
    Some(if is_custom { custom_document(registry, group, version) } else { built_in(registry, group, version) })
}

/// A built-in group version's document, made once: neither its resources nor its types change.
fn built_in(registry: &Registry, group: &str, version: &str) -> Bytes {
    static MADE: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    let mut made = MADE.get_or_init(Mutex::default).lock();
    let name = name_of(group, version);
    made.entry(name).or_insert_with(|| built_in_document(registry, group, version)).clone()
}

fn built_in_document(registry: &Registry, group: &str, version: &str) -> Bytes {
    let types = Types::builtin();
    let mut wanted: BTreeSet<&'static str> = BTreeSet::new();
    let kind_mark = format!("\"group\":\"{group}\",");
    let version_mark = format!("\"version\":\"{version}\"");
    // Every kind of the group version, its lists and options among them, is marked in its own schema.
    for definition in types.definitions() {
        let json = definition.json();
        let Some(at) = json.find("\"x-kubernetes-group-version-kind\":") else { continue };
        let of_this = json[at..].split('}').any(|kind| kind.contains(&kind_mark) && kind.contains(&version_mark));
        // What is of every group version (DeleteOptions) comes along where it is referred to.
        if of_this && json[at..].matches('{').count() == 1 {
            add(definition.name(), &mut wanted);
        }
    }
    for operation in paths::of(registry, group, version).iter().flat_map(|p| &p.operations) {
        if let Some(definition) = types.definition_of(&operation.group_version_kind()) {
            add(definition.name(), &mut wanted);
        }
    }
    let mut out = head(registry, group, version);
    for (i, name) in wanted.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(&Value::from(*name).to_json());
        out.push(':');
        out.push_str(types.definition(name).map_or("{}", |d| d.json()));
    }
    out.push_str("}}}");
    Bytes::from(out)
}

/// Adds a type and all it refers to.
fn add(name: &str, wanted: &mut BTreeSet<&'static str>) {
    let mut open = vec![name];
    while let Some(name) = open.pop() {
        let Some(definition) = Types::builtin().definition(name) else { continue };
        if wanted.insert(definition.name()) {
            open.extend(references(definition.json()));
        }
    }
}

/// The names that a schema's text refers to.
fn references(json: &str) -> impl Iterator<Item = &str> {
    json.split(REFS).skip(1).filter_map(|rest| rest.split('"').next())
}

/// The document up to its schemas.
fn head(registry: &Registry, group: &str, version: &str) -> String {
    let path = |path: paths::Path| {
        let operations: Map = path.operations.iter().map(|o| (o.method, o.v3())).collect();
        (path.text, Value::from(operations))
    };
    let paths: Map = paths::of(registry, group, version).into_iter().map(path).collect();
    let info = object! { "title" => "Kubernetes", "version" => "v1.36.2" };
    let (info, paths) = (info.to_json(), Value::from(paths).to_json());
    format!("{{\"openapi\":\"3.0.0\",\"info\":{info},\"paths\":{paths},\"components\":{{\"schemas\":{{")
}

fn custom_document(registry: &Registry, group: &str, version: &str) -> Bytes {
    let mut wanted = BTreeSet::new();
    let mut out = head(registry, group, version);
    let of = registry.resources().filter(|r| r.group == group && r.version == version);
    for (name, schema) in of.flat_map(|r| custom::schemas(r, REFS)) {
        let json = schema.to_json();
        references(&json).for_each(|name| add(name, &mut wanted));
        out.push_str(&format!("{}:{json},", Value::from(name).to_json()));
    }
    for name in wanted {
        let json = Types::builtin().definition(name).map_or("{}", |d| d.json());
        out.push_str(&format!("{}:{json},", Value::from(name).to_json()));
    }
    if out.ends_with(',') {
        out.pop();
    }
    out.push_str("}}}");
    Bytes::from(out)
}
