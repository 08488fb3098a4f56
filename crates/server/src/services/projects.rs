//! Projects.

use std::collections::BTreeSet;
use std::sync::Arc;

use belay_access::project::normalize_tokens;
use belay_access::{Project, Window};
use belay_argo::names::projects;
use belay_cluster::{DeleteOptions, ErrorKind};
use belay_object::{Object, Value};
use jiff::Timestamp;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, is_true};
use crate::message::{self, Message};
use crate::rights::project_name;
use crate::services::clusters::described;
use crate::services::credentials::shown_repository;
use crate::services::repositories::object_of;
use crate::snapshot::{gone, shown};
use crate::told::Reason;

const API_VERSION: &str = "argoproj.io/v1alpha1";
const TRIES: usize = 5;

/// The projects that the caller may see.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    let named = call.query("name");
    let all = call
        .at
        .projects
        .iter()
        .filter(|(name, _)| (named.is_empty() || named == name.as_str()) && call.may("projects", "get", name));
    Ok(message::list(all.map(|(_, entry)| entry.object.value().clone()).collect()).into())
}

/// One project.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    Ok(stored(&call, "get")?.value().clone().into())
}

/// A project that the caller may do `action` to.
fn stored(call: &Call, action: &str) -> Result<Arc<Object>, Error> {
    let name = call.path("name");
    call.require("projects", action, name)?;
    let entry = call.at.projects.get(name);
    let entry = entry.ok_or_else(|| Error::not_found(format!("appprojects.argoproj.io \"{name}\" not found")))?;
    Ok(entry.object.clone())
}

/// A project with what belongs to it.
pub(crate) async fn detailed(call: Call) -> Result<Answer, Error> {
    let object = stored(&call, "get")?;
    let name = object.name();
    let config = &call.at.config;
    // What is its own is shown to whoever may see the project; never how it is reached.
    let own = config.repositories.all().iter().filter(|repository| repository.project == name);
    let repositories: Value = own.map(|repository| shown_repository(repository, false).done()).collect();
    let clusters = described(&call, config.clusters.of_project(name).cloned().collect()).await;
    let told = Message::new()
        .always("project", object.value().clone())
        .value("globalProjects", globals_of(&call, &object))
        .value("repositories", repositories)
        .value("clusters", clusters);
    Ok(told.done().into())
}

/// The projects that add to one.
pub(crate) async fn globals(call: Call) -> Result<Answer, Error> {
    let object = stored(&call, "get")?;
    Ok(Message::new().value("items", globals_of(&call, &object)).done().into())
}

fn globals_of(call: &Call, object: &Object) -> Value {
    let labels = object.labels().cloned().unwrap_or_default();
    let adds = call.at.config.settings.global_projects.iter().filter(|g| g.adds_to(object.name(), &labels));
    adds.filter_map(|g| Some(call.at.projects.get(&g.project)?.object.value().clone())).collect()
}

/// The sync windows that are open.
pub(crate) async fn windows(call: Call) -> Result<Answer, Error> {
    let object = stored(&call, "get")?;
    let now = Timestamp::now();
    let project = call.at.project(object.name()).ok_or_else(Error::denied)?;
    let given = object.at(&["spec", "syncWindows"]).map_or(&[][..], Value::items);
    // A project's own windows stand in the order in which they are written.
    let open =
        |(value, window): (&Value, &Window)| window.is_open(now, now).is_ok_and(|open| open).then(|| value.clone());
    Ok(Message::new().value("windows", given.iter().zip(project.windows()).filter_map(open).collect()).done().into())
}

