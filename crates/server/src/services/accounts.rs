//! Local accounts: who there is, passwords, tokens, and whether one may do something.

use belay_access::policy::{RESOURCES, project_role};
use belay_argo::names::{CONFIG, SECRET};
use belay_argo::settings::accounts::{
    Account, AccountToken, Accounts, Capability, check_new_password, hash_password, secret_patch,
};
use belay_argo::settings::tokens::{Claims, issue};
use belay_cluster::{ErrorKind, Patch};
use belay_object::{Value, object};
use jiff::Timestamp;

use crate::Error;
use crate::answer::Answer;
use crate::call::{Call, integer, text};
use crate::identity::{fresh_id, random};
use crate::message::Message;
use crate::snapshot::{secrets, shown};

use super::sessions;

/// Compat(argo 3.5): what may be asked whether one may do.
const ACTIONS: [&str; 9] = ["get", "create", "update", "delete", "sync", "rollback", "override", "action", "invoke"];
/// What stands in projects: its names begin with one. Compat(argo 3.5)
const IN_PROJECTS: [&str; 6] = ["applications", "applicationsets", "logs", "exec", "clusters", "repositories"];

/// Tokens of one account: their list is kept in one secret with all others.
const MAX_TOKENS: usize = 200;

/// The accounts that the caller may see.
pub(crate) async fn list(call: Call) -> Result<Answer, Error> {
    let all = call.at.config.settings.accounts.iter().filter(|(name, _)| may(&call, "get", name).is_ok());
    let items: Value = all.map(|(name, account)| described(name, account)).collect();
    Ok(Message::new().value("items", items).done().into())
}

/// One account.
pub(crate) async fn get(call: Call) -> Result<Answer, Error> {
    let name = call.path("name");
    may(&call, "get", name)?;
    let account = call.at.config.settings.accounts.get(name).map_err(Error::not_found)?;
    Ok(described(name, account).into())
}

/// Whether the caller may do something.
pub(crate) async fn can_i(call: Call) -> Result<Answer, Error> {
    let (resource, action) = (call.path("resource"), call.path("action"));
    if !ACTIONS.contains(&action) && !action.starts_with("action/") {
        return Err(Error::invalid(format!("[{}] does not contain {action}", ACTIONS.join(" "))));
    }
    if !RESOURCES.contains(&resource) {
        return Err(Error::invalid(format!("[{}] does not contain {resource}", RESOURCES.join(" "))));
    }
    // Compat(argo 3.5): a right of its own only where the settings say so.
    let action = match action {
        "rollback" if !call.at.config.settings.rights.rollback => "sync",
        other => other,
    };
    let home = format!("/{}/", call.api.options.namespace);
    let named = call.path("subresource");
    let object = match named.split_once(&home) {
        Some((project, name)) if IN_PROJECTS.contains(&resource) && !project.contains('/') && !name.contains('/') => {
            format!("{project}/{name}")
        }
        _ => named.to_owned(),
    };
    let allowed = call.may(resource, action, &object);
    Ok(object! { "value" => if allowed { "yes" } else { "no" } }.into())
}

/// Sets a password: the caller's own, or with the right to it another's. The caller's own current one is
/// asked for in either case.
pub(crate) async fn set_password(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let own = call.caller.name().to_owned();
    let named = text(&message, "name");
    let whose = if named.is_empty() { own.clone() } else { named.to_owned() };
    if whose != own {
        call.require("accounts", "update", &whose)?;
    }
    if !call.caller.unrestricted {
        if project_role(&own).is_some() || own.is_empty() {
            // Compat(argo 3.5): the words.
            let words = format!("password can only be changed for local users, not user {own:?}");
            return Err(Error::invalid(words));
        }
        let current = text(&message, "currentPassword");
        let checked = sessions::check(&call, &own, current).await;
        checked.map_err(|_| Error::invalid("current password does not match"))?;
    }
    let new = text(&message, "newPassword").to_owned();
    check_new_password(&call.at.config.settings.auth.password_pattern, &new).map_err(Error::invalid)?;
    let salt = random().ok_or_else(no_randomness)?;
    let hashed = tokio::task::spawn_blocking(move || hash_password(&new, salt)).await;
    let hashed = hashed.map_err(|_| Error::internal("the password could not be hashed"))?.map_err(Error::invalid)?;
    change(&call, &whose, |account| {
        account.password_hash = Some(hashed.clone());
        account.password_set = Some(Timestamp::now());
        Ok(())
    })
    .await?;
    Ok(Answer::empty())
}

