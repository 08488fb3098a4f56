//! Generators and transformers by name: those that a kustomization's fields stand for, and those
//! that objects of `apiVersion: builtin` configure. Any other is a program, and refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::Value;
use belay_yaml::{Options, parse_value};

use crate::decode::{Decode, Rules, decode, decode_struct};
use crate::entry::Entry;
use crate::error::{Error, ErrorKind, Result};
use crate::facts::Config;
use crate::fieldspec::{FieldSpec, merge_specs};
use crate::generate;
use crate::helm::{self, HelmChart};
use crate::id::Gvk;
use crate::kustomization::{
    ConfigMapArgs, Image, Label, ObjectMeta, Patch, PatchOptions, Replacement, Replica, SecretArgs, Selector,
};
use crate::resource::Resource;
use crate::select::Matcher;
use crate::suggest::nearest;
use crate::target::Target;
use crate::transform::Transformer;
use crate::transform::fields::{Entries, Replicas};
use crate::transform::image::Images;
use crate::transform::names::{Affix, End};
use crate::transform::namespace::{Namespace, Subjects};
use crate::transform::patch::{JsonPatch, Patches, StrategicMerge};
use crate::transform::replacement::Replacements;
use crate::transform::value_add::{self, ValueAdd};

/// A transformer that a field of a kustomization stands for.
pub(crate) struct BuiltIn {
    /// kustomize's name of it.
    pub(crate) name: &'static str,
    pub(crate) entry: Entry,
    pub(crate) transformer: Transformer,
}

/// The transformers that a kustomization's fields stand for, in their order.
pub(crate) fn built_in_transformers(target: &Target<'_>, config: &Config) -> Result<Vec<BuiltIn>> {
    let kustomization = target.kustomization();
    let (loader, schemas) = (target.loader(), target.schemas());
    let mut all = Vec::new();
    let mut add = |entry, name, transformer| all.push(BuiltIn { name, entry, transformer });
    if let Some(paths) = kustomization.patches_strategic_merge.as_ref().filter(|paths| !paths.is_empty()) {
        let entry = Entry::field("patchesStrategicMerge");
        let name = "PatchStrategicMergeTransformer";
        let merge =
            StrategicMerge::new(paths, "", loader, &schemas).map_err(|error| trouble(error, entry, name, ""))?;
        add(entry, name, Transformer::StrategicMerge(merge));
    }
    for (i, patch) in kustomization.patches.iter().enumerate() {
        let (entry, name) = (Entry::nth("patches", i), "PatchTransformer");
        let patches =
            Patches::new(patch, loader, &schemas).map_err(|error| trouble(error, entry, name, &shown_patch(patch)))?;
        add(entry, name, Transformer::Patch(patches));
    }
    if !kustomization.namespace.is_empty() {
        let namespace = Namespace {
            namespace: kustomization.namespace.clone(),
            specs: config.namespace.clone(),
            ..Namespace::default()
        };
        add(Entry::field("namespace"), "NamespaceTransformer", Transformer::Namespace(namespace));
    }
    let affixes = [
        ("namePrefix", "PrefixTransformer", End::Prefix, &kustomization.name_prefix, &config.name_prefix),
        ("nameSuffix", "SuffixTransformer", End::Suffix, &kustomization.name_suffix, &config.name_suffix),
    ];
    for (field, name, end, text, specs) in affixes {
        if !text.is_empty() {
            let affix = Affix { end, text: text.clone(), specs: specs.clone() };
            add(Entry::field(field), name, Transformer::Affix(affix));
        }
    }
    for (i, label) in kustomization.labels.iter().enumerate() {
        let entry = Entry::nth("labels", i);
        let specs = label_specs(label, config).map_err(|error| error.in_entry(entry))?;
        add(entry, "LabelTransformer", Transformer::Entries(Entries { entries: label.pairs.clone(), specs }));
    }
    let common_labels = kustomization.common_labels.clone().unwrap_or_default();
    if !kustomization.labels.is_empty() || !common_labels.is_empty() {
        let entries = Entries { entries: common_labels, specs: config.common_labels.clone() };
        add(Entry::field("commonLabels"), "LabelTransformer", Transformer::Entries(entries));
    }
    if !kustomization.common_annotations.is_empty() {
        let entries = kustomization.common_annotations.clone();
        let entries = Entries { entries, specs: config.common_annotations.clone() };
        add(Entry::field("commonAnnotations"), "AnnotationsTransformer", Transformer::Entries(entries));
    }
    for (i, patch) in kustomization.patches_json6902.iter().flatten().enumerate() {
        let (entry, name) = (Entry::nth("patchesJson6902", i), "PatchJson6902Transformer");
        let json = JsonPatch::new(patch.target.as_ref(), &patch.path, &patch.patch, loader)
            .map_err(|error| trouble(error, entry, name, &shown_patch(patch)))?;
        add(entry, name, Transformer::JsonPatch(json));
    }
    for (i, replica) in kustomization.replicas.iter().enumerate() {
        let replicas = Replicas { replica: replica.clone(), specs: config.replicas.clone() };
        add(Entry::nth("replicas", i), "ReplicaCountTransformer", Transformer::Replicas(replicas));
    }
    if !kustomization.images.is_empty() {
        let images = Images::new(kustomization.images.clone(), config.images.clone(), loader.options().compatibility)?;
        add(Entry::field("images"), "ImageTagTransformer", Transformer::Images(images));
    }
    if !kustomization.replacements.is_empty() {
        let (entry, name) = (Entry::field("replacements"), "ReplacementTransformer");
        let replacements =
            replacements(&kustomization.replacements, target).map_err(|error| trouble(error, entry, name, ""))?;
        add(entry, name, Transformer::Replacements(replacements));
    }
    Ok(all)
}

