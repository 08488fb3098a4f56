//! The settings of an installation, read from its config maps and its secret.
//!
//! [`Settings::read`] is a pure function over the objects: it is called again whenever one of them
//! changes. A value that cannot be read is a sentence in [`Settings::warnings`], and the default
//! counts. What is secret is held in [`belay_net::Secret`], so settings can be printed.
//!
//! Repositories and clusters have modules of their own; what a setting does is decided where it is
//! used.

pub mod accounts;
pub mod logins;
mod parameters;
mod reader;
mod resources;
mod secrets;
pub mod tokens;
mod ui;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::PolicySource;
use belay_net::Secret;
use belay_object::{GoDuration, LabelSelector, Map, Object, Value};

use crate::manifests::ToolSettings;
use crate::tracking::{INSTANCE_LABEL, Method, Tracking};
use accounts::Accounts;
use reader::Reader;

pub use parameters::Parameters;
pub use resources::{CompareOptions, IgnoreStatus, Override, ResourceFilter, Resources, RespectRbac};
pub use secrets::SecretValues;
pub use ui::{DeepLink, Ui};

pub(crate) use reader::{parse_bool, secret_bytes, secret_text};

/// The objects that settings are read from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Objects<'a> {
    /// `argocd-cm`
    pub config: Option<&'a Object>,
    /// `argocd-cmd-params-cm`
    pub parameters: Option<&'a Object>,
    /// `argocd-rbac-cm`
    pub rbac: Option<&'a Object>,
    /// `argocd-secret`
    pub secret: Option<&'a Object>,
    /// Other secrets of the installation, which `$<name>:<key>` refers to.
    pub others: &'a [Arc<Object>],
}

/// The settings of an installation.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `url`, where people reach it.
    pub url: String,
    /// `additionalUrls`
    pub additional_urls: Vec<String>,
    /// How objects are tracked.
    pub tracking: Tracking,
    /// How often applications are looked at.
    pub timers: Timers,
    /// What is said of kinds of resources.
    pub resources: Resources,
    /// What is said of the tools that render.
    pub tools: ToolSettings,
    /// `kustomize.buildOptions.<version>`
    pub kustomize_build_options: BTreeMap<String, String>,
    /// Local accounts.
    pub accounts: Accounts,
    /// Signing in.
    pub auth: Auth,
    /// The role policy, as it is written.
    pub policy: PolicySource,
    /// `globalProjects`
    pub global_projects: Vec<GlobalProject>,
    /// `cluster.inClusterEnabled`
    pub in_cluster_enabled: bool,
    /// Syncing as service accounts of destinations.
    pub impersonation: Impersonation,
    /// What syncs and resources need of rights.
    pub rights: Rights,
    /// Webhooks of Git hosts.
    pub webhooks: Webhooks,
    /// What the web pages show.
    pub ui: Ui,
    /// `exec.enabled`
    pub exec_enabled: bool,
    /// `exec.shells`
    pub exec_shells: Vec<String>,
    /// `server.maxPodLogsToRender`
    pub max_pod_logs: i64,
    /// `extension.config`, and by name `extension.config.<name>`. Headers may hold passwords.
    pub extensions: BTreeMap<String, Secret<String>>,
    /// `commit.author.name`, `commit.author.email`
    pub commit_author: (String, String),
    /// `sourceHydrator.commitMessageTemplate`; empty for the default.
    pub hydrator_commit_template: String,
    /// `sourceHydrator.readmeMessageTemplate`; empty for the default.
    pub hydrator_readme_template: String,
    /// `argocd-cmd-params-cm`
    pub parameters: Parameters,
    /// `server.secretkey`, which tokens are signed with.
    pub server_key: Option<Secret<Vec<u8>>>,
    /// `tls.crt` and `tls.key` of the secret.
    pub certificate: Option<(Vec<u8>, Secret<Vec<u8>>)>,
    /// What `$` refers to.
    pub secrets: SecretValues,
    /// What could not be read, a sentence each.
    pub warnings: Vec<String>,
}

/// How often applications are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// `timeout.reconciliation`
    pub reconciliation: GoDuration,
    /// `timeout.reconciliation.jitter`
    pub jitter: GoDuration,
    /// `timeout.hard.reconciliation`; zero is never.
    pub hard: GoDuration,
}

