//! From flags to a cluster.

use std::sync::Arc;

use anyhow::{Context, Result};
use belay_cluster::{Cluster, ErrorKind, KubeconfigFlags, Resource};
use belay_object::Object;

use crate::args::Global;
use crate::kinds::Kind;

/// A cluster and the namespace that the command is about.
pub struct Session {
    /// The cluster.
    pub cluster: Cluster,
    /// The namespace.
    pub namespace: String,
}

/// Reaches the cluster that the flags and the kubeconfig name, and asks it once for an answer: a
/// server that is not there is told at once. What comes after has the usual retries.
pub async fn connect(global: &Global) -> Result<Session> {
    let session = reach(global).await?;
    match session.cluster.without_retries().version().await {
        Err(e) if e.kind() == ErrorKind::Network => Err(e).context("the cluster does not answer"),
        // A refusal is an answer; what the command is refused says more than what this was.
        _ => Ok(session),
    }
}

/// Makes the client for the cluster that the flags and the kubeconfig name; sends nothing.
pub async fn reach(global: &Global) -> Result<Session> {
    let text = |o: &Option<String>| o.clone().unwrap_or_default();
    let flags = KubeconfigFlags {
        kubeconfig: global.kubeconfig.clone(),
        context: text(&global.context),
        cluster: text(&global.cluster),
        user: text(&global.user),
        server: text(&global.server),
        token: text(&global.token).into(),
        as_user: text(&global.as_user),
        as_groups: global.as_group.clone(),
        as_uid: text(&global.as_uid),
        certificate_authority: global.certificate_authority.clone(),
        tls_server_name: text(&global.tls_server_name),
        insecure_skip_tls_verify: global.insecure_skip_tls_verify,
        ..KubeconfigFlags::default()
    };
    let cluster = Cluster::from_kubeconfig(&flags).await.with_context(|| match &global.kubeconfig {
        Some(path) => format!("no cluster to talk to by {}", path.display()),
        None => "no cluster to talk to".to_owned(),
    })?;
    let namespace = match global.ns_follows_kube_context {
        true => cluster.default_namespace().to_owned(),
        false => global.namespace.clone(),
    };
    Ok(Session { cluster, namespace })
}

impl Session {
    /// The resource of a kind, without discovery.
    pub fn resource(&self, kind: &Kind) -> Arc<Resource> {
        Resource::known(kind.group, kind.version, kind.kind, kind.plural, true)
    }
    /// One object of a kind in the command's namespace.
    pub async fn object(&self, kind: &Kind, name: &str) -> Result<Object> {
        let found = self.cluster.find(&self.resource(kind), &self.namespace, name).await?;
        // Compat(flux 2.9): the text for an object that is not there.
        found.with_context(|| format!("{} object '{name}' not found in \"{}\" namespace", kind.kind, self.namespace))
    }
}
