//! Local accounts: who there is, what they may do with their account, their passwords and tokens.
//!
//! Pure: randomness comes in as bytes. A password is checked in some fifty milliseconds of work, so
//! on a thread where that harms nobody. What accounts may do is the role policy's.

use std::collections::BTreeMap;
use std::fmt;

use belay_net::Secret;
use belay_object::{Map, Object, Value};
use jiff::Timestamp;

use super::reader::{Reader, parse_bool, secret_text, split};
use crate::names::{ADMIN, INITIAL_ADMIN_SECRET, PART_OF};

/// Work of a new hash: 2 to this power rounds. Compat(argo 3.5)
const COST: u32 = 10;
/// More work than this is not done for a hash that somebody put there: it doubles with each.
const MAX_COST: u32 = 16;
/// What bcrypt looks at; the rest of a longer password would not count.
const MAX_PASSWORD_BYTES: usize = 72;
/// Longest name at a login. Compat(argo 3.5)
pub const MAX_NAME_BYTES: usize = 32;

/// What an account can be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Signing in with a password.
    Login,
    /// Tokens for programs.
    ApiKey,
}

impl Capability {
    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Capability::Login => "login",
            Capability::ApiKey => "apiKey",
        }
    }
}

/// A local account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Hash of its password; `None` where it has none.
    pub password_hash: Option<Secret<String>>,
    /// When the password was set; tokens from before do not count.
    pub password_set: Option<Timestamp>,
    /// Whether it may be used.
    pub enabled: bool,
    /// What it can be used for.
    pub capabilities: Vec<Capability>,
    /// The tokens that were given out for it.
    pub tokens: Vec<AccountToken>,
}

/// A token of an account as it is remembered; not the token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountToken {
    /// Its `jti`.
    pub id: String,
    /// When it was issued, in seconds since 1970.
    pub issued_at: i64,
    /// When it ends; 0 for never.
    pub expires_at: i64,
}

impl Account {
    /// Whether it can be used so.
    pub fn can(&self, capability: Capability) -> bool {
        self.capabilities.contains(&capability)
    }
}

/// All local accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts(BTreeMap<String, Account>);

/// Why a login was refused. Compat(argo 3.5): the words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginError {
    /// Name or password is wrong, or there were too many failures; which of them is not told.
    Invalid,
    /// The password is empty.
    BlankPassword,
    /// The name is longer than any account's.
    NameTooLong,
    /// The password was right and the account is turned off.
    Disabled(String),
    /// The password was right and the account is not for signing in.
    NoLogin(String),
}

impl fmt::Display for LoginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginError::Invalid => f.write_str("Invalid username or password"),
            LoginError::BlankPassword => f.write_str("Blank passwords are not allowed"),
            LoginError::NameTooLong => write!(f, "Username is too long ({MAX_NAME_BYTES} bytes max)"),
            LoginError::Disabled(name) => write!(f, "Account {name} is disabled"),
            LoginError::NoLogin(name) => write!(f, "Account {name} does not have login capability"),
        }
    }
}

impl std::error::Error for LoginError {}

