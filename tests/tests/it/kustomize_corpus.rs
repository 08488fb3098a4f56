//! kustomize 5.8.1's own cases, probes and real trees, built in place and compared to the letter.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use belay_kustomize::{BuildOptions, Built, Compatibility, Error, ErrorKind, LoadRestrictor, Reorder, build};
use belay_object::{Value, from_json};
use belay_tree::{DirTree, Limits, TreePath};

/// A folder of the corpus; none where it is not there.
pub fn corpus(part: &str) -> Option<PathBuf> {
    let found = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus/kustomize").join(part);
    let found = fs::canonicalize(&found).ok();
    if found.is_none() {
        eprintln!("skipped: corpus/kustomize/{part} is not beside the repository");
    }
    found
}

fn options() -> BuildOptions {
    // The corpus was recorded with a development build.
    let kustomize_version = Some("(devel)".into());
    BuildOptions { reorder: Reorder::Legacy, tree_is_host: true, kustomize_version, ..BuildOptions::default() }
}

fn build_dir(dir: &Path, options: &BuildOptions) -> Result<Built, Error> {
    let tree = DirTree::open(Path::new("/"), Limits::default()).expect("there is a root");
    let dir = TreePath::clean(dir.to_str().expect("paths of the corpus are UTF-8").trim_start_matches('/'));
    build(&tree, &dir.expect("paths of the corpus are clean"), options)
}

/// The folders below `top` that hold a case.
fn cases(top: &Path, found: &mut Vec<PathBuf>) {
    if top.join("case.json").exists() {
        found.push(top.to_owned());
        return;
    }
    let mut folders: Vec<PathBuf> = fs::read_dir(top)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .collect();
    folders.sort();
    folders.iter().for_each(|folder| cases(folder, found));
}

pub fn json(path: &Path) -> Value {
    from_json(&fs::read(path).expect("the file is there")).expect("the file is JSON")
}

/// What a case needs besides the builder.
fn needs(case: &Value) -> impl Iterator<Item = &str> {
    case.get("needs").map_or(&[][..], Value::items).iter().filter_map(Value::as_str)
}

/// The options that the flags of a case ask for.
fn options_of(case: &Value, compatibility: Compatibility) -> BuildOptions {
    let mut options = BuildOptions { compatibility, ..options() };
    for flag in case.get("flags").map_or(&[][..], Value::items).iter().filter_map(Value::as_str) {
        match flag {
            "--reorder=none" => (options.reorder, options.reorder_is_explicit) = (Reorder::None, true),
            "--reorder=legacy" => (options.reorder, options.reorder_is_explicit) = (Reorder::Legacy, true),
            "--load-restrictor=LoadRestrictionsNone" => options.load_restrictor = LoadRestrictor::None,
            "--enable-managedby-label" => options.managed_by_label = true,
            "--enable-alpha-plugins" | "--enable-exec" => {}
            other => panic!("unknown flag {other}"),
        }
    }
    options
}

fn build_case(folder: &Path, files: &Path, compatibility: Compatibility) -> Result<Built, Error> {
    let case = json(&folder.join("case.json"));
    build_dir(&files.join(case.str_at(&["build_root"]).unwrap_or_default()), &options_of(&case, compatibility))
}

/// Holds what came of a case to what is expected of it.
fn judge(folder: &Path, built: Result<Built, Error>) -> Result<(), String> {
    let case = json(&folder.join("case.json"));
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let expect = case.get("expect");
    let is_error = match expect {
        Some(expect) => expect.get("error").and_then(Value::as_bool) == Some(true),
        None => case.get("rc").and_then(Value::as_i64) != Some(0),
    };
    let expected = read("expected.yaml").or_else(|| read("oracle.yaml")).unwrap_or_default();
    let has_output = expect.is_none_or(|expect| expect.get("output").and_then(Value::as_bool) == Some(true));
    match built {
        Err(_) if is_error => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) if is_error => Err("an error is expected".into()),
        Ok(built) if has_output && built.to_yaml() != expected => Err(first_difference(&expected, &built.to_yaml())),
        Ok(built) => {
            let contained = expect.and_then(|e| e.get("output_contains")).map_or(&[][..], Value::items);
            let missing = contained.iter().filter_map(Value::as_str).find(|text| !built.to_yaml().contains(text));
            missing.map_or(Ok(()), |text| Err(format!("lacks {text:?}")))
        }
    }
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (a, b))| a != b) {
        Some((i, (a, b))) => format!("line {}: expected {a:?}, found {b:?}", i + 1),
        None => format!("expected {} lines, found {}", expected.lines().count(), found.lines().count()),
    }
}

