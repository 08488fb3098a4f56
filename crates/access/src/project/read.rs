//! Reads an AppProject. A field of a wrong type is an error that names it; what a field's text
//! means is judged where it is used.

use belay_object::{Object, Value};

use super::{
    Destination, IntegrityMode, IntegrityPolicy, KindRule, OrphanedResources, OrphanedRule, Project, Role,
    ServiceAccountRule, SourceIntegrity, SourceRepo, Token,
};
use crate::git_url::normalize_git_url;
use crate::glob::{Glob, NameList};
use crate::windows::Window;
use crate::{Error, Result};

impl Project {
    /// Reads a project.
    pub fn read(object: &Object) -> Result<Project> {
        let spec = Field { value: object.get("spec"), path: "spec".to_owned() };
        let status = Field { value: object.get("status"), path: "status".to_owned() };
        let source_namespace_texts = spec.texts("sourceNamespaces")?;
        let (source_namespaces, _) = NameList::new(source_namespace_texts.iter().map(String::as_str));
        let namespaced_allowed = spec.field("namespaceResourceWhitelist");
        Ok(Project {
            name: object.name().to_owned(),
            namespace: object.namespace().to_owned(),
            labels: object.labels().cloned().unwrap_or_default(),
            description: spec.text("description")?,
            source_repos: spec.texts("sourceRepos")?.into_iter().map(SourceRepo::new).collect(),
            destinations: spec.list("destinations", destination)?,
            cluster_allowed: spec.list("clusterResourceWhitelist", kind)?,
            cluster_denied: spec.list("clusterResourceBlacklist", kind)?,
            namespaced_allowed: match namespaced_allowed.value {
                Some(_) => Some(spec.list("namespaceResourceWhitelist", kind)?),
                None => None,
            },
            namespaced_denied: spec.list("namespaceResourceBlacklist", kind)?,
            roles: spec.list("roles", role)?,
            status_tokens: status_tokens(&status)?,
            windows: spec.list("syncWindows", window)?,
            orphaned: orphaned(&spec.field("orphanedResources"))?,
            signature_keys: spec.list("signatureKeys", |key| key.text("keyID"))?,
            source_integrity: integrity(&spec.field("sourceIntegrity"))?,
            source_namespace_texts,
            source_namespaces,
            only_scoped_clusters: spec.flag("permitOnlyProjectScopedClusters")?.unwrap_or(false),
            service_accounts: spec.list("destinationServiceAccounts", service_account)?,
            finalizers: object.finalizers().map(str::to_owned).collect(),
        })
    }
}

/// A value and where it stands, so that an error can say so.
struct Field<'a> {
    value: Option<&'a Value>,
    path: String,
}

impl<'a> Field<'a> {
    /// A field of this; `null` is absent.
    fn field(&self, name: &str) -> Field<'a> {
        let value = self.value.and_then(|v| v.get(name)).filter(|v| !v.is_null());
        Field { value, path: format!("{}.{name}", self.path) }
    }
    fn wrong<T>(&self, wanted: &str) -> Result<T> {
        let found = self.value.map_or("nothing", Value::type_name);
        Err(Error::invalid(format!("{} is {found}; expected {wanted}", self.path)))
    }
    fn text(&self, name: &str) -> Result<String> {
        let field = self.field(name);
        match field.value {
            None => Ok(String::new()),
            Some(Value::Str(text)) => Ok(text.to_string()),
            Some(_) => field.wrong("a string"),
        }
    }
    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let field = self.field(name);
        match field.value {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => field.wrong("true or false"),
        }
    }
    fn number(&self, name: &str) -> Result<i64> {
        let field = self.field(name);
        match field.value {
            None => Ok(0),
            Some(value) => value.as_i64().map_or_else(|| field.wrong("a whole number"), Ok),
        }
    }
    fn list<T>(&self, name: &str, read: impl Fn(&Field<'a>) -> Result<T>) -> Result<Vec<T>> {
        let field = self.field(name);
        match field.value {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                // Compat(argo 3.5): null items are skipped, as nil pointers are there.
                .filter(|(_, item)| !item.is_null())
                .map(|(i, item)| read(&Field { value: Some(item), path: format!("{}[{i}]", field.path) }))
                .collect(),
            Some(_) => field.wrong("a list"),
        }
    }
    fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.list(name, |item| match item.value {
            Some(Value::Str(text)) => Ok(text.to_string()),
            _ => item.wrong("a string"),
        })
    }
}

