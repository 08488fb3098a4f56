//! HelmRelease: which chart, with which values, and how to go about it.

use belay_object::{Map, Object, Value};
use belay_plan::{CommonMetadata, Target};
use sha2::{Digest as _, Sha256};

use super::kustomization::{
    Dependency, ImageOverride, KubeConfigRef, Patch, dependency, ignore_rule, image, kube_config, patch,
};
use super::read::Field;
use super::{Meta, SpecError};
use crate::duration::GoDuration;

/// The longest name of a release.
const MAX_NAME: usize = 53;

/// Where the chart comes from.
#[derive(Clone, PartialEq, Debug)]
pub enum ChartSource {
    /// A HelmChart is made from this template.
    Template(Box<ChartTemplate>),
    /// A source that is there.
    Reference {
        /// `OCIRepository`, `HelmChart` or `ExternalArtifact`.
        kind: String,
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
}

/// What a HelmChart is made of.
#[derive(Clone, PartialEq, Debug)]
pub struct ChartTemplate {
    /// Where the HelmChart is made: beside its source.
    pub namespace: String,
    /// Labels of the HelmChart.
    pub labels: Vec<(String, String)>,
    /// Annotations of the HelmChart.
    pub annotations: Vec<(String, String)>,
    /// Its spec.
    pub spec: Value,
    /// Kind and name of its source.
    pub source: (String, String),
}

/// One reference to values.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValuesFrom {
    /// `Secret` or `ConfigMap`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The key of its data.
    pub key: String,
    /// Where a single value goes, in the grammar of `--set`; empty for a whole file of values.
    pub target_path: String,
    /// Whether it may be absent.
    pub optional: bool,
    /// Whether the value is taken as it is.
    pub literal: bool,
}

/// What follows a failed action.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Remediation {
    /// Attempts after the first; negative for no end.
    pub retries: i64,
    /// Whether failed tests are no failure.
    pub ignores_tests: bool,
    /// Whether the last failure is remediated too.
    pub remediates_last: bool,
    /// Whether the release is taken away rather than rolled back.
    pub uninstalls: bool,
}

/// How an install or upgrade goes about it.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionSpec {
    /// How long each wait may take.
    pub timeout: GoDuration,
    /// After which pause a failure is tried again, where it is tried again and not remediated.
    pub retry_interval: Option<GoDuration>,
    /// What follows a failure.
    pub remediation: Remediation,
    /// Whether it does not wait for health.
    pub disable_wait: bool,
    /// Whether it does not wait for Jobs.
    pub disable_wait_for_jobs: bool,
    /// Whether hooks do not run.
    pub disable_hooks: bool,
    /// Whether objects are not held against the API's schemas.
    pub disable_open_api: bool,
    /// Whether values are not held against the chart's schema.
    pub disable_schema: bool,
    /// Whether objects of others are refused.
    pub disable_take_ownership: bool,
    /// `Skip`, `Create` or `CreateReplace`.
    pub crds: String,
    /// `true`, `false` or `auto`.
    pub server_side_apply: String,
    /// Install: whether a name of history is used again.
    pub replace: bool,
    /// Install: whether the target namespace is made.
    pub create_namespace: bool,
    /// Upgrade, rollback: whether objects are replaced.
    pub force: bool,
    /// Upgrade: whether values of before stay.
    pub preserve_values: bool,
    /// Upgrade, rollback: whether what a failure made is deleted.
    pub cleanup_on_fail: bool,
}

/// What is done about drift.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DriftMode {
    /// Nothing.
    Disabled,
    /// It is told.
    Warn,
    /// It is set right.
    Enabled,
}

