//! Tokens to a tree, by the library's precedences: here what combines operands, in `operands` those.

mod operands;

use regex::RegexBuilder;

use super::lex::{Token, tokens};
use super::syntax::{Node, Op};
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
}
