//! The resources of a kustomization in order, found by any name that they have or had.

use std::collections::HashMap;
use std::ops::Index;

use crate::error::{Error, Result};
use crate::id::Id;
use crate::resource::Resource;
use crate::suggest::nearest;

/// Resources in order.
///
/// *Invariant*: `names` holds, for each name that a resource has or had, its position. It may hold
/// more (names are never taken out), so what it gives is checked against the resource.
#[derive(Clone, Debug, Default)]
pub(crate) struct Resources {
    list: Vec<Resource>,
    names: HashMap<Box<str>, Vec<usize>>,
}

impl Index<usize> for Resources {
    type Output = Resource;
    fn index(&self, i: usize) -> &Resource {
        &self.list[i]
    }
}

impl Resources {
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Resource> {
        self.list.iter()
    }
    /// The resource at a position, to change; [`Resources::renamed`] must be called if its name
    /// may have changed.
    pub(crate) fn get_mut(&mut self, i: usize) -> &mut Resource {
        &mut self.list[i]
    }
    pub(crate) fn into_vec(self) -> Vec<Resource> {
        self.list
    }

    /// Notes the names of the resource at a position.
    pub(crate) fn renamed(&mut self, i: usize) {
        let resource = &self.list[i];
        note(&mut self.names, i, &resource.name());
        for previous in &resource.previous {
            note(&mut self.names, i, &previous.name);
        }
    }

    /// The positions of resources that have or had a name, in order.
    pub(crate) fn named(&self, name: &str) -> &[usize] {
        self.names.get(name).map_or(&[], Vec::as_slice)
    }

    /// The positions of resources that are called so.
    pub(crate) fn with_current(&self, id: &Id) -> impl Iterator<Item = usize> {
        self.named(&id.name).iter().copied().filter(|&i| self.list[i].is_called(id))
    }

    /// The positions of resources that are or were called by a name and fit.
    pub(crate) fn with_any(&self, name: &str, fits: impl Fn(&Id) -> bool) -> Vec<usize> {
        let any = |resource: &Resource| {
            !resource.is_empty() && (fits(&resource.id()) || resource.previous_ids().any(|id| fits(&id)))
        };
        self.named(name).iter().copied().filter(|&i| any(&self.list[i])).collect()
    }

    /// The one resource that is or was called so.
    pub(crate) fn one_with_any(&self, id: &Id) -> Result<usize> {
        let problem = match self.with_any(&id.name, |other| other.equals(id)).as_slice() {
            [one] => return Ok(*one),
            [] => "no matches",
            _ => "multiple matches",
        };
        Err(Error::transform(format!("{problem} for Id {id}; failed to find unique target for patch {id}")))
    }

    /// Appends a resource whose id must be new.
    pub(crate) fn append(&mut self, resource: Resource) -> Result<()> {
        let id = resource.id();
        if let Some(i) = self.with_current(&id).next() {
            let mut error = Error::resource(format!("may not add resource with an already registered id: {id}"));
            if let Some(origin) = &resource.origin {
                error = error.at(&origin.path, (origin.line > 0).then_some(origin.line));
            }
            if let Some(first) = &self.list[i].origin {
                error = error
                    .hint_at("the first one stands in", &first.path, (first.line > 0).then_some(first.line))
                    .hint("drop one of them, or give it another name or namespace");
            }
            return Err(error);
        }
        self.push(resource);
        Ok(())
    }

    /// Appends a resource whatever its id.
    pub(crate) fn push(&mut self, resource: Resource) {
        self.list.push(resource);
        self.renamed(self.list.len() - 1);
    }

    pub(crate) fn append_all(&mut self, resources: impl IntoIterator<Item = Resource>) -> Result<()> {
        resources.into_iter().try_for_each(|resource| self.append(resource))
    }

    /// Puts a resource in the place of another.
    pub(crate) fn replace(&mut self, i: usize, resource: Resource) {
        self.list[i] = resource;
        self.renamed(i);
    }

    /// Keeps the resources that fit; positions change.
    pub(crate) fn retain(&mut self, keep: impl Fn(&Resource) -> bool) {
        if self.list.iter().all(&keep) {
            return;
        }
        self.list.retain(keep);
        self.names.clear();
        (0..self.list.len()).for_each(|i| self.renamed(i));
    }

    /// What somebody may have meant who named a resource that there is not.
    pub(crate) fn similar(&self, id: &Id) -> String {
        let of_kind = || self.list.iter().filter(|resource| resource.kind() == *id.gvk.kind);
        let names: Vec<String> = of_kind().map(|resource| resource.name().into_owned()).collect();
        match nearest(&id.name, names.iter().map(String::as_str)) {
            Some(name) => format!("did you mean the {} {name}?", id.gvk.kind),
            None if names.is_empty() => format!("there is no {} here at all", id.gvk.kind),
            None => format!("of kind {} there is {}", id.gvk.kind, few(&names)),
        }
    }

    /// Says which resource a mistake was found in.
    pub(crate) fn blame(&self, i: usize, error: Error) -> Error {
        let resource = &self.list[i];
        let named = format!("the object is {} {}", resource.kind(), resource.name());
        match &resource.origin {
            Some(origin) => {
                error.hint_at(format!("{named} of"), &origin.path, (origin.line > 0).then_some(origin.line))
            }
            None => error.hint(named),
        }
    }

    /// Whether the resource at a position is alone with its id.
    pub(crate) fn is_alone(&self, i: usize) -> bool {
        let id = self.list[i].id();
        self.with_current(&id).all(|other| other == i)
    }
}

/// Some of many names.
fn few(names: &[String]) -> String {
    match names {
        [a, b, c, _, ..] => format!("{a}, {b}, {c} and {} more", names.len() - 3),
        names => names.join(", "),
    }
}

/// Notes a position under a name, in order, once.
fn note(names: &mut HashMap<Box<str>, Vec<usize>>, i: usize, name: &str) {
    match names.get_mut(name) {
        Some(places) => {
            if let Err(at) = places.binary_search(&i) {
                places.insert(at, i);
            }
        }
        None => {
            names.insert(name.into(), vec![i]);
        }
    }
}
