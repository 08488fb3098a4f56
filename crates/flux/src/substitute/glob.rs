//! Patterns of `#` and `%`: `*` any characters, `?` one, `[a-z]` one of, `\` the next as it is.
//!
//! A pattern that is none cuts nothing off.

/// One piece of a pattern.
enum Piece {
    Any,
    One,
    Literal(char),
    Class { negated: bool, ranges: Vec<(char, char)> },
}

/// How many characters the shortest match from the beginning has; 0 where nothing matches.
pub(crate) fn shortest(pattern: &[char], value: &[char]) -> usize {
    let Some(pieces) = compile(pattern) else { return 0 };
    (1..=value.len()).find(|n| matches(&pieces, &value[..*n])).unwrap_or(0)
}

/// How many characters the longest match from the beginning has; 0 where nothing matches.
pub(crate) fn longest(pattern: &[char], value: &[char]) -> usize {
    let Some(pieces) = compile(pattern) else { return 0 };
    (1..=value.len()).rev().find(|n| matches(&pieces, &value[..*n])).unwrap_or(0)
}

fn compile(pattern: &[char]) -> Option<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut rest = pattern;
    while let [c, after @ ..] = rest {
        rest = after;
        pieces.push(match c {
            '*' => Piece::Any,
            '?' => Piece::One,
            '\\' => {
                let [literal, after @ ..] = rest else { return None };
                rest = after;
                Piece::Literal(*literal)
            }
            '[' => class(&mut rest)?,
            c => Piece::Literal(*c),
        });
    }
    Some(pieces)
}

fn class(rest: &mut &[char]) -> Option<Piece> {
    let negated = rest.first() == Some(&'^');
    if negated {
        *rest = &rest[1..];
    }
    let mut ranges = Vec::new();
    loop {
        if rest.first() == Some(&']') && !ranges.is_empty() {
            *rest = &rest[1..];
            return Some(Piece::Class { negated, ranges });
        }
        let low = member(rest)?;
        let mut high = low;
        if rest.first() == Some(&'-') {
            *rest = &rest[1..];
            high = member(rest)?;
        }
        ranges.push((low, high));
    }
}

/// One end of a range. It must not be the last of the pattern.
fn member(rest: &mut &[char]) -> Option<char> {
    if matches!(rest.first()?, '-' | ']') {
        return None;
    }
    if rest.first() == Some(&'\\') {
        *rest = &rest[1..];
    }
    let c = *rest.first()?;
    *rest = &rest[1..];
    (!rest.is_empty()).then_some(c)
}

impl Piece {
    fn takes(&self, c: char) -> bool {
        match self {
            Piece::Any | Piece::One => true,
            Piece::Literal(l) => *l == c,
            Piece::Class { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

/// Matches the whole, going back to the last star alone: linear for each star.
fn matches(pieces: &[Piece], value: &[char]) -> bool {
    let (mut p, mut v) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while v < value.len() {
        match pieces.get(p) {
            Some(Piece::Any) => {
                star = Some((p, v));
                p += 1;
            }
            Some(piece) if piece.takes(value[v]) => {
                p += 1;
                v += 1;
            }
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    p = at + 1;
                    v = from + 1;
                }
                None => return false,
            },
        }
    }
    pieces[p..].iter().all(|piece| matches!(piece, Piece::Any))
}
