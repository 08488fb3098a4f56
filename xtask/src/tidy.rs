//! The checks of `cargo xtask tidy`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The crates from low to high: one may depend on those of lower rows only. Rows hold what does not
/// see each other.
const ROWS: &[&[&str]] = &[
    &["object", "tree", "net", "semver"],
    &["yaml", "expr", "oci", "access", "jsonnet"],
    &["schema", "health", "gotemplate"],
    &["helm", "kustomize", "plan", "source", "cluster", "apiserver", "notify"],
    &["render", "controller"],
    &["engine"],
    &["flux", "argo"],
    &["server", "cli"],
    &["belay"],
];

/// Edges that the rows would allow and the design forbids: (from, to, why).
const NEVER: &[(&str, &str, &str)] = &[
    ("kustomize", "net", "renderers are pure"),
    ("helm", "net", "renderers are pure"),
    ("helm", "cluster", "renderers are pure"),
    ("helm", "source", "renderers are pure"),
    ("plan", "cluster", "a plan is a function over values"),
    ("plan", "net", "a plan is a function over values"),
    ("apiserver", "net", "the server opens no outbound connection"),
    ("apiserver", "tree", "the server knows no sources"),
    ("render", "cluster", "rendering is pure"),
    ("render", "net", "rendering is pure"),
    ("render", "source", "rendering is pure"),
    ("oci", "yaml", "registries know no manifests"),
    ("oci", "object", "registries know no custom resources"),
    ("source", "yaml", "sources know no manifests"),
    ("source", "object", "sources know no custom resources"),
    ("engine", "flux", "the engine knows no dialect"),
    ("engine", "apiserver", "the engine takes any cluster"),
    ("engine", "argo", "the engine knows no dialect"),
    ("flux", "apiserver", "a dialect takes any cluster"),
    ("argo", "apiserver", "a dialect takes any cluster"),
    ("server", "apiserver", "the API takes any cluster"),
    ("server", "engine", "the API knows no controller's insides"),
    ("server", "flux", "the API is Argo CD's"),
    ("cli", "apiserver", "commands take any cluster"),
];

/// Third-party crates with an owner: only these crates name them.
const OWNERS: &[(&str, &[&str])] = &[
    ("kube", &["cluster"]),
    ("k8s-openapi", &["cluster"]),
    ("gix", &["source"]),
    ("russh", &["source"]),
    ("pgp", &["source"]),
    ("reqwest", &["net"]),
    ("aws-lc-rs", &["gotemplate", "oci"]),
    ("granit-parser", &["yaml"]),
    ("kube-cel", &["expr"]),
    ("jaq-core", &["expr"]),
    ("jaq-std", &["expr"]),
    ("mlua", &["expr"]),
    ("rsjsonnet-lang", &["jsonnet"]),
    ("rcgen", &["apiserver", "server"]),
    ("axum", &["server"]),
    ("bcrypt", &["gotemplate", "argo"]),
    ("scrypt", &["gotemplate"]),
    ("num-bigint", &["gotemplate"]),
    ("clap", &["cli", "belay", "bench"]),
    ("anyhow", &["cli", "belay", "bench"]),
    ("tracing-subscriber", &["belay"]),
];

/// Crates that only tests and tools use; they may depend on anything.
const DEV: &[&str] = &["testkit", "tests", "bench", "xtask"];

const MAX_LINES: usize = 800;

/// Runs every check and prints what is wrong.
pub fn run() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut wrong = Vec::new();
    graph(&root, &mut wrong);
    for file in rust_files(&root) {
        file_rules(&root, &file, &mut wrong);
    }
    if wrong.is_empty() {
        println!("tidy: the tree is in order");
        return ExitCode::SUCCESS;
    }
    for line in &wrong {
        eprintln!("tidy: {line}");
    }
    ExitCode::FAILURE
}

fn graph(root: &Path, wrong: &mut Vec<String>) {
    let row: BTreeMap<&str, usize> =
        ROWS.iter().enumerate().flat_map(|(i, names)| names.iter().map(move |n| (*n, i))).collect();
    let mut crates: Vec<PathBuf> =
        fs::read_dir(root.join("crates")).into_iter().flatten().flatten().map(|e| e.path()).collect();
    crates.sort();
    for dir in crates {
        let name = dir.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        let Ok(manifest) = fs::read_to_string(dir.join("Cargo.toml")) else { continue };
        if !manifest.contains("description = ") {
            wrong.push(format!("crates/{name}/Cargo.toml has no description: a crate's charter"));
        }
        let dependencies = section(&manifest, "[dependencies]");
        for (third, owners) in OWNERS {
            if dependencies.iter().any(|d| d == third)
                && !owners.contains(&name.as_str())
                && !DEV.contains(&name.as_str())
            {
                wrong.push(format!("crates/{name} depends on {third}, which belongs to {}", owners.join(", ")));
            }
        }
        if DEV.contains(&name.as_str()) {
            continue;
        }
        let Some(own_row) = row.get(name.as_str()) else {
            wrong.push(format!("crates/{name} has no row in xtask/src/tidy.rs: say where it stands in the picture"));
            continue;
        };
        for other in dependencies.iter().filter_map(|d| d.strip_prefix("belay-")) {
            match row.get(other) {
                Some(r) if r < own_row => {}
                Some(_) => wrong.push(format!("crates/{name} depends on {other}: edges go down only")),
                None => wrong.push(format!("crates/{name} depends on {other}, which is for tests only")),
            }
            if let Some((_, _, why)) = NEVER.iter().find(|(a, b, _)| *a == name && *b == other) {
                wrong.push(format!("crates/{name} depends on {other}: {why}"));
            }
        }
    }
}

/// The names in one section of a Cargo.toml.
fn section(manifest: &str, head: &str) -> Vec<String> {
    manifest
        .lines()
        .skip_while(|l| l.trim() != head)
        .skip(1)
        .take_while(|l| !l.starts_with('['))
        .filter_map(|l| l.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty() && !n.starts_with('#'))
        .map(str::to_owned)
        .collect()
}

fn rust_files(root: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut open: Vec<PathBuf> = ["crates", "tests", "bench", "xtask"].iter().map(|d| root.join(d)).collect();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if path.file_name().is_none_or(|n| n != "target" && n != "data") {
                    open.push(path);
                }
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn file_rules(root: &Path, file: &Path, wrong: &mut Vec<String>) {
    let Ok(text) = fs::read_to_string(file) else { return };
    let shown = file.strip_prefix(root).unwrap_or(file).display().to_string();
    let lines = text.lines().count();
    let is_test = shown.contains("/tests/") || shown.ends_with("tests.rs");
    let generated = text.starts_with("//! Generated");
    if lines > MAX_LINES && !is_test && !generated {
        wrong.push(format!("{shown} has {lines} lines (at most {MAX_LINES}): where is its seam?"));
    }
    if !text.starts_with("//!") && !is_test {
        wrong.push(format!("{shown} does not open with //!: what is it, and what is it not?"));
    }
    let checks_itself = shown.starts_with("xtask/");
    for (i, line) in text.lines().enumerate() {
        let at = |what: &str| format!("{shown}:{}: {what}", i + 1);
        if checks_itself {
            continue;
        }
        for word in ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "XXX", "#[ignore"] {
            if line.contains(word) {
                wrong.push(at(&format!("{word} is a leftover")));
            }
        }
        if line.contains("\"/home/") || line.contains("\"/root/") {
            wrong.push(at("a path of one machine"));
        }
    }
}
