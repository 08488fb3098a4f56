//! Three-way merges of single objects. kyaml's own rows are held in `tests/tests/it/kustomize_tables.rs`.

use belay_object::Value;
use belay_yaml::{Options, parse_value, to_yaml};

use super::{UnknownLists, merge3};

fn yaml(text: &str) -> Option<Value> {
    (!text.is_empty()).then(|| parse_value(text, &Options::v3()).expect("it is YAML"))
}

/// Merges and compares; an empty text is an absent object.
fn check(local: &str, original: &str, update: &str, expected: &str) {
    let merged = merge3(yaml(local), yaml(original).as_ref(), yaml(update).as_ref(), UnknownLists::ByName);
    let merged = merged.map(|value| value.as_ref().map(to_yaml).unwrap_or_default());
    let expected = yaml(expected).as_ref().map(to_yaml).unwrap_or_default();
    assert_eq!(merged.map_err(|e| e.to_string()), Ok(expected), "{local} + ({original} -> {update})");
}

#[test]
fn what_only_one_side_changed_is_kept() {
    check("{a: 1, b: 3}", "{a: 1, b: 2}", "{a: 5, b: 2}", "{a: 5, b: 3}");
    check("{a: 1, mine: x}", "{a: 1}", "{a: 1, theirs: y}", "{a: 1, mine: x, theirs: y}");
}

#[test]
fn update_wins_where_both_changed_a_scalar_or_a_plain_list() {
    check("{a: 2, l: [1, 2]}", "{a: 1, l: [1]}", "{a: 3, l: [3]}", "{a: 3, l: [3]}");
}

#[test]
fn what_the_update_dropped_goes_unless_something_of_our_own_stands_in_it() {
    check("{a: {b: 1}, c: 1}", "{a: {b: 1}}", "{}", "{a: {}, c: 1}");
    check("{a: {b: 1, mine: 2}}", "{a: {b: 1}}", "{}", "{a: {mine: 2}}");
}

#[test]
fn null_of_either_side_clears() {
    check("{a: null}", "{a: 1}", "{a: 2}", "{}");
    check("{a: {b: 1}}", "{a: {b: 1}}", "{a: null}", "{}");
}

#[test]
fn object_that_is_in_neither_copy_nor_update_is_gone() {
    check("", "{a: 1}", "", "");
    check("", "", "{a: 1}", "{a: 1}");
}

#[test]
fn items_with_names_are_merged_one_by_one() {
    check(
        "{l: [{name: a, x: 9}, {name: mine}, {name: gone, x: 1}]}",
        "{l: [{name: a, x: 1, y: 1}, {name: gone, x: 1}]}",
        "{l: [{name: new}, {name: a, x: 1, y: 2}]}",
        "{l: [{name: a, x: 9, y: 2}, {name: mine}, {name: new}]}",
    );
}

#[test]
fn ports_are_known_by_number_and_protocol() {
    let pod =
        |ports: &str| format!("{{apiVersion: v1, kind: Pod, spec: {{containers: [{{name: c, ports: [{ports}]}}]}}}}");
    check(
        &pod("{containerPort: 80, protocol: TCP}, {containerPort: 90}"),
        &pod("{containerPort: 80, protocol: TCP}"),
        &pod("{containerPort: 80, protocol: TCP, name: web}, {containerPort: 80, protocol: UDP}"),
        &pod("{containerPort: 80, protocol: TCP, name: web}, {containerPort: 90}, {containerPort: 80, protocol: UDP}"),
    );
}

#[test]
fn scalars_of_merged_lists_are_added_and_removed() {
    let meta = |list: &str| format!("{{apiVersion: v1, kind: Pod, metadata: {{finalizers: [{list}]}}}}");
    check(&meta("a, mine, b"), &meta("a, b"), &meta("b, c"), &meta("mine, b, c"));
    check(&meta("a, a, mine"), &meta("a"), &meta("a, c"), &meta("a, a, mine, c"));
}

#[test]
fn values_of_different_kinds_are_an_error() {
    let merged = merge3(yaml("{a: [1]}"), yaml("{a: 1}").as_ref(), yaml("{a: 2}").as_ref(), UnknownLists::Whole);
    assert!(merged.is_err_and(|error| error.to_string().contains("wrong node kind")));
    let merged = merge3(
        yaml("{a: [{name: x}]}"),
        yaml("{a: [1]}").as_ref(),
        yaml("{a: [{name: x}]}").as_ref(),
        UnknownLists::ByName,
    );
    assert!(merged.is_err_and(|error| error.to_string().contains("have no name")));
}