/// kustomize's text for an entry that cannot be used.
fn trouble(error: Error, entry: Entry, plugin: &str, config: &str) -> Error {
    error.in_entry(entry).wrap(format_args!("trouble configuring builtin {plugin} with config: `\n{config}`"))
}

/// A patch as the YAML that kustomize shows: only what is set.
fn shown_patch(patch: &Patch) -> String {
    let mut shown = Value::object();
    for (name, text) in [("path", &patch.path), ("patch", &patch.patch)] {
        if !text.is_empty() {
            shown.set(&[name], text);
        }
    }
    if let Some(target) = &patch.target {
        shown.set(&["target"], Value::object());
        let parts = [
            ("group", &target.group),
            ("version", &target.version),
            ("kind", &target.kind),
            ("name", &target.name),
            ("namespace", &target.namespace),
            ("labelSelector", &target.label_selector),
            ("annotationSelector", &target.annotation_selector),
        ];
        for (name, text) in parts.into_iter().filter(|(_, text)| !text.is_empty()) {
            shown.set(&["target", name], text);
        }
    }
    belay_yaml::to_yaml(&shown)
}

/// The field specs of an entry of `labels`.
fn label_specs(label: &Label, config: &Config) -> Result<Vec<FieldSpec>> {
    let mut specs = label.fields.clone();
    let failed = |error: Error| error.wrap("failed to merge labels");
    merge_specs(&mut specs, &config.labels).map_err(failed)?;
    if label.include_selectors {
        merge_specs(&mut specs, &config.common_labels).map_err(failed)?;
        return Ok(specs);
    }
    if label.include_templates {
        merge_specs(&mut specs, &config.template_labels)
            .map_err(|error| error.wrap("failed to merge template fieldSpec"))?;
    }
    if label.include_claims == Some(true) {
        merge_specs(&mut specs, &config.claim_labels)
            .map_err(|error| error.wrap("failed to merge volumeClaimTemplate fieldSpec"))?;
    }
    merge_specs(&mut specs, &[FieldSpec::new(Gvk::default(), "metadata/labels", true)]).map_err(failed)?;
    Ok(specs)
}

/// Replacements with those in files put in their place.
fn replacements(entries: &[Replacement], target: &Target<'_>) -> Result<Replacements> {
    let mut all = Vec::new();
    for (i, entry) in entries.iter().enumerate() {
        let place = Entry::nth("replacements", i);
        if entry.path.is_empty() {
            all.push((place, entry.clone()));
            continue;
        }
        if entry.source.is_some() || entry.targets.as_ref().is_some_and(|targets| !targets.is_empty()) {
            return Err(Error::kustomization("cannot specify both path and inline replacement").in_entry(place));
        }
        let loaded = target.loader().load(&entry.path).map_err(|error| error.in_entry(place))?;
        let failed = |why: String| Error::kustomization(why).at(&loaded.path, None);
        let value = parse_value(&loaded.text(), &Options::v2())
            .map_err(|error| failed(format!("error converting YAML to JSON: {}", error.go_text)))?;
        let unmarshal = |why: String| failed(format!("error unmarshaling JSON: while decoding JSON: {why}"));
        match &value {
            Value::Array(_) => {
                let list = decode::<Vec<Replacement>>(&value, Rules::Yaml).map_err(unmarshal)?;
                all.extend(list.into_iter().map(|replacement| (place, replacement)));
            }
            Value::Object(_) => all.push((place, decode(&value, Rules::Yaml).map_err(unmarshal)?)),
            other => {
                return Err(failed(format!(
                    "unsupported replacement type encountered within replacement path: {}",
                    if other.is_null() { "invalid" } else { other.type_name() }
                )));
            }
        }
    }
    Ok(Replacements(all))
}

