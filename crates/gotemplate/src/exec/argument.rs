//! Arguments: evaluated for the type that the function wants.

use super::{Operand, State};
use crate::error::Error;
use crate::function::Param;
use crate::parse::tree::{Node, NodeId};
use crate::value::{List, Map, Type, Value};

/// What a function wants of an argument.
#[derive(Clone, Copy)]
pub(super) enum Want {
    /// `reflect.Value`, as Go's own functions do: with its interface, if it has one.
    Reflect,
    /// A value of a type.
    Type(Param),
}

impl Want {
    fn name(self) -> &'static str {
        match self {
            Want::Reflect => "reflect.Value",
            Want::Type(param) => param.name(),
        }
    }

    /// Go's nil of the type, where it has one.
    fn nil(self) -> Option<Value> {
        match self {
            Want::Reflect | Want::Type(Param::Any) => Some(Value::Nil),
            Want::Type(Param::List) => Some(Value::List(List::nil(Type::LIST))),
            Want::Type(Param::Strings) => Some(Value::List(List::nil(Type::STRINGS))),
            Want::Type(Param::Map) => Some(Value::Map(Map::nil(Type::MAP))),
            Want::Type(Param::Object(name)) => name.starts_with('*').then_some(Value::Nil),
            Want::Type(_) => None,
        }
    }
}

impl State<'_> {
    /// What a chain of fields begins with: no type is wanted.
    pub(super) fn operand(&mut self, dot: &Operand, id: NodeId) -> Result<Operand, Error> {
        self.at = Some(id);
        self.evaluate(dot, id)
    }

    /// The value of what is no literal.
    fn evaluate(&mut self, dot: &Operand, id: NodeId) -> Result<Operand, Error> {
        let tree = self.tree;
        match tree.node(id) {
            Node::Dot => Ok(dot.clone()),
            Node::Field { fields } => self.field_chain(dot, dot, id, *fields, &[], None),
            Node::Variable { variable, fields } => {
                let value = self.variable(*variable)?.clone();
                if fields.is_empty() { Ok(value) } else { self.field_chain(dot, &value, id, *fields, &[], None) }
            }
            Node::Pipe { .. } => self.pipeline(dot, id),
            Node::Function { callee } => self.function(dot, callee, id, &[], None),
            Node::Chain { operand, fields } => self.chain(dot, id, *operand, *fields, &[], None),
            _ => self.constant(id),
        }
    }

    /// An argument of the type that is wanted.
    pub(super) fn argument(&mut self, dot: &Operand, want: Want, id: NodeId) -> Result<Operand, Error> {
        self.at = Some(id);
        match self.tree.node(id) {
            Node::Nil => match want.nil() {
                Some(nil) => Ok(Operand::plain(nil)),
                None => self.fail(format!("cannot assign nil to {}", want.name())),
            },
            Node::Bool(_) | Node::Number(_) | Node::String { .. } => self.literal(want, id),
            _ => {
                let operand = self.evaluate(dot, id)?;
                self.validate(operand, want)
            }
        }
    }

    /// A literal takes the type that is wanted, if it can.
    fn literal(&mut self, want: Want, id: NodeId) -> Result<Operand, Error> {
        let tree = self.tree;
        let node = tree.node(id);
        let number = match node {
            Node::Number(n) => Some(n),
            _ => None,
        };
        let (value, expected) = match want {
            Want::Reflect | Want::Type(Param::Any) => return self.constant(id),
            Want::Type(Param::Bool) => match node {
                Node::Bool(b) => (Some(Value::Bool(*b)), "bool"),
                _ => (None, "bool"),
            },
            Want::Type(Param::String) => match node {
                Node::String { value, .. } => (Some(Value::Str(value.clone())), "string"),
                _ => (None, "string"),
            },
            Want::Type(Param::Int) => (number.and_then(|n| n.int).map(Value::Int), "integer"),
            Want::Type(Param::Int64) => (number.and_then(|n| n.int).map(Value::Int64), "integer"),
            Want::Type(Param::Uint32) => {
                (number.and_then(|n| n.uint).map(|u| Value::Uint32(u as u32)), "unsigned integer")
            }
            Want::Type(Param::Float64) => (number.and_then(|n| n.float).map(Value::Float), "float"),
            Want::Type(Param::List | Param::Strings | Param::Map | Param::Object(_)) => {
                let found = tree.print(id);
                return self.fail(format!("can't handle {found} for arg of type {}", want.name()));
            }
        };
        match value {
            Some(value) => Ok(Operand::plain(value)),
            None => self.fail(format!("expected {expected}; found {}", tree.print(id))),
        }
    }

    /// Makes sure that a value is of the type that is wanted.
    pub(super) fn validate(&self, operand: Operand, want: Want) -> Result<Operand, Error> {
        let param = match want {
            Want::Reflect => return Ok(operand),
            Want::Type(Param::Any) => return Ok(Operand::plain(operand.value)),
            Want::Type(param) => param,
        };
        if operand.is_invalid() {
            return match want.nil() {
                Some(nil) => Ok(Operand::plain(nil)),
                None => self.fail(format!("invalid value; expected {}", param.name())),
            };
        }
        match assign(&operand.value, param) {
            Some(value) => Ok(Operand::plain(value)),
            None => {
                let got = if operand.value.is_nil() { "interface {}" } else { operand.value.type_name() };
                self.fail(format!("wrong type for value; expected {}; got {got}", param.name()))
            }
        }
    }
}

/// The value as one of the type, where Go can assign it.
fn assign(value: &Value, to: Param) -> Option<Value> {
    match (value, to) {
        (Value::Bool(_), Param::Bool)
        | (Value::Int(_), Param::Int)
        | (Value::Int64(_), Param::Int64)
        | (Value::Uint32(_), Param::Uint32)
        | (Value::Float(_), Param::Float64)
        | (Value::Str(_), Param::String) => Some(value.clone()),
        (Value::List(l), Param::List) => as_type(l.type_of(), Type::LIST).then(|| l.with_type(Type::LIST).into()),
        (Value::List(l), Param::Strings) => {
            as_type(l.type_of(), Type::STRINGS).then(|| l.with_type(Type::STRINGS).into())
        }
        (Value::Map(m), Param::Map) => as_type(m.type_of(), Type::MAP).then(|| m.with_type(Type::MAP).into()),
        (Value::Object(o), Param::Object(name)) => {
            let own = o.type_name();
            (own == name || own.strip_prefix('*') == Some(name)).then(|| value.clone())
        }
        _ => None,
    }
}

/// Whether a value of one type can be assigned to the other, which has no name of its own.
fn as_type(from: &Type, to: &Type) -> bool {
    from.name == to.name || from.named && from.elem.name() == to.elem.name()
}
