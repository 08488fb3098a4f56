//! New credentials for a cluster that is reached as a service account of its own: the token of another secret
//! takes the place of the one that is used, and that one's secret goes.
//!
//! The new token is tried, and written down, before the old one is taken away: whatever fails, one of the two
//! works and is known.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use belay_argo::clusters::ClusterEntry;
use belay_cluster::{Cluster, DeleteOptions, ErrorKind, Resource};
use belay_net::Secret;
use belay_object::{Object, Value, from_json, object};
use tokio::time::{Instant, sleep};

use crate::answer::Answer;
use crate::call::Call;
use crate::services::clusters::{answers, named, write};
use crate::snapshot::secrets;
use crate::{Code, Error};

/// How long the cluster may take to make a token.
const PATIENCE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(500);
const TRIES: usize = 5;

/// Secrets of service accounts' tokens.
const TOKEN: &str = "kubernetes.io/service-account-token";
/// On such a secret: whose token it is.
const ACCOUNT: &str = "kubernetes.io/service-account.name";

/// Rotates the token of a cluster. What is begun goes on to its end, whether who asked waits for it or hangs up:
/// half of it would leave a token that nobody knows of. Its requests have deadlines of their own.
pub(crate) async fn rotate(call: Call) -> Result<Answer, Error> {
    let carried_out = tokio::spawn(carry_out(call)).await;
    carried_out.map_err(|_| Error::internal("the rotation failed in a way that is a bug: see the log"))?
}

async fn carry_out(call: Call) -> Result<Answer, Error> {
    let entry = named(&call, "update")?;
    if entry.connection.bearer.expose().is_empty() || entry.secret_name.is_empty() {
        // Compat(argo 3.5): the words.
        let words = format!("Cluster '{}' does not use bearer token authentication", entry.server);
        return Err(Error::invalid(words));
    }
    let account = Account::of(&entry.connection.bearer)?;
    let cluster = call.api.open(&entry).await?;
    let failed = |e: belay_cluster::Error| Error::of_secret("the service account's secret", &e);
    let old = cluster.get(&secrets(), &account.namespace, &account.secret).await.map_err(failed)?;
    if old.str_at(&["type"]) != Some(TOKEN) || old.annotation(ACCOUNT) != Some(account.name.as_str()) {
        // What the token says of itself decides what is deleted: it must be the account's own.
        return Err(Error::precondition("the secret that the token names is no token of its service account"));
    }
    let new = cluster.create(&secrets(), &account.fresh(&old), &call.api.writing()).await.map_err(failed)?;
    let next = match tried(&call, &entry, &cluster, &new).await {
        Ok(next) => next,
        Err(error) => {
            discard(&cluster, &new).await;
            return Err(error);
        }
    };
    if let Err(error) = write(&call, &next).await {
        // Of a write that was not answered nobody knows whether it holds: then both tokens stay.
        if error.code() == Code::Aborted {
            discard(&cluster, &new).await;
        }
        return Err(error);
    }
    tracing::info!(server = entry.server, old = old.name(), new = new.name(), "the token of a cluster was rotated");
    mention(&call, &cluster, &account, new.name()).await?;
    delete(&cluster, &old).await.map_err(failed)?;
    Ok(Answer::empty())
}

/// The cluster with the token of a new secret, which it takes.
async fn tried(call: &Call, entry: &ClusterEntry, cluster: &Cluster, new: &Object) -> Result<ClusterEntry, Error> {
    let token = filled(cluster, new).await?;
    let mut entry = entry.clone();
    // Compat(argo 3.5): by the token alone.
    entry.connection.bearer = token;
    entry.connection.certificate = Vec::new();
    entry.connection.key = Secret::default();
    answers(call, &entry).await?;
    Ok(entry)
}

/// A service account, as its token names it.
struct Account {
    namespace: String,
    name: String,
    secret: String,
}

impl Account {
    /// Reads the claims of a token. Nobody's word is taken for them but the cluster's, which is asked with it.
    fn of(token: &Secret<String>) -> Result<Account, Error> {
        let wrong = || Error::invalid("failed to parse service account token: it is no token of a secret");
        let body = token.expose().split('.').nth(1).ok_or_else(wrong)?;
        let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| wrong())?;
        let claims = from_json(&body).map_err(|_| wrong())?;
        let claim = |name: &str| {
            let text = claims.str_at(&[name]).filter(|text| !text.is_empty());
            text.map(str::to_owned).ok_or_else(wrong)
        };
        Ok(Account {
            namespace: claim("kubernetes.io/serviceaccount/namespace")?,
            name: claim("kubernetes.io/serviceaccount/service-account.name")?,
            secret: claim("kubernetes.io/serviceaccount/secret.name")?,
        })
    }

    /// A secret that the cluster fills with another token.
    fn fresh(&self, old: &Object) -> Object {
        let mut secret = Object::of("v1", "Secret", &self.namespace, "");
        secret.remove(&["metadata", "name"]);
        // Compat(argo 3.5): the name without its last part, and another one.
        let front = old.name().rsplit_once('-').map_or(old.name(), |(front, _)| front);
        secret.set(&["metadata", "generateName"], format!("{front}-"));
        secret.set_annotation(ACCOUNT, self.name.as_str());
        secret.set(&["type"], TOKEN);
        secret
    }
}

/// Waits for the token of a secret.
async fn filled(cluster: &Cluster, secret: &Object) -> Result<Secret<String>, Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let found = cluster.get(&secrets(), secret.namespace(), secret.name()).await;
        let found = found.map_err(|e| Error::of_secret("the service account's new secret", &e))?;
        let token = found.str_at(&["data", "token"]).and_then(|text| STANDARD.decode(text).ok());
        let token = token.and_then(|bytes| String::from_utf8(bytes).ok()).filter(|token| !token.is_empty());
        if let Some(token) = token {
            return Ok(Secret::new(token));
        }
        if Instant::now() >= deadline {
            return Err(Error::unavailable("timed out waiting for secret to generate new token"));
        }
        sleep(PAUSE).await;
    }
}

/// Names the new secret with its account, in place of the old one.
async fn mention(call: &Call, cluster: &Cluster, account: &Account, new: &str) -> Result<(), Error> {
    let resource = Resource::known("", "v1", "ServiceAccount", "serviceaccounts", true);
    for _ in 0..TRIES {
        let mut found = cluster.get(&resource, &account.namespace, &account.name).await?;
        let own = found.get("secrets").map_or(&[][..], Value::items).iter();
        let others = own.filter(|one| ![account.secret.as_str(), new].contains(&one.str_at(&["name"]).unwrap_or("")));
        let all: Value = others.cloned().chain([object! { "name" => new }]).collect();
        found.set(&["secrets"], all);
        match cluster.replace(&resource, &found, &call.api.writing()).await {
            Ok(_) => return Ok(()),
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Error::aborted("the service account changes all the time: try again"))
}

async fn delete(cluster: &Cluster, secret: &Object) -> belay_cluster::Result<()> {
    let options = DeleteOptions { uid: secret.uid().to_owned(), ..DeleteOptions::default() };
    match cluster.delete(&secrets(), secret.namespace(), secret.name(), &options).await {
        Err(e) if e.is_not_found() => Ok(()),
        other => other.map(|_| ()),
    }
}

/// Takes a secret back that came to nothing.
async fn discard(cluster: &Cluster, secret: &Object) {
    if let Err(error) = delete(cluster, secret).await {
        let (namespace, name) = (secret.namespace(), secret.name());
        tracing::warn!(namespace, name, kind = ?error.kind(), "a token that nobody uses could not be deleted");
    }
}