/// A generator that an object configures.
pub(crate) enum Generator {
    ConfigMap(ConfigMapArgs),
    Secret(SecretArgs),
    Helm(Box<HelmChart>, String),
    IamPolicy(IamPolicy),
}

impl Generator {
    pub(crate) fn generate(&self, target: &Target<'_>) -> Result<Vec<Resource>> {
        let origin = target.generator_origin();
        match self {
            Generator::ConfigMap(args) => Ok(vec![generate::config_map(args, target.loader(), &origin)?]),
            Generator::Secret(args) => Ok(vec![generate::secret(args, target.loader(), &origin)?]),
            Generator::Helm(chart, home) => target.inflate(chart, home),
            Generator::IamPolicy(policy) => {
                let object = policy.object()?;
                Ok(vec![Resource::new(Arc::new(object), Some(origin), &target.schemas())])
            }
        }
    }
}

/// A service account for Google's workload identity.
#[derive(Default)]
pub(crate) struct IamPolicy {
    cloud: String,
    service: KubernetesService,
    account: CloudAccount,
}
decode_struct!(IamPolicy, "types.IAMPolicyGeneratorArgs", "IAMPolicyGeneratorArgs", {
    cloud: "cloud", service: "kubernetesService", account: "serviceAccount",
});

#[derive(Default)]
struct KubernetesService {
    name: String,
    namespace: String,
}
decode_struct!(KubernetesService, "types.KubernetesService", "KubernetesService", {
    name: "name", namespace: "namespace",
});

#[derive(Default)]
struct CloudAccount {
    name: String,
    project: String,
}
decode_struct!(CloudAccount, "types.ServiceAccount", "ServiceAccount", { name: "name", project: "projectId" });

impl IamPolicy {
    fn object(&self) -> Result<Value> {
        if self.cloud != "gke" {
            return Err(Error::transform(format!("cloud provider {} not supported yet", self.cloud)));
        }
        let mut object = belay_object::Object::of("v1", "ServiceAccount", &self.service.namespace, &self.service.name);
        let account = format!("{}@{}.iam.gserviceaccount.com", self.account.name, self.account.project);
        object.set_annotation("iam.gke.io/gcp-service-account", &account);
        Ok(object.into_value())
    }
}

/// The name of a built-in plug-in; any other is a program.
fn plugin_kind(config: &Resource) -> Result<String> {
    let gvk = config.gvk();
    if gvk.group.is_empty() && gvk.version == "builtin" {
        return Ok(gvk.kind.to_string());
    }
    let message = format!("external plugins disabled; unable to load external plugin '{}'", gvk.kind);
    Err(at_origin(config, Error::new(ErrorKind::Unsupported, message)).hint(
        "functions and plug-ins that are programs or containers are never run, with --enable-exec or \
         --enable-alpha-plugins neither: use a built-in one (apiVersion: builtin), or commit what it makes",
    ))
}

fn args<T: Decode>(config: &Resource) -> Result<T> {
    decode(config.value(), Rules::Yaml).map_err(|why| {
        failed(config, Error::kustomization(format!("error unmarshaling JSON: while decoding JSON: {why}")))
    })
}

fn failed(config: &Resource, error: Error) -> Error {
    at_origin(config, error.wrap(format_args!("plugin {} fails configuration", config.original_id())))
}

/// Says where a configuration stands.
fn at_origin(config: &Resource, error: Error) -> Error {
    match &config.origin {
        Some(origin) => error.at(&origin.path, (origin.line > 0).then_some(origin.line)),
        None => error,
    }
}

