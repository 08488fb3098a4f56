//! Fields that do not count when desired and live are compared.

use std::sync::Arc;
use std::time::Duration;

use belay_access::Glob;
use belay_expr::{JqLimits, JqProgram};
use belay_object::{Object, Value};
use belay_schema::ssa::{owned_fields, remove_fields};

use crate::spec::IgnoreDifference;

/// Rules, compiled.
#[derive(Clone, Default)]
pub struct IgnoreRules {
    rules: Arc<[Arc<Rule>]>,
    /// What one expression may cost on one object.
    jq: JqLimits,
}

struct Rule {
    /// Whether it is about more than the status, which no manifest has.
    matters: bool,
    group: Glob,
    kind: Glob,
    name: String,
    namespace: String,
    pointers: Vec<Vec<String>>,
    jq: Vec<JqProgram>,
    managers: Vec<String>,
}

impl IgnoreRules {
    /// Compiles rules; an error is a sentence with the rule in it.
    pub fn compile<'a>(rules: impl IntoIterator<Item = &'a IgnoreDifference>) -> Result<IgnoreRules, String> {
        let mut compiled = Vec::new();
        for rule in rules {
            let about = format!("ignoreDifferences of {}/{}", rule.group, rule.kind);
            let glob = |text: &str| Glob::new(text).map_err(|e| format!("{about}: {e}"));
            let mut jq = Vec::new();
            for text in &rule.jq_path_expressions {
                jq.push(JqProgram::compile(text).map_err(|e| format!("{about}: {text:?}: {e}"))?);
            }
            let pointers: Vec<Vec<String>> = rule.json_pointers.iter().map(|p| tokens(p)).collect();
            let of_status = |pointer: &Vec<String>| pointer.first().is_some_and(|first| first == "status");
            compiled.push(Arc::new(Rule {
                matters: !(jq.is_empty() && rule.managed_fields_managers.is_empty() && pointers.iter().all(of_status)),
                group: glob(&rule.group)?,
                kind: glob(&rule.kind)?,
                name: rule.name.clone(),
                namespace: rule.namespace.clone(),
                pointers,
                jq,
                managers: rule.managed_fields_managers.clone(),
            }));
        }
        Ok(IgnoreRules { rules: compiled.into(), jq: JqLimits::default() })
    }
    /// These rules with so much time for each expression, instead of a second.
    pub fn within(self, time: Duration) -> IgnoreRules {
        IgnoreRules { jq: JqLimits::within(time), ..self }
    }
    /// These rules and others, all with the time of these.
    pub fn and(&self, more: &IgnoreRules) -> IgnoreRules {
        IgnoreRules { rules: self.rules.iter().chain(more.rules.iter()).cloned().collect(), jq: self.jq }
    }
    /// Whether any rule is about fields of an object that a manifest may have.
    pub fn concern(&self, object: &Object) -> bool {
        self.rules.iter().any(|rule| rule.matters && rule.is_about(object))
    }
    /// A manifest with the fields that do not count as they are live: applied, it leaves them alone. The status
    /// is never a manifest's.
    pub fn respected(&self, target: &Object, live: &Object) -> Object {
        if !self.concern(live) {
            return target.clone();
        }
        let (mut live, mut result) = (live.clone(), target.clone());
        live.remove(&["status"]);
        let mut bare = live.clone();
        self.strip(&mut bare, &live);
        self.strip(&mut result, &live);
        if let Some(status) = target.get("status") {
            result.set(&["status"], status.clone());
        }
        restore(live.value(), bare.value(), result.value_mut(), 0);
        result
    }
    /// Takes out of `object` what does not count; `live` says which fields are whose.
    pub fn strip(&self, object: &mut Object, live: &Object) {
        for rule in self.rules.iter() {
            if !rule.is_about(live) {
                continue;
            }
            for pointer in &rule.pointers {
                remove(object.value_mut(), pointer);
            }
            for program in &rule.jq {
                // An expression that meets a null where it wants a list says nothing about this object.
                match program.delete_paths(object.value(), &self.jq) {
                    Ok(value) => {
                        if let Ok(stripped) = Object::new(value) {
                            *object = stripped;
                        }
                    }
                    Err(e) => tracing::debug!(object = %live.key(), expression = program.text(), error = %e, "ignored"),
                }
            }
            for manager in &rule.managers {
                remove_fields(object, &owned_fields(live, manager, None));
            }
        }
    }
}

