//! The tables of kustomize's own unit tests, each row taken through whole builds: what is inside is
//! not to be seen from here, and what a build makes of it is what counts.
//!
//! What is not held, with the reason, is [`NOT_HELD`].

use belay_kustomize::{BuildOptions, RepositoryUrl, UnknownLists, build, merge3};
use belay_object::{Value, object};
use belay_tree::{Digest, MemoryTree, TreePath};
use belay_yaml::{Options, parse_documents, to_yaml};

use crate::kustomize_corpus::{corpus, json};

const NO_INPUT: &str = "the corpus could not keep its input, which calls of functions make";
const NO_KIND: &str = "a build has no object without a kind";
const SCHEMA_IN_COMMENT: &str = "a schema that stands in a comment: values have no comments";
const INNER_STEP: &str =
    "an inner step of kustomize's, of which the corpus kept no result; the merges hold what comes of it";

/// Tables and rows of merges, replacements, name references, field specs, images, hashes and Git URLs that
/// are not held, and why; `*` is all rows of a table.
const NOT_HELD: &[(&str, &str, &str)] = &[
    ("api/filters/fieldspec/fieldspec/TestFilter_Filter", "bad-meta", NO_KIND),
    ("api/filters/replacement/replacement/TestFilter", "missing metadata", NO_KIND),
    (
        "api/filters/imagetag/imagetag/TestImageTagUpdater_Filter",
        "updateimagesuffix",
        "one step of two: a build's second step finds the container again and adds the suffix twice, as kustomize's does",
    ),
    ("api/filters/nameref/seqfilter/TestApplyFilterToSeq", "*", INNER_STEP),
    (
        "api/hasher/hasher/TestBasicHash",
        "*",
        "kustomize's hash of other kinds covers lines, columns and comments of the source, which values have not",
    ),
    ("api/internal/accumulator/namereferencetransformer/TestNameReferenceUnhappyRun", "*", NO_INPUT),
    ("api/resource/resource/TestApplySmPatch", "*", NO_INPUT),
    ("api/types/fieldspec/package", "*", NO_INPUT),
    (
        "kyaml/yaml/merge2/element/package",
        "12",
        "keys inferred without a schema, which a build never does; merge3 has a row of it",
    ),
    ("kyaml/yaml/merge2/element/package", "14", SCHEMA_IN_COMMENT),
    ("kyaml/yaml/merge2/element/package", "16", SCHEMA_IN_COMMENT),
    ("kyaml/yaml/merge2/smpdirective/Test_determineSmpDirective", "*", INNER_STEP),
    ("kyaml/yaml/merge3/element/package", "17", SCHEMA_IN_COMMENT),
    ("kyaml/yaml/merge3/element/package", "18", SCHEMA_IN_COMMENT),
    ("kyaml/yaml/merge3/element/package", "19", SCHEMA_IN_COMMENT),
    ("kyaml/yaml/merge3/element/package", "20", SCHEMA_IN_COMMENT),
];

/// The rows of a table that are held, named.
fn rows(table: &str) -> Vec<(String, Value)> {
    let is_held = |name: &str| !NOT_HELD.contains(&(table, name, reason(table, name)));
    all_rows(table).into_iter().filter(|(name, _)| is_held(name)).collect()
}

fn reason(table: &str, name: &str) -> &'static str {
    NOT_HELD.iter().find(|(t, row, _)| *t == table && *row == name).map_or("", |(_, _, why)| why)
}

