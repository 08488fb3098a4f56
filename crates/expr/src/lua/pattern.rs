//! Lua patterns, matched under a step budget.
//!
//! Lua's own matcher runs inside C, where nothing can interrupt it, and takes exponential time on
//! patterns such as `a?a?a?aaa`.

/// How deep a match may recurse: Lua's own bound.
const MAX_DEPTH: usize = 200;
/// How many captures a pattern may have: Lua's own bound.
const MAX_CAPTURES: usize = 32;

/// Where a capture stands in the subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Capture {
    /// From and to.
    Text(usize, usize),
    /// `()`: a place, counted from 1.
    Place(usize),
    /// Begun, not ended.
    Open(usize),
}

/// Why there is neither a match nor none.
pub(super) type Fault = String;

/// One match.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) captures: Vec<Capture>,
}

pub(super) struct Matcher<'a> {
    subject: &'a [u8],
    pattern: &'a [u8],
    is_anchored: bool,
    captures: Vec<Capture>,
    depth: usize,
    /// Counts a step; an error ends the match.
    step: &'a dyn Fn(u64) -> Result<(), Fault>,
}

impl<'a> Matcher<'a> {
    pub(super) fn new(subject: &'a [u8], pattern: &'a [u8], step: &'a dyn Fn(u64) -> Result<(), Fault>) -> Matcher<'a> {
        let (is_anchored, pattern) = match pattern.strip_prefix(b"^") {
            Some(rest) => (true, rest),
            None => (false, pattern),
        };
        Matcher { subject, pattern, is_anchored, captures: Vec::new(), depth: 0, step }
    }

    pub(super) fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// The first match that begins at this place or behind it.
    pub(super) fn find(&mut self, from: usize) -> Result<Option<Found>, Fault> {
        for start in from..=self.subject.len() {
            if let Some(found) = self.at(start)? {
                return Ok(Some(found));
            }
            if self.is_anchored {
                break;
            }
        }
        Ok(None)
    }

    /// The match that begins here.
    pub(super) fn at(&mut self, start: usize) -> Result<Option<Found>, Fault> {
        self.captures.clear();
        self.depth = 0;
        let Some(end) = self.run(start, 0)? else { return Ok(None) };
        if self.captures.iter().any(|c| matches!(c, Capture::Open(_))) {
            return Err("unfinished capture".into());
        }
        Ok(Some(Found { start, end, captures: self.captures.clone() }))
    }

    fn run(&mut self, s: usize, p: usize) -> Result<Option<usize>, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("pattern too complex".into());
        }
        let end = self.items(s, p);
        self.depth -= 1;
        end
    }

    /// Matches one item of the pattern after another; recursion only where there is a choice.
    fn items(&mut self, mut s: usize, mut p: usize) -> Result<Option<usize>, Fault> {
        loop {
            (self.step)(1)?;
            let Some(&first) = self.pattern.get(p) else { return Ok(Some(s)) };
            match (first, self.pattern.get(p + 1)) {
                (b'(', Some(b')')) => return self.with_capture(Capture::Place(s + 1), s, p + 2),
                (b'(', _) => return self.with_capture(Capture::Open(s), s, p + 1),
                (b')', _) => return self.close(s, p + 1),
                (b'$', None) => return Ok((s == self.subject.len()).then_some(s)),
                (b'%', Some(b'b')) => match self.balanced(s, p + 2)? {
                    Some(end) => (s, p) = (end, p + 4),
                    None => return Ok(None),
                },
                (b'%', Some(b'f')) => match self.frontier(s, p + 2)? {
                    Some(next) => p = next,
                    None => return Ok(None),
                },
                (b'%', Some(digit @ b'0'..=b'9')) => match self.back_reference(s, *digit)? {
                    Some(end) => (s, p) = (end, p + 2),
                    None => return Ok(None),
                },
                _ => {
                    let next = self.item_end(p)?;
                    match self.pattern.get(next) {
                        Some(b'?') => {
                            if self.one(s, p, next)
                                && let Some(end) = self.run(s + 1, next + 1)?
                            {
                                return Ok(Some(end));
                            }
                            p = next + 1;
                        }
                        Some(b'+') if !self.one(s, p, next) => return Ok(None),
                        Some(b'+') => return self.longest(s, 1, p, next),
                        Some(b'*') => return self.longest(s, 0, p, next),
                        Some(b'-') => return self.shortest(s, p, next),
                        _ if self.one(s, p, next) => (s, p) = (s + 1, next),
                        _ => return Ok(None),
                    }
                }
            }
        }
    }

    fn with_capture(&mut self, capture: Capture, s: usize, p: usize) -> Result<Option<usize>, Fault> {
        if self.captures.len() >= MAX_CAPTURES {
            return Err("too many captures".into());
        }
        self.captures.push(capture);
        let end = self.run(s, p)?;
        if end.is_none() {
            self.captures.pop();
        }
        Ok(end)
    }

    fn close(&mut self, s: usize, p: usize) -> Result<Option<usize>, Fault> {
        let open = self.captures.iter().rposition(|c| matches!(c, Capture::Open(_)));
        let Some(at) = open else { return Err("invalid pattern capture".into()) };
        let was = self.captures[at];
        if let Capture::Open(start) = was {
            self.captures[at] = Capture::Text(start, s);
        }
        let end = self.run(s, p)?;
        if end.is_none() {
            self.captures[at] = was;
        }
        Ok(end)
    }

    fn longest(&mut self, s: usize, least: usize, p: usize, next: usize) -> Result<Option<usize>, Fault> {
        let mut count = 0;
        while self.one(s + count, p, next) {
            count += 1;
        }
        (self.step)(count as u64)?;
        for count in (least..=count).rev() {
            if let Some(end) = self.run(s + count, next + 1)? {
                return Ok(Some(end));
            }
        }
        Ok(None)
    }

    fn shortest(&mut self, mut s: usize, p: usize, next: usize) -> Result<Option<usize>, Fault> {
        loop {
            if let Some(end) = self.run(s, next + 1)? {
                return Ok(Some(end));
            }
            if !self.one(s, p, next) {
                return Ok(None);
            }
            s += 1;
        }
    }

    fn balanced(&self, s: usize, p: usize) -> Result<Option<usize>, Fault> {
        let (Some(&open), Some(&close)) = (self.pattern.get(p), self.pattern.get(p + 1)) else {
            return Err("malformed pattern (missing arguments to '%b')".into());
        };
        if self.subject.get(s) != Some(&open) {
            return Ok(None);
        }
        let mut level = 1;
        for (i, &c) in self.subject.iter().enumerate().skip(s + 1) {
            (self.step)(1)?;
            if c == close {
                level -= 1;
                if level == 0 {
                    return Ok(Some(i + 1));
                }
            } else if c == open {
                level += 1;
            }
        }
        Ok(None)
    }

    fn frontier(&self, s: usize, p: usize) -> Result<Option<usize>, Fault> {
        if self.pattern.get(p) != Some(&b'[') {
            return Err("missing '[' after '%f' in pattern".into());
        }
        let next = self.item_end(p)?;
        let before = if s == 0 { 0 } else { self.subject[s - 1] };
        let here = self.subject.get(s).copied().unwrap_or(0);
        Ok((!self.in_set(before, p, next - 1) && self.in_set(here, p, next - 1)).then_some(next))
    }

    fn back_reference(&self, s: usize, digit: u8) -> Result<Option<usize>, Fault> {
        let capture = (digit as usize).checked_sub(b'1' as usize).and_then(|i| self.captures.get(i));
        let Some(Capture::Text(from, to)) = capture else {
            return Err(format!("invalid capture index %{}", digit as char));
        };
        let text = &self.subject[*from..*to];
        Ok(self.subject[s..].starts_with(text).then_some(s + text.len()))
    }

    /// Where the single item ends that begins here.
    fn item_end(&self, p: usize) -> Result<usize, Fault> {
        match self.pattern.get(p) {
            Some(b'%') if self.pattern.get(p + 1).is_none() => Err("malformed pattern (ends with '%')".into()),
            Some(b'%') => Ok(p + 2),
            Some(b'[') => {
                let mut at = p + 1 + usize::from(self.pattern.get(p + 1) == Some(&b'^'));
                let first = at;
                loop {
                    match self.pattern.get(at) {
                        None => return Err("malformed pattern (missing ']')".into()),
                        Some(b']') if at > first => return Ok(at + 1),
                        Some(b'%') => at += 2,
                        Some(_) => at += 1,
                    }
                }
            }
            _ => Ok(p + 1),
        }
    }

    /// Whether one byte of the subject is matched by the item from `p` to `next`.
    fn one(&self, s: usize, p: usize, next: usize) -> bool {
        let Some(&c) = self.subject.get(s) else { return false };
        match self.pattern[p] {
            b'.' => true,
            b'%' => in_class(c, self.pattern[p + 1]),
            b'[' => self.in_set(c, p, next - 1),
            literal => literal == c,
        }
    }

    /// Whether a byte is in the set from `[` at `p` to `]` at `end`.
    fn in_set(&self, c: u8, p: usize, end: usize) -> bool {
        let is_negated = self.pattern.get(p + 1) == Some(&b'^');
        let mut at = p + 1 + usize::from(is_negated);
        while at < end {
            let hit = match self.pattern[at] {
                b'%' => {
                    at += 2;
                    in_class(c, self.pattern[at - 1])
                }
                low if at + 2 < end && self.pattern[at + 1] == b'-' => {
                    at += 3;
                    (low..=self.pattern[at - 1]).contains(&c)
                }
                literal => {
                    at += 1;
                    literal == c
                }
            };
            if hit {
                return !is_negated;
            }
        }
        is_negated
    }
}

fn in_class(c: u8, class: u8) -> bool {
    let holds = match class.to_ascii_lowercase() {
        b'a' => c.is_ascii_alphabetic(),
        b'c' => c.is_ascii_control(),
        b'd' => c.is_ascii_digit(),
        b'g' => c.is_ascii_graphic(),
        b'l' => c.is_ascii_lowercase(),
        b'p' => c.is_ascii_punctuation(),
        b's' => c.is_ascii_whitespace() || c == 0x0b,
        b'u' => c.is_ascii_uppercase(),
        b'w' => c.is_ascii_alphanumeric(),
        b'x' => c.is_ascii_hexdigit(),
        b'z' => c == 0,
        _ => return class == c,
    };
    holds != class.is_ascii_uppercase()
}