impl Timers {
    /// How long until a repository is looked at again; `None` for never. `random` gives a number below another.
    /// Compat(argo-cd 3.5): the jitter is a random part of itself, after the time.
    pub fn next_look(&self, random: impl Fn(u64) -> u64) -> Option<Duration> {
        let every = self.reconciliation.to_std();
        (!every.is_zero()).then(|| every.saturating_add(self.spread(random)))
    }
    /// How long until an Application whose last comparison is so old is compared with all forgotten; `None` for never.
    pub fn next_hard(&self, age: Option<Duration>, random: impl Fn(u64) -> u64) -> Option<Duration> {
        let every = self.hard.to_std();
        // One that could not be compared is tried again after the whole time, not at once.
        let left = age.and_then(|age| every.checked_sub(age)).filter(|left| !left.is_zero()).unwrap_or(every);
        (!every.is_zero()).then(|| left.saturating_add(self.spread(random)))
    }
    /// Whether a last comparison of this age is too old for what is remembered to be believed.
    pub fn is_hard(&self, age: Option<Duration>) -> bool {
        let every = self.hard.to_std();
        !every.is_zero() && age.is_some_and(|age| age >= every)
    }
    fn spread(&self, random: impl Fn(u64) -> u64) -> Duration {
        Duration::from_nanos(random(u64::try_from(self.jitter.as_nanos()).unwrap_or(0).saturating_add(1)))
    }
}

/// Signing in.
#[derive(Clone, Debug)]
pub struct Auth {
    /// `users.anonymous.enabled`
    pub anonymous: bool,
    /// `users.session.duration`
    pub session: GoDuration,
    /// `passwordPattern`
    pub password_pattern: String,
    /// `dex.config`; may hold passwords.
    pub dex: Option<Secret<String>>,
    /// `dex.auth.connectorId`
    pub dex_connector: String,
    /// `oidc.config`, read, `$` resolved; may hold passwords.
    pub oidc: Option<Secret<Value>>,
    /// `oidc.tls.insecure.skip.verify`
    pub oidc_insecure: bool,
}

/// Projects that add to those which a selector chooses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GlobalProject {
    /// Which adds.
    pub project: String,
    /// To which it adds.
    pub selector: LabelSelector,
}

impl GlobalProject {
    /// Whether it adds to a project.
    pub fn adds_to(&self, project: &str, labels: &Map) -> bool {
        self.project != project && self.selector.matches(Some(labels))
    }
}

/// Syncing as service accounts of destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impersonation {
    /// `application.sync.impersonation.enabled`
    pub enabled: bool,
    /// `application.sync.impersonation.enforced`: without an account there is no sync.
    pub enforced: bool,
}

/// What syncs and resources need of rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// `server.rbac.disableApplicationFineGrainedRBACInheritance`: rights on an application are
    /// none on its resources.
    pub no_inheritance: bool,
    /// `server.rbac.rollback.enforce.enable`: rolling back needs its own right.
    pub rollback: bool,
    /// `application.sync.requireOverridePrivilegeForRevisionSync`
    pub override_for_revision: bool,
}

/// Webhooks of Git hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhooks {
    /// By host: `github`, `gitlab`, `bitbucket` (its uuid), `bitbucketserver`, `gogs`, `harbor`.
    pub secrets: BTreeMap<&'static str, Secret<String>>,
    /// `webhook.azuredevops.username` and `.password`
    pub azure_devops: Option<(String, Secret<String>)>,
    /// `webhook.maxPayloadSizeMB`, in bytes.
    pub max_payload_bytes: u64,
    /// `webhook.refresh.jitter`
    pub refresh_jitter: GoDuration,
    /// `webhook.refresh.jitter.threshold`
    pub refresh_jitter_threshold: i64,
}

/// Longest text that is matched against `passwordPattern`.
const DEFAULT_PASSWORD_PATTERN: &str = "^.{8,32}$";

