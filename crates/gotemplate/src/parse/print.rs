//! A node as Go prints it: what stands between `<` and `>` in an error.

use super::tree::{Names, Node, NodeId, Nodes, Tree};
use crate::fmt::quote_str;
use crate::value::lossy;

/// Errors show no more of a node than this; whole templates can hang on one.
const MAX_BYTES: usize = 64 << 10;

impl Tree {
    /// The node as Go prints it.
    pub(crate) fn print(&self, id: NodeId) -> String {
        let mut out = String::new();
        self.write(&mut out, id);
        out
    }

    fn write(&self, out: &mut String, id: NodeId) {
        if out.len() > MAX_BYTES {
            return;
        }
        match self.node(id) {
            Node::Text { start, end } | Node::String { start, end, .. } => {
                out.push_str(&lossy(&self.text[*start as usize..*end as usize]));
            }
            Node::Action { pipe } => {
                out.push_str("{{");
                self.write(out, *pipe);
                out.push_str("}}");
            }
            Node::Branch { kind, pipe, list, otherwise } => {
                out.push_str("{{");
                out.push_str(kind.word());
                out.push(' ');
                self.write(out, *pipe);
                out.push_str("}}");
                self.write_all(out, *list);
                if let Some(otherwise) = otherwise {
                    out.push_str("{{else}}");
                    self.write_all(out, *otherwise);
                }
                out.push_str("{{end}}");
            }
            Node::Template { name, pipe } => {
                out.push_str("{{template ");
                out.push_str(&quote_str(name));
                if let Some(pipe) = pipe {
                    out.push(' ');
                    self.write(out, *pipe);
                }
                out.push_str("}}");
            }
            Node::Break => out.push_str("{{break}}"),
            Node::Continue => out.push_str("{{continue}}"),
            Node::Pipe { declared, assign, commands } => self.write_pipe(out, *declared, *assign, *commands),
            Node::Command { args } => {
                for (i, arg) in self.nodes(*args).iter().enumerate() {
                    if i > 0 {
                        out.push(' ');
                    }
                    self.write_operand(out, *arg);
                }
            }
            Node::Function { callee } => out.push_str(callee.name()),
            Node::Variable { variable, fields } => {
                out.push_str(&self.symbol(*variable).to_string_lossy());
                self.write_fields(out, *fields);
            }
            Node::Dot => out.push('.'),
            Node::Nil => out.push_str("nil"),
            Node::Field { fields } => self.write_fields(out, *fields),
            Node::Chain { operand, fields } => {
                self.write_operand(out, *operand);
                self.write_fields(out, *fields);
            }
            Node::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Node::Number(n) => out.push_str(&n.text),
        }
    }

    fn write_pipe(&self, out: &mut String, declared: Nodes, assign: bool, commands: Nodes) {
        for (i, variable) in self.nodes(declared).iter().enumerate() {
            if i > 0 {
                out.push_str(", ");
            }
            self.write(out, *variable);
        }
        if !self.nodes(declared).is_empty() {
            out.push_str(if assign { " = " } else { " := " });
        }
        for (i, command) in self.nodes(commands).iter().enumerate() {
            if i > 0 {
                out.push_str(" | ");
            }
            self.write(out, *command);
        }
    }

    /// An operand: a pipeline in parentheses.
    fn write_operand(&self, out: &mut String, id: NodeId) {
        let is_pipe = matches!(self.node(id), Node::Pipe { .. });
        if is_pipe {
            out.push('(');
        }
        self.write(out, id);
        if is_pipe {
            out.push(')');
        }
    }

    fn write_all(&self, out: &mut String, nodes: Nodes) {
        self.nodes(nodes).iter().for_each(|id| self.write(out, *id));
    }

    fn write_fields(&self, out: &mut String, fields: Names) {
        for field in self.names(fields) {
            out.push('.');
            out.push_str(&field.to_string_lossy());
        }
    }
}
