//! What the settings say of kinds of resources: which are looked at, what does not count when they
//! are compared, scripts of their health and actions. The scripts are run elsewhere.

use std::collections::BTreeMap;

use belay_access::{Glob, PatternList};
use belay_object::Value;

use super::reader::{Reader, parse_bool, texts};
use crate::spec::IgnoreDifference;

/// What is said of kinds of resources.
#[derive(Clone, Debug)]
pub struct Resources {
    /// `resource.exclusions`, `resource.inclusions`
    pub filter: ResourceFilter,
    /// `resource.compareoptions`
    pub compare: CompareOptions,
    /// `resource.customizations`, by `<group>/<kind>`, `<kind>` of the core group, or `*/*`.
    pub overrides: BTreeMap<String, Override>,
    /// `resource.ignoreResourceUpdatesEnabled`
    pub ignore_updates_enabled: bool,
    /// `resource.respectRBAC`
    pub respect_rbac: RespectRbac,
    /// `resource.sensitive.mask.annotations`
    pub sensitive_annotations: Vec<String>,
    /// `resource.customLabels`
    pub custom_labels: Vec<String>,
    /// `resource.includeEventLabelKeys`: patterns.
    pub include_event_labels: Vec<String>,
    /// `resource.excludeEventLabelKeys`: patterns.
    pub exclude_event_labels: Vec<String>,
    /// `application.allowedNodeLabels`
    pub allowed_node_labels: Vec<String>,
}

/// What is done about kinds that may not be listed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RespectRbac {
    /// They are an error.
    #[default]
    Off,
    /// They are left out where a list is refused.
    Normal,
    /// They are left out where a review says that a list would be refused.
    Strict,
}

/// `resource.compareoptions`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CompareOptions {
    /// Whether rules of aggregated roles are left out.
    pub ignore_aggregated_roles: bool,
    /// Whose status is left out.
    pub ignore_status: IgnoreStatus,
    /// Whether what does not count in comparing does not count as a change of a live object either.
    pub ignore_differences_on_updates: bool,
}

/// Whose status does not count when comparing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IgnoreStatus {
    /// That of all objects.
    #[default]
    All,
    /// That of definitions of custom resources.
    Definitions,
    /// Nobody's.
    None,
}

/// What is said of one kind.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Override {
    /// Lua that says how healthy an object is.
    pub health_lua: String,
    /// Whether scripts may use the open libraries.
    pub use_open_libs: bool,
    /// Actions: YAML with Lua in it.
    pub actions: String,
    /// What does not count when comparing.
    pub ignore_differences: IgnoreDifference,
    /// What does not count as a change of a live object.
    pub ignore_updates: IgnoreDifference,
    /// Fields of a custom resource that are of a known type: where, and which.
    pub known_type_fields: Vec<(String, String)>,
}

/// Which kinds are looked at.
#[derive(Clone, Debug, Default)]
pub struct ResourceFilter {
    exclusions: Vec<FilterRule>,
    inclusions: Vec<FilterRule>,
    unread: Option<String>,
}

#[derive(Clone, Debug)]
struct FilterRule {
    groups: Option<PatternList>,
    kinds: Option<Vec<String>>,
    clusters: Option<PatternList>,
}

impl ResourceFilter {
    /// What of it could not be read: then nobody knows what is left out.
    pub fn unread(&self) -> Option<&str> {
        self.unread.as_deref()
    }
    /// Whether a kind is left out on a cluster (its server's URL). Events, metrics and leases always
    /// are; an exclusion goes before an inclusion; with any inclusion for a cluster, the rest is out.
    pub fn excludes(&self, group: &str, kind: &str, cluster: &str) -> bool {
        let always = matches!(group, "events.k8s.io" | "metrics.k8s.io")
            || matches!((group, kind), ("", "Event") | ("coordination.k8s.io", "Lease"));
        if always || self.exclusions.iter().any(|rule| rule.fits(group, kind, cluster)) {
            return true;
        }
        !self.inclusions.iter().any(|rule| rule.fits(group, kind, cluster))
            && self.inclusions.iter().any(|rule| rule.fits_cluster(cluster))
    }
}

