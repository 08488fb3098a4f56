//! `belay proj role`: roles of a project, their rules, groups and tokens.

use anyhow::{Context, Result, bail};
use belay_access::project::Project;
use belay_access::project::normalize_tokens;
use belay_argo::settings::tokens;
use belay_net::Secret;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use super::{change, edit_list, get};
use crate::account::{key, random, span};
use crate::argocd::{Columns, print_value};
use crate::args::{Form, RoleCommand, RoleName, RolePolicy};
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;
use crate::plane::projects::tokens_of;
use crate::plane::server::claims_of;

pub async fn role(plane: &Plane, command: RoleCommand) -> Result<u8> {
    match command {
        RoleCommand::Create { of, description } => {
            change(plane, &of.project, |p| {
                edit_list(p, "roles", |list| {
                    if list.iter().any(|r| r.str_at(&["name"]) == Some(&of.role)) {
                        bail!("role '{}' already exists", of.role);
                    }
                    list.push(object! { "name" => of.role.as_str(), "description" => description.as_str() });
                    Ok(())
                })
            })
            .await?;
            outln!("Role '{}' created", of.role);
        }
        RoleCommand::Delete(of) => {
            change(plane, &of.project, |p| {
                edit_list(p, "roles", |list| {
                    let before = list.len();
                    list.retain(|r| r.str_at(&["name"]) != Some(&of.role));
                    if list.len() == before {
                        bail!("role '{}' does not exist in project '{}'", of.role, of.project);
                    }
                    Ok(())
                })?;
                normalize_tokens(p);
                Ok(())
            })
            .await?;
            outln!("Role '{}' deleted", of.role);
        }
        RoleCommand::Get(of) => show(&get(plane, &of.project).await?, &of)?,
        RoleCommand::List(args) => list(&get(plane, &args.project).await?, args.output)?,
        RoleCommand::AddPolicy(args) => {
            let rule = rule(&args);
            edit(plane, &named(&args), |role| add(role, "policies", &rule)).await?;
        }
        RoleCommand::RemovePolicy(args) => {
            let rule = rule(&args);
            edit(plane, &named(&args), |role| take(role, "policies", &rule)).await?;
        }
        RoleCommand::AddGroup { of, group } => {
            edit(plane, &of, |role| add(role, "groups", &group)).await?;
            outln!("Group '{group}' added to role '{}'", of.role);
        }
        RoleCommand::RemoveGroup { of, group } => {
            edit(plane, &of, |role| take(role, "groups", &group)).await?;
            outln!("Group '{group}' removed from role '{}'", of.role);
        }
        RoleCommand::CreateToken { of, expires_in, id, token_only } => {
            create_token(plane, &of, &expires_in, id, token_only).await?;
        }
        RoleCommand::DeleteToken { of, issued_at } => delete_token(plane, &of, issued_at).await?,
        RoleCommand::ListTokens { of, unixtime } => list_tokens(&get(plane, &of.project).await?, &of, unixtime)?,
    }
    Ok(0)
}

fn named(args: &RolePolicy) -> RoleName {
    RoleName { project: args.project.clone(), role: args.role.clone() }
}

/// Compat(argo 3.5): the form of a rule.
fn rule(args: &RolePolicy) -> String {
    let RolePolicy { project, role, action, object, permission, resource } = args;
    format!("p, proj:{project}:{role}, {resource}, {action}, {project}/{object}, {permission}")
}

/// Changes one role of a project.
async fn edit(plane: &Plane, of: &RoleName, mut with: impl FnMut(&mut Value) -> Result<()>) -> Result<Object> {
    change(plane, &of.project, |p| {
        edit_list(p, "roles", |list| {
            let role = list.iter_mut().find(|r| r.str_at(&["name"]) == Some(&of.role));
            with(role.with_context(|| format!("role '{}' does not exist in project '{}'", of.role, of.project))?)
        })
    })
    .await
}

fn add(role: &mut Value, field: &str, text: &str) -> Result<()> {
    let mut list = role.get(field).map_or(&[][..], Value::items).to_vec();
    if list.iter().any(|v| v.as_str() == Some(text)) {
        bail!("'{text}' is there already");
    }
    list.push(text.into());
    role.set(&[field], list);
    Ok(())
}

fn take(role: &mut Value, field: &str, text: &str) -> Result<()> {
    let mut list = role.get(field).map_or(&[][..], Value::items).to_vec();
    let before = list.len();
    list.retain(|v| v.as_str() != Some(text));
    if list.len() == before {
        bail!("'{text}' is not there");
    }
    role.set(&[field], list);
    Ok(())
}

fn show(object: &Object, of: &RoleName) -> Result<()> {
    let project = Project::read(object)?;
    let role = project.role(&of.role)?;
    outln!("{:<15}{}", "Role Name:", role.name);
    outln!("{:<15}{}", "Description:", crate::output::clean(&role.description));
    outln!("Policies:");
    // Compat(argo 3.5): every role may see its project.
    outln!("p, proj:{0}:{1}, projects, get, {0}, allow", of.project, of.role);
    role.policies.iter().for_each(|policy| outln!("{}", crate::output::clean(policy)));
    outln!("Groups:");
    role.groups.iter().for_each(|group| outln!("{}", crate::output::clean(group)));
    outln!("JWT Tokens:");
    tokens_table(&project, of, false)?.print();
    Ok(())
}

