//! What is desired against what is there, for one Application at one moment: its sources fetched and rendered,
//! its cluster looked at, the two compared. Decides nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use belay_object::{GroupKind, Object, ObjectKey};
use belay_plan::{Manager, Takeover};
use futures::stream::{self, StreamExt};

use super::application::Turn;
use super::desired::{Desired, Wish};
use super::destinations::{Absent, Place, Served};
use super::refresh::Level;
use super::world::MANAGER;
use crate::compare::{self, Comparison, Rules};
use crate::differ::{self, Manner};
use crate::manifests;
use crate::spec::{AppCondition, Application, SourceType, conditions, option_value};

/// The manager by which kubectl's client-side applies are known.
const CLIENT_SIDE: &str = "kubectl-client-side-apply";
/// Names another one on an Application.
const MIGRATION_MANAGER: &str = "argocd.argoproj.io/client-side-apply-migration-manager";
/// What kubectl leaves.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// What comparing gave.
pub(crate) struct Compared {
    pub comparison: Arc<Comparison>,
    /// The commit of each source.
    pub revisions: Vec<String>,
    pub source_types: Vec<SourceType>,
}

impl Turn<'_> {
    /// Compares what is wanted with what is live. What cannot be told is a condition of the comparison; an error
    /// where there is none.
    pub(crate) async fn compare(&self, wish: &Wish<'_>, level: Level) -> Result<Compared, Absent> {
        let app = &self.draft.app;
        if let Some(why) = &self.config.unread {
            return Err(Absent::Trouble(why.clone()));
        }
        let place = self.world.destinations.of(&self.config, app).await?;
        let Served { catalog, facts, scopes } = place.served().await.map_err(Absent::Trouble)?;
        let Desired { objects, revisions: mut commits, source_types: types, mut failed } =
            self.desired(wish, level, facts).await?;
        let mut conditions_found = Vec::new();
        if let Some(why) = &failed {
            conditions_found.push(AppCondition::new(conditions::COMPARISON_ERROR, why.clone()));
        }
        let scope = |kind: &belay_object::GroupKind| scopes.get(kind).copied();
        let namespace = app.spec.destination.namespace.as_str();
        let (config, server) = (self.config.clone(), place.server.clone());
        let mut targets =
            manifests::targets(objects, namespace, &scope, &|group, kind| config.excludes(group, kind, &server));
        conditions_found.append(&mut targets.conditions);
        for object in &mut targets.objects {
            self.config.tracking.stamp(object, &self.instance, namespace);
        }
        let live = self.live(&place, &targets.objects).await.map_err(Absent::Trouble)?;
        let unavailable: HashSet<&str> = catalog.unavailable_groups().collect();
        if let Some(why) = unknown_scope(&targets.undefined, &live, &unavailable) {
            let message = format!("Failed to load live state: {why}");
            conditions_found.push(AppCondition::new(conditions::COMPARISON_ERROR, message));
            failed = Some(why);
        }
        let of_namespace = self.namespace(&place, namespace).await;
        if let Some(managed) = managed_namespace(app, &live, &targets.objects) {
            targets.objects.push(managed);
        }
        let pairs = compare::pair(targets.objects, live);
        let manner = self.manner();
        let none = || vec![Arc::new([]) as Arc<[_]>; pairs.managed.len()];
        // Where nothing can be said of anything, what is known of differences stays for when something can.
        let asked = match failed {
            Some(_) => Ok(none()),
            None => differ::differences(&pairs.managed, &self.memory.known, &place.cluster, &manner).await,
        };
        let differences = asked.unwrap_or_else(|why| {
            let message = format!("Failed to compare desired state to live state: {why}");
            conditions_found.push(AppCondition::new(conditions::COMPARISON_ERROR, message));
            failed = Some(why);
            none()
        });
        let health = |object: &Object| self.config.health(object);
        let rules = Rules {
            app,
            instance: &self.instance,
            tracking: &self.config.tracking,
            permits: &|group, kind, namespaced, name| self.permits.kind(group, kind, namespaced, name),
            scope: &scope,
            health: &health,
            failed: failed.is_some(),
            namespace_differs: namespace_differs(app),
        };
        let mut comparison = compare::judge(pairs, differences, &rules);
        // What a sync would refuse is told before one is asked for.
        let elsewhere = place.target().elsewhere;
        let wanted = comparison.resources.iter().filter(|judged| judged.pair.target.is_some());
        let kept = wanted.filter_map(|judged| elsewhere.refuse(judged.pair.live.as_deref()?));
        conditions_found.extend(kept.map(|why| AppCondition::new(conditions::SHARED_RESOURCE_WARNING, why)));
        conditions_found.append(&mut comparison.conditions);
        conditions_found.extend(self.orphans(&place));
        comparison.conditions = conditions_found;
        comparison.namespace = of_namespace;
        if commits.is_empty() {
            commits = app.status.revisions().into_iter().map(str::to_owned).collect();
        }
        Ok(Compared { comparison: Arc::new(comparison), revisions: commits, source_types: types })
    }

    /// What is said of objects of the destination's namespace that belong to nobody, where the project wants it.
    fn orphans(&self, place: &Place) -> Option<AppCondition> {
        let monitoring = self.project.orphaned_resources().filter(|monitoring| monitoring.warn)?;
        let namespace = self.draft.app.spec.destination.namespace.as_str();
        let mut count = 0;
        place.observed.each_in(namespace, |key, entry| {
            let is_nobodys = entry.summary.tracked_by.is_empty() && entry.summary.owners.is_empty();
            let (kind, name) = (&key.kind, &*key.name);
            if is_nobodys
                && self.permits.kind(&kind.group, &kind.kind, true, name)
                && !monitoring.ignores(&kind.group, &kind.kind, namespace, name)
            {
                count += 1;
            }
        });
        // Compat(argo-cd 3.5)
        let message = format!("Application has {count} orphaned resources");
        (count > 0).then(|| AppCondition::new(conditions::ORPHANED_RESOURCE_WARNING, message))
    }

    /// Everything live that bears the Application's tracking, and every live object of a target's key.
    async fn live(&self, place: &Place, targets: &[Object]) -> Result<BTreeMap<ObjectKey, Arc<Object>>, String> {
        if let Some(why) = targets.iter().find_map(|target| place.leaves_out(target)) {
            return Err(format!("Failed to load live state: {why}"));
        }
        let mut live = BTreeMap::new();
        for (key, entry) in place.observed.tracked(&self.instance) {
            if let Some(object) = self.memory.ours.newer(&key, entry.summary.object) {
                live.insert(key, object);
            }
        }
        for made in self.memory.ours.all() {
            let key = made.key();
            if live.contains_key(&key) {
                continue;
            }
            // No watch shows it: it is new, or it is gone again.
            let found = find(place, key.clone()).await?;
            // What no watch will ever show is asked for each time.
            if found.is_none() || !place.observed.knows(&key.kind) {
                self.memory.ours.deleted(&key);
            }
            if let Some(object) = found {
                live.insert(key, Arc::new(object));
            }
        }
        let missing: Vec<ObjectKey> = targets.iter().map(Object::key).filter(|key| !live.contains_key(key)).collect();
        // What is there without our tracking is not kept: the server is asked for it. Definitions are most of it, and
        // hundreds of kilobytes each: to keep them would cost a cluster of operators more memory than all else that
        // is kept, to spare one read a comparison.
        let asked =
            missing.into_iter().filter(|key| !place.observed.knows(&key.kind) || place.observed.get(key).is_some());
        let asked: Vec<ObjectKey> = asked.collect();
        let found: Vec<Result<Option<Object>, String>> = stream::iter(asked)
            .map(|key| async move {
                let Ok(resource) = place.cluster.resolve(&key.kind).await else { return Ok(None) };
                let found = place.cluster.find(&resource, &key.namespace, &key.name).await;
                found.map_err(|e| format!("Failed to load live state: {key}: {e}"))
            })
            .buffered(16)
            .collect()
            .await;
        for object in found {
            if let Some(object) = object? {
                live.insert(object.key(), Arc::new(object));
            }
        }
        // Compat(argo-cd 3.5): what the project does not permit is not seen.
        live.retain(|_, object| self.permits.live(object));
        Ok(live)
    }

    /// The destination's namespace, where operations may have to make it or write on it.
    async fn namespace(&self, place: &Place, name: &str) -> Option<Arc<Object>> {
        let policy = self.draft.app.spec.sync_policy.as_ref()?;
        let operation = self.draft.app.operation.as_ref().and_then(|o| o.sync.as_ref());
        let asked = operation.is_some_and(|s| s.sync_options.iter().any(|o| o == "CreateNamespace=true"));
        if name.is_empty() || !(asked || policy.has_option("CreateNamespace=true")) {
            return None;
        }
        let resource = belay_cluster::Resource::known("", "v1", "Namespace", "namespaces", false);
        place.cluster.find(&resource, "", name).await.ok().flatten().map(Arc::new)
    }

    /// How objects are compared.
    pub(crate) fn manner(&self) -> Manner {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let app = &self.draft.app;
        let takeover = takeover(app);
        let mut hasher = DefaultHasher::new();
        // What the settings say of kinds is part of it: an answer does not outlive a change of them.
        format!("{:?}{takeover:?}{}", app.spec.ignore_differences, self.config.watched_by).hash(&mut hasher);
        Manner {
            manager: MANAGER.to_owned(),
            takeover,
            ignore: self.ignore.clone(),
            known_types: self.config.known_types.clone(),
            digest: hasher.finish(),
        }
    }
}

