//! From a document's tree to its value: aliases, merge keys, tags, keys that are no strings, and
//! what of all that JSON cannot say.

mod keys;
mod tags;

use std::collections::HashMap;

use belay_object::{Key, Map, Value};
use thin_vec::ThinVec;

use crate::node::{Content, NodeId, NodeTree, Style};
use crate::resolve::{self, Scalar};
use crate::{Duplicates, ErrorKind, Options, Resolver};

/// What makes a tree no value.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) kind: ErrorKind,
    pub(crate) at: NodeId,
    /// Without a place.
    pub(crate) message: String,
    /// Go's whole text.
    pub(crate) go_text: String,
}

impl Refusal {
    /// A refusal of goyaml, which prefixes its texts.
    fn yaml(at: NodeId, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal { kind: ErrorKind::Value, at, go_text: format!("yaml: {message}"), message }
    }
    /// A refusal of what comes behind goyaml.
    fn json(at: NodeId, message: impl Into<String>) -> Refusal {
        let message = message.into();
        Refusal { kind: ErrorKind::Value, at, go_text: message.clone(), message }
    }
}

/// Gives the value of a document; `base_line` is the number of lines before it, which Go's texts do
/// not count.
pub(crate) fn value(tree: &NodeTree<'_>, text_bytes: usize, base_line: usize, options: &Options) -> Built<Value> {
    let Some(root) = tree.root else { return Ok(Value::Null) };
    let mut builder = Builder {
        tree,
        options,
        base_line,
        nodes: 0,
        alias_nodes: 0,
        alias_bytes: 0,
        max_alias_bytes: text_bytes.saturating_mul(10).max(MIN_ALIAS_BYTES),
        open_aliases: Vec::new(),
        depth: 0,
    };
    builder.value(root)
}

type Built<T> = Result<T, Refusal>;
type Pairs = [(NodeId, NodeId)];
type Fields = ThinVec<(Key, Value)>;

const NO_MAP: &str = "map merge requires map or sequence of maps as the value";

/// Text that aliases may copy in any document; beyond it, ten times the document's size.
const MIN_ALIAS_BYTES: usize = 4 << 20;

struct Builder<'t, 'a> {
    tree: &'t NodeTree<'a>,
    options: &'t Options,
    base_line: usize,
    nodes: usize,
    /// Nodes built while an alias was being followed.
    alias_nodes: usize,
    alias_bytes: usize,
    max_alias_bytes: usize,
    /// The aliases that are being followed.
    open_aliases: Vec<NodeId>,
    depth: usize,
}

