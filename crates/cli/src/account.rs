//! `belay account`: local accounts, their passwords and tokens, and what they may do.

mod server;

use anyhow::{Context, Result, anyhow, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use belay_access::policy::{Policy, project_of, project_role};
use belay_access::project::Project;
use belay_access::{MatchMode, Subject};
use belay_argo::controller::Config;
use belay_argo::controller::preview::configuration;
use belay_argo::names::{self, ADMIN, SECRET};
use belay_argo::settings::accounts::{
    Account, AccountToken, Capability, check_new_password, hash_password, secret_patch,
};
use belay_argo::settings::tokens;
use belay_cluster::Resource;
use belay_net::Secret;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::argocd::{Argocd, Columns, form_of, print_value};
use crate::args::{AccountArgs, AccountCommand, Form, Global};
use crate::login::asked;
use crate::outln;
use crate::output::clean;
use crate::plane::Plane;
use crate::proj::time;

/// Carries one out.
pub async fn account(global: &Global, args: AccountArgs) -> Result<u8> {
    if let AccountCommand::Bcrypt { password } = &args.command {
        let password = given(password.clone(), "Password")?;
        outln!("{}", hashed(password.expose())?.expose());
        return Ok(0);
    }
    match Plane::open(global, &args.argocd, None).await? {
        Plane::Server(through) => server::account(&through.server, args.command).await,
        plane @ Plane::Cluster(_) => on_cluster(&plane, args.command).await,
    }
}

async fn on_cluster(plane: &Plane, command: AccountCommand) -> Result<u8> {
    let argo = plane.cluster("this")?;
    let config = configuration(&argo.cluster, &argo.namespace).await?;
    let named = |account: Option<String>| account.unwrap_or_else(|| ADMIN.to_owned());
    match command {
        AccountCommand::List(args) => {
            let all = config.settings.accounts.iter().map(|(name, account)| told(name, account));
            print(&all.collect::<Vec<_>>(), &args.output)?;
        }
        AccountCommand::Get { account, output } => {
            let name = named(account);
            show(&told(&name, config.settings.accounts.get(&name).map_err(anyhow::Error::msg)?), output)?;
        }
        AccountCommand::CanI { action, resource, subresource, account, group } => {
            let subject = Subject { name: named(account), groups: group };
            let may = may(argo, &config, &subject, &resource, &action, &subresource).await?;
            outln!("{}", if may { "yes" } else { "no" });
        }
        AccountCommand::GenerateToken { account, expires_in, id } => {
            generate(argo, &config, &named(account), &expires_in, id).await?;
        }
        AccountCommand::DeleteToken { account, id } => {
            change(argo, &config, &named(account), |account| {
                let before = account.tokens.len();
                account.tokens.retain(|token| token.id != id);
                if account.tokens.len() == before {
                    bail!("token with id '{id}' does not exist");
                }
                Ok(())
            })
            .await?;
        }
        AccountCommand::UpdatePassword { account, new_password, .. } => {
            let password = given(new_password, "New password")?;
            check_new_password(&config.settings.auth.password_pattern, password.expose())
                .map_err(anyhow::Error::msg)?;
            let hash = hashed(password.expose())?;
            change(argo, &config, &named(account), |account| {
                account.password_hash = Some(hash.clone());
                account.password_set = Some(Timestamp::now());
                Ok(())
            })
            .await?;
            outln!("Password updated");
        }
        AccountCommand::GetUserInfo { .. } | AccountCommand::SessionToken { .. } => {
            plane.server("who somebody is logged in as")?;
        }
        AccountCommand::InitialPassword => {
            outln!("{}", clean(first_password(argo).await?.expose()));
            // Compat(argocd 3.5): as `argocd admin initial-password` advises, but beside what is piped on.
            crate::output::warning(
                "it is for the first login alone: set another by `belay account update-password`, and delete the secret",
            );
        }
        AccountCommand::Bcrypt { .. } => {}
    }
    Ok(0)
}

/// What stands in the secret that the first start made.
async fn first_password(argo: &Argocd) -> Result<Secret<String>> {
    let (namespace, name) = (argo.namespace.as_str(), names::INITIAL_ADMIN_SECRET);
    let secrets = Resource::known("", "v1", "Secret", "secrets", true);
    let secret = argo.cluster.find(&secrets, namespace, name).await?;
    let secret = secret.with_context(|| {
        format!(
            "there is no secret {namespace}/{name}: the API makes it when it first starts, and who has signed in may \
             have deleted it"
        )
    })?;
    let text = secret.str_at(&["data", "password"]).and_then(|text| STANDARD.decode(text).ok());
    let text = text.and_then(|bytes| String::from_utf8(bytes).ok());
    Ok(Secret::new(text.with_context(|| format!("the secret {namespace}/{name} holds no password"))?))
}

/// A password: the flag's, or what a person types.
fn given(password: Option<String>, what: &str) -> Result<Secret<String>> {
    match password {
        Some(password) => Ok(Secret::new(password)),
        None => asked(what, true),
    }
}

fn hashed(password: &str) -> Result<Secret<String>> {
    hash_password(password, random()?).map_err(anyhow::Error::msg)
}

/// Random bytes of the system.
pub fn random<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| anyhow!("the system gives no randomness: {e}"))?;
    Ok(bytes)
}