impl Accounts {
    /// Reads the accounts of the config map with what the secret says of them; the sentences tell
    /// what could not be read. An account that is half readable is turned off, not guessed at.
    pub fn read(config: Option<&Object>, secret: Option<&Object>) -> (Accounts, Vec<String>) {
        let mut reader = Reader::new(config, "argocd-cm");
        let admin =
            Account { enabled: true, capabilities: vec![Capability::Login], ..read_secret(secret, ADMIN, &mut reader) };
        let mut all = BTreeMap::from([(ADMIN.to_owned(), admin)]);
        let entries: Vec<(&str, &str)> = reader.iter().collect();
        for (key, text) in &entries {
            let Some(rest) = key.strip_prefix("accounts.") else { continue };
            let (name, suffix) = rest.split_once('.').unwrap_or((rest, ""));
            if name.is_empty() || !matches!(suffix, "" | "enabled") {
                reader.warn_without_value(key, "names no account");
                continue;
            }
            let account = all.entry(name.to_owned()).or_insert_with(|| {
                let account = read_secret(secret, name, &mut reader);
                Account { enabled: true, ..account }
            });
            if suffix.is_empty() {
                capabilities(&mut reader, key, text, &mut account.capabilities);
            }
        }
        for (key, text) in entries {
            let name = match key {
                "admin.enabled" => Some(ADMIN),
                key => key.strip_prefix("accounts.").and_then(|rest| rest.strip_suffix(".enabled")),
            };
            let Some(account) = name.and_then(|name| all.get_mut(name)) else { continue };
            account.enabled = parse_bool(text).unwrap_or_else(|| {
                reader.warn(key, "is neither true nor false: the account is off");
                false
            });
        }
        (Accounts(all), reader.warnings)
    }

    /// The account of a name. Compat(argo 3.5): the words.
    pub fn get(&self, name: &str) -> Result<&Account, String> {
        self.0.get(name).ok_or_else(|| format!("account '{name}' does not exist"))
    }

    /// All accounts by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Account)> {
        self.0.iter().map(|(name, account)| (name.as_str(), account))
    }

    /// Checks a password. As much work is done for a name that does not exist (AUTHN-4); how often
    /// one may try is counted by [`super::logins::Attempts`].
    pub fn check_password(&self, name: &str, password: &str) -> Result<&Account, LoginError> {
        if password.is_empty() {
            return Err(LoginError::BlankPassword);
        }
        if name.len() > MAX_NAME_BYTES {
            return Err(LoginError::NameTooLong);
        }
        let account = self.0.get(name);
        let Some((account, hash)) = account.and_then(|a| Some((a, a.password_hash.as_ref()?))) else {
            password_matches(password, DUMMY_HASH);
            return Err(LoginError::Invalid);
        };
        if !password_matches(password, hash.expose()) {
            return Err(LoginError::Invalid);
        }
        if !account.enabled {
            return Err(LoginError::Disabled(name.to_owned()));
        }
        if !account.can(Capability::Login) {
            return Err(LoginError::NoLogin(name.to_owned()));
        }
        Ok(account)
    }
}

/// A hash of something that nobody knows, for the work of checking against it.
const DUMMY_HASH: &str = "$2a$10$7EqJtq98hPqEX7fNZaFWoOhi5RxR9xQ3x2bJ1vYFZK6f5d0VnE9Zq";

/// Whether a password is the one of a bcrypt hash. A hash that is none, or that asks for more work
/// than anybody's, matches nothing.
pub fn password_matches(password: &str, hash: &str) -> bool {
    let cost = hash.split('$').nth(2).and_then(|cost| cost.parse::<u32>().ok());
    cost.is_some_and(|cost| cost <= MAX_COST) && bcrypt::verify(password, hash).unwrap_or(false)
}

/// Hashes a password; `salt` is random.
pub fn hash_password(password: &str, salt: [u8; 16]) -> Result<Secret<String>, String> {
    if password.is_empty() {
        return Err("blank passwords are not allowed".to_owned());
    }
    if password.len() > MAX_PASSWORD_BYTES {
        return Err(format!("password length exceeds {MAX_PASSWORD_BYTES} bytes"));
    }
    let parts = bcrypt::hash_with_salt(password, COST, salt).map_err(|e| e.to_string())?;
    Ok(Secret::new(parts.format_for_version(bcrypt::Version::TwoA)))
}

/// Whether a new password fits `passwordPattern`. Compat(argo 3.5): the words.
pub fn check_new_password(pattern: &str, password: &str) -> Result<(), String> {
    let regex = regex::RegexBuilder::new(pattern).size_limit(1 << 20).build();
    let regex = regex.map_err(|_| format!("passwordPattern {pattern:?} is no regular expression"))?;
    if regex.is_match(password) {
        return Ok(());
    }
    Err(format!("New password does not match the following expression: {pattern}."))
}

