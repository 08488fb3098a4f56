//! Pipelines, commands, fields.

use super::{Operand, State};
use crate::context::MissingKey;
use crate::error::Error;
use crate::fmt::quote_str;
use crate::parse::tree::{Names, Node, NodeId, Number};
use crate::value::{Str, Value};

impl State<'_> {
    /// The value of a pipeline; what it declares is pushed.
    pub(super) fn pipeline(&mut self, dot: &Operand, id: NodeId) -> Result<Operand, Error> {
        let tree = self.tree;
        self.at = Some(id);
        let Node::Pipe { declared, assign, commands } = tree.node(id) else {
            return self.fail("unknown node");
        };
        let mut value = None;
        for command in tree.nodes(*commands) {
            let mut result = self.command(dot, *command, value)?;
            // What was in an interface is taken out.
            result.interface = false;
            value = Some(result);
        }
        let value = value.unwrap_or_default();
        for variable in tree.nodes(*declared) {
            let Node::Variable { variable, .. } = tree.node(*variable) else { continue };
            if *assign {
                self.assign(*variable, value.clone())?;
            } else {
                self.variables.push((*variable, value.clone()));
            }
        }
        Ok(value)
    }

    /// What `look` makes of the value of a pipeline that is a mere path (`.a.b`, `$x.a`) through
    /// maps in which all keys are; `None` where it is anything else. Most of what templates
    /// evaluate is this: it needs no clone and cannot fail.
    pub(super) fn peek(&mut self, dot: &Operand, id: NodeId, look: &mut dyn FnMut(&Value, &mut Vec<u8>)) -> bool {
        let tree = self.tree;
        let Node::Pipe { declared, commands, .. } = tree.node(id) else { return false };
        let (true, [command]) = (tree.nodes(*declared).is_empty(), tree.nodes(*commands)) else { return false };
        let Node::Command { args } = tree.node(*command) else { return false };
        let [operand] = tree.nodes(*args) else { return false };
        let (receiver, fields) = match tree.node(*operand) {
            Node::Field { fields } => (dot, *fields),
            Node::Variable { variable, fields } => {
                let Some((_, value)) = self.variables.iter().rev().find(|(s, _)| s == variable) else { return false };
                (value, *fields)
            }
            _ => return false,
        };
        let out = &mut *self.out;
        follow(receiver, tree.names(fields), &mut |value, _| look(value, out))
    }

    /// A command; `last` is what the command before it in the pipeline gave.
    fn command(&mut self, dot: &Operand, id: NodeId, last: Option<Operand>) -> Result<Operand, Error> {
        let tree = self.tree;
        let Node::Command { args } = tree.node(id) else { return self.fail("unknown node") };
        let args = tree.nodes(*args);
        let first = args[0];
        match tree.node(first) {
            Node::Field { fields } => {
                self.at = Some(first);
                return self.field_chain(dot, dot, first, *fields, args, last);
            }
            Node::Chain { operand, fields } => return self.chain(dot, first, *operand, *fields, args, last),
            Node::Function { callee } => {
                self.at = Some(first);
                return self.function(dot, callee, id, &args[1..], last);
            }
            Node::Pipe { .. } => {
                self.not_a_function(args, &last)?;
                return self.pipeline(dot, first);
            }
            Node::Variable { variable, fields } => {
                self.at = Some(first);
                let value = self.variable(*variable)?.clone();
                if fields.is_empty() {
                    self.not_a_function(args, &last)?;
                    return Ok(value);
                }
                return self.field_chain(dot, &value, first, *fields, args, last);
            }
            _ => {}
        }
        self.at = Some(first);
        self.not_a_function(args, &last)?;
        match tree.node(first) {
            Node::Dot => Ok(dot.clone()),
            Node::Nil => self.fail("nil is not a command"),
            _ => self.constant(first),
        }
    }

    /// The value of a literal.
    pub(super) fn constant(&mut self, id: NodeId) -> Result<Operand, Error> {
        self.at = Some(id);
        let value = match self.tree.node(id) {
            Node::Bool(b) => Value::Bool(*b),
            Node::String { value, .. } => Value::Str(value.clone()),
            Node::Number(number) => self.number(number)?,
            _ => return self.fail(format!("can't evaluate command {}", quote_str(&self.tree.print(id)))),
        };
        Ok(Operand::plain(value))
    }

    /// The type of a number that nothing asks a type of.
    fn number(&self, n: &Number) -> Result<Value, Error> {
        let text = &*n.text;
        if let Some((re, im)) = n.complex {
            return Ok(Value::Complex(re, im));
        }
        let is_hex = text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        let is_rune = text.starts_with('\'');
        match (n.float, n.int) {
            (Some(f), _) if !is_hex && !is_rune && text.contains(['.', 'e', 'E', 'p', 'P']) => Ok(Value::Float(f)),
            (_, Some(i)) => Ok(Value::Int(i)),
            _ => self.fail(format!("{text} overflows int")),
        }
    }

    fn not_a_function(&self, args: &[NodeId], last: &Option<Operand>) -> Result<(), Error> {
        if args.len() > 1 || last.is_some() {
            return self.fail(format!("can't give argument to non-function {}", self.tree.print(args[0])));
        }
        Ok(())
    }

    pub(super) fn chain(
        &mut self,
        dot: &Operand,
        id: NodeId,
        operand: NodeId,
        fields: Names,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        self.at = Some(id);
        let value = self.operand(dot, operand)?;
        self.field_chain(dot, &value, id, fields, args, last)
    }

    /// `.a.b.c`: the last may be a method, which gets the arguments (`args` after its first).
    pub(super) fn field_chain(
        &mut self,
        dot: &Operand,
        receiver: &Operand,
        id: NodeId,
        fields: Names,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        let tree = self.tree;
        if args.len() <= 1 && last.is_none() {
            let mut found = None;
            follow(receiver, tree.names(fields), &mut |value, interface| {
                found = Some(Operand { value: value.clone(), interface });
            });
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let Some((final_name, names)) = tree.names(fields).split_last() else { return Ok(receiver.clone()) };
        let mut receiver = receiver.clone();
        for name in names {
            receiver = self.field(dot, &receiver, id, name, &[], None)?;
        }
        self.field(dot, &receiver, id, final_name, args.get(1..).unwrap_or_default(), last)
    }

    fn field(
        &mut self,
        dot: &Operand,
        receiver: &Operand,
        id: NodeId,
        name: &Str,
        args: &[NodeId],
        last: Option<Operand>,
    ) -> Result<Operand, Error> {
        if receiver.is_invalid() {
            if self.ctx.missing_key == MissingKey::Error {
                return self.fail(format!("nil data; no entry for key {}", crate::fmt::quote(name)));
            }
            return Ok(Operand::default());
        }
        if receiver.value.is_nil() {
            return self.fail(format!("nil pointer evaluating interface {{}}.{name}"));
        }
        let has_args = !args.is_empty() || last.is_some();
        match &receiver.value {
            Value::Map(map) => {
                let mut methods = map.type_of().methods.iter();
                if let Some(method) = methods.find(|method| method.name.as_bytes() == name.as_bytes()) {
                    return self.map_method(dot, map, id, method, args, last);
                }
                return self.entry(map, name, has_args);
            }
            Value::Object(object) => {
                let text = name.to_string_lossy();
                if let Some(signature) = object.method(&text).copied() {
                    return self.method(dot, object, id, &text, &signature, args, last);
                }
                if let Some(value) = object.field(&text) {
                    if has_args {
                        return self.fail(format!("{name} has arguments but cannot be invoked as function"));
                    }
                    return Ok(Operand::plain(value));
                }
                if let Some(Value::Map(map)) = object.underlying() {
                    return self.entry(&map, name, has_args);
                }
            }
            _ => {}
        }
        self.fail(format!("can't evaluate field {name} in type {}", receiver.type_name()))
    }

    /// A field of a map is the value of that key.
    fn entry(&mut self, map: &crate::value::Map, name: &Str, has_args: bool) -> Result<Operand, Error> {
        if has_args {
            return self.fail(format!("{name} is not a method but has arguments"));
        }
        let elem = map.type_of().elem;
        if let Some(value) = map.get(name) {
            return Ok(Operand::element(value, elem));
        }
        match self.ctx.missing_key {
            MissingKey::Invalid => Ok(Operand::default()),
            MissingKey::Zero => Ok(Operand::element(elem.zero(), elem)),
            MissingKey::Error => self.fail(format!("map has no entry for key {}", crate::fmt::quote(name))),
        }
    }
}

/// The longest path that is followed by recursion.
const MAX_PATH: usize = 32;

/// Gives the value at the end of a path through maps, and whether it is in an interface; says
/// whether all keys are there.
fn follow(from: &Operand, path: &[Str], found: &mut dyn FnMut(&Value, bool)) -> bool {
    fn step(value: &Value, interface: bool, path: &[Str], found: &mut dyn FnMut(&Value, bool)) -> bool {
        let Some((name, rest)) = path.split_first() else {
            found(value, interface);
            return true;
        };
        let Value::Map(map) = value else { return false };
        // A named type may have methods, which go before entries.
        if map.type_of().methods.iter().any(|method| method.name.as_bytes() == name.as_bytes()) {
            return false;
        }
        let interface = matches!(map.type_of().elem, crate::value::Elem::Any);
        map.with(name, |value| step(value, interface, rest, found)).unwrap_or(false)
    }
    path.len() <= MAX_PATH && step(&from.value, from.interface, path, found)
}
