//! In which order objects are applied, and in which stages. Deleting goes the other way round.

use std::cmp::Ordering;
use std::fmt;

use belay_object::{GroupKind, Object, ObjectKey};

/// Kinds that come first, in this order, whatever their group: others refer to them.
const FIRST: [&str; 23] = [
    "CustomResourceDefinition",
    "Namespace",
    "ClusterRole",
    "ClusterClass",
    "RuntimeClass",
    "PriorityClass",
    "StorageClass",
    "VolumeSnapshotClass",
    "IngressClass",
    "GatewayClass",
    "ClusterRoleBinding",
    "ResourceQuota",
    "ServiceAccount",
    "Role",
    "RoleBinding",
    "ConfigMap",
    "Secret",
    "Service",
    "LimitRange",
    "Deployment",
    "StatefulSet",
    "CronJob",
    "PodDisruptionBudget",
];

/// Kinds that come last: a webhook whose server is not there yet would refuse all the rest.
const LAST: [&str; 2] = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"];

fn rank(kind: &str) -> usize {
    match FIRST.iter().position(|k| *k == kind) {
        Some(i) => i,
        None => FIRST.len() + LAST.iter().position(|k| *k == kind).map_or(0, |i| i + 1),
    }
}

/// Apply order: by kind's rank, then group, kind, namespace and name.
pub fn compare(a: &ObjectKey, b: &ObjectKey) -> Ordering {
    rank(&a.kind.kind)
        .cmp(&rank(&b.kind.kind))
        .then_with(|| a.kind.group.cmp(&b.kind.group))
        .then_with(|| a.kind.kind.cmp(&b.kind.kind))
        .then_with(|| a.namespace.cmp(&b.namespace))
        .then_with(|| a.name.cmp(&b.name))
}

/// One of the four stages of an apply; a stage starts when the one before it is through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub enum Stage {
    /// Custom resource definitions, namespaces, cluster roles.
    Definitions,
    /// Kinds whose name ends in `Class`.
    Classes,
    /// Kinds that the operator named.
    Custom,
    /// Everything else.
    Rest,
}

impl Stage {
    /// All stages in order.
    pub const ALL: [Stage; 4] = [Stage::Definitions, Stage::Classes, Stage::Custom, Stage::Rest];

    /// The stage of an object.
    pub fn of(object: &Object, custom: &[GroupKind]) -> Stage {
        if is_definition(object) {
            Stage::Definitions
        } else if object.kind().ends_with("Class") {
            Stage::Classes
        } else if custom.contains(&object.group_kind()) {
            Stage::Custom
        } else {
            Stage::Rest
        }
    }
    /// Whether the objects of the stage must be current before the next stage begins; for at most
    /// [`STAGE_WAIT_S`] seconds.
    pub fn waits(self) -> bool {
        matches!(self, Stage::Definitions | Stage::Classes)
    }
}
impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Definitions => "definitions",
            Stage::Classes => "classes",
            Stage::Custom => "custom",
            Stage::Rest => "rest",
        })
    }
}

/// How long, in seconds, a stage that waits is waited for.
pub const STAGE_WAIT_S: u64 = 60;

fn is_definition(object: &Object) -> bool {
    is_custom_resource_definition(object)
        || (object.kind().eq_ignore_ascii_case("Namespace") && object.api_version() == "v1")
        || (object.kind().eq_ignore_ascii_case("ClusterRole")
            && object.api_version().starts_with("rbac.authorization.k8s.io/"))
}

/// Whether an object is a custom resource definition.
pub fn is_custom_resource_definition(object: &Object) -> bool {
    object.kind().eq_ignore_ascii_case("CustomResourceDefinition")
        && object.api_version().starts_with("apiextensions.k8s.io/")
}
