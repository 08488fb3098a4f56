//! Artifacts of one layer: how Flux and Helm keep manifests and charts in a registry.

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;

use crate::client::Client;
use crate::error::Result;
use crate::manifest::Manifest;
use crate::media;
use crate::reference::{ContentDigest, Tag};

/// What is pushed.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The layer's bytes.
    pub layer: Bytes,
    /// What the layer is.
    pub layer_type: String,
    /// The configuration's bytes.
    pub config: Bytes,
    /// What the configuration is.
    pub config_type: String,
    /// What is told of the artifact.
    pub annotations: BTreeMap<String, String>,
}

impl Artifact {
    /// Manifests in a `tar.gz`, as Flux pushes them. `digest` is that of the uncompressed archive,
    /// `created` RFC 3339 to the second. Compat(flux 2.9): the form of the configuration.
    pub fn of_flux(
        layer: Bytes,
        digest: &ContentDigest,
        created: &str,
        source: &str,
        revision: &str,
        more: &[(String, String)],
    ) -> Artifact {
        let config = serde_json::json!({
            "architecture": "",
            "created": created,
            "history": [{ "created": "0001-01-01T00:00:00Z" }],
            "os": "",
            "rootfs": { "type": "layers", "diff_ids": [digest.as_str()] },
            "config": {},
        });
        let own = [(media::CREATED, created), (media::SOURCE, source), (media::REVISION, revision)];
        let mut annotations: BTreeMap<String, String> =
            own.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        annotations.extend(more.iter().cloned());
        Artifact {
            layer,
            layer_type: media::FLUX_CONTENT.to_owned(),
            config: Bytes::from(config.to_string()),
            config_type: media::FLUX_CONFIG.to_owned(),
            annotations,
        }
    }
    /// A chart's archive, as Helm pushes it; `metadata` is its `Chart.yaml` as JSON.
    pub fn of_chart(archive: Bytes, metadata: Bytes) -> Artifact {
        Artifact {
            layer: archive,
            layer_type: media::HELM_CHART.to_owned(),
            config: metadata,
            config_type: media::HELM_CONFIG.to_owned(),
            annotations: BTreeMap::new(),
        }
    }
    /// Pushes it under a tag: the content first, so that no manifest names what is not there.
    pub async fn push(&self, client: &Client, tag: &Tag) -> Result<ContentDigest> {
        let layer = client.push_blob(&self.layer_type, self.layer.clone()).await?;
        let config = client.push_blob(&self.config_type, self.config.clone()).await?;
        client.push_manifest(tag, &Manifest::new(config, vec![layer], self.annotations.clone())).await
    }
}

/// The digest of what streams by; for the uncompressed form of a layer.
pub fn digest_of(mut content: impl Read) -> std::io::Result<ContentDigest> {
    let mut hash = crate::reference::Hasher::Sha256(Default::default());
    let mut piece = vec![0; 64 << 10];
    loop {
        match content.read(&mut piece)? {
            0 => return Ok(hash.finish()),
            n => hash.update(&piece[..n]),
        }
    }
}