/// Makes a project. One that is there already and says the same is the answer.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let object = read(&call, &message)?;
    let name = object.name().to_owned();
    call.require("projects", "create", &name)?;
    check(&object)?;
    let api = &call.api;
    match api.options.cluster.create(&projects(), &object, &api.writing()).await {
        Ok(created) => {
            shown(&api.watches.projects, &created).await;
            call.tell(&created, Reason::Created, "created project");
            return Ok(created.into_value().into());
        }
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
        Err(e) => return Err(e.into()),
    }
    let existing = api.options.cluster.get(&projects(), &api.options.namespace, &name).await?;
    if existing.get("spec") == object.get("spec") {
        return Ok(existing.into_value().into());
    }
    if !is_true(&message, "upsert") {
        return Err(Error::invalid("existing project spec is different; use upsert flag to force update"));
    }
    call.require("projects", "update", &name)?;
    let written = replace(&call, &object, "").await?;
    call.tell(&written, Reason::Updated, "updated project");
    Ok(written.into_value().into())
}

/// Replaces a project's spec, labels and annotations.
pub(crate) async fn update(call: Call) -> Result<Answer, Error> {
    let mut message = call.message()?;
    // Compat(argo 3.5): a part of the path is a field of the message.
    let metadata = message.at(&["project", "metadata"]).and_then(Value::as_object);
    if metadata.is_some_and(|metadata| metadata.str("name").is_none()) {
        message.set(&["project", "metadata", "name"], call.path("name"));
    }
    let object = read(&call, &message)?;
    if object.name() != call.path("name") {
        return Err(Error::invalid("the name in the path is not the one in the body"));
    }
    call.require("projects", "update", object.name())?;
    check(&object)?;
    // Compat(argo 3.5): who says what was read does not write over what came after.
    let version = message.str_at(&["project", "metadata", "resourceVersion"]).unwrap_or_default();
    let written = replace(&call, &object, version).await?;
    call.tell(&written, Reason::Updated, "updated project");
    Ok(written.into_value().into())
}

/// Deletes a project that no Application is of.
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    let object = stored(&call, "delete")?;
    let name = object.name();
    if name == "default" {
        return Err(Error::invalid(format!("name '{name}' is reserved and cannot be deleted")));
    }
    let count = applications(&call, name).await?.len();
    if count > 0 {
        return Err(Error::invalid(format!("project is referenced by {count} applications")));
    }
    let api = &call.api;
    let options = DeleteOptions { uid: object.uid().to_owned(), ..DeleteOptions::default() };
    if api.options.cluster.delete(&projects(), object.namespace(), name, &options).await?.is_none() {
        gone(&api.watches.projects, object.namespace(), name, object.uid()).await;
    }
    call.tell(&object, Reason::Deleted, "deleted project");
    Ok(Answer::empty())
}

async fn applications(call: &Call, project: &str) -> Result<Vec<Arc<Object>>, Error> {
    let view = call.api.watches.applications().await?;
    let mut found = view.objects();
    found.retain(|app| project_name(app) == project);
    Ok(found)
}

fn read(call: &Call, message: &Value) -> Result<Object, Error> {
    let project = message.get("project").filter(|project| project.as_object().is_some()).cloned();
    let project = project.ok_or_else(|| Error::invalid("missing payload 'project' in request"))?;
    let given = Object::new(project).map_err(|_| Error::invalid("the body is no project"))?;
    if given.name().is_empty() {
        return Err(Error::invalid("resource name may not be empty"));
    }
    let mut object = Object::of(API_VERSION, "AppProject", &call.api.options.namespace, given.name());
    for field in ["labels", "annotations", "finalizers"] {
        if let Some(value) = given.at(&["metadata", field]).filter(|value| !value.is_null()) {
            object.set(&["metadata", field], value.clone());
        }
    }
    object.set(&["spec"], given.get("spec").filter(|spec| !spec.is_null()).cloned().unwrap_or_else(Value::object));
    Ok(object)
}

fn check(object: &Object) -> Result<(), Error> {
    let project = Project::read(object)?;
    project.validate().map_err(|e| {
        let error = Error::from(e);
        Error::new(error.code(), format!("error validating project: {}", error.message()))
    })
}

