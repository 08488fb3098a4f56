//! Whether one Application is to be hydrated: what is asked for, what was done, what its dry source is now.

use std::time::Duration;

use belay_controller::Next;

use super::super::application::is_left_alone;
use super::super::permission::project;
use super::super::sources::git_spec;
use super::super::world::{Name, World, since};
use super::{answer, write_status};
use crate::hydrator::{Due, GroupKey, Request, due, may_differ};
use crate::spec::{Application, HydratePhase, HydratorStatus, SourceHydrator};

/// Listings of refs this old are believed where nobody asks for what is there now.
const YOUNG: Duration = Duration::from_secs(3);
/// When it is looked again at one that failed: behind the pause after which it is tried again.
const AGAIN: Duration = Duration::from_secs(125);

/// Looks at one Application, and has its group hydrated if that is due.
pub(super) async fn look(world: &World, name: &Name) -> Next {
    let config = world.config();
    let Some(object) = world.application(name).filter(|object| !is_left_alone(world, object)) else {
        return Next::Done;
    };
    let is_enabled = config.settings.parameters.hydrator_enabled;
    let Some(app) = Application::read(&object).ok().filter(|app| is_enabled && app.deletion_timestamp.is_none()) else {
        return Next::Done;
    };
    let Some(hydrator) = &app.spec.source_hydrator else { return Next::Done };
    let (status, request) = (app.status.hydrator(), Request::of(&app));
    let key = GroupKey::of(hydrator);
    let ended = status.current_operation.as_ref().and_then(|operation| since(&operation.finished_at));
    let reason = match due(hydrator, &status, request, ended) {
        Due::Now(reason) => Some(reason),
        // Compat(argo-cd 3.5): but for waiting until it is old.
        Due::Running if !world.hydration.has_begun(&key) => Some("a hydration was left by a process that ended"),
        // Its end answers the request.
        Due::Running => return Next::Done,
        Due::Not(_) => None,
        Due::IfChanged => match has_changed(world, &app, hydrator, &status, request).await {
            Ok(Changed { revision, is_due }) => {
                let write = |status: &mut HydratorStatus| status.last_compared_dry_revision = revision;
                if let Err(error) = write_status(world, name, write).await {
                    tracing::warn!(application = ?name, %error, "writing the status failed; tried again");
                    return Next::Retry;
                }
                is_due.then_some("new revision may have changes")
            }
            Err(why) => {
                tracing::warn!(application = ?name, %why, "it cannot be told whether it is to be hydrated");
                None
            }
        },
    };
    match reason {
        Some(reason) => {
            tracing::info!(application = ?name, reason, "to be hydrated");
            world.hydration.begin(key);
        }
        None => answer(world, &object).await,
    }
    let phase = status.current_operation.and_then(|operation| operation.phase);
    if phase == Some(HydratePhase::Failed) { Next::After(AGAIN) } else { Next::Done }
}

/// What a dry source was found to be.
struct Changed {
    revision: String,
    is_due: bool,
}

/// Whether the dry source may render to something else than when it was last looked at.
async fn has_changed(
    world: &World,
    app: &Application,
    hydrator: &SourceHydrator,
    status: &HydratorStatus,
    request: Option<Request>,
) -> Result<Changed, String> {
    let project = project(world, app).map_err(|condition| condition.message)?;
    let (config, dry) = (world.config(), &hydrator.dry_source);
    let max_age = match (request, config.poll_every()) {
        (Some(_), _) => Duration::ZERO,
        // Nobody looks for news by himself: what is known is what there is.
        (None, Duration::ZERO) => Duration::MAX,
        (None, every) => every.max(YOUNG),
    };
    let fetch = async |revision: &str, max_age| {
        let spec = git_spec(&config, &dry.repo_url, project.name(), revision)?;
        world.repositories.fetch(&spec, max_age).await.map_err(|error| error.to_string())
    };
    let found = fetch(&dry.target_revision, max_age).await?;
    let revision = found.commit.as_ref().map(|commit| commit.id.clone()).ok_or("the dry source is no commit")?;
    let before = &status.last_compared_dry_revision;
    let is_due = match before {
        before if *before == revision => false,
        before if before.is_empty() => true,
        before => match fetch(before, Duration::MAX).await {
            Ok(before) => may_differ(app, &dry.path, &*before.tree, &*found.tree),
            Err(_) => true,
        },
    };
    Ok(Changed { revision, is_due })
}
