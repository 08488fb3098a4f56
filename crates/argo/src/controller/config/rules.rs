//! What the settings say of kinds, as rules of comparing.

use belay_object::GroupKind;

use crate::known_types::KnownTypes;
use crate::settings::Settings;
use crate::spec::IgnoreDifference;

/// Of which kinds an override is: `<group>/<kind>`, `<kind>` of the core group.
fn group_and_kind(pattern: &str) -> (String, String) {
    let (group, kind) = pattern.split_once('/').unwrap_or(("", pattern));
    (group.to_owned(), kind.to_owned())
}

/// What does not count when objects are compared.
pub(super) fn ignored(settings: &Settings) -> Vec<IgnoreDifference> {
    let overrides = settings.resources.overrides.iter().map(|(pattern, o)| {
        let (group, kind) = group_and_kind(pattern);
        IgnoreDifference { group, kind, ..o.ignore_differences.clone() }
    });
    let mut rules: Vec<IgnoreDifference> = overrides.filter(has_rules).collect();
    if settings.resources.compare.ignore_aggregated_roles {
        rules.push(aggregated_rules());
    }
    rules
}

/// What does not count as a change of a live object; `None` where everything does.
pub(super) fn ignored_updates(settings: &Settings) -> Option<Vec<IgnoreDifference>> {
    if !settings.resources.ignore_updates_enabled {
        return None;
    }
    let too = settings.resources.compare.ignore_differences_on_updates;
    let overrides = settings.resources.overrides.iter().flat_map(|(pattern, o)| {
        let (group, kind) = group_and_kind(pattern);
        let all = [Some(&o.ignore_updates), too.then_some(&o.ignore_differences)].into_iter().flatten();
        all.map(move |rule| IgnoreDifference { group: group.clone(), kind: kind.clone(), ..rule.clone() })
    });
    let mut rules: Vec<IgnoreDifference> = overrides.filter(has_rules).collect();
    // Compat(argo-cd 3.5): of every object.
    let always = ["/metadata/resourceVersion", "/metadata/generation", "/metadata/managedFields"];
    let json_pointers = always.map(str::to_owned).to_vec();
    rules.push(IgnoreDifference { group: "*".into(), kind: "*".into(), json_pointers, ..IgnoreDifference::default() });
    Some(rules)
}

/// Which fields are of a type of Kubernetes' own.
pub(super) fn known_types(settings: &Settings) -> (KnownTypes, Vec<String>) {
    let fields = settings.resources.overrides.iter().flat_map(|(pattern, o)| {
        let (group, kind) = group_and_kind(pattern);
        let kind = GroupKind::new(&group, &kind);
        o.known_type_fields.iter().map(move |(field, name)| (kind.clone(), field.as_str(), name.as_str()))
    });
    KnownTypes::read(fields)
}

/// The rules of a role that is put together from others: the server writes them.
fn aggregated_rules() -> IgnoreDifference {
    IgnoreDifference {
        group: "rbac.authorization.k8s.io".to_owned(),
        kind: "ClusterRole".to_owned(),
        jq_path_expressions: vec!["select(.aggregationRule != null) | .rules".to_owned()],
        ..IgnoreDifference::default()
    }
}

fn has_rules(rule: &IgnoreDifference) -> bool {
    !(rule.json_pointers.is_empty() && rule.jq_path_expressions.is_empty() && rule.managed_fields_managers.is_empty())
}
