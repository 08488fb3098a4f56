//! Passwords and ciphers: bcrypt, derived passwords, AES.

use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use base64::Engine;
use hmac::Mac;

use super::arg::{self, Result};
use super::encoding::{decode_base64, encode_base64};
use crate::context::Context;
use crate::error::Error;
use crate::function::{Function, Functions, Param};
use crate::value::Value;
use Param::{String as Text, Uint32};

/// Bytes of an AES block.
const BLOCK: usize = 16;
/// As Go's default.
const BCRYPT_COST: u32 = 10;
/// What a derived password costs: 32 MiB and a tenth of a second.
const SCRYPT_BYTES: usize = 32 << 20;

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("bcrypt", &[Text], |ctx, a| bcrypt(ctx, arg::str(a, 0)).map(Value::from)));
    f.add(Function::new("htpasswd", &[Text, Text], |ctx, a| {
        let user = arg::text(a, 0);
        if user.contains(':') {
            return Ok(format!("invalid username: {user}").into());
        }
        let hash = bcrypt(ctx, arg::str(a, 1))?;
        Ok([arg::str(a, 0), b":", hash.as_bytes()].concat().into())
    }));
    f.add(Function::new("derivePassword", &[Uint32, Text, Text, Text, Text], derive_password));
    f.add(Function::new("encryptAES", &[Text, Text], |ctx, a| encrypt(ctx, arg::str(a, 0), arg::str(a, 1))));
    f.add(Function::new("decryptAES", &[Text, Text], |_, a| decrypt(arg::str(a, 0), arg::str(a, 1))));
}

/// The hash of a password, or what is wrong with it as a text.
fn bcrypt(ctx: &mut Context, password: &[u8]) -> Result<String> {
    if password.len() > 72 {
        return Ok("failed to encrypt string with bcrypt: bcrypt: password length exceeds 72 bytes".to_owned());
    }
    // Some 50 ms of work count as the steps that take as long.
    ctx.step(500_000)?;
    let mut salt = [0; 16];
    ctx.random(&mut salt)?;
    // The password ends with a zero.
    let hash = ::bcrypt::bcrypt(BCRYPT_COST, salt, &[password, &[0]].concat()[..(password.len() + 1).min(72)]);
    let base64 =
        base64::engine::GeneralPurpose::new(&base64::alphabet::BCRYPT, base64::engine::general_purpose::NO_PAD);
    // The last byte of the hash is not written.
    Ok(format!("$2a${BCRYPT_COST:02}${}{}", base64.encode(salt), base64.encode(&hash[..23])))
}

const SEED: &[u8] = b"com.lyndir.masterpassword";

/// The forms of a kind of password; each letter stands for a set of characters.
fn templates(kind: &[u8]) -> Option<&'static [&'static str]> {
    Some(match kind {
        b"maximum" => &["anoxxxxxxxxxxxxxxxxx", "axxxxxxxxxxxxxxxxxno"],
        b"long" => &[
            "CvcvnoCvcvCvcv",
            "CvcvCvcvnoCvcv",
            "CvcvCvcvCvcvno",
            "CvccnoCvcvCvcv",
            "CvccCvcvnoCvcv",
            "CvccCvcvCvcvno",
            "CvcvnoCvccCvcv",
            "CvcvCvccnoCvcv",
            "CvcvCvccCvcvno",
            "CvcvnoCvcvCvcc",
            "CvcvCvcvnoCvcc",
            "CvcvCvcvCvccno",
            "CvccnoCvccCvcv",
            "CvccCvccnoCvcv",
            "CvccCvccCvcvno",
            "CvcvnoCvccCvcc",
            "CvcvCvccnoCvcc",
            "CvcvCvccCvccno",
            "CvccnoCvcvCvcc",
            "CvccCvcvnoCvcc",
            "CvccCvcvCvccno",
        ],
        b"medium" => &["CvcnoCvc", "CvcCvcno"],
        b"short" => &["Cvcn"],
        b"basic" => &["aaanaaan", "aannaaan", "aaannaaa"],
        b"pin" => &["nnnn"],
        _ => return None,
    })
}

fn characters(class: u8) -> &'static [u8] {
    match class {
        b'V' => b"AEIOU",
        b'C' => b"BCDFGHJKLMNPQRSTVWXYZ",
        b'v' => b"aeiou",
        b'c' => b"bcdfghjklmnpqrstvwxyz",
        b'a' => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz",
        b'n' => b"0123456789",
        b'o' => b"@&%?,=[]_:-+*$#!'^~;()/.",
        _ => b"AEIOUaeiouBCDFGHJKLMNPQRSTVWXYZbcdfghjklmnpqrstvwxyz0123456789!@#$%^&*()",
    }
}

