//! Tokens to a [`Tree`]: texts, actions and what they hold; what stands within an action is `expression`'s.

mod expression;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use smallvec::SmallVec;

use super::lex::{Keyword, Kind, Lexer, Token};
use super::quote::unquote;
use super::tree::{Branch, Node, NodeId, Nodes, Symbol, Tree};
use crate::error::{Error, ErrorKind};
use crate::fmt::{quote, quote_str};
use crate::function::Functions;
use crate::stack::Stack;
use crate::value::{Str, lossy};

/// How deep expressions may be parenthesised (Go's limit); the native stack is a limit besides.
const MAX_PARENS: u32 = 10_000;

/// A template of the text.
pub(super) struct Root {
    pub(super) name: Box<str>,
    pub(super) list: Nodes,
    pub(super) empty: bool,
}

/// Parses a text; its own template comes last.
pub(super) fn parse(name: &str, shared: &Arc<[u8]>, functions: &Functions) -> Result<(Tree, Vec<Root>), Error> {
    let text = &**shared;
    let mut lexer = Lexer::new(text);
    lexer.break_is_keyword = functions.get("break").is_none();
    lexer.continue_is_keyword = functions.get("continue").is_none();
    let mut parser = Parser {
        text,
        functions,
        lexer,
        ahead: Vec::new(),
        last_line: 0,
        action_line: 0,
        tree: Tree::new(name, Arc::clone(shared)),
        names: HashMap::default(),
        symbols: HashMap::from_iter([(Cow::Borrowed("$"), Symbol::ROOT)]),
        scope: Scope::default(),
        parens: 0,
        roots: Vec::new(),
        stack: Stack::here(),
    };
    let list = parser.top()?;
    parser.add_root(name.to_owned(), list)?;
    parser.tree.shrink();
    Ok((parser.tree, parser.roots))
}

/// What a template (the text's, a `define`'s, a `block`'s) has to itself while it is parsed.
struct Scope {
    /// The variables that can be used, innermost last.
    variables: Vec<Symbol>,
    ranges: u32,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope { variables: vec![Symbol::ROOT], ranges: 0 }
    }
}

struct Parser<'t> {
    text: &'t [u8],
    functions: &'t Functions,
    lexer: Lexer<'t>,
    /// Tokens that were taken back, the next one last.
    ahead: Vec<Token>,
    /// The line of the token that was lexed last: where errors are reported.
    last_line: u32,
    /// The line on which the action that is parsed begins; 0 outside.
    action_line: u32,
    tree: Tree,
    /// Names of fields and variables, each made once.
    names: HashMap<&'t [u8], Str, RandomState>,
    symbols: HashMap<Cow<'t, str>, Symbol, RandomState>,
    scope: Scope,
    parens: u32,
    roots: Vec<Root>,
    stack: Stack,
}

/// What stands in a list of nodes, or ends it.
enum Item {
    Node(NodeId),
    End,
    /// `{{else}}`, or the `else` of `{{else if}}` and `{{else with}}`, whose next token is the word.
    Else,
}

