//! Go's string and character literals to what they mean.

/// The text of a quoted literal (`"..."` or backquoted) as Go's `strconv.Unquote` has it; `None`
/// where the syntax is wrong.
pub(crate) fn unquote(literal: &[u8]) -> Option<Vec<u8>> {
    let (quote, body) = match literal {
        [b'`', body @ .., b'`'] => {
            let mut text = body.to_vec();
            text.retain(|b| *b != b'\r');
            return memchr::memchr(b'`', body).is_none().then_some(text);
        }
        [b'"', body @ .., b'"'] => (b'"', body),
        _ => return None,
    };
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = memchr::memchr3(quote, b'\\', b'\n', rest) {
        out.extend_from_slice(&rest[..at]);
        rest = unquote_one(&rest[at..], quote, &mut out)?;
    }
    out.extend_from_slice(rest);
    Some(out)
}

/// The rune of a character literal, quotes included; an error says what Go's parser says.
pub(super) fn unquote_char(literal: &[u8]) -> Result<i64, String> {
    let mut out = Vec::new();
    let tail = literal.get(1..).and_then(|body| unquote_one(body, b'\'', &mut out));
    match tail {
        None => Err("invalid syntax".to_owned()),
        Some(b"'") => match out.as_slice() {
            // A byte escape like '\xff' is the rune of that number.
            [byte] => Ok(i64::from(*byte)),
            bytes => Ok(super::decode(bytes).map_or(0, |(c, _)| i64::from(c as u32))),
        },
        Some(_) => Err(format!("malformed character constant: {}", String::from_utf8_lossy(literal))),
    }
}

/// Takes one character, escaped or not, off the front.
fn unquote_one<'a>(s: &'a [u8], quote: u8, out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (first, rest) = s.split_first()?;
    if *first == quote || *first == b'\n' {
        return None;
    }
    if *first != b'\\' {
        let width = super::decode(s)?.1;
        out.extend_from_slice(&s[..width]);
        return Some(&s[width..]);
    }
    let (escape, rest) = rest.split_first()?;
    let simple = match escape {
        b'a' => 7,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 11,
        b'\\' => b'\\',
        b'\'' | b'"' if *escape == quote => quote,
        b'x' => return digits(rest, 2, 16).map(|(n, rest)| push_byte(out, n, rest)),
        b'0'..=b'7' => {
            let (n, rest) = digits(&s[1..], 3, 8)?;
            return (n < 256).then(|| push_byte(out, n, rest));
        }
        b'u' => return push_rune(out, digits(rest, 4, 16)?),
        b'U' => return push_rune(out, digits(rest, 8, 16)?),
        _ => return None,
    };
    out.push(simple);
    Some(rest)
}

fn push_byte<'a>(out: &mut Vec<u8>, n: u32, rest: &'a [u8]) -> &'a [u8] {
    out.push(n as u8);
    rest
}

fn push_rune<'a>(out: &mut Vec<u8>, (n, rest): (u32, &'a [u8])) -> Option<&'a [u8]> {
    let c = char::from_u32(n)?;
    out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    Some(rest)
}

fn digits(s: &[u8], count: usize, base: u32) -> Option<(u32, &[u8])> {
    let n =
        s.get(..count)?.iter().try_fold(0u32, |n, b| n.checked_mul(base)?.checked_add((*b as char).to_digit(base)?))?;
    Some((n, &s[count..]))
}
