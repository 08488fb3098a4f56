//! DER: just enough to write certificates and keys, and to find what is asked of those that are
//! given.

pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const NULL: &[u8] = &[0x05, 0];
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;

/// `[n]` that holds other elements.
pub(super) const fn context(n: u8) -> u8 {
    0xa0 | n
}

/// One element.
pub(super) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match content.len() {
        short @ 0..128 => out.push(short as u8),
        long => {
            let bytes = long.to_be_bytes();
            let used = bytes.iter().skip_while(|b| **b == 0).count();
            out.push(0x80 | used as u8);
            out.extend_from_slice(&bytes[bytes.len() - used..]);
        }
    }
    out.extend_from_slice(content);
    out
}

/// An element of elements.
pub(super) fn list(tag: u8, elements: &[&[u8]]) -> Vec<u8> {
    element(tag, &elements.concat())
}

/// A number that is not negative.
pub(super) fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len().saturating_sub(1));
    let digits = &bytes[start.min(bytes.len())..];
    let sign: &[u8] = if digits.first().is_none_or(|b| *b >= 0x80) { &[0] } else { &[] };
    element(INTEGER, &[sign, digits].concat())
}

/// Bits that fill their bytes but for some at the end.
pub(super) fn bits(bytes: &[u8], unused: u8) -> Vec<u8> {
    element(BIT_STRING, &[&[unused], bytes].concat())
}

/// One element that was read.
#[derive(Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    pub(super) content: &'a [u8],
    /// With its tag and length.
    pub(super) whole: &'a [u8],
}

impl<'a> Element<'a> {
    /// The first element of `bytes` and what follows it.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Element<'a>, &'a [u8])> {
        let (tag, first) = (*bytes.first()?, *bytes.get(1)?);
        let (length, head) = if first < 0x80 {
            (usize::from(first), 2)
        } else {
            let count = usize::from(first & 0x7f);
            if !(1..=4).contains(&count) {
                return None;
            }
            let length = bytes.get(2..2 + count)?.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
            (length, 2 + count)
        };
        let end = head.checked_add(length)?;
        Some((Element { tag, content: bytes.get(head..end)?, whole: &bytes[..end] }, &bytes[end..]))
    }

    /// The only element of `bytes`, of a tag.
    pub(super) fn only(bytes: &'a [u8], tag: u8) -> Option<Element<'a>> {
        Element::read(bytes).filter(|(element, rest)| rest.is_empty() && element.tag == tag).map(|(element, _)| element)
    }

    /// The elements within.
    pub(super) fn children(&self) -> Option<Vec<Element<'a>>> {
        let (mut children, mut rest) = (Vec::new(), self.content);
        while !rest.is_empty() {
            let (child, after) = Element::read(rest)?;
            children.push(child);
            rest = after;
        }
        Some(children)
    }
}