impl Item {
    fn print(&self, parser: &Parser<'_>) -> String {
        match self {
            Item::Node(id) => parser.tree.print(*id),
            Item::End => "{{end}}".to_owned(),
            Item::Else => "{{else}}".to_owned(),
        }
    }
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Token {
        self.ahead.pop().unwrap_or_else(|| {
            let token = self.lexer.next();
            self.last_line = token.line;
            token
        })
    }
    fn back(&mut self, token: Token) {
        self.ahead.push(token);
    }
    fn peek(&mut self) -> Token {
        let token = self.next();
        self.back(token);
        token
    }
    fn next_non_space(&mut self) -> Token {
        loop {
            let token = self.next();
            if token.kind != Kind::Space {
                return token;
            }
        }
    }
    fn peek_non_space(&mut self) -> Token {
        let token = self.next_non_space();
        self.back(token);
        token
    }
    fn bytes(&self, token: Token) -> &'t [u8] {
        &self.text[token.start as usize..token.end as usize]
    }
    fn word(&self, token: Token) -> Cow<'t, str> {
        lossy(self.bytes(token))
    }

    /// A name that was lexed; it is UTF-8, since only letters, digits and underscores are taken for names.
    fn name(&mut self, bytes: &'t [u8]) -> Str {
        self.names.entry(bytes).or_insert_with(|| bytes.into()).clone()
    }

    fn error<T>(&self, message: impl AsRef<str>) -> Result<T, Error> {
        let text = format!("template: {}:{}: {}", self.tree.name, self.last_line, message.as_ref());
        Err(Error::of(ErrorKind::Parse, text))
    }
    fn expect(&mut self, kind: Kind, context: &str) -> Result<Token, Error> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(token, context) }
    }
    fn unexpected<T>(&mut self, token: Token, context: &str) -> Result<T, Error> {
        let Some((message, _)) = self.lexer.error.as_ref().filter(|_| token.kind == Kind::Error) else {
            return self.error(format!("unexpected {} in {context}", self.describe(token)));
        };
        let mut extra = String::new();
        if self.action_line != 0 && self.action_line != token.line {
            let within = if message.ends_with(" action") { "" } else { " in action" };
            extra = format!("{within} started at {}:{}", self.tree.name, self.action_line);
        }
        self.error(format!("{message}{extra}"))
    }
    /// A token as error messages show it.
    fn describe(&self, token: Token) -> String {
        let bytes = self.bytes(token);
        match token.kind {
            Kind::Eof => "EOF".to_owned(),
            Kind::Dot | Kind::Keyword(_) => format!("<{}>", self.word(token)),
            _ if bytes.len() > 10 => {
                let end = String::from_utf8_lossy(bytes).char_indices().nth(10).map_or(bytes.len(), |(i, _)| i);
                format!("{}...", quote(&bytes[..end.min(bytes.len())]))
            }
            _ => quote(bytes),
        }
    }

    fn add_root(&mut self, name: String, list: Nodes) -> Result<(), Error> {
        let empty = self.tree.is_blank(list);
        let root = Root { name: name.into(), list, empty };
        match self.roots.iter_mut().find(|r| r.name == root.name) {
            None => self.roots.push(root),
            Some(old) if old.empty => *old = root,
            Some(_) if empty => {}
            Some(old) => {
                let name = quote_str(&old.name);
                return self.error(format!("template: multiple definition of template {name}"));
            }
        }
        Ok(())
    }

    /// The whole text.
    fn top(&mut self) -> Result<Nodes, Error> {
        let mut nodes = Vec::new();
        loop {
            let token = self.peek();
            if token.kind == Kind::Eof {
                return Ok(self.tree.add_nodes(&nodes));
            }
            if token.kind == Kind::LeftDelim {
                self.next();
                let word = self.next_non_space();
                if word.kind == Kind::Keyword(Keyword::Define) {
                    self.define()?;
                    continue;
                }
                self.back(word);
                self.back(token);
            }
            match self.text_or_action()? {
                Item::Node(id) => nodes.push(id),
                other => return self.error(format!("unexpected {}", other.print(self))),
            }
        }
    }

    /// After `define`.
    fn define(&mut self) -> Result<(), Error> {
        const CONTEXT: &str = "define clause";
        let outer = std::mem::take(&mut self.scope);
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        self.expect(Kind::RightDelim, CONTEXT)?;
        self.body(name, CONTEXT)?;
        self.scope = outer;
        Ok(())
    }

    /// The nodes of a definition up to its `end`.
    fn body(&mut self, name: String, context: &str) -> Result<(), Error> {
        let (list, end) = self.list()?;
        if !matches!(end, Item::End) {
            return self.error(format!("unexpected {} in {context}", end.print(self)));
        }
        self.add_root(name, list)
    }

    fn template_name(&mut self, token: Token, context: &str) -> Result<String, Error> {
        match token.kind {
            Kind::String | Kind::RawString => {
                let name = self.unquote(token)?;
                Ok(name.to_string_lossy().into_owned())
            }
            _ => self.unexpected(token, context),
        }
    }
    fn unquote(&mut self, token: Token) -> Result<Str, Error> {
        match unquote(self.bytes(token)) {
            Some(s) => Ok(s.into()),
            None => self.error("invalid syntax"),
        }
    }

    /// Nodes up to `{{end}}` or `{{else}}`, which is given too.
    fn list(&mut self) -> Result<(Nodes, Item), Error> {
        let mut nodes = SmallVec::<[NodeId; 8]>::new();
        while self.peek_non_space().kind != Kind::Eof {
            match self.text_or_action()? {
                Item::Node(id) => nodes.push(id),
                end => return Ok((self.tree.add_nodes(&nodes), end)),
            }
        }
        self.error("unexpected EOF")
    }

    fn text_or_action(&mut self) -> Result<Item, Error> {
        if self.stack.check().is_err() {
            return self.error("actions are nested too deep");
        }
        let token = self.next_non_space();
        match token.kind {
            Kind::Text => {
                let text = Node::Text { start: token.start, end: token.end };
                Ok(Item::Node(self.tree.add(token.start, text)))
            }
            Kind::LeftDelim => {
                self.action_line = token.line;
                let item = self.action();
                self.action_line = 0;
                item
            }
            _ => self.unexpected(token, "input"),
        }
    }

    /// After `{{`.
    fn action(&mut self) -> Result<Item, Error> {
        let token = self.next_non_space();
        if let Kind::Keyword(keyword) = token.kind {
            match keyword {
                Keyword::Block => return self.block().map(Item::Node),
                Keyword::Break => return self.jump(token, Node::Break, "break").map(Item::Node),
                Keyword::Continue => return self.jump(token, Node::Continue, "continue").map(Item::Node),
                Keyword::Else => return self.otherwise(),
                Keyword::End => return self.expect(Kind::RightDelim, "end").map(|_| Item::End),
                Keyword::If => return self.control(Branch::If).map(Item::Node),
                Keyword::Range => return self.control(Branch::Range).map(Item::Node),
                Keyword::Template => return self.template().map(Item::Node),
                Keyword::With => return self.control(Branch::With).map(Item::Node),
                Keyword::Define | Keyword::Nil => {}
            }
        }
        self.back(token);
        let position = self.peek().start;
        let pipe = self.pipeline("command", Kind::RightDelim)?;
        Ok(Item::Node(self.tree.add(position, Node::Action { pipe })))
    }

    fn jump(&mut self, word: Token, node: Node, name: &str) -> Result<NodeId, Error> {
        let context = format!("{{{{{name}}}}}");
        self.expect(Kind::RightDelim, &context)?;
        if self.scope.ranges == 0 {
            return self.error(format!("{context} outside {{{{range}}}}"));
        }
        Ok(self.tree.add(word.start, node))
    }

    /// After `else`.
    fn otherwise(&mut self) -> Result<Item, Error> {
        let peek = self.peek_non_space();
        if matches!(peek.kind, Kind::Keyword(Keyword::If | Keyword::With)) {
            return Ok(Item::Else);
        }
        self.expect(Kind::RightDelim, "else").map(|_| Item::Else)
    }

    /// After `if`, `with` or `range`.
    fn control(&mut self, kind: Branch) -> Result<NodeId, Error> {
        let mark = self.scope.variables.len();
        let pipe = self.pipeline(kind.word(), Kind::RightDelim)?;
        let is_range = u32::from(kind == Branch::Range);
        self.scope.ranges += is_range;
        let (list, end) = self.list()?;
        self.scope.ranges -= is_range;
        let otherwise = match end {
            Item::Else => Some(self.else_list(kind)?),
            _ => None,
        };
        self.scope.variables.truncate(mark);
        let position = self.tree.position(pipe);
        Ok(self.tree.add(position, Node::Branch { kind, pipe, list, otherwise }))
    }

    fn else_list(&mut self, kind: Branch) -> Result<Nodes, Error> {
        let word = match kind {
            Branch::If => Some(Keyword::If),
            Branch::With => Some(Keyword::With),
            Branch::Range => None,
        };
        if word.is_some_and(|w| self.peek().kind == Kind::Keyword(w)) {
            // `{{else if}}` has no `{{end}}` of its own, so a chain of them nests.
            if self.stack.check().is_err() {
                return self.error("actions are nested too deep");
            }
            self.next();
            let nested = self.control(kind)?;
            return Ok(self.tree.add_nodes(&[nested]));
        }
        let (list, end) = self.list()?;
        match end {
            Item::End => Ok(list),
            other => self.error(format!("expected end; found {}", other.print(self))),
        }
    }

    /// After `block`.
    fn block(&mut self) -> Result<NodeId, Error> {
        const CONTEXT: &str = "block clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let pipe = self.pipeline(CONTEXT, Kind::RightDelim)?;
        let outer = std::mem::take(&mut self.scope);
        self.body(name.clone(), CONTEXT)?;
        self.scope = outer;
        Ok(self.tree.add(token.start, Node::Template { name: name.into(), pipe: Some(pipe) }))
    }

    /// After `template`.
    fn template(&mut self) -> Result<NodeId, Error> {
        const CONTEXT: &str = "template clause";
        let token = self.next_non_space();
        let name = self.template_name(token, CONTEXT)?;
        let next = self.next_non_space();
        let pipe = if next.kind == Kind::RightDelim {
            None
        } else {
            self.back(next);
            Some(self.pipeline(CONTEXT, Kind::RightDelim)?)
        };
        Ok(self.tree.add(token.start, Node::Template { name: name.into(), pipe }))
    }
}
