//! Random texts and numbers, from the context's randomness.

use super::arg::{self, Result};
use super::encoding::encode_base64;
use super::unicode;
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::{Int, String as Text};

pub(super) fn register(f: &mut Functions) {
    type IsUsed = fn(u8) -> bool;
    let texts: [(&str, IsUsed); 4] = [
        ("randAlphaNum", |b| b.is_ascii_alphanumeric()),
        ("randAlpha", |b| b.is_ascii_alphabetic()),
        ("randNumeric", |b| b.is_ascii_digit()),
        ("randAscii", |b| (32..127).contains(&b)),
    ];
    for (name, is_used) in texts {
        let alphabet: Vec<u8> = (0..=127).filter(|b| is_used(*b)).collect();
        f.add(Function::new(name, &[Int], move |ctx, a| {
            // A negative count gives nothing.
            let count = usize::try_from(arg::int(a, 0)).unwrap_or(0);
            arg::reserve(ctx, count)?;
            let mut out = Vec::with_capacity(count);
            for _ in 0..count {
                out.push(alphabet[below(ctx, alphabet.len() as u64)? as usize]);
            }
            Ok(out.into())
        }));
    }
    f.add(Function::new("randBytes", &[Int], |ctx, a| {
        let count = arg::length(arg::int(a, 0))?;
        // The bytes, and their text of 4/3 the size.
        arg::reserve(ctx, count.saturating_mul(3))?;
        let mut bytes = vec![0; count];
        ctx.random(&mut bytes)?;
        Ok(encode_base64(&bytes).into())
    }));
    f.add(Function::new("randInt", &[Int, Int], |ctx, a| {
        let (min, max) = (arg::int(a, 0), arg::int(a, 1));
        match max.wrapping_sub(min) {
            range if range > 0 => Ok(Value::Int((below(ctx, range as u64)? as i64).wrapping_add(min))),
            _ => Err(Error::new("invalid argument to Intn")),
        }
    }));
    f.add(Function::new("shuffle", &[Text], |ctx, a| {
        let mut runes: Vec<char> = unicode::runes(arg::str(a, 0)).map(|(c, _)| c).collect();
        for i in (1..runes.len()).rev() {
            runes.swap(i, below(ctx, i as u64 + 1)? as usize);
        }
        Ok(runes.into_iter().collect::<String>().into())
    }));
    f.add(Function::new("uuidv4", &[], |ctx, _| {
        let mut id = [0; 16];
        ctx.random(&mut id)?;
        // Version 4, variant of RFC 4122.
        id[6] = id[6] & 0x0f | 0x40;
        id[8] = id[8] & 0x3f | 0x80;
        let hex: String = id.iter().map(|b| format!("{b:02x}")).collect();
        Ok(format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]).into())
    }));
}

/// A number below `limit`, each as likely as the others: what lies beyond the last whole multiple
/// is thrown away.
fn below(ctx: &mut Context, limit: u64) -> Result<u64> {
    ctx.step(1)?;
    let whole = u64::MAX - u64::MAX % limit;
    // Half of all numbers are used at least; a source that gives 64 others in a row is broken.
    for _ in 0..64 {
        let mut bytes = [0; 8];
        ctx.random(&mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < whole {
            return Ok(number % limit);
        }
    }
    Err(Error::new("the source of randomness gives the same again and again"))
}
