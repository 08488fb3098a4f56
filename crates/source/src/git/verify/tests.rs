//! Commits and tags signed by GnuPG and OpenSSH (`testdata`), checked against right and wrong keys.

use super::super::object::{parse_commit, parse_tag};
use super::super::spec::VerifyMode;
use super::*;

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("testdata/", $name))
    };
}

const PGP: &str = data!("pgp.asc");
const OTHER: &str = data!("pgp-other.asc");
const SSH: &str = data!("ssh.pub");
const KEY_ID: &str = "35982DDD2F077A12";
const PRINT: &str = "SHA256:EWsl/2WmDDgRsxjsdUzSqcHn7n5QgiEtiGP8d76LtwU";
/// After all signatures of the test data were made.
const NOW_S: u64 = 1_800_000_000;

fn keys(pgp: &[&str], ssh: &[&str]) -> Verification {
    let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
    Verification { mode: VerifyMode::Head, pgp_keys: owned(pgp), ssh_keys: owned(ssh) }
}

fn commit(data: &str, keys: &Verification) -> Result<String, String> {
    let commit = parse_commit(data.as_bytes()).unwrap();
    verify(commit.signed.as_ref(), keys, NOW_S).map_err(|error| error.to_string())
}

fn tag(data: &str, keys: &Verification) -> Result<String, String> {
    let tag = parse_tag(data.as_bytes()).unwrap();
    verify(tag.signed.as_ref(), keys, NOW_S).map_err(|error| error.to_string())
}

#[test]
fn good_signatures_name_their_key() {
    assert_eq!(commit(data!("commit-pgp"), &keys(&[PGP], &[])).unwrap(), KEY_ID);
    assert_eq!(commit(data!("commit-pgp-subkey"), &keys(&[PGP], &[])).unwrap(), KEY_ID);
    assert_eq!(commit(data!("commit-pgp"), &keys(&[OTHER, PGP], &[SSH])).unwrap(), KEY_ID);
    assert_eq!(commit(data!("commit-pgp"), &keys(&[&format!("{OTHER}\n{PGP}")], &[])).unwrap(), KEY_ID);
    assert_eq!(tag(data!("tag-pgp"), &keys(&[PGP], &[])).unwrap(), KEY_ID);
    assert_eq!(commit(data!("commit-ssh"), &keys(&[], &[SSH])).unwrap(), PRINT);
    assert_eq!(commit(data!("commit-ssh"), &keys(&[], &[&format!("# team\nrobin@example.org {SSH}")])).unwrap(), PRINT);
    assert!(commit(data!("commit-ssh-rsa"), &keys(&[], &[data!("ssh-other.pub"), data!("ssh-rsa.pub")])).is_ok());
    assert_eq!(tag(data!("tag-ssh"), &keys(&[], &[SSH])).unwrap(), PRINT);
}

#[test]
fn inv_ver_1_everything_else_fails() {
    let check = |outcome: Result<String, String>, text: &str| {
        let error = outcome.unwrap_err();
        assert!(error.contains(text), "{error}");
    };
    check(commit(data!("commit-unsigned"), &keys(&[PGP], &[SSH])), "signature is empty");
    check(commit(data!("commit-pgp"), &keys(&[OTHER], &[])), "any of the given key rings");
    check(commit(data!("commit-pgp"), &keys(&[], &[SSH])), "any of the given key rings");
    check(commit(data!("commit-ssh"), &keys(&[PGP], &[])), "any of the given SSH public keys");
    check(commit(data!("commit-ssh"), &keys(&[], &[data!("ssh-other.pub")])), "any of the given SSH public keys");
    check(commit(data!("commit-pgp"), &keys(&[data!("pgp-revoked.asc")], &[])), "revoked");
    check(commit(data!("commit-pgp-subkey"), &keys(&[data!("pgp-revoked.asc")], &[])), "revoked");
    check(commit(data!("commit-pgp-expired"), &keys(&[data!("pgp-expired.asc")], &[])), "expired");
    check(commit(data!("commit-pgp"), &keys(&["nonsense"], &[])), "unable to read the PGP key ring");
    check(commit(data!("commit-ssh"), &keys(&[], &["nonsense"])), "unable to read the SSH public key");
}

#[test]
fn inv_ver_2_a_change_of_any_byte_is_found() {
    for (data, keys) in [(data!("commit-pgp"), keys(&[PGP], &[])), (data!("commit-ssh"), keys(&[], &[SSH]))] {
        for (what, by) in [("robin@example.org", "r0bin@example.org"), ("signed by", "Signed by"), ("tree ", "tree  ")]
        {
            let changed = data.replacen(what, by, 1);
            assert_ne!(changed, data);
            let outcome = parse_commit(changed.as_bytes()).map(|commit| verify(commit.signed.as_ref(), &keys, NOW_S));
            assert!(!matches!(outcome, Ok(Ok(_))), "{changed}");
        }
        // A second signature header must not hide in the payload.
        let at = data.find("gpgsig").unwrap();
        let twice = format!("{}gpgsig x\n{}", &data[..at], &data[at..]);
        assert!(parse_commit(twice.as_bytes()).unwrap_err().to_string().contains("two \"gpgsig\" headers"));
    }
    let tampered = data!("tag-pgp").replace("v1.0.0", "v9.0.0");
    assert!(tag(&tampered, &keys(&[PGP], &[])).is_err());
}

#[test]
fn objects_are_read_as_they_are() {
    let commit = parse_commit(data!("commit-pgp-subkey").as_bytes()).unwrap();
    assert_eq!((commit.author.name.as_str(), commit.message.as_str()), ("Robin", "signed by the subkey\n"));
    assert_eq!(commit.parents.len(), 1);
    let tag = parse_tag(data!("tag-ssh").as_bytes()).unwrap();
    assert_eq!(tag.name, "v1.1.0");
    for broken in ["", "tree abc\n\n", "author x\n\nmessage", "tree 04656f3951406e4c3ef53bf4f3fce773c4c18bef"] {
        let outcome = parse_commit(broken.as_bytes());
        assert_eq!(outcome.is_ok(), broken.starts_with("tree 0"), "{broken:?}");
    }
}
