//! Private keys and X.509 certificates, as Go's crypto/x509 makes them from Sprig's templates.
//!
//! Keys are generated and signatures made by aws-lc, from its own source of randomness: its
//! generators take no other. Where the context has no randomness there are no keys either. DSA,
//! which certificates cannot have, is refused.

mod der;
mod keys;
mod pem;
mod x509;

use super::arg::{self, Result};
use super::encoding::decode_base64;
use super::strings::to_text;
use crate::context::Context;
use crate::error::Error;
use crate::fmt;
use crate::function::{Function, Functions, Param};
use crate::value::{Object, Value};
use Param::{Int, List as Items, String as Text};
use keys::{Key, Kind};
use x509::{Parent, Request};

const TYPE: &str = "sprig.certificate";
const CERTIFICATE: Param = Param::Object(TYPE);

pub(super) fn register(f: &mut Functions) {
    f.add(Function::new("genPrivateKey", &[Text], |ctx, a| {
        let kind = match arg::str(a, 0) {
            b"" | b"rsa" => Kind::Rsa4096,
            b"ecdsa" => Kind::P256,
            b"ed25519" => Kind::Ed25519,
            b"dsa" => return Err(Error::new("keys of DSA are not made: use rsa, ecdsa or ed25519")),
            other => return Ok([b"Unknown type ", other].concat().into()),
        };
        Ok(generate(ctx, kind)?.to_pem().into())
    }));
    f.add(Function::new("buildCustomCert", &[Text, Text], |_, a| build_custom(arg::str(a, 0), arg::str(a, 1))));
    f.add(Function::new("genCA", &[Text, Int], |ctx, a| {
        let key = generate(ctx, Kind::Rsa2048)?;
        certify(ctx, Request::authority(arg::text(a, 0), arg::int(a, 1)), &key, None)
    }));
    f.add(Function::new("genCAWithKey", &[Text, Int, Text], |ctx, a| {
        let key = read_key(&arg::text(a, 2))?;
        certify(ctx, Request::authority(arg::text(a, 0), arg::int(a, 1)), &key, None)
    }));
    f.add(Function::new("genSelfSignedCert", &[Text, Items, Items, Int], |ctx, a| {
        let key = generate(ctx, Kind::Rsa2048)?;
        certify(ctx, leaf(a)?, &key, None)
    }));
    f.add(Function::new("genSelfSignedCertWithKey", &[Text, Items, Items, Int, Text], |ctx, a| {
        let key = read_key(&arg::text(a, 4))?;
        certify(ctx, leaf(a)?, &key, None)
    }));
    f.add(Function::new("genSignedCert", &[Text, Items, Items, Int, CERTIFICATE], |ctx, a| {
        let key = generate(ctx, Kind::Rsa2048)?;
        certify(ctx, leaf(a)?, &key, Some(authority(arg::any(a, 4))?))
    }));
    f.add(Function::new("genSignedCertWithKey", &[Text, Items, Items, Int, CERTIFICATE, Text], |ctx, a| {
        let key = read_key(&arg::text(a, 5))?;
        certify(ctx, leaf(a)?, &key, Some(authority(arg::any(a, 4))?))
    }));
}

/// A certificate and its key, both in PEM.
struct Certificate {
    cert: String,
    key: String,
}

impl Object for Certificate {
    fn type_name(&self) -> &str {
        TYPE
    }
    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "Cert" => Some(self.cert.as_str().into()),
            "Key" => Some(self.key.as_str().into()),
            _ => None,
        }
    }
    fn fields(&self) -> Vec<(&str, Value)> {
        vec![("Cert", self.cert.as_str().into()), ("Key", self.key.as_str().into())]
    }
    fn to_json(&self) -> belay_object::Value {
        let mut fields = belay_object::Map::with_capacity(2);
        fields.insert("Cert", belay_object::Value::from(self.cert.as_str()));
        fields.insert("Key", belay_object::Value::from(self.key.as_str()));
        belay_object::Value::Object(fields)
    }
    fn equals(&self, other: &dyn Object) -> bool {
        let other = (other as &dyn std::any::Any).downcast_ref::<Certificate>();
        other.is_some_and(|other| other.cert == self.cert && other.key == self.key)
    }
}

