//! Which Application is of which step.

use std::collections::{BTreeMap, BTreeSet};

use belay_object::Object;

use super::issues::Issues;
use crate::application_set::spec::{MatchExpression, Step};
use crate::application_set::status::{RolloutCode, RolloutStatus};

/// Applications by step and steps by Application.
pub(super) struct Steps {
    by_step: Vec<Vec<String>>,
    by_name: BTreeMap<String, usize>,
}

impl Steps {
    /// Finds the step of each Application by its labels: the first that takes it.
    pub fn find(steps: &[Step], apps: &[Object], issues: &mut Issues) -> Steps {
        let mut found = Steps { by_step: vec![Vec::new(); steps.len()], by_name: BTreeMap::new() };
        for app in apps {
            for (i, step) in steps.iter().enumerate() {
                if !step.match_expressions.iter().all(|expression| holds(app, i, expression, issues)) {
                    continue;
                }
                found.by_step[i].push(app.name().to_owned());
                match found.by_name.get(app.name()) {
                    Some(first) => issues.twice(app.name(), *first, i),
                    None => drop(found.by_name.insert(app.name().to_owned(), i)),
                }
            }
        }
        issues.empty = (0..steps.len()).filter(|i| found.by_step[*i].is_empty()).collect();
        found
    }
    /// The step of an Application, from 0.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }
    /// The step of an Application as it is told: from 1, -1 for none.
    pub fn of(&self, name: &str) -> String {
        self.index(name).map_or_else(|| "-1".to_owned(), |i| (i + 1).to_string())
    }
    /// The Applications whose step is open: all of a step are there and healthy before the next one opens.
    pub fn open(&self, statuses: &[RolloutStatus]) -> BTreeSet<&str> {
        let healthy: BTreeSet<&str> = statuses
            .iter()
            .filter(|status| status.status == RolloutCode::Healthy)
            .map(|status| status.application.as_str())
            .collect();
        let mut open = BTreeSet::new();
        for names in &self.by_step {
            open.extend(names.iter().map(String::as_str));
            if !names.iter().all(|name| healthy.contains(name.as_str())) {
                break;
            }
        }
        open
    }
}

/// Whether a condition holds. Compat(argo-cd 3.5): without the label only `In` does not.
fn holds(app: &Object, step: usize, expression: &MatchExpression, issues: &mut Issues) -> bool {
    let Some(label) = app.label(&expression.key) else { return expression.operator != "In" };
    let is_among = expression.values.iter().any(|value| value == label);
    match expression.operator.as_str() {
        "In" => is_among,
        "NotIn" => !is_among,
        other => {
            issues.unknown_operator(step, other);
            false
        }
    }
}
