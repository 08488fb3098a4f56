//! From values to the bytes that `sigs.k8s.io/yaml` writes.
//!
//! Go's way there is value → JSON → goyaml.v2 tree → text. What the JSON step does to a value
//! (whole floats lose their point, U+0085 folds like a line break) is done here too. The emitter
//! keeps goyaml's two flags, `whitespace` and `indention`, because its rare forms (keys above 128
//! bytes, maps behind `? `) follow from them. It deliberately writes no comments, anchors or flow
//! maps: those are no part of a value.

mod number;
mod order;
mod scalar;
#[cfg(test)]
mod tests;

use belay_object::{Map, Value};

use crate::Resolver;
pub(crate) use number::float32_text;
use order::sorted_fields;
use scalar::Style;

/// Writes one value, byte for byte as `sigs.k8s.io/yaml`'s `Marshal` does; ends with a newline.
///
/// Characters for which Go's library fails (DEL, C1 controls, U+FFFE, U+FFFF) are written escaped;
/// infinities, which JSON has not, as `null`. What nests deeper than 1,000 is cut off as `null`.
pub fn to_yaml(value: &Value) -> String {
    let mut emitter = Emitter::new(String::with_capacity(256));
    emitter.document(value);
    emitter.out
}

/// Writes one value as yaml.v3's encoder does with an indentation of two: lists of a map stand below their key, lines
/// are not folded, texts with tabs keep their lines.
pub fn to_yaml_pretty(value: &Value) -> String {
    to_yaml_pretty_documents([value])
}

/// Writes values as [`to_yaml_pretty`] does, one after the other with `---` lines between, none before the first.
pub fn to_yaml_pretty_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut emitter = Emitter::new(String::with_capacity(1024));
    (emitter.library, emitter.width) = (Resolver::V3, usize::MAX);
    emitter.documents(values);
    emitter.out
}

/// Writes one value as [`to_yaml`] does, but with the fields of maps in the order of their bytes: as
/// goyaml writes what was sorted before.
pub fn to_yaml_sorted(value: &Value) -> String {
    let mut emitter = Emitter::new(String::with_capacity(256));
    emitter.sorts_by_bytes = true;
    emitter.document(value);
    emitter.out
}

/// Appends one value to a text, as [`to_yaml`] writes it.
pub fn push_yaml(out: &mut String, value: &Value) {
    let mut emitter = Emitter::new(std::mem::take(out));
    emitter.document(value);
    *out = emitter.out;
}

/// Writes values one after the other with `---` lines between, none before the first.
pub fn to_yaml_documents<'a>(values: impl IntoIterator<Item = &'a Value>) -> String {
    let mut emitter = Emitter::new(String::with_capacity(1024));
    emitter.documents(values);
    emitter.out
}

/// A value from a text is at most `Limits::max_depth` deep. One level takes two frames of less than
/// 500 bytes, so that 1,000 levels fit any thread's stack.
const MAX_DEPTH: usize = 1_000;
const WIDTH: usize = 80;
/// A key of more bytes, or of more than one line, is written behind `? `.
const MAX_SIMPLE_KEY_BYTES: usize = 128;

struct Emitter {
    out: String,
    /// Characters since the last line break.
    column: usize,
    indent: usize,
    depth: usize,
    /// Whether the last thing written lets an indicator follow without a space.
    whitespace: bool,
    /// Whether only indentation and indicators stand on this line so far.
    indention: bool,
    /// Whose choices are made where the two differ.
    library: Resolver,
    /// The column behind which lines are folded.
    width: usize,
    /// Whether fields come in the order of their bytes, which is a map's own.
    sorts_by_bytes: bool,
}

/// Where a node stands in its parent.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Root,
    Item,
    /// Behind `key:`, or behind a `: ` of its own line.
    Field,
}

impl Emitter {
    fn new(out: String) -> Emitter {
        Emitter {
            out,
            column: 0,
            indent: 0,
            depth: 0,
            whitespace: true,
            indention: true,
            library: Resolver::V2,
            width: WIDTH,
            sorts_by_bytes: false,
        }
    }

