//! How people would render a source with the tools themselves: told in a folder's `README.md`, never run.

use crate::spec::{Helm, Kustomize, Source, SourceType};

/// The commands for a source, in the order in which they are run.
// Compat(argo-cd 3.5): but for the API versions of the cluster, of which there are hundreds.
pub fn commands(source: &Source, rendered_by: SourceType, app: &str, namespace: &str, version: &str) -> Vec<String> {
    match rendered_by {
        SourceType::Helm => vec![helm(source, app, namespace, version)],
        SourceType::Kustomize => kustomize(source),
        SourceType::Directory | SourceType::Plugin => Vec::new(),
    }
}

/// A command as it is typed: what has a space stands in quotes.
fn typed<'a>(arguments: impl IntoIterator<Item = &'a str>) -> String {
    let argument = |text: &str| match text {
        "" => "\"\"".to_owned(),
        text if text.contains(char::is_whitespace) => format!("{text:?}"),
        text => text.to_owned(),
    };
    arguments.into_iter().map(argument).collect::<Vec<_>>().join(" ")
}

fn helm(source: &Source, app: &str, namespace: &str, version: &str) -> String {
    let none = Helm::default();
    let helm = source.helm.as_deref().unwrap_or(&none);
    let name = if helm.release_name.is_empty() { app } else { &helm.release_name };
    let mut all: Vec<String> = ["helm", "template", ".", "--name-template", name].map(str::to_owned).to_vec();
    let mut add = |flag: &str, value: String| all.extend([flag.to_owned(), value]);
    for (flag, value) in [
        ("--namespace", source.namespace_or(namespace)),
        ("--kube-version", source.kube_version_or(version).trim_start_matches('v')),
    ] {
        if !value.is_empty() {
            add(flag, value.to_owned());
        }
    }
    for flag in ["--set", "--set-string"] {
        for parameter in helm.parameters.iter().filter(|p| p.force_string == (flag == "--set-string")) {
            add(flag, format!("{}={}", parameter.name, parameter.value));
        }
    }
    for file in &helm.file_parameters {
        add("--set-file", format!("{}={}", file.name, file.path));
    }
    for file in &helm.value_files {
        add("--values", file.clone());
    }
    let mut text = typed(all.iter().map(String::as_str));
    if !helm.values_yaml().is_empty() {
        text.push_str(" --values <temp file with values from source.helm.values/valuesObject>");
    }
    let flags = [
        (!helm.skip_crds, " --include-crds"),
        (helm.skip_schema_validation, " --skip-schema-validation"),
        (helm.skip_tests, " --skip-tests"),
    ];
    text.extend(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag));
    text
}

fn kustomize(source: &Source) -> Vec<String> {
    let none = Kustomize::default();
    let options = source.kustomize.as_deref().unwrap_or(&none);
    let mut all = Vec::new();
    let mut edit = |first: &[&str], rest: Vec<String>| {
        if !rest.is_empty() {
            let words = ["kustomize", "edit"].into_iter().chain(first.iter().copied());
            all.push(typed(words.chain(rest.iter().map(String::as_str))));
        }
    };
    let one = |text: &str| if text.is_empty() { Vec::new() } else { vec!["--".to_owned(), text.to_owned()] };
    let count = |count: &belay_object::Value| count.as_str().map_or_else(|| count.to_json(), str::to_owned);
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(name, value)| format!("{name}:{value}")).collect::<Vec<_>>()
    };
    edit(&["set", "nameprefix"], one(&options.name_prefix));
    edit(&["set", "namesuffix"], one(&options.name_suffix));
    edit(&["set", "image"], options.images.clone());
    let replicas = options.replicas.iter().map(|r| format!("{}={}", r.name, count(&r.count)));
    edit(&["set", "replicas"], replicas.collect());
    let flags = [
        (options.force_common_labels, "--force"),
        (options.label_without_selector, "--without-selector"),
        (options.label_include_templates, "--include-templates"),
    ];
    let labels: Vec<&str> = ["add", "label"]
        .into_iter()
        .chain(flags.into_iter().filter(|(is_set, _)| *is_set).map(|(_, flag)| flag))
        .collect();
    edit(&labels, pairs(&options.common_labels));
    let annotations = ["add", "annotation", "--force"];
    let annotations = if options.force_common_annotations { &annotations[..] } else { &annotations[..2] };
    edit(annotations, pairs(&options.common_annotations));
    edit(&["set", "namespace"], one(&options.namespace));
    edit(&["add", "component"], options.components.clone());
    if !options.patches.is_empty() {
        all.push("# patches of the Application are added to kustomization.yaml by hand".to_owned());
    }
    let path = source.path.trim_start_matches("./").trim_matches('/');
    all.push(typed(["kustomize", "build", &format!("./{path}")]));
    all
}