fn list(object: &Object, form: Form) -> Result<()> {
    if matches!(form, Form::Json | Form::Yaml) {
        return print_value(object.at(&["spec", "roles"]).unwrap_or(&Value::Array(Default::default())), form);
    }
    let project = Project::read(object)?;
    if form == Form::Name {
        project.roles().iter().for_each(|role| outln!("{}", role.name));
        return Ok(());
    }
    let mut table = Columns::new(&["ROLE-NAME", "DESCRIPTION"]);
    project.roles().iter().for_each(|role| table.row([&role.name, &role.description]));
    table.print();
    Ok(())
}

async fn create_token(plane: &Plane, of: &RoleName, lives: &str, id: Option<String>, only: bool) -> Result<()> {
    let subject = format!("proj:{}:{}", of.project, of.role);
    if let Plane::Server(through) = plane {
        let message = object! {
            "project" => of.project.as_str(), "role" => of.role.as_str(), "expiresIn" => span(lives)?,
            "id" => id.unwrap_or_default(),
        };
        let told = through.server.post(&tokens_of(&of.project, &of.role, &[]), &message).await?;
        let token = told.str_at(&["token"]).context("the server tells no token")?;
        return issued(&subject, &Secret::new(token.to_owned()), only);
    }
    let key = key(plane.cluster("making a token")?).await?;
    let id = match id {
        Some(id) => id,
        None => tokens::token_id(random()?),
    };
    let claims = tokens::Claims::new(&subject, &id, Timestamp::now(), Some(span(lives)?));
    // Remembered first: a token that nobody remembers opens nothing.
    change(plane, &of.project, |project| {
        Project::read(project)?.check_new_token(&of.role, &id)?;
        edit_list(project, "roles", |list| {
            let role = list.iter_mut().find(|r| r.str_at(&["name"]) == Some(&of.role));
            let role =
                role.with_context(|| format!("role '{}' does not exist in project '{}'", of.role, of.project))?;
            let mut known = role.get("jwtTokens").map_or(&[][..], Value::items).to_vec();
            let mut entry = object! { "iat" => claims.issued_at, "id" => id.as_str() };
            if let Some(end) = claims.expires_at {
                entry.set(&["exp"], end);
            }
            known.push(entry);
            role.set(&["jwtTokens"], known);
            Ok(())
        })?;
        normalize_tokens(project);
        Ok(())
    })
    .await?;
    issued(&subject, &tokens::issue(&claims, &key), only)
}

/// Prints a token: this once, nobody can tell it again.
fn issued(subject: &str, token: &Secret<String>, only: bool) -> Result<()> {
    if only {
        outln!("{}", token.expose());
        return Ok(());
    }
    let claims = claims_of(token).unwrap_or_default();
    let number = |field: &str| claims.get(field).and_then(Value::as_i64);
    outln!("Create token succeeded for {subject}.");
    outln!("  ID: {}", clean(claims.str_at(&["jti"]).unwrap_or_default()));
    outln!("  Issued At: {}", number("iat").map_or_else(String::new, time));
    outln!("  Expires At: {}", number("exp").map_or_else(|| "Never".to_owned(), time));
    outln!("  Token: {}", token.expose());
    Ok(())
}

async fn delete_token(plane: &Plane, of: &RoleName, issued_at: i64) -> Result<()> {
    if let Plane::Server(through) = plane {
        let path = tokens_of(&of.project, &of.role, &[&issued_at.to_string()]);
        return through.server.delete(&path, &[]).await.map(drop);
    }
    change(plane, &of.project, |project| {
        Project::read(project)?.token(&of.role, issued_at, "")?;
        let without = |list: &[Value]| -> Vec<Value> {
            list.iter().filter(|t| t.get("iat").and_then(Value::as_i64) != Some(issued_at)).cloned().collect()
        };
        edit_list(project, "roles", |list| {
            for role in list.iter_mut().filter(|r| r.str_at(&["name"]) == Some(&of.role)) {
                let left = without(role.get("jwtTokens").map_or(&[][..], Value::items));
                role.set(&["jwtTokens"], left);
            }
            Ok(())
        })?;
        let path = ["status", "jwtTokensByRole", &of.role, "items"];
        if let Some(items) = project.at(&path).map(|list| without(list.items())) {
            project.set(&path, items);
        }
        Ok(())
    })
    .await?;
    Ok(())
}

fn list_tokens(object: &Object, of: &RoleName, unix: bool) -> Result<()> {
    tokens_table(&Project::read(object)?, of, unix)?.print();
    Ok(())
}

fn tokens_table(project: &Project, of: &RoleName, unix: bool) -> Result<Columns> {
    let mut table = Columns::new(&["ID", "ISSUED AT", "EXPIRES AT"]);
    let told = |at: i64| if unix { at.to_string() } else { time(at) };
    for token in &project.role(&of.role)?.tokens {
        let end = if token.expires_at == 0 { "<none>".to_owned() } else { told(token.expires_at) };
        table.row([token.id.clone(), told(token.issued_at), end]);
    }
    Ok(table)
}

/// A time of seconds since 1970.
pub fn time(seconds: i64) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}
