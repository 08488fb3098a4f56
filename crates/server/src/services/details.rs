//! What is known of repositories and revisions, asked of [`crate::Sources`]; and links.

use belay_object::{Object, Value, object};

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::rights::Target;
use crate::services::applications::named;
use crate::services::compared::sources;
use crate::services::repositories;
use crate::{Code, Error, SourceDetails};

/// The commit of a revision.
pub(crate) async fn revision_metadata(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let (source, project) = (source(&call, &target)?, target.project.name().to_owned());
    let revision = call.path("revision").to_owned();
    Ok(sources(&call)?.details(SourceDetails::RevisionMetadata { source, project, revision }).await?.into())
}

/// A chart at a revision.
pub(crate) async fn chart_details(call: Call) -> Result<Answer, Error> {
    let target = named(&call, "get").await?;
    let source = source(&call, &target)?;
    if source.str_at(&["chart"]).is_none_or(str::is_empty) {
        // Compat(argo 3.5)
        return Err(Error::invalid(format!("no chart found for application: {}", target.app.qualified_name())));
    }
    let (project, revision) = (target.project.name().to_owned(), call.path("revision").to_owned());
    Ok(sources(&call)?.details(SourceDetails::ChartDetails { source, project, revision }).await?.into())
}

/// The source that is meant: of the spec, or of an entry of the history.
fn source(call: &Call, target: &Target) -> Result<Value, Error> {
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
        true => Ok(found),
        false => Err(Error::new(Code::PermissionDenied, "the project does not permit this repository")),
    }
}

/// Branches and tags of a repository.
pub(crate) async fn refs(call: Call) -> Result<Answer, Error> {
    let (url, project) = repositories::allowed(&call, "get")?;
    Ok(sources(&call)?.details(SourceDetails::Refs { url, project }).await?.into())
}

/// The directories of a repository that hold applications.
pub(crate) async fn apps(call: Call) -> Result<Answer, Error> {
    let (url, project) = repositories::allowed(&call, "get")?;
    let revision = call.query("revision").to_owned();
    Ok(sources(&call)?.details(SourceDetails::Apps { url, project, revision }).await?.into())
}

/// The charts of a repository.
pub(crate) async fn charts(call: Call) -> Result<Answer, Error> {
    let (url, project) = repositories::allowed(&call, "get")?;
    Ok(sources(&call)?.details(SourceDetails::Charts { url, project }).await?.into())
}

/// What a source is, by its tool. A source that belongs to no Application is read only by who may make
/// one of it in the project. Compat(argo 3.5)
pub(crate) async fn app_details(call: Call) -> Result<Answer, Error> {
    let (url, _) = repositories::allowed(&call, "get")?;
    let message = call.message()?;
    let name = text(&message, "appName").to_owned();
    let project = Some(text(&message, "appProject")).filter(|p| !p.is_empty()).unwrap_or("default").to_owned();
    let mut source = message.get("source").cloned().unwrap_or_else(|| object! {});
    source.set(&["repoURL"], url.as_str());
    let rbac = format!("{project}/{}", if name.is_empty() { "*" } else { &name });
    let may = ["get", "create"].iter().any(|action| call.may("applications", action, &rbac));
    let permitted = call.at.project(&project).is_some_and(|project| project.permits_source(&url));
    if !may || !permitted {
        return Err(Error::denied());
    }
    Ok(sources(&call)?.details(SourceDetails::AppDetails { source, project, name }).await?.into())
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