/// All cases of a part but those that are named, which need a test of their own.
fn judge_all(part: &str, compatibility: Compatibility, apart: &[&str]) {
    let Some(top) = corpus(part) else { return };
    let mut folders = Vec::new();
    cases(&top, &mut folders);
    assert!(folders.len() >= 10, "the corpus has cases");
    let mut failures = Vec::new();
    for folder in &folders {
        let name = folder.strip_prefix(&top).expect("it is below").to_string_lossy().into_owned();
        if needs(&json(&folder.join("case.json"))).next().is_some() || apart.contains(&name.as_str()) {
            continue;
        }
        if let Err(why) = judge(folder, build_case(folder, &folder.join("files"), compatibility)) {
            failures.push(format!("{name}: {why}"));
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), folders.len(), failures.join("\n"));
}

#[test]
fn kustomizes_own_cases_build_to_the_letter() {
    judge_all("cases", Compatibility::V5_8_1, &[]);
}

#[test]
fn cases_newer_than_5_8_1_build_to_the_letter_where_asked_for() {
    judge_all("newer-cases", Compatibility::Next, &[]);
}

#[test]
fn probes_build_to_the_letter() {
    judge_all("probes", Compatibility::V5_8_1, &["symlink_file_inside"]);
}

/// The symlink of this probe is a plain file that holds the link's target where the corpus was copied
/// without links. So the probe is built from a copy in which it is a symlink again.
#[test]
fn probe_with_a_symlink_builds_to_the_letter() {
    let Some(probe) = corpus("probes/symlink_file_inside") else { return };
    let copy = tempfile::tempdir().expect("a temporary folder");
    for name in ["kustomization.yaml", "r.yaml"] {
        fs::copy(probe.join("files").join(name), copy.path().join(name)).expect("the probe has this file");
    }
    std::os::unix::fs::symlink("r.yaml", copy.path().join("l.yaml")).expect("the folder takes symlinks");
    let files = fs::canonicalize(copy.path()).expect("the folder is there");
    assert_eq!(judge(&probe, build_case(&probe, &files, Compatibility::V5_8_1)), Ok(()));
}

#[test]
fn programs_and_containers_of_kustomizes_cases_are_refused_with_what_to_do() {
    let Some(top) = corpus("cases") else { return };
    let mut folders = Vec::new();
    cases(&top, &mut folders);
    let mut count = 0;
    for folder in folders {
        let case = json(&folder.join("case.json"));
        let runs_a_program = needs(&case).any(|need| matches!(need, "exec-fn" | "exec-plugin"));
        if !runs_a_program {
            continue;
        }
        count += 1;
        let built = build_case(&folder, &folder.join("files"), Compatibility::V5_8_1);
        let error = built.expect_err("a program would have to be run");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains("unable to load external plugin '"), "{error}");
        assert!(error.location().is_some_and(|at| at.path.file_name().is_some()), "{error}");
        assert!(error.hints()[0].contains("are never run"), "{:?}", error.hints());
    }
    assert_eq!(count, 16, "the corpus has cases that run programs");
}

/// The first half of a SHA-256, as the corpus gives it.
fn short_digest(text: &str) -> String {
    belay_tree::Digest::of(text.as_bytes()).to_string().trim_start_matches("sha256:")[..16].to_owned()
}

#[test]
fn real_trees_build_to_the_letter_in_both_orders() {
    let Some(archive) = corpus("trees.tar.zst") else { return };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unpacked = Command::new("tar")
        .args(["--use-compress-program", "zstd -d --long=27", "-xf"])
        .arg(&archive)
        .arg("-C")
        .arg(folder.path())
        .status();
    if !unpacked.is_ok_and(|status| status.success()) {
        eprintln!("skipped: the trees cannot be unpacked without tar and zstd");
        return;
    }
    let root = fs::canonicalize(folder.path()).expect("the folder is there");
    let rows = fs::read_to_string(root.join("cases.tsv")).expect("the archive has a table");
    let rows: Vec<Vec<&str>> = rows.lines().map(|line| line.split('\t').collect()).collect();
    let check = |row: &Vec<&str>| -> Vec<String> {
        let dir = root.join(row[0].replace('/', "+")).join(row[1]);
        let orders = [(Reorder::Legacy, row[2]), (Reorder::None, row[7])];
        let wrong = orders.into_iter().filter_map(|(reorder, digest)| {
            let options = BuildOptions { reorder, load_restrictor: LoadRestrictor::None, ..options() };
            match build_dir(&dir, &options) {
                Ok(built) if short_digest(&built.to_yaml()) == digest => None,
                Ok(_) => Some(format!("{} {} differs in order {reorder:?}", row[0], row[1])),
                Err(error) => Some(format!("{} {}: {error}", row[0], row[1])),
            }
        });
        wrong.collect()
    };
    let half = rows.len().div_ceil(2);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            rows.chunks(half).map(|rows| scope.spawn(|| rows.iter().flat_map(check).collect::<Vec<_>>())).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no build panics")).collect()
    });
    assert!(rows.len() > 1_600, "the archive has trees");
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}