/// A HelmRelease.
#[derive(Clone, PartialEq, Debug)]
pub struct HelmRelease {
    /// What its object says of itself.
    pub meta: Meta,
    /// How often to look.
    pub interval: GoDuration,
    /// How long an action may take where it says nothing itself.
    pub timeout: GoDuration,
    /// Where the chart comes from.
    pub chart: ChartSource,
    /// The name of the release, at most 53 characters.
    pub release_name: String,
    /// The release's namespace.
    pub namespace: String,
    /// Whether the namespace was said.
    pub has_target_namespace: bool,
    /// The namespace of its records.
    pub storage_namespace: String,
    /// Revisions that are kept; 0 for all.
    pub max_history: u32,
    /// Whether nothing is done.
    pub suspend: bool,
    /// As whom to act.
    pub service_account: String,
    /// In which cluster.
    pub kube_config: Option<KubeConfigRef>,
    /// What must be ready first.
    pub depends_on: Vec<Dependency>,
    /// Inline values.
    pub values: Map,
    /// Values of other objects.
    pub values_from: Vec<ValuesFrom>,
    /// Labels and annotations of all objects.
    pub common: Option<CommonMetadata>,
    /// The same as it is written, for its digest.
    pub common_value: Value,
    /// Kustomizations over what is rendered: patches and images each.
    pub post_renderers: Vec<(Vec<Patch>, Vec<ImageOverride>)>,
    /// The same as it is written, for its digest.
    pub post_renderers_value: Value,
    /// `combined`, `nohooks` or `separate`.
    pub post_render_strategy: String,
    /// Whether it is waited as Helm 3 did.
    pub waits_as_helm_3: bool,
    /// What is done about drift.
    pub drift: DriftMode,
    /// Fields that nobody minds.
    pub drift_ignore: Vec<(Vec<String>, Option<Target>)>,
    /// Own rules of health.
    pub health_check_exprs: Vec<Value>,
    /// Installing.
    pub install: ActionSpec,
    /// Upgrading.
    pub upgrade: ActionSpec,
    /// Whether a release that has another chart's name than before is taken away first.
    pub reinstalls_other_chart: bool,
    /// Rolling back.
    pub rollback: ActionSpec,
    /// Whether tests run.
    pub test: bool,
    /// How long each may take.
    pub test_timeout: GoDuration,
    /// Whether their failures do not matter.
    pub test_ignore_failures: bool,
    /// Names, and whether each is left out.
    pub test_filters: Vec<(String, bool)>,
    /// Taking away: how long it may take.
    pub uninstall_timeout: GoDuration,
    /// Whether it waits for nothing.
    pub uninstall_disable_wait: bool,
    /// Whether hooks do not run.
    pub uninstall_disable_hooks: bool,
    /// Whether records stay.
    pub keep_history: bool,
    /// `background`, `foreground` or `orphan`.
    pub propagation: String,
}

impl HelmRelease {
    /// Reads one.
    pub fn read(object: &Object) -> Result<HelmRelease, SpecError> {
        let spec = Field::root("spec", object.get("spec"));
        let meta = Meta::read(object);
        let own = meta.namespace.as_str();
        let timeout = spec.at("timeout").duration()?.unwrap_or(GoDuration::from_secs(300));
        let interval = spec.at("interval").duration()?.ok_or_else(|| spec.at("interval").wrong("is required"))?;
        let target = spec.at("targetNamespace").text()?;
        let or_own = |text: String| if text.is_empty() { own.to_owned() } else { text };
        let (test, uninstall) = (spec.at("test"), spec.at("uninstall"));
        let common = spec.at("commonMetadata");
        let ignores_tests = test.at("ignoreFailures").flag()?;
        let strategy = spec.at("upgrade").at("chartNameChangeStrategy").text()?;
        let filters = test.at("filters").list()?;
        Ok(HelmRelease {
            interval,
            timeout,
            chart: chart(&spec, &meta, interval)?,
            release_name: release_name(&spec.at("releaseName").text()?, &target, &meta.name),
            namespace: or_own(target.clone()),
            has_target_namespace: !target.is_empty(),
            storage_namespace: or_own(spec.at("storageNamespace").text()?),
            max_history: spec.at("maxHistory").number()?.map_or(5, |n| u32::try_from(n).unwrap_or(0)),
            suspend: spec.at("suspend").flag()?,
            service_account: spec.at("serviceAccountName").text()?,
            kube_config: kube_config(&spec.at("kubeConfig"))?,
            depends_on: spec.at("dependsOn").list()?.iter().map(|f| dependency(f, own)).collect::<Result<_, _>>()?,
            values: spec.at("values").map()?.cloned().unwrap_or_default(),
            values_from: spec.at("valuesFrom").list()?.iter().map(values_from).collect::<Result<_, _>>()?,
            common: match common.map()? {
                None => None,
                Some(_) => Some(CommonMetadata {
                    labels: common.at("labels").text_map()?,
                    annotations: common.at("annotations").text_map()?,
                }),
            },
            common_value: common.value().cloned().unwrap_or_default(),
            post_renderers: post_renderers(&spec.at("postRenderers"))?,
            post_renderers_value: spec.at("postRenderers").value().cloned().unwrap_or_default(),
            post_render_strategy: spec.at("postRenderStrategy").text()?,
            waits_as_helm_3: spec.at("waitStrategy").at("name").text()? == "legacy",
            drift: match spec.at("driftDetection").at("mode").text()?.as_str() {
                "enabled" => DriftMode::Enabled,
                "warn" => DriftMode::Warn,
                _ => DriftMode::Disabled,
            },
            drift_ignore: spec
                .at("driftDetection")
                .at("ignore")
                .list()?
                .iter()
                .map(ignore_rule)
                .collect::<Result<_, _>>()?,
            health_check_exprs: spec.at("healthCheckExprs").list()?.iter().filter_map(|f| f.value().cloned()).collect(),
            install: action(&spec.at("install"), timeout, ignores_tests, true)?,
            upgrade: action(&spec.at("upgrade"), timeout, ignores_tests, false)?,
            // Compat(flux 2.9): the default of the code; the reference's table says otherwise.
            reinstalls_other_chart: strategy != "InPlaceUpdate",
            rollback: action(&spec.at("rollback"), timeout, ignores_tests, false)?,
            test: test.at("enable").flag()?,
            test_timeout: test.at("timeout").duration()?.unwrap_or(timeout),
            test_ignore_failures: ignores_tests,
            test_filters: filters
                .iter()
                .map(|f| Ok((f.at("name").required_text()?, f.at("exclude").flag()?)))
                .collect::<Result<_, _>>()?,
            uninstall_timeout: uninstall.at("timeout").duration()?.unwrap_or(timeout),
            uninstall_disable_wait: uninstall.at("disableWait").flag()?,
            uninstall_disable_hooks: uninstall.at("disableHooks").flag()?,
            keep_history: uninstall.at("keepHistory").flag()?,
            propagation: uninstall.at("deletionPropagation").text()?,
            meta,
        })
    }

