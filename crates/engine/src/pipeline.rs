//! The loop: render, observe, plan, apply, prune, settle.
//!
//! [`Engine::advance`] is the picture of ARCHITECTURE.md in code. It may be called at any time and
//! any number of times; an App for which nothing has changed costs a look into memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use belay_health::Health;
use belay_object::{GroupKind, Object, ObjectKey};
use belay_plan::{Applied as AppliedSteps, Held, Inventory, Plan, PruneSet, STAGE_WAIT_S, Stage, Step};
use belay_render::{Known, Memo, Rendered};
use belay_tree::Digest;
use tokio::time::Instant;

use crate::app::{App, Target};
use crate::apply::{self, Item};
use crate::claims::{Claim, Others};
use crate::core::{AppState, Core, Wake};
use crate::journal::{Journal, Progress};
use crate::live::{Live, TargetLive};
use crate::prune::{self, Pruned};
use crate::settle;
use crate::verdict::{Done, Failure, FailureKind, Verdict};

/// The engine: what is remembered, rendered and watched for all Apps.
pub struct Engine {
    memo: Memo,
    live: Live,
    pub(crate) core: Arc<Core>,
}

impl Engine {
    /// Makes an engine for one field manager; `owner_label` is the label that every applied object
    /// carries, by which watches are filtered, `resources` the kind of the resources that Apps are
    /// lowered from.
    pub fn new(manager: &str, owner_label: &str, resources: GroupKind, memo: Memo, wake: Wake) -> Engine {
        let core = Arc::new(Core::new(resources, wake));
        let weak = Arc::downgrade(&core);
        let live = Live::new(
            manager,
            owner_label,
            Arc::new(move |target, change| {
                if let Some(core) = weak.upgrade() {
                    core.changed(target, change);
                }
            }),
        );
        Engine { memo, live, core }
    }

    /// The memo of renders: its counters are of interest to metrics.
    pub fn memo(&self) -> &Memo {
        &self.memo
    }

    /// Brings an App forward as far as it can be now. `recorded` is the inventory as it is written
    /// down; everything in it that is not rendered any more is a candidate for deletion, unless one of
    /// the `others` is about to take it over.
    pub async fn advance(
        &self,
        app: &App,
        recorded: &Inventory,
        journal: &dyn Journal,
        others: &dyn Others,
    ) -> (Done, Verdict) {
        let state = self.core.state(app);
        let _one_at_a_time = state.run.lock().await;
        state.memory.lock().running = true;
        let mut done = Done { inventory: recorded.clone(), ..Done::default() };
        let deadline = Instant::now() + app.timeout;
        let run = self.run(app, &state, recorded, journal, others, &mut done);
        let end = match tokio::time::timeout_at(deadline, run).await {
            Ok(Ok(verdict)) => verdict,
            Ok(Err(failure)) => Verdict::Failed(failure),
            Err(_) => Verdict::Failed(Failure::new(
                FailureKind::Apply,
                format!("not applied within the timeout of {} s; what was applied stays", app.timeout.as_secs()),
            )),
        };
        self.core.finish(app, &state, &self.live.of(&app.target));
        (done, end)
    }

    /// Deletes everything that a deleted App owned, except what another App is about to take over.
    pub async fn delete_all(
        &self,
        app: &ObjectKey,
        target: &Target,
        inventory: &Inventory,
        policy: &belay_plan::Policy,
        journal: &dyn Journal,
        others: &dyn Others,
    ) -> Pruned {
        let set = PruneSet::of_deleted_app(inventory);
        let claimed = &self.claimed(app, target, set.candidates(), others, false).await;
        prune::prune(target, &set, prune::Rules { inventory, policy, claimed }, journal).await
    }

    /// Forgets an App that is gone.
    pub fn forget(&self, app: &ObjectKey) {
        self.core.forget(app);
    }

