//! Inventory ids, normal forms, takeovers, refusals, changes and history.

use belay_object::{ObjectKey, Value, json_patch};

use super::*;

#[test]
fn inventory_ids_are_those_of_flux() {
    for (group, kind, namespace, name, id) in [
        ("apps", "Deployment", "shop", "cart", "shop_cart_apps_Deployment"),
        ("", "ConfigMap", "shop", "settings", "shop_settings__ConfigMap"),
        ("", "Namespace", "", "shop", "_shop__Namespace"),
        (
            "rbac.authorization.k8s.io",
            "ClusterRole",
            "",
            "system:view",
            "_system__view_rbac.authorization.k8s.io_ClusterRole",
        ),
        ("rbac.authorization.k8s.io", "RoleBinding", "a", "x:y:z", "a_x__y__z_rbac.authorization.k8s.io_RoleBinding"),
    ] {
        let key = ObjectKey::new(group, kind, namespace, name);
        assert_eq!(inventory_id(&key), id);
        assert_eq!(parse_inventory_id(id), Ok(key));
    }
    for id in ["", "a", "a_b", "a_b_c"] {
        assert_eq!(parse_inventory_id(id).map_err(|e| e.kind()), Err(ErrorKind::InventoryId), "{id}");
    }
}

fn inventory(entries: &[(&str, &str)]) -> Inventory {
    entries
        .iter()
        .map(|(id, v)| InventoryEntry { key: parse_inventory_id(id).unwrap(), version: (*v).into() })
        .collect()
}

#[test]
fn an_inventory_is_read_whole_or_not_at_all() {
    let json = r#"{"entries":[{"id":"a_b__ConfigMap","v":"v1"},{"id":"_x_apps_Y","v":"v2"}]}"#;
    let read = Inventory::read(&from_json_str(json).unwrap()).unwrap();
    assert_eq!(read.to_value().to_json(), json);
    assert_eq!(Inventory::read(&Value::Null).unwrap().len(), 0);
    for wrong in [r#"{"entries":[{"id":"a_b__ConfigMap"},{"id":"oops"}]}"#, r#"{"entries":{}}"#] {
        assert!(Inventory::read(&from_json_str(wrong).unwrap()).is_err(), "{wrong}");
    }
}

#[test]
fn what_left_an_inventory_is_told_in_apply_order() {
    let old = inventory(&[("s_web_apps_Deployment", "v1"), ("s_c__ConfigMap", "v1"), ("_s__Namespace", "v1")]);
    let new = inventory(&[("s_c__ConfigMap", "v1"), ("s_d__ConfigMap", "v1")]);
    let shown = |entries: &[InventoryEntry]| entries.iter().map(|e| e.to_string()).collect::<Vec<_>>().join(" ");
    assert_eq!(shown(&old.minus(&new)), "Namespace/s Deployment/s/web");
    assert_eq!(shown(old.union(&new).entries()), "Deployment/s/web ConfigMap/s/c Namespace/s ConfigMap/s/d");
}

fn check_normal(head: &str, more: &str, expected: &str) {
    let mut object = of(head, more);
    normalize(&mut object);
    for field in ["apiVersion", "kind", "metadata"] {
        object.remove(&[field]);
    }
    assert_eq!(object.value().to_json(), expected, "{head} {more}");
}

