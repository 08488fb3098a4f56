//! How fast YAML is read and written: `cargo run --release -p belay-bench --bin yaml -- FILES...`
//!
//! Prints per way of reading the best of five runs over all files together. Asserts nothing.

use std::process::ExitCode;
use std::time::Instant;

use belay_object::Value;
use belay_yaml::{Options, parse_documents, parse_nodes, to_yaml_documents};

fn main() -> ExitCode {
    let mut texts = Vec::new();
    for path in std::env::args().skip(1) {
        match std::fs::read_to_string(&path) {
            Ok(text) => texts.push(text),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    let read = |options: &Options| -> Vec<Value> {
        texts.iter().flat_map(|text| parse_documents(text, options).unwrap_or_default()).collect()
    };
    let bytes: usize = texts.iter().map(String::len).sum();
    let documents = read(&Options::v2());
    println!("{} files, {} documents, {:.2} MB", texts.len(), documents.len(), bytes as f64 / 1e6);
    report("read as goyaml.v2", bytes, || read(&Options::v2()).len());
    report("read as yaml.v3", bytes, || read(&Options::v3()).len());
    report("read as nodes", bytes, || {
        texts.iter().map(|t| parse_nodes(t, &Options::v3()).map_or(0, |n| n.len())).sum()
    });
    let written = to_yaml_documents(&documents).len();
    report("write", written, || to_yaml_documents(&documents).len());
    ExitCode::SUCCESS
}

fn report(what: &str, bytes: usize, mut run: impl FnMut() -> usize) {
    let mut best_s = f64::MAX;
    for _ in 0..5 {
        let start = Instant::now();
        std::hint::black_box(run());
        best_s = best_s.min(start.elapsed().as_secs_f64());
    }
    println!("{what:<20} {:>8.2} ms {:>6.0} MB/s", best_s * 1e3, bytes as f64 / 1e6 / best_s);
}
