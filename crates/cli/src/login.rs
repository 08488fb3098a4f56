//! `belay login`, `logout`, `relogin` and `context`: logins to servers of Argo CD, in argocd's file.

use std::io::IsTerminal;

use anyhow::{Context, Result, bail};
use belay_net::Secret;
use belay_object::{Value, object};

use crate::argocd::Columns;
use crate::args::{ContextArgs, Global, LoginArgs, LogoutArgs, PasswordFlags, ReloginArgs, ServerFlags};
use crate::outln;
use crate::output::clean;
use crate::plane::local_config::{LocalConfig, Login};
use crate::plane::server::claims_of;
use crate::plane::target::{Target, config_path, with_options};
use crate::plane::{Server, status_of};

/// What commands are about that work on the cluster. Compat(argocd 3.5)
const ON_CLUSTER: &str = "kubernetes";

/// Carries out `belay login`.
pub async fn login(global: &Global, args: LoginArgs) -> Result<u8> {
    let (global, flags) = &with_options(global, &args.server, &std::env::var("ARGOCD_OPTS").unwrap_or_default());
    let path = config_path(flags)?;
    let mut config = LocalConfig::read(&path)?.unwrap_or_default();
    let root = flags.grpc_web_root_path.as_deref().unwrap_or_default().trim_matches('/').to_owned();
    let address = match args.address.or_else(|| global.server.clone()) {
        _ if flags.core => ON_CLUSTER.to_owned(),
        Some(address) => address.trim_end_matches('/').to_owned(),
        None => bail!("name the server: `belay login HOST[:PORT]`"),
    };
    let named = if root.is_empty() { address.clone() } else { format!("{address}/{root}") };
    let mut login = Login {
        name: args.name.unwrap_or(named),
        server: address,
        plaintext: flags.plaintext,
        insecure: flags.insecure,
        root_path: root,
        core: flags.core,
        token: Secret::default(),
    };
    if !login.core {
        login.token = token(&login, flags, &args.who).await?;
        outln!("'{}' logged in successfully", clean(&called(&login.token)));
    }
    config.put(&login);
    config.write(&path)?;
    outln!("Context '{}' updated", clean(&login.name));
    Ok(0)
}

/// The token of a login: one that is given, or that of a session that a password opens.
async fn token(login: &Login, flags: &ServerFlags, who: &PasswordFlags) -> Result<Secret<String>> {
    let target = Target {
        server: login.server.clone(),
        plaintext: login.plaintext,
        insecure: login.insecure,
        root_path: login.root_path.clone(),
        server_crt: flags.server_crt.clone(),
        client_crt: flags.client_crt.clone(),
        client_crt_key: flags.client_crt_key.clone(),
        headers: flags.headers.clone(),
        retries: flags.http_retry_max,
        ..Target::default()
    };
    let server = Server::new(&target)?;
    if who.sso {
        bail!("a login by a browser is not built: log in by --username, or give a token by --auth-token");
    }
    if let Some(token) = flags.auth_token.clone().filter(|_| who.username.is_none()) {
        // One that the server does not take is not remembered.
        let told = server.with_token(token.clone()).get("/api/v1/session/userinfo", &[]).await?;
        return match told.get("loggedIn").and_then(Value::as_bool) {
            Some(true) => Ok(token),
            _ => bail!("the server does not take the token of --auth-token"),
        };
    }
    let name = match &who.username {
        Some(name) => name.clone(),
        None => asked("Username", false)?.into_inner(),
    };
    let password = match &who.password {
        Some(password) => Secret::new(password.clone()),
        None => asked("Password", true)?,
    };
    let message = object! { "username" => name, "password" => password.expose().as_str() };
    let told = server.post("/api/v1/session", &message).await;
    let told = told.map_err(|e| match status_of(&e) {
        // What to do about a session that is over does not help here.
        Some(401) => anyhow::anyhow!("{}", e.to_string().split(": log in").next().unwrap_or_default()),
        _ => e,
    })?;
    let token = told.str_at(&["token"]).filter(|token| !token.is_empty());
    Ok(Secret::new(token.context("the server opens no session")?.to_owned()))
}

/// Who a token is of.
fn called(token: &Secret<String>) -> String {
    let claims = claims_of(token).unwrap_or_default();
    let text = |field: &str| claims.str_at(&[field]).unwrap_or_default();
    // Compat(argo 3.5): an account's subject says what the token is for.
    let subject = text("sub").split(':').next().unwrap_or_default();
    [text("email"), text("name"), subject].into_iter().find(|t| !t.is_empty()).unwrap_or_default().to_owned()
}