impl<'t> Builder<'t, '_> {
    fn text(&self, id: NodeId) -> &'t str {
        match &self.tree.node(id).content {
            Content::Scalar { text, .. } => text,
            _ => "",
        }
    }

    fn value(&mut self, id: NodeId) -> Built<Value> {
        self.count(id)?;
        match &self.tree.node(id).content {
            Content::Scalar { .. } => self.scalar(id),
            Content::Alias(target) => self.within_alias(id, |builder| builder.value(*target)),
            Content::Sequence(items) => self.deeper(id, |builder| {
                let mut list = ThinVec::with_capacity(items.len());
                for item in items {
                    list.push(builder.value(*item)?);
                }
                Ok(Value::Array(list))
            }),
            Content::Mapping(fields) => self.mapping(id, fields).map(Value::Object),
        }
    }

    /// Counts one step as Go's decoders do and stops where most of them come from aliases.
    fn count(&mut self, id: NodeId) -> Built<()> {
        self.nodes += 1;
        if self.open_aliases.is_empty() {
            return Ok(());
        }
        self.alias_nodes += 1;
        let share = self.alias_nodes as f64 / self.nodes as f64;
        let excessive = self.alias_nodes > 100 && self.nodes > 1000 && share > allowed_alias_share(self.nodes);
        if excessive || self.alias_nodes > self.options.limits.max_alias_values {
            return Err(self.excessive(id));
        }
        Ok(())
    }

    fn excessive(&self, id: NodeId) -> Refusal {
        Refusal { kind: ErrorKind::Limit, ..Refusal::yaml(id, "document contains excessive aliasing") }
    }

    fn deeper<T>(&mut self, id: NodeId, build: impl FnOnce(&mut Self) -> Built<T>) -> Built<T> {
        self.depth += 1;
        if self.depth > self.options.limits.max_depth {
            let message = format!("exceeded max depth of {}", self.options.limits.max_depth);
            return Err(Refusal { kind: ErrorKind::Limit, ..Refusal::yaml(id, message) });
        }
        let built = build(self);
        self.depth -= 1;
        built
    }

    /// *Invariant*: an alias is followed only once at a time, so a cycle ends here.
    fn within_alias<T>(&mut self, id: NodeId, build: impl FnOnce(&mut Self) -> Built<T>) -> Built<T> {
        if self.open_aliases.contains(&id) {
            let name = match self.tree.node(id).content {
                Content::Alias(target) => self.tree.node(target).anchor.unwrap_or_default(),
                _ => "",
            };
            return Err(Refusal::yaml(id, format!("anchor '{name}' value contains itself")));
        }
        self.open_aliases.push(id);
        let built = build(self);
        self.open_aliases.pop();
        built
    }

    fn mapping(&mut self, id: NodeId, fields: &Pairs) -> Built<Map> {
        let mut found = Fields::with_capacity(fields.len());
        self.fields(id, fields, &mut found)?;
        let (map, any_equal) = Map::from_fields(found);
        if any_equal && self.options.duplicates == Duplicates::Refuse {
            return Err(self.duplicate(fields)?);
        }
        Ok(map)
    }

    /// Appends the fields of a mapping node; of equal ones the last counts.
    fn fields(&mut self, id: NodeId, fields: &Pairs, found: &mut Fields) -> Built<()> {
        self.deeper(id, |builder| {
            let mut merge = None;
            let start = found.len();
            for (key, value) in fields {
                if !builder.is_merge(*key) {
                    let name = builder.key(*key, *value)?;
                    let value = builder.value(*value)?;
                    found.push((name, value));
                } else if builder.options.resolver == Resolver::V2 {
                    // In place: what is written before it loses against it.
                    builder.merge(*value, found)?;
                } else {
                    if merge.is_some() && builder.options.duplicates == Duplicates::Refuse {
                        return Err(builder.duplicate(fields)?);
                    }
                    merge = Some(*value);
                }
            }
            let Some(merge) = merge else { return Ok(()) };
            // yaml.v3: what is merged loses against what is written.
            let written: Fields = found.drain(start..).collect();
            builder.merge(merge, found)?;
            let (map, any_equal) = Map::from_fields(written);
            if any_equal && builder.options.duplicates == Duplicates::Refuse {
                return Err(builder.duplicate(fields)?);
            }
            let merged = Map::from_fields(found.drain(start..).collect()).0;
            found.extend(Map::from_fields(merged.into_iter().chain(map).collect()).0);
            Ok(())
        })
    }

    /// Whether a key is `<<` and means a merge.
    fn is_merge(&self, key: NodeId) -> bool {
        let node = self.tree.node(key);
        let Content::Scalar { text, style } = &node.content else { return false };
        text == "<<"
            && match node.tag.as_deref() {
                None => *style == Style::Plain,
                Some("!") => self.options.resolver == Resolver::V2 || *style == Style::Plain,
                Some(tag) => tag == "tag:yaml.org,2002:merge",
            }
    }

    /// Appends the fields of a map, of an alias of one, or of a list of such.
    fn merge(&mut self, value: NodeId, found: &mut Fields) -> Built<()> {
        match &self.tree.node(value).content {
            // The first of the list wins, so it comes last.
            Content::Sequence(items) => items.iter().rev().try_for_each(|item| self.merge_one(*item, found)),
            _ => self.merge_one(value, found),
        }
    }

    fn merge_one(&mut self, value: NodeId, found: &mut Fields) -> Built<()> {
        self.count(value)?;
        let tree = self.tree;
        match &tree.node(value).content {
            Content::Mapping(fields) => self.fields(value, fields, found),
            Content::Alias(target) => match &tree.node(*target).content {
                Content::Mapping(fields) => self.within_alias(value, |builder| {
                    builder.count(*target)?;
                    builder.fields(*target, fields, found)
                }),
                _ => Err(Refusal::yaml(value, NO_MAP)),
            },
            _ => Err(Refusal::yaml(value, NO_MAP)),
        }
    }

    fn scalar(&mut self, id: NodeId) -> Built<Value> {
        let resolved = self.resolve(id)?;
        Ok(match resolved {
            Scalar::Null => Value::Null,
            Scalar::Bool(b) => Value::Bool(b),
            Scalar::Int(i) => Value::Int(i),
            Scalar::UInt(u) => Value::from(u),
            Scalar::Float(f) if f.is_finite() => resolve::float_value(f),
            Scalar::Float(f) => {
                let text = if f.is_nan() {
                    "NaN"
                } else if f > 0.0 {
                    "+Inf"
                } else {
                    "-Inf"
                };
                return Err(Refusal::json(id, format!("json: unsupported value: {text}")));
            }
            Scalar::Time(time) => Value::from(time),
            Scalar::Text => {
                let text = self.text(id);
                if !self.open_aliases.is_empty() {
                    self.alias_bytes += text.len();
                    if self.alias_bytes > self.max_alias_bytes {
                        return Err(self.excessive(id));
                    }
                }
                match self.tree.node(id).tag.as_deref() {
                    Some("tag:yaml.org,2002:binary") => self.binary(id)?,
                    _ => Value::from(text),
                }
            }
        })
    }

    /// Go's line of a node: from 1, in this document.
    fn go_line(&self, id: NodeId) -> usize {
        self.tree.node(id).line - self.base_line
    }
}

