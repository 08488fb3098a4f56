//! What is known of repositories and revisions, asked of [`crate::Sources`]; and links.

use belay_argo::repositories::Repository;
use belay_argo::spec::{Application, Source};
use belay_object::{Object, Value};

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::rights::{Target, project_name};
use crate::services::applications::named;
use crate::services::compared::look;
use crate::services::repositories::object_of;
use crate::{Error, SourceDetails};

/// The commit of a revision.
pub(crate) async fn revision_metadata(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let revision = call.path("revision").to_owned();
    if !matches!(revision.len(), 7..=64) || !revision.bytes().all(|b| b.is_ascii_hexdigit()) {
        // Compat(argo 3.5)
        return Err(Error::invalid(format!("revision {revision} must be resolved")));
    }
    let (source, project) = (source(&call, &target)?, target.project.name().to_owned());
    ask(&call, SourceDetails::RevisionMetadata { source, project, revision }).await
}

/// A chart at a revision.
pub(crate) async fn chart_details(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let source = source(&call, &target)?;
    if !source.is_chart() {
        // Compat(argo 3.5)
        return Err(Error::invalid(format!("no chart found for application: {}", target.app.qualified_name())));
    }
    let (project, revision) = (target.project.name().to_owned(), call.path("revision").to_owned());
    ask(&call, SourceDetails::ChartDetails { source, project, revision }).await
}

/// What an OCI artifact says of itself.
pub(crate) async fn oci_metadata(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let source = source(&call, &target)?;
    if !source.is_oci() {
        let words = format!("no OCI artifact found for application: {}", target.app.qualified_name());
        return Err(Error::invalid(words));
    }
    let (project, revision) = (target.project.name().to_owned(), call.path("revision").to_owned());
    ask(&call, SourceDetails::OciMetadata { source, project, revision }).await
}

async fn ask(call: &Call, of: SourceDetails) -> Result<Answer, Error> {
    Ok(look(call, of).await?.into())
}

/// The source that is meant: of the spec, or of an entry of the history.
fn source(call: &Call, target: &Target) -> Result<Source, Error> {
    let object = &target.object;
    let holder = match call.number("versionId")? {
        None => object.get("spec").cloned().unwrap_or_default(),
        Some(id) => {
            let history = object.at(&["status", "history"]).map_or(&[][..], Value::items);
            let entry = history.iter().find(|entry| entry.get("id").and_then(Value::as_i64).unwrap_or_default() == id);
            entry.cloned().ok_or_else(|| Error::not_found(format!("revision history not found for version id {id}")))?
        }
    };
    let several = holder.get("sources").map_or(&[][..], Value::items);
    let at = usize::try_from(call.number("sourceIndex")?.unwrap_or_default()).unwrap_or(usize::MAX);
    let found = match several.is_empty() {
        true => holder.get("source").filter(|source| source.as_object().is_some()),
        false => several.get(at),
    };
    let found = found.cloned().ok_or_else(|| Error::invalid("source index is out of range"))?;
    // An entry of the history may be of a time when the project permitted more.
    match target.project.permits_source(text(&found, "repoURL")) {
        true => Ok(Source::read(&found)?),
        false => Err(Error::forbidden("the project does not permit this repository")),
    }
}

/// Branches and tags of a repository.
pub(crate) async fn refs(call: Call) -> Result<Answer, Error> {
    let repository = allowed(&call, call.path("repo"), call.query("appProject"))?;
    ask(&call, SourceDetails::Refs { repository }).await
}

/// Tags of a place in a registry.
pub(crate) async fn oci_tags(call: Call) -> Result<Answer, Error> {
    let repository = allowed(&call, call.path("repo"), call.query("appProject"))?;
    ask(&call, SourceDetails::OciTags { repository }).await
}

/// The charts of a repository.
pub(crate) async fn charts(call: Call) -> Result<Answer, Error> {
    let repository = allowed(&call, call.path("repo"), call.query("appProject"))?;
    ask(&call, SourceDetails::Charts { repository }).await
}

/// The directories of a repository that hold applications. Files are looked at: that is for who may make, or
/// change, the Application for which they ask. Compat(argo 3.5)
pub(crate) async fn apps(call: Call) -> Result<Answer, Error> {
    let (url, project) = (call.path("repo"), call.query("appProject"));
    allowed(&call, url, project)?;
    let rbac = named_by_client(&call, project, call.query("appName"));
    if !["create", "update"].iter().any(|action| call.may("applications", action, &rbac)) {
        return Err(Error::denied());
    }
    permits(&call, project, url)?;
    let (url, project, revision) = (url.to_owned(), project.to_owned(), call.query("revision").to_owned());
    ask(&call, SourceDetails::Apps { url, project, revision }).await
}

