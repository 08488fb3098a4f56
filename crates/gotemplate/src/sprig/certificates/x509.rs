//! Certificates: what Go's `x509.CreateCertificate` makes of Sprig's templates, byte for byte but
//! for numbers and signatures.

use sha2::Digest;
use std::borrow::Cow;
use std::net::IpAddr;

use super::der::{self, Element};
use super::keys::Key;
use crate::sprig::time::Time;

/// What is asked for.
pub(super) struct Request {
    pub(super) common_name: String,
    pub(super) days: i64,
    pub(super) authority: bool,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) names: Vec<String>,
}

impl Request {
    pub(super) fn leaf(common_name: Cow<'_, str>, days: i64) -> Request {
        let common_name = common_name.into_owned();
        Request { common_name, days, authority: false, addresses: Vec::new(), names: Vec::new() }
    }
    pub(super) fn authority(common_name: Cow<'_, str>, days: i64) -> Request {
        Request { authority: true, ..Request::leaf(common_name, days) }
    }
}

/// What a certificate that signs tells of itself.
pub(super) struct Parent {
    subject: Vec<u8>,
    public_info: Vec<u8>,
    key_id: Option<Vec<u8>>,
}

const KEY_ID_OID: &[u8] = &[0x55, 0x1d, 14];

/// Reads a certificate. The error is Go's text.
pub(super) fn read(bytes: &[u8]) -> Result<Parent, String> {
    read_parts(bytes).ok_or_else(|| "x509: malformed certificate".to_owned())
}

fn read_parts(bytes: &[u8]) -> Option<Parent> {
    let certificate = Element::only(bytes, der::SEQUENCE)?.children()?;
    let signed = certificate.first().filter(|e| e.tag == der::SEQUENCE && certificate.len() == 3)?;
    let mut fields = signed.children()?;
    // The version is left out of the oldest ones.
    if fields.first()?.tag == der::context(0) {
        fields.remove(0);
    }
    // Serial number, algorithm, issuer, validity, subject, public key.
    let [subject, public_info] = [fields.get(4)?, fields.get(5)?];
    if subject.tag != der::SEQUENCE || public_info.tag != der::SEQUENCE {
        return None;
    }
    let mut key_id = None;
    if let Some(extensions) = fields.iter().find(|e| e.tag == der::context(3)) {
        for extension in Element::only(extensions.content, der::SEQUENCE)?.children()? {
            let parts = extension.children()?;
            if parts.first()?.content == KEY_ID_OID {
                key_id = Some(Element::only(parts.last()?.content, der::OCTET_STRING)?.content.to_vec());
            }
        }
    }
    Some(Parent { subject: subject.whole.to_vec(), public_info: public_info.whole.to_vec(), key_id })
}

/// Makes a certificate for a key, signed by it or by a parent's. `now` is in seconds since 1970.
/// The error is Go's text.
pub(super) fn certify(
    request: &Request,
    key: &Key,
    by: Option<&(Parent, Key)>,
    serial: [u8; 16],
    now: i64,
) -> Result<Vec<u8>, String> {
    let signer = by.map_or(key, |(_, key)| key);
    if by.is_some_and(|(parent, key)| parent.public_info != key.public_info()) {
        return Err("x509: provided PrivateKey doesn't match parent's PublicKey".to_owned());
    }
    let subject = name(&request.common_name);
    let issuer = by.map_or(&subject, |(parent, _)| &parent.subject);
    // Go counts the days in 64 bits of nanoseconds.
    let nanoseconds = request.days.wrapping_mul(86_400_000_000_000);
    let until = now.saturating_add(nanoseconds.div_euclid(1_000_000_000));
    let parent_key_id = by.and_then(|(parent, _)| parent.key_id.as_deref()).filter(|_| *issuer != subject);
    let algorithm = signer.signature_algorithm();
    let body = der::list(
        der::SEQUENCE,
        &[
            &der::element(der::context(0), &der::unsigned(&[2])),
            &der::unsigned(&serial),
            &algorithm,
            issuer,
            &der::list(der::SEQUENCE, &[&time(now)?, &time(until)?]),
            &subject,
            &key.public_info(),
            &der::element(der::context(3), &extensions(request, key, parent_key_id)?),
        ],
    );
    let signature = signer.sign(&body)?;
    Ok(der::list(der::SEQUENCE, &[&body, &algorithm, &der::bits(&signature, 0)]))
}

