//! Objects that move from one App to another are handed over, not deleted and made anew (ACT-7).
//!
//! Before an App deletes what left its render, it asks whether another App is about to apply it. The
//! keys that each App renders are kept as its claim, with what they were made from; the claim of an
//! App that has something newer is made then, from the render that it needs anyway.
//!
//! An App may come with the very commit that moves the objects: the resources that it will be lowered
//! from are looked for in what the others render. And where an App of the same source cannot be
//! rendered, nothing is known of what it takes over, so nothing is deleted until that is.
//!
//! What is claimed stays in the inventory of its old owner until the new owner's labels are on it: a
//! crash in between leaves it tracked.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use belay_object::{GroupKind, Object, ObjectKey};
use belay_plan::{InventoryEntry, Plan};
use belay_tree::Digest;
use parking_lot::Mutex;

use crate::app::{App, Target};
use crate::pipeline::{Engine, prepare};
use crate::verdict::FailureKind;

/// How many generations of Apps are looked at: one whose resource another renders, whose resource
/// another renders, and so on. People nest two or three.
const MAX_GENERATIONS: usize = 8;

/// What a claim was made from: with an equal stamp it need not be made again.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamp {
    /// The App's uid.
    pub uid: Box<str>,
    /// The revision of its tree.
    pub revision: String,
    /// The digest of its rules.
    pub rules: Digest,
}

impl Stamp {
    /// The stamp of an App as it is.
    pub fn of(app: &App) -> Stamp {
        Stamp { uid: app.uid.clone(), revision: app.revision.clone(), rules: app.rules }
    }
}

/// Another App that goes to the same cluster and will be applied.
pub enum Other {
    /// Its claim is known.
    Known(ObjectKey),
    /// Its claim is to be made.
    Lowered {
        /// The App.
        app: Box<App>,
        /// Whether it is of the same source, so that one commit may have moved objects to it: nothing is
        /// deleted while its claim cannot be made.
        near: bool,
    },
    /// What it will apply is not known, and why; nothing is deleted until it is.
    Unclear(ObjectKey, String),
}

/// Whether the claim of an App is known under a stamp.
pub type IsKnown<'a> = dyn Fn(&ObjectKey, &Stamp) -> bool + Send + Sync + 'a;

/// The Apps found by a search.
pub type Found<'a> = Pin<Box<dyn Future<Output = Vec<Other>> + Send + 'a>>;

/// The other Apps, as the dialect knows them. Asked only before something is deleted.
pub trait Others: Send + Sync {
    /// All that go to the same cluster as `target` and will be applied, except `app`.
    fn of<'a>(&'a self, app: &'a ObjectKey, target: &'a Target, is_known: &'a IsKnown<'a>) -> Found<'a>;
    /// Those of `resources`, which Apps render, that are not in the cluster as they were rendered.
    fn about_to_come<'a>(
        &'a self,
        app: &'a ObjectKey,
        target: &'a Target,
        resources: Vec<Arc<Object>>,
        is_known: &'a IsKnown<'a>,
    ) -> Found<'a>;
}

/// What one App applies.
#[derive(Default)]
pub(crate) struct Claim {
    pub keys: HashSet<ObjectKey>,
    /// Those objects that Apps are lowered from.
    pub resources: Vec<Arc<Object>>,
}

impl Claim {
    /// The claim of everything among `objects`; `kind` is that of the resources that Apps are lowered from.
    pub fn of<'a>(objects: impl Iterator<Item = &'a Object>, kind: &GroupKind) -> Claim {
        let mut claim = Claim::default();
        for object in objects {
            let key = object.key();
            if key.kind == *kind {
                claim.resources.push(Arc::new(object.clone()));
            }
            claim.keys.insert(key);
        }
        claim
    }
    /// The claim of a plan.
    pub fn of_plan(plan: &Plan, kind: &GroupKind) -> Claim {
        Claim::of(plan.steps().iter().map(|s| s.object()), kind)
    }
}

/// The claims of all Apps.
#[derive(Default)]
pub(crate) struct Claims(Mutex<HashMap<ObjectKey, (Stamp, Arc<Claim>)>>);

impl Claims {
    pub fn has(&self, app: &ObjectKey, stamp: &Stamp) -> bool {
        self.0.lock().get(app).is_some_and(|(known, _)| known == stamp)
    }
    pub fn set(&self, app: &App, claim: impl FnOnce() -> Arc<Claim>) {
        let stamp = Stamp::of(app);
        let mut claims = self.0.lock();
        if claims.get(&app.key).is_none_or(|(known, _)| *known != stamp) {
            claims.insert(app.key.clone(), (stamp, claim()));
        }
    }
    pub fn forget(&self, app: &ObjectKey) {
        self.0.lock().remove(app);
    }
    fn of(&self, app: &ObjectKey) -> Option<Arc<Claim>> {
        self.0.lock().get(app).map(|(_, claim)| claim.clone())
    }
}

