use std::io::Write as _;

use belay_tree::{MemoryTree, TreePath};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::{load, load_archive};
use crate::{Chart, Limits};

const YAML: &str = "apiVersion: v2\nname: c\nversion: 1.0.0\n";

fn from_files(files: &[(&str, &str)]) -> Result<Chart, String> {
    let tree = MemoryTree::from_files(files.iter().copied()).expect("the paths are clean");
    load(&tree, &TreePath::root(), &Limits::default()).map_err(|e| e.to_string())
}

/// The names of all files but `Chart.yaml`, those of templates first.
fn names(chart: &Chart) -> Vec<&str> {
    chart.templates.iter().chain(chart.files.iter()).map(|file| &*file.name).collect()
}

fn check_names(files: &[(&str, &str)], expected: &[&str]) {
    assert_eq!(names(&from_files(files).expect("it loads")), expected);
}

fn check_error(files: &[(&str, &str)], expected: &str) {
    assert_eq!(from_files(files).expect_err("it is refused"), expected);
}

#[test]
fn files_go_where_helm_puts_them() {
    check_names(
        &[
            ("Chart.yaml", YAML),
            ("Chart.lock", "digest: d\n"),
            ("values.yaml", "a: 1\n"),
            ("values.schema.json", "{}"),
            ("crds/x.yaml", ""),
            ("templates/a.yaml", ""),
            ("templates/.hidden", ""),
            ("charts/a.prov", ""),
        ],
        &["templates/a.yaml", "charts/a.prov", "crds/x.yaml"],
    );
}

#[test]
fn ignored_files_are_left_out() {
    let ignore = "# comment\n*.md\n/top.txt\nsub/x.txt\nlogs/\n";
    check_names(
        &[
            ("Chart.yaml", YAML),
            (".helmignore", ignore),
            ("README.md", ""),
            ("a/top.txt", ""),
            ("logs/l", ""),
            ("sub/x.txt", ""),
            ("sub/y.txt", ""),
            ("top.txt", ""),
        ],
        &[".helmignore", "a/top.txt", "sub/y.txt"],
    );
    check_error(&[("Chart.yaml", YAML), (".helmignore", "a/**")], "double-star (**) syntax is not supported");
}

#[test]
fn charts_in_charts_are_loaded_but_hidden_ones() {
    let chart = from_files(&[
        ("Chart.yaml", YAML),
        ("charts/b/Chart.yaml", "name: b\nversion: 1.0.0\n"),
        ("charts/b/values.yaml", "x: 1\n"),
        ("charts/_c/Chart.yaml", "nonsense"),
        ("charts/.d/Chart.yaml", "nonsense"),
    ])
    .expect("it loads");
    assert_eq!(chart.dependencies.iter().map(Chart::name).collect::<Vec<_>>(), ["b"]);
    assert_eq!(chart.dependencies[0].metadata.api_version, "v1");
}

#[test]
fn a_chart_says_what_is_wrong_with_it() {
    check_error(&[("Chart.yaml", "apiVersion: v3\nname: c\nversion: 1.0.0\n")], "unsupported chart version");
    check_error(&[("README.md", "")], "Chart.yaml file is missing");
    check_error(
        &[("Chart.yaml", "a: [")],
        "cannot load Chart.yaml: error converting YAML to JSON: yaml: line 1: did not find expected node content",
    );
    check_error(
        &[("Chart.yaml", YAML), ("values.yaml", "- a\n")],
        "cannot load values.yaml: cannot unmarshal yaml document: error unmarshaling JSON: while decoding JSON: json: \
         cannot unmarshal array into Go value of type map[string]interface {}",
    );
    check_error(
        &[("Chart.yaml", YAML), ("charts/b/Chart.yaml", "name: b\n")],
        "error unpacking subchart b in c: validation: chart.metadata.version is required",
    );
    check_error(
        &[("Chart.yaml", YAML), ("charts/b-1.tgz", "no archive")],
        "error unpacking subchart b-1.tgz in c: the chart archive is corrupt: gzip: invalid header",
    );
}

#[test]
fn dependencies_of_old_charts_are_in_requirements() {
    let chart = from_files(&[
        ("Chart.yaml", "name: c\nversion: 1.0.0\n"),
        ("requirements.yaml", "dependencies: [{name: a, version: 1.x}]\n"),
        ("requirements.lock", "digest: d\n"),
    ])
    .expect("it loads");
    assert_eq!(chart.metadata.dependencies[0].name, "a");
    assert_eq!(chart.lock.as_ref().map(|lock| lock.digest.as_str()), Some("d"));
    assert_eq!(names(&chart), ["requirements.lock", "requirements.yaml"]);
}

#[test]
fn a_byte_order_mark_is_cut() {
    let chart = from_files(&[("Chart.yaml", "\u{feff}apiVersion: v2\nname: c\nversion: 1.0.0\n"), ("a", "\u{feff}x")]);
    assert_eq!(&*chart.expect("it loads").files[0].data, b"x");
}