    async fn run(
        &self,
        app: &App,
        state: &AppState,
        recorded: &Inventory,
        journal: &dyn Journal,
        others: &dyn Others,
        done: &mut Done,
    ) -> Result<Verdict, Failure> {
        let live = self.live.of(&app.target);
        // What came of a render is known for longer than its objects are kept.
        if let Some(known) = self.known(app).await {
            let inputs = app.inputs(&known.digest);
            if state.memory.lock().needs_nothing(&inputs, recorded) {
                done.digest = format!("sha256:{}", known.digest.hex());
                done.warnings = known.warnings;
                self.core.claims.set(app, || state.memory.lock().claim.clone());
                return self.settle(app, state, &live, &inputs).await;
            }
        }
        let rendered = self.render(app).await?;
        done.digest = format!("sha256:{}", rendered.digest.hex());
        done.warnings = rendered.warnings.clone();
        let inputs = app.inputs(&rendered.digest);
        if !state.memory.lock().needs_nothing(&inputs, recorded) {
            let planned = plan(app, rendered).await?;
            done.warnings.extend(planned.plan.warnings().iter().cloned());
            let steps = self.apply(app, state, &live, &planned, &inputs, recorded, journal, done).await?;
            let stale = Stale { plan: &planned.plan, steps: &steps, recorded };
            self.prune_stale(app, state, stale, journal, others, done).await?;
        }
        self.settle(app, state, &live, &inputs).await
    }

    /// Deletes what left the render. On the way out `done.inventory` is what is left: ours after the
    /// apply, and what could not be deleted.
    async fn prune_stale(
        &self,
        app: &App,
        state: &AppState,
        stale: Stale<'_>,
        journal: &dyn Journal,
        others: &dyn Others,
        done: &mut Done,
    ) -> Result<(), Failure> {
        self.core.moving(app, state, std::iter::empty());
        let Some(set) = stale.set()? else {
            done.inventory = stale.steps.inventory();
            return Ok(());
        };
        let claimed = self.claimed(&app.key, &app.target, set.candidates(), others, true).await;
        if claimed.leaves_any(set.candidates()) {
            // The stale objects are still listed: a crash from here on leaves none of them untracked.
            let intent = Progress::Pruning { inventory: done.inventory.clone() };
            journal.record(intent).await.map_err(|e| Failure::new(FailureKind::Journal, e.to_string()))?;
        }
        // Registered first: a change from here on wakes the App again.
        self.core.moving(app, state, claimed.taken());
        let rules = prune::Rules { inventory: stale.recorded, policy: &app.policy, claimed: &claimed };
        let pruned = prune::prune(&app.target, &set, rules, journal).await;
        done.inventory = stale.steps.inventory();
        for entry in &pruned.left {
            done.inventory.add(entry.clone());
        }
        self.core.moving(app, state, pruned.moving.iter().map(|(key, _)| key.clone()));
        done.pruned = pruned.changes;
        done.kept = pruned.kept;
        done.moving = pruned.moving;
        if pruned.errors.is_empty() {
            return Ok(());
        }
        Err(Failure::new(FailureKind::Prune, belay_plan::delete_failures(&pruned.errors)))
    }

    /// What is known of a render that need not be made, looked up on a thread of its own.
    pub(crate) async fn known(&self, app: &App) -> Option<Known> {
        let (memo, spec, tree) = (self.memo.clone(), app.render.clone(), app.tree.clone());
        tokio::task::spawn_blocking(move || memo.known(&spec, &tree)).await.ok().flatten()
    }

