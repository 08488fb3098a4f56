//! Objects that move from one App to another are handed over, not deleted and made anew (ACT-7).
//!
//! Before an App deletes what left its render, it asks whether another App is about to apply it. The
//! keys that each App renders are kept as its claim, with what they were made from; the claim of an
//! App that has something newer is made then, from the render that it needs anyway.
//!
//! What is claimed stays in the inventory of its old owner until the new owner's labels are on it: a
//! crash in between leaves it tracked.

use std::collections::{HashMap, HashSet};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use belay_object::ObjectKey;
use belay_plan::{InventoryEntry, Plan};
use belay_tree::Digest;
use parking_lot::Mutex;

use crate::app::{App, Target};
use crate::pipeline::{Engine, plan};

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
    Lowered(Box<App>),
}

/// Whether the claim of an App is known under a stamp.
pub type IsKnown<'a> = dyn Fn(&ObjectKey, &Stamp) -> bool + Send + Sync + 'a;

/// The other Apps, as the dialect knows them. Asked only before something is deleted.
pub trait Others: Send + Sync {
    /// All that go to the same cluster as `target` and will be applied, except `app`.
    fn of<'a>(
        &'a self,
        app: &'a ObjectKey,
        target: &'a Target,
        is_known: &'a IsKnown<'a>,
    ) -> Pin<Box<dyn Future<Output = Vec<Other>> + Send + 'a>>;
}

type Keys = Arc<HashSet<ObjectKey>>;

/// The claims of all Apps.
#[derive(Default)]
pub(crate) struct Claims(Mutex<HashMap<ObjectKey, (Stamp, Keys)>>);

impl Claims {
    pub fn has(&self, app: &ObjectKey, stamp: &Stamp) -> bool {
        self.0.lock().get(app).is_some_and(|(known, _)| known == stamp)
    }
    pub fn set(&self, app: &App, keys: impl FnOnce() -> HashSet<ObjectKey>) {
        let stamp = Stamp::of(app);
        let mut claims = self.0.lock();
        if claims.get(&app.key).is_none_or(|(known, _)| *known != stamp) {
            claims.insert(app.key.clone(), (stamp, Arc::new(keys())));
        }
    }
    pub fn forget(&self, app: &ObjectKey) {
        self.0.lock().remove(app);
    }
    fn of(&self, app: &ObjectKey) -> Option<Keys> {
        self.0.lock().get(app).map(|(_, keys)| keys.clone())
    }
}

/// The keys of everything that a plan applies.
pub(crate) fn keys_of(plan: &Plan) -> HashSet<ObjectKey> {
    plan.steps().iter().map(|s| s.key().clone()).collect()
}

impl Engine {
    /// Which of these objects another App is about to apply, and which App.
    pub(crate) async fn claimed(
        &self,
        app: &ObjectKey,
        target: &Target,
        candidates: &[InventoryEntry],
        others: &dyn Others,
    ) -> HashMap<ObjectKey, ObjectKey> {
        let is_known = |key: &ObjectKey, stamp: &Stamp| self.core.claims.has(key, stamp);
        let mut claimed = HashMap::new();
        for other in others.of(app, target, &is_known).await {
            let (claimant, keys) = match other {
                Other::Known(key) => {
                    let keys = self.core.claims.of(&key);
                    (key, keys)
                }
                Other::Lowered(other) => {
                    self.claim(&other).await;
                    let keys = self.core.claims.of(&other.key);
                    (other.key, keys)
                }
            };
            let Some(keys) = keys else { continue };
            for entry in candidates.iter().filter(|c| keys.contains(&c.key)) {
                claimed.insert(entry.key.clone(), claimant.clone());
            }
        }
        claimed
    }

    /// Makes an App's claim. One whose manifests cannot be rendered claims nothing: others must not
    /// wait for somebody's mistake.
    async fn claim(&self, app: &App) {
        let known = self.known(app).await.map(|known| app.inputs(&known.digest));
        if let Some(keys) = known.and_then(|inputs| self.core.known_keys(&app.key, &inputs)) {
            return self.core.claims.set(app, || keys);
        }
        match self.render(app).await {
            Ok(rendered) => match plan(app, rendered).await {
                Ok(planned) => self.core.claims.set(app, || keys_of(&planned.plan)),
                Err(_) => self.core.claims.forget(&app.key),
            },
            Err(_) => self.core.claims.forget(&app.key),
        }
    }
}
