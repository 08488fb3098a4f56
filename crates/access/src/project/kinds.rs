//! Rules about kinds, in Go's `filepath.Match`.

use crate::glob::Glob;

/// An entry of a list of kinds.
#[derive(Clone, Debug)]
pub struct KindRule {
    text: [String; 3],
    group: Option<Glob>,
    kind: Option<Glob>,
    /// `None` fits every name.
    name: Option<Option<Glob>>,
}

impl KindRule {
    /// Compiles one; a pattern that cannot be read fits nothing. An empty name fits every object.
    pub fn new(group: &str, kind: &str, name: &str) -> KindRule {
        KindRule {
            text: [group.to_owned(), kind.to_owned(), name.to_owned()],
            group: Glob::of_path(group).ok(),
            kind: Glob::of_path(kind).ok(),
            name: (!name.is_empty()).then(|| Glob::of_path(name).ok()),
        }
    }
    /// The pattern of the group.
    pub fn group(&self) -> &str {
        &self.text[0]
    }
    /// The pattern of the kind.
    pub fn kind(&self) -> &str {
        &self.text[1]
    }
    /// The pattern of the name; empty where there is none.
    pub fn name(&self) -> &str {
        &self.text[2]
    }
    /// Whether it fits an object's kind.
    pub fn fits_kind(&self, group: &str, kind: &str) -> bool {
        fits(&self.kind, kind) && fits(&self.group, group)
    }
    /// Whether it fits an object.
    pub fn fits(&self, group: &str, kind: &str, name: &str) -> bool {
        self.fits_kind(group, kind) && self.name.as_ref().is_none_or(|glob| fits(glob, name))
    }
}

fn fits(glob: &Option<Glob>, text: &str) -> bool {
    glob.as_ref().is_some_and(|glob| glob.matches(text))
}
