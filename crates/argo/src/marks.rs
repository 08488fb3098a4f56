//! Annotations by which single objects of an Application are steered: hooks, waves, options.
//!
//! Everything is a function of an object; `desired` or `live` is said where it matters.

use belay_object::Object;
use belay_plan::sync::{Consent, Flags, HookPolicy, SyncPhase};

use crate::spec::{HookType, option_value};

/// What a hook is, by phases: a comma list of [`HookType`]s.
pub const HOOK: &str = "argocd.argoproj.io/hook";
/// When a hook's object is deleted: a comma list.
pub const HOOK_DELETE_POLICY: &str = "argocd.argoproj.io/hook-delete-policy";
/// In which wave an object is applied.
pub const SYNC_WAVE: &str = "argocd.argoproj.io/sync-wave";
/// Options of an object's sync: a comma list.
pub const SYNC_OPTIONS: &str = "argocd.argoproj.io/sync-options";
/// Options of an object's comparison: a comma list.
pub const COMPARE_OPTIONS: &str = "argocd.argoproj.io/compare-options";
/// `"true"`: its health does not count.
pub const IGNORE_HEALTH: &str = "argocd.argoproj.io/ignore-healthcheck";
/// On an Application: since when deletions that want it are confirmed.
pub const DELETION_APPROVED: &str = "argocd.argoproj.io/deletion-approved";
/// Keeps the object of a hook until its end was seen.
pub const HOOK_FINALIZER: &str = "argocd.argoproj.io/hook-finalizer";
/// Names the operation that made the object of a hook.
pub const OPERATION: &str = "belay.dev/operation";

const HELM_HOOK: &str = "helm.sh/hook";
const HELM_HOOK_WEIGHT: &str = "helm.sh/hook-weight";
const HELM_HOOK_DELETE_POLICY: &str = "helm.sh/hook-delete-policy";
const HELM_RESOURCE_POLICY: &str = "helm.sh/resource-policy";

fn words<'o>(object: &'o Object, annotation: &str) -> impl Iterator<Item = &'o str> {
    object.annotation(annotation).into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|w| !w.is_empty())
}

/// Whether an option stands there word for word (`Prune=false`).
pub fn has_option(object: &Object, annotation: &str, option: &str) -> bool {
    words(object, annotation).any(|word| word == option)
}

/// The phases that an object names; Helm's hooks where it names none.
pub fn hook_types(object: &Object) -> Vec<HookType> {
    let own: Vec<HookType> = words(object, HOOK).filter_map(HookType::parse).collect();
    if !own.is_empty() {
        return own;
    }
    let of_helm = words(object, HELM_HOOK).filter_map(|word| match word {
        "pre-install" | "pre-upgrade" => Some(HookType::PreSync),
        "post-install" | "post-upgrade" => Some(HookType::PostSync),
        "pre-delete" => Some(HookType::PreDelete),
        "post-delete" => Some(HookType::PostDelete),
        _ => None,
    });
    let mut found = Vec::new();
    for hook in of_helm {
        if !found.contains(&hook) {
            found.push(hook);
        }
    }
    found
}

/// Whether an object is never applied and counts for nothing: `Skip`, alone.
pub fn is_skipped(object: &Object) -> bool {
    words(object, HOOK).filter_map(HookType::parse).eq([HookType::Skip])
}

/// Whether an object is a hook: run with operations, no part of what is compared. One whose phases are
/// not known is a hook of no phase.
pub fn is_hook(object: &Object) -> bool {
    if object.annotation(HOOK).is_some() {
        return !is_skipped(object);
    }
    // A definition that Helm 2 called a hook is a plain object.
    object.annotation(HELM_HOOK).is_some() && !words(object, HELM_HOOK).any(|word| word == "crd-install")
}

/// Whether a hook runs in syncs, and not when the Application is deleted alone.
pub fn sync_phases(object: &Object) -> Vec<SyncPhase> {
    let mut phases: Vec<SyncPhase> =
        hook_types(object).iter().filter_map(|hook| SyncPhase::parse(hook.as_str())).collect();
    phases.sort();
    phases.dedup();
    phases
}

