//! From tokens to the tree of one document.
//!
//! A recursive descent over libyaml's grammar and with its error texts. Depth is bounded by
//! `Limits::max_depth`, here and in the scanner. What a scalar means is not known here.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::node::{Content, Node, NodeId, NodeTree};
use crate::scan::{Fault, Finder, Mark, Scanner, Settings, Spanned, Style, Token};

/// Where a document's text stands in the whole text.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Base {
    pub(crate) pos: usize,
    /// Line breaks before it.
    pub(crate) line: usize,
}

/// Reads the first document of `text`; what follows it is not read.
pub(crate) fn first_document<'a>(text: &'a str, base: Base, settings: &Settings) -> Result<NodeTree<'a>, Fault> {
    let mut parser = Parser {
        scanner: Scanner::new(text, settings)?,
        tree: NodeTree::default(),
        anchors: HashMap::new(),
        tag_handles: Vec::new(),
        depth: 0,
        max_depth: settings.max_depth,
        base,
    };
    parser.tree.root = parser.document()?;
    if let Some(mut comments) = parser.scanner.comments.take() {
        for comment in &mut comments {
            comment.span = comment.span.start + base.pos..comment.span.end + base.pos;
            comment.line += base.line;
        }
        parser.tree.comments = comments;
    }
    Ok(parser.tree)
}

struct Parser<'a> {
    scanner: Scanner<'a>,
    tree: NodeTree<'a>,
    anchors: HashMap<&'a str, NodeId>,
    /// Handles of `%TAG` lines and what they stand for.
    tag_handles: Vec<(&'a str, String)>,
    depth: usize,
    max_depth: usize,
    base: Base,
}

/// What may stand before a node's content.
#[derive(Default)]
struct Properties<'a> {
    anchor: Option<&'a str>,
    tag: Option<Box<str>>,
}

type Parsed<T> = Result<T, Fault>;

impl<'a> Parser<'a> {
    fn document(&mut self) -> Parsed<Option<NodeId>> {
        let root = match self.scanner.peek()?.token {
            Token::StreamEnd => return Ok(None),
            Token::Version { .. } | Token::TagDirective { .. } | Token::DocumentStart => {
                self.directives()?;
                let next = self.scanner.take()?;
                if next.token != Token::DocumentStart {
                    return Err(problem("did not find expected <document start>", next.start));
                }
                match self.scanner.peek()?.token {
                    Token::Version { .. }
                    | Token::TagDirective { .. }
                    | Token::DocumentStart
                    | Token::DocumentEnd
                    | Token::StreamEnd => None,
                    _ => Some(self.node(true, false)?),
                }
            }
            _ => Some(self.node(true, false)?),
        };
        // Go's libraries look one token ahead before they give a document out.
        self.scanner.peek()?;
        Ok(root)
    }

    fn directives(&mut self) -> Parsed<()> {
        let mut versions = 0;
        loop {
            let start = self.scanner.peek()?.start;
            match &self.scanner.peek()?.token {
                Token::Version { major, minor } => {
                    if versions > 0 {
                        return Err(problem("found duplicate %YAML directive", start));
                    }
                    if (*major, *minor) != (1, 1) {
                        return Err(problem("found incompatible YAML document", start));
                    }
                    versions += 1;
                }
                Token::TagDirective { handle, prefix } => {
                    let (handle, prefix) = (*handle, prefix.clone());
                    if self.tag_handles.iter().any(|(known, _)| *known == handle) {
                        return Err(problem("found duplicate %TAG directive", start));
                    }
                    self.tag_handles.push((handle, prefix));
                }
                _ => return Ok(()),
            }
            self.scanner.take()?;
        }
    }

    fn add(&mut self, content: Content<'a>, properties: Properties<'a>, start: Mark, end: Mark) -> NodeId {
        // A text has at most 2^32 nodes: `Limits::max_bytes` is checked against that.
        let id = NodeId(self.tree.nodes.len() as u32);
        if let Some(name) = properties.anchor {
            self.anchors.insert(name, id);
        }
        self.tree.nodes.push(Node {
            content,
            tag: properties.tag,
            anchor: properties.anchor,
            span: self.base.pos + start.pos..self.base.pos + end.pos,
            line: self.base.line + start.line + 1,
            column: start.column + 1,
        });
        id
    }

    /// Gives a collection its content once that is read.
    fn complete(&mut self, id: NodeId, content: Content<'a>, end: Option<Mark>) -> NodeId {
        let last = match &content {
            Content::Sequence(items) => items.last(),
            Content::Mapping(fields) => fields.last().map(|(_, value)| value),
            Content::Scalar { .. } | Content::Alias(_) => None,
        };
        let end = match (end, last) {
            (Some(end), _) => self.base.pos + end.pos,
            (None, Some(last)) => self.tree.node(*last).span.end,
            (None, None) => self.tree.node(id).span.end,
        };
        let node = &mut self.tree.nodes[id.0 as usize];
        node.content = content;
        node.span.end = end.max(node.span.start);
        id
    }

