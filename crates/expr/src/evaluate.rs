//! The evaluator: a walk over the expression that counts its steps.

use std::sync::Arc;

use kube_cel::cel::common::ast::operators as op;
use kube_cel::cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use crate::operators::{arithmetic, compare, equal, no_overload};
use crate::value::{Repr, Val};
use crate::{Error, ErrorKind, Limits};

/// Why an evaluation gives no value.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// An error of the expression; `||` and `&&` may absorb it.
    Error(Arc<str>),
    /// It took too much: nothing absorbs that.
    Budget(&'static str),
}

pub(crate) fn fault(message: impl Into<Arc<str>>) -> Fault {
    Fault::Error(message.into())
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::Error(message) => Error::new(ErrorKind::Evaluation, &*message),
            Fault::Budget(what) => Error::new(ErrorKind::Budget, format!("the expression {what} more than allowed")),
        }
    }
}
impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        fault(error.message)
    }
}

pub(crate) type Outcome<'a> = Result<Val<'a>, Fault>;

/// One evaluation.
pub(crate) struct Evaluation<'a> {
    /// Innermost last. An accumulator may hold an error, which a later round may absorb.
    scope: Vec<(&'a str, Outcome<'a>)>,
    steps_left: u64,
    size_left: u64,
}

impl<'a> Evaluation<'a> {
    pub(crate) fn new(bindings: impl Iterator<Item = (&'a str, Val<'a>)>, limits: &Limits) -> Evaluation<'a> {
        Evaluation {
            scope: bindings.map(|(name, value)| (name, Ok(value))).collect(),
            steps_left: limits.steps,
            size_left: limits.size,
        }
    }
    pub(crate) fn steps_left(&self) -> u64 {
        self.steps_left
    }

    /// Counts what a value takes that an operation made.
    pub(crate) fn made(&mut self, value: Val<'a>) -> Outcome<'a> {
        let size = match &value.0 {
            Repr::Str(s) => s.len(),
            Repr::List(items) => items.len(),
            Repr::Map(entries) => entries.len(),
            Repr::Bytes(b) => b.len(),
            _ => 0,
        };
        match self.size_left.checked_sub(size as u64) {
            Some(left) => self.size_left = left,
            None => return Err(Fault::Budget("makes")),
        }
        Ok(value)
    }

    /// Counts work that is more than one step.
    pub(crate) fn spend(&mut self, steps: usize) -> Result<(), Fault> {
        match self.steps_left.checked_sub(steps as u64) {
            Some(left) => {
                self.steps_left = left;
                Ok(())
            }
            None => {
                self.steps_left = 0;
                Err(Fault::Budget("takes"))
            }
        }
    }

    pub(crate) fn variable(&self, name: &str) -> Option<&Outcome<'a>> {
        self.scope.iter().rev().find(|(n, _)| *n == name).map(|(_, v)| v)
    }

    /// Evaluates an expression. The depth is that of the expression, which compiling has limited.
    pub(crate) fn run(&mut self, expression: &'a IdedExpr) -> Outcome<'a> {
        self.spend(1)?;
        match &expression.expr {
            Expr::Literal(literal) => Ok(self.literal(literal)),
            Expr::Ident(name) => match self.variable(name) {
                Some(value) => value.clone(),
                None => {
                    crate::functions::type_named(name).ok_or_else(|| fault(format!("undeclared reference to '{name}'")))
                }
            },
            Expr::Select(select) => self.select(select),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => {
                let mut items = Vec::with_capacity(list.elements.len());
                for (i, element) in list.elements.iter().enumerate() {
                    let value = self.run(element)?;
                    match value.0 {
                        Repr::Optional(inner) if list.optional_indices.contains(&i) => {
                            items.extend(inner.map(|v| (*v).clone()))
                        }
                        _ => items.push(value),
                    }
                }
                self.made(Val(Repr::List(Arc::new(items))))
            }
            Expr::Map(map) => {
                let mut entries: Vec<(Val, Val)> = Vec::with_capacity(map.entries.len());
                for entry in &map.entries {
                    let EntryExpr::MapEntry(entry) = &entry.expr else { return Err(no_overload()) };
                    let (key, value) = (self.run(&entry.key)?, self.run(&entry.value)?);
                    if entries.iter().any(|(k, _)| equal(k, &key)) {
                        return Err(fault("repeated key"));
                    }
                    match value.0 {
                        Repr::Optional(None) if entry.optional => {}
                        Repr::Optional(Some(inner)) if entry.optional => entries.push((key, (*inner).clone())),
                        _ => entries.push((key, value)),
                    }
                }
                self.made(Val(Repr::Map(Arc::new(entries))))
            }
            Expr::Comprehension(comprehension) => self.comprehension(comprehension),
            Expr::Struct(_) | Expr::Unspecified => Err(fault("unsupported expression")),
        }
    }

    fn literal(&self, literal: &'a LiteralValue) -> Val<'a> {
        Val(match literal {
            LiteralValue::Boolean(b) => Repr::Bool(*b.inner()),
            LiteralValue::Bytes(b) => Repr::Bytes(b.inner().into()),
            LiteralValue::Double(d) => Repr::Double(*d.inner()),
            LiteralValue::Int(i) => Repr::Int(*i.inner()),
            LiteralValue::Null => Repr::Null,
            LiteralValue::String(s) => Repr::Text(s.inner()),
            LiteralValue::UInt(u) => Repr::UInt(*u.inner()),
        })
    }

    fn select(&mut self, select: &'a SelectExpr) -> Outcome<'a> {
        let operand = self.run(&select.operand)?;
        if let Repr::Optional(inner) = &operand.0 {
            let found = inner.as_ref().and_then(|v| v.field(&select.field)).flatten();
            return Ok(if select.test { Val(Repr::Bool(found.is_some())) } else { Val::optional(found) });
        }
        match operand.field(&select.field) {
            Some(found) if select.test => Ok(Val(Repr::Bool(found.is_some()))),
            Some(Some(value)) => Ok(value),
            Some(None) => Err(fault(format!("no such key: {}", select.field))),
            None => Err(no_overload()),
        }
    }

    fn call(&mut self, call: &'a CallExpr) -> Outcome<'a> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (op::CONDITIONAL, [condition, yes, no]) => match self.run(condition)?.0 {
                Repr::Bool(true) => self.run(yes),
                Repr::Bool(false) => self.run(no),
                _ => Err(no_overload()),
            },
            (op::LOGICAL_AND, [a, b]) => self.junction(a, b, false),
            (op::LOGICAL_OR, [a, b]) => self.junction(a, b, true),
            (op::NOT_STRICTLY_FALSE, [value]) => match self.run(value) {
                Ok(Val(Repr::Bool(false))) => Ok(Val(Repr::Bool(false))),
                Err(budget @ Fault::Budget(_)) => Err(budget),
                _ => Ok(Val(Repr::Bool(true))),
            },
            (op::LOGICAL_NOT, [value]) => match self.run(value)?.0 {
                Repr::Bool(b) => Ok(Val(Repr::Bool(!b))),
                _ => Err(no_overload()),
            },
            (op::NEGATE, [value]) => Ok(Val(match self.run(value)?.0 {
                Repr::Int(i) => Repr::Int(i.checked_neg().ok_or_else(|| fault("integer overflow"))?),
                Repr::Double(d) => Repr::Double(-d),
                Repr::Duration(d) => Repr::Duration(d.negated().ok_or_else(|| fault("integer overflow"))?),
                _ => return Err(no_overload()),
            })),
            (op::ADD, [a, b]) => self.add(a, b),
            (operator @ (op::SUBSTRACT | op::MULTIPLY | op::DIVIDE | op::MODULO), [a, b]) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                let operator = operator.chars().nth(1).unwrap_or('-');
                arithmetic(operator, a, b)
            }
            (op::EQUALS, [a, b]) => self.equality(a, b).map(|e| Val(Repr::Bool(e))),
            (op::NOT_EQUALS, [a, b]) => self.equality(a, b).map(|e| Val(Repr::Bool(!e))),
            (operator @ (op::LESS | op::LESS_EQUALS | op::GREATER | op::GREATER_EQUALS), [a, b]) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                let order = compare(&a, &b)?;
                Ok(Val(Repr::Bool(order.is_some_and(|o| match operator {
                    op::LESS => o.is_lt(),
                    op::LESS_EQUALS => o.is_le(),
                    op::GREATER => o.is_gt(),
                    _ => o.is_ge(),
                }))))
            }
            (op::IN, [a, b]) => self.contained(a, b),
            (op::INDEX, [a, b]) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                if let Repr::Optional(inner) = &a.0 {
                    return Ok(Val::optional(inner.as_ref().and_then(|v| index(v, &b).ok())));
                }
                index(&a, &b)
            }
            (op::OPT_INDEX, [a, b]) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                let inner = match &a.0 {
                    Repr::Optional(inner) => inner.as_ref().map(|v| (**v).clone()),
                    _ => Some(a),
                };
                Ok(Val::optional(inner.and_then(|v| index(&v, &b).ok())))
            }
            (op::OPT_SELECT, [a, b]) => {
                let (a, b) = (self.run(a)?, self.run(b)?);
                let name = b.as_str().ok_or_else(no_overload)?;
                let inner = match &a.0 {
                    Repr::Optional(inner) => inner.as_ref().map(|v| (**v).clone()),
                    _ => Some(a),
                };
                Ok(Val::optional(inner.and_then(|v| v.field(name)).flatten()))
            }
            _ => crate::functions::call(self, call),
        }
    }

    /// `&&` and `||`: what decides on either side wins over an error on the other.
    fn junction(&mut self, a: &'a IdedExpr, b: &'a IdedExpr, decides: bool) -> Outcome<'a> {
        let as_bool = |v: Outcome<'a>| match v {
            Ok(Val(Repr::Bool(b))) => Ok(b),
            Ok(_) => Err(no_overload()),
            Err(e) => Err(e),
        };
        let left = as_bool(self.run(a));
        if matches!(left, Ok(l) if l == decides) {
            return Ok(Val(Repr::Bool(decides)));
        }
        if let Err(Fault::Budget(what)) = left {
            return Err(Fault::Budget(what));
        }
        let right = as_bool(self.run(b));
        match (left, right) {
            (_, Err(Fault::Budget(what))) => Err(Fault::Budget(what)),
            (_, Ok(r)) if r == decides => Ok(Val(Repr::Bool(decides))),
            (Err(e), _) | (_, Err(e)) => Err(e),
            (Ok(_), Ok(_)) => Ok(Val(Repr::Bool(!decides))),
        }
    }

    fn equality(&mut self, a: &'a IdedExpr, b: &'a IdedExpr) -> Result<bool, Fault> {
        let (a, b) = (self.run(a)?, self.run(b)?);
        self.spend(a.list_len().or(a.map_len()).unwrap_or_default())?;
        Ok(equal(&a, &b))
    }

    fn add(&mut self, a: &'a IdedExpr, b: &'a IdedExpr) -> Outcome<'a> {
        // The step of a loop that gathers (`gathered + [item]`) takes the list out of its variable, so
        // that it grows in place.
        let gathered = match &a.expr {
            Expr::Ident(name) => {
                self.scope.last_mut().filter(|(n, v)| *n == name.as_str() && name.starts_with('@') && v.is_ok())
            }
            _ => None,
        };
        if let Some((_, slot)) = gathered
            && let Ok(Val(Repr::List(_))) = slot
        {
            let left = std::mem::replace(slot, Ok(Val(Repr::Null)))?;
            let right = self.run(b)?;
            let grown = right.list_len().unwrap_or_default();
            self.size_left = self.size_left.checked_sub(grown as u64).ok_or(Fault::Budget("makes"))?;
            return arithmetic('+', left, right);
        }
        let (a, b) = (self.run(a)?, self.run(b)?);
        let sum = arithmetic('+', a, b)?;
        self.made(sum)
    }

    fn contained(&mut self, a: &'a IdedExpr, b: &'a IdedExpr) -> Outcome<'a> {
        let (a, b) = (self.run(a)?, self.run(b)?);
        if let Some(found) = b.map_get(&a) {
            return Ok(Val(Repr::Bool(found.is_some())));
        }
        let n = b.list_len().ok_or_else(no_overload)?;
        self.spend(n)?;
        Ok(Val(Repr::Bool((0..n).any(|i| b.list_item(i).is_some_and(|item| equal(&a, &item))))))
    }

    fn comprehension(&mut self, c: &'a ComprehensionExpr) -> Outcome<'a> {
        if c.iter_var2.is_some() {
            return Err(fault("loops with two variables are not supported"));
        }
        let range = self.run(&c.iter_range)?;
        let items = range.elements().ok_or_else(no_overload)?;
        self.spend(items.len())?;
        let accumulated = self.run(&c.accu_init);
        let base = self.scope.len();
        self.scope.push((&c.iter_var, Ok(Val(Repr::Null))));
        self.scope.push((&c.accu_var, accumulated));
        let result = self.rounds(c, items, base);
        self.scope.truncate(base);
        result
    }

    fn rounds(&mut self, c: &'a ComprehensionExpr, items: Vec<Val<'a>>, base: usize) -> Outcome<'a> {
        for item in items {
            match self.run(&c.loop_cond)?.0 {
                Repr::Bool(true) => {}
                _ => break,
            }
            self.scope[base].1 = Ok(item);
            let step = self.run(&c.loop_step);
            if let Err(Fault::Budget(what)) = step {
                return Err(Fault::Budget(what));
            }
            self.scope[base + 1].1 = step;
        }
        self.run(&c.result)
    }

    /// Evaluates with one more name bound.
    pub(crate) fn with(&mut self, name: &'a str, value: Val<'a>, body: &'a IdedExpr) -> Outcome<'a> {
        self.scope.push((name, Ok(value)));
        let result = self.run(body);
        self.scope.pop();
        result
    }
}

fn index<'a>(value: &Val<'a>, at: &Val<'a>) -> Outcome<'a> {
    if let Some(found) = value.map_get(at) {
        return found
            .ok_or_else(|| fault(format!("no such key: {}", crate::functions::to_text(at).unwrap_or_default())));
    }
    if value.list_len().is_none() {
        return Err(no_overload());
    }
    let position = match at.0 {
        Repr::Int(i) => usize::try_from(i).ok(),
        Repr::UInt(u) => usize::try_from(u).ok(),
        Repr::Double(d) if d.fract() == 0.0 && d >= 0.0 => Some(d as usize),
        _ => return Err(no_overload()),
    };
    let shown = crate::functions::to_text(at).unwrap_or_default();
    position.and_then(|i| value.list_item(i)).ok_or_else(|| fault(format!("index out of bounds: {shown}")))
}
