//! Flags that say what an Application is: argocd's, for create and set.

use clap::Args;

/// What of an Application flags name; what none names stays as it is.
#[derive(Args, Debug, Clone, Default, PartialEq)]
pub struct AppSpecFlags {
    /// The repository
    #[arg(long)]
    pub repo: Option<String>,
    /// The folder in it
    #[arg(long)]
    pub path: Option<String>,
    /// Branch, tag, commit, version or constraint
    #[arg(long)]
    pub revision: Option<String>,
    /// The chart of a Helm repository
    #[arg(long)]
    pub helm_chart: Option<String>,
    /// Only tags that start so count for a constraint
    #[arg(long)]
    pub tag_prefix: Option<String>,
    /// The source's name for people
    #[arg(long)]
    pub source_name: Option<String>,
    /// The source's name for other sources
    #[arg(long = "ref")]
    pub reference: Option<String>,
    /// The project
    #[arg(long)]
    pub project: Option<String>,
    /// The cluster's address
    #[arg(long)]
    pub dest_server: Option<String>,
    /// The cluster's name
    #[arg(long)]
    pub dest_name: Option<String>,
    /// The namespace
    #[arg(long)]
    pub dest_namespace: Option<String>,
    /// How many past syncs are kept
    #[arg(long)]
    pub revision_history_limit: Option<i64>,

    /// automated (auto, automatic) or none (manual)
    #[arg(long)]
    pub sync_policy: Option<String>,
    /// Name=value; `!` in front takes one away
    #[arg(long, alias = "sync-options")]
    pub sync_option: Vec<String>,
    /// Automated syncs delete what left the source
    #[arg(long)]
    pub auto_prune: Option<bool>,
    /// Automated syncs put back what was changed in the cluster
    #[arg(long)]
    pub self_heal: Option<bool>,
    /// Automated syncs may delete everything
    #[arg(long)]
    pub allow_empty: Option<bool>,
    #[arg(long, allow_negative_numbers = true)]
    pub sync_retry_limit: Option<i64>,
    #[arg(long)]
    pub sync_retry_backoff_duration: Option<String>,
    #[arg(long)]
    pub sync_retry_backoff_factor: Option<i64>,
    #[arg(long)]
    pub sync_retry_backoff_max_duration: Option<String>,
    #[arg(long)]
    pub sync_retry_refresh: Option<bool>,

    /// Parameters of Helm: name=value
    #[arg(short = 'p', long)]
    pub parameter: Vec<String>,
    /// Values files
    #[arg(long)]
    pub values: Vec<String>,
    /// A file whose text becomes the values in the source
    #[arg(long)]
    pub values_literal_file: Option<std::path::PathBuf>,
    #[arg(long)]
    pub ignore_missing_value_files: Option<bool>,
    #[arg(long)]
    pub release_name: Option<String>,
    #[arg(long)]
    pub helm_set: Vec<String>,
    #[arg(long)]
    pub helm_set_string: Vec<String>,
    #[arg(long)]
    pub helm_set_file: Vec<String>,
    #[arg(long)]
    pub helm_version: Option<String>,
    #[arg(long)]
    pub helm_pass_credentials: Option<bool>,
    #[arg(long)]
    pub helm_skip_crds: Option<bool>,
    #[arg(long)]
    pub helm_skip_tests: Option<bool>,
    #[arg(long)]
    pub helm_skip_schema_validation: Option<bool>,
    #[arg(long)]
    pub helm_namespace: Option<String>,
    #[arg(long)]
    pub helm_kube_version: Option<String>,
    #[arg(long)]
    pub helm_api_versions: Vec<String>,

    #[arg(long)]
    pub nameprefix: Option<String>,
    #[arg(long)]
    pub namesuffix: Option<String>,
    #[arg(long)]
    pub kustomize_image: Vec<String>,
    #[arg(long)]
    pub kustomize_replica: Vec<String>,
    #[arg(long)]
    pub kustomize_common_label: Vec<String>,
    #[arg(long)]
    pub kustomize_common_annotation: Vec<String>,
    #[arg(long)]
    pub kustomize_force_common_label: Option<bool>,
    #[arg(long)]
    pub kustomize_force_common_annotation: Option<bool>,
    #[arg(long)]
    pub kustomize_label_without_selector: Option<bool>,
    #[arg(long)]
    pub kustomize_label_include_templates: Option<bool>,
    #[arg(long)]
    pub kustomize_version: Option<String>,
    #[arg(long)]
    pub kustomize_namespace: Option<String>,
    #[arg(long)]
    pub kustomize_kube_version: Option<String>,
    #[arg(long)]
    pub kustomize_api_versions: Vec<String>,
    #[arg(long)]
    pub ignore_missing_components: Option<bool>,

    #[arg(long)]
    pub directory_recurse: Option<bool>,
    #[arg(long)]
    pub directory_include: Option<String>,
    #[arg(long)]
    pub directory_exclude: Option<String>,
    #[arg(long)]
    pub directory_disable_extension_filter: Option<bool>,
    /// Top-level arguments of jsonnet: name=value
    #[arg(long)]
    pub jsonnet_tla_str: Vec<String>,
    #[arg(long)]
    pub jsonnet_tla_code: Vec<String>,
    /// External variables of jsonnet: name=value
    #[arg(long)]
    pub jsonnet_ext_var_str: Vec<String>,
    #[arg(long)]
    pub jsonnet_ext_var_code: Vec<String>,
    #[arg(long)]
    pub jsonnet_libs: Vec<String>,

    /// A plugin's name
    #[arg(long)]
    pub config_management_plugin: Option<String>,
    /// Variables of the plugin: name=value
    #[arg(long)]
    pub plugin_env: Vec<String>,

    /// What a hydrator renders
    #[arg(long)]
    pub dry_source_repo: Option<String>,
    #[arg(long)]
    pub dry_source_revision: Option<String>,
    #[arg(long)]
    pub dry_source_path: Option<String>,
    #[arg(long)]
    pub sync_source_branch: Option<String>,
    #[arg(long)]
    pub sync_source_path: Option<String>,
    #[arg(long)]
    pub hydrate_to_branch: Option<String>,
}
