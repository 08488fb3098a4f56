//! `argocd-cmd-params-cm`: what others read at their start, as far as anything here depends on it.
//! It is read again when it changes, like the rest.

use belay_access::NameList;
use belay_object::GoDuration;

use super::reader::Reader;
use crate::application_set::spec::Policy;

/// What stands in `argocd-cmd-params-cm`. Parameters of programs that are not here (Redis, the
/// repository server's connections, profiling) are left alone.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// `application.namespaces`: where Applications may stand besides the control plane's namespace.
    pub namespaces: NameList,
    /// The same, as it is written.
    pub namespace_texts: Vec<String>,
    /// `applicationsetcontroller.namespaces`
    pub applicationset_namespaces: Vec<String>,
    /// The rest of `applicationsetcontroller.`
    pub application_sets: ApplicationSetParameters,
    /// `controller.status.processors`
    pub status_processors: i64,
    /// `controller.operation.processors`
    pub operation_processors: i64,
    /// `controller.self.heal.timeout.seconds`
    pub self_heal_timeout_s: i64,
    /// `controller.self.heal.backoff.timeout.seconds`
    pub self_heal_backoff_s: i64,
    /// `controller.self.heal.backoff.factor`
    pub self_heal_backoff_factor: i64,
    /// `controller.self.heal.backoff.cap.seconds`
    pub self_heal_backoff_cap_s: i64,
    /// `controller.sync.timeout.seconds`; 0 is never.
    pub sync_timeout_s: i64,
    /// `controller.sync.wave.delay.seconds`
    pub wave_delay_s: i64,
    /// `controller.repo.error.grace.period.seconds`
    pub repo_error_grace_s: i64,
    /// `controller.diff.server.side`
    pub server_side_diff: bool,
    /// `controller.resource.health.persist`
    pub persist_resource_health: bool,
    /// `controller.metrics.application.labels`
    pub metrics_labels: Vec<String>,
    /// `controller.metrics.application.conditions`
    pub metrics_conditions: Vec<String>,
    /// `controller.metrics.cluster.labels`
    pub metrics_cluster_labels: Vec<String>,
    /// `controller.ignore.normalizer.jq.timeout`, or as the manual spells it `ignore.normalizer.jq.timeout`;
    /// never zero.
    pub jq_timeout: GoDuration,
    /// `hydrator.enabled`
    pub hydrator_enabled: bool,
    /// `server.insecure`: plain HTTP.
    pub insecure: bool,
    /// `server.basehref`
    pub base_href: String,
    /// `server.rootpath`
    pub root_path: String,
    /// `server.disable.auth`
    pub disable_auth: bool,
    /// `server.disable.swagger.ui`
    pub disable_swagger: bool,
    /// `server.enable.gzip`
    pub gzip: bool,
    /// `server.x.frame.options`
    pub frame_options: String,
    /// `server.api.content.types`
    pub content_types: Vec<String>,
    /// `server.sync.replace.allowed`
    pub replace_allowed: bool,
    /// `server.enable.proxy.extension`
    pub proxy_extensions: bool,
    /// `server.webhook.parallelism.limit`
    pub webhook_parallelism: i64,
    /// `server.tls.minversion`
    pub tls_min_version: String,
    /// `server.tls.maxversion`
    pub tls_max_version: String,
    /// `reposerver.enable.git.submodule`
    pub git_submodules: bool,
    /// `reposerver.git.request.timeout`; zero is without end.
    pub git_timeout: GoDuration,
    /// `reposerver.oci.layer.media.types`
    pub oci_media_types: Vec<String>,
    /// `reposerver.include.hidden.directories`
    pub hidden_directories: bool,
    /// `reposerver.allow.oob.symlinks`
    pub outside_symlinks: bool,
}

/// What ApplicationSets go by: keys of `applicationsetcontroller.`
#[derive(Clone, Debug)]
pub struct ApplicationSetParameters {
    /// `policy`: what may be done to Applications.
    pub policy: Policy,
    /// `enable.policy.override`: whether an ApplicationSet may say otherwise.
    pub policy_override: bool,
    /// `enable.progressive.syncs`
    pub progressive_syncs: bool,
    /// `enable.new.git.file.globbing`
    pub new_globbing: bool,
    /// `global.preserved.annotations`
    pub preserved_annotations: Vec<String>,
    /// `global.preserved.labels`
    pub preserved_labels: Vec<String>,
    /// `requeue.after`: how often repositories of generators are looked at.
    pub requeue_after: GoDuration,
    /// `status.max.resources.count`: how many Applications are listed; 0 for all.
    pub max_resources: usize,
}

