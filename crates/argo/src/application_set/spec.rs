//! The ApplicationSet's spec as types. Generators are read when it is their turn: those of a matrix may hold
//! parameters, and are what they are only when those are put in.

use std::collections::BTreeMap;

use belay_object::Value;

use crate::spec::SpecError;
use crate::spec::record::{At, Field, record};

record! {
    /// What is wanted.
    SetSpec {
        /// Whether texts are Go templates; else `{{name}}` stands for a parameter.
        go_template: bool = "goTemplate",
        /// `missingkey=error` and its like.
        go_template_options: Vec<String> = "goTemplateOptions",
        /// Where parameters come from; see [`Generator`].
        generators: Vec<Value> = "generators",
        /// The Application that parameters are put into.
        template: Value = "template",
        /// A patch for each Application, as a text that parameters are put into.
        template_patch: Option<String> = "templatePatch",
        /// What may be done to Applications.
        sync_policy: Option<SetSyncPolicy> = "syncPolicy",
        /// In which order they are synced and deleted.
        strategy: Option<Strategy> = "strategy",
        /// What others may write on Applications.
        preserved_fields: PreservedFields = "preservedFields" if_set,
        /// What others may change of Applications.
        ignore_application_differences: Vec<IgnoreApplicationDifference> = "ignoreApplicationDifferences",
    }
}

record! {
    /// What may be done to Applications.
    SetSyncPolicy {
        /// Whether objects of Applications stay when those are deleted.
        preserve_resources_on_deletion: bool = "preserveResourcesOnDeletion",
        /// See [`Policy`].
        applications_sync: String = "applicationsSync",
    }
}

record! {
    /// What others may write on Applications.
    PreservedFields {
        /// Keys of annotations.
        annotations: Vec<String> = "annotations",
        /// Keys of labels.
        labels: Vec<String> = "labels",
    }
}

record! {
    /// What others may change of Applications.
    IgnoreApplicationDifference {
        /// The Application; empty for all.
        name: String = "name",
        /// JSON pointers.
        json_pointers: Vec<String> = "jsonPointers",
        /// jq paths.
        jq_path_expressions: Vec<String> = "jqPathExpressions",
    }
}

record! {
    /// In which order Applications are synced and deleted.
    Strategy {
        /// `AllAtOnce` or `RollingSync`.
        kind: String = "type",
        /// The steps.
        rolling_sync: Option<RollingSync> = "rollingSync",
        /// `AllAtOnce` or `Reverse`.
        deletion_order: String = "deletionOrder",
    }
}

record! {
    /// Syncing step by step.
    RollingSync {
        /// The steps.
        steps: Vec<Step> = "steps",
    }
}

record! {
    /// One step.
    Step {
        /// Which Applications are of it; all must hold.
        match_expressions: Vec<MatchExpression> = "matchExpressions",
        /// How many are synced at once: a number or `n%`; absent for all.
        max_update: Value = "maxUpdate",
    }
}

record! {
    /// A condition on labels.
    MatchExpression {
        /// The label.
        key: String = "key",
        /// `In` or `NotIn`.
        operator: String = "operator",
        /// The values.
        values: Vec<String> = "values",
    }
}

impl SetSpec {
    /// The steps, where Applications are synced step by step.
    pub fn rolling_sync(&self) -> Option<&[Step]> {
        let strategy = self.strategy.as_ref().filter(|strategy| strategy.kind == "RollingSync")?;
        Some(&strategy.rolling_sync.as_ref()?.steps)
    }
    /// Whether Applications are deleted from the last step to the first.
    pub fn deletes_in_reverse(&self) -> bool {
        let order = self.strategy.as_ref().map(|strategy| strategy.deletion_order.as_str()).unwrap_or_default();
        order.eq_ignore_ascii_case("Reverse") && self.rolling_sync().is_some_and(|steps| !steps.is_empty())
    }
    /// Whether objects of Applications stay when those are deleted.
    pub fn preserves_resources(&self) -> bool {
        self.sync_policy.as_ref().is_some_and(|policy| policy.preserve_resources_on_deletion)
    }
    /// The project of all its Applications, where the template names one; `None` where parameters do.
    pub fn project(&self) -> Option<&str> {
        let name = self.template.str_at(&["spec", "project"]).unwrap_or_default();
        if name.contains("{{") {
            return None;
        }
        Some(if name.is_empty() { "default" } else { name })
    }
}

/// What may be done to Applications besides creating them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// They may be changed.
    pub updates: bool,
    /// They may be deleted.
    pub deletes: bool,
}

impl Policy {
    /// All of it.
    pub const SYNC: Policy = Policy { updates: true, deletes: true };

