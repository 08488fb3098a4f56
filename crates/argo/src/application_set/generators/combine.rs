//! Generators of generators: a matrix pairs the parameters of two, a merge changes those of one by those of others.

use std::collections::HashMap;

use belay_object::{Map, Value};

use super::{Generating, Level, MAX_PARAMS};
use crate::application_set::params::Params;
use crate::application_set::spec::{MatrixGenerator, MergeGenerator};

impl Generating<'_> {
    pub(super) fn matrix(&self, matrix: &MatrixGenerator, place: &str, inner: Level) -> Result<Vec<Params>, String> {
        let [first, second] = &matrix.generators[..] else {
            return Err(format!("{place}: expected two generators, found {}", matrix.generators.len()));
        };
        let mut all = Vec::new();
        for a in self.inner(first, None, &format!("{place}.generators[0]"), inner)? {
            for b in self.inner(second, Some(&a), &format!("{place}.generators[1]"), inner)? {
                if all.len() >= MAX_PARAMS {
                    return Err(format!("{place} generates more than {MAX_PARAMS} sets of parameters"));
                }
                all.push(match self.templates.is_go() {
                    true => b.overridden(&a),
                    false => a.joined(&b).map_err(|why| format!("{place}: {why}"))?,
                });
            }
        }
        Ok(all)
    }

    pub(super) fn merge(&self, merge: &MergeGenerator, place: &str, inner: Level) -> Result<Vec<Params>, String> {
        if merge.generators.len() < 2 {
            return Err(format!("{place}: expected at least two generators, found {}", merge.generators.len()));
        }
        if merge.merge_keys.is_empty() {
            return Err(format!("{place}.mergeKeys: is required"));
        }
        let mut sets = merge.generators.iter().enumerate().map(|(i, generator)| {
            let place = format!("{place}.generators[{i}]");
            let found = self.inner(generator, None, &place, inner)?;
            keyed(found, &merge.merge_keys).map_err(|why| format!("{place}: {why}"))
        });
        let (mut base, _) = sets.next().ok_or_else(|| format!("{place}: no generators"))??;
        for others in sets {
            let (others, places) = others?;
            for (key, params) in &mut base {
                let Some(by) = places.get(key).map(|at| &others[*at].1) else { continue };
                *params = match self.templates.is_go() {
                    true => std::mem::take(params).overridden(by),
                    false => {
                        by.fields.iter().for_each(|(name, value)| params.set(name, value.clone()));
                        std::mem::take(params)
                    }
                };
            }
        }
        Ok(base.into_iter().map(|(_, params)| params).collect())
    }

    /// The parameters of a generator in another one, which is one alone.
    fn inner(&self, value: &Value, given: Option<&Params>, place: &str, level: Level) -> Result<Vec<Params>, String> {
        let mut all = self.at(value, given, place, &Value::Null, level)?;
        match all.len() {
            1 => Ok(all.remove(0).params),
            found => Err(format!("{place}: expected one generator, found {found}")),
        }
    }
}

/// Parameters in order, each with what its keys are.
type Keyed = Vec<(String, Params)>;

/// Parameters by what their keys are, and where each stands. What has none of them has the key of null.
fn keyed(all: Vec<Params>, keys: &[String]) -> Result<(Keyed, HashMap<String, usize>), String> {
    let (mut keyed, mut places) = (Vec::with_capacity(all.len()), HashMap::new());
    for params in all {
        let value = |key: &String| params.fields.get(key).cloned().unwrap_or_default();
        let key = Value::Object(keys.iter().map(|key| (key.as_str(), value(key))).collect::<Map>()).to_json();
        if places.insert(key.clone(), keyed.len()).is_some() {
            return Err(format!("two sets of parameters are the same by mergeKeys: {key}"));
        }
        keyed.push((key, params));
    }
    Ok((keyed, places))
}