/// Gives out a token.
pub(crate) async fn create_token(call: Call) -> Result<Answer, Error> {
    let message = call.message()?;
    let name = call.path("name").to_owned();
    may(&call, "update", &name)?;
    let id = match text(&message, "id") {
        "" => fresh_id().ok_or_else(no_randomness)?,
        id if id.len() > 200 => return Err(Error::invalid("the id of a token has at most 200 bytes")),
        id => id.to_owned(),
    };
    let lives_s = integer(&message, "expiresIn");
    let key = call.at.config.settings.server_key.clone();
    let key = key.ok_or_else(|| Error::internal("argocd-secret has no server.secretkey: start the server anew"))?;
    let claims = Claims::new(&format!("{name}:apiKey"), &id, Timestamp::now(), Some(lives_s));
    change(&call, &name, |account| {
        // Compat(argo 3.5): the words.
        if account.tokens.iter().any(|token| token.id == id) {
            return Err(Error::invalid(format!("account already has token with id '{id}'")));
        }
        if !account.can(Capability::ApiKey) {
            return Err(Error::invalid(format!("account '{name}' does not have apiKey capability")));
        }
        if account.tokens.len() >= MAX_TOKENS {
            return Err(Error::exhausted(format!("account '{name}' has {MAX_TOKENS} tokens")));
        }
        account.tokens.push(AccountToken {
            id: id.clone(),
            issued_at: claims.issued_at,
            expires_at: claims.expires_at.unwrap_or_default(),
        });
        Ok(())
    })
    .await?;
    Ok(object! { "token" => issue(&claims, &key).expose().as_str() }.into())
}

/// Takes a token back.
pub(crate) async fn delete_token(call: Call) -> Result<Answer, Error> {
    let (name, id) = (call.path("name").to_owned(), call.path("id").to_owned());
    may(&call, "update", &name)?;
    change(&call, &name, |account| {
        let before = account.tokens.len();
        account.tokens.retain(|token| token.id != id);
        match account.tokens.len() == before {
            true => Err(Error::not_found(format!("token with id '{id}' does not exist"))),
            false => Ok(()),
        }
    })
    .await?;
    Ok(Answer::empty())
}

/// Everybody may with their own account.
fn may(call: &Call, action: &str, name: &str) -> Result<(), Error> {
    match call.caller.signed_in && call.caller.name() == name {
        true => Ok(()),
        false => call.require("accounts", action, name),
    }
}

fn described(name: &str, account: &Account) -> Value {
    let token = |token: &AccountToken| {
        let told = Message::new().text("id", &token.id).number("issuedAt", token.issued_at);
        told.number("expiresAt", token.expires_at).done()
    };
    // Compat(argo 3.5): the newest first.
    let mut tokens: Vec<&AccountToken> = account.tokens.iter().collect();
    tokens.sort_by_key(|token| std::cmp::Reverse(token.issued_at));
    Message::new()
        .text("name", name)
        .flag("enabled", account.enabled)
        .texts("capabilities", account.capabilities.iter().map(|c| c.as_str()))
        .value("tokens", tokens.into_iter().map(token).collect())
        .done()
}

/// Changes what the secret says of an account: read anew, written only over what was read.
async fn change(
    call: &Call,
    name: &str,
    mut apply: impl FnMut(&mut Account) -> Result<(), Error>,
) -> Result<(), Error> {
    let failed = |e: belay_cluster::Error| Error::of_secret("the account's secret", &e);
    let api = &call.api;
    let (cluster, namespace) = (&api.options.cluster, api.options.namespace.as_str());
    for _ in 0..5 {
        let secret = cluster.get(&secrets(), namespace, SECRET).await.map_err(failed)?;
        let (accounts, _) = Accounts::read(call.at.map(CONFIG).map(|map| &**map), Some(&secret));
        let mut account = accounts.get(name).map_err(Error::not_found)?.clone();
        apply(&mut account)?;
        let mut patch = object! { "data" => secret_patch(name, &account) };
        patch.set(&["metadata", "resourceVersion"], secret.resource_version());
        match cluster.patch(&secrets(), namespace, SECRET, &Patch::Merge(patch), &api.writing()).await {
            Ok(written) => {
                shown(&api.watches.settings, &written).await;
                return Ok(());
            }
            Err(e) if e.kind() == ErrorKind::Conflict => {}
            Err(e) => return Err(failed(e)),
        }
    }
    Err(Error::aborted("the account's secret changes all the time: try again"))
}

fn no_randomness() -> Error {
    Error::internal("the system gives no randomness")
}
