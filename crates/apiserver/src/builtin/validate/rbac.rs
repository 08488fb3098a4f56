//! Roles, ClusterRoles and their bindings.

use belay_object::{Object, Value};

use crate::builtin::faults::Faults;
use crate::builtin::names;

const GROUP: &str = "rbac.authorization.k8s.io";

/// A Role or ClusterRole.
pub fn role(faults: &mut Faults, object: &Object) {
    let namespaced = object.kind() == "Role";
    for (i, rule) in object.value()["rules"].items().iter().enumerate() {
        let at = format!("rules[{i}]");
        let (verbs, groups, resources, urls) =
            (&rule["verbs"], &rule["apiGroups"], &rule["resources"], &rule["nonResourceURLs"]);
        if verbs.items().is_empty() {
            faults.required(format!("{at}.verbs"), "verbs must contain at least one value");
        }
        if !urls.items().is_empty() {
            if namespaced {
                let detail = "namespaced rules cannot apply to non-resource URLs";
                faults.invalid(format!("{at}.nonResourceURLs"), urls, detail);
            }
            if !groups.items().is_empty() || !resources.items().is_empty() || !rule["resourceNames"].items().is_empty()
            {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                faults.invalid(format!("{at}.nonResourceURLs"), urls, detail);
            }
            continue;
        }
        if groups.items().is_empty() {
            faults.required(format!("{at}.apiGroups"), "resource rules must supply at least one api group");
        }
        if resources.items().is_empty() {
            faults.required(format!("{at}.resources"), "resource rules must supply at least one resource");
        }
    }
}

/// A RoleBinding or ClusterRoleBinding.
pub fn binding(faults: &mut Faults, object: &Object) {
    let namespaced = object.kind() == "RoleBinding";
    let reference = &object.value()["roleRef"];
    if reference.str_at(&["apiGroup"]) != Some(GROUP) {
        faults.not_supported("roleRef.apiGroup", &reference["apiGroup"], &[GROUP]);
    }
    let kinds: &[&str] = if namespaced { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    let kind = reference.str_at(&["kind"]).unwrap_or_default();
    if !kinds.contains(&kind) {
        faults.not_supported("roleRef.kind", &Value::from(kind), kinds);
    }
    match reference.str_at(&["name"]).unwrap_or_default() {
        "" => faults.required("roleRef.name", ""),
        name => faults.texts("roleRef.name", name, names::path_segment(name)),
    }
    for (i, subject) in object.value()["subjects"].items().iter().enumerate() {
        self::subject(faults, &format!("subjects[{i}]"), subject, namespaced);
    }
}

fn subject(faults: &mut Faults, at: &str, subject: &Value, namespaced: bool) {
    let text = |k: &str| subject.str_at(&[k]).unwrap_or_default();
    if text("name").is_empty() {
        faults.required(format!("{at}.name"), "");
    }
    match text("kind") {
        "ServiceAccount" => {
            faults.texts(&format!("{at}.name"), text("name"), service_account_name(text("name")));
            if !text("apiGroup").is_empty() {
                faults.not_supported(format!("{at}.apiGroup"), &subject["apiGroup"], &[""]);
            }
            if !namespaced && text("namespace").is_empty() {
                faults.required(format!("{at}.namespace"), "");
            }
        }
        "User" | "Group" => {
            if text("apiGroup") != GROUP {
                faults.not_supported(format!("{at}.apiGroup"), &Value::from(text("apiGroup")), &[GROUP]);
            }
        }
        other => {
            let known = ["ServiceAccount", "User", "Group"];
            faults.not_supported(format!("{at}.kind"), &Value::from(other), &known);
        }
    }
}

fn service_account_name(name: &str) -> Vec<String> {
    if name.is_empty() { Vec::new() } else { names::dns1123_subdomain(name) }
}

/// A changed binding: it keeps its role.
pub fn binding_update(faults: &mut Faults, new: &Object, old: &Object) {
    if new.get("roleRef") != old.get("roleRef") {
        // The internal type has no JSON names: Go shows its own.
        let of = |k: &str| new.str_at(&["roleRef", k]).unwrap_or_default();
        let shown = belay_object::object! { "APIGroup" => of("apiGroup"), "Kind" => of("kind"), "Name" => of("name") };
        faults.invalid("roleRef", &shown, "cannot change roleRef");
    }
}