impl ApplicationSetParameters {
    fn read(p: &mut Reader<'_>) -> ApplicationSetParameters {
        let policy = p.text("applicationsetcontroller.policy").trim();
        let known = Policy::parse(policy);
        if known.is_none() {
            // Argo CD's controller does not start then.
            p.warn("applicationsetcontroller.policy", "is none of sync, create-only, create-update, create-delete");
        }
        ApplicationSetParameters {
            policy: known.unwrap_or_default(),
            policy_override: p.flag("applicationsetcontroller.enable.policy.override", policy.is_empty()),
            progressive_syncs: p.flag("applicationsetcontroller.enable.progressive.syncs", false),
            new_globbing: p.flag("applicationsetcontroller.enable.new.git.file.globbing", false),
            preserved_annotations: p.list("applicationsetcontroller.global.preserved.annotations"),
            preserved_labels: p.list("applicationsetcontroller.global.preserved.labels"),
            requeue_after: p.pause("applicationsetcontroller.requeue.after", GoDuration::from_secs(180)),
            max_resources: usize::try_from(p.number("applicationsetcontroller.status.max.resources.count", 5000))
                .unwrap_or(0),
        }
    }
}

const MEDIA_TYPES: [&str; 3] = [
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
];

impl Parameters {
    pub(super) fn read(p: &mut Reader<'_>) -> Parameters {
        let namespace_texts = p.list("application.namespaces");
        let (namespaces, wrong) = NameList::new(namespace_texts.iter().map(String::as_str));
        p.warnings.extend(wrong.into_iter().map(|why| format!("argocd-cmd-params-cm: application.namespaces: {why}")));
        let text_or = |p: &Reader<'_>, key: &str, default: &str| match p.text(key) {
            "" => default.to_owned(),
            text => text.to_owned(),
        };
        Parameters {
            namespaces,
            namespace_texts,
            applicationset_namespaces: p.list("applicationsetcontroller.namespaces"),
            application_sets: ApplicationSetParameters::read(p),
            status_processors: p.number("controller.status.processors", 20),
            operation_processors: p.number("controller.operation.processors", 10),
            self_heal_timeout_s: p.number("controller.self.heal.timeout.seconds", 0),
            self_heal_backoff_s: p.number("controller.self.heal.backoff.timeout.seconds", 2),
            self_heal_backoff_factor: p.number("controller.self.heal.backoff.factor", 3),
            self_heal_backoff_cap_s: p.number("controller.self.heal.backoff.cap.seconds", 300),
            sync_timeout_s: p.number("controller.sync.timeout.seconds", 0),
            wave_delay_s: p.number("controller.sync.wave.delay.seconds", 2),
            repo_error_grace_s: p.number("controller.repo.error.grace.period.seconds", 180),
            server_side_diff: p.flag("controller.diff.server.side", false),
            persist_resource_health: p.flag("controller.resource.health.persist", false),
            metrics_labels: p.list("controller.metrics.application.labels"),
            metrics_conditions: p.list("controller.metrics.application.conditions"),
            metrics_cluster_labels: p.list("controller.metrics.cluster.labels"),
            jq_timeout: jq_timeout(p),
            hydrator_enabled: p.flag("hydrator.enabled", false),
            insecure: p.flag("server.insecure", false),
            base_href: text_or(p, "server.basehref", "/"),
            root_path: p.owned("server.rootpath"),
            disable_auth: p.flag("server.disable.auth", false),
            disable_swagger: p.flag("server.disable.swagger.ui", false),
            gzip: p.flag("server.enable.gzip", true),
            frame_options: text_or(p, "server.x.frame.options", "sameorigin"),
            content_types: match p.given("server.api.content.types") {
                // Compat(argo 3.5): separated by semicolons; empty turns the check off.
                Some(text) => text.split(';').map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned).collect(),
                None => vec!["application/json".to_owned()],
            },
            replace_allowed: p.flag("server.sync.replace.allowed", true),
            proxy_extensions: p.flag("server.enable.proxy.extension", false),
            webhook_parallelism: p.number("server.webhook.parallelism.limit", 50),
            tls_min_version: text_or(p, "server.tls.minversion", "1.2"),
            tls_max_version: text_or(p, "server.tls.maxversion", "1.3"),
            git_submodules: p.flag("reposerver.enable.git.submodule", true),
            git_timeout: p.pause("reposerver.git.request.timeout", GoDuration::from_secs(15)),
            oci_media_types: p.list_or("reposerver.oci.layer.media.types", &MEDIA_TYPES),
            hidden_directories: p.flag("reposerver.include.hidden.directories", false),
            outside_symlinks: p.flag("reposerver.allow.oob.symlinks", false),
        }
    }
}

/// Compat(argo-cd 3.5): nothing and zero are a second. The container is given the first key; the second is the manual's.
fn jq_timeout(p: &mut Reader<'_>) -> GoDuration {
    let second = GoDuration::from_secs(1);
    let keys = ["controller.ignore.normalizer.jq.timeout", "ignore.normalizer.jq.timeout"];
    let key = keys.into_iter().find(|key| !p.text(key).trim().is_empty()).unwrap_or(keys[0]);
    Some(p.pause(key, second)).filter(|time| *time > GoDuration::default()).unwrap_or(second)
}
