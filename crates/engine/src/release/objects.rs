//! Single objects of a release: found, applied and deleted with the release's rights.

use std::sync::Arc;

use belay_cluster::{
    ApplyOptions, DeleteOptions, ErrorKind, FieldValidation, Patch, Propagation, Resource, WriteOptions,
};
use belay_helm::release::{ApplyMethod, change, ownership};
use belay_object::{Object, merge_patch_between};
use belay_plan::{Manager, Takeover};
use belay_schema::{Types, strategic};
use futures::FutureExt;

use super::{Fault, Rules, Site};
use crate::apply::at_once;

/// An object with the resource that it is written to.
#[derive(Clone)]
pub(super) struct Item {
    pub resource: Arc<Resource>,
    pub object: Object,
}

/// How objects are applied.
#[derive(Clone, Copy)]
pub(super) struct Manner<'a> {
    pub method: ApplyMethod,
    /// Whether what was applied by patches before is applied by the server from here on.
    pub migrates: bool,
    /// Whether it must be known what was made.
    pub tells_created: bool,
    pub rules: &'a Rules,
}

/// What came of applying one object.
pub(super) struct Done {
    pub resource: Arc<Resource>,
    pub live: Object,
    pub created: bool,
}

/// Resolves objects, and puts those that name no namespace into the release's.
pub(super) async fn resolve(site: &Site, objects: Vec<Object>, namespace: &str) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::with_capacity(objects.len());
    for mut object in objects {
        let resource = site.target.cluster.resource_of(&object).await.map_err(|e| match e.kind() {
            ErrorKind::UnknownKind => Fault::refused(format!(
                "unable to build kubernetes objects from release manifest: resource mapping not found for name: \
                 \"{}\" namespace: \"{}\" from \"\": no matches for kind \"{}\" in version \"{}\"\nensure CRDs are installed first",
                object.name(),
                object.namespace(),
                object.kind(),
                object.api_version()
            )),
            _ => Fault::of(&e, "unable to build kubernetes objects from release manifest"),
        })?;
        if resource.namespaced && object.namespace().is_empty() {
            object.set(&["metadata", "namespace"], namespace);
        }
        items.push(Item { resource, object });
    }
    Ok(items)
}

/// The objects of a manifest.
pub(super) async fn of_manifest(site: &Site, manifest: &str, namespace: &str) -> Result<Vec<Item>, Fault> {
    let objects = change::objects(manifest)
        .map_err(|e| Fault::refused(format!("unable to build kubernetes objects from release manifest: {e}")))?;
    resolve(site, objects, namespace).await
}

impl Item {
    pub async fn find(&self, site: &Site) -> Result<Option<Object>, Fault> {
        let (namespace, name) = (self.object.namespace(), self.object.name());
        let found = site.target.acting.find(&self.resource, namespace, name).await;
        found.map_err(|e| Fault::of(&e, "could not get information about the resource"))
    }

    /// Refuses to take over what is there and not the release's.
    pub async fn check_adoption(&self, site: &Site, release: &str, namespace: &str, doing: &str) -> Result<(), Fault> {
        match self.find(site).await? {
            None => Ok(()),
            Some(live) => Ok(ownership::check_adoption(&live, release, namespace, doing)?),
        }
    }

    /// Applies the object; `before` is its state in the revision before.
    pub async fn apply(&self, site: &Site, before: Option<&Object>, manner: Manner<'_>) -> Result<Done, Fault> {
        let is_server_side = manner.method == ApplyMethod::ServerSide;
        let must_look = !is_server_side || manner.tells_created || manner.migrates;
        let live = if must_look { self.find(site).await? } else { None };
        let created = must_look && live.is_none();
        let live = match live {
            _ if is_server_side => self.apply_server_side(site, live, manner).await?,
            None => self.create(site, manner.rules).await?,
            Some(live) => self.patch(site, before, live, manner.rules).await?,
        };
        Ok(Done { resource: self.resource.clone(), live, created })
    }

    async fn apply_server_side(&self, site: &Site, live: Option<Object>, manner: Manner<'_>) -> Result<Object, Fault> {
        let acting = &site.target.acting;
        let (namespace, name) = (self.object.namespace(), self.object.name());
        if let Some(live) = live.filter(|_| manner.migrates) {
            let takeover = Takeover { managers: vec![exact(&site.manager)], ..Takeover::default() };
            if let Some(patch) = takeover.patch(&live, &site.manager) {
                let (patch, options) = (Patch::Json(patch), write(site, manner.rules));
                let patched = acting.patch(&self.resource, namespace, name, &patch, &options).await;
                patched.map_err(|e| Fault::of(&e, "failed to upgrade client-side field manager"))?;
            }
        }
        let options = ApplyOptions {
            field_manager: site.manager.clone(),
            force: true,
            field_validation: validation(manner.rules),
            ..ApplyOptions::default()
        };
        acting.apply(&self.resource, &self.object, &options).await.map_err(|e| {
            let place = if namespace.is_empty() { name.to_owned() } else { format!("{namespace}/{name}") };
            let kind = format!("{}, Kind={}", self.object.api_version(), self.object.kind());
            let doing = match e.is_field_conflict() {
                true => format!("conflict occurred while applying object {place} {kind}"),
                false => format!("server-side apply failed for object {place} {kind}"),
            };
            Fault::of_write(&e, &self.object, &doing)
        })
    }