/// What keeps an object from being deleted.
#[derive(Debug, Clone, PartialEq)]
pub enum Claimant {
    /// This App is about to apply it.
    Takes(ObjectKey),
    /// This App may be about to apply it; why that is not known.
    Unclear(ObjectKey, String),
}

impl fmt::Display for Claimant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claimant::Takes(app) => write!(f, "{app} has taken it over"),
            Claimant::Unclear(app, why) => write!(f, "it is known whether {app} takes it over: {why}"),
        }
    }
}

/// Which candidates are not deleted now.
#[derive(Default)]
pub(crate) struct Claimed {
    takes: HashMap<ObjectKey, ObjectKey>,
    unclear: Option<(ObjectKey, String)>,
}

impl Claimed {
    /// What keeps an object.
    pub fn of(&self, key: &ObjectKey) -> Option<Claimant> {
        let takes = self.takes.get(key).map(|app| Claimant::Takes(app.clone()));
        takes.or_else(|| self.unclear.as_ref().map(|(app, why)| Claimant::Unclear(app.clone(), why.clone())))
    }
    /// The keys of what is certainly taken over.
    pub fn taken(&self) -> impl Iterator<Item = ObjectKey> {
        self.takes.keys().cloned()
    }
    /// Whether any of the candidates may be deleted.
    pub fn leaves_any(&self, candidates: &[InventoryEntry]) -> bool {
        self.unclear.is_none() && candidates.iter().any(|c| !self.takes.contains_key(&c.key))
    }
}

impl Engine {
    /// Which of these objects another App is, or may be, about to apply. `own` is whether what `app`
    /// itself renders counts: the resources of further Apps may be in it.
    pub(crate) async fn claimed(
        &self,
        app: &ObjectKey,
        target: &Target,
        candidates: &[InventoryEntry],
        others: &dyn Others,
        own: bool,
    ) -> Claimed {
        let is_known = |key: &ObjectKey, stamp: &Stamp| self.core.claims.has(key, stamp);
        let mut claimed = Claimed::default();
        let mut wave = others.of(app, target, &is_known).await;
        let mut resources = match own {
            true => self.core.claims.of(app).map(|claim| claim.resources.clone()).unwrap_or_default(),
            false => Vec::new(),
        };
        let mut seen = HashSet::new();
        for _ in 0..MAX_GENERATIONS {
            for other in wave {
                if let Some(claim) = self.ask(other, candidates, &mut claimed).await {
                    resources.extend(claim.resources.iter().cloned());
                }
            }
            resources.retain(|resource| seen.insert(resource.key()));
            if resources.is_empty() {
                break;
            }
            let next = std::mem::take(&mut resources);
            wave = others.about_to_come(app, target, next, &is_known).await;
        }
        claimed
    }

    /// Enters what one App claims; gives its claim.
    async fn ask(&self, other: Other, candidates: &[InventoryEntry], claimed: &mut Claimed) -> Option<Arc<Claim>> {
        // An App whose own resource is about to be deleted takes nothing over.
        let leaves = |key: &ObjectKey| candidates.iter().any(|c| c.key == *key);
        let (app, claim) = match other {
            Other::Unclear(key, why) => {
                if !leaves(&key) {
                    claimed.unclear.get_or_insert((key, why));
                }
                return None;
            }
            Other::Known(key) => {
                let claim = self.core.claims.of(&key);
                (key, claim)
            }
            Other::Lowered { app, near } => {
                let unclear = self.claim(&app).await.err();
                if let Some(why) = unclear.filter(|_| near && !leaves(&app.key)) {
                    claimed.unclear.get_or_insert((app.key.clone(), why));
                }
                (app.key.clone(), self.core.claims.of(&app.key))
            }
        };
        let claim = claim.filter(|_| !leaves(&app))?;
        for entry in candidates.iter().filter(|c| claim.keys.contains(&c.key)) {
            claimed.takes.insert(entry.key.clone(), app.clone());
        }
        Some(claim)
    }

    /// Makes an App's claim. An error is why it cannot be made; then it claims nothing.
    async fn claim(&self, app: &App) -> Result<(), String> {
        let known = self.known(app).await.map(|known| app.inputs(&known.digest));
        if let Some(claim) = known.and_then(|inputs| self.core.known_claim(&app.key, &inputs)) {
            self.core.claims.set(app, || claim);
            return Ok(());
        }
        let prepared = match self.render(app).await {
            Ok(rendered) => prepare(app, rendered).await,
            Err(failure) => Err(failure),
        };
        match prepared {
            Ok(prepared) => {
                let claim = Claim::of(prepared.objects.iter(), &self.core.resources);
                self.core.claims.set(app, || Arc::new(claim));
                Ok(())
            }
            Err(failure) => {
                self.core.claims.forget(&app.key);
                // Where there is no directory nothing can have moved to.
                if failure.kind == FailureKind::NoDirectory { Ok(()) } else { Err(failure.message) }
            }
        }
    }
}
