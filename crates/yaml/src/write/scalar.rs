//! How one string is written: which style goyaml chooses, and each style's folding.

use super::Emitter;
use crate::{Resolver, resolve};

#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Style {
    Plain,
    SingleQuoted,
    DoubleQuoted,
    Literal,
}

/// What a text holds that forbids styles.
#[derive(Default, PartialEq, Debug)]
struct Facts {
    /// Something that plain text in a block must not start with or hold.
    indicator: bool,
    line_break: bool,
    special: bool,
    /// What goyaml.v2 takes for a special character and yaml.v3 keeps in literal texts.
    tab: bool,
    leading: bool,
    trailing: bool,
    trailing_space: bool,
    /// A space right behind a break.
    break_space: bool,
    /// A space right before a break.
    space_break: bool,
}

/// The style of a text.
pub(super) fn style(text: &str, simple_key: bool, library: Resolver) -> Style {
    if is_simple_word(text.as_bytes()) {
        return if resolve::is_text(text, library) { Style::Plain } else { Style::DoubleQuoted };
    }
    let facts = if text.is_ascii() { ascii_facts(text.as_bytes()) } else { facts(text) };
    let double_only = facts.break_space || facts.space_break || facts.special || facts.tab;
    let is_tab_special = facts.tab && library == Resolver::V2;
    let wanted = if text.contains('\n') {
        Style::Literal
    } else if resolve::is_text(text, library) && !resolve::is_base_60(text) {
        Style::Plain
    } else {
        return Style::DoubleQuoted;
    };
    match wanted {
        Style::Literal
            if facts.trailing_space || facts.space_break || facts.special || is_tab_special || simple_key =>
        {
            Style::DoubleQuoted
        }
        Style::Literal => Style::Literal,
        _ if double_only => Style::DoubleQuoted,
        _ if facts.leading || facts.trailing || facts.line_break || facts.indicator => Style::SingleQuoted,
        _ => Style::Plain,
    }
}

/// Whether a text of letters and `-._/` only, that starts with a letter: most strings. It may still
/// mean something else than text.
fn is_simple_word(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.iter().all(|&b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'/'))
}

fn facts(text: &str) -> Facts {
    let bytes = text.as_bytes();
    let mut facts = Facts { indicator: text.starts_with("---") || text.starts_with("..."), ..Facts::default() };
    let (mut previous_space, mut previous_break, mut after_blank) = (false, false, true);
    let mut chars = text.char_indices().peekable();
    // goyaml asks of each character whether the *text* starts with a byte order mark.
    facts.special = text.starts_with('\u{FEFF}');
    while let Some((i, c)) = chars.next() {
        let next = chars.peek().map(|&(i, _)| bytes[i]);
        let before_blank = matches!(next, None | Some(b' ' | b'\t'));
        facts.indicator |= match c {
            '#' => i == 0 || after_blank,
            ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%' | '@' | '`' => i == 0,
            '?' | '-' => i == 0 && before_blank,
            ':' => before_blank,
            _ => false,
        };
        facts.special |= !is_printable(c) && c != '\t';
        facts.tab |= c == '\t';
        if c == ' ' {
            facts.leading |= i == 0;
            facts.trailing |= next.is_none();
            facts.trailing_space |= next.is_none();
            facts.break_space |= previous_break;
            (previous_space, previous_break) = (true, false);
        } else if is_break(c) {
            facts.line_break = true;
            facts.leading |= i == 0;
            facts.trailing |= next.is_none();
            facts.space_break |= previous_space;
            (previous_space, previous_break) = (false, true);
        } else {
            (previous_space, previous_break) = (false, false);
        }
        after_blank = matches!(c, ' ' | '\t') || is_break(c);
    }
    facts
}

/// [`facts`] of a text of ASCII only, byte by byte: nearly all texts.
fn ascii_facts(bytes: &[u8]) -> Facts {
    let mut facts = Facts { indicator: bytes.starts_with(b"---") || bytes.starts_with(b"..."), ..Facts::default() };
    let mut previous = b'a';
    for (i, &b) in bytes.iter().enumerate() {
        let before = std::mem::replace(&mut previous, b);
        if b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b'_' | b'(' | b')' | b';' | b'=' | b'$' | b'+') {
            continue;
        }
        let next = bytes.get(i + 1);
        match b {
            b' ' => {
                facts.leading |= i == 0;
                facts.trailing |= next.is_none();
                facts.trailing_space |= next.is_none();
                facts.break_space |= matches!(before, b'\n' | b'\r');
            }
            b'\n' | b'\r' => {
                facts.line_break = true;
                facts.special |= b == b'\r';
                facts.leading |= i == 0;
                facts.trailing |= next.is_none();
                facts.space_break |= before == b' ';
            }
            b'#' => facts.indicator |= i == 0 || matches!(before, b' ' | b'\t' | b'\n' | b'\r'),
            b',' | b'[' | b']' | b'{' | b'}' | b'&' | b'*' | b'!' | b'|' | b'>' | b'\'' | b'"' | b'%' | b'@' | b'`' => {
                facts.indicator |= i == 0;
            }
            b'?' | b'-' => facts.indicator |= i == 0 && matches!(next, None | Some(b' ' | b'\t')),
            b':' => facts.indicator |= matches!(next, None | Some(b' ' | b'\t')),
            b'\t' => facts.tab = true,
            other => facts.special |= !is_printable(char::from(other)),
        }
    }
    facts
}