impl Settings {
    /// Reads the settings; absent objects leave the defaults.
    pub fn read(objects: &Objects<'_>) -> Settings {
        let mut config = Reader::new(objects.config, "argocd-cm");
        let mut parameters = Reader::new(objects.parameters, "argocd-cmd-params-cm");
        let secrets = SecretValues::read(objects.secret, objects.others);
        let (policy, policy_warnings) = PolicySource::read(objects.rbac);
        let (accounts, account_warnings) = Accounts::read(objects.config, objects.secret);
        let mut settings = Settings {
            url: url(&mut config, "url"),
            additional_urls: config.yaml_texts("additionalUrls"),
            tracking: tracking(&mut config),
            timers: Timers {
                reconciliation: config.pause("timeout.reconciliation", GoDuration::from_secs(120)),
                jitter: config.pause("timeout.reconciliation.jitter", GoDuration::from_secs(60)),
                hard: config.pause("timeout.hard.reconciliation", GoDuration::from_secs(0)),
            },
            resources: Resources::read(&mut config),
            kustomize_build_options: config.under("kustomize.buildOptions."),
            accounts,
            auth: auth(&mut config, &secrets),
            policy,
            global_projects: global_projects(&mut config),
            in_cluster_enabled: config.not_false("cluster.inClusterEnabled"),
            impersonation: Impersonation {
                enabled: config.is_true("application.sync.impersonation.enabled"),
                enforced: config.not_false("application.sync.impersonation.enforced"),
            },
            rights: Rights {
                no_inheritance: config.flag("server.rbac.disableApplicationFineGrainedRBACInheritance", true),
                rollback: config.flag("server.rbac.rollback.enforce.enable", false),
                override_for_revision: config.is_true("application.sync.requireOverridePrivilegeForRevisionSync"),
            },
            webhooks: webhooks(&mut config, objects.secret),
            ui: Ui::read(&mut config),
            exec_enabled: config.is_true("exec.enabled"),
            exec_shells: config.list_or("exec.shells", &["bash", "sh", "powershell", "cmd"]),
            max_pod_logs: config.number("server.maxPodLogsToRender", 10),
            extensions: extensions(&config),
            commit_author: (config.owned("commit.author.name"), config.owned("commit.author.email")),
            hydrator_commit_template: config.owned("sourceHydrator.commitMessageTemplate"),
            hydrator_readme_template: config.owned("sourceHydrator.readmeMessageTemplate"),
            tools: tools(&mut config, &mut parameters),
            parameters: Parameters::read(&mut parameters),
            server_key: secret_bytes(objects.secret, "server.secretkey").map(Secret::new),
            certificate: certificate(objects.secret),
            secrets,
            warnings: Vec::new(),
        };
        let parts = [config.warnings, parameters.warnings, policy_warnings, account_warnings];
        settings.warnings = parts.into_iter().flatten().collect();
        settings
    }
}

/// The certificate of a secret of kind `kubernetes.io/tls`, such as `argocd-server-tls`.
pub fn certificate(secret: Option<&Object>) -> Option<(Vec<u8>, Secret<Vec<u8>>)> {
    Some((secret_bytes(secret, "tls.crt")?, Secret::new(secret_bytes(secret, "tls.key")?)))
}

fn tracking(config: &mut Reader<'_>) -> Tracking {
    let method = config.text("application.resourceTrackingMethod");
    if !matches!(method, "" | "annotation" | "annotation+label" | "label") {
        config.warn("application.resourceTrackingMethod", "is neither annotation, annotation+label nor label");
    }
    let label = config.text("application.instanceLabelKey");
    Tracking {
        method: Method::parse(method),
        label_key: if label.is_empty() { INSTANCE_LABEL } else { label }.to_owned(),
        installation_id: config.owned("installationID"),
    }
}

fn tools(config: &mut Reader<'_>, parameters: &mut Reader<'_>) -> ToolSettings {
    let default = ToolSettings::default();
    // Compat(argo 3.5): anything but `true` turns a tool off; an empty list of schemes allows none.
    let mut on = |key| config.text(key).is_empty() || config.is_true(key);
    let (helm_enabled, kustomize_enabled) = (on("helm.enable"), on("kustomize.enable"));
    let jsonnet_enabled = on("jsonnet.enable");
    ToolSettings {
        kustomize_build_options: config.owned("kustomize.buildOptions"),
        helm_enabled,
        kustomize_enabled,
        jsonnet_enabled,
        values_file_schemes: match config.given("helm.valuesFileSchemes") {
            Some(_) => config.list("helm.valuesFileSchemes"),
            None => default.values_file_schemes,
        },
        max_directory_bytes: parameters
            .bytes("reposerver.max.combined.directory.manifests.size", default.max_directory_bytes),
    }
}

