//! Name references: fields that name another object follow when that object is renamed.
//!
//! Done once, at the end, when all names have their prefixes, suffixes and hashes: a field that
//! holds a former name of a resource gets its present one.

use std::collections::{HashMap, HashSet};

use belay_object::{Key, Value};

use crate::error::{Error, Result};
use crate::facts::Config;
use crate::fieldspec::{Create, FieldSpec, wrong_kind};
use crate::id::{Gvk, Id};
use crate::resource::Resource;
use crate::scalar::{is_null, set_text, text};
use crate::set::Resources;

/// A field that may name an object of a kind.
type Rule<'a> = (&'a FieldSpec, &'a Gvk);

/// One position for each present namespace, and whether the kind has none.
type Places = HashMap<(Box<str>, bool), usize>;

/// What is kept of each resource: names no longer change here, only fields do.
struct Target {
    id: Id,
    original: Id,
    previous: Vec<Id>,
    name: String,
    namespace: String,
    is_service_account: bool,
}

struct Index<'a> {
    targets: Vec<Target>,
    /// Former name to positions, in order.
    by_name: HashMap<Box<str>, Vec<usize>>,
    /// First namespace to one resource for each present namespace.
    by_original: HashMap<Box<str>, Places>,
    resources: &'a Resources,
}

/// Who refers, while its fields are visited.
struct Referrer<'a> {
    at: usize,
    id: Id,
    /// Namespaces of service accounts that a role binding names.
    namespaces: HashSet<String>,
    index: &'a Index<'a>,
    /// The kind that `roleRef` names.
    role: Option<Gvk>,
}

/// Makes all references follow.
pub(crate) fn run(resources: &mut Resources, config: &Config) -> Result<()> {
    let mut changed = Vec::new();
    {
        let index = Index::new(resources);
        let mut rules: HashMap<(Gvk, Gvk), Vec<Rule<'_>>> = HashMap::new();
        for (i, resource) in resources.iter().enumerate() {
            let (original, current) = (index.targets[i].original.gvk.clone(), index.targets[i].id.gvk.clone());
            let rules = rules.entry((original, current)).or_insert_with_key(|(original, _)| rules_of(config, original));
            if let Some(value) = index.refer(i, resource, rules)? {
                changed.push((i, value));
            }
        }
    }
    for (i, value) in changed {
        resources.get_mut(i).put_value(value);
    }
    Ok(())
}

fn rules_of<'a>(config: &'a Config, original: &Gvk) -> Vec<Rule<'a>> {
    let all = config.references.iter().flat_map(|r| r.referrers.iter().map(move |spec| (spec, &r.target)));
    all.filter(|(spec, _)| original.is_selected_by(&spec.gvk)).collect()
}

