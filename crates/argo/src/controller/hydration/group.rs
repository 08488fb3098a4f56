//! One group: its Applications rendered at one dry commit, written in one commit, and told what came of it. If one of
//! them cannot be, none is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use belay_access::project::Project;
use belay_controller::Next;
use belay_object::Object;
use futures::stream::{self, StreamExt};

use super::super::application::is_left_alone;
use super::super::config::Config;
use super::super::destinations::Absent;
use super::super::patience::Unfetched;
use super::super::permission::project;
use super::super::refresh::Level;
use super::super::sources;
use super::super::world::{Name, World, now_text};
use super::writing::{self, Writing};
use super::{answer, write_status};
use crate::hydrator::{self, DryCommit, GroupKey, Hydrated, Metadata, Request};
use crate::manifests::{AppContext, Manifests};
use crate::spec::{Application, HydrateOperation, HydratePhase, HydrateSuccess, HydratorStatus, SourceHydrator};

/// When a group is taken up again that waits for a cluster or a repository.
const SOON: Duration = Duration::from_secs(2);
/// Applications of one group that are rendered at once.
const RENDERS: usize = 4;
/// When it is looked again at those that failed.
const AGAIN: Duration = Duration::from_secs(125);

/// An Application of a group, as it was when the hydration began.
struct Member {
    name: Name,
    /// `namespace/name`
    qualified: String,
    object: Arc<Object>,
    app: Application,
    hydrator: SourceHydrator,
    status: HydratorStatus,
    project: Result<Arc<Project>, String>,
}

/// What came of a group.
enum Outcome {
    /// From which dry commit, and to which commit.
    Done { dry_sha: String, hydrated_sha: String },
    /// Why not, by the Application that it is about.
    Failed { dry_sha: String, errors: BTreeMap<String, String> },
    /// Something that others wait for too is not there yet.
    Waits,
}

/// Hydrates a group.
pub(super) async fn hydrate(world: &World, key: &GroupKey) -> Next {
    world.hydration.begun.lock().insert(key.clone());
    let members = members(world, key);
    let outcome = if members.is_empty() { None } else { Some(take(world, key, &members).await) };
    if matches!(outcome, Some(Ok(Outcome::Waits))) {
        return Next::After(SOON);
    }
    world.hydration.begun.lock().remove(key);
    match outcome {
        Some(Err(error)) => {
            tracing::warn!(group = ?key, %error, "writing a status failed; tried again");
            world.hydration.begun.lock().insert(key.clone());
            Next::Retry
        }
        Some(Ok(_)) | None => Next::Done,
    }
}

/// The Applications of a group, in the order of their names.
fn members(world: &World, key: &GroupKey) -> Vec<Member> {
    let read = |object: Arc<Object>| {
        // The view may be behind what was written.
        let name = Name::of(&object);
        let object = world.application(&name)?;
        let app = Application::read(&object).ok().filter(|app| app.deletion_timestamp.is_none())?;
        let hydrator = app.spec.source_hydrator.clone().filter(|hydrator| GroupKey::of(hydrator) == *key)?;
        Some(Member {
            name,
            qualified: app.qualified_name(),
            hydrator,
            status: app.status.hydrator(),
            project: project(world, &app).map_err(|condition| condition.message),
            app,
            object,
        })
    };
    let is_hydrated = |object: &Arc<Object>| object.at(&["spec", "sourceHydrator"]).is_some();
    let all = world.applications.objects().into_iter().filter(is_hydrated);
    let mut found: Vec<Member> = all.filter(|object| !is_left_alone(world, object)).filter_map(read).collect();
    found.sort_by(|a, b| a.qualified.cmp(&b.qualified));
    found
}

/// Begins, does and ends it. The statuses say that it is under way before anything is done.
async fn take(world: &World, key: &GroupKey, members: &[Member]) -> belay_cluster::Result<Outcome> {
    let started_at = now_text();
    for member in members {
        write_status(world, &member.name, |status| {
            let runs = |o: &HydrateOperation| o.phase == Some(HydratePhase::Hydrating);
            if !status.current_operation.as_ref().is_some_and(runs) {
                status.current_operation = Some(HydrateOperation {
                    started_at: started_at.clone(),
                    phase: Some(HydratePhase::Hydrating),
                    source_hydrator: member.hydrator.clone(),
                    ..HydrateOperation::default()
                });
            }
        })
        .await?;
    }
    let outcome = work(world, key, members).await;
    match &outcome {
        Outcome::Waits => return Ok(outcome),
        Outcome::Done { dry_sha, hydrated_sha } => {
            tracing::info!(group = ?key, dry_sha, hydrated_sha, "hydrated");
            for member in members {
                write_status(world, &member.name, |status| done(status, member, dry_sha, hydrated_sha)).await?;
                answer(world, &member.object).await;
                // What was pushed is looked for now.
                world.ask(&member.name, Level::Resolve);
            }
        }
        Outcome::Failed { dry_sha, errors } => {
            let generic = hydrator::generic(errors);
            for member in members {
                let why = errors.get(&member.qualified).unwrap_or(&generic);
                tracing::warn!(application = ?member.name, why, "not hydrated");
                write_status(world, &member.name, |status| failed(status, member, dry_sha, why)).await?;
                answer(world, &member.object).await;
                world.hydration.looks.add_after(member.name.clone(), AGAIN);
            }
        }
    }
    Ok(outcome)
}

