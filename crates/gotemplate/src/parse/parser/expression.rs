//! Pipelines, commands and terms.

use smallvec::SmallVec;

use super::super::lex::{Keyword, Kind, Token};
use super::super::number::number;
use super::super::tree::{Callee, Node, NodeId, Symbol};
use super::{MAX_PARENS, Parser};
use crate::builtin::Builtin;
use crate::error::Error;
use crate::fmt::{quote, quote_str};
use crate::value::Str;

impl Parser<'_> {
    pub(super) fn pipeline(&mut self, context: &str, end: Kind) -> Result<NodeId, Error> {
        let position = self.peek_non_space().start;
        let mut declared = SmallVec::new();
        let assign = self.declarations(context, &mut declared)?;
        let mut commands = SmallVec::<[NodeId; 4]>::new();
        loop {
            let token = self.next_non_space();
            if token.kind == end {
                break;
            }
            match token.kind {
                Kind::Bool
                | Kind::CharConstant
                | Kind::Complex
                | Kind::Dot
                | Kind::Field
                | Kind::Identifier
                | Kind::Number
                | Kind::Keyword(Keyword::Nil)
                | Kind::RawString
                | Kind::String
                | Kind::Variable
                | Kind::LeftParen => {
                    self.back(token);
                    commands.push(self.command()?);
                }
                _ => return self.unexpected(token, context),
            }
        }
        if commands.is_empty() {
            return self.error(format!("missing value for {context}"));
        }
        self.check_stages(&commands)?;
        let declared = self.tree.add_nodes(&declared);
        let commands = self.tree.add_nodes(&commands);
        Ok(self.tree.add(position, Node::Pipe { declared, assign, commands }))
    }

    /// Only the first command of a pipeline may begin with what cannot be called.
    fn check_stages(&mut self, commands: &[NodeId]) -> Result<(), Error> {
        for (i, command) in commands.iter().enumerate().skip(1) {
            let Node::Command { args } = self.tree.node(*command) else { continue };
            let first = self.tree.node(self.tree.nodes(*args)[0]);
            if matches!(first, Node::Bool(_) | Node::Dot | Node::Nil | Node::Number(_) | Node::String { .. }) {
                return self.error(format!("non executable command in pipeline stage {}", i + 1));
            }
        }
        Ok(())
    }

    /// `$x :=`, `$x =`, and in a range `$i, $e :=`. Says whether variables are assigned.
    fn declarations(&mut self, context: &str, declared: &mut SmallVec<[NodeId; 2]>) -> Result<bool, Error> {
        loop {
            let variable = self.peek_non_space();
            if variable.kind != Kind::Variable {
                return Ok(false);
            }
            self.next();
            let after = self.peek();
            let next = self.peek_non_space();
            match next.kind {
                Kind::Assign | Kind::Declare => {
                    self.next();
                    declared.push(self.declare(variable));
                    return Ok(next.kind == Kind::Assign);
                }
                Kind::Char if self.bytes(next) == b"," => {
                    self.next();
                    declared.push(self.declare(variable));
                    if context != "range" || declared.len() >= 2 {
                        return self.error(format!("too many declarations in {context}"));
                    }
                    let peek = self.peek_non_space().kind;
                    if !matches!(peek, Kind::Variable | Kind::RightDelim | Kind::RightParen) {
                        return self.error("range can only initialize variables");
                    }
                }
                _ => {
                    if after.kind == Kind::Space {
                        self.back(after);
                    }
                    self.back(variable);
                    return Ok(false);
                }
            }
        }
    }

    fn declare(&mut self, token: Token) -> NodeId {
        let symbol = self.symbol(token);
        self.scope.variables.push(symbol);
        let fields = self.tree.add_names(&[]);
        self.tree.add(token.start, Node::Variable { variable: symbol, fields })
    }

    fn symbol(&mut self, token: Token) -> Symbol {
        let name = self.word(token);
        if let Some(symbol) = self.symbols.get(&name) {
            return *symbol;
        }
        let text = self.name(self.bytes(token));
        let symbol = self.tree.add_symbol(text);
        self.symbols.insert(name, symbol);
        symbol
    }

    /// An operand and its arguments, up to `|` (taken) or the end of the pipeline (not taken).
    fn command(&mut self) -> Result<NodeId, Error> {
        let position = self.peek_non_space().start;
        let mut args = SmallVec::<[NodeId; 8]>::new();
        loop {
            self.peek_non_space();
            if let Some(operand) = self.operand()? {
                args.push(operand);
            }
            let token = self.next();
            match token.kind {
                Kind::Space => continue,
                Kind::RightDelim | Kind::RightParen => self.back(token),
                Kind::Pipe => {}
                _ => return self.unexpected(token, "operand"),
            }
            break;
        }
        if args.is_empty() {
            return self.error("empty command");
        }
        let args = self.tree.add_nodes(&args);
        Ok(self.tree.add(position, Node::Command { args }))
    }

    /// A term and the fields that follow it.
    fn operand(&mut self) -> Result<Option<NodeId>, Error> {
        let Some(id) = self.term()? else { return Ok(None) };
        let first = self.peek();
        if first.kind != Kind::Field {
            return Ok(Some(id));
        }
        let mut fields = SmallVec::<[Str; 6]>::new();
        while self.peek().kind == Kind::Field {
            let token = self.next();
            fields.push(self.name(&self.bytes(token)[1..]));
        }
        let position = first.start;
        let node = match *self.tree.node(id) {
            Node::Field { fields: front } => Node::Field { fields: self.tree.add_to_names(front, &fields) },
            Node::Variable { variable, fields: front } => {
                Node::Variable { variable, fields: self.tree.add_to_names(front, &fields) }
            }
            Node::Bool(_) | Node::String { .. } | Node::Number(_) | Node::Nil | Node::Dot => {
                let term = quote_str(&self.tree.print(id));
                return self.error(format!("unexpected . after term {term}"));
            }
            _ => Node::Chain { operand: id, fields: self.tree.add_names(&fields) },
        };
        Ok(Some(self.tree.add(position, node)))
    }

    fn term(&mut self) -> Result<Option<NodeId>, Error> {
        let token = self.next_non_space();
        let node = match token.kind {
            Kind::Identifier => Node::Function { callee: self.callee(token)? },
            Kind::Dot => Node::Dot,
            Kind::Keyword(Keyword::Nil) => Node::Nil,
            Kind::Variable => {
                let variable = self.symbol(token);
                if !self.scope.variables.contains(&variable) {
                    return self.error(format!("undefined variable {}", quote(self.bytes(token))));
                }
                Node::Variable { variable, fields: self.tree.add_names(&[]) }
            }
            Kind::Field => {
                let name = self.name(&self.bytes(token)[1..]);
                Node::Field { fields: self.tree.add_names(&[name]) }
            }
            Kind::Bool => Node::Bool(self.bytes(token) == b"true"),
            Kind::CharConstant | Kind::Complex | Kind::Number => match number(self.bytes(token), token.kind) {
                Ok(number) => Node::Number(Box::new(number)),
                Err(message) => return self.error(message),
            },
            Kind::LeftParen => {
                if self.parens >= MAX_PARENS || self.stack.check().is_err() {
                    return self.error("max expression depth exceeded");
                }
                self.parens += 1;
                let pipe = self.pipeline("parenthesized pipeline", Kind::RightParen)?;
                self.parens -= 1;
                return Ok(Some(pipe));
            }
            Kind::String | Kind::RawString => {
                let value = self.unquote(token)?;
                Node::String { value, start: token.start, end: token.end }
            }
            _ => {
                self.back(token);
                return Ok(None);
            }
        };
        Ok(Some(self.tree.add(token.start, node)))
    }

    fn callee(&mut self, token: Token) -> Result<Callee, Error> {
        let name = self.word(token);
        if let Some(function) = self.functions.get(&name) {
            return Ok(Callee::Function(function.clone()));
        }
        match Builtin::of(&name) {
            Some(builtin) => Ok(Callee::Builtin(builtin)),
            None => self.error(format!("function {} not defined", quote_str(&name))),
        }
    }
}
