//! Schemas of custom resources: a definition's `openAPIV3Schema` checked to be structural and compiled.
//!
//! Cost estimates of expressions are not made (an evaluation has a budget instead).

mod check;
mod pattern;
mod rules;

use std::sync::Arc;

use belay_object::{Key, Value};

use crate::error::FieldError;
use crate::node::{Expression, Field, Format, Kind, Node, Rules, Schema};
use crate::openapi;
use crate::types::Types;
use crate::validate::format;

#[cfg(test)]
mod tests;

/// Checks and compiles an `openAPIV3Schema`. `path` is where it stands in the definition and starts
/// the errors' paths (`spec.validation.openAPIV3Schema`, `spec.versions[0].schema.openAPIV3Schema`).
/// The result's root is an object with `apiVersion`, `kind` and `metadata`.
pub fn compile(schema: &Value, path: &str) -> Result<Schema, Vec<FieldError>> {
    let errors = check::check(schema, path);
    if !errors.is_empty() {
        return Err(errors);
    }
    let compiled = compile_unchecked(schema);
    let errors = rules::check_expressions(schema, &compiled, path);
    if !errors.is_empty() {
        return Err(errors);
    }
    let errors = check::check_defaults(schema, &compiled, path);
    if errors.is_empty() { Ok(compiled) } else { Err(errors) }
}

/// Compiles a schema that was checked before (it is stored): parts that are wrong are left out.
pub fn compile_unchecked(schema: &Value) -> Schema {
    let mut root = node(schema, true);
    root.kind = Kind::Object;
    Schema::own(root)
}

fn child(json: &Value) -> Schema {
    Schema::own(node(json, false))
}

fn node(json: &Value, root: bool) -> Node {
    let mut out = openapi::shared(json);
    out.enumeration = json["enum"].items().to_vec().into();
    if out.format == Format::None
        && let Some(name) = json.str_at(&["format"])
        && matches!(out.kind, Kind::String | Kind::Any)
    {
        out.format = format::find(name);
    }
    let required: Vec<&str> = json["required"].items().iter().filter_map(Value::as_str).collect();
    if let Some(properties) = json["properties"].as_object() {
        out.fields = openapi::fields(properties, &required, child);
    }
    out.items = json.get("items").filter(|i| matches!(i, Value::Object(_))).map(child);
    out.additional = match json.get("additionalProperties") {
        Some(Value::Bool(true)) => Some(Schema::any()),
        Some(value @ Value::Object(_)) => Some(child(value)),
        _ => None,
    };
    let rules = rules_of(json, &out);
    if root || out.embedded {
        add_envelope(&mut out);
    }
    out.rules = rules;
    out
}

/// Every object has apiVersion, kind and metadata, whatever its schema says of them.
fn add_envelope(node: &mut Node) {
    let mut fields: Vec<Field> = std::mem::take(&mut node.fields).into_vec();
    fields.retain(|f| !matches!(f.name.as_str(), "apiVersion" | "kind" | "metadata"));
    let text = || Schema::own(Node { kind: Kind::String, ..Node::default() });
    for (name, schema) in [("apiVersion", text()), ("kind", text()), ("metadata", Types::object_meta())] {
        fields.push(Field { name: name.into(), path: Key::new(&format!("f:{name}")), node: schema, required: false });
    }
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    node.fields = fields.into();
}

/// The rules of a node; `None` where it has none.
fn rules_of(json: &Value, node: &Node) -> Option<Box<Rules>> {
    let number = |name: &str| json.get(name).filter(|v| v.as_f64().is_some()).cloned();
    let count = |name: &str| json.get(name).and_then(Value::as_i64).and_then(|n| u64::try_from(n).ok());
    let flag = |name: &str| json[name].as_bool().unwrap_or_default();
    let list = |name: &str| json[name].items().iter().map(child).collect::<Box<[Schema]>>();
    let pattern = json.str_at(&["pattern"]).filter(|p| !p.is_empty());
    let rules = Rules {
        required: json["required"].items().iter().filter_map(Value::as_str).map(Key::new).collect(),
        maximum: number("maximum").map(|n| (n, flag("exclusiveMaximum"))),
        minimum: number("minimum").map(|n| (n, flag("exclusiveMinimum"))),
        multiple_of: number("multipleOf"),
        max_length: count("maxLength"),
        min_length: count("minLength"),
        pattern: pattern.and_then(|p| Some((p.into(), pattern::compiled(p).ok()?))),
        max_items: count("maxItems"),
        min_items: count("minItems"),
        unique_items: flag("uniqueItems"),
        max_properties: count("maxProperties"),
        min_properties: count("minProperties"),
        all_of: list("allOf"),
        any_of: list("anyOf"),
        one_of: list("oneOf"),
        not: json.get("not").filter(|n| matches!(n, Value::Object(_))).map(child),
        metadata: json["properties"].get("metadata").filter(|m| m.get("properties").is_some()).map(child),
        closed: json["additionalProperties"].as_bool() == Some(false),
        expressions: json["x-kubernetes-validations"].items().iter().map(expression).collect(),
        below: false,
    };
    let children = node.fields.iter().map(|f| &f.node).chain(&node.items).chain(&node.additional);
    let below = children.into_iter().any(|c| c.rules.as_ref().is_some_and(|r| !r.expressions.is_empty() || r.below));
    let rules = Rules { below, ..rules };
    let empty = Rules::default();
    let plain = rules.required.is_empty()
        && rules.maximum.is_none()
        && rules.minimum.is_none()
        && rules.multiple_of.is_none()
        && (rules.max_length, rules.min_length) == (None, None)
        && rules.pattern.is_none()
        && (rules.max_items, rules.min_items) == (None, None)
        && (rules.max_properties, rules.min_properties) == (None, None)
        && (rules.unique_items, rules.closed, rules.below) == (empty.unique_items, empty.closed, empty.below)
        && rules.all_of.is_empty()
        && rules.any_of.is_empty()
        && rules.one_of.is_empty()
        && rules.not.is_none()
        && rules.metadata.is_none()
        && rules.expressions.is_empty();
    (!plain).then(|| Box::new(rules))
}

fn expression(json: &Value) -> Expression {
    let text = |name: &str| json.str_at(&[name]).unwrap_or_default();
    let program = belay_expr::Program::compile(text("rule")).map_err(|e| e.message);
    let message_expression = Some(text("messageExpression")).filter(|m| !m.trim().is_empty());
    Expression {
        rule: text("rule").into(),
        transition: program.as_ref().is_ok_and(|p: &Arc<belay_expr::Program>| p.uses("oldSelf")),
        program,
        message: text("message").trim().into(),
        message_expression: message_expression.and_then(|m| belay_expr::Program::compile(m).ok()),
        reason: text("reason").into(),
        field_path: text("fieldPath").trim().into(),
        optional_old_self: json["optionalOldSelf"].as_bool().unwrap_or_default(),
    }
}