    /// The name of the HelmChart that is made for it.
    pub fn chart_name(&self) -> String {
        format!("{}-{}", self.meta.namespace, self.meta.name)
    }
}

/// The name of a release: as written, else the target namespace and the name; a long one is cut and
/// told apart by a digest.
fn release_name(written: &str, target: &str, name: &str) -> String {
    let full = match (written, target) {
        ("", "") => name.to_owned(),
        ("", target) => format!("{target}-{name}"),
        (written, _) => written.to_owned(),
    };
    if full.len() <= MAX_NAME {
        return full;
    }
    let sum: String = Sha256::digest(full.as_bytes()).iter().take(6).map(|b| format!("{b:02x}")).collect();
    let cut = full.char_indices().map(|(i, _)| i).take_while(|i| *i <= MAX_NAME - 13).last().unwrap_or_default();
    format!("{}-{sum}", &full[..cut])
}

fn chart(spec: &Field<'_>, meta: &Meta, interval: GoDuration) -> Result<ChartSource, SpecError> {
    let (chart, reference) = (spec.at("chart"), spec.at("chartRef"));
    match (chart.map()?.is_some(), reference.map()?.is_some()) {
        (true, false) => {}
        (false, true) => {
            let namespace = reference.at("namespace").text()?;
            return Ok(ChartSource::Reference {
                kind: reference.at("kind").required_text()?,
                namespace: if namespace.is_empty() { meta.namespace.clone() } else { namespace },
                name: reference.at("name").required_text()?,
            });
        }
        _ => return Err(chart.wrong("needs exactly one of chart and chartRef")),
    }
    let from = chart.at("spec");
    let source = from.at("sourceRef");
    let namespace = source.at("namespace").text()?;
    let (kind, name) = (source.at("kind").required_text()?, source.at("name").required_text()?);
    let version = from.at("version").text()?;
    let mut out = belay_object::object! {
        "chart" => from.at("chart").required_text()?,
        "version" => if version.is_empty() { "*".to_owned() } else { version },
        "sourceRef" => belay_object::object! { "kind" => kind.as_str(), "name" => name.as_str() },
        "interval" => from.at("interval").optional_text()?.unwrap_or_else(|| interval.to_string()),
    };
    let strategy = from.at("reconcileStrategy").text()?;
    out.set(&["reconcileStrategy"], if strategy.is_empty() { "ChartVersion".to_owned() } else { strategy });
    for field in ["valuesFiles", "ignoreMissingValuesFiles"] {
        if let Some(value) = from.at(field).value() {
            out.set(&[field], value.clone());
        }
    }
    for field in ["provider", "secretRef"] {
        if let Some(value) = from.at("verify").at(field).value() {
            out.set(&["verify", field], value.clone());
        }
    }
    Ok(ChartSource::Template(Box::new(ChartTemplate {
        namespace: if namespace.is_empty() { meta.namespace.clone() } else { namespace },
        labels: chart.at("metadata").at("labels").text_map()?,
        annotations: chart.at("metadata").at("annotations").text_map()?,
        spec: out,
        source: (kind, name),
    })))
}