/// A name that is a common name, or nothing.
fn name(common_name: &str) -> Vec<u8> {
    if common_name.is_empty() {
        return der::element(der::SEQUENCE, &[]);
    }
    let is_printable = |b: u8| b.is_ascii_alphanumeric() || b" '()+,-./:=?".contains(&b);
    let tag = if common_name.bytes().all(is_printable) { der::PRINTABLE_STRING } else { der::UTF8_STRING };
    let oid = der::element(der::OID, &[0x55, 4, 3]);
    let pair = der::list(der::SEQUENCE, &[&oid, &der::element(tag, common_name.as_bytes())]);
    der::element(der::SEQUENCE, &der::element(der::SET, &pair))
}

fn time(unix: i64) -> Result<Vec<u8>, String> {
    let time = Time::from_unix(unix);
    let long = time.format(b"20060102150405Z");
    let year = time.format(b"2006");
    match std::str::from_utf8(&year).ok().and_then(|year| year.parse::<i64>().ok()) {
        Some(1950..2050) => Ok(der::element(der::UTC_TIME, &long[2..])),
        Some(0..10_000) => Ok(der::element(der::GENERALIZED_TIME, &long)),
        _ => Err("asn1: structure error: cannot represent time as GeneralizedTime".to_owned()),
    }
}

fn extension(oid: &[u8], critical: bool, content: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[0x01, 1, 0xff] } else { &[] };
    der::list(der::SEQUENCE, &[&der::element(der::OID, oid), critical, &der::element(der::OCTET_STRING, content)])
}

fn extensions(request: &Request, key: &Key, parent_key_id: Option<&[u8]>) -> Result<Vec<u8>, String> {
    // Digital signature and key encipherment; an authority signs certificates, too.
    let usage = if request.authority { der::bits(&[0xa4], 2) } else { der::bits(&[0xa0], 5) };
    let purpose = |n: u8| der::element(der::OID, &[0x2b, 6, 1, 5, 5, 7, 3, n]);
    let constraints: &[u8] = if request.authority { &[0x01, 1, 0xff] } else { &[] };
    let mut all = vec![
        extension(&[0x55, 0x1d, 15], true, &usage),
        extension(&[0x55, 0x1d, 37], false, &der::list(der::SEQUENCE, &[&purpose(1), &purpose(2)])),
        extension(&[0x55, 0x1d, 19], true, &der::element(der::SEQUENCE, constraints)),
    ];
    if request.authority {
        // RFC 7093: the first 160 bits of the hash.
        let hash = sha2::Sha256::digest(key.public());
        all.push(extension(KEY_ID_OID, false, &der::element(der::OCTET_STRING, &hash[..20])));
    }
    if let Some(id) = parent_key_id {
        all.push(extension(&[0x55, 0x1d, 35], false, &der::element(der::SEQUENCE, &der::element(0x80, id))));
    }
    if !request.names.is_empty() || !request.addresses.is_empty() {
        let mut names = Vec::new();
        for name in &request.names {
            if !name.is_ascii() {
                let quoted = crate::fmt::quote_str(name);
                return Err(format!("x509: {quoted} cannot be encoded as an IA5String"));
            }
            names.extend(der::element(0x82, name.as_bytes()));
        }
        for address in &request.addresses {
            names.extend(match address.to_canonical() {
                IpAddr::V4(v4) => der::element(0x87, &v4.octets()),
                IpAddr::V6(v6) => der::element(0x87, &v6.octets()),
            });
        }
        let critical = request.common_name.is_empty();
        all.push(extension(&[0x55, 0x1d, 17], critical, &der::element(der::SEQUENCE, &names)));
    }
    Ok(der::element(der::SEQUENCE, &all.concat()))
}
