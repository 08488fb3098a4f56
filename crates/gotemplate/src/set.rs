//! [`Set`]: templates by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::parse::Parsed;
use crate::parse::tree::Tree;

/// One compiled template: a name and where its nodes begin in the tree of the text that it was
/// parsed from.
#[derive(Debug)]
pub struct Template {
    pub(crate) name: Box<str>,
    pub(crate) tree: Arc<Tree>,
    pub(crate) root: crate::parse::tree::Nodes,
    /// Whether there is nothing but space and comments.
    pub(crate) empty: bool,
}

impl Template {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Whether there is nothing in it but space and comments.
    pub fn is_empty(&self) -> bool {
        self.empty
    }
}

/// Templates by name. A clone is cheap once nothing is added to the original: what both have in
/// common is shared.
#[derive(Clone, Debug, Default)]
pub struct Set {
    name: Box<str>,
    base: Option<Arc<Layer>>,
    own: HashMap<Box<str>, Arc<Template>>,
}

#[derive(Debug)]
struct Layer {
    base: Option<Arc<Layer>>,
    own: HashMap<Box<str>, Arc<Template>>,
}

impl Set {
    /// The empty set.
    pub fn new() -> Set {
        Set::default()
    }
    /// The empty set with a name, which is that of Go's root template: it appears in the error for a
    /// template that does not exist.
    pub fn named(name: &str) -> Set {
        Set { name: name.into(), ..Set::default() }
    }
    /// The set's name.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// Adds all templates of a parsed text. One of a name that is there replaces it, unless the
    /// new one is empty (Go's rule).
    pub fn add(&mut self, parsed: &Parsed) {
        for template in parsed.templates() {
            if template.empty && self.get(&template.name).is_some() {
                continue;
            }
            self.own.insert(template.name.clone(), Arc::clone(template));
        }
    }
    /// The template of a name.
    pub fn get(&self, name: &str) -> Option<Arc<Template>> {
        if let Some(template) = self.own.get(name) {
            return Some(Arc::clone(template));
        }
        let mut layer = self.base.as_ref();
        while let Some(l) = layer {
            if let Some(template) = l.own.get(name) {
                return Some(Arc::clone(template));
            }
            layer = l.base.as_ref();
        }
        None
    }
    /// Makes further clones cheap: what was added so far is shared by them.
    pub fn freeze(&mut self) {
        if !self.own.is_empty() {
            let own = std::mem::take(&mut self.own);
            self.base = Some(Arc::new(Layer { base: self.base.take(), own }));
        }
    }
}
