//! Kustomization: what to build from a source and how to keep a cluster equal to it.

use std::fmt;

use belay_object::{GroupVersion, Object, ObjectKey, Value};
use belay_plan::{CommonMetadata, Inventory, OwnerName, Target};

use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// The source of a Kustomization.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct SourceRef {
    /// `GitRepository`, `OCIRepository`, `Bucket` or `ExternalArtifact`.
    pub kind: String,
    /// Its namespace; that of the Kustomization where none is said.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Whether the namespace was written.
    pub namespace_given: bool,
}
/// Writes it as Flux names it: the namespace only where it was written.
impl fmt::Display for SourceRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.namespace_given {
            return write!(f, "{}/{}/{}", self.kind, self.namespace, self.name);
        }
        write!(f, "{}/{}", self.kind, self.name)
    }
}

/// A Kustomization that must be ready first.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub struct Dependency {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// What tells that it is ready, in CEL over `self` and `dep`; empty for the built-in rule.
    pub ready_expr: String,
}
/// Writes `namespace/name`.
impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// An object whose health is waited for.
pub type HealthCheckRef = ObjectKey;

/// What becomes of the objects when the Kustomization is deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, Default)]
pub enum DeletionPolicy {
    /// What `prune` says.
    #[default]
    MirrorPrune,
    /// They are deleted.
    Delete,
    /// They are deleted and waited for.
    WaitForTermination,
    /// They stay.
    Orphan,
}

/// A patch to the built objects.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Patch {
    /// A strategic merge patch or a list of JSON patch operations, as YAML.
    pub patch: String,
    /// What it holds for; `None` where the patch itself names its object.
    pub target: Option<Target>,
}

/// Another name, tag or digest for an image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ImageOverride {
    /// The name to replace.
    pub name: String,
    /// The new name; empty for the same.
    pub new_name: String,
    /// The new tag; empty for the same.
    pub new_tag: String,
    /// The digest in place of a tag.
    pub digest: String,
}

/// Where variables come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubstituteFrom {
    /// Whether it is a Secret, and not a ConfigMap.
    pub secret: bool,
    /// Its name, in the same namespace.
    pub name: String,
    /// Whether its absence is no error.
    pub optional: bool,
}

/// What is substituted after the build.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Variables {
    /// Written in the spec; they win over the others.
    pub inline: Vec<(String, String)>,
    /// Read from objects; later ones win.
    pub from: Vec<SubstituteFrom>,
    /// Whether substitution runs though there are no variables.
    pub always: bool,
}

/// The cluster to apply to, where it is not this one.
#[derive(Clone, PartialEq, Eq, Debug, Hash)]
pub enum KubeConfigRef {
    /// A kubeconfig in a secret.
    Secret {
        /// The secret.
        name: String,
        /// The key; empty for `value` or `value.yaml`.
        key: String,
    },
    /// A cloud provider's cluster described in a ConfigMap.
    ConfigMap {
        /// The ConfigMap.
        name: String,
    },
}

/// A Kustomization as it is meant.
#[derive(Clone, PartialEq, Debug)]
pub struct Kustomization {
    /// What it says of itself.
    pub meta: Meta,
    /// How often to look.
    pub interval: GoDuration,
    /// How soon after a failure.
    pub retry_interval: GoDuration,
    /// How long one run may take.
    pub timeout: GoDuration,
    /// Where the manifests come from.
    pub source: SourceRef,
    /// The folder in it, as written.
    pub path: String,
    /// Whether what left the manifests is deleted.
    pub prune: bool,
    /// What becomes of the objects in the end.
    pub deletion_policy: DeletionPolicy,
    /// What must be ready first.
    pub depends_on: Vec<Dependency>,
    /// Whether nothing is to be done.
    pub suspend: bool,
    /// Whether objects are recreated where a field cannot be changed.
    pub force: bool,
    /// Whether everything applied is waited for.
    pub wait: bool,
    /// What is waited for otherwise.
    pub health_checks: Vec<HealthCheckRef>,
    /// Rules for health, as written: entries of `healthCheckExprs`.
    pub health_check_exprs: Vec<Value>,
    /// kustomize's `namespace`; empty for none.
    pub target_namespace: String,
    /// kustomize's `namePrefix`.
    pub name_prefix: String,
    /// kustomize's `nameSuffix`.
    pub name_suffix: String,
    /// Patches.
    pub patches: Vec<Patch>,
    /// Images.
    pub images: Vec<ImageOverride>,
    /// Components, relative to the path.
    pub components: Vec<String>,
    /// Whether missing components are no error.
    pub ignore_missing_components: bool,
    /// kustomize's `buildMetadata`.
    pub build_metadata: Vec<String>,
    /// Labels and annotations for every object.
    pub common_metadata: CommonMetadata,
    /// Substitution; `None` where there is no `postBuild`.
    pub post_build: Option<Variables>,
    /// Whether decryption is asked for.
    pub decryption: bool,
    /// The account that decryption is done as; needs a feature gate.
    pub decryption_service_account: String,
    /// The account to act as; empty for our own.
    pub service_account: String,
    /// The cluster.
    pub kube_config: Option<KubeConfigRef>,
    /// Fields that belong to others: paths and target.
    pub ignore: Vec<(Vec<String>, Option<Target>)>,
}

