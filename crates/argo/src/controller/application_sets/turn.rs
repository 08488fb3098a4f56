//! One turn of one ApplicationSet: generate, judge, act, tell.
//!
//! *Invariant*: nothing is made, changed or deleted unless all Applications that should be there are known. What the
//! rollout decides is written down before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use belay_controller::Next;
use belay_object::{Object, Value, merge_patch_between, object};

use super::super::config::Config;
use super::super::world::now_text;
use super::surroundings::{self, find_project};
use super::{AFTER_FAILURE, Sets};
use crate::application_set::generate::{self, Failure};
use crate::application_set::generators::requeue_after_s;
use crate::application_set::plan::{self, Rules};
use crate::application_set::rolling;
use crate::application_set::spec::Policy;
use crate::application_set::status::{self, SetCondition, SetStatus, conditions};
use crate::application_set::{ApplicationSet, REFRESH};
use crate::names::RESOURCES_FINALIZER;

impl Sets {
    /// Takes a turn. `afresh` has repositories looked at, however lately they were.
    pub(super) async fn turn(&self, object: &Object, afresh: bool) -> belay_cluster::Result<Next> {
        let config = self.world.config();
        let set = match ApplicationSet::read(object) {
            Ok(set) => set,
            Err(error) => {
                let readable = SetStatus::read_lossy(object.get("status").unwrap_or(&Value::Null));
                let set = ApplicationSet { status: readable, ..ApplicationSet::default() };
                let failure = Failure { reason: generate::GENERATION_FAILED, message: error.to_string() };
                return self.fail(object, &set, failure).await;
            }
        };
        self.hold(object, &set, &config).await?;
        let generated = match self.generate(&set, &config, afresh).await {
            Ok(generated) => generated,
            Err(failure) => return self.fail(object, &set, failure).await,
        };
        let parameters = &config.settings.parameters.application_sets;
        let policy = Policy::effective(&set.spec, parameters.policy, parameters.policy_override);
        let preserved = (&parameters.preserved_annotations, &parameters.preserved_labels);
        let rules = match Rules::new(&set, policy, preserved.0, preserved.1) {
            Ok(rules) => rules,
            Err(message) => {
                let failure = Failure { reason: conditions::UPDATE_ERROR, message };
                return self.fail(object, &set, failure).await;
            }
        };
        let invalid = self.judge(&set, &generated, &config);
        let mut turn = Turn { status: set.status.clone(), found: Vec::new(), generated, invalid };
        if let Some(next) = self.roll(object, &set, &config, &rules, &mut turn).await? {
            return Ok(next);
        }
        let live = self.applications(&set.namespace);
        let held_back: BTreeSet<String> = turn.invalid.keys().cloned().collect();
        let actions = plan::plan(&set, &turn.generated, &held_back, &live, &rules);
        let failed = self.act(object, &set, actions, &config).await;
        self.conclude(object, &set, &config, turn, failed).await
    }

    /// Says what came of a turn.
    async fn conclude(
        &self,
        object: &Object,
        set: &ApplicationSet,
        config: &Config,
        mut turn: Turn,
        failed: Option<SetCondition>,
    ) -> belay_cluster::Result<Next> {
        let parameters = &config.settings.parameters.application_sets;
        let owned: Vec<Arc<Object>> =
            self.applications(&set.namespace).into_iter().filter(|app| plan::is_named_owner(app, &set.name)).collect();
        turn.status.list(&owned, parameters.max_resources);
        let is_valid = turn.invalid.is_empty();
        if let Some(condition) = turn.validity() {
            turn.found.push(condition);
        }
        let has_failed = failed.is_some();
        match failed {
            // What cannot be done is graver than what must not be.
            Some(condition) => {
                turn.found.retain(|known| known.kind != conditions::ERROR_OCCURRED);
                turn.found.push(condition);
            }
            None if is_valid => turn.found.push(status::up_to_date()),
            None => {}
        }
        turn.status.tell(&set.spec, &turn.found, true, &now_text());
        self.put_status(object, &set.status, &turn.status).await?;
        if object.annotation(REFRESH).is_some() && !has_failed {
            let patch = object! { "metadata" => object! { "annotations" => object! { REFRESH => Value::Null } } };
            self.write(object, false, patch).await?;
        }
        if has_failed {
            return Ok(Next::Retry);
        }
        let default_s = parameters.requeue_after.to_std().as_secs();
        let again = requeue_after_s(&set.spec.generators, default_s).map(Duration::from_secs);
        Ok(match again.or((!is_valid).then_some(AFTER_FAILURE)) {
            Some(pause) => Next::After(pause),
            None => Next::Done,
        })
    }

    /// Says that nothing was done, and why.
    async fn fail(&self, object: &Object, set: &ApplicationSet, failure: Failure) -> belay_cluster::Result<Next> {
        tracing::warn!(
            namespace = object.namespace(),
            name = object.name(),
            reason = failure.reason,
            "{}",
            failure.message
        );
        let mut status = set.status.clone();
        status.tell(&set.spec, &[status::failed(failure.reason, failure.message)], false, &now_text());
        self.put_status(object, &set.status, &status).await?;
        Ok(Next::After(AFTER_FAILURE))
    }

    /// Writes the status where it is another.
    pub(super) async fn put_status(
        &self,
        object: &Object,
        before: &SetStatus,
        after: &SetStatus,
    ) -> belay_cluster::Result<()> {
        let Some(patch) = merge_patch_between(&before.to_value(), &after.to_value()) else { return Ok(()) };
        self.write(object, true, object! { "status" => patch }).await.map(drop)
    }

