//! Text, actions and control structures.

use smallvec::SmallVec;

use super::{Operand, State};
use crate::error::Error;
use crate::fmt;
use crate::parse::tree::{Branch, Node, NodeId, Nodes, Symbol};
use crate::value::{Elem, Kind, Value};

/// How a walk ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    Next,
    Break,
    Continue,
}

impl State<'_> {
    pub(super) fn walk_all(&mut self, dot: &Operand, nodes: Nodes) -> Result<Flow, Error> {
        let tree = self.tree;
        for node in tree.nodes(nodes) {
            let flow = self.walk(dot, *node)?;
            if flow != Flow::Next {
                return Ok(flow);
            }
        }
        Ok(Flow::Next)
    }

    fn walk(&mut self, dot: &Operand, id: NodeId) -> Result<Flow, Error> {
        let tree = self.tree;
        self.at = Some(id);
        self.step()?;
        match tree.node(id) {
            Node::Text { start, end } => {
                self.out.extend_from_slice(&tree.text[*start as usize..*end as usize]);
                self.check_output()?;
            }
            Node::Action { pipe } => {
                let mut is_function = false;
                let mut print = |value: &Value, out: &mut Vec<u8>| match value {
                    Value::Func(_) => is_function = true,
                    value => write(value, out),
                };
                if self.peek(dot, *pipe, &mut print) && !is_function {
                    self.check_output()?;
                } else {
                    let value = self.pipeline(dot, *pipe)?;
                    if !self.declares(*pipe) {
                        self.print(id, &value.value)?;
                    }
                }
            }
            Node::Branch { kind: Branch::Range, pipe, list, otherwise } => {
                return self.range(dot, *pipe, *list, *otherwise);
            }
            Node::Branch { kind, pipe, list, otherwise } => {
                let mark = self.variables.len();
                let mut value = Operand::default();
                let mut truth = false;
                if *kind == Branch::With || !self.peek(dot, *pipe, &mut |v, _| truth = v.truth()) {
                    value = self.pipeline(dot, *pipe)?;
                    truth = value.value.truth();
                }
                let flow = match (truth, otherwise) {
                    (true, _) if *kind == Branch::With => self.walk_all(&value, *list)?,
                    (true, _) => self.walk_all(dot, *list)?,
                    (false, Some(otherwise)) => self.walk_all(dot, *otherwise)?,
                    (false, None) => Flow::Next,
                };
                self.variables.truncate(mark);
                return Ok(flow);
            }
            Node::Template { name, pipe } => self.template(dot, name, *pipe)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
            _ => return self.fail("unknown node"),
        }
        Ok(Flow::Next)
    }

    fn declares(&self, pipe: NodeId) -> bool {
        matches!(self.tree.node(pipe), Node::Pipe { declared, .. } if !self.tree.nodes(*declared).is_empty())
    }

    fn check_output(&self) -> Result<(), Error> {
        let limit = self.ctx.limits().output_bytes;
        if self.out.len() > limit {
            return Err(self.error(Error::limit(format!("output is larger than {limit} bytes"))));
        }
        Ok(())
    }

    fn print(&mut self, id: NodeId, value: &Value) -> Result<(), Error> {
        self.at = Some(id);
        if let Value::Func(_) = value {
            return self.fail(format!("can't print {} of type {}", self.tree.print(id), value.type_name()));
        }
        write(value, self.out);
        self.check_output()
    }

    fn range(&mut self, dot: &Operand, pipe: NodeId, list: Nodes, otherwise: Option<Nodes>) -> Result<Flow, Error> {
        let mark = self.variables.len();
        let over = self.pipeline(dot, pipe)?;
        let flow = match self.iterate(pipe, list, &over.value)? {
            Some(flow) => flow,
            None => match otherwise {
                Some(otherwise) => self.walk_all(dot, otherwise)?,
                None => Flow::Next,
            },
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    /// Walks the list for each item; `None` where there are none.
    fn iterate(&mut self, pipe: NodeId, list: Nodes, over: &Value) -> Result<Option<Flow>, Error> {
        let plain;
        let items = match over {
            Value::Object(o) => {
                plain = o.underlying().unwrap_or_else(|| over.clone());
                &plain
            }
            other => other,
        };
        match items {
            Value::Nil => Ok(None),
            Value::List(l) => {
                let elem = l.type_of().elem;
                let pairs = l.iter().enumerate().map(|(i, v)| (Value::from(i), Operand::element(v.clone(), elem)));
                self.each(pipe, list, pairs)
            }
            Value::Bytes(b) => {
                let pairs = b.iter().enumerate().map(|(i, b)| (Value::from(i), Operand::plain(Value::Uint8(*b))));
                self.each(pipe, list, pairs)
            }
            Value::Map(m) => {
                let elem: Elem = m.type_of().elem;
                let pairs = m.entries().into_iter().map(|(k, v)| (Value::Str(k), Operand::element(v, elem)));
                self.each(pipe, list, pairs)
            }
            number if number.kind() != Kind::Float64 && number.as_int().is_some() => {
                if self.variable_count(pipe) > 1 {
                    let number = fmt::to_string(number);
                    return self.fail(format!("can't use {number} to iterate over more than one variable"));
                }
                let count = number.as_int().unwrap_or_default();
                let same = |i: i64| match number {
                    Value::Int64(_) => Value::Int64(i),
                    Value::Int32(_) => Value::Int32(i as i32),
                    Value::Uint8(_) => Value::Uint8(i as u8),
                    Value::Uint32(_) => Value::Uint32(i as u32),
                    Value::Uint64(_) => Value::Uint64(i as u64),
                    _ => Value::Int(i),
                };
                self.each(pipe, list, (0..count).map(|i| (Value::Nil, Operand::plain(same(i)))))
            }
            _ => {
                let mut text = Vec::new();
                fmt::write_pointee(&mut text, over);
                self.fail(format!("range can't iterate over {}", String::from_utf8_lossy(&text)))
            }
        }
    }

    fn variable_count(&self, pipe: NodeId) -> usize {
        match self.tree.node(pipe) {
            Node::Pipe { declared, .. } => self.tree.nodes(*declared).len(),
            _ => 0,
        }
    }

    fn each(
        &mut self,
        pipe: NodeId,
        list: Nodes,
        pairs: impl Iterator<Item = (Value, Operand)>,
    ) -> Result<Option<Flow>, Error> {
        let mark = self.variables.len();
        let tree = self.tree;
        let Node::Pipe { declared, assign, .. } = tree.node(pipe) else { return self.fail("unknown node") };
        let symbol = |id: &NodeId| match tree.node(*id) {
            Node::Variable { variable, .. } => *variable,
            _ => Symbol::ROOT,
        };
        let symbols: SmallVec<[Symbol; 2]> = tree.nodes(*declared).iter().map(symbol).collect();
        let mut any = false;
        for (index, element) in pairs {
            any = true;
            self.step()?;
            self.set_range_variables(&symbols, *assign, index, &element)?;
            let flow = self.walk_all(&element, list)?;
            self.variables.truncate(mark);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(any.then_some(Flow::Next))
    }

    /// One variable takes the element; of two the first takes the index.
    fn set_range_variables(
        &mut self,
        symbols: &[Symbol],
        assign: bool,
        index: Value,
        element: &Operand,
    ) -> Result<(), Error> {
        let count = symbols.len();
        for (i, symbol) in symbols.iter().enumerate() {
            let operand = if count > 1 && i == 0 { Operand::plain(index.clone()) } else { element.clone() };
            if assign {
                self.assign(*symbol, operand)?;
            } else {
                // Declared by the pipeline, they are the topmost.
                let top = self.variables.len() - count + i;
                self.variables[top].1 = operand;
            }
        }
        Ok(())
    }

    fn template(&mut self, dot: &Operand, name: &str, pipe: Option<NodeId>) -> Result<(), Error> {
        let Some(template) = self.ctx.set.get(name) else {
            return self.fail(format!("template {} not defined", fmt::quote_str(name)));
        };
        let limit = self.ctx.limits().depth;
        if self.ctx.depth >= limit {
            let error = Error::limit(format!("exceeded maximum template depth ({limit})"));
            return Err(self.error(error));
        }
        let dot = match pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Operand::default(),
        };
        self.ctx.depth += 1;
        let mut state = State::new(self.ctx, self.out, &template, dot.clone());
        let result = state.run(&dot);
        self.ctx.depth -= 1;
        result
    }
}

/// What an action prints of a value.
fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Nil => out.extend_from_slice(b"<no value>"),
        value => fmt::write_pointee(out, value),
    }
}