/// The algorithm of Master Password: the same of the same arguments, always.
fn derive_password(ctx: &mut Context, args: &[Value]) -> Result {
    let [kind, password, user, site] = [1, 2, 3, 4].map(|i| arg::str(args, i));
    let counter = arg::int(args, 0) as u32;
    let Some(templates) = templates(kind) else {
        return Ok([b"cannot find password template ", kind].concat().into());
    };
    ctx.charge(SCRYPT_BYTES)?;
    ctx.step(1_000_000)?;
    let sized = |s: &[u8]| [&(s.len() as u32).to_be_bytes(), s].concat();
    let salt = [SEED, &sized(user)].concat();
    let mut key = [0; 64];
    let failed = |error: &dyn std::fmt::Display| Error::new(format!("failed to derive password: {error}"));
    // N is 2 to the 15.
    let params = scrypt::Params::new(15, 8, 2).map_err(|error| failed(&error))?;
    scrypt::scrypt(password, &salt, &params, &mut key).map_err(|error| failed(&error))?;
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&key).map_err(|error| failed(&error))?;
    mac.update(&[SEED, &sized(site), &counter.to_be_bytes()].concat());
    let seed = mac.finalize().into_bytes();
    let template = templates[seed[0] as usize % templates.len()];
    let letters = template.bytes().zip(&seed[1..]).map(|(class, byte)| {
        let characters = characters(class);
        characters[*byte as usize % characters.len()]
    });
    Ok(letters.collect::<Vec<u8>>().into())
}

/// AES-256 of a password's first 32 bytes, zeros after it.
fn cipher(password: &[u8]) -> aes::Aes256 {
    let mut key = [0; 32];
    let length = password.len().min(key.len());
    key[..length].copy_from_slice(&password[..length]);
    aes::Aes256::new(&key.into())
}

fn xor(block: &mut [u8; BLOCK], with: &[u8]) {
    block.iter_mut().zip(with).for_each(|(b, w)| *b ^= w);
}

/// CBC with a random start, which comes first; padded by PKCS #7.
fn encrypt(ctx: &mut Context, password: &[u8], text: &[u8]) -> Result {
    if text.is_empty() {
        return Ok(Value::str(""));
    }
    let cipher = cipher(password);
    let mut before = [0; BLOCK];
    ctx.random(&mut before)?;
    let padding = BLOCK - text.len() % BLOCK;
    let mut out = before.to_vec();
    let padded: Vec<u8> = text.iter().copied().chain(std::iter::repeat_n(padding as u8, padding)).collect();
    for block in padded.chunks(BLOCK) {
        xor(&mut before, block);
        let mut block = before.into();
        cipher.encrypt_block(&mut block);
        before = block.into();
        out.extend_from_slice(&before);
    }
    Ok(encode_base64(&out).into())
}

fn decrypt(password: &[u8], text: &[u8]) -> Result {
    if text.is_empty() {
        return Ok(Value::str(""));
    }
    let bytes = decode_base64(text).map_err(Error::new)?;
    let Some((mut before, blocks)) = bytes.split_first_chunk::<BLOCK>() else {
        let capacity = text.len() / 4 * 3;
        return Err(Error::new(format!("runtime error: slice bounds out of range [:16] with capacity {capacity}")));
    };
    if blocks.len() % BLOCK != 0 {
        return Err(Error::new("crypto/cipher: input not full blocks"));
    }
    let cipher = cipher(password);
    let mut out = Vec::with_capacity(blocks.len());
    for block in blocks.as_chunks::<BLOCK>().0 {
        let mut plain = (*block).into();
        cipher.decrypt_block(&mut plain);
        let mut plain: [u8; BLOCK] = plain.into();
        xor(&mut plain, before);
        out.extend_from_slice(&plain);
        before = block;
    }
    // The padding is believed, as there.
    let Some(last) = out.last() else { return Err(Error::new("runtime error: index out of range [-1]")) };
    let Some(length) = out.len().checked_sub((*last).into()) else {
        let bound = out.len() as i64 - i64::from(*last);
        return Err(Error::new(format!("runtime error: slice bounds out of range [:{bound}]")));
    };
    out.truncate(length);
    Ok(out.into())
}
