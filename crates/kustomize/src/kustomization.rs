//! The kustomization file: its fields, their deprecated forms, and what makes it invalid.

use std::collections::BTreeMap;

use belay_object::Value;
use belay_yaml::{Options, parse_nodes, parse_value};

use crate::decode::{Decode, Decoder, FreeMap, Rules, decode, decode_located, decode_struct};
use crate::error::{Error, Result};
use crate::fieldspec::FieldSpec;
use crate::helm::{HelmChart, HelmGlobals, OldHelmChart};
use crate::id::{Gvk, Id};
use crate::options::{Compatibility, NEWER};

pub(crate) const KIND: &str = "Kustomization";
pub(crate) const COMPONENT: &str = "Component";
const VERSION: &str = "kustomize.config.k8s.io/v1beta1";
const COMPONENT_VERSION: &str = "kustomize.config.k8s.io/v1alpha1";

/// The version of kustomizations, or of components.
pub(crate) fn version_of(is_component: bool) -> &'static str {
    if is_component { COMPONENT_VERSION } else { VERSION }
}

/// The names that a kustomization file may have.
pub(crate) const FILE_NAMES: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A kustomization file as it was written, deprecated fields put into their successors.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Kustomization {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    metadata: Option<ObjectMeta>,
    pub(crate) openapi: BTreeMap<String, String>,
    pub(crate) name_prefix: String,
    pub(crate) name_suffix: String,
    pub(crate) namespace: String,
    pub(crate) common_labels: Option<BTreeMap<String, String>>,
    pub(crate) labels: Vec<Label>,
    pub(crate) common_annotations: BTreeMap<String, String>,
    pub(crate) patches_strategic_merge: Option<Vec<String>>,
    pub(crate) patches_json6902: Option<Vec<Patch>>,
    pub(crate) patches: Vec<Patch>,
    pub(crate) images: Vec<Image>,
    image_tags: Option<Vec<Image>>,
    pub(crate) replacements: Vec<Replacement>,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) vars: Option<Vec<Var>>,
    pub(crate) sort_options: Option<SortOptions>,
    pub(crate) resources: Vec<String>,
    pub(crate) components: Vec<String>,
    pub(crate) crds: Vec<String>,
    bases: Option<Vec<String>>,
    pub(crate) config_map_generator: Vec<ConfigMapArgs>,
    pub(crate) secret_generator: Vec<SecretArgs>,
    pub(crate) helm_globals: Option<HelmGlobals>,
    pub(crate) helm_charts: Vec<HelmChart>,
    old_helm_charts: Vec<OldHelmChart>,
    pub(crate) generator_options: Option<GeneratorOptions>,
    pub(crate) configurations: Vec<String>,
    pub(crate) generators: Vec<String>,
    pub(crate) transformers: Vec<String>,
    pub(crate) validators: Vec<String>,
    pub(crate) build_metadata: Vec<String>,
}

decode_struct!(Kustomization, "types.Kustomization", "Kustomization", {
    api_version: "apiVersion" in "TypeMeta", kind: "kind" in "TypeMeta", metadata: "metadata", openapi: "openapi",
    name_prefix: "namePrefix", name_suffix: "nameSuffix", namespace: "namespace", common_labels: "commonLabels",
    labels: "labels", common_annotations: "commonAnnotations", patches_strategic_merge: "patchesStrategicMerge",
    patches_json6902: "patchesJson6902", patches: "patches", images: "images", image_tags: "imageTags",
    replacements: "replacements", replicas: "replicas", vars: "vars", sort_options: "sortOptions",
    resources: "resources", components: "components", crds: "crds", bases: "bases",
    config_map_generator: "configMapGenerator", secret_generator: "secretGenerator", helm_globals: "helmGlobals",
    helm_charts: "helmCharts", old_helm_charts: "helmChartInflationGenerator",
    generator_options: "generatorOptions", configurations: "configurations", generators: "generators",
    transformers: "transformers", validators: "validators", build_metadata: "buildMetadata",
});

/// Free-form metadata of a configuration; of a transformer's it gives names and namespaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ObjectMeta {
    pub(crate) name: String,
    pub(crate) namespace: String,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}
decode_struct!(ObjectMeta, "types.ObjectMeta", "ObjectMeta", {
    name: "name", namespace: "namespace", labels: "labels", annotations: "annotations",
});

/// An entry of `labels`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Label {
    pub(crate) pairs: BTreeMap<String, String>,
    pub(crate) include_selectors: bool,
    pub(crate) include_templates: bool,
    /// Not a field of kustomize 5.8.1.
    pub(crate) include_claims: Option<bool>,
    pub(crate) fields: Vec<FieldSpec>,
}
decode_struct!(Label, "types.Label", "Label", {
    pairs: "pairs", include_selectors: "includeSelectors", include_templates: "includeTemplates",
    include_claims: "includeVolumeClaimTemplates", fields: "fields",
});