impl<'a> Index<'a> {
    fn new(resources: &'a Resources) -> Index<'a> {
        let mut by_name: HashMap<Box<str>, Vec<usize>> = HashMap::new();
        let mut by_original: HashMap<Box<str>, Places> = HashMap::new();
        let mut targets: Vec<Target> = Vec::with_capacity(resources.len());
        for (i, resource) in resources.iter().enumerate() {
            let id = resource.id();
            let previous: Vec<Id> = resource.previous_ids().collect();
            for previous in &previous {
                let places = by_name.entry(previous.name.clone()).or_default();
                if places.last() != Some(&i) {
                    places.push(i);
                }
            }
            targets.push(Target {
                original: previous.first().cloned().unwrap_or_else(|| id.clone()),
                name: resource.name().into_owned(),
                namespace: resource.namespace().into_owned(),
                is_service_account: id.gvk.kind == "ServiceAccount",
                id,
                previous,
            });
            let target = &targets[i];
            let present = (target.id.namespace.clone(), target.id.cluster);
            by_original.entry(target.original.effective_namespace().into()).or_default().entry(present).or_insert(i);
        }
        Index { targets, by_name, by_original, resources }
    }

    /// Visits the fields of one resource; gives its new value if one changed.
    fn refer(&self, at: usize, resource: &Resource, rules: &[Rule<'_>]) -> Result<Option<Value>> {
        let id = self.targets[at].id.clone();
        let referrer =
            Referrer { at, namespaces: account_namespaces(resource, &id)?, id, index: self, role: role(resource) };
        let mut value: Option<Value> = None;
        for (spec, target) in rules {
            let current = value.as_ref().unwrap_or(resource.value());
            if !referrer.may_change(current, spec) {
                continue;
            }
            let value = value.get_or_insert_with(|| resource.value().clone());
            spec.visit_unchecked(value, Create::Never, &mut |place| referrer.set(place, spec, target))
                .map_err(|error| referrer.failed(error, spec))?;
        }
        Ok(value)
    }
}

/// The kind that a role binding's `roleRef` names.
fn role(resource: &Resource) -> Option<Gvk> {
    let part = |name: &str| resource.value().at(&["roleRef", name]).map(text);
    Some(Gvk { group: Key::new(&part("apiGroup")?), version: Key::new(""), kind: Key::new(&part("kind")?) })
}

/// A role binding may refer to service accounts of the namespaces that its subjects name.
fn account_namespaces(resource: &Resource, id: &Id) -> Result<HashSet<String>> {
    let mut namespaces = HashSet::new();
    if id.gvk.kind != "RoleBinding" {
        return Ok(namespaces);
    }
    for subject in resource.value().get("subjects").map_or(&[][..], Value::items) {
        let (Some(namespace), Some("ServiceAccount")) = (subject.get("namespace"), subject.str_at(&["kind"])) else {
            continue;
        };
        match namespace.as_str() {
            Some(namespace) => drop(namespaces.insert(namespace.to_owned())),
            None => {
                let error =
                    Error::transform(format!("Invalid Input: namespace is blank for resource {:?}\n", id.to_string()));
                return Err(match &resource.origin {
                    Some(origin) => error.at(&origin.path, (origin.line > 0).then_some(origin.line)),
                    None => error,
                });
            }
        }
    }
    Ok(namespaces)
}

impl Referrer<'_> {
    fn failed(&self, error: Error, spec: &FieldSpec) -> Error {
        let error = error.wrap(format_args!("updating name reference in '{}' field of '{}'", spec.path, self.id));
        match &self.index.resources[self.at].origin {
            Some(origin) => error.at(&origin.path, (origin.line > 0).then_some(origin.line)),
            None => error,
        }
    }

    /// Whether a field spec leads to a former name, found without copying the object.
    fn may_change(&self, value: &Value, spec: &FieldSpec) -> bool {
        spec.any(value, &|place| self.speaks_of_former_name(place))
    }

    fn speaks_of_former_name(&self, place: &Value) -> bool {
        let known = |name: &Value| self.index.by_name.contains_key(&*text(name));
        match place {
            Value::Object(map) => map.get("name").is_none_or(known),
            Value::Array(items) => items.iter().any(|item| self.speaks_of_former_name(item)),
            scalar => known(scalar),
        }
    }

    fn set(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        match place {
            Value::Array(items) => {
                for item in items.iter_mut() {
                    match item {
                        Value::Object(_) => self.set_map(item, spec, target)?,
                        Value::Array(_) => return Err(wrong_kind("ScalarNode", item)),
                        null if is_null(null) => {}
                        scalar => self.set_scalar(scalar, spec, target)?,
                    }
                }
                Ok(())
            }
            Value::Object(_) => self.set_map(place, spec, target),
            null if is_null(null) => Ok(()),
            scalar => self.set_scalar(scalar, spec, target),
        }
    }

    fn set_scalar(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        let old = text(place).into_owned();
        let same = |a: &Target, b: &Target| a.name == b.name;
        let Some(found) = self.select(&old, spec, target, &|_| true, &same)? else { return Ok(()) };
        if found.name != old {
            set_text(place, &found.name);
        }
        Ok(())
    }

    fn set_map(&self, place: &mut Value, spec: &FieldSpec, target: &Gvk) -> Result<()> {
        let Some(name) = place.get("name") else {
            return Err(Error::transform("path config error; no 'name' field in node"));
        };
        let old = text(name).into_owned();
        let namespace = place.get("namespace").map(|n| text(n).into_owned());
        // Candidates by their original namespace where any resource has it, else by the current.
        let by_original = namespace.as_ref().is_some_and(|n| self.any_original(n));
        let in_namespace = |target: &Target| match &namespace {
            None => true,
            Some(namespace) => {
                let id = if by_original { &target.original } else { &target.id };
                id.effective_namespace() == namespace && namespace != crate::id::NOT_NAMESPACED
            }
        };
        let same = |a: &Target, b: &Target| a.name == b.name && a.namespace == b.namespace;
        let Some(found) = self.select(&old, spec, target, &in_namespace, &same)? else { return Ok(()) };
        if found.name == old && found.namespace.is_empty() {
            return Ok(());
        }
        let Value::Object(map) = place else { return Ok(()) };
        map.insert("name", found.name.as_str());
        if !found.namespace.is_empty() {
            map.insert("namespace", found.namespace.as_str());
        }
        Ok(())
    }

    /// Whether a resource that may be referred to had a namespace at first.
    fn any_original(&self, namespace: &str) -> bool {
        let places = self.index.by_original.get(namespace);
        places.is_some_and(|places| places.values().any(|&i| self.may_refer_to(&self.index.targets[i])))
    }

    fn may_refer_to(&self, target: &Target) -> bool {
        self.id.cluster
            || target.id.cluster
            || target.id.same_namespace(&self.id)
            || self.namespaces.contains(&target.namespace)
    }

    /// The one resource that a former name stands for.
    fn select(
        &self,
        old: &str,
        spec: &FieldSpec,
        wanted: &Gvk,
        fits: &dyn Fn(&Target) -> bool,
        same: &dyn Fn(&Target, &Target) -> bool,
    ) -> Result<Option<&Target>> {
        let role = self.role.as_ref().filter(|_| spec.path.ends_with("roleRef/name"));
        let had_kind = |target: &Target, gvk: &Gvk| target.previous.iter().any(|id| id.gvk.is_selected_by(gvk));
        let mut left: Vec<usize> = self.index.by_name.get(old).map_or(&[][..], Vec::as_slice).to_vec();
        left.retain(|&i| {
            let target = &self.index.targets[i];
            self.may_refer_to(target)
                && fits(target)
                && had_kind(target, wanted)
                && role.is_none_or(|role| had_kind(target, role))
                && (self.id.cluster
                    || target.id.cluster
                    || target.is_service_account
                    || self.id.same_namespace(&target.id))
        });
        let resource = |i: usize| &self.index.resources[i];
        if left.len() != 1 {
            left.retain(|&i| resource(i).same_affixes(resource(self.at), true));
            if left.len() > 1 {
                left.retain(|&i| resource(i).same_affixes(resource(self.at), false));
            }
        }
        let Some(&first) = left.first() else { return Ok(None) };
        let target = |i: usize| &self.index.targets[i];
        if left.iter().all(|&i| same(target(first), target(i))) {
            return Ok(Some(target(first)));
        }
        let ids: Vec<String> = left.iter().map(|&i| target(i).id.to_string()).collect();
        let mut message = format!("found multiple possible referrals: {}\n", ids.join(", "));
        message.push_str("\n**** Too many possible referral targets to referrer:\n");
        message.push_str(&resource(self.at).to_yaml());
        for (i, &at) in left.iter().enumerate() {
            message.push_str(&format!("\n--- possible referral {i}:\n{}", resource(at).to_yaml()));
        }
        Err(Error::transform(message))
    }
}
