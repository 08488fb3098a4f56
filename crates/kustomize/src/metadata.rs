//! `buildMetadata`: where an object comes from and what changed it, as annotations.

use std::rc::Rc;

use belay_object::Value;

use crate::repository::RepositoryUrl;

pub(crate) const ORIGIN: &str = "config.kubernetes.io/origin";
pub(crate) const TRANSFORMATIONS: &str = "alpha.config.kubernetes.io/transformations";

/// Where something comes from, as an annotation tells it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Trace {
    path: String,
    repo: String,
    reference: String,
    configured_in: String,
    /// apiVersion, kind, name, namespace.
    configured_by: [String; 4],
}

/// What `buildMetadata` puts on an object.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provenance {
    pub(crate) origin: Option<Rc<Trace>>,
    pub(crate) transformations: Vec<Rc<Trace>>,
}

impl Trace {
    /// This place and a path in it, or the repository that the path names.
    pub(crate) fn append(&self, path: &str) -> Trace {
        let mut trace = self.clone();
        let mut path = path.to_owned();
        if let Ok(url) = RepositoryUrl::parse(&path) {
            trace.repo = url.clone_url();
            trace.reference = url.reference;
            trace.path.clear();
            path = url.directory;
        }
        trace.path = clean(&format!("{}/{path}", trace.path));
        trace
    }

    /// A built-in generator or transformer of a kustomization file in this place.
    pub(crate) fn built_in(&self, file: &str, kind: &str) -> Trace {
        let mut trace = self.configured(clean(&format!("{}/{file}", self.path)));
        trace.configured_by = ["builtin".into(), kind.into(), String::new(), String::new()];
        trace
    }

    /// A generator or transformer that is configured by an object from this place.
    pub(crate) fn by_object(&self, id: [String; 4]) -> Trace {
        Trace { configured_by: id, ..self.configured(self.path.clone()) }
    }

    fn configured(&self, configured_in: String) -> Trace {
        Trace { repo: self.repo.clone(), reference: self.reference.clone(), configured_in, ..Trace::default() }
    }

    /// The lines of its YAML, fields in Go's order.
    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = |indent: &str, name: &str, text: &str| {
            if !text.is_empty() {
                lines.push(format!("{indent}{name}: {}", quoted(text)));
            }
        };
        line("", "path", &self.path);
        line("", "repo", &self.repo);
        line("", "ref", &self.reference);
        line("", "configuredIn", &self.configured_in);
        if self.configured_by.iter().any(|part| !part.is_empty()) {
            lines.push("configuredBy:".into());
            let mut line = |name: &str, text: &str| {
                if !text.is_empty() {
                    lines.push(format!("  {name}: {}", quoted(text)));
                }
            };
            for (name, text) in ["apiVersion", "kind", "name", "namespace"].iter().zip(&self.configured_by) {
                line(name, text);
            }
        }
        lines
    }

    pub(crate) fn to_yaml(&self) -> String {
        let lines = self.lines();
        if lines.is_empty() { "{}\n".into() } else { lines.join("\n") + "\n" }
    }
}

/// A list of them.
pub(crate) fn to_yaml_list(traces: &[Rc<Trace>]) -> String {
    traces.iter().map(|trace| format!("- {}\n", trace.lines().join("\n  "))).collect()
}

fn quoted(text: &str) -> String {
    belay_yaml::to_yaml(&Value::from(text)).trim_end_matches('\n').to_owned()
}

/// Cleans a relative path by its text.
pub(crate) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    if parts.is_empty() { ".".into() } else { parts.join("/") }
}
