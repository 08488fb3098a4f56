//! Which cluster a Kustomization goes to, and as whom.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine;
use belay_cluster::{Cluster, Fence, Identity, Resource, SecretKubeconfig};
use belay_engine::{Elsewhere, Target};
use parking_lot::Mutex;

use crate::shared::Settings;
use crate::spec::{KubeConfigRef, Kustomization};

/// Clusters reached by kubeconfigs in secrets, by secret and its version: one connection pool each.
/// At most this many are kept.
const MAX_CLUSTERS: usize = 256;

/// Makes targets, and keeps the clusters that were reached.
pub(crate) struct Targets {
    home: Cluster,
    allow: SecretKubeconfig,
    default_account: String,
    elsewhere: Elsewhere,
    fence: Arc<dyn Fence>,
    remote: Mutex<HashMap<String, (String, Cluster)>>,
}

impl Targets {
    pub fn new(home: Cluster, fence: Arc<dyn Fence>, settings: &Settings) -> Targets {
        let allow = SecretKubeconfig {
            exec: settings.kubeconfig_exec,
            insecure_tls: settings.kubeconfig_insecure_tls,
            ..SecretKubeconfig::default()
        };
        Targets {
            home,
            allow,
            default_account: settings.default_service_account.clone(),
            elsewhere: settings.claimed_elsewhere.clone(),
            fence,
            remote: Mutex::default(),
        }
    }

    /// Whether a Kustomization goes to the cluster of a target.
    pub fn is_same(spec: &Kustomization, target: &Target) -> bool {
        match &spec.kube_config {
            None => target.id.is_empty(),
            Some(KubeConfigRef::ConfigMap { .. }) => false,
            Some(KubeConfigRef::Secret { name, key }) => {
                target.id.strip_prefix(&*format!("{}/{name}/{key}@", spec.meta.namespace)).is_some()
            }
        }
    }

    /// The target of a Kustomization. An error is the sentence about it.
    pub async fn of(&self, spec: &Kustomization) -> Result<Target, String> {
        self.reach(&spec.meta.namespace, spec.kube_config.as_ref(), &spec.service_account).await
    }

    /// The target of a resource: in which cluster, and as whom. An error is the sentence about it.
    pub async fn reach(
        &self,
        namespace: &str,
        kube_config: Option<&KubeConfigRef>,
        account: &str,
    ) -> Result<Target, String> {
        let (id, cluster): (Arc<str>, Cluster) = match kube_config {
            None => ("".into(), self.home.clone()),
            Some(KubeConfigRef::ConfigMap { name }) => {
                return Err(format!(
                    "spec.kubeConfig.configMapRef ({name}) needs a cloud provider's login, which this version does not have; use a kubeconfig in a Secret (secretRef)"
                ));
            }
            Some(KubeConfigRef::Secret { name, key }) => {
                let (version, cluster) = self.remote(namespace, name, key).await?;
                // The version is part of the id: a changed kubeconfig gets watches of its own.
                (format!("{namespace}/{name}/{key}@{version}").into(), cluster)
            }
        };
        let account = if account.is_empty() { self.default_account.as_str() } else { account };
        let acting = if account.is_empty() {
            cluster.clone()
        } else {
            let identity = Identity::service_account(namespace, account).map_err(|e| e.to_string())?;
            cluster.impersonate(&identity).map_err(|e| e.to_string())?
        };
        Ok(Target { id, cluster, acting, elsewhere: self.elsewhere.clone() })
    }

    async fn remote(&self, namespace: &str, name: &str, key: &str) -> Result<(String, Cluster), String> {
        let secrets = Resource::known("", "v1", "Secret", "secrets", true);
        let secret = self
            .home
            .get(&secrets, namespace, name)
            .await
            .map_err(|e| format!("unable to read KubeConfig secret '{namespace}/{name}' error: {e}"))?;
        let slot = format!("{namespace}/{name}/{key}");
        let version = secret.resource_version().to_owned();
        if let Some((_, cluster)) = self.remote.lock().get(&slot).filter(|(v, _)| *v == version) {
            return Ok((version, cluster.clone()));
        }
        let keys: &[&str] = if key.is_empty() { &["value", "value.yaml"] } else { &[key] };
        let encoded = keys.iter().find_map(|k| secret.str_at(&["data", k])).ok_or_else(|| {
            // Compat(flux 2.9): the text for a secret without the key.
            match key {
                "" => format!("KubeConfig secret '{namespace}/{name}' does not contain a 'value' nor 'value.yaml' key with a KubeConfig"),
                key => format!("KubeConfig secret '{namespace}/{name}' does not contain a '{key}' key with a KubeConfig"),
            }
        })?;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(encoded)
            .map_err(|e| format!("KubeConfig secret '{namespace}/{name}' is not base64: {e}"))?;
        let cluster = Cluster::from_kubeconfig_bytes(&bytes, &self.allow)
            .await
            .map_err(|e| format!("KubeConfig secret '{namespace}/{name}': {e}"))?
            .fenced(self.fence.clone());
        let mut remote = self.remote.lock();
        if remote.len() >= MAX_CLUSTERS {
            remote.clear();
        }
        remote.insert(slot, (version.clone(), cluster.clone()));
        Ok((version, cluster))
    }
}