/// Whether it runs when the Application is deleted, before or after its objects.
pub fn runs_at(object: &Object, hook: HookType) -> bool {
    hook_types(object).contains(&hook)
}

/// The wave; what is no number counts as none.
pub fn wave(object: &Object) -> i64 {
    let number = |annotation: &str| object.annotation(annotation).and_then(|text| text.parse().ok());
    number(SYNC_WAVE).or_else(|| number(HELM_HOOK_WEIGHT)).unwrap_or(0)
}

/// When a hook's object is deleted.
pub fn hook_policy(object: &Object) -> HookPolicy {
    let mut policy = HookPolicy { before_creation: false, succeeded: false, failed: false };
    let own = words(object, HOOK_DELETE_POLICY);
    let of_helm = words(object, HELM_HOOK_DELETE_POLICY).map(|word| match word {
        "before-hook-creation" => "BeforeHookCreation",
        "hook-succeeded" => "HookSucceeded",
        "hook-failed" => "HookFailed",
        other => other,
    });
    for word in own.chain(of_helm) {
        match word {
            "BeforeHookCreation" => policy.before_creation = true,
            "HookSucceeded" => policy.succeeded = true,
            "HookFailed" => policy.failed = true,
            _ => {}
        }
    }
    let says_nothing = !(policy.before_creation || policy.succeeded || policy.failed);
    if says_nothing { HookPolicy::default() } else { policy }
}

/// Whether the chart says that its object stays when it leaves the chart.
fn is_kept_by_helm(object: &Object) -> bool {
    object.annotation(HELM_RESOURCE_POLICY) == Some("keep")
}

/// Whether an object may be pruned. `by_default` is the operation's own word (`Prune=...`), against which
/// the object's goes first.
pub fn may_prune(live: &Object, by_default: Option<&str>) -> Consent {
    if is_kept_by_helm(live) {
        return Consent::Refused;
    }
    let own: Vec<String> = words(live, SYNC_OPTIONS).map(str::to_owned).collect();
    match option_value(&own, "Prune").or(by_default) {
        Some("false") => Consent::Refused,
        Some("confirm") => Consent::OnceConfirmed,
        _ => Consent::Given,
    }
}

/// Whether an object may be deleted with its Application.
pub fn may_delete(live: &Object, by_default: Option<&str>) -> Consent {
    if is_kept_by_helm(live) {
        return Consent::Refused;
    }
    let own: Vec<String> = words(live, SYNC_OPTIONS).map(str::to_owned).collect();
    match option_value(&own, "Delete").or(by_default) {
        Some("false") => Consent::Refused,
        Some("confirm") => Consent::OnceConfirmed,
        _ => Consent::Given,
    }
}

/// Whether a person must confirm that the object goes, with a prune or with the Application.
pub fn wants_confirmation(object: &Object, options: &[String]) -> bool {
    may_prune(object, option_value(options, "Prune")) == Consent::OnceConfirmed
        || may_delete(object, option_value(options, "Delete")) == Consent::OnceConfirmed
}

/// What an object asks for in an operation with these options.
pub fn flags(target: Option<&Object>, live: Option<&Object>, options: &[String], force: bool) -> Flags {
    let says = |object: Option<&Object>, option: &str| object.is_some_and(|o| has_option(o, SYNC_OPTIONS, option));
    let asked = |option: &str| options.iter().any(|own| own == option);
    let either = |option: &str| asked(option) || says(target, option) || says(live, option);
    Flags {
        prune: live.map_or(Consent::Given, |live| may_prune(live, option_value(options, "Prune"))),
        prune_last: asked("PruneLast=true") || says(live, "PruneLast=true"),
        replace: either("Replace=true"),
        force: force || either("Force=true"),
        validate: !(asked("Validate=false") || says(target, "Validate=false")),
        skip_check: asked("SkipDryRunOnMissingResource=true") || says(target, "SkipDryRunOnMissingResource=true"),
    }
}

#[cfg(test)]
mod tests;
