//! What a registry has: the tag that a revision means, the one layer of an artifact that holds files, and what
//! an archive is.

use std::sync::Arc;

use belay_helm::{Limits, archive_files, index};
use belay_oci::{Client, ContentDigest, Tag, media};
use belay_semver::Version;
use belay_source::artifact::{UnpackLimits, unpack, unpack_tar};
use belay_tree::{File, MemoryTree, Tree, TreePath};

use super::{MOST_CHART_BYTES, MOST_LAYER_BYTES};
use crate::spec::Source;

/// Layers that hold files. Compat(argo-cd 3.5): the default of `reposerver.oci.layer.media.types`.
const LAYERS: [&str; 3] =
    ["application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip", media::HELM_CHART];

/// The tag of a revision, and the version that it stands for.
pub(super) async fn tag(client: &Client, revision: &str, of_chart: bool) -> Result<(Tag, String), String> {
    // Compat(helm): tags have `_` where versions have `+`.
    let plain = if of_chart { revision.replace('+', "_") } else { revision.to_owned() };
    let is_one = if of_chart { Version::tag(revision).is_ok() } else { !is_range(revision) };
    if is_one {
        return Tag::parse(&plain).map(|tag| (tag, revision.to_owned())).map_err(|e| e.to_string());
    }
    let tags = client.tags().await.map_err(|e| e.to_string())?;
    let versions: Vec<String> = if of_chart { tags.iter().map(|tag| tag.replace('_', "+")).collect() } else { tags };
    let best = index::highest(&versions, revision)?;
    let tag = if of_chart { best.replace('+', "_") } else { best.clone() };
    Tag::parse(&tag).map(|tag| (tag, best)).map_err(|e| e.to_string())
}

/// Whether a revision of an artifact is a range of versions: what is no tag, and what names all of them.
pub(super) fn is_range(revision: &str) -> bool {
    revision.is_empty() || Tag::parse(revision).is_err() || revision.split('.').any(|part| matches!(part, "x" | "X"))
}

/// What an archive is.
#[derive(Clone, Copy)]
pub(super) enum Form {
    Chart,
    Files { compressed: bool },
}

impl Form {
    /// The files, and about how much memory they take.
    pub fn unpack(self, archive: &[u8]) -> Result<(Arc<dyn Tree>, u64), String> {
        match self {
            Form::Chart => {
                let files = archive_files(archive, &Limits::default()).map_err(|e| e.to_string())?;
                let mut builder = MemoryTree::builder();
                let mut bytes = 0;
                for file in files {
                    bytes += file.data.len() as u64;
                    let path = TreePath::clean(&file.name).map_err(|e| e.to_string())?;
                    builder.file(&path, File::new(file.data.to_vec())).map_err(|e| e.to_string())?;
                }
                Ok((Arc::new(builder.build()), bytes))
            }
            Form::Files { compressed } => {
                let limits = UnpackLimits { skip_symlinks: true, ..UnpackLimits::default() };
                let tree = if compressed { unpack(archive, &limits) } else { unpack_tar(archive, &limits) };
                // How much it holds is not told; what is packed takes about a fifth.
                let bytes = archive.len() as u64 * if compressed { 5 } else { 1 };
                Ok((Arc::new(tree.map_err(|e| e.to_string())?), bytes))
            }
        }
    }
}

/// The one layer of an artifact that holds files.
pub(super) async fn layer(client: &Client, digest: &ContentDigest, source: &Source) -> Result<(Vec<u8>, Form), String> {
    let failed = |why: &dyn std::fmt::Display| format!("failed to pull {}@{digest}: {why}", client.repository());
    let pulled = client.manifest(digest).await.map_err(|e| failed(&e))?;
    let layers = &pulled.manifest.layers;
    let of_chart = |media_type: &str| media_type == media::HELM_CHART;
    let layer = if source.is_chart() {
        layers.iter().find(|layer| of_chart(&layer.media_type))
    } else {
        // Compat(argo-cd 3.5): a chart may come with its provenance, which holds no files.
        let content: Vec<_> = layers.iter().filter(|layer| layer.media_type != media::HELM_PROVENANCE).collect();
        if content.len() != 1 {
            return Err(failed(&format!("expected only a single oci layer, got {}", content.len())));
        }
        content.into_iter().find(|layer| LAYERS.contains(&layer.media_type.as_str()))
    };
    let layer = layer.ok_or_else(|| {
        let types: Vec<&str> = layers.iter().map(|layer| layer.media_type.as_str()).collect();
        failed(&format!("oci layer media type {} is not in the list of allowed media types", types.join(", ")))
    })?;
    let form = match of_chart(&layer.media_type) {
        true => Form::Chart,
        false => Form::Files { compressed: layer.media_type.ends_with("+gzip") },
    };
    let limit = if matches!(form, Form::Chart) { MOST_CHART_BYTES } else { MOST_LAYER_BYTES };
    let blob = client.blob(layer, limit).await.map_err(|e| failed(&e))?;
    Ok((blob.to_vec(), form))
}