/// A live object, asked of the server; `None` where it is not there, or its kind is not known.
async fn find(place: &Place, key: ObjectKey) -> Result<Option<Object>, String> {
    let Ok(resource) = place.cluster.resolve(&key.kind).await else { return Ok(None) };
    let found = place.cluster.find(&resource, &key.namespace, &key.name).await;
    found.map_err(|e| format!("Failed to load live state: {key}: {e}"))
}

/// Why it cannot be told which live objects are meant: a kind that the cluster does not know at present was taken
/// for namespaced, and what is live of it would seem to have left its sources (INV-REN-6).
fn unknown_scope(
    undefined: &BTreeSet<GroupKind>,
    live: &BTreeMap<ObjectKey, Arc<Object>>,
    unavailable: &HashSet<&str>,
) -> Option<String> {
    let group = undefined.iter().find(|kind| unavailable.contains(kind.group.as_str()));
    if let Some(kind) = group {
        return Some(format!("the group {} of {} cannot be discovered at present", kind.group, kind.kind));
    }
    let known = live.keys().find(|key| undefined.contains(&key.kind))?;
    Some(format!("{known} is there, but its kind cannot be discovered at present"))
}

/// The destination's namespace as a sync would write it, where that is this Application's by its marks and no
/// source wants it: it is no leftover.
fn managed_namespace(app: &Application, live: &BTreeMap<ObjectKey, Arc<Object>>, targets: &[Object]) -> Option<Object> {
    app.spec.sync_policy.as_ref()?.managed_namespace_metadata.as_ref()?;
    let wanted = wanted_namespace(app);
    let key = wanted.key();
    let is_leftover = live.contains_key(&key) && !targets.iter().any(|target| target.key() == key);
    is_leftover.then_some(wanted)
}

