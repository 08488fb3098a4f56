//! What is to be rendered.

use belay_object::Value;
use belay_tree::{Digest, DigestBuilder, TreePath};

/// A directory with a kustomization, or of plain manifests for which one is generated, and what is
/// laid over it. Every field takes part in the digest under which renders are remembered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RenderSpec {
    /// The directory in the tree.
    pub dir: TreePath,
    /// Replaces `namespace`.
    pub namespace: Option<String>,
    /// Replaces `namePrefix`.
    pub name_prefix: Option<String>,
    /// Replaces `nameSuffix`.
    pub name_suffix: Option<String>,
    /// Appended to `patches`.
    pub patches: Vec<Patch>,
    /// Each is laid over the entry of `images` with its name, or is appended.
    pub images: Vec<Image>,
    /// Appended to `components`.
    pub components: Vec<String>,
    /// Leaves out components whose directory is not there.
    pub ignore_missing_components: bool,
    /// Replaces `buildMetadata` where not empty.
    pub build_metadata: Vec<String>,
}

/// A strategic merge or JSON 6902 patch as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Patch {
    /// The patch.
    pub patch: String,
    /// kustomize's Selector as a map; `null` for none.
    pub target: Value,
}

/// Another name, tag or digest for an image.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Image {
    /// The image's name without tag.
    pub name: String,
    /// The new name.
    pub new_name: Option<String>,
    /// The new tag.
    pub new_tag: Option<String>,
    /// The new digest.
    pub digest: Option<String>,
}

impl RenderSpec {
    /// Digest of the spec and of the renderer's version: a new version renders anew.
    pub fn digest(&self) -> Digest {
        let mut digest = DigestBuilder::new(concat!("belay render ", env!("CARGO_PKG_VERSION"), " 1"));
        digest.part(self.dir.as_str()).part(format!("{self:?}"));
        digest.finish()
    }
}
