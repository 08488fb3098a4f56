//! Patches of Deployments, on recorded facts.

use belay_object::{GroupVersionKind, Value, from_json_str};

use super::{apply, three_way, two_way};
use crate::{Schema, Types};

fn schema() -> Schema {
    Types::builtin().get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("Deployment")
}

fn json(text: &str) -> Value {
    from_json_str(text).expect("JSON")
}

fn check(document: &str, patch: &str, expected: Result<&str, &str>) {
    let mut value = json(document);
    match (apply(&mut value, &json(patch), &schema()), expected) {
        (Ok(()), Ok(text)) => assert_eq!(value.to_json(), json(text).to_json(), "{patch}"),
        (Err(e), Err(message)) => {
            assert_eq!(e.message, message);
            assert_eq!(value, json(document), "a failed patch changes nothing");
        }
        (result, _) => panic!("{patch}: {result:?}: {value}"),
    }
}

fn pod(containers: &str) -> String {
    format!(r#"{{"spec":{{"template":{{"spec":{{"containers":{containers}}}}}}}}}"#)
}

#[test]
fn items_merge_by_key_and_new_ones_come_first() {
    check(
        &pod(r#"[{"name":"c","image":"i","env":[{"name":"A","value":"1"}]},{"name":"d"}]"#),
        &pod(r#"[{"name":"c","env":[{"name":"B","value":"2"}]}]"#),
        Ok(&pod(
            r#"[{"name":"c","image":"i","env":[{"name":"B","value":"2"},{"name":"A","value":"1"}]},{"name":"d"}]"#,
        )),
    );
    check(
        &pod(r#"[{"name":"c"},{"name":"d"}]"#),
        &pod(r#"[{"name":"d","$patch":"delete"}]"#),
        Ok(&pod(r#"[{"name":"c"}]"#)),
    );
    check(
        &pod(r#"[{"name":"c"},{"name":"d"}]"#),
        &pod(r#"[{"name":"x"},{"$patch":"replace"}]"#),
        Ok(&pod(r#"[{"name":"x"}]"#)),
    );
    check(
        &pod(r#"[{"name":"c"}]"#),
        r#"{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"e"},{"name":"c"}],"containers":[{"name":"e","image":"y"}]}}}}"#,
        Ok(&pod(r#"[{"name":"e","image":"y"},{"name":"c"}]"#)),
    );
}

#[test]
fn directives_of_maps() {
    check(
        r#"{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{}}}}"#,
        r#"{"spec":{"strategy":{"$retainKeys":["type"],"type":"Recreate"}}}"#,
        Ok(r#"{"spec":{"strategy":{"type":"Recreate"}}}"#),
    );
    check(
        r#"{"metadata":{}}"#,
        r#"{"metadata":{"labels":{"$patch":"replace","only":"me"}}}"#,
        Ok(r#"{"metadata":{}}"#),
    );
    check(
        r#"{"metadata":{"labels":{"a":"b"}}}"#,
        r#"{"metadata":{"labels":{"$patch":"replace","only":"me"}}}"#,
        Ok(r#"{"metadata":{"labels":{"only":"me"}}}"#),
    );
    check(
        r#"{"metadata":{"labels":{"a":"b"}}}"#,
        r#"{"metadata":{"labels":{"$patch":"delete"}}}"#,
        Ok(r#"{"metadata":{"labels":{}}}"#),
    );
    check(
        r#"{"metadata":{"labels":{"a":"b"}}}"#,
        r#"{"metadata":{"labels":{"a":null,"c":null}}}"#,
        Ok(r#"{"metadata":{"labels":{}}}"#),
    );
}

#[test]
fn lists_of_scalars() {
    let with = |list: &str| format!(r#"{{"metadata":{{"finalizers":{list}}}}}"#);
    check(&with(r#"["a","b"]"#), &with(r#"["c","a"]"#), Ok(&with(r#"["c","a","b"]"#)));
    check(
        &with(r#"["a","b"]"#),
        r#"{"metadata":{"$deleteFromPrimitiveList/finalizers":["a"]}}"#,
        Ok(&with(r#"["b"]"#)),
    );
    // Without the strategy a list is replaced.
    check(
        &pod(r#"[{"name":"c","args":["a"]}]"#),
        &pod(r#"[{"name":"c","args":["b"]}]"#),
        Ok(&pod(r#"[{"name":"c","args":["b"]}]"#)),
    );
}

#[test]
fn patches_that_contradict_themselves_fail() {
    check(
        &pod(r#"[{"name":"c"}]"#),
        &pod(r#"[{"image":"x"}]"#),
        Err("map: map[image:x] does not contain declared merge key: name"),
    );
    check(
        &pod(r#"[{"name":"c"}]"#),
        r#"{"spec":{"$patch":"what"}}"#,
        Err("unknown patch type: what in map: map[$patch:what]"),
    );
    check(
        r#"{"spec":{"strategy":{"type":"x"}}}"#,
        r#"{"spec":{"strategy":{"$retainKeys":["a"],"type":"Recreate"}}}"#,
        Err("invalid patch format of retainKeys"),
    );
    check(
        &pod(r#"[{"name":"a"}]"#),
        r#"{"spec":{"template":{"spec":{"$setElementOrder/containers":[{"name":"a"}],"containers":[{"name":"b"}]}}}}"#,
        Err("The order in patch list:\n[map[name:b]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n"),
    );
    check("{}", "[]", Err("invalid JSON document"));
}

#[test]
fn a_patch_that_is_made_turns_one_object_into_the_other() {
    let versions = [
        pod(r#"[{"name":"c","image":"1","env":[{"name":"A","value":"1"},{"name":"B","value":"2"}]},{"name":"d"}]"#),
        pod(r#"[{"name":"d","image":"x"},{"name":"e"},{"name":"c","image":"2","env":[{"name":"B","value":"3"}]}]"#),
        r#"{"metadata":{"finalizers":["a","b"],"labels":{"x":"y"}},"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxSurge":1}}}}"#.to_owned(),
        r#"{"metadata":{"finalizers":["c","a"]},"spec":{"strategy":{"type":"Recreate"},"replicas":3}}"#.to_owned(),
        "{}".to_owned(),
    ];
    for from in &versions {
        for to in &versions {
            let patch = two_way(&json(from), &json(to), &schema()).expect("a patch");
            let mut value = json(from);
            apply(&mut value, &patch, &schema()).unwrap_or_else(|e| panic!("{from} -> {to}: {patch}: {e}"));
            assert_eq!(value.to_json(), json(to).to_json(), "{from} -> {to}: {patch}");
        }
    }
}

#[test]
fn a_three_way_patch_keeps_what_others_added() {
    let original = json(&pod(r#"[{"name":"c","image":"1","env":[{"name":"A","value":"1"}]}]"#));
    let modified = json(&pod(r#"[{"name":"c","image":"2"}]"#));
    let current =
        json(&pod(r#"[{"name":"c","image":"1","env":[{"name":"A","value":"1"}],"tty":true},{"name":"side"}]"#));
    let patch = three_way(&original, &modified, &current, &schema()).expect("a patch");
    let mut value = current;
    apply(&mut value, &patch, &schema()).expect("applies");
    assert_eq!(value.to_json(), pod(r#"[{"image":"2","name":"c","tty":true},{"name":"side"}]"#), "{patch}");
}
