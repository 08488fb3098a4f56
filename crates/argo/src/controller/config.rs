//! The control plane's configuration, read from its config maps and secrets whenever one changes.
//!
//! A configuration is a value: a turn takes the one of its moment and goes by it to its end. One that
//! cannot be read in part is told and the part left as it was.

mod rules;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{CrSummary, CrView, Resource, ViewScope, Views};
use belay_health::argo::{Customizations, Health};
use belay_object::{Map, Object, ObjectKey};
use belay_tree::{Digest, DigestBuilder};
use jiff::Timestamp;

use crate::auto_sync::HealPace;
use crate::clusters::Clusters;
use crate::ignore::IgnoreRules;
use crate::known_types::KnownTypes;
use crate::manifests::ToolSettings;
use crate::names::{CONFIG, GPG_KEYS, KNOWN_HOSTS, PARAMETERS, PART_OF, RBAC, SECRET, SECRET_TYPE, TLS_CERTIFICATES};
use crate::repositories::{Repositories, Trust};
use crate::settings::{Objects, Settings};
use crate::tracking::Tracking;
use rules::{ignored, ignored_updates, known_types};

/// The configuration of a moment.
pub struct Config {
    /// As it is written.
    pub settings: Settings,
    /// How objects name their Application.
    pub tracking: Tracking,
    /// What tools are told.
    pub tools: Arc<ToolSettings>,
    /// What does not count in any Application.
    pub ignore: IgnoreRules,
    /// What is compared as a type of Kubernetes' own.
    pub known_types: KnownTypes,
    /// Which changes of live objects wake nobody; `None` where all do.
    pub ignore_updates: Option<IgnoreRules>,
    /// How objects are.
    pub assess: Arc<Customizations>,
    /// Where sources are, and how they are reached.
    pub repositories: Repositories,
    /// Where hydrated sources are written to, and as whom.
    pub writable: Repositories,
    /// Where Applications go, and how that is reached.
    pub clusters: Clusters,
    /// Whom to believe.
    pub trust: Trust,
    /// The pauses between repairs.
    pub heal: HealPace,
    /// Changes when watches of clusters must begin anew: what is kept of an object goes by it.
    pub watched_by: String,
    /// Whether there is an `argocd-cm`.
    has_map: bool,
    /// Why nothing can be compared: what is left out is not known, and was not before.
    pub unread: Option<String>,
    /// Changes when Applications may be judged, or reached, otherwise than before.
    pub judged_by: Digest,
}