    /// Reads one; empty is `sync`.
    pub fn parse(text: &str) -> Option<Policy> {
        Some(match text {
            "" | "sync" => Policy::SYNC,
            "create-only" => Policy { updates: false, deletes: false },
            "create-update" => Policy { updates: true, deletes: false },
            "create-delete" => Policy { updates: false, deletes: true },
            _ => return None,
        })
    }
    /// The one that counts: that of the controller, unless the ApplicationSet's may go before it. A word that
    /// nobody knows permits neither changes nor deletions.
    pub fn effective(spec: &SetSpec, of_controller: Policy, may_override: bool) -> Policy {
        let own = spec.sync_policy.as_ref().map(|policy| policy.applications_sync.as_str()).unwrap_or_default();
        match own.is_empty() || !may_override {
            true => of_controller,
            false => Policy::parse(own).unwrap_or_default(),
        }
    }
}

record! {
    /// Where parameters come from. Exactly one of its fields is wanted in a matrix or merge; at the top several
    /// stand side by side.
    Generator {
        /// Given outright.
        list: Option<ListGenerator> = "list",
        /// The clusters.
        clusters: Option<ClusterGenerator> = "clusters",
        /// Directories or files of a repository.
        git: Option<GitGenerator> = "git",
        /// Every pair of two generators' parameters.
        matrix: Option<MatrixGenerator> = "matrix",
        /// Parameters of one generator, changed by those of others.
        merge: Option<MergeGenerator> = "merge",
        /// Not built.
        scm_provider: Value = "scmProvider",
        /// Not built.
        cluster_decision_resource: Value = "clusterDecisionResource",
        /// Not built.
        pull_request: Value = "pullRequest",
        /// Not built.
        plugin: Value = "plugin",
        /// Which parameters are taken; absent for all.
        selector: Value = "selector",
    }
}

impl Generator {
    /// Reads one that stands at a place of the spec.
    pub fn at(value: &Value, place: &str) -> Result<Generator, SpecError> {
        <Generator as Field>::read(value, &At::Root(place))
    }
    /// The one that is not built, by its name.
    pub fn unbuilt(&self) -> Option<&'static str> {
        let all = [
            (&self.scm_provider, "scmProvider"),
            (&self.cluster_decision_resource, "clusterDecisionResource"),
            (&self.pull_request, "pullRequest"),
            (&self.plugin, "plugin"),
        ];
        all.into_iter().find(|(value, _)| !value.is_null()).map(|(_, name)| name)
    }
}

record! {
    /// Parameters given outright.
    ListGenerator {
        /// One set each.
        elements: Vec<Value> = "elements",
        /// More of them, as YAML.
        elements_yaml: String = "elementsYaml",
        /// Goes before the template of the ApplicationSet.
        template: Value = "template",
    }
}

record! {
    /// Parameters of each cluster.
    ClusterGenerator {
        /// Which clusters, by labels of their secrets.
        selector: Value = "selector",
        /// More parameters.
        values: BTreeMap<String, String> = "values",
        /// Whether all clusters are one parameter `clusters`.
        flat_list: bool = "flatList",
        /// Goes before the template of the ApplicationSet.
        template: Value = "template",
    }
}

record! {
    /// Parameters of directories or files.
    GitGenerator {
        /// The repository.
        repo_url: String = "repoURL",
        /// The revision.
        revision: String = "revision",
        /// Directories; they go before files.
        directories: Vec<GitItem> = "directories",
        /// Files.
        files: Vec<GitItem> = "files",
        /// How often it is looked at.
        requeue_after_seconds: Option<i64> = "requeueAfterSeconds",
        /// What stands before `path`.
        path_param_prefix: String = "pathParamPrefix",
        /// More parameters.
        values: BTreeMap<String, String> = "values",
        /// Goes before the template of the ApplicationSet.
        template: Value = "template",
    }
}

record! {
    /// Which directories or files.
    GitItem {
        /// A glob.
        path: String = "path",
        /// Whether these are none.
        exclude: bool = "exclude",
    }
}

record! {
    /// Every pair of two generators' parameters.
    MatrixGenerator {
        /// The two; the second may hold parameters of the first.
        generators: Vec<Value> = "generators",
        /// Goes before the template of the ApplicationSet.
        template: Value = "template",
    }
}

record! {
    /// Parameters of one generator, changed by those of others.
    MergeGenerator {
        /// The first has the parameters, the others change them.
        generators: Vec<Value> = "generators",
        /// Parameters of which equal ones belong together.
        merge_keys: Vec<String> = "mergeKeys",
        /// Goes before the template of the ApplicationSet.
        template: Value = "template",
    }
}
