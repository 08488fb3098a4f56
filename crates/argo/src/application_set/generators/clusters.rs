//! Parameters of each cluster that a secret describes, and of the one that we run in.

use std::collections::BTreeMap;

use belay_object::{LabelSelector, Map, Value};

use super::Generating;
use crate::application_set::params::Params;
use crate::application_set::spec::ClusterGenerator;
use crate::application_set::templates::normalized;
use crate::clusters::ClusterEntry;
use crate::names::{IN_CLUSTER, IN_CLUSTER_SERVER, SECRET_TYPE, secret_type};

/// What parameters are made of.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClusterParams {
    /// What people call it.
    pub name: String,
    /// URL of its API server.
    pub server: String,
    /// The project whose own it is.
    pub project: String,
    /// Labels of its secret.
    pub labels: Map,
    /// Annotations of its secret.
    pub annotations: Map,
}

impl ClusterParams {
    /// Of a cluster that a secret describes.
    pub fn of(entry: &ClusterEntry) -> ClusterParams {
        let mut labels = entry.labels.clone();
        labels.insert(SECRET_TYPE, secret_type::CLUSTER);
        ClusterParams {
            name: entry.name.clone(),
            server: entry.server.clone(),
            project: entry.project.clone(),
            labels,
            annotations: entry.annotations.clone(),
        }
    }
    fn params(&self, is_go: bool) -> Params {
        let mut params = Params::default();
        params.set("name", self.name.as_str());
        params.set("nameNormalized", normalized(&self.name));
        params.set("server", self.server.as_str());
        params.set("project", self.project.as_str());
        let both = [("labels", &self.labels), ("annotations", &self.annotations)];
        if is_go {
            let mut metadata = Map::new();
            for (field, texts) in both.into_iter().filter(|(_, texts)| !texts.is_empty()) {
                metadata.insert(field, texts.clone());
                params.of_texts(&["metadata", field]);
            }
            params.set("metadata", metadata);
        } else {
            for (field, texts) in both {
                texts.iter().for_each(|(key, text)| params.set(&format!("metadata.{field}.{key}"), text.clone()));
            }
        }
        params
    }
}

impl Generating<'_> {
    pub(super) fn clusters(&self, generator: &ClusterGenerator) -> Result<Vec<Params>, String> {
        let selector = LabelSelector::from_value(&generator.selector).map_err(|e| format!("selector: {e}"))?;
        let is_go = self.templates.is_go();
        // Compat(argo-cd 3.5): of several of one name one counts.
        let mut by_name = BTreeMap::new();
        for cluster in self.surroundings.clusters()? {
            if selector.matches(Some(&cluster.labels)) {
                by_name.insert(cluster.name.clone(), cluster);
            }
        }
        let has_own = by_name.values().any(|cluster| cluster.server == IN_CLUSTER_SERVER);
        let mut all = Vec::with_capacity(by_name.len() + 1);
        for cluster in by_name.values() {
            let mut params = cluster.params(is_go);
            self.with_values(&mut params, &generator.values)?;
            all.push(params);
        }
        // Compat(argo-cd 3.5): without a secret it has no labels to be selected by.
        if selector.is_empty() && !has_own {
            let mut params = Params::default();
            params.set("name", IN_CLUSTER);
            params.set("nameNormalized", IN_CLUSTER);
            params.set("server", IN_CLUSTER_SERVER);
            params.set("project", Value::from(""));
            self.with_values(&mut params, &generator.values)?;
            all.push(params);
        }
        Ok(if generator.flat_list { vec![Params::listed("clusters", all)] } else { all })
    }
}