impl Config {
    /// Reads it; what cannot be read is as in `before`, and a sentence.
    pub fn read(maps: &[Arc<Object>], secrets: &[Arc<Object>], before: Option<&Config>) -> (Config, Vec<String>) {
        let named = |all: &[Arc<Object>], name: &str| all.iter().find(|o| o.name() == name).cloned();
        let (config, parameters, rbac) = (named(maps, CONFIG), named(maps, PARAMETERS), named(maps, RBAC));
        let secret = named(secrets, SECRET);
        let mut settings = Settings::read(&Objects {
            config: config.as_deref(),
            parameters: parameters.as_deref(),
            rbac: rbac.as_deref(),
            secret: secret.as_deref(),
            others: secrets,
        });
        let mut warnings = settings.warnings.clone();
        let data = texts(config.as_deref());
        // What was left out is not suddenly looked after because somebody mistyped.
        let mut unread = settings.resources.filter.unread().map(str::to_owned);
        if unread.is_some()
            && let Some(before) = before
        {
            settings.resources.filter = before.settings.resources.filter.clone();
            unread.clone_from(&before.unread);
        }
        let scripts = settings.resources.overrides.iter();
        let scripts = scripts.map(|(pattern, o)| (pattern.as_str(), o.health_lua.as_str(), o.actions.as_str()));
        let (assess, wrong) = Customizations::compile(scripts);
        let assess = Arc::new(assess);
        warnings.extend(wrong.iter().map(ToString::to_string));
        let ignore = IgnoreRules::compile(&ignored(&settings)).unwrap_or_else(|why| {
            warnings.push(why);
            before.map(|b| b.ignore.clone()).unwrap_or_default()
        });
        let for_jq = settings.parameters.jq_timeout.to_std();
        let ignore_updates = ignored_updates(&settings).and_then(|rules| {
            let compiled = IgnoreRules::compile(&rules).map_err(|why| warnings.push(why)).ok();
            compiled.or_else(|| before.and_then(|b| b.ignore_updates.clone())).map(|rules| rules.within(for_jq))
        });
        let (known_types, wrong) = known_types(&settings);
        warnings.extend(wrong);
        let (repositories, wrong) = Repositories::read(secrets.iter().map(|o| &**o));
        warnings.extend(wrong);
        let (writable, wrong) = Repositories::read_writable(secrets.iter().map(|o| &**o));
        warnings.extend(wrong);
        let (clusters, wrong) = Clusters::read(secrets.iter().map(|o| &**o), settings.in_cluster_enabled);
        warnings.extend(wrong);
        let map = |name: &str| named(maps, name);
        let (hosts, certificates, keys) = (map(KNOWN_HOSTS), map(TLS_CERTIFICATES), map(GPG_KEYS));
        let scripts = data.iter().filter(|(key, _)| key.starts_with("resource."));
        let watched_by = format!("{:?} {for_jq:?} {:?}", settings.tracking, scripts.collect::<Vec<_>>());
        let config = Config {
            tracking: settings.tracking.clone(),
            tools: Arc::new(settings.tools.clone()),
            ignore: ignore.within(for_jq),
            ignore_updates,
            known_types,
            assess,
            repositories,
            writable,
            clusters,
            trust: Trust::read(hosts.as_deref(), certificates.as_deref(), keys.as_deref()),
            heal: pace(&settings),
            watched_by,
            has_map: config.is_some(),
            unread,
            judged_by: judged_by(&data, parameters.as_deref(), maps, secrets),
            settings,
        };
        (config, warnings)
    }
    /// How an object is; `None` for one of a kind without health.
    pub fn health(&self, object: &Object) -> Option<Health> {
        self.assess.health(object, Timestamp::now().as_second())
    }
    /// The pause between two waves.
    pub fn wave_pause(&self) -> Duration {
        seconds(self.settings.parameters.wave_delay_s)
    }
    /// How long an operation may run; zero for ever.
    pub fn sync_timeout(&self) -> Duration {
        seconds(self.settings.parameters.sync_timeout_s)
    }
    /// How long what was found before stands while a repository cannot be read.
    pub fn repo_error_grace(&self) -> Duration {
        seconds(self.settings.parameters.repo_error_grace_s)
    }
    /// How often repositories are looked at; zero never.
    pub fn poll_every(&self) -> Duration {
        self.settings.timers.reconciliation.to_std()
    }
    /// Whether a kind is left out on a cluster.
    pub fn excludes(&self, group: &str, kind: &str, server: &str) -> bool {
        self.settings.resources.filter.excludes(group, kind, server)
    }
}

/// Keys of `argocd-cm` that are about people and what they see: no Application goes by them.
const OF_PEOPLE: [&str; 12] = [
    "accounts.",
    "admin.",
    "users.",
    "dex.",
    "oidc.",
    "ui.",
    "help.",
    "ga.",
    "statusbadge.",
    "exec.",
    "extension.",
    "passwordPattern",
];

