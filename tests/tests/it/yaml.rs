//! YAML as kustomize 5.8 and Helm 4.2 wrote it: the table of hard scalars and the documents of the
//! language corpus.

use std::fs;
use std::path::PathBuf;

use belay_object::{Value, from_json_str};
use belay_yaml::{Options, parse_documents, parse_value, to_yaml};

/// A file beside the repository; none where the corpora are not there.
fn shared(path: &str) -> Option<String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared").join(path);
    let text = fs::read_to_string(&file);
    if text.is_err() {
        eprintln!("skipped: {path} is not beside the repository");
    }
    text.ok()
}

#[test]
fn hard_scalars_are_written_as_kustomize_writes_them() {
    let (Some(input), Some(expected)) =
        (shared("corpus/kustomize/yaml_emission/r.yaml"), shared("corpus/kustomize/yaml_emission/expected.yaml"))
    else {
        return;
    };
    let documents = parse_documents(&input, &Options::v3()).expect("the table is YAML");
    let written: String = documents.iter().map(to_yaml).collect();
    for (line, (ours, theirs)) in written.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}", line + 1);
    }
    assert_eq!(written, expected);
}

/// Helm's codec makes every number a float before it shows it.
fn floats(value: Value) -> Value {
    match value {
        Value::Int(i) => Value::Float(i as f64),
        Value::UInt(u) => Value::Float(u as f64),
        Value::Array(items) => Value::Array(items.into_iter().map(floats).collect()),
        Value::Object(map) => map.into_iter().map(|(k, v)| (k, floats(v))).collect::<belay_object::Map>().into(),
        other => other,
    }
}

#[test]
fn values_files_are_read_and_written_as_helm_does() {
    let Some(corpus) = shared("corpus/helm/language/yaml.jsonl") else { return };
    for line in corpus.lines() {
        let case = from_json_str(line).expect("a line of JSON");
        let text = |field| case.str_at(&[field]).unwrap_or_default();
        let (document, wanted) = (text("expr"), text("out"));
        match parse_value(document, &Options::v2()) {
            Err(error) => {
                let wanted = text("err").trim_start_matches("error converting YAML to JSON: ");
                assert_eq!(error.go_text, wanted, "{document:?}");
            }
            Ok(value) => {
                assert_eq!(text("err"), "", "{document:?}");
                let value = floats(value);
                let (json, yaml) = wanted.split_once('\u{1e}').expect("two parts");
                assert_eq!(value, from_json_str(json).expect("JSON"), "{document:?}");
                assert_eq!(to_yaml(&value), yaml, "{document:?}");
            }
        }
    }
}
