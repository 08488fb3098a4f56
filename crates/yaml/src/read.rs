//! From text to values: split into documents, parse, resolve.

#[cfg(test)]
mod tests;

use std::ops::Range;

use belay_object::Value;

use crate::build::{self, Refusal};
use crate::node::NodeTree;
use crate::parse::{self, Base};
use crate::scan::{Fault, Finder, Settings};
use crate::split::{self, Piece, Pieces, SeparatorFault};
use crate::{ErrorKind, Options, Resolver, YamlError, fast};

/// One document of a stream.
#[derive(Clone, Debug)]
pub struct Document {
    /// What it says.
    pub value: Value,
    /// The line on which its first content stands, from 1.
    pub line: usize,
    /// Which document of the stream it is, from 0; empty ones count.
    pub index: usize,
    /// Where its text stands in the whole text, in bytes.
    pub span: Range<usize>,
}

impl Document {
    /// The line of what stands at a JSON pointer (`/spec/replicas`), or of the last part of it that
    /// is there; `text` is the whole text. Reads the document again: for errors, not for loops.
    pub fn line_of(&self, text: &str, pointer: &str) -> usize {
        let Some(piece) = text.get(self.span.clone()) else { return self.line };
        let base = Base { pos: self.span.start, line: split::lines(&text[..self.span.start]) };
        let tree = parse::first_document(piece, base, &Settings::new(&Options::default()));
        tree.ok().and_then(|tree| tree.line_at(pointer)).unwrap_or(self.line)
    }
}

/// Reads a stream of documents; empty ones (`null`, only comments) are left out.
pub fn parse_documents(text: &str, options: &Options) -> Result<Vec<Value>, YamlError> {
    Ok(parse_located(text, options)?.into_iter().map(|document| document.value).collect())
}

/// Reads a stream of documents as [`parse_documents`] does and says where each stands.
pub fn parse_located(text: &str, options: &Options) -> Result<Vec<Document>, YamlError> {
    // Kubernetes' reader ends the last line, which is seen at the end of a block scalar.
    let ended;
    let text = if options.resolver == Resolver::V2 && !text.is_empty() && !text.ends_with('\n') {
        check_size(text, options)?;
        ended = format!("{text}\n");
        ended.as_str()
    } else {
        text
    };
    let pieces = pieces(text, options)?;
    let mut documents = Vec::new();
    for (index, piece) in pieces.pieces.into_iter().enumerate() {
        let (value, line) = parse_piece(text, &piece, index, options)?;
        if !value.is_null() {
            documents.push(Document { value, line, index, span: piece.span });
        }
    }
    match pieces.fault {
        Some(fault) => Err(separator_error(fault)),
        None => Ok(documents),
    }
}

/// Reads one value as `yaml.Unmarshal` does: the first document; `null` where there is none.
pub fn parse_value(text: &str, options: &Options) -> Result<Value, YamlError> {
    check_size(text, options)?;
    let piece = Piece { span: 0..text.len(), line: 0 };
    Ok(parse_piece(text, &piece, 0, options)?.0)
}

/// Reads one value as [`parse_value`] does, for those of its outermost fields that are asked for: of the others
/// some may be missing. Errors are those of the whole text. Names match in any case.
pub fn parse_outline(text: &str, wanted: &[&str], options: &Options) -> Result<Value, YamlError> {
    check_size(text, options)?;
    match fast::outline(text, wanted, options) {
        Some(value) => Ok(value),
        None => parse_value(text, options),
    }
}

/// Reads the trees of a stream's documents, empty ones included, comments kept.
pub fn parse_nodes<'a>(text: &'a str, options: &Options) -> Result<Vec<NodeTree<'a>>, YamlError> {
    let settings = Settings { keep_comments: true, ..Settings::new(options) };
    let read = |(index, piece): (usize, Piece)| {
        let base = Base { pos: piece.span.start, line: piece.line };
        parse::first_document(&text[piece.span], base, &settings)
            .map_err(|fault| syntax_error(fault, base, index, options.resolver))
    };
    let pieces = pieces(text, options)?;
    let trees: Result<Vec<NodeTree<'a>>, YamlError> = pieces.pieces.into_iter().enumerate().map(read).collect();
    match pieces.fault {
        Some(fault) => trees.and(Err(separator_error(fault))),
        None => trees,
    }
}