/// How much of a document may come from aliases, as Go's decoders allow: 99 of 100 nodes up to
/// 400,000, then falling to one of ten at 4,000,000. So aliases never make more than about 400,000.
fn allowed_alias_share(nodes: usize) -> f64 {
    const LOW: f64 = 400_000.0;
    const HIGH: f64 = 4_000_000.0;
    match nodes as f64 {
        n if n <= LOW => 0.99,
        n if n >= HIGH => 0.10,
        n => 0.99 - 0.89 * ((n - LOW) / (HIGH - LOW)),
    }
}

impl Builder<'_, '_> {
    /// The error of the first key that stands twice in a map.
    fn duplicate(&mut self, fields: &Pairs) -> Built<Refusal> {
        let mut seen: HashMap<Key, NodeId> = HashMap::new();
        for (key, value) in fields {
            let name = if self.is_merge(*key) { Key::new("<<") } else { self.key(*key, *value)? };
            match seen.get(&name) {
                Some(first) => return Ok(self.duplicate_at(&name, *first, *key, *value)),
                None => seen.insert(name, *key),
            };
        }
        // Then a merge brought it.
        let merge = fields.iter().find(|(key, _)| self.is_merge(*key)).or(fields.first());
        let (key, value) = merge.copied().unwrap_or((NodeId(0), NodeId(0)));
        Ok(self.duplicate_at("<<", key, key, value))
    }

    fn duplicate_at(&self, name: &str, first: NodeId, key: NodeId, value: NodeId) -> Refusal {
        let (line, go_message) = match self.options.resolver {
            Resolver::V2 => {
                let name = self.go_key(key, name);
                (self.go_line(value), format!("key {name} already set in map"))
            }
            Resolver::V3 => {
                let line = self.go_line(first);
                (self.go_line(key), format!("mapping key {name:?} already defined at line {line}"))
            }
        };
        Refusal {
            kind: ErrorKind::Duplicate,
            at: key,
            message: format!("mapping key {name:?} already defined at line {}", self.tree.node(first).line),
            go_text: format!("yaml: unmarshal errors:\n  line {line}: {go_message}"),
        }
    }
}
