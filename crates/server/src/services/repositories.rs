//! Repositories: those that are read, and those that are written to. Credentials come in and never go out.

use std::time::Duration;

use belay_argo::names::{MANAGED_BY, SECRET_TYPE};
use belay_argo::repositories::{Repositories, Repository};
use belay_cluster::{DeleteOptions, ErrorKind, Patch};
use belay_object::{Object, Value, object};
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::answer::Answer;
use crate::call::{Call, text};
use crate::services::credentials::{self as forms, Side};
use crate::snapshot::{gone, secrets, shown};
use crate::{Error, SourceDetails};

/// How long one repository may take to answer.
const REACH_PATIENCE: Duration = Duration::from_secs(10);
/// Repositories that are tried at once.
const CONCURRENCY: usize = 8;

pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    listed(&call, Side::Read).await
}
pub(crate) async fn list_writable(call: Call) -> Result<Answer, Error> {
    listed(&call, Side::Write).await
}
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    got(&call, Side::Read).await
}
pub(crate) async fn get_writable(call: Call) -> Result<Answer, Error> {
    got(&call, Side::Write).await
}
pub(crate) async fn create(call: Call) -> Result<Answer, Error> {
    created(&call, Side::Read).await
}
pub(crate) async fn create_writable(call: Call) -> Result<Answer, Error> {
    created(&call, Side::Write).await
}
pub(crate) async fn update(call: Call) -> Result<Answer, Error> {
    updated(&call, Side::Read).await
}
pub(crate) async fn update_writable(call: Call) -> Result<Answer, Error> {
    updated(&call, Side::Write).await
}
pub(crate) async fn delete(call: Call) -> Result<Answer, Error> {
    deleted(&call, Side::Read).await
}
pub(crate) async fn delete_writable(call: Call) -> Result<Answer, Error> {
    deleted(&call, Side::Write).await
}

/// Whether a repository can be reached. Credentials that are not written down are not tried.
pub(crate) async fn validate(call: Call) -> Result<Answer, Error> {
    call.require("repositories", "create", &object_of(call.query("project"), call.path("repo")))?;
    Err(Error::unimplemented(
        "credentials are tried when the repository is written down: create it and look at its state",
    ))
}
pub(crate) async fn validate_writable(call: Call) -> Result<Answer, Error> {
    call.require("write-repositories", "create", &object_of(call.query("project"), call.path("repo")))?;
    Err(Error::unimplemented(
        "credentials are tried when the repository is written down: create it and look at its state",
    ))
}

/// The repository of the path, by address and project, on which the caller may do `action`.
pub(crate) fn allowed(call: &Call, action: &str) -> Result<(String, String), Error> {
    let (url, project) = (call.path("repo"), call.query("appProject"));
    let known = call.at.config.repositories.find(url, project);
    let own = known.map_or("", |repository| repository.project.as_str());
    let may = call.may("repositories", action, &object_of(own, url));
    if may { Ok((url.to_owned(), project.to_owned())) } else { Err(Error::denied()) }
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

async fn listed(call: &Call, side: Side) -> Result<Answer, Error> {
    let all = known(call, side);
    let visible = all.all().iter().filter(|r| call.may(side.resource(), "get", &object_of(&r.project, &r.url)));
    let wanted = visible.filter(|r| call.query("repo").is_empty() || r.url == call.query("repo"));
    let mut found: Vec<Repository> = wanted.cloned().collect();
    found.sort_by(|a, b| (&a.project, &a.url).cmp(&(&b.project, &b.url)));
    let asked: Vec<BoxFuture<'_, Value>> = found.iter().map(|one| described(call, &all, one).boxed()).collect();
    let items: Vec<Value> = stream::iter(asked).buffered(CONCURRENCY).collect().await;
    let items = if items.is_empty() { Value::Null } else { items.into_iter().collect() };
    Ok(object! { "metadata" => object! {}, "items" => items }.into())
}

async fn got(call: &Call, side: Side) -> Result<Answer, Error> {
    let all = known(call, side);
    let repository = find(call, &all, side, "get")?;
    Ok(described(call, &all, &repository).await.into())
}

/// Compat(argo 3.5): a repository that is not there is one that may not be seen.
fn find(call: &Call, all: &Repositories, side: Side, action: &str) -> Result<Repository, Error> {
    let (url, project) = (call.path("repo"), call.query("appProject"));
    let found = lookup(all, url, project).ok_or_else(Error::denied)?;
    match call.may(side.resource(), action, &object_of(&found.project, &found.url)) {
        true => Ok(found),
        false => Err(Error::denied()),
    }
}

/// The repository of an address, as it is written or as it is shown.
fn lookup(all: &Repositories, url: &str, project: &str) -> Option<Repository> {
    let by_shown = || {
        let fits =
            |r: &&Repository| forms::without_password(&r.url) == url && (r.project == project || r.project.is_empty());
        all.all().iter().find(fits)
    };
    all.find(url, project).or_else(by_shown).cloned()
}

async fn described(call: &Call, all: &Repositories, repository: &Repository) -> Value {
    let whole = all.get(&repository.url, &repository.project);
    let mut told = forms::shown_repository(repository, whole.inherited);
    told.set(&["connectionState"], state(call, repository).await);
    told
}

/// Whether the repository answers, where somebody here can ask.
async fn state(call: &Call, repository: &Repository) -> Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let Some(sources) = &call.api.options.sources else {
        return object! { "status" => "Unknown", "message" => "", "attemptedAt" => now };
    };
    let asked = SourceDetails::Reach { url: repository.url.clone(), project: repository.project.clone() };
    let (status, message) = match tokio::time::timeout(REACH_PATIENCE, sources.details(asked)).await {
        Ok(Ok(_)) => ("Successful", String::new()),
        // Nobody here can ask this kind of repository.
        Ok(Err(error)) if error.code() == crate::Code::Unimplemented => ("Unknown", String::new()),
        Ok(Err(error)) => ("Failed", format!("Unable to connect to repository: {error}")),
        Err(_) => ("Failed", "Unable to connect to repository: no answer in time".to_owned()),
    };
    object! { "status" => status, "message" => message, "attemptedAt" => now }
}