/// Which resources something is for: each part an anchored regular expression, and selectors.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Selector {
    /// `apps`; empty for any.
    pub group: String,
    /// `v1`; empty for any.
    pub version: String,
    /// `Deployment`; empty for any.
    pub kind: String,
    /// A name; empty for any.
    pub name: String,
    /// A namespace; empty for any.
    pub namespace: String,
    /// A selector of labels, as text.
    pub label_selector: String,
    /// A selector of annotations, as text.
    pub annotation_selector: String,
}
decode_struct!(Selector, "types.Selector", "Selector", {
    group: "group" in "ResId.Gvk", version: "version" in "ResId.Gvk", kind: "kind" in "ResId.Gvk",
    name: "name" in "ResId", namespace: "namespace" in "ResId", label_selector: "labelSelector",
    annotation_selector: "annotationSelector",
});

impl Selector {
    /// Whether neither kind nor name nor namespace is given.
    pub(crate) fn has_no_id(&self) -> bool {
        [&self.group, &self.version, &self.kind, &self.name, &self.namespace].iter().all(|part| part.is_empty())
    }
    pub(crate) fn id(&self) -> Id {
        Id {
            gvk: Gvk::new(&self.group, &self.version, &self.kind),
            name: self.name.as_str().into(),
            namespace: self.namespace.as_str().into(),
            cluster: false,
        }
    }
}

/// An entry of `patches`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// A file with the patch; empty where it is given inline.
    pub path: String,
    /// The patch as text; empty where it is in a file.
    pub patch: String,
    /// Which resources it is for; `None` for the one that a strategic merge patch names.
    pub target: Option<Selector>,
    /// What it may change.
    pub options: Option<PatchOptions>,
}
decode_struct!(Patch, "types.Patch", "Patch", { path: "path", patch: "patch", target: "target", options: "options" });

/// What a strategic merge patch may change.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PatchOptions {
    /// The name.
    pub allow_name_change: bool,
    /// The kind.
    pub allow_kind_change: bool,
}
decode_struct!(PatchOptions, "types.PatchArgs", "PatchArgs", {
    allow_name_change: "allowNameChange", allow_kind_change: "allowKindChange",
});

/// An entry of `images`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The image to change, without tag.
    pub name: String,
    /// Its new name.
    pub new_name: String,
    /// Appended to its tag.
    pub tag_suffix: String,
    /// Its new tag.
    pub new_tag: String,
    /// Its new digest.
    pub digest: String,
}
decode_struct!(Image, "types.Image", "Image", {
    name: "name", new_name: "newName", tag_suffix: "tagSuffix", new_tag: "newTag", digest: "digest",
});

/// An entry of `replicas`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) count: i64,
}
decode_struct!(Replica, "types.Replica", "Replica", { name: "name", count: "count" });

/// An entry of `replacements`, inline or a file.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Replacement {
    pub(crate) source: Option<SourceSelector>,
    pub(crate) targets: Option<Vec<Option<TargetSelector>>>,
    pub(crate) source_value: Option<String>,
    pub(crate) path: String,
}
decode_struct!(Replacement, "types.ReplacementField", "ReplacementField", {
    source: "source" in "Replacement", targets: "targets" in "Replacement",
    source_value: "sourceValue" in "Replacement", path: "path",
});

/// Where a replacement's value comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SourceSelector {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    pub(crate) field_path: String,
    pub(crate) options: Option<FieldOptions>,
}
decode_struct!(SourceSelector, "types.SourceSelector", "SourceSelector", {
    group: "group" in "ResId.Gvk", version: "version" in "ResId.Gvk", kind: "kind" in "ResId.Gvk",
    name: "name" in "ResId", namespace: "namespace" in "ResId", field_path: "fieldPath", options: "options",
});

impl SourceSelector {
    pub(crate) fn id(&self) -> Id {
        let Self { group, version, kind, name, namespace, .. } = self.clone();
        Selector { group, version, kind, name, namespace, ..Selector::default() }.id()
    }
}

/// Where a replacement's value goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TargetSelector {
    pub(crate) select: Option<Selector>,
    pub(crate) reject: Vec<Selector>,
    pub(crate) field_paths: Vec<String>,
    pub(crate) options: Option<FieldOptions>,
}
decode_struct!(TargetSelector, "types.TargetSelector", "TargetSelector", {
    select: "select", reject: "reject", field_paths: "fieldPaths", options: "options",
});

