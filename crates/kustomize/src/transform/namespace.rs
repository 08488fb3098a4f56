//! The namespace of a kustomization.

use belay_object::Value;

use crate::error::{Error, Result};
use crate::fieldspec::{Create, FieldSpec, node_kind, wrong_kind};
use crate::id::Gvk;
use crate::scalar::{is_null, text};
use crate::set::Resources;

/// Which subjects of role bindings get the namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Subjects {
    /// Those named `default`.
    #[default]
    DefaultOnly,
    /// All service accounts.
    AllServiceAccounts,
    /// None.
    None,
}

impl Subjects {
    pub(crate) fn of(text: &str) -> Result<Subjects> {
        Ok(match text {
            "" | "defaultOnly" => Subjects::DefaultOnly,
            "allServiceAccounts" => Subjects::AllServiceAccounts,
            "none" => Subjects::None,
            other => {
                return Err(Error::kustomization(format!(
                    "invalid value {other:?} for setRoleBindingSubjects: \
                     must be one of \"defaultOnly\", \"none\" or \"allServiceAccounts\""
                )));
            }
        })
    }
}

/// Puts resources into a namespace.
#[derive(Default)]
pub(crate) struct Namespace {
    pub(crate) namespace: String,
    pub(crate) specs: Vec<FieldSpec>,
    pub(crate) unset_only: bool,
    pub(crate) subjects: Subjects,
}

impl Namespace {
    pub(crate) fn run(&self, resources: &mut Resources) -> Result<()> {
        if self.namespace.is_empty() {
            return Ok(());
        }
        let mut changed = Vec::new();
        for i in 0..resources.len() {
            let resource = resources.get_mut(i);
            if resource.is_empty() || resource.from_helm {
                continue;
            }
            resource.store_previous();
            let (gvk, cluster) = (resource.gvk(), resource.is_cluster_scoped());
            let applied = self.apply(resource.value_mut(), &gvk, cluster);
            applied.map_err(|error| resources.blame(i, error))?;
            resources.renamed(i);
            changed.push(i);
        }
        // A resource that is transformed later ends up where it conflicts now, so looking at the
        // end finds what looking at each step would.
        for i in changed {
            if !resources.is_alone(i) {
                return Err(conflict(resources, i));
            }
        }
        Ok(())
    }

    /// Puts one object into the namespace.
    pub(crate) fn apply(&self, object: &mut Value, gvk: &Gvk, cluster: bool) -> Result<()> {
        if !cluster {
            let own = FieldSpec::new(Gvk::default(), "metadata/namespace", true);
            own.visit_unchecked(object, Create::Scalar, &mut |place| self.set(place))?;
        }
        let is_binding = |kind: &str| matches!(kind, "RoleBinding" | "ClusterRoleBinding");
        if is_binding(&gvk.kind) {
            self.set_subjects(object)?;
        }
        let of_core = gvk.group.is_empty() && gvk.version == "v1";
        for spec in &self.specs {
            let skipped = match &*spec.path {
                "metadata/namespace" => true,
                "metadata/name" => !of_core,
                "subjects/namespace" => is_binding(&gvk.kind) && is_binding(&spec.gvk.kind),
                _ => false,
            };
            if skipped {
                continue;
            }
            let mut shape = "ScalarNode";
            let set = &mut |place: &mut Value| {
                shape = node_kind(place);
                self.set(place)
            };
            spec.visit(object, Create::Scalar, set).map_err(|error| {
                error.wrap(match shape {
                    "ScalarNode" => "namespace transformation failed",
                    _ => "namespace field specs must target scalar nodes",
                })
            })?;
        }
        Ok(())
    }

    fn set(&self, place: &mut Value) -> Result<()> {
        if matches!(place, Value::Object(_) | Value::Array(_)) {
            return Err(wrong_kind("ScalarNode", place));
        }
        if !self.unset_only || is_null(place) || text(place).is_empty() {
            *place = Value::from(&self.namespace);
        }
        Ok(())
    }

    fn set_subjects(&self, object: &mut Value) -> Result<()> {
        let (field, wanted) = match self.subjects {
            Subjects::None => return Ok(()),
            Subjects::DefaultOnly => ("name", "default"),
            Subjects::AllServiceAccounts => ("kind", "ServiceAccount"),
        };
        let doing = "setting namespace on (cluster)role binding subjects";
        let subjects = match object.get_mut("subjects") {
            Some(Value::Array(subjects)) => subjects,
            None => return Ok(()),
            Some(null) if is_null(null) => return Ok(()),
            Some(other) => return Err(wrong_kind("SequenceNode", other).wrap(doing)),
        };
        for subject in subjects.iter_mut() {
            let Value::Object(map) = subject else {
                return Err(wrong_kind("MappingNode", subject).wrap(doing));
            };
            if map.get(field).is_some_and(|found| text(found) == wanted) {
                self.set(map.entry("namespace"))?;
            }
        }
        Ok(())
    }
}

/// The error of two resources that fell together, with both as JSON.
fn conflict(resources: &Resources, i: usize) -> Error {
    let id = resources[i].id();
    let objects: Vec<String> = resources.with_current(&id).map(|i| resources[i].value().to_json()).collect();
    let error = Error::transform(format!("namespace transformation produces ID conflict: [{}]", objects.join(" ")));
    resources[i]
        .origin
        .as_ref()
        .map_or(error.clone(), |origin| error.at(&origin.path, (origin.line > 0).then_some(origin.line)))
}
