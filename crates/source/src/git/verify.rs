//! Signatures of commits and tags: PGP and SSH, without a program.
//!
//! Fails closed (INV-VER-1): only a signature by one of the given keys, over the bytes that came,
//! by a key that may sign and is neither expired nor revoked, is good.

use super::keys::read_ring;
use super::object::Signed;
use super::spec::Verification;
use crate::fetched::SignatureState;
use crate::{Error, ErrorKind};
use pgp::composed::{Deserializable as _, DetachedSignature, SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature as PgpSignature, SignatureType};
use pgp::types::KeyDetails;
use ssh_key::{HashAlg, PublicKey, SshSig};

/// Largest signature that is looked at, in bytes.
const SIGNATURE_BYTES: usize = 64 << 10;

/// Checks a signature against the keys; gives the key's name: a PGP key id or an SSH fingerprint.
/// `now_s` is the time in seconds since 1970.
pub(crate) fn verify(signed: Option<&Signed>, keys: &Verification, now_s: u64) -> Result<String, Error> {
    let signed = signed
        .filter(|signed| !signed.signature.trim().is_empty())
        .ok_or_else(|| failed("unable to verify payload as the provided signature is empty"))?;
    if signed.signature.len() > SIGNATURE_BYTES {
        return Err(failed("the signature is too large"));
    }
    match signed.signature.trim_start() {
        text if text.starts_with("-----BEGIN SSH SIGNATURE-----") => verify_ssh(signed, &keys.ssh_keys),
        text if text.starts_with("-----BEGIN PGP ") => verify_pgp(signed, &keys.pgp_keys, now_s),
        _ => Err(failed("the signature is neither PGP nor SSH")),
    }
}

fn failed(why: &str) -> Error {
    Error::new(ErrorKind::Verification, why)
}

fn verify_ssh(signed: &Signed, key_files: &[String]) -> Result<String, Error> {
    let signature = SshSig::from_pem(signed.signature.trim())
        .map_err(|error| failed(&format!("unable to read the SSH signature: {error}")))?;
    for line in key_files.iter().flat_map(|text| text.lines()) {
        let Some(key) = authorized_key(line)? else { continue };
        if key.key_data() == signature.public_key() && key.verify("git", &signed.payload, &signature).is_ok() {
            return Ok(key.fingerprint(HashAlg::Sha256).to_string());
        }
    }
    Err(failed("unable to verify payload with any of the given SSH public keys"))
}

/// A line of an `authorized_keys` or `allowed_signers` file; `None` for an empty one or a comment.
fn authorized_key(line: &str) -> Result<Option<PublicKey>, Error> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    // Principals or options may stand before the key type.
    let starts = |word: &&str| word.starts_with("ssh-") || word.starts_with("ecdsa-") || word.starts_with("sk-");
    let Some(at) = line.split(' ').find(starts).and_then(|word| line.find(word)) else {
        return Err(Error::new(ErrorKind::Credentials, "unable to read the SSH public key: no key type"));
    };
    PublicKey::from_openssh(&line[at..])
        .map(Some)
        .map_err(|error| Error::new(ErrorKind::Credentials, format!("unable to read the SSH public key: {error}")))
}

fn verify_pgp(signed: &Signed, rings: &[String], now_s: u64) -> Result<String, Error> {
    let signature =
        read_signature(signed).map_err(|error| failed(&format!("unable to read the PGP signature: {error}")))?;
    check_form(&signature).map_err(|flaw| failed(flaw.text()))?;
    let mut why = None;
    for known in &Ring::read(rings, now_s)?.0 {
        match signed_by(known, &signature, &signed.payload, now_s) {
            Ok(Some(_)) => return Ok(name(&known.key.primary_key)),
            Ok(None) => {}
            Err(flaw) => why = Some(failed(flaw.text())),
        }
    }
    Err(why.unwrap_or_else(|| failed("unable to verify payload with any of the given key rings")))
}

fn read_signature(signed: &Signed) -> Result<PgpSignature, pgp::errors::Error> {
    DetachedSignature::from_string(&signed.signature).map(|(detached, _)| detached.signature)
}

/// What makes any signature of its form no good.
fn check_form(signature: &PgpSignature) -> Result<(), Flaw> {
    if !matches!(signature.typ(), Some(SignatureType::Binary | SignatureType::Text)) {
        return Err(Flaw::Other("the PGP signature is not over data"));
    }
    match signature.hash_alg() {
        Some(HashAlgorithm::Md5 | HashAlgorithm::Sha1 | HashAlgorithm::Ripemd160) | None => {
            Err(Flaw::Other("the PGP signature uses a hash that is broken"))
        }
        Some(_) => Ok(()),
    }
}

