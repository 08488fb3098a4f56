//! ConfigMaps and Secrets that ask to be watched: a change of one wakes the Kustomizations and HelmReleases
//! that read it.
//!
//! Those asked for are labelled `reconcile.fluxcd.io/watch: Enabled`, and the server sends no others. Of
//! each a digest of its data is kept, never the data. What is read for is not known here: who is woken
//! reads what it needs anew.

use std::sync::Arc;
use std::time::Duration;

use belay_cluster::{Change, Cluster, Resource, Summarize, View, ViewScope, Views};
use belay_object::{Object, Value, object};
use belay_tree::Digest;

use crate::shared::{Name, Settings, Shared};

/// What a Kustomization or HelmRelease reads: `ConfigMap` or `Secret`, and its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Config {
    secret: bool,
    name: Name,
}

impl Config {
    /// A config by its kind; `None` for a kind that holds none.
    pub fn of(kind: &str, name: Name) -> Option<Config> {
        match kind {
            "ConfigMap" => Some(Config { secret: false, name }),
            "Secret" => Some(Config { secret: true, name }),
            _ => None,
        }
    }

    /// All that a Kustomization or HelmRelease names.
    pub fn named_by(object: &Object) -> Vec<Config> {
        let in_namespace = |name: &str| Name::new(object.namespace(), name);
        let lists: [&[&str]; 2] = [&["spec", "postBuild", "substituteFrom"], &["spec", "valuesFrom"]];
        let listed = lists.into_iter().flat_map(|path| object.at(path).map_or(&[][..], Value::items));
        let listed = listed.filter_map(|from| {
            Config::of(from.str_at(&["kind"]).unwrap_or_default(), in_namespace(from.str_at(&["name"])?))
        });
        let secrets = [["spec", "decryption", "secretRef", "name"], ["spec", "kubeConfig", "secretRef", "name"]];
        let secrets = secrets.iter().filter_map(|path| Config::of("Secret", in_namespace(object.str_at(path)?)));
        listed.chain(secrets).collect()
    }
}

/// The watches; they end with this.
pub(crate) struct Configs {
    _watched: [View<Data>; 2],
}

impl Configs {
    /// Begins to watch. A server that does not let us is asked again and again, in the background.
    pub fn watch(cluster: &Cluster, settings: &Settings, shared: &Arc<Shared>) -> Configs {
        let views = Views::new(cluster.clone(), Data, Duration::ZERO);
        let seen = Arc::downgrade(shared);
        views.on_change(move |change: &Change<Digest>| {
            let name = Name { namespace: change.key.namespace.clone(), name: change.key.name.clone() };
            if let (Some(shared), Some(config)) = (seen.upgrade(), Config::of(&change.key.kind.kind, name)) {
                shared.references.readers(&config).into_iter().for_each(|n| shared.kustomization_queue.add(n));
                if let Some(helm) = shared.helm.get() {
                    helm.references.readers(&config).into_iter().for_each(|n| helm.release_queue.add(n));
                }
            }
        });
        let scope = ViewScope {
            namespace: settings.namespace.clone(),
            labels: settings.configs_label_selector.clone(),
            ..ViewScope::default()
        };
        let view = |kind, plural| views.view(&Resource::known("", "v1", kind, plural, true), &scope);
        Configs { _watched: [view("ConfigMap", "configmaps"), view("Secret", "secrets")] }
    }
}

/// Keeps a digest of an object's data.
struct Data;

impl Summarize for Data {
    type Summary = Digest;
    fn summarize(&self, _: &Resource, object: Object) -> Option<Digest> {
        let of = |field: &str| object.get(field).cloned().unwrap_or(Value::Null);
        let data = object! { "data" => of("data"), "binaryData" => of("binaryData") };
        Some(Digest::of(data.to_json().as_bytes()))
    }
}

#[cfg(test)]
mod tests;