fn done(status: &mut HydratorStatus, member: &Member, dry_sha: &str, hydrated_sha: &str) {
    let operation = status.current_operation.get_or_insert_default();
    *operation = HydrateOperation {
        started_at: std::mem::take(&mut operation.started_at),
        finished_at: now_text(),
        phase: Some(HydratePhase::Hydrated),
        message: String::new(),
        dry_sha: dry_sha.to_owned(),
        hydrated_sha: hydrated_sha.to_owned(),
        source_hydrator: member.hydrator.clone(),
    };
    status.last_successful_operation = Some(HydrateSuccess {
        dry_sha: dry_sha.to_owned(),
        hydrated_sha: hydrated_sha.to_owned(),
        source_hydrator: member.hydrator.clone(),
    });
    status.last_compared_dry_revision = dry_sha.to_owned();
}

fn failed(status: &mut HydratorStatus, member: &Member, dry_sha: &str, why: &str) {
    let operation = status.current_operation.get_or_insert_default();
    operation.phase = Some(HydratePhase::Failed);
    operation.finished_at = now_text();
    // Compat(argo-cd 3.5): the words in front.
    operation.message = format!("Failed to hydrate: {why}");
    operation.source_hydrator = member.hydrator.clone();
    if !dry_sha.is_empty() {
        operation.dry_sha = dry_sha.to_owned();
        status.last_compared_dry_revision = dry_sha.to_owned();
    }
}

/// Renders and writes.
async fn work(world: &World, key: &GroupKey, members: &[Member]) -> Outcome {
    let asked: Vec<hydrator::Member<'_>> = members
        .iter()
        .map(|member| hydrator::Member {
            name: member.qualified.clone(),
            hydrator: &member.hydrator,
            project_name: member.app.spec.project(),
            project: member.project.as_deref().map_err(Clone::clone),
        })
        .collect();
    let errors = hydrator::refusals(&asked);
    if !errors.is_empty() {
        return Outcome::Failed { dry_sha: String::new(), errors };
    }
    let config = world.config();
    let (first, others) = members.split_first().expect("a group that is hydrated has members");
    // The first one's revision is what all are rendered at.
    let rendered = match render(world, &config, first, "").await {
        Ok(rendered) => rendered,
        Err(error) => return error.outcome(first, String::new()),
    };
    let dry_sha = rendered.dry.sha.clone();
    if let Some(hydrated_sha) = known(members, &dry_sha) {
        return Outcome::Done { dry_sha, hydrated_sha };
    }
    let mut renders = Vec::with_capacity(others.len());
    for member in others {
        renders.push(render(world, &config, member, &dry_sha));
    }
    let renders: Vec<_> = stream::iter(renders).buffered(RENDERS).collect().await;
    let (mut all, mut errors) = (vec![rendered.hydrated], BTreeMap::new());
    for (member, rendered) in others.iter().zip(renders) {
        match rendered {
            Ok(rendered) => all.push(rendered.hydrated),
            Err(Trouble::Waits) => return Outcome::Waits,
            Err(Trouble::Failed(why)) => drop(errors.insert(member.qualified.clone(), why)),
        }
    }
    if !errors.is_empty() {
        return Outcome::Failed { dry_sha, errors };
    }
    let written = match writing_of(&config, key, members, all, &rendered.dry) {
        Ok(writing) => writing::write(&world.repositories, writing).await,
        Err(why) => Err(why),
    };
    match written {
        Ok(hydrated_sha) => Outcome::Done { dry_sha, hydrated_sha },
        Err(why) => {
            let errors = members.iter().map(|member| (member.qualified.clone(), why.clone())).collect();
            Outcome::Failed { dry_sha, errors }
        }
    }
}

/// The commit that a dry commit came to already, where that was all that is asked for.
// Compat(argo-cd 3.5): there the first one's word counts for all, also where it was changed or `hard` was asked for.
fn known(members: &[Member], dry_sha: &str) -> Option<String> {
    let of = |member: &Member| {
        let last = member.status.last_successful_operation.as_ref()?;
        let is_all = last.dry_sha == dry_sha
            && last.source_hydrator.is_same(&member.hydrator)
            && Request::of(&member.app) != Some(Request::Hard);
        is_all.then(|| last.hydrated_sha.clone())
    };
    let mut found = members.iter().map(of);
    let first = found.next()??;
    found.all(|other| other.as_ref() == Some(&first)).then_some(first)
}

/// Why an Application was not rendered.
enum Trouble {
    Waits,
    Failed(String),
}

impl Trouble {
    fn outcome(self, member: &Member, dry_sha: String) -> Outcome {
        match self {
            Trouble::Waits => Outcome::Waits,
            Trouble::Failed(why) => {
                Outcome::Failed { dry_sha, errors: BTreeMap::from([(member.qualified.clone(), why)]) }
            }
        }
    }
}

