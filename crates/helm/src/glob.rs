//! Go's `path/filepath.Match` (for `.helmignore` and `--show-only`) and gobwas' globs (for
//! `.Files.Glob`).

mod gobwas;
#[cfg(test)]
mod tests;

pub(crate) use gobwas::Glob;

/// A pattern of `filepath.Match`: `*` and `?` within a segment, `[a-z]`, `\` quotes.
#[derive(Clone, Debug)]
pub(crate) struct PathPattern {
    tokens: Vec<Token>,
    shape: Shape,
}

/// What most patterns are, so that they are told by comparing texts.
#[derive(Clone, Debug)]
enum Shape {
    /// `Chart.yaml`
    Text(String),
    /// `*.orig`
    Ending(String),
    /// `.git*`
    Beginning(String),
    Any,
}

impl Shape {
    fn of(tokens: &[Token]) -> Shape {
        let text = |tokens: &[Token]| -> Option<String> {
            tokens.iter().map(|token| if let Token::Char(c) = token { Some(*c) } else { None }).collect()
        };
        let whole = match tokens {
            [Token::Many, rest @ ..] => text(rest).map(Shape::Ending),
            [rest @ .., Token::Many] => text(rest).map(Shape::Beginning),
            all => text(all).map(Shape::Text),
        };
        whole.unwrap_or(Shape::Any)
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Char(char),
    /// Any character but `/`.
    One,
    /// Any number of characters but `/`.
    Many,
    Class {
        negated: bool,
        ranges: Vec<(char, char)>,
    },
}

impl PathPattern {
    /// Reads a pattern; `None` if it is malformed.
    pub(crate) fn parse(pattern: &str) -> Option<PathPattern> {
        let mut tokens = Vec::new();
        let mut chars = pattern.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if tokens.last() == Some(&Token::Many) => {}
                '*' => tokens.push(Token::Many),
                '?' => tokens.push(Token::One),
                '\\' => tokens.push(Token::Char(chars.next()?)),
                '[' => {
                    let negated = chars.next_if_eq(&'^').is_some();
                    let mut ranges = Vec::new();
                    while ranges.is_empty() || chars.next_if_eq(&']').is_none() {
                        let low = class_char(&mut chars)?;
                        let high = if chars.next_if_eq(&'-').is_some() { class_char(&mut chars)? } else { low };
                        ranges.push((low, high));
                    }
                    tokens.push(Token::Class { negated, ranges });
                }
                c => tokens.push(Token::Char(c)),
            }
        }
        Some(PathPattern { shape: Shape::of(&tokens), tokens })
    }

    /// Whether the whole of `name` matches.
    pub(crate) fn matches(&self, name: &str) -> bool {
        // `*` takes anything but `/`.
        let is_star = |taken: Option<&str>| taken.is_some_and(|taken| !taken.contains('/'));
        match &self.shape {
            Shape::Text(text) => name == text,
            Shape::Ending(text) => is_star(name.strip_suffix(text.as_str())),
            Shape::Beginning(text) => is_star(name.strip_prefix(text.as_str())),
            Shape::Any => self.matches_tokens(name),
        }
    }

    fn matches_tokens(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        // Greedy with a single place to go back to: `Many` needs no more, so this is O(n * m).
        let (mut at, mut token) = (0, 0);
        let mut back: Option<(usize, usize)> = None;
        loop {
            match self.tokens.get(token) {
                Some(Token::Many) => {
                    back = Some((at, token));
                    token += 1;
                    continue;
                }
                Some(one) if name.get(at).is_some_and(|c| one.takes(*c)) => {
                    at += 1;
                    token += 1;
                    continue;
                }
                None if at == name.len() => return true,
                _ => {}
            }
            match back {
                Some((from, many)) if name.get(from).is_some_and(|c| *c != '/') => {
                    back = Some((from + 1, many));
                    at = from + 1;
                    token = many + 1;
                }
                _ => return false,
            }
        }
    }
}

impl Token {
    fn takes(&self, c: char) -> bool {
        match self {
            Token::Char(own) => *own == c,
            Token::One => c != '/',
            Token::Many => false,
            Token::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

fn class_char(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Option<char> {
    match chars.next()? {
        '-' | ']' => None,
        '\\' => chars.next(),
        c => Some(c),
    }
}
