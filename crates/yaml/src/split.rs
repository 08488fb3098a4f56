//! Where one document of a stream ends and the next begins.
//!
//! Neither Kubernetes nor kustomize leaves that to YAML: both cut the text at lines of `---` first
//! and read the first document of each piece.

use std::ops::Range;

use memchr::memmem;

use crate::Resolver;

/// A piece of a stream.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Piece {
    /// Bytes in the whole text.
    pub(crate) span: Range<usize>,
    /// Line breaks before it.
    pub(crate) line: usize,
}

/// A line of `---` with something behind that is no comment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct SeparatorFault {
    /// Line breaks before it.
    pub(crate) line: usize,
    /// Go's text.
    pub(crate) message: String,
}

/// A stream's pieces.
#[derive(Debug, Default)]
pub(crate) struct Pieces {
    /// Each may be empty.
    pub(crate) pieces: Vec<Piece>,
    /// Why there are no more. kyaml cuts before it reads, so that no piece is left then; Kubernetes
    /// reads piece by piece, so that the faults of those before come first.
    pub(crate) fault: Option<SeparatorFault>,
}

/// Cuts a stream.
pub(crate) fn pieces(text: &str, resolver: Resolver) -> Pieces {
    let mut cutter = Cutter { text, pieces: Vec::new(), start: 0, line: 0 };
    match cutter.run(resolver) {
        Ok(()) => Pieces { pieces: cutter.pieces, fault: None },
        Err(fault) if resolver == Resolver::V2 => Pieces { pieces: cutter.pieces, fault: Some(fault) },
        Err(fault) => Pieces { pieces: Vec::new(), fault: Some(fault) },
    }
}
struct Cutter<'a> {
    text: &'a str,
    pieces: Vec<Piece>,
    /// Where the open piece starts.
    start: usize,
    line: usize,
}

impl Cutter<'_> {
    fn run(&mut self, resolver: Resolver) -> Result<(), SeparatorFault> {
        let finder = memmem::Finder::new("\n---");
        let text = self.text;
        let bytes = text.as_bytes();
        if resolver == Resolver::V2 && bytes.starts_with(b"---") {
            // Kubernetes' reader keeps the first separator as part of the first piece.
            self.check_v2(0)?;
        }
        let mut from = 0;
        while let Some(found) = finder.find(&bytes[from..]).map(|i| from + i) {
            let separator = found + 1;
            let line_end = memchr::memchr(b'\n', &bytes[separator..]).map(|i| separator + i);
            match resolver {
                Resolver::V2 => {
                    self.check_v2(separator)?;
                    // A separator right behind another one is content, as the first of all is.
                    if separator > self.start {
                        self.cut(separator, line_end.map_or(text.len(), |end| end + 1));
                    }
                    from = line_end.unwrap_or(text.len());
                }
                Resolver::V3 => {
                    // kyaml wants a line break behind it, and to have seen the one before it: that
                    // of a separator just found does not count twice.
                    let Some(end) = line_end else { break };
                    self.check_v3(separator, end)?;
                    self.cut(separator, end + 1);
                    from = end + 1;
                }
            }
        }
        if self.start < text.len() {
            self.cut(text.len(), text.len());
        }
        Ok(())
    }

    fn cut(&mut self, end: usize, next: usize) {
        self.pieces.push(Piece { span: self.start..end, line: self.line });
        self.line += lines(&self.text[self.start..next]);
        self.start = next;
    }

    fn line_of(&self, pos: usize) -> usize {
        self.line + lines(&self.text[self.start..pos])
    }

    fn check_v2(&self, separator: usize) -> Result<(), SeparatorFault> {
        let rest = self.text[separator + 3..].lines().next().unwrap_or_default().trim();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(());
        }
        Err(SeparatorFault {
            line: self.line_of(separator),
            message: format!("invalid Yaml document separator: {rest}"),
        })
    }

    fn check_v3(&self, separator: usize, end: usize) -> Result<(), SeparatorFault> {
        let line = self.text[separator..end].trim();
        let rest = line[3..].trim_start();
        if rest.is_empty() || rest.starts_with('#') {
            return Ok(());
        }
        Err(SeparatorFault { line: self.line_of(separator), message: format!("invalid document separator: {line}") })
    }
}

pub(crate) fn lines(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}
