//! Calls of functions and methods.

use std::rc::Rc;

use smallvec::SmallVec;

use super::argument::Want;
use super::{Operand, State};
use crate::builtin::{Arity, Builtin, prepare};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Param, Signature};
use crate::parse::tree::{Callee, NodeId};
use crate::value::{Map, MapMethod, Object, Value};

/// What a list item or map entry takes, for counting what functions make.
const ITEM_BYTES: usize = size_of::<Value>();

impl State<'_> {
    /// Calls a function with arguments and what the pipeline gives last. `id` is what errors of the
    /// call show.
    pub(super) fn function(
        &mut self,
        dot: &Operand,
        callee: &Callee,
        id: NodeId,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        self.step()?;
        match callee {
            Callee::Builtin(builtin) => self.builtin(dot, *builtin, id, args, last),
            Callee::Function(function) => {
                let values = self.values(dot, function.name(), function.signature(), args, last)?;
                let result = function.call(self.ctx, &values);
                self.result(id, function.name(), result)
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what Go's evalCall takes; a struct would be made for one call")]
    pub(super) fn method(
        &mut self,
        dot: &Operand,
        object: &Rc<dyn Object>,
        id: NodeId,
        name: &str,
        signature: &Signature,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        self.step()?;
        let values = self.values(dot, name, signature, args, last)?;
        let result = object.call(self.ctx, name, &values);
        self.result(id, name, result)
    }

    pub(super) fn map_method(
        &mut self,
        dot: &Operand,
        map: &Map,
        id: NodeId,
        method: &MapMethod,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        self.step()?;
        let values = self.values(dot, method.name, &method.signature, args, last)?;
        let result = (method.call)(self.ctx, map, &values);
        self.result(id, method.name, result)
    }

    /// The arguments of a call, each of the type that the signature wants.
    fn values(
        &mut self,
        dot: &Operand,
        name: &str,
        signature: &Signature,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<SmallVec<[Value; 4]>, Error> {
        let fixed = signature.params.len();
        let arity = if signature.rest.is_some() { Arity::AtLeast(fixed) } else { Arity::Exactly(fixed) };
        self.check_count(name, &arity, args.len(), last.is_some())?;
        let mut values = SmallVec::with_capacity(args.len() + usize::from(last.is_some()));
        for (i, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, Want::Type(signature.param(i)), *arg)?.value);
        }
        if let Some(last) = last {
            values.push(self.validate(last, Want::Type(signature.param(args.len())))?.value);
        }
        Ok(values)
    }

    fn check_count(&self, name: &str, arity: &Arity, args: usize, has_last: bool) -> Result<(), Error> {
        let count = args + usize::from(has_last);
        match arity {
            Arity::Exactly(want) if count != *want => {
                self.fail(format!("wrong number of args for {name}: want {want} got {count}"))
            }
            // What comes from the pipeline is not counted in the text.
            Arity::AtLeast(want) if count < *want => {
                self.fail(format!("wrong number of args for {name}: want at least {want} got {args}"))
            }
            _ => Ok(()),
        }
    }

    fn result(&mut self, id: NodeId, name: &str, result: Result<Value, Error>) -> Result<Operand, Error> {
        let counted = result.and_then(|value| charge(self.ctx, &value).map(|()| value));
        match counted {
            // Functions that give nil mostly have the result type `interface {}`.
            Ok(value) => Ok(Operand { interface: value.is_nil(), value }),
            Err(error) => Err(self.call_error(id, name, error)),
        }
    }

    fn call_error(&mut self, id: NodeId, name: &str, error: Error) -> Error {
        self.at = Some(id);
        self.error(Error::call(name, error))
    }

    fn builtin(
        &mut self,
        dot: &Operand,
        builtin: Builtin,
        id: NodeId,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        let name = builtin.name();
        self.check_count(name, &builtin.arity(), args.len(), last.is_some())?;
        if matches!(builtin, Builtin::And | Builtin::Or) {
            return self.short_circuit(dot, builtin == Builtin::Or, args, last);
        }
        let want = |i: usize| match builtin {
            Builtin::Printf if i == 0 => Want::Type(Param::String),
            Builtin::Printf | Builtin::Print | Builtin::Println | Builtin::Html | Builtin::Js | Builtin::Urlquery => {
                Want::Type(Param::Any)
            }
            _ => Want::Reflect,
        };
        let mut operands: SmallVec<[Operand; 4]> = SmallVec::new();
        for (i, arg) in args.iter().enumerate() {
            operands.push(self.argument(dot, want(i), *arg)?);
        }
        if let Some(last) = last {
            operands.push(self.validate(last, want(args.len()))?);
        }
        let result = if builtin == Builtin::Call {
            let callee = args.first().map(|id| self.tree.print(*id));
            self.call_value(callee, &operands).map(Operand::plain)
        } else {
            builtin.call(&operands)
        };
        match result.and_then(|r| charge(self.ctx, &r.value).map(|()| r)) {
            Ok(operand) => Ok(operand),
            Err(error) => Err(self.call_error(id, name, error)),
        }
    }

    /// `and`, `or`: the first argument that decides, or the last; the others are not evaluated.
    fn short_circuit(
        &mut self,
        dot: &Operand,
        decides: bool,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        let mut operand = Operand::default();
        for arg in args {
            operand = self.argument(dot, Want::Reflect, *arg)?;
            if operand.value.truth() == decides {
                return Ok(operand);
            }
        }
        Ok(last.unwrap_or(operand))
    }

    /// `call f a b`
    fn call_value(&mut self, callee: Option<String>, operands: &[Operand]) -> Result<Value, Error> {
        let function = match &operands[0].value {
            Value::Nil => return Err(Error::new("call of nil")),
            Value::Func(f) => f.clone(),
            other => {
                let name = callee.unwrap_or_else(|| match other {
                    Value::Str(s) => s.to_string_lossy().into_owned(),
                    other => format!("<{} Value>", other.type_name()),
                });
                return Err(Error::new(format!("non-function {name} of type {}", other.type_name())));
            }
        };
        let name = callee.unwrap_or_else(|| format!("<{} Value>", operands[0].value.type_name()));
        let signature = function.signature();
        let (got, want) = (operands.len() - 1, signature.params.len());
        if signature.rest.is_some() && got < want {
            return Err(Error::new(format!("wrong number of args for {name}: got {got} want at least {want}")));
        }
        if signature.rest.is_none() && got != want {
            return Err(Error::new(format!("wrong number of args for {name}: got {got} want {want}")));
        }
        let mut values: SmallVec<[Value; 4]> = SmallVec::new();
        for (i, operand) in operands[1..].iter().enumerate() {
            let value = prepare(&operand.value, signature.param(i));
            values.push(value.map_err(|e| Error::wrap(format!("arg {i}"), e))?);
        }
        function.call(self.ctx, &values)
    }
}

/// Counts what a function made.
fn charge(ctx: &mut Context, value: &Value) -> Result<(), Error> {
    match value {
        Value::Str(s) | Value::Bytes(s) => ctx.charge(s.len()),
        Value::List(l) => ctx.charge(l.len() * ITEM_BYTES),
        Value::Map(m) => ctx.charge(m.len() * ITEM_BYTES),
        _ => Ok(()),
    }
}
