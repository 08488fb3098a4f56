//! `belay account` through a server: the caller's own account where none is named.

use anyhow::{Context, Result, bail};
use belay_object::{Value, object};
use http::Method;

use super::{given, print, show, span};
use crate::argocd::{form_of, print_value};
use crate::args::AccountCommand;
use crate::outln;
use crate::output::clean;
use crate::plane::{Server, items, path};

pub async fn account(server: &Server, command: AccountCommand) -> Result<u8> {
    let of = |name: &str, more: &[&str]| {
        let mut parts = vec!["api", "v1", "account", name];
        parts.extend(more);
        path(&parts)
    };
    match command {
        AccountCommand::List(args) => print(items(&server.get("/api/v1/account", &[]).await?), &args.output)?,
        AccountCommand::Get { account, output } => {
            let name = named(server, account).await?;
            show(&server.get(&of(&name, &[]), &[]).await?, output)?;
        }
        AccountCommand::CanI { action, resource, subresource, account, group } => {
            if account.is_some() || !group.is_empty() {
                bail!("a server says of the caller alone what may be done: --core looks at others");
            }
            let path = path(&["api", "v1", "account", "can-i", &resource, &action, &subresource]);
            let told = server.get(&path, &[]).await?;
            outln!("{}", clean(told.str_at(&["value"]).unwrap_or("no")));
        }
        AccountCommand::GenerateToken { account, expires_in, id } => {
            let name = named(server, account).await?;
            let message = object! {
                "name" => name.as_str(), "expiresIn" => span(&expires_in)?, "id" => id.unwrap_or_default(),
            };
            let told = server.post(&of(&name, &["token"]), &message).await?;
            outln!("{}", told.str_at(&["token"]).context("the server tells no token")?);
        }
        AccountCommand::DeleteToken { account, id } => {
            let name = named(server, account).await?;
            server.delete(&of(&name, &["token", &id]), &[]).await?;
        }
        AccountCommand::UpdatePassword { account, current_password, new_password } => {
            let current = given(current_password, "Your current password")?;
            let new = given(new_password, "New password")?;
            let message = object! {
                "name" => account.unwrap_or_default(), "currentPassword" => current.expose().as_str(),
                "newPassword" => new.expose().as_str(),
            };
            server.send(Method::PUT, "/api/v1/account/password", &[], Some(&message)).await?;
            outln!("Password updated");
        }
        AccountCommand::GetUserInfo { output } => {
            let told = server.get("/api/v1/session/userinfo", &[]).await?;
            match form_of(&output, &["wide"])? {
                Some(form) => print_value(&told, form)?,
                None => user(&told),
            }
        }
        AccountCommand::SessionToken { output } => match form_of(&output, &["wide"])? {
            Some(form) => print_value(&object! { "token" => server.token().expose().as_str() }, form)?,
            None => outln!("{}", server.token().expose()),
        },
        AccountCommand::InitialPassword => bail!("a server tells no password: --core reads it in the cluster"),
        AccountCommand::Bcrypt { .. } => {}
    }
    Ok(0)
}

/// The account that is named, or the caller's.
async fn named(server: &Server, account: Option<String>) -> Result<String> {
    if let Some(name) = account {
        return Ok(name);
    }
    let told = server.get("/api/v1/session/userinfo", &[]).await?;
    let name = told.str_at(&["username"]).filter(|name| !name.is_empty());
    Ok(name.context("the server does not say who the caller is: name the account by --account")?.to_owned())
}

/// Compat(argocd 3.5): the lines.
fn user(told: &Value) {
    let text = |field: &str| clean(told.str_at(&[field]).unwrap_or_default());
    let is_in = told.get("loggedIn").and_then(Value::as_bool).unwrap_or(false);
    outln!("Logged In: {is_in}");
    if is_in {
        let groups = told.get("groups").map_or(&[][..], Value::items).iter().filter_map(Value::as_str);
        outln!("Username: {}", text("username"));
        outln!("Issuer: {}", text("iss"));
        outln!("Groups: {}", clean(&groups.collect::<Vec<_>>().join(",")));
    }
}
