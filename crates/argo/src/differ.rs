//! In which fields live objects differ from what is desired, as the cluster's own API server sees it.
//!
//! A manifest is dry-run against the live object, and only fields that are the manifest's count: what the
//! server defaults, other managers keep or admission adds is no difference. An answer holds until the
//! manifest or a field that is ours changes; a status that moves costs no request.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use belay_cluster::{ApplyOptions, Cluster, ErrorKind};
use belay_object::{Object, ObjectKey, Value, json_patch};
use belay_plan::Takeover;
use belay_schema::ssa::{Difference, differences_after_takeover, owned_digest};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use parking_lot::Mutex;

use crate::compare::Pair;
use crate::ignore::IgnoreRules;
use crate::known_types::KnownTypes;

/// Dry runs of one Application that are under way at once.
const CONCURRENCY: usize = 16;

/// How objects are compared.
#[derive(Clone)]
pub struct Manner {
    /// The field manager that applies.
    pub manager: String,
    /// Whose fields become ours when we apply.
    pub takeover: Takeover,
    /// What does not count.
    pub ignore: IgnoreRules,
    /// What is compared as a type of Kubernetes' own.
    pub known_types: KnownTypes,
    /// Digest of all that: answers hold for one manner only.
    pub digest: u64,
}

/// What is known of the objects of one Application.
#[derive(Default)]
pub struct Known(Mutex<HashMap<ObjectKey, Answer>>);

struct Answer {
    target: u64,
    live: u64,
    manner: u64,
    differences: Arc<[Difference]>,
}

impl Known {
    /// Notes that an object was just applied: it is as desired.
    pub fn applied(&self, target: &Object, live: &Object, manner: &Manner) {
        let answer =
            Answer { target: hash(target), live: mark(live, manner), manner: manner.digest, differences: Arc::new([]) };
        self.0.lock().insert(target.key(), answer);
    }
    /// Forgets everything: the next comparison asks.
    pub fn clear(&self) {
        self.0.lock().clear();
    }
    fn get(&self, key: &ObjectKey, target: u64, live: u64, manner: u64) -> Option<Arc<[Difference]>> {
        let all = self.0.lock();
        let answer = all.get(key).filter(|a| a.target == target && a.live == live && a.manner == manner)?;
        Some(answer.differences.clone())
    }
}

/// The differences of each pair, in order; none for a pair that is not whole. An error is the sentence
/// about why they could not be told.
pub async fn differences(
    pairs: &[Pair],
    known: &Known,
    cluster: &Cluster,
    manner: &Manner,
) -> Result<Vec<Arc<[Difference]>>, String> {
    let asked: Vec<BoxFuture<'_, _>> = pairs.iter().map(|pair| of_pair(pair, known, cluster, manner).boxed()).collect();
    let answers: Vec<_> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    let present: std::collections::HashSet<ObjectKey> =
        pairs.iter().filter_map(|p| Some(p.target.as_ref()?.key())).collect();
    known.0.lock().retain(|key, _| present.contains(key));
    answers.into_iter().collect()
}

async fn of_pair(pair: &Pair, known: &Known, cluster: &Cluster, manner: &Manner) -> Result<Arc<[Difference]>, String> {
    let (Some(target), Some(live)) = (&pair.target, &pair.live) else { return Ok(Arc::new([])) };
    let (target_hash, live_mark) = (hash(target), mark(live, manner));
    if let Some(known) = known.get(&target.key(), target_hash, live_mark, manner.digest) {
        return Ok(known);
    }
    let found = ask(target, live, cluster, manner).await?;
    let differences: Arc<[Difference]> = found.into();
    let answer =
        Answer { target: target_hash, live: live_mark, manner: manner.digest, differences: differences.clone() };
    known.0.lock().insert(target.key(), answer);
    Ok(differences)
}

