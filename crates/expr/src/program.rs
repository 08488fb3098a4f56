//! Compiled expressions: [`Program`], the cache of programs, and evaluation under [`Limits`].

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, RwLock};

use belay_object::Value;
use kube_cel::cel::common::ast::IdedExpr;
use kube_cel::cel::parser::Parser;

use crate::evaluate::Evaluation;
use crate::{Error, ErrorKind, Val, syntax};

/// Four times the longest rule in any published definition we know.
const MAX_TEXT_BYTES: usize = 16 * 1024;
/// Addresses, not memory: a page is only used when it is reached.
const PARSER_STACK_BYTES: usize = 64 << 20;
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
    /// A million steps are about 0.1 s.
    fn default() -> Limits {
        Limits { steps: 1_000_000, size: 16 << 20 }
    }
}

/// A compiled expression.
#[derive(Debug)]
pub struct Program {
    text: Box<str>,
    expression: IdedExpr,
    references: syntax::References,
}

/// Parses and checks; what is refused is dropped on the same large stack.
fn parse(text: &str) -> Result<(IdedExpr, syntax::References), Error> {
    let expression = Parser::new()
        .enable_optional_syntax(true)
        .parse(text)
        .map_err(|e| Error::new(ErrorKind::Syntax, e.to_string().trim().to_owned()))?;
    let references = syntax::check(&expression)?;
    Ok((expression, references))
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
            let message = format!("the expression has {} bytes, more than {MAX_TEXT_BYTES}", text.len());
            return Err(Error::new(ErrorKind::TooLarge, message));
        }
        syntax::check_text(text)?;
        // The parser is generated code with large frames, and a thread of a runtime has a small stack.
        let parsed = std::thread::scope(|scope| {
            let parser = std::thread::Builder::new().name("expression-parser".into()).stack_size(PARSER_STACK_BYTES);
            parser.spawn_scoped(scope, || parse(text)).map(|thread| thread.join())
        });
        let (expression, references) = match parsed {
            Ok(Ok(parsed)) => parsed?,
            Ok(Err(_)) => return Err(Error::new(ErrorKind::Syntax, "the parser failed on the expression")),
            Err(e) => return Err(Error::new(ErrorKind::Budget, format!("no thread to parse the expression on: {e}"))),
        };
        Ok(Program { text: text.into(), expression, references })
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }
    /// The names it refers to, sorted.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.references.variables.iter().map(AsRef::as_ref)
    }
    /// Whether it refers to this name.
    pub fn uses(&self, name: &str) -> bool {
        self.references.variables.contains(name)
    }
    /// The chains of plain selections from its names: `self.spec.a` is `[self, spec, a]`.
    pub fn selections(&self) -> impl Iterator<Item = &[Box<str>]> {
        self.references.selections.iter().map(AsRef::as_ref)
    }
    /// Whether it can be seen without evaluating that the result is no boolean.
    pub fn is_never_boolean(&self) -> bool {
        syntax::is_never_boolean(&self.expression)
    }
    /// Evaluates it with these names bound to documents.
    pub fn evaluate(&self, bindings: &[(&str, &Value)], limits: &Limits) -> Result<Value, Error> {
        let bindings = bindings.iter().map(|(name, value)| (*name, Val::json(value)));
        Evaluation::new(bindings, limits).run(&self.expression)?.to_value()
    }
    /// Evaluates it with these names bound; gives the result and the steps it took.
    pub fn evaluate_values<'a>(
        &'a self,
        bindings: &[(&'a str, Val<'a>)],
        limits: &Limits,
    ) -> (Result<Val<'a>, Error>, u64) {
        let mut run = Evaluation::new(bindings.iter().cloned(), limits);
        let result = run.run(&self.expression).map_err(Error::from);
        (result, limits.steps - run.steps_left().min(limits.steps))
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
