use super::*;
use crate::decode::Rules;
use crate::options::Compatibility;

fn pairs(text: &str) -> BTreeMap<String, String> {
    let pair = |pair: &str| pair.split_once(':').map(|(k, v)| (k.to_owned(), v.to_owned())).expect(text);
    text.split(',').filter(|part| !part.is_empty()).map(pair).collect()
}

fn labels(text: &str, force: bool, without_selector: bool, include_templates: bool) -> Edit {
    Edit::AddLabels { labels: pairs(text), force, without_selector, include_templates }
}

/// What an edit makes of a kustomization file, the edited fields alone.
fn check(file: &str, edit: Edit, expected: &str) {
    let mut kustomization =
        Kustomization::read(file, Rules::Yaml, Compatibility::default()).unwrap_or_else(|e| panic!("{file}: {e}"));
    kustomization.fix();
    let found = match apply(&mut kustomization, &edit) {
        Err(error) => format!("error: {}", error.message().lines().next().unwrap_or_default()),
        Ok(()) => {
            let Kustomization { images, replicas, labels, common_labels, common_annotations, components, .. } =
                kustomization;
            let mut lines = Vec::new();
            lines.extend(images.iter().map(|i| format!("{}={}:{}@{}", i.name, i.new_name, i.new_tag, i.digest)));
            lines.extend(replicas.iter().map(|r| format!("{}={}", r.name, r.count)));
            lines.extend(
                labels.iter().map(|l| format!("{:?} {} {}", l.pairs, l.include_selectors, l.include_templates)),
            );
            lines.extend(common_labels.filter(|c| !c.is_empty()).map(|c| format!("common {c:?}")));
            lines.extend((!common_annotations.is_empty()).then(|| format!("annotations {common_annotations:?}")));
            lines.extend(components);
            lines.join(" | ")
        }
    };
    assert_eq!(found, expected, "{edit:?} in {file:?}");
}

#[test]
fn an_image_that_is_set_replaces_its_entry_and_entries_are_sorted() {
    let set = |images: &[&str]| Edit::SetImages(images.iter().map(|i| (*i).to_owned()).collect());
    let file = "images: [{name: z, newTag: '1'}, {name: b, newName: bb, newTag: '2', digest: x}]\n";
    check(file, set(&["b:3", "host:5000/a=quay.io/a@sha256:1"]), "b=:3@ | host:5000/a=quay.io/a:@sha256:1 | z=:1@");
    check(file, set(&["b=*:4"]), "b=bb:4@ | z=:1@");
    check(file, set(&["b=new:*"]), "b=new:2@ | z=:1@");
    check("imageTags: [{name: b, newTag: '2'}]\n", set(&["b=new:*"]), "b=new:2@");
    check("", set(&["c=*:1@*"]), "c=:1@");
    check(file, set(&["plain"]), "error: invalid format of image, use one of the following options:");
    check("", set(&["a=b"]), "a=b:@");
}

#[test]
fn replicas_are_set_by_name() {
    let set = Edit::SetReplicas(vec![("web".into(), 3), ("api".into(), 0)]);
    check("replicas: [{name: web, count: 1}, {name: x, count: 2}]\n", set, "api=0 | web=3 | x=2");
}

#[test]
fn labels_and_annotations_that_are_there_are_replaced_by_force_alone() {
    check("commonLabels: {a: '1'}\n", labels("b:2", false, false, false), r#"common {"a": "1", "b": "2"}"#);
    check(
        "commonLabels: {a: '1'}\n",
        labels("a:2", false, false, false),
        "error: label a already in kustomization file. Use --force to override.",
    );
    check("commonLabels: {a: '1'}\n", labels("a:2", true, false, false), r#"common {"a": "2"}"#);
    let add = |force| Edit::AddAnnotations { annotations: pairs("a:\"2\""), force };
    check("", add(false), r#"annotations {"a": "2"}"#);
    check(
        "commonAnnotations: {a: '1'}\n",
        add(false),
        "error: annotation a already in kustomization file. Use --force to override.",
    );
    check("commonAnnotations: {a: '1'}\n", add(true), r#"annotations {"a": "2"}"#);
}

#[test]
fn labels_that_stay_out_of_selectors_join_the_entry_of_their_form() {
    check("", labels("a:1,b:2", false, true, false), r#"{"a": "1", "b": "2"} false false"#);
    let file = "labels: [{pairs: {x: z}, includeSelectors: true}, {pairs: {c: d}}]\n";
    check(file, labels("a:1", false, true, false), r#"{"x": "z"} true false | {"a": "1", "c": "d"} false false"#);
    check(
        file,
        labels("a:1", false, true, true),
        r#"{"x": "z"} true false | {"c": "d"} false false | {"a": "1"} false true"#,
    );
    check(
        file,
        labels("a:1", false, false, true),
        "error: --without-selector flag must be specified for --include-templates to work",
    );
}

#[test]
fn components_are_added_once() {
    check("components: [a]\n", Edit::AddComponents(vec!["b".into(), "a".into()]), "a | b");
}
