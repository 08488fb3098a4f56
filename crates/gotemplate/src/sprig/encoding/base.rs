//! RFC 4648 as encoding/base64 and encoding/base32 read and write it: with padding, line ends
//! ignored, errors telling of the byte.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

pub(in super::super) fn encode_base64(s: &[u8]) -> String {
    STANDARD.encode(s)
}

/// One encoding: bits of a digit, digits of a group.
struct Base {
    name: &'static str,
    bits: u32,
    group: usize,
    digit: fn(u8) -> Option<u8>,
    /// How many bytes a group of so many digits holds; `None` for counts that are none.
    bytes: fn(usize) -> Option<usize>,
}

const BASE64: Base = Base {
    name: "base64",
    bits: 6,
    group: 4,
    digit: |b| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'a'..=b'z' => Some(b - b'a' + 26),
        b'0'..=b'9' => Some(b - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    },
    bytes: |digits| [None, None, Some(1), Some(2), Some(3)].get(digits).copied().flatten(),
};

const BASE32: Base = Base {
    name: "base32",
    bits: 5,
    group: 8,
    digit: |b| match b {
        b'A'..=b'Z' => Some(b - b'A'),
        b'2'..=b'7' => Some(b - b'2' + 26),
        _ => None,
    },
    bytes: |digits| {
        [None, None, Some(1), None, Some(2), Some(3), None, Some(4), Some(5)].get(digits).copied().flatten()
    },
};

/// The error is Go's text.
pub(in super::super) fn decode_base64(s: &[u8]) -> Result<Vec<u8>, String> {
    decode(&BASE64, s)
}

pub(super) fn decode_base32(s: &[u8]) -> Result<Vec<u8>, String> {
    // Base32's positions count what is left when line ends are out, base64's count them.
    let plain: Vec<u8> = s.iter().copied().filter(|b| !matches!(b, b'\r' | b'\n')).collect();
    decode(&BASE32, &plain)
}

pub(super) fn encode_base32(s: &[u8]) -> String {
    const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut out = String::with_capacity(s.len().div_ceil(5) * 8);
    for chunk in s.chunks(5) {
        let group = chunk.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)) << (8 * (5 - chunk.len()));
        let digits = (chunk.len() * 8).div_ceil(5);
        for i in 0..8 {
            out.push(if i < digits { char::from(DIGITS[(group >> (35 - 5 * i) & 31) as usize]) } else { '=' });
        }
    }
    out
}

fn decode(base: &Base, s: &[u8]) -> Result<Vec<u8>, String> {
    let corrupt = |at: usize| format!("illegal {} data at input byte {at}", base.name);
    let mut out = Vec::with_capacity(s.len() / base.group * base.group);
    let mut input = s.iter().copied().enumerate().filter(|(_, b)| !matches!(b, b'\r' | b'\n')).peekable();
    while input.peek().is_some() {
        let (mut group, mut digits) = (0u64, 0);
        while digits < base.group {
            match input.next() {
                Some((_, b)) if (base.digit)(b).is_some() => {
                    group = group << base.bits | u64::from((base.digit)(b).unwrap_or_default());
                    digits += 1;
                }
                Some((at, b'=')) => {
                    // Base32 knows padding only in the last group.
                    let is_last = base.group != 8 || s.len() - at - 1 < base.group;
                    if (base.bytes)(digits).is_none() || !is_last {
                        return Err(corrupt(at));
                    }
                    // The rest of the group is padding, and then there is nothing.
                    for _ in digits + 1..base.group {
                        match input.next() {
                            Some((_, b'=')) => {}
                            Some((at, _)) => return Err(corrupt(at - 1)),
                            None => return Err(corrupt(s.len())),
                        }
                    }
                    if let Some((at, _)) = input.next() {
                        return Err(corrupt(at));
                    }
                    break;
                }
                Some((at, _)) => return Err(corrupt(at)),
                None => return Err(corrupt(s.len() - digits)),
            }
        }
        let bytes = (base.bytes)(digits).unwrap_or_default();
        group <<= base.bits as usize * (base.group - digits);
        let total = base.bits as usize * base.group;
        out.extend((0..bytes).map(|i| (group >> (total - 8 * (i + 1))) as u8));
    }
    Ok(out)
}
