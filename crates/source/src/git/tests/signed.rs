//! Signatures from end to end: signed objects in a repository, fetched with the right and the
//! wrong keys.

use super::*;

const PGP: &str = include_str!("../verify/testdata/pgp.asc");
const OTHER: &str = include_str!("../verify/testdata/pgp-other.asc");

/// The repository in which the test data was signed, as far as the tag reaches.
fn sign(rig: &Rig) {
    let repo = &rig.repo;
    repo.commit("scratch", "its tree is the signed one", &[("a.yaml", Some("x: 1\n"))]).unwrap();
    let put = |kind: &str, data: &str| {
        repo.git_with(&["hash-object", "-w", "-t", kind, "--stdin"], &[], data.as_bytes()).unwrap()
    };
    let first = put("commit", include_str!("../verify/testdata/commit-pgp"));
    let second = put("commit", include_str!("../verify/testdata/commit-pgp-subkey"));
    let tag = put("tag", include_str!("../verify/testdata/tag-pgp"));
    repo.set_ref("refs/heads/first", &first).unwrap();
    repo.set_ref("refs/heads/second", &second).unwrap();
    repo.set_ref("refs/tags/v1.0.0", &tag).unwrap();
    repo.set_ref("refs/tags/v2.0.0", &tag).unwrap();
    repo.tag("light", &second).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_signed_revisions_are_given() {
    let rig = Rig::new().await;
    sign(&rig);
    let fetch = async |reference: Reference, mode: VerifyMode, key: &str| {
        let verify = Verification { mode, pgp_keys: vec![key.to_owned()], ssh_keys: Vec::new() };
        rig.repositories.fetch(&GitSpec { verify: Some(verify), ..rig.spec(reference) }, NOW).await
    };
    let tag = |name: &str| Reference::Tag(name.to_owned());
    let both = fetch(tag("v1.0.0"), VerifyMode::TagAndHead, PGP).await.unwrap();
    let verified = both.verified.unwrap();
    assert_eq!(verified.commit_key.as_deref(), Some("35982DDD2F077A12"));
    let (name, key) = verified.tag.unwrap();
    assert!(name.starts_with("v1.0.0@sha1:"), "{name}");
    assert_eq!(key, "35982DDD2F077A12");
    assert_eq!(read(&*both.tree, "a.yaml"), "x: 1\n");
    assert!(fetch(branch("first"), VerifyMode::Head, PGP).await.is_ok());
    assert!(fetch(Reference::SemVer("1.x".into()), VerifyMode::Tag, PGP).await.is_ok());
    let check = async |reference: Reference, mode: VerifyMode, key: &str, text: &str| {
        let (kind, message) = kind(fetch(reference, mode, key).await);
        assert_eq!(kind, ErrorKind::Verification, "{message}");
        assert!(message.contains(text), "{message}");
    };
    check(branch("first"), VerifyMode::Head, OTHER, "signature verification of commit '").await;
    check(tag("v1.0.0"), VerifyMode::Tag, OTHER, "signature verification of tag 'v1.0.0@sha1:").await;
    check(branch("scratch"), VerifyMode::Head, PGP, "signature is empty").await;
    check(tag("light"), VerifyMode::Tag, PGP, "it is not an annotated tag").await;
    check(branch("first"), VerifyMode::Tag, PGP, "it is not an annotated tag").await;
    // A good tag under another name says nothing of that name.
    check(tag("v2.0.0"), VerifyMode::Tag, PGP, "the tag object is of another tag").await;
}