impl Rule {
    fn is_about(&self, object: &Object) -> bool {
        let kind = object.group_kind();
        self.group.matches(&kind.group)
            && self.kind.matches(&kind.kind)
            && (self.name.is_empty() || self.name == object.name())
            && (self.namespace.is_empty() || self.namespace == object.namespace())
    }
}

/// How deep objects are looked into; servers take no deeper ones.
const MAX_DEPTH: usize = 128;

/// Puts into a value what `live` has and `bare` has lost. Elements of lists are found by their name, else by
/// their place where nothing was taken out of the list.
fn restore(live: &Value, bare: &Value, into: &mut Value, depth: usize) {
    if live == bare || depth > MAX_DEPTH {
        return;
    }
    match (live, bare) {
        (Value::Object(live), Value::Object(bare)) => {
            let Value::Object(into) = into else { return };
            for (name, value) in live.iter() {
                match (bare.get(name), into.get_mut(name)) {
                    (None, _) => drop(into.insert(name.as_str(), value.clone())),
                    (Some(bare), Some(into)) => restore(value, bare, into, depth + 1),
                    (Some(bare), None) if bare != value && value.as_object().is_some() => {
                        let mut part = Value::object();
                        restore(value, bare, &mut part, depth + 1);
                        into.insert(name.as_str(), part);
                    }
                    (Some(_), None) => {}
                }
            }
        }
        (Value::Array(live), Value::Array(bare)) => {
            let Value::Array(into) = into else { return };
            let same =
                |a: &Value, b: &Value| a.str_at(&["name"]).is_some() && a.str_at(&["name"]) == b.str_at(&["name"]);
            for (i, value) in live.iter().enumerate() {
                let named = bare.iter().find(|other| same(other, value));
                let of_place = if live.len() == bare.len() { bare.get(i) } else { None };
                let known = named.or(of_place).or_else(|| bare.iter().find(|other| *other == value));
                let place = into.iter().position(|other| same(other, value));
                let place = place.or((live.len() == into.len() && live.len() == bare.len()).then_some(i));
                match (known, place) {
                    (Some(bare), Some(place)) => restore(value, bare, &mut into[place], depth + 1),
                    (None, None) => into.push(value.clone()),
                    _ => {}
                }
            }
        }
        _ => {}
    }
}

