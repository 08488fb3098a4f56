//! Media types: what the pieces of an artifact say that they are.

/// An OCI image manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// An OCI index: manifests by platform.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker's manifest, of the same shape as [`MANIFEST`].
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker's list, of the same shape as [`INDEX`].
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// Configuration of an artifact of Flux. Compat(flux 2.9).
pub const FLUX_CONFIG: &str = "application/vnd.cncf.flux.config.v1+json";
/// Content of an artifact of Flux: manifests in a `tar.gz`. Compat(flux 2.9).
pub const FLUX_CONTENT: &str = "application/vnd.cncf.flux.content.v1.tar+gzip";

/// Configuration of a chart: its `Chart.yaml` as JSON.
pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
/// A chart's archive.
pub const HELM_CHART: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
/// A chart's signed provenance.
pub const HELM_PROVENANCE: &str = "application/vnd.cncf.helm.chart.provenance.v1.prov";

/// What cosign signs: a payload that names a digest.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Annotation: when the artifact was made, RFC 3339.
pub const CREATED: &str = "org.opencontainers.image.created";
/// Annotation: where its content comes from.
pub const SOURCE: &str = "org.opencontainers.image.source";
/// Annotation: the revision of its content.
pub const REVISION: &str = "org.opencontainers.image.revision";
