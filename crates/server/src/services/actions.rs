//! What may be done to single objects beyond writing them: restart, pause, scale, ...

use std::sync::Arc;

use belay_argo::mask::is_secret;
use belay_argo::names::applications;
use belay_cluster::{Patch, Resource, WriteOptions};
use belay_health::argo::{Effect, ErrorKind, Operation};
use belay_object::{Map, Object, Value, merge_patch_between, object};
use jiff::Timestamp;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, text};
use crate::places::{self, Place};
use crate::rights::Target;
use crate::services::resources::{Which, find};
use crate::told::Reason;

/// What may be done to an object.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    let which = Which::in_query(&call);
    let subject = subject(&call, "get", &which).await?;
    let actions = call.at.config.assess.actions(&subject.live, Timestamp::now().as_second()).map_err(failed)?;
    let action = |action: &belay_health::argo::Action| {
        let mut told = object! { "name" => action.name.as_str() };
        for (field, text) in [("displayName", &action.display_name), ("iconClass", &action.icon_class)] {
            if !text.is_empty() {
                told.set(&[field], text.as_str());
            }
        }
        if action.disabled {
            told.set(&["disabled"], true);
        }
        if !action.params.is_empty() {
            told.set(
                &["params"],
                action.params.iter().map(|name| object! { "name" => name.as_str() }).collect::<Value>(),
            );
        }
        told
    };
    let actions: Value = actions.iter().map(action).collect();
    Ok(if actions.items().is_empty() { Answer::empty() } else { object! { "actions" => actions }.into() })
}

/// Does it. Compat(argo 3.5): the body is the action's name as a text.
pub(crate) async fn run(call: Call) -> Result<Answer, Error> {
    let body = call.value()?;
    let action = body.as_str().unwrap_or_else(|| text(&body, "action")).to_owned();
    act(&call, &Which::in_query(&call), &action, &[]).await
}

/// Does it, with parameters.
pub(crate) async fn run_with_parameters(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let own = |field: &str| text(&message, field).to_owned();
    let which = Which {
        application: call.path("name").to_owned(),
        application_namespace: own("appNamespace"),
        project: own("project"),
        group: own("group"),
        version: own("version"),
        kind: own("kind"),
        namespace: own("namespace"),
        name: own("resourceName"),
    };
    let given = message.get("resourceActionParameters").map_or(&[][..], Value::items);
    let parameters: Vec<(String, String)> =
        given.iter().map(|p| (text(p, "name").to_owned(), text(p, "value").to_owned())).collect();
    act(&call, &which, text(&message, "action"), &parameters).await
}

/// An object that something is done to.
struct Subject {
    live: Object,
    target: Target,
    place: Place,
    resource: Arc<Resource>,
    found: Option<crate::services::resources::Found>,
}

/// Compat(argo 3.5): the Application itself is one of its own objects here.
async fn subject(call: &Call, action: &str, which: &Which) -> Result<Subject, Error> {
    let is_itself = which.kind == "Application" && which.group == "argoproj.io" && which.name == which.application;
    if is_itself {
        let target = call.application(action, &which.application, &which.application_namespace, &which.project).await?;
        let home = call.api.options.cluster.clone();
        let place = Place {
            server: String::new(),
            name: String::new(),
            namespaces: Vec::new(),
            cluster: home.clone(),
            acting: home,
        };
        return Ok(Subject { live: (*target.object).clone(), target, place, resource: applications(), found: None });
    }
    let found = find(call, action, which).await?;
    let live = found.live().await?;
    let place = places::of(call, &found.target.app, &found.target.project).await?;
    let target = call.target(found.target.object.clone(), action, "")?;
    Ok(Subject { live, target, place, resource: found.resource.clone(), found: Some(found) })
}

