//! Whether what a Kustomization depends on is ready.

use belay_expr::{Limits, Program};
use belay_object::{Condition, ConditionStatus, Object, Value};

use crate::spec::{Dependency, Kustomization, SourceRef};

/// Why a dependency holds a Kustomization back.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Held {
    /// It is not ready yet; the sentence about it.
    NotReady(String),
    /// Its expression can never be evaluated; the sentence about it.
    Expression(String),
}

/// Checks every dependency in order; the first that is not ready is told.
///
/// Compat(flux 2.9): with the same source, a dependency must have applied the revision that is about
/// to be applied; an expression replaces the built-in check.
pub(crate) fn check(
    object: &Object,
    spec: &Kustomization,
    revision: &str,
    read: impl Fn(&Dependency) -> Option<std::sync::Arc<Object>>,
) -> Result<(), Held> {
    for dependency in &spec.depends_on {
        let program = match dependency.ready_expr.as_str() {
            "" => None,
            text => {
                let compiled = Program::compile(text).map_err(|e| {
                    Held::Expression(format!("failed to parse expression for dependency '{dependency}': {e}"))
                })?;
                Some(compiled)
            }
        };
        let Some(found) = read(dependency) else {
            return Err(Held::NotReady(format!(
                "dependency '{dependency}' not found: kustomizations.kustomize.toolkit.fluxcd.io \"{}\" not found",
                dependency.name
            )));
        };
        match program {
            Some(program) => {
                let bindings: [(&str, &Value); 2] = [("self", object.value()), ("dep", found.value())];
                match program.holds(&bindings, &Limits::default()) {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(Held::NotReady(format!(
                            "dependency '{dependency}' is not ready according to readyExpr eval"
                        )));
                    }
                    Err(e) => {
                        return Err(Held::NotReady(format!(
                            "dependency '{dependency}' is not ready: readyExpr could not be evaluated: {e}"
                        )));
                    }
                }
            }
            None => built_in(spec, dependency, &found, revision)?,
        }
    }
    Ok(())
}

fn built_in(spec: &Kustomization, dependency: &Dependency, found: &Object, revision: &str) -> Result<(), Held> {
    let observed = found.at(&["status", "observedGeneration"]).and_then(Value::as_i64).unwrap_or_default();
    let ready = Condition::find(found, "Ready").is_some_and(|c| c.status == ConditionStatus::True);
    if !ready || observed != found.generation() {
        return Err(Held::NotReady(format!("dependency '{dependency}' is not ready")));
    }
    if same_source(&spec.source, found) && found.str_at(&["status", "lastAppliedRevision"]) != Some(revision) {
        return Err(Held::NotReady(format!("dependency '{dependency}' revision is not up to date")));
    }
    Ok(())
}

fn same_source(source: &SourceRef, other: &Object) -> bool {
    let text = |field: &str| other.str_at(&["spec", "sourceRef", field]).unwrap_or_default();
    let namespace = Some(text("namespace")).filter(|n| !n.is_empty()).unwrap_or(other.namespace());
    text("kind") == source.kind && text("name") == source.name && namespace == source.namespace
}
