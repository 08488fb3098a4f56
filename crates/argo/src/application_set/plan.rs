//! What is done so that the live Applications of an ApplicationSet are those that were generated.
//!
//! *Invariant*: only an Application whose controller is this very ApplicationSet, by uid, is deleted, and only where
//! all that should be there is known. One that belongs to another is an error, one that belongs to nobody is taken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use belay_object::{Map, Object, Value, merge_patch_between, object};

use super::ApplicationSet;
use super::spec::Policy;
use crate::ignore::IgnoreRules;
use crate::spec::{IgnoreDifference, Spec};

/// Annotations that others write on Applications and that stay. Compat(argo-cd 3.5)
const KEPT_ANNOTATIONS: [&str; 5] = [
    "notified.notifications.argoproj.io",
    "argocd.argoproj.io/refresh",
    "argocd.argoproj.io/refresh-timestamp",
    "argocd.argoproj.io/hydrate",
    "argocd.argoproj.io/hydrate-timestamp",
];
/// Finalizers that the controller of Applications sets by itself, whatever stands behind these.
const KEPT_FINALIZERS: [&str; 2] =
    ["pre-delete-finalizer.argocd.argoproj.io", "post-delete-finalizer.argocd.argoproj.io"];

/// What may be done, and what counts.
pub struct Rules {
    /// What may be done to Applications that are there.
    pub policy: Policy,
    /// Keys of annotations that stay, besides those that always do.
    pub annotations: Vec<String>,
    /// Keys of labels that stay.
    pub labels: Vec<String>,
    /// Fields that others may change.
    pub ignore: IgnoreRules,
}

impl Rules {
    /// Those of an ApplicationSet; `annotations` and `labels` stay everywhere. The error is of a field that cannot be
    /// read.
    pub fn new(
        set: &ApplicationSet,
        policy: Policy,
        annotations: &[String],
        labels: &[String],
    ) -> Result<Rules, String> {
        let own = &set.spec.preserved_fields;
        let both = |a: &[String], b: &[String]| a.iter().chain(b).cloned().collect();
        let ignored: Vec<IgnoreDifference> = set
            .spec
            .ignore_application_differences
            .iter()
            .map(|rule| IgnoreDifference {
                group: "argoproj.io".to_owned(),
                kind: "Application".to_owned(),
                name: rule.name.clone(),
                json_pointers: rule.json_pointers.clone(),
                jq_path_expressions: rule.jq_path_expressions.clone(),
                ..IgnoreDifference::default()
            })
            .collect();
        Ok(Rules {
            policy,
            annotations: both(&own.annotations, annotations),
            labels: both(&own.labels, labels),
            ignore: IgnoreRules::compile(&ignored)
                .map_err(|why| format!("spec.ignoreApplicationDifferences: {why}"))?,
        })
    }

    /// Two specs without what does not count.
    fn without_ignored(&self, live: &Object, own: &mut Object, other: &mut Object) {
        if !self.ignore.concern(live) {
            return;
        }
        let kept = |object: &Object| (object.at(&["metadata"]).cloned(), object.get("operation").cloned());
        for object in [own, other] {
            let (metadata, operation) = kept(object);
            self.ignore.strip(object, live);
            // An expression may reach far: which Application it is, and what is to be done, it does not change.
            for (field, before) in [("name", &metadata), ("namespace", &metadata)] {
                if let Some(text) = before.as_ref().and_then(|metadata| metadata.get(field)) {
                    object.set(&["metadata", field], text.clone());
                }
            }
            if let Some(operation) = operation {
                object.set(&["operation"], operation);
            }
            normalize(object);
        }
    }

    /// Whether a live Application has the spec that was generated, as far as that counts.
    pub fn is_same_spec(&self, live: &Object, generated: &Object) -> bool {
        let mut live_now = live.clone();
        let mut wanted = live.clone();
        wanted.set(&["spec"], generated.get("spec").cloned().unwrap_or_default());
        normalize(&mut live_now);
        normalize(&mut wanted);
        self.without_ignored(live, &mut live_now, &mut wanted);
        live_now.get("spec") == wanted.get("spec")
    }
}

/// What is done.
#[derive(Clone, Debug)]
pub enum Action {
    /// An Application is made.
    Create(Object),
    /// One is changed by a merge patch.
    Update {
        /// As it is.
        live: Arc<Object>,
        /// The change.
        patch: Value,
    },
    /// One is deleted.
    Delete {
        /// As it is.
        live: Arc<Object>,
    },
    /// Nothing can be done: it belongs to another one.
    Refused {
        /// Its name.
        name: String,
        /// The sentence.
        why: String,
    },
}

/// The controller that an Application belongs to.
fn owner(object: &Object) -> Option<&Value> {
    let references = object.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
    references.iter().find(|reference| reference.get("controller").and_then(Value::as_bool) == Some(true))
}

/// Whether an Application belongs to an ApplicationSet, by name: also to one of its name that was before it.
pub fn is_named_owner(object: &Object, name: &str) -> bool {
    owner(object).is_some_and(|owner| is_set(owner) && owner.str_at(&["name"]) == Some(name))
}

/// The name of the ApplicationSet that an Application belongs to.
pub fn owner_name(object: &Object) -> Option<&str> {
    owner(object).filter(|owner| is_set(owner))?.str_at(&["name"])
}

