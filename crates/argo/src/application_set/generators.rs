//! Generators: from what an ApplicationSet says and what there is to sets of parameters.
//!
//! What is not here yet (files of a repository) is written down as wanted: whoever asked fetches it and asks again.
//! A matrix wants files by the parameters of its first generator, so that this may happen a few times over.

mod clusters;
mod combine;
mod git;
pub mod globs;
mod list;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use belay_object::{LabelSelector, Value};
use belay_tree::Tree;

use super::params::{Params, filled};
use super::spec::Generator;
use super::templates::Templates;

pub use clusters::ClusterParams;

/// The most sets of parameters of one ApplicationSet. Some 10 KiB each, Application included: 200 MiB while it is
/// worked on.
pub const MAX_PARAMS: usize = 20_000;

/// Files that are wanted: of a repository at a revision.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    /// The repository.
    pub repo_url: String,
    /// The revision as it is named.
    pub revision: String,
}

/// What there is outside.
pub trait Surroundings {
    /// The clusters that secrets describe. The error says why they are not known.
    fn clusters(&self) -> Result<Vec<ClusterParams>, String>;
    /// Files; `None` where they are not here yet.
    fn files(&self, wanted: &Wanted) -> Option<Arc<dyn Tree>>;
    /// Whether `*` in paths of files stops at `/`.
    fn has_new_globbing(&self) -> bool {
        false
    }
    /// Whether directories whose names begin with a dot count.
    fn shows_hidden_directories(&self) -> bool {
        false
    }
}

/// How often generators want to be looked at, in seconds: the shortest of them; `None` where none does by itself.
/// `default_s` is for repositories that do not say.
pub fn requeue_after_s(generators: &[Value], default_s: u64) -> Option<u64> {
    fn shortest(generators: &[Value], default_s: u64, depth: usize) -> Option<u64> {
        let each = generators.iter().filter_map(|generator| {
            let of_git = generator.get("git").filter(|git| !git.is_null()).map(|git| {
                let own = git.get("requeueAfterSeconds").filter(|own| !own.is_null());
                own.map_or(default_s, |own| u64::try_from(own.as_i64().unwrap_or(0)).unwrap_or(0))
            });
            let inner = ["matrix", "merge"].into_iter().filter_map(|name| {
                let inner = generator.at(&[name, "generators"]).map_or(&[][..], Value::items);
                (depth < 3).then(|| shortest(inner, default_s, depth + 1)).flatten()
            });
            of_git.into_iter().chain(inner).filter(|seconds| *seconds > 0).min()
        });
        each.min()
    }
    shortest(generators, default_s, 0)
}

/// Sets of parameters, and the template that they are put into.
pub struct Generated {
    /// One each Application.
    pub params: Vec<Params>,
    /// The template of the ApplicationSet, changed by that of the generator.
    pub template: Value,
}

/// At work on the generators of one ApplicationSet.
pub struct Generating<'a> {
    surroundings: &'a dyn Surroundings,
    templates: &'a Templates,
    wanted: RefCell<BTreeSet<Wanted>>,
}

/// Where a generator stands: what may be in it.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    /// Whatever there is.
    Top,
    /// In a matrix or merge: one more of those, and one generator alone.
    Nested,
    /// In one that is in one.
    Innermost,
}

