//! Base64, base32 and check sums.

mod base;

use sha2::Digest;

use super::arg;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::String as Text;
pub(super) use base::{decode_base64, encode_base64};

pub(super) fn register(f: &mut Functions) {
    let change = |name: &'static str, change: fn(&[u8]) -> Vec<u8>| {
        Function::new(name, &[Text], move |_, a| Ok(change(arg::str(a, 0)).into()))
    };
    f.add(change("b64enc", |s| encode_base64(s).into()));
    f.add(change("b64dec", |s| decode_base64(s).unwrap_or_else(String::into_bytes)));
    f.add(change("b32enc", |s| base::encode_base32(s).into()));
    f.add(change("b32dec", |s| base::decode_base32(s).unwrap_or_else(String::into_bytes)));
    f.add(change("sha1sum", |s| hex(&sha1::Sha1::digest(s))));
    f.add(change("sha256sum", |s| hex(&sha2::Sha256::digest(s))));
    f.add(change("sha512sum", |s| hex(&sha2::Sha512::digest(s))));
    f.add(Function::new("adler32sum", &[Text], |_, a| Ok(Value::str(adler32(arg::str(a, 0)).to_string()))));
}

fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|b| format!("{b:02x}").into_bytes()).collect()
}

/// RFC 1950.
fn adler32(s: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut a, mut b) = (1u32, 0u32);
    // 5552 bytes are the most whose sums stay within 32 bits.
    for part in s.chunks(5552) {
        for byte in part {
            a += u32::from(*byte);
            b += a;
        }
        a %= MODULUS;
        b %= MODULUS;
    }
    b << 16 | a
}