impl FilterRule {
    fn read(value: &Value) -> FilterRule {
        let list = |field: &str| Some(texts(value.get(field))).filter(|list| !list.is_empty());
        let patterns = |field: &str| list(field).map(|list| PatternList::new(list.iter().map(String::as_str)));
        FilterRule { groups: patterns("apiGroups"), kinds: list("kinds"), clusters: patterns("clusters") }
    }
    fn fits(&self, group: &str, kind: &str, cluster: &str) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.matches(group))
            && self.kinds.as_ref().is_none_or(|kinds| kinds.iter().any(|k| k == "*" || k == kind))
            && self.fits_cluster(cluster)
    }
    fn fits_cluster(&self, cluster: &str) -> bool {
        self.clusters.as_ref().is_none_or(|clusters| clusters.matches(cluster))
    }
}

impl Resources {
    pub(super) fn read(config: &mut Reader<'_>) -> Resources {
        let compare = compare_options(config);
        let mut overrides = overrides(config);
        let whose = match compare.ignore_status {
            IgnoreStatus::All => Some("*/*"),
            IgnoreStatus::Definitions => Some("apiextensions.k8s.io/CustomResourceDefinition"),
            IgnoreStatus::None => None,
        };
        if let Some(key) = whose {
            let entry = overrides.entry(key.to_owned()).or_default();
            entry.ignore_differences.json_pointers.push("/status".to_owned());
        }
        Resources {
            filter: ResourceFilter {
                exclusions: filter_rules(config, "resource.exclusions"),
                inclusions: filter_rules(config, "resource.inclusions"),
                unread: unread_rules(config),
            },
            compare,
            overrides,
            ignore_updates_enabled: config.flag("resource.ignoreResourceUpdatesEnabled", true),
            respect_rbac: match config.text("resource.respectRBAC") {
                "strict" => RespectRbac::Strict,
                "normal" => RespectRbac::Normal,
                "" => RespectRbac::Off,
                _ => {
                    config.warn("resource.respectRBAC", "is neither normal nor strict: it is off");
                    RespectRbac::Off
                }
            },
            sensitive_annotations: config.list("resource.sensitive.mask.annotations"),
            custom_labels: config.list("resource.customLabels"),
            include_event_labels: config.list("resource.includeEventLabelKeys"),
            exclude_event_labels: config.list("resource.excludeEventLabelKeys"),
            allowed_node_labels: config.list("application.allowedNodeLabels"),
        }
    }

    /// What is said of a kind. Keys may be globs; an exact one goes first, then the first in order
    /// that fits; that for all kinds is no part of it.
    pub fn of(&self, group: &str, kind: &str) -> Option<&Override> {
        let key = if group.is_empty() { kind.to_owned() } else { format!("{group}/{kind}") };
        let by_glob = || {
            let fits = |pattern: &str| pattern != "*/*" && Glob::new(pattern).is_ok_and(|glob| glob.matches(&key));
            self.overrides.iter().find(|(pattern, _)| pattern.contains('*') && fits(pattern)).map(|(_, entry)| entry)
        };
        self.overrides.get(&key).or_else(by_glob)
    }

    /// What is said of all kinds.
    pub fn of_all(&self) -> Option<&Override> {
        self.overrides.get("*/*")
    }
}

/// Which of the two lists is there and is none.
fn unread_rules(config: &mut Reader<'_>) -> Option<String> {
    let is_wrong = |key: &&str| {
        let value = belay_yaml::parse_value(config.text(key), &belay_yaml::Options::v2());
        !config.text(key).trim().is_empty() && !value.is_ok_and(|value| value.is_null() || value.as_array().is_some())
    };
    let key = ["resource.exclusions", "resource.inclusions"].into_iter().find(is_wrong)?;
    Some(format!("{key} of argocd-cm cannot be read: it is not known what is left out"))
}

fn filter_rules(config: &mut Reader<'_>, key: &str) -> Vec<FilterRule> {
    let value = config.yaml(key);
    if value.as_ref().is_some_and(|value| value.as_array().is_none()) {
        config.warn(key, "is no list: it is not in force");
    }
    value.as_ref().map_or(&[][..], Value::items).iter().map(FilterRule::read).collect()
}

fn compare_options(config: &mut Reader<'_>) -> CompareOptions {
    let value = config.yaml("resource.compareoptions").unwrap_or_default();
    let flag = |field: &str, default| match value.get(field) {
        Some(Value::Str(text)) => parse_bool(text).unwrap_or(default),
        Some(value) => value.as_bool().unwrap_or(default),
        None => default,
    };
    // Compat(argo 3.5): an unquoted `off` is false in YAML, and means none.
    let ignore_status = match value.get("ignoreResourceStatusField") {
        None | Some(Value::Null) => IgnoreStatus::All,
        Some(Value::Bool(false)) => IgnoreStatus::None,
        Some(value) => match value.as_str().unwrap_or_default() {
            "" | "all" => IgnoreStatus::All,
            "crd" => IgnoreStatus::Definitions,
            "none" | "off" | "false" => IgnoreStatus::None,
            _ => {
                config.warn("resource.compareoptions", "has an unknown ignoreResourceStatusField: all is used");
                IgnoreStatus::All
            }
        },
    };
    CompareOptions {
        ignore_aggregated_roles: flag("ignoreAggregatedRoles", false),
        ignore_status,
        ignore_differences_on_updates: flag("ignoreDifferencesOnResourceUpdates", true),
    }
}