/// A digest of what Applications go by. Sessions, tokens and passwords are written all the time, in objects beside.
fn judged_by(
    config: &BTreeMap<String, String>,
    parameters: Option<&Object>,
    maps: &[Arc<Object>],
    secrets: &[Arc<Object>],
) -> Digest {
    let mut digest = DigestBuilder::new("argo configuration");
    for (key, value) in config.iter().filter(|(key, _)| !OF_PEOPLE.iter().any(|prefix| key.starts_with(prefix))) {
        digest.part(key).part(value);
    }
    let files = maps.iter().filter(|map| [KNOWN_HOSTS, TLS_CERTIFICATES, GPG_KEYS].contains(&map.name()));
    let described = secrets.iter().filter(|secret| secret.label(SECRET_TYPE).is_some());
    let mut all: Vec<&Object> = parameters.into_iter().chain(files.chain(described).map(|o| &**o)).collect();
    all.sort_by_key(|object| (object.kind().to_owned(), object.name().to_owned()));
    for object in all {
        digest.part(object.name());
        for path in [&["metadata", "labels"][..], &["metadata", "annotations"], &["data"], &["binaryData"]] {
            digest.part(object.at(path).map(belay_object::Value::to_json).unwrap_or_default());
        }
    }
    digest.finish()
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or(0))
}

fn pace(settings: &Settings) -> HealPace {
    let parameters = &settings.parameters;
    let fixed = seconds(parameters.self_heal_timeout_s);
    HealPace {
        fixed: (!fixed.is_zero()).then_some(fixed),
        first: seconds(parameters.self_heal_backoff_s),
        factor: u32::try_from(parameters.self_heal_backoff_factor).unwrap_or(3),
        longest: seconds(parameters.self_heal_backoff_cap_s),
    }
}

fn texts(map: Option<&Object>) -> BTreeMap<String, String> {
    let data = map.and_then(|m| m.get("data")).and_then(|d| d.as_object());
    let fields = data.into_iter().flat_map(Map::iter);
    fields.filter_map(|(name, value)| Some((name.to_string(), value.as_str()?.to_owned()))).collect()
}

/// The secrets that an installation is read from: its `own`, by the label of its parts, and those that
/// `described` repositories, clusters and credentials. One that is both is there once, as its own.
pub fn all_secrets(own: Vec<Arc<Object>>, described: Vec<Arc<Object>>) -> Vec<Arc<Object>> {
    let known: HashSet<String> = own.iter().map(|secret| secret.name().to_owned()).collect();
    let mut all = own;
    all.extend(described.into_iter().filter(|secret| !known.contains(secret.name())));
    all
}

/// The watches of what configuration is read from.
pub(crate) struct Files {
    maps: CrView,
    settings: CrView,
    described: CrView,
}

impl Files {
    /// Watches a namespace.
    pub fn watch(views: &Views<CrSummary>, namespace: &str) -> Files {
        let scope = |labels: &str| ViewScope { labels: labels.to_owned(), ..ViewScope::in_namespace(namespace) };
        let part_of = format!("{}={}", PART_OF.0, PART_OF.1);
        let secrets = Resource::known("", "v1", "Secret", "secrets", true);
        Files {
            maps: views.view(&Resource::known("", "v1", "ConfigMap", "configmaps", true), &scope(&part_of)),
            settings: views.view(&secrets, &scope(&part_of)),
            described: views.view(&secrets, &scope(SECRET_TYPE)),
        }
    }
    /// Whether a change is of what configuration is read from.
    pub fn is_of(key: &ObjectKey) -> bool {
        key.kind.group.is_empty() && (key.kind.kind == "ConfigMap" || key.kind.kind == "Secret")
    }
    /// Waits until what was there at the start is known.
    pub async fn synced(&self, patience: Duration) -> belay_cluster::Result<()> {
        for view in [&self.maps, &self.settings, &self.described] {
            view.synced(patience).await?;
        }
        Ok(())
    }
    /// Whether `argocd-cm` went that was there before: that says nothing of what it said.
    pub fn is_cut(&self, before: &Config) -> bool {
        before.has_map && !self.maps.objects().iter().any(|map| map.name() == CONFIG)
    }
    /// Reads what they hold now.
    pub fn read(&self, before: Option<&Config>) -> Config {
        let secrets = all_secrets(self.settings.objects(), self.described.objects());
        let (config, warnings) = Config::read(&self.maps.objects(), &secrets, before);
        for warning in warnings {
            tracing::warn!("configuration: {warning}");
        }
        config
    }
}

#[cfg(test)]
mod tests;
