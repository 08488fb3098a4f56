//! What is wrong with steps. Compat(argo-cd 3.6): the sentences, of which the first is told.

use std::collections::BTreeMap;

use belay_object::Value;

/// What is wrong; steps from 0.
#[derive(Default)]
pub(super) struct Issues {
    operators: Vec<(usize, String)>,
    /// By Application, all steps that take it.
    twice: BTreeMap<String, Vec<usize>>,
    limits: Vec<(usize, String)>,
    /// Steps that no Application is of.
    pub empty: Vec<usize>,
}

impl Issues {
    pub fn unknown_operator(&mut self, step: usize, operator: &str) {
        let issue = (step, operator.to_owned());
        if !self.operators.contains(&issue) {
            self.operators.push(issue);
        }
    }
    pub fn twice(&mut self, name: &str, first: usize, also: usize) {
        self.twice.entry(name.to_owned()).or_insert_with(|| vec![first]).push(also);
    }
    /// How many of so many may be on their way; `None` for all. Shares are rounded down, but not to nothing.
    pub fn max_update(&mut self, step: usize, limit: &Value, total: usize) -> Option<usize> {
        match limit {
            Value::Null => None,
            Value::Int(number) => Some(usize::try_from(*number).unwrap_or(0)),
            Value::Str(text) if &**text == "0%" => Some(0),
            Value::Str(text) => {
                let percent = text.strip_suffix('%').and_then(|number| number.parse::<usize>().ok());
                if percent.is_none() {
                    self.wrong_limit(step, text);
                }
                Some((percent.unwrap_or(0).saturating_mul(total) / 100).max(1))
            }
            other => {
                self.wrong_limit(step, &other.to_json());
                Some(1)
            }
        }
    }
    fn wrong_limit(&mut self, step: usize, text: &str) {
        if self.limits.iter().all(|(known, _)| *known != step) {
            self.limits.push((step, text.to_owned()));
        }
    }

    /// What is told; `None` where nothing is wrong.
    pub fn message(&self) -> Option<String> {
        let numbers = |all: &[(usize, String)]| joined(all.iter().map(|(step, _)| (step + 1).to_string()));
        let texts = |all: &[(usize, String)]| joined(all.iter().map(|(_, text)| text.clone()));
        if !self.operators.is_empty() {
            let (steps, found) = (numbers(&self.operators), texts(&self.operators));
            let supported = "Supported Operators are 'In' and 'NotIn'";
            return Some(match self.operators.len() {
                1 => format!("Step {steps} has invalid matchExpression operators: {found}. {supported}"),
                _ => format!("Steps {steps} have invalid matchExpression operators: {found}. {supported}"),
            });
        }
        if !self.twice.is_empty() {
            let steps = |all: &Vec<usize>| all.iter().map(|step| (step + 1).to_string()).collect::<Vec<_>>().join("-");
            let names: Vec<&str> = self.twice.keys().map(String::as_str).collect();
            let places: Vec<String> = self.twice.values().map(steps).collect();
            return Some(match names[..] {
                [name] => format!("Application '{name}' is selected by multiple steps: ({})", places.join(", ")),
                _ => format!(
                    "Applications '{}' are selected by multiple steps: [({})]",
                    names.join("', '"),
                    places.join("), (")
                ),
            });
        }
        if !self.limits.is_empty() {
            let (steps, found) = (numbers(&self.limits), texts(&self.limits));
            return Some(match self.limits.len() {
                1 => format!("Step {steps} has an invalid maxUpdate value: {found}"),
                _ => format!("Steps {steps} have invalid maxUpdate values: [{found}]"),
            });
        }
        if !self.empty.is_empty() {
            let steps: Vec<String> = self.empty.iter().map(|step| (step + 1).to_string()).collect();
            return Some(format!("Steps [{}] have no applications matching their criteria", steps.join(" ")));
        }
        None
    }
}

fn joined(all: impl Iterator<Item = String>) -> String {
    all.collect::<Vec<_>>().join(", ")
}
