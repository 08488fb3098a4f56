//! `allOf`, `anyOf`, `oneOf` and `not`.

use belay_object::Value;

use super::Walk;
use crate::error::{FieldError, quoted};
use crate::node::{Rules, Schema};

impl Walk {
    pub(super) fn junctors(&mut self, value: &Value, rules: &Rules, path: &str) {
        if !rules.any_of.is_empty() {
            match branches(value, &rules.any_of, path) {
                (0, best) => {
                    self.composite(format!("{} must validate at least one schema (anyOf)", quoted(path)));
                    self.errors.extend(best);
                }
                (_, _) => self.matched += 1,
            }
        }
        if !rules.one_of.is_empty() {
            let (count, best) = branches(value, &rules.one_of, path);
            if count == 1 {
                self.matched += 1;
            } else {
                let found =
                    if count == 0 { "Found none valid".into() } else { format!("Found {count} valid alternatives") };
                self.composite(format!("{} must validate one and only one schema (oneOf). {found}", quoted(path)));
                self.errors.extend(best);
            }
        }
        if !rules.all_of.is_empty() {
            let mut held = 0;
            for branch in &rules.all_of {
                let walk = run(value, branch, path);
                held += usize::from(walk.errors.is_empty());
                self.errors.extend(walk.errors);
            }
            if held != rules.all_of.len() {
                let none = if held == 0 { ". None validated" } else { "" };
                self.composite(format!("{} must validate all the schemas (allOf){none}", quoted(path)));
            }
        }
        if let Some(not) = &rules.not
            && run(value, not, path).errors.is_empty()
        {
            self.composite(format!("{} must not validate the schema (not)", quoted(path)));
        }
    }

    /// An error of several schemas at once: it names the place in its text alone.
    fn composite(&mut self, text: String) {
        self.fail(FieldError::invalid("<nil>", "", text));
    }
}

fn run(value: &Value, branch: &Schema, path: &str) -> Walk {
    let mut walk = Walk::default();
    walk.node(value, None, branch, path);
    walk
}

/// How many branches hold; where none does, the errors of the one that held most.
fn branches(value: &Value, branches: &[Schema], path: &str) -> (usize, Vec<FieldError>) {
    let mut held = 0;
    let mut best: Option<Walk> = None;
    for branch in branches {
        let walk = run(value, branch, path);
        if walk.errors.is_empty() {
            held += 1;
        } else if best.as_ref().is_none_or(|b| walk.matched > b.matched) {
            best = Some(walk);
        }
    }
    (held, if held == 0 { best.map(|b| b.errors).unwrap_or_default() } else { Vec::new() })
}
