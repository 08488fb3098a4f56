use std::sync::Arc;

use belay_object::Object;
use belay_source::{SignatureProblem, Verified};
use belay_tree::MemoryTree;

use super::*;

fn check(spec: &str, expected: Result<Option<(&[&str], bool)>, &str>) {
    let text =
        format!("{{apiVersion: argoproj.io/v1alpha1, kind: AppProject, metadata: {{name: team}}, spec: {spec}}}");
    let object = Object::new(belay_yaml::parse_value(&text, &belay_yaml::Options::v2()).unwrap()).unwrap();
    let keys = "{apiVersion: v1, kind: ConfigMap, metadata: {name: k}, data: {4aee18f83afdeb23: RING}}";
    let keys = Object::new(belay_yaml::parse_value(keys, &belay_yaml::Options::v2()).unwrap()).unwrap();
    let trust = Trust::read(None, None, Some(&keys));
    let found = required(&Project::read(&object).unwrap(), &trust, "https://git.example.com/shop");
    match (found, expected) {
        (Ok(found), Ok(expected)) => {
            let found = found.map(|Required(inspection)| (inspection.trusted, inspection.history));
            let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>();
            assert_eq!(found, expected.map(|(ids, history)| (owned(ids), history)), "{spec}");
        }
        (Err(why), Err(expected)) => assert!(why.contains(expected), "{why}"),
        (found, expected) => panic!("{spec}: {found:?}, {expected:?}"),
    }
}

/// What cannot be checked is not trusted.
#[test]
fn what_a_project_requires_of_commits_is_checked_or_refused() {
    let key: &[&str] = &["4AEE18F83AFDEB23"];
    check("{}", Ok(None));
    check("{signatureKeys: [{keyID: 4AEE18F83AFDEB23}]}", Ok(Some((key, false))));
    check("{signatureKeys: [{keyID: D56C4FCA57A46444}]}", Err("none of the keys that it names is in"));
    let git = |policy: &str| {
        format!("{{sourceIntegrity: {{git: {{policies: [{{repos: [{{url: '*'}}], gpg: {policy}}}]}}}}}}")
    };
    check(&git("{mode: none}"), Ok(None));
    check(&git("{mode: head, keys: [4AEE18F83AFDEB23]}"), Ok(Some((key, false))));
    check(&git("{mode: head, keys: []}"), Err("none of the keys that it names is in"));
    check(&git("{mode: strict, keys: [4AEE18F83AFDEB23]}"), Ok(Some((key, true))));
}

/// As Argo CD tells them, a line each.
#[test]
fn what_is_not_signed_is_told_with_its_author_and_key() {
    let problem = |revision: &str, state: SignatureState, key: &str| SignatureProblem {
        revision: revision.to_owned(),
        author: "Robin <robin@example.org>".to_owned(),
        state,
        key: key.to_owned(),
    };
    let fetched = |problems: Vec<SignatureProblem>| Fetched {
        revision: "main@sha1:abc".to_owned(),
        tree: Arc::new(MemoryTree::builder().build()),
        commit: None,
        verified: Some(Verified { problems: problems.into(), ..Verified::default() }),
    };
    let inspection = Inspection { pgp_keys: Vec::new(), trusted: Vec::new(), history: false, seal: None };
    let required = Required(inspection);
    assert_eq!(required.check(&fetched(Vec::new()), None), Ok(()));
    let two = fetched(vec![
        problem("abc", SignatureState::Unsigned, ""),
        problem("def", SignatureState::Good, "4AEE18F83AFDEB23"),
    ]);
    assert_eq!(
        required.check(&two, None).unwrap_err(),
        "GIT/GPG: Failed verifying revision abc by 'Robin <robin@example.org>': unsigned (key_id=)\n\
         GIT/GPG: Failed verifying revision def by 'Robin <robin@example.org>': signed with unallowed key \
         (key_id=4AEE18F83AFDEB23)"
    );
    let sources = [Source::default(), Source { name: "web".to_owned(), ..Source::default() }];
    let names = [0, 1].map(|i| source_name(&sources, i).unwrap());
    assert_eq!(names, ["source 1 of 2", "source web"]);
    assert_eq!(source_name(&sources[..1], 0), None);
    let told = required.check(&two, Some(&names[0])).unwrap_err();
    assert!(told.starts_with("GIT/GPG: source 1 of 2: Failed verifying revision abc by"), "{told}");
    assert!(required.check(&Fetched { verified: None, ..two }, None).is_err());
}
