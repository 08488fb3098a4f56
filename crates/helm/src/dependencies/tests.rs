use belay_gotemplate::Value as TemplateValue;
use belay_object::{Map, Value, from_json_str};
use belay_tree::{MemoryTree, TreePath};

use super::process;
use crate::values::coalesce::{Nulls, coalesce, from_map};
use crate::{Chart, Limits, load};

fn chart(files: &[(&str, &str)]) -> Chart {
    let tree = MemoryTree::from_files(files.iter().copied()).expect("the paths are clean");
    load(&tree, &TreePath::root(), &Limits::default()).expect("it loads")
}

fn map(json: &str) -> Map {
    from_json_str(json).expect("it is JSON").as_object().cloned().unwrap_or_default()
}

/// The names of all charts that take part, and the coalesced values.
fn check(files: &[(&str, &str)], values: &str, names: &str, expected: &str) {
    let chart = chart(files);
    let values = from_map(&map(values));
    let node = process(&chart, &values).expect("it is processed");
    let mut found = Vec::new();
    let mut open = vec![&node];
    while let Some(node) = open.pop() {
        found.push(node.name().to_owned());
        open.extend(&node.dependencies);
    }
    found.sort();
    assert_eq!(found.join(" "), names);
    let coalesced = coalesce(&node, &values, Nulls::Delete).map_err(|e| e.to_string());
    let json = coalesced.map(|map| TemplateValue::Map(map).to_object().expect("it is plain").to_json());
    assert_eq!(json.unwrap_or_else(|e| e), expected);
}

const A: (&str, &str) = ("charts/a/Chart.yaml", "apiVersion: v2\nname: a\nversion: 1.2.3\n");

fn parent(dependency: &str) -> (&'static str, String) {
    ("Chart.yaml", format!("apiVersion: v2\nname: p\nversion: 1.0.0\ndependencies: [{dependency}]\n"))
}

#[test]
fn nulls_of_the_user_delete_and_those_of_charts_are_dropped() {
    check(
        &[
            ("Chart.yaml", "apiVersion: v2\nname: p\nversion: 1.0.0\n"),
            ("values.yaml", "a: 1\nb: {c: 2, d: null, e: {f: null}}\ng: null\nh: {i: 1}\n"),
        ],
        r#"{"a": null, "b": {"c": null}, "h": null, "new": null}"#,
        "p",
        r#"{"b":{"e":{}},"new":null}"#,
    );
}

#[test]
fn sections_and_globals_go_down() {
    check(
        &[
            ("Chart.yaml", "apiVersion: v2\nname: p\nversion: 1.0.0\n"),
            ("values.yaml", "a: {x: parent}\nglobal: {g: 1, t: {u: 1}}\n"),
            A,
            ("charts/a/values.yaml", "x: own\nz: own\nglobal: {g: 2, own: 3}\n"),
        ],
        r#"{"global": {"g": 9}}"#,
        "a p",
        r#"{"a":{"global":{"g":9,"own":3,"t":{"u":1}},"x":"parent","z":"own"},"global":{"g":9,"t":{"u":1}}}"#,
    );
}

#[test]
fn a_section_that_is_no_table_is_an_error() {
    check(
        &[("Chart.yaml", "apiVersion: v2\nname: p\nversion: 1.0.0\n"), A],
        r#"{"a": "text"}"#,
        "a p",
        "type mismatch on a: %!t(string=text)",
    );
}

#[test]
fn conditions_beat_tags() {
    let (name, yaml) = parent("{name: a, version: 1.x, condition: \"a.on,other\", tags: [t]}");
    let files = [(name, yaml.as_str()), A];
    check(&files, r#"{"tags": {"t": false}}"#, "p", r#"{"tags":{"t":false}}"#);
    let on = r#"{"tags": {"t": false}, "a": {"on": true}}"#;
    check(&files, on, "a p", r#"{"a":{"global":{},"on":true},"tags":{"t":false}}"#);
    check(&files, r#"{"a": {"on": false}}"#, "p", r#"{"a":{"on":false}}"#);
    check(&files, r#"{"a": {"on": "text"}, "other": false}"#, "p", r#"{"a":{"on":"text"},"other":false}"#);
}

#[test]
fn a_chart_takes_part_under_each_of_its_aliases() {
    let (name, yaml) = parent("{name: a, version: 1.x, alias: one}, {name: a, version: \">=1.2\", alias: two}");
    let files = [(name, yaml.as_str()), A, ("charts/a/values.yaml", "x: own\n")];
    check(
        &files,
        r#"{"two": {"x": "user"}}"#,
        "one p two",
        r#"{"one":{"global":{},"x":"own"},"two":{"global":{},"x":"user"}}"#,
    );
}

#[test]
fn a_version_out_of_range_takes_no_part_and_an_undeclared_chart_does() {
    let (name, yaml) = parent("{name: a, version: 2.x}");
    check(&[(name, yaml.as_str()), A], "{}", "a p", r#"{"a":{"global":{}}}"#);
    let (name, yaml) = parent("{name: b, version: 1.x}");
    check(&[(name, yaml.as_str()), A], "{}", "a p", r#"{"a":{"global":{}}}"#);
}

#[test]
fn values_are_imported_and_the_parents_own_win() {
    let (name, yaml) = parent(
        "{name: a, version: 1.x, import-values: [data, {child: deep.table, parent: here.there}, {child: none, parent: x}]}",
    );
    check(
        &[
            (name, yaml.as_str()),
            ("values.yaml", "kept: parent\nhere: {there: {own: 1}}\n"),
            A,
            ("charts/a/values.yaml", "exports: {data: {kept: child, new: child}}\ndeep: {table: {own: 2, other: 3}}\n"),
        ],
        "{}",
        "a p",
        r#"{"a":{"deep":{"table":{"other":3,"own":2}},"exports":{"data":{"kept":"child","new":"child"}},"global":{}},"here":{"there":{"other":3,"own":1}},"kept":"parent","new":"child"}"#,
    );
}

#[test]
fn a_missing_dependency_is_refused_where_the_values_want_it() {
    let (name, yaml) = parent("{name: b, version: 1.x, condition: b.on}");
    let chart = chart(&[(name, yaml.as_str())]);
    let refused = |values: &str| chart.check_installable(&map(values)).map_err(|e| e.to_string());
    assert_eq!(refused(r#"{"b": {"on": false}}"#), Ok(()));
    let error = refused("{}").expect_err("b is wanted");
    assert!(error.ends_with("found in Chart.yaml, but missing in charts/ directory: b"), "{error}");
}

#[test]
fn a_record_keeps_what_was_processed() {
    let (name, yaml) = parent("{name: a, version: 1.x, alias: one, import-values: [data]}");
    let chart = chart(&[(name, yaml.as_str()), A, ("charts/a/values.yaml", "exports: {data: {new: 1}}\n")]);
    let found = super::processed(&chart, &Map::new()).expect("it is processed");
    assert_eq!(found.metadata.dependencies[0].name, "one");
    assert_eq!(found.values.get("new"), Some(&Value::Float(1.0)));
    assert!(chart.values.is_empty(), "the loaded chart stays as it is");
}
