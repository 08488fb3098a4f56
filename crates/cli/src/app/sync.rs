//! `belay app sync`: writes an operation, and waits for its end.

use anyhow::{Result, bail};
use belay_access::project::Project;
use belay_access::windows;
use belay_argo::names;
use belay_argo::spec::{
    Application, Backoff, Info, Initiator, Operation, RetryStrategy, StrategyOptions, SyncOperation, SyncResource,
    SyncStrategy,
};
use belay_object::Object;
use jiff::Timestamp;

use super::look::{Look, revisions};
use super::selector;
use super::wait::{self, Until};
use super::{diff, view};
use crate::argocd::{AppId, Argocd, FAILED, pairs};
use crate::args::{AppSyncArgs, RetryFlags};
use crate::delete::confirmed;
use crate::outln;

pub async fn sync(argo: &Argocd, args: &AppSyncArgs) -> Result<u8> {
    let ids = argo.chosen(&args.chosen, &args.project).await?;
    let mut code = 0;
    for id in ids {
        let app = argo.application(&id).await?;
        if args.preview_changes {
            let look = Look::at(argo, &app).await?;
            let desired = match &args.local {
                Some(folder) => look.local(&app, folder, &args.local_repo_root).await?,
                None => look.desired(&app, &revisions(&args.revisions, &app)?).await?,
            };
            let differs = diff::print(&look, &app, desired).await?;
            if differs && !args.assume_yes && !confirmed(&format!("Do you want to sync {id}"), "--assumeYes")? {
                continue;
            }
        }
        let operation = operation(argo, &app, args).await?;
        start(argo, &id, &operation, args.dry_run).await?;
        if args.is_async {
            continue;
        }
        let until = Until { operation: true, ..Until::default() };
        let selectors = selector::read(&args.resource)?;
        let Some(object) = wait::wait_for(argo, &id, until, &selectors, args.timeout, args.output).await? else {
            bail!("application '{id}' is gone");
        };
        wait::summary(argo, &object, args.output).await?;
        code = code.max(ended(&object, args.dry_run)?);
    }
    Ok(code)
}

/// Writes an operation into an Application, where it may run now.
pub async fn start(argo: &Argocd, id: &AppId, operation: &Operation, is_dry: bool) -> Result<Object> {
    let project = argo.application(id).await?.spec.project().to_owned();
    let project = argo.cluster.find(&names::projects(), &argo.namespace, &project).await?;
    let project = project.and_then(|o| Project::read(&o).ok());
    argo.change_app(id, |object| {
        let app = crate::argocd::read(object)?;
        if app.deletion_timestamp.is_some() {
            // Compat(argo 3.5): the words of its server, here and below.
            bail!("application is deleting");
        }
        let runs = app.status.operation_state.as_ref().is_some_and(|s| !s.phase.is_over());
        if app.operation.is_some() || runs {
            bail!("another operation is already in progress");
        }
        let is_local = operation.sync.as_ref().is_some_and(|sync| !sync.manifests.is_empty());
        let wants_signatures = |p: &Project| p.effective_source_integrity().is_some_and(|i| i.git.is_some());
        if is_local && project.as_ref().is_some_and(wants_signatures) {
            bail!("cannot use local sync when signature verification is enabled.");
        }
        if let Some(project) = project.as_ref().filter(|_| !is_dry) {
            let decision = windows::allows(project.windows(), &view::target(&app), Timestamp::now(), true, None);
            if !decision.allowed {
                bail!("cannot sync: blocked by sync window: {}", decision.reason);
            }
        }
        object.set(&["operation"], operation.to_value());
        // Compat(argo 3.5): the last one's state goes, so that what is told of this one is this one's.
        object.remove(&["status", "operationState"]);
        Ok(())
    })
    .await
}

/// The exit status that an ended operation stands for.
pub fn ended(object: &Object, is_dry: bool) -> Result<u8> {
    let app = crate::argocd::read(object)?;
    let Some(state) = app.status.operation_state else {
        bail!("the operation left no trace: another one may have replaced it");
    };
    if state.phase == belay_argo::spec::OperationPhase::Succeeded {
        let left = app.status.resources.iter().filter(|r| r.requires_pruning).count();
        if left > 0 && !is_dry && state.operation.sync.as_ref().is_some_and(|s| !s.prune) {
            crate::output::warning(&format!("{left} resources require pruning: give --prune to delete them"));
        }
        return Ok(0);
    }
    crate::output::failure(&format!("Operation has completed with phase: {}", state.phase));
    Ok(FAILED)
}