async fn act(call: &Call, which: &Which, action: &str, parameters: &[(String, String)]) -> Result<Answer, Error> {
    let right = format!("action/{}/{}/{action}", which.group, which.kind);
    let subject = subject(call, &right, which).await?;
    let config = &call.at.config;
    let effects = config.assess.run_action(&subject.live, action, parameters, Timestamp::now().as_second());
    let effects = effects.map_err(failed)?;
    // All of it is checked before any of it is written.
    for effect in &effects {
        permit(&subject, effect).await?;
        if effect.operation == Operation::Create {
            create(call, &subject, &effect.object, true).await?;
        }
    }
    for effect in &effects {
        match effect.operation {
            Operation::Create => create(call, &subject, &effect.object, false).await?,
            Operation::Patch => patch(call, &subject, &effect.object).await?,
        }
    }
    let on = subject.found.as_ref().map(|found| &found.node.key);
    let on =
        on.map(|key| format!(" on resource {}/{}/{}", key.kind.group, key.kind.kind, key.name)).unwrap_or_default();
    call.tell(&subject.target.object, Reason::ActionRan, &format!("ran action {action}{on}"));
    Ok(Answer::empty())
}

/// What an action writes must be what the project permits (AUTHZ-5).
async fn permit(subject: &Subject, effect: &Effect) -> Result<(), Error> {
    let object = &effect.object;
    if subject.found.is_none() {
        // The Application may change itself, and nothing else where it stands.
        return match object.key() == subject.live.key() {
            true => Ok(()),
            false => Err(Error::denied()),
        };
    }
    let kind = object.group_version_kind();
    let resource = subject.place.acting.resource_of(object).await?;
    let namespace = if resource.namespaced { object.namespace() } else { "" };
    let (project, place) = (&subject.target.project, &subject.place);
    let permitted = project.permits_kind(&kind.group, &kind.kind, resource.namespaced, object.name())
        && (!resource.namespaced || project.permits_destination(&place.server, &place.name, namespace));
    if permitted {
        return Ok(());
    }
    let words =
        format!("application is not permitted to manage {}/{}/{} in {namespace}", kind.group, kind.kind, object.name());
    Err(Error::forbidden(words))
}

async fn create(call: &Call, subject: &Subject, object: &Object, dry_run: bool) -> Result<(), Error> {
    let cluster = &subject.place.acting;
    let resource = cluster.resource_of(object).await?;
    let options = WriteOptions { dry_run, ..call.api.writing() };
    cluster.create(&resource, object, &options).await.map(|_| ()).map_err(|e| refused(object, e))
}

async fn patch(call: &Call, subject: &Subject, wanted: &Object) -> Result<(), Error> {
    let is_itself = wanted.key() == subject.live.key();
    // Of another object that is written which the script says, and no more: it has not seen the rest.
    let patch = match is_itself {
        true => merge_patch_between(subject.live.value(), wanted.value()),
        false => Some(wanted.value().clone()),
    };
    let Some(mut patch) = patch else { return Ok(()) };
    if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("resourceVersion");
        metadata.remove("managedFields");
    }
    let cluster = &subject.place.acting;
    // What is permitted is written, and nothing of the subject's kind under another's name (AUTHZ-5).
    let resource = &match is_itself {
        true => subject.resource.clone(),
        false => cluster.resource_of(wanted).await?,
    };
    let (namespace, name) = (wanted.namespace(), wanted.name());
    let writing = call.api.writing();
    if resource.has_subresource("status")
        && subject.found.is_some()
        && let Some(status) = patch.remove(&["status"])
    {
        let status = Patch::Merge(object! { "status" => status });
        cluster.patch_status(resource, namespace, name, &status, &writing).await.map_err(|e| refused(wanted, e))?;
    }
    if patch.as_object().is_none_or(Map::is_empty) {
        return Ok(());
    }
    let written = cluster.patch(resource, namespace, name, &Patch::Merge(patch), &writing).await;
    written.map(|_| ()).map_err(|e| refused(wanted, e))
}

/// A server's words about a Secret may quote what a script wrote into it (SEC-2).
fn refused(object: &Object, error: belay_cluster::Error) -> Error {
    match is_secret(object) {
        true => Error::of_secret("a Secret", &error),
        false => error.into(),
    }
}

fn failed(error: belay_health::argo::Error) -> Error {
    match error.kind() {
        ErrorKind::NoAction => Error::invalid(error.to_string()),
        // A script of the settings that fails is no failure here. Compat(argo 3.5): the words.
        _ => Error::precondition(format!("error executing Lua resource action: {error}")),
    }
}
