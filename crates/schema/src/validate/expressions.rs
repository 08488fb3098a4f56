//! `x-kubernetes-validations`: the expressions of a schema, evaluated.

use belay_expr::{Limits, Val};
use belay_object::Value;

use super::{is_checked, lists, shown};
use crate::error::{FieldError, FieldErrorKind};
use crate::node::{Expression, Format, Kind, Node};

/// Steps for all expressions of one object together: about a second.
const BUDGET_STEPS: u64 = 10_000_000;
const MAX_MESSAGE_BYTES: usize = 5 * 1024;

pub(super) fn has_any(node: &Node) -> bool {
    node.rules.as_ref().is_some_and(|r| r.below || !r.expressions.is_empty())
}

pub(super) fn check(value: &Value, old: Option<&Value>, node: &Node) -> Vec<FieldError> {
    let mut run = Run { errors: Vec::new(), left: BUDGET_STEPS };
    run.node(value, old, node, "", true);
    run.errors
}

struct Run {
    errors: Vec<FieldError>,
    left: u64,
}

impl Run {
    fn node(&mut self, value: &Value, old: Option<&Value>, node: &Node, path: &str, root: bool) {
        let Some(rules) = node.rules.as_ref().filter(|r| r.below || !r.expressions.is_empty()) else { return };
        // Rules do not apply to what is explicitly nothing.
        if value.is_null() {
            return;
        }
        let unchanged = old == Some(value);
        let bound =
            (!rules.expressions.is_empty()).then(|| (bind(value, node, root), old.map(|o| bind(o, node, root))));
        for expression in &rules.expressions {
            let Some((this, before)) = &bound else { break };
            if self.left == 0 {
                let detail =
                    "validation failed due to running out of cost budget, no further validation rules will be run";
                self.errors.push(FieldError::invalid(shown(path), type_word(node), detail));
                return;
            }
            if expression.transition && before.is_none() && !expression.optional_old_self {
                continue;
            }
            if let Some(error) = self.evaluate(expression, this, before.as_ref(), value, node, path)
                && (expression.transition || !unchanged)
            {
                self.errors.push(error);
            }
        }
        if !rules.below {
            return;
        }
        match value {
            Value::Object(map) => {
                for (name, child) in map.iter() {
                    let old = old.filter(|_| !node.atomic).and_then(|o| o.get(name));
                    match node.field(name) {
                        Some(field) if field.node.name.is_some() => {}
                        Some(field) => {
                            let inside = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                            self.node(child, old, &field.node, &inside, false);
                        }
                        None => {
                            let Some(schema) = &node.additional else { continue };
                            self.node(child, old, schema, &format!("{path}[{name}]"), false);
                        }
                    }
                }
            }
            Value::Array(items) => {
                let Some(schema) = &node.items else { return };
                let olds = lists::correlate(items, old.map_or(&[], Value::items), node);
                for (i, item) in items.iter().enumerate() {
                    self.node(item, olds.get(i).copied().flatten(), schema, &format!("{path}[{i}]"), false);
                }
            }
            _ => {}
        }
    }

    fn evaluate(
        &mut self,
        expression: &Expression,
        this: &Val,
        before: Option<&Val>,
        value: &Value,
        node: &Node,
        path: &str,
    ) -> Option<FieldError> {
        let fail = |detail: String| Some(FieldError::invalid(shown(path), type_word(node), detail));
        let program = match &expression.program {
            Ok(program) => program,
            Err(why) => return fail(format!("rule compile error: compilation failed: {why}")),
        };
        let before = match before {
            before if expression.optional_old_self => Val::optional(before.cloned()),
            Some(before) => before.clone(),
            None => Val::null(),
        };
        let bindings = [("self", this.clone()), ("oldSelf", before)];
        let limits = Limits { steps: self.left.min(Limits::default().steps), ..Limits::default() };
        let (result, steps) = program.evaluate_values(&bindings, &limits);
        self.left = self.left.saturating_sub(steps);
        match result {
            Ok(result) if result.as_bool() == Some(true) => return None,
            Ok(_) => {}
            Err(why) => return fail(format!("{} evaluating rule: {}", why.message, rule_words(expression))),
        }
        let detail = self.message(expression, &bindings);
        let place = match &*expression.field_path {
            "" => path.to_owned(),
            below if path.is_empty() => below.trim_start_matches('.').to_owned(),
            below => format!("{path}{below}"),
        };
        // Of maps and lists the value is not shown.
        let shown_value = (!matches!(node.kind, Kind::Object | Kind::Array)).then(|| value.clone());
        let kind = match &*expression.reason {
            "FieldValueForbidden" => FieldErrorKind::Forbidden,
            "FieldValueRequired" => FieldErrorKind::Required,
            "FieldValueDuplicate" => FieldErrorKind::Duplicate,
            _ => FieldErrorKind::Invalid,
        };
        let (shown_value, detail) = match kind {
            FieldErrorKind::Forbidden | FieldErrorKind::Required => (None, detail),
            FieldErrorKind::Duplicate => (shown_value, String::new()),
            _ => (shown_value, detail),
        };
        Some(FieldError { kind, field: shown(&place), value: shown_value, detail })
    }

