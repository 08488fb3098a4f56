//! Applies and updates, on facts of recorded conversations.

use belay_object::{GroupVersionKind, Object, Value, from_json_str};

use super::{Manager, Operation, Target, apply, keep_times, owned_digest, reset_fields, update, update_scale};
use crate::{FieldSet, Types};

const TIME: &str = "2026-01-02T03:04:05Z";
const CONFIG_MAP: (&str, &str) = ("v1", "ConfigMap");
const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");

fn object(text: &str) -> Object {
    Object::new(from_json_str(text).expect("JSON")).expect("an object")
}

/// A stored object, and who writes it.
struct Store {
    kind: (&'static str, &'static str),
    subresource: &'static str,
    live: Option<Object>,
}

impl Store {
    fn new(kind: (&'static str, &'static str)) -> Store {
        Store { kind, subresource: "", live: None }
    }
    fn body(&self, fields: &str) -> Object {
        let comma = if fields.is_empty() { "" } else { "," };
        object(&format!(
            r#"{{"apiVersion":"{}","kind":"{}","metadata":{{"name":"a"}}{comma}{fields}}}"#,
            self.kind.0, self.kind.1
        ))
    }
    fn write(&mut self, manager: &str, fields: &str, how: &str) -> Result<(), String> {
        let gvk = GroupVersionKind::from_api_version(self.kind.0, self.kind.1);
        let schema = Types::builtin().get(&gvk).expect("a built-in kind");
        let reset = reset_fields(&schema, self.subresource);
        let target = Target {
            schema: &schema,
            api_version: self.kind.0,
            kind: self.kind.1,
            subresource: self.subresource,
            reset: &reset,
        };
        let manager = Manager { name: manager, time: TIME };
        let mut body = self.body(fields);
        let stored = match how {
            "update" => {
                if let Some(live) = &self.live {
                    body.set(&["metadata", "uid"], live.uid());
                }
                update(&target, self.live.as_ref(), body, &manager)
            }
            _ => apply(&target, self.live.as_ref(), &body, &manager, how == "force").map_err(|e| e.message())?,
        };
        self.live = Some(stored);
        if self.live.as_ref().is_some_and(|o| o.uid().is_empty()) {
            self.live.as_mut().expect("stored").set(&["metadata", "uid"], "u");
        }
        Ok(())
    }
    /// `manager/operation[/subresource]=fields`, with `@` where there is a time.
    fn owners(&self) -> Vec<String> {
        let live = self.live.as_ref().expect("stored");
        live.at(&["metadata", "managedFields"])
            .map_or(&[][..], Value::items)
            .iter()
            .map(|e| {
                let text = |n: &str| e.str_at(&[n]).unwrap_or_default();
                let sub =
                    if text("subresource").is_empty() { String::new() } else { format!("/{}", text("subresource")) };
                let time = if text("time").is_empty() { "" } else { "@" };
                format!("{}/{}{sub}{time}={}", text("manager"), text("operation"), e["fieldsV1"].to_json())
            })
            .collect()
    }
    fn check(&self, owners: &[&str], path: &[&str], expected: &str) {
        assert_eq!(self.owners(), owners);
        let found = self.live.as_ref().and_then(|l| l.at(path)).map_or("absent".to_owned(), Value::to_json);
        assert_eq!(found, expected, "{path:?}");
    }
}

