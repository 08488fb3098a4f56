//! The built-in types and field sets.

use belay_object::{GroupVersionKind, Object, Value, from_json_str};

use crate::{FieldSet, Kind, ListType, Types, crd, decode, default_values, prune, ssa, strategic, validate};

#[test]
fn a_built_in_kind_is_found_and_compiled_when_looked_at() {
    let schema = Types::builtin().get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("Deployment");
    let spec = schema.child("spec").expect("spec");
    assert_eq!(spec.type_name(), "DeploymentSpec");
    let containers =
        spec.child("template").and_then(|t| t.child("spec")?.child("containers").cloned()).expect("containers");
    assert_eq!(containers.kind, Kind::Array);
    assert_eq!(containers.list, ListType::Map(["name".into()].into()));
    assert!(Types::builtin().get(&GroupVersionKind::new("", "v1", "Nothing")).is_none());
}

#[test]
fn a_field_set_reads_and_writes_fields_v1() {
    let text = r#"{"f:a":{},"f:b":{".":{},"k:{\"name\":\"c\"}":{".":{},"f:name":{}},"v:1":{}},"f:c":{"f:d":{}}}"#;
    let set = FieldSet::parse(&from_json_str(text).expect("JSON"));
    assert_eq!(set.to_value().to_json(), text);
    assert_eq!(set.paths(), [".a", ".b", ".b[name=\"c\"]", ".b[=1]", ".b[name=\"c\"].name", ".c.d"]);
    assert!(set.difference(&set).is_empty());
    assert_eq!(set.union(&set), set);
    assert_eq!(set.intersection(&set), set);
}

/// Numbers from a fixed seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
    fn value(&mut self, depth: u64) -> Value {
        const NAMES: [&str; 22] = [
            "metadata",
            "spec",
            "template",
            "containers",
            "name",
            "env",
            "ports",
            "containerPort",
            "labels",
            "finalizers",
            "status",
            "conditions",
            "type",
            "$patch",
            "$retainKeys",
            "$setElementOrder/containers",
            "managedFields",
            "fieldsV1",
            "f:a",
            "k:{\"name\":\"x\"}",
            "items",
            "default",
        ];
        const TEXTS: [&str; 8] = ["", "a", "x", "object", "array", "delete", "replace", "100m"];
        match self.roll(if depth == 0 { 5 } else { 9 }) {
            0 => Value::Null,
            1 => Value::Bool(self.roll(2) == 0),
            2 => Value::Int(self.roll(5) as i64 - 1),
            3 => Value::Float(self.roll(5) as f64 / 2.0),
            4 => TEXTS[self.roll(8) as usize].into(),
            5 | 6 => (0..self.roll(4)).map(|_| self.value(depth - 1)).collect(),
            _ => Value::Object(
                (0..self.roll(5)).map(|_| (NAMES[self.roll(22) as usize], self.value(depth - 1))).collect(),
            ),
        }
    }
    fn object(&mut self) -> Object {
        let mut value = self.value(6);
        value.set(&["apiVersion"], "apps/v1");
        value.set(&["kind"], "Deployment");
        Object::new(value).expect("an object")
    }
}

#[test]
fn garbage_is_refused_or_kept_and_nothing_panics() {
    let schema = Types::builtin().get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("Deployment");
    let reset = ssa::reset_fields(&schema, "");
    let target =
        ssa::Target { schema: &schema, api_version: "apps/v1", kind: "Deployment", subresource: "", reset: &reset };
    let manager = ssa::Manager { name: "m", time: "2026-01-01T00:00:00Z" };
    let mut dice = Dice(0x5eed);
    for _ in 0..3_000 {
        let (live, new) = (dice.object(), dice.object());
        let mut bare = new.clone();
        bare.remove(&["metadata", "managedFields"]);
        drop(ssa::apply(&target, Some(&live), &bare, &manager, true));
        let mut updated = ssa::update(&target, Some(&live), new.clone(), &manager);
        ssa::keep_times(&live, &mut updated);
        ssa::owned_digest(&updated, "m");
        let mut value = live.value().clone();
        drop(strategic::apply(&mut value, new.value(), &schema));
        drop(strategic::two_way(live.value(), new.value(), &schema));
        drop(strategic::three_way(live.value(), new.value(), updated.value(), &schema));
        drop(decode::fit(&mut live.value().clone(), &schema));
        // A definition that is refused can still be stored, and compiled without the check.
        let definition = dice.value(6);
        let custom = match crd::compile(&definition, "schema") {
            Ok(schema) => schema,
            Err(_) => crd::compile_unchecked(&definition),
        };
        let mut value = new.value().clone();
        prune(&mut value, &custom);
        default_values(&mut value, &custom);
        validate(&value, Some(live.value()), &custom);
    }
}

#[test]
fn every_built_in_type_compiles() {
    for definition in Types::builtin().definitions() {
        let schema = Types::builtin().named(definition.name()).expect("it is in the table");
        for field in &schema.fields {
            assert_eq!(schema.field(&field.name).map(|f| &f.name), Some(&field.name), "{}", definition.name());
            // Looking at it compiles it; only free-form places have no type.
            let _ = field.node.kind;
        }
    }
}

/// A test's thread has the stack of a runtime's worker: 2 MiB.
#[test]
fn the_deepest_values_that_are_read_do_not_overflow_the_stack() {
    let deep = |open: &str, close: &str| {
        let text = format!(r#"{{"apiVersion":"v1","kind":"X","x":{}1{}}}"#, open.repeat(120), close.repeat(120));
        Object::new(from_json_str(&text).expect("JSON")).expect("an object")
    };
    let schema = crd::compile_unchecked(
        &from_json_str(r#"{"type":"object","x-kubernetes-preserve-unknown-fields":true}"#).expect("JSON"),
    );
    let reset = FieldSet::new();
    let target = ssa::Target { schema: &schema, api_version: "v1", kind: "X", subresource: "", reset: &reset };
    let manager = ssa::Manager { name: "m", time: "2026-01-01T00:00:00Z" };
    for (a, b) in [(deep(r#"{"a":"#, "}"), deep(r#"{"b":"#, "}")), (deep("[", "]"), deep("[[], ", "]"))] {
        let live = ssa::apply(&target, None, &a, &manager, false).expect("created");
        let live = ssa::apply(&target, Some(&live), &b, &manager, true).expect("applied");
        let live = ssa::update(&target, Some(&live), a.clone(), &manager);
        ssa::owned_digest(&live, "m");
        let mut value = live.value().clone();
        strategic::apply(&mut value, b.value(), &schema).unwrap_or_default();
        drop(strategic::three_way(a.value(), b.value(), live.value(), &schema));
        prune(&mut value, &schema);
        default_values(&mut value, &schema);
        validate(&value, Some(a.value()), &schema);
        drop(decode::read_json(value.to_json().as_bytes()));
    }
}
