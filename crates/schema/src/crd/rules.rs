//! Whether the expressions of a schema compile and look at what the schema declares.

use belay_object::{Map, Value};

use crate::error::FieldError;
use crate::node::{Kind, Node};

/// Checks all `x-kubernetes-validations` of a schema.
pub(crate) fn check_expressions(schema: &Value, compiled: &Node, path: &str) -> Vec<FieldError> {
    let mut errors = Vec::new();
    walk(schema, compiled, path, None, &mut errors);
    errors
}

/// `uncorrelated` is the first ancestor whose old and new parts cannot be matched.
fn walk(schema: &Value, node: &Node, path: &str, uncorrelated: Option<&str>, errors: &mut Vec<FieldError>) {
    for (i, json) in schema["x-kubernetes-validations"].items().iter().enumerate() {
        let here = format!("{path}.x-kubernetes-validations[{i}]");
        let expression = node.rules.as_ref().and_then(|r| r.expressions.get(i));
        check_rule(json, expression, node, &here, uncorrelated, errors);
    }
    // Of a set or an atomic list the old items are not known by the new ones.
    let listed = schema.get("items").filter(|_| schema.str_at(&["x-kubernetes-list-type"]) != Some("map"));
    let items_uncorrelated = uncorrelated.or(listed.map(|_| path));
    let fields_uncorrelated =
        uncorrelated.or((schema.str_at(&["x-kubernetes-map-type"]) == Some("atomic")).then_some(path));
    for (name, json) in schema["properties"].as_object().into_iter().flat_map(Map::iter) {
        if let Some(field) = node.field(name).filter(|f| f.node.name.is_none()) {
            walk(json, &field.node, &format!("{path}.properties[{name}]"), fields_uncorrelated, errors);
        }
    }
    if let (Some(json), Some(items)) = (schema.get("items"), &node.items) {
        walk(json, items, &format!("{path}.items"), items_uncorrelated, errors);
    }
    if let (Some(json @ Value::Object(_)), Some(additional)) = (schema.get("additionalProperties"), &node.additional) {
        walk(json, additional, &format!("{path}.additionalProperties"), uncorrelated, errors);
    }
}

fn check_rule(
    json: &Value,
    expression: Option<&crate::node::Expression>,
    node: &Node,
    path: &str,
    uncorrelated: Option<&str>,
    errors: &mut Vec<FieldError>,
) {
    const REASONS: [&str; 4] =
        ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"];
    let text = |name: &str| json.str_at(&[name]).unwrap_or_default();
    let at = |name: &str| format!("{path}.{name}");
    let before = errors.len();
    if text("rule").trim().is_empty() {
        errors.push(FieldError::required(at("rule"), "rule is not specified"));
        return;
    }
    let message = text("message");
    if !message.is_empty() && message.trim().is_empty() {
        errors.push(FieldError::invalid(at("message"), message, "must be non-empty if specified"));
    } else if message.trim().contains('\n') {
        errors.push(FieldError::invalid(at("message"), message, "must not contain line breaks"));
    } else if text("rule").trim().contains('\n') && message.is_empty() {
        errors.push(FieldError::required(at("message"), "message must be specified if rule contains line breaks"));
    }
    if !text("reason").is_empty() && !REASONS.contains(&text("reason")) {
        errors.push(FieldError::not_supported(at("reason"), text("reason"), &REASONS));
    }
    let field_path = text("fieldPath");
    if !field_path.is_empty() && field_node(node, field_path.trim()).is_none() {
        errors.push(FieldError::invalid(at("fieldPath"), field_path, "must be a valid path"));
    }
    let Some(expression) = expression else { return };
    match &expression.program {
        Err(why) => errors.push(FieldError::invalid(at("rule"), json.clone(), format!("compilation failed: {why}"))),
        Ok(program) => {
            for name in program.variables().filter(|n| !matches!(*n, "self" | "oldSelf")) {
                let detail = format!("compilation failed: undeclared reference to '{name}' (in container '')");
                errors.push(FieldError::invalid(at("rule"), json.clone(), detail));
            }
            for chain in
                program.selections().filter(|c| matches!(c.first().map(AsRef::as_ref), Some("self" | "oldSelf")))
            {
                if let Some(name) = undeclared(node, &chain[1..]) {
                    let detail = format!("compilation failed: undefined field '{name}'");
                    errors.push(FieldError::invalid(at("rule"), json.clone(), detail));
                    break;
                }
            }
            if program.is_never_boolean() {
                errors.push(FieldError::invalid(at("rule"), json.clone(), "must evaluate to a bool"));
            }
        }
    }
    if let Some(Err(why)) =
        Some(text("messageExpression")).filter(|m| !m.trim().is_empty()).map(belay_expr::Program::compile)
    {
        let detail = format!("messageExpression compilation failed: {}", why.message);
        errors.push(FieldError::invalid(at("messageExpression"), json.clone(), detail));
    }
    if errors.len() > before {
        return;
    }
    if expression.transition {
        if let Some(ancestor) = uncorrelated {
            let detail =
                format!("oldSelf cannot be used on the uncorrelatable portion of the schema within {ancestor}");
            errors.push(FieldError::invalid(at("rule"), text("rule"), detail));
        }
    } else if let Some(optional) = json.get("optionalOldSelf") {
        let detail = "may not be set if oldSelf is not used in rule";
        errors.push(FieldError::invalid(at("optionalOldSelf"), optional.clone(), detail));
    }
}

/// The first field of a chain of selections that the schema does not have.
fn undeclared<'c>(node: &Node, chain: &'c [Box<str>]) -> Option<&'c str> {
    let (name, rest) = chain.split_first()?;
    if node.kind != Kind::Object || node.name.is_some() && node.fields.is_empty() {
        return None;
    }
    // Fields that are kept without being declared cannot be named in a rule.
    let plain = belay_expr::unescape_name(name);
    match node.child(&plain).or_else(|| node.child(name)) {
        Some(schema) => undeclared(schema, rest),
        None => Some(name),
    }
}

/// Follows a `fieldPath` (`.spec.a`, `['a.b']`).
fn field_node<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    let mut node = node;
    let mut rest = path;
    while !rest.is_empty() {
        let name: String;
        if let Some(after) = rest.strip_prefix("['") {
            let end = after.find("']")?;
            name = after[..end].into();
            rest = &after[end + 2..];
        } else {
            let after = rest.strip_prefix('.')?;
            let end = after.find(['.', '[']).unwrap_or(after.len());
            name = after[..end].into();
            rest = &after[end..];
        }
        if name.is_empty() {
            return None;
        }
        node = node.child(&name)?;
    }
    Some(node)
}
