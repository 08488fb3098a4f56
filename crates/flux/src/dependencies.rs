//! Whether what a Kustomization depends on is ready.
//!
//! Compat(flux 2.9): an expression replaces the built-in check. The built-in check wants the
//! dependency ready for its generation and, where both have the same source, at the same revision:
//! otherwise a new revision would be applied before the dependency has it.

use std::sync::Arc;

use belay_expr::{ErrorKind, Limits, Program};
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::names::condition;
use crate::spec::{Dependency, Kustomization};

/// Why a dependency holds a Kustomization back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Held {
    /// It may be later.
    NotReady(String),
    /// Its expression can never be evaluated.
    Expression(String),
}

/// Checks every dependency in order, as `read` gives it; the first that holds back is told.
pub(crate) fn check(
    object: &Object,
    spec: &Kustomization,
    revision: &str,
    read: impl Fn(&Dependency) -> Option<Arc<Object>>,
) -> Result<(), Held> {
    for dependency in &spec.depends_on {
        let Some(found) = read(dependency) else {
            return Err(Held::NotReady(format!(
                "dependency '{dependency}' not found: kustomizations.kustomize.toolkit.fluxcd.io \"{}\" not found",
                dependency.name
            )));
        };
        check_one(dependency, &found, object, spec, revision)?;
    }
    Ok(())
}

fn check_one(
    dependency: &Dependency,
    found: &Object,
    own: &Object,
    spec: &Kustomization,
    revision: &str,
) -> Result<(), Held> {
    if !dependency.ready_expr.is_empty() {
        return evaluate(dependency, found, own);
    }
    let not_ready = || Held::NotReady(format!("dependency '{dependency}' is not ready"));
    let observed = found.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    if Condition::all(found).is_empty() || found.generation() != observed {
        return Err(not_ready());
    }
    if Condition::find(found, condition::READY).is_none_or(|c| c.status != ConditionStatus::True) {
        return Err(not_ready());
    }
    if has_source(found, spec) && found.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default() != revision {
        return Err(Held::NotReady(format!("dependency '{dependency}' revision is not up to date")));
    }
    Ok(())
}

fn compile(dependency: &Dependency) -> Result<Arc<Program>, Held> {
    let text = &dependency.ready_expr;
    let ever = |why: String| {
        Held::Expression(format!(
            "failed to evaluate dependency {}: failed to parse the CEL expression '{text}': {why}",
            dependency.name
        ))
    };
    Program::compile(text).map_err(|e| ever(e.to_string()))
}

pub(crate) fn evaluate(dependency: &Dependency, found: &Object, own: &Object) -> Result<(), Held> {
    let program = compile(dependency)?;
    let text = program.text();
    match program.holds(&[("self", own.value()), ("dep", found.value())], &Limits::default()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Held::NotReady(format!("dependency '{dependency}' is not ready according to readyExpr eval"))),
        // A compiler that knows types refuses these before anything is evaluated.
        Err(e) if e.kind == ErrorKind::Result => Err(Held::Expression(format!(
            "failed to evaluate dependency {}: CEL expression output type mismatch: expected bool: '{text}'",
            dependency.name
        ))),
        // So is a name that nothing is bound to; it is only seen here when it is evaluated.
        Err(e) if e.message.to_ascii_lowercase().contains("undeclared reference") => Err(Held::Expression(format!(
            "failed to evaluate dependency {}: failed to parse the CEL expression '{text}': {e}",
            dependency.name
        ))),
        Err(e) => Err(Held::NotReady(format!("failed to evaluate the CEL expression '{text}': {e}"))),
    }
}

fn has_source(found: &Object, spec: &Kustomization) -> bool {
    let text = |name: &str| found.str_at(&["spec", "sourceRef", name]).unwrap_or_default();
    let namespace = match text("namespace") {
        "" => found.namespace(),
        namespace => namespace,
    };
    text("name") == spec.source.name && text("kind") == spec.source.kind && namespace == spec.source.namespace
}

#[cfg(test)]
mod tests;