impl SourceRepo {
    pub(super) fn new(text: String) -> SourceRepo {
        let deny = text.starts_with('!');
        let normal = normalize_git_url(text.strip_prefix('!').unwrap_or(&text));
        // An address that cannot be read is the empty one. Denying, it denies its like; allowing,
        // it allows nothing.
        let glob = Some(normal).filter(|normal| deny || !normal.is_empty());
        let glob = glob.and_then(|normal| match normal.as_str() {
            // Compat(argo 3.5): alone it is every address; elsewhere a star stops at a slash.
            "*" => Glob::new("*").ok(),
            normal => Glob::with_separator(normal, '/').ok(),
        });
        SourceRepo { text, deny, glob }
    }
}

fn destination(field: &Field<'_>) -> Result<Destination> {
    Ok(Destination::new(field.text("server")?, field.text("name")?, field.text("namespace")?))
}

fn kind(field: &Field<'_>) -> Result<KindRule> {
    Ok(KindRule::new(&field.text("group")?, &field.text("kind")?, &field.text("name")?))
}

fn role(field: &Field<'_>) -> Result<Role> {
    Ok(Role {
        name: field.text("name")?,
        description: field.text("description")?,
        policies: field.texts("policies")?,
        groups: field.texts("groups")?,
        tokens: field.list("jwtTokens", token)?,
    })
}

fn token(field: &Field<'_>) -> Result<Token> {
    Ok(Token { issued_at: field.number("iat")?, expires_at: field.number("exp")?, id: field.text("id")? })
}

fn status_tokens(status: &Field<'_>) -> Result<Vec<(String, Vec<Token>)>> {
    let by_role = status.field("jwtTokensByRole");
    let Some(Value::Object(roles)) = by_role.value else { return Ok(Vec::new()) };
    roles.iter().map(|(role, _)| Ok((role.to_string(), by_role.field(role).list("items", token)?))).collect()
}

fn window(field: &Field<'_>) -> Result<Window> {
    Ok(Window {
        kind: field.text("kind")?,
        schedule: field.text("schedule")?,
        duration: field.text("duration")?,
        applications: field.texts("applications")?,
        namespaces: field.texts("namespaces")?,
        clusters: field.texts("clusters")?,
        manual_sync: field.flag("manualSync")?.unwrap_or(false),
        time_zone: field.text("timeZone")?,
        and_operator: field.flag("andOperator")?.unwrap_or(false),
        description: field.text("description")?,
        sync_overrun: field.flag("syncOverrun")?.unwrap_or(false),
    })
}

fn orphaned(field: &Field<'_>) -> Result<Option<OrphanedResources>> {
    if field.value.is_none() {
        return Ok(None);
    }
    let ignore = field.list("ignore", |rule| {
        let glob = |name| Ok(Glob::new(&rule.text(name)?).ok());
        let optional = |name| Ok(Some(rule.text(name)?).filter(|t| !t.is_empty()).map(|t| Glob::new(&t).ok()));
        Ok(OrphanedRule { group: glob("group")?, kind: optional("kind")?, name: optional("name")? })
    })?;
    Ok(Some(OrphanedResources { warn: field.flag("warn")?.unwrap_or(true), ignore }))
}

fn integrity(field: &Field<'_>) -> Result<Option<SourceIntegrity>> {
    if field.value.is_none() {
        return Ok(None);
    }
    let git = field.field("git");
    if git.value.is_none() {
        return Ok(Some(SourceIntegrity::default()));
    }
    let policies = git.list("policies", |policy| {
        let gpg = policy.field("gpg");
        let mode = match gpg.text("mode")?.as_str() {
            "" if gpg.value.is_none() => IntegrityMode::None,
            "none" => IntegrityMode::None,
            "head" => IntegrityMode::Head,
            "strict" => IntegrityMode::Strict,
            _ => return gpg.field("mode").wrong("none, head or strict"),
        };
        let repos = policy.list("repos", |repo| repo.text("url"))?;
        Ok(IntegrityPolicy { repos, mode, keys: gpg.texts("keys")? })
    })?;
    Ok(Some(SourceIntegrity { git: Some(policies) }))
}

fn service_account(field: &Field<'_>) -> Result<ServiceAccountRule> {
    Ok(ServiceAccountRule {
        server: field.text("server")?,
        namespace: field.text("namespace")?,
        account: field.text("defaultServiceAccount")?,
    })
}