    fn message(&mut self, expression: &Expression, bindings: &[(&str, Val)]) -> String {
        if let Some(program) = &expression.message_expression {
            let (result, steps) = program.evaluate_values(bindings, &Limits::default());
            self.left = self.left.saturating_sub(steps);
            if let Ok(result) = result
                && let Some(text) = result.as_str().map(str::trim)
                && !text.is_empty()
                && text.len() <= MAX_MESSAGE_BYTES
                && !text.contains('\n')
            {
                return text.to_owned();
            }
        }
        if expression.message.is_empty() {
            format!("failed rule: {}", expression.rule.trim())
        } else {
            expression.message.to_string()
        }
    }
}

fn rule_words(expression: &Expression) -> &str {
    if expression.message.is_empty() { expression.rule.trim() } else { &expression.message }
}

/// The type's name: the value that an error of a rule itself shows.
fn type_word(node: &Node) -> &'static str {
    match node.kind {
        Kind::Object => "object",
        Kind::Array => "array",
        Kind::String => "string",
        Kind::Integer => "integer",
        Kind::Number => "number",
        Kind::Boolean => "boolean",
        Kind::Any | Kind::IntOrString | Kind::Quantity => "",
    }
}

/// The value as an expression sees it: text with a format is what the format says, of an object only
/// declared fields are there, and of metadata only the names.
fn bind<'a>(value: &'a Value, node: &Node, root: bool) -> Val<'a> {
    if !(root || node.embedded || has_formats(node, 0)) {
        return Val::json(value);
    }
    match value {
        Value::Object(map) => Val::map(map.iter().map(|(name, child)| {
            let bound = match node.child(name) {
                Some(schema) if schema.name.is_some() => {
                    let names = child.as_object().into_iter().flat_map(belay_object::Map::iter);
                    Val::map(
                        names
                            .filter(|(n, _)| matches!(n.as_str(), "name" | "generateName"))
                            .map(|(n, v)| (n.as_str(), Val::json(v))),
                    )
                }
                Some(schema) => bind(child, schema, false),
                None => Val::json(child),
            };
            (name.as_str(), bound)
        })),
        Value::Array(items) => Val::list(items.iter().map(|item| match &node.items {
            Some(schema) => bind(item, schema, false),
            None => Val::json(item),
        })),
        Value::Str(text) if is_checked(node.format) => match (node.format, super::format::name(node.format)) {
            (Format::DateTime, _) => Val::timestamp(text),
            (_, "date") => Val::timestamp(&format!("{text}T00:00:00Z")),
            (_, "duration") => Val::duration(text),
            _ => None,
        }
        .unwrap_or_else(|| Val::json(value)),
        _ => Val::json(value),
    }
}

/// Whether text below has a format that expressions see as another type.
fn has_formats(node: &Node, depth: usize) -> bool {
    if depth > 64 || node.name.is_some() {
        return false;
    }
    let own = node.format == Format::DateTime || matches!(super::format::name(node.format), "date" | "duration");
    own || node
        .fields
        .iter()
        .map(|f| &f.node)
        .chain(&node.items)
        .chain(&node.additional)
        .any(|c| has_formats(c, depth + 1))
}