/// What a source is, by its tool. Of an Application that is there only sources that it has, or had; of one
/// that is not there by who may make it. Compat(argo 3.5)
pub(crate) async fn app_details(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let (project, name) = (text(&message, "appProject"), text(&message, "appName"));
    let mut source = message.get("source").filter(|s| s.as_object().is_some()).cloned();
    let source = source.as_mut().ok_or_else(|| Error::invalid("missing payload in request"))?;
    source.set(&["repoURL"], call.path("repo"));
    let source = Source::read(source)?;
    allowed(&call, &source.repo_url, project)?;
    let rbac = named_by_client(&call, project, name);
    call.require("applications", "get", &rbac)?;
    let (namespace, name) = name.split_once('/').unwrap_or((call.api.options.namespace.as_str(), name));
    let view = call.api.watches.applications().await?;
    let existing = view.object(namespace, name).filter(|_| call.is_enabled(namespace));
    let application = match existing {
        None => {
            call.require("applications", "create", &rbac)?;
            let mut app = Object::of("argoproj.io/v1alpha1", "Application", namespace, name);
            app.set(&["spec", "project"], project);
            app
        }
        Some(app) => {
            let at = |field: &str| message.get(field).and_then(Value::as_i64).unwrap_or_default();
            let has = is_source_of(&app, &source, at("sourceIndex"), at("versionId"));
            if project_name(&app) != project || !has {
                return Err(Error::denied());
            }
            (*app).clone()
        }
    };
    permits(&call, project, &source.repo_url)?;
    let application = Box::new(Application::read(&application)?);
    ask(&call, SourceDetails::AppDetails { application, source: Box::new(source) }).await
}

/// A repository that the caller may `get`, with its credentials. Compat(argo 3.5): one that nobody wrote down
/// is asked for by its address.
fn allowed(call: &Call, url: &str, project: &str) -> Result<Repository, Error> {
    let repository = call.at.config.repositories.get(url, project);
    match call.may("repositories", "get", &object_of(&repository.project, &repository.url)) {
        true => Ok(repository),
        false => Err(Error::denied()),
    }
}

/// As the policy names an Application that a client names by project and name, `NAMESPACE/NAME` among them.
fn named_by_client(call: &Call, project: &str, name: &str) -> String {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    call.object_of(project, namespace, name)
}

fn permits(call: &Call, project: &str, url: &str) -> Result<(), Error> {
    let found = call.at.project(project).ok_or_else(Error::denied)?;
    match found.permits_source(url) {
        true => Ok(()),
        false => Err(Error::forbidden(format!("repository '{url}' not permitted in project '{project}'"))),
    }
}

/// Whether a source is one that an Application has, or that it was synced to: then at the revision that was
/// synced. Compat(argo 3.5)
fn is_source_of(app: &Object, source: &Source, index: i64, version: i64) -> bool {
    let read = |value: &Value| Source::read(value).ok();
    let wanted = source.clone().normalized();
    let is_it = |found: Source| found.normalized() == wanted;
    let dry = app.at(&["spec", "sourceHydrator", "drySource"]).into_iter();
    let own = app.at(&["spec", "source"]).into_iter();
    let all = app.at(&["spec", "sources"]).map_or(&[][..], Value::items).iter();
    if dry.chain(own).chain(all).filter_map(read).any(is_it) {
        return true;
    }
    let history = app.at(&["status", "history"]).map_or(&[][..], Value::items);
    history.iter().any(|entry| {
        let several = entry.get("sources").map_or(&[][..], Value::items);
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        let (found, revision) = match several.is_empty() {
            true => (entry.get("source"), entry.str_at(&["revision"])),
            false if entry.get("id").and_then(Value::as_i64).unwrap_or_default() != version => return false,
            false => {
                let revisions = entry.get("revisions").map_or(&[][..], Value::items);
                (several.get(at), revisions.get(at).and_then(Value::as_str))
            }
        };
        let (Some(found), Some(revision)) = (found.and_then(read), revision) else { return false };
        is_it(Source { target_revision: revision.to_owned(), ..found })
    })
}

/// Links of an Application: the settings' templates are not read yet, so there are none.
pub(crate) async fn links(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    Ok(no_links(&target.object))
}

/// Links of an object.
pub(crate) async fn resource_links(call: Call) -> Result<Answer, Error> {
    let found =
        crate::services::resources::find(&call, "get", &crate::services::resources::Which::in_query(&call)).await?;
    Ok(no_links(&found.target.object))
}

/// Links of a project.
pub(crate) async fn project_links(call: Call) -> Result<Answer, Error> {
    call.require("projects", "get", call.path("name"))?;
    Ok(Answer::empty())
}

fn no_links(_: &Object) -> Answer {
    Answer::empty()
}
