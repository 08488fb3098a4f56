//! `belay account`: local accounts, their passwords and tokens, and what they may do.

use anyhow::{Context, Result, anyhow, bail};
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
use belay_net::Secret;
use belay_object::{Object, Value, object};
use jiff::Timestamp;

use crate::argocd::{Argocd, Columns, form_of, print_value};
use crate::args::{AccountArgs, AccountCommand, Form, Global};
use crate::outln;
use crate::proj::time;

/// Carries one out.
pub async fn account(global: &Global, args: AccountArgs) -> Result<u8> {
    if let AccountCommand::Bcrypt { password } = &args.command {
        let password = given(password.clone())?;
        outln!("{}", hashed(&password)?.expose());
        return Ok(0);
    }
    let argo = Argocd::connect(global, &args.argocd, None).await?;
    let config = configuration(&argo.cluster, &argo.namespace).await?;
    match args.command {
        AccountCommand::List(args) => list(&config, &args.output),
        AccountCommand::Get { account, output } => show(&config, &account, output),
        AccountCommand::CanI { action, resource, subresource, account, group } => {
            let subject = Subject { name: account, groups: group };
            let may = may(&argo, &config, &subject, &resource, &action, &subresource).await?;
            outln!("{}", if may { "yes" } else { "no" });
            Ok(0)
        }
        AccountCommand::GenerateToken { account, expires_in, id } => {
            generate(&argo, &config, &account, &expires_in, id).await
        }
        AccountCommand::DeleteToken { account, id } => {
            change(&argo, &config, &account, |account| {
                let before = account.tokens.len();
                account.tokens.retain(|token| token.id != id);
                if account.tokens.len() == before {
                    bail!("token with id '{id}' does not exist");
                }
                Ok(())
            })
            .await?;
            Ok(0)
        }
        AccountCommand::UpdatePassword { account, new_password } => {
            let password = given(new_password)?;
            check_new_password(&config.settings.auth.password_pattern, &password).map_err(anyhow::Error::msg)?;
            let hash = hashed(&password)?;
            change(&argo, &config, &account, |account| {
                account.password_hash = Some(hash.clone());
                account.password_set = Some(Timestamp::now());
                Ok(())
            })
            .await?;
            outln!("Password updated");
            Ok(0)
        }
        AccountCommand::Bcrypt { .. } => Ok(0),
    }
}

/// A password: the flag's, or a line of standard input.
fn given(password: Option<String>) -> Result<String> {
    if let Some(password) = password {
        return Ok(password);
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\n', '\r']).to_owned())
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

fn capabilities(account: &Account) -> String {
    let all: Vec<&str> = account.capabilities.iter().map(|c| c.as_str()).collect();
    all.join(", ")
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

fn list(config: &Config, form: &str) -> Result<u8> {
    let accounts = &config.settings.accounts;
    let all = || accounts.iter().map(|(name, account)| told(name, account)).collect::<Value>();
    match (form_of(form, &["wide", "name"])?, form) {
        (Some(form), _) => print_value(&all(), form)?,
        (None, "name") => accounts.iter().for_each(|(name, _)| outln!("{name}")),
        _ => {
            let mut table = Columns::new(&["NAME", "ENABLED", "CAPABILITIES"]);
            for (name, account) in accounts.iter() {
                table.row([name, if account.enabled { "true" } else { "false" }, &capabilities(account)]);
            }
            table.print();
        }
    }
    Ok(0)
}

fn show(config: &Config, name: &str, form: Form) -> Result<u8> {
    let account = config.settings.accounts.get(name).map_err(anyhow::Error::msg)?;
    if matches!(form, Form::Json | Form::Yaml) {
        print_value(&told(name, account), form)?;
        return Ok(0);
    }
    outln!("{:<20}{name}", "Name:");
    outln!("{:<20}{}", "Enabled:", account.enabled);
    outln!("{:<20}{}", "Capabilities:", capabilities(account));
    outln!("\nTokens:");
    if account.tokens.is_empty() {
        outln!("NONE");
        return Ok(0);
    }
    let mut table = Columns::new(&["ID", "ISSUED AT", "EXPIRING AT"]);
    for token in &account.tokens {
        let end = if token.expires_at == 0 { "never".to_owned() } else { time(token.expires_at) };
        table.row([token.id.clone(), time(token.issued_at), end]);
    }
    table.print();
    Ok(0)
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

async fn generate(argo: &Argocd, config: &Config, name: &str, lives: &str, id: Option<String>) -> Result<u8> {
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
    Ok(0)
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