    /// Sees to it that one whose Applications go in reverse does not go before them.
    async fn hold(&self, object: &Object, set: &ApplicationSet, config: &Config) -> belay_cluster::Result<()> {
        let is_wanted = config.settings.parameters.application_sets.progressive_syncs && set.spec.deletes_in_reverse();
        if !is_wanted || object.finalizers().any(|finalizer| finalizer == RESOURCES_FINALIZER) {
            return Ok(());
        }
        let all: Value = object.finalizers().chain([RESOURCES_FINALIZER]).map(Value::from).collect();
        let version = object.resource_version();
        let patch = object! { "metadata" => object! { "finalizers" => all, "resourceVersion" => version } };
        self.write(object, false, patch).await.map(drop)
    }

    /// All Applications that should be there.
    async fn generate(&self, set: &ApplicationSet, config: &Arc<Config>, afresh: bool) -> Result<Vec<Object>, Failure> {
        let default = config.settings.parameters.application_sets.requeue_after.to_std();
        let every = requeue_after_s(&set.spec.generators, default.as_secs()).map_or(default, Duration::from_secs);
        // A listing that another one made in between is fresh enough.
        let max_age = if afresh { Duration::ZERO } else { every / 2 };
        let project = |name: &str| find_project(&self.world, name);
        surroundings::generate(set, config, &self.world.repositories, project, max_age).await
    }

    /// Applications that are none that could be synced, and why. Compat(argo-cd 3.5): the sentences.
    fn judge(&self, set: &ApplicationSet, generated: &[Object], config: &Config) -> BTreeMap<String, String> {
        let (mut wrong, mut names) = (BTreeMap::new(), BTreeSet::new());
        for app in generated {
            let name = app.name();
            if name.is_empty() {
                let why = format!(
                    "ApplicationSet {} contains an application with no name; a name must be set in the template's \
                     metadata.name or via a templatePatch (generateName is not supported)",
                    set.name
                );
                wrong.insert(String::new(), why);
                continue;
            }
            if !names.insert(name) {
                let why = format!("ApplicationSet {} contains applications with duplicate name: {name}", set.name);
                wrong.insert(name.to_owned(), why);
                continue;
            }
            let text = |path: &[&str]| app.str_at(path).unwrap_or_default();
            let project = text(&["spec", "project"]);
            if self.world.projects.object(&self.world.settings.namespace, project).is_none() {
                let why = format!("application references project {project} which does not exist");
                wrong.insert(name.to_owned(), why);
                continue;
            }
            let (server, cluster) = (text(&["spec", "destination", "server"]), text(&["spec", "destination", "name"]));
            if let Err(why) = config.clusters.resolve(server, cluster) {
                wrong.insert(name.to_owned(), format!("application destination spec is invalid: {why}"));
            }
        }
        wrong
    }

    /// Takes a turn of the rollout, where there is one. Gives what comes next where it cannot begin.
    async fn roll(
        &self,
        object: &Object,
        set: &ApplicationSet,
        config: &Config,
        rules: &Rules,
        turn: &mut Turn,
    ) -> belay_cluster::Result<Option<Next>> {
        let is_on = config.settings.parameters.application_sets.progressive_syncs;
        let Some(steps) = set.spec.rolling_sync().filter(|_| is_on) else {
            turn.status.application_status = Vec::new();
            return Ok(None);
        };
        if steps.is_empty() {
            let condition = status::failed(conditions::ROLLOUT_ERROR, "No steps defined for rollout");
            let mut told = set.status.clone();
            told.tell(&set.spec, &[condition], true, &now_text());
            self.put_status(object, &set.status, &told).await?;
            return Ok(Some(Next::After(AFTER_FAILURE)));
        }
        let live = self.applications(&set.namespace);
        let owned: Vec<Arc<Object>> = live.iter().filter(|app| plan::is_named_owner(app, &set.name)).cloned().collect();
        let rollout = rolling::advance(set, steps, &turn.generated, &owned, rules, &now_text());
        turn.status.application_status = rollout.statuses;
        turn.found.extend(rollout.conditions);
        let mut told = turn.status.clone();
        told.tell(&set.spec, &turn.found, true, &now_text());
        self.put_status(object, &set.status, &told).await?;
        let by_name: BTreeMap<&str, &Arc<Object>> = owned.iter().map(|app| (app.name(), app)).collect();
        for app in &mut turn.generated {
            let is_due = rollout.due.contains(app.name());
            let live = by_name.get(app.name()).map(|live| &***live);
            rolling::prepare(app, is_due, live);
        }
        Ok(None)
    }
}

/// What a turn comes to.
struct Turn {
    status: SetStatus,
    found: Vec<SetCondition>,
    generated: Vec<Object>,
    /// Applications that are neither made nor changed nor deleted, and why.
    invalid: BTreeMap<String, String>,
}

impl Turn {
    /// What is told of Applications that cannot be. Compat(argo-cd 3.5): one of them, and how many there are besides.
    fn validity(&self) -> Option<SetCondition> {
        let (_, last) = self.invalid.last_key_value()?;
        let message = match self.invalid.len() {
            1 => last.clone(),
            several => format!("{last} (and {} more)", several - 1),
        };
        Some(status::failed(conditions::VALIDATION_ERROR, message))
    }
}
