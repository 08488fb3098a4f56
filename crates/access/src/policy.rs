//! Argo CD's role policies as a compiled matcher.
//!
//! A [`PolicySource`] is what `argocd-rbac-cm` says; [`Policy::compile`] reads it, over the policy
//! that is built in, and [`Policy::enforce`] answers who may do what. The rules are Casbin's with
//! Argo CD's model: a request is allowed if a rule of one of the subject's roles allows it and none
//! denies it. A decision looks only at the rules of the subject's own roles.
//!
//! Roles of projects come as [`ProjectPolicy`] with each question. Who the subject is (tokens,
//! claims) is decided elsewhere.

mod builtin;
mod csv;
mod project;
mod rule;

use std::collections::{HashMap, HashSet};

use belay_object::{Map, Object, Value};

use crate::Error;
use rule::{Request, Rules, Verdict};

pub use project::ProjectPolicy;
pub use rule::RESOURCES;

/// How the fields of rules are matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum MatchMode {
    /// gobwas globs in which `*` crosses slashes.
    #[default]
    Glob,
    /// Regular expressions, not anchored.
    Regex,
}

/// What `argocd-rbac-cm` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PolicySource {
    /// The policies in the order in which they are read: name of the key, and its text.
    pub csv: Vec<(String, String)>,
    /// `policy.default`: the role of everybody.
    pub default_role: String,
    /// `policy.matchMode`.
    pub mode: MatchMode,
    /// `scopes`: which claims of a token are groups.
    pub scopes: Vec<String>,
}

impl PolicySource {
    /// Reads the config map; `policy.csv` first, then `policy.<x>.csv` by name. A wrong `scopes`
    /// is a sentence and the default is taken.
    pub fn read(config: Option<&Object>) -> (PolicySource, Vec<String>) {
        let mut source = PolicySource { scopes: vec!["groups".to_owned()], ..PolicySource::default() };
        let mut warnings = Vec::new();
        let data = config.and_then(|c| c.get("data")).and_then(Value::as_object);
        let texts = || data.into_iter().flat_map(Map::iter).filter_map(|(k, v)| Some((k.as_str(), v.as_str()?)));
        for (key, text) in texts() {
            match key {
                "policy.csv" => source.csv.insert(0, (key.to_owned(), text.to_owned())),
                "policy.default" => source.default_role = text.to_owned(),
                "policy.matchMode" if text == "regex" => source.mode = MatchMode::Regex,
                "policy.matchMode" if !matches!(text, "glob" | "") => {
                    warnings.push(format!("policy.matchMode: {text:?} is neither glob nor regex: glob is used"));
                }
                "scopes" => match scopes(text) {
                    Some(scopes) => source.scopes = scopes,
                    None => warnings.push(format!("scopes: {text:?} is no list of names: [groups] is used")),
                },
                key if key.starts_with("policy.") && key.ends_with(".csv") => {
                    source.csv.push((key.to_owned(), text.to_owned()));
                }
                _ => {}
            }
        }
        (source, warnings)
    }
}

/// `[groups, email]`: a flow list, the only form that anybody writes; quotes are allowed.
fn scopes(text: &str) -> Option<Vec<String>> {
    let text = text.trim();
    if text.is_empty() {
        return Some(vec!["groups".to_owned()]);
    }
    let entry = |entry: &str| {
        let entry = entry.trim();
        let bare = |q: char| entry.strip_prefix(q).and_then(|e| e.strip_suffix(q));
        bare('"').or_else(|| bare('\'')).unwrap_or(entry).to_owned()
    };
    if let Some(inner) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
        return Some(inner.split(',').map(entry).filter(|e| !e.is_empty()).collect());
    }
    let lines: Option<Vec<_>> = text.lines().map(|line| line.trim().strip_prefix("- ").map(entry)).collect();
    lines.filter(|l| !l.is_empty())
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Subject {
    /// The user's name, `proj:<project>:<role>` of a project's token, or empty for nobody.
    pub name: String,
    /// The values of the claims that are groups.
    pub groups: Vec<String>,
}

