//! Operands: literals, names, calls, and what stands behind them.

use super::{Parsed, Parser, Sized};
use crate::exprlang::builtins::{Builtin, Shape};
use crate::exprlang::lex::Token;
use crate::exprlang::syntax::{Node, Pointer};
use crate::{Error, ErrorKind};

impl Parser {
    pub(super) fn primary(&mut self) -> Parsed {
        let token = self.peek().clone();
        if let Token::Op(sign) = token {
            let binds = match sign {
                "not" | "!" => 50,
                "-" | "+" => 90,
                _ => 0,
            };
            if binds > 0 {
                self.at += 1;
                let of = self.expression(binds)?;
                let make = match sign {
                    "-" => Node::Negative,
                    "+" => Node::Positive,
                    _ => Node::Not,
                };
                let node = self.one(make, of)?;
                return self.postfix(node);
            }
            if self.accept("(") {
                let inner = self.sequence()?;
                self.expect(")")?;
                return self.postfix(inner);
            }
            if self.predicates > 0 && matches!(sign, "#" | ".") {
                let mut pointer = Pointer::Element;
                if self.accept("#")
                    && let Token::Name(name) = self.peek()
                {
                    pointer = match &**name {
                        "index" => Pointer::Index,
                        "acc" => Pointer::Accumulated,
                        other => return Err(self.wrong(format!("#{other} is not known"))),
                    };
                    self.at += 1;
                }
                let node = self.leaf(Node::Pointer(pointer))?;
                return self.postfix(node);
            }
            if self.accept("::") {
                let Token::Name(name) = self.next() else { return Err(self.wrong("a name is expected behind ::")) };
                let node = self.call(&name, None)?;
                return self.postfix(node);
            }
        }
        self.secondary(token)
    }

    fn secondary(&mut self, token: Token) -> Parsed {
        let node = match token {
            Token::Name(name) => {
                self.at += 1;
                match &*name {
                    "true" => return self.leaf(Node::Bool(true)),
                    "false" => return self.leaf(Node::Bool(false)),
                    "nil" => return self.leaf(Node::Nil),
                    _ if self.is("(") => self.call(&name, None)?,
                    _ => self.leaf(Node::Name(name))?,
                }
            }
            Token::Int(number) => {
                self.at += 1;
                return self.leaf(Node::Int(number));
            }
            Token::Float(number) => {
                self.at += 1;
                return self.leaf(Node::Float(number));
            }
            Token::Str(text) => {
                self.at += 1;
                self.leaf(Node::Str(text))?
            }
            Token::Op("[") => {
                self.at += 1;
                let items = self.list("]")?;
                self.many(Node::Array, items)?
            }
            Token::Op("{") => {
                self.at += 1;
                self.map()?
            }
            Token::Op(_) | Token::End => return Err(self.unexpected()),
        };
        self.postfix(node)
    }

    /// Expressions up to a closing bracket; a comma may stand before it.
    fn list(&mut self, close: &str) -> Result<Vec<Sized>, Error> {
        let mut all = Vec::new();
        while !self.accept(close) {
            if !all.is_empty() {
                self.expect(",")?;
                if self.accept(close) {
                    break;
                }
            }
            all.push(self.expression(0)?);
        }
        Ok(all)
    }

    fn map(&mut self) -> Parsed {
        let (mut pairs, mut below) = (Vec::new(), Vec::new());
        while !self.accept("}") {
            if !pairs.is_empty() {
                self.expect(",")?;
                if self.accept("}") {
                    break;
                }
            }
            let key = match self.peek().clone() {
                Token::Name(name) | Token::Str(name) => {
                    self.at += 1;
                    self.leaf(Node::Str(name))?
                }
                Token::Int(number) => {
                    self.at += 1;
                    self.leaf(Node::Str(number.to_string().into()))?
                }
                Token::Op("(") => self.expression(0)?,
                _ => return Err(self.unexpected()),
            };
            self.expect(":")?;
            let value = self.expression(0)?;
            below.extend([key.depth, value.depth]);
            pairs.push((key.node, value.node));
        }
        self.node(Node::Map(pairs), &below)
    }