/// No run is given less time than this.
const LEAST_TIMEOUT: GoDuration = GoDuration::from_secs(30);

impl Kustomization {
    /// Reads one.
    pub fn read(object: &Object) -> Result<Kustomization, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        spec.map()?.ok_or_else(|| spec.wrong("is required"))?;
        let meta = Meta::read(object);
        let interval = spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?;
        let timeout = spec.at("timeout").duration()?.unwrap_or_else(|| interval.minus(LEAST_TIMEOUT));
        let list = |name: &str| spec.at(name).list();
        let namespace = meta.namespace.as_str();
        Ok(Kustomization {
            interval,
            retry_interval: spec.at("retryInterval").duration()?.unwrap_or(interval),
            timeout: timeout.max(LEAST_TIMEOUT),
            source: source(&spec.at("sourceRef"), namespace)?,
            path: spec.at("path").text()?,
            prune: spec.at("prune").flag()?,
            deletion_policy: deletion_policy(&spec.at("deletionPolicy"))?,
            depends_on: list("dependsOn")?.iter().map(|f| dependency(f, namespace)).collect::<Result<_, _>>()?,
            suspend: spec.at("suspend").flag()?,
            force: spec.at("force").flag()?,
            wait: spec.at("wait").flag()?,
            health_checks: list("healthChecks")?.iter().map(health_check).collect::<Result<_, _>>()?,
            health_check_exprs: list("healthCheckExprs")?.iter().filter_map(|f| f.value().cloned()).collect(),
            target_namespace: spec.at("targetNamespace").text()?,
            name_prefix: spec.at("namePrefix").text()?,
            name_suffix: spec.at("nameSuffix").text()?,
            patches: list("patches")?.iter().map(patch).collect::<Result<_, _>>()?,
            images: list("images")?.iter().map(image).collect::<Result<_, _>>()?,
            components: spec.at("components").texts()?,
            ignore_missing_components: spec.at("ignoreMissingComponents").flag()?,
            build_metadata: spec.at("buildMetadata").texts()?,
            common_metadata: CommonMetadata {
                labels: spec.at("commonMetadata").at("labels").text_map()?,
                annotations: spec.at("commonMetadata").at("annotations").text_map()?,
            },
            post_build: variables(&spec.at("postBuild"))?,
            decryption: spec.at("decryption").map()?.is_some(),
            decryption_service_account: spec.at("decryption").at("serviceAccountName").text()?,
            service_account: spec.at("serviceAccountName").text()?,
            kube_config: kube_config(&spec.at("kubeConfig"))?,
            ignore: list("ignore")?.iter().map(ignore_rule).collect::<Result<_, _>>()?,
            meta,
        })
    }
    /// The name that its objects' labels carry.
    pub fn owner(&self) -> OwnerName {
        OwnerName { namespace: self.meta.namespace.clone(), name: self.meta.name.clone() }
    }
    /// Whether its objects are deleted with it. A suspended one leaves them behind.
    pub fn deletes_objects(&self, inventory: &Inventory) -> bool {
        if self.suspend || inventory.is_empty() {
            return false;
        }
        match self.deletion_policy {
            DeletionPolicy::MirrorPrune => self.prune,
            DeletionPolicy::Delete | DeletionPolicy::WaitForTermination => true,
            DeletionPolicy::Orphan => false,
        }
    }
}

fn source(field: &Field<'_>, own: &str) -> Result<SourceRef, SpecError> {
    field.map()?.ok_or_else(|| field.wrong("is required"))?;
    let namespace = field.at("namespace").optional_text()?.filter(|n| !n.is_empty());
    Ok(SourceRef {
        kind: field.at("kind").required_text()?,
        name: field.at("name").required_text()?,
        namespace_given: namespace.is_some(),
        namespace: namespace.unwrap_or_else(|| own.to_owned()),
    })
}

fn deletion_policy(field: &Field<'_>) -> Result<DeletionPolicy, SpecError> {
    Ok(match field.text()?.as_str() {
        "" | "MirrorPrune" => DeletionPolicy::MirrorPrune,
        "Delete" => DeletionPolicy::Delete,
        "WaitForTermination" => DeletionPolicy::WaitForTermination,
        "Orphan" => DeletionPolicy::Orphan,
        other => {
            return Err(field.wrong(format!("{other:?} is none of MirrorPrune, Delete, WaitForTermination, Orphan")));
        }
    })
}

pub(super) fn dependency(field: &Field<'_>, own: &str) -> Result<Dependency, SpecError> {
    let namespace = field.at("namespace").text()?;
    Ok(Dependency {
        name: field.at("name").required_text()?,
        namespace: if namespace.is_empty() { own.to_owned() } else { namespace },
        ready_expr: field.at("readyExpr").text()?,
    })
}

