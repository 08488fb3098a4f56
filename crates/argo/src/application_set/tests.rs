//! What ApplicationSets come to, by input and expected text. Behaviours 26 and 27 of the contract's section 10 are
//! named in [`generating`] and [`rolling`].

mod generating;
mod planning;
mod rolling;
mod telling;
mod templates;

use std::collections::BTreeMap;
use std::sync::Arc;

use belay_object::{Object, Value};
use belay_tree::{MemoryTree, Tree};

use super::ApplicationSet;
use super::generate::{Outcome, applications};
use super::generators::{ClusterParams, Surroundings, Wanted};

pub(super) fn yaml(text: &str) -> Value {
    belay_yaml::parse_value(text, &belay_yaml::Options::v3()).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// An ApplicationSet `set` of `argocd` with this spec.
pub(super) fn set(spec: &str) -> ApplicationSet {
    let mut object = Object::of("argoproj.io/v1alpha1", "ApplicationSet", "argocd", "set");
    object.set(&["metadata", "uid"], "u-1");
    object.set(&["spec"], yaml(spec));
    ApplicationSet::read(&object).unwrap_or_else(|e| panic!("{e}"))
}

/// What tests have outside.
#[derive(Default)]
pub(super) struct Outside {
    pub clusters: Vec<ClusterParams>,
    pub unknown: Option<&'static str>,
    pub files: BTreeMap<Wanted, Arc<dyn Tree>>,
    pub new_globbing: bool,
    pub hidden: bool,
}

impl Outside {
    /// With files of the repository `r` at `HEAD`.
    pub fn with_files(files: &[(&str, &str)]) -> Outside {
        let tree = MemoryTree::from_files(files.iter().copied()).expect("a tree");
        let tree: Arc<dyn Tree> = Arc::new(tree);
        let wanted = Wanted { repo_url: "r".into(), revision: "HEAD".into() };
        Outside { files: [(wanted, tree)].into(), ..Outside::default() }
    }
}

impl Surroundings for Outside {
    fn clusters(&self) -> Result<Vec<ClusterParams>, String> {
        self.unknown.map_or_else(|| Ok(self.clusters.clone()), |why| Err(why.to_owned()))
    }
    fn files(&self, wanted: &Wanted) -> Option<Arc<dyn Tree>> {
        self.files.get(wanted).cloned()
    }
    fn has_new_globbing(&self) -> bool {
        self.new_globbing
    }
    fn shows_hidden_directories(&self) -> bool {
        self.hidden
    }
}

/// What comes of a spec: `name path` of each Application, or the reason and the message.
pub(super) fn told(spec: &str, outside: &Outside) -> String {
    match applications(&set(spec), outside, 0) {
        Outcome::Applications(all) if all.is_empty() => "none".to_owned(),
        Outcome::Applications(all) => {
            let line = |app: &Object| {
                let path = app.str_at(&["spec", "source", "path"]).unwrap_or("-");
                format!("{} {path}", app.name())
            };
            all.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Outcome::Wants(wanted) => {
            let line = |w: &Wanted| format!("wants {} at {}", w.repo_url, w.revision);
            wanted.iter().map(line).collect::<Vec<_>>().join("\n")
        }
        Outcome::Failed(failure) => format!("{}: {}", failure.reason, failure.message),
    }
}

/// Checks what comes of generators, put into a template of a name and a path; `more` is more fields of the spec.
#[track_caller]
pub(super) fn check(outside: &Outside, generators: &str, name: &str, path: &str, more: &str, expected: &str) {
    let comma = if more.is_empty() { "" } else { ", " };
    let spec = format!(
        "{{generators: {generators}, template: {{metadata: {{name: '{name}'}}, spec: {{project: default, \
         source: {{repoURL: r, path: '{path}'}}, destination: {{server: s, namespace: n}}}}}}{comma}{more}}}"
    );
    assert_eq!(told(&spec, outside), expected, "{generators}");
}
