//! Nothing is deleted without proof (INV-ACT-1, -2, -4, -6, -7).

use super::*;

const CART: &str = "s_cart__ConfigMap";
const WEB: &str = "s_web_apps_Deployment";

fn entry(id: &str) -> InventoryEntry {
    InventoryEntry { key: parse_inventory_id(id).unwrap(), version: "v1".into() }
}

fn old(ids: &[&str]) -> Inventory {
    ids.iter().map(|id| entry(id)).collect()
}

/// A plan of one ConfigMap, with its step done or not.
fn applied(policy: Policy, done: bool) -> (Plan, Applied) {
    let plan = plan_of(vec![of("v1 ConfigMap s/kept", "")], policy);
    let mut applied = Applied::new();
    if done {
        applied.push(plan.steps()[0].known_unchanged());
    }
    (plan, applied)
}

fn set(ids: &[&str]) -> PruneSet {
    let (plan, applied) = applied(policy(), true);
    PruneSet::after(&plan, &applied, &old(ids)).unwrap()
}

#[test]
fn what_left_the_manifests_is_deleted_in_reverse_order() {
    let set = set(&["s_kept__ConfigMap", "_s__Namespace", CART, WEB]);
    let shown: Vec<String> = set.candidates().iter().map(|c| c.to_string()).collect();
    assert_eq!(shown, ["Deployment/s/web", "ConfigMap/s/cart", "Namespace/s"]);
}

#[test]
fn the_inventory_has_the_order_of_the_plan_whatever_was_done_first() {
    let plan = plan_of(vec![of("v1 ConfigMap s/a", ""), of("v1 ConfigMap s/b", "")], policy());
    let mut applied = Applied::new();
    applied.push(plan.steps()[1].known_unchanged());
    applied.push(plan.steps()[0].known_unchanged());
    let ids: Vec<String> = applied.inventory().entries().iter().map(|e| e.to_string()).collect();
    assert_eq!(ids, ["ConfigMap/s/a", "ConfigMap/s/b"]);
}

#[test]
fn a_failed_apply_never_leads_to_a_prune() {
    let (plan, applied) = applied(policy(), false);
    assert_eq!(PruneSet::after(&plan, &applied, &old(&[CART])).err(), Some(Held::NotAllApplied));
}

#[test]
fn an_empty_render_never_leads_to_a_prune() {
    let plan = plan_of(Vec::new(), policy());
    assert_eq!(PruneSet::after(&plan, &Applied::new(), &old(&[CART])).err(), Some(Held::EmptyRender));
    assert!(PruneSet::after(&plan, &Applied::new(), &old(&[])).unwrap().is_empty());
}

#[test]
fn nothing_is_pruned_unasked() {
    let mut policy = policy();
    policy.prune = false;
    let (plan, applied) = applied(policy, true);
    assert_eq!(PruneSet::after(&plan, &applied, &old(&[CART])).err(), Some(Held::NotWanted));
}