    /// A value that is not written.
    fn empty(&mut self, at: Mark) -> NodeId {
        self.add(Content::Scalar { text: Cow::Borrowed(""), style: Style::Plain }, Properties::default(), at, at)
    }

    fn node(&mut self, block: bool, indentless: bool) -> Parsed<NodeId> {
        self.depth += 1;
        if self.depth > self.max_depth {
            return Err(self.scanner.too_deep());
        }
        let node = self.node_within(block, indentless);
        self.depth -= 1;
        node
    }

    fn node_within(&mut self, block: bool, indentless: bool) -> Parsed<NodeId> {
        let start = self.scanner.peek()?.start;
        if let Token::Alias(name) = self.scanner.peek()?.token {
            let alias = self.scanner.take()?;
            let Some(target) = self.anchors.get(name).copied() else {
                let message = Cow::Owned(format!("unknown anchor '{name}' referenced"));
                return Err(Fault { finder: Finder::Reader, message, context: Mark::default(), problem: start });
            };
            return Ok(self.add(Content::Alias(target), Properties::default(), alias.start, alias.end));
        }
        let properties = self.properties(start)?;
        let next = self.scanner.peek()?;
        let at = next.start;
        match &next.token {
            Token::BlockEntry if indentless => self.indentless_sequence(properties, at),
            Token::Scalar { .. } => {
                let Spanned { token: Token::Scalar { text, style }, start, end } = self.scanner.take()? else {
                    return Err(problem("did not find expected node content", at));
                };
                Ok(self.add(Content::Scalar { text, style }, properties, start, end))
            }
            Token::FlowSequenceStart => self.flow_sequence(properties),
            Token::FlowMappingStart => self.flow_mapping(properties),
            Token::BlockSequenceStart if block => self.block_sequence(properties),
            Token::BlockMappingStart if block => self.block_mapping(properties),
            _ if properties.anchor.is_some() || properties.tag.is_some() => {
                Ok(self.add(Content::Scalar { text: Cow::Borrowed(""), style: Style::Plain }, properties, at, at))
            }
            _ => Err(within("did not find expected node content", start, at)),
        }
    }

