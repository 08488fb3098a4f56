//! The built-in types against the recorded server's, and Flux's rules as the contract lists them.

use std::path::PathBuf;

use belay_expr::Program;
use belay_object::from_json;
use belay_schema::Types;

/// A file of the shared facts; `None`, and a word about it, where they are absent.
fn shared(path: &str) -> Option<Vec<u8>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    let found = std::fs::read(&file).ok();
    if found.is_none() {
        println!("skipped: {} is absent", file.display());
    }
    found
}

#[test]
fn the_table_of_types_is_that_of_the_recorded_server() {
    let Some(text) = shared("kubernetes/schemas.json") else { return };
    let recorded = from_json(&text).expect("JSON");
    let recorded = recorded.as_object().expect("a map");
    let types = Types::builtin().definitions();
    assert_eq!(types.len(), recorded.len());
    for definition in types {
        let own = from_json(definition.json().as_bytes()).expect("JSON");
        assert_eq!(Some(&own), recorded.get(definition.name()), "{}", definition.name());
    }
}

#[test]
fn every_kind_of_the_recorded_server_has_a_schema() {
    let Some(text) = shared("kubernetes/schemas.json") else { return };
    let recorded = from_json(&text).expect("JSON");
    let mut count = 0;
    for definition in recorded.as_object().expect("a map").values() {
        for kind in definition["x-kubernetes-group-version-kind"].items() {
            let text = |name: &str| kind.str_at(&[name]).unwrap_or_default();
            let kind = belay_object::GroupVersionKind::new(text("group"), text("version"), text("kind"));
            let schema = Types::builtin().get(&kind).unwrap_or_else(|| panic!("{kind}"));
            // Looking at it compiles it.
            assert!(schema.name.is_some(), "{kind}");
            count += 1;
        }
    }
    assert!(count > 130, "{count}");
}

#[test]
fn every_rule_of_the_contract_compiles() {
    let Some(text) = shared("contracts/flux-crd-fields.md") else { return };
    let text = String::from_utf8(text).expect("text");
    let mut count = 0;
    for line in text.lines() {
        for rule in line.split("CEL{").skip(1) {
            // A rule ends at the brace that closes its mark; its own braces are balanced.
            let mut depth = 1;
            let end = rule.find(|c| {
                depth += i32::from(c == '{') - i32::from(c == '}');
                depth == 0
            });
            let rule = &rule[..end.expect("a closed mark")];
            Program::compile(rule).unwrap_or_else(|e| panic!("{rule}: {e}"));
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