/// Compat(argocd 3.5): a duration in Go's form, with days; in seconds.
pub fn span(text: &str) -> Result<i64> {
    let days = text.strip_suffix('d').and_then(|days| days.parse::<i64>().ok());
    if let Some(days) = days.filter(|days| *days >= 0) {
        return Ok(days.saturating_mul(86_400));
    }
    let nanos = belay_access::parse_go_duration(text).map_err(anyhow::Error::msg)?;
    if nanos < 0 {
        bail!("{text:?} is over before it begins: a token lives for a while, or for ever with 0s");
    }
    Ok(nanos / 1_000_000_000)
}

/// The key that tokens are signed with.
pub async fn key(argo: &Argocd) -> Result<Secret<Vec<u8>>> {
    let config = configuration(&argo.cluster, &argo.namespace).await?;
    config.settings.server_key.clone().with_context(no_key)
}

fn no_key() -> String {
    format!(
        "{SECRET} has no server.secretkey, which tokens are signed with: an API server makes it when it first starts"
    )
}

fn told(name: &str, account: &Account) -> Value {
    let capabilities: Value = account.capabilities.iter().map(|c| c.as_str()).collect();
    let tokens = account.tokens.iter().map(|t| {
        let mut token = object! { "id" => t.id.as_str(), "issuedAt" => t.issued_at };
        if t.expires_at != 0 {
            token.set(&["expiresAt"], t.expires_at);
        }
        token
    });
    object! {
        "name" => name, "enabled" => account.enabled, "capabilities" => capabilities,
        "tokens" => tokens.collect::<Value>(),
    }
}

/// Prints accounts as people see them.
fn print(all: &[Value], form: &str) -> Result<()> {
    match (form_of(form, &["wide", "name"])?, form) {
        (Some(form), _) => print_value(&all.iter().cloned().collect::<Value>(), form)?,
        (None, "name") => all.iter().for_each(|a| outln!("{}", clean(a.str_at(&["name"]).unwrap_or_default()))),
        _ => {
            let mut table = Columns::new(&["NAME", "ENABLED", "CAPABILITIES"]);
            for account in all {
                let name = account.str_at(&["name"]).unwrap_or_default();
                table.row([name, is_enabled(account), &capabilities(account)]);
            }
            table.print();
        }
    }
    Ok(())
}

fn is_enabled(account: &Value) -> &'static str {
    if account.get("enabled").and_then(Value::as_bool).unwrap_or(false) { "true" } else { "false" }
}