async fn created(call: &Call, side: Side) -> Result<Answer, Error> {
    let repository = forms::repository(&call.message()?)?;
    let rbac = object_of(&repository.project, &repository.url);
    call.require(side.resource(), "create", &rbac)?;
    let all = known(call, side);
    let existing = all.find(&repository.url, &repository.project).filter(|r| r.project == repository.project);
    if let Some(existing) = existing {
        let comparable = Repository { secret_name: existing.secret_name.clone(), ..repository.clone() };
        if *existing == comparable {
            return Ok(brief(&repository).into());
        }
        if !call.flag("upsert")?.unwrap_or(false) {
            return Err(Error::invalid("existing repository spec is different; use upsert flag to force update"));
        }
        call.require(side.resource(), "update", &rbac)?;
        write(call, side, &comparable).await?;
        return Ok(brief(&repository).into());
    }
    write(call, side, &repository).await?;
    Ok(brief(&repository).into())
}

async fn updated(call: &Call, side: Side) -> Result<Answer, Error> {
    let message = call.message()?;
    let mut repository = forms::repository(&message)?;
    let all = known(call, side);
    let existing = lookup(&all, call.path("repo"), text(&message, "project")).ok_or_else(Error::denied)?;
    // Where it is and where it goes: moving it between projects needs both (AUTHZ-1).
    call.require(side.resource(), "update", &object_of(&existing.project, &existing.url))?;
    call.require(side.resource(), "update", &object_of(&repository.project, &repository.url))?;
    let is_same = belay_access::same_git_url(&existing.url, &repository.url);
    if !is_same && forms::without_password(&existing.url) == repository.url {
        // What was shown comes back: the address keeps what it does not show.
        repository.url.clone_from(&existing.url);
    } else if !is_same {
        return Err(Error::invalid("the address in the path is not the one in the body"));
    }
    repository.secret_name = existing.secret_name;
    write(call, side, &repository).await?;
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
                return Ok(());
            }
            Err(e) if e.kind() == ErrorKind::Conflict && existing.is_some() => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Err(Error::unavailable("the secret changes all the time: try again"))
}

async fn deleted(call: &Call, side: Side) -> Result<Answer, Error> {
    let all = known(call, side);
    let repository = find(call, &all, side, "delete")?;
    remove(call, &repository.secret_name).await?;
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
    Ok(())
}

/// Compat(argo 3.5): what is answered to a write.
fn brief(repository: &Repository) -> Value {
    let mut told = object! { "repo" => forms::without_password(&repository.url), "type" => repository.kind.as_str() };
    if !repository.name.is_empty() {
        told.set(&["name"], repository.name.as_str());
    }
    told
}
