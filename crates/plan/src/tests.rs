//! What a plan makes of manifests, live objects and answers.

use std::sync::Arc;

use belay_object::{Object, from_json_str};

use super::*;

mod pruning;
mod values;

fn object(json: &str) -> Object {
    Object::new(from_json_str(json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap()
}

/// `apps/v1 Deployment shop/cart` with more fields as JSON.
fn of(head: &str, more: &str) -> Object {
    let parts: Vec<&str> = head.split(' ').collect();
    let (namespace, name) = parts[2].split_once('/').unwrap_or(("", parts[2]));
    let mut made = Object::of(parts[0], parts[1], namespace, name);
    let more = object(&format!("{{{more}}}"));
    belay_object::merge_patch(made.value_mut(), more.value());
    made
}

fn owner() -> OwnerName {
    OwnerName { namespace: "flux-system".to_owned(), name: "shop".to_owned() }
}

fn policy() -> Policy {
    let mut policy = Policy::new("kustomize-controller", "kustomize.toolkit.fluxcd.io", owner());
    policy.prune = true;
    policy
}

fn plan_of(objects: Vec<Object>, policy: Policy) -> Plan {
    Plan::new(objects, Arc::new(policy)).unwrap()
}

const OWNED: &str =
    r#""labels":{"kustomize.toolkit.fluxcd.io/name":"shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}"#;

#[test]
fn steps_come_in_stages_and_in_the_order_of_kinds() {
    let heads = [
        "v1 Service shop/cart",
        "admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration hook",
        "example.com/v1 Thing shop/b",
        "apps/v1 Deployment shop/cart",
        "example.com/v1 Thing shop/a",
        "storage.k8s.io/v1 StorageClass fast",
        "v1 ConfigMap shop/settings",
        "example.com/v1 Early shop/x",
        "v1 Namespace shop",
        "apiextensions.k8s.io/v1 CustomResourceDefinition things.example.com",
        "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration hook",
        "rbac.authorization.k8s.io/v1 ClusterRole viewer",
        "networking.k8s.io/v1 Ingress shop/cart",
    ];
    let mut policy = policy();
    policy.custom_kinds = vec![belay_object::GroupKind::new("example.com", "Early")];
    let plan = plan_of(heads.iter().map(|h| of(h, "")).collect(), policy);
    let shown: Vec<String> = plan
        .stages()
        .map(|(stage, steps)| {
            let keys: Vec<String> = steps.iter().map(|s| s.key().to_string()).collect();
            format!("{stage}{}: {}", if stage.waits() { ", waits" } else { "" }, keys.join(" "))
        })
        .collect();
    assert_eq!(
        shown.join("\n"),
        "definitions, waits: CustomResourceDefinition/things.example.com Namespace/shop ClusterRole/viewer
classes, waits: StorageClass/fast
custom: Early/shop/x
rest: ConfigMap/shop/settings Service/shop/cart Deployment/shop/cart Thing/shop/a Thing/shop/b Ingress/shop/cart \
MutatingWebhookConfiguration/hook ValidatingWebhookConfiguration/hook"
    );
}

#[test]
fn objects_are_stamped_with_metadata_and_owner_and_the_owner_wins() {
    let mut policy = policy();
    policy.common = CommonMetadata {
        labels: vec![("team".into(), "a".into()), ("kustomize.toolkit.fluxcd.io/name".into(), "thief".into())],
        annotations: vec![("note".into(), "x".into())],
    };
    let plan = plan_of(
        vec![of("v1 ConfigMap shop/c", r#""metadata":{"labels":{"team":"b","own":"1"},"annotations":null}"#)],
        policy,
    );
    assert_eq!(
        plan.steps()[0].object().get("metadata").unwrap().to_json(),
        r#"{"annotations":{"note":"x"},"labels":{"kustomize.toolkit.fluxcd.io/name":"shop","kustomize.toolkit.fluxcd.io/namespace":"flux-system","own":"1","team":"a"},"name":"c","namespace":"shop"}"#
    );
}

#[test]
fn what_cannot_be_planned_says_why() {
    let error = |objects: Vec<Object>| Plan::new(objects, Arc::new(policy())).err().unwrap();
    let twice = error(vec![of("v1 ConfigMap shop/c", ""), of("v1 ConfigMap shop/c", "")]);
    assert_eq!((twice.kind(), twice.to_string()), (ErrorKind::Duplicate, "ConfigMap/shop/c is there twice".to_owned()));
    let nameless = error(vec![object(r#"{"apiVersion":"v1","kind":"ConfigMap"}"#)]);
    assert_eq!(
        (nameless.kind(), nameless.to_string()),
        (ErrorKind::Incomplete, r#"object without metadata.name: apiVersion="v1" kind="ConfigMap" name="""#.to_owned())
    );
    let odd = error(vec![of("v1 ConfigMap shop/c", r#""metadata":{"labels":["a"]}"#)]);
    assert_eq!(odd.to_string(), "ConfigMap/shop/c metadata.labels is of type array, not a map");
}

#[test]
fn an_encrypted_secret_is_never_applied_as_it_is_unless_that_is_meant() {
    let secret =
        |metadata: &str| of("v1 Secret shop/s", &format!(r#""data":{{"a":"RU5D"}},"sops":{{"mac":"x"}}{metadata}"#));
    let error = Plan::new(vec![secret("")], Arc::new(policy())).err().unwrap();
    assert_eq!(
        (error.kind(), error.to_string()),
        (
            ErrorKind::Encrypted,
            "Secret/shop/s is SOPS encrypted, configuring decryption is required for this secret to be reconciled"
                .to_owned()
        )
    );
    let meant = secret(r#","metadata":{"annotations":{"kustomize.toolkit.fluxcd.io/decrypt":"Disabled"}}"#);
    assert!(Plan::new(vec![meant], Arc::new(policy())).is_ok());
}

#[test]
fn fields_that_a_kind_does_not_have_are_left_out_and_told() {
    let plan = plan_of(vec![of("apps/v1 Deployment shop/cart", r#""spec":{"replcas":2,"replicas":3}"#)], policy());
    assert_eq!(plan.warnings(), ["Deployment/shop/cart spec.replcas is no field of apps/v1 Deployment"]);
    assert_eq!(plan.steps()[0].object().get("spec").unwrap().to_json(), r#"{"replicas":3}"#);
}

/// What one step does with a live object and the dry run's answer.
fn act(desired: &str, live: Option<&str>, answer: &str) -> String {
    act_by(policy(), desired, live, answer)
}

fn act_by(policy: Policy, desired: &str, live: Option<&str>, answer: &str) -> String {
    const HEAD: &str = "apps/v1 Deployment shop/cart";
    let plan = plan_of(vec![of(HEAD, desired)], policy);
    let step = &plan.steps()[0];
    let live = live.map(|l| of(HEAD, l));
    if let Before::Skip(done) = step.before(live.as_ref()) {
        return done.change().to_string();
    }
    let takeover = step.takeover(live.as_ref());
    match step.after_dry_run(live.as_ref(), &of(HEAD, answer), takeover.is_some()) {
        Action::Keep(done) => done.change().to_string(),
        Action::Apply(apply) => {
            let (pointers, spec) =
                (apply.pointers().join(" "), apply.payload().get("spec").cloned().unwrap_or_default());
            format!("{} at [{pointers}] with {spec}", apply.done().change())
        }
    }
}

#[test]
fn a_new_object_is_created_and_an_equal_one_kept() {
    let spec = r#""spec":{"replicas":2}"#;
    assert_eq!(act(spec, None, spec), r#"Deployment/shop/cart created at [] with {"replicas":2}"#);
    let live = r#""metadata":{"uid":"1","resourceVersion":"5","managedFields":[]},"spec":{"replicas":2},"status":{"replicas":1}"#;
    let answer = r#""metadata":{"uid":"1","resourceVersion":"5"},"spec":{"replicas":2},"status":{"replicas":2}"#;
    assert_eq!(act(spec, Some(live), answer), "Deployment/shop/cart unchanged");
}

#[test]
fn drift_is_in_labels_annotations_and_all_but_metadata_and_status() {
    let live = r#""metadata":{"labels":{"a":"1"},"annotations":{"x/y":"1"}},"spec":{"replicas":3,"list":[1,2]}"#;
    let answer =
        r#""metadata":{"annotations":{"x/y":"2"},"generation":7},"spec":{"replicas":2,"list":[1,3],"paused":true}"#;
    assert_eq!(
        act(r#""spec":{"replicas":2}"#, Some(live), answer),
        r#"Deployment/shop/cart configured at [/metadata/labels /metadata/annotations/x~1y /spec/list/1 /spec/paused /spec/replicas] with {"replicas":2}"#
    );
}

#[test]
fn marks_are_read_as_label_or_annotation_on_either_object_whatever_their_case() {
    let mark = |field: &str, name: &str, value: &str| {
        format!(r#""metadata":{{"{field}":{{"kustomize.toolkit.fluxcd.io/{name}":"{value}"}}}}"#)
    };
    let skipped = "Deployment/shop/cart skipped";
    for field in ["labels", "annotations"] {
        assert_eq!(act(&mark(field, "reconcile", "Disabled"), Some(""), ""), skipped);
        assert_eq!(act("", Some(&mark(field, "reconcile", "disabled")), ""), skipped);
        assert_eq!(act(&mark(field, "ssa", "ignore"), None, ""), skipped);
        assert_eq!(act("", Some(&mark(field, "ssa", "Ignore")), ""), skipped);
        assert_eq!(act(&mark(field, "ssa", "ifNotPresent"), Some(""), ""), skipped);
    }
    // Only the manifest can ask to be applied once, and only where something is there.
    assert!(act("", Some(&mark("labels", "ssa", "IfNotPresent")), "").contains("configured"));
    assert!(act(&mark("labels", "ssa", "IfNotPresent"), None, "").contains("created"));
}

#[test]
fn ignored_fields_are_no_drift() {
    let mut policy = policy();
    policy.ignore = rules(&["/spec/replicas"], Target { kind: "Deploy.*".into(), ..Target::default() });
    let answer = r#""spec":{"replicas":2}"#;
    assert_eq!(act_by(policy, answer, Some(r#""spec":{"replicas":5}"#), answer), "Deployment/shop/cart unchanged");
}

fn rules(paths: &[&str], target: Target) -> IgnoreRules {
    IgnoreRules::compile([(paths.iter().map(|p| (*p).to_owned()).collect(), Some(target))]).unwrap()
}

#[test]
fn an_ignored_field_that_another_applies_is_left_out_and_any_other_keeps_its_live_value() {
    let live = |manager: &str| {
        format!(
            r#""metadata":{{"managedFields":[{{"manager":"{manager}","operation":"Apply","fieldsV1":{{"f:spec":{{"f:replicas":{{}}}}}}}}]}},"spec":{{"replicas":5,"paused":true}}"#
        )
    };
    let desired = r#""spec":{"replicas":2,"paused":false}"#;
    let act = |manager: &str| {
        let mut policy = policy();
        policy.ignore = rules(&["/spec/replicas"], Target::default());
        act_by(policy, desired, Some(&live(manager)), desired)
    };
    assert_eq!(act("hpa"), r#"Deployment/shop/cart configured at [/spec/paused] with {"paused":false}"#);
    assert_eq!(
        act("kustomize-controller"),
        r#"Deployment/shop/cart configured at [/spec/paused] with {"paused":false,"replicas":5}"#
    );
}

#[test]
fn an_item_of_a_list_is_found_by_its_key_among_managed_fields() {
    let spec = |cpu: &str, paused: bool| {
        format!(
            r#""spec":{{"paused":{paused},"template":{{"spec":{{"containers":[{{"name":"a"}},{{"name":"b","resources":{{"limits":{{"cpu":"{cpu}"}}}}}}]}}}}}}"#
        )
    };
    let fields = r#"{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"b\"}":{"f:resources":{"f:limits":{"f:cpu":{}}}}}}}}}"#;
    let live = format!(
        r#""metadata":{{"managedFields":[{{"manager":"vpa","operation":"Apply","fieldsV1":{fields}}}]}},{}"#,
        spec("2", true)
    );
    let mut policy = policy();
    policy.ignore = rules(&["/spec/template/spec/containers/1/resources/limits/cpu"], Target::default());
    assert_eq!(
        act_by(policy, &spec("1", false), Some(&live), &spec("1", false)),
        r#"Deployment/shop/cart configured at [/spec/paused] with {"paused":false,"template":{"spec":{"containers":[{"name":"a"},{"name":"b","resources":{"limits":{}}}]}}}"#
    );
}

#[test]
fn targets_match_wholly_and_by_selectors() {
    let cart = of("apps/v1 Deployment shop/cart", r#""metadata":{"labels":{"tier":"front"},"annotations":{"a":"1"}}"#);
    let check = |target: Target, expected: bool| {
        let rules = rules(&["/kind"], target.clone());
        let mut stripped = cart.clone();
        rules.strip(&cart, &mut stripped);
        assert_eq!(stripped.kind().is_empty(), expected, "{target:?}");
    };
    let of = |field: fn(&mut Target) -> &mut String, text: &str| {
        let mut target = Target::default();
        *field(&mut target) = text.to_owned();
        target
    };
    check(Target::default(), true);
    check(of(|t| &mut t.name, "car"), false);
    check(of(|t| &mut t.name, "car."), true);
    check(of(|t| &mut t.kind, "Service|Deployment"), true);
    check(of(|t| &mut t.group, "app"), false);
    check(of(|t| &mut t.namespace, "shop"), true);
    check(of(|t| &mut t.labels, "tier in (front,back)"), true);
    check(of(|t| &mut t.annotations, "!a"), false);
    let wrong = IgnoreRules::compile([(vec!["/a".into()], Some(of(|t| &mut t.name, "(")))]).err().unwrap();
    assert!(wrong.to_string().starts_with("failed to create ignore rule selector: invalid name regex: "), "{wrong}");
    assert!(IgnoreRules::compile([(vec!["a".into()], None)]).is_err());
}

#[test]
fn an_object_is_recreated_only_where_asked_for_and_there() {
    let invalid =
        Refusal { code: 422, reason: "Invalid".into(), message: "field is immutable".into(), ..Refusal::default() };
    let live = of("apps/v1 Deployment shop/cart", r#""metadata":{"uid":"u1"}"#);
    let judge = |force: bool, desired: &str, live: Option<&Object>, refusal: &Refusal| {
        let mut policy = policy();
        policy.force = force;
        let plan = plan_of(vec![of("apps/v1 Deployment shop/cart", desired)], policy);
        match plan.steps()[0].after_refusal(live, refusal) {
            Ok(certificate) => certificate.record().to_json(),
            Err(message) => message,
        }
    };
    let refused = "Deployment/shop/cart dry-run failed (Invalid): field is immutable";
    assert_eq!(judge(false, "", Some(&live), &invalid), refused);
    assert_eq!(judge(true, "", None, &invalid), refused);
    let certificate =
        r#"{"id":"shop_cart_apps_Deployment","owner":"flux-system/shop","reason":"Recreated","uid":"u1","v":"v1"}"#;
    assert_eq!(judge(true, "", Some(&live), &invalid), certificate);
    let marked = r#""metadata":{"annotations":{"kustomize.toolkit.fluxcd.io/force":"Enabled"}}"#;
    assert_eq!(judge(false, marked, Some(&live), &invalid), certificate);
    let other = Refusal { code: 500, reason: "InternalError".into(), message: "sorry".into(), ..Refusal::default() };
    assert_eq!(judge(true, "", Some(&live), &other), "Deployment/shop/cart dry-run failed (InternalError): sorry");
}

#[test]
fn a_namespace_is_never_recreated() {
    let mut policy = policy();
    policy.force = true;
    let plan = plan_of(vec![of("v1 Namespace shop", "")], policy);
    let invalid = Refusal { code: 422, reason: "Invalid".into(), ..Refusal::default() };
    let live = of("v1 Namespace shop", r#""metadata":{"uid":"u1"}"#);
    assert!(plan.steps()[0].after_refusal(Some(&live), &invalid).is_err());
}

#[test]
fn the_digest_of_a_step_changes_with_what_is_applied_and_by_whom() {
    let digest = |more: &str, manager: &str| {
        let mut policy = policy();
        policy.manager = manager.to_owned();
        plan_of(vec![of("v1 ConfigMap shop/c", more)], policy).steps()[0].digest()
    };
    let one = digest(r#""data":{"a":"1"}"#, "m");
    assert_eq!(one, digest(r#""data":{"a":"1"}"#, "m"));
    assert_ne!(one, digest(r#""data":{"a":"2"}"#, "m"));
    assert_ne!(one, digest(r#""data":{"a":"1"}"#, "n"));
}
