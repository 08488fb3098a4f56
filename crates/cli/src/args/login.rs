//! The grammar of `belay login`, `logout`, `relogin` and `context`: argocd's words and flags.

use clap::Args;

use super::ServerFlags;

/// Who logs in.
#[derive(Args, Debug, Clone, Default)]
pub struct PasswordFlags {
    /// The account's name; asked for where not given
    #[arg(long)]
    pub username: Option<String>,
    /// Its password; asked for where not given
    #[arg(long)]
    pub password: Option<String>,
    /// Not built: log in by password, or by --auth-token
    #[arg(long, hide = true)]
    pub sso: bool,
}

#[derive(Args, Debug)]
pub struct LoginArgs {
    /// HOST[:PORT], or a URL
    pub address: Option<String>,
    #[command(flatten)]
    pub who: PasswordFlags,
    /// What the login is called; the address where not given
    #[arg(long)]
    pub name: Option<String>,
    /// Taken: nothing is tried before the login
    #[arg(long, hide = true)]
    pub skip_test_tls: bool,
    #[command(flatten)]
    pub server: ServerFlags,
}

#[derive(Args, Debug)]
pub struct LogoutArgs {
    /// The login
    pub login: String,
    #[command(flatten)]
    pub server: ServerFlags,
}

#[derive(Args, Debug)]
pub struct ReloginArgs {
    #[command(flatten)]
    pub who: PasswordFlags,
    #[command(flatten)]
    pub server: ServerFlags,
}

#[derive(Args, Debug)]
pub struct ContextArgs {
    /// The login that is used from here on; - for the one before
    pub login: Option<String>,
    /// Forget the login
    #[arg(long)]
    pub delete: bool,
    #[command(flatten)]
    pub server: ServerFlags,
}
