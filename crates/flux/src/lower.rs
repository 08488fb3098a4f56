//! Kustomization to App: what the engine needs, in the engine's words.
//!
//! After this nobody reads the resource again. What needs the cluster (variables, credentials of
//! another cluster) was read before and comes in as values.

use std::sync::Arc;

use belay_engine::{App, HealthPolicy, HealthScope, PostRender, Target};
use belay_health::Exprs;
use belay_object::{GroupKind, Object, ObjectKey, Value, object};
use belay_plan::{IgnoreRules, Manager, Marks, Policy, Protection, Takeover};
use belay_render::{Image, Patch, RenderSpec};
use belay_source::Fetched;
use belay_tree::{Digest, DigestBuilder, TreePath};

use crate::names;
use crate::shared::Settings;
use crate::spec::Kustomization;

/// Why a spec cannot become an App.
#[derive(Debug, Clone)]
pub(crate) enum LowerError {
    /// The path is no path in the source.
    Path(String),
    /// A rule or an expression cannot be compiled: nothing but another spec helps.
    Expression(String),
    /// Something else in the spec.
    Build(String),
}

/// Makes the App.
pub(crate) fn app(
    object: &Object,
    spec: &Kustomization,
    fetched: &Fetched,
    target: Target,
    post: Option<PostRender>,
    settings: &Settings,
) -> Result<App, LowerError> {
    let dir = TreePath::clean(&spec.path).map_err(|e| LowerError::Path(e.to_string()))?;
    let exprs = Exprs::read(&spec.health_check_exprs)
        .map_err(|e| LowerError::Expression(e.to_string()))
        .or_else(|e| if spec.health_check_exprs.is_empty() { Ok(Exprs::default()) } else { Err(e) })?;
    let scope = if spec.wait {
        HealthScope::Applied
    } else if spec.health_checks.is_empty() {
        HealthScope::Nothing
    } else {
        HealthScope::Listed(spec.health_checks.clone())
    };
    Ok(App {
        key: key(object),
        uid: object.uid().into(),
        revision: fetched.revision.clone(),
        tree: fetched.tree.clone(),
        render: render(spec, dir),
        post,
        target,
        policy: Arc::new(policy(spec, settings)?),
        rules: rules(object),
        health: HealthPolicy { scope, exprs: Arc::new(exprs), fail_fast: true },
        timeout: spec.timeout.to_std(),
    })
}

/// The key of a Kustomization.
pub(crate) fn key(object: &Object) -> ObjectKey {
    ObjectKey::new(names::KUSTOMIZE_GROUP, "Kustomization", object.namespace(), object.name())
}

/// Digest of all of a spec.
pub(crate) fn rules(object: &Object) -> Digest {
    let mut rules = DigestBuilder::new("belay flux rules 1");
    rules.part(object.get("spec").unwrap_or(&Value::Null).to_json());
    rules.finish()
}

pub(crate) fn render(spec: &Kustomization, dir: TreePath) -> RenderSpec {
    let text = |s: &String| Some(s.clone()).filter(|s| !s.is_empty());
    RenderSpec {
        dir,
        namespace: text(&spec.target_namespace),
        name_prefix: text(&spec.name_prefix),
        name_suffix: text(&spec.name_suffix),
        patches: spec
            .patches
            .iter()
            .map(|p| Patch { patch: p.patch.clone(), target: p.target.as_ref().map_or(Value::Null, selector) })
            .collect(),
        images: spec
            .images
            .iter()
            .map(|i| Image {
                name: i.name.clone(),
                new_name: text(&i.new_name),
                new_tag: text(&i.new_tag),
                digest: text(&i.digest),
            })
            .collect(),
        components: spec.components.clone(),
        ignore_missing_components: spec.ignore_missing_components,
        build_metadata: spec.build_metadata.clone(),
    }
}

pub(crate) fn selector(target: &belay_plan::Target) -> Value {
    let mut value = object! {};
    for (field, text) in [
        ("group", &target.group),
        ("version", &target.version),
        ("kind", &target.kind),
        ("name", &target.name),
        ("namespace", &target.namespace),
        ("labelSelector", &target.labels),
        ("annotationSelector", &target.annotations),
    ] {
        if !text.is_empty() {
            value.set(&[field], text.as_str());
        }
    }
    value
}

/// The rules under which a Kustomization's objects are applied and deleted.
pub(crate) fn policy(spec: &Kustomization, settings: &Settings) -> Result<Policy, LowerError> {
    let mut policy = Policy::new(names::KUSTOMIZE_CONTROLLER, names::KUSTOMIZE_GROUP, spec.owner());
    policy.force = spec.force;
    policy.prune = spec.prune;
    policy.common = spec.common_metadata.clone();
    policy.ignore = IgnoreRules::compile(spec.ignore.iter().cloned()).map_err(|e| LowerError::Build(e.to_string()))?;
    policy.takeover = takeover(settings);
    policy.custom_kinds = settings.custom_stage_kinds.clone();
    policy.protection = Protection {
        definition_groups: vec!["toolkit.fluxcd.io".to_owned(), "extensions.fluxcd.io".to_owned()],
        ..Protection::default()
    };
    Ok(policy)
}

fn takeover(settings: &Settings) -> Takeover {
    let mut managers: Vec<Manager> =
        names::TAKEN_OVER.iter().map(|(name, by_apply)| Manager::prefix(name, *by_apply)).collect();
    for name in &settings.override_managers {
        managers.extend([Manager::prefix(name, true), Manager::prefix(name, false)]);
    }
    Takeover {
        annotations: names::REMOVED_ANNOTATIONS.map(str::to_owned).to_vec(),
        labels: names::REMOVED_LABELS.map(str::to_owned).to_vec(),
        managers,
    }
}

/// The label by which watches are filtered: every applied object carries it.
pub(crate) fn owner_label() -> String {
    Marks::new(names::KUSTOMIZE_GROUP).name_label()
}

/// The group and kind of Kustomizations.
pub(crate) fn kustomization_kind() -> GroupKind {
    GroupKind::new(names::KUSTOMIZE_GROUP, "Kustomization")
}
