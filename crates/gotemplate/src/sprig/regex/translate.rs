//! RE2's syntax to that of the crate `regex`, which differ: `\d`, `\w`, `\s` and `\b` are ASCII's
//! in RE2; classes of `regex` have operators (`&&`, `--`, `~~`, nesting); escapes, repetitions and
//! flags that one of them refuses. What RE2 refuses is refused here, in Go's words.
//!
//! The translator goes over the expression once, without recursion; what nests too deep or grows
//! too large is refused when the result is compiled.

mod class;
mod escape;

use escape::{character, parse_escape, perl_class, unicode_class};

/// Go's limit of a count of repetitions, also of those within each other.
const MAX_REPEAT: u64 = 1000;

/// `CODE: ```EXPRESSION```` of Go's error.
fn error(code: &str, expression: &str) -> String {
    format!("{code}: `{expression}`")
}

type Result<T> = std::result::Result<T, String>;

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Flags {
    insensitive: bool,
    multi_line: bool,
    dot_all: bool,
    swap_greed: bool,
}

impl Flags {
    /// All of them, those that are off after a minus.
    fn text(self) -> String {
        let all = [(self.insensitive, 'i'), (self.multi_line, 'm'), (self.dot_all, 's'), (self.swap_greed, 'U')];
        let chosen = |on: bool| all.iter().filter(|(flag, _)| *flag == on).map(|(_, c)| *c).collect::<String>();
        let (on, off) = (chosen(true), chosen(false));
        if off.is_empty() { on } else { format!("{on}-{off}") }
    }
}

struct Translator {
    out: String,
    flags: Flags,
    /// Of each open group the flags before it, and how often what precedes is repeated at most.
    groups: Vec<(Flags, u64)>,
    /// Whether there is something to repeat.
    atom: bool,
    /// How often the repetitions within the last atom and within the group multiply.
    atom_repeats: u64,
    group_repeats: u64,
    /// How many groups capture, and the names of those that have one.
    captures: usize,
    names: Vec<(usize, String)>,
}

/// Translates an expression and gives the numbers of its groups that have names. The error is
/// Go's, without its prefix.
pub(super) fn translate(pattern: &[u8]) -> Result<(String, Vec<(usize, String)>)> {
    let text = std::str::from_utf8(pattern)
        .map_err(|e| error("invalid UTF-8", &String::from_utf8_lossy(&pattern[e.valid_up_to()..])))?;
    let mut translator = Translator {
        out: String::with_capacity(text.len() + 16),
        flags: Flags::default(),
        groups: Vec::new(),
        atom: false,
        atom_repeats: 1,
        group_repeats: 1,
        captures: 0,
        names: Vec::new(),
    };
    let mut rest = text;
    let mut last_repeat = "";
    while let Some(c) = rest.chars().next() {
        let mut repeat = "";
        rest = match c {
            '(' if rest.starts_with("(?") => translator.flags_or_group(rest)?,
            '(' => {
                translator.captures += 1;
                translator.open("(");
                &rest[1..]
            }
            ')' => {
                translator.close().ok_or_else(|| error("unexpected )", text))?;
                &rest[1..]
            }
            '|' => {
                translator.out.push('|');
                translator.end_atom();
                translator.atom = false;
                &rest[1..]
            }
            '^' | '$' | '.' => {
                translator.push(&rest[..1]);
                &rest[1..]
            }
            '[' => {
                let (class, after) = class::translate(rest)?;
                translator.push(&class);
                after
            }
            '*' | '+' | '?' => {
                repeat = rest;
                translator.repeat(rest, &rest[..1], &rest[1..], last_repeat, None)?
            }
            '{' => match parse_repeat(rest) {
                Some((range, after)) => {
                    repeat = rest;
                    let operator = &rest[..rest.len() - after.len()];
                    let range = range.ok_or_else(|| error("invalid repeat count", operator))?;
                    translator.repeat(rest, operator, after, last_repeat, Some(range))?
                }
                None => {
                    translator.push(&character('{'));
                    &rest[1..]
                }
            },
            '\\' => translator.escape(rest)?,
            c => {
                translator.push(&character(c));
                &rest[c.len_utf8()..]
            }
        };
        last_repeat = repeat;
    }
    if !translator.groups.is_empty() {
        return Err(error("missing closing )", text));
    }
    Ok((translator.out, translator.names))
}

impl Translator {
    /// Something that can be repeated.
    fn push(&mut self, atom: &str) {
        self.end_atom();
        self.out.push_str(atom);
        self.atom = true;
    }

    fn end_atom(&mut self) {
        self.group_repeats = self.group_repeats.max(self.atom_repeats);
        self.atom_repeats = 1;
    }

    fn open(&mut self, text: &str) {
        self.end_atom();
        self.out.push_str(text);
        self.groups.push((self.flags, self.group_repeats));
        self.group_repeats = 1;
        self.atom = false;
    }

    fn close(&mut self) -> Option<()> {
        let (flags, repeats) = self.groups.pop()?;
        self.end_atom();
        self.out.push(')');
        self.flags = flags;
        self.atom_repeats = self.group_repeats;
        self.group_repeats = repeats;
        self.atom = true;
        Some(())
    }