impl<'a> Generating<'a> {
    /// Begins.
    pub fn new(surroundings: &'a dyn Surroundings, templates: &'a Templates) -> Generating<'a> {
        Generating { surroundings, templates, wanted: RefCell::default() }
    }
    /// What was not here. Where there is any, what was generated counts for nothing, errors included.
    pub fn wanted(self) -> Vec<Wanted> {
        self.wanted.into_inner().into_iter().collect()
    }
    /// The parameters of one generator of the spec, `place`.
    pub fn generate(&self, value: &Value, place: &str, template: &Value) -> Result<Vec<Generated>, String> {
        self.at(value, None, place, template, Level::Top)
    }

    /// The same of a generator anywhere. `given` are the parameters that are put into it before it is read.
    fn at(
        &self,
        value: &Value,
        given: Option<&Params>,
        place: &str,
        template: &Value,
        level: Level,
    ) -> Result<Vec<Generated>, String> {
        let as_written = read(value, place)?;
        let selector = selector(&as_written.selector).map_err(|why| format!("{place}.selector: {why}"))?;
        let filled_in;
        let generator = match given.filter(|given| !given.is_empty()) {
            None => as_written,
            Some(given) => {
                let with = self.templates.with(given);
                filled_in = with.generator(value).map_err(|why| format!("{place}: {why}"))?;
                read(&filled_in, place)?
            }
        };
        let mut all = self.each(&generator, place, level)?;
        for (params, own) in &mut all {
            if let Some(selector) = &selector {
                params.retain(|params| selector.matches(Some(&params.flat())));
            }
            *own = if own.is_null() { template.clone() } else { filled(own, template) };
        }
        Ok(all.into_iter().map(|(params, template)| Generated { params, template }).collect())
    }

    /// The parameters of each kind of generator that stands in one, with their templates.
    fn each(&self, generator: &Generator, place: &str, level: Level) -> Result<Vec<(Vec<Params>, Value)>, String> {
        if let Some(name) = generator.unbuilt() {
            return Err(format!("{place}: the generator {name} is not supported by this version"));
        }
        let told =
            |name: &str, found: Result<Vec<Params>, String>| found.map_err(|why| format!("{place}.{name}: {why}"));
        let mut all = Vec::new();
        if let Some(list) = &generator.list {
            all.push((told("list", list::params(list, self.templates.is_go()))?, list.template.clone()));
        }
        if let Some(clusters) = &generator.clusters {
            all.push((told("clusters", self.clusters(clusters))?, clusters.template.clone()));
        }
        if let Some(git) = &generator.git {
            all.push((told("git", self.git(git))?, git.template.clone()));
        }
        let inner = match level {
            Level::Top => Some(Level::Nested),
            Level::Nested => Some(Level::Innermost),
            Level::Innermost => None,
        };
        let too_deep = || format!("{place}: a matrix or merge stands in at most one other");
        if let Some(matrix) = &generator.matrix {
            let found = self.matrix(matrix, &format!("{place}.matrix"), inner.ok_or_else(too_deep)?)?;
            all.push((found, matrix.template.clone()));
        }
        if let Some(merge) = &generator.merge {
            let found = self.merge(merge, &format!("{place}.merge"), inner.ok_or_else(too_deep)?)?;
            all.push((found, merge.template.clone()));
        }
        // What nobody knows is no generator of nothing: that would delete all Applications.
        if all.is_empty() {
            return Err(format!("{place} holds no generator that is known"));
        }
        if all.iter().map(|(params, _)| params.len()).sum::<usize>() > MAX_PARAMS {
            return Err(format!("{place} generates more than {MAX_PARAMS} sets of parameters"));
        }
        Ok(all)
    }

    /// Puts `values` in: each may hold parameters, and none another one of them.
    fn with_values<'v>(
        &self,
        params: &mut Params,
        values: impl IntoIterator<Item = (&'v String, &'v String)>,
    ) -> Result<(), String> {
        let with = self.templates.with(params);
        let filled: Result<Vec<(&String, String)>, String> =
            values.into_iter().map(|(name, text)| Ok((name, with.text(text)?))).collect();
        let filled = filled.map_err(|why| format!("values: {why}"))?;
        drop(with);
        if filled.is_empty() {
            return Ok(());
        }
        if self.templates.is_go() {
            params.set(
                "values",
                filled.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<belay_object::Map>(),
            );
            params.of_texts(&["values"]);
        } else {
            filled.iter().for_each(|(name, text)| params.set(&format!("values.{name}"), text.as_str()));
        }
        Ok(())
    }
}

fn read(value: &Value, place: &str) -> Result<Generator, String> {
    Generator::at(value, place).map_err(|error| error.to_string())
}

/// A selector over parameters; `None` where all are taken. Compat(argo-cd 3.5): values may be anything, addresses
/// among them.
fn selector(value: &Value) -> Result<Option<LabelSelector>, String> {
    match value {
        Value::Null => Ok(None),
        value => LabelSelector::from_value(value).map(Some).map_err(|error| error.to_string()),
    }
}