impl Subject {
    /// A subject of no group.
    pub fn named(name: &str) -> Subject {
        Subject { name: name.to_owned(), groups: Vec::new() }
    }
}

/// The project and the role of a project token's subject, `proj:<project>:<role>`.
pub fn project_role(subject: &str) -> Option<(&str, &str)> {
    let (project, role) = subject.strip_prefix("proj:")?.split_once(':')?;
    (!role.contains(':')).then_some((project, role))
}

/// The project whose roles have a say in a request; `None` where no project has.
pub fn project_of<'a>(resource: &str, object: &'a str) -> Option<&'a str> {
    match resource {
        "applications" | "applicationsets" | "repositories" | "clusters" | "logs" | "exec" => {
            object.split_once('/').map(|(project, _)| project)
        }
        "projects" => Some(object),
        _ => None,
    }
}

/// What a request that is refused is answered with. Compat(argo 3.5)
pub fn denied(resource: &str, action: &str, object: &str, subject: &str, issued_at: Option<&str>) -> String {
    let mut text = format!("permission denied: {resource}, {action}, {object}");
    if !subject.is_empty() {
        text.push_str(&format!(", sub: {subject}"));
    }
    if let Some(time) = issued_at {
        text.push_str(&format!(", iat: {time}"));
    }
    text
}

/// Rules by role, and who has which role.
#[derive(Clone, Debug, Default)]
struct Book {
    rules: HashMap<Box<str>, Rules>,
    roles: HashMap<Box<str>, Vec<Box<str>>>,
}

impl Book {
    /// Whether it speaks of a group: gives it a role, or has rules for it. Rules of roles are for
    /// those who were given the role, not for a claim of the same name.
    fn names(&self, group: &str) -> bool {
        let is_role = group.starts_with("role:") || group.starts_with("proj:");
        self.roles.contains_key(group) || (!is_role && self.rules.contains_key(group))
    }
}

/// A compiled policy. It is a value: where a new text cannot be read, the one before stays in use.
#[derive(Clone, Debug)]
pub struct Policy {
    book: Book,
    default_role: Box<str>,
    mode: MatchMode,
    scopes: Vec<String>,
}

/// How many steps of role inheritance are followed. Compat(argo 3.5): Casbin's default.
const MAX_STEPS: usize = 10;

impl Policy {
    /// Reads a policy over the one that is built in. A line that cannot be read is an error that
    /// names its key and number; the sentences tell of lines that can never have an effect.
    pub fn compile(source: &PolicySource) -> Result<(Policy, Vec<String>), Error> {
        let mut book = Book::default();
        let mut warnings = Vec::new();
        // The built-in rules are written as globs and stay globs under `policy.matchMode: regex`:
        // read as expressions they are errors, and the reference then refuses its own admin.
        csv::load(builtin::POLICY, "built-in policy", MatchMode::Glob, &mut book, &mut warnings)?;
        for (key, text) in &source.csv {
            csv::load(text, key, source.mode, &mut book, &mut warnings)?;
        }
        missing_roles(&book, &mut warnings);
        let default_role = source.default_role.as_str().into();
        Ok((Policy { book, default_role, mode: source.mode, scopes: source.scopes.clone() }, warnings))
    }

    /// The policy that is built in, alone.
    pub fn builtin() -> Policy {
        let source = PolicySource { scopes: vec!["groups".to_owned()], ..PolicySource::default() };
        let (policy, _) = Policy::compile(&source).expect("the built-in policy is well-formed, as a test shows");
        policy
    }

    /// How the fields of rules are matched.
    pub fn mode(&self) -> MatchMode {
        self.mode
    }
    /// Which claims of a token are groups.
    pub fn scopes(&self) -> &[String] {
        &self.scopes
    }
    /// The role of everybody; empty for none.
    pub fn default_role(&self) -> &str {
        &self.default_role
    }

