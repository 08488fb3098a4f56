//! Where an Application's manifests come from, and what is said about rendering them.

use std::collections::BTreeMap;

use belay_object::Value;

use super::SpecError;
use super::record::{record, words};

record! {
    /// One source.
    Source {
        /// The repository.
        repo_url: String = "repoURL" always,
        /// A directory of a Git repository or OCI artifact, relative to its root.
        path: String = "path",
        /// Branch, tag, commit, version or constraint; empty for `HEAD`.
        target_revision: String = "targetRevision",
        /// How a chart is rendered.
        helm: Option<Box<Helm>> = "helm",
        /// How a kustomization is built.
        kustomize: Option<Box<Kustomize>> = "kustomize",
        /// How a directory of manifests is read.
        directory: Option<Box<Directory>> = "directory",
        /// Which plugin renders it.
        plugin: Option<Box<Plugin>> = "plugin",
        /// A chart of a Helm repository; then there is no path.
        chart: String = "chart",
        /// The name by which other sources' files are named (`$name/file`).
        reference: String = "ref",
        /// What people call it.
        name: String = "name",
        /// Only tags that start so count for a constraint.
        tag_prefix: String = "tagPrefix",
    }
}

record! {
    /// How a chart is rendered.
    Helm {
        /// Values files: relative to the chart, `/` from the root of the repository, `$ref/`, URLs, globs.
        value_files: Vec<String> = "valueFiles",
        /// `--set` and `--set-string`.
        parameters: Vec<HelmParameter> = "parameters",
        /// The release's name; empty for the Application's.
        release_name: String = "releaseName",
        /// Values as YAML; `values_object` goes before it.
        values: String = "values",
        /// `--set-file`.
        file_parameters: Vec<HelmFileParameter> = "fileParameters",
        /// Not read: there is one version.
        version: String = "version",
        /// Whether credentials are sent to every host.
        pass_credentials: bool = "passCredentials",
        /// Whether values files may be missing.
        ignore_missing_value_files: bool = "ignoreMissingValueFiles",
        /// Whether the chart's CRDs are left out.
        skip_crds: bool = "skipCrds",
        /// Values as a map; `null` for none.
        values_object: Value = "valuesObject",
        /// The release's namespace; empty for the destination's.
        namespace: String = "namespace",
        /// The Kubernetes version that the chart sees; empty for the cluster's.
        kube_version: String = "kubeVersion",
        /// The API versions that the chart sees; empty for the cluster's.
        api_versions: Vec<String> = "apiVersions",
        /// Whether tests are left out.
        skip_tests: bool = "skipTests",
        /// Whether values need not meet the chart's schema.
        skip_schema_validation: bool = "skipSchemaValidation",
    }
}

record! {
    /// One `--set`.
    HelmParameter {
        /// The path of the value.
        name: String = "name",
        /// The value.
        value: String = "value",
        /// Whether it is a string whatever it looks like.
        force_string: bool = "forceString",
    }
}

record! {
    /// One `--set-file`.
    HelmFileParameter {
        /// The path of the value.
        name: String = "name",
        /// The file.
        path: String = "path",
    }
}

record! {
    /// How a kustomization is built: changes to its file before the build.
    Kustomize {
        /// Replaces `namePrefix`.
        name_prefix: String = "namePrefix",
        /// Replaces `nameSuffix`.
        name_suffix: String = "nameSuffix",
        /// `[name=]image[:tag|@digest]`
        images: Vec<String> = "images",
        /// Labels added to every object.
        common_labels: BTreeMap<String, String> = "commonLabels",
        /// Not read: there is one version.
        version: String = "version",
        /// Annotations added to every object.
        common_annotations: BTreeMap<String, String> = "commonAnnotations",
        /// Whether `common_labels` may replace labels that are there.
        force_common_labels: bool = "forceCommonLabels",
        /// Whether `common_annotations` may replace annotations that are there.
        force_common_annotations: bool = "forceCommonAnnotations",
        /// Replaces `namespace`.
        namespace: String = "namespace",
        /// Whether the build environment is put into `common_annotations`.
        common_annotations_envsubst: bool = "commonAnnotationsEnvsubst",
        /// Numbers of replicas.
        replicas: Vec<KustomizeReplica> = "replicas",
        /// Appended to `patches`.
        patches: Vec<KustomizePatch> = "patches",
        /// Appended to `components`.
        components: Vec<String> = "components",
        /// Whether components may be missing.
        ignore_missing_components: bool = "ignoreMissingComponents",
        /// Whether `common_labels` stay out of selectors.
        label_without_selector: bool = "labelWithoutSelector",
        /// The Kubernetes version that charts see; empty for the cluster's.
        kube_version: String = "kubeVersion",
        /// The API versions that charts see; empty for the cluster's.
        api_versions: Vec<String> = "apiVersions",
        /// Whether `common_labels` reach templates though they stay out of selectors.
        label_include_templates: bool = "labelIncludeTemplates",
    }
}

