//! Kubernetes' own types: a table of definitions, each compiled when it is first looked at.
//!
//! The table is the OpenAPI text of a real server without descriptions (`data/types.txt`, one
//! definition a line: its name, a space, its JSON). The text stays where the loader maps it; looking
//! for line ends is all that start-up does.

use std::collections::HashMap;
use std::sync::OnceLock;

use belay_object::{GroupVersionKind, from_json_str};

use crate::node::{Link, Node, Schema};
use crate::openapi;

static TEXT: &str = include_str!("../data/types.txt");

/// One built-in type by its OpenAPI name.
#[derive(Debug)]
pub struct Definition {
    name: &'static str,
    json: &'static str,
    node: OnceLock<Node>,
}

impl Definition {
    /// `io.k8s.api.apps.v1.Deployment`
    pub fn name(&self) -> &'static str {
        self.name
    }
    /// The definition as OpenAPI v3 JSON, without descriptions; references are `#/components/schemas/NAME`.
    pub fn json(&self) -> &'static str {
        self.json
    }
    pub(crate) fn node(&'static self) -> &'static Node {
        self.node.get_or_init(|| {
            let value = from_json_str(self.json).unwrap_or_default();
            Node { name: Some(self.name), ..openapi::built_in_node(&value) }
        })
    }
}

/// The built-in types.
#[derive(Debug)]
pub struct Types {
    /// Sorted by name.
    definitions: Vec<Definition>,
    kinds: OnceLock<HashMap<GroupVersionKind, usize>>,
}

impl Types {
    /// Those of Kubernetes 1.36.
    pub fn builtin() -> &'static Types {
        static TYPES: OnceLock<Types> = OnceLock::new();
        TYPES.get_or_init(|| {
            let mut definitions: Vec<Definition> = TEXT
                .lines()
                .filter_map(|line| line.split_once(' '))
                .map(|(name, json)| Definition { name, json, node: OnceLock::new() })
                .collect();
            definitions.sort_by_key(|d| d.name);
            Types { definitions, kinds: OnceLock::new() }
        })
    }
    /// The schema of a kind; `None` where it is no built-in one.
    pub fn get(&'static self, kind: &GroupVersionKind) -> Option<Schema> {
        let index = self.kinds.get_or_init(|| self.index_kinds()).get(kind)?;
        Some(Schema(Link::Named(&self.definitions[*index])))
    }
    /// The definition of a kind.
    pub fn definition_of(&'static self, kind: &GroupVersionKind) -> Option<&'static Definition> {
        let index = self.kinds.get_or_init(|| self.index_kinds()).get(kind)?;
        Some(&self.definitions[*index])
    }
    /// The schema of a type by its OpenAPI name.
    pub fn named(&'static self, name: &str) -> Option<Schema> {
        Some(Schema(Link::Named(self.definition(name)?)))
    }
    /// A type by its OpenAPI name.
    pub fn definition(&'static self, name: &str) -> Option<&'static Definition> {
        let at = self.definitions.binary_search_by(|d| d.name.cmp(name)).ok()?;
        Some(&self.definitions[at])
    }
    /// All types, sorted by name.
    pub fn definitions(&'static self) -> &'static [Definition] {
        &self.definitions
    }
    /// The metadata of every object.
    pub(crate) fn object_meta() -> Schema {
        Types::builtin().named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta").expect("the table holds ObjectMeta")
    }

    fn index_kinds(&self) -> HashMap<GroupVersionKind, usize> {
        const MARK: &str = "\"x-kubernetes-group-version-kind\":";
        let mut kinds = HashMap::with_capacity(256);
        for (i, definition) in self.definitions.iter().enumerate() {
            let Some(at) = definition.json.find(MARK) else { continue };
            let list = &definition.json[at + MARK.len()..];
            let Some(end) = list.find(']') else { continue };
            for kind in from_json_str(&list[..=end]).unwrap_or_default().items() {
                let text = |name| kind.str_at(&[name]).unwrap_or_default();
                kinds.entry(GroupVersionKind::new(text("group"), text("version"), text("kind"))).or_insert(i);
            }
        }
        kinds
    }
}
