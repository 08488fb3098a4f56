//! Strategic merges of single objects.

use belay_object::Value;
use belay_yaml::{Options, parse_value, to_yaml};

use super::strategic_merge;
use crate::options::Compatibility;
use crate::schema::Schemas;

fn yaml(text: &str) -> Value {
    parse_value(text, &Options::v3()).expect("it is YAML")
}

/// Merges into the pod spec of a Deployment and compares what comes out.
fn check(target: &str, patch: &str, expected: &str) {
    let deployment = |spec: &str| {
        let mut object = yaml("{apiVersion: apps/v1, kind: Deployment}");
        object.set(&["spec", "template", "spec"], yaml(spec));
        object
    };
    let merged = strategic_merge(deployment(target), deployment(patch), &Schemas::built_in(Compatibility::V5_8_1))
        .expect("it merges");
    let spec = merged.as_ref().and_then(|m| m.at(&["spec", "template", "spec"])).map(to_yaml);
    assert_eq!(spec.as_deref().unwrap_or("nothing"), to_yaml(&yaml(expected)), "{target} + {patch}");
}

#[test]
fn patch_items_come_first_then_the_rest() {
    check(
        "{containers: [{name: a, image: x}, {name: b}]}",
        "{containers: [{name: c}, {name: b, image: y}]}",
        "{containers: [{name: c}, {name: b, image: y}, {name: a, image: x}]}",
    );
}

#[test]
fn items_and_fields_are_deleted_by_directive_and_null() {
    check(
        "{containers: [{name: a}, {name: b, image: x, tty: true}]}",
        "{containers: [{name: a, $patch: delete}, {name: b, tty: null}]}",
        "{containers: [{name: b, image: x}]}",
    );
}

#[test]
fn lists_without_merge_keys_are_replaced() {
    check("{tolerations: [{key: a}]}", "{tolerations: [{key: b}]}", "{tolerations: [{key: b}]}");
}

#[test]
fn replace_directive_of_a_map_and_of_a_list() {
    check("{affinity: {a: b}}", "{affinity: {$patch: replace, c: d}}", "{affinity: {c: d}}");
    check("{containers: [{name: a}]}", "{containers: [{$patch: replace}, {name: b}]}", "{containers: [{name: b}]}");
}

#[test]
fn replace_directive_of_one_item_changes_nothing() {
    // kyaml puts the old item back in the place of the new one.
    check(
        "{containers: [{name: a, image: x}]}",
        "{containers: [{name: a, $patch: replace, image: y}]}",
        "{containers: [{name: a, image: x}]}",
    );
}

#[test]
fn port_without_protocol_is_lost_where_both_protocols_are_there() {
    check(
        "{containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}]}]}",
        "{containers: [{name: a, ports: [{containerPort: 80, name: x}]}]}",
        "{containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}]}]}",
    );
}

#[test]
fn nulls_of_a_patch_vanish_where_nothing_is_to_be_deleted() {
    check("{}", "{affinity: {a: null, b: {c: null}}}", "{affinity: {b: {}}}");
}

#[test]
fn scalars_take_the_quotes_of_what_they_replace() {
    check("{a: '1', b: x}", "{a: 2, b: 2}", "{a: '2', b: 2}");
}

#[test]
fn shapes_must_agree_and_directives_be_known() {
    let merge =
        |patch: &str| strategic_merge(yaml("{a: {b: c}}"), yaml(patch), &Schemas::built_in(Compatibility::V5_8_1));
    let text = |patch: &str| merge(patch).expect_err("it does not merge").message().to_owned();
    assert!(text("{a: []}").starts_with("wrong node kind: expected MappingNode but got SequenceNode"));
    assert_eq!(text("{a: {$patch: bogus}}"), "unknown patch strategy 'bogus'");
}

#[test]
fn whole_object_is_deleted_by_directive() {
    let merged = strategic_merge(yaml("{a: b}"), yaml("{$patch: delete}"), &Schemas::built_in(Compatibility::V5_8_1));
    assert_eq!(merged, Ok(None));
}

#[test]
fn two_thousand_items_merge_in_linear_time() {
    let items = |from: usize| Value::from_iter((from..from + 2_000).map(|i| yaml(&format!("{{name: n{i}}}"))));
    let mut target = yaml("{apiVersion: v1, kind: Pod}");
    target.set(&["spec", "volumes"], items(0));
    let mut patch = yaml("{apiVersion: v1, kind: Pod}");
    patch.set(&["spec", "volumes"], items(1_000));
    let merged = strategic_merge(target, patch, &Schemas::built_in(Compatibility::V5_8_1))
        .expect("it merges")
        .expect("it stays");
    assert_eq!(merged.at(&["spec", "volumes"]).map_or(0, |v| v.items().len()), 3_000);
}
