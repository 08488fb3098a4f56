//! The file of logins, as argocd keeps it: contexts, servers and users by name. Compat(argocd 3.5)
//!
//! It is kept as the value that was read, so that what other versions write into it stays.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use belay_net::Secret;
use belay_object::{Value, object};

/// A file of logins is some KiB.
const MAX_BYTES: u64 = 1 << 20;

/// The logins.
#[derive(Clone, Debug, Default)]
pub struct LocalConfig(Value);

/// A login: which server, and as whom.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Login {
    /// Its name.
    pub name: String,
    /// The server's address as it was given.
    pub server: String,
    /// Whether the server speaks HTTP without TLS.
    pub plaintext: bool,
    /// Whether its certificate is believed unseen.
    pub insecure: bool,
    /// Where its API stands.
    pub root_path: String,
    /// Whether there is no server: commands work on the cluster.
    pub core: bool,
    /// Empty after a logout.
    pub token: Secret<String>,
}

/// Where the file is, by the variables of the environment.
pub fn path(variable: impl Fn(&str) -> Option<String>, exists: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(dir) = set("ARGOCD_CONFIG_DIR") {
        return Some(dir.join("config"));
    }
    let home = set("HOME")?;
    // Where an old version kept it, if it did.
    let old = home.join(".argocd");
    if exists(&old) {
        return Some(old.join("config"));
    }
    Some(set("XDG_CONFIG_HOME").unwrap_or_else(|| home.join(".config")).join("argocd").join("config"))
}

impl LocalConfig {
    /// Reads the file; `None` where there is none.
    pub fn read(path: &Path) -> Result<Option<LocalConfig>> {
        use std::io::Read as _;
        let cannot = || format!("{} cannot be read", path.display());
        let mut file = match std::fs::File::open(path) {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(cannot)?,
        };
        refuse_open(&file.metadata().with_context(cannot)?, path)?;
        let mut text = String::new();
        std::io::Read::by_ref(&mut file).take(MAX_BYTES).read_to_string(&mut text).with_context(cannot)?;
        LocalConfig::parse(&text).map(Some).with_context(|| format!("failed to parse {}", path.display()))
    }

    /// Reads its text.
    pub fn parse(text: &str) -> Result<LocalConfig> {
        let value = match text.trim().is_empty() {
            true => Value::object(),
            // The reader's words could quote a token.
            false => belay_yaml::parse_value(text, &belay_yaml::Options::v2())
                .map_err(|e| anyhow::anyhow!("line {}: it is no YAML", e.line))?,
        };
        match value {
            Value::Null => Ok(LocalConfig(Value::object())),
            value if value.as_object().is_some() => Ok(LocalConfig(value)),
            _ => bail!("it is no map"),
        }
    }

    /// Its text. It holds tokens.
    pub fn text(&self) -> Secret<String> {
        Secret::new(belay_yaml::to_yaml(&self.0))
    }

