//! Manifests: a YAML or JSON stream to the objects of a build.

use std::collections::VecDeque;
use std::sync::Arc;

use belay_object::{Key, Map, Value};
use belay_yaml::{Content, ErrorKind as YamlErrorKind, NodeId, NodeTree, Options, Style, parse_located, parse_nodes};

use crate::error::{Error, ErrorKind, Result};
use crate::scalar::{blank, is_blank, is_empty, is_null, is_scalar, text};

/// One object of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Manifest {
    pub(crate) value: Arc<Value>,
    /// Which document of the stream it stands in, from 0.
    pub(crate) document: usize,
    /// The line on which the document's content starts, from 1.
    pub(crate) line: usize,
}

/// What a stream is read for. kustomize turns annotations into texts at some time; in a patch a
/// null is not yet one, because it deletes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Purpose {
    Resources,
    Patches,
}

/// The labels and annotations of an object as written, by field; of those that are not texts.
pub(crate) type MetaTexts = Vec<(&'static str, Key, Box<str>)>;

/// Reads a stream of resources.
pub(crate) fn read(stream: &str) -> Result<Vec<Manifest>> {
    Ok(read_for(stream, Purpose::Resources)?.into_iter().map(|(manifest, _)| manifest).collect())
}

/// Reads a stream, and what labels and annotations of patches read as text. Lists are taken apart: a list alone in its stream in its place, any other at the
/// end. An object without kind or name is an error.
pub(crate) fn read_for(stream: &str, purpose: Purpose) -> Result<Vec<(Manifest, MetaTexts)>> {
    let documents = parse_located(stream, &Options::v3()).map_err(|error| {
        let kind = match error.kind {
            YamlErrorKind::Limit => ErrorKind::Limit,
            _ => ErrorKind::Resource,
        };
        // What kustomize finds only when it prints, is told here, with its place.
        let message = match error.kind {
            YamlErrorKind::Duplicate | YamlErrorKind::Value => format!("yaml: line {}: {}", error.line, error.message),
            _ => format!("MalformedYAMLError: {}", error.go_text),
        };
        let told = Error::new(kind, message).malformed().at(&belay_tree::TreePath::root(), Some(error.line));
        match stream.contains("{{") {
            true => {
                told.hint("'{{' looks like a template of Helm or another tool: render it first, this is read as YAML")
            }
            false => told,
        }
    })?;
    let mut trees = None;
    let mut queue = VecDeque::with_capacity(documents.len());
    let alone = documents.len() == 1 && documents[0].index == 0;
    for mut document in documents {
        let mut texts = MetaTexts::new();
        if needs_nodes(&document.value, purpose) {
            let trees = match &trees {
                Some(trees) => trees,
                None => trees.insert(parse_nodes(stream, &Options::v3()).unwrap_or_default()),
            };
            if let Some(tree) = trees.get(document.index) {
                touch_up(stream, tree, &mut document.value, purpose, &mut texts);
            }
        }
        let (index, line) = (document.index, document.line);
        match document.value {
            Value::Object(map) if alone && is_plain_list(&map) => {
                let items = map.into_iter().find(|(key, _)| key == "items").map(|(_, items)| items);
                if let Some(Value::Array(items)) = items {
                    queue.extend(items.into_iter().map(|item| (item, index, line, MetaTexts::new())));
                }
            }
            value => queue.push_back((value, index, line, texts)),
        }
    }
    take_apart(queue)
}

fn is_plain_list(map: &Map) -> bool {
    let kind = map.get("kind").map(text).unwrap_or_default();
    matches!(&*kind, "List" | "ResourceList") && (map.contains_key("items") || map.contains_key("functionConfig"))
}

/// Checks each object and appends the items of lists to the end of the queue.
fn take_apart(mut queue: VecDeque<(Value, usize, usize, MetaTexts)>) -> Result<Vec<(Manifest, MetaTexts)>> {
    let mut manifests = Vec::with_capacity(queue.len());
    while let Some((value, document, line, texts)) = queue.pop_front() {
        if is_empty(&value) {
            continue;
        }
        check(&value).map_err(|error| {
            error
                .at(&belay_tree::TreePath::root(), Some(line))
                .hint("each object needs apiVersion, kind and metadata.name")
        })?;
        let kind = value.get("kind").map(text).unwrap_or_default();
        let is_list = kind.ends_with("List") && value.get("items").is_some();
        if !is_list {
            manifests.push((Manifest { value: Arc::new(value), document, line }, texts));
            continue;
        }
        match value.get("items") {
            Some(Value::Array(items)) => {
                queue.extend(items.iter().map(|item| (item.clone(), document, line, MetaTexts::new())));
            }
            Some(other) if !is_null(other) => {
                return Err(Error::resource(format!(
                    "expected array in {kind}/items, but found {}",
                    other.type_name()
                )));
            }
            _ => {}
        }
    }
    Ok(manifests)
}

/// Whether an object says what it is and what it is called.
fn check(value: &Value) -> Result<()> {
    let field = |name: &str| value.get(name).filter(|v| !is_empty(v)).map(text).unwrap_or_default();
    let meta = |name: &str| value.at(&["metadata", name]).filter(|v| !is_empty(v)).map(text).unwrap_or_default();
    let (api_version, kind, name) = (field("apiVersion"), field("kind"), meta("name"));
    let shown = || {
        let map = |name: &str| {
            let fields = value.at(&["metadata", name]).and_then(Value::as_object).into_iter().flat_map(Map::iter);
            fields.map(|(key, value)| format!("{key}:{}", text(value))).collect::<Vec<_>>().join(" ")
        };
        format!(
            "{{{{{api_version} {kind}}} {{{{{name} {}}} map[{}] map[{}]}}}}",
            meta("namespace"),
            map("labels"),
            map("annotations")
        )
    };
    if !matches!(value, Value::Object(_)) || (api_version.is_empty() && kind.is_empty() && is_nothing(value)) {
        return Err(Error::resource("missing Resource metadata"));
    }
    if kind.is_empty() {
        return Err(Error::resource(format!("missing kind in object {}", shown())));
    }
    if !kind.ends_with("List") && name.is_empty() {
        return Err(Error::resource(format!("missing metadata.name in object {}", shown())));
    }
    Ok(())
}

/// Whether metadata says nothing at all.
fn is_nothing(value: &Value) -> bool {
    let metadata = value.get("metadata").and_then(Value::as_object);
    !metadata.is_some_and(|m| {
        ["name", "namespace", "labels", "annotations"].iter().any(|f| m.get(f).is_some_and(|v| !is_empty(v)))
    })
}

/// Whether the texts of a document's scalars are needed: there is a null, or a label or annotation
/// that is no text.
fn needs_nodes(value: &Value, purpose: Purpose) -> bool {
    let has_others = |field: &str| {
        let map = value.at(&["metadata", field]).and_then(Value::as_object);
        map.is_some_and(|map| map.values().any(|v| v.as_str().is_none_or(may_be_read_time)))
    };
    has_others("annotations") || (purpose == Purpose::Patches && has_others("labels")) || has_null(value)
}

/// Whether a text may have been read from a plain date, which the reader writes out.
fn may_be_read_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20 && bytes[4] == b'-' && bytes[7] == b'-' && bytes[10] == b'T'
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Object(map) => map.values().any(has_null),
        Value::Array(items) => items.iter().any(has_null),
        other => other.is_null(),
    }
}