#[test]
fn manifests_are_put_right() {
    check_normal(
        "v1 Service s/a",
        r#""spec":{"ports":[{"port":80},{"port":53,"protocol":"UDP"}]}"#,
        r#"{"spec":{"ports":[{"port":80,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}}"#,
    );
    check_normal(
        "batch/v1 CronJob s/a",
        r#""spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a","ports":[{"containerPort":1}]}]}}}}}"#,
        r#"{"spec":{"jobTemplate":{"spec":{"template":{"spec":{"containers":[{"name":"a","ports":[{"containerPort":1,"protocol":"TCP"}]}]}}}}}}"#,
    );
    check_normal(
        "v1 Secret s/a",
        r#""data":{"a":"MQ==","b":"MQ=="},"stringData":{"b":"two"}"#,
        r#"{"data":{"a":"MQ==","b":"dHdv"}}"#,
    );
    check_normal(
        "apps/v1 Deployment s/a",
        r#""spec":{"replicas":1},"status":{"replicas":1}"#,
        r#"{"spec":{"replicas":1}}"#,
    );
    check_normal("example.com/v1 Thing s/a", r#""any":1,"status":{"x":1}"#, r#"{"any":1}"#);
    check_normal("rbac.authorization.k8s.io/v1 Role s/a", r#""rules":[],"status":1"#, r#"{"rules":[],"status":1}"#);
}

#[test]
fn a_bundle_that_is_no_certificate_is_dropped_from_a_definition() {
    let crd = "apiextensions.k8s.io/v1 CustomResourceDefinition things.example.com";
    let with = |bundle: &str| {
        format!(
            r#""spec":{{"conversion":{{"webhook":{{"clientConfig":{{"caBundle":"{bundle}"}}}}}}}},"status":{{"a":1}}"#
        )
    };
    let dropped = r#"{"spec":{"conversion":{"webhook":{"clientConfig":{}}}},"status":{"a":1}}"#;
    check_normal(crd, &with("Cg=="), dropped);
    check_normal(crd, &with("%%%"), dropped);
    // A PEM block around the DER of an empty sequence.
    let pem = "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BQT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo=";
    check_normal(crd, &with(pem), &format!("{{{}}}", with(pem)));
}

/// The patch, and the managed fields after it as `manager operation fields`.
fn check_takeover(metadata: &str, expected_patch: &str) {
    let mut takeover = Takeover {
        annotations: vec!["kubectl.kubernetes.io/last-applied-configuration".to_owned()],
        labels: vec!["fluxcd.io/sync-gc-mark".to_owned()],
        managers: Vec::new(),
    };
    for (name, by_apply) in [("kubectl", true), ("kubectl", false), ("before-first-apply", false), ("us", false)] {
        takeover.managers.push(Manager::prefix(name, by_apply));
    }
    let live = of("v1 ConfigMap s/c", &format!(r#""metadata":{metadata}"#));
    let patch = takeover.patch(&live, "us").unwrap_or_default();
    assert_eq!(patch.to_json(), expected_patch, "{metadata}");
    if !patch.is_null() {
        let mut patched = live.value().clone();
        json_patch(&mut patched, &patch).unwrap();
    }
}

#[test]
fn fields_of_kubectl_become_ours() {
    check_takeover(r#"{"managedFields":[{"manager":"hpa","operation":"Update"}]}"#, "null");
    check_takeover(
        r#"{"managedFields":[{"manager":"kubectl-client-side-apply","operation":"Update","time":"t","fieldsV1":{"f:data":{"f:a":{}}}},{"manager":"hpa","operation":"Update"}]}"#,
        r#"[{"op":"replace","path":"/metadata/managedFields","value":[{"manager":"hpa","operation":"Update"},{"fieldsV1":{"f:data":{"f:a":{}}},"manager":"us","operation":"Apply","time":"t"}]}]"#,
    );
    check_takeover(
        r#"{"managedFields":[{"manager":"us","operation":"Apply","fieldsV1":{"f:data":{"f:a":{}}}},{"manager":"kubectl","operation":"Apply","fieldsV1":{"f:data":{".":{},"f:b":{}}}},{"manager":"kubectl","operation":"Update","subresource":"status"}]}"#,
        r#"[{"op":"replace","path":"/metadata/managedFields","value":[{"manager":"kubectl","operation":"Update","subresource":"status"},{"fieldsV1":{"f:data":{".":{},"f:a":{},"f:b":{}}},"manager":"us","operation":"Apply"}]}]"#,
    );
}

#[test]
fn a_set_that_is_itself_a_member_stays_one_when_fields_come_below_it() {
    check_takeover(
        r#"{"managedFields":[{"manager":"us","operation":"Apply","fieldsV1":{"f:x":{}}},{"manager":"us","operation":"Update","fieldsV1":{"f:x":{"f:y":{}}}}]}"#,
        r#"[{"op":"replace","path":"/metadata/managedFields","value":[{"fieldsV1":{"f:x":{".":{},"f:y":{}}},"manager":"us","operation":"Apply"}]}]"#,
    );
}

#[test]
fn what_old_tools_left_is_removed() {
    check_takeover(
        r#"{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}"},"labels":{"fluxcd.io/sync-gc-mark":"x"}}"#,
        r#"[{"op":"remove","path":"/metadata/annotations/kubectl.kubernetes.io~1last-applied-configuration"},{"op":"remove","path":"/metadata/labels/fluxcd.io~1sync-gc-mark"}]"#,
    );
}

#[test]
fn every_conflict_and_invalid_object_may_be_immutable() {
    let refusal = |code: u16, reason: &str, message: &str| Refusal {
        code,
        reason: reason.into(),
        message: message.into(),
        ..Refusal::default()
    };
    assert!(refusal(409, "Conflict", "").may_be_immutable());
    assert!(refusal(422, "Invalid", "").may_be_immutable());
    assert!(refusal(403, "Forbidden", "the spec is immutable").may_be_immutable());
    assert!(refusal(400, "BadRequest", "cannot change an immutable field").may_be_immutable());
    assert!(!refusal(403, "Forbidden", "is not immutable").may_be_immutable());
    assert!(!refusal(404, "NotFound", "").may_be_immutable());
}

#[test]
fn refusals_are_told_in_flux_words() {
    let key = ObjectKey::new("apps", "Deployment", "shop", "cart");
    let loose = ObjectKey::new("apps", "Deployment", "", "cart");
    let of = |reason: &str, manager_conflict: bool| Refusal {
        code: 409,
        reason: reason.into(),
        message: "no".into(),
        manager_conflict,
    };
    assert_eq!(of("Forbidden", false).dry_run_message(&key), "Deployment/shop/cart dry-run failed (Forbidden): no");
    assert_eq!(
        of("Conflict", true).dry_run_message(&key),
        "Deployment/shop/cart dry-run failed (FieldManagerConflict): no"
    );
    assert_eq!(of("", false).dry_run_message(&key), "Deployment/shop/cart dry-run failed: no");
    assert_eq!(of("NotFound", false).dry_run_message(&key), "Deployment/shop/cart not found: no");
    assert_eq!(of("NotFound", false).dry_run_message(&loose), "Deployment/cart namespace not specified: no");
    assert_eq!(of("x", false).apply_message(&key), "Deployment/shop/cart apply failed: no");
    assert_eq!(delete_failures(&["a".into(), "b".into()]), "delete failed, errors: a;b;");
}

#[test]
fn change_sets_tell_changes_and_keep_what_is_owned() {
    let changes: ChangeSet = [
        ("s_a__ConfigMap", ChangeKind::Created),
        ("s_b__ConfigMap", ChangeKind::Unchanged),
        ("s_c__ConfigMap", ChangeKind::Skipped),
        ("s_d_apps_Deployment", ChangeKind::Configured),
    ]
    .into_iter()
    .map(|(id, kind)| Change::new(InventoryEntry { key: parse_inventory_id(id).unwrap(), version: "v1".into() }, kind))
    .collect();
    assert_eq!(changes.changed_lines(), "ConfigMap/s/a created\nDeployment/s/d configured");
    assert_eq!(changes.inventory().len(), 4);
    let waited: Vec<String> = changes.to_wait_for().map(|k| k.to_string()).collect();
    assert_eq!(waited, ["ConfigMap/s/a", "ConfigMap/s/b", "Deployment/s/d"]);
}

#[test]
fn history_counts_what_repeats_and_keeps_five() {
    let enter = |history: &Value, digest: &str, status: &str, at: &str| {
        let snapshot = Snapshot {
            digest: digest.into(),
            at: at.into(),
            duration: "1s".into(),
            status: status.into(),
            metadata: vec![("revision".into(), "r".into())],
        };
        upsert(history, &snapshot)
    };
    let one = enter(&Value::Null, "d1", "ok", "t1");
    assert_eq!(
        one.to_json(),
        r#"[{"digest":"d1","firstReconciled":"t1","lastReconciled":"t1","lastReconciledDuration":"1s","lastReconciledStatus":"ok","metadata":{"revision":"r"},"totalReconciliations":1}]"#
    );
    let mut history = enter(&enter(&one, "d1", "bad", "t2"), "d1", "ok", "t3");
    let shown = |history: &Value| {
        let entry = |s: &Value| {
            format!(
                "{}/{} {}..{} {}",
                s["digest"],
                s["lastReconciledStatus"],
                s["firstReconciled"],
                s["lastReconciled"],
                s["totalReconciliations"]
            )
            .replace('"', "")
        };
        history.items().iter().map(entry).collect::<Vec<_>>().join(", ")
    };
    assert_eq!(shown(&history), "d1/ok t1..t3 2, d1/bad t2..t2 1");
    for i in 2..9 {
        history = enter(&history, &format!("d{i}"), "ok", "t");
    }
    assert_eq!(history.items().len(), MAX_SNAPSHOTS);
    assert_eq!(history[0]["digest"].as_str(), Some("d8"));
}