/// What one Application renders to.
struct Rendered {
    dry: DryCommit,
    hydrated: Hydrated,
}

/// Renders the dry source of one Application; at no revision, at the one that it names.
async fn render(world: &World, config: &Arc<Config>, member: &Member, revision: &str) -> Result<Rendered, Trouble> {
    // Compat(argo-cd 3.5): the words in front.
    let failed = |why: String| {
        let name = &member.qualified;
        Trouble::Failed(format!("failed to get manifests: failed to get repo objects for app {name:?}: {why}"))
    };
    let absent = |absent: Absent| match absent {
        Absent::Loading | Absent::Busy => Trouble::Waits,
        Absent::Unread(why) | Absent::Trouble(why) => failed(why),
    };
    let app = &member.app;
    let project = member.project.as_ref().map_err(|why| failed(why.clone()))?;
    let place = world.destinations.of(config, app).await.map_err(absent)?;
    let facts = place.served().await.map_err(failed)?.facts;
    let (dry, revisions) = ([member.hydrator.dry_source()], [revision.to_owned()]);
    let unfetched = |unfetched: Unfetched| match unfetched {
        Unfetched::Busy => Trouble::Waits,
        Unfetched::Refused(why) | Unfetched::Failed(why) => failed(why),
    };
    let fetched = sources::fetch(world, &dry, &revisions, project, Duration::ZERO).await.map_err(unfetched)?;
    let values = sources::remote_values(&world.charts, config, dry.iter(), Duration::ZERO).await.map_err(failed)?;
    let version = facts.kube_version().to_owned();
    let context = AppContext {
        name: app.name.clone(),
        instance_name: app.instance_name(&world.settings.namespace),
        project: app.spec.project().to_owned(),
        destination_namespace: app.spec.destination.namespace.clone(),
        cluster: facts,
        settings: config.tools.clone(),
        remote_files: Arc::new(values),
    };
    let commit = fetched.first().and_then(|fetched| fetched.commit.clone());
    let commit = commit.ok_or_else(|| failed("the dry source is no Git repository".to_owned()))?;
    let named: Vec<_> = fetched.into_iter().map(|fetched| (fetched.source, fetched.files)).collect();
    let (renderer, [source]) = (world.renderer.clone(), dry);
    let path = hydrator::path(&member.hydrator).map_err(failed)?;
    let repo_url = source.repo_url.clone();
    let made = tokio::task::spawn_blocking(move || {
        let made = renderer.render_all(&named, &context).map_err(|error| error.to_string())?;
        let manifest = hydrator::manifest(made.iter().flat_map(Manifests::objects).map(|rendered| &rendered.object));
        let kind = made.first().map(Manifests::source_type).unwrap_or_default();
        let commands = hydrator::commands(&source, kind, &context.name, &context.destination_namespace, &version);
        Ok(Hydrated { path, manifest, commands })
    });
    let hydrated = made.await.unwrap_or_else(|e| Err(format!("the renderer stopped: {e}"))).map_err(failed)?;
    let dry = DryCommit {
        repo_url,
        sha: commit.id.clone(),
        author: format!("{} <{}>", commit.author.name, commit.author.email),
        time_s: commit.author.time_s,
        message: commit.message.clone(),
    };
    Ok(Rendered { dry, hydrated })
}

/// What is to be written, and as whom.
fn writing_of(
    config: &Config,
    key: &GroupKey,
    members: &[Member],
    all: Vec<Hydrated>,
    dry: &DryCommit,
) -> Result<Writing, String> {
    let metadata = Metadata::of(dry);
    let settings = &config.settings;
    let or = |own: &str, default: &str| if own.is_empty() { default.to_owned() } else { own.to_owned() };
    let template = or(&settings.hydrator_commit_template, hydrator::COMMIT_MESSAGE);
    // Compat(argo-cd 3.5): the words in front, here and below.
    let message = hydrator::commit_message(&template, &metadata)
        .map_err(|why| format!("failed to get hydrator commit templated message: {why}"))?;
    let to = hydrator::destination(&members[0].hydrator);
    // Credentials of a project are for its own Applications.
    let projects: Vec<&str> = members.iter().map(|member| member.app.spec.project()).collect();
    let project = if projects.iter().all(|other| *other == projects[0]) { projects[0] } else { "" };
    let repository = config.writable.get(&to.repo_url, project);
    if !repository.credentials.is_some() {
        tracing::warn!(repository = key.repo, "there are no credentials to write with; it is tried without");
    }
    let spec = sources::spec_of(config, &repository, &to.repo_url, "")
        .map_err(|why| format!("failed to get hydrator credentials: {why}"))?;
    let (name, email) = &settings.commit_author;
    Ok(Writing {
        spec,
        sync_branch: members[0].hydrator.sync_source.target_branch.clone(),
        target_branch: to.target_revision,
        all: all.into(),
        readme: or(&settings.hydrator_readme_template, hydrator::README),
        message: hydrator::clean_message(&message),
        author: (or(name, hydrator::AUTHOR.0), or(email, hydrator::AUTHOR.1)),
        metadata,
    })
}
