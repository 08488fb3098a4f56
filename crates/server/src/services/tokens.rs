//! Tokens of projects' roles.

use belay_access::Project;
use belay_access::project::normalize_tokens;
use belay_argo::names::projects;
use belay_argo::settings::tokens::{Claims, issue};
use belay_cluster::ErrorKind;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, integer, text};
use crate::identity::fresh_id;
use crate::snapshot::shown;
use crate::told::Reason;

const TRIES: usize = 5;
/// Tokens of one role: their list is part of the project.
const MAX_TOKENS: usize = 200;

/// Gives out a token of a role.
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let (name, role) = (call.path("name").to_owned(), call.path("role").to_owned());
    may(&call, &name, &role)?;
    let id = match text(&message, "id") {
        "" => fresh_id().ok_or_else(|| Error::internal("the system gives no randomness"))?,
        id if id.len() > 200 => return Err(Error::invalid("the id of a token has at most 200 bytes")),
        id => id.to_owned(),
    };
    let key = call.at.config.settings.server_key.clone();
    let key = key.ok_or_else(|| Error::internal("argocd-secret has no server.secretkey: start the server anew"))?;
    let lives_s = Some(integer(&message, "expiresIn"));
    let claims = Claims::new(&format!("proj:{name}:{role}"), &id, Timestamp::now(), lives_s);
    change(&call, &name, |object| {
        let project = Project::read(object)?;
        project.check_new_token(&role, &id)?;
        if project.role(&role)?.tokens.len() >= MAX_TOKENS {
            return Err(Error::exhausted(format!("role '{role}' has {MAX_TOKENS} tokens")));
        }
        let mut token = object! { "iat" => claims.issued_at, "id" => id.as_str() };
        if let Some(end) = claims.expires_at {
            token.set(&["exp"], end);
        }
        if let Some(tokens) = tokens_of(object, &role).and_then(Value::as_array_mut) {
            tokens.push(token);
        }
        Ok(true)
    })
    .await?;
    tell(&call, &name, Reason::Created, "created token");
    Ok(object! { "token" => issue(&claims, &key).expose().as_str() }.into())
}

/// Takes a token of a role back: by its id, or for old ones by when it was issued. One that is not there
/// is as good as taken back. Compat(argo 3.5)
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    let (name, role) = (call.path("name").to_owned(), call.path("role").to_owned());
    may(&call, &name, &role)?;
    let issued_at: i64 = call.path("iat").parse().map_err(|_| Error::invalid("the time of a token is a number"))?;
    let id = call.query("id").to_owned();
    let is_it = |token: &Value| match id.as_str() {
        "" => token.get("iat").and_then(Value::as_i64) == Some(issued_at),
        id => text(token, "id") == id,
    };
    change(&call, &name, |object| {
        let mut found = false;
        if let Some(tokens) = tokens_of(object, &role).and_then(Value::as_array_mut) {
            let before = tokens.len();
            tokens.retain(|token| !is_it(token));
            found = tokens.len() != before;
        }
        let in_status = object.value_mut().at_or_insert(&["status", "jwtTokensByRole", &role, "items"]);
        if let Some(tokens) = in_status.as_array_mut() {
            let before = tokens.len();
            tokens.retain(|token| !is_it(token));
            found |= tokens.len() != before;
        }
        Ok(found)
    })
    .await?;
    tell(&call, &name, Reason::Deleted, "deleted token");
    Ok(Answer::empty())
}

fn tell(call: &Call, project: &str, reason: Reason, what: &str) {
    if let Some(entry) = call.at.projects.get(project) {
        call.tell(&entry.object, reason, what);
    }
}

/// Who may change the project, and members of the role. Compat(argo 3.5)
fn may(call: &Call, project: &str, role: &str) -> Result<(), Error> {
    let refused = match call.require("projects", "update", project) {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    let entry = call.at.projects.get(project);
    let groups = entry.and_then(|entry| entry.project.role(role).ok()).map_or(&[][..], |role| &role.groups);
    let is_member = call.caller.subject.groups.iter().any(|group| groups.contains(group));
    if is_member { Ok(()) } else { Err(refused) }
}

/// The tokens of a role in the spec; `None` where there is no such role.
fn tokens_of<'a>(object: &'a mut Object, role: &str) -> Option<&'a mut Value> {
    let roles = object.value_mut().get_mut("spec")?.get_mut("roles")?.as_array_mut()?;
    let role = roles.iter_mut().find(|found| text(found, "name") == role)?;
    let tokens = role.at_or_insert(&["jwtTokens"]);
    if tokens.as_array().is_none() {
        *tokens = Value::Array(Default::default());
    }
    Some(tokens)
}

async fn change(
    call: &Call,
    name: &str,
    mut apply: impl FnMut(&mut Object) -> Result<bool, Error>,
) -> Result<(), Error> {
    let api = &call.api;
    let cluster = &api.options.cluster;
    for _ in 0..TRIES {
        let mut object = cluster.get(&projects(), &api.options.namespace, name).await?;
        if !apply(&mut object)? {
            return Ok(());
        }
        normalize_tokens(&mut object);
        match cluster.replace(&projects(), &object, &api.writing()).await {
            Ok(written) => {
                shown(&api.watches.projects, &written).await;
                return Ok(());
            }
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("the project changes all the time: try again"))
}
