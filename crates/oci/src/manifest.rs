//! Manifests: what an artifact is made of.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::media;
use crate::reference::ContentDigest;

/// Most layers of an artifact; Flux's and Helm's have one or two.
const MOST_LAYERS: usize = 1024;
/// Most bytes of a manifest's annotations: they end up in an object's status, of which a cluster takes
/// 1.5 MiB in all.
const MOST_ANNOTATION_BYTES: usize = 256 << 10;

/// A piece of content by its digest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is.
    #[serde(default)]
    pub media_type: String,
    /// Its name.
    #[serde(with = "digest_text")]
    pub digest: ContentDigest,
    /// Its length in bytes.
    pub size: u64,
    /// What else is told of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// What kind of artifact it is, in lists of referrers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
    /// For what it is, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
}

impl Descriptor {
    /// Describes some bytes.
    pub fn of(media_type: &str, bytes: &[u8]) -> Descriptor {
        Descriptor {
            media_type: media_type.to_owned(),
            digest: ContentDigest::of(bytes),
            size: bytes.len() as u64,
            annotations: BTreeMap::new(),
            artifact_type: String::new(),
            platform: None,
        }
    }
}

/// A machine.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Platform {
    /// `amd64`.
    #[serde(default)]
    pub architecture: String,
    /// `linux`.
    #[serde(default)]
    pub os: String,
}

/// An image manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// [`media::MANIFEST`] or [`media::DOCKER_MANIFEST`].
    #[serde(default)]
    pub media_type: String,
    /// What kind of artifact it is, where the configuration does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub artifact_type: String,
    /// Its configuration.
    pub config: Descriptor,
    /// Its content.
    pub layers: Vec<Descriptor>,
    /// What else is told of it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// A list of manifests.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Index {
    #[serde(default)]
    pub manifests: Vec<Descriptor>,
}

impl Manifest {
    /// A manifest of an artifact that is to be pushed.
    pub fn new(config: Descriptor, layers: Vec<Descriptor>, annotations: BTreeMap<String, String>) -> Manifest {
        Manifest {
            schema_version: 2,
            media_type: media::MANIFEST.to_owned(),
            artifact_type: String::new(),
            config,
            layers,
            annotations,
        }
    }
    /// Reads one.
    pub fn parse(bytes: &[u8]) -> Result<Manifest> {
        let wrong = |why: String| Error::new(ErrorKind::Protocol, format!("manifest {why}"));
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(|e| wrong(format!("cannot be read: {e}")))?;
        if manifest.layers.len() > MOST_LAYERS {
            return Err(Error::new(ErrorKind::TooLarge, format!("manifest has more than {MOST_LAYERS} layers")));
        }
        if manifest.annotations.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>() > MOST_ANNOTATION_BYTES {
            let text = format!("manifest has more than {MOST_ANNOTATION_BYTES} bytes of annotations");
            return Err(Error::new(ErrorKind::TooLarge, text));
        }
        Ok(manifest)
    }
    /// As it is pushed.
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a manifest is plain data")
    }
    /// The first layer of a media type, or the first of all.
    pub fn layer(&self, media_type: Option<&str>) -> Option<&Descriptor> {
        match media_type {
            None => self.layers.first(),
            Some(wanted) => self.layers.iter().find(|l| l.media_type == wanted),
        }
    }
}

/// Whether bytes are a list of manifests rather than one: by what they say, not by the header alone.
pub(crate) fn index(bytes: &[u8]) -> Option<Index> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Shape {
        #[serde(default)]
        media_type: String,
        manifests: Option<serde::de::IgnoredAny>,
        config: Option<serde::de::IgnoredAny>,
    }
    let shape: Shape = serde_json::from_slice(bytes).ok()?;
    let says = [media::INDEX, media::DOCKER_LIST].contains(&shape.media_type.as_str());
    if says || (shape.manifests.is_some() && shape.config.is_none()) {
        return serde_json::from_slice(bytes).ok();
    }
    None
}

mod digest_text {
    use super::ContentDigest;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(digest: &ContentDigest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(digest.as_str())
    }
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ContentDigest, D::Error> {
        let text = String::deserialize(deserializer)?;
        ContentDigest::parse(&text).map_err(serde::de::Error::custom)
    }
}
