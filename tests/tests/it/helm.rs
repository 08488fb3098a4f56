//! Helm 4.2.4's renders of real charts, its language probes and its own tables, held against ours.

mod corpus;
mod language;
mod tables;

use std::fs;
use std::path::{Path, PathBuf};

use belay_object::{Value, from_json};

/// A part of the corpus; none where it is not there.
fn corpus(part: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/helm").join(part);
    let found = fs::canonicalize(&found).ok();
    if found.is_none() {
        eprintln!("skipped: corpus/helm/{part} is not beside the repository");
    }
    found
}

fn json(path: &Path) -> Value {
    from_json(&fs::read(path).expect("the file is there")).expect("the file is JSON")
}

/// The objects of a file with one on each line.
fn json_lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the file is there");
    text.lines().map(|line| from_json(line.as_bytes()).expect("the line is JSON")).collect()
}
