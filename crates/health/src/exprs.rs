//! Health rules that a user wrote in CEL for a group and kind (Flux's `healthCheckExprs`).
//!
//! The expressions see the object's top-level fields as variables. They replace every other rule
//! for their kind, deletion included; only an observed generation that lags comes before them.
//!
//! Compat(flux 2.9): the order is `inProgress`, `failed`, `current`; where none is true the object
//! is in progress. Texts of errors are Flux's.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use belay_expr::{Limits, Program};
use belay_object::{GroupKind, GroupVersion, Object, Value};

use crate::{Health, Status};

/// How many rules one list may hold.
const MAX_EXPRS: usize = 1000;

/// What is wrong with a list of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Two rules for one group and kind.
    Duplicate,
    /// A rule without the expression that tells what is current.
    NoCurrent,
    /// An expression that cannot be compiled.
    Syntax,
    /// More rules than are taken.
    TooMany,
}

/// A list of rules that cannot be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    fn new(kind: ErrorKind, message: String) -> Error {
        Error { kind, message }
    }
    /// What branches are taken on.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}
impl std::error::Error for Error {}

/// The rules of one owner, by group and kind; a rule without a kind holds for its whole group.
#[derive(Default)]
pub struct Exprs {
    rules: BTreeMap<GroupKind, Rule>,
}

struct Rule {
    in_progress: Option<Arc<Program>>,
    failed: Option<Arc<Program>>,
    current: Arc<Program>,
}

impl Exprs {
    /// Reads and compiles the entries of `spec.healthCheckExprs`.
    pub fn read(entries: &[Value]) -> Result<Exprs, Error> {
        if entries.len() > MAX_EXPRS {
            return Err(Error::new(ErrorKind::TooMany, format!("more than {MAX_EXPRS} custom health checks")));
        }
        let mut rules = BTreeMap::new();
        for (i, entry) in entries.iter().enumerate() {
            let text = |name: &str| entry.str_at(&[name]).unwrap_or_default();
            let kind = GroupKind { group: GroupVersion::parse(text("apiVersion")).group, kind: text("kind").into() };
            if rules.contains_key(&kind) {
                return Err(Error::new(
                    ErrorKind::Duplicate,
                    format!("duplicate custom health check for GroupKind {kind} at healthchecks[{i}]"),
                ));
            }
            let rule = Rule::compile(text("inProgress"), text("failed"), text("current")).map_err(|e| {
                let message = format!("failed to create custom status evaluator for healthchecks[{i}]: {}", e.message);
                Error::new(e.kind, message)
            })?;
            rules.insert(kind, rule);
        }
        Ok(Exprs { rules })
    }
    /// Whether there are no rules.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }
    /// Whether there is a rule for a kind.
    pub fn covers(&self, kind: &GroupKind) -> bool {
        self.rule(kind).is_some()
    }
    /// Tells the health of an object by the rule for its kind; `None` where there is none.
    pub fn check(&self, object: &Object) -> Option<Health> {
        let rule = self.rule(&object.group_kind())?;
        Some(rule.check(object).unwrap_or_else(|e| Health::new(Status::Unknown, e)))
    }
    fn rule(&self, kind: &GroupKind) -> Option<&Rule> {
        let of_group = || self.rules.get(&GroupKind { group: kind.group.clone(), kind: "".into() });
        self.rules.get(kind).or_else(of_group)
    }
}

impl Rule {
    fn compile(in_progress: &str, failed: &str, current: &str) -> Result<Rule, Error> {
        if current.is_empty() {
            return Err(Error::new(ErrorKind::NoCurrent, "expression Current not specified".to_owned()));
        }
        let compile = |name: &str, text: &str| {
            Program::compile(text).map_err(|e| {
                let message =
                    format!("failed to parse the expression {name}: failed to parse the CEL expression '{text}': {e}");
                Error::new(ErrorKind::Syntax, message)
            })
        };
        let optional = |name: &str, text: &str| (!text.is_empty()).then(|| compile(name, text)).transpose();
        Ok(Rule {
            current: compile("Current", current)?,
            failed: optional("Failed", failed)?,
            in_progress: optional("InProgress", in_progress)?,
        })
    }
    fn check(&self, object: &Object) -> Result<Health, String> {
        let generations = (object.at(&["status", "observedGeneration"]), object.at(&["metadata", "generation"]));
        if let (Some(Value::Int(observed)), Some(Value::Int(generation))) = generations
            && observed != generation
        {
            return Ok(Health::new(Status::InProgress, ""));
        }
        let bindings: Vec<(&str, &Value)> =
            object.fields().iter().map(|(name, value)| (name.as_str(), value)).collect();
        for (program, status) in [
            (self.in_progress.as_ref(), Status::InProgress),
            (self.failed.as_ref(), Status::Failed),
            (Some(&self.current), Status::Current),
        ] {
            let Some(program) = program else { continue };
            let holds = program
                .holds(&bindings, &Limits::default())
                .map_err(|e| format!("failed to evaluate the CEL expression '{}': {e}", program.text()))?;
            if holds {
                return Ok(Health::new(status, ""));
            }
        }
        Ok(Health::new(Status::InProgress, ""))
    }
}