    /// Renders on a thread of its own: a tree may be large, and reading it may touch the disk.
    pub(crate) async fn render(&self, app: &App) -> Result<Arc<Rendered>, Failure> {
        let (memo, spec, tree) = (self.memo.clone(), app.render.clone(), app.tree.clone());
        let rendered = tokio::task::spawn_blocking(move || memo.render(&spec, &tree)).await;
        match rendered {
            Ok(Ok(rendered)) => Ok(rendered),
            Ok(Err(e)) if e.kind() == belay_render::ErrorKind::NoDirectory => {
                Err(Failure::new(FailureKind::NoDirectory, e.to_string()))
            }
            Ok(Err(e)) => Err(Failure::new(FailureKind::Render, e.to_string())),
            Err(e) => Err(Failure::new(FailureKind::Render, format!("the renderer stopped: {e}"))),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "each is one word of the picture: what, where, what was, what comes of it"
    )]
    async fn apply(
        &self,
        app: &App,
        state: &AppState,
        live: &TargetLive,
        planned: &Planned,
        inputs: &Digest,
        recorded: &Inventory,
        journal: &dyn Journal,
        done: &mut Done,
    ) -> Result<AppliedSteps, Failure> {
        let plan = &planned.plan;
        let mut steps = AppliedSteps::new();
        let claim = Arc::new(Claim::of_plan(plan, &self.core.resources));
        let known = state.memory.lock().renew(inputs, plan, &claim);
        self.core.claims.set(app, || claim);
        self.core.register(app, plan.steps().iter().map(|s| s.key()));
        let union = recorded.union(&plan.inventory());
        done.inventory = union.clone();
        // Intent before act: no object is applied before its id is written down (ACT-5).
        if union.len() > recorded.len() {
            let intent = Progress::Applying { inventory: union };
            journal.record(intent).await.map_err(|e| Failure::new(FailureKind::Journal, e.to_string()))?;
        }
        for (stage, of_stage) in plan.stages() {
            // Stage by stage: a kind may be served only since the stage before defined it.
            live.watch(&app.target, kinds(of_stage)).await;
            let mut items = Vec::new();
            for step in of_stage {
                if known.contains(step.key()) {
                    steps.push(step.known_unchanged());
                } else {
                    items.push(Item { step, origin: planned.origin(step.key()) });
                }
            }
            let mut outcomes = Vec::new();
            let result = apply::apply_stage(app, &items, journal, &mut outcomes).await;
            let changed = self.core.remember(app, state, live, &outcomes);
            for outcome in outcomes {
                steps.push(outcome.done);
            }
            done.applied = steps.changes().clone();
            result.map_err(|why| Failure::new(FailureKind::Apply, why))?;
            if stage == Stage::Definitions && !changed.is_empty() {
                app.target.cluster.invalidate_discovery();
            }
            if stage.waits() && !changed.is_empty() {
                self.await_stage(app, live, &changed).await?;
            }
        }
        Ok(steps)
    }

