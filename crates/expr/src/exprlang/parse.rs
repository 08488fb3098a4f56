//! Tokens to a tree, by the library's precedences.

use regex::RegexBuilder;

use super::builtins::{Builtin, Shape};
use super::lex::{Token, tokens};
use super::syntax::{Node, Op, Pointer};
use crate::{Error, ErrorKind};

/// How deep a tree may be. Evaluation recurses over it; a level takes some KiB of a stack of 2 MiB.
const MAX_DEPTH: usize = 150;
/// The library's own limit on nodes.
const MAX_NODES: usize = 10_000;
/// What a compiled regular expression may take.
const MAX_REGEX_BYTES: usize = 256 << 10;

/// Binds weakest to strongest, as the library has it.
#[derive(Clone, Copy)]
enum Infix {
    Pipe,
    Or,
    And,
    Binary(Op),
    Coalesce,
}

fn infix(sign: &str) -> Option<(u16, Infix)> {
    use Infix::Binary;
    Some(match sign {
        "|" => (0, Infix::Pipe),
        "or" | "||" => (10, Infix::Or),
        "and" | "&&" => (15, Infix::And),
        "==" => (20, Binary(Op::Equal)),
        "!=" => (20, Binary(Op::NotEqual)),
        "<" => (20, Binary(Op::Less)),
        ">" => (20, Binary(Op::More)),
        ">=" => (20, Binary(Op::MoreOrEqual)),
        "<=" => (20, Binary(Op::LessOrEqual)),
        "in" => (20, Binary(Op::In)),
        "matches" => (20, Binary(Op::Matches)),
        "contains" => (20, Binary(Op::Contains)),
        "startsWith" => (20, Binary(Op::StartsWith)),
        "endsWith" => (20, Binary(Op::EndsWith)),
        ".." => (25, Binary(Op::Range)),
        "+" => (30, Binary(Op::Add)),
        "-" => (30, Binary(Op::Subtract)),
        "*" => (60, Binary(Op::Multiply)),
        "/" => (60, Binary(Op::Divide)),
        "%" => (60, Binary(Op::Modulo)),
        "**" | "^" => (100, Binary(Op::Power)),
        "??" => (500, Infix::Coalesce),
        _ => return None,
    })
}

/// A node and the depth of its tree.
struct Sized {
    node: Node,
    depth: usize,
}

type Parsed = Result<Sized, Error>;

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    nodes: usize,
    /// How many predicates the place is in: `#` is a name there.
    predicates: usize,
    /// How deep the parser itself is.
    nesting: usize,
}

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Node, Error> {
    let mut parser = Parser { tokens: tokens(text)?, at: 0, nodes: 0, predicates: 0, nesting: 0 };
    let whole = parser.sequence()?;
    match parser.peek() {
        Token::End => Ok(whole.node),
        _ => Err(parser.unexpected()),
    }
}

