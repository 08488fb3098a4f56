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

macro_rules! data {
    ($name:literal) => {
        include_str!(concat!("../verify/testdata/history/", $name))
    };
}

const ROBIN: &str = data!("robin.asc");
const ROBINS_ID: &str = "566D414BE08743E6";
const SAM: &str = data!("sam.asc");

/// A history by Robin with a seal in it: `unsigned`, then `seal`, then `signed`, and branches from there.
fn histories(rig: &Rig) {
    let repo = &rig.repo;
    repo.commit("scratch", "its tree is that of all", &[("a.yaml", Some("x: 1\n"))]).unwrap();
    let put = |kind: &str, data: &str| {
        repo.git_with(&["hash-object", "-w", "-t", kind, "--stdin"], &[], data.as_bytes()).unwrap()
    };
    for (name, data) in [
        ("unsigned", data!("unsigned")),
        ("seal", data!("seal")),
        ("signed", data!("signed")),
        ("by-another", data!("by-another")),
        ("unsigned-on-signed", data!("unsigned-on-signed")),
        ("signed-on-unsigned", data!("signed-on-unsigned")),
        ("unsigned-seal", data!("unsigned-seal")),
        ("signed-on-unsigned-seal", data!("signed-on-unsigned-seal")),
        ("merge-behind-seal", data!("merge-behind-seal")),
    ] {
        repo.set_ref(&format!("refs/heads/{name}"), &put("commit", data)).unwrap();
    }
    for (name, data) in
        [("v1.0.0", data!("tag")), ("v2.0.0", data!("tag-by-another")), ("v3.0.0", data!("tag-unsigned"))]
    {
        repo.set_ref(&format!("refs/tags/{name}"), &put("tag", data)).unwrap();
    }
    repo.set_ref("refs/tags/v9.0.0", &put("tag", data!("tag"))).unwrap();
}

/// INV-VER-1: what the history of a revision lacks, as `git rev-list --boundary` and GnuPG tell it.
#[tokio::test(flavor = "multi_thread")]
async fn histories_are_looked_at_up_to_their_seals() {
    let rig = Rig::new().await;
    histories(&rig);
    let look = async |reference: &str, history: bool, keys: &[&str]| {
        let inspection = Inspection {
            pgp_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            trusted: vec![ROBINS_ID.to_owned()],
            history,
            seal: Some("argocd-gpg-SEAL:".to_owned()),
        };
        let spec = GitSpec { inspect: Some(inspection), ..rig.spec(Reference::Revision(reference.to_owned())) };
        let found = rig.repositories.fetch(&spec, NOW).await.unwrap();
        assert_eq!(read(&*found.tree, "a.yaml"), "x: 1\n");
        let problems = found.verified.unwrap().problems;
        let told = problems.iter().map(|p| format!("{} {:?}", &p.revision[..6], p.state));
        told.collect::<Vec<_>>().join(", ")
    };
    let both = [ROBIN, SAM];
    for (reference, head, history) in [
        ("unsigned", "438de3 Unsigned", "438de3 Unsigned"),
        ("seal", "", ""),
        ("signed", "", ""),
        ("by-another", "c7e853 Good", "c7e853 Good"),
        ("unsigned-on-signed", "ffcb70 Unsigned", "ffcb70 Unsigned"),
        ("signed-on-unsigned", "", "ffcb70 Unsigned"),
        // What vouches must itself be signed.
        ("signed-on-unsigned-seal", "", "740b50 Unsigned, ffcb70 Unsigned"),
        // A branch from behind a seal that does not go through it.
        ("merge-behind-seal", "", "438de3 Unsigned"),
        ("v1.0.0", "", "438de3 Unsigned"),
        ("v2.0.0", "v2.0.0 Good", "v2.0.0 Good, 438de3 Unsigned"),
        ("v3.0.0", "v3.0.0 Unsigned", "v3.0.0 Unsigned"),
        ("v9.0.0", "v9.0.0 Bad", "v9.0.0 Bad, 438de3 Unsigned"),
    ] {
        assert_eq!(look(reference, false, &both).await, head, "{reference}");
        assert_eq!(look(reference, true, &both).await, history, "{reference}");
        assert_eq!(look(reference, true, &both).await, history, "{reference}, again");
    }
    // A key that is not there proves nothing, and seals nothing.
    assert_eq!(look("by-another", false, &[ROBIN]).await, "c7e853 MissingKey");
    assert_eq!(look("signed", true, &[SAM]).await, "fb20f6 MissingKey, 438de3 Unsigned");
}

/// What comes behind a good history is looked at alone, and is fetched without any files.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_was_good_is_not_fetched_again() {
    let rig = Rig::new().await;
    histories(&rig);
    let inspection = Inspection {
        pgp_keys: vec![ROBIN.to_owned()],
        trusted: vec![ROBINS_ID.to_owned()],
        history: true,
        seal: Some("argocd-gpg-seal:".to_owned()),
    };
    let fetch = async |reference: &str| {
        let spec = GitSpec { inspect: Some(inspection.clone()), ..rig.spec(Reference::Revision(reference.to_owned())) };
        rig.repositories.fetch(&spec, Duration::MAX).await.unwrap().verified.unwrap().problems.len()
    };
    assert_eq!(fetch("signed").await, 0);
    let asked = rig.server.faults().requests("git-upload-pack");
    assert_eq!(fetch("signed").await, 0);
    assert_eq!(rig.server.faults().requests("git-upload-pack"), asked);
    assert_eq!(fetch("signed-on-unsigned").await, 1);
}