    /// A call by name: a built-in function, or one of the scope. The name is behind us.
    pub(super) fn call(&mut self, name: &str, first: Option<Sized>) -> Parsed {
        self.expect("(")?;
        let mut arguments: Vec<Sized> = first.into_iter().collect();
        match Builtin::of(name) {
            Some((builtin, Shape::Plain)) => {
                arguments.extend(self.list(")")?);
                self.many(|all| Node::Builtin(builtin, all), arguments)
            }
            Some((builtin, Shape::Predicate { optional, more })) => {
                if arguments.is_empty() {
                    arguments.push(self.expression(0)?);
                    if !self.is(")") {
                        self.expect(",")?;
                    }
                }
                if !self.is(")") {
                    arguments.push(self.predicate()?);
                } else if !optional {
                    return Err(self.wrong(format!("{name} needs a predicate")));
                }
                if more && self.accept(",") && !self.is(")") {
                    arguments.push(self.expression(0)?);
                }
                self.accept(",");
                self.expect(")")?;
                self.many(|all| Node::Builtin(builtin, all), arguments)
            }
            None if Builtin::is_missing(name) => {
                Err(Error::new(ErrorKind::Unsupported, format!("the function {name} is not supported")))
            }
            None => {
                arguments.extend(self.list(")")?);
                let callee = self.leaf(Node::Name(name.into()))?;
                self.called(callee, arguments)
            }
        }
    }

    fn called(&mut self, callee: Sized, arguments: Vec<Sized>) -> Parsed {
        let mut below = vec![callee.depth];
        below.extend(arguments.iter().map(|a| a.depth));
        let arguments = arguments.into_iter().map(|a| a.node).collect();
        self.node(Node::Call(Box::new(callee.node), arguments), &below)
    }

    fn predicate(&mut self) -> Parsed {
        self.predicates += 1;
        let node = if self.accept("{") {
            let node = self.sequence()?;
            self.expect("}")?;
            node
        } else {
            self.expression(0)?
        };
        self.predicates -= 1;
        Ok(node)
    }

    fn postfix(&mut self, mut node: Sized) -> Parsed {
        loop {
            let optional = self.is("?.");
            let brackets = |at: usize| matches!(self.tokens.get(at), Some((Token::Op("["), _)));
            if self.is("[") || (optional && brackets(self.at + 1)) {
                self.at += 1 + usize::from(optional);
                node = self.index(node, optional)?;
            } else if optional || self.is(".") {
                self.at += 1;
                node = self.member(node, optional)?;
            } else {
                return Ok(node);
            }
        }
    }

    fn member(&mut self, of: Sized, optional: bool) -> Parsed {
        let name = match self.next() {
            Token::Name(name) => name,
            // Words that are operators are names here.
            Token::Op(word) if word.starts_with(|c: char| c.is_ascii_alphabetic()) => word.into(),
            _ => return Err(self.wrong("a name is expected behind .")),
        };
        let (of, in_chain) = match of.node {
            Node::Chain(inner) => (Sized { node: *inner, depth: of.depth - 1 }, true),
            node => (Sized { node, depth: of.depth }, false),
        };
        let key = Box::new(Node::Str(name));
        let mut node = self.one(|of| Node::Member { of, key, optional }, of)?;
        if self.accept("(") {
            let arguments = self.list(")")?;
            node = self.called(node, arguments)?;
        }
        if in_chain || optional { self.one(Node::Chain, node) } else { Ok(node) }
    }

    fn index(&mut self, of: Sized, optional: bool) -> Parsed {
        if self.accept(":") {
            let to = if self.is("]") { None } else { Some(self.expression(0)?) };
            self.expect("]")?;
            return self.slice(of, None, to);
        }
        let from = self.expression(0)?;
        if self.accept(":") {
            let to = if self.is("]") { None } else { Some(self.expression(0)?) };
            self.expect("]")?;
            return self.slice(of, Some(from), to);
        }
        self.expect("]")?;
        let node = self.two(|of, key| Node::Member { of, key, optional }, of, from)?;
        if optional { self.one(Node::Chain, node) } else { Ok(node) }
    }

    fn slice(&mut self, of: Sized, from: Option<Sized>, to: Option<Sized>) -> Parsed {
        let below = [of.depth, from.as_ref().map_or(0, |s| s.depth), to.as_ref().map_or(0, |s| s.depth)];
        let part = |part: Option<Sized>| part.map(|s| Box::new(s.node));
        self.node(Node::Slice { of: Box::new(of.node), from: part(from), to: part(to) }, &below)
    }
}
