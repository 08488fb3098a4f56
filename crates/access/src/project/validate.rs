//! What an API server of the dialect refuses in a project. Compat(argo 3.5): the order and the words.

use std::collections::HashSet;

use super::{Project, Role};
use crate::glob::Glob;
use crate::windows::Window;
use crate::{Error, ErrorKind, Result};

/// Resources that rules of a project's role may be about.
const SCOPED: [&str; 6] = ["applications", "applicationsets", "logs", "exec", "clusters", "repositories"];

impl Project {
    /// The first thing that is wrong.
    pub fn validate(&self) -> Result<()> {
        self.validate_destinations()?;
        self.validate_sources()?;
        let mut names = HashSet::new();
        for role in &self.roles {
            if !names.insert(role.name.as_str()) {
                return exists(format!("role '{}' already exists", role.name));
            }
            validate_role(&self.name, role)?;
        }
        validate_windows(&self.windows)?;
        self.validate_accounts()
    }

    fn validate_destinations(&self) -> Result<()> {
        let mut keys = HashSet::new();
        for entry in &self.destinations {
            for (what, text) in [("name", &entry.name), ("server", &entry.server), ("namespace", &entry.namespace)] {
                if text == "!*" {
                    return invalid(format!("{what} has an invalid format, '!*'"));
                }
            }
            let by_name = entry.server.is_empty() && !entry.name.is_empty();
            let key = format!("{}/{}", if by_name { &entry.name } else { &entry.server }, entry.namespace);
            if !keys.insert(key.clone()) {
                return invalid(format!("destination '{key}' already added"));
            }
        }
        Ok(())
    }

    fn validate_sources(&self) -> Result<()> {
        let mut namespaces = HashSet::new();
        for namespace in &self.source_namespace_texts {
            if !namespaces.insert(namespace) {
                return invalid(format!("source namespace '{namespace}' already added"));
            }
        }
        let mut repos = HashSet::new();
        for repo in self.source_repos() {
            if repo == "!*" {
                return invalid("source repository has an invalid format, '!*'".to_owned());
            }
            if !repos.insert(repo) {
                return invalid(format!("source repository '{repo}' already added"));
            }
        }
        Ok(())
    }

    fn validate_accounts(&self) -> Result<()> {
        let mut keys = HashSet::new();
        for rule in &self.service_accounts {
            let wrong = |what: &str, text: &str| invalid(format!("{what} has an invalid format, '{text}'"));
            for (what, text) in [("server", &rule.server), ("namespace", &rule.namespace)] {
                if text.contains('!') {
                    return wrong(what, text);
                }
            }
            if !is_account(&rule.account) {
                return wrong("defaultServiceAccount", &rule.account);
            }
            for (what, text) in [("server", &rule.server), ("namespace", &rule.namespace)] {
                if Glob::new(text).is_err() {
                    return wrong(what, text);
                }
            }
            let key = format!("{}/{}", rule.server, rule.namespace);
            if !keys.insert(key.clone()) {
                return invalid(format!("destinationServiceAccount '{key}' already added"));
            }
        }
        Ok(())
    }

    /// Whether a new token of a role may have this id.
    pub fn check_new_token(&self, role: &str, id: &str) -> Result<()> {
        let taken = self.role(role)?.tokens.iter().any(|token| token.id == id);
        if !id.is_empty() && taken {
            return invalid(format!("Token id '{id}' has been used. "));
        }
        Ok(())
    }
}

pub(super) fn is_account(account: &str) -> bool {
    !account.trim_matches(' ').is_empty() && !account.contains(['!', '*', '[', ']', '{', '}', '\\', '/'])
}

fn validate_role(project: &str, role: &Role) -> Result<()> {
    let name = &role.name;
    let plain = |c: char| c.is_ascii_alphanumeric();
    let is_name =
        name.starts_with(plain) && name.ends_with(plain) && name.chars().all(|c| plain(c) || c == '-' || c == '_');
    if !is_name {
        return invalid(format!(
            "invalid role name '{name}'. Must consist of alphanumeric characters, '-' or '_', and must start and end with an alphanumeric character"
        ));
    }
    let mut policies = HashSet::new();
    for policy in &role.policies {
        if !policies.insert(policy) {
            return exists(format!("policy '{policy}' already exists for role '{name}'"));
        }
        check_policy(project, name, policy)?;
    }
    let mut groups = HashSet::new();
    for group in &role.groups {
        if !groups.insert(group) {
            return exists(format!("group '{group}' already exists for role '{name}'"));
        }
        check_group(group)?;
    }
    Ok(())
}

