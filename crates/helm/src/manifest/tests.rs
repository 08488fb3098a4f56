use std::collections::BTreeMap;

use super::{HookEvent, Order, sort, split};

fn check_split(text: &str, expected: &[&str]) {
    assert_eq!(split(text).collect::<Vec<_>>(), expected, "{text:?}");
}

#[test]
fn documents_are_cut_at_line_starts() {
    check_split("\n---\na: 1\n---  \n\nb: 2\n", &["a: 1\n", "b: 2\n"]);
    check_split("a: 1\n---b: 2\n--- c: 3", &["a: 1\n", "b: 2\n", "c: 3"]);
    check_split("a: x---y\n", &["a: x---y\n"]);
    check_split("------\na: 1", &["---\na: 1"]);
    check_split("---\n---\n \n", &[]);
}

fn files(list: &[(&str, &str)]) -> BTreeMap<String, String> {
    list.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
}

#[test]
fn documents_sort_by_kind_then_place() {
    let (hooks, manifests) = sort(files(&[
        ("c/templates/b.yaml", "kind: Zoo\n---\nkind: Service\nmetadata: {name: b}\n---\n# only words\n"),
        ("c/templates/a.yaml", "kind: Deployment\n---\nkind: Service\nmetadata: {name: a}\n---\nkind: Namespace\n"),
        ("c/templates/_h.tpl", "kind: Secret\n"),
    ]))
    .expect("it parses");
    assert!(hooks.is_empty());
    let found: Vec<String> = manifests.iter().map(|m| format!("{}/{}", m.kind, m.name)).collect();
    assert_eq!(found, ["Namespace/", "Service/a", "Service/b", "Deployment/", "/", "Zoo/"]);
}

#[test]
fn hooks_are_read_from_annotations() {
    let (hooks, manifests) = sort(files(&[(
        "c/templates/a.yaml",
        "kind: Job\nmetadata:\n  name: j\n  annotations:\n    helm.sh/hook: Pre-Install, post-upgrade\n    \
         helm.sh/hook-weight: 5\n    helm.sh/hook-delete-policy: hook-succeeded,hook-failed\n    \
         helm.sh/hook-output-log-policy: hook-failed\n---\nkind: Job\nmetadata:\n  annotations: {helm.sh/hook: \
         crd-install}\n---\nkind: Job\nmetadata:\n  annotations: {helm.sh/resource-policy: keep}\n",
    )]))
    .expect("it parses");
    assert_eq!((hooks.len(), manifests.len(), manifests[0].keep), (1, 1, true));
    let hook = &hooks[0];
    assert_eq!(hook.events, [HookEvent::PreInstall, HookEvent::PostUpgrade]);
    assert_eq!((hook.weight, hook.name.as_str()), (5, "j"));
    assert!(hook.has_delete_policy("hook-failed") && !hook.has_delete_policy("before-hook-creation"));
    assert_eq!(hook.output_log_policies, ["hook-failed"]);
}

#[test]
fn what_is_no_yaml_ends_it_all() {
    let error = |text: &str| sort(files(&[("c/t.yaml", text)])).expect_err("it is refused").to_string();
    assert_eq!(
        error("a: b: c"),
        "YAML parse error on c/t.yaml: error converting YAML to JSON: yaml: mapping values are not allowed in this context"
    );
    assert_eq!(
        error("[1]"),
        "YAML parse error on c/t.yaml: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal array into \
         Go value of type util.SimpleHead"
    );
}

#[test]
fn each_order_has_every_kind_of_the_other_once() {
    let mut kinds: Vec<&str> = super::order::INSTALL.to_vec();
    kinds.sort_unstable();
    kinds.dedup();
    let mut others: Vec<&str> = super::order::UNINSTALL.to_vec();
    others.sort_unstable();
    assert_eq!(kinds, others);
    assert!(Order::Install.compare("PriorityClass", "Namespace").is_lt());
    assert!(Order::Uninstall.compare("Unknown", "PriorityClass").is_gt());
}
