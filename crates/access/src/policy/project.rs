//! The rules of a project's roles, which have a say in requests about that project alone.

use super::csv::{Record, add, give, record};
use super::rule::Rule;
use super::{Book, MatchMode};
use crate::project::{Role, check_policy};

/// A project's roles, compiled.
///
/// *Invariant*: its rules are of subjects `proj:<project>:<role>` and it gives only such roles, so
/// that who may change a project can give no rights outside of it.
#[derive(Clone, Debug)]
pub struct ProjectPolicy {
    project: Box<str>,
    book: Book,
}

impl ProjectPolicy {
    /// Compiles the roles of a project. A rule that is not the role's own is left out, with a
    /// sentence; a line that is no record at all leaves the project without roles.
    /// Compat(argo 3.5): so it is there, too.
    pub fn compile(project: &str, roles: &[Role], mode: MatchMode) -> (ProjectPolicy, Vec<String>) {
        let mut warnings = Vec::new();
        let mut book = Book::default();
        for role in roles {
            if let Err(why) = load(project, role, mode, &mut book, &mut warnings) {
                warnings.push(format!("project '{project}': none of its roles is in force: {why}"));
                book = Book::default();
                break;
            }
        }
        (ProjectPolicy { project: project.into(), book }, warnings)
    }

    /// The project's name.
    pub fn project(&self) -> &str {
        &self.project
    }

    pub(super) fn book(&self) -> &Book {
        &self.book
    }
}

fn load(
    project: &str,
    role: &Role,
    mode: MatchMode,
    book: &mut Book,
    warnings: &mut Vec<String>,
) -> Result<(), String> {
    let subject = format!("proj:{project}:{}", role.name);
    // Every role may see its own project. The name is compared, not matched.
    let (own, _) = Rule::new(MatchMode::Glob, "projects", "get", &escaped(project), "allow");
    if let Some(own) = own {
        add(book, &subject, own);
    }
    for policy in &role.policies {
        let Record::Rule([_, resource, action, object, effect]) = record(policy)? else {
            if !policy.trim().is_empty() {
                warnings.push(format!("project '{project}' role '{}': {policy:?} is no p line", role.name));
            }
            continue;
        };
        if let Err(why) = check_policy(project, &role.name, policy) {
            warnings.push(format!("project '{project}' role '{}': {why}", role.name));
            continue;
        }
        let (rule, broken) = Rule::new(mode, &resource, &action, &object, &effect);
        warnings.extend(broken.into_iter().map(|why| format!("project '{project}' role '{}': {why}", role.name)));
        if let Some(rule) = rule {
            add(book, &subject, rule);
        }
    }
    for group in &role.groups {
        // As a record, since a group's name may be quoted there.
        match record(&format!("g, {}, {subject}", group.replace(['\n', '\r'], " ")))? {
            Record::Role { member, role } if role == subject => give(book, &member, &role),
            _ => return Err(format!("group {group:?} cannot be read")),
        }
    }
    Ok(())
}

fn escaped(name: &str) -> String {
    name.chars().flat_map(|c| ["*?[]{}\\,".contains(c).then_some('\\'), Some(c)].into_iter().flatten()).collect()
}