    /// An anchor and a tag, in either order.
    fn properties(&mut self, start: Mark) -> Parsed<Properties<'a>> {
        let mut properties = Properties::default();
        loop {
            match &self.scanner.peek()?.token {
                Token::Anchor(name) if properties.anchor.is_none() => {
                    properties.anchor = Some(name);
                    self.scanner.take()?;
                }
                Token::Tag { handle, suffix } if properties.tag.is_none() => {
                    let (handle, suffix) = (*handle, suffix.clone());
                    let at = self.scanner.take()?.start;
                    let prefix = match handle {
                        "" => "",
                        _ => match self.tag_handles.iter().find(|(known, _)| *known == handle) {
                            Some((_, prefix)) => prefix,
                            None if handle == "!" => "!",
                            None if handle == "!!" => "tag:yaml.org,2002:",
                            None => return Err(within("found undefined tag handle", start, at)),
                        },
                    };
                    properties.tag = Some(format!("{prefix}{suffix}").into());
                }
                _ => return Ok(properties),
            }
        }
    }

    fn open(&mut self, properties: Properties<'a>, content: Content<'a>) -> Parsed<(NodeId, Mark)> {
        let token = self.scanner.take()?;
        Ok((self.add(content, properties, token.start, token.end), token.start))
    }

    fn block_sequence(&mut self, properties: Properties<'a>) -> Parsed<NodeId> {
        let (id, start) = self.open(properties, Content::Sequence(Vec::new()))?;
        let mut items = Vec::new();
        loop {
            let token = self.scanner.take()?;
            match token.token {
                Token::BlockEntry => match self.scanner.peek()?.token {
                    Token::BlockEntry | Token::BlockEnd => items.push(self.empty(token.end)),
                    _ => items.push(self.node(true, false)?),
                },
                Token::BlockEnd => return Ok(self.complete(id, Content::Sequence(items), None)),
                _ => return Err(within("did not find expected '-' indicator", start, token.start)),
            }
        }
    }

    /// A list that stands in the column of its key.
    fn indentless_sequence(&mut self, properties: Properties<'a>, start: Mark) -> Parsed<NodeId> {
        let id = self.add(Content::Sequence(Vec::new()), properties, start, start);
        let mut items = Vec::new();
        while self.scanner.peek()?.token == Token::BlockEntry {
            let dash = self.scanner.take()?;
            match self.scanner.peek()?.token {
                Token::BlockEntry | Token::Key | Token::Value | Token::BlockEnd => items.push(self.empty(dash.end)),
                _ => items.push(self.node(true, false)?),
            }
        }
        Ok(self.complete(id, Content::Sequence(items), None))
    }

    fn block_mapping(&mut self, properties: Properties<'a>) -> Parsed<NodeId> {
        let (id, start) = self.open(properties, Content::Mapping(Vec::new()))?;
        let mut fields = Vec::new();
        loop {
            let token = self.scanner.peek()?;
            let at = token.start;
            let key = match token.token {
                Token::Key => {
                    let end = self.scanner.take()?.end;
                    match self.scanner.peek()?.token {
                        Token::Key | Token::Value | Token::BlockEnd => self.empty(end),
                        _ => self.node(true, true)?,
                    }
                }
                // libyaml takes `: value` without a key in flow maps only.
                Token::BlockEnd => {
                    self.scanner.take()?;
                    return Ok(self.complete(id, Content::Mapping(fields), None));
                }
                _ => return Err(within("did not find expected key", start, at)),
            };
            let next = self.scanner.peek()?;
            let value = if next.token == Token::Value {
                let end = self.scanner.take()?.end;
                match self.scanner.peek()?.token {
                    Token::Key | Token::Value | Token::BlockEnd => self.empty(end),
                    _ => self.node(true, true)?,
                }
            } else {
                let at = next.start;
                self.empty(at)
            };
            fields.push((key, value));
        }
    }

    fn flow_sequence(&mut self, properties: Properties<'a>) -> Parsed<NodeId> {
        let (id, start) = self.open(properties, Content::Sequence(Vec::new()))?;
        let mut items = Vec::new();
        loop {
            if !items.is_empty() && self.scanner.peek()?.token != Token::FlowSequenceEnd {
                let comma = self.scanner.peek()?;
                if comma.token != Token::FlowEntry {
                    return Err(within("did not find expected ',' or ']'", start, comma.start));
                }
                self.scanner.take()?;
            }
            match self.scanner.peek()?.token {
                Token::FlowSequenceEnd => {
                    let end = self.scanner.take()?.end;
                    return Ok(self.complete(id, Content::Sequence(items), Some(end)));
                }
                Token::Key => items.push(self.flow_pair()?),
                _ => items.push(self.node(false, false)?),
            }
        }
    }

    /// `[a: 1]`: a map of one field without braces.
    fn flow_pair(&mut self) -> Parsed<NodeId> {
        let (id, _) = self.open(Properties::default(), Content::Mapping(Vec::new()))?;
        let next = self.scanner.peek()?;
        let at = next.start;
        let key = match next.token {
            Token::Value | Token::FlowEntry | Token::FlowSequenceEnd => self.empty(at),
            _ => self.node(false, false)?,
        };
        let value = self.flow_value(&Token::FlowSequenceEnd)?;
        Ok(self.complete(id, Content::Mapping(vec![(key, value)]), None))
    }

    /// What stands behind a key in a flow collection that `end` closes.
    fn flow_value(&mut self, end: &Token<'a>) -> Parsed<NodeId> {
        if self.scanner.peek()?.token == Token::Value {
            self.scanner.take()?;
            let next = self.scanner.peek()?;
            if next.token != Token::FlowEntry && next.token != *end {
                return self.node(false, false);
            }
        }
        let at = self.scanner.peek()?.start;
        Ok(self.empty(at))
    }

    fn flow_mapping(&mut self, properties: Properties<'a>) -> Parsed<NodeId> {
        let (id, start) = self.open(properties, Content::Mapping(Vec::new()))?;
        let mut fields = Vec::new();
        loop {
            if !fields.is_empty() && self.scanner.peek()?.token != Token::FlowMappingEnd {
                let comma = self.scanner.peek()?;
                if comma.token != Token::FlowEntry {
                    return Err(within("did not find expected ',' or '}'", start, comma.start));
                }
                self.scanner.take()?;
            }
            match self.scanner.peek()?.token {
                Token::FlowMappingEnd => {
                    let end = self.scanner.take()?.end;
                    return Ok(self.complete(id, Content::Mapping(fields), Some(end)));
                }
                Token::Key => {
                    self.scanner.take()?;
                    let next = self.scanner.peek()?;
                    let at = next.start;
                    let key = match next.token {
                        Token::Value | Token::FlowEntry | Token::FlowMappingEnd => self.empty(at),
                        _ => self.node(false, false)?,
                    };
                    let value = self.flow_value(&Token::FlowMappingEnd)?;
                    fields.push((key, value));
                }
                _ => {
                    let key = self.node(false, false)?;
                    let at = self.scanner.peek()?.start;
                    let value = self.empty(at);
                    fields.push((key, value));
                }
            }
        }
    }
}

fn problem(message: &'static str, at: Mark) -> Fault {
    Fault { finder: Finder::Parser, message: message.into(), context: Mark::default(), problem: at }
}

fn within(message: &'static str, context: Mark, at: Mark) -> Fault {
    Fault { finder: Finder::Parser, message: message.into(), context, problem: at }
}
