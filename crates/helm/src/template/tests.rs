use belay_tree::{MemoryTree, TreePath};

use super::{Printed, template};
use crate::{Capabilities, Limits, Outside, ReleaseInfo, RenderOptions, load, render};

const CHART: [(&str, &str); 7] = [
    ("Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n"),
    ("crds/x.yaml", "kind: CustomResourceDefinition\n"),
    ("templates/b.yaml", "kind: Service\n\n\n---\nkind: Secret # as written\n"),
    ("templates/sub/d.yaml", "kind: Deployment\n"),
    ("templates/hook.yaml", "kind: Job\nmetadata: {annotations: {helm.sh/hook: pre-install}}\n"),
    ("templates/test.yaml", "kind: Pod\nmetadata: {annotations: {helm.sh/hook: test}}\n"),
    ("templates/NOTES.txt", "notes"),
];

fn check(printed: &Printed<'_>, expected: &str) {
    let tree = MemoryTree::from_files(CHART).expect("the paths are clean");
    let chart = load(&tree, &TreePath::root(), &Limits::default()).expect("it loads");
    let release = ReleaseInfo { name: "r".into(), namespace: "n".into(), revision: 1, is_upgrade: false };
    let options = RenderOptions {
        release: &release,
        capabilities: &Capabilities::offline(),
        limits: &Limits::default(),
        cache: None,
        skip_schema: false,
        sub_notes: false,
    };
    let rendered = render(&chart, &belay_object::Map::new(), &options, Outside::default()).expect("it renders");
    let found = template(&rendered, printed).unwrap_or_else(|e| e.to_string());
    assert_eq!(found, expected, "{printed:?}");
}

const MANIFESTS: &str = "---\n# Source: c/templates/b.yaml\nkind: Secret # as written\n\n---\n# Source: c/templates/b.yaml\nkind: \
    Service\n\n\n\n---\n# Source: c/templates/sub/d.yaml\nkind: Deployment\n";
const TEST: &str = "---\n# Source: c/templates/test.yaml\nkind: Pod\nmetadata: {annotations: {helm.sh/hook: test}}\n\n";
const HOOK: &str =
    "---\n# Source: c/templates/hook.yaml\nkind: Job\nmetadata: {annotations: {helm.sh/hook: pre-install}}\n\n";

#[test]
fn documents_are_printed_as_they_were_written() {
    check(&Printed::default(), &format!("{MANIFESTS}{TEST}{HOOK}"));
    check(&Printed { no_hooks: true, ..Printed::default() }, MANIFESTS);
    check(&Printed { skip_tests: true, ..Printed::default() }, &format!("{MANIFESTS}{HOOK}"));
    let crds = Printed { include_crds: true, no_hooks: true, ..Printed::default() };
    check(&crds, &format!("---\n# Source: c/crds/x.yaml\nkind: CustomResourceDefinition\n\n{MANIFESTS}"));
}

#[test]
fn only_what_is_asked_for_is_shown() {
    let show = |files: &[&str], expected: &str| {
        let files: Vec<String> = files.iter().map(|file| (*file).to_owned()).collect();
        check(&Printed { show_only: &files, ..Printed::default() }, expected);
    };
    show(&["templates/sub/*"], "---\n# Source: c/templates/sub/d.yaml\nkind: Deployment\n\n");
    show(&["templates/nope.yaml"], "could not find template templates/nope.yaml in chart");
}
