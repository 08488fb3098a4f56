//! Globs as `github.com/gobwas/glob` has them, with `/` as separator: `*` and `?` within a segment,
//! `**` across, `{a,b}`, `[abc]` or `[a-z]`, each negated by `!`, `\` quotes.
//!
//! Matched by simulating all ways at once, so that no pattern takes exponential time.

/// A compiled glob.
#[derive(Clone, Debug)]
pub(crate) struct Glob(Vec<Node>);

/// A state; `next` is the index of the state that follows.
#[derive(Clone, Debug)]
enum Node {
    Take(Class, usize),
    /// Goes on at both.
    Split(Vec<usize>),
    Done,
}

#[derive(Clone, Debug)]
enum Class {
    Char(char),
    Any,
    /// Any but `/`.
    Within,
    List(Vec<char>, bool),
    Range(char, char, bool),
}

enum Part {
    Take(Class),
    Many(Class),
    Either(Vec<Vec<Part>>),
}

/// Alternatives within alternatives; deeper patterns are refused.
const MAX_DEPTH: usize = 32;
/// Longest pattern in characters: matching takes time in proportion to it for each character.
const MAX_PATTERN: usize = 4096;

impl Glob {
    /// Compiles a pattern; `None` if it is malformed.
    pub(crate) fn parse(pattern: &str) -> Option<Glob> {
        let chars: Vec<char> = pattern.chars().collect();
        if chars.len() > MAX_PATTERN {
            return None;
        }
        let mut parser = Parser { chars: &chars, at: 0 };
        let parts = parser.sequence(0)?;
        if parser.at != chars.len() {
            return None;
        }
        let mut nodes = vec![Node::Done];
        let start = emit(&parts, 0, &mut nodes);
        nodes.push(Node::Split(vec![start]));
        Some(Glob(nodes))
    }

    /// Whether the whole of `name` matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        let mut now = vec![false; self.0.len()];
        self.enter(self.0.len() - 1, &mut now);
        for c in name.chars() {
            let mut next = vec![false; self.0.len()];
            for (node, _) in self.0.iter().zip(&now).filter(|(_, is_on)| **is_on) {
                if let Node::Take(class, to) = node
                    && class.takes(c)
                {
                    self.enter(*to, &mut next);
                }
            }
            now = next;
        }
        now[0]
    }

    fn enter(&self, node: usize, states: &mut [bool]) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if std::mem::replace(&mut states[node], true) {
                continue;
            }
            if let Node::Split(to) = &self.0[node] {
                open.extend(to);
            }
        }
    }
}

impl Class {
    fn takes(&self, c: char) -> bool {
        match self {
            Class::Char(own) => *own == c,
            Class::Any => true,
            Class::Within => c != '/',
            Class::List(list, negated) => list.contains(&c) != *negated,
            Class::Range(low, high, negated) => (*low..=*high).contains(&c) != *negated,
        }
    }
}

/// Adds the states of `parts`, which lead to `next`, and gives the first.
fn emit(parts: &[Part], next: usize, nodes: &mut Vec<Node>) -> usize {
    let mut next = next;
    for part in parts.iter().rev() {
        next = match part {
            Part::Take(class) => push(nodes, Node::Take(class.clone(), next)),
            Part::Many(class) => {
                let split = push(nodes, Node::Split(Vec::new()));
                let take = push(nodes, Node::Take(class.clone(), split));
                nodes[split] = Node::Split(vec![take, next]);
                split
            }
            Part::Either(ways) => {
                let starts = ways.iter().map(|way| emit(way, next, nodes)).collect();
                push(nodes, Node::Split(starts))
            }
        };
    }
    next
}

fn push(nodes: &mut Vec<Node>, node: Node) -> usize {
    nodes.push(node);
    nodes.len() - 1
}

struct Parser<'a> {
    chars: &'a [char],
    at: usize,
}

impl Parser<'_> {
    fn next(&mut self) -> Option<char> {
        let c = self.chars.get(self.at).copied();
        self.at += usize::from(c.is_some());
        c
    }

    fn next_if(&mut self, c: char) -> bool {
        let is = self.chars.get(self.at) == Some(&c);
        self.at += usize::from(is);
        is
    }

    /// Reads up to the end, or within alternatives up to `,` or `}`.
    fn sequence(&mut self, depth: usize) -> Option<Vec<Part>> {
        let mut parts = Vec::new();
        while let Some(c) = self.chars.get(self.at).copied() {
            if depth > 0 && (c == ',' || c == '}') {
                break;
            }
            self.at += 1;
            parts.push(match c {
                '*' if self.next_if('*') => Part::Many(Class::Any),
                '*' => Part::Many(Class::Within),
                '?' => Part::Take(Class::Within),
                '\\' => Part::Take(Class::Char(self.next()?)),
                '[' => Part::Take(self.class()?),
                '{' if depth < MAX_DEPTH => Part::Either(self.ways(depth + 1)?),
                '{' => return None,
                c => Part::Take(Class::Char(c)),
            });
        }
        Some(parts)
    }

    fn ways(&mut self, depth: usize) -> Option<Vec<Vec<Part>>> {
        let mut ways = vec![self.sequence(depth)?];
        loop {
            match self.next()? {
                ',' => ways.push(self.sequence(depth)?),
                _ => return Some(ways),
            }
        }
    }

    fn class(&mut self) -> Option<Class> {
        let negated = self.next_if('!');
        if self.chars.get(self.at + 1) == Some(&'-') {
            let low = self.next()?;
            self.at += 1;
            let high = self.next()?;
            return (self.next()? == ']' && low <= high).then_some(Class::Range(low, high, negated));
        }
        let mut list = Vec::new();
        loop {
            match self.next()? {
                ']' => return (!list.is_empty()).then_some(Class::List(list, negated)),
                '\\' => list.push(self.next()?),
                c => list.push(c),
            }
        }
    }
}