/// Writes a project over the one that is there. Tokens that were given out stay; what Applications need
/// stays permitted; what is newly permitted needs rights on it. `version` is the one that was read, where it is said.
async fn replace(call: &Call, wanted: &Object, version: &str) -> Result<Object, Error> {
    let api = &call.api;
    let cluster = &api.options.cluster;
    for _ in 0..TRIES {
        let current = cluster.get(&projects(), wanted.namespace(), wanted.name()).await?;
        if !version.is_empty() && version != current.resource_version() {
            let words = "the project was changed since it was read: read it again";
            return Err(Error::aborted(words));
        }
        grants(call, &Project::read(&current)?, &Project::read(wanted)?, &current, wanted)?;
        keeps(call, &Project::read(wanted)?).await?;
        let mut next = current.clone();
        next.set(&["spec"], wanted.get("spec").cloned().unwrap_or_else(Value::object));
        for field in ["labels", "annotations", "finalizers"] {
            match wanted.at(&["metadata", field]) {
                Some(value) => next.set(&["metadata", field], value.clone()),
                None => drop(next.remove(&["metadata", field])),
            }
        }
        normalize_tokens(&mut next);
        match cluster.replace(&projects(), &next, &api.writing()).await {
            Ok(written) => {
                shown(&api.watches.projects, &written).await;
                return Ok(written);
            }
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("the project changes all the time: try again"))
}

/// Compat(argo 3.5): who changes which clusters, repositories or kinds a project permits needs rights on
/// those clusters and repositories.
fn grants(call: &Call, before: &Project, after: &Project, old: &Object, new: &Object) -> Result<(), Error> {
    let servers = |project: &Project| -> BTreeSet<String> {
        project.destinations().iter().map(|d| d.server.clone()).filter(|server| !server.is_empty()).collect()
    };
    let (was, is) = (servers(before), servers(after));
    for server in was.symmetric_difference(&is) {
        call.require("clusters", "update", server)?;
    }
    let repos = |project: &Project| -> BTreeSet<String> { project.source_repos().map(str::to_owned).collect() };
    let (had, has) = (repos(before), repos(after));
    for repo in had.symmetric_difference(&has) {
        call.require("repositories", "update", &object_of("", repo))?;
    }
    let lists = [
        "clusterResourceWhitelist",
        "clusterResourceBlacklist",
        "namespaceResourceWhitelist",
        "namespaceResourceBlacklist",
    ];
    let changed = lists.iter().any(|list| old.at(&["spec", list]) != new.at(&["spec", list]));
    if changed {
        for server in &is {
            call.require("clusters", "update", server)?;
        }
    }
    Ok(())
}

/// Compat(argo 3.5): a change that leaves Applications without what they need is refused.
async fn keeps(call: &Call, after: &Project) -> Result<(), Error> {
    let Some(before) = call.at.projects.get(after.name()).map(|entry| &entry.project) else { return Ok(()) };
    let (mut sources, mut destinations) = (0, 0);
    for app in applications(call, after.name()).await? {
        let at = |field: &str| app.str_at(&["spec", "destination", field]).unwrap_or_default();
        let Ok(entry) = call.at.config.clusters.resolve(at("server"), at("name")) else { continue };
        let permits = |project: &Project| project.permits_destination(&entry.server, &entry.name, at("namespace"));
        destinations += usize::from(permits(before) && !permits(after));
        let mut urls = crate::services::listed::sources(&app);
        sources += usize::from(urls.any(|url| before.permits_source(url) && !after.permits_source(url)));
    }
    let told = [(sources, "source"), (destinations, "destination")].into_iter().filter(|(count, _)| *count > 0);
    let told: Vec<String> = told.map(|(count, what)| format!("{count} applications {what} became invalid")).collect();
    if !told.is_empty() {
        return Err(Error::invalid(format!("as a result of project update {}", told.join(" and "))));
    }
    Ok(())
}
