//! Which of two systems keeps an object: each asks the other before it applies one.
//!
//! Both run in one process, so that each knows what the other follows: an object that bears the marks of a
//! Kustomization, HelmRelease or Application that is there, and is about to be applied by the other
//! system, is refused and told. Marks of what is gone keep nobody out: that is how a team moves from one
//! system to the other. Where only one system runs nothing is refused.

use std::sync::{Arc, OnceLock};

use belay_engine::{Elsewhere, Keeper};

/// The two, each known from when it runs.
#[derive(Default)]
pub struct Keepers {
    flux: OnceLock<Keeper>,
    argocd: OnceLock<Keeper>,
}

/// Shared by both systems.
pub type Rivals = Arc<Keepers>;

impl Keepers {
    /// What Flux's controllers keep is told so from here on.
    pub fn flux_keeps(&self, keeper: Keeper) {
        let _ = self.flux.set(keeper);
    }
    /// What Argo CD's controller keeps is told so from here on.
    pub fn argocd_keeps(&self, keeper: Keeper) {
        let _ = self.argocd.set(keeper);
    }
    /// What Flux's controllers leave alone.
    pub fn seen_by_flux(self: &Arc<Self>) -> Elsewhere {
        let keepers = self.clone();
        Elsewhere::new(Arc::new(move |object| (keepers.argocd.get()?)(object)))
    }
    /// What Argo CD's controller leaves alone.
    pub fn seen_by_argocd(self: &Arc<Self>) -> Elsewhere {
        let keepers = self.clone();
        Elsewhere::new(Arc::new(move |object| (keepers.flux.get()?)(object)))
    }
}
