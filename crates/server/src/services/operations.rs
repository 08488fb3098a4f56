//! Operations of Applications: asked for, ended; and when one may be asked for.

use belay_access::windows::{self, Decision, Window};
use belay_argo::names::applications;
use belay_argo::spec::{Application, Operation, RetryStrategy, Source, SyncOperation, SyncStrategy};
use belay_cluster::{ErrorKind, Patch};
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, integer, is_true, text, texts};
use crate::rights::Target;
use crate::services::applications::named;
use crate::snapshot::shown;
use crate::told::Reason;

const TRIES: usize = 10;

/// Asks for a sync.
pub(crate) async fn sync(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let target = in_message(&call, &message, "get").await?;
    let is_dry = is_true(&message, "dryRun");
    let decision = decide(&target);
    if decision.invalid {
        return Err(Error::forbidden("cannot sync: invalid sync window"));
    }
    if !decision.allowed {
        return Err(Error::forbidden("cannot sync: blocked by sync window"));
    }
    call.require("applications", "sync", &target.rbac)?;
    let policy = target.app.spec.sync_policy.as_ref();
    let is_automated = target.app.spec.automated().is_some();
    let manifests = texts(&message, "manifests");
    if !manifests.is_empty() {
        call.require("applications", "override", &target.rbac)?;
        if is_automated && !is_dry {
            let words = "cannot use local sync when Automatic Sync Policy is enabled unless for dry run";
            return Err(Error::precondition(words));
        }
        // What nobody signed is not put where only signed commits are trusted (AUTHZ-11).
        if target.project.effective_source_integrity().is_some_and(|integrity| integrity.git.is_some()) {
            return Err(Error::precondition("cannot use local sync when signature verification is enabled."));
        }
    }
    target.app.takes_operation().map_err(Error::precondition)?;
    let mut sync = SyncOperation {
        prune: is_true(&message, "prune"),
        dry_run: is_dry,
        manifests,
        sync_options: policy.map(|policy| policy.sync_options.clone()).unwrap_or_default(),
        ..SyncOperation::default()
    };
    revisions(&call, &target, &message, is_automated && !is_dry, &mut sync)?;
    if message.get("syncOptions").is_some_and(|options| !options.is_null()) {
        sync.sync_options = texts(message.get("syncOptions").unwrap_or(&Value::Null), "items");
    }
    let replaces = sync.sync_options.iter().any(|option| option == "Replace=true");
    if replaces && !call.at.config.settings.parameters.replace_allowed {
        let words = "sync with replace was disabled on the API Server level via the server configuration";
        return Err(Error::precondition(words));
    }
    if let Some(strategy) = message.get("strategy").filter(|strategy| !strategy.is_null()) {
        sync.sync_strategy = Some(SyncStrategy::read(strategy)?);
    }
    let mut operation = Operation { sync: Some(Box::new(sync)), ..Operation::default() };
    operation.retry = match message.get("retryStrategy").filter(|retry| !retry.is_null()) {
        Some(retry) => RetryStrategy::read(retry)?,
        None => policy.and_then(|policy| policy.retry.clone()).unwrap_or_default(),
    };
    let mut value = operation.to_value();
    for (from, path) in [("resources", &["sync", "resources"][..]), ("infos", &["info"])] {
        if let Some(list) = message.get(from).filter(|list| !list.items().is_empty()) {
            value.set(path, list.clone());
        }
    }
    // What was put together is what a controller can read.
    let operation = Operation::read(&value)?;
    let begun = begin(&call, &target, value).await?;
    let sync = operation.sync.unwrap_or_default();
    let partial = if sync.resources.is_empty() { "" } else { "partial " };
    let to = match sync.manifests.is_empty() {
        true if sync.revision.is_empty() => "the planned revision",
        true => &sync.revision,
        false => "locally",
    };
    call.tell(&begun, Reason::OperationStarted, &format!("initiated {partial}sync to {to}"));
    Ok(begun.into_value().into())
}

