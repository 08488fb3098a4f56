//! What a chart may know of the cluster: its version and what it serves.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};

/// What Helm 4.2 takes for granted where there is no cluster: the version of its client library and
/// the group/versions of its scheme. Groups come in an order of their own, versions by priority.
const OFFLINE_API_VERSIONS: [&str; 55] = [
    "v1",
    "admissionregistration.k8s.io/v1",
    "admissionregistration.k8s.io/v1alpha1",
    "admissionregistration.k8s.io/v1beta1",
    "internal.apiserver.k8s.io/v1alpha1",
    "apps/v1",
    "apps/v1beta1",
    "apps/v1beta2",
    "authentication.k8s.io/v1",
    "authentication.k8s.io/v1alpha1",
    "authentication.k8s.io/v1beta1",
    "authorization.k8s.io/v1",
    "authorization.k8s.io/v1beta1",
    "autoscaling/v1",
    "autoscaling/v2",
    "batch/v1",
    "batch/v1beta1",
    "certificates.k8s.io/v1",
    "certificates.k8s.io/v1beta1",
    "certificates.k8s.io/v1alpha1",
    "coordination.k8s.io/v1alpha2",
    "coordination.k8s.io/v1beta1",
    "coordination.k8s.io/v1",
    "discovery.k8s.io/v1",
    "discovery.k8s.io/v1beta1",
    "events.k8s.io/v1",
    "events.k8s.io/v1beta1",
    "extensions/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1",
    "flowcontrol.apiserver.k8s.io/v1beta1",
    "flowcontrol.apiserver.k8s.io/v1beta2",
    "flowcontrol.apiserver.k8s.io/v1beta3",
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "node.k8s.io/v1",
    "node.k8s.io/v1alpha1",
    "node.k8s.io/v1beta1",
    "policy/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1",
    "rbac.authorization.k8s.io/v1beta1",
    "rbac.authorization.k8s.io/v1alpha1",
    "resource.k8s.io/v1",
    "resource.k8s.io/v1beta2",
    "resource.k8s.io/v1beta1",
    "resource.k8s.io/v1alpha3",
    "scheduling.k8s.io/v1alpha2",
    "scheduling.k8s.io/v1beta1",
    "scheduling.k8s.io/v1",
    "storage.k8s.io/v1beta1",
    "storage.k8s.io/v1",
    "storage.k8s.io/v1alpha1",
    "storagemigration.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1beta1",
    "apiextensions.k8s.io/v1",
];

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// In full: `v1.33.4-gke.1245000`.
    pub version: String,
    /// What ranges are held against: `v1.33.4`; empty for the version in full.
    pub normalized: String,
    /// `1`
    pub major: String,
    /// `33`; some providers write `33+`.
    pub minor: String,
}

impl KubeVersion {
    /// Reads a version as `--kube-version` does: at least two numbers, a suffix is cut for ranges.
    pub fn parse(text: &str) -> Result<KubeVersion> {
        let fail = |why: String| Err(Error::new(ErrorKind::Incompatible, why));
        let quoted = crate::go::quote(text);
        let trimmed = text.trim_start();
        let trimmed = trimmed.strip_prefix('v').unwrap_or(trimmed);
        let mut numbers: Vec<&str> = Vec::new();
        let mut rest = trimmed;
        loop {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            if end == 0 {
                break;
            }
            numbers.push(&rest[..end]);
            rest = &rest[end..];
            match rest.strip_prefix('.') {
                Some(after) if after.starts_with(|c: char| c.is_ascii_digit()) => rest = after,
                _ => break,
            }
        }
        if numbers.is_empty() || rest.contains('\n') {
            return fail(format!("could not parse {quoted} as version"));
        }
        if numbers.len() < 2 {
            return fail(format!("illegal version string {quoted}"));
        }
        if numbers[0].len() > 1 && numbers[0].starts_with('0') {
            return fail(format!(
                "illegal zero-prefixed version component {} in {quoted}",
                crate::go::quote(numbers[0])
            ));
        }
        let parse = |n: &&str| n.parse::<u64>();
        let Ok(parts) = numbers.iter().map(parse).collect::<Result<Vec<u64>, _>>() else {
            return fail(format!("illegal non-numeric version component in {quoted}"));
        };
        let normalized: Vec<String> = parts.iter().map(u64::to_string).collect();
        Ok(KubeVersion {
            version: if text.starts_with('v') { text.to_owned() } else { format!("v{text}") },
            normalized: format!("v{}", normalized.join(".")),
            major: parts[0].to_string(),
            minor: parts[1].to_string(),
        })
    }

    /// What a chart's `kubeVersion` is held against.
    pub fn for_ranges(&self) -> &str {
        if self.normalized.is_empty() { &self.version } else { &self.normalized }
    }
}

/// `.Capabilities`.
#[derive(Clone, Debug, PartialEq)]
pub struct Capabilities {
    /// The cluster's version.
    pub kube_version: KubeVersion,
    /// `group/version`, and of a real cluster `group/version/Kind`.
    pub api_versions: Arc<[String]>,
    /// The version of Helm that charts believe to be rendered by.
    pub helm_version: String,
}

impl Capabilities {
    /// What Helm assumes where there is no cluster.
    pub fn offline() -> Capabilities {
        let kube_version = KubeVersion {
            version: "v1.36.0".into(),
            normalized: "v1.36.0".into(),
            major: "1".into(),
            minor: "36".into(),
        };
        let api_versions = OFFLINE_API_VERSIONS.iter().map(|v| (*v).to_owned()).collect();
        // Compat(helm 4.2): charts ask for features by it.
        Capabilities { kube_version, api_versions, helm_version: "v4.2.4".into() }
    }

    /// The same with more API versions.
    pub fn with_api_versions(mut self, more: impl IntoIterator<Item = String>) -> Capabilities {
        self.api_versions = self.api_versions.iter().cloned().chain(more).collect();
        self
    }

    /// The same of another version of Kubernetes.
    pub fn with_kube_version(mut self, version: KubeVersion) -> Capabilities {
        self.kube_version = version;
        self
    }

    /// Refuses a chart whose `kubeVersion` does not hold.
    pub(crate) fn check(&self, range: &str) -> Result<()> {
        if range.is_empty() || crate::semver::is_compatible(range, self.kube_version.for_ranges()) {
            return Ok(());
        }
        let version = &self.kube_version.version;
        let message = format!("chart requires kubeVersion: {range} which is incompatible with Kubernetes {version}");
        Err(Error::new(ErrorKind::Incompatible, message))
    }
}
