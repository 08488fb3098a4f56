//! Files and what becomes of them. What is expected here is what kustomize 5.8.1 wrote.

use super::fix_text;

fn check(text: &str, expected: &str) {
    let fixed = fix_text(text, &|path| path.ends_with(".yaml")).map(|(text, _)| text);
    assert_eq!(fixed.map_err(|error| error.to_string()).as_deref(), Ok(expected), "{text}");
}

#[test]
fn deprecated_fields_move_to_their_successors() {
    check(
        "bases:\n- ../base\ncommonLabels:\n  app: x\nimageTags:\n- name: a\n  newTag: v1\npatchesStrategicMerge:\n- p.yaml\n\
         patchesJson6902:\n- path: j.yaml\n  target:\n    kind: Deployment\n    name: x\n    version: v1\n",
        "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources:\n- ../base\nlabels:\n- \
         includeSelectors: true\n  pairs:\n    app: x\npatches:\n- path: j.yaml\n  target:\n    kind: Deployment\n    name: x\n    \
         version: v1\n- path: p.yaml\nimages:\n- name: a\n  newTag: v1\n",
    );
}

#[test]
fn comments_stand_before_the_field_that_they_stood_before_or_in() {
    check(
        "# the app\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\n# what there is\nresources:\n- a.yaml\n\
         # the second\n- b.yaml\n# patches\npatches:\n- path: p.yaml\n# the end\n",
        "# the app\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\n# what there is\n# the second\n\
         resources:\n- a.yaml\n- b.yaml\n# patches\npatches:\n- path: p.yaml\n",
    );
}

#[test]
fn patch_that_is_no_file_stays_a_text() {
    check(
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources: [a.yaml]\npatchesStrategicMerge:\n- |-\n  \
         kind: Deployment\n",
        "kind: Kustomization\napiVersion: kustomize.config.k8s.io/v1beta1\nresources:\n- a.yaml\npatches:\n- patch: 'kind: \
         Deployment'\n",
    );
}

#[test]
fn generators_name_their_files_in_a_list() {
    check(
        "configMapGenerator:\n- name: a\n  env: x.env\n",
        "configMapGenerator:\n- envs:\n  - x.env\n  name: a\napiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
    );
}

#[test]
fn label_that_both_fields_have_is_an_error() {
    let text = "resources: [a.yaml]\ncommonLabels: {a: b}\nlabels: [{pairs: {a: c}}]\n";
    let error = fix_text(text, &|_| true).map_err(|error| error.to_string());
    assert_eq!(error.err().as_deref(), Some("label name 'a' exists in both commonLabels and labels"));
}