/// The revisions that are asked for. Compat(argo 3.5): another one than the spec's needs a right where the
/// settings say so, and is refused where the Application syncs by itself.
fn revisions(
    call: &Call,
    target: &Target,
    message: &Value,
    automated: bool,
    sync: &mut SyncOperation,
) -> Result<(), Error> {
    let override_needed = call.at.config.settings.rights.override_for_revision;
    let own = |source: Option<&Source>| {
        let revision = source.map(|s| s.target_revision.clone()).unwrap_or_default();
        if revision.is_empty() { "HEAD".to_owned() } else { revision }
    };
    let sources = target.app.spec.sources();
    if target.app.spec.has_multiple_sources() {
        let (positions, asked) =
            (message.get("sourcePositions").map_or(&[][..], Value::items), texts(message, "revisions"));
        if positions.is_empty() {
            return Ok(());
        }
        let mut revisions = vec![String::new(); sources.len()];
        for (position, revision) in positions.iter().zip(&asked) {
            let at = position.as_i64().or_else(|| position.as_str()?.parse().ok()).unwrap_or_default();
            let at = usize::try_from(at).ok().filter(|at| (1..=sources.len()).contains(at));
            let at = at.ok_or_else(|| Error::invalid("source position is out of range"))? - 1;
            let planned = own(sources.get(at));
            if *revision != planned && !revision.is_empty() {
                if override_needed {
                    call.require("applications", "override", &target.rbac)?;
                }
                if automated {
                    let url = &sources[at].repo_url;
                    let words = format!("Cannot sync source {url} to {revision}: auto-sync currently set to {planned}");
                    return Err(Error::precondition(words));
                }
            }
            revisions[at].clone_from(revision);
        }
        sync.revisions = revisions;
        return Ok(());
    }
    let revision = text(message, "revision");
    let planned = own(sources.first());
    if !revision.is_empty() && revision != planned {
        if override_needed {
            call.require("applications", "override", &target.rbac)?;
        }
        if automated {
            let words = format!("Cannot sync to {revision}: auto-sync currently set to {planned}");
            return Err(Error::precondition(words));
        }
    }
    revision.clone_into(&mut sync.revision);
    Ok(())
}

/// Asks for a state of the history.
pub(crate) async fn rollback(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let action = if call.at.config.settings.rights.rollback { "rollback" } else { "sync" };
    let target = in_message(&call, &message, action).await?;
    target.app.takes_operation().map_err(Error::precondition)?;
    if target.app.spec.automated().is_some() {
        return Err(Error::precondition("rollback cannot be initiated when auto-sync is enabled"));
    }
    let id = integer(&message, "id");
    let entries = target.object.at(&["status", "history"]).map_or(&[][..], Value::items);
    let entry = entries.iter().find(|entry| entry.get("id").and_then(Value::as_i64).unwrap_or_default() == id);
    let name = &target.app.name;
    let entry =
        entry.ok_or_else(|| Error::invalid(format!("application {name} does not have deployment with id {id}")))?;
    let has_source = entry.str_at(&["source", "repoURL"]).is_some_and(|url| !url.is_empty());
    let sources = entry.get("sources").filter(|sources| !sources.items().is_empty());
    if !has_source && sources.is_none() {
        let words =
            "cannot rollback to revision deployed with Argo CD v0.11 or lower. sync to revision instead.".to_owned();
        return Err(Error::precondition(words));
    }
    let mut sync = SyncOperation {
        prune: is_true(&message, "prune"),
        dry_run: is_true(&message, "dryRun"),
        ..SyncOperation::default()
    };
    sync.sync_options = target.app.spec.sync_policy.as_ref().map(|p| p.sync_options.clone()).unwrap_or_default();
    // Compat(argo 3.5): without hooks.
    sync.sync_strategy = Some(SyncStrategy::read(&object! { "apply" => object! {} })?);
    let operation = Operation { sync: Some(Box::new(sync)), ..Operation::default() };
    let mut value = operation.to_value();
    for field in ["revision", "revisions", "source", "sources"] {
        if let Some(found) = entry.get(field) {
            value.set(&["sync", field], found.clone());
        }
    }
    let begun = begin(&call, &target, value).await?;
    call.tell(&begun, Reason::OperationStarted, &format!("initiated rollback to {id}"));
    Ok(begun.into_value().into())
}