/// Whether an Application belongs to this very ApplicationSet.
pub fn is_owned(object: &Object, set: &ApplicationSet) -> bool {
    owner(object).is_some_and(|owner| is_set(owner) && owner.str_at(&["uid"]) == Some(&set.uid))
}

fn is_set(owner: &Value) -> bool {
    let group = owner.str_at(&["apiVersion"]).unwrap_or_default().split('/').next();
    owner.str_at(&["kind"]) == Some("ApplicationSet") && group == Some("argoproj.io")
}

/// Says what is done. `generated` are all Applications, those in `held_back` neither made nor changed nor deleted;
/// `live` are all of the namespace.
pub fn plan(
    set: &ApplicationSet,
    generated: &[Object],
    held_back: &BTreeSet<String>,
    live: &[Arc<Object>],
    rules: &Rules,
) -> Vec<Action> {
    let there: BTreeMap<&str, &Arc<Object>> = live.iter().map(|app| (app.name(), app)).collect();
    let mut wanted: Vec<&Object> = generated.iter().filter(|app| !held_back.contains(app.name())).collect();
    wanted.sort_by_key(|app| app.name());
    let mut actions = Vec::new();
    for app in wanted {
        match there.get(app.name()) {
            None => actions.push(Action::Create(created(set, app))),
            Some(live) if live.is_deleting() || !rules.policy.updates => {}
            Some(live) => match owner(live) {
                Some(other) if !is_named_owner(live, &set.name) => {
                    let text = |field: &str| other.str_at(&[field]).unwrap_or_default();
                    let (namespace, name) = (live.namespace(), live.name());
                    // Compat(argo-cd 3.5)
                    let why = format!(
                        "Object {namespace}/{name} is already owned by another {} controller {}",
                        text("kind"),
                        text("name")
                    );
                    actions.push(Action::Refused { name: name.to_owned(), why });
                }
                _ => actions.extend(update(set, app, live, rules)),
            },
        }
    }
    if rules.policy.deletes {
        let names: BTreeSet<&str> = generated.iter().map(Object::name).collect();
        let left = there.values().filter(|app| is_owned(app, set) && !app.is_deleting() && !names.contains(app.name()));
        actions.extend(left.map(|live| Action::Delete { live: Arc::clone(live) }));
    }
    actions
}

fn reference(set: &ApplicationSet) -> Value {
    object! {
        "apiVersion" => "argoproj.io/v1alpha1",
        "kind" => "ApplicationSet",
        "name" => set.name.as_str(),
        "uid" => set.uid.as_str(),
        "controller" => true,
        "blockOwnerDeletion" => true,
    }
}

fn created(set: &ApplicationSet, app: &Object) -> Object {
    let mut app = app.clone();
    app.set(&["metadata", "ownerReferences"], [reference(set)]);
    app
}

/// The change of a live Application; `None` where it is as it should be.
fn update(set: &ApplicationSet, app: &Object, live: &Arc<Object>, rules: &Rules) -> Option<Action> {
    let mut wanted = (**live).clone();
    wanted.set(&["spec"], app.get("spec").cloned().unwrap_or_default());
    if let Some(operation) = app.get("operation") {
        wanted.set(&["operation"], operation.clone());
    }
    let annotations = rules.annotations.iter().map(String::as_str).chain(KEPT_ANNOTATIONS);
    put_texts(&mut wanted, "annotations", app.annotations(), live.annotations(), annotations);
    put_texts(&mut wanted, "labels", app.labels(), live.labels(), rules.labels.iter().map(String::as_str));
    let mut finalizers: Vec<&str> = app.finalizers().collect();
    finalizers.extend(live.finalizers().filter(|own| KEPT_FINALIZERS.iter().any(|kept| own.starts_with(kept))));
    match finalizers.is_empty() {
        true => drop(wanted.remove(&["metadata", "finalizers"])),
        false => wanted.set(&["metadata", "finalizers"], finalizers.into_iter().collect::<Value>()),
    }
    let references = live.at(&["metadata", "ownerReferences"]).map_or(&[][..], Value::items);
    let of_others = references.iter().filter(|reference| {
        let is_ours = is_set(reference) && reference.str_at(&["name"]) == Some(&set.name);
        !is_ours
    });
    wanted.set(&["metadata", "ownerReferences"], of_others.cloned().chain([reference(set)]).collect::<Value>());
    let mut before = (**live).clone();
    normalize(&mut before);
    rules.without_ignored(live, &mut before, &mut wanted);
    let patch = merge_patch_between(before.value(), wanted.value())?;
    Some(Action::Update { live: live.clone(), patch })
}

/// Sets labels or annotations: those wanted, and of the live ones those that are kept.
fn put_texts<'a>(
    into: &mut Object,
    field: &str,
    wanted: Option<&Map>,
    live: Option<&Map>,
    kept: impl Iterator<Item = &'a str>,
) {
    let mut all = wanted.cloned().unwrap_or_default();
    for key in kept {
        if let Some(text) = live.and_then(|live| live.get(key)) {
            all.insert(key, text.clone());
        }
    }
    match all.is_empty() {
        true => drop(into.remove(&["metadata", field])),
        false => into.set(&["metadata", field], all),
    }
}

/// The spec as it is compared: what says nothing is not there. One that cannot be read stays as it is.
fn normalize(app: &mut Object) {
    let read = app.get("spec").map(Spec::read);
    if let Some(Ok(spec)) = read {
        app.set(&["spec"], spec.normalized().to_value());
    }
}