fn capabilities(account: &Value) -> String {
    let all = account.get("capabilities").map_or(&[][..], Value::items);
    all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

/// Prints one account.
fn show(account: &Value, form: Form) -> Result<()> {
    if matches!(form, Form::Json | Form::Yaml) {
        return print_value(account, form);
    }
    outln!("{:<20}{}", "Name:", clean(account.str_at(&["name"]).unwrap_or_default()));
    outln!("{:<20}{}", "Enabled:", is_enabled(account));
    outln!("{:<20}{}", "Capabilities:", clean(&capabilities(account)));
    outln!("\nTokens:");
    let tokens = account.get("tokens").map_or(&[][..], Value::items);
    if tokens.is_empty() {
        outln!("NONE");
        return Ok(());
    }
    let mut table = Columns::new(&["ID", "ISSUED AT", "EXPIRING AT"]);
    for token in tokens {
        let number = |field: &str| token.get(field).and_then(Value::as_i64).filter(|n| *n != 0);
        let end = number("expiresAt").map_or_else(|| "never".to_owned(), time);
        let id = token.str_at(&["id"]).unwrap_or_default().to_owned();
        table.row([id, number("issuedAt").map_or_else(String::new, time), end]);
    }
    table.print();
    Ok(())
}

/// Whether a subject may do something, by the policy and by the project's roles.
async fn may(
    argo: &Argocd,
    config: &Config,
    subject: &Subject,
    resource: &str,
    action: &str,
    object: &str,
) -> Result<bool> {
    let (policy, warnings) = Policy::compile(&config.settings.policy)?;
    warnings.iter().for_each(|why| crate::output::warning(why));
    if subject.name == ADMIN {
        // Compat(argo 3.5): the admin has the role of that name.
        let admin = Subject { name: "role:admin".to_owned(), groups: subject.groups.clone() };
        return Ok(policy.enforce(&admin, resource, action, object, None));
    }
    let of = project_of(resource, object).or_else(|| project_role(&subject.name).map(|(project, _)| project));
    let project = match of {
        Some(name) => argo.cluster.find(&names::projects(), &argo.namespace, name).await?,
        None => None,
    };
    let mode: MatchMode = policy.mode();
    let roles = project.map(|o| Project::read(&o)).transpose()?.map(|project| project.policy(mode).0);
    Ok(policy.enforce(subject, resource, action, object, roles.as_ref()))
}

async fn generate(argo: &Argocd, config: &Config, name: &str, lives: &str, id: Option<String>) -> Result<()> {
    let key = config.settings.server_key.clone().with_context(no_key)?;
    let id = match id {
        Some(id) => id,
        None => tokens::token_id(random()?),
    };
    let claims = tokens::Claims::new(&format!("{name}:apiKey"), &id, Timestamp::now(), Some(span(lives)?));
    // Remembered first: a token that nobody remembers opens nothing.
    change(argo, config, name, |account| {
        if !account.can(Capability::ApiKey) {
            bail!("account '{name}' does not have apiKey capability");
        }
        if account.tokens.iter().any(|token| token.id == id) {
            bail!("account already has token with id '{id}'");
        }
        let expires_at = claims.expires_at.unwrap_or_default();
        account.tokens.push(AccountToken { id: id.clone(), issued_at: claims.issued_at, expires_at });
        Ok(())
    })
    .await?;
    outln!("{}", tokens::issue(&claims, &key).expose());
    Ok(())
}

/// Changes what the secret says of an account.
async fn change(
    argo: &Argocd,
    config: &Config,
    name: &str,
    mut with: impl FnMut(&mut Account) -> Result<()>,
) -> Result<()> {
    config.settings.accounts.get(name).map_err(anyhow::Error::msg)?;
    let maps = belay_cluster::Resource::known("", "v1", "ConfigMap", "configmaps", true);
    let settings = argo.cluster.find(&maps, &argo.namespace, belay_argo::names::CONFIG).await?;
    argo.change(&Argocd::secrets(), &argo.namespace, SECRET, |secret: &mut Object| {
        // What the secret says at this moment counts, whoever wrote it last.
        let (accounts, _) = belay_argo::settings::accounts::Accounts::read(settings.as_ref(), Some(secret));
        let mut account = accounts.get(name).map_err(anyhow::Error::msg)?.clone();
        with(&mut account)?;
        for (key, value) in secret_patch(name, &account).iter() {
            match value.is_null() {
                true => drop(secret.remove(&["data", key.as_str()])),
                false => secret.set(&["data", key.as_str()], value.clone()),
            }
        }
        Ok(())
    })
    .await
    .with_context(|| format!("{SECRET} cannot be changed"))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn spans_are_read_in_days_too() {
        for (text, expected) in [("0s", 0), ("24h", 86_400), ("7d", 604_800), ("1h30m", 5_400)] {
            assert_eq!(span(text).unwrap(), expected, "{text}");
        }
        for text in ["soon", "-1h", "-1d"] {
            assert!(span(text).is_err(), "{text}");
        }
    }
}
