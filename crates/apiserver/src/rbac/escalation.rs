//! Nobody grants what they do not hold: checks on the writes of roles and bindings.

use belay_object::{Object, Value};

use super::{GROUP, rules};
use crate::plugin::{Attributes, Context, Decision};
use crate::status::{ApiError, Result};

fn may(cx: &Context<'_>, verb: &str, resource: &str, namespace: &str, name: &str) -> bool {
    let asked = Attributes { verb, group: GROUP, version: "v1", resource, namespace, name, ..Attributes::default() };
    matches!(cx.authorizer.authorize(cx.store, cx.user, &asked), Decision::Allow(_))
}

fn items<'a>(object: &'a Object, field: &str) -> &'a [Value] {
    object.get(field).map_or(&[][..], Value::items)
}

/// What a user would grant without holding it, said as Kubernetes does; `None` where there is nothing.
fn excess(cx: &Context<'_>, namespace: &str, wanted: &[Value]) -> Option<String> {
    let owned = cx.authorizer.rules(cx.store, cx.user, namespace);
    let missing = rules::missing(&owned, wanted);
    if missing.is_empty() {
        return None;
    }
    let mut lines: Vec<String> = missing.iter().map(rules::shown).collect();
    lines.sort();
    let groups: Vec<String> = cx.user.groups.iter().map(|g| format!("{g:?}")).collect();
    Some(format!(
        "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
        cx.user.name,
        groups.join(" "),
        lines.join("\n")
    ))
}

/// A Role or ClusterRole: its rules must be held, unless the verb `escalate` is.
pub fn admit_role(cx: &Context<'_>, role: &mut Object, old: Option<&Object>) -> Result<()> {
    let resource = if role.kind() == "Role" { "roles" } else { "clusterroles" };
    let unchanged = old.is_some_and(|o| {
        o.get("rules") == role.get("rules") && o.get("aggregationRule") == role.get("aggregationRule")
    });
    if cx.user.is_master() || unchanged || may(cx, "escalate", resource, role.namespace(), role.name()) {
        return Ok(());
    }
    if role.get("aggregationRule").is_some() {
        // Whoever selects roles by label may grant anything.
        let everything = [
            belay_object::object! { "apiGroups" => vec!["*"], "resources" => vec!["*"], "verbs" => vec!["*"] },
            belay_object::object! { "nonResourceURLs" => vec!["*"], "verbs" => vec!["*"] },
        ];
        if excess(cx, "", &everything).is_some() {
            let why = "must have cluster-admin privileges to use an aggregationRule";
            return Err(ApiError::forbidden(GROUP, resource, role.name(), why));
        }
    }
    match excess(cx, role.namespace(), items(role, "rules")) {
        Some(why) => Err(ApiError::forbidden(GROUP, resource, role.name(), why)),
        None => Ok(()),
    }
}

/// A binding: the role's rules must be held, unless the verb `bind` on that role is.
pub fn admit_binding(cx: &Context<'_>, binding: &mut Object, old: Option<&Object>) -> Result<()> {
    let resource = if binding.kind() == "RoleBinding" { "rolebindings" } else { "clusterrolebindings" };
    let same = |field: &str| old.is_some_and(|o| o.get(field) == binding.get(field));
    if cx.user.is_master() || (same("subjects") && same("roleRef")) {
        return Ok(());
    }
    let text = |k: &str| binding.str_at(&["roleRef", k]).unwrap_or_default();
    let (plural, namespace) = match text("kind") {
        "Role" => ("roles", binding.namespace()),
        _ => ("clusterroles", ""),
    };
    if may(cx, "bind", plural, binding.namespace(), text("name")) {
        return Ok(());
    }
    let Some(role) = cx.store.get(GROUP, plural, namespace, text("name")) else {
        return Err(ApiError::not_found(GROUP, plural, text("name")));
    };
    let wanted = match role.get("aggregationRule") {
        Some(_) => super::aggregate(&cx.store.list(GROUP, "clusterroles", ""), &role),
        None => items(&role, "rules").to_vec(),
    };
    match excess(cx, binding.namespace(), &wanted) {
        Some(why) => Err(ApiError::forbidden(GROUP, resource, binding.name(), why)),
        None => Ok(()),
    }
}