/// A first password of 16 characters; `random` must be at least 64 bytes from a strong source.
/// `None` where too few of them could be used.
pub fn initial_password(random: &[u8]) -> Option<Secret<String>> {
    // Compat(argo 3.5): these 63. A byte of 252 and above would favour the first ones.
    const LETTERS: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-";
    let fair = random.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < 252);
    let text: String = fair.take(16).map(|byte| char::from(LETTERS[byte % LETTERS.len()])).collect();
    (text.len() == 16).then(|| Secret::new(text))
}

/// The secret in which the first password is shown.
pub fn initial_password_secret(namespace: &str, password: &Secret<String>) -> Object {
    let mut secret = Object::of("v1", "Secret", namespace, INITIAL_ADMIN_SECRET);
    secret.set_label(PART_OF.0, PART_OF.1);
    secret.set(&["type"], "Opaque");
    secret.set(&["data", "password"], encoded(password.expose()));
    secret
}

/// The keys of `argocd-secret` that hold an account's password and tokens, as they are to be
/// written; `null` takes a key away. What people write about it stands in the config map.
pub fn secret_patch(name: &str, account: &Account) -> Map {
    let key =
        |suffix: &str| if name == ADMIN { format!("admin.{suffix}") } else { format!("accounts.{name}.{suffix}") };
    let text = |text: Option<String>| text.map_or(Value::Null, |text| Value::from(encoded(&text)));
    let tokens = account.tokens.iter().map(|token| {
        let mut map = Map::from_iter([("id", Value::from(token.id.as_str())), ("iat", token.issued_at.into())]);
        if token.expires_at != 0 {
            map.insert("exp", token.expires_at);
        }
        Value::Object(map)
    });
    let tokens = (!account.tokens.is_empty()).then(|| Value::Array(tokens.collect()).to_json());
    let set = account.password_set.map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    Map::from_iter([
        (key("password"), text(account.password_hash.as_ref().map(|hash| hash.expose().clone()))),
        (key("passwordMtime"), text(set)),
        (key("tokens"), text(tokens)),
    ])
}

fn encoded(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn capabilities(reader: &mut Reader<'_>, key: &str, text: &str, all: &mut Vec<Capability>) {
    for name in split(text) {
        match name.as_str() {
            "login" => all.push(Capability::Login),
            "apiKey" => all.push(Capability::ApiKey),
            other => {
                reader.warnings.push(format!("not supported account capability '{other}' in config map key '{key}'"))
            }
        }
    }
}

/// What the secret says of an account. Its other fields are the config map's.
fn read_secret(secret: Option<&Object>, name: &str, reader: &mut Reader<'_>) -> Account {
    let key =
        |suffix: &str| if name == ADMIN { format!("admin.{suffix}") } else { format!("accounts.{name}.{suffix}") };
    let text = |suffix: &str| secret_text(secret, &key(suffix)).filter(|text| !text.is_empty());
    let mut account = Account { password_hash: text("password").map(Secret::new), ..Account::default() };
    if let Some(set) = text("passwordMtime") {
        account.password_set = set.trim().parse().ok();
        if account.password_set.is_none() {
            reader.warnings.push(format!("argocd-secret: {} is no time", key("passwordMtime")));
        }
    }
    if let Some(tokens) = text("tokens") {
        match belay_object::from_json_str(&tokens) {
            Ok(list) => account.tokens = list.items().iter().map(token).collect(),
            Err(_) => {
                reader.warnings.push(format!("argocd-secret: {} is no JSON: its tokens do not count", key("tokens")))
            }
        }
    }
    account
}

fn token(value: &Value) -> AccountToken {
    let number = |field: &str| value.get(field).and_then(Value::as_i64).unwrap_or_default();
    let id = value.str_at(&["id"]).unwrap_or_default().to_owned();
    AccountToken { id, issued_at: number("iat"), expires_at: number("exp") }
}
