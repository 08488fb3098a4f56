//! The build environment, and putting it into texts.

use std::cell::Cell;

use super::{AppContext, SourceFiles};
use crate::spec::Source;

/// The variables of a build.
#[derive(Debug)]
pub struct Environment {
    variables: [(&'static str, String); 9],
    /// Whether what is rendered is remembered under the revision too.
    has_revision: bool,
    used_revision: Cell<bool>,
}

impl Environment {
    pub(super) fn new(source: &Source, files: &SourceFiles, app: &AppContext, has_revision: bool) -> Environment {
        let revision = &files.revision;
        let short = |length: usize| revision.get(..length).unwrap_or(revision).to_owned();
        let variables = [
            ("ARGOCD_APP_NAME", app.instance_name.clone()),
            ("ARGOCD_APP_NAMESPACE", app.destination_namespace.clone()),
            ("ARGOCD_APP_PROJECT_NAME", app.project.clone()),
            ("ARGOCD_APP_REVISION", revision.clone()),
            ("ARGOCD_APP_REVISION_SHORT", short(7)),
            ("ARGOCD_APP_REVISION_SHORT_8", short(8)),
            ("ARGOCD_APP_SOURCE_REPO_URL", files.repo_url.clone()),
            ("ARGOCD_APP_SOURCE_PATH", source.path.clone()),
            ("ARGOCD_APP_SOURCE_TARGET_REVISION", source.target_revision.clone()),
        ];
        Environment { variables, has_revision, used_revision: Cell::new(false) }
    }

    /// Whether the revision went into the render though it is not remembered under it.
    pub(super) fn has_used_unkeyed(&self) -> bool {
        self.used_revision.get() && !self.has_revision
    }

    /// Whether there is a variable of this name.
    pub(super) fn knows(&self, name: &str) -> bool {
        self.variables.iter().any(|(own, _)| *own == name)
    }

    fn value(&self, name: &str) -> &str {
        if name == "$" {
            return "$";
        }
        if name.starts_with("ARGOCD_APP_REVISION") {
            self.used_revision.set(true);
        }
        self.variables.iter().find(|(own, _)| *own == name).map_or("", |(_, value)| value)
    }

    /// Puts variables into a text, as Go's `os.Expand` does: `$NAME`, `${NAME}`; `$$` is `$`; a name
    /// that is none of them is empty.
    pub fn substitute(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if after.is_empty() {
                // A `$` at the very end stays.
                return out + "$";
            }
            let (name, length) = variable(after);
            match (name, length) {
                ("", 0) => out.push('$'),
                // What is no variable (`${}`) goes.
                ("", _) => {}
                (name, _) => out.push_str(self.value(name)),
            }
            rest = &after[length..];
        }
        out + rest
    }
}

/// The name behind a `$`, and how many bytes it takes with its braces.
fn variable(text: &str) -> (&str, usize) {
    let is_special = |b: u8| b.is_ascii_digit() || b"*#$@!?-".contains(&b);
    let bytes = text.as_bytes();
    if bytes[0] == b'{' {
        if bytes.len() > 2 && is_special(bytes[1]) && bytes[2] == b'}' {
            return (&text[1..2], 3);
        }
        return match text.find('}') {
            Some(1) => ("", 2),
            Some(end) => (&text[1..end], end + 1),
            None => ("", 1),
        };
    }
    if is_special(bytes[0]) {
        return (&text[..1], 1);
    }
    let end = bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || *b == b'_')).unwrap_or(bytes.len());
    (&text[..end], end)
}

#[cfg(test)]
mod tests;