async fn ask(target: &Object, live: &Object, cluster: &Cluster, manner: &Manner) -> Result<Vec<Difference>, String> {
    let failed = |e: belay_cluster::Error| format!("{}: {e}", target.key());
    let resource = cluster.resource_of(target).await.map_err(failed)?;
    let mut desired = target.clone();
    // A status in a manifest is never applied to the main resource.
    desired.remove(&["status"]);
    if !resource.namespaced {
        desired.remove(&["metadata", "namespace"]);
    }
    let options =
        ApplyOptions { field_manager: manner.manager.clone(), force: true, dry_run: true, ..ApplyOptions::default() };
    let would_be = match cluster.apply(&resource, &desired, &options).await {
        Ok(would_be) => would_be,
        // What cannot be applied as it is differs; why it cannot is for the sync to tell.
        Err(e) if matches!(e.kind(), ErrorKind::Invalid | ErrorKind::Conflict | ErrorKind::BadRequest) => {
            let told = Difference {
                pointer: String::new(),
                live: None,
                desired: Some(Value::from(e.to_string())),
                manager: None,
            };
            return Ok(vec![told]);
        }
        Err(e) => return Err(failed(e)),
    };
    let taken = match manner.takeover.patch(live, &manner.manager) {
        Some(patch) => {
            let mut taken = live.value().clone();
            match json_patch(&mut taken, &patch) {
                Ok(()) => Object::new(taken).unwrap_or_else(|_| live.clone()),
                Err(_) => live.clone(),
            }
        }
        None => live.clone(),
    };
    if !manner.ignore.concern(live) && !manner.known_types.concern(&live.group_kind()) {
        return Ok(differences_after_takeover(live, &taken, &would_be, &manner.manager));
    }
    let (mut is, mut should, mut then) = (live.clone(), would_be, taken);
    for object in [&mut is, &mut should, &mut then] {
        manner.known_types.normalize(object);
        manner.ignore.strip(object, live);
    }
    Ok(differences_after_takeover(&is, &then, &should, &manner.manager))
}

fn hash(object: &Object) -> u64 {
    let mut hasher = DefaultHasher::new();
    let mut json = Vec::with_capacity(1024);
    object.value().write_json(&mut json);
    json.hash(&mut hasher);
    hasher.finish()
}

/// What of a live object decides about its differences: the fields that we own by applying; all of it but
/// its status where others' fields would become ours.
fn mark(live: &Object, manner: &Manner) -> u64 {
    let mut hasher = DefaultHasher::new();
    let is_ours = manner.takeover.patch(live, &manner.manager).is_none();
    match owned_digest(live, &manner.manager).filter(|_| is_ours && !manner.ignore.concern(live)) {
        Some(owned) => {
            live.uid().hash(&mut hasher);
            owned.hash(&mut hasher);
        }
        None => {
            let mut object = live.clone();
            object.remove(&["status"]);
            for field in ["resourceVersion", "generation"] {
                object.remove(&["metadata", field]);
            }
            hash(&object).hash(&mut hasher);
        }
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use belay_object::from_json_str;

    use super::*;
    use crate::spec::IgnoreDifference;

    fn manner(pointer: &str) -> Manner {
        let rule = format!(r#"{{"group":"*","kind":"*","jsonPointers":["{pointer}"]}}"#);
        let rule = IgnoreDifference::read(&from_json_str(&rule).unwrap()).unwrap();
        Manner {
            manager: "us".into(),
            takeover: Takeover::default(),
            ignore: IgnoreRules::compile([&rule]).unwrap(),
            known_types: KnownTypes::default(),
            digest: 0,
        }
    }

    fn live(replicas: i64, ready: i64) -> Object {
        let text = format!(
            r#"{{"apiVersion":"apps/v1","kind":"Deployment","metadata":{{"name":"web","uid":"u","managedFields":[
            {{"manager":"us","operation":"Apply","apiVersion":"apps/v1","fieldsV1":{{"f:spec":{{"f:paused":{{}}}}}}}},
            {{"manager":"them","operation":"Update","time":"2026-01-01T00:00:0{ready}Z","fieldsV1":{{"f:status":{{"f:ready":{{}}}}}}}}]}},
            "spec":{{"paused":false,"replicas":{replicas}}},"status":{{"ready":{ready}}}}}"#
        );
        Object::new(from_json_str(&text).unwrap()).unwrap()
    }

    #[test]
    fn a_status_that_moves_costs_no_request() {
        // Compat(argo-cd 3.5): the rule that holds for all kinds where the settings say nothing.
        let by_default = manner("/status");
        let first = mark(&live(1, 1), &by_default);
        assert_eq!(mark(&live(1, 2), &by_default), first);
        assert_eq!(mark(&live(5, 1), &by_default), first, "a field that is not ours");
        // Where fields do not count by a rule, all of the object decides.
        let other = manner("/spec/replicas");
        assert_ne!(mark(&live(1, 2), &other), mark(&live(1, 1), &other));
    }
}
