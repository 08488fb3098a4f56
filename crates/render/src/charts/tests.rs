use std::sync::Arc;

use belay_kustomize::{BuildOptions, build};
use belay_tree::MemoryTree;

use super::*;

const CHART: &[(&str, &str)] = &[
    ("app/charts/shop/Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n"),
    ("app/charts/shop/values.yaml", "greeting: hello\nwhom: [a, b]\n"),
    (
        "app/charts/shop/templates/map.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {{ .Release.Name }}\n  namespace: {{ .Release.Namespace }}\n\
         data:\n  greeting: {{ .Values.greeting }}\n  whom: {{ .Values.whom | join \" \" | quote }}\n",
    ),
    ("app/charts/shop/crds/kind.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: crd\n"),
];

/// Builds a kustomization beside the chart; gives its YAML or the error.
fn built(kustomization: &str, more: &[(&str, &str)]) -> String {
    let own = [("app/kustomization.yaml", kustomization)];
    let files = CHART.iter().chain(more).chain(&own);
    let tree = MemoryTree::from_files(files.map(|(path, text)| (*path, text.as_bytes().to_vec()))).unwrap();
    let options = BuildOptions { helm: Some(Arc::new(Charts::default())), ..BuildOptions::default() };
    match build(&tree, &TreePath::new("app").unwrap(), &options) {
        Ok(built) => built.to_yaml(),
        Err(e) => e.to_string(),
    }
}

#[test]
fn a_chart_of_the_tree_is_rendered_and_transformed() {
    let text = built(
        "namePrefix: my-\nhelmCharts:\n- name: shop\n  releaseName: one\n  namespace: market\n  valuesInline: {greeting: bye}\n",
        &[],
    );
    assert_eq!(
        text,
        "apiVersion: v1\ndata:\n  greeting: bye\n  whom: a b\nkind: ConfigMap\nmetadata:\n  name: my-one\n  namespace: market\n"
    );
}

#[test]
fn inline_values_meet_the_file_as_values_merge_says() {
    let greeting = |merge: &str| {
        let text = built(
            &format!(
                "helmCharts:\n- name: shop\n  releaseName: one\n  valuesFile: own.yaml\n  valuesMerge: {merge}\n  \
                 valuesInline: {{greeting: inline}}\n"
            ),
            &[("app/own.yaml", "greeting: file\nwhom: [c]\n")],
        );
        text.lines().filter(|l| l.starts_with("  greeting") || l.starts_with("  whom")).collect::<String>()
    };
    assert_eq!(greeting("override"), "  greeting: inline  whom: c");
    assert_eq!(greeting("merge"), "  greeting: file  whom: c");
    assert_eq!(greeting("replace"), "  greeting: inline  whom: a b");
}

#[test]
fn definitions_come_where_they_are_asked_for() {
    let with = built("helmCharts:\n- {name: shop, releaseName: one, includeCRDs: true}\n", &[]);
    assert!(with.contains("name: crd"), "{with}");
    let without = built("helmCharts:\n- {name: shop, releaseName: one}\n", &[]);
    assert!(!without.contains("name: crd"), "{without}");
}

#[test]
fn a_chart_that_is_not_there_is_told_with_its_place_and_what_to_do() {
    let told = built("helmCharts:\n- {name: cart, repo: 'https://charts.example', version: 1.2.3}\n", &[]);
    assert!(
        told.contains(
            "chart \"cart\": it is not at charts/cart-1.2.3/cart, and charts are not fetched from https://charts.example: \
             commit what `helm pull --untar --repo https://charts.example cart` gives there"
        ),
        "{told}"
    );
}

#[test]
fn a_mistake_in_a_template_is_told_with_its_place() {
    let told = built(
        "helmCharts:\n- {name: shop, releaseName: one}\n",
        &[("app/charts/shop/templates/bad.yaml", "a: {{ required \"set a\" .Values.a }}\n")],
    );
    assert!(told.contains("shop/templates/bad.yaml:1:6") && told.contains("set a"), "{told}");
}
