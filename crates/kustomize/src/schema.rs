//! Which lists merge by keys when a patch is applied, and which kinds have no namespace.
//!
//! kustomize goes by the OpenAPI definitions of Kubernetes 1.21, or by those of the file that
//! `openapi.path` names, which then replace them. What is kept of a definition: its fields that
//! lead to a list with patch strategy `merge`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use belay_object::{Map, Value};
use belay_yaml::{Options, parse_value};

use crate::error::{Error, Result};
use crate::facts::{CLUSTER_KINDS, MERGE_KEYS};
use crate::options::Compatibility;

/// One type of a [`Schemas`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TypeId(u32);

/// What is known of one field.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Field {
    /// The type of the value, or of a list's items.
    pub(crate) target: Option<TypeId>,
    /// Whether the value is a list whose items are patched one by one; by these keys, or as
    /// scalars where there are none.
    pub(crate) merge_keys: Option<Arc<[Box<str>]>>,
}

#[derive(Clone, Debug, Default)]
struct Type {
    fields: HashMap<Box<str>, Field>,
    /// What every other field is.
    others: Option<Field>,
}

/// A set of types and the kinds that have them.
#[derive(Clone, Debug, Default)]
struct Types {
    types: Vec<Type>,
    kinds: HashMap<Box<str>, TypeId>,
}

/// What is known of kinds.
#[derive(Debug, Default)]
pub(crate) struct Schemas {
    types: Types,
    /// Whether the built-in types count instead. They are read when a merge first asks for one: most
    /// builds ask only for scopes.
    is_built_in: bool,
    /// `apiVersion/kind` to whether it has a namespace, of kinds beyond the built-in table.
    scopes: HashMap<Box<str>, bool>,
    /// Whether [`NEWER_CLUSTER_KINDS`] count.
    knows_newer: bool,
}

/// Kinds without a namespace that kustomize 5.8.1 does not know of.
const NEWER_CLUSTER_KINDS: [&str; 2] = ["ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"];

impl Schemas {
    /// Those of Kubernetes 1.21.
    pub(crate) fn built_in(compatibility: Compatibility) -> Arc<Schemas> {
        Arc::new(Schemas { is_built_in: true, ..Schemas::default() }.following(compatibility))
    }

    fn types(&self) -> &Types {
        static BUILT_IN: LazyLock<Types> = LazyLock::new(read_built_in);
        if self.is_built_in { &BUILT_IN } else { &self.types }
    }

    /// With what a version of kustomize knows beyond schemas.
    pub(crate) fn following(self, compatibility: Compatibility) -> Schemas {
        Schemas { knows_newer: compatibility == Compatibility::Next, ..self }
    }

    /// The type of objects of this kind.
    pub(crate) fn of_kind(&self, api_version: &str, kind: &str) -> Option<TypeId> {
        self.types().kinds.get(format!("{api_version}/{kind}").as_str()).copied()
    }

    /// What is known of a field.
    pub(crate) fn field(&self, of: TypeId, name: &str) -> Option<&Field> {
        let found = &self.types().types[of.0 as usize];
        found.fields.get(name).or(found.others.as_ref())
    }

    /// Whether objects of this kind are known to have no namespace.
    pub(crate) fn is_cluster_scoped(&self, api_version: &str, kind: &str) -> bool {
        static BUILT_IN: LazyLock<HashMap<&str, Vec<&str>>> = LazyLock::new(|| {
            let mut kinds: HashMap<&str, Vec<&str>> = HashMap::new();
            for (version, kind) in CLUSTER_KINDS.lines().filter_map(|line| line.rsplit_once('/')) {
                kinds.entry(kind).or_default().push(version);
            }
            kinds
        });
        if BUILT_IN.get(kind).is_some_and(|versions| versions.contains(&api_version)) {
            return true;
        }
        if self.knows_newer && NEWER_CLUSTER_KINDS.contains(&kind) && api_version.starts_with("admissionregistration.")
        {
            return true;
        }
        !self.scopes.is_empty() && self.scopes.get(format!("{api_version}/{kind}").as_str()) == Some(&false)
    }

