//! `belay app sync`: asks for a sync, and waits for its end.

use anyhow::{Result, bail};
use belay_argo::spec::{Application, Backoff, Info, RetryStrategy, StrategyOptions, SyncResource, SyncStrategy};
use belay_object::Object;

use super::diff;
use super::look::{desired, revisions};
use super::selector;
use super::wait::{self, Until};
use crate::argocd::{AppId, FAILED, pairs};
use crate::args::{AppSyncArgs, RetryFlags};
use crate::delete::confirmed;
use crate::outln;
use crate::plane::{Plane, SyncRequest};

pub async fn sync(plane: &Plane, args: &AppSyncArgs) -> Result<u8> {
    let ids = plane.chosen(&args.chosen, &args.project).await?;
    let selectors = selector::read(&args.resource)?;
    let mut code = 0;
    for id in ids {
        let app = plane.application(&id).await?;
        if args.preview_changes {
            let differs = diff::print(plane, &id, &app, &args.revisions, args.local_folder()).await?;
            if differs && !args.assume_yes && !confirmed(&format!("Do you want to sync {id}"), "--assumeYes")? {
                continue;
            }
        }
        let request = request(plane, &id, &app, args).await?;
        plane.sync(&id, &app, &request).await?;
        if args.is_async {
            continue;
        }
        let until = Until { operation: true, ..Until::default() };
        let object = wait::there(plane, &id, until, &selectors, args.timeout, args.output).await?;
        wait::summary(plane, &object, args.output).await?;
        code = code.max(ended(&object, args.dry_run)?);
    }
    Ok(code)
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

async fn request(plane: &Plane, id: &AppId, app: &Application, args: &AppSyncArgs) -> Result<SyncRequest> {
    let revisions = revisions(&args.revisions, app)?;
    if app.spec.automated().is_some() && !args.dry_run {
        refuse_others(app, &revisions)?;
    }
    let mut request = SyncRequest {
        revisions,
        prune: args.prune,
        dry_run: args.dry_run,
        strategy: strategy(args)?,
        resources: resources(plane, id, app, args).await?,
        options: options(args),
        retry: retry(&args.retry),
        infos: pairs(&args.info)?.into_iter().map(|(name, value)| Info { name, value }).collect(),
        ..SyncRequest::default()
    };
    if args.local.is_some() {
        if app.spec.automated().is_some() && !args.dry_run {
            bail!("Cannot use local sync when Automatic Sync Policy is enabled unless for dry run");
        }
        let objects = desired(plane, id, app, &args.revisions, args.local_folder()).await?;
        request.manifests = objects.iter().map(|o| o.value().to_json()).collect();
    }
    Ok(request)
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
async fn resources(plane: &Plane, id: &AppId, app: &Application, args: &AppSyncArgs) -> Result<Vec<SyncResource>> {
    let mut found = selector::chosen(app, &selector::read(&args.resource)?)?;
    if args.label.is_empty() {
        return Ok(found);
    }
    let labels = pairs(&args.label)?;
    let objects = desired(plane, id, app, &args.revisions, args.local_folder()).await?;
    for object in objects.iter().filter(|o| labels.iter().all(|(k, v)| o.label(k) == Some(v))) {
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
