//! The tree of a document as it is written: styles, tags, anchors, aliases, comments, and where in
//! the text each stands. For errors that name a line and for edits in place; values come from it
//! through `build.rs`, which knows what scalars mean.

use std::borrow::Cow;
use std::ops::Range;

pub use crate::scan::Style;

/// Names a node within its [`NodeTree`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct NodeId(pub(crate) u32);

/// One document.
#[derive(Clone, Debug, Default)]
pub struct NodeTree<'a> {
    pub(crate) nodes: Vec<Node<'a>>,
    pub(crate) root: Option<NodeId>,
    pub(crate) comments: Vec<Comment>,
}

/// One scalar, list, map or alias.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// What it holds.
    pub content: Content<'a>,
    /// Its tag, written out (`tag:yaml.org,2002:str`, `!mine`).
    pub tag: Option<Box<str>>,
    /// Its anchor's name.
    pub anchor: Option<&'a str>,
    /// Bytes in the whole text, quotes included, tag and anchor not. A block scalar's end is the
    /// start of the line behind it; what is not written (an absent value) has an empty span.
    pub span: Range<usize>,
    /// Line in the whole text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

/// What a node holds.
#[derive(Clone, Debug)]
pub enum Content<'a> {
    /// Text, escapes and folding undone.
    Scalar {
        /// The text.
        text: Cow<'a, str>,
        /// How it is written.
        style: Style,
    },
    /// A list.
    Sequence(Vec<NodeId>),
    /// A map's keys and values as written.
    Mapping(Vec<(NodeId, NodeId)>),
    /// `*name`, and the node it stands for.
    Alias(NodeId),
}

/// A comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Bytes in the whole text, from `#` to before the line break.
    pub span: Range<usize>,
    /// Line in the whole text, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl<'a> NodeTree<'a> {
    /// The outermost node; none in a document without content.
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }
    /// A node.
    pub fn node(&self, id: NodeId) -> &Node<'a> {
        &self.nodes[id.0 as usize]
    }
    /// The comments in order.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }
    /// What an alias stands for; any other node itself.
    pub fn resolve(&self, id: NodeId) -> NodeId {
        match self.node(id).content {
            Content::Alias(target) => target,
            _ => id,
        }
    }
    /// The value of a map's field, found by its text; the last where it stands twice. Merge keys are
    /// not looked into.
    pub fn field(&self, id: NodeId, name: &str) -> Option<NodeId> {
        self.entry(id, name).map(|(_, value)| value)
    }
    /// The key and the value of a map's field.
    pub fn entry(&self, id: NodeId, name: &str) -> Option<(NodeId, NodeId)> {
        let Content::Mapping(fields) = &self.node(self.resolve(id)).content else { return None };
        let is_name = |key: NodeId| matches!(&self.node(key).content, Content::Scalar { text, .. } if text == name);
        fields.iter().rev().find(|(key, _)| is_name(*key)).copied()
    }
    /// An item of a list.
    pub fn item(&self, id: NodeId, index: usize) -> Option<NodeId> {
        match &self.node(self.resolve(id)).content {
            Content::Sequence(items) => items.get(index).copied(),
            _ => None,
        }
    }
    /// The node at an RFC 6901 JSON pointer (`/spec/ports/0`).
    pub fn at(&self, pointer: &str) -> Option<NodeId> {
        match self.walk(pointer) {
            (node, true) => node,
            (_, false) => None,
        }
    }
    /// The line of what stands at a JSON pointer, or of the last part of it that is there. For a
    /// field it is the line of its key.
    pub fn line_at(&self, pointer: &str) -> Option<usize> {
        let mut line = self.node(self.root?).line;
        let mut at = self.root?;
        for token in tokens(pointer) {
            (line, at) = match self.step(at, &token) {
                Some((key, value)) => (self.node(key.unwrap_or(value)).line, value),
                None => break,
            };
        }
        Some(line)
    }

    fn walk(&self, pointer: &str) -> (Option<NodeId>, bool) {
        let mut at = self.root;
        for token in tokens(pointer) {
            match at.and_then(|id| self.step(id, &token)) {
                Some((_, value)) => at = Some(value),
                None => return (at, false),
            }
        }
        (at, true)
    }

    fn step(&self, at: NodeId, token: &str) -> Option<(Option<NodeId>, NodeId)> {
        if let Some((key, value)) = self.entry(at, token) {
            return Some((Some(key), value));
        }
        Some((None, self.item(at, token.parse().ok()?)?))
    }
}

fn tokens(pointer: &str) -> impl Iterator<Item = String> {
    pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~"))
}
