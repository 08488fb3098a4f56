//! `snakecase`, `kebabcase` and `camelcase` as xstrings 1.5 makes them.

use crate::sprig::unicode::{
    self, decode, is_letter, is_number, is_punct, is_space, is_upper, push, runes, to_lower, to_upper,
};

fn is_connector(c: char) -> bool {
    c == '-' || c == '_' || is_space(c)
}

/// A letter that takes part in words of letters: not one of Chinese, Japanese or Korean.
fn is_alphabet(c: char) -> bool {
    let cjk = matches!(c, '\u{4e00}'..='\u{9fcc}' | '\u{3400}'..='\u{4d85}' | '\u{20000}'..='\u{2b81d}');
    is_letter(c) && !cjk
}

/// `some_words here` to `SomeWordsHere`.
pub(super) fn pascal(s: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len());
    let mut rest = runes(s).map(|(c, _)| c);
    // Connectors at the beginning stay; where there is nothing else, the last one is doubled.
    let mut last = None;
    let mut current = loop {
        match rest.next() {
            None => {
                last.into_iter().for_each(|c| push(&mut out, c));
                return out;
            }
            Some(c) if is_connector(c) => {
                push(&mut out, c);
                last = Some(c);
            }
            Some(c) => break c,
        }
    };
    let mut began_upper = is_upper(current);
    current = to_upper(current);
    for next in rest {
        let before = current;
        current = next;
        if is_connector(next) && is_connector(before) {
            push(&mut out, before);
        } else if is_connector(before) {
            began_upper = is_upper(next);
            current = to_upper(next);
        } else {
            if began_upper && is_upper(next) {
                current = to_lower(next);
            } else {
                began_upper = false;
            }
            push(&mut out, before);
        }
    }
    push(&mut out, current);
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punct,
    Other,
}

impl Word {
    fn is_one_of(self, words: &[Word]) -> bool {
        words.contains(&self)
    }
}

/// `HTTPServer2` to `http_server2`.
pub(super) fn separated(s: &[u8], connector: char) -> Vec<u8> {
    let mut out = Vec::with_capacity(s.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(s);
    while !rest.is_empty() {
        if kind != Word::Connector {
            write(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Word::Number => {
                (kind, word, rest) = take_words(&mut out, kind, word, rest, connector);
                if !kind.is_one_of(&[Word::Invalid, Word::Punct, Word::Connector]) {
                    push(&mut out, connector);
                }
            }
            Word::Connector => write(&mut out, before, last, connector),
            Word::Punct => {}
            _ if kind != Word::Number => {
                if !kind.is_one_of(&[Word::Connector, Word::Punct]) {
                    push(&mut out, connector);
                }
            }
            _ if rest.is_empty() => {}
            _ => {
                let number = word;
                (kind, word, rest) = next_word(rest);
                // A number that no letters follow belongs to what is before it (`bld4_floor`).
                if kind != Word::Alphabet {
                    write(&mut out, Word::Number, number, connector);
                    if !kind.is_one_of(&[Word::Connector, Word::Punct]) {
                        push(&mut out, connector);
                    }
                } else {
                    push(&mut out, connector);
                    write(&mut out, Word::Number, number, connector);
                    (kind, word, rest) = take_words(&mut out, kind, word, rest, connector);
                    if !kind.is_one_of(&[Word::Invalid, Word::Connector, Word::Punct]) {
                        push(&mut out, connector);
                    }
                }
            }
        }
    }
    write(&mut out, kind, word, connector);
    out
}

/// Writes words of small letters and numbers as long as there are any.
fn take_words<'a>(
    out: &mut Vec<u8>,
    mut kind: Word,
    mut word: &'a [u8],
    mut rest: &'a [u8],
    connector: char,
) -> (Word, &'a [u8], &'a [u8]) {
    while kind.is_one_of(&[Word::Alphabet, Word::Number]) {
        write(out, kind, word, connector);
        (kind, word, rest) = next_word(rest);
    }
    (kind, word, rest)
}

fn write(out: &mut Vec<u8>, kind: Word, word: &[u8], connector: char) {
    if !kind.is_one_of(&[Word::Upper, Word::Connector]) {
        out.extend_from_slice(word);
        return;
    }
    for (c, _) in runes(word) {
        push(
            out,
            if is_connector(c) {
                connector
            } else if is_upper(c) {
                to_lower(c)
            } else {
                c
            },
        );
    }
}

/// How far runes go on that satisfy `of`.
fn run(s: &[u8], from: usize, of: impl Fn(char) -> bool) -> usize {
    let mut at = from;
    while let Some((c, width)) = decode(&s[at..]) {
        // Bytes that are not UTF-8 belong to what they are in.
        if c != char::REPLACEMENT_CHARACTER && !of(c) {
            break;
        }
        at += width;
    }
    at
}

fn next_word(s: &[u8]) -> (Word, &[u8], &[u8]) {
    // Bytes that are not UTF-8 belong to the word that follows them.
    let lead = runes(s).take_while(|(c, _)| *c == char::REPLACEMENT_CHARACTER).map(|(_, width)| width).sum();
    let Some((first, width)) = decode(&s[lead..]) else { return (Word::Invalid, s, &[]) };
    let width = lead + width;
    let small = |c: char| is_alphabet(c) && !is_upper(c);
    let (kind, end) = match first {
        c if is_connector(c) => (Word::Connector, run(s, width, is_connector)),
        c if is_punct(c) => (Word::Punct, run(s, width, is_punct)),
        c if is_upper(c) => (Word::Upper, upper_word(s, width)),
        c if is_alphabet(c) => (Word::Alphabet, run(s, width, small)),
        c if is_number(c) => (Word::Number, run(s, width, is_number)),
        _ => {
            let ends = |c: char| is_connector(c) || is_alphabet(c) || is_number(c) || is_punct(c);
            (Word::Other, run(s, width, |c| !ends(c)))
        }
    };
    (kind, &s[..end], &s[end..])
}

/// The end of a word that begins with a capital: capitals, of which the last begins the next word
/// where small letters follow (`HTTP` of `HTTPServer`), or a capital and small letters.
fn upper_word(s: &[u8], width: usize) -> usize {
    match unicode::decode(&s[width..]) {
        Some((c, _)) if is_upper(c) => {
            let end = run(s, width, is_upper);
            match decode(&s[end..]) {
                Some((c, _)) if is_alphabet(c) => {
                    let last = runes(&s[..end]).last().map_or(0, |(_, width)| width);
                    end - last
                }
                _ => end,
            }
        }
        Some((c, _)) if is_alphabet(c) => run(s, width, |c| is_alphabet(c) && !is_upper(c)),
        _ => width,
    }
}
