//! `/api/webhook`: Git hosts tell of pushes, and the Applications whose sources they touch are compared.
//!
//! What a host sends is read in [`push`] and believed as [`proof`] says: with a secret in the settings
//! only what proves to know it. Whoever sends something gets nothing to know from the answer.

mod proof;
mod push;
#[cfg(test)]
mod tests;

use belay_argo::application_set;
use belay_argo::names::application_sets;
use belay_cluster::{ListOptions, Patch};
use belay_object::{Object, Value, object};
use bytes::Bytes;
use http::StatusCode;

use crate::Error;
use crate::answer::{Answer, plain};
use crate::call::Call;
use crate::services::applications::ask;
use push::Push;

/// Applications that are asked for at once.
const CONCURRENCY: usize = 16;
/// Bytes of a body that can be read at all; more is for hosts with the settings' leave.
const MEGABYTE: u64 = 1 << 20;

/// Takes a push.
pub(crate) async fn receive(mut call: Call) -> Result<Answer, Error> {
    let settings = &call.at.config.settings.webhooks;
    let Some(host) = proof::host(&call.headers, &call.body) else {
        return Ok(words(StatusCode::BAD_REQUEST, "Unknown webhook event"));
    };
    // Compat(argo 3.5): what does not prove itself is a bad request, and 401 where a registry sends it.
    if !proof::holds(host, settings, &call.headers, &call.body) {
        tracing::warn!(host = ?host, "a webhook did not prove itself");
        return Ok(match host {
            proof::Host::Harbor => words(StatusCode::UNAUTHORIZED, "Unauthorized"),
            _ => words(StatusCode::BAD_REQUEST, "Webhook processing failed"),
        });
    }
    let Some(payload) = push::payload(&call.headers, &call.body) else {
        let most = settings.max_payload_bytes / MEGABYTE;
        let text = format!("Webhook processing failed: payload must be valid JSON under {most} MB");
        return Ok(words(StatusCode::BAD_REQUEST, &text));
    };
    let Some(push) = push::read(host, &call.headers, &payload) else {
        // A ping, or an event that changes nothing of a repository.
        return Ok(words(StatusCode::OK, ""));
    };
    // What is known of it is known: the rest takes no memory while it is passed on.
    call.body = Bytes::new();
    let Ok(room) = call.api.webhooks.clone().try_acquire_owned() else {
        return Ok(words(StatusCode::SERVICE_UNAVAILABLE, "Queue is full, discarding webhook payload"));
    };
    // Hosts hang up after some seconds, and what they told of is passed on all the same: the task is bounded
    // by the room that it holds, and its requests by their own deadlines.
    tokio::spawn(async move {
        let revision = push.revision.clone();
        match refresh(&call, push).await {
            Ok(count) => tracing::info!(?host, revision, applications = count, "a push was told of"),
            Err(error) => tracing::warn!(?host, %error, "a push could not be passed on"),
        }
        drop(room);
    });
    Ok(words(StatusCode::OK, ""))
}

/// Asks for a comparison of every Application that the push touches, and for a look by every ApplicationSet whose
/// generators it concerns.
async fn refresh(call: &Call, push: Push) -> Result<usize, Error> {
    use futures::StreamExt as _;
    if let Err(error) = refresh_sets(call, &push).await {
        tracing::warn!(%error, "a push could not be passed on to ApplicationSets");
    }
    let view = call.api.watches.applications().await?;
    let mut found = view.objects();
    found.retain(|app| call.is_enabled(app.namespace()));
    // Twenty thousand files and ten thousand Applications are seconds of work: not on a thread that others wait for.
    let looked = tokio::task::spawn_blocking(move || {
        found.retain(|app| push.touches(app));
        found
    });
    let found = looked.await.map_err(|_| Error::internal("the push could not be looked at"))?;
    let count = found.len();
    let asked = futures::stream::iter(found).map(|app| one(call, app)).buffer_unordered(CONCURRENCY);
    asked.collect::<Vec<()>>().await;
    Ok(count)
}

async fn refresh_sets(call: &Call, push: &Push) -> belay_cluster::Result<()> {
    let cluster = &call.api.options.cluster;
    // They stand beside the control plane: elsewhere they are looked at when it is time.
    let found = cluster.list(&application_sets(), &call.api.options.namespace, &ListOptions::default()).await;
    let sets = match found {
        // Without the definition there are none.
        Err(error) if error.is_not_found() => return Ok(()),
        other => other?.items,
    };
    for set in &sets {
        let generators = set.at(&["spec", "generators"]).map_or(&[][..], Value::items);
        if push.concerns(generators) {
            let mut patch = object! {};
            patch.set(&["metadata", "annotations", application_set::REFRESH], "true");
            patch.set(&["metadata", "uid"], set.uid());
            let (namespace, name, patch) = (set.namespace(), set.name(), Patch::Merge(patch));
            cluster.patch(&application_sets(), namespace, name, &patch, &call.api.writing()).await?;
        }
    }
    Ok(())
}

async fn one(call: &Call, app: std::sync::Arc<Object>) {
    if let Err(error) = ask(call, &app, "normal").await {
        tracing::warn!(namespace = app.namespace(), name = app.name(), %error, "a push could not be passed on");
    }
}

fn words(status: StatusCode, text: &str) -> Answer {
    let text = if text.is_empty() { String::new() } else { format!("{text}\n") };
    Answer::Other(plain(status, "text/plain; charset=utf-8", text))
}