fn generate(ctx: &mut Context, kind: Kind) -> Result<Key> {
    // What makes a key in about 100 ms counts as the steps that take as long.
    ctx.step(match kind {
        Kind::Rsa4096 => 5_000_000,
        Kind::Rsa2048 => 1_000_000,
        Kind::P256 | Kind::Ed25519 => 1000,
    })?;
    ctx.random(&mut [0; 1])?;
    Key::generate(kind).map_err(|error| Error::new(format!("failed to generate private key: {error}")))
}

fn read_key(pem: &str) -> Result<Key> {
    Key::from_pem(pem).map_err(|error| Error::new(format!("parsing private key: {error}")))
}

/// What is asked for by the first four arguments: name, addresses, names of hosts, days.
fn leaf(args: &[Value]) -> Result<Request> {
    let items = |i: usize| arg::any(args, i).items().unwrap_or_default();
    let mut addresses = Vec::new();
    for ip in items(1) {
        let Some(text) = ip.as_str().map(|s| s.to_string_lossy()) else {
            return Err(Error::new(format!("error parsing ip: {} is not a string", fmt::to_string(&ip))));
        };
        addresses.push(text.parse().map_err(|_| Error::new(format!("error parsing ip: {text}")))?);
    }
    let mut names = Vec::new();
    for name in items(2) {
        if name.as_str().is_none() {
            let shown = fmt::to_string(&name);
            return Err(Error::new(format!("error processing alternate dns name: {shown} is not a string")));
        }
        names.push(to_text(&name).to_string_lossy().into_owned());
    }
    Ok(Request { addresses, names, ..Request::leaf(arg::text(args, 0), arg::int(args, 3)) })
}

/// The certificate that signs, and its key.
fn authority(ca: &Value) -> Result<(Parent, Key)> {
    let ca = ca.downcast::<Certificate>().ok_or_else(arg::nil_dereference)?;
    let cert = pem::decode(&ca.cert).ok_or_else(|| Error::new("unable to decode certificate"))?;
    let parent = x509::read(&cert.bytes)
        .map_err(|error| Error::new(format!("error parsing certificate: decodedSignerCert.Bytes: {error}")))?;
    let key = Key::from_pem(&ca.key).map_err(|error| Error::new(format!("error parsing private key: {error}")))?;
    Ok((parent, key))
}

fn certify(ctx: &mut Context, request: Request, key: &Key, by: Option<(Parent, Key)>) -> Result {
    let mut serial = [0; 16];
    ctx.random(&mut serial)?;
    let now = ctx.now_unix_ns().div_euclid(1_000_000_000) as i64;
    let der = x509::certify(&request, key, by.as_ref(), serial, now)
        .map_err(|error| Error::new(format!("error creating certificate: {error}")))?;
    Ok(Value::object(Certificate { cert: pem::encode("CERTIFICATE", &der), key: key.to_pem() }))
}

/// A certificate and key that are there, each as base64 of PEM; both are looked at.
fn build_custom(cert: &[u8], key: &[u8]) -> Result {
    let cert = decode_base64(cert).map_err(|_| Error::new("unable to decode base64 certificate"))?;
    let key = decode_base64(key).map_err(|_| Error::new("unable to decode base64 private key"))?;
    let [cert, key] = [cert, key].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let decoded = pem::decode(&cert).ok_or_else(|| Error::new("unable to decode certificate"))?;
    x509::read(&decoded.bytes)
        .map_err(|error| Error::new(format!("error parsing certificate: decodedCert.Bytes: {error}")))?;
    Key::from_pem(&key).map_err(|error| Error::new(format!("error parsing private key: {error}")))?;
    Ok(Value::object(Certificate { cert, key }))
}