    /// A repetition, lazy where a question mark follows.
    fn repeat<'a>(
        &mut self,
        before: &str,
        operator: &str,
        after: &'a str,
        last_repeat: &str,
        range: Option<(u64, Option<u64>)>,
    ) -> Result<&'a str> {
        let lazy = after.starts_with('?');
        let after = after.strip_prefix('?').unwrap_or(after);
        let whole = |from: &str| from[..from.len() - after.len()].to_owned();
        if !last_repeat.is_empty() {
            return Err(error("invalid nested repetition operator", &whole(last_repeat)));
        }
        if !self.atom {
            return Err(error("missing argument to repetition operator", &whole(before)));
        }
        if let Some((min, max)) = range {
            self.atom_repeats = self.atom_repeats.saturating_mul(max.unwrap_or(min));
            if (min >= 2 || max.is_some_and(|max| max >= 2)) && self.atom_repeats > MAX_REPEAT {
                return Err(error("invalid repeat count", &whole(before)));
            }
            self.atom_repeats = self.atom_repeats.max(1);
        }
        self.out.push_str(operator);
        if lazy {
            self.out.push('?');
        }
        Ok(after)
    }

    /// `(?i)`, `(?i:`, `(?P<name>` and `(?<name>`.
    fn flags_or_group<'a>(&mut self, s: &'a str) -> Result<&'a str> {
        let named =
            s.strip_prefix("(?P<").filter(|_| s.len() > 4).or_else(|| s.strip_prefix("(?<").filter(|_| s.len() > 3));
        if let Some(named) = named {
            let (name, after) = named.split_once('>').ok_or_else(|| error("invalid named capture", s))?;
            let is_name = !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric());
            if !is_name {
                return Err(error("invalid named capture", &s[..s.len() - after.len()]));
            }
            self.captures += 1;
            self.names.push((self.captures, name.to_owned()));
            self.open("(");
            return Ok(after);
        }
        let (mut flags, mut on, mut seen) = (self.flags, true, false);
        for (i, c) in s.char_indices().skip(2) {
            match c {
                'i' => flags.insensitive = on,
                'm' => flags.multi_line = on,
                's' => flags.dot_all = on,
                'U' => flags.swap_greed = on,
                '-' if on => {
                    (on, seen) = (false, false);
                    continue;
                }
                ':' | ')' if on || seen => {
                    if c == ':' {
                        self.open(&format!("(?{}:", flags.text()));
                    } else {
                        self.out.push_str(&format!("(?{})", flags.text()));
                    }
                    self.flags = flags;
                    return Ok(&s[i + 1..]);
                }
                c => return Err(error("invalid or unsupported Perl syntax", &s[..i + c.len_utf8()])),
            }
            seen = true;
        }
        Err(error("invalid or unsupported Perl syntax", s))
    }

    fn escape<'a>(&mut self, s: &'a str) -> Result<&'a str> {
        match s.as_bytes().get(1) {
            Some(b'A') => self.push(r"\A"),
            Some(b'z') => self.push(r"\z"),
            Some(b'b') => self.push(r"(?-u:\b)"),
            Some(b'B') => self.push(r"(?-u:\B)"),
            Some(b'C') => return Err(error("invalid escape sequence", &s[..2])),
            Some(b'Q') => {
                let (literal, after) = s[2..].split_once(r"\E").unwrap_or((&s[2..], ""));
                literal.chars().for_each(|c| self.push(&character(c)));
                return Ok(after);
            }
            Some(b'p' | b'P') => {
                let (class, after) = unicode_class(s)?;
                self.push(&class);
                return Ok(after);
            }
            Some(b) => match perl_class(*b) {
                Some(class) => self.push(class),
                None => {
                    let (c, after) = parse_escape(s)?;
                    self.push(&c);
                    return Ok(after);
                }
            },
            None => return Err(error("trailing backslash at end of expression", "")),
        }
        Ok(&s[2..])
    }
}

/// The least and greatest count of a repetition.
type Counts = (u64, Option<u64>);

/// `{2}`, `{2,}`, `{2,3}` and what follows; `None` if it is a brace and no more, and no counts
/// where they are out of range.
fn parse_repeat(s: &str) -> Option<(Option<Counts>, &str)> {
    // Digits without a leading 0; a very large number stands for one out of range.
    fn int(s: &str) -> Option<(u64, &str)> {
        let len = s.bytes().take_while(u8::is_ascii_digit).count();
        let (digits, after) = s.split_at(len);
        if len == 0 || len > 1 && digits.starts_with('0') {
            return None;
        }
        Some((digits.parse().unwrap_or(u64::MAX), after))
    }
    let (min, rest) = int(s.strip_prefix('{')?)?;
    let (max, rest) = match rest.strip_prefix(',') {
        None => (Some(min), rest),
        Some(rest) if rest.starts_with('}') => (None, rest),
        Some(rest) => int(rest).map(|(max, rest)| (Some(max), rest))?,
    };
    let after = rest.strip_prefix('}')?;
    let in_range = min <= MAX_REPEAT && max.is_none_or(|max| max <= MAX_REPEAT && min <= max);
    Some((in_range.then_some((min, max)), after))
}