#[test]
fn fields_left_out_of_an_apply_are_removed() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("tester", r#""data":{"k":"v","l":"m"}"#, "apply").expect("created");
    s.check(&[r#"tester/Apply@={"f:data":{"f:k":{},"f:l":{}}}"#], &["data"], r#"{"k":"v","l":"m"}"#);
    s.write("tester", r#""data":{"k":"v2"}"#, "apply").expect("applied");
    s.check(&[r#"tester/Apply@={"f:data":{"f:k":{}}}"#], &["data"], r#"{"k":"v2"}"#);
    s.write("tester", "", "apply").expect("applied");
    s.check(&[], &["data"], "absent");
}

#[test]
fn managers_conflict_share_and_give_up() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("one", r#""data":{"k":"v","s":"same"}"#, "apply").expect("created");
    let refused = s.write("two", r#""data":{"k":"w"}"#, "apply").expect_err("a conflict");
    assert_eq!(refused, r#"Apply failed with 1 conflict: conflict with "one": .data.k"#);
    // The same value is shared; as nothing changed, the entry has no time.
    s.write("two", r#""data":{"s":"same"}"#, "apply").expect("shared");
    let one = r#"one/Apply@={"f:data":{"f:k":{},"f:s":{}}}"#;
    assert_eq!(s.owners(), [r#"two/Apply={"f:data":{"f:s":{}}}"#, one]);
    s.write("two", r#""data":{"k":"w","s":"same"}"#, "force").expect("forced");
    let (one, two) = (r#"one/Apply@={"f:data":{"f:s":{}}}"#, r#"two/Apply@={"f:data":{"f:k":{},"f:s":{}}}"#);
    s.check(&[one, two], &["data"], r#"{"k":"w","s":"same"}"#);
    s.write("one", r#""data":{"s":"same"}"#, "apply").expect("applied");
    assert_eq!(s.owners(), [one, two]);
    s.write("two", r#""data":{}"#, "apply").expect("applied");
    s.check(&[one, r#"two/Apply@={"f:data":{}}"#], &["data"], r#"{"s":"same"}"#);
    s.write("one", r#""data":{}"#, "apply").expect("applied");
    // Go's encoder leaves the empty map out.
    s.check(&[r#"one/Apply@={"f:data":{}}"#, r#"two/Apply@={"f:data":{}}"#], &["data"], "{}");
}

#[test]
fn an_update_takes_fields_and_an_apply_conflicts_with_it() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("kubectl-create", r#""data":{"k":"v"}"#, "update").expect("created");
    assert_eq!(s.owners(), [r#"kubectl-create/Update@={"f:data":{".":{},"f:k":{}}}"#]);
    let refused = s.write("gitops", r#""data":{"k":"w"}"#, "apply").expect_err("a conflict");
    assert_eq!(refused, r#"Apply failed with 1 conflict: conflict with "kubectl-create" using v1: .data.k"#);
    s.write("gitops", r#""data":{"k":"w"}"#, "force").expect("forced");
    let created = r#"kubectl-create/Update@={"f:data":{}}"#;
    assert_eq!(s.owners(), [r#"gitops/Apply@={"f:data":{"f:k":{}}}"#, created]);
    s.write("kubectl-edit", r#""data":{"k":"drift","extra":"1"}"#, "update").expect("updated");
    assert_eq!(s.owners(), [created, r#"kubectl-edit/Update@={"f:data":{"f:extra":{},"f:k":{}}}"#]);
    s.write("gitops", r#""data":{"k":"w"}"#, "force").expect("forced");
    let owners =
        [r#"gitops/Apply@={"f:data":{"f:k":{}}}"#, created, r#"kubectl-edit/Update@={"f:data":{"f:extra":{}}}"#];
    s.check(&owners, &["data"], r#"{"extra":"1","k":"w"}"#);
}

const POD: &str =
    r#""selector":{"matchLabels":{"app":"a"}},"template":{"metadata":{"labels":{"app":"a"}},"spec":{"containers":"#;

#[test]
fn items_of_associative_lists_have_owners_of_their_own() {
    let mut s = Store::new(DEPLOYMENT);
    let env = r#""env":[{"name":"A","value":"1"}],"#;
    let ports = r#""ports":[{"containerPort":80}]"#;
    s.write("one", &format!(r#""spec":{{{POD}[{{"name":"c","image":"nginx:1",{env}{ports}}}]}}}}}}"#), "apply")
        .expect("created");
    let fields = |env: &str| {
        format!(
            r#"one/Apply@={{"f:spec":{{"f:selector":{{}},"f:template":{{"f:metadata":{{"f:labels":{{"f:app":{{}}}}}},"f:spec":{{"f:containers":{{"k:{{\"name\":\"c\"}}":{{".":{{}},{env}"f:image":{{}},"f:name":{{}},"f:ports":{{"k:{{\"containerPort\":80,\"protocol\":\"TCP\"}}":{{".":{{}},"f:containerPort":{{}}}}}}}}}}}}}}}}}}"#
        )
    };
    let with_env = fields(r#""f:env":{"k:{\"name\":\"A\"}":{".":{},"f:name":{},"f:value":{}}},"#);
    assert_eq!(s.owners(), std::slice::from_ref(&with_env));
    let two = r#""spec":{"template":{"spec":{"containers":[{"name":"c","env":[{"name":"B","value":"2"}]},{"name":"side","image":"s"}]}}}"#;
    s.write("two", two, "apply").expect("applied");
    let two = r#"two/Apply@={"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"c\"}":{".":{},"f:env":{"k:{\"name\":\"B\"}":{".":{},"f:name":{},"f:value":{}}},"f:name":{}},"k:{\"name\":\"side\"}":{".":{},"f:image":{},"f:name":{}}}}}}}"#;
    let containers = ["spec", "template", "spec", "containers"];
    s.check(
        &[&with_env, two],
        &containers,
        r#"[{"env":[{"name":"A","value":"1"},{"name":"B","value":"2"}],"image":"nginx:1","name":"c","ports":[{"containerPort":80}]},{"image":"s","name":"side"}]"#,
    );
    s.write("one", &format!(r#""spec":{{{POD}[{{"name":"c","image":"nginx:2",{ports}}}]}}}}}}"#), "apply")
        .expect("applied");
    s.check(
        &[&fields(""), two],
        &containers,
        r#"[{"env":[{"name":"B","value":"2"}],"image":"nginx:2","name":"c","ports":[{"containerPort":80}]},{"image":"s","name":"side"}]"#,
    );
    s.write("two", "", "apply").expect("applied");
    s.check(&[&fields("")], &containers, r#"[{"image":"nginx:2","name":"c","ports":[{"containerPort":80}]}]"#);
    s.write("hpa", r#""spec":{"replicas":3}"#, "apply").expect("applied");
    // The scale subresource takes the replica count from whoever had it; its entry has no time.
    let schema = Types::builtin().get(&GroupVersionKind::new("apps", "v1", "Deployment")).expect("Deployment");
    let reset = FieldSet::new();
    let target =
        Target { schema: &schema, api_version: "apps/v1", kind: "Deployment", subresource: "scale", reset: &reset };
    let mut live = s.live.take().expect("stored");
    live.set(&["spec", "replicas"], 5);
    s.live = Some(update_scale(&target, live, &["spec", "replicas"], true, &Manager { name: "scaler", time: TIME }));
    assert_eq!(s.owners(), [fields(""), r#"scaler/Update/scale={"f:spec":{"f:replicas":{}}}"#.to_owned()]);
}

#[test]
fn an_applied_object_must_fit_its_schema() {
    let check = |kind, fields: &str, expected: &str| {
        let refused = Store::new(kind).write("m", fields, "apply").expect_err("refused");
        assert_eq!(refused, expected);
    };
    check(
        CONFIG_MAP,
        r#""bogus":1"#,
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .bogus: field not declared in schema",
    );
    check(
        DEPLOYMENT,
        r#""spec":{"template":{"spec":{"containers":[{"name":"c"},{"name":"c"}]}}}"#,
        "failed to create typed patch object (/a; apps/v1, Kind=Deployment): .spec.template.spec.containers: duplicate entries for key [name=\"c\"]",
    );
    check(
        DEPLOYMENT,
        r#""spec":{"replicas":"x"}"#,
        "failed to create typed patch object (/a; apps/v1, Kind=Deployment): .spec.replicas: expected numeric (int or float), got string",
    );
    check(
        CONFIG_MAP,
        r#""data":{"a":true}"#,
        "failed to create typed patch object (/a; /v1, Kind=ConfigMap): .data.a: expected string, got &value.valueUnstructured{Value:true}",
    );
}

#[test]
fn null_in_a_field_of_a_go_struct_is_owned_by_nobody() {
    let mut s = Store::new(("v1", "Event"));
    s.write("m", r#""eventTime":null,"firstTimestamp":null,"reason":"R""#, "update").expect("created");
    assert_eq!(s.owners(), [r#"m/Update@={"f:reason":{}}"#]);
}

#[test]
fn finalizers_are_a_set_with_several_owners() {
    let mut s = Store::new(CONFIG_MAP);
    let with = |f: &str| {
        object(&format!(r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"a","finalizers":[{f}]}}}}"#))
    };
    let schema = Types::builtin().get(&GroupVersionKind::new("", "v1", "ConfigMap")).expect("ConfigMap");
    let reset = FieldSet::new();
    let target = Target { schema: &schema, api_version: "v1", kind: "ConfigMap", subresource: "", reset: &reset };
    let one = Manager { name: "one", time: TIME };
    let live = apply(&target, None, &with(r#""x.io/a""#), &one, false).expect("created");
    let live =
        apply(&target, Some(&live), &with(r#""x.io/b""#), &Manager { name: "two", time: TIME }, false).expect("both");
    s.live = Some(live);
    s.check(
        &[
            r#"one/Apply@={"f:metadata":{"f:finalizers":{"v:\"x.io/a\"":{}}}}"#,
            r#"two/Apply@={"f:metadata":{"f:finalizers":{"v:\"x.io/b\"":{}}}}"#,
        ],
        &["metadata", "finalizers"],
        r#"["x.io/a","x.io/b"]"#,
    );
}

#[test]
fn the_status_subresource_has_owners_of_its_own() {
    let mut s = Store::new(DEPLOYMENT);
    s.write("one", r#""spec":{"paused":true},"status":{"replicas":9}"#, "apply").expect("created");
    assert_eq!(s.owners(), [r#"one/Apply@={"f:spec":{"f:paused":{}}}"#]);
    s.subresource = "status";
    s.write(
        "ctl",
        r#""spec":{"paused":false},"status":{"replicas":1,"conditions":[{"type":"A","status":"True"}]}"#,
        "update",
    )
    .expect("updated");
    assert_eq!(
        s.owners(),
        [
            r#"one/Apply@={"f:spec":{"f:paused":{}}}"#,
            r#"ctl/Update/status@={"f:status":{"f:conditions":{".":{},"k:{\"type\":\"A\"}":{".":{},"f:status":{},"f:type":{}}},"f:replicas":{}}}"#,
        ]
    );
}

#[test]
fn who_wrote_before_the_first_apply_keeps_its_fields() {
    let mut s = Store::new(CONFIG_MAP);
    s.live =
        Some(object(r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"u"},"data":{"k":"v"}}"#));
    s.write("edit", r#""data":{"k":"w"}"#, "update").expect("updated");
    assert!(s.owners().is_empty(), "nothing is tracked before the first apply");
    let refused = s.write("one", r#""data":{"k":"x"}"#, "apply").expect_err("a conflict");
    assert_eq!(refused, r#"Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.k"#);
    s.write("one", r#""data":{"n":"x"}"#, "apply").expect("applied");
    assert_eq!(
        s.owners(),
        [r#"one/Apply@={"f:data":{"f:n":{}}}"#, r#"before-first-apply/Update@={"f:data":{".":{},"f:k":{}}}"#]
    );
}

#[test]
fn kubectl_takes_over_what_its_client_side_apply_wrote() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("kubectl-client-side-apply", r#""data":{"k":"v","l":"m"}"#, "update").expect("created");
    let last = r#"{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"v"}}"#;
    s.live.as_mut().expect("stored").set_annotation("kubectl.kubernetes.io/last-applied-configuration", last);
    let refused = s.write("kubectl", r#""data":{"k":"w","l":"n"}"#, "apply").expect_err("l was not applied");
    assert_eq!(refused, r#"Apply failed with 1 conflict: conflict with "kubectl-client-side-apply" using v1: .data.l"#);
    s.write("kubectl", r#""data":{"k":"w"}"#, "apply").expect("k was");
    let live = s.live.expect("stored");
    let annotation = live.annotation("kubectl.kubernetes.io/last-applied-configuration").expect("annotation");
    assert_eq!(
        annotation.trim(),
        r#"{"apiVersion":"v1","data":{"k":"w"},"kind":"ConfigMap","metadata":{"annotations":{},"name":"a"}}"#
            .replace(r#""annotations":{},"#, "")
    );
}

#[test]
fn several_conflicts_are_listed_by_manager() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("one", r#""data":{"a":"1"}"#, "apply").expect("created");
    s.write("two", r#""data":{"b":"1","c":"1"}"#, "apply").expect("applied");
    let refused = s.write("three", r#""data":{"a":"2","b":"2","c":"2"}"#, "apply").expect_err("conflicts");
    assert_eq!(
        refused,
        "Apply failed with 3 conflicts: conflicts with \"one\":\n- .data.a\nconflicts with \"two\":\n- .data.b\n- .data.c"
    );
}

#[test]
fn updates_are_capped_at_ten_managers() {
    let mut s = Store::new(CONFIG_MAP);
    let mut data = String::new();
    for i in 0..15 {
        data.push_str(&format!(r#"{}"k{i}":"v""#, if i == 0 { "" } else { "," }));
        s.write(&format!("m{i:02}"), &format!(r#""data":{{{data}}}"#), "update").expect("updated");
    }
    let owners = s.owners();
    assert_eq!(owners.len(), 10, "{owners:?}");
    assert!(owners[0].starts_with(r#"ancient-changes/Update@={"f:data":{".":{},"f:k0":{},"#), "{owners:?}");
}

#[test]
fn an_empty_list_of_managed_fields_resets_them() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("one", r#""data":{"k":"v"}"#, "apply").expect("created");
    let schema = Types::builtin().get(&GroupVersionKind::new("", "v1", "ConfigMap")).expect("ConfigMap");
    let reset = FieldSet::new();
    let target = Target { schema: &schema, api_version: "v1", kind: "ConfigMap", subresource: "", reset: &reset };
    let mut new = s.live.clone().expect("stored");
    new.set(&["metadata", "managedFields"], Value::Array(Default::default()));
    let new = update(&target, s.live.as_ref(), new, &Manager { name: "m", time: TIME });
    assert!(new.at(&["metadata", "managedFields"]).is_none());
}

/// A field after others; nothing where the list is empty, as Go's types leave it out.
fn list(name: &str, items: &[String]) -> String {
    if items.is_empty() { String::new() } else { format!(r#","{name}":[{}]"#, items.join(",")) }
}

/// Numbers from a fixed seed.
struct Dice(u64);
impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
    fn pod(&mut self) -> String {
        let mut containers = Vec::new();
        for name in ["a", "b", "c"] {
            if self.roll(3) == 0 {
                continue;
            }
            let chosen: Vec<&str> = ["X", "Y", "Z"].into_iter().filter(|_| self.roll(2) == 0).collect();
            let env: Vec<String> =
                chosen.iter().map(|n| format!(r#"{{"name":"{n}","value":"{}"}}"#, self.roll(3))).collect();
            let image = self.roll(3);
            containers.push(format!(r#"{{"name":"{name}","image":"i:{image}"{}}}"#, list("env", &env)));
        }
        let chosen: Vec<&str> = ["l", "m"].into_iter().filter(|_| self.roll(2) == 0).collect();
        let labels: Vec<String> = chosen.iter().map(|n| format!(r#""{n}":"{}""#, self.roll(3))).collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!(r#""metadata":{{"labels":{{{}}}}},"#, labels.join(","))
        };
        let containers = list("containers", &containers).replacen(',', "", 1);
        format!(r#""spec":{{"replicas":{},"template":{{{labels}"spec":{{{containers}}}}}}}"#, self.roll(3))
    }
}

#[test]
fn applying_twice_changes_nothing_and_giving_all_up_leaves_nothing() {
    let mut dice = Dice(0x5eed);
    for round in 0..500 {
        let mut s = Store::new(DEPLOYMENT);
        s.write("base", &dice.pod(), "apply").expect("created");
        for _ in 0..3 {
            let body = dice.pod();
            s.write("other", &body, "force").expect("forced");
            let once = s.live.clone().expect("stored");
            let digest = owned_digest(&once, "other");
            s.write("other", &body, "apply").expect("no conflict with oneself");
            assert_eq!(s.live, Some(once.clone()), "round {round}");
            assert_eq!(owned_digest(&once, "other"), digest);
            let mut again = once.clone();
            assert!(keep_times(&once, &mut again));
        }
        s.write("other", "", "apply").expect("given up");
        assert!(!s.owners().iter().any(|o| o.starts_with("other/")), "round {round}");
        s.write("base", "", "apply").expect("given up");
        let live = s.live.as_ref().expect("stored");
        assert!(live.get("spec").is_none(), "round {round}: {live:?}");
    }
}

#[test]
fn a_digest_covers_the_owned_fields_and_nothing_else() {
    let mut s = Store::new(DEPLOYMENT);
    s.write("one", &format!(r#""spec":{{"replicas":1,{POD}[{{"name":"c","image":"i"}}]}}}}}}"#), "apply")
        .expect("created");
    let live = s.live.clone().expect("stored");
    let digest = |o: &Object| owned_digest(o, "one").expect("it owns something");
    let changed = |path: &[&str], value: Value| {
        let mut o = live.clone();
        o.set(path, value);
        digest(&o) != digest(&live)
    };
    assert!(changed(&["spec", "replicas"], 2.into()));
    assert!(changed(&["spec", "selector", "matchLabels", "app"], "b".into()));
    assert!(changed(&["spec", "template", "spec", "containers"], Value::Null));
    assert!(!changed(&["spec", "paused"], true.into()));
    assert!(!changed(&["spec", "template", "metadata", "labels", "new"], "x".into()));
    assert!(!changed(&["metadata", "resourceVersion"], "9".into()));
    assert!(owned_digest(&live, "two").is_none());
    assert_eq!(super::owned_fields(&live, "one", Some(Operation::Update)), FieldSet::new());
}

/// `pointer live -> desired (manager)` of what an apply by `ours` would change.
fn differences_of(s: &Store, fields: &str) -> Vec<String> {
    let mut dry = Store { kind: s.kind, subresource: s.subresource, live: s.live.clone() };
    dry.write("ours", fields, "force").expect("a dry run");
    let shown = |v: &Option<Value>| v.as_ref().map_or("-".to_owned(), Value::to_json);
    let (live, would_be) = (s.live.as_ref().expect("stored"), dry.live.as_ref().expect("stored"));
    super::differences(live, would_be, "ours")
        .into_iter()
        .map(|d| {
            let (live, desired) = (shown(&d.live), shown(&d.desired));
            format!("{} {live} -> {desired} ({})", d.pointer, d.manager.unwrap_or_default())
        })
        .collect()
}

#[test]
fn differences_are_told_with_who_made_them() {
    let mut s = Store::new(CONFIG_MAP);
    let ours = r#""data":{"a/b":"1","gone":"x"}"#;
    s.write("ours", ours, "apply").expect("created");
    assert!(differences_of(&s, ours).is_empty());
    s.write("editor", r#""data":{"a/b":"2","gone":"x","theirs":"y"}"#, "update").expect("edited");
    assert_eq!(differences_of(&s, ours), [r#"/data/a~1b "2" -> "1" (editor)"#]);
    let fewer = differences_of(&s, r#""data":{"a/b":"1"}"#);
    assert_eq!(fewer, [r#"/data/a~1b "2" -> "1" (editor)"#, r#"/data/gone "x" -> - ()"#]);
    let more = differences_of(&s, r#""data":{"a/b":"2","gone":"x","new":"n"}"#);
    assert_eq!(more, [r#"/data/new - -> "n" ()"#]);
}

#[test]
fn differences_in_items_of_lists_are_named_by_place() {
    let mut s = Store::new(DEPLOYMENT);
    let manifest = |image: &str| format!(r#""spec":{{"replicas":1,{POD}[{{"name":"c","image":"{image}"}}]}}}}}}"#);
    s.write("ours", &manifest("i:1"), "apply").expect("created");
    let found = differences_of(&s, &manifest("i:2"));
    assert_eq!(found, [r#"/spec/template/spec/containers/0/image "i:1" -> "i:2" ()"#]);
}

#[test]
fn what_a_takeover_would_remove_is_a_difference() {
    let mut s = Store::new(CONFIG_MAP);
    s.write("older", r#""data":{"a":"1","gone":"x"}"#, "update").expect("created");
    let live = s.live.clone().expect("stored");
    let mut taken = live.clone();
    for entry in
        taken.value_mut().at_or_insert(&["metadata", "managedFields"]).as_array_mut().expect("a list").iter_mut()
    {
        entry.set(&["manager"], "ours");
        entry.set(&["operation"], "Apply");
    }
    let mut dry = Store { kind: s.kind, subresource: "", live: s.live.clone() };
    dry.write("ours", r#""data":{"a":"1"}"#, "force").expect("a dry run");
    let would_be = dry.live.expect("answered");
    assert!(super::differences(&live, &would_be, "ours").is_empty());
    let found = super::differences_after_takeover(&live, &taken, &would_be, "ours");
    let pointers: Vec<&str> = found.iter().map(|d| d.pointer.as_str()).collect();
    assert_eq!(pointers, ["/data/gone"]);
}

#[test]
fn fields_of_a_manager_are_taken_out() {
    let mut s = Store::new(DEPLOYMENT);
    s.write("ours", &format!(r#""spec":{{{POD}[{{"name":"c","image":"i"}}]}}}}}}"#), "apply").expect("created");
    s.write("scaler", r#""spec":{"replicas":7}"#, "apply").expect("applied");
    let mut live = s.live.clone().expect("stored");
    let owned = super::owned_fields(&live, "scaler", None);
    super::remove_fields(&mut live, &owned);
    assert!(live.at(&["spec", "replicas"]).is_none());
    assert!(live.at(&["spec", "template", "spec", "containers"]).is_some());
}
