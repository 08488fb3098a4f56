//! What notifications are configured with, and whether somebody else sends them.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use belay_cluster::{CrSummary, CrView, Resource, ViewScope, Views};
use belay_net::Secret;
use belay_notify::{Config, Secrets};
use belay_object::{Map, Object, ObjectKey, Value};

use crate::controller::rival::has_pods;
use crate::names::{CONFIG, NOTIFICATIONS};

/// Values that the config map refers to.
// Compat(argo-cd 3.5)
const SECRET: &str = "argocd-notifications-secret";
/// The label of Argo CD's own controller, whoever installed it.
const RIVAL: &str = "app.kubernetes.io/name=argocd-notifications-controller";

/// How long a watch may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// The watches.
pub(super) struct Files {
    views: Views<CrSummary>,
    namespace: String,
    map: CrView,
    secret: CrView,
    /// Only looked at where something is configured.
    rivals: Option<CrView>,
    told: bool,
}

/// Whether a change is of what is read here.
pub(super) fn is_of(key: &ObjectKey) -> bool {
    match (key.kind.group.as_str(), key.kind.kind.as_str()) {
        ("", "ConfigMap") => [NOTIFICATIONS, CONFIG].contains(&&*key.name),
        ("", "Secret") => &*key.name == SECRET,
        ("apps", "Deployment") => true,
        _ => false,
    }
}

impl Files {
    /// Watches a namespace.
    pub fn watch(views: &Views<CrSummary>, namespace: &str) -> Files {
        let named = |kind: &str, plural: &str, name: &str| {
            let fields = format!("metadata.name={name}");
            let scope = ViewScope { fields, ..ViewScope::in_namespace(namespace) };
            views.view(&Resource::known("", "v1", kind, plural, true), &scope)
        };
        Files {
            map: named("ConfigMap", "configmaps", NOTIFICATIONS),
            secret: named("Secret", "secrets", SECRET),
            views: views.clone(),
            namespace: namespace.to_owned(),
            rivals: None,
            told: false,
        }
    }

    /// Reads what they hold; `None` where nothing is configured, or Argo CD's own controller sends.
    pub async fn read(&mut self) -> Option<Config> {
        // What is not known within the time is looked at when it is: the watch's first event comes back here.
        let _ = self.map.synced(PATIENCE).await;
        let Some(map) = self.map.object(&self.namespace, NOTIFICATIONS) else {
            (self.rivals, self.told) = (None, false);
            return None;
        };
        let _ = self.secret.synced(PATIENCE).await;
        if self.has_rival().await {
            if !std::mem::replace(&mut self.told, true) {
                tracing::warn!(
                    "Argo CD's own notifications controller runs here: nothing is sent until it is scaled to 0, so \
                     that nobody is told twice"
                );
            }
            return None;
        }
        self.told = false;
        let secret = self.secret.object(&self.namespace, SECRET);
        Some(Config::read(&texts(&map), secret.as_deref().map(secrets).unwrap_or_default()))
    }

    async fn has_rival(&mut self) -> bool {
        let rivals = self.rivals.get_or_insert_with(|| {
            let scope = ViewScope { labels: RIVAL.to_owned(), ..ViewScope::in_namespace(&self.namespace) };
            self.views.view(&Resource::known("apps", "v1", "Deployment", "deployments", true), &scope)
        });
        // Who may not look is not kept out for ever.
        if let Err(error) = rivals.synced(PATIENCE).await {
            tracing::warn!(%error, "cannot look whether Argo CD's own notifications controller runs; taken as that it does not");
        }
        rivals.objects().iter().any(|workload| has_pods(workload))
    }
}

fn texts(map: &Object) -> BTreeMap<String, String> {
    let fields = map.get("data").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    fields.filter_map(|(key, text)| Some((key.to_string(), text.as_str()?.to_owned()))).collect()
}

fn secrets(secret: &Object) -> Secrets {
    let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
    let fields = secret.get("data").and_then(Value::as_object).into_iter().flat_map(Map::iter);
    fields.filter_map(|(key, text)| Some((key.to_string(), Secret::new(decode(text.as_str()?)?)))).collect()
}
