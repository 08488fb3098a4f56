//! What a registry has: the tag that a revision means, the one layer of an artifact that holds files, and what
//! an archive is.

use std::sync::Arc;

use belay_helm::{Limits, archive_files, index};
use belay_oci::{Client, ContentDigest, Descriptor, Manifest, Tag, media};
use belay_semver::Version;
use belay_source::artifact::{UnpackLimits, unpack, unpack_tar};
use belay_tree::{File, MemoryTree, Tree, TreePath};

use super::{MOST_CHART_BYTES, MOST_LAYER_BYTES};
use crate::spec::Source;

/// How media types of layers end that hold files.
// Compat(argo-cd 3.6)
const OF_FILES: [&str; 3] = ["tar+gzip", "tar.gzip", "tar"];
/// Layers of an artifact that are looked through.
const MOST_LAYERS: usize = 10;

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

/// The one layer of an artifact that holds files, of a media type that is `allowed`.
pub(super) async fn layer(
    client: &Client,
    digest: &ContentDigest,
    source: &Source,
    allowed: &[String],
) -> Result<(Vec<u8>, Form), String> {
    let failed = |why: &dyn std::fmt::Display| format!("failed to pull {}@{digest}: {why}", client.repository());
    let pulled = client.manifest(digest).await.map_err(|e| failed(&e))?;
    let layers = &pulled.manifest.layers;
    let of_chart = |media_type: &str| media_type == media::HELM_CHART;
    let layer = match source.is_chart() {
        true => layers.iter().find(|layer| of_chart(&layer.media_type)).ok_or_else(|| "it holds no chart".to_owned()),
        false => content(&pulled.manifest, allowed),
    };
    let layer = layer.map_err(|why| failed(&why))?;
    let form = match of_chart(&layer.media_type) {
        true => Form::Chart,
        false => Form::Files { compressed: layer.media_type.ends_with("+gzip") },
    };
    let limit = if matches!(form, Form::Chart) { MOST_CHART_BYTES } else { MOST_LAYER_BYTES };
    let blob = client.blob(layer, limit).await.map_err(|e| failed(&e))?;
    Ok((blob.to_vec(), form))
}

/// The layer that holds the files of an artifact. Compat(argo-cd 3.6): others, such as a chart's provenance, may stand
/// beside it; of an artifact that is a chart only a chart counts.
fn content<'a>(manifest: &'a Manifest, allowed: &[String]) -> Result<&'a Descriptor, String> {
    let layers = &manifest.layers;
    if layers.len() > MOST_LAYERS {
        return Err(format!("expected no more than {MOST_LAYERS} oci layers, got {}", layers.len()));
    }
    let is_chart = manifest.config.media_type == media::HELM_CONFIG;
    let holds_files = |layer: &&Descriptor| match is_chart {
        true => layer.media_type == media::HELM_CHART,
        false => OF_FILES.iter().any(|end| layer.media_type.ends_with(end)),
    };
    let content: Vec<&Descriptor> = layers.iter().filter(holds_files).collect();
    if let Some(layer) = content.iter().find(|layer| !allowed.contains(&layer.media_type)) {
        return Err(format!("oci layer media type {} is not in the list of allowed media types", layer.media_type));
    }
    match content.as_slice() {
        [one] => Ok(one),
        _ => Err(format!("expected only a single oci content layer, got {}", content.len())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn check(config: &str, layers: &[&str], allowed: &str, expected: Result<&str, &str>) {
        let described = |media_type: &str| Descriptor::of(media_type, b"");
        let manifest = Manifest {
            schema_version: 2,
            media_type: media::MANIFEST.to_owned(),
            artifact_type: String::new(),
            config: described(config),
            layers: layers.iter().map(|layer| described(layer)).collect(),
            annotations: BTreeMap::new(),
        };
        let allowed: Vec<String> = allowed.split_whitespace().map(str::to_owned).collect();
        let found = content(&manifest, &allowed).map(|layer| layer.media_type.as_str());
        assert_eq!(found.map_err(|why| why.to_string()), expected.map_err(str::to_owned), "{layers:?}");
    }

    /// argo.md 3.2, `reposerver.oci.layer.media.types`
    #[test]
    fn one_layer_of_an_artifact_holds_its_files_and_is_of_an_allowed_type() {
        let (tar, gzip) = ("application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip");
        let own = "application/vnd.example.manifests.v1.tar+gzip";
        let (plain, sbom) = ("application/vnd.oci.image.config.v1+json", "application/spdx+json");
        let by_default = format!("{tar} {gzip} {}", media::HELM_CHART);
        check(plain, &[gzip], &by_default, Ok(gzip));
        check(plain, &[sbom, tar], &by_default, Ok(tar));
        check(plain, &[own], own, Ok(own));
        let not_allowed = |is: &str| format!("oci layer media type {is} is not in the list of allowed media types");
        check(plain, &[own], &by_default, Err(&not_allowed(own)));
        check(plain, &[gzip], own, Err(&not_allowed(gzip)));
        check(plain, &[gzip, tar], &by_default, Err("expected only a single oci content layer, got 2"));
        check(plain, &[sbom], &by_default, Err("expected only a single oci content layer, got 0"));
        check(plain, &[gzip; 11], &by_default, Err("expected no more than 10 oci layers, got 11"));
        let chart = media::HELM_CHART;
        check(media::HELM_CONFIG, &[chart, media::HELM_PROVENANCE, tar], &by_default, Ok(chart));
        check(media::HELM_CONFIG, &[chart], gzip, Err(&not_allowed(chart)));
        check(media::HELM_CONFIG, &[gzip], &by_default, Err("expected only a single oci content layer, got 0"));
    }
}