    /// Definitions and namespaces must be there before what uses them; for a minute at most.
    async fn await_stage(&self, app: &App, live: &TargetLive, changed: &[ObjectKey]) -> Result<(), Failure> {
        let deadline = Instant::now() + Duration::from_secs(STAGE_WAIT_S);
        let mut pause = Duration::from_millis(10);
        loop {
            let mut waiting = Vec::new();
            for key in changed {
                let health = match live.entry(key) {
                    Some(entry) if entry.summary.health.is_current() => continue,
                    _ => self.read_health(app, key).await,
                };
                if !health.is_current() {
                    waiting.push(belay_health::wait_entry(key, &health));
                }
            }
            if waiting.is_empty() {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(Failure::new(FailureKind::Apply, format!("timeout waiting for: [{}]", waiting.join(", "))));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    async fn read_health(&self, app: &App, key: &ObjectKey) -> Health {
        let unknown = |e: belay_cluster::Error| Health::new(belay_health::Status::Unknown, e.to_string());
        let resource = match app.target.cluster.resolve(&key.kind).await {
            Ok(resource) => resource,
            Err(e) => return unknown(e),
        };
        match app.target.acting.find(&resource, &key.namespace, &key.name).await {
            Ok(Some(object)) => belay_health::check(&object, jiff::Timestamp::now()),
            Ok(None) => Health::not_found(),
            Err(e) => unknown(e),
        }
    }

    async fn settle(
        &self,
        app: &App,
        state: &AppState,
        live: &TargetLive,
        inputs: &Digest,
    ) -> Result<Verdict, Failure> {
        self.core.look_at(app, state, live).await;
        let scope = settle::scope(app, &state.memory.lock());
        let pending = settle::look(app, live, scope).await;
        Ok(settle::judge(app, &mut state.memory.lock(), inputs, pending))
    }
}

/// A plan with the places that its manifests came from.
struct Planned {
    plan: Plan,
    origins: HashMap<ObjectKey, String>,
}

impl Planned {
    fn origin(&self, key: &ObjectKey) -> &str {
        self.origins.get(key).map_or("", String::as_str)
    }
}

/// Rendered objects that were given what the App adds to each, with their places.
pub(crate) struct Prepared {
    pub(crate) objects: Vec<Object>,
    origins: HashMap<ObjectKey, String>,
}

/// Makes the plan, on a thread of its own: ordering thousands of objects takes long enough to hold
/// others up.
async fn plan(app: &App, rendered: Arc<Rendered>) -> Result<Planned, Failure> {
    let Prepared { objects, origins } = prepare(app, rendered).await?;
    let policy = app.policy.clone();
    let made = tokio::task::spawn_blocking(move || Plan::new(objects, policy));
    match made.await {
        Ok(Ok(plan)) => Ok(Planned { plan, origins }),
        Ok(Err(e)) => Err(Failure::new(FailureKind::Unfit, e.to_string())),
        Err(e) => Err(Failure::new(FailureKind::Render, format!("planning stopped: {e}"))),
    }
}

/// Post-renders, on a thread of its own.
pub(crate) async fn prepare(app: &App, rendered: Arc<Rendered>) -> Result<Prepared, Failure> {
    let post = app.post.clone();
    let cluster_scoped = cluster_scoped(app, &rendered).await;
    let made = tokio::task::spawn_blocking(move || {
        let mut objects: Vec<Object> = Vec::with_capacity(rendered.objects.len());
        let mut origins = HashMap::new();
        for item in &rendered.objects {
            let mut object = item.object.clone();
            let origin = item.origin.as_ref().map(ToString::to_string).unwrap_or_default();
            if let Some(post) = &post {
                object = (post.apply)(object).map_err(|why| in_place(why, &origin))?;
            }
            if !object.namespace().is_empty() && cluster_scoped.contains(&object.group_kind()) {
                object.remove(&["metadata", "namespace"]);
            }
            if !origin.is_empty() {
                origins.insert(object.key(), origin);
            }
            objects.push(object);
        }
        Ok(Prepared { objects, origins })
    });
    match made.await {
        Ok(made) => made.map_err(|why: String| Failure::new(FailureKind::Render, why)),
        Err(e) => Err(Failure::new(FailureKind::Render, format!("post-rendering stopped: {e}"))),
    }
}

/// The kinds among the rendered objects that have no namespaces. A namespace that a transformer gave
/// to such an object would make two keys of one object: the manifest's and the server's.
async fn cluster_scoped(app: &App, rendered: &Rendered) -> BTreeSet<GroupKind> {
    let with_namespace = rendered.objects.iter().filter(|item| !item.object.namespace().is_empty());
    let kinds: BTreeSet<GroupKind> = with_namespace.map(|item| item.object.group_kind()).collect();
    let mut found = BTreeSet::new();
    for kind in kinds {
        // A kind whose definition comes with this very App is not known yet, and is left as it is.
        if let Ok(resource) = app.target.cluster.resolve(&kind).await
            && !resource.namespaced
        {
            found.insert(kind);
        }
    }
    found
}

fn in_place(why: String, origin: &str) -> String {
    if origin.is_empty() { why } else { format!("{why} (in {origin})") }
}

fn kinds(steps: &[Step]) -> BTreeSet<GroupKind> {
    steps.iter().map(|s| s.key().kind.clone()).collect()
}

/// What may have to be deleted after an apply.
struct Stale<'a> {
    plan: &'a Plan,
    steps: &'a AppliedSteps,
    recorded: &'a Inventory,
}

impl Stale<'_> {
    /// What is to be deleted; `None` for nothing.
    fn set(&self) -> Result<Option<PruneSet>, Failure> {
        match PruneSet::after(self.plan, self.steps, self.recorded) {
            Ok(set) if set.is_empty() => Ok(None),
            Ok(set) => Ok(Some(set)),
            Err(Held::NotWanted) => Ok(None),
            Err(held) => {
                let message = format!(
                    "{held}: the {} objects of the inventory stay; if they are to go, delete them, or the resource that owns them",
                    self.recorded.len()
                );
                Err(Failure::new(FailureKind::Prune, message))
            }
        }
    }
}