fn overrides(config: &mut Reader<'_>) -> BTreeMap<String, Override> {
    let mut all: BTreeMap<String, Override> = BTreeMap::new();
    let map = config.yaml("resource.customizations");
    for (key, value) in map.as_ref().and_then(Value::as_object).into_iter().flat_map(|map| map.iter()) {
        let text = |field: &str| value.str_at(&[field]).unwrap_or_default();
        // The two are texts of YAML within the YAML.
        let mut inner =
            |field: &str| yaml_text(config, &format!("resource.customizations: {key}: {field}"), text(field));
        let (differences, updates) = (inner("ignoreDifferences"), inner("ignoreResourceUpdates"));
        all.insert(
            key.to_string(),
            Override {
                health_lua: text("health.lua").to_owned(),
                use_open_libs: value.at(&["health.lua.useOpenLibs"]).and_then(Value::as_bool).unwrap_or(false),
                actions: text("actions").to_owned(),
                ignore_differences: ignore(&differences),
                ignore_updates: ignore(&updates),
                known_type_fields: known_fields(value.get("knownTypeFields")),
            },
        );
    }
    let keys: Vec<(&str, &str)> = config.iter().collect();
    for (key, text) in keys {
        let Some(rest) = key.strip_prefix("resource.customizations.") else { continue };
        let Some((what, of)) = rest.split_once('.') else { continue };
        let parts: Vec<&str> = of.split('_').collect();
        let name = match parts[..] {
            ["all"] => "*/*".to_owned(),
            [kind] if !kind.is_empty() => kind.to_owned(),
            [group, kind] => format!("{group}/{kind}"),
            _ => {
                config.warn_without_value(key, "does not end with <group>_<kind> or <kind>");
                continue;
            }
        };
        one(config, key, what, text, all.entry(name).or_default());
    }
    all
}

fn one(config: &mut Reader<'_>, key: &str, what: &str, text: &str, entry: &mut Override) {
    match what {
        "health" => entry.health_lua = text.to_owned(),
        "useOpenLibs" => match parse_bool(text) {
            Some(flag) => entry.use_open_libs = flag,
            None => config.warn(key, "is neither true nor false"),
        },
        "actions" => entry.actions = text.to_owned(),
        "ignoreDifferences" => entry.ignore_differences = ignore(&config.yaml(key)),
        "ignoreResourceUpdates" => entry.ignore_updates = ignore(&config.yaml(key)),
        "knownTypeFields" => entry.known_type_fields = known_fields(config.yaml(key).as_ref()),
        other => config.warnings.push(format!("argocd-cm: resource customization type {other} not supported")),
    }
}

fn yaml_text(config: &mut Reader<'_>, place: &str, text: &str) -> Option<Value> {
    if text.trim().is_empty() {
        return None;
    }
    match belay_yaml::parse_value(text, &belay_yaml::Options::v2()) {
        Ok(value) => Some(value),
        Err(why) => {
            config.warnings.push(format!("argocd-cm: {place}: {why}"));
            None
        }
    }
}

fn ignore(value: &Option<Value>) -> IgnoreDifference {
    let list = |field: &str| texts(value.as_ref().and_then(|value| value.get(field)));
    IgnoreDifference {
        // Compat(argo 3.5): both spellings are read.
        json_pointers: [list("jsonPointers"), list("jsonpointers")].concat(),
        jq_path_expressions: [list("jqPathExpressions"), list("jqpathexpressions")].concat(),
        managed_fields_managers: list("managedFieldsManagers"),
        ..IgnoreDifference::default()
    }
}

fn known_fields(value: Option<&Value>) -> Vec<(String, String)> {
    let text = |entry: &Value, field: &str| entry.str_at(&[field]).unwrap_or_default().to_owned();
    let pair = |entry: &Value| (text(entry, "field"), text(entry, "type"));
    value.map_or(&[][..], Value::items).iter().map(pair).collect()
}