fn all_rows(table: &str) -> Vec<(String, Value)> {
    let Some(file) = corpus(&format!("tables/{table}.json")) else { return Vec::new() };
    match json(&file).get("rows") {
        Some(Value::Object(map)) => map.iter().map(|(name, row)| (name.to_string(), row.clone())).collect(),
        Some(Value::Array(list)) => list.iter().enumerate().map(|(i, row)| (i.to_string(), row.clone())).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn rows_that_are_not_held_are_in_kustomizes_tables() {
    if corpus("tables").is_none() {
        return;
    }
    for (table, name, why) in NOT_HELD {
        let rows = all_rows(table);
        assert!(!rows.is_empty(), "{table} has no rows");
        assert!(*name == "*" || rows.iter().any(|(row, _)| row == name), "{table} has no row {name} ({why})");
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

/// Checks rows whose input, with some kustomization, must give an output.
fn check_rows(table: &str, expected: &str, kustomization: impl Fn(&Value) -> Option<String>) {
    let mut failures = Vec::new();
    for (name, row) in rows(table) {
        let text = |field: &str| row.str_at(&[field]).unwrap_or_default();
        let kustomization = kustomization(&row).unwrap_or_else(|| panic!("{table} {name} has a kustomization"));
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
    check_rows("api/filters/replacement/replacement/TestFilter", "expected", replacements);
    check_rows("api/filters/replacement/replacement/TestValueInlineStructuredData", "expected", replacements);
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
    check_rows("api/filters/imagetag/imagetag/TestImageTagUpdater_Filter", "expectedOutput", images);
    check_rows("api/filters/imagetag/legacy/TestLegacyImageTag_Filter", "expectedOutput", images);
}

#[test]
fn strategic_merges_give_what_kustomizes_tables_say() {
    for (name, row) in rows("api/resmap/reswrangler/TestApplySmPatch_General") {
        let list = |field: &str| -> Vec<String> {
            row.get(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(Into::into).collect()
        };
        let (base, patches, expected) = (list("base"), list("patches"), list("expected"));
        if base.is_empty() || patches.is_empty() {
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

/// kustomize's letters for the hash of a text.
fn hash_of(text: &str) -> String {
    let hex = Digest::of(text.as_bytes()).to_string();
    let hex = hex.rsplit(':').next().unwrap_or_default();
    let letters = hex.chars().take(10).map(|digit| match digit {
        '0' => 'g',
        '1' => 'h',
        '3' => 'k',
        'a' => 'm',
        'e' => 't',
        other => other,
    });
    letters.collect()
}

#[test]
fn what_is_hashed_is_what_kustomizes_tables_say() {
    for (table, field) in [("TestEncodeConfigMap", "cmYaml"), ("TestEncodeSecret", "secretYaml")] {
        for (i, row) in rows(&format!("api/hasher/hasher/{table}")) {
            let mut object = documents(text_of(&row, field)).remove(0);
            object.set(&["metadata", "name"], "x");
            object.set(&["metadata", "annotations", "internal.config.kubernetes.io/needsHashSuffix"], "enabled");
            let built = build_files(&[("r.yaml", &object.to_json()), ("kustomization.yaml", "resources: [r.yaml]\n")]);
            let built = built.unwrap_or_else(|error| panic!("{table} {i}: {error}"));
            let expected = format!("x-{}", hash_of(text_of(&row, "expect")));
            assert_eq!(built[0].str_at(&["metadata", "name"]), Some(expected.as_str()), "{table} {i}");
        }
    }
}

#[test]
fn images_are_taken_apart_as_kustomizes_tables_say() {
    let built = |image: &str, change: &str| {
        let pod = format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: x}}\nspec: {{containers: [{{name: c, image: {image:?}}}]}}\n"
        );
        let kustomization = format!("resources: [r.yaml]\nimages: [{change}]\n");
        let built = build_files(&[("r.yaml", &pod), ("kustomization.yaml", &kustomization)]).expect("it builds");
        built[0].at(&["spec", "containers"]).expect("containers")[0].str_at(&["image"]).unwrap_or_default().to_owned()
    };
    for (_, row) in rows("api/internal/image/image/TestIsImageMatched") {
        let (image, name) = (text_of(&row, "value"), text_of(&row, "name"));
        let is_changed = built(image, &format!("{{name: {name:?}, newName: other}}")) != image;
        assert_eq!(Some(is_changed), row.get("isMatched").and_then(Value::as_bool), "{image}");
    }
    for (_, row) in rows("api/internal/image/image/TestSplit") {
        let (image, name) = (text_of(&row, "value"), text_of(&row, "name"));
        let part = |sign: &str, field: &str| match text_of(&row, field) {
            "" => String::new(),
            text => format!("{sign}{text}"),
        };
        // Another name leaves the rest as it is.
        let expected = format!("other{}{}", part(":", "tag"), part("@", "digest"));
        assert_eq!(built(image, &format!("{{name: {name:?}, newName: other}}")), expected, "{image}");
    }
}

#[test]
fn merges_of_three_give_what_kyamls_tables_say() {
    let mut count = 0;
    for table in ["element", "kustomization", "list", "map", "scalar"] {
        for (i, row) in rows(&format!("kyaml/yaml/merge3/{table}/package")) {
            let one = |field: &str| documents(text_of(&row, field)).into_iter().next();
            let is_inferred = row.get("infer").and_then(Value::as_bool) == Some(true);
            let unknown_lists = if is_inferred { UnknownLists::ByName } else { UnknownLists::Whole };
            let merged = merge3(one("local"), one("origin").as_ref(), one("update").as_ref(), unknown_lists);
            let merged = merged.map_err(|error| error.to_string());
            assert_eq!(merged, Ok(one("expected")), "merge3 {table} {i} {}", text_of(&row, "description"));
            count += 1;
        }
    }
    assert!(count == 0 || count == 68, "{count} rows");
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

/// A text of a row.
fn text_of<'a>(row: &'a Value, field: &str) -> &'a str {
    row.str_at(&[field]).unwrap_or_default()
}

/// The one object of a text, with a name where it has none.
fn named(text: &str) -> Option<Value> {
    let mut object = documents(text).into_iter().next()?;
    object.get("kind")?;
    if object.str_at(&["metadata", "name"]).is_none() {
        object.set(&["metadata", "name"], "n");
    }
    Some(object)
}

/// Builds objects with a kustomization; lists of objects come out as they are.
fn build_objects(objects: &[&Value], kustomization: &str, files: &[(&str, &str)]) -> Result<Vec<Value>, String> {
    let manifests: Vec<String> = objects.iter().map(|object| to_yaml(object)).collect();
    let manifests = manifests.join("---\n");
    let mut all = vec![("r.yaml", manifests.as_str()), ("kustomization.yaml", kustomization)];
    all.extend_from_slice(files);
    build_files(&all)
}

#[test]
fn merges_of_two_give_what_kyaml_s_tables_say() {
    let mut count = 0;
    for table in ["element", "list", "map", "scalar"] {
        for (i, row) in rows(&format!("kyaml/yaml/merge2/{table}/package")) {
            let (source, dest) = (text_of(&row, "source"), text_of(&row, "dest"));
            let (Some(dest), Some(source)) = (named(dest), named(source)) else { panic!("{table} {i} has objects") };
            let built = build_objects(
                &[&dest],
                "resources: [r.yaml]\npatches: [{path: p.yaml}]\n",
                &[("p.yaml", &to_yaml(&source))],
            );
            // kustomize's own merges put what is new first; rows that put it last tell the same set.
            let direction = row.str_at(&["mergeOptions", "ListIncreaseDirection", "$unknown"]).unwrap_or_default();
            let appends = direction.ends_with("Append");
            let expected: Vec<Value> = named(text_of(&row, "expected")).into_iter().collect();
            let expected = match expected.is_empty() {
                true => Ok(Vec::new()),
                false => build_objects(&[&expected[0]], "resources: [r.yaml]\n", &[]),
            };
            let same = match (&built, &expected) {
                (Ok(built), Ok(expected)) if appends => sorted(built) == sorted(expected),
                (built, expected) => built == expected,
            };
            assert!(same, "merge2 {table} {i} {}:\n{built:?}\n{expected:?}", text_of(&row, "description"));
            count += 1;
        }
    }
    assert!(count == 0 || count > 55, "{count} rows");
}

/// Objects with the items of all lists in the order of their text.
fn sorted(objects: &[Value]) -> Vec<Value> {
    fn sort(value: &mut Value) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(_, value)| sort(value)),
            Value::Array(items) => {
                items.iter_mut().for_each(sort);
                items.sort_by_key(Value::to_json);
            }
            _ => {}
        }
    }
    let mut objects = objects.to_vec();
    objects.iter_mut().for_each(sort);
    objects
}

#[test]
fn lists_come_out_in_the_order_that_kustomizes_tables_say() {
    let tables = [
        ("TestApplySmPatchShouldOutputListItemsInCorrectOrder", "spec: {initContainers: [{name: foo}, {name: bar}]}"),
        ("TestApplySmPatchShouldOutputPrimitiveListItemsInCorrectOrder", ""),
    ];
    for (table, spec) in tables {
        for (i, row) in rows(&format!("api/resource/resource/{table}")) {
            if row.get("skip").and_then(Value::as_bool) == Some(true) {
                continue;
            }
            let metadata = if spec.is_empty() { "{name: test, finalizers: [foo, bar]}" } else { "{name: test}" };
            let base = format!("apiVersion: v1\nkind: Pod\nmetadata: {metadata}\n{spec}\n");
            let built = build_files(&[
                ("r.yaml", &base),
                ("p.yaml", text_of(&row, "patch")),
                ("kustomization.yaml", "resources: [r.yaml]\npatches: [{path: p.yaml}]\n"),
            ]);
            assert_eq!(built, Ok(documents(text_of(&row, "expectedOutput"))), "{table} {i} {}", text_of(&row, "name"));
        }
    }
}

#[test]
fn patches_delete_what_kustomizes_tables_say() {
    let target = "apiVersion: apps/v1\nmetadata:\n  name: myDeploy\nkind: Deployment\nspec:\n  replica: 2\n  template:\n    \
                  metadata:\n      labels:\n        old-label: old-value\n    spec:\n      containers:\n      - name: nginx\n        \
                  image: nginx\n";
    for (name, row) in rows("api/resmap/reswrangler/TestApplySmPatch_Deletion") {
        let built = build_files(&[
            ("r.yaml", target),
            ("p.yaml", text_of(&row, "patch")),
            ("kustomization.yaml", "resources: [r.yaml]\npatches: [{path: p.yaml}]\n"),
        ]);
        let expected: Vec<Value> = documents(text_of(&row, "expected")).into_iter().filter(|v| !v.is_null()).collect();
        assert_eq!(built, Ok(expected), "{name}");
    }
}

/// Notes what an object was called before, as an unfinished build does.
fn call_before(object: &mut Value, name: &str) {
    let kind = object.str_at(&["kind"]).unwrap_or_default().to_owned();
    let namespace = object.str_at(&["metadata", "namespace"]).unwrap_or("default").to_owned();
    for (book, text) in [("previousNames", name), ("previousNamespaces", &namespace), ("previousKinds", &kind)] {
        object.set(&["metadata", "annotations", &format!("internal.config.kubernetes.io/{book}")], text);
    }
}

#[test]
fn name_references_give_what_kustomizes_tables_say() {
    let mut count = 0;
    for table in ["TestNamerefFilter", "TestNamerefFilterUnhappy", "TestCandidatesWithDifferentPrefixSuffix"] {
        for (name, row) in rows(&format!("api/filters/nameref/nameref/{table}")) {
            let texts = |field: &str| -> Vec<String> {
                row.get(field).map_or(&[][..], Value::items).iter().filter_map(Value::as_str).map(Into::into).collect()
            };
            let (names, prefixes, suffixes) = (texts("originalNames"), texts("prefix"), texts("suffix"));
            let affixed = |object: &mut Value, prefix: &str, suffix: &str| {
                for (book, text) in [("prefixes", prefix), ("suffixes", suffix)] {
                    if !text.is_empty() {
                        object
                            .set(&["metadata", "annotations", &format!("internal.config.kubernetes.io/{book}")], text);
                    }
                }
            };
            let mut referrer = named(text_of(&row, "referrerOriginal")).expect("there is a referrer");
            affixed(&mut referrer, text_of(&row, "inputPrefix"), text_of(&row, "inputSuffix"));
            let mut candidates = documents(text_of(&row, "candidates"));
            for (i, candidate) in candidates.iter_mut().enumerate() {
                let before = names.get(i).map(String::as_str).unwrap_or_default();
                if candidate.str_at(&["metadata", "name"]) != Some(before) {
                    call_before(candidate, before);
                }
                let affix = |list: &[String]| list.get(i).cloned().unwrap_or_default();
                affixed(candidate, &affix(&prefixes), &affix(&suffixes));
            }
            let part = |path: [&str; 3]| row.str_at(&path).unwrap_or_default();
            let target = |field| part(["filter", "ReferralTarget", field]);
            let config = format!(
                "nameReference:\n- group: {}\n  version: {}\n  kind: {}\n  fieldSpecs: [{{path: {}}}]\n",
                target("Group"),
                target("Version"),
                target("Kind"),
                part(["filter", "NameFieldToUpdate", "Path"])
            );
            let mut objects = vec![&referrer];
            objects.extend(&candidates);
            let kustomization = "resources: [r.yaml]\nconfigurations: [c.yaml]\n";
            let built = build_objects(&objects, kustomization, &[("c.yaml", &config)]);
            let fails = table.ends_with("Unhappy") || row.get("err").and_then(Value::as_bool) == Some(true);
            match (built, fails) {
                (Err(_), true) => {}
                (Ok(built), false) => {
                    assert_eq!(Some(&built[0]), named(text_of(&row, "referrerFinal")).as_ref(), "{table} {name}");
                }
                (built, _) => panic!("{table} {name}: {built:?}"),
            }
            count += 1;
        }
    }
    assert!(count == 0 || count == 16, "{count} rows");
}

#[test]
fn field_specs_lead_where_kustomizes_tables_say() {
    for (name, row) in rows("api/filters/fieldspec/fieldspec/TestFilter_Filter") {
        let input = named(text_of(&row, "input")).unwrap_or_else(|| panic!("{name} has a kind"));
        let spec = documents(text_of(&row, "fieldSpec")).remove(0);
        let error = text_of(&row, "error");
        let expected = named(text_of(&row, "expected"));
        // The table's setters write `e` or `bar`; a namespace is a setter that a build has.
        let built = ["e", "bar"].map(|value| {
            let transformer = object! {
                "apiVersion" => "builtin",
                "kind" => "NamespaceTransformer",
                "metadata" => object! { "name" => "x", "namespace" => value },
                "fieldSpecs" => vec![spec.clone()],
            };
            let kustomization = "resources: [r.yaml]\ntransformers: [t.yaml]\n";
            let built = build_objects(&[&input], kustomization, &[("t.yaml", &to_yaml(&transformer))]);
            built.map(|mut objects| {
                objects[0].remove(&["metadata", "namespace"]);
                objects.remove(0)
            })
        });
        match error.rsplit(": ").next().filter(|_| !error.is_empty()) {
            Some(reason) => assert!(built[0].as_ref().is_err_and(|e| e.contains(reason)), "{name}: {:?}", built[0]),
            None => {
                let expected = expected.as_ref().expect("a row without an error has a result");
                assert!(built.iter().any(|built| built.as_ref() == Ok(expected)), "{name}: {expected:?} {built:?}");
            }
        }
    }
}

#[test]
fn field_specs_lead_to_as_many_places_as_kustomizes_tables_say() {
    for (name, row) in rows("api/filters/fieldspec/fieldspec/TestFilter_FieldPaths") {
        let input = named(text_of(&row, "input")).expect("it has a kind");
        let spec = documents(text_of(&row, "fieldSpec")).remove(0);
        let transformer = object! {
            "apiVersion" => "builtin",
            "kind" => "NamespaceTransformer",
            "metadata" => object! { "name" => "x", "namespace" => "set-here" },
            "fieldSpecs" => vec![spec],
        };
        let kustomization = "resources: [r.yaml]\ntransformers: [t.yaml]\n";
        let mut built =
            build_objects(&[&input], kustomization, &[("t.yaml", &to_yaml(&transformer))]).expect("it builds");
        built[0].remove(&["metadata", "namespace"]);
        let places = built[0].to_json().matches("set-here").count();
        assert_eq!(places, row.get("expected").map_or(0, |paths| paths.items().len()), "{name}");
    }
}

#[test]
fn repository_urls_permute_as_kustomize_s_tables_say() {
    for (i, row) in rows("api/internal/git/repospec/TestNewRepoSpecFromUrl_Permute") {
        let (raw, normalized) = (text_of(&row, "raw"), text_of(&row, "normalized"));
        for (directory, query, reference) in
            [("", "", ""), ("//sub/dir", "", ""), ("/sub/dir", "?ref=v1", "v1"), ("//sub", "?version=a/b", "a/b")]
        {
            let text = format!("{raw}someOrg/someRepo{directory}{query}");
            let url = RepositoryUrl::parse(&text).unwrap_or_else(|error| panic!("{i} {text}: {error}"));
            assert!(
                url.clone_url().starts_with(&format!("{normalized}someOrg/someRepo")),
                "{text}: {}",
                url.clone_url()
            );
            assert_eq!(url.reference, reference, "{text}");
            assert_eq!(url.directory, directory.trim_start_matches('/'), "{text}");
        }
    }
    for (i, row) in rows("api/internal/git/repospec/TestParseQuery") {
        let text = format!("https://github.com/org/repo?{}", text_of(&row, "input"));
        let url = RepositoryUrl::parse(&text).unwrap_or_else(|error| panic!("{i} {text}: {error}"));
        assert_eq!(url.reference, text_of(&row, "ref"), "{text}");
        // Where the table has the default of Go's program, submodules are fetched within 27 seconds.
        let submodules = row.get("submodules").and_then(Value::as_bool).unwrap_or(true);
        assert_eq!(url.submodules, submodules, "{text}");
        let has_timeout = row.at(&["timeout", "$unknown"]).is_some();
        assert_eq!(url.timeout.as_secs(), if has_timeout { 61 } else { 27 }, "{text}");
    }
}