/// What is wrong with a signature that a key did make, or with that key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flaw {
    Revoked(&'static str),
    KeyExpired,
    SignatureExpired,
    Other(&'static str),
}

impl Flaw {
    fn text(self) -> &'static str {
        match self {
            Flaw::Revoked(text) | Flaw::Other(text) => text,
            Flaw::KeyExpired => "the PGP key is expired",
            Flaw::SignatureExpired => "the PGP signature is expired",
        }
    }
    fn state(self) -> SignatureState {
        match self {
            Flaw::Revoked(_) => SignatureState::RevokedKey,
            Flaw::KeyExpired => SignatureState::ExpiredKey,
            Flaw::SignatureExpired => SignatureState::ExpiredSignature,
            Flaw::Other(_) => SignatureState::Bad,
        }
    }
}

/// What was found of one signature.
pub(crate) struct Finding {
    pub(crate) state: SignatureState,
    /// The id of the key that made it; empty where there is none.
    pub(crate) key: String,
    /// Of a good one: that id, and the one of the key that it belongs to.
    pub(crate) trusted_by: Vec<String>,
}

/// Looks who signed, without an opinion on who should have.
pub(crate) fn examine(signed: Option<&Signed>, ring: &Ring, now_s: u64) -> Finding {
    let not_good = |state, key| Finding { state, key, trusted_by: Vec::new() };
    let Some(signed) = signed.filter(|signed| !signed.signature.trim().is_empty()) else {
        return not_good(SignatureState::Unsigned, String::new());
    };
    if signed.signature.len() > SIGNATURE_BYTES {
        return not_good(SignatureState::Bad, String::new());
    }
    let Ok(signature) = read_signature(signed) else { return not_good(SignatureState::Bad, String::new()) };
    let key = issuer(&signature);
    if check_form(&signature).is_err() {
        return not_good(SignatureState::Bad, key);
    }
    let (mut flaw, mut is_known) = (None, false);
    for known in &ring.0 {
        match signed_by(known, &signature, &signed.payload, now_s) {
            Ok(Some(key)) => {
                let trusted_by = vec![key.clone(), name(&known.key.primary_key)];
                return Finding { state: SignatureState::Good, key, trusted_by };
            }
            Ok(None) => {
                let parts = known.key.public_subkeys.iter().map(|subkey| name(&subkey.key));
                is_known |= parts.chain([name(&known.key.primary_key)]).any(|part| part == key);
            }
            Err(found) => flaw = Some(found),
        }
    }
    let unproved = if is_known { SignatureState::Bad } else { SignatureState::MissingKey };
    not_good(flaw.map_or(unproved, Flaw::state), key)
}

/// The id of a key, as people write it.
fn name(key: &impl KeyDetails) -> String {
    key.legacy_key_id().to_string().to_uppercase()
}

/// The id of the key that a signature says it is by; empty where it says none.
fn issuer(signature: &PgpSignature) -> String {
    let id = signature.issuer_key_id().first().map(|id| id.to_string());
    let print = || signature.issuer_fingerprint().first().map(|print| print.to_string());
    let text = id.or_else(print).unwrap_or_default().to_uppercase();
    text[text.len().saturating_sub(16)..].to_owned()
}

/// Public keys, with what is wrong with each of their parts.
pub(crate) struct Ring(Vec<Known>);

struct Known {
    key: SignedPublicKey,
    primary: Result<(), Flaw>,
    subkeys: Vec<Result<(), Flaw>>,
}

impl Ring {
    /// Reads files of keys.
    pub(crate) fn read(files: &[String], now_s: u64) -> Result<Ring, Error> {
        let mut all = Vec::new();
        for key in files.iter().map(|file| read_ring(file)).collect::<Result<Vec<_>, _>>()?.into_iter().flatten() {
            let primary = check_primary(&key, now_s);
            let subkeys = key.public_subkeys.iter().map(|subkey| check_subkey(&key, subkey, now_s)).collect();
            all.push(Known { key, primary, subkeys });
        }
        Ok(Ring(all))
    }
}