impl Parser {
    fn peek(&self) -> &Token {
        self.tokens.get(self.at).map_or(&Token::End, |(token, _)| token)
    }
    fn is(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Op(found) if *found == sign)
    }
    fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += 1;
        token
    }
    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }
    fn expect(&mut self, sign: &str) -> Result<(), Error> {
        if self.accept(sign) { Ok(()) } else { Err(self.unexpected()) }
    }
    fn wrong(&self, why: impl std::fmt::Display) -> Error {
        let at = self.tokens.get(self.at).or(self.tokens.last()).map_or(0, |(_, at)| *at);
        Error::new(ErrorKind::Syntax, format!("at byte {at}: {why}"))
    }
    fn unexpected(&self) -> Error {
        match self.peek() {
            Token::End => self.wrong("the expression ends too early"),
            Token::Name(text) => self.wrong(format!("unexpected {text:?}")),
            Token::Op(text) => self.wrong(format!("unexpected {text:?}")),
            Token::Str(text) => self.wrong(format!("unexpected text {text:?}")),
            Token::Int(_) | Token::Float(_) => self.wrong("unexpected number"),
        }
    }
    /// Counts a node over others.
    fn node(&mut self, node: Node, below: &[usize]) -> Parsed {
        self.nodes += 1;
        let depth = below.iter().max().map_or(1, |deepest| deepest + 1);
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(Error::new(ErrorKind::TooLarge, "the expression nests too deep or has too many parts"));
        }
        Ok(Sized { node, depth })
    }
    fn leaf(&mut self, node: Node) -> Parsed {
        self.node(node, &[])
    }
    fn two(&mut self, make: impl FnOnce(Box<Node>, Box<Node>) -> Node, a: Sized, b: Sized) -> Parsed {
        let below = [a.depth, b.depth];
        self.node(make(Box::new(a.node), Box::new(b.node)), &below)
    }
    fn one(&mut self, make: impl FnOnce(Box<Node>) -> Node, a: Sized) -> Parsed {
        let below = [a.depth];
        self.node(make(Box::new(a.node)), &below)
    }
    fn many(&mut self, make: impl FnOnce(Vec<Node>) -> Node, all: Vec<Sized>) -> Parsed {
        let below: Vec<usize> = all.iter().map(|s| s.depth).collect();
        self.node(make(all.into_iter().map(|s| s.node).collect()), &below)
    }

    fn sequence(&mut self) -> Parsed {
        let first = self.expression(0)?;
        let mut all = vec![first];
        while self.accept(";") {
            if matches!(self.peek(), Token::End) {
                break;
            }
            all.push(self.expression(0)?);
        }
        match all.len() {
            1 => Ok(all.remove(0)),
            _ => self.many(Node::Sequence, all),
        }
    }

    fn expression(&mut self, precedence: u16) -> Parsed {
        self.nesting += 1;
        if self.nesting > MAX_DEPTH {
            return Err(Error::new(ErrorKind::TooLarge, "the expression nests too deep"));
        }
        let found = self.expression_within(precedence);
        self.nesting -= 1;
        found
    }

    fn expression_within(&mut self, precedence: u16) -> Parsed {
        if precedence == 0 && self.accept("let") {
            return self.variable();
        }
        if precedence == 0 && self.accept("if") {
            return self.if_else();
        }
        let mut left = self.primary()?;
        let mut after_coalesce = false;
        while let Token::Op(sign) = *self.peek() {
            let is_negated = sign == "not";
            let sign = match (is_negated, self.tokens.get(self.at + 1)) {
                (true, Some((Token::Op(next), _)))
                    if matches!(*next, "in" | "matches" | "contains" | "startsWith" | "endsWith") =>
                {
                    *next
                }
                (true, _) => return Err(self.unexpected()),
                (false, _) => sign,
            };
            let Some((binds, infix)) = infix(sign).filter(|(binds, _)| *binds >= precedence) else { break };
            if after_coalesce && !matches!(infix, Infix::Coalesce | Infix::Pipe) {
                return Err(self.wrong(format!("{sign} and ?? cannot be mixed without parentheses")));
            }
            after_coalesce = matches!(infix, Infix::Coalesce);
            self.at += 1 + usize::from(is_negated);
            left = self.infix(left, infix, binds)?;
            if is_negated {
                left = self.one(Node::Not, left)?;
            }
        }
        if precedence == 0 { self.ternary(left) } else { Ok(left) }
    }

    fn infix(&mut self, left: Sized, infix: Infix, binds: u16) -> Parsed {
        match infix {
            Infix::Pipe => match self.next() {
                Token::Name(name) => self.call(&name, Some(left)),
                _ => Err(self.wrong("a function is expected behind |")),
            },
            Infix::Binary(Op::Power) => {
                let right = self.expression(binds)?;
                self.two(|a, b| Node::Binary(Op::Power, a, b), left, right)
            }
            Infix::Binary(op @ (Op::Less | Op::LessOrEqual | Op::More | Op::MoreOrEqual)) => {
                self.comparisons(left, op, binds)
            }
            Infix::Binary(op) => {
                let right = self.expression(binds + 1)?;
                self.binary(op, left, right)
            }
            Infix::And => {
                let right = self.expression(binds + 1)?;
                self.two(Node::And, left, right)
            }
            Infix::Or => {
                let right = self.expression(binds + 1)?;
                self.two(Node::Or, left, right)
            }
            Infix::Coalesce => {
                let right = self.expression(binds + 1)?;
                self.two(Node::Coalesce, left, right)
            }
        }
    }

    /// `a < b`, and `a < b < c`, which is `a < b && b < c`.
    fn comparisons(&mut self, left: Sized, op: Op, binds: u16) -> Parsed {
        let before = self.at;
        let right = self.expression(binds + 1)?;
        let after = self.at;
        let first = self.two(|a, b| Node::Binary(op, a, b), left, right)?;
        let next = match *self.peek() {
            Token::Op(sign) => infix(sign).map(|(_, infix)| infix),
            _ => None,
        };
        let Some(Infix::Binary(op @ (Op::Less | Op::LessOrEqual | Op::More | Op::MoreOrEqual))) = next else {
            return Ok(first);
        };
        // The middle is needed twice: it is read again.
        self.at = before;
        let middle = self.expression(binds + 1)?;
        self.at = after + 1;
        let rest = self.comparisons(middle, op, binds)?;
        self.two(Node::And, first, rest)
    }

    fn binary(&mut self, op: Op, left: Sized, right: Sized) -> Parsed {
        if let (Op::In, Node::Array(items)) = (op, &right.node)
            && !items.is_empty()
            && items.iter().all(|item| matches!(item, Node::Str(_)))
        {
            let text = |node: &Node| match node {
                Node::Str(text) => Some(text.clone()),
                _ => None,
            };
            let texts = items.iter().filter_map(text).collect();
            return self.one(|a| Node::InTexts(a, texts), left);
        }
        if let (Op::Matches, Node::Str(pattern)) = (op, &right.node) {
            let regex = RegexBuilder::new(pattern).size_limit(MAX_REGEX_BYTES).build();
            let regex = regex.map_err(|e| self.wrong(format!("{pattern:?} is no regular expression: {e}")))?;
            return self.one(|a| Node::Matches(a, regex), left);
        }
        self.two(|a, b| Node::Binary(op, a, b), left, right)
    }

    fn variable(&mut self) -> Parsed {
        let Token::Name(name) = self.next() else { return Err(self.wrong("a name is expected behind let")) };
        self.expect("=")?;
        let value = self.expression(0)?;
        self.expect(";")?;
        let body = self.sequence()?;
        self.two(|a, b| Node::Let(name, a, b), value, body)
    }

    fn if_else(&mut self) -> Parsed {
        let condition = self.expression(0)?;
        self.expect("{")?;
        let yes = self.sequence()?;
        self.expect("}")?;
        self.expect("else")?;
        let no = if self.is("if") {
            self.expression(0)?
        } else {
            self.expect("{")?;
            let no = self.sequence()?;
            self.expect("}")?;
            no
        };
        self.three(condition, yes, no)
    }

    fn three(&mut self, condition: Sized, yes: Sized, no: Sized) -> Parsed {
        let below = [condition.depth, yes.depth, no.depth];
        self.node(Node::If(Box::new(condition.node), Box::new(yes.node), Box::new(no.node)), &below)
    }

    fn ternary(&mut self, mut node: Sized) -> Parsed {
        while self.is("?") {
            if matches!(self.tokens.get(self.at + 1), Some((Token::Op(":"), _))) {
                return Err(Error::new(ErrorKind::Unsupported, "?: is not supported; write `a ? a : b`"));
            }
            self.at += 1;
            let yes = self.expression(0)?;
            self.expect(":")?;
            let no = self.expression(0)?;
            node = self.three(node, yes, no)?;
        }
        Ok(node)
    }

    fn primary(&mut self) -> Parsed {
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
    fn call(&mut self, name: &str, first: Option<Sized>) -> Parsed {
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
