//! What the bench of HelmReleases plays on: a registry with a chart, an API server, `belay run`.

use std::sync::Arc;

use anyhow::Result;
use belay_cluster::{Follow, Patch, Resource, WriteOptions};
use belay_net::ClientOptions;
use belay_object::{Value, object};
use belay_oci::serve::{Access, Registry};
use belay_oci::{Artifact, Client, Keychain, Repository, Tag};
use bytes::Bytes;

use super::nested;
use crate::ground::{Ground, MADE, NAMESPACE, System};

/// The chart: file and content.
const WEB: &[(&str, &str)] = &[
    ("Chart.yaml", include_str!("web/Chart.yaml")),
    ("values.yaml", include_str!("web/values.yaml")),
    ("templates/_helpers.tpl", include_str!("web/templates/_helpers.tpl")),
    ("templates/deployment.yaml", include_str!("web/templates/deployment.yaml")),
    ("templates/service.yaml", include_str!("web/templates/service.yaml")),
    ("templates/serviceaccount.yaml", include_str!("web/templates/serviceaccount.yaml")),
    ("templates/hpa.yaml", include_str!("web/templates/hpa.yaml")),
    ("templates/ingress.yaml", include_str!("web/templates/ingress.yaml")),
    ("templates/tests/connection.yaml", include_str!("web/templates/tests/connection.yaml")),
    ("templates/NOTES.txt", include_str!("web/templates/NOTES.txt")),
];
const VERSION: &str = "6.9.2";

/// Everything; gone when dropped, the processes first.
pub struct Stage {
    pub ground: Ground,
    pub count: usize,
    _registry: Registry,
}

impl Stage {
    /// Sets the stage: the chart in the registry, its OCIRepository ready, no HelmRelease.
    pub async fn set(count: usize) -> Result<Stage> {
        let registry = Registry::start(Access::Open, 100).await?;
        let http = ClientOptions::default().build()?;
        let repository = Repository::parse(&registry.url("bench/web"))?;
        let client = Client::new(http, repository, Keychain::anonymous(), false);
        let metadata = object! { "apiVersion" => "v2", "name" => "web", "version" => VERSION };
        let artifact = Artifact::of_chart(Bytes::from(archive()?), Bytes::from(metadata.to_json()));
        artifact.push(&client, &Tag::parse(VERSION)?).await?;
        let ground = Ground::lay(System::Flux).await?;
        let repository = object! {
            "metadata" => object! { "name" => "web", "namespace" => NAMESPACE },
            "spec" => object! {
                "interval" => "10m",
                "url" => registry.url("bench/web"),
                "ref" => object! { "tag" => VERSION },
                "layerSelector" => object! {
                    "mediaType" => "application/vnd.cncf.helm.chart.content.v1.tar+gzip",
                    "operation" => "copy",
                },
            },
        };
        ground.create(&oci_repositories(), repository).await?;
        ground.fetched(&oci_repositories(), "web").await?;
        Ok(Stage { ground, count, _registry: registry })
    }

    /// Creates the HelmReleases, some at once.
    pub async fn create_releases(&self) -> Result<()> {
        self.ground.create_all(&helm_releases(), self.count, helm_release).await
    }

    /// Changes one value of each.
    pub async fn change_releases(&self) -> Result<()> {
        let change = |cluster: belay_cluster::Cluster, resource: Arc<Resource>, i: usize| async move {
            let patch = Patch::Merge(nested(&["spec", "values", "ui", "message"], "changed"));
            cluster.patch(&resource, NAMESPACE, &name(i), &patch, &WriteOptions::default()).await?;
            Ok(())
        };
        self.ground.each(&helm_releases(), self.count, change).await
    }

    /// Follows the HelmReleases.
    pub fn follow(&self) -> Follow {
        self.ground.follow(&helm_releases())
    }
}

fn name(i: usize) -> String {
    format!("web-{i:04}")
}

fn helm_release(i: usize) -> Value {
    object! {
        "metadata" => object! { "name" => name(i), "namespace" => NAMESPACE },
        "spec" => object! {
            "interval" => "10m",
            "timeout" => "5m",
            "releaseName" => name(i),
            "targetNamespace" => MADE,
            "chartRef" => object! { "kind" => "OCIRepository", "name" => "web" },
            // As in the bench of Kustomizations: what is measured is the controller, not pods.
            "values" => object! { "replicaCount" => 0, "ui" => object! { "message" => format!("I am {i}") } },
        },
    }
}

fn helm_releases() -> Arc<Resource> {
    Resource::known("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases", true)
}

fn oci_repositories() -> Arc<Resource> {
    Resource::known("source.toolkit.fluxcd.io", "v1", "OCIRepository", "ocirepositories", true)
}

/// The chart as `helm package` packs it.
fn archive() -> Result<Vec<u8>> {
    let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(gzip);
    for (path, text) in WEB {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        tar.append_data(&mut header, format!("web/{path}"), text.as_bytes())?;
    }
    Ok(tar.into_inner()?.finish()?)
}