#[test]
fn a_prune_over_its_budget_is_held() {
    let ids: Vec<String> = (0..20).map(|i| format!("s_c{i}__ConfigMap")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let held = |budget: Budget, ids: &[&str]| {
        let mut policy = policy();
        policy.budget = budget;
        let (plan, applied) = applied(policy, true);
        PruneSet::after(&plan, &applied, &old(ids)).err().map(|h| h.to_string()).unwrap_or_default()
    };
    let share = Budget { max_percent: Some(50), ..Budget::default() };
    assert_eq!(held(share, &ids), "pruning would delete 20 of 20 objects, which is over the budget");
    assert_eq!(held(share, &ids[..10]), "");
    let count = Budget { max_objects: Some(3), ..Budget::default() };
    assert_eq!(held(count, &ids[..4]), "pruning would delete 4 of 4 objects, which is over the budget");
}

/// What becomes of one candidate whose live object has this metadata.
fn check(id: &str, live: Option<&str>, foreign: &[String], expected: &str) {
    let policy = policy();
    let candidate = entry(id);
    let live = live.map(|metadata| {
        let group = candidate.group_version_kind();
        let mut object = Object::of(&group.api_version(), &group.kind, &candidate.key.namespace, &candidate.key.name);
        let more = super::object(&format!(r#"{{"metadata":{metadata}}}"#));
        belay_object::merge_patch(object.value_mut(), more.value());
        object
    });
    let fate = match set(&[id]).judge(&candidate, live.as_ref(), foreign, &policy) {
        Fate::Gone => "gone".to_owned(),
        Fate::Leaving => "leaving".to_owned(),
        Fate::Kept(why) => format!("kept: {why}"),
        Fate::Delete(certificate) => certificate.delete_options().to_json(),
    };
    assert_eq!(fate, expected, "{id} {live:?}");
}

#[test]
fn a_certificate_names_the_uid_that_was_seen() {
    check(
        CART,
        Some(&format!(r#"{{"uid":"u1",{OWNED}}}"#)),
        &[],
        r#"{"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"u1"},"propagationPolicy":"Background"}"#,
    );
    check(CART, None, &[], "gone");
    check(CART, Some(&format!(r#"{{{OWNED}}}"#)), &[], "kept: the object that was read is another");
    check(CART, Some(&format!(r#"{{"uid":"u1","deletionTimestamp":"t",{OWNED}}}"#)), &[], "leaving");
}

#[test]
fn an_object_that_another_has_taken_over_is_left_to_it() {
    let others = r#"{"uid":"u1","labels":{"kustomize.toolkit.fluxcd.io/name":"b","kustomize.toolkit.fluxcd.io/namespace":"flux-system"}}"#;
    check(CART, Some(others), &[], "kept: it is owned by flux-system/b");
    check(CART, Some(r#"{"uid":"u1"}"#), &[], "kept: its labels name no owner");
}

#[test]
fn marked_objects_stay() {
    let marked = |name: &str, value: &str| {
        format!(r#"{{"uid":"u1",{OWNED},"annotations":{{"kustomize.toolkit.fluxcd.io/{name}":"{value}"}}}}"#)
    };
    check(
        CART,
        Some(&marked("prune", "Disabled")),
        &[],
        "kept: it is marked kustomize.toolkit.fluxcd.io/prune: disabled",
    );
    check(
        CART,
        Some(&marked("reconcile", "disabled")),
        &[],
        "kept: it is marked kustomize.toolkit.fluxcd.io/reconcile: disabled",
    );
    check(CART, Some(&marked("ssa", "ignore")), &[], "kept: it is marked kustomize.toolkit.fluxcd.io/ssa: Ignore");
}

#[test]
fn what_every_cluster_needs_and_what_others_use_stays() {
    let owned = format!(r#"{{"uid":"u1",{OWNED}}}"#);
    check("_kube-system__Namespace", Some(&owned), &[], "kept: it is protected");
    check("_default__Namespace", Some(&owned), &[], "kept: it is protected");
    let foreign = ["ConfigMap/s/theirs".to_owned()];
    check("_s__Namespace", Some(&owned), &foreign, "kept: it holds objects of others: ConfigMap/s/theirs");
    let own = Protection { definition_groups: vec!["toolkit.fluxcd.io".to_owned()], ..Protection::default() };
    let set = PruneSet::of_deleted_app(&old(&[
        "_gitrepositories.source.toolkit.fluxcd.io_apiextensions.k8s.io_CustomResourceDefinition",
    ]));
    let candidate = &set.candidates()[0];
    let live = of(
        "apiextensions.k8s.io/v1 CustomResourceDefinition gitrepositories.source.toolkit.fluxcd.io",
        &format!(r#""metadata":{owned}"#),
    );
    let mut policy = policy();
    assert!(matches!(set.judge(candidate, Some(&live), &[], &policy), Fate::Delete(_)));
    policy.protection = own;
    assert!(matches!(set.judge(candidate, Some(&live), &[], &policy), Fate::Kept(Kept::Protected)));
}

#[test]
fn only_candidates_are_judged() {
    let stranger = entry("s_other__ConfigMap");
    let live = of("v1 ConfigMap s/other", &format!(r#""metadata":{{"uid":"u1",{OWNED}}}"#));
    let fate = set(&[CART]).judge(&stranger, Some(&live), &[], &policy());
    assert!(matches!(fate, Fate::Kept(Kept::NotTheObject)));
}
