//! One node of a structural schema: what a value at one place may be, and how lists and maps there
//! merge. The same node serves built-in types and custom resources; rules that only custom
//! resources have sit in a box of their own, so that a built-in node stays small.

use std::ops::Deref;
use std::sync::Arc;

use belay_expr::Program;
use belay_object::{Key, Value};
use regex::Regex;

use crate::openapi::Placed;
use crate::types::Definition;

/// The JSON type of a value. `Any` is a place without a type: whatever stands there is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Kind {
    /// Anything.
    #[default]
    Any,
    /// A map.
    Object,
    /// A list.
    Array,
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A whole number or text (`x-kubernetes-int-or-string`, IntOrString).
    IntOrString,
    /// A quantity: a number or text such as `100m`.
    Quantity,
}

/// How the items of a list are told apart.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum ListType {
    /// Not at all: the list is one value.
    #[default]
    Atomic,
    /// By their value.
    Set,
    /// By the values of these fields.
    Map(Box<[Key]>),
}

/// The `format` of a string or a number, as far as it decides anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Format {
    /// None, or one that is not checked.
    #[default]
    None,
    /// 32 bits.
    Int32,
    /// 64 bits.
    Int64,
    /// Base64.
    Byte,
    /// RFC 3339.
    DateTime,
    /// Another one that Kubernetes checks in custom resources; a position in the table of `validate::format`.
    Checked(u8),
}

/// One field of an object.
#[derive(Debug)]
pub struct Field {
    /// `replicas`
    pub name: Key,
    /// `f:replicas`, as it stands in a field set.
    pub(crate) path: Key,
    /// What may stand there.
    pub node: Schema,
    /// Whether it must be there.
    pub required: bool,
}

/// One node. Fields are public to read; only this crate makes nodes.
#[derive(Debug, Default)]
pub struct Node {
    /// The Go type where it is a built-in one: `io.k8s.api.apps.v1.DeploymentSpec`.
    pub name: Option<&'static str>,
    /// The JSON type.
    pub kind: Kind,
    /// The `format`.
    pub format: Format,
    /// The fields, sorted by name.
    pub fields: Box<[Field]>,
    /// Of any other field: `None` where there may be none.
    pub additional: Option<Schema>,
    /// Of each item of a list.
    pub items: Option<Schema>,
    /// How the items of a list are told apart.
    pub list: ListType,
    /// Whether a map is one value (`x-kubernetes-map-type: atomic`).
    pub atomic: bool,
    /// Whether `null` may stand there.
    pub nullable: bool,
    /// `x-kubernetes-preserve-unknown-fields`: fields that are not declared are kept.
    pub preserve_unknown: bool,
    /// `x-kubernetes-embedded-resource`: an object with apiVersion, kind and metadata.
    pub embedded: bool,
    /// What stands there where nothing was given.
    pub default: Option<Value>,
    /// `x-kubernetes-patch-strategy`: lists merge, by their merge key or by value.
    pub patch_merge: bool,
    /// `x-kubernetes-patch-strategy: retainKeys`.
    pub patch_retain_keys: bool,
    /// `x-kubernetes-patch-strategy: replace`: a map is replaced, not merged.
    pub patch_replace: bool,
    /// `x-kubernetes-patch-merge-key`.
    pub patch_merge_key: Option<Key>,
    /// Values that are allowed; empty where all are.
    pub enumeration: Box<[Value]>,
    /// Bounds, patterns and expressions.
    pub rules: Option<Box<Rules>>,
}

impl Node {
    /// The declared field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.binary_search_by(|f| f.name.as_str().cmp(name)).ok().map(|i| &self.fields[i])
    }
    /// What may stand in a field: the declared one or that of any other field.
    pub fn child(&self, name: &str) -> Option<&Schema> {
        self.field(name).map(|f| &f.node).or(self.additional.as_ref())
    }
    /// The last word of the Go type (`DeploymentSpec`); empty where it has no name.
    pub fn type_name(&self) -> &'static str {
        self.name.map_or("", |n| n.rsplit('.').next().unwrap_or(n))
    }
}