/// An empty apiVersion is `apps/v1`: that is what the field meant before it was there.
fn health_check(field: &Field<'_>) -> Result<HealthCheckRef, SpecError> {
    let api_version = field.at("apiVersion").text()?;
    let group = match api_version.as_str() {
        "" => "apps".into(),
        text => GroupVersion::parse(text).group,
    };
    Ok(ObjectKey::new(
        &group,
        &field.at("kind").required_text()?,
        &field.at("namespace").text()?,
        &field.at("name").required_text()?,
    ))
}

fn target(field: &Field<'_>) -> Result<Option<Target>, SpecError> {
    if field.map()?.is_none() {
        return Ok(None);
    }
    let text = |name: &str| field.at(name).text();
    Ok(Some(Target {
        group: text("group")?,
        version: text("version")?,
        kind: text("kind")?,
        name: text("name")?,
        namespace: text("namespace")?,
        labels: text("labelSelector")?,
        annotations: text("annotationSelector")?,
    }))
}

pub(super) fn patch(field: &Field<'_>) -> Result<Patch, SpecError> {
    Ok(Patch { patch: field.at("patch").required_text()?, target: target(&field.at("target"))? })
}

pub(super) fn image(field: &Field<'_>) -> Result<ImageOverride, SpecError> {
    Ok(ImageOverride {
        name: field.at("name").required_text()?,
        new_name: field.at("newName").text()?,
        new_tag: field.at("newTag").text()?,
        digest: field.at("digest").text()?,
    })
}

fn variables(field: &Field<'_>) -> Result<Option<Variables>, SpecError> {
    if field.map()?.is_none() {
        return Ok(None);
    }
    let strategy = field.at("substituteStrategy");
    let always = match strategy.text()?.as_str() {
        "" | "WithVariables" => false,
        "Always" => true,
        other => return Err(strategy.wrong(format!("{other:?} is none of WithVariables, Always"))),
    };
    Ok(Some(Variables {
        inline: field.at("substitute").text_map()?,
        from: field.at("substituteFrom").list()?.iter().map(substitute_from).collect::<Result<_, _>>()?,
        always,
    }))
}

fn substitute_from(field: &Field<'_>) -> Result<SubstituteFrom, SpecError> {
    let kind = field.at("kind");
    let secret = match kind.required_text()?.as_str() {
        "Secret" => true,
        "ConfigMap" => false,
        other => return Err(kind.wrong(format!("{other:?} is none of Secret, ConfigMap"))),
    };
    Ok(SubstituteFrom { secret, name: field.at("name").required_text()?, optional: field.at("optional").flag()? })
}

pub(super) fn kube_config(field: &Field<'_>) -> Result<Option<KubeConfigRef>, SpecError> {
    if field.map()?.is_none() {
        return Ok(None);
    }
    let (secret, map) = (field.at("secretRef"), field.at("configMapRef"));
    match (secret.reference()?, map.reference()?) {
        (Some(name), None) => Ok(Some(KubeConfigRef::Secret { name, key: secret.at("key").text()? })),
        (None, Some(name)) => Ok(Some(KubeConfigRef::ConfigMap { name })),
        _ => Err(field.wrong("needs exactly one of secretRef and configMapRef")),
    }
}

pub(super) fn ignore_rule(field: &Field<'_>) -> Result<(Vec<String>, Option<Target>), SpecError> {
    Ok((field.at("paths").texts()?, target(&field.at("target"))?))
}

/// What the last run left in a Kustomization's status.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct KustomizationStatus {
    /// The generation that was last ready; -1 before the first run.
    pub observed_generation: i64,
    /// The revision whose apply was well.
    pub last_applied_revision: String,
    /// The revision that it was made from, where the source says.
    pub last_applied_origin_revision: String,
    /// The revision that was last tried.
    pub last_attempted_revision: String,
    /// The token of the last request that was answered.
    pub last_handled_reconcile_at: String,
    /// What is owned.
    pub inventory: Inventory,
    /// Whether an inventory was written at all.
    pub has_inventory: bool,
    /// The history, as written.
    pub history: Value,
}

impl KustomizationStatus {
    /// Reads it. An inventory that cannot be read is an error: taken for empty it would leave
    /// everything behind, taken in part it would forget.
    pub fn read(object: &Object) -> Result<KustomizationStatus, SpecError> {
        let text = |name: &str| object.str_at(&["status", name]).unwrap_or_default().to_owned();
        let inventory = object.at(&["status", "inventory"]).filter(|v| !v.is_null());
        Ok(KustomizationStatus {
            observed_generation: object
                .at(&["status", "observedGeneration"])
                .and_then(Value::as_i64)
                .unwrap_or_default(),
            last_applied_revision: text("lastAppliedRevision"),
            last_applied_origin_revision: text("lastAppliedOriginRevision"),
            last_attempted_revision: text("lastAttemptedRevision"),
            last_handled_reconcile_at: text("lastHandledReconcileAt"),
            has_inventory: inventory.is_some(),
            inventory: match inventory {
                Some(value) => Inventory::read(value)
                    .map_err(|e| SpecError { field: "status.inventory".to_owned(), message: e.to_string() })?,
                None => Inventory::new(),
            },
            history: object.at(&["status", "history"]).cloned().unwrap_or_default(),
        })
    }
}
