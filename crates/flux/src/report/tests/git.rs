//! A GitRepository's runs.

use super::*;

fn repository(spec: &str, status: &str) -> Object {
    let json = format!(
        r#"{{"apiVersion":"source.toolkit.fluxcd.io/v1","kind":"GitRepository","metadata":{{"name":"s","namespace":"ns","generation":1}},
        "spec":{{"url":"https://example.com/r","interval":"1m"{spec}}},"status":{status}}}"#
    );
    Object::new(from_json_str(&json).unwrap_or_else(|e| panic!("{json}: {e}"))).unwrap()
}

fn begin(object: &Object) -> GitRepositoryReport {
    GitRepositoryReport::begin(object, &GitRepository::read(object).unwrap(), "t0")
}

fn artifact(revision: &str) -> Artifact {
    Artifact {
        revision: revision.into(),
        digest: format!("sha256:{revision}"),
        path: "gitrepository/ns/s/1.tar.gz".into(),
        url: "http://x/1.tar.gz".into(),
        last_update_time: "t".into(),
        size_bytes: Some(7),
        metadata: Vec::new(),
    }
}

fn stored(revision: &str, subject: &str) -> GitOutcome {
    GitOutcome::Stored { artifact: Box::new(artifact(revision)), subject: subject.into(), included: Vec::new() }
}

/// A status with an artifact, ready.
fn ready(more: &str) -> String {
    let stored =
        r#""status":"True","reason":"Succeeded","message":"stored artifact for revision 'r1'","observedGeneration":1"#;
    format!(
        r#"{{"observedGeneration":1,"artifact":{},"conditions":[{{"type":"Ready",{stored}}},{{"type":"ArtifactInStorage",{stored}}}{more}]}}"#,
        artifact("r1").to_value()
    )
}

#[test]
fn the_first_artifact_is_announced_while_it_is_built() {
    let object = repository("", FRESH);
    let mut report = begin(&object);
    assert_eq!(report.start(), InitialPatch::Needed);
    let message = "processing object: new generation -1 -> 1";
    assert_eq!(
        conditions(&report.status()),
        format!("Reconciling=True Progressing: {message}\nReady=Unknown Progressing: {message}")
    );
    report.no_artifact(false);
    report.fetched();
    report.new_revision("r1");
    let message = "building artifact: new upstream revision 'r1'";
    assert_eq!(
        conditions(&report.status()),
        format!("Reconciling=True Progressing: {message}\nReady=Unknown Progressing: {message}")
    );
    assert_eq!(report.end(&stored("r1", "Add all"), "t1"), Next::Interval);
    let message = "stored artifact for revision 'r1'";
    assert_eq!(
        conditions(&report.status()),
        format!("Ready=True Succeeded: {message}\nArtifactInStorage=True Succeeded: {message}")
    );
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(1));
    assert_eq!(
        report.status()["artifact"].to_json(),
        r#"{"digest":"sha256:r1","lastUpdateTime":"t","path":"gitrepository/ns/s/1.tar.gz","revision":"r1","size":7,"url":"http://x/1.tar.gz"}"#
    );
    assert_eq!(
        events(&report.take_events()),
        "Normal NewArtifact: stored artifact for commit 'Add all' [digest=sha256:r1 revision=r1]"
    );
}

#[test]
fn a_new_revision_makes_the_old_artifact_outdated_until_it_is_stored() {
    let object = repository("", &ready(""));
    let mut report = begin(&object);
    assert_eq!(report.start(), InitialPatch::NotNeeded);
    report.fetched();
    report.new_revision("r2");
    assert_eq!(
        conditions(&report.status()),
        "Reconciling=True Progressing: building artifact: new upstream revision 'r2'\n\
         Ready=Unknown Progressing: building artifact: new upstream revision 'r2'\n\
         ArtifactInStorage=True Succeeded: stored artifact for revision 'r1'\n\
         ArtifactOutdated=True NewRevision: new upstream revision 'r2'"
    );
    let long = "A subject that goes on for more than fifty characters, as some do";
    report.end(&stored("r2", long), "t");
    assert_eq!(
        events(&report.take_events()),
        "Normal NewArtifact: stored artifact for commit 'A subject that goes on for more than fifty charact...' [digest=sha256:r2 revision=r2]"
    );
}

#[test]
fn a_run_that_finds_nothing_new_changes_nothing() {
    let object = repository("", &ready(""));
    let mut report = begin(&object);
    report.start();
    assert_eq!(report.end(&GitOutcome::NoChange { revision: "r1".into() }, "t"), Next::Interval);
    assert_eq!(
        conditions(&report.status()),
        "Ready=True Succeeded: stored artifact for revision 'r1'\nArtifactInStorage=True Succeeded: stored artifact for revision 'r1'"
    );
    let told = report.take_events();
    assert_eq!(
        events(&told),
        "Normal GitOperationSucceeded: no changes since last reconciliation: observed revision 'r1' []"
    );
    assert_eq!(told[0].severity.notification(), None);
}

fn failed(status: &str, of: FailureOf, class: FailureClass) -> (Next, GitRepositoryReport) {
    let object = repository("", status);
    let mut report = begin(&object);
    report.start();
    let outcome = GitOutcome::Failed { of, reason: "Why".into(), message: "no".into(), class };
    (report.end(&outcome, "t"), report)
}

