//! The compiled form of a text: all nodes of the text and of what it defines, in one arena.
//!
//! Nodes refer to each other by number, so that a tree is a few allocations, is shared by threads,
//! and "the node that is executed" is a number that the executor can note down for error messages.

use std::sync::Arc;

use crate::builtin::Builtin;
use crate::function::Function;
use crate::value::{Str, lossy};

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NodeId(pub(super) u32);

/// Nodes in a row, in [`Tree::children`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Nodes {
    start: u32,
    end: u32,
}

/// Names in a row, in [`Tree::names`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    start: u32,
    end: u32,
}

/// All nodes of one text.
#[derive(Debug)]
pub(crate) struct Tree {
    /// The name that the text was parsed as; errors begin with it.
    pub(crate) name: Box<str>,
    pub(crate) text: Arc<[u8]>,
    nodes: Vec<Node>,
    positions: Vec<u32>,
    children: Vec<NodeId>,
    names: Vec<Str>,
}

/// What a node is. What Go calls a list is [`Nodes`] here.
#[derive(Debug)]
pub(crate) enum Node {
    /// Plain text, a range of the tree's text.
    Text { start: u32, end: u32 },
    /// `{{pipe}}`
    Action { pipe: NodeId },
    /// `{{if}}`, `{{with}}`, `{{range}}`
    Branch { kind: Branch, pipe: NodeId, list: Nodes, otherwise: Option<Nodes> },
    /// `{{template "name" pipe}}`, also what a `block` leaves
    Template { name: Box<str>, pipe: Option<NodeId> },
    /// `{{break}}`
    Break,
    /// `{{continue}}`
    Continue,
    /// `$a, $b := command | command`; the declared are [`Node::Variable`]
    Pipe { declared: Nodes, assign: bool, commands: Nodes },
    /// An operand and its arguments
    Command { args: Nodes },
    /// The name of a function
    Function { callee: Callee },
    /// `$x.a.b`: the variable, then fields
    Variable { variable: Symbol, fields: Names },
    /// `.`
    Dot,
    /// `nil`
    Nil,
    /// `.a.b`
    Field { fields: Names },
    /// `(pipe).a.b`, `function.a.b`
    Chain { operand: NodeId, fields: Names },
    /// `true`, `false`
    Bool(bool),
    /// A number
    Number(Box<Number>),
    /// A string, and the range of the text that it is written in
    String { value: Str, start: u32, end: u32 },
}

/// Which control structure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Branch {
    If,
    With,
    Range,
}

impl Branch {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Branch::If => "if",
            Branch::With => "with",
            Branch::Range => "range",
        }
    }
}

/// A variable's name, `$` included: its place in [`Tree::names`], equal for equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Symbol(pub(super) u32);

impl Symbol {
    /// `$`, which every tree has as its first name.
    pub(crate) const ROOT: Symbol = Symbol(0);
}

/// The function that a name stands for, looked up when the text is parsed.
#[derive(Clone, Debug)]
pub(crate) enum Callee {
    Builtin(Builtin),
    Function(Function),
}

impl Callee {
    pub(crate) fn name(&self) -> &str {
        match self {
            Callee::Builtin(b) => b.name(),
            Callee::Function(f) => f.name(),
        }
    }
}

/// A number with all types that the literal can have.
#[derive(Debug, Default)]
pub(crate) struct Number {
    pub(crate) int: Option<i64>,
    pub(crate) uint: Option<u64>,
    pub(crate) float: Option<f64>,
    pub(crate) complex: Option<(f64, f64)>,
    pub(crate) text: Box<str>,
}

impl Tree {
    pub(super) fn new(name: &str, text: Arc<[u8]>) -> Tree {
        // About a node in eight bytes, in what people write.
        let guess = text.len() / 8 + 8;
        Tree {
            name: name.into(),
            text,
            nodes: Vec::with_capacity(guess),
            positions: Vec::with_capacity(guess),
            children: Vec::with_capacity(guess),
            names: vec![Str::from("$")],
        }
    }
    pub(super) fn add(&mut self, pos: u32, node: Node) -> NodeId {
        let id = NodeId(self.nodes.len() as u32);
        self.nodes.push(node);
        self.positions.push(pos);
        id
    }
    pub(super) fn add_nodes(&mut self, nodes: &[NodeId]) -> Nodes {
        let start = self.children.len() as u32;
        self.children.extend_from_slice(nodes);
        Nodes { start, end: self.children.len() as u32 }
    }
    pub(super) fn add_names(&mut self, names: &[Str]) -> Names {
        let start = self.names.len() as u32;
        self.names.extend_from_slice(names);
        Names { start, end: self.names.len() as u32 }
    }
    /// The names of a row, and further ones. Those that were added last need not be added again.
    pub(super) fn add_to_names(&mut self, front: Names, names: &[Str]) -> Names {
        if front.end as usize != self.names.len() {
            let start = self.names.len() as u32;
            self.names.extend_from_within(front.start as usize..front.end as usize);
            return Names { start, ..self.add_names(names) };
        }
        Names { start: front.start, ..self.add_names(names) }
    }
    pub(super) fn add_symbol(&mut self, name: Str) -> Symbol {
        let names = self.add_names(&[name]);
        Symbol(names.start)
    }
    #[inline]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }
    pub(crate) fn position(&self, id: NodeId) -> u32 {
        self.positions[id.0 as usize]
    }
    #[inline]
    pub(crate) fn nodes(&self, nodes: Nodes) -> &[NodeId] {
        &self.children[nodes.start as usize..nodes.end as usize]
    }
    #[inline]
    pub(crate) fn names(&self, names: Names) -> &[Str] {
        &self.names[names.start as usize..names.end as usize]
    }
    pub(crate) fn symbol(&self, symbol: Symbol) -> &Str {
        &self.names[symbol.0 as usize]
    }
    /// Line and column of a node, as Go counts them: the column is in bytes, from 0, on the first
    /// line and after a newline alike.
    pub(crate) fn line_and_column(&self, id: NodeId) -> (usize, usize) {
        let before = &self.text[..self.position(id) as usize];
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = before.len() - memchr::memrchr(b'\n', before).map_or(0, |n| n + 1);
        (line, column)
    }
    /// Whether there is nothing but space.
    pub(super) fn is_blank(&self, nodes: Nodes) -> bool {
        self.nodes(nodes).iter().all(|id| match self.node(*id) {
            Node::Text { start, end } => match self.text[*start as usize..*end as usize].trim_ascii_start() {
                [first, ..] if first.is_ascii_graphic() => false,
                text => lossy(text).trim().is_empty(),
            },
            _ => false,
        })
    }
    pub(super) fn shrink(&mut self) {
        self.nodes.shrink_to_fit();
        self.positions.shrink_to_fit();
        self.children.shrink_to_fit();
        self.names.shrink_to_fit();
    }
}

impl Names {
    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }
}