    /// Reads an OpenAPI v2 document, JSON or YAML. Where `with_built_in`, the built-in types are
    /// there too and win, as in kustomize once it had to look at an object before the document.
    pub(crate) fn read(text: &str, with_built_in: bool) -> Result<Schemas> {
        let document = parse_value(text, &Options::v2())
            .map_err(|e| Error::kustomization(format!("invalid schema file: {}", e.go_text)))?;
        let mut reader = Reader::default();
        if with_built_in {
            reader.types = read_built_in();
            reader.built_in = built_in_names();
        }
        reader.definitions = document.get("definitions").and_then(Value::as_object).cloned().unwrap_or_default();
        reader.read_definitions();
        let mut schemas = Schemas { types: reader.types, ..Schemas::default() };
        for (path, item) in document.get("paths").and_then(Value::as_object).into_iter().flat_map(Map::iter) {
            if let Some(kind) = item.at(&["get", GVK_KEY]).and_then(kind_text) {
                let namespaced = path.contains("namespaces/{namespace}");
                *schemas.scopes.entry(kind).or_insert(namespaced) |= namespaced;
            }
        }
        Ok(schemas)
    }
}

const GVK_KEY: &str = "x-kubernetes-group-version-kind";

fn kind_text(gvk: &Value) -> Option<Box<str>> {
    let part = |name: &str| gvk.str_at(&[name]).unwrap_or_default();
    let (group, version, kind) = (part("group"), part("version"), part("kind"));
    let group = if group.is_empty() { String::new() } else { format!("{group}/") };
    (!kind.is_empty()).then(|| format!("{group}{version}/{kind}").into())
}

/// The types of the compact table by their names in it.
fn built_in_names() -> HashMap<&'static str, TypeId> {
    let names = MERGE_KEYS.lines().map(|line| line.split(' ').next().unwrap_or_default());
    names.enumerate().map(|(i, name)| (name, TypeId(i as u32))).collect()
}

/// The name of a definition in the compact table.
fn short_name(definition: &str) -> &str {
    const PREFIXES: [&str; 4] = [
        "io.k8s.api.",
        "io.k8s.apimachinery.pkg.apis.",
        "io.k8s.kube-aggregator.pkg.apis.",
        "io.k8s.apiextensions-apiserver.pkg.apis.",
    ];
    PREFIXES.iter().find_map(|prefix| definition.strip_prefix(prefix)).unwrap_or(definition)
}

/// Reads the compact table; unknown types in it would be a mistake of the table.
fn read_built_in() -> Types {
    let mut types = Types::default();
    let names = built_in_names();
    for (i, line) in MERGE_KEYS.lines().enumerate() {
        let mut known = Type::default();
        for word in line.split(' ').skip(1) {
            if let Some(kind) = word.strip_prefix('@') {
                types.kinds.insert(kind.into(), TypeId(i as u32));
            } else if let Some((field, target)) = word.split_once('>') {
                known.fields.insert(field.into(), Field { target: names.get(target).copied(), merge_keys: None });
            } else if let Some((field, rest)) = word.split_once("[]") {
                let (target, keys) = rest.split_once('=').map_or((rest, None), |(t, k)| (t, Some(k)));
                let merge_keys = keys.map(|k| k.split('+').filter(|k| !k.is_empty()).map(Box::from).collect());
                known.fields.insert(field.into(), Field { target: names.get(target).copied(), merge_keys });
            }
        }
        types.types.push(known);
    }
    types
}

#[derive(Default)]
struct Reader {
    types: Types,
    names: HashMap<Box<str>, TypeId>,
    built_in: HashMap<&'static str, TypeId>,
    definitions: Map,
    /// Definitions that are lists.
    lists: HashMap<Box<str>, Field>,
}

/// How long a chain of definitions that are references may be.
const MAX_REF_CHAIN: usize = 32;