fn tokens(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').skip(usize::from(pointer.starts_with('/')));
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

/// Removes what a pointer names; nothing where nothing is there.
fn remove(value: &mut Value, tokens: &[String]) {
    let Some((last, path)) = tokens.split_last() else { return };
    let mut at = value;
    for step in path {
        let next = match at {
            Value::Object(fields) => fields.get_mut(step),
            Value::Array(items) => step.parse::<usize>().ok().and_then(|i| items.get_mut(i)),
            _ => None,
        };
        let Some(next) = next else { return };
        at = next;
    }
    match at {
        Value::Object(fields) => {
            fields.remove(last);
        }
        Value::Array(items) => {
            if let Ok(i) = last.parse::<usize>()
                && i < items.len()
            {
                items.remove(i);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use belay_object::from_json_str;

    use super::*;

    fn check(rule: &str, expected: &str) {
        let rule = IgnoreDifference::read(&from_json_str(rule).unwrap()).unwrap();
        let rules = IgnoreRules::compile([&rule]).unwrap();
        let text = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},
            "spec":{"replicas":3,"containers":[{"name":"a","image":"i"},{"name":"b","image":"j"}]}}"#;
        let live = Object::new(from_json_str(text).unwrap()).unwrap();
        let mut object = live.clone();
        rules.strip(&mut object, &live);
        assert_eq!(object.get("spec").unwrap().to_json(), expected, "{rule:?}");
    }

    /// argo.md 2.5, `RespectIgnoreDifferences`
    #[test]
    fn what_does_not_count_is_kept_as_it_is_live() {
        let respected = |rule: &str, target: &str, live: &str| {
            let rule = IgnoreDifference::read(&from_json_str(rule).unwrap()).unwrap();
            let rules = IgnoreRules::compile([&rule]).unwrap();
            let object = |spec: &str| {
                let text = format!(
                    r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web"}},"spec":{spec}}}"#
                );
                Object::new(from_json_str(&text).unwrap()).unwrap()
            };
            rules.respected(&object(target), &object(live)).get("spec").unwrap().to_json()
        };
        let replicas = r#"{"group":"apps","kind":"Deployment","jsonPointers":["/spec/replicas"]}"#;
        assert_eq!(
            respected(replicas, r#"{"a":2,"replicas":1}"#, r#"{"a":1,"replicas":5}"#),
            r#"{"a":2,"replicas":5}"#
        );
        assert_eq!(respected(replicas, r#"{"a":2}"#, r#"{"a":1,"replicas":5}"#), r#"{"a":2,"replicas":5}"#);
        assert_eq!(respected(replicas, r#"{"replicas":1}"#, r#"{"a":1}"#), r#"{}"#);
        let image = r#"{"group":"apps","kind":"Deployment","jqPathExpressions":[".spec.c[] | select(.name == \"x\") | .image"]}"#;
        assert_eq!(
            respected(
                image,
                r#"{"c":[{"name":"y","image":"new"},{"name":"x","image":"new"}]}"#,
                r#"{"c":[{"name":"x","image":"old"},{"name":"y","image":"old"}]}"#
            ),
            r#"{"c":[{"image":"new","name":"y"},{"image":"old","name":"x"}]}"#
        );
        let sidecar =
            r#"{"group":"apps","kind":"Deployment","jqPathExpressions":[".spec.c[] | select(.name == \"side\")"]}"#;
        assert_eq!(
            respected(sidecar, r#"{"c":[{"name":"x","v":2}]}"#, r#"{"c":[{"name":"x","v":1},{"name":"side","v":1}]}"#),
            r#"{"c":[{"name":"x","v":2},{"name":"side","v":1}]}"#
        );
    }

    #[test]
    fn an_expression_that_takes_too_long_says_nothing() {
        let rule = r#"{"group":"*","kind":"*","jqPathExpressions":["select((reduce range(1e5) as $i (0; . + 1)) > 0) | .data"]}"#;
        let rule = IgnoreDifference::read(&from_json_str(rule).unwrap()).unwrap();
        let own = IgnoreRules::compile([&rule]).unwrap();
        let left = |rules: &IgnoreRules| {
            let text = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}"#;
            let live = Object::new(from_json_str(text).unwrap()).unwrap();
            let mut object = live.clone();
            rules.strip(&mut object, &live);
            object.get("data").is_some()
        };
        assert!(!left(&own), "a second is enough");
        assert!(left(&own.clone().within(Duration::ZERO)));
        // The time is that of the settings, for the rules of an Application too.
        assert!(left(&IgnoreRules::default().within(Duration::ZERO).and(&own)));
        assert!(!left(&IgnoreRules::default().within(Duration::from_secs(20)).and(&own)));
    }

    #[test]
    fn fields_are_taken_out_by_pointer_and_expression() {
        let all = r#"{"containers":[{"image":"i","name":"a"},{"image":"j","name":"b"}],"replicas":3}"#;
        let fewer = r#"{"containers":[{"image":"i","name":"a"},{"image":"j","name":"b"}]}"#;
        check(r#"{"group":"apps","kind":"Deployment","jsonPointers":["/spec/replicas"]}"#, fewer);
        check(r#"{"group":"*","kind":"*","jsonPointers":["/spec/replicas","/spec/nothing/here"]}"#, fewer);
        check(r#"{"kind":"Deployment","jsonPointers":["/spec/replicas"]}"#, all);
        check(r#"{"group":"apps","kind":"Deployment","name":"api","jsonPointers":["/spec/replicas"]}"#, all);
        let image = r#"{"containers":[{"name":"a"},{"image":"j","name":"b"}],"replicas":3}"#;
        check(r#"{"group":"apps","kind":"Deployment","jsonPointers":["/spec/containers/0/image"]}"#, image);
        check(
            r#"{"group":"apps","kind":"Deployment","jqPathExpressions":[".spec.containers[] | select(.name == \"a\") | .image"]}"#,
            image,
        );
    }
}
