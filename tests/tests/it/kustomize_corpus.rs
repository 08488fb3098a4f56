//! kustomize 5.8.1's own cases, probes, tables and real trees, built in place and compared to the
//! letter. Known failures stand in [`KNOWN`], which may only shrink.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use belay_kustomize::{BuildOptions, Built, Error, LoadRestrictor, Reorder, RepositoryUrl, build};
use belay_object::{Value, from_json};
use belay_tree::{DirTree, Limits, MemoryTree, TreePath};
use belay_yaml::{Options, parse_documents};

/// What is known to fail, each with its reason.
const KNOWN: [(&str, &str); 1] =
    [("symlink_file_inside", "the symlink of this probe is a plain file where the corpus was copied without links")];

/// A folder of the corpus; none where it is not there.
fn corpus(part: &str) -> Option<PathBuf> {
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

fn json(path: &Path) -> Value {
    from_json(&fs::read(path).expect("the file is there")).expect("the file is JSON")
}

/// Builds one case; gives why it fails. `None` where the case needs more than the builder.
fn judge(folder: &Path) -> Option<Result<(), String>> {
    let case = json(&folder.join("case.json"));
    if !case.get("needs").map_or(&[][..], Value::items).is_empty() {
        return None;
    }
    let mut options = options();
    for flag in case.get("flags").map_or(&[][..], Value::items).iter().filter_map(Value::as_str) {
        match flag {
            "--reorder=none" => (options.reorder, options.reorder_is_explicit) = (Reorder::None, true),
            "--reorder=legacy" => (options.reorder, options.reorder_is_explicit) = (Reorder::Legacy, true),
            "--load-restrictor=LoadRestrictionsNone" => options.load_restrictor = LoadRestrictor::None,
            "--enable-managedby-label" => options.managed_by_label = true,
            "--enable-alpha-plugins" => {}
            other => panic!("unknown flag {other} of {}", folder.display()),
        }
    }
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    let expect = case.get("expect");
    let is_error = match expect {
        Some(expect) => expect.get("error").and_then(Value::as_bool) == Some(true),
        None => case.get("rc").and_then(Value::as_i64) != Some(0),
    };
    let expected = read("expected.yaml").or_else(|| read("oracle.yaml")).unwrap_or_default();
    let built = build_dir(&folder.join("files").join(case.str_at(&["build_root"]).unwrap_or_default()), &options);
    let has_output = expect.is_none_or(|expect| expect.get("output").and_then(Value::as_bool) == Some(true));
    Some(match built {
        Err(_) if is_error => Ok(()),
        Err(error) => Err(error.to_string()),
        Ok(_) if is_error => Err("an error is expected".into()),
        Ok(built) if has_output && built.to_yaml() != expected => Err(first_difference(&expected, &built.to_yaml())),
        Ok(built) => {
            let contained = expect.and_then(|e| e.get("output_contains")).map_or(&[][..], Value::items);
            let missing = contained.iter().filter_map(Value::as_str).find(|text| !built.to_yaml().contains(text));
            missing.map_or(Ok(()), |text| Err(format!("lacks {text:?}")))
        }
    })
}

fn first_difference(expected: &str, found: &str) -> String {
    let mut lines = expected.lines().zip(found.lines()).enumerate();
    match lines.find(|(_, (a, b))| a != b) {
        Some((i, (a, b))) => format!("line {}: expected {a:?}, found {b:?}", i + 1),
        None => format!("expected {} lines, found {}", expected.lines().count(), found.lines().count()),
    }
}

fn judge_all(part: &str) {
    let Some(top) = corpus(part) else { return };
    let mut folders = Vec::new();
    cases(&top, &mut folders);
    assert!(folders.len() > 10, "the corpus has cases");
    let mut failures = Vec::new();
    for folder in &folders {
        let name = folder.strip_prefix(&top).expect("it is below").to_string_lossy().into_owned();
        let is_known = KNOWN.iter().any(|(known, _)| *known == name);
        match judge(folder) {
            Some(Err(why)) if !is_known => failures.push(format!("{name}: {why}")),
            Some(Ok(())) if is_known && !cfg!(target_os = "windows") => {
                eprintln!("{name} passes: take it out of the known failures");
            }
            _ => {}
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), folders.len(), failures.join("\n"));
}

#[test]
fn kustomizes_own_cases_build_to_the_letter() {
    judge_all("cases");
}

#[test]
fn probes_build_to_the_letter() {
    judge_all("probes");
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

/// The rows of a table, named.
fn rows(table: &str) -> Vec<(String, Value)> {
    let Some(file) = corpus(&format!("tables/{table}.json")) else { return Vec::new() };
    match json(&file).get("rows") {
        Some(Value::Object(map)) => map.iter().map(|(name, row)| (name.to_string(), row.clone())).collect(),
        Some(Value::Array(list)) => list.iter().enumerate().map(|(i, row)| (i.to_string(), row.clone())).collect(),
        _ => Vec::new(),
    }
}

/// Builds files in memory.
fn build_files(files: &[(&str, &str)]) -> Result<Vec<Value>, String> {
    let tree = MemoryTree::from_files(files.iter().copied()).expect("the paths are clean");
    let built = build(&tree, &TreePath::root(), &BuildOptions::default()).map_err(|error| error.to_string())?;
    Ok(built.objects.into_iter().map(Into::into).collect())
}

fn documents(text: &str) -> Vec<Value> {
    parse_documents(text, &Options::v3()).expect("the table's YAML is fine")
}

/// Checks rows whose input, with some kustomization, must give an output; those in `known` apart.
fn check_rows(table: &str, expected: &str, kustomization: impl Fn(&Value) -> Option<String>, known: &[&str]) {
    let mut failures = Vec::new();
    for (name, row) in rows(table) {
        let text = |field: &str| row.str_at(&[field]).unwrap_or_default();
        let (Some(kustomization), false) = (kustomization(&row), known.contains(&name.as_str())) else { continue };
        let built = build_files(&[("r.yaml", text("input")), ("kustomization.yaml", &kustomization)]);
        // The tables show one step; what a build does last is done to the expectation too.
        let wanted = build_files(&[("r.yaml", text(expected)), ("kustomization.yaml", "resources: [r.yaml]\n")]);
        let is_error = !text("expectedErr").is_empty();
        if is_error != built.is_err() || (!is_error && built != wanted) {
            failures.push(format!("{table} {name}:\n  expected {wanted:?}\n  found    {built:?}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn replacements_give_what_kustomizes_tables_say() {
    let replacements = |row: &Value| Some(format!("resources: [r.yaml]\n{}", row.str_at(&["replacements"])?));
    check_rows("api/filters/replacement/replacement/TestFilter", "expected", replacements, &["missing metadata"]);
    check_rows("api/filters/replacement/replacement/TestValueInlineStructuredData", "expected", replacements, &[]);
}

#[test]
fn image_changes_give_what_kustomizes_tables_say() {
    let images = |row: &Value| {
        let tag = row.at(&["filter", "ImageTag"])?;
        let field = |name: &str| tag.str_at(&[name]).unwrap_or_default();
        let specs = row.get("fsSlice").map_or(&[][..], Value::items);
        let specs: Vec<String> =
            specs.iter().filter_map(|spec| Some(format!("{{path: {:?}}}", spec.str_at(&["Path"])?))).collect();
        let entry = format!(
            "{{name: {:?}, newName: {:?}, newTag: {:?}, digest: {:?}, tagSuffix: {:?}}}",
            field("Name"),
            field("NewName"),
            field("NewTag"),
            field("Digest"),
            field("TagSuffix")
        );
        Some(format!(
            "resources: [r.yaml]\ntransformers:\n- |-\n  apiVersion: builtin\n  kind: ImageTagTransformer\n  \
             metadata: {{name: x}}\n  imageTag: {entry}\n  fieldSpecs: [{}]\n",
            specs.join(", ")
        ))
    };
    // A suffix is added twice by a build, where a second step finds containers again.
    check_rows(
        "api/filters/imagetag/imagetag/TestImageTagUpdater_Filter",
        "expectedOutput",
        images,
        &["updateimagesuffix"],
    );
}

#[test]
fn strategic_merges_give_what_kustomizes_tables_say() {
    for (name, row) in rows("api/resmap/reswrangler/TestApplySmPatch_General") {
        let list = |field: &str| -> Vec<String> {
            row.get(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(Into::into).collect()
        };
        let (base, patches, expected) = (list("base"), list("patches"), list("expected"));
        if base.is_empty() || patches.is_empty() || row.get("errorExpected").and_then(Value::as_bool) == Some(true) {
            continue;
        }
        let mut files = vec![("r.yaml".to_owned(), base.join("\n---\n"))];
        let mut kustomization = "resources: [r.yaml]\npatches:\n".to_owned();
        for (i, patch) in patches.iter().enumerate() {
            files.push((format!("p{i}.yaml"), patch.clone()));
            kustomization.push_str(&format!("- path: p{i}.yaml\n"));
        }
        files.push(("kustomization.yaml".into(), kustomization));
        let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let built = build_files(&files).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(built, documents(&expected.join("\n---\n")), "{name}");
    }
}

#[test]
fn hashes_are_kustomizes() {
    for (table, field) in [("TestConfigMapHash", "cmYaml"), ("TestSecretHash", "secretYaml")] {
        for (name, row) in rows(&format!("api/hasher/hasher/{table}")) {
            let hash = row.str_at(&["hash"]).unwrap_or_default();
            let mut object = documents(row.str_at(&[field]).unwrap_or_default()).remove(0);
            object.set(&["metadata", "name"], "x");
            object.set(&["metadata", "annotations", "internal.config.kubernetes.io/needsHashSuffix"], "enabled");
            let built = build_files(&[("r.yaml", &object.to_json()), ("kustomization.yaml", "resources: [r.yaml]\n")]);
            let built = built.unwrap_or_else(|error| panic!("{table} {name}: {error}"));
            assert_eq!(built[0].str_at(&["metadata", "name"]), Some(format!("x-{hash}").as_str()), "{table} {name}");
        }
    }
}

#[test]
fn repository_urls_are_taken_apart_as_kustomize_does() {
    for (i, row) in rows("api/internal/git/repospec/TestNewRepoSpecFromUrl_Smoke") {
        let input = row.str_at(&["input"]).unwrap_or_default();
        let url = RepositoryUrl::parse(input).unwrap_or_else(|error| panic!("{i} {input}: {error}"));
        let part = |name: &str| row.str_at(&["repoSpec", name]).unwrap_or_default();
        assert_eq!(url.host, part("Host"), "{input}");
        assert_eq!(url.path, part("RepoPath"), "{input}");
        assert_eq!(url.directory, part("KustRootPath"), "{input}");
        assert_eq!(url.reference, part("Ref"), "{input}");
        assert_eq!(url.clone_url(), row.str_at(&["cloneSpec"]).unwrap_or_default(), "{input}");
    }
    for (i, row) in rows("api/internal/git/repospec/TestNewRepoSpecFromUrlErrors") {
        let url = row.str_at(&["url"]).unwrap_or_default();
        let error = RepositoryUrl::parse(url).err().unwrap_or_default();
        assert!(error.contains(row.str_at(&["error"]).unwrap_or_default()), "{i} {url}: {error:?}");
    }
}