/// Which part of a text is taken or replaced, and whether a field is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldOptions {
    pub(crate) delimiter: String,
    pub(crate) index: i64,
    encoding: String,
    pub(crate) create: bool,
}
decode_struct!(FieldOptions, "types.FieldOptions", "FieldOptions", {
    delimiter: "delimiter", index: "index", encoding: "encoding", create: "create",
});

/// An entry of `vars`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) target: VarTarget,
    pub(crate) field: FieldRef,
}
decode_struct!(Var, "types.Var", "Var", { name: "name", target: "objref", field: "fieldref" });

/// The object that a variable takes its value from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct VarTarget {
    pub(crate) api_version: String,
    pub(crate) group: String,
    pub(crate) version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}
decode_struct!(VarTarget, "types.Target", "Target", {
    api_version: "apiVersion", group: "group" in "Gvk", version: "version" in "Gvk", kind: "kind" in "Gvk",
    name: "name", namespace: "namespace",
});

/// The field that a variable takes its value from.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct FieldRef {
    pub(crate) field_path: String,
}
decode_struct!(FieldRef, "types.FieldSelector", "FieldSelector", { field_path: "fieldPath" });

/// In which order the root's objects come out.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SortOptions {
    pub(crate) order: String,
    pub(crate) legacy_sort_options: Option<LegacySortOptions>,
}
decode_struct!(SortOptions, "types.SortOptions", "SortOptions", {
    order: "order", legacy_sort_options: "legacySortOptions",
});

/// Kinds that come first and last.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LegacySortOptions {
    pub(crate) order_first: Vec<String>,
    pub(crate) order_last: Vec<String>,
}
decode_struct!(LegacySortOptions, "types.LegacySortOptions", "LegacySortOptions", {
    order_first: "orderFirst", order_last: "orderLast",
});

/// Options of generated objects.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct GeneratorOptions {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) annotations: BTreeMap<String, String>,
    pub(crate) disable_name_suffix_hash: bool,
    pub(crate) immutable: bool,
}
decode_struct!(GeneratorOptions, "types.GeneratorOptions", "GeneratorOptions", {
    labels: "labels", annotations: "annotations", disable_name_suffix_hash: "disableNameSuffixHash",
    immutable: "immutable",
});

/// An entry of `configMapGenerator`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ConfigMapArgs {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) behavior: String,
    pub(crate) literals: Vec<String>,
    pub(crate) files: Vec<String>,
    pub(crate) envs: Vec<String>,
    env: String,
    pub(crate) options: Option<GeneratorOptions>,
    /// Where it is a configuration of its own.
    pub(crate) metadata: ObjectMeta,
}
decode_struct!(ConfigMapArgs, "types.ConfigMapArgs", "ConfigMapArgs", {
    namespace: "namespace" in "GeneratorArgs", name: "name" in "GeneratorArgs", behavior: "behavior" in "GeneratorArgs",
    literals: "literals" in "GeneratorArgs.KvPairSources", files: "files" in "GeneratorArgs.KvPairSources",
    envs: "envs" in "GeneratorArgs.KvPairSources", env: "env" in "GeneratorArgs.KvPairSources",
    options: "options" in "GeneratorArgs",
});

/// An entry of `secretGenerator`.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SecretArgs {
    pub(crate) common: ConfigMapArgs,
    pub(crate) secret_type: String,
}

