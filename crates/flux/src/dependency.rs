//! Whether what a Kustomization depends on is ready.
//!
//! Compat(flux 2.9): an expression replaces the built-in check. The built-in check wants the
//! dependency ready for its generation and, where both have the same source, at the same revision:
//! otherwise a new revision would be applied before the dependency has it.

use std::fmt;

use belay_expr::{ErrorKind, Limits, Program};
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::names::condition;
use crate::spec::{Dependency, Kustomization};

/// Why a dependency is not taken for ready.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotReady {
    /// It may be later.
    Yet(String),
    /// Its expression can never be evaluated.
    Ever(String),
}
impl fmt::Display for NotReady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotReady::Yet(message) | NotReady::Ever(message) => f.write_str(message),
        }
    }
}

/// The message of a dependency that could not be read; `error` is the server's.
pub fn unreadable(dependency: &Dependency, error: &str) -> NotReady {
    NotReady::Yet(format!("dependency '{dependency}' not found: {error}"))
}

/// Checks one dependency as just read from the cluster, past every cache. `own` and `spec` are of
/// the Kustomization that depends; `revision` is that of its artifact; `additive` wants the
/// built-in check beside an expression.
pub fn check(
    dependency: &Dependency,
    found: &Object,
    own: &Object,
    spec: &Kustomization,
    revision: &str,
    additive: bool,
) -> Result<(), NotReady> {
    if !dependency.ready_expr.is_empty() {
        evaluate(dependency, found, own)?;
        if !additive {
            return Ok(());
        }
    }
    let not_ready = || NotReady::Yet(format!("dependency '{dependency}' is not ready"));
    let observed = found.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    if Condition::all(found).is_empty() || found.generation() != observed {
        return Err(not_ready());
    }
    if Condition::find(found, condition::READY).is_none_or(|c| c.status != ConditionStatus::True) {
        return Err(not_ready());
    }
    if has_source(found, spec) && found.str_at(&["status", "lastAppliedRevision"]).unwrap_or_default() != revision {
        return Err(NotReady::Yet(format!("dependency '{dependency}' revision is not up to date")));
    }
    Ok(())
}

/// Whether an expression of a dependency can be compiled at all; the text of the error otherwise.
pub fn compiles(dependency: &Dependency) -> Result<(), NotReady> {
    if dependency.ready_expr.is_empty() {
        return Ok(());
    }
    compile(dependency).map(|_| ())
}

fn compile(dependency: &Dependency) -> Result<std::sync::Arc<Program>, NotReady> {
    let text = &dependency.ready_expr;
    let ever = |why: String| {
        NotReady::Ever(format!(
            "failed to evaluate dependency {}: failed to parse the CEL expression '{text}': {why}",
            dependency.name
        ))
    };
    Program::compile(text).map_err(|e| ever(e.to_string()))
}

fn evaluate(dependency: &Dependency, found: &Object, own: &Object) -> Result<(), NotReady> {
    let program = compile(dependency)?;
    let text = program.text();
    match program.holds(&[("self", own.value()), ("dep", found.value())], &Limits::default()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(NotReady::Yet(format!("dependency '{dependency}' is not ready according to readyExpr eval"))),
        // A compiler that knows types refuses these before anything is evaluated.
        Err(e) if e.kind == ErrorKind::Result => Err(NotReady::Ever(format!(
            "failed to evaluate dependency {}: CEL expression output type mismatch: expected bool: '{text}'",
            dependency.name
        ))),
        // So is a name that nothing is bound to; it is only seen here when it is evaluated.
        Err(e) if e.message.to_ascii_lowercase().contains("undeclared reference") => Err(NotReady::Ever(format!(
            "failed to evaluate dependency {}: failed to parse the CEL expression '{text}': {e}",
            dependency.name
        ))),
        Err(e) => Err(NotReady::Yet(format!("failed to evaluate the CEL expression '{text}': {e}"))),
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