    /// Writes the file, for its owner alone; whole or not at all.
    pub fn write(&self, path: &Path) -> Result<()> {
        let cannot = || format!("{} cannot be written", path.display());
        let folder = path.parent().context("the file of logins has no folder")?;
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(folder).with_context(cannot)?;
        let fresh = path.with_extension(format!("{}.new", std::process::id()));
        // What an ended process of the same number left behind.
        let _ = std::fs::remove_file(&fresh);
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&fresh).with_context(cannot)?;
        let written = file.write_all(self.text().expose().as_bytes()).and_then(|()| file.sync_all());
        let put = written.and_then(|()| std::fs::rename(&fresh, path));
        if put.is_err() {
            let _ = std::fs::remove_file(&fresh);
        }
        put.with_context(cannot)
    }

    fn list(&self, name: &str) -> &[Value] {
        self.0.get(name).map_or(&[][..], Value::items)
    }

    fn entry(&self, list: &str, key: &str, value: &str) -> Option<&Value> {
        self.list(list).iter().find(|entry| entry.str_at(&[key]) == Some(value))
    }

    fn edit(&mut self, name: &str, change: impl FnOnce(&mut Vec<Value>)) {
        let mut list = self.list(name).to_vec();
        change(&mut list);
        self.0.set(&[name], list);
    }

    /// The entry of a list, made where it is not there.
    fn upsert(&mut self, list: &str, key: &str, name: &str, fields: &[(&str, Value)]) {
        self.edit(list, |all| {
            if !all.iter().any(|entry| entry.str_at(&[key]) == Some(name)) {
                all.push(object! { key => name });
            }
            for entry in all.iter_mut().filter(|entry| entry.str_at(&[key]) == Some(name)) {
                for (field, value) in fields {
                    match value.is_null() {
                        true => drop(entry.remove(&[field])),
                        false => entry.set(&[field], value.clone()),
                    }
                }
            }
        });
    }

    /// The name of the login that is used where none is named; empty for none.
    pub fn current(&self) -> &str {
        self.0.str_at(&["current-context"]).unwrap_or_default()
    }

    /// Uses a login from here on.
    pub fn set_current(&mut self, name: &str) {
        self.0.set(&["current-context"], name);
    }

    /// The names of all logins.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.list("contexts").iter().filter_map(|entry| entry.str_at(&["name"]))
    }

    /// A login.
    pub fn login(&self, name: &str) -> Result<Login> {
        let context = self.entry("contexts", "name", name).with_context(|| format!("Context '{name}' undefined"))?;
        let text = |entry: &Value, field: &str| entry.str_at(&[field]).unwrap_or_default().to_owned();
        let is = |entry: &Value, field: &str| entry.get(field).and_then(Value::as_bool).unwrap_or(false);
        let address = text(context, "server");
        let server =
            self.entry("servers", "server", &address).with_context(|| format!("Server '{address}' undefined"))?;
        let user = text(context, "user");
        let user = self.entry("users", "name", &user).with_context(|| format!("User '{user}' undefined"))?;
        Ok(Login {
            name: name.to_owned(),
            plaintext: is(server, "plain-text"),
            insecure: is(server, "insecure"),
            root_path: text(server, "grpc-web-root-path"),
            core: is(server, "core"),
            token: Secret::new(text(user, "auth-token")),
            server: address,
        })
    }

    /// The login to a server: the current one, if it is to it.
    pub fn login_to(&self, server: &str) -> Option<Login> {
        let logins: Vec<Login> = self.names().filter_map(|name| self.login(name).ok()).collect();
        let to = || logins.iter().filter(|login| login.server == server);
        to().find(|login| login.name == self.current()).or_else(|| to().next()).cloned()
    }

    /// Remembers a login and uses it from here on.
    pub fn put(&mut self, login: &Login) {
        let flag = |on: bool| if on { Value::from(true) } else { Value::Null };
        let server = [
            ("insecure", flag(login.insecure)),
            ("plain-text", flag(login.plaintext)),
            ("core", flag(login.core)),
            ("grpc-web-root-path", Value::from(login.root_path.as_str())),
        ];
        self.upsert("servers", "server", &login.server, &server);
        let token = Some(login.token.expose().as_str()).filter(|token| !token.is_empty());
        let token = [("auth-token", token.map_or(Value::Null, Value::from)), ("refresh-token", Value::Null)];
        self.upsert("users", "name", &login.name, &token);
        let context = [("server", Value::from(login.server.as_str())), ("user", Value::from(login.name.as_str()))];
        self.upsert("contexts", "name", &login.name, &context);
        self.set_current(&login.name);
    }

    /// Forgets the token of a login.
    pub fn forget_token(&mut self, name: &str) -> Result<()> {
        let user = self.entry("contexts", "name", name).and_then(|c| c.str_at(&["user"])).map(str::to_owned);
        let user = user.with_context(|| format!("Context {name} does not exist"))?;
        self.upsert("users", "name", &user, &[("auth-token", Value::Null), ("refresh-token", Value::Null)]);
        Ok(())
    }

    /// Forgets a login; its server and its user, too, where no other login is to them.
    pub fn forget(&mut self, name: &str) -> Result<()> {
        let gone = self.entry("contexts", "name", name).cloned();
        let gone = gone.with_context(|| format!("context {name} does not exist"))?;
        self.edit("contexts", |all| all.retain(|entry| entry.str_at(&["name"]) != Some(name)));
        for (list, key, field) in [("servers", "server", "server"), ("users", "name", "user")] {
            let named = gone.str_at(&[field]).unwrap_or_default();
            if self.entry("contexts", field, named).is_none() {
                self.edit(list, |all| all.retain(|entry| entry.str_at(&[key]) != Some(named)));
            }
        }
        if self.current() == name {
            self.set_current("");
        }
        Ok(())
    }

    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.list("servers").is_empty()
    }
}

/// It holds tokens: where others can read it, it is not believed. Compat(argocd 3.5)
#[cfg(unix)]
fn refuse_open(about: &std::fs::Metadata, path: &Path) -> Result<()> {
    let mode = std::os::unix::fs::MetadataExt::mode(about) & 0o777;
    if mode & 0o077 != 0 {
        bail!("{} is open to others (mode {mode:o}): `chmod 600 {}`", path.display(), path.display());
    }
    Ok(())
}
#[cfg(not(unix))]
fn refuse_open(_: &std::fs::Metadata, _: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests;