record! {
    /// The number of replicas of a workload.
    KustomizeReplica {
        /// The workload's name.
        name: String = "name" always,
        /// A number, or one as text.
        count: Value = "count" always,
    }
}

record! {
    /// A patch.
    KustomizePatch {
        /// A file with the patch.
        path: String = "path",
        /// The patch.
        patch: String = "patch",
        /// What is patched.
        target: Option<KustomizeSelector> = "target",
        /// kustomize's options.
        options: BTreeMap<String, bool> = "options",
    }
}

record! {
    /// What a patch is for.
    KustomizeSelector {
        /// Regular expression for the group.
        group: String = "group",
        /// Regular expression for the version.
        version: String = "version",
        /// Regular expression for the kind.
        kind: String = "kind",
        /// Regular expression for the name.
        name: String = "name",
        /// Regular expression for the namespace.
        namespace: String = "namespace",
        /// A selector over annotations.
        annotation_selector: String = "annotationSelector",
        /// A selector over labels.
        label_selector: String = "labelSelector",
    }
}

record! {
    /// How a directory of manifests is read.
    Directory {
        /// Whether directories in it are read too.
        recurse: bool = "recurse",
        /// How jsonnet is evaluated.
        jsonnet: Jsonnet = "jsonnet" if_set,
        /// A glob of files that are left out.
        exclude: String = "exclude",
        /// A glob of the only files that are read.
        include: String = "include",
        /// Whether files count whatever their name ends in.
        disable_extension_filter: bool = "disableExtensionFilter",
    }
}

record! {
    /// How jsonnet is evaluated.
    Jsonnet {
        /// External variables.
        ext_vars: Vec<JsonnetVar> = "extVars",
        /// Top-level arguments.
        tlas: Vec<JsonnetVar> = "tlas",
        /// Where imports are looked for, relative to the root of the repository.
        libs: Vec<String> = "libs",
    }
}

record! {
    /// A variable of jsonnet.
    JsonnetVar {
        /// The name.
        name: String = "name" always,
        /// The value.
        value: String = "value" always,
        /// Whether the value is code.
        code: bool = "code",
    }
}

record! {
    /// Which plugin renders a source.
    Plugin {
        /// Its name; empty for the first that wants the source.
        name: String = "name",
        /// Variables for it.
        env: Vec<EnvEntry> = "env",
        /// Parameters for it: `{name, string | map | array}`.
        parameters: Vec<Value> = "parameters",
    }
}

record! {
    /// A variable.
    EnvEntry {
        /// The name.
        name: String = "name" always,
        /// The value.
        value: String = "value" always,
    }
}

record! {
    /// Manifests that are rendered into a branch and synced from there.
    SourceHydrator {
        /// What is rendered.
        dry_source: DrySource = "drySource" always,
        /// What is synced.
        sync_source: SyncSource = "syncSource" always,
        /// Where it is rendered to, unless straight to what is synced.
        hydrate_to: Option<HydrateTo> = "hydrateTo",
    }
}

record! {
    /// What a hydrator renders.
    DrySource {
        /// The repository.
        repo_url: String = "repoURL" always,
        /// The revision.
        target_revision: String = "targetRevision" always,
        /// The directory.
        path: String = "path" always,
        /// How a chart is rendered.
        helm: Option<Box<Helm>> = "helm",
        /// How a kustomization is built.
        kustomize: Option<Box<Kustomize>> = "kustomize",
        /// How a directory is read.
        directory: Option<Box<Directory>> = "directory",
        /// Which plugin renders it.
        plugin: Option<Box<Plugin>> = "plugin",
    }
}

record! {
    /// What is synced of a hydrator's work.
    SyncSource {
        /// The branch.
        target_branch: String = "targetBranch" always,
        /// The directory.
        path: String = "path" always,
        /// The repository; empty for the dry source's.
        repo_url: String = "repoURL",
    }
}

record! {
    /// Where a hydrator renders to.
    HydrateTo {
        /// The branch.
        target_branch: String = "targetBranch" always,
    }
}

words! {
    /// What renders a source.
    SourceType {
        /// A directory of manifests.
        Directory,
        /// A chart.
        Helm,
        /// A kustomization.
        Kustomize,
        /// A plugin.
        Plugin,
    }
}