impl Decode for SecretArgs {
    fn type_name() -> String {
        "types.SecretArgs".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> SecretArgs {
        let Value::Object(map) = value else { return decoder.mismatch(value) };
        let mut map = map.clone();
        let names: Vec<_> = map.keys().filter(|key| key.eq_ignore_ascii_case("type")).cloned().collect();
        let mut secret_type = String::new();
        for name in names {
            if let Some(value) = map.remove(&name) {
                secret_type = decoder.field("SecretArgs", "type", &name, &value);
            }
        }
        SecretArgs { common: ConfigMapArgs::decode(&Value::Object(map), decoder), secret_type }
    }
}

impl Decode for FieldSpec {
    fn type_name() -> String {
        "types.FieldSpec".into()
    }
    fn decode(value: &Value, decoder: &mut Decoder) -> FieldSpec {
        let fields = FieldSpecFields::decode(value, decoder);
        FieldSpec::new(Gvk::new(&fields.group, &fields.version, &fields.kind), &fields.path, fields.create)
    }
}
impl Default for FieldSpec {
    fn default() -> FieldSpec {
        FieldSpec::new(Gvk::default(), "", false)
    }
}

#[derive(Default)]
struct FieldSpecFields {
    group: String,
    version: String,
    kind: String,
    path: String,
    create: bool,
}
decode_struct!(FieldSpecFields, "types.FieldSpec", "FieldSpec", {
    group: "group" in "Gvk", version: "version" in "Gvk", kind: "kind" in "Gvk", path: "path", create: "create",
});

impl Kustomization {
    /// Reads a kustomization file.
    pub(crate) fn read(text: &str, rules: Rules, compatibility: Compatibility) -> Result<Kustomization> {
        let value = parse_value(text, &Options::v2()).map_err(|error| {
            let line = error.line;
            Error::kustomization(format!("invalid Kustomization: {}", error.go_text))
                .at(&belay_tree::TreePath::root(), Some(line))
        })?;
        let mistake = |message: &str, pointer: &str| {
            let line = parse_nodes(text, &Options::v2()).ok().and_then(|trees| trees.first()?.line_at(pointer));
            invalid(message).at(&belay_tree::TreePath::root(), line)
        };
        let mut read: Kustomization = decode_located(&value, rules).map_err(|failure| {
            let error = mistake(&failure.message, &failure.pointer);
            failure.hint.into_iter().fold(error, Error::hint)
        })?;
        if compatibility == Compatibility::V5_8_1 {
            for (i, label) in read.labels.iter_mut().enumerate() {
                if label.include_claims.take().is_some() && rules != Rules::Yaml {
                    let field = "includeVolumeClaimTemplates";
                    let message = format!("json: unknown field {field:?}");
                    return Err(mistake(&message, &format!("/labels/{i}/{field}")).hint(NEWER));
                }
            }
        }
        Ok(read)
    }

    /// Takes a kustomization from its value.
    pub(crate) fn of(value: &Value, rules: Rules) -> Result<Kustomization> {
        decode(value, rules).map_err(|error| invalid(&error))
    }

    /// The deprecated fields in use, as warnings.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let edit = "Run 'kustomize edit fix' to update your Kustomization automatically.";
        let experimental = "[EXPERIMENTAL] Run 'kustomize edit fix' to update your Kustomization automatically.";
        [
            (self.bases.is_some(), "bases", "resources", edit),
            (self.common_labels.is_some(), "commonLabels", "labels", edit),
            (self.image_tags.is_some(), "imageTags", "images", edit),
            (self.patches_json6902.is_some(), "patchesJson6902", "patches", edit),
            (self.patches_strategic_merge.is_some(), "patchesStrategicMerge", "patches", edit),
            (self.vars.is_some(), "vars", "replacements", experimental),
        ]
        .into_iter()
        .filter(|(used, ..)| *used)
        .map(|(_, old, new, run)| format!("# Warning: '{old}' is deprecated. Please use '{new}' instead. {run}"))
        .collect()
    }

    /// Fills in kind and version and puts deprecated fields into their successors.
    pub(crate) fn fix(&mut self) {
        if self.kind.is_empty() {
            self.kind = KIND.into();
        }
        if self.api_version.is_empty() {
            self.api_version = version_of(self.kind == COMPONENT).into();
        }
        self.resources.extend(self.bases.take().unwrap_or_default());
        self.images.extend(self.image_tags.take().unwrap_or_default());
        let secrets = self.secret_generator.iter_mut().map(|secret| &mut secret.common);
        for args in self.config_map_generator.iter_mut().chain(secrets) {
            if !args.env.is_empty() {
                args.envs.push(std::mem::take(&mut args.env));
            }
        }
        let (charts, globals) = crate::helm::split_old_charts(std::mem::take(&mut self.old_helm_charts));
        if self.helm_globals.is_none() && globals != HelmGlobals::default() {
            self.helm_globals = Some(globals);
        }
        self.helm_charts.extend(charts);
    }

    /// Whether nothing but kind and version is there.
    pub(crate) fn is_empty(&self) -> bool {
        let header = Kustomization {
            api_version: self.api_version.clone(),
            kind: self.kind.clone(),
            ..Kustomization::default()
        };
        *self == header
    }

    /// What is wrong with kind and version.
    pub(crate) fn header_errors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        if self.kind != KIND && self.kind != COMPONENT {
            errors.push(format!("kind should be {KIND} or {COMPONENT}"));
        }
        let required = if self.kind == COMPONENT { COMPONENT_VERSION } else { VERSION };
        if self.api_version != required {
            errors.push(format!("apiVersion for {} should be {required}", self.kind));
        }
        errors
    }
}

fn invalid(why: &str) -> Error {
    Error::kustomization(format!("invalid Kustomization: {why}"))
}

/// Free-form values of a Helm chart.
pub(crate) type FreeValues = FreeMap;