async fn operation(argo: &Argocd, app: &Application, args: &AppSyncArgs) -> Result<Operation> {
    let revisions = revisions(&args.revisions, app)?;
    let several = app.spec.has_multiple_sources();
    if app.spec.automated().is_some() && !args.dry_run {
        refuse_others(app, &revisions)?;
    }
    let names_revision = revisions.iter().any(|r| !r.is_empty());
    let policy = app.spec.sync_policy.clone().unwrap_or_default();
    let mut sync = SyncOperation {
        revision: if several { String::new() } else { revisions.first().cloned().unwrap_or_default() },
        revisions: if several && names_revision { revisions } else { Vec::new() },
        prune: args.prune,
        dry_run: args.dry_run,
        sync_strategy: Some(strategy(args)?),
        resources: resources(argo, app, args).await?,
        sync_options: options(args).unwrap_or(policy.sync_options),
        ..SyncOperation::default()
    };
    if let Some(folder) = &args.local {
        if app.spec.automated().is_some() && !args.dry_run {
            bail!("Cannot use local sync when Automatic Sync Policy is enabled unless for dry run");
        }
        let look = Look::at(argo, app).await?;
        let desired = look.local(app, folder, &args.local_repo_root).await?;
        sync.manifests = desired.objects.iter().map(|o| o.value().to_json()).collect();
    }
    let info = pairs(&args.info)?.into_iter().map(|(name, value)| Info { name, value }).collect();
    Ok(Operation {
        sync: Some(Box::new(sync)),
        initiated_by: Initiator::default(),
        info,
        retry: retry(&args.retry).or(policy.retry).unwrap_or_default(),
    })
}

/// Compat(argo 3.5): what syncs by itself is synced to nothing else.
fn refuse_others(app: &Application, revisions: &[String]) -> Result<()> {
    for (source, revision) in app.spec.sources().iter().zip(revisions) {
        let planned = if source.target_revision.is_empty() { "HEAD" } else { &source.target_revision };
        if !revision.is_empty() && revision != planned {
            bail!("Cannot sync to {revision}: auto-sync currently set to {planned}");
        }
    }
    Ok(())
}

fn strategy(args: &AppSyncArgs) -> Result<SyncStrategy> {
    let options = Some(StrategyOptions { force: args.force });
    Ok(match args.strategy.as_deref() {
        Some("apply") => SyncStrategy { apply: options, hook: None },
        Some("hook") | Some("") | None => SyncStrategy { apply: None, hook: options },
        Some(other) => bail!("Unknown sync strategy: {other:?}: it is hook or apply"),
    })
}

/// Compat(argo 3.5): options of the command take the place of the policy's.
fn options(args: &AppSyncArgs) -> Option<Vec<String>> {
    let named = [
        (args.replace, "Replace=true"),
        (args.server_side, "ServerSideApply=true"),
        (args.apply_out_of_sync_only, "ApplyOutOfSyncOnly=true"),
    ];
    let all: Vec<String> = named.iter().filter(|(on, _)| *on).map(|(_, option)| (*option).to_owned()).collect();
    (!all.is_empty()).then_some(all)
}

/// The flags' retries, where they name any.
fn retry(flags: &RetryFlags) -> Option<RetryStrategy> {
    let limit = flags.retry_limit?;
    let backoff = Backoff {
        duration: flags.retry_backoff_duration.clone(),
        factor: Some(flags.retry_backoff_factor),
        max_duration: flags.retry_backoff_max_duration.clone(),
    };
    Some(RetryStrategy { limit, backoff: Some(backoff), refresh: flags.retry_refresh })
}

/// The objects that are to be synced; none for all.
async fn resources(argo: &Argocd, app: &Application, args: &AppSyncArgs) -> Result<Vec<SyncResource>> {
    let mut found = selector::chosen(app, &selector::read(&args.resource)?)?;
    if args.label.is_empty() {
        return Ok(found);
    }
    let labels = pairs(&args.label)?;
    let look = Look::at(argo, app).await?;
    let desired = match &args.local {
        Some(folder) => look.local(app, folder, &args.local_repo_root).await?,
        None => look.desired(app, &revisions(&args.revisions, app)?).await?,
    };
    for object in desired.objects.iter().filter(|o| labels.iter().all(|(k, v)| o.label(k) == Some(v))) {
        let kind = object.group_kind();
        found.push(SyncResource {
            group: kind.group.to_string(),
            kind: kind.kind.to_string(),
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
        });
    }
    if found.is_empty() {
        outln!("No matching resources found for labels: {}", args.label.join(","));
        bail!("nothing to sync");
    }
    Ok(found)
}