#[test]
fn a_failed_fetch_is_told_and_tried_again_with_the_artifact_kept() {
    let (next, mut report) = failed(&ready(""), FailureOf::Fetch, FailureClass::Generic);
    assert_eq!(next, Next::Backoff);
    assert_eq!(
        conditions(&report.status()),
        "Reconciling=True ProgressingWithRetry: reconciliation in progress\nReady=False Why: no\n\
         ArtifactInStorage=True Succeeded: stored artifact for revision 'r1'\nFetchFailed=True Why: no"
    );
    assert_eq!(report.artifact().map(|a| a.revision).as_deref(), Some("r1"));
    assert_eq!(events(&report.take_events()), "Warning Why: no []");
}

#[test]
fn recovery_from_a_failure_is_told_once() {
    let failed_before = ready(r#",{"type":"FetchFailed","status":"True","reason":"Why","message":"no"}"#);
    let object = repository("", &failed_before);
    let mut report = begin(&object);
    report.start();
    report.end(&GitOutcome::UpToDate { revision: "r1".into(), subject: "Add all".into() }, "t");
    assert_eq!(
        events(&report.take_events()),
        "Normal ArtifactUpToDate: artifact up-to-date with remote revision: 'r1' []\n\
         Normal Succeeded: stored artifact for commit 'Add all' [digest=sha256:r1 revision=r1]"
    );
    assert!(!conditions(&report.status()).contains("FetchFailed"));
}

#[test]
fn what_stalls_is_observed_and_what_waits_says_nothing_to_notifications() {
    let (next, report) = failed(FRESH, FailureOf::Fetch, FailureClass::Stalling);
    assert_eq!(next, Next::OnChange);
    assert_eq!(conditions(&report.status()), "Stalled=True Why: no\nReady=False Why: no\nFetchFailed=True Why: no");
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(1));
    let (next, mut report) = failed(FRESH, FailureOf::Include, FailureClass::Waiting(seconds(30)));
    assert_eq!(next, Next::After(seconds(30)));
    assert_eq!(report.status()["observedGeneration"].as_i64(), Some(-1));
    assert_eq!(report.take_events()[0].severity, Severity::Trace);
}

#[test]
fn a_bad_signature_is_why_it_is_not_ready() {
    let (_, report) = failed(&ready(""), FailureOf::Verification, FailureClass::Generic);
    assert_eq!(
        conditions(&report.status()),
        "Reconciling=True ProgressingWithRetry: reconciliation in progress\nReady=False Why: no\n\
         ArtifactInStorage=True Succeeded: stored artifact for revision 'r1'\nSourceVerified=False Why: no"
    );
}

#[test]
fn signatures_that_are_good_name_their_keys() {
    let object = repository(r#","verify":{"mode":"TagAndHEAD","secretRef":{"name":"k"}}"#, &ready(""));
    let mut report = begin(&object);
    report.start();
    report.verified(crate::spec::VerificationMode::TagAndHead, Some(("v1@abc", "K1")), Some(("abc", "K2")));
    report.end(&GitOutcome::NoChange { revision: "r1".into() }, "t");
    let message = "verified signature of\n\t- tag 'v1@abc' with key 'K1'\n\t- commit 'abc' with key 'K2'";
    assert!(conditions(&report.status()).ends_with(&format!("SourceVerified=True Succeeded: {message}")));
    assert_eq!(report.status()["sourceVerificationMode"].as_str(), Some("TagAndHEAD"));
}

#[test]
fn what_the_artifact_was_made_with_is_remembered() {
    let spec =
        r#","ignore":"*.md","recurseSubmodules":true,"sparseCheckout":["a"],"include":[{"repository":{"name":"o"}}]"#;
    let object = repository(spec, &ready(""));
    let mut report = begin(&object);
    report.start();
    let outcome =
        GitOutcome::Stored { artifact: Box::new(artifact("r2")), subject: "x".into(), included: vec![artifact("o1")] };
    report.end(&outcome, "t");
    let status = report.status();
    assert_eq!(status["observedIgnore"].as_str(), Some("*.md"));
    assert_eq!(status["observedRecurseSubmodules"].as_bool(), Some(true));
    assert_eq!(status["observedSparseCheckout"].to_json(), r#"["a"]"#);
    assert_eq!(status["observedInclude"].to_json(), r#"[{"repository":{"name":"o"}}]"#);
    assert_eq!(status["includedArtifacts"][0]["revision"].as_str(), Some("o1"));
    let plain = repository("", &status.to_json());
    let mut report = begin(&plain);
    report.start();
    report.end(&stored("r3", "x"), "t");
    for field in [
        "observedIgnore",
        "observedRecurseSubmodules",
        "observedSparseCheckout",
        "observedInclude",
        "includedArtifacts",
    ] {
        assert_eq!(report.status()[field], Value::Null, "{field}");
    }
}

#[test]
fn a_suspended_repository_answers_requests() {
    let mut object = repository(r#","suspend":true"#, &ready(""));
    object.set_annotation("reconcile.fluxcd.io/requestedAt", "ask");
    let mut report = begin(&object);
    assert_eq!(report.end(&GitOutcome::Suspended, "t"), Next::OnChange);
    assert_eq!(report.status()["lastHandledReconcileAt"].as_str(), Some("ask"));
}
