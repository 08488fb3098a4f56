//! Repositories: those that are read, and those that are written to. Credentials come in and never go out.

use std::time::Duration;

use belay_argo::names::{MANAGED_BY, SECRET_TYPE};
use belay_argo::repositories::{Repositories, Repository};
use belay_cluster::{DeleteOptions, ErrorKind, Patch};
use belay_object::{Object, Value, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use tokio::time::Instant;

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::message::{self, Message};
use crate::reached::{State, list_deadline};
use crate::services::compared::look;
use crate::services::credentials::{self as forms, Side};
use crate::snapshot::{gone, secrets, shown};
use crate::{Code, Error, SourceDetails};

/// How long one repository may take to answer.
const REACH_PATIENCE: Duration = Duration::from_secs(10);
/// Repositories that are tried at once.
const CONCURRENCY: usize = 8;

/// Tries a repository as the query says it, without writing anything down. Compat(argo 3.5): where the query
/// gives no credentials, those of a template are tried.
pub(crate) async fn validate(call: Call, side: Side) -> Result<Answer, Error> {
    let url = call.path("repo");
    call.require(side.resource(), "create", &object_of(call.query("project"), url))?;
    let mut repository = forms::asked_about(&call)?;
    if side == Side::Read && !repository.credentials.is_some() {
        // Of no project: whoever may create a repository in one has no claim on what others wrote there.
        repository = call.at.config.repositories.with_template(repository);
    }
    reach(&call, repository).await?;
    Ok(Answer::empty())
}

/// As the policy names a repository.
pub(crate) fn object_of(project: &str, url: &str) -> String {
    if project.is_empty() { url.to_owned() } else { format!("{project}/{url}") }
}

fn known(call: &Call, side: Side) -> Repositories {
    match side {
        Side::Read => call.at.config.repositories.clone(),
        Side::Write => Repositories::read_writable(call.at.secrets.iter().map(|secret| &**secret)).0,
    }
}

/// The repositories that the caller may see.
pub(crate) async fn list(call: Call, side: Side) -> Result<Answer, Error> {
    let all = known(&call, side);
    let visible = all.all().iter().filter(|r| call.may(side.resource(), "get", &object_of(&r.project, &r.url)));
    let wanted = visible.filter(|r| call.query("repo").is_empty() || is_called(r, call.query("repo")));
    let mut found: Vec<Repository> = wanted.cloned().collect();
    found.sort_by(|a, b| (&a.project, &a.url).cmp(&(&b.project, &b.url)));
    let deadline = list_deadline();
    let asked: Vec<BoxFuture<'_, _>> =
        found.iter().map(|one| described(&call, side, &all, one, deadline).boxed()).collect();
    let items: Vec<Result<Value, Error>> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    Ok(message::list(items.into_iter().collect::<Result<Vec<Value>, Error>>()?.into_iter().collect()).into())
}

/// One repository.
pub(crate) async fn get(call: Call, side: Side) -> Result<Answer, Error> {
    let all = known(&call, side);
    let repository = find(&call, &all, side, "get")?;
    Ok(described(&call, side, &all, &repository, list_deadline()).await?.into())
}

/// The repository of the path and the project of the query. Compat(argo 3.5): among those that the caller may
/// see; one that is the only one of its address needs no project. One that is not there is one that may not
/// be seen, and another project's is none of this one's.
fn find(call: &Call, all: &Repositories, side: Side, action: &str) -> Result<Repository, Error> {
    let (url, project) = (call.path("repo"), call.query("appProject"));
    let may = |action: &str, r: &Repository| call.may(side.resource(), action, &object_of(&r.project, &r.url));
    let visible: Vec<&Repository> = all.all().iter().filter(|r| is_called(r, url) && may("get", r)).collect();
    let found = match visible[..] {
        [only] if project.is_empty() => Some(only),
        _ => visible.iter().copied().find(|r| r.project == project),
    };
    found.filter(|r| may(action, r)).cloned().ok_or_else(Error::denied)
}

/// A repository is called by its address, as it is written or as it is shown.
fn is_called(repository: &Repository, url: &str) -> bool {
    repository.url.trim() == url.trim()
        || belay_access::same_git_url(&repository.url, url)
        || forms::without_password(&repository.url) == url
}

async fn described(
    call: &Call,
    side: Side,
    all: &Repositories,
    repository: &Repository,
    deadline: Instant,
) -> Result<Value, Error> {
    let whole = all.get(&repository.url, &repository.project);
    let inherits = whole.inherited;
    let anew = call.flag("forceRefresh")?.unwrap_or(false);
    let key = format!("{} {}", side.resource(), object_of(&repository.project, &repository.url));
    let state = call.api.reached.ask(&key, anew, deadline, state(call, whole)).await;
    Ok(forms::shown_repository(repository, inherits).always("connectionState", state.to_value()).done())
}

/// Whether the repository answers, where somebody here can ask.
async fn state(call: &Call, repository: Repository) -> State {
    if call.api.options.sources.is_none() {
        return State::new("Unknown", "");
    }
    match reach(call, repository).await {
        Ok(()) => State::new("Successful", ""),
        // Nobody here can ask this kind of repository.
        Err(error) if error.code() == Code::Unimplemented => State::new("Unknown", ""),
        Err(error) => State::new("Failed", format!("Unable to connect to repository: {error}")),
    }
}

/// Asks a repository whether it lets us in.
async fn reach(call: &Call, repository: Repository) -> Result<(), Error> {
    let answered = tokio::time::timeout(REACH_PATIENCE, look(call, SourceDetails::Reach { repository })).await;
    answered.unwrap_or_else(|_| Err(Error::precondition("no answer in time"))).map(|_| ())
}

/// Writes down a repository that lets us in. Compat(argo 3.5): a project's own is not tried.
pub(crate) async fn create(call: Call, side: Side) -> Result<Answer, Error> {
    let repository = forms::repository(&call.message()?)?;
    let rbac = object_of(&repository.project, &repository.url);
    call.require(side.resource(), "create", &rbac)?;
    let all = known(&call, side);
    let is_it = |r: &&Repository| r.project == repository.project && is_called(r, &repository.url);
    let existing = all.all().iter().find(is_it);
    let mut wanted = repository.clone();
    if let Some(existing) = existing {
        wanted.secret_name.clone_from(&existing.secret_name);
        if *existing == wanted {
            return Ok(brief(&repository).into());
        }
        if !call.flag("upsert")?.unwrap_or(false) {
            return Err(Error::invalid("existing repository spec is different; use upsert flag to force update"));
        }
        call.require(side.resource(), "update", &rbac)?;
    }
    if repository.project.is_empty() && call.api.options.sources.is_some() {
        let whole = if side == Side::Read { all.with_template(wanted.clone()) } else { wanted.clone() };
        match reach(&call, whole).await {
            Err(error) if error.code() != Code::Unimplemented => return Err(error),
            _ => {}
        }
    }
    write(&call, side, &wanted).await?;
    Ok(brief(&repository).into())
}

/// Changes a repository.
pub(crate) async fn update(call: Call, side: Side) -> Result<Answer, Error> {
    let mut message = call.message()?;
    // Compat(argo 3.5): a part of the path is a field of the message.
    if text(&message, "repo").is_empty() {
        message.set(&["repo"], call.path("repo"));
    }
    let mut repository = forms::repository(&message)?;
    let all = known(&call, side);
    let of = |project: &str| all.all().iter().find(|r| r.project == project && is_called(r, call.path("repo")));
    let existing = of(text(&message, "project")).or_else(|| of("")).ok_or_else(Error::denied)?.clone();
    // Where it is and where it goes: moving it between projects needs both (AUTHZ-1).
    call.require(side.resource(), "update", &object_of(&existing.project, &existing.url))?;
    call.require(side.resource(), "update", &object_of(&repository.project, &repository.url))?;
    let is_same = belay_access::same_git_url(&existing.url, &repository.url) || existing.url == repository.url;
    if !is_same && forms::without_password(&existing.url) == repository.url {
        // What was shown comes back: the address keeps what it does not show.
        repository.url.clone_from(&existing.url);
    } else if !is_same {
        return Err(Error::invalid("the address in the path is not the one in the body"));
    }
    repository.secret_name = existing.secret_name;
    write(&call, side, &repository).await?;
    Ok(brief(&repository).into())
}

async fn write(call: &Call, side: Side, repository: &Repository) -> Result<(), Error> {
    let namespace = call.api.options.namespace.clone();
    put(call, &repository.secret_name, |existing| match side {
        Side::Read => repository.to_secret(&namespace, existing),
        Side::Write => repository.to_write_secret(&namespace, existing),
    })
    .await
}

/// Writes a secret that describes something: over the one of that name, or as a new one.
pub(crate) async fn put(call: &Call, name: &str, make: impl Fn(Option<&Object>) -> Object) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let failed = |e: belay_cluster::Error| Error::of_secret("the secret could not be written", &e);
    for _ in 0..5 {
        let existing = match name {
            "" => None,
            name => Some(cluster.get(&secrets(), namespace, name).await.map_err(failed)?),
        };
        let secret = make(existing.as_ref());
        let written = match &existing {
            Some(_) => cluster.replace(&secrets(), &secret, &api.writing()).await,
            None => cluster.create(&secrets(), &secret, &api.writing()).await,
        };
        match written {
            Ok(written) => {
                shown(&api.watches.described, &written).await;
                api.reached.forget();
                return Ok(());
            }
            Err(e) if e.kind() == ErrorKind::Conflict && existing.is_some() => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Err(Error::unavailable("the secret changes all the time: try again"))
}

/// Forgets a repository.
pub(crate) async fn delete(call: Call, side: Side) -> Result<Answer, Error> {
    let all = known(&call, side);
    let repository = find(&call, &all, side, "delete")?;
    remove(&call, &repository.secret_name).await?;
    Ok(Answer::empty())
}

/// Deletes a secret that an API made; one that somebody wrote only ceases to describe anything.
/// Compat(argo 3.5)
pub(crate) async fn remove(call: &Call, name: &str) -> Result<(), Error> {
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    let failed = |e: belay_cluster::Error| Error::of_secret("the secret could not be deleted", &e);
    let secret = cluster.get(&secrets(), namespace, name).await.map_err(failed)?;
    if secret.annotation(MANAGED_BY.0) == Some(MANAGED_BY.1) {
        let options = DeleteOptions { uid: secret.uid().to_owned(), ..DeleteOptions::default() };
        cluster.delete(&secrets(), namespace, name, &options).await.map_err(failed)?;
    } else {
        let mut patch = object! {};
        patch.set(&["metadata", "labels", SECRET_TYPE], Value::Null);
        patch.set(&["metadata", "resourceVersion"], secret.resource_version());
        cluster.patch(&secrets(), namespace, name, &Patch::Merge(patch), &api.writing()).await.map_err(failed)?;
    }
    gone(&api.watches.described, namespace, name, secret.uid()).await;
    api.reached.forget();
    Ok(())
}

/// Compat(argo 3.5): what is answered to a write.
fn brief(repository: &Repository) -> Value {
    Message::new()
        .always("repo", forms::without_password(&repository.url))
        .always("type", repository.kind.as_str())
        .text("name", &repository.name)
        .done()
}
