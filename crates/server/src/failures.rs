//! Failed sign-ins of accounts, kept in the cluster: a restart forgets none of them, and several
//! processes count together (AUTHN-4).
//!
//! Only names of accounts are kept, so that trying names fills nothing; of each at most five writes in
//! five minutes are made, since then it is refused unseen. Names of nobody are counted in memory alone.

use belay_argo::names::PART_OF;
use belay_cluster::{ErrorKind, Patch};
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::call::Call;
use crate::snapshot::{config_maps, shown};

/// The config map: by account, how many and when the last was, in seconds since 1970.
pub(crate) const FAILURES: &str = "belay-login-failures";
/// Failures after which an account is refused for a while. Compat(argo 3.5)
const MAX_FAILURES: u32 = 5;
/// How long failures count. Compat(argo 3.5)
const WINDOW_S: i64 = 300;
/// Writes that lose against another are made again so often: of a burst more count than are needed.
const TRIES: usize = 10;

/// How often an account was tried of late, as it is kept; 0 where it was not.
fn counted(kept: Option<&str>, now: Timestamp) -> u32 {
    let parsed = kept.and_then(|text| {
        let (count, last) = text.split_once(' ')?;
        Some((count.parse::<u32>().ok()?, last.parse::<i64>().ok()?))
    });
    parsed.filter(|(_, last)| now.as_second().saturating_sub(*last) <= WINDOW_S).map_or(0, |(count, _)| count)
}

/// Whether an account was tried too often of late.
pub(crate) fn exceeded(call: &Call, name: &str, now: Timestamp) -> bool {
    counted(call.at.map(FAILURES).and_then(|map| map.str_at(&["data", name])), now) >= MAX_FAILURES
}

/// Counts a failure of an account.
pub(crate) async fn failed(call: &Call, name: &str, now: Timestamp) {
    write(call, name, |kept| {
        let count = counted(kept, now).saturating_add(1);
        Value::from(format!("{count} {}", now.as_second()))
    })
    .await;
}

/// Forgets the failures of an account.
pub(crate) async fn succeeded(call: &Call, name: &str) {
    if call.at.map(FAILURES).is_some_and(|map| map.str_at(&["data", name]).is_some()) {
        write(call, name, |_| Value::Null).await;
    }
}

/// Writes over what was read alone: of failures that come together each counts. What cannot be kept is
/// counted in memory all the same.
async fn write(call: &Call, name: &str, next: impl Fn(Option<&str>) -> Value) {
    for _ in 0..TRIES {
        match write_once(call, name, &next).await {
            Ok(written) => return shown(&call.api.watches.maps, &written).await,
            Err(e) if matches!(e.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => {}
            Err(error) => return tracing::warn!(%error, "a failed sign-in could not be kept"),
        }
    }
    tracing::warn!("a failed sign-in could not be kept: others were quicker");
}

async fn write_once(call: &Call, name: &str, next: &impl Fn(Option<&str>) -> Value) -> belay_cluster::Result<Object> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let found = cluster.find(&config_maps(), namespace, FAILURES).await?;
    let value = next(found.as_ref().and_then(|map| map.str_at(&["data", name])));
    let mut patch = object! {};
    patch.set(&["data", name], value);
    match found {
        Some(map) => {
            patch.set(&["metadata", "resourceVersion"], map.resource_version());
            cluster.patch(&config_maps(), namespace, FAILURES, &Patch::Merge(patch), &api.writing()).await
        }
        None => {
            let mut map = Object::of("v1", "ConfigMap", namespace, FAILURES);
            map.set_label(PART_OF.0, PART_OF.1);
            map.set(&["data"], patch.get("data").cloned().unwrap_or_default());
            cluster.create(&config_maps(), &map, &api.writing()).await
        }
    }
}