/// Whether goyaml takes a character for a line break.
pub(super) fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// Whether a text has more than one line.
pub(super) fn has_break(text: &str) -> bool {
    text.contains(is_break)
}

/// Whether goyaml writes a character unescaped: of those above U+FFFF none, and no tab.
fn is_printable(c: char) -> bool {
    matches!(c, '\n' | ' '..='~' | '\u{A0}'..='\u{FFFD}') && c != '\u{FEFF}'
}

/// What becomes of a text that holds U+0085 on Go's way through JSON, where it stands raw in double
/// quotes: it folds as a line break does. Nothing where there is none.
pub(super) fn fold_next_lines(text: &str) -> Option<String> {
    if text.is_ascii() || !text.contains('\u{85}') {
        return None;
    }
    let mut lines = text.split('\u{85}');
    let mut out = String::with_capacity(text.len());
    let first = lines.next().unwrap_or_default();
    let mut last = first;
    let mut empty_lines = 0;
    let mut pending = false;
    for line in lines {
        if !pending {
            out.push_str(last.trim_end_matches(' '));
            pending = true;
        }
        let line = line.trim_start_matches(' ');
        if line.is_empty() {
            empty_lines += 1;
            continue;
        }
        push_fold(&mut out, empty_lines);
        (last, empty_lines, pending) = (line, 0, false);
    }
    match pending {
        // The last break of all ends no line of its own.
        true => push_fold(&mut out, empty_lines - 1),
        false => out.push_str(last),
    }
    Some(out)
}

fn push_fold(out: &mut String, empty_lines: usize) {
    match empty_lines {
        0 => out.push(' '),
        n => out.extend(std::iter::repeat_n('\n', n)),
    }
}

impl Emitter {
    fn push(&mut self, c: char) {
        self.out.push(c);
        self.column += 1;
    }

    /// Writes a break of the text itself; only a newline is also one of the output's own.
    fn write_break(&mut self, c: char) {
        self.out.push(c);
        self.column = 0;
    }

    pub(super) fn plain(&mut self, text: &str, fold: bool) {
        if !self.whitespace {
            self.push(' ');
        }
        if !fold || text.len() <= self.width.saturating_sub(self.column) {
            // No space can stand beyond the width.
            self.out.push_str(text);
            self.column += text.chars().count();
        } else {
            self.folded(text, 0, |emitter, c| emitter.push(c));
        }
        (self.whitespace, self.indention) = (false, false);
    }