/// A URL that people follow; another scheme is told of, and kept, as there.
fn url(config: &mut Reader<'_>, key: &str) -> String {
    let text = config.text(key);
    if !text.is_empty() && !text.starts_with("http://") && !text.starts_with("https://") {
        config.warn(key, "must include http or https protocol");
    }
    text.to_owned()
}

fn auth(config: &mut Reader<'_>, secrets: &SecretValues) -> Auth {
    let pattern = config.text("passwordPattern");
    let pattern = if pattern.is_empty() { DEFAULT_PASSWORD_PATTERN } else { pattern };
    let dex = Some(config.owned("dex.config")).filter(|text| !text.is_empty());
    // The parser's words may quote a line that holds a password, so they are not kept.
    let oidc = match config.given("oidc.config").filter(|text| !text.trim().is_empty()) {
        None => None,
        Some(text) => match belay_yaml::parse_value(text, &belay_yaml::Options::v2()) {
            Ok(value) if value.as_object().is_some() => Some(Secret::new(secrets.resolve_value(&value))),
            _ => {
                config.warn_without_value("oidc.config", "is no map in YAML");
                None
            }
        },
    };
    Auth {
        anonymous: config.is_true("users.anonymous.enabled"),
        session: config.duration("users.session.duration", GoDuration::from_secs(24 * 3600)),
        password_pattern: pattern.to_owned(),
        dex_connector: if oidc.is_some() { String::new() } else { config.owned("dex.auth.connectorId") },
        dex: dex.map(Secret::new),
        oidc,
        oidc_insecure: config.is_true("oidc.tls.insecure.skip.verify"),
    }
}

fn global_projects(config: &mut Reader<'_>) -> Vec<GlobalProject> {
    let mut projects = Vec::new();
    for entry in config.yaml("globalProjects").as_ref().map_or(&[][..], Value::items) {
        let name = entry.str_at(&["projectName"]).unwrap_or_default();
        let selector = entry.get("labelSelector").cloned().unwrap_or_else(Value::object);
        match LabelSelector::from_value(&selector) {
            Ok(selector) if !name.is_empty() => projects.push(GlobalProject { project: name.to_owned(), selector }),
            Ok(_) => config.warnings.push("argocd-cm: globalProjects: an entry has no projectName".to_owned()),
            Err(why) => config.warnings.push(format!("argocd-cm: globalProjects: labelSelector of {name:?}: {why}")),
        }
    }
    projects
}

fn webhooks(config: &mut Reader<'_>, secret: Option<&Object>) -> Webhooks {
    const KEYS: [(&str, &str); 6] = [
        ("github", "webhook.github.secret"),
        ("gitlab", "webhook.gitlab.secret"),
        ("bitbucket", "webhook.bitbucket.uuid"),
        ("bitbucketserver", "webhook.bitbucketserver.secret"),
        ("gogs", "webhook.gogs.secret"),
        ("harbor", "webhook.harbor.secret"),
    ];
    let value = |key: &str| secret_text(secret, key).filter(|text| !text.is_empty());
    let secrets = KEYS.iter().filter_map(|(host, key)| Some((*host, Secret::new(value(key)?)))).collect();
    let password = Secret::new(value("webhook.azuredevops.password").unwrap_or_default());
    let threshold = config.number("webhook.refresh.jitter.threshold", 10);
    let megabytes = u64::try_from(config.number("webhook.maxPayloadSizeMB", 50)).unwrap_or(50);
    Webhooks {
        secrets,
        azure_devops: value("webhook.azuredevops.username").map(|user| (user, password)),
        // A gibibyte is more than any host sends, and less than what would hurt.
        max_payload_bytes: megabytes.min(1024) << 20,
        refresh_jitter: config.duration("webhook.refresh.jitter", GoDuration::from_secs(0)),
        refresh_jitter_threshold: if threshold < 0 { 10 } else { threshold },
    }
}

fn extensions(config: &Reader<'_>) -> BTreeMap<String, Secret<String>> {
    let named = config.under("extension.config.");
    let whole = config.given("extension.config").map(|text| (String::new(), text.to_owned()));
    whole.into_iter().chain(named).map(|(name, text)| (name, Secret::new(text))).collect()
}

#[cfg(test)]
mod tests;