fn check_size(text: &str, options: &Options) -> Result<(), YamlError> {
    // Nodes are numbered with 32 bits.
    let most = options.limits.max_bytes.min(u32::MAX as usize);
    if text.len() <= most {
        return Ok(());
    }
    Err(limit_error(format!("the text has {} bytes, of which {most} are allowed", text.len()), 1))
}

fn limit_error(message: String, line: usize) -> YamlError {
    let go_text = format!("yaml: {message}");
    YamlError { kind: ErrorKind::Limit, line, column: 1, document: 0, message, go_text }
}

fn separator_error(fault: SeparatorFault) -> YamlError {
    YamlError {
        kind: ErrorKind::Syntax,
        line: fault.line + 1,
        column: 1,
        document: 0,
        go_text: fault.message.clone(),
        message: fault.message,
    }
}

fn pieces(text: &str, options: &Options) -> Result<Pieces, YamlError> {
    check_size(text, options)?;
    let pieces = split::pieces(text, options.resolver);
    let (count, most) = (pieces.pieces.len(), options.limits.max_documents);
    if count > most {
        let line = pieces.pieces[most].line + 1;
        return Err(limit_error(format!("the text has {count} documents, of which {most} are allowed"), line));
    }
    Ok(pieces)
}

/// Gives the value and the line of its first content.
fn parse_piece(text: &str, piece: &Piece, index: usize, options: &Options) -> Result<(Value, usize), YamlError> {
    let base = Base { pos: piece.span.start, line: piece.line };
    let text = &text[piece.span.clone()];
    if let Some((value, lines)) = fast::value(text, options) {
        return Ok((value, base.line + lines + 1));
    }
    let tree = parse::first_document(text, base, &Settings::new(options))
        .map_err(|fault| syntax_error(fault, base, index, options.resolver))?;
    let line = tree.root().map_or(base.line + 1, |root| tree.node(root).line);
    let value =
        build::value(&tree, text.len(), base.line, options).map_err(|refusal| value_error(refusal, &tree, index))?;
    Ok((value, line))
}

fn syntax_error(fault: Fault, base: Base, document: usize, resolver: Resolver) -> YamlError {
    let kind = if fault.finder == Finder::Limit { ErrorKind::Limit } else { ErrorKind::Syntax };
    // goyaml.v2 prefers the line of the problem, yaml.v3 that of what surrounds it; a line of 0 is
    // taken for none, and only the scanner's are counted from 1.
    let (first, second) = match resolver {
        Resolver::V2 => (fault.problem.line, fault.context.line),
        Resolver::V3 => (fault.context.line, fault.problem.line),
    };
    let from_one = usize::from(fault.finder == Finder::Scanner);
    let go_line = match (first, second) {
        _ if matches!(fault.finder, Finder::Reader | Finder::Limit) => 0,
        (0, 0) => 0,
        (0, line) if resolver == Resolver::V2 => line,
        (0, line) | (line, _) => line + from_one,
    };
    let go_text = match go_line {
        0 => format!("yaml: {}", fault.message),
        line => format!("yaml: line {line}: {}", fault.message),
    };
    YamlError {
        kind,
        line: base.line + fault.problem.line + 1,
        column: fault.problem.column + 1,
        document,
        message: fault.message.into_owned(),
        go_text,
    }
}

fn value_error(refusal: Refusal, tree: &NodeTree<'_>, document: usize) -> YamlError {
    let node = tree.node(refusal.at);
    YamlError {
        kind: refusal.kind,
        line: node.line,
        column: node.column,
        document,
        message: refusal.message,
        go_text: refusal.go_text,
    }
}