/// Puts in what only the text tells: nulls written as nothing, and annotations as written.
fn touch_up(stream: &str, tree: &NodeTree<'_>, value: &mut Value, purpose: Purpose, texts: &mut MetaTexts) {
    let Some(root) = tree.root() else { return };
    mark_blanks(stream, tree, root, value, false);
    for field in ["labels", "annotations"] {
        let written = tree.field(root, "metadata").and_then(|metadata| tree.field(metadata, field));
        let values = value.get_mut("metadata").and_then(|m| m.get_mut(field)).and_then(Value::as_object_mut);
        let (Some(written), Some(values)) = (written, values) else { continue };
        for (name, value) in values.iter_mut().filter(|(_, value)| value.as_str().is_none_or(may_be_read_time)) {
            let node = tree.field(written, name).map(|id| &tree.node(tree.resolve(id)).content);
            let Some(Content::Scalar { text, .. }) = node else { continue };
            if purpose == Purpose::Patches {
                texts.push((field, name.clone(), Box::from(&**text)));
            }
            let is_kept = if purpose == Purpose::Patches { is_scalar(value) } else { !is_blank(value) };
            if field == "annotations" && is_kept {
                *value = Value::from(&**text);
            }
        }
    }
}

/// Marks nulls written as nothing; between braces and brackets kustomize prints them as `""`.
/// Recursion is bounded by the depth that the reader allows.
fn mark_blanks(stream: &str, tree: &NodeTree<'_>, id: NodeId, value: &mut Value, in_flow: bool) {
    let node = tree.node(tree.resolve(id));
    let in_flow = in_flow || matches!(stream.as_bytes().get(node.span.start), Some(b'{' | b'['));
    match (&node.content, value) {
        (Content::Mapping(fields), Value::Object(map)) => {
            for (key, field) in fields {
                if let Content::Scalar { text, .. } = &tree.node(tree.resolve(*key)).content
                    && let Some(value) = map.get_mut(text)
                {
                    mark_blanks(stream, tree, *field, value, in_flow);
                }
            }
        }
        (Content::Sequence(items), Value::Array(values)) => {
            for (item, value) in items.iter().zip(values.iter_mut()) {
                mark_blanks(stream, tree, *item, value, in_flow);
            }
        }
        (Content::Scalar { text, style: Style::Plain }, value) if value.is_null() && text.is_empty() => {
            *value = if in_flow { Value::from("") } else { blank() };
        }
        _ => {}
    }
}
