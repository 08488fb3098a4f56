//! JSON 6902 operations, with the library's deviations and texts.

use belay_yaml::{Options, parse_value, to_yaml};

use super::{apply, read};
use crate::growth::Growth;

/// Applies operations to `{a: {b: 1}, l: [x, y]}` and compares the document or the error.
fn check(operations: &str, expected: &str) {
    let mut document = parse_value("{a: {b: 1}, l: [x, y]}", &Options::v3()).expect("it is YAML");
    let result = read(operations).and_then(|operations| {
        apply(&mut document, &operations, &Growth::new(1 << 20)).map_err(|error| error.message().to_owned())
    });
    let found = match result {
        Ok(()) => to_yaml(&document),
        Err(error) => error,
    };
    let expected = match expected.starts_with('{') {
        true => to_yaml(&parse_value(expected, &Options::v3()).expect("it is YAML")),
        false => expected.to_owned(),
    };
    assert_eq!(found, expected, "{operations}");
}

#[test]
fn operations_of_the_rfc() {
    check("- {op: add, path: /a/c, value: 2}", "{a: {b: 1, c: 2}, l: [x, y]}");
    check("- {op: add, path: /l/1, value: z}", "{a: {b: 1}, l: [x, z, y]}");
    check("- {op: remove, path: /l/0}", "{a: {b: 1}, l: [y]}");
    check("- {op: replace, path: /a/b, value: {c: d}}", "{a: {b: {c: d}}, l: [x, y]}");
    check("- {op: move, from: /a/b, path: /m}", "{a: {}, l: [x, y], m: 1}");
    check("- {op: copy, from: /l, path: /a/l}", "{a: {b: 1, l: [x, y]}, l: [x, y]}");
    check("- {op: test, path: /a, value: {b: 1}}", "{a: {b: 1}, l: [x, y]}");
    check("- op: add\n  path: /l~1m~0\n  value: 1\n", "{a: {b: 1}, l: [x, y], l/m~: 1}");
}

#[test]
fn deviations_of_the_library() {
    check("- {op: add, path: /l/-, value: z}", "{a: {b: 1}, l: [x, y, z]}");
    check("- {op: add, path: /l/-1, value: z}", "{a: {b: 1}, l: [x, y, z]}");
    check("- {op: remove, path: /l/-1}", "{a: {b: 1}, l: [x]}");
    check("- {op: replace, path: /a/new, value: 1}", "{a: {b: 1, new: 1}, l: [x, y]}");
    check("- {op: test, path: /a/none, value: null}", "{a: {b: 1}, l: [x, y]}");
}

#[test]
fn errors_are_in_the_library_s_words() {
    check(
        "- {op: add, path: /no/x, value: 1}",
        "add operation does not apply: doc is missing path: \"/no/x\": missing value",
    );
    check(
        "- {op: replace, path: /no/x}",
        "replace operation does not apply: doc is missing path: /no/x: missing value",
    );
    check("- {op: test, path: /a/b, value: '1'}", "testing value /a/b failed: test failed");
    check("[{\"op\": \"test\", \"path\": \"/a/b\", \"value\": 1.0}]", "testing value /a/b failed: test failed");
    check(
        "- {op: add, path: /l/9, value: 1}",
        "error in add for path: '/l/9': Unable to access invalid index: 9: invalid index referenced",
    );
    check("- {op: bogus, path: /a}", "Unexpected kind: bogus");
    check("text", "json: cannot unmarshal string into Go value of type jsonpatch.Patch");
}
