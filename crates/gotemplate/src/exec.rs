//! The executor: walks a template's nodes and writes what they print.
//!
//! [`Operand`] is what an expression gives: a value and whether it is in an `interface {}`, on
//! which several of Go's rules and texts depend. The `State` notes the node that it is at, because
//! Go's errors name the node that was looked at last, which is not always the one that failed.

mod argument;
mod call;
mod control;
mod expression;

use crate::context::Context;
use crate::error::{Error, Place};
use crate::parse::tree::{NodeId, Symbol, Tree};
use crate::set::Template;
use crate::value::{Elem, Value};

/// What an expression gives.
#[derive(Clone, Default)]
pub(crate) struct Operand {
    pub(crate) value: Value,
    /// Whether Go has it as an `interface {}`: nil is "no value" outside and "a nil pointer" inside.
    pub(crate) interface: bool,
}

impl Operand {
    /// A value of its own type.
    pub(crate) fn plain(value: Value) -> Operand {
        Operand { value, interface: false }
    }
    /// What a slice or map of such elements holds.
    pub(crate) fn element(value: Value, elem: Elem) -> Operand {
        Operand { value, interface: matches!(elem, Elem::Any) }
    }
    /// Whether there is no value at all.
    fn is_invalid(&self) -> bool {
        self.value.is_nil() && !self.interface
    }
    /// The static type, as Go prints it.
    fn type_name(&self) -> &str {
        if self.interface { "interface {}" } else { self.value.type_name() }
    }
}

/// Executes a template with `dot` and gives what it wrote.
pub(crate) fn execute(ctx: &mut Context, template: &Template, dot: &Value) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    let mut state = State::new(ctx, &mut out, template, Operand::plain(dot.clone()));
    state.run(&Operand::plain(dot.clone()))?;
    Ok(out)
}

/// The execution of one template.
struct State<'a> {
    ctx: &'a mut Context,
    out: &'a mut Vec<u8>,
    template: &'a Template,
    tree: &'a Tree,
    /// The node that was looked at last.
    at: Option<NodeId>,
    /// Variables, innermost last; the first is `$`.
    variables: Vec<(Symbol, Operand)>,
}

impl<'a> State<'a> {
    fn new(ctx: &'a mut Context, out: &'a mut Vec<u8>, template: &'a Template, dot: Operand) -> State<'a> {
        let variables = vec![(Symbol::ROOT, dot)];
        State { ctx, out, template, tree: &template.tree, at: None, variables }
    }

    fn run(&mut self, dot: &Operand) -> Result<(), Error> {
        self.ctx.stack.check().map_err(|e| self.error(e))?;
        self.walk_all(dot, self.template.root)?;
        Ok(())
    }

    /// An error at the node that was looked at last.
    fn error(&self, cause: Error) -> Error {
        // Of a limit the outermost and the innermost place are enough: the chain may be thousands of
        // templates long.
        let cause = match cause.innermost_placed() {
            Some(placed) if cause.is_limit() => placed.clone(),
            _ => cause,
        };
        let name = self.template.name();
        let (location, context) = match self.at {
            None => (name.to_owned(), None),
            Some(at) => {
                let (line, column) = self.tree.line_and_column(at);
                (format!("{}:{line}:{column}", self.tree.name), Some(self.tree.print(at)))
            }
        };
        Error::at(Place { template: name.to_owned(), location, context }, cause)
    }
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Error> {
        Err(self.error(Error::new(message)))
    }
    fn step(&mut self) -> Result<(), Error> {
        self.ctx.step(1).map_err(|e| self.error(e))
    }

    fn variable(&self, symbol: Symbol) -> Result<&Operand, Error> {
        match self.variables.iter().rev().find(|(s, _)| *s == symbol) {
            Some((_, operand)) => Ok(operand),
            None => self.fail(format!("undefined variable: {}", self.tree.symbol(symbol))),
        }
    }
    fn assign(&mut self, symbol: Symbol, operand: Operand) -> Result<(), Error> {
        match self.variables.iter_mut().rev().find(|(s, _)| *s == symbol) {
            Some((_, slot)) => {
                *slot = operand;
                Ok(())
            }
            None => self.fail(format!("undefined variable: {}", self.tree.symbol(symbol))),
        }
    }
}
