//! Randomness: uids, generated names, tokens.
//!
//! It is the operating system's own. The TLS library's gathers entropy of its own for tens of
//! milliseconds when it is first asked, which is longer than a server without a socket takes to start.

/// Fills a buffer with what nobody can guess.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    // The operating system's source does not fail once it has been seeded.
    getrandom::fill(&mut out).expect("the system has randomness");
    out
}

/// A uid: a random UUID.
pub(crate) fn uid() -> String {
    let mut b = bytes::<16>();
    b[6] = b[6] & 0x0f | 0x40;
    b[8] = b[8] & 0x3f | 0x80;
    let n = u128::from_be_bytes(b);
    let part = |shift: u32, digits: u32| n >> shift & ((1 << (digits * 4)) - 1);
    format!("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", part(96, 8), part(80, 4), part(64, 4), part(48, 4), part(0, 12))
}

/// The five characters behind a `generateName`, from Kubernetes' alphabet: no vowels, no words.
pub(crate) fn suffix() -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    bytes::<5>().iter().map(|b| ALPHABET[usize::from(*b) % 27] as char).collect()
}

/// A bearer token of 256 bits.
pub(crate) fn token() -> String {
    bytes::<32>().iter().map(|b| format!("{b:02x}")).collect()
}
