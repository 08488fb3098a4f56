//! What a source is, before an Application is made of it.

use std::sync::Arc;

use super::super::{References, ToolSettings, folders};
use super::{app, files, renderer, source, tree};

#[track_caller]
fn check(yaml: &str, given: &[(&str, &str)], expected: &str) {
    let found = renderer().details(&source(yaml), &files(given), &References::new(), &app());
    let shown = match found {
        Err(error) => format!("{:?}: {error}", error.kind()),
        Ok(found) => {
            let mut lines = vec![found.source_type.to_string()];
            lines.extend(found.value_files.iter().map(|file| format!("file {file}")));
            lines.extend(found.parameters.iter().map(|(name, value)| format!("{name}={value}")));
            lines.extend(found.images.iter().map(|image| format!("image {image}")));
            lines.join("\n")
        }
    };
    assert_eq!(shown, expected, "{yaml}");
}

const CHART: (&str, &str) = ("c/Chart.yaml", "apiVersion: v2\nname: c\nversion: 1.0.0\n");

#[test]
fn values_of_a_chart_are_told_by_their_paths_as_go_prints_them() {
    let values = "a: {b: [x, {c: 1.50}]}\nnumber: 100000\nbig: 1234567\nsmall: 0.00001\nflag: yes\nnone: ~\nempty: []\ntext: '1'\n";
    check(
        "{repoURL: x, path: c}",
        &[CHART, ("c/values.yaml", values)],
        "Helm\nfile values.yaml\na.b[0]=x\na.b[1].c=1.5\nbig=1.234567e+06\nflag=true\nnone=<nil>\nnumber=100000\nsmall=1e-05\ntext=1",
    );
    let more = [CHART, ("c/values.yaml", "a: 1\nb: 1\n"), ("c/more/my-values.yml", "b: 2\n"), ("c/values.txt", "")];
    check(
        "{repoURL: x, path: c, helm: {valueFiles: [more/my-values.yml, not-there.yaml]}}",
        &more,
        "Helm\nfile more/my-values.yml\nfile values.yaml\na=1\nb=2",
    );
    check("{repoURL: x, path: c}", &[CHART], "Helm");
    // What lies outside is not read, whatever names it.
    check(
        "{repoURL: x, path: c, helm: {valueFiles: [../../secret.yaml]}}",
        &[CHART, ("secret.yaml", "a: b\n")],
        "Build: error resolving value file path: file '../../secret.yaml' resolved to outside repository root",
    );
    let text = "not: [a map";
    let found = renderer().details(
        &source("{repoURL: x, path: c}"),
        &files(&[CHART, ("c/values.yaml", text)]),
        &References::new(),
        &app(),
    );
    assert!(found.unwrap_err().to_string().starts_with("failed to parse values: values.yaml: "));
}

#[test]
fn images_of_a_kustomization_are_those_that_it_builds() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: a, image: b:1}], initContainers: [{name: i, image: a}]}\n";
    let job = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: j}\nspec: {template: {spec: {containers: [{name: a, image: 'b:1'}]}}}\n";
    check(
        "{repoURL: x, path: k}",
        &[
            ("k/kustomization.yaml", "resources: [p.yaml, j.yaml]\nimages: [{name: b, newTag: '2'}]\n"),
            ("k/p.yaml", pod),
            ("k/j.yaml", job),
        ],
        "Kustomize\nimage a\nimage b:2\nimage b:2",
    );
    check("{repoURL: x, path: d}", &[("d/a.yaml", "a: b\n")], "Directory");
    check("{repoURL: x, path: ../d}", &[("d/a.yaml", "")], "NoDirectory: ../d: app path outside root");
    check("{repoURL: x, path: none}", &[("d/a.yaml", "")], "NoDirectory: none: app path does not exist");
}

#[test]
fn folders_of_charts_and_kustomizations_are_found() {
    let tree = tree(&[
        ("Chart.yaml", ""),
        ("a/my-Chart.yaml", ""),
        ("b/Chart.yaml", ""),
        ("b/kustomization.yml", ""),
        ("b/deep/Kustomization", ""),
        ("c/deployment.yaml", ""),
    ]);
    let shown = |settings: &ToolSettings| {
        let found = folders(&*tree, settings).unwrap();
        found.iter().map(|(folder, kind)| format!("{folder} {kind}")).collect::<Vec<_>>().join(", ")
    };
    let all = Arc::new(ToolSettings::default());
    assert_eq!(shown(&all), ". Helm, a Helm, b Kustomize, b/deep Kustomize");
    let off = ToolSettings { kustomize_enabled: false, ..ToolSettings::default() };
    assert_eq!(shown(&off), ". Helm, a Helm, b Helm");
}