impl Source {
    /// Whether it is a chart of a Helm repository.
    pub fn is_chart(&self) -> bool {
        !self.chart.is_empty()
    }
    /// Whether it is there for its files alone: a `ref` without a path or chart renders nothing.
    pub fn is_ref_only(&self) -> bool {
        !self.reference.is_empty() && self.path.is_empty() && self.chart.is_empty()
    }
    /// Whether it is an OCI artifact.
    pub fn is_oci(&self) -> bool {
        self.repo_url.starts_with("oci://")
    }
    /// What the source says of its tool; an error where it names more than one.
    pub fn explicit_type(&self) -> Result<Option<SourceType>, SpecError> {
        let named: Vec<SourceType> = [
            (self.kustomize.is_some(), SourceType::Kustomize),
            (self.helm.is_some(), SourceType::Helm),
            (self.directory.is_some(), SourceType::Directory),
            (self.plugin.is_some(), SourceType::Plugin),
        ]
        .into_iter()
        .filter_map(|(is_there, kind)| is_there.then_some(kind))
        .collect();
        match named[..] {
            [] => Ok(None),
            [one] => Ok(Some(one)),
            _ => {
                let names: Vec<&str> = named.iter().map(|kind| kind.as_str()).collect();
                // Compat(argo 3.5)
                let message = format!("multiple application sources defined: {}", names.join(","));
                Err(SpecError { field: String::new(), message })
            }
        }
    }
    /// The same without tool blocks that say nothing, so that adding one is no change.
    pub fn normalized(mut self) -> Source {
        self.kustomize = self.kustomize.filter(|k| !k.says_nothing());
        self.helm = self.helm.filter(|h| **h != Helm::default());
        // Compat(argo 3.5): of a block that neither recurses nor has jsonnet only the globs stay.
        self.directory = self.directory.filter(|d| **d != Directory::default());
        self
    }
    /// The namespace that its tool is told, unless it is the destination's.
    pub fn namespace_or<'a>(&'a self, default: &'a str) -> &'a str {
        let of =
            [self.helm.as_ref().map(|h| h.namespace.as_str()), self.kustomize.as_ref().map(|k| k.namespace.as_str())];
        of.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or(default)
    }
    /// The Kubernetes version that its tool is told.
    pub fn kube_version_or<'a>(&'a self, default: &'a str) -> &'a str {
        let of = [
            self.helm.as_ref().map(|h| h.kube_version.as_str()),
            self.kustomize.as_ref().map(|k| k.kube_version.as_str()),
        ];
        of.into_iter().flatten().find(|text| !text.is_empty()).unwrap_or(default)
    }
    /// The API versions that its tool is told.
    pub fn api_versions_or<'a>(&'a self, default: &'a [String]) -> &'a [String] {
        let of = [
            self.helm.as_ref().map(|h| h.api_versions.as_slice()),
            self.kustomize.as_ref().map(|k| k.api_versions.as_slice()),
        ];
        of.into_iter().flatten().find(|list| !list.is_empty()).unwrap_or(default)
    }
}

impl Kustomize {
    /// Compat(argo 3.5): flags without what they are about count as nothing.
    fn says_nothing(&self) -> bool {
        let flags = Kustomize {
            force_common_labels: self.force_common_labels,
            force_common_annotations: self.force_common_annotations,
            common_annotations_envsubst: self.common_annotations_envsubst,
            label_without_selector: self.label_without_selector,
            label_include_templates: self.label_include_templates,
            ..Kustomize::default()
        };
        *self == flags
    }
}

impl Helm {
    /// The values that stand in the source, as YAML; empty for none.
    pub fn values_yaml(&self) -> String {
        if self.values_object.is_null() { self.values.clone() } else { belay_yaml::to_yaml(&self.values_object) }
    }
}

impl SourceHydrator {
    /// Whether another one asks for the same.
    pub fn is_same(&self, other: &SourceHydrator) -> bool {
        self.dry_source().normalized() == other.dry_source().normalized()
            && self.sync_source == other.sync_source
            && self.hydrate_to == other.hydrate_to
    }
    /// What is synced, as a source.
    pub fn sync_source(&self) -> Source {
        let own = &self.sync_source.repo_url;
        Source {
            repo_url: if own.is_empty() { &self.dry_source.repo_url } else { own }.clone(),
            path: self.sync_source.path.clone(),
            target_revision: self.sync_source.target_branch.clone(),
            ..Source::default()
        }
    }
    /// What is rendered, as a source.
    pub fn dry_source(&self) -> Source {
        let dry = self.dry_source.clone();
        Source {
            repo_url: dry.repo_url,
            path: dry.path,
            target_revision: dry.target_revision,
            helm: dry.helm,
            kustomize: dry.kustomize,
            directory: dry.directory,
            plugin: dry.plugin,
            ..Source::default()
        }
    }
}