/// The destination's namespace with the metadata that is wanted of it.
pub(crate) fn wanted_namespace(app: &Application) -> Object {
    let mut wanted = Object::of("v1", "Namespace", "", &app.spec.destination.namespace);
    wanted.remove(&["metadata", "namespace"]);
    let policy = app.spec.sync_policy.as_ref();
    if let Some(metadata) = policy.and_then(|p| p.managed_namespace_metadata.as_ref()) {
        for (key, value) in &metadata.labels {
            wanted.set_label(key, value);
        }
        for (key, value) in &metadata.annotations {
            wanted.set_annotation(key, value);
        }
    }
    wanted
}

/// Whose fields become ours when an Application is applied.
pub(crate) fn takeover(app: &Application) -> Takeover {
    let empty = Vec::new();
    let options = app.spec.sync_policy.as_ref().map_or(&empty, |p| &p.sync_options);
    let own = Manager { name: MANAGER.to_owned(), exact: true, by_apply: false };
    if option_value(options, "ClientSideApplyMigration") == Some("false") {
        return Takeover { managers: vec![own], ..Takeover::default() };
    }
    let other = app.annotations.get(MIGRATION_MANAGER).map_or(CLIENT_SIDE, String::as_str);
    let other = Manager { name: other.to_owned(), exact: true, by_apply: false };
    Takeover { annotations: vec![LAST_APPLIED.to_owned()], labels: Vec::new(), managers: vec![own, other] }
}

/// Whether the metadata of the namespace is not what was written with the last sync.
pub(crate) fn namespace_differs(app: &Application) -> bool {
    let wanted = app.spec.sync_policy.as_ref().and_then(|p| p.managed_namespace_metadata.as_ref());
    let result = app.status.operation_state.as_ref().and_then(|s| s.sync_result.as_ref());
    result.is_some_and(|result| result.managed_namespace_metadata.as_ref() != wanted)
}

#[cfg(test)]
mod tests;