/// Has the operation that is under way end.
pub(crate) async fn terminate(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "sync").await?;
    let api = &call.api;
    let (cluster, resource) = (&api.options.cluster, applications());
    for _ in 0..TRIES {
        let current = cluster.get(&resource, target.object.namespace(), target.object.name()).await?;
        // Of what is stored at this moment: it may have moved to another project.
        call.require("applications", "sync", &call.rbac_of(&current))?;
        let runs = current.get("operation").is_some_and(|operation| !operation.is_null());
        if !runs || current.at(&["status", "operationState"]).is_none_or(Value::is_null) {
            return Err(Error::invalid("Unable to terminate operation. No operation is in progress"));
        }
        let mut patch = object! {};
        patch.set(&["status", "operationState", "phase"], "Terminating");
        patch.set(&["metadata", "resourceVersion"], current.resource_version());
        let (namespace, name) = (current.namespace(), current.name());
        match cluster.patch(&resource, namespace, name, &Patch::Merge(patch), &api.writing()).await {
            Ok(written) => {
                shown(api.watches.applications().await?, &written).await;
                call.tell(&written, Reason::Updated, "terminated running operation");
                return Ok(Answer::empty());
            }
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("Failed to terminate app. Too many conflicts"))
}

/// The sync windows of an Application.
pub(crate) async fn windows(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let decision = decide(&target);
    let window = |window: &&Window| {
        let mut told = object! {
            "kind" => window.kind.as_str(),
            "schedule" => window.schedule.as_str(),
            "duration" => window.duration.as_str(),
        };
        if window.manual_sync {
            told.set(&["manualSync"], true);
        }
        told
    };
    let mut told = object! {};
    for (field, list) in [("activeWindows", &decision.active), ("assignedWindows", &decision.assigned)] {
        if !list.is_empty() {
            told.set(&[field], list.iter().map(window).collect::<Value>());
        }
    }
    if decision.allowed {
        told.set(&["canSync"], true);
    }
    Ok(told.into())
}

fn decide(target: &Target) -> Decision<'_> {
    windows::allows(target.project.windows(), &target.app.window_target(), Timestamp::now(), true, None)
}

async fn in_message(call: &Call, message: &Value, action: &str) -> Result<Target, Error> {
    call.application(action, call.path("name"), text(message, "appNamespace"), text(message, "project")).await
}

/// Writes an operation where none is. Compat(argo 3.5): the last one's state goes.
async fn begin(call: &Call, target: &Target, mut operation: Value) -> Result<Object, Error> {
    if !call.caller.name().is_empty() {
        operation.set(&["initiatedBy", "username"], call.caller.name());
    }
    let api = &call.api;
    let (cluster, resource) = (&api.options.cluster, applications());
    for _ in 0..TRIES {
        let current = cluster.get(&resource, target.object.namespace(), target.object.name()).await?;
        Application::read(&current)?.takes_operation().map_err(Error::precondition)?;
        if current.uid() != target.object.uid() || current.get("spec") != target.object.get("spec") {
            // What was decided was decided of another spec.
            return Err(Error::aborted("the application was changed meanwhile: try again"));
        }
        let mut patch = object! { "operation" => operation.clone() };
        if current.at(&["status", "operationState"]).is_some() {
            patch.set(&["status", "operationState"], Value::Null);
        }
        patch.set(&["metadata", "resourceVersion"], current.resource_version());
        let (namespace, name) = (current.namespace(), current.name());
        match cluster.patch(&resource, namespace, name, &Patch::Merge(patch), &api.writing()).await {
            Ok(written) => {
                shown(api.watches.applications().await?, &written).await;
                return Ok(written);
            }
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("the application changes all the time: try again"))
}