/// What a person types, or a line of standard input; what is secret is not shown.
pub fn asked(what: &str, secret: bool) -> Result<Secret<String>> {
    if std::io::stdin().is_terminal() {
        eprint!("{what}: ");
    }
    if secret && std::io::stdin().is_terminal() {
        return Ok(Secret::new(console::Term::stderr().read_secure_line()?));
    }
    let mut line = String::new();
    if std::io::stdin().read_line(&mut line)? == 0 {
        bail!("{} is wanted, and nobody is there to ask", what.to_lowercase());
    }
    Ok(Secret::new(line.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Carries out `belay relogin`.
pub async fn relogin(args: ReloginArgs) -> Result<u8> {
    let path = config_path(&args.server)?;
    let mut config = LocalConfig::read(&path)?.context("No context found. Login using `belay login`")?;
    let name = args.server.argocd_context.clone().unwrap_or_else(|| config.current().to_owned());
    if name.is_empty() {
        bail!("no login is in use: `belay context` lists them");
    }
    let mut login = config.login(&name)?;
    if login.core {
        outln!("Context '{}' works on the cluster: nobody logs in", clean(&name));
        return Ok(0);
    }
    let mut who = args.who.clone();
    if who.username.is_none() {
        who.username = Some(called(&login.token)).filter(|name| !name.is_empty());
    }
    login.token = token(&login, &args.server, &who).await?;
    let current = config.current().to_owned();
    config.put(&login);
    // Another login than the one in use does not come into use.
    config.set_current(if current.is_empty() { &name } else { &current });
    config.write(&path)?;
    outln!("'{}' logged in successfully", clean(&called(&login.token)));
    outln!("Context '{}' updated", clean(&name));
    Ok(0)
}

/// Carries out `belay logout`.
pub async fn logout(args: LogoutArgs) -> Result<u8> {
    let path = config_path(&args.server)?;
    let mut config = LocalConfig::read(&path)?.context("Nothing to logout from")?;
    let login = config.login(&args.login)?;
    if !login.core && !login.token.expose().is_empty() {
        // What is remembered goes in any case; a server that cannot be asked may take the token for a while.
        if let Err(e) = revoke(&login, &args.server).await {
            crate::output::warning(&format!("the token could not be revoked at {}: {e:#}", login.server));
        }
    }
    config.forget_token(&args.login)?;
    config.write(&path)?;
    outln!("Logged out from '{}'", clean(&args.login));
    Ok(0)
}

/// Has a server take a token no more.
async fn revoke(login: &Login, flags: &ServerFlags) -> Result<()> {
    let mut headers = flags.headers.clone();
    // Compat(argo 3.5): its page looks at the cookie.
    headers.push(format!("Cookie: argocd.token={}", login.token.expose()));
    let target = Target {
        server: login.server.clone(),
        plaintext: flags.plaintext || login.plaintext,
        insecure: flags.insecure || login.insecure,
        root_path: login.root_path.clone(),
        token: login.token.clone(),
        server_crt: flags.server_crt.clone(),
        headers,
        ..Target::default()
    };
    match Server::new(&target)?.get("/auth/logout", &[]).await {
        // It leads to its first page.
        Err(e) if status_of(&e).is_some_and(|status| (300..400).contains(&status)) => Ok(()),
        // It is over already.
        Err(e) if status_of(&e) == Some(401) => Ok(()),
        other => other.map(drop),
    }
}

/// Carries out `belay context`.
pub fn context(args: &ContextArgs) -> Result<u8> {
    let path = config_path(&args.server)?;
    let before = path.with_file_name(".prev-ctx");
    let mut config = LocalConfig::read(&path)?.context("No local configuration found: `belay login` makes one")?;
    let Some(name) = &args.login else {
        if args.delete {
            bail!("name the login that is to be forgotten");
        }
        table(&config).print();
        return Ok(0);
    };
    if args.delete {
        config.forget(name)?;
        match config.is_empty() {
            true => std::fs::remove_file(&path).with_context(|| format!("{} cannot be removed", path.display()))?,
            false => config.write(&path)?,
        }
        outln!("Context '{}' deleted", clean(name));
        return Ok(0);
    }
    let name = match name.as_str() {
        "-" => std::fs::read_to_string(&before).context("no other login was in use before")?.trim().to_owned(),
        name => name.to_owned(),
    };
    if config.current() == name {
        outln!("Already at context '{}'", clean(&name));
        return Ok(0);
    }
    config.login(&name)?;
    let was = config.current().to_owned();
    config.set_current(&name);
    config.write(&path)?;
    std::fs::write(&before, was).with_context(|| format!("{} cannot be written", before.display()))?;
    outln!("Switched to context '{}'", clean(&name));
    Ok(0)
}

/// Compat(argocd 3.5): the columns.
pub fn table(config: &LocalConfig) -> Columns {
    let mut table = Columns::new(&["CURRENT", "NAME", "SERVER"]);
    for name in config.names() {
        let server = config.login(name).map(|login| login.server).unwrap_or_default();
        table.row([if config.current() == name { "*" } else { "" }, name, &server]);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_whose_it_is() {
        use base64::Engine as _;
        let token = |claims: &str| {
            Secret::new(format!("e30.{}.c2ln", base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims)))
        };
        assert_eq!(called(&token(r#"{"sub":"admin:login"}"#)), "admin");
        assert_eq!(called(&token(r#"{"sub":"1","email":"me@example.com"}"#)), "me@example.com");
        assert_eq!(called(&Secret::new("nonsense".into())), "");
    }

    #[test]
    fn logins_are_listed_with_the_one_in_use() {
        let mut config = LocalConfig::default();
        for name in ["a", "b"] {
            config.put(&Login { name: name.into(), server: format!("{name}.example"), ..Login::default() });
        }
        assert_eq!(
            table(&config).text(),
            "CURRENT  NAME  SERVER\n         a     a.example\n*        b     b.example\n"
        );
    }
}