    /// Whether the subject may do it. `project` is the policy of the project that [`project_of`]
    /// names; one of another project is ignored.
    ///
    /// Compat(argo 3.5): the default role is asked first and alone, so what it allows nothing can
    /// deny; then the subject, then those of its groups that the policy mentions, each alone: a
    /// rule that denies one of them does not reach what another one is allowed.
    pub fn enforce(
        &self,
        subject: &Subject,
        resource: &str,
        action: &str,
        object: &str,
        project: Option<&ProjectPolicy>,
    ) -> bool {
        let request = Request::new(resource, action, object);
        let default_role = Some(&*self.default_role).filter(|role| !role.is_empty());
        if default_role.is_some_and(|role| self.decide(role, &request, None)) {
            return true;
        }
        let project = project.filter(|p| project_of(resource, object) == Some(p.project()));
        let by_role = default_role.is_some_and(|role| project.is_some() && self.decide(role, &request, project));
        if by_role || self.subject_may(subject, &request, project) {
            return true;
        }
        // A rule whose subject is empty is for everybody.
        self.decide("", &request, None)
    }

    fn subject_may(&self, subject: &Subject, request: &Request<'_>, project: Option<&ProjectPolicy>) -> bool {
        if let (Some(project), Some((own, _))) = (project, project_role(&subject.name)) {
            // A project's token reaches no other project, whatever the policy says.
            return own == project.project() && self.decide(&subject.name, request, Some(project));
        }
        let mentioned = |group: &str| self.book.names(group) || project.is_some_and(|p| p.book().names(group));
        self.decide(&subject.name, request, project)
            || subject.groups.iter().any(|group| mentioned(group) && self.decide(group, request, project))
    }

    /// Casbin's decision for one name.
    fn decide(&self, name: &str, request: &Request<'_>, project: Option<&ProjectPolicy>) -> bool {
        let mut allowed = false;
        for role in self.roles(name, project) {
            for book in std::iter::once(&self.book).chain(project.map(ProjectPolicy::book)) {
                let Some(rules) = book.rules.get(role) else { continue };
                match rules.judge(request) {
                    Verdict::Denied => return false,
                    Verdict::Allowed => allowed = true,
                    Verdict::Silent => {}
                }
            }
        }
        allowed
    }

    /// A name and the roles that it has, directly or through others.
    fn roles<'a>(&'a self, name: &'a str, project: Option<&'a ProjectPolicy>) -> Vec<&'a str> {
        let given = |name: &str| {
            let own = self.book.roles.get(name);
            own.into_iter().chain(project.and_then(|p| p.book().roles.get(name))).flatten()
        };
        let mut all = vec![name];
        if given(name).next().is_none() {
            return all;
        }
        let (mut seen, mut from) = (HashSet::from([name]), 0);
        for _ in 0..MAX_STEPS {
            let to = all.len();
            for i in from..to {
                let more: Vec<&str> = given(all[i]).map(|role| &**role).filter(|role| seen.insert(role)).collect();
                all.extend(more);
            }
            if all.len() == to {
                break;
            }
            from = to;
        }
        all
    }
}

/// Roles that are given and have no rule: a spelling mistake, most often.
fn missing_roles(book: &Book, warnings: &mut Vec<String>) {
    let given: HashSet<&str> = book.roles.values().flatten().map(|role| &**role).collect();
    let mut missing: Vec<&str> = given
        .into_iter()
        .filter(|role| role.starts_with("role:") && !book.rules.contains_key(*role) && !book.roles.contains_key(*role))
        .collect();
    missing.sort_unstable();
    if !missing.is_empty() {
        warnings.push(format!("user defined roles not found in policies: {}", missing.join(",")));
    }
}

#[cfg(test)]
mod tests;
