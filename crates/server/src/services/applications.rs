//! One Application: read, and compared anew where that is asked for.

use std::sync::Arc;
use std::time::Duration;

use belay_argo::names::applications;
use belay_cluster::{CrView, Patch};
use belay_object::{Object, object};

use crate::answer::Answer;
use crate::call::Call;
use crate::rights::Target;
use crate::services::trees;
use crate::{Code, Error};

/// The annotation that asks for a comparison; the controller takes it away when that is done.
pub(crate) const REFRESH: &str = "argocd.argoproj.io/refresh";
/// How long a comparison that was asked for is waited for.
const REFRESH_PATIENCE: Duration = Duration::from_secs(60);

/// The project that a request names: `project`, or `projects` where that is one.
pub(crate) fn project_in(call: &Call) -> &str {
    let listed = call.query_all("projects");
    match (call.query("project"), listed.as_slice()) {
        ("", [one]) => one,
        (named, _) => named,
    }
}

/// The Application of the path, that the caller may do `action` to.
pub(crate) async fn named(call: &Call, action: &str) -> Result<Target, Error> {
    call.application(action, call.path("name"), call.query("appNamespace"), project_in(call)).await
}

/// One Application.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    if call.query_all("projects").len() > 1 {
        let words = "multiple projects specified - the get endpoint accepts either zero or one project";
        return Err(Error::invalid(words));
    }
    let target = named(&call, "get").await?;
    if !call.has_query("refresh") {
        return Ok(trees::with_health(&call, &target).await.into());
    }
    // Compat(argo 3.5): anything but `hard` is `normal`.
    let how = if call.query("refresh") == "hard" { "hard" } else { "normal" };
    let refreshed = refresh(&call, &target.object, how).await?;
    // While it was compared somebody may have moved it to another project.
    let target = call.target(refreshed, "get", project_in(&call))?;
    Ok(trees::with_health(&call, &target).await.into())
}

/// Asks for a comparison and waits for it.
async fn refresh(call: &Call, object: &Object, how: &str) -> Result<Arc<Object>, Error> {
    let written = ask(call, object, how).await?;
    let view = call.api.watches.applications().await?;
    let number = |object: &Object| object.resource_version().parse::<u64>().unwrap_or_default();
    let asked = number(&written);
    let done = |view: &CrView| {
        let now = view.object(written.namespace(), written.name())?;
        (number(&now) > asked && now.annotation(REFRESH).is_none()).then_some(now)
    };
    let found = view.wait_for(REFRESH_PATIENCE, done).await;
    found.ok_or_else(|| Error::new(Code::DeadlineExceeded, "application refresh deadline exceeded"))
}

/// Asks for a comparison.
pub(crate) async fn ask(call: &Call, object: &Object, how: &str) -> Result<Object, Error> {
    let mut patch = object! {};
    patch.set(&["metadata", "annotations", REFRESH], how);
    patch.set(&["metadata", "uid"], object.uid());
    let api = &call.api;
    let (namespace, name) = (object.namespace(), object.name());
    let cluster = &api.options.cluster;
    Ok(cluster.patch(&applications(), namespace, name, &Patch::Merge(patch), &api.writing()).await?)
}