    pub(super) fn single_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("'", false);
        let write = |emitter: &mut Emitter, c| {
            if c == '\'' {
                emitter.push('\'');
            }
            emitter.push(c);
        };
        if fold || has_break(text) {
            self.folded_where(text, 1, fold, write);
        } else {
            text.chars().for_each(|c| write(self, c));
        }
        self.push('\'');
        (self.whitespace, self.indention) = (false, false);
    }

    fn folded(&mut self, text: &str, margin: usize, write: impl Fn(&mut Emitter, char)) {
        self.folded_where(text, margin, true, write);
    }

    /// Writes text of plain or single-quoted style: beyond the width, a lone space that is not
    /// within `margin` bytes of either end becomes a new line.
    fn folded_where(&mut self, text: &str, margin: usize, fold: bool, write: impl Fn(&mut Emitter, char)) {
        let bytes = text.as_bytes();
        let (mut spaces, mut breaks) = (false, false);
        for (i, c) in text.char_indices() {
            if c == ' ' {
                let inside = i >= margin && i + margin < bytes.len();
                if fold && !spaces && self.column > self.width && inside && bytes.get(i + 1) != Some(&b' ') {
                    self.write_indent(self.indent);
                } else {
                    self.push(' ');
                }
                spaces = true;
            } else if is_break(c) {
                if !breaks && c == '\n' {
                    self.line_break();
                }
                self.write_break(c);
                self.indention = true;
                breaks = true;
            } else {
                if breaks {
                    self.write_indent(self.indent);
                }
                write(self, c);
                self.indention = false;
                (spaces, breaks) = (false, false);
            }
        }
    }

    pub(super) fn double_quoted(&mut self, text: &str, fold: bool) {
        self.indicator("\"", false);
        let bytes = text.as_bytes();
        let escape_all = text.starts_with('\u{FEFF}');
        let mut spaces = false;
        for (i, c) in text.char_indices() {
            if c == ' ' && !escape_all {
                if fold && !spaces && self.column > self.width && i > 0 && i + 1 < bytes.len() {
                    self.write_indent(self.indent);
                    if bytes[i + 1] == b' ' {
                        self.push('\\');
                    }
                } else {
                    self.push(' ');
                }
                spaces = true;
                continue;
            }
            if escape_all || !is_printable(c) || is_break(c) || c == '"' || c == '\\' {
                self.escaped(c);
            } else {
                self.push(c);
            }
            spaces = false;
        }
        self.push('"');
        (self.whitespace, self.indention) = (false, false);
    }

    fn escaped(&mut self, c: char) {
        let short = match c {
            '\0' => '0',
            '\u{7}' => 'a',
            '\u{8}' => 'b',
            '\t' => 't',
            '\n' => 'n',
            '\u{B}' => 'v',
            '\u{C}' => 'f',
            '\r' => 'r',
            '\u{1B}' => 'e',
            '"' => '"',
            '\\' => '\\',
            '\u{85}' => 'N',
            '\u{A0}' => '_',
            '\u{2028}' => 'L',
            '\u{2029}' => 'P',
            _ => {
                let code = u32::from(c);
                let text = match code {
                    0..=0xFF => format!("\\x{code:02X}"),
                    0x100..=0xFFFF => format!("\\u{code:04X}"),
                    _ => format!("\\U{code:08X}"),
                };
                self.out.push_str(&text);
                self.column += text.len();
                return;
            }
        };
        self.push('\\');
        self.push(short);
    }

    pub(super) fn literal(&mut self, text: &str) {
        self.indicator("|", false);
        let mut chars = text.chars();
        let (first, last) = (text.chars().next(), chars.next_back());
        if first.is_some_and(|c| c == ' ' || is_break(c)) {
            self.push('2');
        }
        match (last, chars.next_back()) {
            (Some(last), _) if !is_break(last) => self.push('-'),
            (Some(_), None) => self.push('+'),
            (Some(_), Some(before)) if is_break(before) => self.push('+'),
            _ => {}
        }
        self.line_break();
        (self.whitespace, self.indention) = (true, true);
        let mut at_break = true;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if is_break(c) {
                self.write_break(c);
                self.indention = true;
                at_break = true;
                rest = &rest[c.len_utf8()..];
                continue;
            }
            if at_break {
                self.write_indent(self.indent);
            }
            let line = rest.find(is_break).unwrap_or(rest.len());
            self.out.push_str(&rest[..line]);
            // Only whether it is zero matters until the next break.
            self.column += line;
            self.indention = false;
            at_break = false;
            rest = &rest[line..];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_ascii_are_seen_as_all_others() {
        let alphabet = b"a1 \t\n\r#,[]{}&*!|>'\"%@`?-:.~<\\\0\x7f";
        let mut texts = vec![Vec::new()];
        for length in 1..=4 {
            let longer = texts.iter().filter(|text: &&Vec<u8>| text.len() == length - 1).flat_map(|text| {
                let few = if length == 4 { &b"- .#\n"[..] } else { &alphabet[..] };
                few.iter().map(|&b| [&text[..], &[b]].concat())
            });
            texts.extend(longer.collect::<Vec<_>>());
        }
        for text in texts {
            let text = String::from_utf8(text).expect("it is ASCII");
            assert_eq!(ascii_facts(text.as_bytes()), facts(&text), "{text:?}");
        }
    }
}