    fn documents<'a>(&mut self, values: impl IntoIterator<Item = &'a Value>) {
        for (i, value) in values.into_iter().enumerate() {
            if i > 0 {
                self.out.push_str("---\n");
            }
            self.document(value);
        }
    }

    fn document(&mut self, value: &Value) {
        (self.column, self.indent, self.whitespace, self.indention) = (0, 0, true, true);
        self.node(value, Place::Root);
        self.write_indent(0);
        self.column = 0;
    }

    fn node(&mut self, value: &Value, place: Place) {
        self.depth += 1;
        match value {
            _ if self.depth > MAX_DEPTH => self.plain_text("null"),
            Value::Null => self.plain_text("null"),
            Value::Bool(true) => self.plain_text("true"),
            Value::Bool(false) => self.plain_text("false"),
            Value::Int(_) | Value::UInt(_) | Value::Float(_) => number::with_text(value, |text| self.plain_text(text)),
            Value::Str(text) => self.string(text, place, false),
            Value::Array(items) if items.is_empty() => self.plain_text("[]"),
            Value::Array(items) => self.sequence(items, place),
            Value::Object(map) if map.is_empty() => self.plain_text("{}"),
            Value::Object(map) => self.mapping(map, place),
        }
        self.depth -= 1;
    }

    fn sequence(&mut self, items: &[Value], place: Place) {
        let outer = self.indent;
        self.indent = match place {
            Place::Root => 0,
            Place::Field if !self.indention && self.library == Resolver::V2 => outer,
            Place::Field | Place::Item => outer + 2,
        };
        for item in items {
            self.write_indent(self.indent);
            self.indicator("-", true);
            self.node(item, Place::Item);
        }
        self.indent = outer;
    }

    fn mapping(&mut self, map: &Map, place: Place) {
        let outer = self.indent;
        self.indent = if place == Place::Root { 0 } else { outer + 2 };
        let fields: Box<dyn Iterator<Item = _>> =
            if self.sorts_by_bytes { Box::new(map.iter()) } else { Box::new(sorted_fields(map, self.library)) };
        for (key, value) in fields {
            self.write_indent(self.indent);
            self.field(key, value);
        }
        self.indent = outer;
    }

    fn field(&mut self, key: &str, value: &Value) {
        if key.len() <= MAX_SIMPLE_KEY_BYTES && !scalar::has_break(key) {
            self.string(key, Place::Field, true);
            self.out.push(':');
            self.column += 1;
            (self.whitespace, self.indention) = (false, false);
        } else {
            self.indicator("?", true);
            self.string(key, Place::Field, false);
            self.write_indent(self.indent);
            self.indicator(":", true);
        }
        self.node(value, Place::Field);
    }

    /// Writes an indicator, a space before it where one is needed.
    fn indicator(&mut self, text: &str, is_indention: bool) {
        if !self.whitespace {
            self.out.push(' ');
            self.column += 1;
        }
        self.out.push_str(text);
        self.column += text.len();
        self.whitespace = false;
        self.indention &= is_indention;
    }

    /// Writes ASCII text that needs neither quotes nor folding.
    fn plain_text(&mut self, text: &str) {
        self.indicator(text, false);
        self.indention = false;
    }

    /// Starts a line at `indent`, unless nothing but less indentation stands on this one.
    fn write_indent(&mut self, indent: usize) {
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break();
        }
        const SPACES: &str = "                                ";
        while self.column < indent {
            let n = (indent - self.column).min(SPACES.len());
            self.out.push_str(&SPACES[..n]);
            self.column += n;
        }
        (self.whitespace, self.indention) = (true, true);
    }

    fn line_break(&mut self) {
        self.out.push('\n');
        self.column = 0;
    }

    /// Writes a string in the style that the library would choose. Continuation lines of a scalar are
    /// indented two more than what holds it.
    fn string(&mut self, text: &str, place: Place, simple_key: bool) {
        let folded;
        let is_folded = self.library == Resolver::V2;
        let text = match is_folded.then(|| scalar::fold_next_lines(text)).flatten() {
            Some(t) => {
                folded = t;
                folded.as_str()
            }
            None => text,
        };
        let outer = self.indent;
        self.indent = match place {
            Place::Root => 2,
            Place::Item | Place::Field => outer + 2,
        };
        match scalar::style(text, simple_key, self.library) {
            Style::Plain => self.plain(text, !simple_key),
            Style::SingleQuoted => self.single_quoted(text, !simple_key),
            Style::DoubleQuoted => self.double_quoted(text, !simple_key),
            Style::Literal => self.literal(text),
        }
        self.indent = outer;
    }
}
