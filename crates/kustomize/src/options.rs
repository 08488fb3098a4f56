//! What a caller decides about a build.

use std::fmt;
use std::sync::Arc;

use belay_object::Value;

use crate::{Edit, HelmRenderer, Image, Patch, Remote};

/// What to do about a field that kustomize 5.8.1 does not know.
pub(crate) const NEWER: &str =
    "kustomize 5.8.1, which Argo CD and Flux have, does not know this field; `--compatibility next` does";

/// In which order the objects come out. The root's `sortOptions` count before this.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reorder {
    /// As they were read, as kustomize's library and Flux do.
    #[default]
    None,
    /// By kind (namespaces first, webhooks last), then group, version, kind, namespace, name:
    /// what the command line does unless told otherwise.
    Legacy,
}

/// Which files a kustomization may read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LoadRestrictor {
    /// Only files in or below its directory, symlinks followed first. Bases and components may be
    /// anywhere in the tree.
    #[default]
    RootOnly,
    /// Any file of the tree.
    None,
}

/// Which kustomize a build follows where versions differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Compatibility {
    /// kustomize 5.8.1, as Argo CD 3.5 and Flux 2.9 have it.
    #[default]
    V5_8_1,
    /// What is to come behind 5.8.1: labels reach volume claim templates only where
    /// `includeVolumeClaimTemplates` says so, ValidatingAdmissionPolicies and their bindings have no
    /// namespace, an image name that is no regular expression matches nothing.
    Next,
}

/// How large a build may be (RES-4). Crossing one is an error of kind [`crate::ErrorKind::Limit`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Files read, each time counted: 20,000, ten times the largest public tree.
    pub files: usize,
    /// Bytes read, each time counted: 512 MiB.
    pub bytes: usize,
    /// How deep kustomizations include each other: 64.
    pub depth: usize,
    /// Objects at any time: 200,000.
    pub objects: usize,
    /// Patches, replacements and other transformers run over the whole build: 100,000.
    pub transformers: usize,
    /// Looks of a transformer at an object: 500 million, minutes of work.
    pub steps: usize,
    /// Bytes that transformers add to the objects: 512 MiB.
    pub growth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            files: 20_000,
            bytes: 512 << 20,
            depth: 64,
            objects: 200_000,
            transformers: 100_000,
            steps: 500_000_000,
            growth: 512 << 20,
        }
    }
}

/// Changes to the root's kustomization before it is built, as Flux makes them; [`Edit`]s are those of
/// the command line. A kustomization that
/// is changed may have fields that nobody knows: Flux drops them when it writes the file anew.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    /// The kustomization to use where the directory has none (otherwise that is an error).
    pub generated: Option<Value>,
    /// Replaces `namespace`.
    pub namespace: Option<String>,
    /// Replaces `namePrefix`.
    pub name_prefix: Option<String>,
    /// Replaces `nameSuffix`.
    pub name_suffix: Option<String>,
    /// Appended to `patches`.
    pub patches: Vec<Patch>,
    /// Each is laid over the entry of `images` with its name, or is appended: a name that is given
    /// replaces the name, a tag or a digest replaces both.
    pub images: Vec<Image>,
    /// Appended to `components`.
    pub components: Vec<String>,
    /// Replaces `buildMetadata` where not empty.
    pub build_metadata: Vec<String>,
    /// Made last, in order.
    pub edits: Vec<Edit>,
}

/// What a caller decides about a build.
#[derive(Clone, Default)]
pub struct BuildOptions {
    /// In which order the objects come out.
    pub reorder: Reorder,
    /// Whether `reorder` was asked for by the user: then `sortOptions` that win over it are told
    /// in a warning.
    pub reorder_is_explicit: bool,
    /// Which files a kustomization may read.
    pub load_restrictor: LoadRestrictor,
    /// Renders Helm charts; without it a chart is an error that names `--enable-helm`.
    pub helm: Option<Arc<dyn HelmRenderer>>,
    /// Fetches bases and files at a URL; without it they are an error.
    pub remote: Option<Arc<dyn Remote>>,
    /// Puts the label `app.kubernetes.io/managed-by` on every object, as the root's
    /// `buildMetadata: [managedByLabel]` does.
    pub managed_by_label: bool,
    /// The version in that label; `v5.8.1` where not given.
    pub kustomize_version: Option<String>,
    /// Which kustomize the build follows.
    pub compatibility: Compatibility,
    /// How large the build may be.
    pub limits: Limits,
    /// Changes to the root's kustomization.
    pub overlay: Option<Overlay>,
    /// Whether the tree's root is the machine's `/`, as for the command line: absolute paths in
    /// kustomizations then mean what they say. In any other tree they are refused.
    pub tree_is_host: bool,
}

impl fmt::Debug for BuildOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BuildOptions")
            .field("reorder", &self.reorder)
            .field("load_restrictor", &self.load_restrictor)
            .field("compatibility", &self.compatibility)
            .field("helm", &self.helm.is_some())
            .field("remote", &self.remote.is_some())
            .field("limits", &self.limits)
            .field("overlay", &self.overlay)
            .finish_non_exhaustive()
    }
}