/// What is told of a name that is no plug-in, or one of the other sort.
fn not_a(what: &str, config: &Resource, kind: &str, [own, others]: [&[&'static str]; 2]) -> Error {
    if others.contains(&kind) {
        let message = format!("plugin {} not a {what}", config.original_id());
        let other = if what == "generator" { "transformers" } else { "generators" };
        return at_origin(config, Error::kustomization(message).hint(format!("list it under {other}")));
    }
    let error = at_origin(config, Error::kustomization(format!("unable to load builtin {}", config.gvk())));
    match nearest(kind, own.iter().copied()) {
        Some(meant) => error.hint(format!("did you mean '{meant}'?")),
        None => error.hint(format!("built-in {what}s are {}", own.join(", "))),
    }
}

const GENERATORS: [&str; 4] =
    ["ConfigMapGenerator", "SecretGenerator", "HelmChartInflationGenerator", "IAMPolicyGenerator"];
const TRANSFORMERS: [&str; 14] = [
    "AnnotationsTransformer",
    "HashTransformer",
    "ImageTagTransformer",
    "LabelTransformer",
    "NamespaceTransformer",
    "PatchJson6902Transformer",
    "PatchStrategicMergeTransformer",
    "PatchTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "SuffixTransformer",
    "ReplacementTransformer",
    "ReplicaCountTransformer",
    "ValueAddTransformer",
];

/// The generator that an object configures.
pub(crate) fn generator(config: &Resource, target: &Target<'_>) -> Result<Generator> {
    let kind = plugin_kind(config)?;
    Ok(match kind.as_str() {
        "ConfigMapGenerator" => {
            let mut generator: ConfigMapArgs = args(config)?;
            generator.metadata = meta(config)?;
            Generator::ConfigMap(generator)
        }
        "SecretGenerator" => {
            let mut generator: SecretArgs = args(config)?;
            generator.common.metadata = meta(config)?;
            Generator::Secret(generator)
        }
        "HelmChartInflationGenerator" => {
            let (mut chart, globals) =
                helm::chart_of_config(config.value()).map_err(|why| failed(config, Error::kustomization(why)))?;
            let home = target.complete_chart(&mut chart, &globals).map_err(|error| failed(config, error))?;
            Generator::Helm(Box::new(chart), home)
        }
        "IAMPolicyGenerator" => Generator::IamPolicy(args(config)?),
        other => return Err(not_a("generator", config, other, [&GENERATORS, &TRANSFORMERS])),
    })
}

#[derive(Default)]
struct MetaHolder {
    metadata: ObjectMeta,
}
decode_struct!(MetaHolder, "builtins.Plugin", "Plugin", { metadata: "metadata" });

fn meta(config: &Resource) -> Result<ObjectMeta> {
    Ok(args::<MetaHolder>(config)?.metadata)
}

/// All that any transformer's configuration may hold.
#[derive(Default)]
struct TransformerArgs {
    metadata: ObjectMeta,
    field_specs: Option<Vec<FieldSpec>>,
    annotations: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    image_tag: Image,
    unset_only: bool,
    subjects: String,
    target: Option<Selector>,
    path: String,
    json_op: String,
    paths: Vec<String>,
    options: Option<PatchOptions>,
    prefix: String,
    suffix: String,
    replacements: Vec<Replacement>,
    replica: Replica,
}
decode_struct!(TransformerArgs, "builtins.Plugin", "Plugin", {
    metadata: "metadata", field_specs: "fieldSpecs", annotations: "annotations", labels: "labels",
    image_tag: "imageTag", unset_only: "unsetOnly", subjects: "setRoleBindingSubjects", target: "target", path: "path",
    json_op: "jsonOp", paths: "paths", options: "options", prefix: "prefix", suffix: "suffix",
    replacements: "replacements", replica: "replica",
});

#[derive(Default)]
struct PatchText {
    patch: String,
    patches: String,
}
decode_struct!(PatchText, "builtins.Plugin", "Plugin", { patch: "patch", patches: "patches" });

/// The transformer that an object configures. Each takes its own field specs; there are no defaults.
pub(crate) fn transformer(config: &Resource, target: &Target<'_>) -> Result<Transformer> {
    let kind = plugin_kind(config)?;
    if !TRANSFORMERS.contains(&kind.as_str()) {
        return Err(not_a("transformer", config, &kind, [&TRANSFORMERS, &GENERATORS]));
    }
    let args_ = match kind.as_str() {
        "ValueAddTransformer" => return value_add(config, target).map_err(|error| failed(config, error)),
        "HashTransformer" => return Ok(Transformer::Hash),
        _ => args::<TransformerArgs>(config)?,
    };
    configured(&kind, config, args_, target).map_err(|error| failed(config, error))
}

fn configured(kind: &str, config: &Resource, given: TransformerArgs, target: &Target<'_>) -> Result<Transformer> {
    let (loader, schemas) = (target.loader(), target.schemas());
    let specs = given.field_specs.clone().unwrap_or_default();
    let needs_specs =
        || given.field_specs.clone().ok_or_else(|| Error::kustomization("fieldSpecs is not expected to be nil"));
    Ok(match kind {
        "AnnotationsTransformer" => Transformer::Entries(Entries { entries: given.annotations, specs }),
        "LabelTransformer" => Transformer::Entries(Entries { entries: given.labels, specs }),
        "ImageTagTransformer" => {
            Transformer::Images(Images::new(vec![given.image_tag], specs, loader.options().compatibility)?)
        }
        "NamespaceTransformer" => Transformer::Namespace(Namespace {
            namespace: given.metadata.namespace,
            specs,
            unset_only: given.unset_only,
            subjects: Subjects::of(&given.subjects)?,
        }),
        "PatchJson6902Transformer" => {
            Transformer::JsonPatch(JsonPatch::new(given.target.as_ref(), &given.path, &given.json_op, loader)?)
        }
        "PatchStrategicMergeTransformer" => {
            let patches = args::<PatchText>(config)?.patches;
            Transformer::StrategicMerge(StrategicMerge::new(&given.paths, &patches, loader, &schemas)?)
        }
        "PatchTransformer" => {
            let patch = args::<PatchText>(config)?.patch;
            let patch = Patch { path: given.path, patch, target: given.target, options: given.options };
            Transformer::Patch(Patches::new(&patch, loader, &schemas)?)
        }
        "PrefixTransformer" => {
            Transformer::Affix(Affix { end: End::Prefix, specs: needs_specs()?, text: given.prefix })
        }
        "SuffixTransformer" => {
            Transformer::Affix(Affix { end: End::Suffix, specs: needs_specs()?, text: given.suffix })
        }
        "PrefixSuffixTransformer" => {
            let specs = needs_specs()?;
            let prefix = Affix { end: End::Prefix, specs: specs.clone(), text: given.prefix };
            Transformer::Affixes([prefix, Affix { end: End::Suffix, specs, text: given.suffix }])
        }
        "ReplacementTransformer" => Transformer::Replacements(replacements(&given.replacements, target)?),
        "ReplicaCountTransformer" => Transformer::Replicas(Replicas { replica: given.replica, specs }),
        other => return Err(Error::kustomization(format!("unable to load builtin {other}"))),
    })
}

#[derive(Default)]
struct ValueAddArgs {
    value: String,
    targets: Vec<ValueTarget>,
    target_file_path: String,
}
decode_struct!(ValueAddArgs, "builtins.Plugin", "Plugin", {
    value: "value", targets: "targets", target_file_path: "targetFilePath",
});

#[derive(Default)]
struct ValueTarget {
    selector: Option<Selector>,
    field_path: String,
    position: i64,
}
decode_struct!(ValueTarget, "builtins.Target", "Target", {
    selector: "selector", field_path: "fieldPath", position: "filePathPosition",
});

fn value_add(config: &Resource, target: &Target<'_>) -> Result<Transformer> {
    let given: ValueAddArgs = args(config)?;
    let mut value = given.value.trim().to_owned();
    if value.is_empty() {
        value = target.loader().dir().file_name().unwrap_or_default().to_owned();
    }
    let mut targets = given.targets;
    if !given.target_file_path.is_empty() {
        let loaded = target.loader().load(&given.target_file_path)?;
        let file = parse_value(&loaded.text(), &Options::v2())
            .map_err(|error| Error::kustomization(error.go_text).at(&loaded.path, Some(error.line)))?;
        let more: ValueAddArgs = decode(&file, Rules::Yaml).map_err(Error::kustomization)?;
        targets.extend(more.targets);
    }
    if targets.is_empty() {
        return Err(Error::kustomization("must specify at least one target"));
    }
    let targets = targets.into_iter().map(|target| {
        if target.field_path.is_empty() {
            return Err(Error::kustomization("fieldPath cannot be empty"));
        }
        let position = usize::try_from(target.position).map_err(|_| {
            Error::kustomization(format!("value of FilePathPosition ({}) cannot be negative", target.position))
        })?;
        let select = target.selector.as_ref().map(Matcher::new).transpose()?;
        Ok(value_add::Target { select, field_path: target.field_path, position })
    });
    Ok(Transformer::ValueAdd(ValueAdd { value, targets: targets.collect::<Result<_>>()? }))
}