#[test]
fn symlinks_are_followed_within_the_tree_and_no_further() {
    let build = |target: &str| {
        let mut tree = MemoryTree::builder();
        let path = |text: &str| TreePath::new(text).expect("it is clean");
        tree.text(&path("c/Chart.yaml"), YAML).expect("there is room");
        tree.text(&path("shared/t.yaml"), "x").expect("there is room");
        tree.symlink(&path("c/templates"), target).expect("there is room");
        let chart = load(&tree.build(), &TreePath::new("c").expect("it is clean"), &Limits::default());
        chart.map(|chart| names(&chart).join(" ")).map_err(|e| e.to_string())
    };
    assert_eq!(build("../shared"), Ok("templates/t.yaml".into()));
    assert!(build("../../shared").expect_err("it leads out").contains("leads out"), "{:?}", build("../../shared"));
    assert_eq!(
        build("../nowhere"),
        Err("error evaluating symlink c/templates: lstat nowhere: no such file or directory".into())
    );
    assert_eq!(build("."), Err("error evaluating symlink templates: too many levels of symbolic links".into()));
}

/// A gzipped archive of entries; names are written as they are.
fn archive(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, data) in entries {
        let mut header = tar::Header::new_gnu();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(data.len() as u64);
        header.set_mtime(1_700_000_000);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        tar.append(&header, *data).expect("memory takes it");
    }
    tar.into_inner().and_then(GzEncoder::finish).expect("memory takes it")
}

fn check_archive(entries: &[(&str, &[u8])], expected: &str) {
    let found = load_archive(&archive(entries), &Limits::default());
    let found = found.map(|chart| names(&chart).join(" ")).unwrap_or_else(|e| e.to_string());
    assert_eq!(found, expected);
}

#[test]
fn archives_load_and_keep_times() {
    let bytes = archive(&[("c/Chart.yaml", YAML.as_bytes()), ("c/templates/a.yaml", b"a")]);
    let chart = load_archive(&bytes, &Limits::default()).expect("it loads");
    assert_eq!(chart.mod_time.as_deref(), Some("2023-11-14T22:13:20Z"));
    check_archive(&[("c/Chart.yaml", YAML.as_bytes()), ("c\\templates\\a.yaml", b"a")], "templates/a.yaml");
}

#[test]
fn hostile_archives_are_refused() {
    let chart = ("c/Chart.yaml", YAML.as_bytes());
    check_archive(
        &[chart, ("c/../../etc/passwd", b"x")],
        "chart illegally references parent directory: \"c/../../etc/passwd\"",
    );
    check_archive(&[chart, ("c//etc/passwd", b"x")], "chart illegally contains absolute paths: \"c//etc/passwd\"");
    check_archive(&[chart, ("c/C:/x", b"x")], "chart contains illegally named files");
    check_archive(&[chart, ("x", b"x")], "chart illegally contains content outside the base directory: \"x\"");
    check_archive(
        &[("Chart.yaml", b"x")],
        "chart illegally contains content outside the base directory: \"Chart.yaml\"",
    );
    check_archive(&[], "no files in chart archive");
}

#[test]
fn bombs_and_broken_archives_are_refused() {
    let limits = Limits { chart_bytes: 1 << 20, file_bytes: 1 << 19, files: 10, ..Limits::default() };
    let check = |bytes: &[u8], expected: &str| {
        let error = load_archive(bytes, &limits).expect_err("it is refused").to_string();
        assert!(error.contains(expected), "{error}");
    };
    let zeros = vec![0; 400_000];
    let chart = ("c/Chart.yaml", YAML.as_bytes());
    check(&archive(&[chart, ("c/a", &vec![0; 600_000])]), "larger than the maximum file size 524288");
    check(
        &archive(&[chart, ("c/a", &zeros), ("c/b", &zeros), ("c/d", &zeros)]),
        "larger than the maximum size 1048576",
    );
    check(&archive(&[("c/f", b"" as &[u8]); 11]), "more than 10 files");
    let mut cut = archive(&[chart, ("c/a", &zeros)]);
    cut.truncate(cut.len() / 2);
    check(&cut, "the chart archive is corrupt");
    check(b"\x1f\x8bnonsense", "the chart archive is corrupt");
    // An archive in an archive in an archive counts once against all.
    let inner = archive(&[chart, ("c/a", &zeros)]);
    let middle = archive(&[chart, ("c/charts/x.tgz", &inner), ("c/charts/y.tgz", &inner)]);
    let outer = archive(&[chart, ("c/a", &zeros), ("c/charts/z.tgz", &middle)]);
    check(&outer, "larger than the maximum size");
    // What inflates without end is cut before it is held.
    let mut bomb = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..64 {
        bomb.write_all(&zeros).expect("memory takes it");
    }
    check(&bomb.finish().expect("memory takes it"), "");
}

#[test]
fn charts_nested_too_deep_are_refused() {
    let limits = Limits { chart_depth: 2, ..Limits::default() };
    let files: Vec<(String, String)> =
        (0..5).map(|i| (format!("{}Chart.yaml", "charts/c/".repeat(i)), YAML.to_owned())).collect();
    let tree =
        MemoryTree::from_files(files.iter().map(|(n, t)| (n.as_str(), t.as_str()))).expect("the paths are clean");
    let error = load(&tree, &TreePath::root(), &limits).expect_err("it is refused").to_string();
    assert!(error.ends_with("charts are nested deeper than 2"), "{error}");
}
