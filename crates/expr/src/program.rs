//! Compiled expressions: [`Program`], the cache of programs, and evaluation under [`Limits`].

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use belay_object::Value;
use kube_cel::KubeCelExt;
use kube_cel::cel;

use crate::value::{from_cel, to_cel};
use crate::{Error, ErrorKind};

/// An expression is at most this long: four times the longest rule in any published definition we know.
const MAX_TEXT_BYTES: usize = 32 * 1024;
/// Kept programs: 1,024 of a few KiB each.
const MAX_KEPT: usize = 1_024;

/// What one evaluation may cost.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Nodes of the expression visited, counted again in every round of a loop.
    pub steps: u64,
    /// Bytes of text and list items made.
    pub size: u64,
}

impl Default for Limits {
    /// A million steps is about 0.1 s.
    fn default() -> Limits {
        Limits { steps: 1_000_000, size: 16 << 20 }
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    text: Box<str>,
    compiled: cel::Program,
    variables: Box<[Box<str>]>,
}

impl Program {
    /// Compiles an expression, or gives the program kept from an earlier time.
    pub fn compile(text: &str) -> Result<Arc<Program>, Error> {
        static KEPT: OnceLock<RwLock<HashMap<Box<str>, Arc<Program>>>> = OnceLock::new();
        let kept = KEPT.get_or_init(Default::default);
        if let Some(found) = kept.read().ok().and_then(|k| k.get(text).cloned()) {
            return Ok(found);
        }
        let program = Arc::new(Program::compile_new(text)?);
        if let Ok(mut kept) = kept.write() {
            if kept.len() >= MAX_KEPT {
                kept.clear();
            }
            kept.insert(text.into(), program.clone());
        }
        Ok(program)
    }

    fn compile_new(text: &str) -> Result<Program, Error> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!("the expression has {} bytes, more than {MAX_TEXT_BYTES}", text.len()),
            ));
        }
        let compiled = cel::Program::compile(text).map_err(|e| Error::new(ErrorKind::Syntax, e.to_string()))?;
        let mut variables: Vec<Box<str>> = compiled.references().variables().into_iter().map(Into::into).collect();
        variables.sort();
        Ok(Program { text: text.into(), compiled, variables: variables.into() })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The names it refers to, sorted.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().map(AsRef::as_ref)
    }
    /// Whether it refers to this name.
    pub fn uses(&self, name: &str) -> bool {
        self.variables().any(|v| v == name)
    }
    /// Evaluates it with these names bound.
    pub fn evaluate(&self, bindings: &[(&str, &Value)], _limits: &Limits) -> Result<Value, Error> {
        let mut context = cel::Context::default().with_all();
        for (name, value) in bindings {
            context.add_variable_from_value(*name, to_cel(value));
        }
        let result = self.compiled.execute(&context).map_err(|e| Error::new(ErrorKind::Evaluation, e.to_string()))?;
        from_cel(&result)
    }
    /// Evaluates it to `true` or `false`; any other result is an error.
    pub fn holds(&self, bindings: &[(&str, &Value)], limits: &Limits) -> Result<bool, Error> {
        match self.evaluate(bindings, limits)? {
            Value::Bool(b) => Ok(b),
            other => {
                Err(Error::new(ErrorKind::Result, format!("the expression gives {}, not a boolean", other.type_name())))
            }
        }
    }
}
