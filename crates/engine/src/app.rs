//! What goes in: an App and its rules, without any dialect's words.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use belay_cluster::Cluster;
use belay_health::Exprs;
use belay_object::{Object, ObjectKey};
use belay_plan::Policy;
use belay_render::RenderSpec;
use belay_tree::{Digest, DigestBuilder, Tree};

use crate::elsewhere::Elsewhere;

/// One thing to keep in place, lowered from a dialect's custom resource. After lowering nobody reads
/// the resource again.
#[derive(Clone)]
pub struct App {
    /// The custom resource that it was lowered from; names the App everywhere.
    pub key: ObjectKey,
    /// Its uid: a resource deleted and made again is another App.
    pub uid: Box<str>,
    /// The revision of the tree, as the source names it.
    pub revision: String,
    /// The files.
    pub tree: Arc<dyn Tree>,
    /// How to render them.
    pub render: RenderSpec,
    /// What happens to each rendered object before it is stamped and applied.
    pub post: Option<PostRender>,
    /// Where it goes.
    pub target: Target,
    /// In whose name, and under which rules, objects are applied and deleted.
    pub policy: Arc<Policy>,
    /// Digest of the policy and of all else that changes what is applied besides tree, render and
    /// post: with equal digests the same objects are applied in the same way.
    pub rules: Digest,
    /// What must be healthy before the App is settled.
    pub health: HealthPolicy,
    /// How long one run, and then the wait for health, may take.
    pub timeout: Duration,
}

/// A pure function over each rendered object, with a digest of everything that went into it: two
/// functions with the same digest give the same objects.
#[derive(Clone)]
pub struct PostRender {
    /// Digest of the function's inputs.
    pub digest: Digest,
    /// The function; an error is a sentence that names the object.
    pub apply: Arc<dyn Fn(Object) -> Result<Object, String> + Send + Sync>,
}

impl fmt::Debug for PostRender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostRender").field("digest", &self.digest).finish_non_exhaustive()
    }
}

/// A cluster, seen with the rights of the App.
#[derive(Clone)]
pub struct Target {
    /// Names the cluster: Apps with the same id share watches.
    pub id: Arc<str>,
    /// With our own rights: watches and discovery.
    pub cluster: Cluster,
    /// With the App's rights: every read and write of its objects.
    pub acting: Cluster,
    /// Who else keeps objects there: those are not applied.
    pub elsewhere: Elsewhere,
}

/// What must be healthy.
#[derive(Clone, Default)]
pub struct HealthPolicy {
    /// Which objects.
    pub scope: HealthScope,
    /// Own expressions for some kinds.
    pub exprs: Arc<Exprs>,
    /// Whether the first object that failed ends the wait.
    pub fail_fast: bool,
}

/// Which objects must be healthy.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum HealthScope {
    /// None.
    #[default]
    Nothing,
    /// Everything that was applied.
    Applied,
    /// These, applied by us or not.
    Listed(Vec<ObjectKey>),
}

impl App {
    /// Digest of everything that decides what is applied, given what was rendered.
    pub(crate) fn inputs(&self, rendered: &Digest) -> Digest {
        let mut digest = DigestBuilder::new("belay engine inputs 1");
        digest.part(self.uid.as_bytes()).part(self.target.id.as_bytes()).digest(&self.rules).digest(rendered);
        if let Some(user) = self.target.acting.identity() {
            digest.part(user.name());
        }
        if let Some(post) = &self.post {
            digest.digest(&post.digest);
        }
        digest.finish()
    }
}