    async fn create(&self, site: &Site, rules: &Rules) -> Result<Object, Fault> {
        let made = site.target.acting.create(&self.resource, &self.object, &write(site, rules)).await;
        made.map_err(|e| Fault::of_write(&e, &self.object, "failed to create resource"))
    }

    async fn patch(&self, site: &Site, before: Option<&Object>, live: Object, rules: &Rules) -> Result<Object, Fault> {
        let acting = &site.target.acting;
        let (namespace, name) = (self.object.namespace(), self.object.name());
        let failed = |e: belay_cluster::Error| {
            let doing = format!("cannot patch \"{name}\" with kind {}", self.object.kind());
            Fault::of_write(&e, &self.object, &doing)
        };
        if rules.force {
            let mut object = self.object.clone();
            object.set(&["metadata", "resourceVersion"], live.resource_version());
            let replaced = acting.replace(&self.resource, &object, &write(site, rules)).await;
            return replaced.map_err(|e| Fault::of_write(&e, &self.object, "failed to replace object"));
        }
        let original = before.unwrap_or(&live).value();
        let patch = match Types::builtin().get(&self.object.group_version_kind()) {
            Some(schema) => {
                let made = strategic::three_way(original, self.object.value(), live.value(), &schema);
                Patch::Strategic(made.map_err(|e| Fault::refused(format!("failed to create patch: {e}")))?)
            }
            // A custom resource knows no strategic merge: what changed from revision to revision.
            None => match merge_patch_between(original, self.object.value()) {
                Some(patch) => Patch::Merge(patch),
                None => return Ok(live),
            },
        };
        let is_nothing = |p: &Patch| matches!(p, Patch::Strategic(v) | Patch::Merge(v) if v.as_object().is_some_and(|m| m.is_empty()));
        if is_nothing(&patch) {
            return Ok(live);
        }
        acting.patch(&self.resource, namespace, name, &patch, &write(site, rules)).await.map_err(failed)
    }
}

/// Deletes a live object, and no other of its name (ACT-2).
pub(super) async fn delete(
    site: &Site,
    resource: &Resource,
    live: &Object,
    propagation: Propagation,
) -> Result<(), Fault> {
    if live.is_deleting() {
        return Ok(());
    }
    let options =
        DeleteOptions { uid: live.uid().to_owned(), propagation: Some(propagation), ..DeleteOptions::default() };
    match site.target.acting.delete(resource, live.namespace(), live.name(), &options).await {
        Ok(_) => Ok(()),
        // Gone, or made anew by somebody since it was read: not ours to delete.
        Err(e) if e.is_not_found() || e.kind() == ErrorKind::Conflict => Ok(()),
        Err(e) => Err(Fault::of(
            &e,
            &format!(
                "failed to delete resource namespace={}, name={}, kind={}",
                live.namespace(),
                live.name(),
                live.kind()
            ),
        )),
    }
}

/// Applies objects, those of one kind that stand together at once; kinds follow each other. What was
/// done before a failure is told too.
pub(super) async fn apply_all(
    site: &Site,
    items: &[(Item, Option<Object>)],
    manner: Manner<'_>,
    done: &mut Vec<Done>,
) -> Result<(), Fault> {
    let kind = |item: &(Item, Option<Object>)| item.0.object.group_kind();
    for group in items.chunk_by(|a, b| kind(a) == kind(b)) {
        let applies = group.iter().map(|(item, before)| item.apply(site, before.as_ref(), manner).boxed());
        let mut failed: Vec<Fault> = Vec::new();
        for outcome in at_once(applies.collect()).await {
            match outcome {
                Ok(one) => done.push(one),
                Err(fault) => failed.push(fault),
            }
        }
        if let Some(fault) = Fault::joined(failed) {
            return Err(fault);
        }
    }
    Ok(())
}

impl Fault {
    /// One of many; a refusal among them decides.
    fn joined(faults: Vec<Fault>) -> Option<Fault> {
        let refused: Vec<&str> = faults.iter().filter(|f| !f.is_transient).map(|f| f.message.as_str()).collect();
        match (refused.is_empty(), faults.first()) {
            (false, _) => Some(Fault::refused(refused.join(" && "))),
            (true, first) => first.cloned(),
        }
    }
}

fn exact(manager: &str) -> Manager {
    Manager { name: manager.to_owned(), exact: true, by_apply: false }
}

fn validation(rules: &Rules) -> FieldValidation {
    if rules.validate { FieldValidation::Strict } else { FieldValidation::Ignore }
}

fn write(site: &Site, rules: &Rules) -> WriteOptions {
    WriteOptions { field_manager: site.manager.clone(), field_validation: validation(rules), ..WriteOptions::default() }
}

/// As [`resolve`], without what is of a kind that is not served any more: it is gone with it.
pub(super) async fn resolve_known(site: &Site, objects: Vec<Object>, namespace: &str) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::with_capacity(objects.len());
    for object in objects {
        match resolve(site, vec![object], namespace).await {
            Ok(resolved) => items.extend(resolved),
            Err(fault) if fault.is_transient => return Err(fault),
            Err(_) => {}
        }
    }
    Ok(items)
}
