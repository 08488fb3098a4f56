use belay_object::{Object, Value};
use belay_plan::sync::{Consent, SyncPhase};

use super::*;

fn object(annotations: &[(&str, &str)]) -> Object {
    let mut object = Object::of("v1", "ConfigMap", "shop", "a");
    for (name, value) in annotations {
        object.set(&["metadata", "annotations", name], Value::from(*value));
    }
    object
}

#[test]
fn hooks_are_told_by_their_own_annotation_then_by_helms() {
    let check = |annotations: &[(&str, &str)], is: bool, phases: &[SyncPhase]| {
        let object = object(annotations);
        assert_eq!((is_hook(&object), sync_phases(&object)), (is, phases.to_vec()), "{annotations:?}");
    };
    check(&[], false, &[]);
    check(&[(HOOK, "PostSync, PreSync")], true, &[SyncPhase::PreSync, SyncPhase::PostSync]);
    check(&[(HOOK, "Skip")], false, &[]);
    check(&[(HOOK, "Unheard")], true, &[]);
    check(&[(HOOK, "PreDelete")], true, &[]);
    check(&[("helm.sh/hook", "pre-install,pre-upgrade")], true, &[SyncPhase::PreSync]);
    check(&[("helm.sh/hook", "post-upgrade"), (HOOK, "Sync")], true, &[SyncPhase::Sync]);
    check(&[("helm.sh/hook", "crd-install")], false, &[]);
    check(&[("helm.sh/hook", "test")], true, &[]);
}

#[test]
fn waves_are_numbers_or_nothing() {
    assert_eq!(wave(&object(&[(SYNC_WAVE, "-3")])), -3);
    assert_eq!(wave(&object(&[(SYNC_WAVE, "soon")])), 0);
    assert_eq!(wave(&object(&[("helm.sh/hook-weight", "7")])), 7);
    assert_eq!(wave(&object(&[("helm.sh/hook-weight", "7"), (SYNC_WAVE, "1")])), 1);
}

#[test]
fn objects_of_hooks_go_before_they_are_made_anew_unless_they_say_otherwise() {
    let policy = hook_policy(&object(&[]));
    assert_eq!((policy.before_creation, policy.succeeded, policy.failed), (true, false, false));
    let policy = hook_policy(&object(&[(HOOK_DELETE_POLICY, "HookSucceeded, HookFailed")]));
    assert_eq!((policy.before_creation, policy.succeeded, policy.failed), (false, true, true));
    let policy = hook_policy(&object(&[("helm.sh/hook-delete-policy", "hook-succeeded")]));
    assert_eq!((policy.before_creation, policy.succeeded, policy.failed), (false, true, false));
}

#[test]
fn an_objects_word_on_deleting_goes_before_the_applications() {
    assert_eq!(may_prune(&object(&[]), None), Consent::Given);
    assert_eq!(may_prune(&object(&[]), Some("false")), Consent::Refused);
    assert_eq!(may_prune(&object(&[(SYNC_OPTIONS, "Prune=true")]), Some("false")), Consent::Given);
    assert_eq!(may_prune(&object(&[(SYNC_OPTIONS, "Validate=false,Prune=confirm")]), None), Consent::OnceConfirmed);
    assert_eq!(may_prune(&object(&[("helm.sh/resource-policy", "keep")]), None), Consent::Refused);
    assert_eq!(may_delete(&object(&[(SYNC_OPTIONS, "Delete=false")]), None), Consent::Refused);
}