/// The id of the key's part that made the signature, if one did. A flaw if one did that must not: revoked, expired,
/// not meant for signing.
fn signed_by(known: &Known, signature: &PgpSignature, payload: &[u8], now_s: u64) -> Result<Option<String>, Flaw> {
    let (key, primary) = (&known.key, &known.key.primary_key);
    if names(signature, primary) && signature.verify(primary, payload).is_ok() {
        known.primary?;
        check_signature_time(signature, primary, now_s)?;
        // A primary key without flags may sign.
        return match self_signatures(key).max_by_key(|s| s.created()) {
            Some(own) if has_flags(own) && !own.key_flags().sign() => {
                Err(Flaw::Other("the PGP key is not meant to sign"))
            }
            _ => Ok(Some(name(primary))),
        };
    }
    for (subkey, state) in key.public_subkeys.iter().zip(&known.subkeys) {
        if names(signature, &subkey.key) && signature.verify(&subkey.key, payload).is_ok() {
            known.primary?;
            (*state)?;
            check_signature_time(signature, &subkey.key, now_s)?;
            return Ok(Some(name(&subkey.key)));
        }
    }
    Ok(None)
}

/// Whether the signature may be by this key: it names it, or names none.
fn names(signature: &PgpSignature, key: &impl KeyDetails) -> bool {
    let (ids, prints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
    (ids.is_empty() && prints.is_empty())
        || ids.iter().any(|id| **id == key.legacy_key_id())
        || prints.iter().any(|print| **print == key.fingerprint())
}

/// The signatures by which the owner binds names to the key, those that are good.
fn self_signatures(key: &SignedPublicKey) -> impl Iterator<Item = &PgpSignature> {
    let direct = key.details.direct_signatures.iter().filter(|s| s.verify_key(&key.primary_key).is_ok());
    let users = key.details.users.iter().flat_map(|user| {
        let good = |s: &&PgpSignature| {
            s.is_certification() && s.verify_certification(&key.primary_key, pgp::types::Tag::UserId, &user.id).is_ok()
        };
        user.signatures.iter().filter(good)
    });
    direct.chain(users)
}

fn check_primary(key: &SignedPublicKey, now_s: u64) -> Result<(), Flaw> {
    if key.details.revocation_signatures.iter().any(|s| s.verify_key(&key.primary_key).is_ok()) {
        return Err(Flaw::Revoked("the PGP key is revoked"));
    }
    let latest = self_signatures(key).max_by_key(|s| s.created());
    let Some(latest) = latest else { return Err(Flaw::Other("the PGP key has no valid self-signature")) };
    check_expiry(latest, &key.primary_key, now_s)
}

fn check_subkey(key: &SignedPublicKey, subkey: &SignedPublicSubKey, now_s: u64) -> Result<(), Flaw> {
    let good = |typ: SignatureType| {
        subkey
            .signatures
            .iter()
            .filter(move |s| s.typ() == Some(typ) && s.verify_subkey_binding(&key.primary_key, &subkey.key).is_ok())
    };
    if good(SignatureType::SubkeyRevocation).next().is_some() {
        return Err(Flaw::Revoked("the PGP subkey is revoked"));
    }
    let Some(binding) = good(SignatureType::SubkeyBinding).max_by_key(|s| s.created()) else {
        return Err(Flaw::Other("the PGP subkey is not bound to its key"));
    };
    // The subkey must have agreed to be bound, or anyone could claim another's signatures.
    let agreed = binding
        .embedded_signature()
        .is_some_and(|back| back.verify_primary_key_binding(&subkey.key, &key.primary_key).is_ok());
    if !binding.key_flags().sign() || !agreed {
        return Err(Flaw::Other("the PGP subkey is not meant to sign"));
    }
    check_expiry(binding, &subkey.key, now_s)
}

fn check_expiry(binding: &PgpSignature, key: &impl KeyDetails, now_s: u64) -> Result<(), Flaw> {
    let created_s = u64::from(key.created_at().as_secs());
    let lives_s = binding.key_expiration_time().map_or(0, |time| u64::from(time.as_secs()));
    if lives_s != 0 && created_s + lives_s < now_s {
        return Err(Flaw::KeyExpired);
    }
    Ok(())
}

fn check_signature_time(signature: &PgpSignature, key: &impl KeyDetails, now_s: u64) -> Result<(), Flaw> {
    let created_s = signature.created().map_or(0, |time| u64::from(time.as_secs()));
    if created_s < u64::from(key.created_at().as_secs()) {
        return Err(Flaw::Other("the PGP signature is older than its key"));
    }
    let lives_s = signature.signature_expiration_time().map_or(0, |time| u64::from(time.as_secs()));
    if lives_s != 0 && created_s + lives_s < now_s {
        return Err(Flaw::SignatureExpired);
    }
    Ok(())
}

fn has_flags(signature: &PgpSignature) -> bool {
    let flags = signature.key_flags();
    flags.sign() || flags.certify() || flags.encrypt_comms() || flags.encrypt_storage() || flags.authentication()
}

#[cfg(test)]
mod tests;