/// What a custom resource's schema may demand besides types.
#[derive(Debug, Default)]
pub struct Rules {
    /// `required`, also of names that are not declared here.
    pub required: Box<[Key]>,
    /// `maximum`, and whether itself is excluded.
    pub maximum: Option<(Value, bool)>,
    /// `minimum`, and whether itself is excluded.
    pub minimum: Option<(Value, bool)>,
    /// `multipleOf`
    pub multiple_of: Option<Value>,
    /// `maxLength`, in characters.
    pub max_length: Option<u64>,
    /// `minLength`, in characters.
    pub min_length: Option<u64>,
    /// `pattern`, as written and compiled.
    pub pattern: Option<(Box<str>, Regex)>,
    /// `maxItems`
    pub max_items: Option<u64>,
    /// `minItems`
    pub min_items: Option<u64>,
    /// `uniqueItems`
    pub unique_items: bool,
    /// `maxProperties`
    pub max_properties: Option<u64>,
    /// `minProperties`
    pub min_properties: Option<u64>,
    /// `allOf`: all must hold.
    pub all_of: Box<[Schema]>,
    /// `anyOf`: one must hold.
    pub any_of: Box<[Schema]>,
    /// `oneOf`: exactly one must hold.
    pub one_of: Box<[Schema]>,
    /// `not`: must not hold.
    pub not: Option<Schema>,
    /// What the schema of a whole resource demands of `metadata.name` and `metadata.generateName`.
    pub metadata: Option<Schema>,
    /// `additionalProperties: false`
    pub closed: bool,
    /// Whether a node below has expressions.
    pub(crate) below: bool,
    /// `x-kubernetes-validations`
    pub expressions: Box<[Expression]>,
}

/// One rule of `x-kubernetes-validations`.
#[derive(Debug)]
pub struct Expression {
    /// The rule as written.
    pub rule: Box<str>,
    /// The rule compiled; of a rule that cannot be, why.
    pub program: Result<Arc<Program>, String>,
    /// What to say where it does not hold; empty where nothing was given.
    pub message: Box<str>,
    /// An expression that gives what to say.
    pub message_expression: Option<Arc<Program>>,
    /// The `reason` of the error.
    pub reason: Box<str>,
    /// `fieldPath`, relative to the node (`.spec.a`).
    pub field_path: Box<str>,
    /// Whether it looks at the old value.
    pub transition: bool,
    /// `optionalOldSelf`: evaluated also where there is no old value.
    pub optional_old_self: bool,
}

/// A node, by reference: cheap to clone, shared between threads, may be recursive through named types.
#[derive(Clone)]
pub struct Schema(pub(crate) Link);

#[derive(Clone)]
pub(crate) enum Link {
    Own(Arc<Node>),
    /// A built-in type, compiled when it is first looked at.
    Named(&'static Definition),
    /// A built-in type with what its place says.
    Placed(Arc<Placed>),
}

impl Schema {
    pub(crate) fn own(node: Node) -> Schema {
        Schema(Link::Own(Arc::new(node)))
    }
    /// The schema of a value of which nothing is known.
    pub fn any() -> Schema {
        static ANY: std::sync::OnceLock<Schema> = std::sync::OnceLock::new();
        ANY.get_or_init(|| Schema::own(Node { preserve_unknown: true, nullable: true, ..Node::default() })).clone()
    }
}
impl Deref for Schema {
    type Target = Node;
    fn deref(&self) -> &Node {
        match &self.0 {
            Link::Own(node) => node,
            Link::Named(definition) => definition.node(),
            Link::Placed(placed) => placed.node(),
        }
    }
}
impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Link::Own(node) => std::fmt::Debug::fmt(node, f),
            // Named types refer to themselves: printing what they hold would not end.
            Link::Named(_) | Link::Placed(_) => f.write_str(self.name.unwrap_or_default()),
        }
    }
}