/// Whether a rule may stand in a project's role.
pub fn check_policy(project: &str, role: &str, policy: &str) -> Result<()> {
    let fields: Vec<&str> = policy.split(',').map(|field| field.trim_matches(' ')).collect();
    let wrong = |why: String| invalid(format!("invalid policy rule '{policy}': {why}"));
    let ["p", subject, resource, action, object, effect] = fields[..] else {
        return wrong("must be of the form: 'p, sub, res, act, obj, eft'".to_owned());
    };
    let own = format!("proj:{project}:{role}");
    if subject != own {
        return wrong(format!("policy subject must be: '{own}', not '{subject}'"));
    }
    if !SCOPED.contains(&resource) {
        return wrong(format!(
            "project resource must be: 'applications', 'applicationsets', 'repositories', 'exec', 'logs' or 'clusters', not '{resource}'"
        ));
    }
    if !is_action(action) {
        return wrong(format!("invalid action '{action}'"));
    }
    if !is_object(project, object) {
        return wrong(format!(
            "object must be of form '{project}/*', '{project}[/<NAMESPACE>]/<APPNAME>' or '{project}/<APPNAME>', not '{object}'"
        ));
    }
    if effect != "allow" && effect != "deny" {
        return wrong("effect must be: 'allow' or 'deny'".to_owned());
    }
    Ok(())
}

fn is_action(action: &str) -> bool {
    matches!(action, "get" | "create" | "update" | "delete" | "sync" | "override" | "rollback" | "*")
        || ["action/", "update/", "delete/"].iter().any(|front| action.contains(front))
}

/// `<project>[/<namespace>]/<application>`
fn is_object(project: &str, object: &str) -> bool {
    let part = |part: &str| {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '*' | '_' | '-' | '.');
        !part.is_empty() && part.chars().all(fits)
    };
    let rest = object.strip_prefix(project).and_then(|rest| rest.strip_prefix('/'));
    let parts: Vec<&str> = rest.into_iter().flat_map(|rest| rest.split('/')).collect();
    matches!(parts.len(), 1 | 2) && parts.into_iter().all(part)
}

fn check_group(group: &str) -> Result<()> {
    let trimmed = group.trim();
    let quoted = trimmed.strip_prefix('"').and_then(|t| t.strip_suffix('"'));
    if quoted.is_none() && trimmed.contains(',') {
        return invalid(format!("group '{trimmed}' must be quoted"));
    }
    let bare = quoted.unwrap_or(trimmed);
    if bare.is_empty() {
        return invalid(format!("group '{bare}' is empty"));
    }
    if bare.contains(['"', '\n', '\r', '\t']) {
        return invalid(format!("group '{bare}' contains invalid characters"));
    }
    if group.chars().count() > 1 {
        for (at, end) in [(group.chars().next(), "leading"), (group.chars().next_back(), "trailing")] {
            if at.is_some_and(char::is_whitespace) {
                return invalid(format!("group '{bare}' contains a {end} space"));
            }
        }
    }
    Ok(())
}

fn validate_windows(windows: &[Window]) -> Result<()> {
    let mut identities = HashSet::new();
    for window in windows {
        let (kind, schedule, duration) = (&window.kind, &window.schedule, &window.duration);
        if !identities.insert(window.identity()) {
            return exists(format!(
                "sync window with kind '{kind}', schedule '{schedule}', and duration '{duration}' already exists"
            ));
        }
        window.validate()?;
        if window.applications.is_empty() && window.namespaces.is_empty() && window.clusters.is_empty() {
            let text =
                format!("window '{kind}':'{schedule}':'{duration}' requires one of application, cluster or namespace");
            return Err(Error::new(ErrorKind::OutOfRange, text));
        }
    }
    Ok(())
}

fn invalid<T>(message: String) -> Result<T> {
    Err(Error::invalid(message))
}

fn exists<T>(message: String) -> Result<T> {
    Err(Error::new(ErrorKind::AlreadyExists, message))
}
