//! Which of two systems keeps an object: each asks the other before it applies one.
//!
//! Both run in one process, so that each knows what the other follows: an object that bears the marks of a
//! Kustomization, HelmRelease or Application that is there, and is about to be applied by the other
//! system, is refused and told. Marks of what is gone keep nobody out: that is how a team moves from one
//! system to the other. Where only one system runs nothing is refused.

use std::sync::Arc;

use belay_engine::{Elsewhere, Keeper};
use parking_lot::RwLock;

/// The two, each known from when it runs.
#[derive(Default)]
pub struct Keepers {
    flux: RwLock<Option<Keeper>>,
    argocd: RwLock<Option<Keeper>>,
}

/// Shared by both systems.
pub type Rivals = Arc<Keepers>;

impl Keepers {
    /// What Flux's controllers keep is told so from here on.
    pub fn flux_keeps(&self, keeper: Keeper) {
        *self.flux.write() = Some(keeper);
    }
    /// What Argo CD's controller keeps is told so from here on.
    pub fn argocd_keeps(&self, keeper: Keeper) {
        *self.argocd.write() = Some(keeper);
    }
    /// What Flux's controllers leave alone.
    pub fn seen_by_flux(self: &Arc<Self>) -> Elsewhere {
        let keepers = self.clone();
        Elsewhere::new(Arc::new(move |object| keepers.argocd.read().as_ref()?(object)))
    }
    /// What Argo CD's controller leaves alone.
    pub fn seen_by_argocd(self: &Arc<Self>) -> Elsewhere {
        let keepers = self.clone();
        Elsewhere::new(Arc::new(move |object| keepers.flux.read().as_ref()?(object)))
    }
}
