//! A YAML document written anew in the order, styles and comments that it has, laid out as yaml.v3
//! does: two spaces a level, lists not indented under their key, flow on one line.
//!
//! Deliberately not here: anchors, tags, folded and quoted texts of several lines. A document with
//! one is left to the caller.

use std::collections::HashMap;
use std::fmt::Write;

use belay_object::Value;
use belay_yaml::{Comment, Content, NodeId, NodeTree, Style};

/// Writes a document with some scalars replaced; `None` where it holds what is not written here.
pub(super) fn write(source: &str, tree: &NodeTree<'_>, edits: &HashMap<NodeId, String>) -> Option<String> {
    let mut comments: Vec<&Comment> = tree.comments().iter().collect();
    comments.sort_by_key(|comment| comment.span.start);
    let mut writer =
        Writer { source, tree, edits, comments, next: 0, has_content: false, out: String::with_capacity(source.len()) };
    let root = tree.root()?;
    match &tree.node(root).content {
        Content::Mapping(_) | Content::Sequence(_) if !writer.is_flow(root) => writer.block(root, 0, false)?,
        _ => {
            let text = writer.inline(root)?;
            writer.line(&text, root);
        }
    }
    writer.comments_at_end();
    Some(writer.out)
}

struct Writer<'a> {
    source: &'a str,
    tree: &'a NodeTree<'a>,
    edits: &'a HashMap<NodeId, String>,
    comments: Vec<&'a Comment>,
    /// The first comment that is not written yet.
    next: usize,
    has_content: bool,
    out: String,
}

impl Writer<'_> {
    fn is_flow(&self, id: NodeId) -> bool {
        matches!(self.source.as_bytes().get(self.tree.node(id).span.start), Some(b'{' | b'['))
    }

    /// Writes the comments that stand on lines of their own before a line. A blank line stays only
    /// at the head of the document, between its comments.
    fn comments_before(&mut self, line: usize, indent: usize) {
        while let Some(comment) = self.comments.get(self.next).filter(|comment| comment.line < line) {
            let _ = writeln!(self.out, "{:indent$}{}", "", &self.source[comment.span.clone()]);
            let after = &self.source[comment.span.end..];
            let blank =
                after.strip_prefix('\n').is_some_and(|rest| rest.trim_start_matches([' ', '\t']).starts_with('\n'));
            if blank && !self.has_content {
                self.out.push('\n');
            }
            self.next += 1;
        }
    }

    /// Writes the comments behind all content, apart from it by a blank line.
    fn comments_at_end(&mut self) {
        if self.next < self.comments.len() {
            self.out.push('\n');
        }
        self.comments_before(usize::MAX, 0);
    }

    /// Ends a line with a text and the comment that stands on the line of a node.
    fn line(&mut self, text: &str, id: NodeId) {
        self.out.push_str(text);
        let line = self.tree.node(id).line;
        if let Some(comment) = self.comments.get(self.next).filter(|comment| comment.line == line) {
            self.out.push(' ');
            self.out.push_str(&self.source[comment.span.clone()]);
            self.next += 1;
        }
        self.out.push('\n');
    }

    /// Writes a map or list over lines. Where `started`, its first line has its indentation.
    /// Recursion is bounded by the depth that the reader allows.
    fn block(&mut self, id: NodeId, indent: usize, started: bool) -> Option<()> {
        let tree = self.tree;
        self.plain_node(id)?;
        match &tree.node(id).content {
            Content::Mapping(fields) => {
                for (i, (key, value)) in fields.iter().enumerate() {
                    self.start(*key, indent, started && i == 0);
                    let text = format!("{}:", self.inline(*key)?);
                    self.value(&text, *key, *value, indent)?;
                }
            }
            Content::Sequence(items) => {
                for (i, item) in items.iter().enumerate() {
                    self.start(*item, indent, started && i == 0);
                    match &tree.node(*item).content {
                        Content::Mapping(_) | Content::Sequence(_) if !self.is_flow(*item) => {
                            self.out.push_str("- ");
                            self.block(*item, indent + 2, true)?;
                        }
                        _ => self.value("-", *item, *item, indent)?,
                    }
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn start(&mut self, id: NodeId, indent: usize, started: bool) {
        if !started {
            self.comments_before(self.tree.node(id).line, indent);
            let _ = write!(self.out, "{:indent$}", "");
        }
        self.has_content = true;
    }

    /// Writes what stands behind a key or a dash.
    fn value(&mut self, before: &str, owner: NodeId, value: NodeId, indent: usize) -> Option<()> {
        let node = self.tree.node(value);
        match &node.content {
            Content::Mapping(_) if !self.is_flow(value) => {
                self.line(before, owner);
                self.block(value, indent + 2, false)
            }
            Content::Sequence(_) if !self.is_flow(value) => {
                self.line(before, owner);
                self.block(value, indent, false)
            }
            Content::Scalar { text, style: Style::Literal } if !self.edits.contains_key(&value) => {
                self.literal(before, text, indent)
            }
            _ => {
                let text = self.inline(value)?;
                let separator = if text.is_empty() { "" } else { " " };
                self.line(&format!("{before}{separator}{text}"), value);
                Some(())
            }
        }
    }

    fn literal(&mut self, before: &str, text: &str, indent: usize) -> Option<()> {
        let body = text.trim_end_matches('\n');
        let chomping = match text.len() - body.len() {
            0 => "-",
            1 => "",
            _ => return None,
        };
        if body.starts_with([' ', '\n']) {
            return None;
        }
        let _ = writeln!(self.out, "{before} |{chomping}");
        for line in body.split('\n') {
            match line.is_empty() {
                true => self.out.push('\n'),
                false => {
                    let indent = indent + 2;
                    let _ = writeln!(self.out, "{:indent$}{line}", "");
                }
            }
        }
        Some(())
    }

    /// A node without tag or anchor.
    fn plain_node(&self, id: NodeId) -> Option<()> {
        let node = self.tree.node(id);
        (node.tag.is_none() && node.anchor.is_none()).then_some(())
    }

    /// A scalar, or a collection in flow, on one line.
    fn inline(&self, id: NodeId) -> Option<String> {
        self.plain_node(id)?;
        if let Some(edited) = self.edits.get(&id) {
            return Some(edited.clone());
        }
        match &self.tree.node(id).content {
            Content::Scalar { text, style } => scalar(text, *style),
            Content::Sequence(items) => {
                let items: Vec<String> = items.iter().map(|item| self.inline(*item)).collect::<Option<_>>()?;
                Some(format!("[{}]", items.join(", ")))
            }
            Content::Mapping(fields) => {
                let fields: Vec<String> = fields
                    .iter()
                    .map(|(key, value)| Some(format!("{}: {}", self.inline(*key)?, self.inline(*value)?)))
                    .collect::<Option<_>>()?;
                Some(format!("{{{}}}", fields.join(", ")))
            }
            Content::Alias(_) => None,
        }
    }
}

/// A scalar of one line in its style.
pub(super) fn scalar(text: &str, style: Style) -> Option<String> {
    if text.contains('\n') {
        return None;
    }
    match style {
        Style::Plain => Some(text.to_owned()),
        Style::SingleQuoted => Some(format!("'{}'", text.replace('\'', "''"))),
        Style::DoubleQuoted => Some(Value::from(text).to_json()),
        Style::Literal | Style::Folded => None,
    }
}
