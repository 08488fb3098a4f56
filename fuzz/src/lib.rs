//! What the fuzz targets check of an input. libFuzzer holds the limits of time and memory; here
//! stands what must be true of every answer.
//!
//! Not a test suite: what fuzzing found is kept as tests beside the code that it was found in.

mod template;

pub use template::template;

use belay_kustomize::{BuildOptions, Limits, LoadRestrictor, Reorder, build};
use belay_object::Value;
use belay_tree::{MemoryTree, TreePath};
use belay_yaml::{ErrorKind, Options, parse_documents, parse_located, parse_nodes, to_yaml, to_yaml_documents};

/// Reads a text by both sets of rules, and reads again what is written of it.
pub fn yaml(text: &str) {
    for options in [Options::v2(), Options::v3()] {
        let _ = parse_nodes(text, &options);
        let located = parse_located(text, &options);
        match parse_documents(text, &options) {
            Ok(documents) => {
                assert!(located.is_ok(), "the same reader gave two answers");
                documents.iter().for_each(check_written);
            }
            Err(error) => {
                assert!(error.line >= 1, "a mistake has a line: {error}");
                let breaks = text.chars().filter(|c| matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}'));
                assert!(error.line <= breaks.count() + 2, "the line is in the text: {error}");
            }
        }
    }
}

/// What is written means what it was written of.
fn check_written(value: &Value) {
    let text = to_yaml(value);
    let options = Options::v2();
    match parse_documents(&text, &options) {
        Ok(again) => {
            let again = again.into_iter().next().unwrap_or_default();
            assert!(means_the_same(&again, value), "{value:?} was written as {text:?}");
        }
        Err(error) => panic!("what was written does not parse: {error}: {text:?} of {value:?}"),
    }
}

/// Equality, where a number may have come back in another of its types.
fn means_the_same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|((k, a), (l, b))| k == l && means_the_same(a, b))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| means_the_same(a, b))
        }
        (Value::Float(a), Value::Float(b)) => a == b || (a.is_nan() && b.is_nan()),
        (Value::Float(_), _) | (_, Value::Float(_)) => a.as_f64() == b.as_f64(),
        (a, b) => a == b,
    }
}

/// The most that one input may make of itself; far below the limits of real builds, so that libFuzzer's
/// own limits mean something.
const LIMITS: Limits = Limits {
    files: 300,
    bytes: 1 << 20,
    depth: 8,
    objects: 2_000,
    transformers: 500,
    steps: 1_000_000,
    growth: 16 << 20,
};

/// Builds the kustomization of an archive: a line with the directory, then files, each behind a line
/// `-- PATH --`.
pub fn kustomize(archive: &str) {
    let (dir, rest) = archive.split_once('\n').unwrap_or((archive, ""));
    let Ok(dir) = TreePath::clean(dir.trim()) else { return };
    let Ok(tree) = MemoryTree::from_files(files(rest)) else { return };
    for (reorder, load_restrictor) in
        [(Reorder::Legacy, LoadRestrictor::RootOnly), (Reorder::None, LoadRestrictor::None)]
    {
        let options = BuildOptions { reorder, load_restrictor, limits: LIMITS, ..BuildOptions::default() };
        match build(&tree, &dir, &options) {
            Ok(built) => {
                let text = built.to_yaml();
                let again = parse_documents(&text, &Options::v2());
                let again = match again {
                    Ok(again) => again,
                    // What is read may be nested as deep as is allowed, and then be put into more.
                    Err(error) if error.kind == ErrorKind::Limit => continue,
                    Err(error) => panic!("what was built does not parse: {error}:\n{text}"),
                };
                assert_eq!(to_yaml_documents(&again), text, "what was built is written as it is read");
            }
            Err(error) => {
                assert!(!error.message().trim().is_empty(), "an error says what is wrong");
                assert!(error.to_string().len() < 1 << 20, "an error can be read");
            }
        }
    }
}

/// The files of an archive; of two with one path the first.
fn files(text: &str) -> Vec<(&str, &str)> {
    let mut files: Vec<(&str, &str)> = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("-- ") {
        let Some((head, body)) = rest[start + 3..].split_once('\n') else { break };
        let end = body.find("\n-- ").map_or(body.len(), |end| end + 1);
        let path = head.trim_end().trim_end_matches("--").trim();
        if !files.iter().any(|(known, _)| *known == path) {
            files.push((path, &body[..end]));
        }
        rest = &body[end..];
    }
    files
}