fn values_from(field: &Field<'_>) -> Result<ValuesFrom, SpecError> {
    let key = field.at("valuesKey").text()?;
    Ok(ValuesFrom {
        kind: field.at("kind").required_text()?,
        name: field.at("name").required_text()?,
        key: if key.is_empty() { "values.yaml".to_owned() } else { key },
        target_path: field.at("targetPath").text()?,
        optional: field.at("optional").flag()?,
        literal: field.at("literal").flag()?,
    })
}

type PostRenderers = Vec<(Vec<Patch>, Vec<ImageOverride>)>;

fn post_renderers(field: &Field<'_>) -> Result<PostRenderers, SpecError> {
    let one = |f: &Field<'_>| {
        let kustomize = f.at("kustomize");
        let patches = kustomize.at("patches").list()?.iter().map(patch).collect::<Result<_, _>>()?;
        let images = kustomize.at("images").list()?.iter().map(image).collect::<Result<_, _>>()?;
        Ok((patches, images))
    };
    field.list()?.iter().map(one).collect()
}

fn action(
    field: &Field<'_>,
    timeout: GoDuration,
    ignores_tests: bool,
    is_install: bool,
) -> Result<ActionSpec, SpecError> {
    let (remediation, strategy) = (field.at("remediation"), field.at("strategy"));
    let retries = remediation.at("retries").number()?.unwrap_or_default();
    let server_side = field.at("serverSideApply");
    let retry = match strategy.at("name").text()?.as_str() {
        "RetryOnFailure" => Some(strategy.at("retryInterval").duration()?.unwrap_or(GoDuration::from_secs(300))),
        _ => None,
    };
    let flag_or = |f: Field<'_>, default: bool| Ok(if f.value().is_some() { f.flag()? } else { default });
    Ok(ActionSpec {
        timeout: field.at("timeout").duration()?.unwrap_or(timeout),
        retry_interval: retry,
        remediation: Remediation {
            retries,
            ignores_tests: flag_or(remediation.at("ignoreTestFailures"), ignores_tests)?,
            remediates_last: flag_or(remediation.at("remediateLastFailure"), !is_install && retries > 0)?,
            uninstalls: is_install || remediation.at("strategy").text()? == "uninstall",
        },
        disable_wait: field.at("disableWait").flag()?,
        disable_wait_for_jobs: field.at("disableWaitForJobs").flag()?,
        disable_hooks: field.at("disableHooks").flag()?,
        disable_open_api: field.at("disableOpenAPIValidation").flag()?,
        disable_schema: field.at("disableSchemaValidation").flag()?,
        disable_take_ownership: field.at("disableTakeOwnership").flag()?,
        crds: field.at("crds").text()?,
        server_side_apply: match (is_install, server_side.value()) {
            (true, None) => "true".to_owned(),
            (true, Some(_)) => server_side.flag()?.to_string(),
            (false, None) => "auto".to_owned(),
            (false, Some(_)) => match server_side.text()?.as_str() {
                "enabled" => "true".to_owned(),
                "disabled" => "false".to_owned(),
                _ => "auto".to_owned(),
            },
        },
        replace: field.at("replace").flag()?,
        create_namespace: field.at("createNamespace").flag()?,
        force: field.at("force").flag()?,
        preserve_values: field.at("preserveValues").flag()?,
        cleanup_on_fail: field.at("cleanupOnFail").flag()?,
    })
}

impl Remediation {
    /// Whether no attempt is left after so many failures.
    pub fn is_exhausted(&self, failures: i64) -> bool {
        self.retries >= 0 && failures > self.retries
    }
}