impl Reader {
    fn read_definitions(&mut self) {
        let definitions = std::mem::take(&mut self.definitions);
        for (name, _) in definitions.iter() {
            if self.of_name(name).is_none() {
                let id = self.add();
                self.names.insert(name.as_str().into(), id);
            }
        }
        for (name, definition) in definitions.iter() {
            let Some(&id) = self.names.get(name.as_str()) else { continue };
            for kind in definition.get(GVK_KEY).map_or(&[][..], Value::items).iter().filter_map(kind_text) {
                self.types.kinds.entry(kind).or_insert(id);
            }
            let read = self.read_type(definition, &definitions);
            self.types.types[id.0 as usize] = read;
        }
    }

    /// The type of a definition, of the document or built in.
    fn of_name(&self, name: &str) -> Option<TypeId> {
        self.built_in.get(short_name(name)).or_else(|| self.names.get(name)).copied()
    }

    fn add(&mut self) -> TypeId {
        self.types.types.push(Type::default());
        TypeId(self.types.types.len() as u32 - 1)
    }

    fn read_type(&mut self, schema: &Value, definitions: &Map) -> Type {
        let mut read = Type::default();
        for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::iter) {
            let field = self.read_field(property, definitions);
            read.fields.insert(name.as_str().into(), field);
        }
        read.others = schema
            .get("additionalProperties")
            .filter(|p| p.as_object().is_some())
            .map(|property| self.read_field(property, definitions));
        read
    }

    /// Follows references of a property, which replace it whole.
    fn read_field(&mut self, property: &Value, definitions: &Map) -> Field {
        let mut property = property;
        for _ in 0..MAX_REF_CHAIN {
            let Some(name) = reference(property) else { break };
            let Some(definition) = definitions.get(name) else {
                return Field { target: self.of_name(name), merge_keys: None };
            };
            if reference(definition).is_none() && definition.str_at(&["type"]) != Some("array") {
                return Field { target: self.of_name(name), merge_keys: None };
            }
            if reference(definition).is_none() {
                return self.read_list(name, definition, definitions);
            }
            property = definition;
        }
        self.read_property(property, definitions)
    }

    /// A property that is no reference.
    fn read_property(&mut self, property: &Value, definitions: &Map) -> Field {
        if property.str_at(&["type"]) != Some("array") {
            return Field { target: Some(self.inline(property, definitions)), merge_keys: None };
        }
        let target = property.get("items").map(|items| match reference(items) {
            Some(name) => self.of_name(name),
            None => Some(self.inline(items, definitions)),
        });
        let strategy = property.str_at(&["x-kubernetes-patch-strategy"]).unwrap_or_default();
        let merge_keys = strategy.split(',').any(|s| s == "merge").then(|| {
            let text = |v: &Value| v.as_str().map(Box::from);
            match (property.get("x-kubernetes-list-map-keys"), property.get("x-kubernetes-patch-merge-key")) {
                (Some(keys), _) => keys.items().iter().filter_map(text).collect(),
                (None, key) => key.and_then(text).into_iter().collect(),
            }
        });
        Field { target: target.flatten(), merge_keys }
    }

    /// A definition that is a list, read once however often it is referred to, by itself too.
    fn read_list(&mut self, name: &str, definition: &Value, definitions: &Map) -> Field {
        if let Some(known) = self.lists.get(name) {
            return known.clone();
        }
        let id = self.add();
        self.lists.insert(name.into(), Field { target: Some(id), merge_keys: None });
        let read = self.read_property(definition, definitions);
        // The type that was promised to those who refer to it is the one that was read.
        if let Some(target) = read.target {
            self.types.types[id.0 as usize] = self.types.types[target.0 as usize].clone();
        }
        self.lists.insert(name.into(), read.clone());
        read
    }

    fn inline(&mut self, schema: &Value, definitions: &Map) -> TypeId {
        let id = self.add();
        let read = self.read_type(schema, definitions);
        self.types.types[id.0 as usize] = read;
        id
    }
}

/// The definition that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema.str_at(&["$ref"])?.strip_prefix("#/definitions/")
}
